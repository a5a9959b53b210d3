"""Pages of plans: the week, an appointment moved and taken back, a refusal that moves nothing, a visit sent twice."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from care import plans
from care.days import around
from care.models import Appointment, CustomerPlan, PlanDue, PlanRules
from care.plans import Asked
from core.accounts.models import Absence, Delegation, Role, User
from core.rulebook.models import RuleChange
from crm.desk.today import now, today
from customers.models import Contact, Customer, LifeDate, Standing, Todo
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/week/"}


@pytest.fixture
def wang(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "王芳", team="east")
    client.force_login(user)
    return user


@pytest.fixture
def li_lei(make_customer: MakeCustomer, wang: User) -> Customer:
    customer = make_customer("李雷", manager=wang)
    Standing.objects.filter(pk=customer.pk).update(customer_class=2, value=59616)
    return customer


def booked(client: Client, customer: Customer, **said: object) -> Appointment:
    told = {
        "on": today() + DAY,
        "hour": "10:30",
        "how": "visit",
        "minutes": 60,
        "purpose": "plan",
        "client_key": uuid4(),
    }
    answer = client.post(reverse("desk:book", args=[customer.pk]), told | said)
    assert answer.status_code == 302, answer.content.decode()
    return Appointment.objects.order_by("-pk")[0]


def test_an_appointment_is_moved_refused_and_moved_back(client: Client, wang: User, li_lei: Customer) -> None:
    key = uuid4()
    row = booked(client, li_lei, client_key=key)
    assert booked(client, li_lei, client_key=key) == row
    assert Todo.objects.get(reason="booked").due_on == row.on
    page = client.get(reverse("desk:week")).content.decode()
    assert "10:30" in page
    assert "李雷" in client.get(reverse("desk:coming_up")).content.decode()

    # Dragged to another day it keeps its hour, and its task moves along.
    to_day = reverse("desk:appointment_to_day", args=[row.pk])
    answer = client.post(to_day, {"on": today() + 3 * DAY}, headers=HTMX)
    row.refresh_from_db()
    assert (row.on, f"{row.hour:%H:%M}", row.moves) == (today() + 3 * DAY, "10:30", 1)
    assert Todo.objects.get(reason="booked").due_on == row.on
    assert "undo" in answer["HX-Trigger"]

    # Onto a day of leave, into the past, onto no day: a sentence, and it stands where it stood.
    Absence.objects.create(user=wang, starts_on=today() + 4 * DAY, ends_on=today() + 4 * DAY)
    for on in (today() + 4 * DAY, today() - DAY, "x"):
        answer = client.post(to_day, {"on": on}, headers=HTMX)
        assert answer.status_code == 200
        assert "error" in answer["HX-Trigger"]
        row.refresh_from_db()
        assert row.on == today() + 3 * DAY

    client.post(reverse("desk:appointment_back", args=[row.pk]), headers=HTMX)
    row.refresh_from_db()
    assert row.on == today() + DAY

    answer = client.post(reverse("desk:appointment_cancel", args=[row.pk]), {"reason": ""})
    assert answer.status_code == 422
    client.post(reverse("desk:appointment_cancel", args=[row.pk]), {"reason": "出差"})
    row.refresh_from_db()
    assert (row.state, Todo.objects.get(reason="booked").state) == ("off", "dropped")
    client.post(reverse("desk:appointment_restore", args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, Todo.objects.get(reason="booked").state) == ("booked", "open")


def test_a_visit_logged_twice_is_one_and_ends_its_appointment(client: Client, wang: User, li_lei: Customer) -> None:
    boss = User.objects.create(username="boss", full_name="张总", is_leader=True, roles=[Role.TEAM_LEAD])
    row = booked(client, li_lei, on=today(), hour="", attendees=[boss.pk], purpose="leader")
    plans.set_own(
        li_lei,
        Asked(30, leader_visits_a_year=1, why="他要求"),
        by=wang,
        today=today(),
        at=now(),
        days=around(today(), bool),
    )
    assert "李雷" in client.get(reverse("desk:visits")).content.decode()
    page = client.get(reverse("desk:visit", args=[li_lei.pk]))
    told = {
        "channel": "visit",
        "direction": "out",
        "outcome": "reached",
        "mood": "good",
        "note": "看了新品",
        "attendees": [boss.pk],
        "next_in": "7",
        "client_key": page.context["form"]["client_key"].value(),
    }
    for _n in range(2):
        answer = client.post(reverse("desk:visit", args=[li_lei.pk]), told)
        assert answer.status_code == 302
    assert "李雷" in client.get(answer["Location"]).content.decode()

    contact = Contact.objects.get()
    row.refresh_from_db()
    assert (row.state, row.contact, list(contact.attendees.all())) == ("done", contact, [boss])
    plan = PlanDue.objects.get()
    assert plan.last_on == today()
    assert "1 of 1" in client.get(reverse("desk:leader_visits")).content.decode()
    # Nobody there: it has ended, and the plan is as due as it was.
    again = booked(client, li_lei, on=today(), hour="")
    client.post(reverse("desk:visit", args=[li_lei.pk]), told | {"outcome": "no_answer", "client_key": uuid4()})
    again.refresh_from_db()
    assert again.state == "nobody"
    assert PlanDue.objects.get() == plan
    answer = client.post(reverse("desk:visit", args=[li_lei.pk]), told | {"outcome": "", "client_key": uuid4()})
    assert answer.status_code == 422
    assert "看了新品" in answer.content.decode()


def test_the_customer_says_why_and_has_a_plan_of_their_own(client: Client, wang: User, li_lei: Customer) -> None:
    told = {
        "every_days": 14,
        "means": "talk",
        "who": "manager",
        "visits_a_year": 0,
        "leader_visits_a_year": 0,
        "why": "",
    }
    url = reverse("desk:own_plan", args=[li_lei.pk])
    assert client.post(url, told).status_code == 422
    assert client.post(url, told | {"why": "他要求"}).status_code == 302
    page = client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()
    assert "a plan of their own, by 王芳: 他要求" in page
    assert "李雷" in client.get(reverse("desk:contact_plans")).content.decode()
    client.post(reverse("desk:own_plan_end", args=[li_lei.pk]))
    assert not CustomerPlan.objects.exists()
    assert "served as Big" in client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()
    page = client.get(reverse("desk:my_day")).content.decode()
    assert "Plan kept" in page


def test_an_assistant_and_a_lead_see_the_week_of_the_book(
    client: Client, make_user: MakeUser, wang: User, li_lei: Customer
) -> None:
    booked(client, li_lei)
    soon = today() + DAY
    LifeDate.objects.create(
        customer=li_lei,
        kind="birthday",
        month=soon.month,
        day=soon.day,
        calendar="solar",
        certainty="sure",
        greet=True,
        at=now(),
    )
    chen = make_user(Role.ASSISTANT, "陈一", team="east")
    Delegation.objects.create(manager=wang, assistant=chen, starts_on=today(), ends_on=today() + 9 * DAY)
    for person in (wang, chen, make_user(Role.TEAM_LEAD, "周", team="east")):
        client.force_login(person)
        page = client.get(reverse("desk:coming_up")).content.decode()
        assert page.count("李雷") >= 2
        assert "greet, do not sell" in page
    client.force_login(make_user(Role.ACCOUNT_MANAGER, "外人", team="west"))
    assert "李雷" not in client.get(reverse("desk:coming_up")).content.decode()
    row = Appointment.objects.get()
    for name in ("appointment_move", "appointment_cancel"):
        assert client.get(reverse(f"desk:{name}", args=[row.pk])).status_code == 404


def test_other_rules_are_proposed_with_what_they_ask(client: Client, make_user: MakeUser, li_lei: Customer) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR, "管理员"))
    page = client.get(reverse("desk:plan_rules"))
    assert "served as Big, type IV" in page.content.decode()
    told = {"row-TOTAL_FORMS": "1", "row-INITIAL_FORMS": "0", "reason": "试一试"}
    row = {"row-0-served": "2", "row-0-every": "10", "row-0-means": "talk", "row-0-who": "either"}
    row |= {"row-0-visits": "0", "row-0-leader_visits": "0"}
    propose = reverse("desk:plan_rules_propose")
    assert client.post(propose, told | row | {"row-0-every": "9999"}).status_code == 422
    answer = client.post(propose, told | row)
    assert answer.status_code == 302, answer.content.decode()
    change = RuleChange.objects.get(kind="plans")
    assert [row["every"] for row in change.content["rows"]] == [10]
    assert client.get(answer["Location"]).status_code == 200
    assert not PlanRules.objects.exists()
