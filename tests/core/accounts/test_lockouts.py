"""Who tried too often is kept out, and nobody else: neither by a full table, nor by a full disk, nor behind a proxy."""

from typing import Any

import pytest
from django.core.cache.backends.db import DatabaseCache
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from core.accounts.lockouts import Counts
from core.accounts.models import Role
from tests.conftest import PASSWORD, MakeUser


@pytest.fixture
def table(db: None, settings: Any) -> str:
    call_command("createcachetable", "counted")
    return "counted"


@pytest.fixture
def counts(table: str) -> Counts:
    return Counts(table, {"OPTIONS": {"MAX_ENTRIES": 10}})


def full_disk() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.no_space() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;"
            "CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON counted FOR EACH ROW EXECUTE FUNCTION pg_temp.no_space()"
        )


def remembered(cache: DatabaseCache) -> int:
    for number in range(20):
        cache.set(f"locked:{number}", number, 300)
    for number in range(60):
        cache.set(f"passing:{number}", number, 300)
    return sum(cache.get(f"locked:{number}") == number for number in range(20))


def test_no_size_of_the_table_forgets_a_count_before_its_time(counts: Counts) -> None:
    assert remembered(counts) == 20


def test_a_plain_cache_of_this_size_forgets_them(table: str) -> None:
    assert remembered(DatabaseCache(table, {"OPTIONS": {"MAX_ENTRIES": 10}})) < 20


def test_what_is_over_is_forgotten(counts: Counts) -> None:
    for number in range(20):
        counts.set(f"over:{number}", 1, -1)
    counts.set("one", 1, 300)
    counts.set("another", 1, 300)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM counted")
        assert cursor.fetchone()[0] < 20
    assert counts.add("another", 2, 300) is False
    assert counts.add("third", 2, 300) is True


def test_a_count_that_cannot_be_written_is_an_error_and_no_answer(counts: Counts, table: str) -> None:
    plain = DatabaseCache(table, {})
    full_disk()

    assert plain.add("one", 1) is False  # which reads like "counted before"
    with pytest.raises(OperationalError):
        counts.add("one", 1)
    with pytest.raises(OperationalError):
        counts.set("one", 1)


def test_with_a_full_disk_a_sign_in_is_answered_try_again_later(
    table: str, settings: Any, make_user: MakeUser, client: Client
) -> None:
    settings.CACHES = {"default": {"BACKEND": "core.accounts.lockouts.Counts", "LOCATION": table}}
    client.raise_request_exception = False
    admin = make_user(Role.ADMINISTRATOR, "Admin")
    full_disk()

    answer = client.post(reverse("account_login"), {"login": admin.username, "password": PASSWORD})

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(("proxies", "may"), [(1, True), (0, False)])
def test_whoever_tries_often_locks_out_their_own_address_and_not_the_proxy_for_all(
    proxies: int, may: bool, settings: Any, make_user: MakeUser
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    admin = make_user(Role.ADMINISTRATOR, "Admin")
    for number in range(14):
        sign_in(f"nobody{number}", "wrong", behind="1.1.1.1")

    sign_in(admin.username, PASSWORD, behind="2.2.2.2")

    admin.refresh_from_db()
    assert (admin.last_login is not None) is may


def sign_in(name: str, password: str, *, behind: str) -> None:
    Client().post(
        reverse("account_login"),
        {"login": name, "password": password},
        REMOTE_ADDR="10.0.0.1",
        headers={"X-Forwarded-For": f"203.0.113.9, {behind}"},
    )
