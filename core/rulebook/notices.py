"""Messages about changes of rules: to those who may confirm one, and to its author."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.outbox import bell, delivery
from core.outbox.kinds import Kind, Topic
from core.rulebook.models import RuleChange

RULES_WAIT = Kind("rules_wait", Topic.APPROVAL, _("New rules from %(day)s on wait for a second person: %(reason)s"))
RULES_DECIDED = Kind(
    "rules_decided",
    Topic.REFUSED,
    _("Your new rules from %(day)s on: %(state)s"),
    {"state": RuleChange.State},
)
RULES_WITHDRAWN = Kind(
    "rules_withdrawn",
    Topic.REFUSED,
    _("%(by)s has withdrawn the new rules from %(day)s on: %(reason)s"),
)
KINDS = (RULES_WAIT, RULES_DECIDED, RULES_WITHDRAWN)


def waits(change: RuleChange, people: Iterable[int], *, at: datetime) -> None:
    """Each of these people is told that the change waits."""
    delivery.tell(
        people,
        RULES_WAIT,
        {"day": change.starts_on.isoformat(), "reason": change.reason},
        key=_thread(change),
        thread=_thread(change),
        at=at,
        link=_link(change),
    )


def decided(change: RuleChange, *, by: User, at: datetime) -> None:
    """Nobody has to decide any more; the author is told, where somebody else decided."""
    bell.settle(_thread(change), at=at, link=_link(change))
    if by.pk != change.by_id:
        delivery.tell(
            [change.by_id],
            RULES_DECIDED,
            {"day": change.starts_on.isoformat(), "state": change.state},
            key=f"{_thread(change)}:decided",
            thread=_thread(change),
            at=at,
            link=_link(change),
        )


def withdrawn(change: RuleChange, *, by: User, at: datetime) -> None:
    """Who wrote and who confirmed it are told that it never begins, whoever of them did not do it."""
    people = {change.by_id, change.decided_by_id} - {by.pk, None}
    delivery.tell(
        sorted(person for person in people if person is not None),
        RULES_WITHDRAWN,
        {"day": change.starts_on.isoformat(), "reason": change.ended_because, "by": str(by)},
        key=f"{_thread(change)}:withdrawn",
        thread=_thread(change),
        at=at,
        link=_link(change),
    )


def _thread(change: RuleChange) -> str:
    return f"rules:{change.pk}"


def _link(change: RuleChange) -> str:
    return f"/rulebook/changes/{change.pk}/"
