"""Goods on account: who grants how much, what an order reserves and owes, what comes back, what is late."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import InternalError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.accounts.models import Role
from core.lib.errors import DomainError
from crm.flows import arrival
from customers.identity import CustomerRef
from customers.models import Customer
from customers.orders import OrderFact, RefundFact
from loyalty.campaigns import credit
from loyalty.campaigns import laws as campaign_laws
from loyalty.models import CreditAccount, CreditAuthorisation, CreditEntry, CreditLimitChange
from tests.conftest import TODAY, MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import DAY, HOUR, MINUTE, NOON, lead, on_account

Status = CreditAuthorisation.Status


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


@pytest.fixture(autouse=True)
def _laws(request: pytest.FixtureRequest) -> Any:
    """Each story on the database ends with every law kept."""
    tables = "db" in request.fixturenames
    if tables:
        request.getfixturevalue("db")
    yield
    if tables:
        assert campaign_laws.broken() == []


def refusal(verb: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(DomainError) as caught:
        verb(*args, **kwargs)
    return caught.value.code


def reserve(customer: Customer, amount: str, ref: str = "shop:1", **told: Any) -> CreditAuthorisation:
    return credit.authorise(customer, ref, amount, **({"idem_key": ref, "at": NOON} | told))


def charge(customer: Customer, amount: str, ref: str = "shop:1", at: Any = NOON) -> CreditAuthorisation:
    return credit.capture(reserve(customer, amount, ref, at=at).pk, at=at)


def account(customer: Customer) -> CreditAccount:
    return CreditAccount.objects.get(customer=customer)


def figures(customer: Customer) -> tuple[str, str, str]:
    found = account(customer)
    return str(found.exposure), str(found.authorised), str(found.left)


# Limits -------------------------------------------------------------------------------------------------------------


def test_a_manager_proposes_and_a_lead_decides(li_lei: Customer, make_user: MakeUser) -> None:
    manager, other = make_user(Role.ACCOUNT_MANAGER), make_user(Role.ACCOUNT_MANAGER)
    told = {"limit": "5000.00", "term_days": 30, "reason": "buys every month", "at": NOON}
    change = credit.propose_limit(li_lei, by=manager, **told)

    assert (change.status, str(account(li_lei).credit_limit)) == ("proposed", "0.00")
    assert refusal(credit.propose_limit, li_lei, by=lead(), **told) == "waiting"
    assert refusal(credit.decide_limit, change.pk, approve=True, by=manager, at=NOON) == "second_person"
    assert refusal(credit.decide_limit, change.pk, approve=True, by=other, at=NOON) == "not_yours"
    credit.decide_limit(change.pk, approve=True, by=lead(), at=NOON)
    assert str(account(li_lei).credit_limit) == "5000.00"
    assert refusal(credit.decide_limit, change.pk, approve=True, by=lead(), at=NOON) == "decided"


@pytest.mark.parametrize(("limit", "status"), [("20000.00", "approved"), ("20000.01", "proposed")])
def test_a_lead_decides_alone_up_to_the_roles_limit(li_lei: Customer, limit: str, status: str) -> None:
    told = {"limit": limit, "term_days": 30, "reason": "x", "at": NOON}
    change = credit.propose_limit(li_lei, by=lead(), **told)

    assert change.status == status
    if status == "proposed":
        assert refusal(credit.decide_limit, change.pk, approve=True, by=lead(), at=NOON) == "second_person"
        credit.decide_limit(change.pk, approve=True, by=lead("zhao"), at=NOON)
        assert CreditLimitChange.objects.get().decided_by == lead("zhao")


def test_a_declined_proposal_changes_nothing_and_another_can_be_made(li_lei: Customer) -> None:
    told = {"limit": "90000.00", "term_days": 30, "reason": "x", "at": NOON}
    change = credit.propose_limit(li_lei, by=lead(), **told)
    credit.decide_limit(change.pk, approve=False, by=lead("zhao"), at=NOON, note="too much")

    assert str(account(li_lei).credit_limit) == "0.00"
    assert credit.propose_limit(li_lei, by=lead(), **told).status == "proposed"


def test_a_lowered_limit_is_in_force_at_once_and_blocks_new_charges_only(li_lei: Customer, make_user: MakeUser) -> None:
    on_account(li_lei)
    held = reserve(li_lei, "900.00")
    credit.propose_limit(
        li_lei, limit="100.00", term_days=30, reason="late", by=make_user(Role.ACCOUNT_MANAGER), at=NOON
    )

    assert credit.capture(held.pk, at=NOON).status == Status.CAPTURED
    assert account(li_lei).is_over
    assert refusal(reserve, li_lei, "0.01", "shop:2") == "credit_limit"


# Orders on account --------------------------------------------------------------------------------------------------


def test_reserved_charged_and_paid(li_lei: Customer) -> None:
    on_account(li_lei)
    held = reserve(li_lei, "600.00")
    assert figures(li_lei) == ("0.00", "600.00", "400.00")

    credit.capture(held.pk, at=NOON, amount="550.00")
    credit.capture(held.pk, at=NOON)
    assert figures(li_lei) == ("550.00", "0.00", "450.00")

    credit.pay(li_lei, "500.00", idem_key="bank-1", at=NOON, by=None)
    credit.pay(li_lei, "500.00", idem_key="bank-1", at=NOON, by=None)
    assert figures(li_lei) == ("50.00", "0.00", "950.00")
    assert refusal(credit.pay, li_lei, "500.01", idem_key="bank-1", at=NOON, by=None) == "key_used"
    assert refusal(credit.pay, li_lei, "50.01", idem_key="bank-2", at=NOON, by=None) == "overpaid"
    assert list(account(li_lei).entries.order_by("seq").values_list("seq", "kind")) == [(1, "charge"), (2, "payment")]


@pytest.mark.parametrize(("amount", "fits"), [("400.00", True), ("400.01", False)])
def test_the_limit_itself_is_in(li_lei: Customer, amount: str, fits: bool) -> None:
    on_account(li_lei)
    reserve(li_lei, "300.00")
    charge(li_lei, "300.00", "shop:2")

    if fits:
        reserve(li_lei, amount, "shop:3")
    else:
        assert refusal(reserve, li_lei, amount, "shop:3") == "credit_limit"


def test_the_same_key_finds_the_same_reservation(li_lei: Customer) -> None:
    on_account(li_lei)
    first = reserve(li_lei, "600.00", idem_key="k")

    assert reserve(li_lei, "600.00", idem_key="k") == first
    assert refusal(reserve, li_lei, "601.00", idem_key="k") == "key_used"
    assert refusal(reserve, li_lei, "100.00", idem_key="l") == "order_on_account"


def test_given_back_and_run_out_are_free_again(li_lei: Customer) -> None:
    on_account(li_lei)
    held = reserve(li_lei, "600.00")
    credit.void(held.pk, at=NOON)
    credit.void(held.pk, at=NOON)
    late = reserve(li_lei, "1000.00", "shop:2", hold=HOUR)

    assert refusal(reserve, li_lei, "1.00", "shop:3", at=NOON + HOUR - MINUTE) == "credit_limit"
    reserve(li_lei, "1000.00", "shop:3", at=NOON + HOUR)
    assert refusal(credit.capture, late.pk, at=NOON + HOUR) == "reservation_over"


def test_the_sweep_frees_what_ran_out_once(li_lei: Customer) -> None:
    on_account(li_lei)
    reserve(li_lei, "600.00", hold=HOUR)

    assert credit.expire_due(at=NOON + HOUR) == 1
    assert credit.expire_due(at=NOON + HOUR) == 0
    assert figures(li_lei) == ("0.00", "0.00", "1000.00")


def test_on_hold_and_closed_nothing_new_is_owed(li_lei: Customer) -> None:
    on_account(li_lei)
    held = reserve(li_lei, "600.00")
    credit.set_status(li_lei, "hold", reason="disputes an invoice", by=lead(), at=NOON)

    assert refusal(reserve, li_lei, "1.00", "shop:2") == "credit_on_hold"
    assert refusal(credit.set_status, li_lei, "closed", reason="x", by=lead(), at=NOON) == "still_owed"
    credit.void(held.pk, at=NOON)
    credit.set_status(li_lei, "closed", reason="moved away", by=lead(), at=NOON)
    assert refusal(credit.set_status, li_lei, "open", reason="x", by=lead(), at=NOON) == "closed"


def test_a_customer_without_account_has_no_credit(li_lei: Customer) -> None:
    assert refusal(reserve, li_lei, "1.00") == "no_credit"


# What is late -------------------------------------------------------------------------------------------------------


def late(customer: Customer, on: date) -> list[tuple[str, int]]:
    found = account(customer)
    return [(str(item.amount), item.days_late) for item in credit.open_items([found], on=on)[found.pk]]


def test_payments_settle_the_earliest_first(li_lei: Customer) -> None:
    on_account(li_lei, term_days=10)
    charge(li_lei, "100.00", "shop:1")
    charge(li_lei, "200.00", "shop:2", at=NOON + 5 * DAY)
    credit.pay(li_lei, "150.00", idem_key="p", at=NOON + 6 * DAY, by=None)

    assert late(li_lei, TODAY + timedelta(days=15)) == [("150.00", 0)]
    assert late(li_lei, TODAY + timedelta(days=16)) == [("150.00", 1)]


@pytest.mark.parametrize(("days", "blocked"), [(17, False), (18, True)])
def test_long_overdue_blocks_the_next_order(li_lei: Customer, days: int, blocked: bool) -> None:
    on_account(li_lei, term_days=10)
    charge(li_lei, "100.00")
    at = NOON + days * DAY

    if blocked:
        assert refusal(reserve, li_lei, "1.00", "shop:2", at=at) == "credit_overdue"
        credit.pay(li_lei, "100.00", idem_key="p", at=at, by=None)
    reserve(li_lei, "1.00", "shop:2", at=at)


# Orders that die ----------------------------------------------------------------------------------------------------


def tell(customer: Customer, version: int, status: str = "paid", back: str = "") -> None:
    refunds = (RefundFact("r", Decimal(back), NOON),) if back else ()
    fact = OrderFact(
        source="shop",
        external_id="o-1",
        version=version,
        customer=CustomerRef(number=customer.number),
        ordered_at=NOON,
        paid=Decimal("300.00"),
        status=status,
        refunds=refunds,
    )
    arrival.order(fact, at=NOON + HOUR, today=TODAY)


def test_refunds_lower_what_is_owed_each_time_by_what_is_new(li_lei: Customer) -> None:
    on_account(li_lei)
    charge(li_lei, "300.00", "shop:o-1")

    for version, back, owed in (
        (1, "", "300.00"),
        (2, "100.00", "200.00"),
        (3, "100.00", "200.00"),
        (4, "300.00", "0.00"),
    ):
        tell(li_lei, version, back=back)
        assert str(account(li_lei).exposure) == owed
    tell(li_lei, 5, status="cancelled")
    assert str(account(li_lei).exposure) == "0.00"


def test_a_cancelled_order_gives_its_reservation_back(li_lei: Customer) -> None:
    on_account(li_lei)
    reserve(li_lei, "300.00", "shop:o-1")

    tell(li_lei, 1, status="cancelled")

    assert figures(li_lei) == ("0.00", "0.00", "1000.00")


def test_what_was_paid_already_is_not_owed_below_zero(li_lei: Customer) -> None:
    on_account(li_lei)
    charge(li_lei, "300.00", "shop:o-1")
    credit.pay(li_lei, "250.00", idem_key="p", at=NOON, by=None)

    tell(li_lei, 1, status="cancelled")
    charge(li_lei, "80.00", "shop:2")
    tell(li_lei, 2, status="cancelled")

    assert str(account(li_lei).exposure) == "80.00"


def test_orders_from_a_file_are_followed_in_the_night_once(li_lei: Customer, make_order: Any) -> None:
    on_account(li_lei)
    charge(li_lei, "300.00", "shop:o-9")
    make_order(li_lei, TODAY, "300.00", external_id="o-9", refunds=(RefundFact("r", Decimal("40.00"), NOON),))

    assert [credit.follow_orders(at=NOON), credit.follow_orders(at=NOON)] == [1, 0]
    assert str(account(li_lei).exposure) == "260.00"


# The database -------------------------------------------------------------------------------------------------------


def test_entries_are_never_edited_and_the_limit_is_kept_by_the_table(li_lei: Customer) -> None:
    on_account(li_lei)
    charge(li_lei, "300.00")

    with pytest.raises(InternalError), transaction.atomic():
        CreditEntry.objects.update(amount=1)
    with pytest.raises(InternalError), transaction.atomic():
        CreditEntry.objects.all().delete()
    with pytest.raises(InternalError, match="beyond the credit limit"), transaction.atomic():
        CreditAccount.objects.update(exposure=Decimal("1000.01"))


def test_two_accounts_are_not_joined(li_lei: Customer, make_customer: MakeCustomer) -> None:
    double, other = make_customer("李磊"), make_customer("李垒")
    on_account(li_lei)
    on_account(double)

    assert refusal(credit.merge, double, li_lei) == "two_credit_accounts"
    credit.merge(double, other)
    assert account(other).credit_limit == Decimal("1000.00")


STEP = st.one_of(
    st.tuples(st.just("reserve"), st.integers(1, 120_000)),
    st.tuples(st.sampled_from(["capture", "void"]), st.integers(0, 9)),
    st.tuples(st.just("part"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["pay", "adjust", "lower", "raise"]), st.integers(1, 150_000)),
    st.tuples(st.just("wait"), st.integers(1, 9)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=25))
def test_whatever_happens_the_laws_hold(li_lei: Customer, steps: list[tuple[str, int]]) -> None:
    with transaction.atomic():
        on_account(li_lei)
        at, made = NOON, []
        for n, (what, size) in enumerate(steps):
            amount = Decimal(size) / 100
            before = account(li_lei)
            try:
                if what == "reserve":
                    made.append(reserve(li_lei, str(amount), f"shop:{n}", at=at).pk)
                elif what in ("capture", "void", "part") and made:
                    pk = made[size % len(made)]
                    held = CreditAuthorisation.objects.get(pk=pk)
                    if what == "void":
                        credit.void(pk, at=at)
                    else:
                        credit.capture(pk, at=at, amount=held.amount / 2 if what == "part" else None)
                elif what == "pay":
                    credit.pay(li_lei, amount, idem_key=str(n), at=at, by=None)
                elif what == "adjust":
                    credit.adjust(li_lei, amount - 700, reason="x", by=lead(), at=at, idem_key=str(n))
                elif what in ("lower", "raise"):
                    credit.propose_limit(li_lei, limit=amount, term_days=30, reason="x", by=lead(), at=at)
                elif what == "wait":
                    at += size * DAY
            except DomainError:
                pass
            except Exception as error:
                if "more than two decimals" not in str(error):
                    raise
            after = account(li_lei)
            grown = after.exposure + after.authorised > before.exposure + before.authorised
            assert not grown or after.exposure + after.authorised <= after.credit_limit
            assert campaign_laws.broken() == []
        transaction.set_rollback(True)
