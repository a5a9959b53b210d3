"""A file never silently undoes the record: what it adds, what it asks, what its plan promises, and how it is undone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.accounts.models import Role
from core.lib.errors import DomainError, Invalid
from crm.flows import arrival
from customers.identity import CustomerRef
from customers.imports import plan, runs, staging, undo
from customers.models import (
    ContactPoint,
    Customer,
    CustomerChange,
    GuestOrder,
    Import,
    ImportChange,
    ImportPart,
    ImportPlan,
    ImportQuestion,
    Order,
    Refund,
    Summary,
    UnusualOrder,
)
from customers.orders import OrderFact
from customers.refunds import RefundFact
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser, RecordOrder
from tests.customers.test_imports import counts, lines_of, picture, upload

pytestmark = pytest.mark.django_db
HEAD = "order_no,customer,date,paid,cost,status,refunded\n"


def sent(*rows: str, head: str = HEAD, **mapping: str) -> Import:
    return upload(head + "".join(f"{row}\n" for row in rows), **mapping)


def go(*rows: str, head: str = HEAD, **mapping: str) -> Import:
    return runs.run(sent(*rows, head=head, **mapping), by=None, at=NOW, today=TODAY)


def order(number: str = "1") -> Order:
    return Order.objects.get(external_id=number)


def facts(number: str = "1") -> tuple[str, str, str, str, list[str]]:
    row = order(number)
    back = [str(amount) for amount in row.refunds.order_by("pk").values_list("amount", flat=True)]
    who = row.customer.identities.get(source="shop").external_id
    return who, f"{row.ordered_on:%m-%d}", row.status, str(row.paid), back


FIRST = "1,a,2026-11-01 09:30,100,40,paid,"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1,a,2026-11-01 09:30,100,40,paid,", "unchanged"),
        ("1,a,2026-11-01,100,,paid,0", "unchanged"),  # a file that knows less takes nothing away
        ("1,a,2026-11-01,100,40,cancelled,", "updated"),
        ("1,a,2026-11-01,,,cancelled,", "updated"),
        ("1,a,2026-11-01,0,,cancelled,", "updated"),
        ("1,a,2026-11-01,100,40,paid,30", "updated"),
        ("1,a,2026-11-01,100,40,pending,", "stale"),
        ("1,a,2026-11-01,100,40,paid,130", "rejected"),
        ("1,b,2026-11-01,100,40,paid,", "customer"),
        ("1,a,2026-11-02,100,40,paid,", "day"),
        ("1,a,2026-11-01,99,40,paid,", "amount"),
        ("1,a,2026-11-01,101,40,paid,", "amount"),
        ("1,a,2026-11-01,100,41,paid,", "amount"),
        ("1,b,2026-11-02,90,40,cancelled,", "customer,day,amount"),
    ],
)
def test_a_file_without_versions_adds_and_asks_about_the_rest(row: str, expected: str) -> None:
    go(FIRST)
    before = facts()

    run = go(row)

    question = run.questions.first()
    outcome = "asked" if question else expected
    assert run.counts == counts(rows=1, **{outcome: 1})
    assert ",".join(question.asks if question else [expected]) == expected
    if outcome != "updated":
        assert facts() == before
    assert not Customer.objects.filter(identities__external_id="b").exists()


def test_cancelled_stays_cancelled_until_somebody_says_yes(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    go(FIRST)
    go("1,a,2026-11-01,100,,cancelled,")
    run = go(FIRST)
    question = run.questions.get()
    assert (run.counts["asked"], question.asks, facts()[2]) == (1, ["reopened"], "cancelled")
    assert (question.before["status"], question.after["status"]) == ("cancelled", "paid")

    assert plan.kinds(run) == {"reopened": 1}
    plan.answer(run, yes=True, by=admin, at=NOW, kind="reopened")
    runs.run(run, by=admin, at=NOW, today=TODAY)

    assert (run.counts["updated"], run.counts["asked"], facts()[2]) == (1, 0, "paid")
    assert (plan.questions(run).count(), run.questions.get().answer) == (0, "done")
    # An old file that says cancelled does not undo what a person has decided.
    again = go("1,a,2026-11-01,100,,cancelled,")
    assert (again.questions.get().asks, facts()[2]) == (["answered"], "paid")


def test_no_is_remembered_by_the_import_and_yes_holds_only_for_what_was_shown(record_order: RecordOrder) -> None:
    go(FIRST, "2,a,2026-11-01,50,,paid,")
    run = go("1,a,2026-11-01,80,40,paid,", "2,a,2026-11-01,40,,paid,")
    first, second = plan.questions(run)
    plan.answer(run, yes=True, by=None, at=NOW, pks=[first.pk])
    plan.answer(run, yes=False, by=None, at=NOW, pks=[second.pk])
    go("1,a,2026-11-01,100,40,paid,10")  # the record moves on meanwhile

    runs.run(run, by=None, at=NOW, today=TODAY)

    assert [question.answer for question in plan.questions(run)] == ["", "no"]
    assert (facts("1")[3:], facts("2")[3]) == (("100.00", ["10.00"]), "50.00")
    with pytest.raises(DomainError):
        plan.answer(run, yes=True, by=None, at=NOW, pks=[0])
    with pytest.raises(Invalid):
        plan.answer(run, yes=True, by=None, at=NOW, kind="whatever")


def test_kinds_may_be_accepted_beforehand() -> None:
    go(FIRST)
    run = sent("1,b,2026-11-01,100,40,paid,")
    plan.accept(run, ["customer"])

    assert runs.run(run, by=None, at=NOW, today=TODAY).counts == counts(rows=1, updated=1, new_customers=1)
    assert facts()[0] == "b"
    with pytest.raises(Invalid):
        plan.accept(run, ["nonsense"])


def test_a_version_the_shop_sent_is_never_overridden_and_never_refused_because_of_a_file(
    record_order: RecordOrder,
) -> None:
    def rest(version: int, status: str) -> str:
        return record_order(
            CustomerRef(source="shop", external_id="a"), external_id="1", version=version, status=status
        ).outcome

    assert rest(1_796_000_000, "cancelled") == "created"
    assert go("1,a,2026-11-01,100,40,paid,").counts == counts(rows=1, stale=1)  # told as stale
    assert order().status == "cancelled"

    go("2,a,2026-11-01,100,40,paid,")
    assert (order("2").version, order("2").file_changes) == (Order.NO_VERSION, 1)
    told = record_order(CustomerRef(source="shop", external_id="a"), external_id="2", version=0, status="pending")
    assert (told.outcome, order("2").version, order("2").file_changes, order("2").import_run) == ("updated", 0, 0, None)


def test_what_a_file_knows_later_than_the_shop_has_told_is_asked(record_order: RecordOrder) -> None:
    ref = CustomerRef(source="shop", external_id="a")
    record_order(ref, external_id="1", version=5)
    paid = order().paid

    run = go(f"1,a,2026-11-01,{paid},,paid,30")
    assert (run.questions.get().asks[-1], facts()[4]) == ("shop", [])
    plan.answer(run, yes=True, by=None, at=NOW, all_=True)
    runs.run(run, by=None, at=NOW, today=TODAY)

    assert (facts()[4], order().version, order().file_changes) == (["30.00"], 5, 1)
    assert record_order(ref, external_id="1", version=5).outcome == "stale"  # the replay of an older word
    assert record_order(ref, external_id="1", version=6).outcome == "updated"
    assert facts()[4] == []


def test_refunds_grow_by_the_difference_to_the_cent() -> None:
    go("1,a,2026-11-01,100.01,,paid,0.01")
    go("1,a,2026-11-01,100.01,,paid,33.34")
    assert go("1,a,2026-11-01,100.01,,paid,0.01").counts == counts(rows=1, unchanged=1)
    assert go("1,a,2026-11-01,100.01,,paid,33.34").counts == counts(rows=1, unchanged=1)
    go("1,a,2026-11-01,100.01,,paid,100.01")

    assert facts()[4] == ["0.01", "33.33", "66.67"]
    assert sorted(Refund.objects.values_list("external_id", flat=True)) == ["file-1", "file-10001", "file-3334"]
    assert order().fully_refunded_on == date(2026, 11, 1)
    assert not Summary.objects.exists()


def test_money_back_of_an_order_nobody_knows_is_an_order_that_came_back_whole() -> None:
    go("C1,a,2026-11-01,,,paid,27.50")

    assert (facts("C1")[2:], order("C1").fully_refunded_on) == (("paid", "27.50", ["27.50"]), date(2026, 11, 1))


LINES = "order_no,customer,date,product,units,line_paid\n"


def test_a_page_on_which_an_order_goes_on_does_not_take_its_lines_away() -> None:
    go("P1,a,2026-08-01 10:00,bowl,1,30", "P1,a,2026-08-01 10:00,plate,1,20", head=LINES)

    run = go("P1,a,2026-08-01 10:00,pot,1,150", "P2,b,2026-08-02 10:00,cup,1,10", head=LINES)

    assert run.counts == counts(rows=2, created=1, asked=1, new_customers=1)
    assert run.questions.get().asks == ["lines", "amount"]
    assert lines_of("P1") == [("bowl", 1, "30.00"), ("plate", 1, "20.00")]
    whole = [f"P1,a,2026-08-01 10:00,{row}" for row in ("bowl,1,30", "plate,1,20", "pot,1,150")]
    assert go(*whole, head=LINES).counts == counts(rows=3, updated=1)
    assert (order("P1").paid, len(lines_of("P1"))) == (Decimal(200), 3)
    assert go(*whole[:2], head=LINES).questions.get().asks == ["lines", "amount"]  # page 1 again


def test_a_negative_line_is_a_discount_of_its_order() -> None:
    go("D1,a,2026-08-01,pot,1,200", "D1,a,2026-08-01,discount,1,-30", head=LINES)

    assert (str(order("D1").paid), lines_of("D1")) == ("170.00", [("pot", 1, "200.00"), ("discount", 1, "-30.00")])


def test_rows_of_one_order_that_differ_are_refused_together_and_later_words_of_it_count() -> None:
    run = go("1,a,2026-11-01,100,,paid,", "1,a,2026-11-01,50,,paid,", "2,a,2026-11-01,70,,paid,")
    assert (run.counts, run.rejected.count()) == (counts(rows=3, created=1, rejected=2, new_customers=1), 2)
    assert "line amount" in run.rejected.first().reason  # type: ignore[union-attr]

    log = ("3,a,2026-11-01,70,,pending,", "3,a,2026-11-01,70,,paid,", "3,a,2026-11-01,70,,paid,20")
    assert go(*log).counts == counts(rows=3, created=1, stale=2)
    assert facts("3")[2:] == ("paid", "70.00", ["20.00"])


def test_amounts_and_times_that_cannot_well_be_are_asked_about() -> None:
    rows = [f"{n},a,2026-11-0{n},{100 + n},,paid," for n in range(1, 6)]
    odd = ("huge,b,2026-11-02,999999999,,paid,", "late,c,2062-09-01,100,,paid,", "zero,d,1970-01-01,100,,paid,")

    run = go(*rows, *odd)

    assert run.counts == counts(rows=8, created=5, asked=3, new_customers=1)
    assert [question.asks for question in plan.questions(run)] == [["unusual"], ["future"], ["long_ago"]]
    assert Customer.objects.count() == 1  # nobody is made for what waits
    plan.answer(run, yes=True, by=None, at=NOW, kind="unusual")
    runs.run(run, by=None, at=NOW, today=TODAY)
    assert (order("huge").paid, run.counts["created"], run.counts["asked"]) == (Decimal(999999999), 6, 2)
    assert go(*rows, odd[0]).counts == counts(rows=6, unchanged=6)  # once stored it is no question any more


# Who is meant --------------------------------------------------------------------------------------------------------


def test_an_email_recognises_a_person_as_a_phone_does(record_order: RecordOrder) -> None:
    known = record_order(CustomerRef(source="r1", external_id="E1", email="same.person@example.com"), source="r1")
    head = "order_no,customer,email,date,paid\n"

    go("E2,f1,same.person@example.com,2026-08-02 10:00,20", head=head)

    assert order("E2").customer == known.customer


def test_one_email_is_one_person_of_the_file_whatever_else_its_rows_say() -> None:
    head = "order_no,customer,phone,email,date,paid\n"
    go(
        "1,,,nora@example.com,2026-09-05,1500",
        "2,,,nora@example.com,2026-09-07,600",
        "3,,13900300002,ivo@example.com,2026-09-06,2100",
        "4,,,ivo@example.com,2026-09-06,5",
        "5,,,,2026-09-06,5",
        head=head,
    )

    assert order("1").customer == order("2").customer
    assert order("3").customer == order("4").customer
    assert (Customer.objects.count(), ContactPoint.objects.count()) == (2, 3)


def test_what_a_file_teaches_of_somebody_known_is_in_their_history(record_order: RecordOrder) -> None:
    record_order(CustomerRef(source="till", external_id="x", phone="13800110011"))
    head = "order_no,customer,phone,email,date,paid\n"
    rows = ("1,a,13800110011,a@mall.example,2026-11-02,10", "2,b,13800110012,,2026-11-02,10")

    go(*rows, head=head)
    go(*rows, head=head)

    told = CustomerChange.objects.order_by("field").values_list("door", "field", "before", "after")
    assert list(told) == [("file", "email", "", "a***@mall.example"), ("file", "identity", "", "shop:a")]


def test_an_order_of_nobody_is_kept_aside_until_somebody_is_named(
    record_order: RecordOrder, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    admin, li_lei = make_user(Role.ADMINISTRATOR), make_customer("李雷")
    head = "order_no,customer,date,paid,product,line_paid,status,refunded\n"
    rows = ("1,,2026-11-01 09:30,,tea,70,paid,20", "1,,2026-11-01 09:30,,cup,30,paid,", "2,,2026-11-02,50,,50,paid,")
    run = go(*rows, head=head)
    assert run.counts == counts(rows=3, guest=2)
    assert go(*rows, head=head).counts == counts(rows=3, guest=2)
    guest = GuestOrder.objects.get(external_id="1")

    told = arrival.assign_guest(guest.pk, li_lei, by=admin, at=NOW, today=TODAY)

    assert (told.order.version, told.order.file_changes, str(told.order.paid)) == (Order.NO_VERSION, 1, "100.00")
    assert ([str(r.amount) for r in told.order.refunds.all()], len(lines_of("1"))) == (["20.00"], 2)
    assert go(*rows, head=head).counts == counts(rows=3, unchanged=1, guest=1)  # that it is nobody's undoes nothing
    named = go("2,a,2026-11-02,50,,50,paid,", head=head)
    assert (named.counts["created"], GuestOrder.objects.count()) == (1, 0)


def test_the_shops_word_about_an_order_of_nobody_outlasts_a_file(record_order: RecordOrder) -> None:
    nobody = CustomerRef(source="shop")
    fact = OrderFact("shop", "1", 3, nobody, NOW, Decimal(50), status="cancelled")
    arrival.order(fact, at=NOW, today=TODAY)

    assert go("1,a,2026-11-17,50,,paid,").counts == counts(rows=1, stale=1, new_customers=1)
    assert GuestOrder.objects.get().status == "cancelled"


def test_a_cancelled_order_of_nobody_is_not_revived_by_a_file_that_names_somebody() -> None:
    go("1,,2026-11-01,50,,cancelled,", "2,,2026-11-01,50,,pending,")

    run = go("1,a,2026-11-01,50,,paid,", "2,a,2026-11-01,50,,paid,")

    assert (run.counts["stale"], run.counts["created"]) == (1, 1)
    assert (GuestOrder.objects.get().external_id, GuestOrder.objects.get().status) == ("1", "cancelled")


@pytest.mark.parametrize("state", ["open", "kept_out"])
@pytest.mark.parametrize(
    ("row", "head"),
    [
        ("1,a,2026-11-01 09:30,99999999,0,paid,", HEAD),
        ("1,a,2026-11-01 09:30,99999999,0,paid,5", HEAD),
        ("1,a,2026-11-01 09:30,99999999,0,paid,,7", HEAD.replace("refunded", "refunded,version")),
    ],
)
def test_an_amount_that_waits_for_a_person_waits_whatever_a_file_says(
    state: str, row: str, head: str, record_order: RecordOrder, make_user: MakeUser
) -> None:
    decided = {"decided_by": make_user(Role.ADMINISTRATOR), "decided_at": NOW} if state == "kept_out" else {}
    who = CustomerRef(source="shop", external_id="a")
    at = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
    told = record_order(who, external_id="1", ordered_at=at, paid=Decimal(99999999), cost=Decimal(0), status="held")
    UnusualOrder.objects.create(order=told.order, usual=Decimal(50), asked_at=NOW, state=state, **decided)

    run = go(row, head=head)
    if run.questions.exists():
        plan.answer(run, yes=True, by=None, at=NOW, all_=True)
        runs.run(run, by=None, at=NOW, today=TODAY)

    assert order().status == "held"
    assert UnusualOrder.objects.get().state == state
    assert not Summary.objects.filter(pk=order().customer_id).exists()


def test_a_declared_test_stays_one_and_is_not_asked_about(record_order: RecordOrder) -> None:
    told = record_order(CustomerRef(source="shop", external_id="a"), external_id="1", version=1)
    Order.objects.filter(pk=told.order.pk).update(is_test=True)

    plain = go("1,a,2026-11-01,70,,paid,", "2,a,2026-11-01,70,,paid,")
    newer = go("1,a,2026-11-01,70,,paid,,9", head=HEAD.replace("refunded", "refunded,version"))

    assert (plain.counts["stale"], plain.counts["created"], plain.counts["asked"]) == (1, 1, 0)
    assert (newer.counts["stale"], order().status, order().version) == (1, "cancelled", 1)


def test_a_test_of_a_file_that_is_undone_stays_what_a_person_said() -> None:
    go("1,a,2026-11-01,70,,pending,", "2,a,2026-11-01,70,,paid,")
    run = go("1,a,2026-11-01,70,,paid,", "3,a,2026-11-01,70,,paid,")
    Order.objects.filter(external_id__in=["1", "3"]).update(is_test=True)

    arrival.undo_file(run, by=None, at=NOW, today=TODAY)

    assert run.undone["kept"] == 2
    assert [(row.external_id, row.status) for row in Order.objects.order_by("external_id")] == [
        ("1", "cancelled"),
        ("2", "paid"),
        ("3", "cancelled"),
    ]


def test_undo_takes_orders_of_nobody_along() -> None:
    run = go("1,,2026-11-01,50,,paid,")

    arrival.undo_file(run, by=None, at=NOW, today=TODAY)

    assert not GuestOrder.objects.exists()


# The plan is what happens ------------------------------------------------------------------------------------------


def test_what_a_check_planned_otherwise_is_asked_and_not_done(record_order: RecordOrder) -> None:
    go(FIRST)
    run = sent("1,a,2026-11-01,100,40,cancelled,", "2,a,2026-11-03,20,,paid,", "3,a,2026-11-03,20,,paid,")
    runs.check(run, at=NOW)
    assert run.planned == counts(rows=3, created=2, updated=1)
    go("2,a,2026-11-03,20,,pending,", "1,a,2026-11-01,100,40,paid,10")  # somebody else is quicker

    runs.run(run, by=None, at=NOW, today=TODAY)

    assert run.counts == counts(rows=3, created=1, asked=2)
    assert [question.asks for question in plan.questions(run)] == [["changed"], ["changed"]]
    assert (facts("1")[2], facts("2")[2]) == ("paid", "pending")
    plan.answer(run, yes=True, by=None, at=NOW, all_=True)
    assert runs.run(run, by=None, at=NOW, today=TODAY).counts == counts(rows=3, created=1, updated=2)
    assert (facts("1")[2], facts("2")[2]) == ("cancelled", "paid")


def test_another_mapping_drops_the_plan() -> None:
    run = sent(FIRST)
    runs.check(run, at=NOW)

    runs.map_columns(run, {"order_no": "order_no", "customer": "customer", "date": "date", "paid": "cost"})

    run.refresh_from_db()
    assert (ImportPlan.objects.count(), run.planned) == (0, {})


def test_a_plan_survives_a_pass_that_was_cut_off(monkeypatch: pytest.MonkeyPatch, make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    monkeypatch.setattr(runs, "CHUNK", 1)
    run = sent(*(f"{n},a,2026-11-01,{n}0,,paid," for n in range(1, 5)))
    runs.check(run, at=NOW)
    store = staging.store

    def store_and_cancel(where: Any, first: int, last: int) -> None:
        store(where, first, last)
        if Order.objects.count() == 2 and not Import.objects.filter(is_cancel_asked=True):
            plan.cancel(run, by=admin, at=NOW)

    with monkeypatch.context() as patched:
        patched.setattr(staging, "store", store_and_cancel)
        runs.run(run, by=None, at=NOW, today=TODAY)
    run.refresh_from_db()
    assert (run.state, Order.objects.count()) == ("cancelled", 2)
    with pytest.raises(DomainError):
        plan.cancel(run, by=admin, at=NOW)

    runs.run(run, by=None, at=NOW, today=TODAY)

    assert (run.state, run.counts) == ("done", counts(rows=4, created=4))


def test_work_that_waits_can_be_called_off(make_user: MakeUser) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    run = sent(FIRST)
    runs.ask_for(run, Import.Task.RUN, by=admin, at=NOW)

    plan.cancel(run, by=admin, at=NOW)

    assert (runs.claim(run.pk), Import.objects.get(pk=run.pk).state) == (None, "cancelled")


# Undo ----------------------------------------------------------------------------------------------------------------


def taken_back(run: Import) -> dict[str, int]:
    return arrival.undo_file(run, by=None, at=NOW, today=TODAY).undone


def undone(**some: int) -> dict[str, int]:
    return dict.fromkeys(("removed", "cancelled", "restored", "kept", "customers", "contacts"), 0) | some


def whole_picture() -> list[Any]:
    lines = [
        (number, lines_of(number)) for number in Order.objects.order_by("pk").values_list("external_id", flat=True)
    ]
    refunds = Refund.objects.order_by("order__external_id", "external_id")
    return [
        *picture(),
        lines,
        list(refunds.values_list("order__external_id", "external_id", "amount", "refunded_on", "customer__name")),
        list(Order.objects.order_by("pk").values_list("external_id", "version", "file_changes", "import_run")),
    ]


def test_an_import_undone_leaves_the_record_as_it_was(record_order: RecordOrder) -> None:
    back = RefundFact("r", Decimal(5), NOW)
    record_order(CustomerRef(source="shop", external_id="k", name="李雷"), external_id="rest", refunds=(back,))
    go("P1,a,2026-08-01 10:00,bowl,1,30", "P3,a,2026-08-01 10:00,cup,1,30", head=LINES)
    before = whole_picture()
    head = "order_no,customer,date,product,units,line_paid,status,refunded,version\n"
    run = sent(
        "P1,a,2026-08-01 10:00,bowl,1,30,paid,,",
        "P1,a,2026-08-01 10:00,cup,2,15,paid,,",
        "P2,b,2026-08-03 10:00,pot,1,5,paid,2,",
        "P3,a,2026-08-01 10:00,cup,1,30,cancelled,,",
        "rest,c,2026-08-03 10:00,pot,1,50,paid,,99",
        head=head,
    )
    runs.run(run, by=None, at=NOW, today=TODAY)
    assert run.counts == counts(rows=5, created=1, updated=3, new_customers=2)
    assert whole_picture() != before

    assert taken_back(run) == undone(removed=1, restored=3, customers=2)
    assert taken_back(run) == undone(removed=1, restored=3, customers=2)  # again: nothing more

    assert whole_picture() == before
    assert (ImportPart.objects.filter(run=run).count(), ImportChange.objects.filter(run=run).count()) == (0, 0)
    assert runs.run(run, by=None, at=NOW, today=TODAY).counts == counts(rows=5, created=1, updated=3, new_customers=2)


def test_what_others_have_told_since_stays_and_is_said(record_order: RecordOrder, make_customer: MakeCustomer) -> None:
    run = go(FIRST, "2,a,2026-11-01,50,,paid,", "3,b,2026-11-01,50,,paid,", "4,c,2026-11-01,50,,paid,")
    record_order(CustomerRef(source="shop", external_id="a"), external_id="1", version=7)
    later = go("2,a,2026-11-01,50,,paid,20")

    assert taken_back(run) == undone(removed=2, kept=2, customers=2)
    assert sorted(Order.objects.values_list("external_id", flat=True)) == ["1", "2"]
    assert taken_back(later) == undone(restored=1)
    assert facts("2")[4] == []


def test_undo_ends_after_seven_days_and_what_was_kept_for_it_goes() -> None:
    run = go(FIRST)
    over = NOW + timedelta(days=7)
    assert (undo.can_be_undone(run, at=NOW), undo.can_be_undone(run, at=over)) == (True, False)
    assert undo.forget(at=NOW) == 0

    with pytest.raises(DomainError):
        arrival.undo_file(run, by=None, at=over, today=TODAY)
    assert undo.forget(at=over) == 1

    assert (ImportPart.objects.count(), Order.objects.count()) == (0, 1)
    run.refresh_from_db()
    assert not undo.can_be_undone(run, at=NOW)


def test_a_question_is_one_for_each_order_of_an_import() -> None:
    go(FIRST)
    run = go("1,a,2026-11-01,80,40,paid,")
    runs.run(run, by=None, at=NOW, today=TODAY)

    assert ImportQuestion.objects.count() == 1
