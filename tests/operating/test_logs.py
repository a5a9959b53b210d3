"""What is written of a day: each line of one form and one clock, and nothing of what people said, typed or are."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from celery import current_app
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from crm.flows import nightly
from crm.operating import logs
from tests.conftest import PASSWORD, TODAY, ApiFor, MakeCustomer, MakeUser
from tests.test_checks import ROOT, environment

# Planted into everything that a day takes in. None of them may come out in a log.
PHONE, EMAIL, NAME, SECRET, SEARCH = "13812345678", "lilei@example.cn", "李雷雷", "sekrit-Zx81", "what-i-look-for"
PLANTED = (PHONE, "+86" + PHONE, EMAIL, NAME, SECRET, SEARCH, PASSWORD)


@pytest.fixture(params=["line", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[StringIO]:
    """What the handlers of this form write from now on."""
    target = StringIO()
    handler = logging.StreamHandler(target)
    handler.setFormatter(logs.Json() if request.param == "json" else logs.Lines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield target
    root.removeHandler(handler)
    root.setLevel(before)


def a_day(client: Client, make_user: MakeUser, make_customer: MakeCustomer, api_for: ApiFor) -> None:
    """Sign-ins, searches, an order by REST, pages that break, a night, a constraint that refuses, tasks that fail."""
    agent = make_user(Role.SERVICE_AGENT, "Anna")
    customer = make_customer(NAME, phone=PHONE, email=EMAIL)
    client.raise_request_exception = False
    client.post("/accounts/login/", {"login": "anna", "password": SECRET})
    client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    client.login(username="anna", password=PASSWORD)
    for address in (
        f"/find/?q={PHONE}",
        f"/customers/{customer.pk}/?name={NAME}",
        f"/{SECRET}/?phone={PHONE}",
        f"/s/{SECRET}/",
        f"/accounts/login/?next=/{SEARCH}/",
        "/nights/",
        f"/no-such-page/{EMAIL}",
    ):
        client.get(address)
    shop = api_for(make_user(Role.CLIENT, "shop"), ApiScope.ORDERS_WRITE)
    order = {"customer": {"external_id": "c-9", "name": NAME, "phone": PHONE, "email": EMAIL}, "total_paid": SECRET}
    shop.put(f"/api/v1/sources/shop/orders/{SECRET}", order, format="json")
    shop.get(f"/api/v1/customers/find?phone={PHONE}")
    nightly.run(TODAY)
    breaks(agent)


def breaks(agent: User) -> None:
    """Errors that quote what they were given."""
    log = logging.getLogger("crm.anything")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TABLE planted (name text CONSTRAINT only_one PRIMARY KEY)")
            cursor.execute("INSERT INTO planted VALUES (%s), (%s)", [NAME, NAME])
    except IntegrityError:
        log.exception("a row was refused")
    try:
        int(PHONE + SECRET)
    except ValueError as error:
        log.exception("a number could not be read")
        told = {"name": "crm.flows.tasks.deliver", "id": "1", "description": "raised unexpected", "exc": repr(error)}
        text = "Task %(name)s[%(id)s] %(description)s: %(exc)s"
        logging.getLogger("celery.app.trace").error(text, told, exc_info=True)
    logging.getLogger("gunicorn.error").error("Error handling request %s", f"/s/{SECRET}?phone={PHONE}")


@pytest.mark.django_db
def test_a_day_leaves_no_personal_data_and_no_secret(
    written: StringIO, client: Client, make_user: MakeUser, make_customer: MakeCustomer, api_for: ApiFor
) -> None:
    a_day(client, make_user, make_customer, api_for)

    text = written.getvalue()
    assert {planted for planted in PLANTED if planted in text} == set()
    for kept in ("IntegrityError 23505 only_one", "ValueError", "survey", "night 2026-11-17: laws", "test_logs.py"):
        assert kept in text


@pytest.mark.django_db
def test_the_planted_data_would_be_found(
    caplog: pytest.LogCaptureFixture,
    client: Client,
    make_user: MakeUser,
    make_customer: MakeCustomer,
    api_for: ApiFor,
) -> None:
    """The same day in Python's own form of a log, which quotes what it is given."""
    with caplog.at_level(logging.INFO):
        a_day(client, make_user, make_customer, api_for)

    assert {PHONE, NAME, SECRET, EMAIL} <= {planted for planted in PLANTED if planted in caplog.text}


@pytest.mark.django_db
@pytest.mark.parametrize("written", ["json"], indirect=True)
def test_a_request_leaves_one_line_with_its_id_page_person_and_time(
    written: StringIO, client: Client, make_user: MakeUser
) -> None:
    mina = make_user(Role.ACCOUNT_MANAGER, "Mina")
    client.force_login(mina)

    response = client.get("/customers/?q=x", headers={"x-request-id": "given-by-nginx"})

    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    (line,) = [line for line in lines if line["logger"] == "laoke.request"]
    assert response["X-Request-ID"] == line["request_id"] == "given-by-nginx"
    told = {name: line[name] for name in ("route", "method", "status", "user", "message")}
    assert told == {"route": "desk:customers", "method": "GET", "status": 200, "user": mina.pk, "message": "answered"}
    assert 0 <= line["ms"] < 60_000
    assert line["at"].endswith("Z")
    assert abs((datetime.fromisoformat(line["at"]) - timezone.now()).total_seconds()) < 60


@pytest.mark.django_db
@pytest.mark.parametrize("written", ["json"], indirect=True)
@pytest.mark.parametrize("given", ["", "short", "two\nlines-of-it", "x" * 65, "a b c d e f g h"])
def test_an_id_that_could_be_anything_is_replaced(written: StringIO, client: Client, given: str) -> None:
    response = client.get("/accounts/login/", headers={"x-request-id": given})

    assert re.fullmatch("[0-9a-f]{16}", response["X-Request-ID"])


@pytest.mark.parametrize("written", ["line"], indirect=True)
def test_a_message_of_several_lines_is_one(written: StringIO) -> None:
    logging.getLogger("x").warning("first\nINFO forged")

    assert written.getvalue().count("\n") == 1


@pytest.mark.parametrize("written", ["json"], indirect=True)
def test_a_line_of_a_task_says_which(written: StringIO) -> None:
    @current_app.task(name="crm.flows.tasks.one_of_a_test")
    def one() -> None:
        logging.getLogger("x").info("working")

    one.apply(task_id="the-task")

    assert "the-task" in written.getvalue()
    assert "crm.flows.tasks.one_of_a_test" in written.getvalue()


def test_a_form_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT is 'xml': set it to one of line, json"):
        logs.configuration("xml", "INFO")


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "crm.wsgi", "--bind", "127.0.0.1:1"),
        ("-m", "celery", "-A", "crm", "worker", "--pool", "solo", "--without-mingle"),
        ("-m", "celery", "-A", "crm", "beat", "--pidfile", "", "--schedule", "/dev/null/schedule"),
        ("manage.py", "beat"),
        ("manage.py", "relay", "--every", "0.1"),
    ],
    ids=["gunicorn", "worker", "celery's beat", "beat", "relay"],
)
def test_all_kinds_of_processes_write_one_form_with_one_clock(command: tuple[str, ...]) -> None:
    """None can do its work here; what they say of it is enough."""
    nowhere = {"REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": "postgres://x:y@127.0.0.1:1/x"}
    nowhere["CELERY_BEAT_SCHEDULE_FILENAME"] = "/dev/null/schedule"
    told = environment(nowhere | {"LOG_FORMAT": "json", "MALL_TIME_ZONE": "Asia/Shanghai"})
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line: Any = ""
        while not line.startswith("{") and (line := process.stderr.readline()):
            pass
    finally:
        process.kill()
        process.communicate()

    written = json.loads(line)
    assert abs((datetime.fromisoformat(written["at"]) - timezone.now()).total_seconds()) < 120
    assert written["at"].endswith("Z")
