"""What can happen to a case: one line per accepted change, and nothing that anybody typed is lost."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction

from complaints.cases import handover, lifecycle, prompts, routing, transitions
from complaints.cases.transitions import Conflict, NotNow
from complaints.models import Case, CaseEvent, Clock, Department, Draft, Handover, Metric, ServicePrompt, Survey
from core.accounts.models import AuditEntry, User
from core.lib.errors import DomainError, Invalid
from core.outbox.models import Message
from customers.models import Customer, Standing
from tests.complaints.conftest import (
    DAY,
    HOUR,
    MINUTE,
    WEDNESDAY,
    LogCase,
    again,
    category_of,
    classed,
    join,
    queue_of,
    solved,
)

pytestmark = pytest.mark.django_db
SOON = WEDNESDAY + 10 * MINUTE


@pytest.fixture
def case(log_case: LogCase, li_lei: Customer) -> Case:
    return log_case(li_lei)


def answer(case: Case, by: User, at: datetime = SOON, **told: Any) -> Case:
    return lifecycle.reply(case.pk, by=by, at=at, **{"body": "我们马上查", "channel": "phone"} | told)


def clock(case: Case, metric: str, cycle: int = 1) -> Clock:
    return Clock.objects.filter(case=case, metric=metric, cycle=cycle).order_by("-generation")[0]


# Answers and waiting -------------------------------------------------------------------------------------------------


def test_a_note_is_no_answer_and_a_reply_is(case: Case, wang: User) -> None:
    lifecycle.note(case.pk, by=wang, at=SOON, body="客户很急")
    assert again(case).first_response_at is None

    answer(case, wang, SOON + HOUR)
    answer(case, wang, SOON + 2 * HOUR)

    assert again(case).first_response_at == SOON + HOUR
    assert clock(case, Metric.FIRST_RESPONSE).state == Clock.State.MET


def test_waiting_needs_a_question_and_stops_every_clock_but_the_first_answer(case: Case, wang: User) -> None:
    with pytest.raises(DomainError) as refusal:
        lifecycle.wait_for_customer(case.pk, reason="answer", by=wang, at=SOON)
    assert refusal.value.code == "ask_first"

    answer(case, wang, body="请发照片", then_wait="answer")

    assert again(case).status == Case.Status.WAITING_CUSTOMER
    assert (clock(case, Metric.RESOLUTION).state, clock(case, Metric.RESOLUTION).due_at) == (Clock.State.PAUSED, None)
    assert again(case).next_due_at is None


def test_a_pause_outside_hours_moves_no_deadline(case: Case, wang: User) -> None:
    due = clock(case, Metric.RESOLUTION).due_at
    evening = datetime(2026, 6, 3, 10, tzinfo=UTC)
    answer(case, wang, evening, then_wait="answer")

    lifecycle.customer_replied(case.pk, at=datetime(2026, 6, 4, 1, tzinfo=UTC), body="照片来了", channel="wechat")

    assert again(case).status == Case.Status.IN_PROGRESS
    assert clock(case, Metric.RESOLUTION).due_at == due
    assert clock(case, Metric.NEXT_RESPONSE).state == Clock.State.RUNNING


def test_an_overdue_case_that_waits_stands_still_and_stays_overdue(case: Case, wang: User) -> None:
    answer(case, wang)
    late = WEDNESDAY + 30 * DAY

    lifecycle.wait_for_customer(case.pk, reason="return", by=wang, at=late)

    paused = clock(case, Metric.RESOLUTION)
    assert (paused.state, paused.due_at) == (Clock.State.PAUSED, None)
    assert paused.breached_at == datetime(2026, 6, 10, 1, 30, tzinfo=UTC)
    lifecycle.customer_replied(case.pk, at=late + DAY, body="寄回了", channel="phone")
    assert clock(case, Metric.RESOLUTION).due_at == paused.breached_at


def test_a_second_question_does_not_restart_the_answer_that_is_owed(case: Case, wang: User) -> None:
    answer(case, wang)
    for minutes in (20, 40):
        lifecycle.customer_replied(case.pk, at=WEDNESDAY + minutes * MINUTE, body="还没到", channel="phone")

    owed = Clock.objects.filter(case=case, metric=Metric.NEXT_RESPONSE)
    assert [c.started_at for c in owed] == [WEDNESDAY + 20 * MINUTE]


def test_the_same_mail_again_changes_nothing(case: Case) -> None:
    for _ in range(2):
        lifecycle.customer_replied(case.pk, at=SOON, body="在吗", channel="email", external_ref="<2@shop>")

    assert (case.messages.count(), again(case).version) == (1, 2)


# Two people at once --------------------------------------------------------------------------------------------------


def test_different_fields_both_win_and_the_same_field_is_refused_with_both_texts(
    case: Case, wang: User, sun: User
) -> None:
    lifecycle.edit(case.pk, {"title": "包裹三天没动"}, by=wang, at=SOON, version=1)
    lifecycle.edit(case.pk, {"remedy_sought": "要求退款"}, by=sun, at=SOON, version=1)

    with pytest.raises(Conflict) as refusal:
        lifecycle.edit(case.pk, {"title": "物流停滞"}, by=sun, at=SOON, version=1)

    assert refusal.value.code == "changed_meanwhile"
    assert [(c.who, c.texts) for c in refusal.value.theirs] == [("Wang Fang", {"title": "包裹三天没动"})]
    assert refusal.value.yours == {"title": "物流停滞"}
    assert (again(case).title, again(case).remedy_sought) == ("包裹三天没动", "要求退款")


def test_an_answer_written_before_the_customers_last_words_is_shown_them_first(case: Case, wang: User) -> None:
    lifecycle.save_draft(case.pk, by=wang, body="明天到", base_version=1, at=WEDNESDAY)
    lifecycle.customer_replied(case.pk, at=SOON, body="已经收到了", channel="wechat")

    with pytest.raises(Conflict) as refusal:
        answer(case, wang, body="明天到", version=1)
    assert refusal.value.theirs[0].texts == {"message": "已经收到了"}
    assert Draft.objects.get().body == "明天到"

    answer(case, wang, body="明天到", version=refusal.value.case.version)
    assert not Draft.objects.exists()


def test_a_raised_priority_does_not_stand_in_the_way_of_an_answer(case: Case, wang: User) -> None:
    lifecycle.prioritise(case.pk, 1, by=wang, at=SOON, reason="老客户")

    assert answer(case, wang, version=1).version == 3


def test_sending_twice_is_once(case: Case, wang: User) -> None:
    for _ in range(2):
        answer(case, wang, request_key="r-1")

    assert case.messages.count() == 1


# Who has it ----------------------------------------------------------------------------------------------------------


def test_a_taken_case_is_not_taken_again(case: Case, wang: User, sun: User) -> None:
    lifecycle.claim(case.pk, by=wang, at=SOON)
    lifecycle.claim(case.pk, by=wang, at=SOON)

    with pytest.raises(DomainError, match="Wang Fang has taken case"):
        lifecycle.claim(case.pk, by=sun, at=SOON)
    assert (again(case).status, again(case).version) == (Case.Status.IN_PROGRESS, 2)


def test_cases_go_to_the_least_loaded_within_capacity_and_wait_when_all_are_full(
    log_case: LogCase, li_lei: Customer, wang: User, sun: User
) -> None:
    join(wang, "logistics", capacity=2)
    join(sun, "logistics", capacity=1)
    cases = [log_case(li_lei) for _ in range(4)]
    assert [c.owner for c in cases] == [wang, sun, wang, None]

    answer(cases[0], wang)
    lifecycle.resolve(cases[0].pk, by=wang, at=SOON, **solved())

    assert again(cases[3]).owner == wang


def test_a_case_of_priority_one_takes_two_places(log_case: LogCase, madam_gao: Customer, wang: User) -> None:
    join(wang, "big-customers", capacity=3)
    cases = [log_case(madam_gao, severity=1) for _ in range(2)]

    assert [(c.priority, c.owner) for c in cases] == [(1, wang), (1, None)]


def test_who_leaves_gives_open_cases_back_and_closed_ones_keep_the_name(
    log_case: LogCase, li_lei: Customer, wang: User, lead: User
) -> None:
    join(wang, "logistics")
    open_, done = log_case(li_lei), log_case(li_lei)
    lifecycle.resolve(done.pk, by=wang, at=SOON, **solved())

    assert routing.leave(wang, by=lead, at=SOON) == 1
    assert (again(open_).owner, again(done).owner) == (None, wang)


def test_moving_to_another_queue_leaves_the_clocks_alone(case: Case, wang: User, sun: User) -> None:
    lifecycle.claim(case.pk, by=wang, at=SOON)
    join(sun, "quality")
    due = again(case).next_due_at

    moved = lifecycle.transfer(case.pk, queue_of("quality"), by=wang, at=SOON, reason="是质量问题")

    assert (moved.owner, moved.next_due_at) == (sun, due)


# The end, and back ---------------------------------------------------------------------------------------------------


def test_solving_stops_the_clocks_prompts_the_next_colleague_and_plans_the_question(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())

    assert not Clock.objects.filter(state__in=["running", "paused"]).exists()
    prompt = ServicePrompt.objects.get()
    assert (prompt.trigger, prompt.department.code) == ("delivery", "logistics")
    assert prompts.wording(prompt) == f"{case.number} about 配送延误: 上次配送被投诉：请送货前先打电话"
    assert Survey.objects.get().send_at == SOON + DAY


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ({"outcome": ""}, "resolution_missing"),
        ({"resolution": " "}, "resolution_missing"),
        ({"root_cause": None}, "root_cause_missing"),
        ({"reply": ""}, "answer_first"),
    ],
)
def test_a_case_is_not_solved_while_something_is_missing(
    case: Case, wang: User, missing: dict[str, Any], code: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        lifecycle.resolve(case.pk, by=wang, at=SOON, **solved(**missing))

    assert refusal.value.code == code
    assert again(case).version == 1


def test_a_customer_who_writes_again_reopens_and_the_first_cycle_stays_as_it_was(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    first = list(Clock.objects.filter(cycle=1).values_list("metric", "state", "elapsed_seconds"))

    lifecycle.customer_replied(case.pk, at=SOON + DAY, body="还是没到", channel="phone")

    found = again(case)
    assert (found.status, found.cycle, found.reopen_count, found.needs_a_look) == ("in_progress", 2, 1, True)
    assert list(Clock.objects.filter(cycle=1).values_list("metric", "state", "elapsed_seconds")) == first
    assert {c.metric for c in Clock.objects.filter(cycle=2, state="running")} == {"next_response", "resolution"}
    assert Survey.objects.get().state == Survey.State.CANCELLED
    assert ServicePrompt.objects.get().status == ServicePrompt.Status.CANCELLED


def test_only_thanks_is_solved_again_by_one_click_and_asks_nothing(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    lifecycle.customer_replied(case.pk, at=SOON + HOUR, body="谢谢", channel="wechat")

    lifecycle.keep_resolved(case.pk, by=wang, at=SOON + 2 * HOUR)

    assert again(case).status == Case.Status.RESOLVED
    assert Survey.objects.filter(state=Survey.State.PLANNED).count() == 0


def test_solved_and_reopened_by_ourselves_within_a_day_the_same_clock_goes_on(case: Case, wang: User) -> None:
    due = clock(case, Metric.RESOLUTION).due_at
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())

    lifecycle.reopen(case.pk, by=wang, at=SOON + HOUR, reason="解决得太早")

    assert (again(case).cycle, clock(case, Metric.RESOLUTION).due_at) == (1, due)


def test_a_solved_case_closes_by_itself_and_later_words_make_a_new_one(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    assert lifecycle.close_due(now=SOON + 5 * DAY - MINUTE) == 0
    assert lifecycle.close_due(now=SOON + 5 * DAY) == 1

    within = SOON + 12 * DAY
    assert lifecycle.customer_replied(case.pk, at=within, body="又坏了", channel="phone") == case
    lifecycle.resolve(case.pk, by=wang, at=within, **solved())
    lifecycle.close_due(now=within + 5 * DAY)

    later = lifecycle.customer_replied(case.pk, at=within + 13 * DAY, body="又来了", channel="phone")
    assert (later.follows, later.status, again(case).status) == (case, "new", "closed")


def test_merging_keeps_the_earlier_start_and_sends_later_words_to_the_target(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    old = log_case(li_lei)
    new = log_case(li_lei, at=WEDNESDAY + HOUR)

    lifecycle.merge(old.pk, new.pk, by=wang, at=SOON + HOUR)

    assert again(new).received_at == WEDNESDAY
    assert clock(new, Metric.FIRST_RESPONSE).due_at == clock(old, Metric.FIRST_RESPONSE).due_at
    assert again(old).next_due_at is None
    assert lifecycle.customer_replied(old.pk, at=SOON + 2 * HOUR, body="在吗", channel="email") == new
    assert (old.messages.count(), new.messages.count()) == (0, 1)


def test_cases_of_two_customers_are_not_merged(
    log_case: LogCase, li_lei: Customer, madam_gao: Customer, wang: User
) -> None:
    with pytest.raises(DomainError) as refusal:
        lifecycle.merge(log_case(li_lei).pk, log_case(madam_gao).pk, by=wang, at=SOON)
    assert refusal.value.code == "merge_customers"


def test_nobody_declares_their_own_case_void(log_case: LogCase, li_lei: Customer, wang: User, sun: User) -> None:
    own = log_case(li_lei, by=wang)
    with pytest.raises(DomainError) as refusal:
        lifecycle.invalidate(own.pk, by=wang, at=SOON, reason="测试")
    assert refusal.value.code == "second_person"

    assert lifecycle.invalidate(own.pk, by=sun, at=SOON, reason="测试").status == Case.Status.INVALID


# Promises ------------------------------------------------------------------------------------------------------------


def test_a_graver_case_keeps_its_start_and_its_pauses(case: Case, wang: User, lead: User) -> None:
    answer(case, wang, then_wait="answer")
    lifecycle.classify(case.pk, category=category_of("delivery-lost"), severity=1, by=wang, at=SOON + HOUR)
    lifecycle.customer_replied(case.pk, at=SOON + 2 * HOUR, body="照片", channel="wechat")

    running = clock(case, Metric.RESOLUTION)
    # 16 hours from 09:30 without 09:40–11:40: 5.5 on Wednesday, 8 on Thursday, 2.5 on Friday.
    assert (running.generation, running.started_at, running.budget_minutes) == (2, WEDNESDAY, 960)
    assert running.due_at == datetime(2026, 6, 5, 3, 30, tzinfo=UTC)
    assert again(case).priority == 1

    with pytest.raises(DomainError) as refusal:
        lifecycle.classify(case.pk, category=category_of("delivery-late"), severity=4, by=wang, at=SOON + 3 * HOUR)
    assert refusal.value.code == "not_looser"
    assert lifecycle.classify(case.pk, category=category_of("delivery-late"), severity=4, by=lead, at=SOON + 3 * HOUR)


def test_what_stayed_as_it_was_is_not_said_to_have_changed(case: Case, wang: User) -> None:
    lifecycle.classify(case.pk, category=case.category, severity=1, by=wang, at=SOON)

    assert case.events.order_by("seq").last().data["changed"] == {"severity": [3, 1]}


def test_a_customer_who_rises_is_served_as_risen_and_one_who_falls_as_before(case: Case, li_lei: Customer) -> None:
    classed(li_lei, Standing.Class.BIG)
    assert lifecycle.follow_classes(at=SOON) == 1
    assert (again(case).served_as, again(case).priority) == (Standing.Class.BIG, 2)
    assert again(case).next_due_at == WEDNESDAY + HOUR

    classed(li_lei, Standing.Class.RANDOM)
    assert lifecycle.follow_classes(at=SOON) == 0


# Departments ---------------------------------------------------------------------------------------------------------


def test_a_question_to_a_department_blocks_the_end_but_not_the_clock(case: Case, wang: User, sun: User) -> None:
    due = again(case).next_due_at
    asked = handover.ask(
        case.pk, Department.objects.get(code="logistics"), question="包裹在哪？", by=wang, at=SOON, assignee=sun
    )
    assert asked.due_at == datetime(2026, 6, 3, 6, 40, tzinfo=UTC)  # four open hours after 09:40, lunch left out
    assert (again(case).status, again(case).next_due_at) == (Case.Status.WAITING_INTERNAL, due)
    assert Message.objects.filter(recipient=sun).count() == 1
    with pytest.raises(DomainError, match="物流部 has not answered yet"):
        lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())

    handover.accept(asked.pk, by=sun, at=SOON + HOUR)
    handover.answer(asked.pk, by=sun, at=SOON + HOUR, text="在杭州中转")

    assert again(case).status == Case.Status.IN_PROGRESS
    assert Handover.objects.get().assignee == sun


def test_an_overdue_question_is_told_once(case: Case, wang: User, lead: User) -> None:
    Department.objects.filter(code="logistics").update(head=lead)
    handover.ask(case.pk, Department.objects.get(code="logistics"), question="在哪？", by=wang, at=SOON)

    assert [handover.escalate_due(now=SOON + hours * HOUR) for hours in (4, 6, 8)] == [0, 1, 0]


# The database keeps the promises -------------------------------------------------------------------------------------


def test_every_change_is_one_event_and_one_line_of_the_audit_trail(case: Case, wang: User) -> None:
    lifecycle.claim(case.pk, by=wang, at=SOON)
    answer(case, wang)
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())

    events = list(case.events.order_by("seq").values_list("seq", "kind", "to_status"))
    assert events == [
        (1, "logged", "new"),
        (2, "claimed", "in_progress"),
        (3, "replied", "in_progress"),
        (4, "replied", "in_progress"),
        (5, "resolved", "resolved"),
    ]
    lines = AuditEntry.objects.filter(action__startswith="complaint.")
    assert list(lines.order_by("id").values_list("action", flat=True)) == [
        f"complaint.{kind}" for _s, kind, _t in events
    ]
    assert "包裹" not in str(list(lines.values_list("detail", flat=True)))


def test_the_database_refuses_a_status_outside_the_table_and_any_change_of_history(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    forbidden = [
        lambda: Case.objects.filter(pk=case.pk).update(status=Case.Status.NEW),
        lambda: CaseEvent.objects.filter(case=case).update(kind="noted"),
        lambda: case.events.get(seq=1).delete(),
        lambda: Case.objects.filter(pk=case.pk)._raw_delete("default"),
    ]
    for change in forbidden:
        with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
            change()
    assert connection.is_usable()


def test_what_is_over_stays_over(case: Case, wang: User) -> None:
    lifecycle.withdraw(case.pk, by=wang, at=SOON, reason="客户撤回")

    for verb in (lifecycle.claim, lifecycle.acknowledge):
        with pytest.raises(NotNow):
            verb(case.pk, by=wang, at=SOON)
    with pytest.raises(NotNow):
        transitions.record(again(case), CaseEvent.Kind.CLOSED, by=wang, at=SOON, to=Case.Status.CLOSED)
    with pytest.raises(Invalid):
        lifecycle.redact(case.pk, 0, by=wang, at=SOON, reason=" ")


def test_a_click_beside_on_withdrawn_is_taken_back_as_if_it_never_was(case: Case, wang: User) -> None:
    due = {metric: clock(case, metric).due_at for metric in ("first_response", "resolution")}
    lifecycle.withdraw(case.pk, by=wang, at=SOON, reason="客户撤回")

    with pytest.raises(Invalid):
        lifecycle.reopen(case.pk, by=wang, at=SOON + MINUTE, reason=" ")
    back = lifecycle.reopen(case.pk, by=wang, at=SOON + MINUTE, reason="点错了")

    assert (back.status, back.reopen_count, back.cycle) == (Case.Status.IN_PROGRESS, 0, 1)
    assert {metric: clock(case, metric).due_at for metric in due} == due
    lifecycle.withdraw(case.pk, by=wang, at=SOON + HOUR, reason="客户撤回")
    with pytest.raises(DomainError) as refusal:
        lifecycle.reopen(case.pk, by=wang, at=SOON + 9 * DAY, reason="太晚了")
    assert refusal.value.code == "too_late"
