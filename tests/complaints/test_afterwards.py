"""After the case: the next colleague knows, the customer is asked, causes and silent customers are found."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.http import Http404

from complaints import queries
from complaints.afterwards import daily, follow_up, reports, root_causes, silent
from complaints.afterwards.reports import Period
from complaints.cases import lifecycle, priority, prompts, surveys
from complaints.models import (
    BusinessCalendar,
    Case,
    CorrectiveAction,
    Department,
    Metric,
    PromptDelivery,
    ServicePrompt,
    SilentSign,
    Survey,
)
from complaints.setup import policies
from complaints.setup.policies import TargetFact
from core.accounts.models import Role, User
from core.lib.errors import DomainError, Invalid
from core.outbox.models import Message
from customers import contacts
from customers import queries as customer_queries
from customers.models import Customer, Standing
from customers.orders import LineFact
from tests.complaints.conftest import (
    DAY,
    HOUR,
    MINUTE,
    WEDNESDAY,
    LogCase,
    again,
    category_of,
    cause_of,
    classed,
    join,
    solved,
)
from tests.conftest import MakeCustomer, MakeOrder, MakeUser
from tests.pieces import at_once

pytestmark = pytest.mark.django_db
TODAY = date(2026, 6, 3)
PERIOD = Period(WEDNESDAY - DAY, WEDNESDAY + 60 * DAY)


def solve(case: Case, by: User, at: datetime = WEDNESDAY + HOUR, **told: object) -> Case:
    return lifecycle.resolve(case.pk, by=by, at=at, **solved(**told))


# Prompts -------------------------------------------------------------------------------------------------------------


def test_the_next_delivery_is_prompted_once_and_until_somebody_has_seen_to_it(
    log_case: LogCase, li_lei: Customer, wang: User, sun: User
) -> None:
    solve(log_case(li_lei), wang)

    assert prompts.shown(li_lei, "order", context_ref="o-9", at=WEDNESDAY + DAY) == []
    (prompt,) = prompts.shown(li_lei, "delivery", context_ref="d-9", at=WEDNESDAY + DAY, to=sun)
    prompts.shown(li_lei, "delivery", context_ref="d-9", at=WEDNESDAY + DAY, to=sun)
    assert PromptDelivery.objects.count() == 1

    prompts.acknowledge(prompt.pk, by=sun, at=WEDNESDAY + DAY, outcome="已提前联系", context_ref="d-9")
    assert prompts.shown(li_lei, "delivery", context_ref="d-10", at=WEDNESDAY + DAY) == []
    with pytest.raises(DomainError) as refusal:
        prompts.acknowledge(prompt.pk, by=wang, at=WEDNESDAY + DAY)
    assert refusal.value.code == "prompt_settled"


def test_a_prompt_runs_out_after_ninety_days(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    solve(log_case(li_lei), wang)

    assert prompts.expire_due(now=WEDNESDAY + 89 * DAY) == 0
    assert prompts.expire_due(now=WEDNESDAY + 91 * DAY) == 1
    assert not prompts.armed(li_lei, at=WEDNESDAY + 91 * DAY).exists()


# The question --------------------------------------------------------------------------------------------------------


def test_a_bad_answer_reopens_the_case_for_the_head_not_for_the_same_agent(
    log_case: LogCase, madam_gao: Customer, wang: User, lead: User, chen: User
) -> None:
    Department.objects.filter(code="service").update(head=lead)
    join(wang, "big-customers")
    case = solve(log_case(madam_gao), wang)
    (planned,) = surveys.due(now=WEDNESDAY + 2 * DAY)
    secret = surveys.send(planned, at=WEDNESDAY + 2 * DAY)

    follow_up.record_answer(secret, score=2, solved=False, comment="没人理我", at=WEDNESDAY + 3 * DAY)

    assert (again(case).status, again(case).owner, again(case).cycle) == ("in_progress", lead, 2)
    told = Message.objects.filter(dedupe_key__startswith="unhappy:")
    assert {m.recipient for m in told} == {lead, chen}
    follow_up.record_answer(secret, score=1, solved=False, at=WEDNESDAY + 3 * DAY + HOUR)
    assert again(case).cycle == 2


def test_a_link_that_ran_out_or_never_was_says_the_same(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    solve(log_case(li_lei), wang)
    secret = surveys.send(surveys.due(now=WEDNESDAY + 2 * DAY)[0], at=WEDNESDAY + 2 * DAY)

    for link, at in ((secret, WEDNESDAY + 17 * DAY), ("made up", WEDNESDAY + 3 * DAY)):
        with pytest.raises(DomainError) as refusal:
            follow_up.survey_for(link, at=at)
        assert refusal.value.code == "survey_gone"
    assert surveys.expire_due(now=WEDNESDAY + 17 * DAY) == 1


def test_a_question_is_sent_once_and_not_about_a_case_that_is_open_again(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    first, second = (solve(log_case(li_lei), wang).surveys.get() for _ in range(2))
    surveys.send(first.pk, at=WEDNESDAY + 2 * DAY)
    lifecycle.reopen(second.case_id, by=wang, at=WEDNESDAY + DAY, reason="again")

    for survey in (first, second):
        with pytest.raises(DomainError) as refusal:
            surveys.send(survey.pk, at=WEDNESDAY + 2 * DAY)
        assert refusal.value.code == "survey_not_planned"
    assert surveys.due(now=WEDNESDAY + 3 * DAY) == []


def test_a_link_is_given_again_until_it_is_answered_also_when_the_vault_has_a_new_key(
    log_case: LogCase, li_lei: Customer, wang: User, settings: Any
) -> None:
    survey, at = solve(log_case(li_lei), wang).surveys.get(), WEDNESDAY + 2 * DAY
    secret = surveys.send(survey.pk, at=at)

    def again(now: datetime = at) -> list[str | None]:
        return [surveys.secret_of(row) for row in surveys.given(Survey.objects.all(), now=now)]

    assert again() == [secret]
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = "another key of the vault", [settings.VAULT_KEY]
    assert again() == [secret]
    settings.VAULT_KEY_FALLBACKS = []
    assert again() == [None]
    assert again(at + 14 * DAY) == []
    follow_up.record_answer(secret, score=5, solved=True, at=at + HOUR)
    assert again() == []


def test_a_question_that_nobody_sends_for_a_fortnight_is_not_asked_any_more(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    survey = solve(log_case(li_lei), wang).surveys.get()
    due = survey.send_at

    assert (surveys.waiting(now=due - MINUTE), surveys.waiting(now=due)) == (0, 1)
    assert surveys.due(now=due + 14 * DAY - MINUTE) == [survey.pk]
    assert (surveys.due(now=due + 14 * DAY), surveys.waiting(now=due + 14 * DAY)) == ([], 0)  # before any sweep
    assert surveys.expire_due(now=due + 14 * DAY - MINUTE) == 0
    assert surveys.expire_due(now=due + 14 * DAY) == 1
    assert surveys.due(now=due + 15 * DAY) == []
    survey.refresh_from_db()
    assert survey.get_state_display() == "Not sent"


def test_nobody_is_asked_at_night(log_case: LogCase, li_lei: Customer, wang: User) -> None:
    late = datetime(2026, 6, 3, 15, tzinfo=UTC)  # 23:00 in the mall
    case = solve(log_case(li_lei), wang, late)

    assert case.surveys.get().send_at == datetime(2026, 6, 5, 1, tzinfo=UTC)


# Causes --------------------------------------------------------------------------------------------------------------


def test_five_cases_of_one_cause_open_one_action_and_a_sixth_joins_it(
    log_case: LogCase, li_lei: Customer, wang: User, lead: User
) -> None:
    Department.objects.filter(code="logistics").update(head=lead)
    for _ in range(4):
        solve(log_case(li_lei), wang)
    assert root_causes.open_actions(as_of=TODAY, at=WEDNESDAY) == 0
    solve(log_case(li_lei), wang)
    assert root_causes.open_actions(as_of=TODAY, at=WEDNESDAY) == 1
    solve(log_case(li_lei), wang)

    assert root_causes.open_actions(as_of=TODAY, at=WEDNESDAY) == 0
    action = CorrectiveAction.objects.get()
    assert (action.rule, action.owner, action.cases.count()) == ("count", lead, 6)
    [message] = Message.objects.filter(dedupe_key__startswith="action:")
    assert (message.recipient, message.subject) == (lead, "Keeps coming back: 承运商延误 (5 cases)")


def test_two_big_customers_are_enough(log_case: LogCase, madam_gao: Customer, wang: User) -> None:
    for _ in range(2):
        solve(log_case(madam_gao, product_ref="kettle"), wang)

    found = root_causes.find_clusters(TODAY)

    assert [(c.product_ref, c.rule, len(c.case_ids)) for c in found] == [("", "big", 2), ("kettle", "big", 2)]


def test_an_action_closes_when_the_rate_has_stayed_low_for_four_weeks(
    log_case: LogCase, li_lei: Customer, wang: User, lead: User
) -> None:
    for _ in range(5):
        solve(log_case(li_lei), wang)
    root_causes.open_actions(as_of=TODAY, at=WEDNESDAY)
    action = CorrectiveAction.objects.get()
    plan = {"title": "换承运商", "owner": lead, "due_on": TODAY, "by": lead, "at": WEDNESDAY}
    with pytest.raises(Invalid):
        root_causes.plan_action(action.pk, target_rate=5.0, **plan)
    root_causes.plan_action(action.pk, target_rate=1.0, **plan)
    root_causes.mark_done(action.pk, by=lead, on=TODAY, at=WEDNESDAY)

    for on, code in ((TODAY + timedelta(days=27), "too_early"),):
        with pytest.raises(DomainError) as refusal:
            root_causes.close_action(action.pk, by=lead, on=on, at=WEDNESDAY)
        assert refusal.value.code == code
    closed = root_causes.close_action(action.pk, by=lead, on=TODAY + timedelta(days=28), at=WEDNESDAY)

    assert (closed.status, closed.measured_rate) == (CorrectiveAction.Status.CLOSED, 0.0)


def test_who_owns_an_overdue_action_is_told_once_for_each_day_it_was_due(
    log_case: LogCase, li_lei: Customer, wang: User, lead: User
) -> None:
    Department.objects.filter(code="logistics").update(head=lead)
    for _ in range(5):
        solve(log_case(li_lei), wang)
    root_causes.open_actions(as_of=TODAY, at=WEDNESDAY)
    action = CorrectiveAction.objects.get()
    late = Message.objects.filter(recipient=lead, dedupe_key__startswith="action-late:")

    assert root_causes.remind_of_overdue(as_of=action.due_on, at=WEDNESDAY) == 0
    for _ in range(2):
        at_once(daily.pieces(as_of=action.due_on + timedelta(days=1)), WEDNESDAY)
    assert late.count() == 1

    plan = {"title": "换承运商", "owner": lead, "target_rate": 1.0, "by": lead, "at": WEDNESDAY}
    root_causes.plan_action(action.pk, due_on=action.due_on + timedelta(days=7), **plan)
    at_once(daily.pieces(as_of=action.due_on + timedelta(days=8)), WEDNESDAY)
    assert late.count() == 2


# Silence -------------------------------------------------------------------------------------------------------------


def test_who_sounded_annoyed_and_said_nothing_is_listed_and_a_dismissal_is_kept(
    make_customer: MakeCustomer, log_case: LogCase, li_lei: Customer, wang: User, chen: User
) -> None:
    quiet = make_customer("韩梅梅", manager=chen)
    for customer in (quiet, li_lei):
        contacts.log_contact(
            customer,
            by=chen,
            at=WEDNESDAY,
            channel="phone",
            direction="out",
            outcome="reached",
            mood="bad",
            note="",
        )
    log_case(li_lei)

    assert silent.find(as_of=TODAY, at=WEDNESDAY + HOUR) == 1
    sign = SilentSign.objects.get()
    assert (sign.customer, sign.sign) == (quiet, "mood")
    silent.dismiss(sign.pk, by=wang, at=WEDNESDAY, reason="只是累了")
    assert silent.find(as_of=TODAY, at=WEDNESDAY + HOUR) == 0
    assert silent.outcomes(since=TODAY) == {"dismissed": 1}


def test_buyers_of_what_others_complain_about_are_asked_and_can_become_cases(
    make_customer: MakeCustomer, make_order: MakeOrder, log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    buyer = make_customer("韩梅梅")
    make_order(buyer, on=TODAY - timedelta(days=3), lines=(LineFact("kettle", 1, 100),))
    for _ in range(5):
        log_case(li_lei, product_ref="kettle")

    assert silent.find(as_of=TODAY, at=WEDNESDAY) == 1
    sign = SilentSign.objects.get()
    case = silent.convert(
        sign.pk, category=category_of("quality-defect"), channel="phone", description="也坏了", by=wang, at=WEDNESDAY
    )
    assert (case.customer, SilentSign.objects.get().case) == (buyer, case)


def test_the_iceberg_says_both_estimates(
    log_case: LogCase, li_lei: Customer, madam_gao: Customer, wang: User, sun: User
) -> None:
    log_case(li_lei)
    log_case(li_lei)
    log_case(madam_gao)

    found = silent.iceberg(since=WEDNESDAY, until=WEDNESDAY + DAY)

    assert (found.registered, found.silent_by_half, found.silent_by_one_in_25) == (2, 2, 48)


# Figures and lists ---------------------------------------------------------------------------------------------------


def test_a_number_is_the_length_of_the_list_it_opens(
    log_case: LogCase, li_lei: Customer, madam_gao: Customer, wang: User, lead: User
) -> None:
    solve(log_case(li_lei), wang)
    log_case(li_lei, category="quality-defect", product_ref="kettle")
    log_case(madam_gao)
    at = WEDNESDAY + 2 * HOUR

    figures = {f.name: f for f in reports.figures(lead, PERIOD, at)}
    assert {name: f.count for name, f in figures.items()} == {
        "logged": 3,
        "open": 2,
        "breached": 0,
        "unassigned": 2,
        "big_open": 1,
        "solved": 1,
        "reopened": 0,
        "logged_late": 0,
    }
    rows = [
        *reports.by_category(lead, PERIOD, at),
        *reports.by_root_cause(lead, PERIOD, at),
        *reports.by_department(lead, PERIOD, at),
        *reports.by_product(lead, PERIOD, at),
        *reports.by_class(lead, PERIOD, at),
        *reports.backlog_age(lead, at),
    ]
    assert len(rows) == 7 + len(reports.AGES)
    for row in [*figures.values(), *rows]:
        assert queries.cases_for(lead, at, row.filters).count() == row.count


def test_attainment_counts_what_ran_past_its_moment_even_if_nobody_looked(
    log_case: LogCase, madam_gao: Customer, wang: User, lead: User
) -> None:
    lifecycle.reply(log_case(madam_gao).pk, by=wang, at=WEDNESDAY + 30 * MINUTE, body="好", channel="phone")
    log_case(madam_gao)

    (row,) = reports.attainment(lead, PERIOD, Metric.FIRST_RESPONSE, WEDNESDAY + 2 * HOUR)

    assert (row.customer_class, row.kept.count, row.missed.count, row.share) == (Standing.Class.BIG, 1, 1, 0.5)
    assert (row.median_seconds, row.p90_seconds) == (1800, 1800)


def test_who_may_open_what(
    log_case: LogCase,
    li_lei: Customer,
    madam_gao: Customer,
    chen: User,
    wang: User,
    sun: User,
    lead: User,
    make_user: MakeUser,
) -> None:
    """C15: out of reach is 404, like missing."""
    small, big = log_case(li_lei), log_case(madam_gao)
    join(wang, "logistics")

    def seen(user: User) -> set[Case]:
        return set(queries.cases_for(user, WEDNESDAY))

    assert (seen(lead), seen(wang), seen(chen), seen(sun)) == ({small, big}, {small}, {big}, set())
    assert seen(make_user(Role.ADMINISTRATOR)) == set()
    for pk in (small.pk, 0):
        with pytest.raises(Http404):
            queries.case_for(sun, pk, WEDNESDAY)
    customer_queries.search(sun, li_lei.number, TODAY)
    assert queries.case_for(sun, small.pk, WEDNESDAY) == small


@pytest.mark.parametrize(
    ("written", "pk"), [("C-12", 12), ("c12", 12), (" 12 ", 12), ("C-", None), ("x", None), ("C-" + "9" * 30, None)]
)
def test_a_number_is_understood_as_people_write_it(written: str, pk: int | None) -> None:
    assert queries.by_number(written) == pk


# Promises and priorities ---------------------------------------------------------------------------------------------


def test_new_promises_hold_for_new_cases_only(log_case: LogCase, li_lei: Customer, lead: User) -> None:
    old = log_case(li_lei)
    office = BusinessCalendar.objects.get(code="office")
    draft = policies.draft(by=lead, at=WEDNESDAY)
    assert draft.targets.count() == 45
    policies.set_targets(draft.pk, [TargetFact(2, 1, Metric.RESOLUTION, 60, office.pk)], by=lead, at=WEDNESDAY)
    with pytest.raises(Invalid) as refusal:
        policies.publish(draft.pk, by=lead, reason="更快", at=WEDNESDAY)
    assert refusal.value.code == "policy_incomplete"

    policies.set_targets(
        draft.pk, [TargetFact(None, None, metric, 60, office.pk) for metric in Metric.values], by=lead, at=WEDNESDAY
    )
    policies.publish(draft.pk, by=lead, reason="更快", at=WEDNESDAY + MINUTE)
    new = log_case(li_lei, at=WEDNESDAY + 2 * MINUTE)

    assert (old.policy.version, new.policy.version) == (1, 2)
    assert new.next_due_at == WEDNESDAY + HOUR + 2 * MINUTE
    assert again(old).next_due_at == old.next_due_at
    with pytest.raises(DomainError) as published:
        policies.set_targets(draft.pk, [], by=lead, at=WEDNESDAY)
    assert published.value.code == "policy_published"


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"2": [1, 1, 2, 2]}, "matrix_incomplete"),
        ({"2": [2, 2, 2, 2], "1": [1, 2, 3, 3], "0": [1, 2, 3, 4]}, "matrix_safety"),
        ({"2": [1, 3, 2, 2], "1": [1, 3, 3, 3], "0": [1, 3, 3, 4]}, "matrix_order"),
        ({"2": [1, 3, 3, 3], "1": [1, 2, 3, 3], "0": [1, 2, 3, 4]}, "matrix_order"),
    ],
)
def test_a_matrix_that_turns_the_order_round_is_refused(
    desk: None, lead: User, cells: dict[str, list[int]], code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        priority.add(cells, starts_at=WEDNESDAY, by=lead, reason="试", at=WEDNESDAY)
    assert refusal.value.code == code


def test_the_reason_of_a_priority_hides_the_value_from_who_may_not_see_it(
    log_case: LogCase, madam_gao: Customer
) -> None:
    Standing.objects.filter(customer=madam_gao).update(value=38620)
    case = log_case(classed(madam_gao, Standing.Class.BIG))

    assert priority.wording(case, with_value=True) == "P2: Big, Normal, value 38620.00"
    assert priority.wording(case, with_value=False) == "P2: Big, Normal"
    assert ServicePrompt.objects.count() == 0
    assert cause_of("packing").department.code == "warehouse"


# Once a day ----------------------------------------------------------------------------------------------------------


def test_a_day_done_twice_changes_nothing_more(
    log_case: LogCase, li_lei: Customer, wang: User, make_user: MakeUser
) -> None:
    make_user(Role.ADMINISTRATOR)
    for _ in range(5):
        solve(log_case(li_lei), wang)
    monday, at = date(2026, 6, 8), WEDNESDAY + 6 * DAY

    first, second = at_once(daily.pieces(as_of=monday), at), at_once(daily.pieces(as_of=monday), at)

    assert (first["closed"], first["actions_opened"], first["years_to_confirm"]) == (5, 1, 1)
    assert {name: n for name, n in second.items() if n} == {"years_to_confirm": 1}
    assert Message.objects.filter(dedupe_key__startswith="year:").count() == 1


# Do quick answers bring them back? -----------------------------------------------------------------------------------


def test_a_share_of_those_who_bought_again_waits_for_its_90_days(
    log_case: LogCase, li_lei: Customer, madam_gao: Customer, wang: User, lead: User, make_order: MakeOrder
) -> None:
    for customer, day in ((li_lei, 0), (madam_gao, 20)):
        case = log_case(customer, at=WEDNESDAY + day * DAY)
        lifecycle.reply(case.pk, by=wang, at=WEDNESDAY + day * DAY + MINUTE, body="马上", channel="phone")
    make_order(li_lei, date(2026, 7, 1))
    period = Period(WEDNESDAY, WEDNESDAY + 30 * DAY)

    early, later, last = (
        reports.first_answer_and_repurchase(lead, period, WEDNESDAY + days * DAY) for days in (40, 95, 120)
    )

    assert shape(early) == [("met", 0, 0, 2, date(2026, 9, 1))]
    assert shape(later) == [("met", 1, 1, 1, date(2026, 9, 21))]
    assert shape(last) == [("met", 2, 1, 0, None)]


def shape(rows: list[reports.Repurchase]) -> list[tuple[str, int, int, int, date | None]]:
    return [(row.state, row.had_time.count, row.came_back.count, row.has_time.count, row.not_before) for row in rows]
