"""Everything that waits for a decision, from every floor, on one list: decided there by the verb of its own room."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from complaints import approvals as complaints
from complaints.calls import marks
from complaints.cases import remedies
from complaints.models import CallerMark, Remedy
from core.accounts.deciding import Waiting
from core.accounts.models import Role, User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day, mall_time
from crm.flows.bulk import exports
from crm.flows.record import erasure
from crm.flows.rulebook import kinds as rulebook
from customers.access import visible_to
from customers.books import leaves
from loyalty import approvals as loyalty
from loyalty.campaigns import credit
from loyalty.campaigns.draws import setup as draws
from loyalty.models import CreditLimitChange, PointAdjustment
from loyalty.points import adjustments
from loyalty.tiers import simulation as tiers


class Room(NamedTuple):
    """How one kind of thing is decided; each takes its id. None: on its own page only."""

    approve: Callable[..., Any] | None
    refuse: Callable[..., Any] | None
    withdraw: Callable[..., Any]


def _back(verb: Callable[..., Any]) -> Callable[..., Any]:
    return lambda pk, *, by, at, reason: verb(pk, by=by, at=at)


def _take_back(pk: int, *, by: User, at: datetime, reason: str) -> Any:
    return remedies.take_back(pk, by=by, at=at, reason=reason or _("Taken back"))


ROOMS: Mapping[str, Room] = {
    "remedy": Room(
        lambda pk, *, by, at, reason: remedies.approve(pk, by=by, at=at, because=reason),
        lambda pk, *, by, at, reason: remedies.refuse(pk, by=by, at=at, reason=reason),
        _take_back,
    ),
    "caller": Room(
        lambda pk, *, by, at, reason: marks.approve(pk, by=by, at=at, because=reason),
        lambda pk, *, by, at, reason: marks.remove(pk, by=by, at=at, reason=reason),
        lambda pk, *, by, at, reason: marks.remove(pk, by=by, at=at, reason=reason or _("Taken back")),
    ),
    "points": Room(
        lambda pk, *, by, at, reason: adjustments.decide(pk, agreed=True, by=by, at=at, because=reason),
        lambda pk, *, by, at, reason: adjustments.decide(pk, agreed=False, by=by, at=at, because=reason),
        _back(adjustments.withdraw),
    ),
    "limit": Room(
        lambda pk, *, by, at, reason: credit.decide_limit(pk, approve=True, by=by, at=at, note=reason, because=reason),
        lambda pk, *, by, at, reason: credit.decide_limit(pk, approve=False, by=by, at=at, note=reason, because=reason),
        _back(credit.withdraw_limit),
    ),
    "erasure": Room(
        lambda pk, *, by, at, reason: erasure.approve(pk, by=by, at=at, because=reason),
        lambda pk, *, by, at, reason: erasure.refuse(pk, by=by, at=at, reason=reason),
        _back(erasure.withdraw),
    ),
    "export": Room(
        lambda pk, *, by, at, reason: exports.approve(pk, by=by, at=at, because=reason),
        lambda pk, *, by, at, reason: exports.refuse(pk, by=by, at=at, reason=reason),
        _back(exports.withdraw),
    ),
    "levels": Room(None, None, _back(tiers.drop_draft)),
    "rules": Room(None, None, _back(rulebook.drop)),
    "leave": Room(None, None, _back(leaves.withdraw)),
    "draw": Room(
        lambda pk, *, by, at, reason: draws.publish(pk, by=by, at=at, because=reason), None, _back(draws.drop)
    ),
}


# What is decided about a customer: the rows, how they reach the customer, and where they say how it was decided.
DECIDED: Mapping[str, tuple[type[Model], str, str]] = {
    "remedy": (Remedy, "customer", "status"),
    "caller": (CallerMark, "customer", "state"),
    "points": (PointAdjustment, "account", "state"),
    "limit": (CreditLimitChange, "account__customer", "status"),
}


def for_user(user: User, *, at: datetime) -> list[Waiting]:
    """What this person may decide, or has to know is stuck: the oldest due first. Not what they merely proposed."""
    return [item for item in _everything(user, at) if item.allowed or _is_told(user, item)]


def proposed_by(user: User, *, at: datetime) -> list[Waiting]:
    """What this person proposed and others have to decide."""
    return [item for item in _everything(user, at) if item.mine and not item.allowed]


def approve(kind: str, pk: int, *, by: User, at: datetime, reason: str = "") -> None:
    """The thing is agreed to, by the verb of its room. `reason` is needed of somebody who decides alone."""
    _act(ROOMS[kind].approve, kind, pk, by=by, at=at, reason=reason)


def refuse(kind: str, pk: int, *, by: User, at: datetime, reason: str) -> None:
    """The thing is turned down, and why."""
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    _act(ROOMS[kind].refuse, kind, pk, by=by, at=at, reason=reason)


@transaction.atomic
def withdraw(kind: str, pk: int, *, by: User, at: datetime) -> None:
    """Who proposed it has taken it back."""
    if not any(item.key == f"{kind}-{pk}" for item in _everything(by, at) if item.mine):
        raise DomainError(_("This does not wait any more, or is not yours to take back."), code="not_waiting")
    ROOMS[kind].withdraw(pk, by=by, at=at, reason="")


def _act(verb: Callable[..., Any] | None, kind: str, pk: int, *, by: User, at: datetime, reason: str) -> None:
    item = next((item for item in _everything(by, at) if item.key == f"{kind}-{pk}"), None)
    if item is None:
        raise DomainError(
            _decided(kind, pk, by, at)
            or _("This is decided already, or does not wait any more: its page says by whom and when."),
            code="decided",
        )
    if not item.allowed:
        raise DomainError(_("Somebody else has to decide this."), code="second_person")
    if verb is None:
        raise DomainError(_("This is decided on its own page."), code="own_page")
    verb(pk, by=by, at=at, reason=reason.strip())


def _decided(kind: str, pk: int, reader: User, at: datetime) -> str:
    """By whom and when, for who sees the customer; empty while it is not decided, or is no matter of a customer."""
    if kind not in DECIDED:
        return ""
    model, customer, state = DECIDED[kind]
    visible = visible_to(reader, mall_day(at)).values("pk")
    rows = model._default_manager.filter(pk=pk, decided_at__isnull=False, **{f"{customer}__in": visible})
    row: Any = rows.select_related("decided_by").first()
    if row is None:
        return ""
    return _("This is decided already: %(how)s, by %(who)s on %(when)s.") % {
        "how": getattr(row, f"get_{state}_display")(),
        "who": row.decided_by or _("who asked for it"),
        "when": f"{mall_time(row.decided_at):%Y-%m-%d %H:%M}",
    }


def _everything(user: User, at: datetime) -> list[Waiting]:
    floors = (complaints.waiting, loyalty.waiting, erasure.waiting, exports.waiting, rulebook.waiting, leaves.waiting)
    rows = [item for waiting in floors for item in waiting(user, at=at)]
    return sorted(rows, key=lambda item: (item.due_at or item.since, item.kind, item.pk))


def _is_told(user: User, item: Waiting) -> bool:
    """An administrator mends it: nobody holds the right to decide this."""
    return item.stuck and user.holds(Role.ADMINISTRATOR)
