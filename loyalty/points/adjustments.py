"""Points given or taken by hand: within the limit of a role at once, above it after a second person has agreed."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Abs
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_time
from customers.models import Customer
from loyalty import colleagues
from loyalty.models import PointAdjustment, PointLot
from loyalty.points import accounts
from loyalty.points.ledger import Ledger

State = PointAdjustment.State
# Points per request, and of one person within a day; above either a second person decides.
LIMITS = {
    Role.SERVICE_AGENT: (200, 2_000),
    Role.ACCOUNT_MANAGER: (1_000, 5_000),
    Role.SERVICE_LEAD: (5_000, 20_000),
    Role.TEAM_LEAD: (5_000, 20_000),
}
DAY = timedelta(days=1)


@transaction.atomic
def request(
    customer: Customer, amount: int, *, reason: str, client_key: str, by: User, at: datetime
) -> PointAdjustment:
    """The points are given (taken, if negative) at once or wait for a second person. The same key asks once."""
    accounts.refuse_impossible(abs(amount))
    if len(reason.strip()) < 2:
        raise Invalid(_("Say in a few words what this is for."), code="reason_missing")
    if not client_key.strip() or len(client_key) > 80:
        raise Invalid(_("The key of the request is missing or too long."), code="client_key")
    reason = reason.strip()[:300]
    User.objects.select_for_update(no_key=True).get(pk=by.pk)  # two requests at once count against one limit
    if known := PointAdjustment.objects.filter(client_key=client_key).first():
        if (known.account_id, known.points, known.by_id, known.reason) != (customer.pk, amount, by.pk, reason):
            raise SameKey()
        return known
    with Ledger.opened([customer.pk], at=at) as ledger:
        accounts.refuse_merged(ledger[customer.pk].account)
        if amount < 0:
            accounts.enough(ledger[customer.pk].account, -amount)
    made = PointAdjustment.objects.create(
        account_id=customer.pk, points=amount, reason=reason, by=by, at=at, client_key=client_key
    )
    alone = within_limit(by, amount, at=at, besides=made.pk)
    audit.record(
        by, "points.booked" if alone else "points.requested", customer, at=at, adjustment=made.pk, points=amount
    )
    if alone:
        _do(made, at=at)
    else:
        colleagues.points_wait(made, at=at)
    return made


@transaction.atomic
def decide(adjustment_id: int, *, agreed: bool, by: User, at: datetime, because: str = "") -> PointAdjustment:
    """A second person has agreed, and the points have moved, or has refused. Nobody decides their own request.

    `because`: why the only person who may decide does so alone, about what they asked for themselves.
    """
    adjustment = _waiting(adjustment_id)
    customer = adjustment.account.customer
    if adjustment.by_id == by.pk:
        refusal = _("A second person has to decide this: you asked for it yourself.")
        if not may(by, Permission.APPROVE_POINTS):
            raise DomainError(refusal, code="own_request")
        others = colleagues.deciders(Permission.APPROVE_POINTS, customer, apart_from=by, at=at)
        adjustment.alone_because = second_person(
            by, by.pk, others, refusal=refusal, because=because, code="own_request"
        )
    adjustment.decided_by, adjustment.decided_at = by, at
    if agreed:
        _do(adjustment, at=at)
    else:
        adjustment.state = State.REFUSED
        adjustment.save()
    colleagues.points_decided(adjustment, at=at)
    alone = {"alone_because": adjustment.alone_because} if adjustment.alone_because else {}
    audit.record(
        by, "points.agreed" if agreed else "points.refused", customer, at=at, adjustment=adjustment.pk, **alone
    )
    return adjustment


@transaction.atomic
def withdraw(adjustment_id: int, *, by: User, at: datetime) -> PointAdjustment:
    """Nothing moves: who asked for the points has taken the request back."""
    adjustment = _waiting(adjustment_id)
    if adjustment.by_id != by.pk:
        raise DomainError(_("Only who asked for these points takes the request back."), code="not_yours")
    adjustment.state, adjustment.decided_at = State.BACK, at
    adjustment.save()
    colleagues.points_decided(adjustment, at=at)
    audit.record(by, "points.taken_back", adjustment.account.customer, at=at, adjustment=adjustment.pk)
    return adjustment


def _waiting(adjustment_id: int) -> PointAdjustment:
    adjustment = (
        PointAdjustment.objects.select_for_update(of=("self",))
        .select_related("account__customer", "by")
        .get(pk=adjustment_id)
    )
    if adjustment.state != State.WAITING:
        raise DomainError(
            _("This is decided already: %(how)s, by %(who)s on %(when)s.")
            % {
                "how": adjustment.get_state_display(),
                "who": adjustment.decided_by or adjustment.by,
                "when": f"{mall_time(adjustment.decided_at or adjustment.at):%Y-%m-%d %H:%M}",
            },
            code="decided",
        )
    return adjustment


def within_limit(by: User, amount: int, *, at: datetime, besides: int) -> bool:
    """Whether this person may move so many points alone, given what they moved in the last 24 hours."""
    recent = PointAdjustment.objects.filter(by=by, at__gt=at - DAY, state=State.DONE, decided_by__isnull=True)
    moved = recent.exclude(pk=besides).aggregate(total=Sum(Abs("points")))["total"] or 0
    return any(abs(amount) <= once and moved + abs(amount) <= a_day for once, a_day in limits_of(by))


def limits_of(user: User) -> list[tuple[int, int]]:
    """Points per request and within a day, for each role that may move any alone, the widest first."""
    return sorted((LIMITS[role] for role in LIMITS if user.holds(role)), reverse=True)


def _do(adjustment: PointAdjustment, *, at: datetime) -> None:
    key, customer = f"adjustment:{adjustment.pk}", adjustment.account.customer
    if adjustment.points > 0:
        accounts.grant(
            customer,
            adjustment.points,
            source=PointLot.Source.ADJUSTMENT,
            key=key,
            at=at,
            by=adjustment.by,
            reason=adjustment.reason,
        )
    else:
        accounts.take(customer, -adjustment.points, key=key, at=at, by=adjustment.by, reason=adjustment.reason)
    adjustment.state = State.DONE
    adjustment.save()
