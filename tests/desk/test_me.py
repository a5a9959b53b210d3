"""One's own page: name, language, password, the second factor, and the devices one is signed in on."""

import time
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.accounts.models import AuditEntry, Role, User
from core.accounts.own import second_factor
from core.lib.errors import DomainError
from crm.desk.today import now
from tests.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db
ME = "/me/"
NEW = "another long passphrase"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0"


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen")


def sign_in(user: User, password: str = PASSWORD, agent: str = WINDOWS, **sent: Any) -> tuple[Client, Any]:
    client = Client(headers={"User-Agent": agent})
    answer = client.post("/accounts/login/", {"login": user.username, "password": password} | sent)
    return client, answer


def is_in(client: Client) -> bool:
    return client.get(ME).status_code == 200


def code_of(secret: str, steps: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


def confirm(client: Client) -> None:
    """The password once more, which allauth asks for before anything of the second factor is changed."""
    asked = client.get(reverse("mfa_activate_totp"))
    assert client.get(asked["Location"]).status_code == 200
    client.post(asked["Location"], {"password": PASSWORD})


def set_up(client: Client) -> str:
    """The second factor is on; returns its secret."""
    if client.get(reverse("mfa_activate_totp")).status_code == 302:
        confirm(client)
    page = client.get(reverse("mfa_activate_totp"))
    secret = str(page.context["form"].secret)
    answer = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert answer.status_code == 302, answer.content.decode()
    return secret


# Name, language, password -------------------------------------------------------------------------------------------


def test_a_name_is_changed_and_a_language_spoken_from_then_on(chen: User) -> None:
    client, _answer = sign_in(chen)

    client.post("/me/profile/", {"full_name": "陈明", "language": "zh-hans"})

    assert '<html lang="zh-hans">' in client.get(ME).content.decode()
    again, _answer = sign_in(chen)
    assert again.cookies["django_language"].value == "zh-hans"
    assert User.objects.get().full_name == "陈明"
    client.post("/me/profile/", {"full_name": " ", "language": ""})
    assert User.objects.get().full_name == "陈明"


def test_a_new_password_ends_every_other_session_and_keeps_this_one(chen: User) -> None:
    here, there = sign_in(chen)[0], sign_in(chen, agent=IPHONE)[0]
    assert is_in(here)
    assert is_in(there)

    wrong = here.post("/me/password/", {"old": "not it at all", "new": NEW, "again": NEW})
    assert (wrong.status_code, wrong.context["password_form"].errors["old"]) == (422, ["This is not your password."])
    for new in ("short", "short again"):
        assert here.post("/me/password/", {"old": PASSWORD, "new": new, "again": new}).status_code == 422
    done = here.post("/me/password/", {"old": PASSWORD, "new": NEW, "again": NEW})

    assert done.status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert len(here.get(ME).context["devices"]) == 1
    assert not is_in(sign_in(chen)[0])
    assert is_in(sign_in(chen, NEW)[0])


def test_a_stolen_session_guesses_no_password(chen: User) -> None:
    client, _answer = sign_in(chen)
    for guess in range(5):
        client.post("/me/password/", {"old": f"guess {guess}", "new": NEW, "again": NEW})

    answer = client.post("/me/password/", {"old": PASSWORD, "new": NEW, "again": NEW})

    assert (answer.status_code, "Too many tries" in answer.content.decode()) == (422, True)


# Devices ------------------------------------------------------------------------------------------------------------


def test_a_device_is_listed_and_signed_out_from_another(chen: User, make_user: MakeUser) -> None:
    here, phone, stranger = sign_in(chen)[0], sign_in(chen, agent=IPHONE)[0], sign_in(make_user(name="Zhou"))[0]

    first, second = here.get(ME).context["devices"]
    assert (first.words, first.is_this) == ("Firefox · Windows", True)
    assert (second.words, second.is_this) == ("WeChat · iPhone", False)

    stranger.post(f"/me/sessions/{second.pk}/end/")
    assert is_in(phone)
    here.post(f"/me/sessions/{second.pk}/end/")

    assert not is_in(phone)
    assert is_in(here)


def test_all_others_are_signed_out_at_once(chen: User) -> None:
    here, *others = (sign_in(chen)[0] for _n in range(3))

    here.post("/me/sessions/end/")

    assert [is_in(client) for client in (here, *others)] == [True, False, False]
    assert UserSession.objects.filter(user=chen).count() == 1


def test_the_last_sign_ins_are_shown_and_wrong_passwords_among_them(chen: User) -> None:
    sign_in(chen, "not the password")
    client, _answer = sign_in(chen, agent=IPHONE)
    sign_in(User(username="nobody at all"))

    entries = list(client.get(ME).context["sign_ins"])

    assert [(entry.action, entry.detail["device"]) for entry in entries] == [
        ("person.signed_in", "WeChat · iPhone"),
        ("person.sign_in_failed", "Firefox · Windows"),
    ]
    assert AuditEntry.objects.count() == 2


def test_a_session_is_seen_every_five_minutes_at_most(chen: User) -> None:
    client, _answer = sign_in(chen)
    client.get(ME)
    with CaptureQueriesContext(connection) as queries:
        client.get(ME)

    assert not [query["sql"] for query in queries if "UPDATE" in query["sql"] or "INSERT" in query["sql"]]


def left_alone(client: Client, minutes: int) -> None:
    session = client.session
    session["used_at"] = (now() - timedelta(minutes=minutes)).isoformat()
    session.save()


def test_a_screen_that_was_left_alone_is_signed_out_however_often_its_bell_asks(chen: User) -> None:
    client, _answer = sign_in(chen)
    assert is_in(client)
    left_alone(client, 119)
    assert client.get(reverse("desk:bell_count"), headers={"HX-Request": "true"}).status_code == 200
    assert is_in(client)

    left_alone(client, 121)

    assert client.get(reverse("desk:bell_count"), headers={"HX-Request": "true"}).status_code == 401
    assert not is_in(client)


def test_the_bell_is_no_use_of_a_screen(chen: User) -> None:
    client, _answer = sign_in(chen)
    assert is_in(client)
    left_alone(client, 60)
    before = client.session["used_at"]

    client.get(reverse("desk:bell_count"), headers={"HX-Request": "true"})
    assert client.session["used_at"] == before
    client.get(ME)
    assert client.session["used_at"] > before


# The second factor --------------------------------------------------------------------------------------------------


def test_the_second_factor_is_set_up_and_asked_for(chen: User) -> None:
    client, _answer = sign_in(chen)
    confirm(client)
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    assert 'src="data:image/svg+xml;base64,' in page
    assert "<script>" not in page
    secret = set_up(client)

    codes = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert len(codes) == 10
    assert client.get(reverse("mfa_download_recovery_codes")).content.decode().count("\n") >= 9
    assert "second_factor.set_up" in AuditEntry.objects.values_list("action", flat=True)

    other, answer = sign_in(chen)
    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_in(other)
    wrong = other.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert wrong.context["form"].errors["code"]
    assert not is_in(other)
    other.post(reverse("mfa_authenticate"), {"code": code_of(secret, 1)})
    assert is_in(other)

    by_paper, _answer = sign_in(chen)
    by_paper.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert is_in(by_paper)
    twice, _answer = sign_in(chen)
    twice.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert not is_in(twice)


def test_the_secrets_are_sealed(chen: User) -> None:
    client, _answer = sign_in(chen)
    secret = set_up(client)

    stored = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert secret not in stored
    assert Authenticator.objects.get(type="totp").wrap().validate_code(code_of(secret, 1))


def test_it_is_switched_off_by_whoever_may(chen: User) -> None:
    client, _answer = sign_in(chen)
    set_up(client)
    assert client.get(reverse("mfa_deactivate_totp")).status_code == 200

    client.post(reverse("mfa_deactivate_totp"))

    assert not second_factor.has(chen)
    assert Authenticator.objects.count() == 0


def test_whoever_must_have_it_is_led_to_set_it_up_and_nothing_else_opens(
    chen: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_factor, "required_roles", lambda: frozenset({Role.ACCOUNT_MANAGER}))
    client, _answer = sign_in(chen)

    for address in ("/", ME, "/customers/", "/me/sessions/end/", "/accounts/password/change/", "/accounts/email/"):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_activate_totp")), address
    assert client.post(reverse("desk:find"), headers={"HX-Request": "true"}).status_code == 401
    assert client.post("/me/profile/", {"full_name": "X"}).status_code == 302
    assert User.objects.get().full_name == "Chen"

    set_up(client)

    assert is_in(client)
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 200
    assert second_factor.has(chen)


def test_a_lost_telephone_is_taken_away_and_every_session_with_it(chen: User, make_user: MakeUser) -> None:
    ada = make_user(Role.ADMINISTRATOR, "Ada")
    client, _answer = sign_in(chen)
    set_up(client)

    office = Client()
    office.force_login(ada)
    assert f"/staff/{chen.pk}/second-factor/take-away/" in office.get(f"/staff/{chen.pk}/").content.decode()
    office.post(f"/staff/{chen.pk}/second-factor/take-away/")

    assert not is_in(client)
    assert is_in(sign_in(chen)[0])
    with pytest.raises(DomainError):
        second_factor.take_away(chen, by=ada, at=now())
