"""Prize draws that can be checked afterwards: rules published and then frozen, odds in parts per million.

Before the first draw the SHA-256 of a secret is published. Every draw follows from the secret and the ticket alone:
roll = HMAC-SHA256(secret, message) as a number, modulo 1,000,000; the prizes by rank cover [0, 1,000,000) in
stretches of their odds. After the end the secret is shown, and whoever wishes can repeat every draw.
"""

import csv
import hashlib
import hmac
import io
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pgtrigger
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, F, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import sealing
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Invalid, SameKey, Unknown
from core.lib.periods import mall_day
from customers.models import Customer, Order
from loyalty import clubs, notices
from loyalty.campaigns import coupon_campaigns
from loyalty.campaigns.coupons import ref_of
from loyalty.models import CouponCampaign, Draw, Lottery, LotteryPrize, LotteryTicket, PointLot
from loyalty.models.draws import CERTAIN, HIGHEST_PRIZE
from loyalty.points import accounts as points

ALGORITHM = "HMAC-SHA256 mod 1000000"
SECRET_BYTES = 32
SEALED_FOR = b"draws"
NOTHING = Decimal("0.00")
MOST_PRIZES = 20
# What may be set while it is a draft.
TERMS = (
    "name",
    "rules",
    "entry",
    "min_order",
    "points_cost",
    "min_level",
    "draws_per_day",
    "wins_per_customer",
    "claim_days",
    "starts_at",
    "ends_at",
)

Status = Lottery.Status
Kind = LotteryPrize.Kind
State = Draw.State
Ticket = LotteryTicket


# The arithmetic ------------------------------------------------------------------------------------------------------


def roll_of(secret: bytes, message: str) -> int:
    """A number below a million; the remainder's bias is below 2⁻²³⁶."""
    return int.from_bytes(hmac.digest(secret, message.encode(), "sha256"), "big") % CERTAIN


def commitment_of(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def fell_on(roll: int, odds: Sequence[int]) -> int:
    """The place of the prize whose stretch of [0, 1,000,000) holds the roll. The odds add up to a million."""
    for place, ppm in enumerate(odds):
        if roll < ppm:
            return place
        roll -= ppm
    raise ValueError("the odds do not add up to a million")


# Setting up ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PrizeFact:
    name: str
    kind: str
    ppm: int
    total: int | None = None
    value: Decimal = NOTHING
    points: int = 0
    coupons: CouponCampaign | None = None


@transaction.atomic
def create(code: str, *, by: User, at: datetime, **terms: Any) -> Lottery:
    """A draft. Nobody can draw before another person has published it."""
    code = code.strip().upper()
    if Lottery.objects.filter(code=code).exists():
        raise Invalid(_("A draw has this short name already. Choose another."), code="code_taken")
    lottery = Lottery(code=code, by=by, at=at, **_known(terms))
    _refuse_terms(lottery)
    lottery.save(force_insert=True)
    audit.record(by, "draw.created", lottery, at=at, code=code)
    return lottery


@transaction.atomic
def change(lottery_id: int, *, by: User, at: datetime, **terms: Any) -> Lottery:
    """The draft has these terms; whoever changed it last cannot publish it."""
    lottery = _draft(lottery_id)
    for name, value in _known(terms).items():
        setattr(lottery, name, value)
    _refuse_terms(lottery)
    lottery.by, lottery.at = by, at
    lottery.save()
    audit.record(by, "draw.changed", lottery, at=at)
    return lottery


@transaction.atomic
def set_prizes(lottery_id: int, prizes: Sequence[PrizeFact], *, by: User, at: datetime) -> Lottery:
    """The draft has exactly these prizes, the first one of the highest rank."""
    lottery = _draft(lottery_id)
    if len(prizes) > MOST_PRIZES:
        raise Invalid(_("A draw has at most %(most)d prizes.") % {"most": MOST_PRIZES}, code="prizes")
    rows = []
    for rank, fact in enumerate(prizes, start=1):
        _refuse_prize(fact)
        rows.append(
            LotteryPrize(
                lottery=lottery,
                rank=rank,
                name=fact.name.strip(),
                kind=fact.kind,
                ppm=fact.ppm,
                value=fact.value,
                points=fact.points,
                coupons=fact.coupons,
                total=fact.total,
            )
        )
    if sum(fact.kind == Kind.THANKS for fact in prizes) > 1:
        raise Invalid(_("There is one row for those who win nothing."), code="thanks")
    lottery.prizes.all().delete()
    LotteryPrize.objects.bulk_create(rows)
    lottery.by, lottery.at = by, at
    lottery.save(update_fields=["by", "at"])
    audit.record(by, "draw.prizes_set", lottery, at=at, prizes=len(rows))
    return lottery


@transaction.atomic
def drop(lottery_id: int, *, by: User, at: datetime) -> None:
    """The draft and its prizes are gone."""
    lottery = _draft(lottery_id)
    audit.record(by, "draw.dropped", lottery, at=at, code=lottery.code)
    lottery.delete()


class Check(NamedTuple):
    words: str
    ok: bool


def checklist(lottery: Lottery, *, at: datetime) -> list[Check]:
    """What must be so before it may be published, in the order one sets it up."""
    prizes = list(lottery.prizes.select_related("coupons").order_by("rank"))
    odds = sum(prize.ppm for prize in prizes)
    top = max((prize.value for prize in prizes), default=NOTHING)
    lasting = all(
        prize.coupons.ends_at >= lottery.ends_at
        and prize.coupons.status in (CouponCampaign.Status.RUNNING, CouponCampaign.Status.PAUSED)
        for prize in prizes
        if prize.coupons is not None
    )
    return [
        Check(
            _("The rules say who may take part, how, until when, and how prizes are handed over"),
            bool(lottery.rules.strip()),
        ),
        Check(_("There is something to win"), any(prize.kind != Kind.THANKS for prize in prizes)),
        Check(_("There is a row for those who win nothing"), any(prize.kind == Kind.THANKS for prize in prizes)),
        Check(_("The odds add up to 100%% (now %(odds)s%%)") % {"odds": Decimal(odds) / 10_000}, odds == CERTAIN),
        Check(
            _("No prize is worth more than %(most)s (the highest is %(top)s)")
            % {"most": f"¥{HIGHEST_PRIZE:,}", "top": f"¥{top:,}"},
            top <= HIGHEST_PRIZE,
        ),
        Check(_("Coupons to be won are accepted until the end of the draw"), lasting),
        Check(_("The end lies in the future"), lottery.ends_at > at),
    ]


@transaction.atomic
def publish(lottery_id: int, *, by: User, at: datetime) -> Lottery:
    """Rules, odds and stock are public and frozen, and the commitment to the secret is made.

    Only the end can still move back and the stock grow. Raises DomainError for the last editor and for open points.
    """
    lottery = _draft(lottery_id)
    if by.pk == lottery.by_id:
        raise DomainError(_("You changed this draw last. Somebody else has to publish it."), code="second_person")
    missing = [check.words for check in checklist(lottery, at=at) if not check.ok]
    if missing:
        raise DomainError(_("Not ready yet: %(missing)s.") % {"missing": "; ".join(missing)}, code="not_ready")
    secret = secrets.token_bytes(SECRET_BYTES)
    lottery.status, lottery.published_at, lottery.published_by = Status.PUBLISHED, at, by
    lottery.algorithm, lottery.commitment = ALGORITHM, commitment_of(secret)
    lottery.secret = sealing.encrypt(secret, use=SEALED_FOR, about=lottery.commitment.encode())
    lottery.save()
    audit.record(by, "draw.published", lottery, at=at, commitment=lottery.commitment)
    return lottery


@transaction.atomic
def favour(
    lottery_id: int, *, by: User, at: datetime, ends_at: datetime | None = None, more: dict[int, int] | None = None
) -> Lottery:
    """What may still change after publication: a later end, and more pieces by prize id."""
    lottery = Lottery.objects.select_for_update(no_key=True).get(pk=lottery_id)
    if lottery.status != Status.PUBLISHED or lottery.ends_at <= at:
        raise DomainError(_("Only a draw that runs can be given more."), code="not_running")
    if ends_at is not None:
        if ends_at < lottery.ends_at:
            raise DomainError(_("The end of a published draw only moves back."), code="frozen")
        lottery.ends_at = ends_at
        lottery.save(update_fields=["ends_at"])
    for prize_id, pieces in sorted((more or {}).items()):
        if pieces < 1:
            raise DomainError(_("The stock of a published draw only grows."), code="frozen")
        lottery.prizes.exclude(kind=Kind.THANKS).filter(pk=prize_id).update(total=F("total") + pieces)
    audit.record(by, "draw.favoured", lottery, at=at, ends_at=lottery.ends_at.isoformat(), more=more or {})
    return lottery


def end_due(*, at: datetime) -> int:
    """Draws whose time is over have ended, and their secrets can be shown. Prizes not claimed in time are forfeited."""
    with transaction.atomic():
        Draw.objects.filter(state=State.WON, claim_by__lte=at).update(state=State.FORFEITED, settled_at=at)
        return Lottery.objects.filter(status=Status.PUBLISHED, ends_at__lte=at).update(status=Status.ENDED, ended_at=at)


# Tickets ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def follow_order(order: Order, *, at: datetime) -> int:
    """A paid order has its tickets for the draws that run, a dead one none that could still be used. How many changed."""
    if order.status != Order.Status.PAID or order.fully_refunded_on is not None:
        unused = Ticket.objects.filter(
            source=Ticket.Source.ORDER, source_ref=ref_of(order), status=Ticket.Status.ISSUED
        )
        return unused.update(status=Ticket.Status.VOID)
    return _run(_TICKETS.replace("/* which */", "AND o.id = %(order)s"), at, order=order.pk)


@transaction.atomic
def follow_orders(*, at: datetime) -> int:
    """`follow_order` for all orders of the draws that run, as files of orders bring them."""
    return _run(_VOID, at) + _run(_TICKETS, at)


def _run(statement: str, at: datetime, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"at": at, "zone": settings.MALL_TIME_ZONE, **values})
        return cursor.rowcount


_TICKETS = """
    INSERT INTO loyalty_lotteryticket (lottery_id, customer_id, source, source_ref, n, status, issued_at)
    SELECT l.id, o.customer_id, 'order', o.source || ':' || o.external_id, 1, 'issued', %(at)s
      FROM loyalty_lottery l
      JOIN customers_order o ON o.status = 'paid' AND o.fully_refunded_on IS NULL AND o.paid >= l.min_order
                            AND o.ordered_on >= (l.starts_at AT TIME ZONE %(zone)s)::date
                            AND o.ordered_at >= l.starts_at AND o.ordered_at < l.ends_at /* which */
     WHERE l.status = 'published' AND l.entry = 'order' AND l.ends_at > %(at)s
    ON CONFLICT (lottery_id, source, source_ref, n)
    DO UPDATE SET customer_id = excluded.customer_id
     WHERE loyalty_lotteryticket.status = 'issued' AND loyalty_lotteryticket.customer_id <> excluded.customer_id
"""
_VOID = """
    UPDATE loyalty_lotteryticket t SET status = 'void'
      FROM customers_order o
     WHERE t.source = 'order' AND t.status = 'issued'
       AND o.source = split_part(t.source_ref, ':', 1)
       AND o.external_id = substr(t.source_ref, strpos(t.source_ref, ':') + 1)
       AND (o.status <> 'paid' OR o.fully_refunded_on IS NOT NULL)
"""


@transaction.atomic
def give_ticket(lottery_id: int, customer: Customer, *, reason: str, by: User, at: datetime) -> LotteryTicket:
    """One ticket as a gesture; it draws with the same odds as every other."""
    lottery = Lottery.objects.get(pk=lottery_id)
    _refuse_closed(lottery, at)
    if not reason.strip():
        raise Invalid(_("Say why the customer is given a ticket."), code="reason")
    ref = f"{customer.pk}:{secrets.token_hex(8)}"
    ticket = Ticket.objects.create(
        lottery=lottery, customer=customer, source=Ticket.Source.GIFT, source_ref=ref, issued_at=at
    )
    audit.record(by, "draw.ticket_given", customer, at=at, lottery=lottery.code, reason=reason.strip()[:200])
    return ticket


def for_points(*, at: datetime) -> QuerySet[Lottery]:
    """The draws that run at this moment and sell their tickets for points, the first to end first."""
    running = Lottery.objects.filter(status=Lottery.Status.PUBLISHED, starts_at__lte=at, ends_at__gt=at)
    return running.filter(entry=Lottery.Entry.POINTS).order_by("ends_at", "pk")


@again_after_deadlock
@transaction.atomic
def buy_ticket(lottery_id: int, customer: Customer, *, ref: str, at: datetime, by: User | None = None) -> LotteryTicket:
    """A ticket paid for with points, once per `ref`. Raises DomainError when there are too few points."""
    lottery = Lottery.objects.get(pk=lottery_id)
    _refuse_closed(lottery, at)
    if lottery.entry != Lottery.Entry.POINTS:
        raise DomainError(_("Tickets of this draw are not for points."), code="not_for_points")
    known = Ticket.objects.filter(lottery=lottery, source=Ticket.Source.POINTS, source_ref=ref, n=1).first()
    if known is not None and known.customer_id != customer.pk:
        raise SameKey()
    points.take(customer, lottery.points_cost, key=f"ticket:{lottery.pk}:{ref}", at=at, by=by, reason=lottery.name)
    ticket, _created = Ticket.objects.get_or_create(
        lottery=lottery,
        source=Ticket.Source.POINTS,
        source_ref=ref,
        n=1,
        defaults={"customer": customer, "issued_at": at},
    )
    return ticket


# Drawing ------------------------------------------------------------------------------------------------------------


@again_after_deadlock
@transaction.atomic
def draw(lottery_id: int, customer: Customer, *, idem_key: str, at: datetime) -> Draw:
    """One ticket of the customer is used and has its outcome. The same `idem_key` finds the same draw again.

    A prize that is gone gives the row “thanks” with the reason; there is no second roll, since that would change the
    published odds. A coupon that is won is issued at once. Raises DomainError without a ticket or outside the time.
    """
    Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    lottery = Lottery.objects.get(pk=lottery_id)
    if known := Draw.objects.filter(lottery=lottery, idem_key=idem_key).select_related("prize", "rolled").first():
        if known.customer_id != customer.pk:
            raise SameKey()
        return known
    _refuse_closed(lottery, at)
    _refuse_level(lottery, customer, at)
    today = mall_day(at)
    since = coupon_campaigns.local_midnight(today)
    if Draw.objects.filter(lottery=lottery, customer=customer, drawn_at__gte=since).count() >= lottery.draws_per_day:
        raise DomainError(
            _("There are %(most)d draws a day. Try again tomorrow.") % {"most": lottery.draws_per_day}, code="day_limit"
        )
    ticket = _ticket(lottery, customer, f"{customer.pk}:{today.isoformat()}", at)
    prizes = list(lottery.prizes.select_related("coupons").order_by("rank"))
    message = f"{lottery.code}/{ticket.pk}/{customer.number}"
    roll = roll_of(_secret(lottery), message)
    rolled = prizes[fell_on(roll, [prize.ppm for prize in prizes])]
    prize, reason = _outcome(lottery, customer, rolled, prizes)
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
        **_first_state(lottery, prize, at),
    )
    if prize.kind != Kind.THANKS:
        notices.prize_won(made, at=at)
    if prize.kind == Kind.COUPON:
        _hand_coupon(made, at)
    if prize.kind == Kind.POINTS:
        _hand_points(made, at)
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
    lottery: Lottery, customer: Customer, rolled: LotteryPrize, prizes: Sequence[LotteryPrize]
) -> tuple[LotteryPrize, str]:
    if rolled.kind == Kind.THANKS:
        return rolled, Draw.Reason.ODDS
    thanks = next(prize for prize in prizes if prize.kind == Kind.THANKS)
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


def _first_state(lottery: Lottery, prize: LotteryPrize, at: datetime) -> dict[str, Any]:
    if prize.kind == Kind.THANKS:
        return {"state": State.NOTHING}
    if prize.kind in (Kind.COUPON, Kind.POINTS):
        return {"state": State.CLAIMED}  # nobody has to ask for it
    return {"state": State.WON, "claim_by": at + timedelta(days=lottery.claim_days)}


def _hand_coupon(made: Draw, at: datetime) -> None:
    assert made.prize.coupons_id is not None  # noqa: S101 (a check of the table)
    try:
        with transaction.atomic():
            coupon = coupon_campaigns.give(made.prize.coupons_id, made.customer, by=None, at=at)
    except DomainError:
        return  # stays on the list of what is to be handed over
    _settle(made, State.FULFILLED, by=None, at=at, reference=f"coupon {coupon.pk}")


def _hand_points(made: Draw, at: datetime) -> None:
    try:
        with transaction.atomic():
            txn = points.grant(
                made.customer,
                made.prize.points,
                source=PointLot.Source.PRIZE,
                key=f"draw:{made.pk}",
                at=at,
                reason=made.lottery.name,
            )
    except DomainError:
        return  # stays on the list of what is to be handed over
    _settle(made, State.FULFILLED, by=None, at=at, reference=f"points {txn.pk}")


def _refuse_closed(lottery: Lottery, at: datetime) -> None:
    if lottery.status == Status.DRAFT or lottery.starts_at > at:
        raise DomainError(_("This draw has not begun."), code="not_begun")
    if lottery.status == Status.ENDED or lottery.ends_at <= at:
        raise DomainError(_("This draw is over."), code="draw_over")


def _refuse_level(lottery: Lottery, customer: Customer, at: datetime) -> None:
    if not clubs.reaches(customer, lottery.min_level, on=mall_day(at)):
        raise DomainError(_("This draw is for customers of a higher level."), code="level")


# Handing over -------------------------------------------------------------------------------------------------------


@transaction.atomic
def claim(draw_id: int, *, at: datetime) -> Draw:
    """The customer has claimed the prize and it is to be sent. Telling it twice is harmless."""
    found = _held_draw(draw_id)
    if found.state == State.WON:
        if found.claim_by is not None and found.claim_by <= at:
            raise DomainError(_("The time to claim this prize is over."), code="claim_over")
        found.state = State.CLAIMED
        found.save(update_fields=["state"])
    elif found.state == State.NOTHING:
        raise DomainError(_("This draw has won nothing."), code="nothing_won")
    elif found.state == State.FORFEITED:
        raise DomainError(_("The time to claim this prize is over."), code="claim_over")
    return found


@transaction.atomic
def hand_over(draw_id: int, *, by: User, at: datetime, reference: str = "") -> Draw:
    """The customer has the prize. `reference`: parcel number, points transaction. Twice is harmless."""
    found = _held_draw(draw_id)
    if found.state == State.FULFILLED:
        return found
    if found.state not in (State.WON, State.CLAIMED):
        raise DomainError(
            _("There is nothing to hand over: %(state)s.") % {"state": found.get_state_display()}, code="state"
        )
    audit.record(by, "draw.handed_over", found.customer, at=at, draw=found.pk)
    return _settle(found, State.FULFILLED, by=by, at=at, reference=reference)


def _settle(found: Draw, state: str, *, by: User | None, at: datetime, reference: str) -> Draw:
    found.state, found.settled_at, found.settled_by, found.reference = state, at, by, reference.strip()[:80]
    found.save(update_fields=["state", "settled_at", "settled_by", "reference"])
    return found


def _held_draw(draw_id: int) -> Draw:
    rows = Draw.objects.select_for_update(no_key=True, of=("self",)).select_related("customer", "prize")
    found = rows.filter(pk=draw_id).first()
    if found is None:
        raise Unknown(_("There is no such draw."), code="draw_unknown")
    return found


def points_to_grant(lottery: Lottery | None = None) -> QuerySet[Draw]:
    """Points that were won and are not yet on anybody's account. `hand_over` closes each."""
    rows = Draw.objects.filter(state=State.CLAIMED, prize__kind=Kind.POINTS).select_related("customer", "prize")
    return rows.filter(lottery=lottery) if lottery else rows


# Reading and checking -----------------------------------------------------------------------------------------------


class Odds(NamedTuple):
    """`percent`: the published odds; `rolled`: draws that fell on it; `given`: pieces given; `left`: pieces left."""

    prize: LotteryPrize
    percent: str
    one_in: int | None
    rolled: int
    expected: Decimal
    given: int
    left: int | None


def odds(lottery: Lottery) -> list[Odds]:
    rolled = dict(Draw.objects.filter(lottery=lottery).values_list("rolled").annotate(n=Count("pk")))
    given = dict(Draw.objects.filter(lottery=lottery).values_list("prize").annotate(n=Count("pk")))
    draws = sum(rolled.values())
    return [
        Odds(
            prize=prize,
            percent=f"{(Decimal(prize.ppm) / 10_000).normalize():f}",
            one_in=round(CERTAIN / prize.ppm) if prize.ppm else None,
            rolled=rolled.get(prize.pk, 0),
            expected=(Decimal(draws * prize.ppm) / CERTAIN).quantize(Decimal("0.1")),
            given=given.get(prize.pk, 0),
            left=prize.left,
        )
        for prize in lottery.prizes.order_by("rank")
    ]


def secret_shown(lottery: Lottery) -> str:
    """The secret in hexadecimal once the draw has ended; empty before."""
    return _secret(lottery).hex() if lottery.status == Status.ENDED else ""


def disagreements(lottery: Lottery) -> list[str]:
    """Draws that do not follow from secret, message and odds; empty when everything can be repeated."""
    secret = _secret(lottery)
    found = []
    if commitment_of(secret) != lottery.commitment:
        found.append("the secret is not the one committed to")
    prizes = list(lottery.prizes.order_by("rank"))
    ppm = [prize.ppm for prize in prizes]
    for one in lottery.draws.order_by("pk").iterator(chunk_size=5000):
        roll = roll_of(secret, one.message)
        if roll != one.roll:
            found.append(f"draw {one.pk}: the roll is {roll}, not {one.roll}")
        elif prizes[fell_on(roll, ppm)].pk != one.rolled_id:
            found.append(f"draw {one.pk}: {roll} does not fall on prize {one.rolled_id}")
        elif not one.message.startswith(f"{lottery.code}/{one.ticket_id}/"):
            found.append(f"draw {one.pk}: the message is not that of its ticket")
    return found


ARCHIVE = ("draw", "drawn at", "customer", "ticket", "source", "message", "roll", "rolled", "given", "reason", "state")


def archive(lottery: Lottery) -> Iterator[str]:
    """Lines of a CSV with everything needed to repeat the draw: its terms first, then every draw."""
    yield from _lines(
        [
            ["code", lottery.code],
            ["name", lottery.name],
            ["published", lottery.published_at.isoformat() if lottery.published_at else ""],
            ["from", lottery.starts_at.isoformat()],
            ["until", lottery.ends_at.isoformat()],
            ["algorithm", lottery.algorithm],
            ["commitment (SHA-256 of the secret)", lottery.commitment],
            ["secret (shown after the end)", secret_shown(lottery)],
            ["rank", "prize", "value", "pieces", "of a million draws"],
        ]
    )
    prizes = lottery.prizes.order_by("rank")
    yield from _lines([one.rank, one.name, one.value, one.total or "", one.ppm] for one in prizes)
    yield from _lines([ARCHIVE])
    rows = lottery.draws.select_related("customer", "ticket", "rolled", "prize").order_by("pk")
    yield from _lines(
        [
            one.pk,
            one.drawn_at.isoformat(),
            one.customer.number,
            one.ticket_id,
            one.ticket.source,
            one.message,
            one.roll,
            one.rolled.name,
            one.prize.name,
            one.reason,
            one.state,
        ]
        for one in rows.iterator(chunk_size=2000)
    )


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    for row in rows:
        line = io.StringIO()
        # A name that a spreadsheet would take for a formula is text.
        csv.writer(line).writerow([f"'{cell}" if str(cell)[:1] in ("=", "+", "-", "@") else cell for cell in row])
        yield line.getvalue()


@transaction.atomic
def merge(loser: Customer, winner: Customer) -> None:
    """Two records become one: tickets and draws move; what was drawn stays as it was drawn."""
    list(Customer.objects.select_for_update(no_key=True).filter(pk__in=[loser.pk, winner.pk]).order_by("pk"))
    Ticket.objects.filter(customer=loser).update(customer=winner)
    Draw.objects.filter(customer=loser).update(customer=winner)


def reseal(after: int, most: int) -> sealing.Resealed:
    """The secrets of the next draws after this id are under the current key of the vault: the same secrets."""
    lotteries = Lottery.objects.select_for_update(no_key=True).filter(pk__gt=after, secret__isnull=False)
    drawn = list(lotteries.order_by("pk")[:most])
    changed = 0
    with pgtrigger.ignore("loyalty.Lottery:frozen_once_published"):
        for lottery in drawn:
            about = lottery.commitment.encode()
            secret = sealing.if_old(bytes(lottery.secret or b""), use=SEALED_FOR, about=about)
            if secret is not None:
                lottery.secret = sealing.encrypt(secret, use=SEALED_FOR, about=about)
                lottery.save(update_fields=["secret"])
                changed += 1
    return sealing.Resealed(drawn[-1].pk if drawn else None, len(drawn), changed)


# Inside -------------------------------------------------------------------------------------------------------------


def _secret(lottery: Lottery) -> bytes:
    assert lottery.secret is not None  # noqa: S101 (a check of the table)
    return sealing.decrypt(bytes(lottery.secret), use=SEALED_FOR, about=lottery.commitment.encode())


def _draft(lottery_id: int) -> Lottery:
    lottery = Lottery.objects.select_for_update().get(pk=lottery_id)
    if lottery.status != Status.DRAFT:
        raise DomainError(
            _("This draw is published: rules, odds and prizes stay as the customers have read them."), code="frozen"
        )
    return lottery


def _known(terms: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(terms.keys() - set(TERMS)):
        raise TypeError(f"no terms of a draw: {unknown}")
    return terms


def _refuse_terms(lottery: Lottery) -> None:
    lottery.points_cost = lottery.points_cost if lottery.entry == Lottery.Entry.POINTS else 0
    try:
        lottery.clean_fields(exclude=["by", "published_by"])
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="terms") from None
    if lottery.ends_at <= lottery.starts_at:
        raise Invalid(_("A draw ends after it begins."), code="ends_at")
    if lottery.entry == Lottery.Entry.POINTS and lottery.points_cost < 1:
        raise Invalid(_("Say how many points a ticket costs."), code="points_cost")
    if lottery.draws_per_day < 1:
        raise Invalid(_("There is at least one draw a day."), code="draws_per_day")
    if lottery.min_order < 0:
        raise Invalid(_("Amounts are not negative."), code="min_order")


def _refuse_prize(fact: PrizeFact) -> None:
    if fact.kind not in Kind.values or not fact.name.strip():
        raise Invalid(_("Each prize has a name and a kind."), code="prize")
    if not 0 <= fact.ppm <= CERTAIN:
        raise Invalid(_("Odds lie between 0 and 100%%.") % {}, code="odds")
    if not NOTHING <= fact.value <= HIGHEST_PRIZE:
        raise Invalid(
            _("The law allows prizes of at most %(most)s; “%(name)s” is worth %(value)s.")
            % {"most": HIGHEST_PRIZE, "name": fact.name, "value": fact.value},
            code="prize_too_high",
        )
    if fact.kind == Kind.THANKS and (fact.total is not None or fact.value):
        raise Invalid(_("The row for those who win nothing has neither pieces nor value."), code="thanks")
    if fact.kind != Kind.THANKS and (fact.total is None or fact.total < 1):
        raise Invalid(_("Say how many pieces of “%(name)s” there are.") % {"name": fact.name}, code="pieces")
    if (fact.kind == Kind.POINTS) != (fact.points > 0):
        raise Invalid(_("A prize of points says how many, others have none."), code="points")
    if (fact.kind == Kind.COUPON) != (fact.coupons is not None):
        raise Invalid(_("A prize of coupons names their campaign, others have none."), code="coupons")
