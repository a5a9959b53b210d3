"""A complaint comes in: once, at its place in the line, with its promises running."""

from datetime import UTC, datetime

import pytest

from complaints.cases import intake
from complaints.models import Case, Clock, Metric
from core.accounts.models import User
from core.lib.errors import Invalid, SameKey
from core.outbox.models import Message
from customers.models import Customer
from tests.complaints.conftest import DAY, HOUR, WEDNESDAY, LogCase, category_of, join, queue_of

pytestmark = pytest.mark.django_db


def dues(case: Case) -> dict[str, datetime | None]:
    return dict(case.clocks.values_list("metric", "due_at"))


def test_a_random_customer_is_promised_office_hours(log_case: LogCase, li_lei: Customer) -> None:
    case = log_case(li_lei)

    assert (case.status, case.priority, case.severity, case.version) == ("new", 3, 3, 1)
    assert case.queue == queue_of("logistics")
    # 8 hours for the first answer from 09:30: the day has 7.5 left. 40 hours for the solution: five days of 8.
    assert dues(case) == {
        Metric.FIRST_RESPONSE: datetime(2026, 6, 4, 1, 30, tzinfo=UTC),
        Metric.RESOLUTION: datetime(2026, 6, 10, 1, 30, tzinfo=UTC),
    }
    assert case.next_due_at == datetime(2026, 6, 4, 1, 30, tzinfo=UTC)


def test_a_big_customer_comes_first_day_and_night_and_to_the_own_manager(
    log_case: LogCase, madam_gao: Customer, chen: User, wang: User
) -> None:
    join(wang, "big-customers")
    join(chen, "big-customers")

    case = log_case(madam_gao)

    assert (case.priority, case.owner, case.queue.is_vip) == (2, chen, True)
    assert dues(case) == {Metric.FIRST_RESPONSE: WEDNESDAY + HOUR, Metric.RESOLUTION: WEDNESDAY + DAY}
    assert case.priority_reason["class"] == 2


def test_the_own_manager_is_told_at_once_when_somebody_else_has_the_case(
    log_case: LogCase, madam_gao: Customer, chen: User, wang: User
) -> None:
    join(wang, "big-customers")

    case = log_case(madam_gao)

    assert case.owner == wang
    assert [m.recipient for m in Message.objects.filter(dedupe_key__startswith="big:")] == [chen]


def test_saving_twice_makes_one_case(log_case: LogCase, li_lei: Customer) -> None:
    first = log_case(li_lei, client_key="k-1", description="包裹没到")

    assert log_case(li_lei, client_key="k-1", description="包裹没到") == first
    for other in ({"description": "once more"}, {"category": "delivery-lost"}, {"order_ref": "S-1"}):
        with pytest.raises(SameKey):
            log_case(li_lei, client_key="k-1", **{"description": "包裹没到"} | other)
    assert log_case(li_lei, client_key="k-2") != first
    assert first.events.count() == 1


def test_the_same_mail_is_one_case_and_two_sources_may_use_one_number(log_case: LogCase, li_lei: Customer) -> None:
    told = {"source_ref": "<1@shop>", "description": "包裹没到"}
    first = log_case(li_lei, source="mail", **told)

    assert log_case(li_lei, source="mail", **told) == first
    assert log_case(li_lei, source="web", **told) != first


def test_an_answer_given_on_the_phone_is_the_first_answer(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    case = log_case(li_lei, by=wang, answered="今天17点前给您回电")

    assert (case.first_response_at, case.status, case.version) == (WEDNESDAY, "in_progress", 2)
    assert Clock.objects.get(metric=Metric.FIRST_RESPONSE).state == Clock.State.MET


def test_a_complaint_logged_late_is_born_overdue(log_case: LogCase, madam_gao: Customer, wang: User) -> None:
    with pytest.raises(Invalid) as refusal:
        log_case(madam_gao, by=wang, received_at=WEDNESDAY - 2 * DAY)
    assert refusal.value.code == "late_reason"

    case = log_case(
        madam_gao, by=wang, received_at=WEDNESDAY - 2 * DAY, late_reason="周末手机没电", answered="马上处理"
    )

    clock = case.clocks.get(metric=Metric.FIRST_RESPONSE)
    assert (clock.state, clock.breached_at) == (Clock.State.MISSED, WEDNESDAY - 2 * DAY + HOUR)
    assert case.breached


def test_a_remark_in_passing_has_no_clock(log_case: LogCase, li_lei: Customer) -> None:
    case = log_case(li_lei, kind="grumble")

    assert (case.clocks.count(), case.next_due_at) == (0, None)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"description": " ", "order_ref": ""}, "nothing_said"),
        ({"severity": 5}, "severity"),
        ({"channel": "pigeon"}, "unknown_choice"),
        ({"source": "mail"}, "source_incomplete"),
        ({"received_at": WEDNESDAY + HOUR}, "received_at"),
        ({"received_at": WEDNESDAY - 31 * DAY}, "received_at"),
        ({"received_at": datetime(2026, 6, 3)}, "time_without_offset"),
    ],
)
def test_what_cannot_be_is_refused(log_case: LogCase, li_lei: Customer, told: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        log_case(li_lei, **told)

    assert refusal.value.code == code
    assert not Case.objects.exists()


def test_a_case_has_a_category_of_the_second_level(li_lei: Customer) -> None:
    with pytest.raises(Invalid) as refusal:
        intake.log(li_lei, category=category_of("delivery"), channel="phone", by=None, at=WEDNESDAY, description="慢")

    assert refusal.value.code == "category_not_a_leaf"
