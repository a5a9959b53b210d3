"""Messages to colleagues about what waits for a second person in the loyalty rooms, and about what was decided."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.accounts.roles import Permission, who_may
from core.lib import mall
from core.lib.periods import mall_day
from core.outbox import bell, delivery
from core.outbox.kinds import Kind, Topic
from customers.access import in_reach
from customers.models import Customer
from loyalty.models import CreditLimitChange, PointAdjustment, TierRules

POINTS_WAIT = Kind("points_wait", Topic.APPROVAL, _("%(points)+d points for %(number)s wait for your approval"))
POINTS_REFUSED = Kind("points_refused", Topic.REFUSED, _("Your %(points)+d points for %(number)s were turned down"))
LIMIT_WAITS = Kind(
    "limit_waits", Topic.APPROVAL, _("A credit limit of %(limit)s for %(number)s waits for your approval")
)
LIMIT_REFUSED = Kind("limit_refused", Topic.REFUSED, _("Your credit limit of %(limit)s for %(number)s was turned down"))
LEVELS_WITHDRAWN = Kind(
    "levels_withdrawn",
    Topic.REFUSED,
    _("%(by)s has withdrawn the rules of the levels from %(day)s on: %(reason)s"),
)
KINDS = (POINTS_WAIT, POINTS_REFUSED, LIMIT_WAITS, LIMIT_REFUSED, LEVELS_WITHDRAWN)


def points_wait(adjustment: PointAdjustment, *, at: datetime) -> None:
    """Everybody who may decide about these points is told."""
    customer = adjustment.account.customer
    delivery.tell(
        (user.pk for user in deciders(Permission.APPROVE_POINTS, customer, apart_from=adjustment.by, at=at)),
        POINTS_WAIT,
        {"points": adjustment.points, "number": customer.number},
        key=_of_points(adjustment),
        thread=_of_points(adjustment),
        at=at,
        link="/approvals/",
    )


def points_decided(adjustment: PointAdjustment, *, at: datetime) -> None:
    """Nobody has to decide any more; whoever asked is told of a refusal by somebody else."""
    bell.settle(_of_points(adjustment), at=at, link=f"/customers/{adjustment.account_id}/points/")
    if adjustment.state == PointAdjustment.State.REFUSED and adjustment.decided_by_id != adjustment.by_id:
        customer = adjustment.account.customer
        delivery.tell(
            [adjustment.by_id],
            POINTS_REFUSED,
            {"points": adjustment.points, "number": customer.number},
            key=f"{_of_points(adjustment)}:refused",
            thread=_of_points(adjustment),
            at=at,
            link=f"/customers/{customer.pk}/points/",
        )


def limit_waits(change: CreditLimitChange, *, at: datetime) -> None:
    """Everybody who may decide about this limit is told."""
    customer = change.account.customer
    delivery.tell(
        (user.pk for user in deciders(Permission.DECIDE_CREDIT, customer, apart_from=change.proposed_by, at=at)),
        LIMIT_WAITS,
        {"limit": mall.priced(change.limit_after), "number": customer.number},
        key=_of_limit(change),
        thread=_of_limit(change),
        at=at,
        link="/approvals/",
    )


def limit_decided(change: CreditLimitChange, *, at: datetime) -> None:
    """Nobody has to decide any more; whoever proposed it is told of a refusal by somebody else."""
    bell.settle(_of_limit(change), at=at, link=f"/credit/{change.account.customer_id}/")
    if change.status == CreditLimitChange.Status.DECLINED and change.decided_by_id != change.proposed_by_id:
        customer = change.account.customer
        delivery.tell(
            [change.proposed_by_id],
            LIMIT_REFUSED,
            {"limit": mall.priced(change.limit_after), "number": customer.number},
            key=f"{_of_limit(change)}:refused",
            thread=_of_limit(change),
            at=at,
            link=f"/credit/{customer.pk}/",
        )


def levels_withdrawn(rules: TierRules, *, by: User, at: datetime) -> None:
    """Who drafted and who published the rules are told that they never begin, whoever of them did not do it."""
    delivery.tell(
        sorted({rules.drafted_by_id, rules.published_by_id} - {by.pk}),
        LEVELS_WITHDRAWN,
        {"day": rules.starts_on.isoformat(), "reason": rules.withdrawn_because, "by": str(by)},
        key=f"levels:{rules.pk}:withdrawn",
        thread=f"levels:{rules.pk}",
        at=at,
        link=f"/levels/versions/{rules.pk}/",
    )


def deciders(permission: Permission, customer: Customer, *, apart_from: User, at: datetime) -> Iterable[User]:
    """Who may decide this about this customer, the proposer apart."""
    people = [user for user in who_may(permission) if user.pk != apart_from.pk]
    reach = in_reach(people, [customer.pk], mall_day(at))
    return [user for user in people if customer.pk in reach[user.pk]]


def _of_points(adjustment: PointAdjustment) -> str:
    return f"points:{adjustment.pk}"


def _of_limit(change: CreditLimitChange) -> str:
    return f"limit:{change.pk}"
