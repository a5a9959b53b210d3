"""An empty house is set up by the page; colleagues are invited, changed, away and gone by theirs."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.models import BusinessCalendar
from core.accounts import staff
from core.accounts.models import Absence, AuditEntry, Delegation, Role, Team, User
from core.jobs import runs
from core.jobs.models import JobRun
from core.lib import mall as facts_of_mall
from crm.desk.today import today
from crm.flows import mall, nightly, notices
from crm.flows import staff as flows
from customers import todo
from customers.models import Customer, Todo
from tests.conftest import MakeCustomer, MakeUser, RecordOrder
from tests.desk.forms import opened

pytestmark = pytest.mark.django_db
GOOD = "correct horse battery"
HOUSE = {
    "name": "老街百货",
    "currency": "CNY",
    "language": "zh-hans",
    "region": "CN",
    "time_zone": "Asia/Shanghai",
    "days": "6",
    "opens": "09:00",
    "closes": "21:00",
    "full_name": "何敏",
    "username": "hemin",
    "email": "",
    "password": GOOD,
    "again": GOOD,
}


@pytest.fixture
def admin(client: Client, make_user: MakeUser) -> User:
    user = make_user(Role.ADMINISTRATOR, "Mina")
    client.force_login(user)
    return user


# Setting up ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mall_row")
def test_an_empty_house_leads_everybody_to_its_setup_which_ends_with_its_first_administrator(client: Client) -> None:
    assert client.get("/customers/")["Location"] == reverse("setup")
    code = mall.new_code(at=timezone.now())
    page = client.get(reverse("setup"), {"code": code})
    assert code in page.content.decode()

    answer = client.post(reverse("setup"), HOUSE | {"code": code}, follow=True)

    assert answer.redirect_chain[-1][0] == reverse("desk:first_steps")
    hemin = User.objects.get()
    assert (hemin.username, hemin.roles, str(hemin)) == ("hemin", [Role.ADMINISTRATOR], "何敏")
    assert facts_of_mall.facts().name == "老街百货"
    assert BusinessCalendar.objects.get(code="office").shifts.count() == 6
    assert client.get(reverse("setup"))["Location"] == "/"
    assert Client().get(reverse("setup"))["Location"] == "/"
    assert Client().get("/customers/")["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"code": "guessed"}, "code"),
        ({"again": "something else"}, "again"),
        ({"password": "short", "again": "short"}, "password"),
        ({"username": "he min"}, "username"),
        ({"closes": "08:00"}, "closes"),
        ({"currency": "XXX"}, "currency"),
        ({"name": ""}, "name"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    client: Client, wrong: dict[str, str], field: str
) -> None:
    code = mall.new_code(at=timezone.now())

    answer = client.post(reverse("setup"), HOUSE | {"code": code} | wrong)

    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert "何敏" in answer.content.decode()
    assert not User.objects.exists()


def test_who_works_alone_holds_every_role_and_has_every_page(client: Client) -> None:
    client.post(reverse("setup"), HOUSE | {"code": mall.new_code(at=timezone.now()), "alone": "on"})

    hemin = User.objects.get()
    assert set(hemin.roles) == set(Role) - {Role.CLIENT}
    for name in ("customers", "matrix", "alerts", "imports", "nights", "rules", "staff", "find"):
        assert client.get(reverse(f"desk:{name}")).status_code == 200, name


# Inviting -----------------------------------------------------------------------------------------------------------


def link_on(page: str) -> str:
    found = re.search(r'value="http://testserver(/join/[^"]+)"', page)
    assert found, "no link on the page"
    return found[1]


def invite(client: Client, **fields: Any) -> Any:
    told = {"full_name": "陈静", "username": "chen", "email": "", "roles": [Role.ACCOUNT_MANAGER], "capacity": 300}
    return client.post(reverse("desk:staff"), told | fields)


def test_a_colleague_is_invited_comes_by_the_link_and_sees_what_they_wait_for(client: Client, admin: User) -> None:
    page = invite(client).content.decode()
    address, browser = link_on(page), Client()
    assert address not in client.get(reverse("desk:staff")).content.decode()
    welcome = browser.get(address)
    assert "陈静" in welcome.content.decode()

    answer = browser.post(address, {"language": "en", "password": GOOD, "again": GOOD}, follow=True)

    assert answer.redirect_chain[-1][0] == "/"
    assert "Customers come with the first import of orders." in answer.content.decode()
    chen = User.objects.get(username="chen")
    assert chen.check_password(GOOD)
    assert browser.get(address).status_code == 410
    assert Client().login(username="chen", password=GOOD)


def test_an_empty_page_of_the_administrator_says_what_comes_next(client: Client, admin: User) -> None:
    home = client.get("/", follow=True)

    assert home.redirect_chain[-1][0] == reverse("desk:first_steps")
    assert home.context["upcoming"].title == "Invite your colleagues"
    assert reverse("desk:first_steps") in client.get(reverse("desk:imports")).content.decode()


def test_the_steps_look_for_themselves(
    client: Client, admin: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    make_customer(manager=chen)

    steps = client.get(reverse("desk:first_steps")).context["steps"]

    assert {step.title for step in steps if step.done} >= {
        "Invite your colleagues",
        "Say who looks after customers",
        "Give customers to their managers",
    }
    assert "Let the first night run" in {step.title for step in steps if not step.done}


def test_a_night_of_before_the_first_import_is_worked_again_and_only_then_the_step_is_done(
    client: Client, admin: User, record_order: RecordOrder
) -> None:
    def night_step() -> bool:
        steps = client.get(reverse("desk:first_steps")).context["steps"]
        return next(step.done for step in steps if step.title == "Let the first night run")

    assert nightly.run(today()) is not None
    assert not night_step()
    assert client.get(reverse("desk:imports")).context["waits_for"]

    record_order(today=today())
    said = client.post(reverse("desk:run_night"), follow=True)
    assert "Planned: a worker takes it up within seconds." in said.content.decode()
    assert [run.business_date for run in runs.to_issue(nightly.JOB, at=timezone.now())] == [today()]
    worked = nightly.run(today())

    assert worked is not None
    assert worked.counts["customers"] == 1
    assert night_step()
    assert not client.get(reverse("desk:imports")).context["waits_for"]


def test_a_night_that_is_being_worked_is_left_to_its_worker(client: Client, admin: User) -> None:
    planned = runs.plan(nightly.JOB, today(), at=timezone.now())
    assert runs.claim(planned.pk, at=timezone.now(), holder="worker")

    said = client.post(reverse("desk:run_night"), follow=True)

    assert "is being worked now." in said.content.decode()
    planned.refresh_from_db()
    assert (planned.state, planned.holder) == (JobRun.State.RUNNING, "worker")


def test_the_link_is_mailed_when_mails_leave_the_machine(client: Client, admin: User, monkeypatch: Any) -> None:
    invite(client, email="chen@example.com")
    assert mail.outbox == []

    monkeypatch.setattr("crm.desk.people.staff.mail_is_lost", lambda: False)
    page = invite(client, username="zhao", email="zhao@example.com").content.decode()

    [letter] = mail.outbox
    assert letter.to == ["zhao@example.com"]
    assert link_on(page) in letter.body
    assert "zhao@example.com" in page


def test_a_mail_server_that_refuses_leaves_the_link_on_the_page(client: Client, admin: User, monkeypatch: Any) -> None:
    def refuse(*args: Any, **named: Any) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr("crm.desk.people.staff.mail_is_lost", lambda: False)
    monkeypatch.setattr("crm.desk.people.staff.send_mail", refuse)

    page = invite(client, email="chen@example.com").content.decode()

    assert link_on(page)
    assert "No e-mail was sent" in page


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"username": "mina"}, "username"),
        ({"roles": []}, "roles"),
        ({"email": "x"}, "email"),
        ({"full_name": ""}, "full_name"),
    ],
)
def test_an_invitation_that_cannot_be_keeps_what_was_typed(
    client: Client, admin: User, wrong: dict[str, Any], field: str
) -> None:
    answer = invite(client, **({"username": "chenjing"} | wrong))

    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert User.objects.count() == 1


def test_a_forgotten_password_is_chosen_anew_by_a_link(client: Client, admin: User, make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")

    address = link_on(client.post(reverse("desk:person_link", args=[chen.pk])).content.decode())
    Client().post(address, {"language": "zh-hans", "password": GOOD, "again": GOOD})

    chen.refresh_from_db()
    assert chen.check_password(GOOD)


# Changing -----------------------------------------------------------------------------------------------------------


def test_roles_and_team_are_changed_and_the_change_is_on_record(
    client: Client, admin: User, make_user: MakeUser
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    east = Team.objects.create(name="East")
    form = client.get(reverse("desk:person", args=[chen.pk])).context["form"]

    wanted = opened(form) | {"roles": [Role.TEAM_LEAD, Role.ACCOUNT_MANAGER], "team": str(east.pk)}
    answer = client.post(reverse("desk:person", args=[chen.pk]), wanted)

    assert answer.status_code == 302, answer.context["form"].errors
    chen.refresh_from_db()
    assert (chen.roles, chen.team) == ([Role.TEAM_LEAD, Role.ACCOUNT_MANAGER], east)
    line = AuditEntry.objects.get(action="person.changed")
    assert line.detail["roles"] == [["account_manager"], ["team_lead", "account_manager"]]


def test_the_last_administrator_cannot_give_it_up(client: Client, admin: User) -> None:
    form = client.get(reverse("desk:person", args=[admin.pk])).context["form"]

    answer = client.post(reverse("desk:person", args=[admin.pk]), opened(form) | {"roles": [Role.ANALYST]})
    gone = client.post(reverse("desk:person_deactivate", args=[admin.pk]), {"reason": "bye"})

    assert "last administrator" in answer.content.decode()
    assert "last administrator" in gone.content.decode()
    assert (answer.status_code, gone.status_code) == (422, 422)
    admin.refresh_from_db()
    assert (admin.is_active, admin.roles) == (True, [Role.ADMINISTRATOR])


def test_somebody_is_away_and_covered_and_here_again(client: Client, admin: User, make_user: MakeUser) -> None:
    chen, zhao = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ACCOUNT_MANAGER, "Zhao")
    week = {"starts_on": today().isoformat(), "ends_on": (today() + timedelta(days=6)).isoformat()}

    backwards = client.post(
        reverse("desk:person_away", args=[chen.pk]), {"starts_on": week["ends_on"], "ends_on": week["starts_on"]}
    )
    assert backwards.status_code == 422
    client.post(reverse("desk:person_away", args=[chen.pk]), week | {"cover": zhao.pk})

    page = client.get(reverse("desk:person", args=[chen.pk]))
    assert (str(page.context["state"].label), "Zhao" in page.content.decode()) == ("Away", True)
    client.post(reverse("desk:absence_drop", args=[Absence.objects.get().pk]))
    assert not Absence.objects.exists()
    assert not Delegation.objects.exists()
    client.post(reverse("desk:person_delegate", args=[chen.pk]), week | {"assistant": zhao.pk})
    assert Delegation.objects.get().assistant == zhao
    client.post(reverse("desk:delegation_end", args=[Delegation.objects.get().pk]))
    assert not Delegation.objects.exists()


def test_teams_are_made_put_below_a_centre_and_deleted_when_empty(
    client: Client, admin: User, make_user: MakeUser
) -> None:
    client.post(reverse("desk:teams"), {"name": "Centre"})
    centre = Team.objects.get()
    client.post(reverse("desk:teams"), {"name": "East", "centre": centre.pk})
    east = Team.objects.get(name="East")
    make_user(Role.ACCOUNT_MANAGER, "Chen", team="East")

    assert client.post(reverse("desk:teams"), {"name": "East"}).status_code == 422
    assert client.post(reverse("desk:team_drop", args=[east.pk]))["Location"] == reverse("desk:team", args=[east.pk])
    form = client.get(reverse("desk:team", args=[east.pk])).context["form"]
    client.post(reverse("desk:team", args=[east.pk]), opened(form) | {"name": "East 1"})
    User.objects.filter(team=east).update(team=None)
    client.post(reverse("desk:team_drop", args=[east.pk]))

    assert list(Team.objects.values_list("name", flat=True)) == ["Centre"]


# Leaving ------------------------------------------------------------------------------------------------------------


def test_who_leaves_hands_over_customers_work_and_promises(
    client: Client, admin: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    zhao, lin = (make_user(Role.ACCOUNT_MANAGER, name, capacity=size) for name, size in (("Zhao", 20), ("Lin", 10)))
    book = [make_customer(f"客户{n}", manager=chen) for n in range(6)]
    for person in book:
        todo.open_task(
            person,
            owner=chen,
            reason=Todo.Reason.PROMISE,
            due_on=today(),
            dedupe_key=f"p{person.pk}",
            at=timezone.now(),
            text={},
        )
    url = reverse("desk:person_deactivate", args=[chen.pk])

    nobody = client.post(url, {"reason": "moves away"})
    assert nobody.status_code == 422
    assert nobody.context["leave_form"].errors["to"]
    assert User.objects.get(pk=chen.pk).is_active

    assert client.post(url, {"reason": "moves away", "to": [zhao.pk, lin.pk]}).status_code == 302

    shares = [Customer.objects.filter(manager=manager).count() for manager in (chen, zhao, lin)]
    assert shares == [0, 4, 2]
    open_work = Todo.objects.filter(state=Todo.State.OPEN).select_related("customer")
    assert [task.owner for task in open_work] == [task.customer.manager for task in open_work]
    assert flows.held_by(chen).anything is False
    assert AuditEntry.objects.filter(action="customer.assigned", actor=admin).count() == 6
    assert [notices.text_of(message) for message in zhao.messages.all()] == ["You take over from Chen"]
    page = client.get(reverse("desk:staff"), {"show": "gone"}).content.decode()
    assert "Chen" in page
    assert "Chen" not in client.get(reverse("desk:staff")).content.decode().replace("Chen ", "")


def test_who_comes_back_gets_a_link(client: Client, admin: User, make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    staff.deactivate(chen.pk, by=admin, reason="left", at=timezone.now())

    page = client.post(reverse("desk:person_reactivate", args=[chen.pk])).content.decode()

    assert link_on(page)
    assert User.objects.get(pk=chen.pk).is_active
