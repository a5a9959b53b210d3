"""What stories of rules share: the second person, who confirms what somebody has proposed, and drawn changes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.db import transaction

from core.accounts.models import Role, User
from core.lib.periods import mall_day
from core.rulebook import changes
from core.rulebook.kinds import Content, Kind
from core.rulebook.models import RuleChange
from crm.flows.rulebook.kinds import named

# How many drawn changes each kind is tried with; more of them by LAOKE_RULE_CHANGES=300.
DRAWN = int(os.environ.get("LAOKE_RULE_CHANGES", "30"))


def second(name: str = "second") -> User:
    """Somebody who may confirm any change."""
    known = User.objects.filter(username=name).first()
    return known or User.objects.create_user(username=name, roles=[Role.ADMINISTRATOR])


def confirmed(at: datetime, *, meant: bool = True) -> RuleChange:
    """The newest change, confirmed by a second person at that moment."""
    change = RuleChange.objects.order_by("-pk")[0]
    return changes.confirm(named(change.kind), change.pk, by=second(), at=at, meant=meant)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is done inside never was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def put_in_force(
    kind: Kind, content: Content, wang: User, zhao: User, at: datetime, *, starts_on: date | None = None
) -> RuleChange | None:
    """Proposed by Wang, confirmed by Zhao; None for what changes nothing."""
    last = changes.newest(kind)
    if last is not None and kind.checked(content) == kind.checked(last.content):
        return None
    starts_on = starts_on or changes.first_day(kind, today=mall_day(at))
    change = changes.propose(kind, content, starts_on=starts_on, reason="drawn", by=wang, at=at)
    return changes.confirm(kind, change.pk, by=zhao, at=at, meant=True)


def taken_back(kind: Kind, change: RuleChange, wang: User, zhao: User, at: datetime) -> RuleChange:
    assert change.version is not None
    back = changes.roll_back(kind, change.version, reason="never mind", by=wang, at=at)
    return changes.confirm(kind, back.pk, by=zhao, at=at, meant=True)
