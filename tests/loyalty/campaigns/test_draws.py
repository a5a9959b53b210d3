"""A draw from its first line to the archive: published and frozen, drawn by odds, and repeatable by anybody."""

import csv
import hashlib
import hmac
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.db import IntegrityError, InternalError, transaction
from hypothesis import given
from hypothesis import strategies as st

from core.lib.errors import DomainError, Invalid
from crm.flows import arrival
from crm.flows.record import merging
from customers.identity import CustomerRef
from customers.models import Customer
from customers.orders import OrderFact, RefundFact
from loyalty.campaigns import draws
from loyalty.campaigns import laws as campaign_laws
from loyalty.campaigns import night as campaign_night
from loyalty.campaigns.draws import PrizeFact, fell_on
from loyalty.models import Coupon, Draw, Lottery, LotteryPrize, LotteryTicket
from loyalty.points import accounts as points
from loyalty.tiers import membership
from tests.conftest import TODAY, MakeCustomer, MakeOrder
from tests.loyalty.campaigns.stories import DAY, HOUR, MINUTE, NOON, goods, lead, published, running
from tests.loyalty.points import stories as point_stories
from tests.loyalty.tiers.stories import content, night, noon, person, put_in_force
from tests.pieces import at_once

Kind, State = LotteryPrize.Kind, Draw.State


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


@pytest.fixture
def han_meimei(make_customer: MakeCustomer) -> Customer:
    return make_customer("韩梅梅")


@pytest.fixture(autouse=True)
def _laws(request: pytest.FixtureRequest) -> Any:
    """Each story on the database ends with every law kept."""
    tables = "db" in request.fixturenames
    if tables:
        request.getfixturevalue("db")
    yield
    if tables:
        assert campaign_laws.broken() == []


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def refusal(verb: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(DomainError) as caught:
        verb(*args, **kwargs)
    return caught.value.code


def give(lottery: Lottery, customer: Customer, count: int) -> None:
    for _ in range(count):
        draws.give_ticket(lottery.pk, customer, reason="birthday", by=lead(), at=NOON)


def draw_all(lottery: Lottery, customer: Customer, count: int) -> list[Draw]:
    give(lottery, customer, count)
    return [draws.draw(lottery.pk, customer, idem_key=f"{customer.pk}-{n}", at=NOON) for n in range(count)]


# The arithmetic -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6), st.integers(0, 10**6 - 1))
def test_every_roll_falls_on_exactly_the_stretch_that_holds_it(weights: list[int], roll: int) -> None:
    odds = [weight * 10**6 // (sum(weights) or 1) for weight in weights]
    odds[-1] += 10**6 - sum(odds)

    place = fell_on(roll, odds)

    assert sum(odds[:place]) <= roll < sum(odds[: place + 1])


def test_the_edges_of_a_stretch() -> None:
    odds = [1, 0, 499_999, 500_000]

    assert [fell_on(roll, odds) for roll in (0, 1, 499_999, 500_000, 999_999)] == [0, 2, 2, 3, 3]


def test_rolls_are_spread_evenly() -> None:
    tens = [0] * 10
    for n in range(20_000):
        tens[draws.roll_of(b"secret", f"WHEEL/{n}") // 100_000] += 1

    # Chi-square of nine degrees of freedom; the secret is fixed, so this is decided once and for all.
    assert sum((count - 2000) ** 2 / 2000 for count in tens) < 21.67


# Setting up ---------------------------------------------------------------------------------------------------------


def draft(*prizes: PrizeFact, **terms: Any) -> Lottery:
    told = {"name": "大转盘", "rules": "每单一次", "entry": "daily", "starts_at": NOON, "ends_at": NOON + DAY}
    lottery = draws.create("WHEEL", by=lead("wang"), at=NOON, **(told | terms))
    return draws.set_prizes(lottery.pk, prizes, by=lead("wang"), at=NOON)


def missing(lottery: Lottery, at: Any = NOON) -> list[int]:
    return [place for place, check in enumerate(draws.checklist(lottery, at=at)) if not check.ok]


def test_the_checklist_names_what_is_missing(db: None) -> None:
    thanks = PrizeFact("谢谢", Kind.THANKS, 999_000)

    assert missing(draft()) == [1, 2, 3]
    lottery = Lottery.objects.get()
    draws.set_prizes(lottery.pk, [goods(ppm=999), thanks], by=lead(), at=NOON)
    assert missing(lottery) == [3]
    assert refusal(draws.publish, lottery.pk, by=lead("zhao"), at=NOON) == "not_ready"
    draws.set_prizes(lottery.pk, [goods(ppm=1000), thanks], by=lead(), at=NOON)
    assert missing(lottery) == []
    assert missing(lottery, NOON + DAY) == [6]


def test_the_last_editor_does_not_publish(db: None) -> None:
    lottery = draft(goods(ppm=1000), PrizeFact("谢谢", Kind.THANKS, 999_000))

    assert refusal(draws.publish, lottery.pk, by=lead("wang"), at=NOON) == "second_person"
    assert draws.publish(lottery.pk, by=lead("zhao"), at=NOON).status == Lottery.Status.PUBLISHED


def test_a_prize_above_fifty_thousand_is_refused_by_the_verb_and_by_the_database(db: None) -> None:
    lottery = draft(goods(value="50000.00"))

    with pytest.raises(Invalid, match=r"50000\.00"):
        draws.set_prizes(lottery.pk, [goods(value="50000.01")], by=lead(), at=NOON)
    with pytest.raises(IntegrityError, match="prize_at_most_50000"), transaction.atomic():
        lottery.prizes.update(value=Decimal("50000.01"))


@pytest.mark.parametrize(
    "wrong",
    [
        PrizeFact("", Kind.GOODS, 1, 1),
        PrizeFact("x", Kind.GOODS, 1),
        PrizeFact("x", Kind.GOODS, 1, 0),
        PrizeFact("x", Kind.GOODS, -1, 1),
        PrizeFact("x", Kind.POINTS, 1, 1),
        PrizeFact("x", Kind.COUPON, 1, 1),
        PrizeFact("x", Kind.THANKS, 1, 1),
        PrizeFact("x", Kind.GOODS, 1_000_001, 1),
    ],
)
def test_prizes_that_make_no_sense_are_refused(db: None, wrong: PrizeFact) -> None:
    with pytest.raises(Invalid), transaction.atomic():
        draft(wrong)


def test_published_is_frozen_for_verbs_and_in_the_database(li_lei: Customer) -> None:
    lottery = published(goods(ppm=1000))
    prize = lottery.prizes.get(kind=Kind.GOODS)

    assert refusal(draws.change, lottery.pk, by=lead(), at=NOON, rules="x") == "frozen"
    assert refusal(draws.set_prizes, lottery.pk, [], by=lead(), at=NOON) == "frozen"
    for change in (
        lambda: Lottery.objects.update(rules="x"),
        lambda: Lottery.objects.update(ends_at=lottery.ends_at - MINUTE),
        lambda: Lottery.objects.update(commitment="0" * 64),
        lambda: lottery.prizes.filter(pk=prize.pk).update(ppm=999),
        lambda: lottery.prizes.filter(pk=prize.pk).update(total=1),
        lambda: lottery.prizes.all().delete(),
        lambda: LotteryPrize.objects.create(lottery=lottery, rank=9, name="x", kind="goods", ppm=0, total=1),
        lambda: Lottery.objects.all().delete(),
    ):
        with pytest.raises(InternalError), transaction.atomic():
            change()


def test_in_the_customers_favour_the_end_moves_back_and_the_stock_grows(db: None) -> None:
    lottery = published(goods(ppm=1000, total=2))
    prize, later = lottery.prizes.get(kind=Kind.GOODS), lottery.ends_at + DAY

    draws.favour(lottery.pk, by=lead(), at=NOON, ends_at=later, more={prize.pk: 3})

    assert (fresh(lottery).ends_at, fresh(prize).total) == (later, 5)
    assert refusal(draws.favour, lottery.pk, by=lead(), at=NOON, ends_at=later - MINUTE) == "frozen"
    assert refusal(draws.favour, lottery.pk, by=lead(), at=NOON, more={prize.pk: -1}) == "frozen"
    assert refusal(draws.favour, lottery.pk, by=lead(), at=later) == "not_running"


# Tickets ------------------------------------------------------------------------------------------------------------


def tell(customer: Customer, version: int = 1, paid: str = "300.00", status: str = "paid", refunds: Any = ()) -> None:
    fact = OrderFact(
        source="shop",
        external_id="o-1",
        version=version,
        customer=CustomerRef(number=customer.number),
        ordered_at=NOON,
        paid=Decimal(paid),
        status=status,
        refunds=tuple(refunds),
    )
    arrival.order(fact, at=NOON + HOUR, today=TODAY)


@pytest.mark.parametrize(("paid", "tickets"), [("299.99", 0), ("300.00", 1), ("900.00", 1)])
def test_a_paid_order_from_the_amount_on_has_one_ticket(li_lei: Customer, paid: str, tickets: int) -> None:
    published(goods(), entry="order", min_order=Decimal("300.00"))

    tell(li_lei, paid=paid)
    tell(li_lei, version=2, paid=paid)

    assert LotteryTicket.objects.filter(customer=li_lei).count() == tickets


def test_a_dead_order_voids_its_ticket_unless_it_was_used(li_lei: Customer) -> None:
    lottery = published(goods(), entry="order")
    tell(li_lei)
    tell(li_lei, version=2, refunds=[RefundFact("r", Decimal("300.00"), NOON)])

    assert LotteryTicket.objects.get().status == "void"
    assert refusal(draws.draw, lottery.pk, li_lei, idem_key="k", at=NOON + 2 * HOUR) == "no_ticket"


@pytest.mark.parametrize(
    "told",
    [{"status": "cancelled"}, {"status": "pending"}, {"paid": "299.99"}, {"status": "held", "paid": "300.00"}],
    ids=str,
)
def test_an_order_that_is_taken_back_takes_its_ticket_and_gives_it_back(li_lei: Customer, told: dict[str, str]) -> None:
    lottery = published(goods(), entry="order", min_order=Decimal("300.00"))
    tell(li_lei, paid="300.00")
    tell(li_lei, version=2, **{"paid": "300.00"} | told)
    assert LotteryTicket.objects.get().status == "void"
    assert draws.follow_orders(at=NOON + HOUR) == 0

    tell(li_lei, version=3, paid="300.00")

    assert LotteryTicket.objects.get().status == "issued"
    draws.draw(lottery.pk, li_lei, idem_key="k", at=NOON + 2 * HOUR)


def test_what_was_drawn_with_a_ticket_stays_drawn(li_lei: Customer) -> None:
    lottery = published(goods(), entry="order")
    tell(li_lei)
    won = draws.draw(lottery.pk, li_lei, idem_key="k", at=NOON + HOUR)
    tell(li_lei, version=2, status="cancelled")

    assert (LotteryTicket.objects.get().status, fresh(won).state) == ("used", State.WON)


def test_orders_from_a_file_have_their_tickets_after_the_night(li_lei: Customer, make_order: MakeOrder) -> None:
    published(goods(), entry="order")
    make_order(li_lei, TODAY)
    make_order(li_lei, TODAY - timedelta(days=30))

    assert draws.follow_orders(at=NOON) == 1
    assert draws.follow_orders(at=NOON) == 0


def test_the_free_draw_is_once_a_day_of_the_mall(li_lei: Customer) -> None:
    lottery = published(goods(ppm=1))
    midnight = NOON + 12 * HOUR
    draws.draw(lottery.pk, li_lei, idem_key="1", at=midnight - MINUTE)

    assert refusal(draws.draw, lottery.pk, li_lei, idem_key="2", at=midnight - MINUTE) == "no_ticket"
    draws.draw(lottery.pk, li_lei, idem_key="3", at=midnight)


def test_tickets_are_bought_with_points_once_per_reference(li_lei: Customer, han_meimei: Customer) -> None:
    lottery = published(goods(), entry="points", points_cost=100)
    point_stories.rules()
    points.grant(li_lei, 150, source="goodwill", key="g", at=NOON)

    first = draws.buy_ticket(lottery.pk, li_lei, ref="hold-1", at=NOON)

    assert draws.buy_ticket(lottery.pk, li_lei, ref="hold-1", at=NOON) == first
    assert point_stories.available(li_lei, NOON) == 50
    assert refusal(draws.buy_ticket, lottery.pk, han_meimei, ref="hold-1", at=NOON) == "key_used"
    assert refusal(draws.buy_ticket, lottery.pk, li_lei, ref="hold-2", at=NOON) == "points_insufficient"


def test_a_frozen_account_buys_no_ticket(li_lei: Customer) -> None:
    lottery = published(goods(), entry="points", points_cost=100)
    point_stories.rules()
    points.grant(li_lei, 150, source="goodwill", key="g", at=NOON)
    points.freeze(li_lei, frozen=True, by=lead(), reason="looked into", at=NOON)

    assert refusal(draws.buy_ticket, lottery.pk, li_lei, ref="hold-1", at=NOON) == "points_frozen"
    assert point_stories.available(li_lei, NOON) == 150


# Drawing ------------------------------------------------------------------------------------------------------------


def test_the_same_key_has_the_same_outcome_and_is_nobody_elses(li_lei: Customer, han_meimei: Customer) -> None:
    lottery = published(goods(ppm=500_000))
    give(lottery, li_lei, 2)
    first = draws.draw(lottery.pk, li_lei, idem_key="k", at=NOON)

    assert draws.draw(lottery.pk, li_lei, idem_key="k", at=NOON + DAY) == first
    assert LotteryTicket.objects.filter(status="issued").count() == 1
    assert refusal(draws.draw, lottery.pk, han_meimei, idem_key="k", at=NOON) == "key_used"


def test_a_prize_that_is_gone_gives_thanks_with_the_reason_and_no_second_roll(li_lei: Customer) -> None:
    lottery = published(goods(total=2))

    outcomes = draw_all(lottery, li_lei, 5)

    assert [(one.prize.kind, one.reason) for one in outcomes] == [("goods", "odds")] * 2 + [("thanks", "sold_out")] * 3
    assert {one.rolled.kind for one in outcomes} == {"goods"}
    assert [one.state for one in outcomes[1:3]] == [State.WON, State.NOTHING]


def test_nobody_wins_more_often_than_the_rules_allow(li_lei: Customer, han_meimei: Customer) -> None:
    lottery = published(goods(total=9), wins_per_customer=1)

    assert [one.reason for one in draw_all(lottery, li_lei, 3)] == ["odds", "limit", "limit"]
    assert [one.reason for one in draw_all(lottery, han_meimei, 1)] == ["odds"]


def test_there_is_a_day_limit(li_lei: Customer) -> None:
    lottery = published(goods(), draws_per_day=2)
    draw_all(lottery, li_lei, 2)
    give(lottery, li_lei, 1)

    assert refusal(draws.draw, lottery.pk, li_lei, idem_key="x", at=NOON + HOUR) == "day_limit"
    draws.draw(lottery.pk, li_lei, idem_key="x", at=NOON + DAY)


def test_a_draw_for_a_level_is_closed_to_those_below(li_lei: Customer) -> None:
    lottery = published(goods(), min_level="gold")
    assert refusal(draws.draw, lottery.pk, li_lei, idem_key="x", at=NOON) == "level"

    put_in_force(content(), TODAY - timedelta(days=2))
    night(TODAY - timedelta(days=1))
    assert refusal(draws.draw, lottery.pk, li_lei, idem_key="x", at=NOON) == "level"
    membership.promise_floor(
        li_lei, level="gold", ends_on=TODAY + timedelta(days=9), reason="x", by=person("chen"), at=noon(TODAY)
    )
    assert draws.draw(lottery.pk, li_lei, idem_key="x", at=NOON).state == State.WON


@pytest.mark.parametrize("at", [NOON - 2 * DAY, NOON + 9 * DAY])
def test_outside_its_time_nobody_draws(li_lei: Customer, at: Any) -> None:
    lottery = published(goods())

    assert refusal(draws.draw, lottery.pk, li_lei, idem_key="x", at=at) in ("not_begun", "draw_over")


def test_a_coupon_that_is_won_is_issued_at_once(li_lei: Customer) -> None:
    coupons = running()
    lottery = published(PrizeFact("十元券", Kind.COUPON, 1_000_000, 5, Decimal("10.00"), coupons=coupons))

    won = draw_all(lottery, li_lei, 1)[0]

    assert (won.state, won.reference) == (State.FULFILLED, f"coupon {Coupon.objects.get(customer=li_lei).pk}")


def test_a_coupon_that_cannot_be_issued_stays_to_be_handed_over(li_lei: Customer) -> None:
    campaign = running()
    lottery = published(PrizeFact("十元券", Kind.COUPON, 1_000_000, 5, Decimal("10.00"), coupons=campaign))
    type(campaign).objects.filter(pk=campaign.pk).update(status="ended")

    assert draw_all(lottery, li_lei, 1)[0].state == State.CLAIMED


def test_points_that_are_won_are_on_the_account_at_once(li_lei: Customer) -> None:
    point_stories.rules()
    lottery = published(PrizeFact("百分", Kind.POINTS, 1_000_000, 5, Decimal("1.00"), points=100))
    won = draw_all(lottery, li_lei, 2)

    assert [one.state for one in won] == [State.FULFILLED] * 2
    assert point_stories.available(li_lei, NOON) == 200


def test_points_that_are_won_wait_while_the_mall_has_no_points(li_lei: Customer) -> None:
    lottery = published(PrizeFact("百分", Kind.POINTS, 1_000_000, 5, Decimal("1.00"), points=100))
    won = draw_all(lottery, li_lei, 1)[0]

    assert list(draws.points_to_grant()) == [won]
    draws.hand_over(won.pk, by=lead(), at=NOON, reference="txn 1")
    assert list(draws.points_to_grant()) == []


Turn = Callable[..., dict[str, int]]


@pytest.mark.parametrize(
    "turn", [lambda at: campaign_night.sweep(at=at), lambda at: at_once(campaign_night.PIECES, at)]
)
def test_points_won_before_the_programme_are_credited_by_themselves_once_it_runs(
    turn: Turn, li_lei: Customer, han_meimei: Customer
) -> None:
    lottery = published(PrizeFact("百分", Kind.POINTS, 1_000_000, 5, Decimal("1.00"), points=100))
    won = draw_all(lottery, li_lei, 2) + draw_all(lottery, han_meimei, 1)
    assert turn(at=NOON + MINUTE)["points_credited"] == 0

    point_stories.rules(starts_at=NOON + DAY)
    assert turn(at=NOON + DAY - MINUTE)["points_credited"] == 0
    assert [fresh(one).state for one in won] == [State.CLAIMED] * 3
    assert turn(at=NOON + DAY)["points_credited"] == 3
    assert turn(at=NOON + DAY + MINUTE)["points_credited"] == 0

    assert [fresh(one).state for one in won] == [State.FULFILLED] * 3
    assert fresh(won[0]).reference.startswith("points ")
    assert [point_stories.available(who, NOON + 2 * DAY) for who in (li_lei, han_meimei)] == [200, 100]
    assert list(draws.points_to_grant()) == []


def test_points_that_somebody_handed_over_by_hand_meanwhile_are_not_credited_too(li_lei: Customer) -> None:
    lottery = published(PrizeFact("百分", Kind.POINTS, 1_000_000, 5, Decimal("1.00"), points=100))
    won = draw_all(lottery, li_lei, 1)[0]
    draws.hand_over(won.pk, by=lead(), at=NOON, reference="by letter")
    point_stories.rules()

    assert campaign_night.sweep(at=NOON + DAY)["points_credited"] == 0
    assert points.balance(li_lei, at=NOON + DAY).available == 0


def test_a_frozen_account_has_what_was_won(li_lei: Customer) -> None:
    lottery = published(PrizeFact("百分", Kind.POINTS, 1_000_000, 5, Decimal("1.00"), points=100))
    points.freeze(li_lei, frozen=True, by=lead(), reason="looked into", at=NOON)
    draw_all(lottery, li_lei, 1)
    point_stories.rules()
    campaign_night.sweep(at=NOON + DAY)

    assert points.balance(li_lei, at=NOON + DAY).available == 100


def test_points_won_by_who_became_somebody_else_are_the_others(li_lei: Customer, han_meimei: Customer) -> None:
    lottery = published(PrizeFact("百分", Kind.POINTS, 1_000_000, 5, Decimal("1.00"), points=100))
    draw_all(lottery, li_lei, 1)
    merging.merge(li_lei, han_meimei, by=lead(), at=NOON, reason="one person")
    point_stories.rules()
    campaign_night.sweep(at=NOON + DAY)

    assert points.balance(han_meimei, at=NOON + DAY).available == 100
    assert list(draws.points_to_grant()) == []


def test_a_draw_that_was_on_its_way_while_two_became_one_credits_the_one(
    li_lei: Customer, han_meimei: Customer
) -> None:
    point_stories.rules()
    points.grant(li_lei, 1, source="reward", key="welcome", at=NOON)
    lottery = published(PrizeFact("百分", Kind.POINTS, 1_000_000, 5, Decimal("1.00"), points=100))
    give(lottery, li_lei, 1)
    points.merge(li_lei, han_meimei, by=lead(), at=NOON)

    won = draws.draw(lottery.pk, li_lei, idem_key="late", at=NOON + MINUTE)

    assert won.state == State.FULFILLED
    assert point_stories.available(han_meimei, NOON + DAY) == 101


# Claimed, handed over, forfeited ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("late", "state"), [(-MINUTE, State.CLAIMED), (timedelta(0), None)])
def test_a_prize_is_claimed_in_time(li_lei: Customer, late: timedelta, state: str | None) -> None:
    won = draw_all(published(goods(), claim_days=7), li_lei, 1)[0]
    at = NOON + 7 * DAY + late

    if state:
        assert draws.claim(won.pk, at=at).state == state
        assert draws.claim(won.pk, at=at + DAY).state == state
    else:
        assert refusal(draws.claim, won.pk, at=at) == "claim_over"


def test_what_nobody_claims_is_forfeited_once(li_lei: Customer) -> None:
    won = draw_all(published(goods(), claim_days=7), li_lei, 1)[0]
    draws.end_due(at=NOON + 8 * DAY)

    assert fresh(won).state == State.FORFEITED
    assert refusal(draws.hand_over, won.pk, by=lead(), at=NOON + 8 * DAY) == "state"


# The end, the check, the archive ------------------------------------------------------------------------------------


def test_the_secret_is_shown_after_the_end_and_everything_follows_from_it(li_lei: Customer) -> None:
    lottery = published(goods(ppm=300_000, total=1))
    made = draw_all(lottery, li_lei, 20)
    assert draws.secret_shown(fresh(lottery)) == ""

    assert draws.end_due(at=lottery.ends_at) == 1
    assert draws.end_due(at=lottery.ends_at) == 0

    secret = bytes.fromhex(draws.secret_shown(fresh(lottery)))
    assert hashlib.sha256(secret).hexdigest() == lottery.commitment
    for one in made:
        digest = hmac.new(secret, f"WHEEL/{one.ticket_id}/{li_lei.number}".encode(), "sha256").hexdigest()
        assert int(digest, 16) % 1_000_000 == one.roll
        assert (one.roll < 300_000) == (one.rolled.kind == "goods")
    assert draws.disagreements(fresh(lottery)) == []


def test_a_draw_that_was_tampered_with_is_found(li_lei: Customer) -> None:
    lottery = published(goods(ppm=300_000, total=1))
    first, second = draw_all(lottery, li_lei, 2)

    with pytest.raises(InternalError), transaction.atomic():
        Draw.objects.filter(pk=first.pk).update(roll=1)
    with pgtrigger.ignore("loyalty.Draw:never_redrawn"):
        Draw.objects.filter(pk=first.pk).update(roll=(first.roll + 1) % 1_000_000)
        Draw.objects.filter(pk=second.pk).update(message="WHEEL/0/x")
    found = draws.disagreements(lottery)

    assert [line.split(":")[0] for line in found] == [f"draw {first.pk}", f"draw {second.pk}"]


def test_the_archive_holds_everything_and_no_formula(li_lei: Customer) -> None:
    lottery = published(replace(goods(ppm=1000), name="=HYPERLINK(1)"))
    draw_all(lottery, li_lei, 2)

    lines = list(draws.archive(lottery))

    assert lines[0] == "code,WHEEL\r\n"
    assert any(line.startswith("1,'=HYPERLINK(1)") for line in lines)
    assert len(lines) == 9 + 2 + 1 + 2
    assert li_lei.number in lines[-1]
    assert "李雷" not in "".join(lines)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\u200b=", "\ufeff＝", "＝", "＋", "－", "＠"])
def test_no_name_in_the_archive_is_a_formula(li_lei: Customer, start: str) -> None:
    lottery = published(replace(goods(ppm=1000), name=f"{start}HYPERLINK(1)"))
    draw_all(lottery, li_lei, 1)

    rows = list(csv.reader(io.StringIO("".join(draws.archive(lottery)), newline="")))

    assert rows[9][:3] == ["1", f"'{start}HYPERLINK(1)", "3000.00"]


def test_the_odds_page_counts_what_fell(li_lei: Customer) -> None:
    lottery = published(goods(total=2, ppm=1_000_000))
    draw_all(lottery, li_lei, 3)

    phone, thanks = draws.odds(lottery)

    assert (phone.rolled, phone.given, phone.left, str(phone.expected), phone.one_in) == (3, 2, 0, "3.0", 1)
    assert (thanks.rolled, thanks.given, thanks.left, thanks.one_in) == (0, 1, None, None)


def test_a_published_draw_that_has_not_begun_is_called_off_and_one_that_has_is_not(li_lei: Customer) -> None:
    coming = published(goods(ppm=1000), starts_at=NOON + DAY, ends_at=NOON + 2 * DAY)

    assert refusal(draws.call_off, coming.pk, by=lead(), at=NOON, reason=" ") == "reason_missing"
    assert refusal(draws.call_off, coming.pk, by=lead(), at=NOON + DAY, reason="late") == "has_begun"
    off = draws.call_off(coming.pk, by=lead(), at=NOON, reason="a wrong prize")

    assert (off.status, off.called_off) == (Lottery.Status.ENDED, True)
    assert refusal(draws.draw, off.pk, li_lei, idem_key="a", at=NOON + DAY + MINUTE) != ""
    assert refusal(draws.call_off, off.pk, by=lead(), at=NOON, reason="again") == "has_begun"
