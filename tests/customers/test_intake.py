"""What waits for a person before it is a fact: orders of nobody, amounts that are hard to believe, times that cannot be."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.accounts.models import AuditEntry, Role
from core.lib.errors import DomainError, Invalid
from customers import identity
from customers.identity import CustomerRef
from customers.intake import guests, recording, unusual
from customers.intake.guests import Kept
from customers.models import Customer, ExternalIdentity, GuestOrder, Order, Summary, UnusualOrder
from customers.orders import LineFact, OrderFact, Recorded
from customers.refunds import RefundFact
from tests.conftest import NOW, TODAY, MakeUser

pytestmark = pytest.mark.django_db

NOBODY = CustomerRef(source="shop")
GWEN = CustomerRef(source="shop", email="gwen@mall.example")


def fact(customer: CustomerRef = GWEN, **told: Any) -> OrderFact:
    usual = {
        "source": "shop",
        "external_id": "G1",
        "version": 1,
        "ordered_at": datetime(2026, 11, 1, 4, tzinfo=UTC),
        "paid": Decimal("100.00"),
    }
    return OrderFact(customer=customer, **(usual | told))


def record(customer: CustomerRef = GWEN, **told: Any) -> Recorded | Kept:
    return recording.record(fact(customer, **told), at=NOW, today=TODAY)


def of(recorded: Recorded | Kept) -> Recorded:
    assert isinstance(recorded, Recorded)
    return recorded


def kept(recorded: Recorded | Kept) -> Kept:
    assert isinstance(recorded, Kept)
    return recorded


# Keys ---------------------------------------------------------------------------------------------------------------


def test_two_spellings_of_a_number_are_one_order_of_one_customer() -> None:
    of(record(CustomerRef(source="shop", external_id='="m3"'), external_id='="35190000000000203"'))
    again = of(record(CustomerRef(source="shop", external_id="m3\u200b"), external_id="'35190000000000203"))

    assert again.outcome == "unchanged"
    assert (again.order.external_id, ExternalIdentity.objects.get().external_id) == ("35190000000000203", "m3")


@pytest.mark.parametrize(
    "told", [{"external_id": "3.519E+16"}, {"customer": CustomerRef(source="shop", external_id="3.5E+9")}]
)
def test_a_number_that_a_spreadsheet_rounded_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        record(**told)

    assert refusal.value.code == "number_damaged"
    assert not Order.objects.exists()


@pytest.mark.parametrize("number", ["", "-", "null", "000"])
def test_a_placeholder_is_no_order_number(number: str) -> None:
    with pytest.raises(Invalid) as refusal:
        record(external_id=number)

    assert refusal.value.code == "order_number_missing"


def test_guests_with_one_placeholder_are_as_many_people_as_e_mails() -> None:
    for number, name in enumerate(("gwen", "hal", "ida")):
        who = CustomerRef(source="shop", external_id="0", name=name, email=f"{name}@mall.example")
        record(who, external_id=f"G{number}")

    assert sorted(Customer.objects.values_list("name", flat=True)) == ["gwen", "hal", "ida"]
    assert not ExternalIdentity.objects.exists()


def test_placeholders_of_the_other_doors_join_nobody_either() -> None:
    with pytest.raises(Invalid) as refusal:
        identity.find_or_create(CustomerRef(source="desk", external_id="匿名"), today=TODAY)

    assert refusal.value.code == "customer_missing"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(
            ("phone", text)
            for text in ("18473461900-7804", "18473461900转7805", "1******6198", "138****1234", "无", "-")
        ),
        *(("phone", text) for text in ("13800000000", "1.38E+10", "分机 12")),
        *(
            ("email", text)
            for text in ("无", "-", "N/A", "a@b", "bla.@mall.example", "guest@mall.example", "x@none.com")
        ),
        *(("email", text) for text in ("no-reply@mall.example", "No.Email@mall.example", "***@qq.com")),
    ],
)
def test_a_contact_that_reaches_nobody_is_left_out_and_told(field: str, text: str) -> None:
    ref = identity.usable(CustomerRef(source="shop", external_id="v1", **{field: text}))

    assert [(out.field, bool(out.detail)) for out in ref.left_out] == [(field, True)]
    assert of(record(ref)).customer.contact_points.count() == 0


def test_a_contact_that_is_good_is_kept() -> None:
    ref = identity.usable(CustomerRef(source="shop", phone=" 138 0013 8000", email="Gwen@Mall.example"))

    assert (ref.phone, ref.email, ref.left_out) == ("+8613800138000", "gwen@mall.example", ())


# Orders of nobody ---------------------------------------------------------------------------------------------------

TEA = LineFact("tea", 2, Decimal("100.00"), name="Tea", category="Drinks")
BACK = RefundFact("r1", Decimal("10.00"), datetime(2026, 11, 3, 4, tzinfo=UTC))


def test_an_order_of_nobody_is_kept_as_it_was_told_and_counts_nowhere() -> None:
    result = kept(record(CustomerRef(source="shop", external_id="guest", name="Gwen"), lines=(TEA,), refunds=(BACK,)))

    assert (result.outcome, result.guest.why) == ("created", GuestOrder.Why.NOBODY)
    assert guests.fact_of(GuestOrder.objects.get()) == fact(NOBODY, lines=(TEA,), refunds=(BACK,))
    assert "Gwen" not in str(result.guest.fact)
    assert not any(model.objects.exists() for model in (Customer, Order, Summary))


def test_the_list_says_why() -> None:
    record(identity.usable(CustomerRef(source="shop", phone="1******6198")), external_id="V3")
    for other in ("a", "b"):
        record(CustomerRef(source="shop", external_id=other, phone="13800138000"), external_id=other)
    record(CustomerRef(source="shop", phone="13800138000"), external_id="V4")

    assert dict(GuestOrder.objects.values_list("external_id", "why")) == {"V3": "unusable", "V4": "ambiguous"}


def test_versions_of_an_order_of_nobody_follow_each_other() -> None:
    told = [{"version": 2}, {"version": 2}, {"version": 1}, {"version": 3, "paid": Decimal(90)}]

    assert [record(NOBODY, **one).outcome for one in told] == ["created", "unchanged", "stale", "updated"]
    with pytest.raises(DomainError) as refusal:
        record(NOBODY, version=3)
    assert refusal.value.code == "version_conflict"


HISTORY: list[tuple[CustomerRef, dict[str, Any]]] = [
    (NOBODY, {"version": 1}),
    (GWEN, {"version": 2, "paid": Decimal(90)}),
    (NOBODY, {"version": 3, "paid": Decimal(80), "refunds": (BACK,)}),
]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))), ids=str)
def test_an_order_whose_customer_is_named_once_is_that_customers_however_it_arrives(arrival: tuple[int, ...]) -> None:
    for index in (*arrival, *arrival):
        who, told = HISTORY[index]
        record(who, **told)

    order = Order.objects.get()
    assert (order.version, order.paid, order.refunds.count()) == (3, Decimal(80), 1)
    assert order.customer == Customer.objects.get()
    assert not GuestOrder.objects.exists()


def test_an_order_that_shares_its_phone_by_now_stays_with_its_customer() -> None:
    by_phone = CustomerRef(source="shop", phone="13800138000")
    first = of(record(by_phone)).customer
    record(CustomerRef(source="till", external_id="t1", phone="13800138001"), external_id="T1")
    of(record(CustomerRef(source="till", external_id="t1", phone="13800138000"), external_id="T2"))

    later = of(record(by_phone, version=2, paid=Decimal(50)))

    assert (later.outcome, later.customer) == ("updated", first)


# Amounts ------------------------------------------------------------------------------------------------------------

HUGE = Decimal("999999999.00")


@pytest.fixture
def shop() -> None:
    for number in range(unusual.FEWEST):
        record(CustomerRef(source="shop", external_id=f"c{number}"), external_id=f"o{number}", paid=Decimal(300))


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("told", [{"paid": HUGE}, {"cost": HUGE}, {"paid": Decimal("300000.01")}])
def test_an_amount_far_from_all_others_waits_and_counts_nowhere(told: dict[str, Any]) -> None:
    recorded = of(record(**told))

    assert (recorded.outcome, recorded.order.status) == ("created", Order.Status.HELD)
    assert UnusualOrder.objects.get().usual == Decimal(300)
    assert not Summary.objects.filter(customer=recorded.customer).exists()
    assert of(record(**told)).outcome == "unchanged"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("told", [{"paid": Decimal(300_000)}, {"paid": HUGE, "status": "cancelled"}])
def test_what_can_be_or_is_not_paid_is_not_asked_about(told: dict[str, Any]) -> None:
    record(**told)

    assert not UnusualOrder.objects.exists()


def test_a_shop_of_few_orders_has_no_usual_amount() -> None:
    assert of(record(paid=HUGE)).order.status == Order.Status.PAID


@pytest.mark.usefixtures("shop")
def test_a_confirmed_amount_counts_and_is_not_asked_about_again(make_user: MakeUser) -> None:
    order = of(record(paid=HUGE)).order
    boss = make_user(Role.TEAM_LEAD)

    unusual.confirm(order.pk, by=boss, at=NOW, today=TODAY)

    assert Summary.objects.get(customer=order.customer).paid_sum == HUGE
    assert [of(record(paid=HUGE, version=version)).outcome for version in (1, 2, 1)] == [
        "unchanged",
        "updated",
        "stale",
    ]
    assert Order.objects.get(pk=order.pk).status == Order.Status.PAID
    assert AuditEntry.objects.filter(action="order.unusual_right", actor=boss).count() == 1
    with pytest.raises(DomainError):
        unusual.confirm(order.pk, by=boss, at=NOW, today=TODAY)


@pytest.mark.usefixtures("shop")
def test_what_is_kept_out_stays_out_until_another_amount_is_told(make_user: MakeUser) -> None:
    order = of(record(paid=HUGE)).order
    unusual.keep_out(order.pk, by=make_user(Role.TEAM_LEAD), at=NOW)

    assert of(record(paid=HUGE, version=2)).order.status == Order.Status.HELD
    assert UnusualOrder.objects.get().state == UnusualOrder.State.KEPT_OUT
    assert of(record(paid=HUGE + 1, version=3)).order.status == Order.Status.HELD
    assert UnusualOrder.objects.get().state == UnusualOrder.State.OPEN
    assert of(record(paid=Decimal("99.99"), version=4)).order.status == Order.Status.PAID
    assert not UnusualOrder.objects.exists()


@pytest.mark.usefixtures("shop")
def test_once_cancelled_nothing_is_asked() -> None:
    record(paid=HUGE)
    record(paid=HUGE, status=Order.Status.CANCELLED, version=2)

    assert not UnusualOrder.objects.exists()


# Times --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"ordered_at": NOW + timedelta(days=1, seconds=1)}, "time_ahead"),
        ({"ordered_at": datetime(2062, 9, 1, tzinfo=UTC)}, "time_ahead"),
        ({"refunds": (RefundFact("r", Decimal(1), datetime(2062, 9, 1, tzinfo=UTC)),)}, "time_ahead"),
        ({"ordered_at": datetime(1970, 1, 1, tzinfo=UTC)}, "time_too_early"),
        ({"ordered_at": datetime(1980, 1, 1, tzinfo=UTC)}, "time_too_early"),
    ],
)
def test_times_that_cannot_be_are_refused(told: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        record(**told)

    assert refusal.value.code == code
    assert not any(model.objects.exists() for model in (Customer, Order))


def test_a_clock_that_is_a_little_ahead_is_no_error() -> None:
    assert of(record(ordered_at=NOW + timedelta(hours=23))).outcome == "created"
