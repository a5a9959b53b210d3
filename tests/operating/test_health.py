"""/livez, /readyz and /metrics: what they say when all is well, and which part is named when it is not."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role
from core.jobs import runs
from core.jobs.models import JobRun
from core.lib.periods import mall_day
from core.outbox import delivery
from core.outbox.models import Message
from crm.operating import health
from tests.conftest import PASSWORD, MakeCustomer, MakeUser

TOKEN = "a token that Prometheus shows when it asks"
PREFIX = "laoke_"


@pytest.fixture
def _whole(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests count sign-ins in memory; here the table is there, and Redis answers."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS cache (cache_key text)")
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "cache"}}
    monkeypatch.setattr(redis.Redis, "ping", lambda _self: True)


def a_backup() -> None:
    at = timezone.now()
    run = runs.claim(runs.plan(health.BACKUP, mall_day(at), at=at).pk, at=at, holder="me", again=True)
    assert run is not None
    runs.finish(run, at=at)


def test_a_process_that_answers_is_alive_and_nothing_is_asked(client: Client) -> None:
    """Without the database, or the test would be refused."""
    response = client.get("/livez", headers={"host": "10.0.0.7:8000"})

    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert response["Cache-Control"] == "no-store"
    assert client.post("/livez").status_code == 405


@pytest.mark.usefixtures("_whole")
def test_it_is_ready_when_every_part_is(client: Client) -> None:
    a_backup()

    response = client.get("/readyz", headers={"host": "10.0.0.7:8000"})

    names = ("database", "migrations", "cache", "vault", "redis", "backup", "watch")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "parts": dict.fromkeys(names, "ok")}


@pytest.mark.usefixtures("_whole")
def test_no_redis_and_no_backup_are_said_and_pages_are_still_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_self: object) -> None:
        raise redis.ConnectionError("redis://:a-password@10.0.0.9 refuses")

    monkeypatch.setattr(redis.Redis, "ping", refuses)

    response = client.get("/readyz")

    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert response.json()["parts"]["redis"] == "does not answer: work comes late, none is lost"
    assert response.json()["parts"]["backup"] == "none yet: run manage.py backup"


@pytest.mark.usefixtures("_whole")
@pytest.mark.parametrize(
    ("part", "undo", "says"),
    [
        ("cache", "DROP TABLE cache", "its table is missing: run manage.py createcachetable"),
        (
            "migrations",
            "DELETE FROM django_migrations WHERE app = 'loyalty'",
            "not applied in loyalty: run manage.py migrate",
        ),
        ("migrations", "ALTER TABLE django_migrations RENAME TO other", "none applied: run manage.py migrate"),
    ],
)
def test_the_part_that_is_missing_is_named(client: Client, part: str, undo: str, says: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(undo)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json()["parts"][part] == says


@pytest.mark.usefixtures("_whole")
def test_another_key_than_that_of_the_data_is_not_ready(
    client: Client, make_customer: MakeCustomer, settings: Any
) -> None:
    make_customer(phone="13800138000")
    settings.VAULT_KEY = "another key, as a shell without the variable would have"

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"]["vault"] == "VAULT_KEY is not the key of the data"


@pytest.mark.usefixtures("_whole")
def test_a_database_that_is_away_is_said_without_its_name_or_error(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_self: object) -> None:
        raise OperationalError("connection to server at 10.0.0.8 failed for user laoke")

    monkeypatch.setitem(health.NEEDED, "database", lambda: away(None))

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"]["database"] == "does not answer"
    assert "10.0.0.8" not in response.text


@pytest.mark.django_db
def test_a_backup_is_stale_after_a_day_and_two_hours() -> None:
    at = timezone.now()
    assert health.backup_is_stale(at=at)

    a_backup()

    assert not health.backup_is_stale(at=at + timedelta(hours=25))
    assert health.backup_is_stale(at=at + timedelta(hours=27))


def figures(client: Client) -> dict[str, float]:
    text = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    lines = [line for line in text.splitlines() if line.startswith(PREFIX)]
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


@pytest.mark.django_db
def test_metrics_are_for_whoever_has_the_token(client: Client, settings: Any) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer a guess"}).status_code == 401
    assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_queues_nights_and_requests_are_counted(client: Client, make_user: MakeUser, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    mina = make_user(Role.ACCOUNT_MANAGER, "Mina")
    at = timezone.now()
    for number, state in enumerate((Message.State.WAITING, Message.State.FAILED)):
        delivery.queue(
            mina.pk, channel=Message.Channel.EMAIL, dedupe_key=str(number), subject="S", at=at - timedelta(hours=1)
        )
        Message.objects.filter(dedupe_key=str(number)).update(state=state)
    night = runs.claim(runs.plan("nightly", mall_day(at), at=at).pk, at=at, holder="me")
    assert night is not None
    runs.finish(night, at=at + timedelta(seconds=90))
    a_backup()
    before = figures(client)
    client.login(username="mina", password=PASSWORD)
    client.get("/customers/?q=13800138000")

    after = figures(client)

    assert after['laoke_waiting{queue="message"}'] == after['laoke_failed{queue="message"}'] == 1
    assert 3590 < after['laoke_oldest_waiting_seconds{queue="message"}'] < 3700
    assert after['laoke_oldest_waiting_seconds{queue="import"}'] == 0
    assert after["laoke_night_seconds"] == 90
    assert after["laoke_night_age_days"] == 0
    assert abs(after["laoke_backup_timestamp_seconds"] - at.timestamp()) < 60
    page = 'laoke_requests_total{method="GET",route="desk:customers",status="200"}'
    assert after[page] - before.get(page, 0) == 1
    assert not [name for name in after if "13800138000" in name or "/customers/" in name]


def test_addresses_that_do_not_exist_are_one_route(client: Client, db: None, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    before = figures(client)

    for number in range(5):
        client.get(f"/no-such-page-{number}")

    new = {name for name in figures(client) if name.startswith("laoke_requests_total")} - set(before)
    assert len(new) <= 1


def test_an_administrator_is_told_on_the_first_page_until_there_is_a_backup(
    client: Client, make_user: MakeUser, settings: Any
) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR, "Mina"))
    pages = [reverse("desk:settings"), reverse("desk:nights")]

    assert all("No backup has been made" in client.get(page).text for page in pages)

    at = timezone.now()
    run = runs.plan(health.BACKUP, mall_day(at), at=at)
    runs.fail(run, error="There is no pg_dump for PostgreSQL 15", at=at)
    assert all("The newest backup failed: There is no pg_dump" in client.get(page).text for page in pages)

    a_backup()
    assert not [page for page in pages if "ackup" in client.get(page).text]

    JobRun.objects.update(started_at=at - timedelta(hours=30))
    assert all("The last good backup is 30 hours old" in client.get(page).text for page in pages)
    settings.DEMO = True
    assert "The last good backup" not in client.get(pages[1]).text
