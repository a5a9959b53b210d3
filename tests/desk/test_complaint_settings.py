"""The desk set up by its head: hours, people, promises; and the customer's own answer, figures and silence."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.afterwards import silent
from complaints.cases import intake, lifecycle, priority, routing, surveys
from complaints.models import (
    BusinessCalendar,
    Case,
    Category,
    CorrectiveAction,
    PriorityMatrix,
    Queue,
    QueueMember,
    RootCause,
    SilentSign,
    SlaPolicy,
)
from complaints.promises import calendars
from complaints.setup import defaults, policies
from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import Invalid
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.complaints.setup.forms import parse_hours
from crm.desk.lists.page import lengths
from crm.desk.today import today
from customers.models import Customer, Standing
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.forms import opened
from tests.rulebook.stories import confirmed


@pytest.fixture
def lead(db: None, make_user: MakeUser) -> User:
    defaults.install(at=timezone.now() - timedelta(days=1))
    return make_user(Role.SERVICE_LEAD, "Zheng Kai")


@pytest.fixture
def client(client: Client, lead: User) -> Client:
    client.force_login(lead)
    return client


@pytest.fixture
def office(lead: User) -> BusinessCalendar:
    return BusinessCalendar.objects.get(code="office")


@pytest.fixture
def case(make_customer: MakeCustomer, lead: User) -> Case:
    return intake.log(
        make_customer("李雷"),
        category=Category.objects.get(code="delivery-late"),
        channel="phone",
        by=lead,
        at=timezone.now(),
        description="包裹三天没到",
    ).case


def solve(case: Case, by: User) -> Case:
    return lifecycle.resolve(
        case.pk,
        by=by,
        at=timezone.now(),
        outcome="fixed",
        resolution="重发",
        reply="已重发",
        root_cause=RootCause.objects.get(code="carrier-late"),
    )


# Working hours


def test_hours_are_read_as_people_write_them() -> None:
    assert parse_hours("09:00–12:00, 13:00-18:00") == [(540, 720), (780, 1080)]
    assert parse_hours("9:00至18:00") == [(540, 1080)]
    assert parse_hours("") == []
    with pytest.raises(Invalid):
        parse_hours("nine to five")


def test_a_deadline_can_be_tried_before_it_is_promised(client: Client, office: BusinessCalendar) -> None:
    address = reverse("desk:complaint_calendar", args=[office.pk])

    found = client.get(address, {"start": "2026-06-03T11:30", "minutes": "60"}).context["deadline"]

    assert f"{found.due:%Y-%m-%d %H:%M}" == "2026-06-03 13:30"
    assert [stretch.minutes for stretch in found.stretches] == [30, 30]
    assert found.guess == [2026]


def test_a_day_set_by_hand_shows_in_its_month(client: Client, office: BusinessCalendar) -> None:
    client.post(
        reverse("desk:complaint_calendar_day", args=[office.pk]),
        {"date": "2027-03-06", "kind": "worked", "hours": "09:00-12:00", "name": "盘点"},
    )

    weeks = client.get(reverse("desk:complaint_calendar", args=[office.pk]), {"month": "2027-03"}).context["weeks"]
    [day] = [day for week in weeks for day in week if day.date == date(2027, 3, 6)]
    assert (day.hours, day.name) == ("09:00–12:00", "盘点")


def test_hours_that_overlap_are_refused_and_stay_typed(client: Client, office: BusinessCalendar) -> None:
    week = {f"day_{n}": "09:00-18:00" for n in range(1, 6)} | {"day_6": "09:00-12:00, 11:00-13:00", "reason": "stock"}

    answer = client.post(reverse("desk:complaint_calendar_week", args=[office.pk]), week)

    assert answer.status_code == 422
    assert "09:00-12:00, 11:00-13:00" in answer.content.decode()
    assert office.shifts.filter(weekday=6).count() == 0


def test_a_closed_day_moves_open_deadlines_only_when_somebody_says_so(
    client: Client, office: BusinessCalendar, case: Case
) -> None:
    address = reverse("desk:complaint_calendar", args=[office.pk])
    first = case.clocks.get(metric="first_response")
    assert first.due_at is not None
    client.post(
        reverse("desk:complaint_calendar_day", args=[office.pk]),
        {"date": timezone.localtime(first.due_at).date().isoformat(), "kind": "closed", "name": "台风"},
    )

    moved = client.get(address).context["moved"]
    assert [row.case for row in moved if row.promise == "First answer"] == [case]
    assert case.clocks.get(metric="first_response").due_at == first.due_at
    client.post(reverse("desk:complaint_calendar_again", args=[office.pk]), {"reason": "typhoon"})

    assert client.get(address).context["moved"] == []
    assert case.clocks.get(metric="first_response").due_at > first.due_at  # type: ignore[operator]
    assert case.events.filter(kind="recalculated").exists()


# Settings


@pytest.mark.parametrize(
    "part",
    [
        "queues",
        "departments",
        "categories",
        "causes",
        "templates",
        "limits",
        "calendars",
        "members",
        "priorities",
        "promises",
    ],
)
def test_every_part_of_the_settings_opens(client: Client, part: str) -> None:
    assert client.get(reverse("desk:complaint_settings", args=[part])).status_code == 200


def test_limits_and_their_columns_are_named_in_the_readers_words(client: Client) -> None:
    limits = client.get(reverse("desk:complaint_settings", args=["limits"])).content.decode()
    categories = client.get(reverse("desk:complaint_settings", args=["categories"])).context["columns"]

    assert "Service agent · Refund" in limits
    assert "service_agent refund" not in limits
    assert categories[0] == "Part of"


def test_a_new_category_is_on_record_and_a_third_level_is_refused(client: Client, lead: User) -> None:
    address = reverse("desk:complaint_store", args=["categories"])
    leaf = Category.objects.get(code="delivery-late")
    told = {"code": "delivery-cold", "name": "冷链断链", "position": "9", "default_severity": "2", "active": "on"}

    client.post(address, told | {"parent": leaf.parent_id})
    refused = client.post(address, told | {"code": "deeper", "parent": leaf.pk})

    assert Category.objects.get(code="delivery-cold").default_severity == 2
    assert AuditEntry.objects.filter(actor=lead, action="category.stored").count() == 1
    assert refused.status_code == 422
    assert not Category.objects.filter(code="deeper").exists()


def test_a_zone_that_does_not_exist_is_refused(client: Client, office: BusinessCalendar) -> None:
    address = reverse("desk:complaint_store", args=["calendars"])

    answer = client.post(address, {"row": office.pk, "code": "office", "name": "Office", "zone": "Asia/Atlantis"})

    assert answer.status_code == 422
    office.refresh_from_db()
    assert office.zone == "Asia/Shanghai"


def test_somebody_joins_a_queue_and_leaves_it(client: Client, make_user: MakeUser) -> None:
    agent, queue = make_user(Role.SERVICE_AGENT), Queue.objects.get(code="general")
    told = {"queue": queue.pk, "user": agent.pk, "capacity": 10, "available": "on"}

    client.post(reverse("desk:complaint_member_set"), told)
    assert QueueMember.objects.get().capacity == 10
    client.post(reverse("desk:complaint_member_remove"), told)

    assert not QueueMember.objects.exists()


def test_priorities_are_saved_as_a_version_and_safety_stays_first(client: Client) -> None:
    form = client.get(reverse("desk:complaint_settings", args=["priorities"])).context["form"]
    cells = {name: field.initial for name, field in form.fields.items() if name.startswith("cell")}

    refused = client.post(reverse("desk:complaint_priorities_save"), cells | {"cell_0_1": 2, "reason": "quiet week"})
    client.post(reverse("desk:complaint_priorities_save"), cells | {"cell_0_3": 4, "reason": "quiet week"})

    assert refused.status_code == 422
    assert priority.matrix().version == 1
    confirmed(timezone.now())
    assert PriorityMatrix.objects.order_by("-version").first().cells["0"] == [1, 2, 4, 4]  # type: ignore[union-attr]


def test_promises_are_drafted_saved_and_put_in_force(client: Client) -> None:
    address = reverse("desk:complaint_promises_publish")
    client.post(reverse("desk:complaint_promises_draft"))
    form = client.get(reverse("desk:complaint_settings", args=["promises"])).context["form"]
    told: dict[str, Any] = {name: form[name].value() for name in form.fields if form[name].value() is not None}

    without_reason = client.post(address, told | {"min_2_3_first_response": 45})
    client.post(address, told | {"min_2_3_first_response": 45, "reason": "faster for big customers"})

    assert without_reason.status_code == 422
    assert SlaPolicy.objects.filter(status="published").count() == 1
    change = confirmed(timezone.now())
    assert change.starts_on == today() + timedelta(days=1)
    policy = SlaPolicy.objects.filter(status="published").order_by("-version").first()
    assert policy is not None
    assert policy.version == 2
    assert policy.targets.get(customer_class=2, severity=3, metric="first_response").minutes == 45
    assert policy.steps.count() == 9


@pytest.mark.parametrize(
    ("name", "args", "page", "page_args"),
    [
        ("complaint_store", ["queues"], "complaint_settings", ["queues"]),
        ("complaint_member_remove", [], "complaint_settings", ["members"]),
        ("complaint_promises_publish", [], "complaint_settings", ["promises"]),
        ("complaint_calendar_week", [7], "complaint_calendar", [7]),
        ("complaint_silent_called", [7], "complaint_silent", []),
        ("complaint_action_done", [7], "complaint_actions", []),
    ],
)
def test_an_address_that_is_only_posted_to_leads_to_its_page(
    client: Client, name: str, args: list[object], page: str, page_args: list[object]
) -> None:
    answer = client.get(reverse(f"desk:{name}", args=args))

    assert answer["Location"] == reverse(f"desk:{page}", args=page_args)


# The customer's answer


@pytest.fixture
def link(case: Case, lead: User) -> str:
    solve(case, lead)
    return reverse("survey", args=[surveys.send(case.surveys.get().pk, at=timezone.now())])


def test_opening_the_link_answers_nothing_and_one_answer_reopens_an_unhappy_case(link: str, case: Case) -> None:
    stranger = Client()

    assert stranger.get(link).status_code == 200
    assert case.surveys.get().score is None
    thanks = stranger.post(link, {"score": "1", "solved": "no", "comment": "还没到"})

    case.refresh_from_db()
    assert "Thank you" in thanks.content.decode()
    assert (case.surveys.get().score, case.status) == (1, "in_progress")


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_a_link_that_ran_out_says_so_in_each_language(link: str, language: str) -> None:
    assert Client().get(link, HTTP_ACCEPT_LANGUAGE=language).status_code == 200
    assert Client().get(reverse("survey", args=["made-up"]), HTTP_ACCEPT_LANGUAGE=language).status_code == 410


# Figures and silence


def test_every_number_of_the_figures_opens_as_many_cases(
    client: Client, case: Case, lead: User, make_customer: MakeCustomer
) -> None:
    solve(case, lead)
    for n, customer_class in enumerate(Standing.Class.values):
        other = make_customer(f"客户{n}")
        Standing.objects.filter(pk=other.pk).update(customer_class=customer_class)
        about = Category.objects.filter(parent__isnull=False)[n]
        intake.log(other, category=about, channel="web", by=lead, at=timezone.now(), description="坏了")
    page = client.get(reverse("desk:complaint_reports"))

    numbers = [(figure.count, figure.href) for figure in page.context["figures"]]
    numbers += [(row.count, row.href) for part in page.context["breakdowns"] for row in part.rows]
    for count, address in numbers:
        assert len(client.get(address).context["page"].rows) == count, address
    assert sum(count for count, _address in numbers) >= 5


def test_questions_that_no_system_sends_stand_on_the_page_of_figures(client: Client, case: Case, lead: User) -> None:
    solve(case, lead)
    address, waits = reverse("desk:complaint_reports"), "1 question waits for a system of the mall to send it."

    assert waits not in client.get(address).content.decode()
    case.surveys.update(send_at=timezone.now() - timedelta(hours=1))
    assert waits in client.get(address).content.decode()


def test_a_silent_customer_is_called_or_taken_up(client: Client, make_customer: MakeCustomer) -> None:
    signs = [
        SilentSign.objects.create(
            customer=make_customer(name), sign="mood", ref=name, found_on=today(), evidence={"on": "2026-11-01"}
        )
        for name in ("李雷", "韩梅梅", "王芳")
    ]
    late = Category.objects.get(code="delivery-late")

    assert len(client.get(reverse("desk:complaint_silent")).context["page"].rows) == 3
    more = SilentSign.objects.create(
        customer=signs[0].customer, sign="mood", ref="again", found_on=today(), evidence={"on": "2026-11-02"}
    )
    counted = client.get(reverse("desk:complaint_silent"))
    assert (counted.context["count"], counted.context["signs"]) == (3, 4)
    assert "3 customers who probably have something to say · 4 signs" in counted.content.decode()
    more.delete()
    client.post(reverse("desk:complaint_silent_called", args=[signs[0].pk]), {"words": "其实很满意"})
    client.post(
        reverse("desk:complaint_silent_convert", args=[signs[1].pk]),
        {"words": "包裹总是慢", "category": late.pk},
    )

    client.post(reverse("desk:complaint_silent_dismiss", args=[signs[2].pk]), {"words": "口误"})

    states = dict(SilentSign.objects.values_list("ref", "state"))
    assert states == {"李雷": "called", "韩梅梅": "converted", "王芳": "dismissed"}
    outcomes = client.get(reverse("desk:complaint_silent")).context["outcomes"]
    assert [(row.label, row.count) for row in outcomes] == [("Called", 1), ("Became a complaint", 1), ("Dismissed", 1)]
    assert silent.iceberg(since=timezone.now() - timedelta(days=1), until=timezone.now()).registered == 1


def test_a_cause_that_keeps_coming_back_is_planned(client: Client, lead: User) -> None:
    action = CorrectiveAction.objects.create(
        root_cause=RootCause.objects.get(code="packing"),
        rule="count",
        opened_on=today(),
        due_on=today(),
        baseline_rate=5,
        target_rate=2,
    )

    client.post(
        reverse("desk:complaint_action_plan", args=[action.pk]),
        {"title": "加厚纸箱", "owner": lead.pk, "due_on": "2026-12-31", "target_rate": "1.5"},
    )

    action.refresh_from_db()
    assert (action.title, action.target_rate) == ("加厚纸箱", 1.5)
    assert "加厚纸箱" in client.get(reverse("desk:complaint_actions")).content.decode()


def test_the_customer_page_warns_until_somebody_has_seen_to_it(client: Client, case: Case, lead: User) -> None:
    customer: Customer = case.customer
    Category.objects.filter(pk=case.category_id).update(prompt_trigger="contact", prompt_text="先道歉")
    solve(case, lead)
    address = reverse("desk:customer", args=[customer.pk])

    [prompt] = client.get(address).context["complaints"].prompts
    assert "先道歉" in prompt.text
    client.post(reverse("desk:prompt_seen", args=[prompt.pk]))

    assert client.get(address).context["complaints"].prompts == []


# What was edited is written, and nothing else


def test_a_row_keeps_what_others_changed_while_it_stood_open(client: Client, office: BusinessCalendar) -> None:
    page = client.get(reverse("desk:complaint_settings", args=["calendars"]))
    [form] = [row.form for row in page.context["rows"] if row.row == office]
    typed = opened(form) | {"row": str(office.pk), "name": "Counter"}
    BusinessCalendar.objects.filter(pk=office.pk).update(country="HK")

    client.post(reverse("desk:complaint_store", args=["calendars"]), typed)

    office.refresh_from_db()
    assert (office.name, office.country) == ("Counter", "HK")


def test_two_people_change_different_days_of_a_week(client: Client, office: BusinessCalendar, lead: User) -> None:
    page = client.get(reverse("desk:complaint_calendar", args=[office.pk]))
    typed = opened(page.context["week_form"]) | {"day_6": "09:00-12:00", "reason": "Saturdays too"}
    calendars.set_shifts(office.pk, [(1, 600, 720)], by=lead, at=timezone.now())

    answer = client.post(reverse("desk:complaint_calendar_week", args=[office.pk]), typed)

    assert calendars.working_time(BusinessCalendar.objects.get(pk=office.pk)).weekly == {1: ((600, 720),)}
    page = client.get(answer["Location"]).content.decode()
    assert "Saturday: 09:00–12:00 instead of closed." in page
    confirmed(timezone.now())
    week = calendars.working_time(BusinessCalendar.objects.get(pk=office.pk)).weekly
    assert {day: list(hours) for day, hours in week.items() if hours} == {1: [(600, 720)], 6: [(540, 720)]}


def test_two_people_change_different_promises_of_a_draft(client: Client, lead: User) -> None:
    draft = policies.draft(by=lead, at=timezone.now())
    page = client.get(reverse("desk:complaint_settings", args=["promises"]))
    typed = opened(page.context["form"]) | {"reopen_days": "9"}
    policies.set_terms(
        draft.pk,
        resolution_mode=draft.resolution_mode,
        reopen_days=draft.reopen_days,
        auto_close_days=5,
        by=lead,
        at=timezone.now(),
    )

    client.post(reverse("desk:complaint_promises_save"), typed)

    draft.refresh_from_db()
    assert (draft.reopen_days, draft.auto_close_days) == (9, 5)


def test_priorities_keep_the_cells_another_version_changed(client: Client, lead: User) -> None:
    page = client.get(reverse("desk:complaint_settings", args=["priorities"]))
    typed = opened(page.context["form"]) | {"reason": "mine"}
    cells = {name: list(row) for name, row in priority.matrix().cells.items()}
    lowest = str(priority.CLASSES[-1].value)
    cells[lowest] = [1, 4, 4, 4]
    at = timezone.now()
    priority.add(cells, starts_at=at, by=lead, reason="theirs", at=at)
    first = str(priority.CLASSES[0].value)

    client.post(reverse("desk:complaint_priorities_save"), typed | {f"cell_{first}_4": "3"})

    confirmed(timezone.now())
    assert priority.matrix().cells == cells | {first: [*cells[first][:3], 3]}


def test_how_much_somebody_takes_stays_as_typed_when_it_is_refused(
    client: Client, lead: User, make_user: MakeUser
) -> None:
    queue = Queue.objects.get(code="general")
    refused, other = (
        routing.set_member(queue.pk, make_user(Role.SERVICE_AGENT), capacity=10, available=True, by=lead, at=now)
        for now in (timezone.now(), timezone.now())
    )

    page = client.post(reverse("desk:complaint_member_change", args=[refused.pk]), {"capacity": "7000"})

    assert page.status_code == 422
    shown = {row.member.pk: row.form["capacity"].value() for row in page.context["members"]}
    assert shown == {refused.pk: "7000", other.pk: 10}


def test_who_changes_how_much_somebody_takes_leaves_a_pause_made_meanwhile(
    client: Client, lead: User, make_user: MakeUser
) -> None:
    agent, queue = make_user(Role.SERVICE_AGENT), Queue.objects.get(code="general")
    member = routing.set_member(queue.pk, agent, capacity=10, available=True, by=lead, at=timezone.now())
    [row] = client.get(reverse("desk:complaint_settings", args=["members"])).context["members"]
    routing.set_member(queue.pk, agent, capacity=10, available=False, by=lead, at=timezone.now())

    sent = opened(row.form)
    client.post(reverse("desk:complaint_member_change", args=[member.pk]), sent | {"capacity": "30"})

    member.refresh_from_db()
    assert (sent["capacity"], member.capacity, member.available) == ("10", 30, False)


def test_the_button_that_pauses_leaves_what_somebody_takes(client: Client, lead: User, make_user: MakeUser) -> None:
    agent, queue = make_user(Role.SERVICE_AGENT), Queue.objects.get(code="general")
    member = routing.set_member(queue.pk, agent, capacity=30, available=True, by=lead, at=timezone.now())

    pressed = {"initial-capacity": 10, "capacity": 10, "initial-available": "True"}
    client.post(reverse("desk:complaint_member_change", args=[member.pk]), pressed)

    member.refresh_from_db()
    assert (member.capacity, member.available) == (30, False)


def test_a_plan_writes_only_what_was_changed_in_it(client: Client, lead: User) -> None:
    action = CorrectiveAction.objects.create(
        root_cause=RootCause.objects.get(code="packing"),
        rule="count",
        title="加厚纸箱",
        owner=lead,
        opened_on=today(),
        due_on=today(),
        baseline_rate=5,
        target_rate=1.23456,
    )
    [row] = client.get(reverse("desk:complaint_actions")).context["rows"]
    CorrectiveAction.objects.update(title="换快递")
    address = reverse("desk:complaint_action_plan", args=[action.pk])

    client.post(address, opened(row.form) | {"due_on": "2026-12-31"})
    action.refresh_from_db()
    assert (action.title, action.due_on, action.target_rate) == ("换快递", date(2026, 12, 31), 1.23456)

    refused = client.post(address, opened(row.form) | {"title": "换纸箱"})
    [row] = refused.context["rows"]
    assert (refused.status_code, "换快递" in str(row.form.errors)) == (422, True)
    client.post(address, opened(row.form))
    action.refresh_from_db()
    assert action.title == "换纸箱"


def test_who_leaves_the_desk_leaves_every_queue_and_gives_the_cases_back(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    agent = make_user(Role.SERVICE_AGENT, "Wang Fang")
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=agent)
    late = Category.objects.get(code="delivery-late")
    case = intake.log(
        make_customer("李雷"), category=late, channel="phone", by=None, at=timezone.now(), description="晚"
    ).case
    assert case.owner == agent

    page = client.post(reverse("desk:complaint_member_left"), {"user": agent.pk}, follow=True).content.decode()

    case.refresh_from_db()
    assert (case.owner, QueueMember.objects.filter(user=agent).count()) == (None, 0)
    assert "1 open cases went back" in page
    # Whoever works no queue is not offered.
    page = client.post(reverse("desk:complaint_member_left"), {"user": agent.pk}, follow=True).content.decode()
    assert "Choose somebody who works a queue." in page


@pytest.mark.parametrize("body", ["您好 {nmae}", "您好 ｛name｝", "您好 { name }", "您好 {}"])
def test_ready_words_with_a_field_that_nobody_fills_in_are_refused(client: Client, body: str) -> None:
    words = {"code": "hello", "name": "Hello", "body": body, "active": "on"}

    answer = client.post(reverse("desk:complaint_store", args=["templates"]), words)

    assert answer.status_code == 422
    assert "Fields that are filled in: {name} {number} {agent} {mall}." in answer.content.decode()
    words["body"] = "您好 {name}，{agent}"
    assert client.post(reverse("desk:complaint_store", args=["templates"]), words).status_code == 302


def test_what_is_due_within_the_hour_is_not_what_is_overdue(case: Case, lead: User) -> None:
    at = timezone.now()
    Case.objects.filter(pk=case.pk).update(next_due_at=at + timedelta(minutes=20))
    assert lengths(CASE_LIST, lead, at)["due_soon"] == 1

    assert lengths(CASE_LIST, lead, at + timedelta(minutes=21))["due_soon"] == 0
