"""The commands of the operators: each says what it did, and its exit status says whether that was it."""

import subprocess
import sys
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from core.accounts import tokens
from core.accounts.models import ApiToken, AuditEntry, Role
from core.jobs import runs
from core.jobs.models import JobRun
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.flows import issuing, nightly, tasks
from crm.operating.management.commands import relay
from customers.models import Customer, Import, Order
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

OURS = sorted(name for name, app in get_commands().items() if app in ("crm.flows", "crm.demo", "crm.operating"))


def run(*command: str) -> str:
    said = StringIO()
    call_command(*command, stdout=said, stderr=said)
    return said.getvalue()


@pytest.mark.parametrize("name", OURS)
def test_every_command_says_what_it_is_for_and_what_each_option_means(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)

    assert command.help.endswith(".")
    assert [action.dest for action in parser._actions if not action.help] == []


def test_these_are_the_commands() -> None:
    """A new one stands here, with a test below, in tests/demo or in tests/operating."""
    assert OURS == [
        "api_tokens",
        "backtest",
        "backup",
        "beat",
        "import_file",
        "import_orders",
        "mall_post",
        "nightly",
        "relay",
        "restore",
        "rotate_vault",
        "second_factor",
        "seed_campaigns",
        "seed_complaints",
        "seed_demo",
        "seed_nights",
        "seed_points",
        "set_up",
        "smoke",
        "staff",
        "undo_import",
        "verify_audit",
        "watch",
    ]


@pytest.mark.django_db
def test_a_token_is_issued_listed_and_taken_back(make_user: MakeUser, client: Client) -> None:
    shop = make_user(Role.CLIENT, "shop")

    def status(secret: str) -> int:
        return client.get("/api/v1/customers/C1", headers={"Authorization": f"Token {secret}"}).status_code

    said = run("api_tokens", "--issue", "shop", "--name", "till", "--scope", "customers:read")
    secret = said.split()[-1]
    assert status(secret) == 404
    assert "shop" in run("api_tokens")
    assert secret not in run("api_tokens")

    for _time in range(2):
        assert "is revoked" in run("api_tokens", "--revoke", secret[:8])

    assert status(secret) == 401
    assert "revoked" in run("api_tokens")
    lines = AuditEntry.objects.filter(subject_type="user", subject_id=shop.pk).order_by("pk")
    assert [line.action for line in lines] == ["token.issued", "token.revoked"]
    assert not [line for line in lines if secret in str(line.detail)]


@pytest.mark.django_db
def test_a_token_of_some_days_ends_by_itself(make_user: MakeUser, client: Client) -> None:
    make_user(Role.CLIENT, "shop")
    command = ("api_tokens", "--issue", "shop", "--name", "till", "--scope", "customers:read", "--days", "1")
    secret = run(*command).split()[-1]
    ApiToken.objects.update(expires_at=timezone.now())

    assert client.get("/api/v1/customers/C1", headers={"Authorization": f"Token {secret}"}).status_code == 401
    assert "ended" in run("api_tokens")


@pytest.mark.django_db
def test_a_service_account_has_a_token_for_its_source_and_a_new_one_in_its_place() -> None:
    run("api_tokens", "--service-account", "web-shop")
    told = ("--name", "till", "--scope", "orders:write", "--source", "till")
    secret = run("api_tokens", "--issue", "web-shop", *told).split()[-1]

    said = run("api_tokens", "--rotate", secret[:9], "--grace-hours", "2")

    assert "works for 2 hours more" in said
    assert ApiToken.objects.filter(sources=["till"], user__username="web-shop").count() == 2
    assert "replaced" in run("api_tokens")
    assert "for till" in run("api_tokens")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "options",
    [
        ("--issue", "nobody", "--name", "till", "--scope", "customers:read"),
        ("--issue", "shop", "--scope", "customers:read"),
        ("--issue", "shop", "--name", "till"),
        ("--issue", "shop", "--name", "till", "--scope", "orders:write", "--source", "Shop 1"),
        ("--issue", "shop", "--name", "till", "--scope", "orders:write", "--days", "-1"),
        ("--rotate", "lk_unknown"),
        ("--rotate", "lk_"),
        ("--service-account", "shop"),
        ("--service-account", "a b"),
        ("--revoke", "lk_unknown"),
        ("--revoke", "lk_"),
    ],
)
def test_a_token_that_cannot_be_is_an_error(make_user: MakeUser, options: tuple[str, ...]) -> None:
    shop = make_user(Role.CLIENT, "shop")
    for name in ("one", "two"):
        tokens.issue(shop, name=name, scopes=[], at=timezone.now())

    with pytest.raises(CommandError):
        run("api_tokens", *options)

    assert ApiToken.objects.filter(revoked_at__isnull=True).count() == 2


@pytest.mark.django_db
def test_a_second_factor_is_asked_of_roles_and_taken_away(make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "chen")
    assert "nobody" in run("second_factor")
    assert "analyst, team_lead" in run("second_factor", "--require", "team_lead", "analyst")
    assert "nobody" in run("second_factor", "--require")

    for name in ("chen", "nobody"):
        with pytest.raises(CommandError):
            run("second_factor", "--take-away", name)
    Authenticator.objects.create(user=chen, type="totp", data={"secret": ""})
    assert "password alone" in run("second_factor", "--take-away", "chen")
    assert not Authenticator.objects.exists()


@pytest.mark.django_db
def test_the_night_is_worked_and_can_be_repeated(make_customer: MakeCustomer, make_order: MakeOrder) -> None:
    make_order(make_customer(), on=date(2026, 11, 1))

    for _time in range(2):
        assert "night of 2026-11-17 done" in run("nightly", "--as-of", "2026-11-17")

    assert JobRun.objects.get().state == JobRun.State.DONE


@pytest.mark.django_db
def test_a_night_in_other_hands_is_left_to_them() -> None:
    today = mall_day(timezone.now())
    planned = runs.plan(nightly.JOB, today, at=timezone.now())
    runs.claim(planned.pk, at=timezone.now(), holder="another")

    assert "is being worked by another process" in run("nightly")


@pytest.mark.django_db
def test_a_night_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> dict[str, int]:
        raise OperationalError("disk full")

    monkeypatch.setattr(nightly, "STEPS", (("broken", fail),))

    with pytest.raises(OperationalError):
        run("nightly")
    assert JobRun.objects.get().error == "OperationalError: disk full"


@pytest.mark.django_db
def test_a_backtest_without_history_is_refused_with_the_reason() -> None:
    with pytest.raises(CommandError) as refused:
        run("backtest", "--cut", (mall_day(timezone.now()) - timedelta(days=200)).isoformat())

    assert str(refused.value)
    assert refused.value.returncode == 1


@pytest.mark.django_db
def test_an_import_is_undone_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_no,customer,date,paid\n1,a,2026-11-01,5\n")
    run("import_orders", str(file), "--source", "shop")
    file.write_text("order_no,customer,date,paid\n1,a,2026-11-01,4\n")
    assert "1 wait: Another amount (--yes amount)" in run("import_orders", str(file), "--source", "shop")
    assert "updated: 1" in run("import_orders", str(file), "--source", "shop", "--yes", "amount")
    newest, *_waiting, oldest = Import.objects.order_by("-pk").values_list("pk", flat=True)

    assert "restored: 1" in run("undo_import", str(newest))
    assert "removed: 1" in run("undo_import", str(oldest))

    assert not Order.objects.exists()
    with pytest.raises(CommandError):
        run("undo_import", "0")


@pytest.mark.django_db
def test_a_file_of_customers_is_imported_by_what_its_columns_say_or_the_option_says(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text("会员号,姓名,手机号,生日\nc-1,李雷,13800138000,05-01\n")

    assert "created: 1" in run("import_file", str(file), "--source", "shop", "--dry-run")
    assert "created: 1" in run("import_file", str(file), "--source", "shop")
    assert "unchanged: 1" in run("import_file", str(file), "--source", "shop", "--kind", "customers")
    _checked, done, _again = Import.objects.order_by("pk")
    assert "removed: 1" in run("undo_import", str(done.pk))

    assert not Customer.objects.exists()


@pytest.mark.django_db
def test_a_file_is_imported_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_no,customer,date,paid\no-1,c-1,2026-11-01,80\no-2,c-1,never,80\n")

    counted = run("import_orders", str(file), "--source", "shop", "--rejected", str(tmp_path / "refused.csv"))

    assert "rows: 2, created: 1" in counted
    assert "rejected: 1" in counted
    assert "never" in (tmp_path / "refused.csv").read_text()


@pytest.mark.django_db
@pytest.mark.parametrize("options", [("missing.csv",), ("orders.csv", "--map", "nonsense")])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "orders.csv").write_text("order_no,customer,date,paid\n")

    with pytest.raises(CommandError):
        run("import_orders", str(tmp_path / options[0]), *options[1:])


class Stopped(Exception):
    pass


def test_the_relay_goes_on_looking_while_redis_or_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[Any] = [2, BrokerError(), OperationalError(), 1]
    pauses: list[float] = []

    def issue(**sending: Any) -> int:
        assert sending == {"expires": 10, "retry": False}
        look = looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return int(look)

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if not looks:
            raise Stopped

    monkeypatch.setattr(issuing, "issue", issue)
    monkeypatch.setattr(relay.time, "sleep", sleep)
    monkeypatch.setattr(relay, "close_old_connections", lambda: None)

    with pytest.raises(Stopped):
        call_command("relay", "--every", "0.5")

    assert pauses == [0.5] * 4
    said = [record.getMessage() for record in caplog.records if "looking again" in record.getMessage()]
    assert said == [f"relay: {what} does not answer, looking again" for what in ("Redis", "the database")]
    assert "relay: the database answers again" in caplog.text


def test_the_relay_says_now_and_then_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def sleep(seconds: float) -> None:
        if "told" in caplog.text:
            raise Stopped

    monkeypatch.setattr(issuing, "issue", lambda **sending: 3)
    monkeypatch.setattr(relay.time, "sleep", sleep)
    monkeypatch.setattr(relay, "SPEAKS_EVERY", 0)

    with caplog.at_level("INFO"), pytest.raises(Stopped):
        call_command("relay", "--every", "0.5")

    assert "relay: looked 1 times, told 3 pieces of work" in caplog.text


def test_whoever_only_names_the_work_loads_none_of_it() -> None:
    """Beat is a loop that sends names: with the work it would be three times as large. The relay watches besides."""
    heavy = (
        "('scipy', 'pypinyin', 'segmentation.scoring', 'customers.imports.runs', 'crm.flows.nightly', 'crm.desk.urls')"
    )
    look = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'crm.settings'\n"
        "from django.core.management import execute_from_command_line; import django; django.setup()\n"
        "from crm.flows.management.commands import beat\n"
        "beat.Timetable.start_scheduler = lambda timetable: None\n"
        "execute_from_command_line(['manage.py', 'beat'])\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
    )

    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)

    assert told.stdout.strip() == "[]", told.stdout + told.stderr


@pytest.mark.django_db
def test_the_night_of_a_day_that_has_not_come_is_refused_at_every_door() -> None:
    tomorrow = mall_day(timezone.now()) + timedelta(days=1)

    for day in (tomorrow.isoformat(), "2137-06-01"):
        with pytest.raises(CommandError, match=f"The night of {day} has not come: today is"):
            run("nightly", "--as-of", day)
        with pytest.raises(DomainError, match="has not come"):
            tasks.work_night(day)
    assert not JobRun.objects.exists()


@pytest.mark.django_db
def test_a_night_planned_ahead_by_a_wrong_clock_is_neither_worked_nor_shown(
    make_user: MakeUser, client: Client
) -> None:
    at = timezone.now()
    for days, state in ((30, JobRun.State.WAITING), (40, JobRun.State.DONE)):
        JobRun.objects.create(
            job=nightly.JOB,
            business_date=mall_day(at) + timedelta(days=days),
            state=state,
            planned_at=at,
            finished_at=at,
            counts={"customers": 1},
        )
    client.force_login(make_user(Role.TEAM_LEAD))

    assert runs.to_issue(nightly.JOB, at=at) == []
    assert "No night has run yet" in client.get("/customers/").content.decode()
