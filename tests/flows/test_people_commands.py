"""The mall is set up and its staff managed from a terminal or a script."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from complaints.models import Case, Category, Department, Queue, QueueMember
from complaints.setup import defaults
from core.accounts import staff
from core.accounts.models import AuditEntry, Delegation, Role, Team, User
from core.lib import mall as facts_of_mall
from crm.flows import call
from crm.flows import staff as flows
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
GOOD = "correct horse battery"


def run(*command: str) -> str:
    said = StringIO()
    call_command(*command, stdout=said, stderr=said)
    return said.getvalue()


@pytest.mark.usefixtures("mall_row")
def test_a_script_sets_up_the_mall_and_may_do_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAOKE_ADMIN_PASSWORD", GOOD)
    told = ("--name", "Kaufhaus", "--currency", "EUR", "--time-zone", "Europe/Berlin", "--language", "en")

    assert "is set up" in run("set_up", *told, "--region", "DE", "--user", "mina", "--alone", "--hours", "08:30-20:00")
    assert "already" in run("set_up", *told, "--user", "eve")

    mina = User.objects.get()
    assert (mina.username, len(mina.roles)) == ("mina", 9)
    assert facts_of_mall.facts().name == "Kaufhaus"


def test_what_is_missing_or_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, said in (
        (("set_up",), "--name"),
        (("set_up", "--name", "K"), "--user"),
        (("set_up", "--name", "K", "--user", "mina"), "LAOKE_ADMIN_PASSWORD"),
        (("set_up", "--name", "K", "--user", "mina", "--hours", "nine to five"), "09:00-18:00"),
        (("set_up", "--name", "K", "--user", "mina", "--currency", "XXX"), "XXX"),
    ):
        if "--hours" in told or "--currency" in told:
            monkeypatch.setenv("LAOKE_ADMIN_PASSWORD", GOOD)
        with pytest.raises(CommandError, match=said):
            run(*told)
    assert staff.nobody_yet()


def test_a_code_is_made_for_the_setup_page(client: Client) -> None:
    code = run("set_up", "--code").strip()

    assert " " not in code
    assert client.get("/setup/", {"code": code}).status_code == 200


def test_a_colleague_is_added_invited_changed_and_listed(make_user: MakeUser) -> None:
    make_user(Role.ADMINISTRATOR, "Mina")
    run("staff", "team", "Centre")
    assert run("staff", "team", "East", "--centre", "Centre") == "East below Centre.\n"

    told = ("--name", "Chen", "--role", "account_manager", "--team", "East", "--capacity", "250")
    said = run("staff", "--base", "https://crm.example.com", "add", "chen", *told)

    assert "https://crm.example.com/join/" in said
    assert "/join/" in run("staff", "invite", "chen")
    assert run("staff", "roles", "chen", "--role", "analyst", "--role", "account_manager").endswith(
        "account_manager, analyst\n"
    )
    assert "chen\tChen\taccount_manager,analyst\tEast\there" in run("staff", "list")
    chen = User.objects.get(username="chen")
    assert (chen.team, chen.capacity) == (Team.objects.get(name="East"), 250)
    assert set(AuditEntry.objects.filter(subject_id=chen.pk, subject_type="user").values_list("action", flat=True)) == {
        "person.added",
        "person.link_made",
        "person.changed",
    }


def test_somebody_is_away_leaves_and_comes_back(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    make_user(Role.ADMINISTRATOR, "Mina")
    chen, zhao = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ACCOUNT_MANAGER, "Zhao")
    li_lei = make_customer(manager=chen)

    assert "is away" in run("staff", "away", "chen", "2026-12-24", "2026-12-31", "--cover", "zhao")
    assert "works the book" in run("staff", "delegate", "zhao", "chen", "2026-12-24", "2026-12-31")
    assert Delegation.objects.count() == 2
    with pytest.raises(CommandError, match="take"):
        run("staff", "deactivate", "chen", "--reason", "left")
    assert "1 customers" in run("staff", "deactivate", "chen", "--reason", "left", "--to", "zhao")
    li_lei.refresh_from_db()
    assert li_lei.manager == zhao
    assert "/join/" in run("staff", "reactivate", "chen")


@pytest.mark.parametrize(
    "told",
    [
        ("invite", "nobody"),
        ("add", "x", "--name", "X", "--role", "analyst", "--team", "nowhere"),
        ("deactivate", "mina", "--reason", "bye"),
        ("reactivate", "mina"),
    ],
)
def test_a_refusal_is_a_sentence_and_an_exit_status(make_user: MakeUser, told: tuple[str, ...]) -> None:
    make_user(Role.ADMINISTRATOR, "Mina")

    with pytest.raises(CommandError):
        run("staff", *told)


def test_cases_go_with_the_customer_or_back_to_their_queue(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    at = timezone.now()
    defaults.install(at=at)
    admin = make_user(Role.ADMINISTRATOR, "Mina")
    chen, zhao = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ACCOUNT_MANAGER, "Zhao")
    Department.objects.update(head=chen)
    cases = [
        _case(make_customer(name, manager=manager), chen, at) for name, manager in (("李雷", chen), ("韩梅梅", None))
    ]
    QueueMember.objects.create(queue=Queue.objects.get(code="general"), user=chen)

    held = flows.deactivate(chen.pk, to=[zhao], by=admin, reason="left", at=at)

    assert (held.customers, held.cases, held.departments) == (1, 2, 8)
    assert [Case.objects.get(pk=case.pk).owner for case in cases] == [zhao, None]
    assert not QueueMember.objects.exists()
    assert not Department.objects.filter(head=chen).exists()


def _case(customer: Any, owner: User, at: Any) -> Case:
    late = Category.objects.get(code="delivery-late")
    key = f"k-{customer.pk}"
    case = call.log(
        customer, category=late, channel="phone", by=owner, at=at, description="还没有收到", client_key=key
    ).case
    Case.objects.filter(pk=case.pk).update(owner=owner)
    return case
