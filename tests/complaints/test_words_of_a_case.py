"""What the verbs of a case say of themselves: who is told, what is refused, what is never lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from complaints.cases import escalation, handover, intake, lifecycle, routing
from complaints.cases.transitions import Conflict, NotNow
from complaints.models import Case, Clock, Department, Draft, Handover, Metric, Survey
from core.accounts.models import Role, User
from core.lib.errors import DomainError, Invalid
from core.outbox.models import Message
from customers.models import Customer
from tests.complaints.conftest import (
    DAY,
    HOUR,
    MINUTE,
    WEDNESDAY,
    LogCase,
    again,
    category_of,
    join,
    queue_of,
    solved,
)
from tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
SOON = WEDNESDAY + 10 * MINUTE


@pytest.fixture
def case(log_case: LogCase, li_lei: Customer) -> Case:
    return log_case(li_lei)


def answer(case: Case, by: User, then_wait: str = "") -> Case:
    return lifecycle.reply(case.pk, by=by, at=SOON, body="请发照片", channel="phone", then_wait=then_wait)


def ask(case: Case, by: User, assignee: User | None = None, department: str = "logistics") -> Handover:
    to = Department.objects.get(code=department)
    return handover.ask(case.pk, to, question="包裹在哪？", by=by, at=SOON, assignee=assignee)


def told(key: str) -> set[User]:
    return {message.recipient for message in Message.objects.filter(dedupe_key__startswith=key)}


def code_of(verb: Callable[[], object]) -> str:
    with pytest.raises(DomainError) as refusal:
        verb()
    return refusal.value.code


# Words ---------------------------------------------------------------------------------------------------------------


def test_words_that_were_removed_are_nowhere_and_that_they_were_there_stays(case: Case, lead: User) -> None:
    lifecycle.customer_replied(case.pk, at=SOON, body="卡号 6222 0212", channel="wechat")
    message = case.messages.get()

    with pytest.raises(Invalid):
        lifecycle.redact(case.pk, message.pk, by=lead, at=SOON, reason=" ")
    lifecycle.redact(case.pk, message.pk, by=lead, at=SOON, reason="卡号")

    message.refresh_from_db()
    assert (message.body, message.redacted_at) == ("[removed]", SOON)
    assert "6222" not in str(list(case.events.values_list("data", flat=True)))


def test_a_note_and_a_solution_sent_twice_are_once(case: Case, wang: User) -> None:
    for _ in range(2):
        lifecycle.note(case.pk, by=wang, at=SOON, body="客户很急", request_key="n-1")
    for _ in range(2):
        lifecycle.resolve(case.pk, by=wang, at=SOON, **solved(request_key="s-1"))

    assert list(case.messages.order_by("pk").values_list("direction", flat=True)) == ["note", "out"]
    assert again(case).status == Case.Status.RESOLVED


def test_a_case_is_not_solved_over_words_that_its_editor_has_not_seen(case: Case, wang: User) -> None:
    lifecycle.customer_replied(case.pk, at=SOON, body="又坏了", channel="wechat")

    with pytest.raises(Conflict) as refusal:
        lifecycle.resolve(case.pk, by=wang, at=SOON, version=1, **solved())

    assert refusal.value.theirs[0].texts == {"message": "又坏了"}
    assert refusal.value.yours == {"resolution": "重新发货", "reply": "今天已重新发出"}


@pytest.mark.parametrize("verb", ["reply", "note", "resolve"])
def test_unsent_words_of_a_colleague_are_left_to_them(case: Case, wang: User, sun: User, verb: str) -> None:
    for author in (wang, sun):
        lifecycle.save_draft(case.pk, by=author, body="明天到", base_version=1, at=WEDNESDAY)

    if verb == "reply":
        answer(case, wang)
    elif verb == "note":
        lifecycle.note(case.pk, by=wang, at=SOON, body="客户很急")
    else:
        lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())

    assert Draft.objects.get().author == sun


def test_a_field_that_is_no_text_of_the_case_is_not_edited(case: Case, wang: User) -> None:
    assert code_of(lambda: lifecycle.edit(case.pk, {"priority": 4}, by=wang, at=SOON, version=1)) == "field_unknown"


def test_what_is_said_to_a_merged_case_is_said_in_its_target_however_often_that_was_merged(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    first, second, third = (log_case(li_lei) for _ in range(3))
    lifecycle.merge(first.pk, second.pk, by=wang, at=SOON)
    lifecycle.merge(second.pk, third.pk, by=wang, at=SOON)

    assert answer(first, wang) == third
    assert lifecycle.note(first.pk, by=wang, at=SOON, body="客户很急") == third
    assert again(first).merged_into == third
    assert third.messages.count() == 2


def test_words_to_a_withdrawn_case_are_a_new_one_that_follows_it(case: Case, wang: User) -> None:
    lifecycle.withdraw(case.pk, by=wang, at=SOON, reason="客户撤回")

    later = lifecycle.customer_replied(case.pk, at=SOON + HOUR, body="还是没到", channel="phone")

    assert (later.follows, later.status, again(case).status) == (case, "new", "withdrawn")


# Time ----------------------------------------------------------------------------------------------------------------


def test_waiting_names_a_reason_of_the_promises_and_a_question_of_this_cycle(case: Case, wang: User) -> None:
    answer(case, wang)

    def wait(reason: str) -> Case:
        return lifecycle.wait_for_customer(case.pk, reason=reason, by=wang, at=SOON + DAY)

    assert code_of(lambda: wait("lunch")) == "wait_reason"
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    lifecycle.customer_replied(case.pk, at=SOON + HOUR, body="还是没到", channel="phone")
    assert code_of(lambda: wait("answer")) == "ask_first"


def test_work_goes_on_without_the_answer_and_the_clocks_run_again(case: Case, wang: User) -> None:
    answer(case, wang, then_wait="answer")

    lifecycle.resume(case.pk, by=wang, at=SOON + HOUR)

    clock = Clock.objects.get(case=case, metric=Metric.RESOLUTION)
    assert (clock.state, again(case).next_due_at) == (Clock.State.RUNNING, clock.due_at)


def test_nobody_closes_by_itself_before_its_time(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())

    with pytest.raises(NotNow):
        lifecycle.close(case.pk, by=None, at=SOON + DAY)
    assert lifecycle.close(case.pk, by=wang, at=SOON + DAY).status == Case.Status.CLOSED


def test_what_closed_long_ago_is_not_reopened(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    lifecycle.close(case.pk, by=wang, at=SOON)
    days = case.policy.reopen_days

    def reopen(after: timedelta) -> Case:
        return lifecycle.reopen(case.pk, by=wang, at=SOON + after, reason="又坏了")

    assert code_of(lambda: reopen(timedelta(days=days, minutes=1))) == "too_late"
    assert reopen(timedelta(days=days)).status == Case.Status.IN_PROGRESS


def test_only_thanks_leaves_no_clock_running(case: Case, wang: User) -> None:
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    lifecycle.customer_replied(case.pk, at=SOON + HOUR, body="谢谢", channel="wechat")

    lifecycle.keep_resolved(case.pk, by=wang, at=SOON + 2 * HOUR)

    assert not Clock.objects.filter(state__in=["running", "paused"]).exists()
    assert again(case).next_due_at is None


def test_a_remark_that_is_taken_up_is_promised_from_then_on_and_asked_about(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    remark = log_case(li_lei, kind="grumble")

    lifecycle.take_up(remark.pk, by=wang, at=SOON + DAY)

    assert {(c.metric, c.started_at) for c in Clock.objects.all()} == {
        (Metric.FIRST_RESPONSE, SOON + DAY),
        (Metric.RESOLUTION, SOON + DAY),
    }


def test_a_remark_is_solved_without_a_question_to_the_customer(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    remark = log_case(li_lei, kind="grumble")

    lifecycle.resolve(remark.pk, by=wang, at=SOON, **solved())

    assert (Survey.objects.count(), remark.prompts.count()) == (0, 0)


def test_only_the_clocks_of_an_open_case_are_worked_out_again(case: Case, wang: User, lead: User) -> None:
    lifecycle.withdraw(case.pk, by=wang, at=SOON, reason="客户撤回")

    with pytest.raises(NotNow):
        escalation.recalculate(case.pk, by=lead, at=SOON, reason="假日")


@pytest.mark.parametrize("end", ["merge", "withdraw", "resolve"])
def test_when_a_case_has_ended_nobody_needs_to_answer_and_nobody_is_asked(
    log_case: LogCase, li_lei: Customer, wang: User, sun: User, end: str
) -> None:
    case = log_case(li_lei)
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
    lifecycle.reopen(case.pk, by=wang, at=SOON, reason="解决得太早")
    Survey.objects.update(state=Survey.State.PLANNED)
    handed = ask(case, wang, assignee=sun)
    Handover.objects.update(blocking=False)

    if end == "merge":
        lifecycle.merge(case.pk, log_case(li_lei).pk, by=wang, at=SOON)
    elif end == "withdraw":
        lifecycle.withdraw(case.pk, by=wang, at=SOON, reason="客户撤回")
    else:
        lifecycle.resolve(case.pk, by=wang, at=SOON, survey=False, **solved())

    handed.refresh_from_db()
    assert (handed.status, handed.ended_at) == (Handover.Status.CANCELLED, SOON)
    if end != "resolve":
        assert Survey.objects.get().state == Survey.State.CANCELLED


def test_a_case_is_not_merged_into_itself(case: Case, wang: User) -> None:
    assert code_of(lambda: lifecycle.merge(case.pk, case.pk, by=wang, at=SOON)) == "merge_self"


# Who is told ---------------------------------------------------------------------------------------------------------


def test_who_gets_a_case_is_told_and_so_is_who_loses_it_to_a_colleague(
    case: Case, wang: User, sun: User, lead: User
) -> None:
    lifecycle.claim(case.pk, by=wang, at=SOON)

    lifecycle.assign(case.pk, sun, by=lead, at=SOON)
    assert (told("case:"), told("taken:")) == ({sun}, {wang})

    lifecycle.assign(case.pk, wang, by=sun, at=SOON)  # who hands it on knows
    assert told("taken:") == {wang}


def test_a_case_is_given_to_who_works_complaints_only(case: Case, lead: User, make_user: MakeUser) -> None:
    analyst = make_user(Role.ANALYST)

    assert code_of(lambda: lifecycle.assign(case.pk, analyst, by=lead, at=SOON)) == "not_of_the_desk"


def test_an_owner_who_works_there_too_keeps_the_case_and_another_is_told(
    log_case: LogCase, li_lei: Customer, wang: User, sun: User
) -> None:
    kept, given = log_case(li_lei), log_case(li_lei)
    for case in (kept, given):
        lifecycle.claim(case.pk, by=wang, at=SOON)
    join(wang, "quality")
    join(sun, "general")

    lifecycle.transfer(kept.pk, queue_of("quality"), by=wang, at=SOON, reason="是质量问题")
    lifecycle.transfer(given.pk, queue_of("general"), by=wang, at=SOON, reason="是积分问题")

    assert (again(kept).owner, again(given).owner) == (wang, sun)
    assert told("case:") == {sun}


def test_whoever_reopens_the_owner_and_the_head_of_the_department_are_told(case: Case, wang: User, lead: User) -> None:
    Department.objects.update(head=lead)
    lifecycle.claim(case.pk, by=wang, at=SOON)
    lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())

    lifecycle.customer_replied(case.pk, at=SOON + HOUR, body="还是没到", channel="phone")

    assert told("reopened:") == {wang, lead}


def test_a_case_that_comes_back_a_second_time_is_more_urgent_and_not_left_to_who_has_gone(
    case: Case, wang: User
) -> None:
    lifecycle.claim(case.pk, by=wang, at=SOON)
    before = again(case).priority
    for _ in range(2):
        lifecycle.resolve(case.pk, by=wang, at=SOON, **solved())
        wang.is_active = False
        wang.save()
        lifecycle.customer_replied(case.pk, at=SOON + HOUR, body="还是没到", channel="phone")

    assert (again(case).priority, again(case).owner) == (before - 1, None)


def test_an_overdue_question_is_told_to_the_head_who_was_asked_and_who_asked(
    case: Case, wang: User, sun: User, lead: User
) -> None:
    Department.objects.filter(code="logistics").update(head=lead)
    ask(case, wang, assignee=sun)

    handover.escalate_due(now=SOON + 6 * HOUR)

    assert told("handover-late:") == {lead, sun, wang}


def test_the_owner_is_told_of_each_answer_and_the_case_goes_on_after_the_last(
    case: Case, wang: User, sun: User
) -> None:
    lifecycle.claim(case.pk, by=wang, at=SOON)
    first, second = ask(case, wang, sun), ask(case, wang, sun, department="quality")

    handover.answer(first.pk, by=sun, at=SOON + HOUR, text="在杭州中转")
    assert again(case).status == Case.Status.WAITING_INTERNAL
    assert told(f"handover-end:{first.pk}") == {wang}
    handover.reject(second.pk, by=sun, at=SOON + HOUR, reason="不是质量问题")

    assert again(case).status == Case.Status.IN_PROGRESS


def test_a_department_is_told_figures_and_no_name(case: Case, wang: User, sun: User) -> None:
    handed = ask(case, wang, sun)

    assert "李雷" not in str(handed.brief)
    assert set(handed.brief) == {"class", "type", "value", "open_cases", "promises", "priority"}


def test_when_nobody_has_room_the_head_of_the_department_is_told(
    log_case: LogCase, li_lei: Customer, lead: User
) -> None:
    Department.objects.update(head=lead)

    log_case(li_lei)

    assert told("unassigned:") == {lead}


def test_what_goes_back_to_its_queue_is_told_to_the_head(case: Case, wang: User, lead: User) -> None:
    Department.objects.update(head=lead)
    lifecycle.claim(case.pk, by=wang, at=SOON)

    routing.leave(wang, by=lead, at=SOON)

    assert told("back:") == {lead}


# Who may -------------------------------------------------------------------------------------------------------------


def test_only_the_head_of_the_desk_puts_a_case_further_back_and_by_hand_it_stays(
    case: Case, wang: User, lead: User
) -> None:
    lowest = again(case).priority + 1
    lifecycle.prioritise(case.pk, 1, by=wang, at=SOON, reason="老客户")

    def back(by: User) -> Case:
        return lifecycle.prioritise(case.pk, lowest, by=by, at=SOON, reason="不急")

    assert code_of(lambda: back(wang)) == "not_looser"
    lifecycle.classify(case.pk, category=category_of("delivery-lost"), severity=2, by=lead, at=SOON)
    assert again(case).priority == 1
    assert back(lead).priority == lowest


def test_who_joins_a_queue_has_at_once_what_lies_there(case: Case, wang: User, lead: User) -> None:
    routing.set_member(queue_of("logistics").pk, wang, capacity=5, available=False, by=lead, at=SOON)
    assert again(case).owner is None

    routing.set_member(queue_of("logistics").pk, wang, capacity=5, available=True, by=lead, at=SOON)

    assert again(case).owner == wang
    assert told("case:") == {wang}


def test_what_somebody_leaves_is_taken_by_who_stays_the_most_urgent_first(
    log_case: LogCase, li_lei: Customer, wang: User, sun: User, lead: User
) -> None:
    join(wang, "logistics", capacity=3)
    cases = [log_case(li_lei), log_case(li_lei, severity=2), log_case(li_lei)]
    join(sun, "logistics", capacity=1)

    routing.remove_member(queue_of("logistics").pk, wang, by=lead, at=SOON)

    assert [again(case).owner for case in cases] == [None, sun, None]


def test_a_manual_queue_and_who_is_away_get_nothing(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    member = join(wang, "logistics", available=False)
    assert log_case(li_lei).owner is None

    member.available = True
    member.save()
    queue = queue_of("logistics")
    queue.routing = queue.Routing.MANUAL
    queue.save()

    assert log_case(li_lei).owner is None


def test_a_source_comes_with_its_number(li_lei: Customer) -> None:
    def log(**half: str) -> object:
        late = category_of("delivery-late")
        return intake.log(
            li_lei, category=late, channel="email", by=None, at=SOON, description="没到", source=half.get("source", "")
        )

    assert code_of(lambda: log(source="mail")) == "source_incomplete"
