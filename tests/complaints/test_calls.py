"""Calls as they come: nobody, several orders, what can be promised, a caller colleagues are warned of."""

from datetime import date, timedelta
from typing import Any

import pytest

from complaints import orders, queries
from complaints.calls import marks
from complaints.cases import intake, lifecycle, prompts, remedies, surveys
from complaints.models import CallerMark, Case, CaseEvent, Clock, Metric
from complaints.models.catalogue import Severity
from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import DomainError, Invalid
from core.outbox.models import Message
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.lists.page import of_view
from customers.models import Customer, Standing
from tests.complaints.conftest import DAY, HOUR, WEDNESDAY, LogCase, again, category_of, classed, join, solved
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

TODAY = date(2026, 6, 3)


@pytest.fixture
def nobodys(desk: None, wang: User) -> Case:
    join(wang, "logistics")
    return anonymous(by=wang)


def anonymous(**told: Any) -> Case:
    told = {"channel": "phone", "by": None, "description": "包裹没到，不肯说是谁"} | told
    return intake.log(None, category=category_of("delivery-late"), at=WEDNESDAY, **told).case


# Nobody ---------------------------------------------------------------------------------------------------------------


def test_a_case_of_nobody_has_its_promises_and_lies_in_its_own_list(nobodys: Case, wang: User) -> None:
    assert (nobodys.customer, nobodys.served_as, nobodys.owner) == (None, Standing.Class.PROSPECT, wang)
    assert nobodys.clocks.count() == 2
    mine = of_view(CASE_LIST, wang, "anonymous", WEDNESDAY)
    assert list(mine) == [nobodys]


def test_what_is_done_for_somebody_is_refused_in_words_and_the_rest_works(nobodys: Case, wang: User) -> None:
    with pytest.raises(DomainError, match="Link it to a customer first") as refusal:
        remedies.propose(
            nobodys.pk,
            kind="apology",
            amount=0,
            reason="late",
            by=wang,
            at=WEDNESDAY,
            client_key="r",  # type: ignore[arg-type]
        )
    with pytest.raises(DomainError, match="Link it to a customer first"):
        prompts.arm(nobodys, trigger="contact", at=WEDNESDAY, by=wang)

    assert refusal.value.code == "no_customer"
    lifecycle.reply(nobodys.pk, by=wang, at=WEDNESDAY, body="明白了", channel="phone")
    done = lifecycle.resolve(nobodys.pk, by=wang, at=WEDNESDAY, **solved())
    assert done.status == Case.Status.RESOLVED
    assert surveys.due(now=WEDNESDAY + 30 * DAY) == []
    assert not done.prompts.exists()


def test_two_of_nobody_are_not_said_to_be_one_customers(nobodys: Case, wang: User) -> None:
    anonymous(description="另一位匿名来电")

    assert not lifecycle.may_be_linked(again(nobodys)) or again(nobodys).customer is None
    assert again(nobodys).priority_reason["recent"] == 0


def test_linked_it_is_that_customers_and_never_served_worse(nobodys: Case, wang: User, madam_gao: Customer) -> None:
    due = nobodys.clocks.get(metric=Metric.FIRST_RESPONSE).due_at
    assert due is not None

    linked = lifecycle.link(nobodys.pk, madam_gao, by=wang, at=WEDNESDAY + HOUR / 2)

    sooner = linked.clocks.exclude(state=Clock.State.CANCELLED).get(metric=Metric.FIRST_RESPONSE).due_at
    assert (linked.customer, linked.served_as, linked.class_at_open) == (madam_gao, 2, 2)
    assert sooner is not None
    assert sooner < due
    assert Message.objects.filter(recipient=madam_gao.manager, kind="case_big").count() == 1
    event = linked.events.get(kind=CaseEvent.Kind.LINKED)
    assert event.data["changed"] == {"customer": ["", madam_gao.number]}


def test_a_wrong_link_is_corrected_until_something_has_followed_from_it(
    nobodys: Case, wang: User, li_lei: Customer, madam_gao: Customer, log_case: LogCase
) -> None:
    lifecycle.link(nobodys.pk, madam_gao, by=wang, at=WEDNESDAY)
    assert lifecycle.link(nobodys.pk, li_lei, by=wang, at=WEDNESDAY).customer == li_lei

    prompts.arm(again(nobodys), trigger="contact", at=WEDNESDAY, by=wang)
    for case in (again(nobodys), log_case(li_lei)):
        with pytest.raises(DomainError) as refusal:
            lifecycle.link(case.pk, madam_gao, by=wang, at=WEDNESDAY)
        assert refusal.value.code == "linked"


# Orders ---------------------------------------------------------------------------------------------------------------


def test_a_case_is_about_any_number_of_orders_each_once(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    case = log_case(li_lei, order_ref="S-1", orders=["S-2", " S-1", "='S-3'", "-", "0"])

    assert orders.numbers_of(case) == ["S-1", "S-2", "S-3"]
    assert case.order_ref == "S-1"
    moved = lifecycle.set_orders(case.pk, ["S-3", "S-9"], by=wang, at=WEDNESDAY)
    assert (moved.order_ref, orders.numbers_of(moved)) == ("S-3", ["S-3", "S-9"])
    assert moved.events.last().data["changed"] == {"orders": ["S-1, S-2, S-3", "S-3, S-9"]}
    same = lifecycle.set_orders(case.pk, ["S-3", "S-9"], by=wang, at=WEDNESDAY)
    assert same.version == moved.version
    corrected = lifecycle.edit(case.pk, {"order_ref": "S-7"}, by=wang, at=WEDNESDAY, version=same.version)
    assert orders.numbers_of(corrected) == ["S-7", "S-9"]


def test_an_order_typed_before_it_is_known_is_found_when_it_arrives(
    log_case: LogCase, li_lei: Customer, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    case = log_case(li_lei, orders=["A-100"])
    assert [(row.number, row.order) for row in orders.of(case)] == [("A-100", None)]

    make_order(make_customer("韩梅"), external_id="A-100", source="till")
    assert [row.order.customer.name for row in orders.of(case) if row.order] == ["韩梅"]
    own = make_order(li_lei, external_id="A-100", source="shop")
    assert [row.order for row in orders.of(case)] == [own]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ([f"S-{n}" for n in range(21)], "too_many_orders"),
        (["1.23457E+17"], "number_damaged"),
        (["x" * 81], "order_long"),
    ],
    ids=["too many", "damaged", "too long"],
)
def test_orders_that_cannot_be_kept_are_refused_in_words(
    log_case: LogCase, li_lei: Customer, told: list[str], code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        log_case(li_lei, orders=told)

    assert refusal.value.code == code


def test_merged_into_another_the_orders_go_along(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    first, second = log_case(li_lei, orders=["S-1"]), log_case(li_lei, orders=["S-1", "S-2"])

    lifecycle.merge(second.pk, first.pk, by=wang, at=WEDNESDAY)

    assert orders.numbers_of(again(first)) == ["S-1", "S-2"]


# What is promised -----------------------------------------------------------------------------------------------------


def test_what_can_be_promised_is_what_is_stored_for_everybody(
    log_case: LogCase, make_customer: MakeCustomer, desk: None
) -> None:
    """Screen and store ask one function: every class, every severity, in hours, out of hours, on a holiday."""
    people = [None, *(classed(make_customer(f"客{n}"), n) for n in Standing.Class.values)]
    moments = [WEDNESDAY, WEDNESDAY + timedelta(hours=9), WEDNESDAY + 3 * DAY]

    for person in people:
        for severity in Severity.values:
            for at in moments:
                told = {"channel": "phone", "by": None, "description": "x", "severity": severity}
                case = intake.log(person, category=category_of("delivery-late"), at=at, **told).case
                stored = case.clocks.get(metric=Metric.FIRST_RESPONSE).due_at
                assert intake.answer_due(person, severity=severity, at=at) == stored


# The number of a case -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clear"), [("C-{n}", True), ("c{n}", True), ("Ｃ-{n}", True), ("{n}", False), ("C000{n}", False)]
)
def test_a_case_is_found_by_its_number_as_people_write_it(
    log_case: LogCase, li_lei: Customer, lead: User, text: str, clear: bool
) -> None:
    case = log_case(li_lei)
    written = text.format(n=case.pk)

    assert queries.is_case_number(written) is clear
    found = queries.named(lead, written, WEDNESDAY)
    assert found == (None if written.startswith("C000") else case)


# Callers colleagues are warned of -------------------------------------------------------------------------------------


def test_a_warning_stands_at_once_is_judged_by_the_head_and_goes_by_itself(
    li_lei: Customer, wang: User, sun: User, lead: User
) -> None:
    mark = marks.mark(li_lei, reason="辱骂", until=TODAY + 7 * DAY, by=wang, at=WEDNESDAY, today=TODAY)

    assert marks.in_force(li_lei, today=TODAY) == mark
    assert list(marks.waiting(today=TODAY)) == [mark]
    with pytest.raises(DomainError, match="Only the head"):
        marks.approve(mark.pk, by=sun, at=WEDNESDAY)
    assert marks.approve(mark.pk, by=lead, at=WEDNESDAY).state == CallerMark.State.APPROVED
    assert marks.in_force(li_lei, today=TODAY + 7 * DAY) == mark
    assert marks.in_force(li_lei, today=TODAY + 8 * DAY) is None
    assert set(AuditEntry.objects.filter(action__startswith="caller.").values_list("action", flat=True)) == {
        "caller.marked",
        "caller.mark_approved",
    }


def test_only_one_warning_and_only_the_head_takes_an_approved_one_away(
    li_lei: Customer, wang: User, lead: User
) -> None:
    mark = marks.mark(li_lei, reason="辱骂", until=TODAY + DAY, by=lead, at=WEDNESDAY, today=TODAY)
    assert mark.state == CallerMark.State.APPROVED

    with pytest.raises(DomainError, match="marked already"):
        marks.mark(li_lei, reason="又来", until=TODAY + DAY, by=wang, at=WEDNESDAY, today=TODAY)
    with pytest.raises(DomainError, match="Only the head"):
        marks.remove(mark.pk, by=wang, at=WEDNESDAY, reason="sorry")
    with pytest.raises(Invalid):
        marks.remove(mark.pk, by=lead, at=WEDNESDAY, reason=" ")
    marks.remove(mark.pk, by=lead, at=WEDNESDAY, reason="道歉了")
    assert marks.in_force(li_lei, today=TODAY) is None
    again_ = marks.mark(li_lei, reason="又来", until=TODAY, by=wang, at=WEDNESDAY, today=TODAY)
    assert marks.remove(again_.pk, by=wang, at=WEDNESDAY, reason="点错了").state == CallerMark.State.REMOVED


@pytest.mark.parametrize(
    ("reason", "days", "code"),
    [(" ", 1, "reason_missing"), ("辱骂", -1, "until"), ("辱骂", 400, "until")],
    ids=["no reason", "over", "too far"],
)
def test_a_warning_says_why_and_ends(li_lei: Customer, wang: User, reason: str, days: int, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        marks.mark(li_lei, reason=reason, until=TODAY + days * DAY, by=wang, at=WEDNESDAY, today=TODAY)

    assert refusal.value.code == code


def test_the_only_head_judges_their_own_with_a_reason(li_lei: Customer, wang: User, make_user: MakeUser) -> None:
    mark = marks.mark(li_lei, reason="辱骂", until=TODAY, by=wang, at=WEDNESDAY, today=TODAY)
    wang.roles = [Role.SERVICE_LEAD]
    wang.save()

    with pytest.raises(DomainError, match="Nobody else"):
        marks.approve(mark.pk, by=wang, at=WEDNESDAY)
    assert marks.approve(mark.pk, by=wang, at=WEDNESDAY, because="只有我").decided_because == "只有我"
