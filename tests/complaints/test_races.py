"""Several people at the same instant, in real transactions. Each story has a control that takes the guard away."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from complaints.cases import escalation, intake, lifecycle, remedies, routing, transitions
from complaints.models import Case, CaseEvent, Clock, ClockAlert, Remedy
from complaints.promises import sla
from core.accounts.models import Role, User
from core.outbox.models import Message
from customers.models import Customer
from tests.complaints.conftest import DAY, HOUR, MINUTE, WEDNESDAY, LogCase, again, join, solved
from tests.conftest import MakeUser
from tests.races import CRASH, PATIENCE, at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)
SOON = WEDNESDAY + 10 * MINUTE


@pytest.fixture
def without_row_lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Cases are read without being held, and everybody has read before anybody writes."""

    def switch_off(people: int) -> None:
        meet = meeting(people)

        def read(case_id: int) -> Case:
            case = Case.objects.select_related("policy", "queue__department", "category", "customer", "owner").get(
                pk=case_id
            )
            meet()
            return case

        monkeypatch.setattr(transitions, "hold", read)

    return switch_off


# Eight claims --------------------------------------------------------------------------------------------------------


@pytest.fixture
def agents(make_user: MakeUser) -> list[User]:
    return [make_user(Role.SERVICE_AGENT, f"Agent {n}") for n in range(8)]


def claims(case: Case, agents: list[User]) -> list[Callable[[], Any]]:
    return [lambda agent=agent: lifecycle.claim(case.pk, by=agent, at=SOON) for agent in agents]  # type: ignore[misc]


def test_of_eight_who_take_a_case_one_has_it_and_seven_are_told(
    log_case: LogCase, li_lei: Customer, agents: list[User]
) -> None:
    case = log_case(li_lei)

    assert at_once(claims(case, agents)) == {"done": 1, "taken": 7}
    assert again(case).owner is not None
    assert case.events.filter(kind=CaseEvent.Kind.CLAIMED).count() == 1


def test_control_without_the_lock_the_seven_crash_into_each_other(
    log_case: LogCase, li_lei: Customer, agents: list[User], without_row_lock: Callable[[int], None]
) -> None:
    case = log_case(li_lei)
    without_row_lock(8)

    assert at_once(claims(case, agents)) == {"done": 1, CRASH: 7}


# Eight times the same complaint --------------------------------------------------------------------------------------


def tellings(log_case: LogCase, customer: Customer) -> list[Callable[[], Any]]:
    return [lambda: log_case(customer, source="mail", source_ref="<1@shop>", description="包裹没到") for _ in range(8)]


def test_a_mail_told_eight_times_at_once_is_one_case(log_case: LogCase, li_lei: Customer) -> None:
    assert at_once(tellings(log_case, li_lei)) == {"done": 8}
    assert (Case.objects.count(), CaseEvent.objects.count()) == (1, 1)


def test_control_without_the_lock_only_the_unique_key_prevents_eight(
    log_case: LogCase, li_lei: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, meet = intake.find, meeting(8)

    def find_and_meet(**told: str) -> Case | None:
        found = find(**told)
        meet()
        return found

    monkeypatch.setattr(intake.locks, "hold", lambda *names: None)
    monkeypatch.setattr(intake, "find", find_and_meet)

    assert at_once(tellings(log_case, li_lei)) == {"done": 1, CRASH: 7}


# The last places of a queue ------------------------------------------------------------------------------------------


def test_eight_complaints_at_once_do_not_overfill_three_places(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    join(wang, "logistics", capacity=3)

    assert at_once([lambda: log_case(li_lei)] * 8) == {"done": 8}
    assert Case.objects.filter(owner=wang).count() == 3


def test_control_without_holding_the_queue_three_places_are_overfilled(
    log_case: LogCase, li_lei: Customer, wang: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(wang, "logistics", capacity=3)
    free, meet = routing._free, meeting(8)

    def free_and_meet(*told: Any) -> Any:
        found = free(*told)
        meet()
        return found

    monkeypatch.setattr(routing, "hold", lambda *ids: None)
    monkeypatch.setattr(routing, "_free", free_and_meet)

    assert at_once([lambda: log_case(li_lei)] * 8) == {"done": 8}
    assert Case.objects.filter(owner=wang).count() == 8


# Solving while the customer writes -----------------------------------------------------------------------------------


def solving_and_writing(case: Case, wang: User) -> list[Callable[[], Any]]:
    told = solved()
    return [
        lambda: lifecycle.resolve(case.pk, by=wang, at=SOON, version=1, **told),
        lambda: lifecycle.customer_replied(case.pk, at=SOON, body="等一下", channel="wechat"),
    ]


def test_a_case_is_never_left_solved_with_unseen_words_of_the_customer(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    for _ in range(6):
        case = log_case(li_lei)

        ends = at_once(solving_and_writing(case, wang))

        found = again(case)
        assert found.is_open
        assert found.messages.filter(direction="in").count() == 1
        # Either the agent is shown the words, or the case is open again in its second cycle.
        assert (ends, found.cycle) in [({"changed_meanwhile": 1, "done": 1}, 1), ({"done": 2}, 2)]


def test_control_without_the_lock_one_of_the_two_is_lost(
    log_case: LogCase, li_lei: Customer, wang: User, without_row_lock: Callable[[int], None]
) -> None:
    case = log_case(li_lei)
    without_row_lock(2)

    # Which of the database's promises stops the other one depends on who comes first.
    assert at_once(solving_and_writing(case, wang), crashes=DatabaseError) == {"done": 1, CRASH: 1}


def test_words_said_while_a_case_is_merged_are_read_in_the_target(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    for _ in range(6):
        case, target = log_case(li_lei), log_case(li_lei)

        ends = at_once(
            [
                lambda case=case, target=target: lifecycle.merge(case.pk, target.pk, by=wang, at=SOON),
                lambda case=case: lifecycle.customer_replied(case.pk, at=SOON, body="喂", channel="phone"),
            ]
        )

        assert ends == {"done": 2}
        merged = case.events.get(kind=CaseEvent.Kind.MERGED)
        before = case.events.filter(kind=CaseEvent.Kind.CUSTOMER_REPLIED, seq__lt=merged.seq).count()
        assert (case.messages.count(), target.messages.count()) == (before, 1 - before)


# Eight remedies for one customer -------------------------------------------------------------------------------------


def proposals(log_case: LogCase, customer: Customer, agents: list[User]) -> list[Callable[[], Any]]:
    """Fifty each, in cases of their own: the customer may have two hundred in thirty days."""
    cases = [(log_case(customer), agent) for agent in agents]
    return [
        lambda case=case, agent=agent: remedies.propose(  # type: ignore[misc]
            case.pk, kind="refund", amount=50, reason="丢件", by=agent, at=SOON, client_key=f"of {case.pk}"
        )
        for case, agent in cases
    ]


def approved() -> int:
    return Remedy.objects.filter(status=Remedy.Status.APPROVED).count()


def test_eight_remedies_at_once_do_not_exceed_what_a_customer_may_have(
    log_case: LogCase, li_lei: Customer, agents: list[User]
) -> None:
    assert at_once(proposals(log_case, li_lei, agents)) == {"done": 8}
    assert approved() == 4


def test_control_without_holding_the_customer_eight_remedies_are_given(
    log_case: LogCase, li_lei: Customer, agents: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    meet, exceeded = meeting(8), remedies.exceeded

    def look(*asked: Any, **more: Any) -> dict[str, list[str]]:
        over = exceeded(*asked, **more)
        meet()
        return over

    monkeypatch.setattr(remedies.locks, "hold_customers", lambda ids: None)
    monkeypatch.setattr(remedies, "exceeded", look)

    assert at_once(proposals(log_case, li_lei, agents)) == {"done": 8}
    assert approved() == 8


# Two who approve -----------------------------------------------------------------------------------------------------


@pytest.fixture
def leads(make_user: MakeUser) -> list[User]:
    return [make_user(Role.SERVICE_LEAD, f"Lead {n}") for n in range(2)]


def approvals(remedy: Remedy, leads: list[User]) -> list[Callable[[], Any]]:
    def approve_and_give(lead: User) -> None:
        remedies.approve(remedy.pk, by=lead, at=SOON)
        remedies.issue(remedy.pk, by=lead, at=SOON, reference=f"refund by {lead}")

    return [lambda lead=lead: approve_and_give(lead) for lead in leads]  # type: ignore[misc]


def test_of_two_who_approve_one_gives_it_once(
    log_case: LogCase, li_lei: Customer, wang: User, leads: list[User]
) -> None:
    case = log_case(li_lei)
    remedy = remedies.propose(case.pk, kind="refund", amount=500, reason="丢件", by=wang, at=SOON, client_key="r")

    assert at_once(approvals(remedy, leads)) == {"done": 1, "remedy_settled": 1}
    assert case.events.filter(kind=CaseEvent.Kind.REMEDY, data__what="issued").count() == 1


def test_control_without_the_lock_the_two_approvals_crash(
    log_case: LogCase, li_lei: Customer, wang: User, leads: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = log_case(li_lei)
    remedy = remedies.propose(case.pk, kind="refund", amount=500, reason="丢件", by=wang, at=SOON, client_key="r")
    meet = meeting(2)

    def read(remedy_id: int) -> tuple[Case, Remedy]:
        found = (
            Case.objects.select_related("policy", "queue__department", "customer").get(pk=case.pk),
            Remedy.objects.get(),
        )
        meet()
        return found

    monkeypatch.setattr(remedies, "_held", read)

    assert at_once(approvals(remedy, leads)) == {"done": 1, CRASH: 1}


# Four jobs that look at the clocks -----------------------------------------------------------------------------------


def test_four_jobs_take_each_step_once(log_case: LogCase, madam_gao: Customer, chen: User) -> None:
    cases = [log_case(madam_gao) for _ in range(3)]
    late = WEDNESDAY + HOUR + MINUTE

    assert at_once([lambda: escalation.escalate_due(now=late)] * 4) == {"done": 4}

    assert ClockAlert.objects.count() == 6  # 80 % and 100 % of the first answer, three times
    assert CaseEvent.objects.filter(kind=CaseEvent.Kind.ESCALATED).count() == 3
    assert Message.objects.filter(recipient=chen, dedupe_key__startswith="sla:").count() == 3
    assert {again(case).breached for case in cases} == {True}


def test_control_jobs_that_do_not_claim_run_into_each_other(
    log_case: LogCase, madam_gao: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_case(madam_gao)
    ahead, meet = sla.steps_ahead, meeting(4)

    def look_and_meet(clock: Clock) -> Any:
        steps = list(ahead(clock))
        meet()
        return steps

    monkeypatch.setattr(transitions, "hold_if_free", transitions._read)
    monkeypatch.setattr(sla, "steps_ahead", look_and_meet)

    ends = at_once([lambda: escalation.escalate_due(now=WEDNESDAY + HOUR + MINUTE)] * 4)

    assert ends == {"done": 1, CRASH: 3}
    assert ClockAlert.objects.count() == 2


def test_a_case_that_somebody_works_on_is_left_for_the_next_minute(log_case: LogCase, madam_gao: Customer) -> None:
    case = log_case(madam_gao)
    held, looked = threading.Event(), threading.Event()

    def work() -> None:
        with transaction.atomic():
            transitions.hold(case.pk)
            held.set()
            looked.wait(PATIENCE)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert held.wait(PATIENCE)
    assert escalation.escalate_due(now=WEDNESDAY + DAY) == 0
    looked.set()
    worker.join()
    assert escalation.escalate_due(now=WEDNESDAY + DAY) == 1
