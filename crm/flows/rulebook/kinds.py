"""Every kind of rules that the rulebook changes, from every floor, and what of it waits for somebody."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from care import rulebook as care
from complaints.setup import hours, priorities
from complaints.setup import rulebook as promises
from core.accounts.deciding import Waiting
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import who_may
from core.lib.errors import Unknown
from core.lib.periods import mall_midnight
from core.rulebook import changes
from core.rulebook.kinds import Kind
from core.rulebook.models import RuleChange
from customers.rulebook import books, stakes
from loyalty import rulebook as points
from loyalty.campaigns import rulebook as coupons
from segmentation import rulebook as night

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        points.RULES,
        night.RULES,
        promises.RULES,
        priorities.RULES,
        stakes.RULES,
        books.RULES,
        care.RULES,
    )
}


def standing() -> list[Kind]:
    """KINDS and the week of each calendar: what a mall always has. Campaigns come and go."""
    return [*KINDS.values(), *hours.kinds()]


def named(name: str) -> Kind:
    """The kind of that name: one of KINDS, of one calendar, or of one campaign of coupons. Raises Unknown."""
    kind = KINDS.get(name) or hours.named(name) or coupons.named(name)
    if kind is None:
        raise Unknown(_("There are no such rules."), code="rules_unknown")
    return kind


def waiting(user: User, *, at: datetime) -> list[Waiting]:
    """Every change that waits for a second person, as `user` would see it: who confirms looks at what it does."""
    return [shown(change, user) for change in changes.waiting()]


def shown(change: RuleChange, user: User) -> Waiting:
    """One change as something that waits."""
    kind = named(change.kind)
    people = who_may(kind.confirms)
    return Waiting(
        kind="rules",
        pk=change.pk,
        what=_("%(kind)s: rules from %(day)s on") % {"kind": kind.label, "day": change.starts_on.isoformat()},
        why=change.reason,
        by=change.by,
        since=change.at,
        due_at=_due(change),
        url=f"/rulebook/changes/{change.pk}/",
        others=tuple(person for person in people if person.pk != change.by_id),
        reader=user,
        right=may(user, kind.confirms),
        in_place=False,
    )


def _due(change: RuleChange) -> datetime:
    """Before its day begins; what was written to begin on that very day, before that is over."""
    begins = mall_midnight(change.starts_on)
    return begins if begins > change.at else mall_midnight(change.starts_on + timedelta(days=1))


def drop(change_id: int, *, by: User, at: datetime) -> None:
    """The change will never be."""
    changes.drop(named(RuleChange.objects.get(pk=change_id).kind), change_id, by=by, at=at)
