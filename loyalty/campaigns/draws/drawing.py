"""The draw itself: a ticket is used and has its outcome."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, SameKey
from core.lib.periods import mall_day, mall_midnight
from customers import locks
from customers.models import Customer
from loyalty import clubs, notices
from loyalty.campaigns.draws import prizes
from loyalty.campaigns.draws.proof import fell_on, roll_of, secret_of
from loyalty.campaigns.draws.tickets import refuse_closed
from loyalty.models import Draw, Lottery, LotteryPrize, LotteryTicket

Kind = LotteryPrize.Kind
State = Draw.State
Ticket = LotteryTicket


@again_after_deadlock
@transaction.atomic
def draw(lottery_id: int, customer: Customer, *, idem_key: str, at: datetime) -> Draw:
    """One ticket of the customer is used and has its outcome. The same `idem_key` finds the same draw again.

    A prize that is gone gives the row “thanks” with the reason; there is no second roll, since that would change the
    published odds. A coupon that is won is issued at once. Raises DomainError without a ticket or outside the time.
    """
    locks.hold_customers([customer.pk])
    lottery = Lottery.objects.get(pk=lottery_id)
    if known := Draw.objects.filter(lottery=lottery, idem_key=idem_key).select_related("prize", "rolled").first():
        if known.customer_id != customer.pk:
            raise SameKey()
        return known
    refuse_closed(lottery, at)
    _refuse_level(lottery, customer, at)
    today = mall_day(at)
    since = mall_midnight(today)
    if Draw.objects.filter(lottery=lottery, customer=customer, drawn_at__gte=since).count() >= lottery.draws_per_day:
        raise DomainError(
            _("There are %(most)d draws a day. Try again tomorrow.") % {"most": lottery.draws_per_day}, code="day_limit"
        )
    ticket = _ticket(lottery, customer, f"{customer.pk}:{today.isoformat()}", at)
    by_rank = list(lottery.prizes.select_related("coupons").order_by("rank"))
    message = f"{lottery.code}/{ticket.pk}/{customer.number}"
    roll = roll_of(secret_of(lottery), message)
    rolled = by_rank[fell_on(roll, [prize.ppm for prize in by_rank])]
    prize, reason = _outcome(lottery, customer, rolled, by_rank)
    Ticket.objects.filter(pk=ticket.pk).update(status=Ticket.Status.USED)
    made = Draw.objects.create(
        lottery=lottery,
        ticket=ticket,
        customer=customer,
        idem_key=idem_key,
        message=message,
        roll=roll,
        rolled=rolled,
        prize=prize,
        reason=reason,
        drawn_at=at,
        **prizes.first_state(lottery, prize, at),
    )
    if prize.kind != Kind.THANKS:
        notices.prize_won(made, at=at)
    prizes.hand_at_once(made, at)
    return made


def _ticket(lottery: Lottery, customer: Customer, daily_ref: str, at: datetime) -> LotteryTicket:
    mine = Ticket.objects.select_for_update(no_key=True).filter(lottery=lottery, customer=customer)
    ticket = mine.filter(status=Ticket.Status.ISSUED).order_by("pk").first()
    if ticket is not None:
        return ticket
    if lottery.entry == Lottery.Entry.DAILY:
        ticket, created = Ticket.objects.get_or_create(
            lottery=lottery,
            source=Ticket.Source.DAILY,
            source_ref=daily_ref,
            n=1,
            defaults={"customer": customer, "issued_at": at},
        )
        if created:
            return ticket
        raise DomainError(_("Today's free draw is used. Come back tomorrow."), code="no_ticket")
    raise DomainError(_("There is no ticket left for this draw."), code="no_ticket")


def _outcome(
    lottery: Lottery, customer: Customer, rolled: LotteryPrize, by_rank: Sequence[LotteryPrize]
) -> tuple[LotteryPrize, str]:
    if rolled.kind == Kind.THANKS:
        return rolled, Draw.Reason.ODDS
    thanks = next(prize for prize in by_rank if prize.kind == Kind.THANKS)
    if lottery.wins_per_customer is not None:
        won = Draw.objects.filter(lottery=lottery, customer=customer).exclude(state=State.NOTHING).count()
        if won >= lottery.wins_per_customer:
            return thanks, Draw.Reason.LIMIT
    if not take_prize(rolled.pk):
        return thanks, Draw.Reason.SOLD_OUT
    return rolled, Draw.Reason.ODDS


def take_prize(prize_id: int) -> bool:
    """One piece less; False, and nothing changed, when none is left."""
    left = LotteryPrize.objects.filter(pk=prize_id, awarded__lt=F("total"))
    return left.update(awarded=F("awarded") + 1) == 1


def _refuse_level(lottery: Lottery, customer: Customer, at: datetime) -> None:
    if not clubs.reaches(customer, lottery.min_level, on=mall_day(at)):
        raise DomainError(_("This draw is for customers of a higher level."), code="level")


@transaction.atomic
def merge(loser: Customer, winner: Customer) -> None:
    """Two records become one: tickets and draws move; what was drawn stays as it was drawn."""
    locks.hold_customers([loser.pk, winner.pk])
    Ticket.objects.filter(customer=loser).update(customer=winner)
    Draw.objects.filter(customer=loser).update(customer=winner)
