"""What the desk chooses from, edited: stored whole, checked by the database's own rules, with a line in the audit trail."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from complaints.models import BusinessCalendar, Category, Department, Queue, RemedyLimit, ReplyTemplate, RootCause
from complaints.models.catalogue import REPLY_FIELDS
from complaints.promises.calendars import check_zone
from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib.errors import Invalid

Row = BusinessCalendar | Category | Department | Queue | RemedyLimit | ReplyTemplate | RootCause


@transaction.atomic
def store(row: Row, *, by: User, at: datetime) -> Row:
    """The row is as given, new or changed. Nothing is ever deleted: what is not wanted any more is put out of use."""
    if isinstance(row, BusinessCalendar):
        check_zone(row.zone)
    if isinstance(row, Category):
        _place(row)
    if isinstance(row, ReplyTemplate):
        _know_the_fields(row.body)
    before = _columns(type(row), row.pk) if row.pk else None
    try:
        row.full_clean()
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="invalid_row") from None
    row.save()
    after = _columns(type(row), row.pk)
    changed = sorted(name for name, value in after.items() if before is None or before[name] != value)
    audit.record(by, f"{row._meta.model_name}.stored", row, at=at, changed=changed)
    return row


@transaction.atomic
def set_departments(user: User, departments: Sequence[Department], *, by: User, at: datetime) -> None:
    """The person answers what these departments are asked, and no others'. Raises Invalid for who may not answer."""
    if departments and not may(user, Permission.ANSWER_QUESTIONS):
        raise Invalid(
            _("%(name)s has no role that answers questions. Give them one first: Department colleague, for example.")
            % {"name": user},
            code="departments",
        )
    before = set(user.departments.values_list("code", flat=True))
    user.departments.set(departments)
    after = {department.code for department in departments}
    if before != after:
        audit.record(by, "person.departments", user, at=at, departments=[sorted(before), sorted(after)])


def _columns(model: type[Row], pk: int) -> dict[str, Any]:
    return dict(model.objects.filter(pk=pk).values().get())


def _know_the_fields(body: str) -> None:
    """A customer would be sent what stands in braces and nobody fills in. Raises Invalid."""
    for written in re.findall(r"[{｛][^{}｛｝\n]*[}｝]", body):
        if written not in {f"{{{name}}}" for name in REPLY_FIELDS}:
            raise Invalid(
                _("%(field)s is not known. Fields that are filled in: %(known)s.")
                % {"field": written[:40], "known": " ".join(f"{{{name}}}" for name in REPLY_FIELDS)},
                code="unknown_field",
            )


def _place(row: Category) -> None:
    """Two levels, no more: a category with kinds of its own cannot become a kind."""
    if row.parent is None:
        return
    if row.parent_id == row.pk or row.parent.parent_id is not None:
        raise Invalid(_("Categories have two levels: choose one of the first as its parent."), code="category_level")
    if row.pk and row.children.exists():
        raise Invalid(_("This category has kinds of its own and cannot become one."), code="category_level")
