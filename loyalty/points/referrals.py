"""Old customers bring new ones, and both have points for it once the new one has really bought."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from customers import contact_points, locks
from customers.models import Customer, Order
from loyalty.models import PointLot, PointRules, Referral
from loyalty.points import accounts
from loyalty.points import rules as point_rules

LONGEST_CHAIN = 50


@transaction.atomic
def record(referred: Customer, referrer: Customer, *, by: User | None, at: datetime) -> Referral:
    """`referrer`, or who they are by now, brought `referred`. Telling it again is harmless.

    Another referrer, oneself and circles are refused.
    """
    referrer = referrer.merged_into or referrer
    if referred.pk == referrer.pk:
        raise Invalid(_("Nobody brings themselves."), code="same_customer")
    locks.hold_customers([referred.pk])
    known = Referral.objects.filter(referred=referred).select_related("referrer").first()
    if known is not None:
        if known.referrer_id == referrer.pk:
            return known
        raise DomainError(
            _("%(name)s was brought by %(number)s already.") % {"name": referred.name, "number": known.referrer.number},
            code="referred_already",
        )
    if _brought(referrer, referred):
        raise DomainError(_("The one was brought by the other already: a circle."), code="referral_circle")
    if _one_person(referred, referrer):
        raise DomainError(_("Both have the same phone or e-mail: this looks like one person."), code="same_person")
    made = Referral.objects.create(referred=referred, referrer=referrer, at=at, by=by)
    audit.record(by, "referral.recorded", referred, at=at, referrer=referrer.pk)
    return made


def due(*, at: datetime) -> list[Referral]:
    """Referrals not yet rewarded whose first large enough order can no longer be sent back."""
    rules = point_rules.in_force(at)
    if rules is None or not rules.referrer_points + rules.referred_points:
        return []
    waiting = Referral.objects.filter(rewarded_at__isnull=True).select_related("referred", "referrer")
    return [referral for referral in waiting.order_by("pk") if _has_bought(referral, rules, at)]


@transaction.atomic
def reward(referral: Referral, *, at: datetime) -> int:
    """Both have their points, as many as the rules of this moment say; doing it again gives nothing more. Returns 1."""
    rules = accounts.rules_of(at)
    for customer, amount, side in (
        (referral.referrer, rules.referrer_points, "referrer"),
        (referral.referred, rules.referred_points, "referred"),
    ):
        if amount:
            accounts.grant(
                accounts.owner(customer),
                amount,
                source=PointLot.Source.REFERRAL,
                key=f"referral:{referral.pk}:{side}",
                at=at,
                reason=_("A friend was brought along"),
            )
    referral.rewarded_at = at
    referral.save(update_fields=["rewarded_at"])
    return 1


@transaction.atomic
def merge(loser: Customer, winner: Customer) -> None:
    """Whom the loser brought, the winner brought; who brought the loser brought the winner, unless somebody did already.

    Nobody has brought themselves: a referral between the two is not one any more.
    """
    Referral.objects.filter(Q(referred=loser, referrer=winner) | Q(referred=winner, referrer=loser)).delete()
    Referral.objects.filter(referrer=loser).update(referrer=winner)
    if not Referral.objects.filter(referred=winner).exists():
        Referral.objects.filter(referred=loser).update(referred=winner)


def _has_bought(referral: Referral, rules: PointRules, at: datetime) -> bool:
    """A paid order, of the least amount after refunds, older than the days in which goods are sent back."""
    safe = at - timedelta(days=rules.pending_days)
    orders = Order.objects.filter(customer=referral.referred_id, status=Order.Status.PAID, ordered_at__lte=safe)
    net = F("paid") - Coalesce(Sum("refunds__amount"), 0)
    return orders.annotate(net=net).filter(net__gte=max(int(rules.referral_least * 100), 1)).exists()


def _brought(customer: Customer, by: Customer) -> bool:
    """Whether `by` stands somewhere above `customer` in the chain of who brought whom."""
    above = customer.pk
    for _step in range(LONGEST_CHAIN):
        referrer = Referral.objects.filter(referred=above).values_list("referrer", flat=True).first()
        if referrer is None:
            return False
        if referrer == by.pk:
            return True
        above = referrer
    return True


def _one_person(customer: Customer, other: Customer) -> bool:
    mine, theirs = (contact_points.values_of(person.contact_points.all()) for person in (customer, other))
    return not mine.isdisjoint(theirs)
