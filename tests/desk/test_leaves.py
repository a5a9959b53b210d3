"""The pages of days away: asked for, granted with a colleague who stands in, seen on the day of both, ended."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Absence, LeaveRequest, Role, User
from crm.desk.today import today
from customers import todo
from customers.models import Customer
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def east(make_user: MakeUser, make_customer: MakeCustomer) -> dict[str, User]:
    people = {
        "lead": make_user(Role.TEAM_LEAD, "Zhou", team="east"),
        "chen": make_user(name="Chen", team="east"),
        "zhao": make_user(name="Zhao", team="east"),
        "wu": make_user(name="Wu", team="south"),
    }
    make_customer("李雷", manager=people["chen"])
    return people


def read(client: Client, user: User, address: str) -> str:
    client.force_login(user)
    answer = client.get(address)
    return answer.content.decode() if answer.status_code == 200 else str(answer.status_code)


def test_a_manager_asks_a_lead_grants_and_the_day_of_both_says_so(client: Client, east: dict[str, User]) -> None:
    days = {"starts_on": today().isoformat(), "ends_on": (today() + 4 * DAY).isoformat()}
    customer = Customer.objects.get()
    todo.open_task(
        customer,
        reason="contact",
        text={"words": "问候"},
        due_on=today(),
        at=timezone.now(),
        dedupe_key="t",
        owner=east["chen"],
    )
    client.force_login(east["chen"])
    client.post(reverse("desk:leaves"), days | {"cover": east["zhao"].pk, "words": "年假"})
    asked = LeaveRequest.objects.get()
    address = reverse("desk:leave_asked", args=[asked.pk])
    assert "年假" in read(client, east["lead"], reverse("desk:approvals"))
    assert "年假" in read(client, east["lead"], address)
    assert read(client, east["wu"], address) == "404"
    client.force_login(east["lead"])
    nobody = client.post(reverse("desk:leave_grant", args=[asked.pk]), {"cover": ""})
    assert (nobody.status_code, "say who covers" in nobody.content.decode()) == (422, True)
    client.post(reverse("desk:leave_grant", args=[asked.pk]), {"cover": east["zhao"].pk})

    leave = Absence.objects.get()
    page = reverse("desk:leave", args=[leave.pk])
    zhao, chen = read(client, east["zhao"], "/"), read(client, east["chen"], "/")
    assert "You stand in for Chen" in zhao
    assert "for Chen" in zhao.split("You stand in for Chen")[1]
    assert "问候" in zhao
    assert "Zhao stands in." in chen
    assert [read(client, east[name], page)[:3] for name in ("wu", "zhao")] == ["404", "<!D"]
    client.force_login(east["zhao"])
    assert client.post(reverse("desk:leave_back", args=[leave.pk])).status_code == 404
    client.force_login(east["chen"])
    client.post(reverse("desk:leave_back", args=[leave.pk]))
    assert not Absence.objects.exists()
    assert "问候" not in read(client, User.objects.get(pk=east["zhao"].pk), "/")


def test_a_lead_notes_days_extends_them_and_lets_another_stand_in(client: Client, east: dict[str, User]) -> None:
    client.force_login(east["lead"])
    days = {"starts_on": (today() - 3 * DAY).isoformat(), "ends_on": today().isoformat()}
    wanted = days | {"user": east["chen"].pk, "cover": east["zhao"].pk}
    assert client.post(reverse("desk:leave_note"), wanted | {"user": east["wu"].pk}).status_code == 422
    client.post(reverse("desk:leave_note"), wanted)
    leave = Absence.objects.get()
    todo_row = todo.open_task(
        Customer.objects.get(),
        reason="contact",
        text={},
        due_on=today(),
        at=timezone.now(),
        dedupe_key="t",
        owner=east["chen"],
    )
    todo.complete(todo_row.pk, by=User.objects.get(pk=east["zhao"].pk), at=timezone.now())

    wrong = client.post(reverse("desk:leave_change", args=[leave.pk]), {"ends_on": (today() - 9 * DAY).isoformat()})
    client.post(reverse("desk:leave_change", args=[leave.pk]), {"ends_on": (today() + 3 * DAY).isoformat()})
    told = {"by_whom": east["lead"].pk, "starts_on": (today() + DAY).isoformat()}
    client.post(reverse("desk:leave_cover", args=[leave.pk]), told)
    away = client.post(reverse("desk:leave_cover", args=[leave.pk]), told | {"by_whom": east["chen"].pk})

    assert (wrong.status_code, away.status_code) == (422, 422)
    covers = leave.covers.order_by("starts_on").values_list("assistant__full_name", "starts_on", "ends_on")
    assert list(covers) == [
        ("Zhao", today() - 3 * DAY, today()),
        ("Zhou", today() + DAY, today() + 3 * DAY),
    ]
    page = read(client, east["lead"], reverse("desk:leave", args=[leave.pk]))
    assert "What happened meanwhile" in page
    assert "Planned contact" in page
    assert "Chen" in read(client, east["lead"], reverse("desk:leaves"))
