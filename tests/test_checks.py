"""With a host beyond this machine allowed, every process refuses to start half locked, and says all of what is open."""

import hashlib
import os
import re
import secrets
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone

from core.jobs.models import JobRun
from core.lib import sealing
from core.lib.database.base import WrongKeys
from core.mall.models import VaultKey
from crm import checks
from crm.flows import vault
from crm.operating import health
from customers import contact_points, identity
from customers.contact_points import Kind
from customers.identity import CustomerRef
from customers.models import Customer
from tests.conftest import MakeCustomer

ROOT = Path(__file__).resolve().parents[1]
DEMO_KEY = "demo-only-" + "not-secret-" * 5
pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
# Long and of many letters, and the same in every process of a run: the names of the tests are made of them.
SECRET, VAULT = (hashlib.sha384(name).hexdigest()[:64] for name in (b"a secret", b"a vault"))
SETTINGS = set(re.findall(r'env\.\w+\(\s*"(\w+)"', (ROOT / "crm" / "settings.py").read_text()))
NOT_FOR_PRODUCTION = {"DEBUG", "LAOKE_DEMO", "LAOKE_DEMO_ARRIVED", "WEBHOOK_PRIVATE_ADDRESSES"}
WITH_A_GOOD_DEFAULT = {
    "CSRF_TRUSTED_ORIGINS",
    "EMAIL_TIMEOUT",
    "OUTBOX_LEASE_SECONDS",
    "JOB_IDLE_SECONDS",
    "JOB_SILENT_SECONDS",
    "LOG_LEVEL",
    "WEBHOOK_TIMEOUT",
    "ATTACHMENTS_KEPT_DAYS",
}


def example(**filled_in: str) -> dict[str, str]:
    """The settings of `.env.example`, with these in their place."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return told | filled_in


def in_production() -> dict[str, str]:
    return example(
        SECRET_KEY=SECRET,
        VAULT_KEY=VAULT,
        DATABASE_URL=f"postgres://laoke:{secrets.token_urlsafe(12)}@127.0.0.1:5432/laoke",
    )


def environment(told: dict[str, str]) -> dict[str, str]:
    """Nothing of the tests' own servers and settings."""
    # The browser of other tests in this process asks for DJANGO_ALLOW_ASYNC_UNSAFE.
    left_out = SETTINGS | {"DJANGO_ALLOW_ASYNC_UNSAFE"}
    ours = {name: value for name, value in os.environ.items() if name not in left_out}
    return ours | {"DJANGO_SETTINGS_MODULE": "crm.settings"} | told


def start(told: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment(told), capture_output=True, text=True, timeout=120
    )


STARTS = {
    "web": ("-c", "import crm.wsgi"),
    "gunicorn": ("-m", "gunicorn", "--check-config", "crm.wsgi"),
    "worker": ("-m", "celery", "-A", "crm", "worker", "--pool", "solo"),
    "beat": ("-m", "celery", "-A", "crm", "beat"),
    "commands": ("manage.py", "migrate"),
}

# What is wrong with an environment that is right otherwise, and which sentences say so.
HALF_LOCKED: dict[str, tuple[dict[str, str], list[str]]] = {
    "the demo's secret key": ({"SECRET_KEY": ""}, ["E001: SECRET_KEY is the demo's"]),
    "an old public key": ({"SECRET_KEY_FALLBACKS": DEMO_KEY}, ["E003: SECRET_KEY_FALLBACKS still accepts"]),
    "no vault key": ({"VAULT_KEY": ""}, ["E004: VAULT_KEY is empty or the demo's"]),
    "one key for two": ({"VAULT_KEY": SECRET}, ["E005: VAULT_KEY is SECRET_KEY, or made from it"]),
    "debug": ({"DEBUG": "1"}, ["E007: DEBUG is on"]),
    "every host": ({"ALLOWED_HOSTS": "*"}, ["E008: ALLOWED_HOSTS allows any host"]),
    "plain http": (
        {"HTTPS": "0"},
        [
            "E009: Cookies go over plain http",
            "E010: Requests by plain http are answered",
            "E011: Browsers are not told to keep to https",
        ],
    ),
    "a plain origin": ({"CSRF_TRUSTED_ORIGINS": "http://crm.example.com"}, ["E012: CSRF_TRUSTED_ORIGINS trusts"]),
    "webhooks inwards": ({"WEBHOOK_PRIVATE_ADDRESSES": "1"}, ["E013: WEBHOOK_PRIVATE_ADDRESSES is on"]),
    "the demo": ({"LAOKE_DEMO": "1"}, ["E014: LAOKE_DEMO is on"]),
    "no password": ({"DATABASE_URL": ""}, ["E015: DATABASE_URL is the default"]),
    "metrics for anybody": ({"METRICS_TOKEN": "change-me"}, ["E018: METRICS_TOKEN can be guessed"]),
    "metrics by a key": ({"METRICS_TOKEN": VAULT}, ["E019: METRICS_TOKEN is one of the keys"]),
    "mail to a log": ({"EMAIL_URL": "consolemail://"}, ["E016: EMAIL_URL is not set, or leads nowhere"]),
}


@pytest.mark.parametrize("what", HALF_LOCKED)
def test_a_half_locked_environment_is_refused_with_its_sentences(what: str) -> None:
    change, sentences = HALF_LOCKED[what]
    done = start(in_production() | change, *STARTS["web"])
    assert done.returncode != 0
    assert re.findall(r"laoke\.(E\d+)", done.stderr) == [sentence[:4] for sentence in sentences]
    for sentence in sentences:
        assert f"laoke.{sentence}" in done.stderr


@pytest.mark.parametrize("process", STARTS)
def test_no_kind_of_process_starts_with_a_host_alone(process: str) -> None:
    done = start({"ALLOWED_HOSTS": "crm.example.com"}, *STARTS[process])
    assert done.returncode != 0
    said = done.stderr + done.stdout
    assert "Laoke does not start for crm.example.com:" in said
    # All at once: nobody mends one sentence to be shown the next.
    assert set(re.findall(r"laoke\.E(\d+)", said)) == {"001", "004", "009", "010", "011", "015", "016"}


@pytest.mark.parametrize("told", [{"LAOKE_DEMO": "1"}, in_production()], ids=["demo", "production"])
def test_the_demo_and_a_locked_installation_start(told: dict[str, str]) -> None:
    done = start(told, *STARTS["gunicorn"])
    assert done.returncode == 0, done.stderr


def test_the_example_is_refused_as_it_is_and_complete_when_filled_in() -> None:
    done = start(example(), *STARTS["web"])
    assert set(re.findall(r"laoke\.E(\d+)", done.stderr)) == {"001", "004", "015"}

    done = start(in_production(), "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_the_example_names_every_setting_of_production() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named <= SETTINGS
    assert SETTINGS - named == NOT_FOR_PRODUCTION | WITH_A_GOOD_DEFAULT


@pytest.fixture
def locked(settings: Any) -> Any:
    """This process as it were in production."""
    settings.ALLOWED_HOSTS = ["crm.example.com"]
    settings.SECRET_KEY, settings.VAULT_KEY = SECRET, VAULT
    settings.DEBUG, settings.DEMO = False, False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31536000
    settings.DATABASES = {"default": {"HOST": "db", "USER": "laoke", "NAME": "laoke", "PASSWORD": "fH3-9x_Qk2"}}
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "smtp.example.com", True
    settings.DEFAULT_FROM_EMAIL = "laoke@example.com"
    settings.PUBLIC_URL = "https://care.example.com"
    settings.REDIS_URL = "redis://127.0.0.1:6379/0"
    return settings


def found() -> set[str | None]:
    return {message.id for message in checks.findings()}


def test_what_is_locked_has_no_finding(locked: Any) -> None:
    assert found() == set()
    checks.refuse_to_start()


@pytest.mark.parametrize(
    ("setting", "value", "id_"),
    [
        ("SECRET_KEY", "django-insecure-" + SECRET, "laoke.E002"),
        ("SECRET_KEY", "ab" * 30, "laoke.E002"),
        ("SECRET_KEY", DEMO_KEY, "laoke.E001"),
        ("SECRET_KEY", DEMO_KEY + "\r", "laoke.E001"),
        ("SECRET_KEY", f'"{DEMO_KEY}"', "laoke.E001"),
        ("SECRET_KEY", DEMO_KEY.upper() + "1", "laoke.E001"),
        ("SECRET_KEY", DEMO_KEY[:-1], "laoke.E001"),
        ("SECRET_KEY", "change-me-change-me-change-me-change-me", "laoke.E002"),
        ("SECRET_KEY", "0123456789" * 4, "laoke.E002"),
        ("VAULT_KEY", f" {DEMO_KEY} ", "laoke.E004"),
        ("VAULT_KEY", "abcdefgh" * 5, "laoke.E006"),
        ("SECRET_KEY_FALLBACKS", [DEMO_KEY + "\r"], "laoke.E003"),
        ("ALLOWED_HOSTS", [".com"], "laoke.E008"),
        ("VAULT_KEY", DEMO_KEY, "laoke.E004"),
        ("VAULT_KEY", hashlib.sha256(SECRET.encode()).hexdigest(), "laoke.E005"),
        ("VAULT_KEY", SECRET, "laoke.E005"),
        ("DEBUG", True, "laoke.E007"),
        ("ALLOWED_HOSTS", ["*"], "laoke.E008"),
        ("CSRF_TRUSTED_ORIGINS", ["http://crm.example.com"], "laoke.E012"),
        ("WEBHOOK_PRIVATE_ADDRESSES", True, "laoke.E013"),
        ("DEMO", True, "laoke.E014"),
        ("DATABASES", {"default": {"HOST": "db", "USER": "mall", "NAME": "crm", "PASSWORD": "mall"}}, "laoke.E015"),
        ("DATABASES", {"default": {"HOST": "db", "USER": "mall", "NAME": "crm", "PASSWORD": "Postgres"}}, "laoke.E015"),
        ("DATABASES", {"default": {"HOST": "db", "USER": "mall", "NAME": "crm"}}, "laoke.E015"),
        *(
            (
                "DATABASES",
                {"default": {"HOST": "db", "USER": "mall", "NAME": "crm", "PASSWORD": password}},
                "laoke.E015",
            )
            for password in ("mall ", "Mall2026!", "123456789", "password1", "postgres_1", "x9Q#f")
        ),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "laoke.E016"),
        ("SECRET_KEY_FALLBACKS", ["short"], "laoke.E003"),
        ("METRICS_TOKEN", "prometheus", "laoke.E018"),
        ("METRICS_TOKEN", hashlib.sha256(VAULT.encode()).hexdigest(), "laoke.E019"),
        ("METRICS_TOKEN", SECRET, "laoke.E019"),
        ("VAULT_KEY", f"vault-{SECRET}", "laoke.E005"),
        ("VAULT_KEY", SECRET[::-1], "laoke.E005"),
        ("VAULT_KEY", SECRET.upper(), "laoke.E005"),
        ("VAULT_KEY", "ab" * 30, "laoke.E006"),
        ("ALLOWED_HOSTS", ["localhost", "."], "laoke.E008"),
        ("SESSION_COOKIE_SECURE", False, "laoke.E009"),
        ("CSRF_COOKIE_SECURE", False, "laoke.E009"),
        ("SESSION_COOKIE_HTTPONLY", False, "laoke.E009"),
        ("SECURE_SSL_REDIRECT", False, "laoke.E010"),
        ("SECURE_HSTS_SECONDS", 3600, "laoke.E011"),
        ("CSRF_TRUSTED_ORIGINS", ["https://*"], "laoke.E012"),
        ("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend", "laoke.E016"),
        ("EMAIL_USE_TLS", False, "laoke.W002"),
        ("DEFAULT_FROM_EMAIL", "Laoke <laoke@localhost>", "laoke.W003"),
        ("REDIS_URL", "redis://redis:6379/0", "laoke.W004"),
        ("OUTBOX_LEASE_SECONDS", 29.0, "laoke.W005"),
        ("PUBLIC_URL", "", "laoke.W006"),
        ("PUBLIC_URL", "http://care.example.com", "laoke.W006"),
        ("DKIM_DOMAIN", "elsewhere.example", "laoke.W007"),
        ("LETTER_GATEWAY_CHANNELS", ["sms", "fax"], "laoke.W008"),
        ("VAULT_KEY_FALLBACKS", ["the key before, which is long enough"], "laoke.W001"),
    ],
)
def test_each_check_bites(setting: str, value: object, id_: str, locked: Any) -> None:
    setattr(locked, setting, value)
    assert found() == {id_}
    if ".E" in id_:
        with pytest.raises(ImproperlyConfigured, match=id_):
            checks.refuse_to_start()
    else:
        checks.refuse_to_start()
    assert {message.id for message in run_checks(include_deployment_checks=False)} >= {id_}


def test_a_vault_key_made_from_a_former_secret_key_is_found(locked: Any) -> None:
    locked.SECRET_KEY_FALLBACKS = ["the secret key of last year, long enough"]
    locked.VAULT_KEY = "the secret key of last year, long enough"
    assert found() == {"laoke.E005"}


@pytest.mark.parametrize("hosts", [["LOCALHOST"], [" localhost", "127.0.0.1 "], [".localhost"]])
def test_this_machine_in_another_spelling_is_this_machine(locked: Any, hosts: list[str]) -> None:
    locked.ALLOWED_HOSTS, locked.DEBUG = hosts, True
    assert found() == set()


@pytest.mark.parametrize("host", [".example.com", "crm.lan", "0.0.0.0", "[::]", "localhost.example.com"])
def test_a_host_beyond_this_machine_in_any_spelling_is_held_to_the_checks(locked: Any, host: str) -> None:
    locked.ALLOWED_HOSTS = ["localhost", host]
    assert found() == set()
    locked.DEBUG = True
    assert found() == {"laoke.E007"}


def test_a_socket_of_this_machine_needs_no_password(locked: Any) -> None:
    locked.DATABASES = {"default": {"HOST": "/run/postgresql", "USER": "laoke", "NAME": "laoke", "PASSWORD": ""}}
    assert found() == set()


def test_every_check_says_what_to_do_and_has_an_id_of_its_own() -> None:
    messages = [message for _check, message in checks._CHECKS]
    assert len({message.id for message in messages}) == len(messages)
    assert all(message.hint and message.msg.endswith(".") for message in messages)


@pytest.mark.django_db
def test_a_process_with_another_vault_key_than_the_data_is_told(make_customer: MakeCustomer, settings: Any) -> None:
    assert checks.vault_opens(None, databases=["default"]) == []
    contact_points.add(make_customer(), Kind.PHONE, "13800138000")
    assert checks.vault_opens(None, databases=["default"]) == []

    before, settings.VAULT_KEY = settings.VAULT_KEY, VAULT
    assert [error.id for error in checks.vault_opens(None, databases=["default"])] == ["laoke.E017"]
    assert "laoke.E017" in {message.id for message in run_checks(databases=["default"])}

    settings.VAULT_KEY_FALLBACKS = [before]
    assert checks.vault_opens(None, databases=["default"]) == []
    assert len(sealing.keys(sealing.CONTACTS)) == 2


@pytest.mark.django_db
def test_first_migrations_that_were_cut_short_go_on() -> None:
    """The table of contact points is there, that of jobs not yet: what asks for the keys must not stand in the way."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs_jobrun RENAME TO not_yet")

    assert checks.vault_opens(None, databases=["default"]) == []


@pytest.mark.django_db(transaction=True)
def test_no_process_without_the_key_of_the_data_reads_or_writes(settings: Any) -> None:
    """Asked with each connection, so of web, workers and shells, of a known key and of one that is being brought in."""
    vault.note_key(at=timezone.now())
    assert not VaultKey.objects.exists()  # an empty mall takes any key
    customer = identity.find_or_create(CustomerRef(source="shop", external_id="1"), today=date(2026, 11, 17))
    contact_points.add(customer, Kind.PHONE, "13800138000")
    vault.note_key(at=timezone.now())

    def is_let_in() -> bool:
        connection.close()
        try:
            return Customer.objects.exists()
        except WrongKeys:
            return False

    before = settings.VAULT_KEY
    assert is_let_in()
    settings.VAULT_KEY = VAULT
    assert not is_let_in()
    assert health.readiness(at=timezone.now()) == (False, {"vault": "VAULT_KEY is not the key of the data"})
    settings.VAULT_KEY_FALLBACKS = [before]
    assert is_let_in()
    vault.note_key(at=timezone.now())
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = before, []
    assert not is_let_in()  # rows may be under the new one by now
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = VAULT, [before]
    vault.rotate(date(2026, 11, 17), now=timezone.now, tell=lambda progress: None)
    assert is_let_in()
    settings.VAULT_KEY_FALLBACKS = []
    assert is_let_in()


@pytest.mark.django_db
def test_an_old_vault_key_that_was_dropped_too_early_is_missed_by_the_rows_it_left(
    make_customer: MakeCustomer, settings: Any
) -> None:
    """The newest row is under the new key, and says nothing about those before it."""
    first, before = make_customer("李雷", phone="13800138000"), settings.VAULT_KEY
    make_customer("韩梅梅", phone="13900139000")
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = VAULT, [before]
    make_customer("林涛", phone="13700137000")
    settings.VAULT_KEY_FALLBACKS = []
    assert [error.id for error in checks.vault_opens(None, databases=["default"])] == ["laoke.E017"]

    settings.VAULT_KEY_FALLBACKS = [before]
    contact_points.bring_up_customers([first.pk])
    after = first.contact_points.get().pk
    run = JobRun.objects.create(
        job="rotate_vault", business_date=date(2026, 11, 17), planned_at=datetime(2026, 11, 17, tzinfo=UTC)
    )
    JobRun.objects.filter(pk=run.pk).update(state="running", cursor={"after": {"contact points": after}})
    settings.VAULT_KEY_FALLBACKS = []
    assert [error.id for error in checks.vault_opens(None, databases=["default"])] == ["laoke.E017"]
