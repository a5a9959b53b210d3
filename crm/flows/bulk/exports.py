"""Taking many customers away as a file needs a second person: who may be that, and what waits for them."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts.deciding import Waiting
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.jobs import bulk
from core.jobs.models import BulkRun
from core.outbox import bell, delivery
from core.outbox.kinds import Kind
from crm.flows import notices

EXPORT = "export"


def tell_second(run: BulkRun, *, at: datetime) -> None:
    """Whoever may agree hears that an export waits."""
    people: Collection[int] = who_may(Permission.APPROVE_EXPORTS).exclude(pk=run.by_id).values_list("pk", flat=True)
    about, key = {"rows": run.total}, _thread(run)
    delivery.tell(people, notices.EXPORT_WAITS, about, key=key, thread=key, at=at, link="/approvals/")


@transaction.atomic
def approve(run_id: int, *, by: User, at: datetime, because: str = "") -> BulkRun:
    """A worker may write the file; whoever asked for it is told."""
    run = bulk.approve(run_id, by=by, permission=Permission.APPROVE_EXPORTS, because=because, at=at)
    _tell(run, notices.EXPORT_AGREED, by=by, at=at)
    return run


@transaction.atomic
def refuse(run_id: int, *, by: User, reason: str, at: datetime) -> BulkRun:
    """There is no file; whoever asked for it is told."""
    run = bulk.refuse(run_id, by=by, reason=reason, at=at)
    _tell(run, notices.EXPORT_REFUSED, by=by, at=at)
    return run


@transaction.atomic
def withdraw(run_id: int, *, by: User, at: datetime) -> BulkRun:
    run = bulk.stop(run_id, by=by, at=at)
    bell.settle(_thread(run), at=at)
    return run


def waiting(user: User, *, at: datetime) -> list[Waiting]:
    """Exports that wait for a second person: how many of which list, and what for; no name."""
    rows = BulkRun.objects.filter(kind=EXPORT, state=BulkRun.State.APPROVAL).select_related("by").order_by("pk")
    people = list(who_may(Permission.APPROVE_EXPORTS)) if rows else []
    return [
        Waiting(
            kind=EXPORT,
            pk=row.pk,
            what=_("Export %(rows)d customers as a file") % {"rows": row.total},
            why=row.reason,
            by=row.by,
            since=row.asked_at,
            url=f"/bulk/{row.pk}/" if row.by_id == user.pk else "/approvals/",
            others=tuple(person for person in people if person.pk != row.by_id),
            reader=user,
            right=may(user, Permission.APPROVE_EXPORTS),
        )
        for row in rows
    ]


def _tell(run: BulkRun, kind: Kind, *, by: User, at: datetime) -> None:
    bell.settle(_thread(run), at=at)
    if by.pk != run.by_id:
        key = f"{_thread(run)}:{kind.name}"
        about = {"rows": run.total}
        delivery.tell([run.by_id], kind, about, key=key, thread=_thread(run), at=at, link=f"/bulk/{run.pk}/")


def _thread(run: BulkRun) -> str:
    return f"export:{run.pk}"
