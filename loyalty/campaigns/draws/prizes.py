"""What was won: claimed in time, handed over by a person, or credited by itself."""

from datetime import datetime, timedelta
from typing import TypedDict

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Unknown
from customers import locks
from loyalty.campaigns import coupon_campaigns
from loyalty.models import Draw, Lottery, LotteryPrize, PointLot
from loyalty.points import accounts as points
from loyalty.points import rules as point_rules

CREDITED_AT_ONCE = 1000
Status = Lottery.Status
Kind = LotteryPrize.Kind
State = Draw.State


class FirstState(TypedDict, total=False):
    state: str
    claim_by: datetime


def first_state(lottery: Lottery, prize: LotteryPrize, at: datetime) -> FirstState:
    if prize.kind == Kind.THANKS:
        return {"state": State.NOTHING}
    if prize.kind in (Kind.COUPON, Kind.POINTS):
        return {"state": State.CLAIMED}  # nobody has to ask for it
    return {"state": State.WON, "claim_by": at + timedelta(days=lottery.claim_days)}


def hand_at_once(made: Draw, at: datetime) -> None:
    """A coupon or points that were won are the customer's now; where that cannot be, the prize waits."""
    if made.prize.kind == Kind.COUPON:
        _hand_coupon(made, at)
    if made.prize.kind == Kind.POINTS:
        _hand_points(made, at)


def _hand_coupon(made: Draw, at: datetime) -> None:
    assert made.prize.coupons_id is not None  # noqa: S101 (a check of the table)
    try:
        with transaction.atomic():
            coupon = coupon_campaigns.give(made.prize.coupons_id, made.customer, by=None, at=at)
    except DomainError:
        return  # stays on the list of what is to be handed over
    _settle(made, State.FULFILLED, by=None, at=at, reference=f"coupon {coupon.pk}")


def _hand_points(made: Draw, at: datetime) -> bool:
    """The points are on the account of whoever the winner is by now; False, and nothing changed, while that cannot be."""
    try:
        with transaction.atomic():
            txn = points.grant(
                points.owner(made.customer),
                made.prize.points,
                source=PointLot.Source.PRIZE,
                key=f"draw:{made.pk}",
                at=at,
                reason=made.lottery.name,
            )
    except DomainError:
        return False  # `credit_points` tries again
    _settle(made, State.FULFILLED, by=None, at=at, reference=f"points {txn.pk}")
    return True


@transaction.atomic
def claim(draw_id: int, *, at: datetime) -> Draw:
    """The customer has claimed the prize and it is to be sent. Telling it twice is harmless."""
    draw = _held_draw(draw_id)
    if draw.state == State.WON:
        if draw.claim_by is not None and draw.claim_by <= at:
            raise DomainError(_("The time to claim this prize is over."), code="claim_over")
        draw.state = State.CLAIMED
        draw.save(update_fields=["state"])
    elif draw.state == State.NOTHING:
        raise DomainError(_("This draw has won nothing."), code="nothing_won")
    elif draw.state == State.FORFEITED:
        raise DomainError(_("The time to claim this prize is over."), code="claim_over")
    return draw


@transaction.atomic
def hand_over(draw_id: int, *, by: User, at: datetime, reference: str = "") -> Draw:
    """The customer has the prize. `reference`: parcel number, points transaction. Twice is harmless."""
    draw = _held_draw(draw_id)
    if draw.state == State.FULFILLED:
        return draw
    if draw.state not in (State.WON, State.CLAIMED):
        raise DomainError(
            _("There is nothing to hand over: %(state)s.") % {"state": draw.get_state_display()}, code="state"
        )
    audit.record(by, "draw.handed_over", draw.customer, at=at, draw=draw.pk)
    return _settle(draw, State.FULFILLED, by=by, at=at, reference=reference)


def _settle(draw: Draw, state: str, *, by: User | None, at: datetime, reference: str) -> Draw:
    draw.state, draw.settled_at, draw.settled_by, draw.reference = state, at, by, reference.strip()[:80]
    draw.save(update_fields=["state", "settled_at", "settled_by", "reference"])
    return draw


def _held_draw(draw_id: int) -> Draw:
    rows = Draw.objects.select_for_update(no_key=True, of=("self",)).select_related("customer", "prize", "lottery")
    draw = rows.filter(pk=draw_id).first()
    if draw is None:
        raise Unknown(_("There is no such draw."), code="draw_unknown")
    return draw


def points_to_grant(lottery: Lottery | None = None) -> QuerySet[Draw]:
    """Points that were won and are not yet on anybody's account: while no programme runs."""
    rows = Draw.objects.filter(state=State.CLAIMED, prize__kind=Kind.POINTS).select_related("customer", "prize")
    return rows.filter(lottery=lottery) if lottery else rows


def credit_points(*, at: datetime) -> int:
    """Points that were won before the programme began are on their accounts, each once; returns how many prizes."""
    if point_rules.in_force(at) is None:
        return 0
    waiting = points_to_grant().order_by("customer", "pk").values_list("pk", "customer_id")[:CREDITED_AT_ONCE]
    return sum(_credit(pk, customer_id, at) for pk, customer_id in list(waiting))


@again_after_deadlock
@transaction.atomic
def _credit(draw_id: int, customer_id: int, at: datetime) -> bool:
    """Locked as by `draw`: the customer first. What somebody else settled or moved meanwhile is left to them."""
    locks.hold_customers([customer_id])
    made = _held_draw(draw_id)
    if made.state != State.CLAIMED or made.customer_id != customer_id:
        return False
    return _hand_points(made, at)


def end_due(*, at: datetime) -> int:
    """Draws whose time is over have ended, and their secrets can be shown. Prizes not claimed in time are forfeited."""
    with transaction.atomic():
        Draw.objects.filter(state=State.WON, claim_by__lte=at).update(state=State.FORFEITED, settled_at=at)
        return Lottery.objects.filter(status=Status.PUBLISHED, ends_at__lte=at).update(status=Status.ENDED, ended_at=at)
