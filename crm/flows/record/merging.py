"""Two records of one person become one, on every floor at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from care import plans
from complaints import merging as complaints
from complaints.models import Case
from complaints.models.cases import OPEN
from core.accounts import audit
from core.accounts.models import User
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from crm.flows.planning.days_off import working_days
from crm.flows.record import unmerging
from customers import contact_points
from customers import merging as records
from customers.letters import consent
from customers.models import Customer, Todo
from customers.record import labels
from loyalty import clubs
from loyalty.campaigns import coupons, credit, draws
from loyalty.models import Coupon, PointAccount
from loyalty.points import accounts as points
from loyalty.points import referrals
from loyalty.tiers import membership
from segmentation import alerts
from segmentation.growing import rising
from segmentation.models import Alert
from segmentation.segments import membership as segments


@again_after_deadlock
@transaction.atomic
def merge(loser: Customer, winner: Customer, *, by: User, at: datetime, reason: str) -> None:
    """Everything of `loser` is `winner`'s: orders, contact data, work, alerts, complaints, points, level, coupons.

    The old number leads to the winner for ever, orders told under it included. What was written in books that are never
    rewritten (the lines of the points account, the history of the level) stays readable under the old number.
    `unmerging.undo` takes them apart again.
    Raises DomainError, and nothing has happened, while points of `loser` are set aside or both have a credit account.
    """
    if not reason.strip():
        raise Invalid(_("Say why these are one person."), code="reason_missing")
    today = mall_day(at)
    loser, winner = records.hold(loser, winner)
    kept = unmerging.before(loser, winner)
    points.merge(loser, winner, by=by, at=at)
    membership.merge(loser, winner, by=by, at=at)
    coupons.merge(loser, winner)
    draws.merge(loser, winner)
    credit.merge(loser, winner)
    clubs.merge(loser, winner)
    referrals.merge(loser, winner)
    complaints.move(loser.pk, winner.pk)
    alerts.merge(loser.pk, winner.pk, at=at)
    consent.merge(loser, winner, by=by, at=at)
    segments.merge(loser.pk, winner.pk, on=today, at=at)
    rising.merge(loser.pk, on=today, at=at)
    labels.merge(loser, winner)
    plans.merge(loser, winner)
    records.move(loser, winner, today=today)
    alerts.end_stopped(on=today, at=at, customer_ids=[winner.pk])
    alerts.follow_purchases([winner.pk], as_of=today, at=at)
    membership.after_orders([winner.pk], at=at)
    plans.refresh([winner.pk], today=today, at=at, days=working_days(today))
    unmerging.remember(loser, winner, kept, by=by, at=at, reason=reason.strip()[:200])
    audit.record(by, "customer.merged", winner, at=at, loser=loser.pk, reason=reason.strip()[:200])


class Count(NamedTuple):
    label: str
    of_loser: int
    of_winner: int
    after: int


def consequences(loser: Customer, winner: Customer) -> list[Count]:
    """What each of the two has that is counted, and what the one that stays will have."""

    def added(label: str, loser_has: int, winner_has: int) -> Count:
        return Count(label, loser_has, winner_has, loser_has + winner_has)

    def both(rows: Iterable[int]) -> tuple[int, int]:
        customer_ids = list(rows)
        return customer_ids.count(loser.pk), customer_ids.count(winner.pk)

    pair = [loser.pk, winner.pk]
    accounts = {account.pk: account for account in PointAccount.objects.filter(pk__in=pair)}
    usable = [accounts[pk].available + accounts[pk].pending - accounts[pk].debt if pk in accounts else 0 for pk in pair]
    reached = [contact_points.values_of(customer.contact_points.all()) for customer in (loser, winner)]
    warned = both(Alert.objects.filter(customer__in=pair, state=Alert.State.OPEN).values_list("customer", flat=True))
    return [
        added(_("Orders"), loser.orders.count(), winner.orders.count()),
        Count(_("Phones and e-mails"), len(reached[0]), len(reached[1]), len(reached[0] | reached[1])),
        added(_("Contacts"), loser.contacts.count(), winner.contacts.count()),
        added(
            _("Open to-dos"),
            *both(Todo.objects.filter(customer__in=pair, state=Todo.State.OPEN).values_list("customer", flat=True)),
        ),
        Count(_("Open alerts"), *warned, min(sum(warned), 1)),
        added(
            _("Open complaints"),
            *both(Case.objects.filter(customer__in=pair, status__in=OPEN).values_list("customer", flat=True)),
        ),
        added(_("Points, usable or soon"), *usable),
        added(
            _("Coupons not used yet"),
            *both(
                Coupon.objects.filter(customer__in=pair, status=Coupon.Status.ISSUED).values_list("customer", flat=True)
            ),
        ),
    ]
