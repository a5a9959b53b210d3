"""What points are exchanged for: offered, set aside while the customer decides, handed over, or taken back."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid, SameKey
from customers.models import Customer
from loyalty.models import PointHold, Redemption, Reward
from loyalty.points import holds

State = Redemption.State


@transaction.atomic
def reserve(
    customer: Customer, reward: Reward, *, quantity: int = 1, key: str, at: datetime, by: User | None = None
) -> Redemption:
    """The reward is taken off the stock and its points are set aside, for as long as the hold runs. Once per key."""
    if not 1 <= quantity <= 100:
        raise Invalid(_("Choose a number from 1 to 100."), code="quantity")
    held = holds.hold(customer, reward.points * quantity, purpose=PointHold.Purpose.REWARD, ref=key, at=at, by=by)
    if known := Redemption.objects.filter(hold=held).first():
        if (known.reward_id, known.quantity) != (reward.pk, quantity):
            raise SameKey()
        return known
    if not reward.active:
        raise DomainError(_("%(reward)s is no longer offered.") % {"reward": reward}, code="reward_over")
    in_stock = Reward.objects.filter(pk=reward.pk, stock__isnull=False)
    if in_stock.exists() and not in_stock.filter(stock__gte=quantity).update(stock=F("stock") - quantity):
        raise DomainError(
            _("There are not enough of %(reward)s in stock.") % {"reward": reward}, code="reward_sold_out"
        )
    return Redemption.objects.create(reward=reward, hold=held, quantity=quantity, at=at, by=by)


@transaction.atomic
def hand_over(redemption_id: int, *, at: datetime, by: User | None = None) -> Redemption:
    """The customer has it, and the points are redeemed. Handing over twice changes nothing."""
    redemption = _lock(redemption_id)
    if redemption.state != State.DONE:
        holds.capture(redemption.hold_id, at=at, by=by)
        redemption.state = State.DONE
        redemption.save(update_fields=["state"])
        audit.record(by, "reward.handed_over", redemption.hold.account.customer, at=at, redemption=redemption.pk)
    return redemption


@transaction.atomic
def cancel(redemption_id: int, *, at: datetime, by: User | None = None) -> Redemption:
    """The customer does not want it: points and stock are back. Cancelling twice changes nothing."""
    redemption = _lock(redemption_id)
    if redemption.state != State.CANCELLED:
        holds.release(redemption.hold_id, at=at, by=by)
        _back_in_stock(redemption, State.CANCELLED)
    return redemption


@transaction.atomic
def take_back(redemption_id: int, *, at: datetime, by: User, reason: str) -> Redemption:
    """The reward has come back after it was handed over: its points are in their lots again. Twice changes nothing."""
    redemption = _lock(redemption_id)
    if not reason.strip():
        raise Invalid(_("Say why."), code="reason_missing")
    if redemption.state == State.RETURNED:
        return redemption
    if redemption.state != State.DONE:
        raise DomainError(_("Only what was handed over can come back."), code="not_handed_over")
    holds.give_back(
        redemption.hold_id, redemption.hold.points, key=f"redemption:{redemption.pk}", at=at, by=by, reason=reason
    )
    _back_in_stock(redemption, State.RETURNED)
    audit.record(by, "reward.taken_back", redemption.hold.account.customer, at=at, redemption=redemption.pk)
    return redemption


def free_lapsed() -> int:
    """What is still set aside for holds that ran out is in stock again; returns how many redemptions that were."""
    lapsed = Redemption.objects.filter(state=State.RESERVED, hold__state=PointHold.State.LAPSED)
    ids = list(lapsed.values_list("pk", flat=True))
    for pk in ids:
        with transaction.atomic():
            redemption = _lock(pk)
            if redemption.state == State.RESERVED:
                _back_in_stock(redemption, State.CANCELLED)
    return len(ids)


def _lock(redemption_id: int) -> Redemption:
    rows = Redemption.objects.select_for_update(of=("self",))
    return rows.select_related("hold__account__customer", "reward").get(pk=redemption_id)


def _back_in_stock(redemption: Redemption, state: State) -> None:
    Reward.objects.filter(pk=redemption.reward_id, stock__isnull=False).update(stock=F("stock") + redemption.quantity)
    redemption.state = state
    redemption.save(update_fields=["state"])
