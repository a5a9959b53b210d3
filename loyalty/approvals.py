"""What waits for a second person in the loyalty rooms: points, credit limits, drafts of levels and of draws."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from core.accounts.deciding import Waiting
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.lib import mall
from core.lib.periods import mall_day, mall_midnight
from customers.access import in_reach
from loyalty.campaigns.draws import setup
from loyalty.models import CreditLimitChange, Lottery, PointAdjustment, TierDraft
from loyalty.tiers.simulation import fresh


def waiting(user: User, *, at: datetime) -> list[Waiting]:
    """Everything of these rooms that waits for a decision, as `user` would see it."""
    today = mall_day(at)
    return [*_points(user, today), *_limits(user, today), *_levels(user, today), *_draws(user, at)]


def _points(user: User, today: date) -> list[Waiting]:
    rows = PointAdjustment.objects.filter(state=PointAdjustment.State.WAITING).select_related("account__customer", "by")
    people, reach = _people(user, Permission.APPROVE_POINTS, [row.account_id for row in rows], today)
    return [
        Waiting(
            kind="points",
            pk=row.pk,
            what=_("Points"),
            why=row.reason,
            by=row.by,
            since=row.at,
            url=f"/customers/{row.account_id}/points/",
            others=_others(people, reach, row.by, row.account_id),
            reader=user,
            right=row.account_id in reach.get(user.pk, set()),
            who=row.account.customer.name,
            customer_id=row.account_id,
            amount=f"{row.points:+,}",
        )
        for row in rows
    ]


def _limits(user: User, today: date) -> list[Waiting]:
    rows = CreditLimitChange.objects.filter(status=CreditLimitChange.Status.PROPOSED).select_related(
        "account__customer", "proposed_by"
    )
    people, reach = _people(user, Permission.DECIDE_CREDIT, [row.account.customer_id for row in rows], today)
    return [
        Waiting(
            kind="limit",
            pk=row.pk,
            what=_("Credit limit, %(days)d days to pay") % {"days": row.term_after},
            why=row.reason,
            by=row.proposed_by,
            since=row.proposed_at,
            url=f"/credit/{row.account.customer_id}/",
            others=_others(people, reach, row.proposed_by, row.account.customer_id),
            reader=user,
            right=row.account.customer_id in reach.get(user.pk, set()),
            who=row.account.customer.name,
            customer_id=row.account.customer_id,
            amount=f"{mall.priced(row.limit_before)} → {mall.priced(row.limit_after)}",
        )
        for row in rows
    ]


def _levels(user: User, today: date) -> list[Waiting]:
    """Drafts with a reason and a fresh simulation: the publisher types how many fall, so on their own page."""
    people = list(who_may(Permission.PUBLISH_TIERS))
    rows = TierDraft.objects.filter(state=TierDraft.State.OPEN).exclude(reason="").select_related("by")
    return [
        Waiting(
            kind="levels",
            pk=draft.pk,
            what=_("Rules of the levels from %(day)s on") % {"day": draft.starts_on.isoformat()},
            why=draft.reason,
            by=draft.by,
            since=draft.at,
            due_at=_due(draft),
            url=f"/levels/drafts/{draft.pk}/confirm/",
            others=tuple(person for person in people if person.pk != draft.by_id),
            reader=user,
            right=may(user, Permission.PUBLISH_TIERS),
            in_place=False,
        )
        for draft in rows
        if fresh(draft, today=today)
    ]


def _due(draft: TierDraft) -> datetime:
    """Before its day begins; what was written to begin on that very day, before that is over."""
    begins = mall_midnight(draft.starts_on)
    return begins if begins > draft.at else mall_midnight(draft.starts_on + timedelta(days=1))


def _draws(user: User, at: datetime) -> list[Waiting]:
    """Drafts of draws whose checklist is complete."""
    people = list(who_may(Permission.RUN_CAMPAIGNS))
    rows = Lottery.objects.filter(status=Lottery.Status.DRAFT, ends_at__gt=at).select_related("by")
    return [
        Waiting(
            kind="draw",
            pk=lottery.pk,
            what=_("Prize draw: %(name)s") % {"name": lottery.name},
            why=_("Rules, odds and prizes are frozen once it is published."),
            by=lottery.by,
            since=lottery.at,
            due_at=lottery.starts_at,
            url=f"/draws/{lottery.pk}/",
            others=tuple(person for person in people if person.pk != lottery.by_id),
            reader=user,
            right=may(user, Permission.RUN_CAMPAIGNS),
            refusable=False,
        )
        for lottery in rows.prefetch_related("prizes__coupons")
        if all(check.ok for check in setup.checklist(lottery, at=at))
    ]


def _people(
    user: User, permission: Permission, customer_ids: Iterable[int], today: date
) -> tuple[list[User], Mapping[int, set[int]]]:
    """Who may decide, and which of these customers each of them sees."""
    people = list(who_may(permission)) if (ids := list(customer_ids)) else []
    return people, in_reach(people, ids, today)


def _others(people: Iterable[User], reach: Mapping[int, set[int]], by: User, customer_id: int) -> tuple[User, ...]:
    return tuple(person for person in people if person.pk != by.pk and customer_id in reach[person.pk])
