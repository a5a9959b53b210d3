"""Colleagues come by a link that works once, change, are away, and go; the last administrator stays."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from core.accounts import staff, tokens
from core.accounts.models import AuditEntry, Delegation, Invitation, Role, Team, User
from core.accounts.roles import ApiScope
from core.lib.errors import DomainError, Invalid, Unknown
from customers.access import visible_to
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
GOOD = "correct horse battery"


@pytest.fixture
def mina(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "Mina")


def code_of(call: Any, *args: Any, **named: Any) -> str:
    with pytest.raises(DomainError) as refusal:
        call(*args, **named)
    return refusal.value.code


def invited(mina: User, username: str = "chen") -> tuple[User, str]:
    user = staff.add(username, full_name="Chen", roles=[Role.ACCOUNT_MANAGER], by=mina, at=NOW)
    return user, staff.link(user.pk, by=mina, at=NOW)[1]


def test_a_colleague_chooses_a_password_and_a_language_by_a_link_that_works_once(mina: User) -> None:
    chen, secret = invited(mina)
    assert not chen.has_usable_password()

    joined = staff.join(secret, GOOD, language="zh-hans", at=NOW + timedelta(days=6))

    assert (joined.check_password(GOOD), joined.language) == (True, "zh-hans")
    assert code_of(staff.join, secret, "another good one", language="en", at=NOW) == "link_void"
    assert User.objects.get(pk=chen.pk).check_password(GOOD)
    assert secret not in str(list(Invitation.objects.values())) + str(list(AuditEntry.objects.values("detail")))
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["person.added", "person.link_made", "person.joined"]


def test_a_link_is_void_after_seven_days_by_a_newer_one_and_when_its_person_leaves(mina: User) -> None:
    chen, secret = invited(mina)

    assert code_of(staff.invitation_for, secret, at=NOW + timedelta(days=7, seconds=1)) == "link_void"
    _row, newer = staff.link(chen.pk, by=mina, at=NOW)
    assert code_of(staff.invitation_for, secret, at=NOW) == "link_void"
    assert staff.invitation_for(newer, at=NOW).user == chen
    staff.deactivate(chen.pk, by=mina, reason="left", at=NOW)
    with pytest.raises(Unknown):
        staff.invitation_for(newer, at=NOW)


def test_a_weak_password_is_refused_and_the_link_stays_good(mina: User) -> None:
    _chen, secret = invited(mina)

    assert code_of(staff.join, secret, "short", language="en", at=NOW) == "password"
    assert staff.join(secret, GOOD, language="en", at=NOW)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_follow_one_link_at_once_one_gets_in(make_user: MakeUser) -> None:
    _chen, secret = invited(make_user(Role.ADMINISTRATOR, "Mina"))
    start, outcomes = threading.Barrier(2), []

    def follow(n: int) -> None:
        try:
            start.wait(30)
            staff.join(secret, f"{GOOD} {n}", language="en", at=NOW)
            outcomes.append("in")
        except DomainError as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=follow, args=[n]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes) == ["in", "link_void"]


def test_a_deactivated_persons_session_and_tokens_end_within_one_request(mina: User, make_user: MakeUser) -> None:
    chen, shop = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.CLIENT, "Shop")
    browser = Client()
    browser.force_login(chen)
    _token, secret = tokens.issue(shop, name="till", scopes=list(ApiScope), at=NOW)
    api = {"Authorization": f"Token {secret}"}
    assert browser.get("/").status_code == 200
    assert browser.get("/api/v1/customers/C1", headers=api).status_code == 404

    for person in (chen, shop):
        staff.deactivate(person.pk, by=mina, reason="left", at=NOW)

    assert browser.get("/")["Location"].startswith("/accounts/login/")
    assert Client().get("/api/v1/customers/C1", headers=api).status_code == 401
    staff.reactivate(shop.pk, by=mina, at=NOW)
    assert Client().get("/api/v1/customers/C1", headers=api).status_code == 401


def test_who_comes_back_chooses_a_new_password(mina: User, make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    staff.deactivate(chen.pk, by=mina, reason="left", at=NOW)

    back = staff.reactivate(chen.pk, by=mina, at=NOW)

    assert back.is_active
    assert not back.has_usable_password()
    assert code_of(staff.reactivate, chen.pk, by=mina, at=NOW) == "here"


def test_the_last_administrator_can_be_neither_removed_nor_made_something_else(mina: User, make_user: MakeUser) -> None:
    invited_one = staff.add("later", full_name="", roles=[Role.ADMINISTRATOR], by=mina, at=NOW)
    rest = {"full_name": "Mina", "email": "", "team": None, "capacity": 300}

    assert code_of(staff.deactivate, mina.pk, by=mina, reason="bye", at=NOW) == "last_administrator"
    assert code_of(staff.change, mina.pk, roles=[Role.ANALYST], by=mina, at=NOW, **rest) == "last_administrator"
    make_user(Role.ADMINISTRATOR, "Second")
    assert staff.change(mina.pk, roles=[Role.ANALYST], by=mina, at=NOW, **rest).roles == [Role.ANALYST]
    assert not invited_one.has_usable_password()


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_remove_each_other_at_once(make_user: MakeUser) -> None:
    both = [make_user(Role.ADMINISTRATOR, name) for name in ("Mina", "Nora")]
    start, outcomes = threading.Barrier(2), []

    def remove(me: User, other: User) -> None:
        try:
            start.wait(30)
            staff.deactivate(other.pk, by=me, reason="out", at=NOW)
            outcomes.append("done")
        except DomainError as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=pair) for pair in (both, both[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(outcomes) == ["done", "last_administrator"]
    assert User.objects.filter(is_active=True).count() == 1


@pytest.mark.parametrize("roles", [[], ["superhero"], [Role.CLIENT, Role.ANALYST]])
def test_what_is_no_set_of_roles_is_refused(mina: User, roles: list[str]) -> None:
    assert code_of(staff.add, "x", full_name="", roles=roles, by=mina, at=NOW) == "roles"


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"username": "mina"}, "username"), ({"username": ""}, "username"), ({"email": "nowhere"}, "email")],
)
def test_a_colleague_who_cannot_be_is_refused_by_the_field(mina: User, fields: dict[str, str], code: str) -> None:
    given = {"username": "chen", "full_name": "Chen", "email": ""} | fields

    assert code_of(staff.add, roles=[Role.ANALYST], by=mina, at=NOW, **given) == code


def test_a_person_does_not_become_a_program(mina: User, make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    rest = {"full_name": "Chen", "email": "", "team": None, "capacity": 300}

    assert code_of(staff.change, chen.pk, roles=[Role.CLIENT], by=mina, at=NOW, **rest) == "roles"


def test_a_colleague_works_the_book_of_one_who_is_away_and_only_then(
    mina: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, zhao = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ACCOUNT_MANAGER, "Zhao")
    li_lei = make_customer(manager=chen)

    staff.set_away(chen, TODAY, TODAY + timedelta(days=6), by=mina, at=NOW, cover=zhao)

    assert list(visible_to(zhao, TODAY)) == [li_lei]
    assert list(staff.away(TODAY)) == [chen.pk]
    assert not visible_to(zhao, TODAY + timedelta(days=7)).exists()
    assert not staff.away(TODAY + timedelta(days=7)).exists()
    staff.end_delegation(Delegation.objects.get().pk, by=mina, at=NOW)
    assert not visible_to(User.objects.get(pk=zhao.pk), TODAY).exists()


def test_days_in_the_wrong_order_and_whoever_works_no_book_are_refused(mina: User, make_user: MakeUser) -> None:
    chen, analyst = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_user(Role.ANALYST)
    week = (TODAY, TODAY + timedelta(days=6))

    assert code_of(staff.set_away, chen, *week[::-1], by=mina, at=NOW) == "ends_on"
    assert code_of(staff.delegate, chen, analyst, *week, by=mina, at=NOW) == "assistant"
    assert code_of(staff.delegate, analyst, chen, *week, by=mina, at=NOW) == "manager"
    assert code_of(staff.delegate, chen, chen, *week, by=mina, at=NOW) == "assistant"


def test_a_centre_has_teams_below_it_and_its_lead_sees_their_customers(
    mina: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    centre = staff.save_team(None, name="Centre East", centre=None, by=mina, at=NOW)
    team = staff.save_team(None, name="East 1", centre=centre, by=mina, at=NOW)
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen", team="East 1")
    li_lei = make_customer(manager=chen)

    assert list(visible_to(make_user(Role.TEAM_LEAD, "Zhou", team="Centre East"), TODAY)) == [li_lei]
    with pytest.raises(Invalid):
        staff.save_team(None, name="East 1.1", centre=team, by=mina, at=NOW)
    with pytest.raises(Invalid):
        staff.save_team(centre, name="Centre East", centre=centre, by=mina, at=NOW)
    assert code_of(staff.save_team, None, name="East 1", centre=None, by=mina, at=NOW) == "name"
    assert code_of(staff.drop_team, team, by=mina, at=NOW) == "in_use"
    assert code_of(staff.drop_team, centre, by=mina, at=NOW) == "in_use"
    User.objects.filter(pk=chen.pk).update(team=None)
    staff.drop_team(team, by=mina, at=NOW)
    assert not Team.objects.filter(name="East 1").exists()
    assert mail.outbox == []
