"""What was only a test goes: an order out of every figure, a customer altogether. Books that are never rewritten stay."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.utils.translation import gettext as _

from complaints.models import Case, Remedy, ServicePrompt
from core.accounts import audit
from core.accounts.models import User
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import locks, orders
from customers.models import ConsentEntry, Customer, Letter, Merge, Order
from loyalty.campaigns import coupons, credit, draws
from loyalty.models import (
    CampaignUsage,
    ClubEvent,
    ClubMember,
    ClubVisit,
    Coupon,
    CouponRedemption,
    CreditAccount,
    Draw,
    LotteryTicket,
    PointAccount,
    PointTxn,
    Referral,
    TierChange,
    TierOverride,
)
from loyalty.points import orders as point_orders
from loyalty.tiers import membership
from segmentation import alerts


@again_after_deadlock
@transaction.atomic
def declare_order_a_test(order_id: int, *, by: User, number: str, reason: str, at: datetime) -> Order:
    """The order is cancelled for ever and in nobody's figures; its points, level, coupons and tickets are taken back.

    It stays readable with its mark, and its source cannot revive it. `number` is its number, typed once more. Doing it
    again changes nothing.
    """
    locks.hold_off_imports()
    order = Order.objects.select_related("customer").get(pk=order_id)
    locks.hold(f"order:{order.source}:{order.external_id}")
    _confirm(number, order.external_id, reason)
    order.refresh_from_db()
    if order.is_test:
        return order
    order.is_test, order.status = True, Order.Status.CANCELLED
    order.save(update_fields=["is_test", "status"])
    concerned = [order.customer_id]
    orders.refresh(concerned, today=mall_day(at))
    alerts.follow_purchases(concerned, as_of=mall_day(at), at=at)
    point_orders.reconcile([order.pk], at=at)
    membership.after_orders(concerned, at=at)
    coupons.follow_order(order, at=at)
    draws.follow_some([order.pk], at=at)
    credit.follow_order(order, at=at)
    audit.record(by, "order.test", order, at=at, customer=order.customer_id, reason=reason.strip()[:200])
    return order


# What is written in books that are never rewritten, or was agreed with somebody, in the words of the refusal.
_FORBIDS: tuple[tuple[Callable[[], str], type[Model], str], ...] = (
    (lambda: _("lines in the points account"), PointTxn, "account"),
    (lambda: _("a credit account"), CreditAccount, "customer"),
    (lambda: _("complaints"), Case, "customer"),
    (lambda: _("remedies"), Remedy, "customer"),
    (lambda: _("coupons that were used"), CouponRedemption, "customer"),
    (lambda: _("draws"), Draw, "customer"),
    (lambda: _("changes of level"), TierChange, "customer"),
    (lambda: _("promised levels"), TierOverride, "customer"),
    (lambda: _("letters"), Letter, "customer"),
    (lambda: _("words about consent"), ConsentEntry, "customer"),
)
# What goes with the customer and would otherwise hold on to them. The rest the database takes along.
_GOES: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (ServicePrompt, ("customer",)),
    (LotteryTicket, ("customer",)),
    (Coupon, ("customer",)),
    (CampaignUsage, ("customer",)),
    (ClubVisit, ("customer",)),
    (ClubMember, ("customer",)),
    (Referral, ("referred", "referrer")),
)


def forbidden(customer: Customer) -> list[str]:
    """What stands against deleting the customer, in words; empty when nothing does."""
    words = [str(word()) for word, model, field in _FORBIDS if _of(model, (field,), customer).exists()]
    if Merge.objects.filter(Q(loser=customer) | Q(winner=customer), undone_at=None).exists():
        words.append(_("a record that was merged"))
    if not words and PointAccount.objects.filter(pk=customer.pk).exists():
        words.append(_("a points account"))  # is never deleted, though nothing was ever booked
    return words


@again_after_deadlock
@transaction.atomic
def delete_customer(customer_id: int, *, by: User, number: str, reason: str, at: datetime) -> int:
    """Nothing of the customer is left but a line of the audit trail with their number; returns how many orders went.

    `number` is the customer number, typed once more. Raises DomainError, and nothing has happened, while there is
    anything in books that are never rewritten: then their orders can be declared tests one by one.
    """
    locks.hold_off_everyone()
    locks.hold_customers([customer_id], against_new_rows=True)
    customer = Customer.objects.get(pk=customer_id)
    _confirm(number, customer.number, reason)
    if words := forbidden(customer):
        raise DomainError(
            _("This customer cannot be deleted: there are %(what)s. Declare their orders tests instead.")
            % {"what": ", ".join(words)},
            code="in_the_books",
        )
    theirs = Order.objects.filter(customer=customer)
    ClubEvent.objects.filter(visits__customer=customer).update(taken=F("taken") - 1)
    for model, fields in _GOES:
        _of(model, fields, customer).delete()
    count = theirs.count()
    theirs.delete()
    audit.record(by, "customer.deleted", customer, at=at, number=customer.number, orders=count, reason=reason[:200])
    customer.delete()
    return count


def _of(model: type[Model], fields: tuple[str, ...], customer: Customer) -> QuerySet[Model]:
    meant = Q()
    for field in fields:
        meant |= Q(**{field: customer.pk})
    return model._default_manager.filter(meant)


def _confirm(typed: str, number: str, reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("Say why this is a test."), code="reason_missing")
    if typed.strip().upper() != number.upper():
        raise Invalid(_("Type the number %(number)s to confirm.") % {"number": number}, code="number_differs")
