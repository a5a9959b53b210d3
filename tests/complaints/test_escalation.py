"""Time runs out: told once, with the true moment, however late anybody looks."""

from datetime import UTC, date, datetime

import pytest

from complaints.cases import escalation, lifecycle
from complaints.models import BusinessCalendar, Case, CaseEvent, Clock, ClockAlert, Department, Metric
from complaints.promises import calendars
from core.accounts.models import Role, User
from core.outbox.models import Message
from customers.models import Customer
from tests.complaints.conftest import DAY, HOUR, MINUTE, WEDNESDAY, LogCase, again, join
from tests.conftest import MakeUser

pytestmark = pytest.mark.django_db


def test_a_scanner_stopped_for_three_hours_writes_the_true_breach_and_tells_once(
    log_case: LogCase, madam_gao: Customer, chen: User, lead: User, wang: User
) -> None:
    Department.objects.filter(code="service").update(head=lead)
    join(wang, "big-customers")
    case = log_case(madam_gao)
    late = WEDNESDAY + 4 * HOUR

    assert [escalation.escalate_due(now=late), escalation.escalate_due(now=late + MINUTE)] == [1, 0]

    clock = Clock.objects.get(case=case, metric=Metric.FIRST_RESPONSE)
    assert clock.breached_at == WEDNESDAY + HOUR
    assert list(ClockAlert.objects.order_by("due_at").values_list("step__at_percent", "due_at", "fired_at")) == [
        (80, WEDNESDAY + 48 * MINUTE, late),
        (100, WEDNESDAY + HOUR, late),
        (200, WEDNESDAY + 2 * HOUR, late),
    ]
    told = Message.objects.filter(dedupe_key__startswith="sla:")
    assert sorted(told.values_list("recipient__full_name", flat=True)) == [
        "Chen Jing",
        "Wang Fang",
        "Wang Fang",
        "Zhao Min",
        "Zhao Min",
    ]
    assert (again(case).breached, again(case).priority, again(case).priority_source) == (True, 1, "escalation")


def test_nothing_is_told_at_the_due_moment_itself_because_an_answer_then_is_in_time(
    log_case: LogCase, madam_gao: Customer, wang: User
) -> None:
    case = log_case(madam_gao)
    due = WEDNESDAY + HOUR
    escalation.escalate_due(now=due)
    assert not again(case).breached

    lifecycle.reply(case.pk, by=wang, at=due, body="查到了", channel="phone")

    assert Clock.objects.get(case=case, metric=Metric.FIRST_RESPONSE).state == Clock.State.MET


def test_a_late_answer_is_missed_even_if_no_job_ever_ran(log_case: LogCase, madam_gao: Customer, wang: User) -> None:
    case = log_case(madam_gao)

    lifecycle.reply(case.pk, by=wang, at=WEDNESDAY + HOUR + MINUTE, body="查到了", channel="phone")

    clock = Clock.objects.get(case=case, metric=Metric.FIRST_RESPONSE)
    assert (clock.state, clock.breached_at, clock.elapsed_seconds) == (Clock.State.MISSED, WEDNESDAY + HOUR, 3660)


def test_random_customers_do_not_starve(log_case: LogCase, li_lei: Customer) -> None:
    case = log_case(li_lei)
    assert case.priority == 3

    # 80 % of eight office hours from 09:30: 6.4 hours later, lunch left out, at 16:54 in the mall.
    escalation.escalate_due(now=datetime(2026, 6, 3, 8, 55, tzinfo=UTC))

    assert again(case).priority == 2


def test_waiting_cases_tell_nobody(log_case: LogCase, madam_gao: Customer, wang: User) -> None:
    case = log_case(madam_gao)
    lifecycle.reply(case.pk, by=wang, at=WEDNESDAY, body="请发照片", channel="phone", then_wait="answer")

    assert escalation.escalate_due(now=WEDNESDAY + 30 * DAY) == 0


def test_who_becomes_free_gets_the_oldest_within_one_tick(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    case = log_case(li_lei)
    join(wang, "logistics")

    assert escalation.tick(now=WEDNESDAY + MINUTE)["handed_out"] == 1
    assert again(case).owner == wang


def test_a_holiday_entered_later_moves_open_deadlines_only_when_asked_and_is_previewed(
    log_case: LogCase, li_lei: Customer, make_user: MakeUser
) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    case = log_case(li_lei)
    office = BusinessCalendar.objects.get(code="office")

    calendars.set_day(office.pk, date(2026, 6, 4), hours=[], name="停电", by=admin, at=WEDNESDAY)

    assert again(case).next_due_at == datetime(2026, 6, 4, 1, 30, tzinfo=UTC)
    preview = {clock.metric: due for clock, due in escalation.preview_recalculation(office.pk)}
    assert preview == {
        Metric.FIRST_RESPONSE: datetime(2026, 6, 5, 1, 30, tzinfo=UTC),
        Metric.RESOLUTION: datetime(2026, 6, 11, 1, 30, tzinfo=UTC),
    }
    assert escalation.recalculate_calendar(office.pk, by=admin, at=WEDNESDAY, reason="停电") == 1
    assert again(case).next_due_at == preview[Metric.FIRST_RESPONSE]
    assert case.events.filter(kind=CaseEvent.Kind.RECALCULATED).count() == 1
    assert escalation.preview_recalculation(office.pk) == []


def test_a_breach_on_record_stays_when_the_calendar_is_corrected(
    log_case: LogCase, li_lei: Customer, make_user: MakeUser
) -> None:
    admin = make_user(Role.ADMINISTRATOR)
    case = log_case(li_lei)
    escalation.escalate_due(now=datetime(2026, 6, 4, 2, tzinfo=UTC))
    office = BusinessCalendar.objects.get(code="office")
    calendars.set_day(office.pk, date(2026, 6, 4), hours=[], by=admin, at=WEDNESDAY)

    escalation.recalculate_calendar(office.pk, by=admin, at=WEDNESDAY + DAY, reason="停电")

    assert Clock.objects.get(case=case, metric=Metric.FIRST_RESPONSE).breached_at == datetime(
        2026, 6, 4, 1, 30, tzinfo=UTC
    )


def test_the_national_day_and_its_make_up_days_are_imported_and_left_to_be_confirmed(desk: None, lead: User) -> None:
    office = BusinessCalendar.objects.get(code="office")
    before = datetime(2026, 9, 30, 9, 30, tzinfo=UTC)

    assert calendars.due(office, before, 240) == datetime(2026, 10, 8, 5, 30, tzinfo=UTC)
    assert calendars.due(office, datetime(2026, 10, 9, 9, 30, tzinfo=UTC), 120) == datetime(
        2026, 10, 10, 2, 30, tzinfo=UTC
    )
    assert (office, 2026) in calendars.unconfirmed(WEDNESDAY)
    calendars.confirm_year(office.pk, 2026, by=lead, at=WEDNESDAY)
    assert calendars.unconfirmed(WEDNESDAY) == []
    assert calendars.unconfirmed(before + 60 * DAY) == [(office, 2027)]
    assert Case.objects.count() == 0
