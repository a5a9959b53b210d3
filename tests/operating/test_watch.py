"""Told before it hurts: each condition, when it is told to whom in which language, and by what when nothing else runs."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone, translation

from core.accounts import audit
from core.accounts.models import Role
from core.jobs import runs
from core.jobs.models import BrokenLaw, JobRun
from core.lib.periods import mall_day, mall_moment
from core.outbox import delivery, webhooks
from core.outbox.models import Message, WebhookEndpoint
from crm.flows import nightly
from crm.flows.notices import Burning
from crm.operating import health, limits, retention
from crm.operating.models import Heartbeat, OperatorMail, Trouble
from crm.operating.watch import away, conditions, looking, mails, places
from crm.operating.watch.away import Watcher
from crm.operating.watch.conditions import BY_NAME, CONDITIONS
from customers.models import Import
from tests.conftest import MakeUser
from tests.mail_server import mailbox

# Five in the afternoon in the mall.
NOW = datetime.fromisoformat("2031-11-18T09:00:00+00:00")
REALLY = (places.disks, places.seconds_apart)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def done(job: str, at: datetime) -> JobRun:
    run = runs.claim(runs.plan(job, mall_day(at), at=at).pk, at=at, holder="me", again=True)
    assert run is not None
    runs.finish(run, at=at)
    return run


def all_is_well(at: datetime = NOW) -> None:
    done(nightly.JOB, at)
    done(health.BACKUP, at)
    for name in ("clocks", "long", "out", "relay"):
        looking.heard(name, at=at)


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "disks", lambda: [places.Disk("/", 50.0, 50_000_000_000)])
    monkeypatch.setattr(places, "seconds_apart", lambda at: 0.1)


def burning(at: datetime = NOW) -> dict[str, list[str]]:
    """Condition -> its sentences; every one can be said in each language, with its advice."""
    seen = looking.see(at=at)
    assert None not in [found for _condition, found in seen]
    for language in ("zh-hans", "zh-hant", "en"):
        with translation.override(language):
            said = {
                condition.what.value: [condition.text(one.case, one.params) for one in found]
                for condition, found in seen
                if found
            }
    return said


def endpoint(make_user: MakeUser, **fields: Any) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(
        **{"url": "https://shop.example/x", "events": [], "secret": b"", "by": make_user(), "at": NOW, "active": True}
        | fields
    )


# What is done to a mall in which all is well, and what is then said.
CASES: dict[str, tuple[Callable[[MakeUser, pytest.MonkeyPatch], Any], str, str]] = {
    "a night that nobody worked": (
        lambda make, patch: JobRun.objects.filter(job=nightly.JOB).delete(),
        "night_late",
        "The night of 2031-11-18 is not done, 15 hours after it should have begun.",
    ),
    "a night that was given up": (
        lambda make, patch: JobRun.objects.filter(job=nightly.JOB).update(state="failed", attempts=3, error="x"),
        "night_failed",
        "The night of 2031-11-18 was given up after 3 attempts.",
    ),
    "a broken law": (
        lambda make, patch: BrokenLaw.objects.create(book="points", law="held", rows=[[1]], found_at=NOW),
        "law",
        "It is not true that held points are those of the running holds",
    ),
    "a mail that waits": (
        lambda make, patch: delivery.queue(
            make().pk, channel="email", dedupe_key="1", subject="S", at=NOW - 31 * MINUTE
        ),
        "queue",
        "A mail to a colleague has waited for 31 minutes.",
    ),
    "an import that nobody takes": (
        lambda make, patch: Import.objects.create(
            file_name="x.csv",
            source="shop",
            encoding="utf-8",
            at=NOW - 99 * HOUR,
            finished_at=NOW - HOUR,
            state="waiting",
            task="import",
            by=make(),
        ),
        "queue",
        "An import has waited for 60 minutes.",
    ),
    "an event for an endpoint that answers": (
        lambda make, patch: webhooks.store(
            [webhooks.Event("x", NOW - HOUR, {})], {"x": [endpoint(make).pk]}, at=NOW - HOUR
        ),
        "queue",
        "An event for a webhook that answers has waited for 60 minutes.",
    ),
    "a mail that was given up": (
        lambda make, patch: (
            delivery.queue(make().pk, channel="email", dedupe_key="1", subject="S", at=NOW - HOUR),
            Message.objects.update(state="failed"),
        ),
        "mail",
        "1 mail was given up within a day, after five attempts.",
    ),
    "an endpoint that is silent": (
        lambda make, patch: endpoint(make, failing_since=NOW - 3 * HOUR),
        "webhook",
        "shop.example has not answered for 3 hours.",
    ),
    "an endpoint that was disabled for it": (
        lambda make, patch: endpoint(make, failing_since=NOW - 120 * HOUR, active=False, ended_at=NOW),
        "webhook",
        "shop.example was disabled",
    ),
    "nobody at a queue": (
        lambda make, patch: Heartbeat.objects.filter(name="out").update(at=NOW - 12 * MINUTE),
        "worker",
        "Nobody has taken anything from the queue “out” for 12 minutes.",
    ),
    "a relay that is silent": (
        lambda make, patch: Heartbeat.objects.filter(name="relay").update(at=NOW - 12 * MINUTE),
        "worker",
        "The relay has said nothing for 12 minutes.",
    ),
    "a disk": (
        lambda make, patch: patch.setattr(places, "disks", lambda: [places.Disk("/data", 4.2, 2_100_000_000)]),
        "disk",
        "Of the disk of /data 4.2 % are free: 2.1 GB.",
    ),
    "a large database": (
        lambda make, patch: patch.setattr(places, "database_bytes", lambda: 12_000_000_000),
        "disk",
        "The database has 12.0 GB, more than 10.0.",
    ),
    "no backup": (
        lambda make, patch: JobRun.objects.filter(job=health.BACKUP).delete(),
        "backup",
        "No backup has been made.",
    ),
    "an old backup": (
        lambda make, patch: JobRun.objects.filter(job=health.BACKUP).update(started_at=NOW - 30 * HOUR),
        "backup",
        "The last good backup is 30 hours old.",
    ),
    "a backup that failed": (
        lambda make, patch: JobRun.objects.filter(job=health.BACKUP).update(state="failed"),
        "backup",
        "The newest backup failed.",
    ),
    "a clock": (
        lambda make, patch: patch.setattr(places, "seconds_apart", lambda at: -45.0),
        "clock",
        "This machine's clock is 45 seconds behind the database's.",
    ),
    "lines that nobody seals": (
        lambda make, patch: audit.record(None, "note.made", None, at=NOW - 49 * HOUR),
        "upkeep",
        "Lines of the audit trail have not been sealed for two days.",
    ),
    "a deletion that fails": (
        lambda make, patch: runs.fail(runs.plan(retention.JOB, mall_day(NOW), at=NOW - 49 * HOUR), error="x", at=NOW),
        "upkeep",
        "What was over on 2031-11-18 has not been deleted.",
    ),
    "a certificate that runs out": (
        lambda make, patch: patch.setattr(places, "certificate_ends", lambda: ("crm.example", NOW + 73 * HOUR)),
        "certificate",
        "The certificate of crm.example is good for 3 days more, until 2031-11-21.",
    ),
    "a certificate that has run out": (
        lambda make, patch: patch.setattr(places, "certificate_ends", lambda: ("crm.example", NOW - HOUR)),
        "certificate",
        "The certificate of crm.example has run out on 2031-11-18.",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", CASES)
def test_each_condition_is_seen_and_no_other_with_it(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch, settings: Any, name: str
) -> None:
    settings.WATCH_LIMITS = settings.WATCH_LIMITS | {"database_gb": 10.0}
    all_is_well()
    assert burning() == {}
    do, what, says = CASES[name]

    do(make_user, monkeypatch)

    said = burning()
    assert list(said) == [what]
    assert says in said[what][0]


def test_each_condition_has_a_case_above() -> None:
    assert {what for _do, what, _says in CASES.values()} == set(Burning) == set(BY_NAME)
    assert len(CONDITIONS) == len(Burning)


@pytest.mark.django_db
def test_what_is_not_late_yet_is_not_told(make_user: MakeUser) -> None:
    all_is_well(NOW - 24 * HOUR)
    done(health.BACKUP, NOW)
    at_night = mall_moment(mall_day(NOW), 1)  # yesterday's night is the last that is due
    assert "night_late" not in burning(at_night)
    assert "night_late" not in burning(mall_moment(mall_day(NOW), 5))
    assert "night_late" in burning(mall_moment(mall_day(NOW), 7))
    # Asked for again this afternoon, it has its hours from then on.
    runs.plan(nightly.JOB, mall_day(NOW), at=NOW)
    assert "night_late" not in burning(NOW + HOUR)
    # Who works a long night takes nothing else from the queue, and is no absent worker.
    JobRun.objects.filter(job=nightly.JOB, business_date=mall_day(NOW)).update(state="running", heartbeat_at=NOW)
    about = [one.about for one in conditions.BY_NAME["worker"].check(NOW + MINUTE)]
    assert about == ["clocks", "out", "relay"]


@pytest.mark.django_db(transaction=True)
def test_it_is_told_when_it_begins_once_a_day_and_when_it_is_over(make_user: MakeUser, settings: Any) -> None:
    settings.OPERATOR_MAILS = ["ops@mall.example", "mina@mall.example"]
    mina = make_user(Role.ADMINISTRATOR, "Mina", email="Mina@mall.example", language="zh-hans")
    make_user(Role.ANALYST, "Anna", email="anna@mall.example")

    def look(after: timedelta, *, well: bool = False) -> tuple[list[str], int]:
        """The subjects of the mails that came, and how many messages Mina has that nobody has settled."""
        before, at = len(box.mails), NOW + after
        for name in ("clocks", "long", "out", "relay"):
            looking.heard(name, at=at)
        done(nightly.JOB, at)
        if well:
            done(health.BACKUP, at)
        looking.look(now=lambda: at)
        open_now = Message.objects.filter(recipient=mina, settled_at=None).count()
        return [str(mail["Subject"]) for mail in box.mails[before:]], open_now

    with mailbox(settings) as box:
        assert look(timedelta(0)) == ([], 0)  # a blink is not told
        assert mails.readers() == [("ops@mall.example", "en"), ("mina@mall.example", "zh-hans")]
        first, open_now = look(MINUTE)
        assert (first[0], len(first), open_now) == ("[Laoke] The backup is old or missing", 2, 1)
        assert look(2 * MINUTE) == ([], 1)
        assert look(23 * HOUR) == ([], 1)
        again, open_now = look(25 * HOUR)
        assert (again[0], len(again), open_now) == ("[Laoke] Still: The backup is old or missing", 2, 2)
        assert look(25 * HOUR + 5 * MINUTE, well=True) == ([], 2)  # nor is a calm of five minutes the end
        over, open_now = look(25 * HOUR + 12 * MINUTE)
        assert (over[0], len(over), open_now) == ("[Laoke] Over: The backup is old or missing", 2, 1)
        assert look(27 * HOUR) == ([], 1)

        assert set(box.recipients) == {"ops@mall.example", "mina@mall.example"}
        body = box.mails[0].get_content()
        assert "No backup has been made." in body
        assert "manage.py backup DIR --verify" in body
        assert "http://localhost/health/" in body
    assert Trouble.objects.get().ended_at == NOW + 25 * HOUR + 12 * MINUTE
    assert not Message.objects.filter(recipient__username="anna").exists()


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_refuses_gets_it_later_and_a_second_look_tells_nothing_twice(
    make_user: MakeUser, settings: Any
) -> None:
    make_user(Role.ADMINISTRATOR, "Mina", email="mina@mall.example")
    all_is_well()
    JobRun.objects.filter(job=health.BACKUP).delete()
    with mailbox(settings) as box:
        box.refuses = True
        looking.look(now=lambda: NOW)
        looking.look(now=lambda: NOW + MINUTE)
        assert OperatorMail.objects.get().attempts == 1
        box.refuses = False
        looking.look(now=lambda: NOW + 2 * MINUTE)

        assert OperatorMail.objects.get().sent_at == NOW + 2 * MINUTE
        assert [str(mail["To"]) for mail in box.mails] == ["mina@mall.example"]

        other = connection.copy()
        with other.cursor() as cursor:  # somebody else is at it
            cursor.execute("SELECT pg_advisory_lock(hashtext('laoke.watch'))")
            JobRun.objects.filter(job=nightly.JOB).delete()
            assert [row.what for row in looking.look(now=lambda: NOW + 9 * MINUTE)] == ["backup"]
        other.close()
        looking.look(now=lambda: NOW + 10 * MINUTE)
        looking.look(now=lambda: NOW + 11 * MINUTE)
        assert [row.what for row in Trouble.objects.order_by("pk")] == ["backup", "night_late", *["worker"] * 3]
        assert len(box.mails) == 2  # that nobody is heard of is a blink so far


@pytest.mark.django_db
def test_a_check_that_fails_stops_no_other_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    all_is_well()
    JobRun.objects.filter(job=health.BACKUP).delete()
    looking.note(looking.see(at=NOW), at=NOW)
    looking.note(looking.see(at=NOW + MINUTE), at=NOW + MINUTE)

    monkeypatch.setattr(health, "backup_is_stale", lambda at: 1 / 0)
    monkeypatch.setattr(places, "seconds_apart", lambda at: 99.0)
    looking.note(looking.see(at=NOW + HOUR), at=NOW + HOUR)

    assert Trouble.objects.get(what="backup").ended_at is None
    assert Trouble.objects.filter(what="clock").exists()


def test_a_database_that_is_away_is_told_once_and_when_it_is_back(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As cron asks it: a process for each look, and a file that knows."""
    settings.OPERATOR_MAILS = ["ops@mall.example"]
    monkeypatch.setattr(away, "close_old_connections", lambda: None)
    answers = False

    def look(**_: Any) -> list[Trouble]:
        if not answers:
            raise OperationalError("connection to server at 10.0.0.8 failed for user laoke")
        return []

    monkeypatch.setattr(looking, "look", look)
    file = tmp_path / "away.json"

    def at(minutes: int) -> list[Trouble] | None:
        watcher = Watcher(every=timedelta(0), file=file)
        return watcher.look_if_due(now=lambda: NOW + minutes * MINUTE, name="")

    with mailbox(settings) as box:
        assert [at(minutes) for minutes in (0, 1, 3, 8, 60)] == [None] * 5
        assert [str(mail["Subject"]) for mail in box.mails] == ["[Laoke] The database does not answer"]
        assert "10.0.0.8" not in box.mails[0].get_content()
        assert json.loads(file.read_text())["told"]
        assert at(24 * 60 + 4) is None
        assert len(box.mails) == 2
        answers = True
        assert at(24 * 60 + 9) == []
        assert str(box.mails[-1]["Subject"]) == "[Laoke] The database answers again"
        assert at(24 * 60 + 14) == []
    assert (len(box.mails), file.exists()) == (3, False)


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_burns_and_its_status_says_whether(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    all_is_well(timezone.now())
    call_command("watch")
    assert capsys.readouterr().out == "Nothing burns.\n"

    JobRun.objects.filter(job=health.BACKUP).delete()
    call_command("watch")
    Trouble.objects.update(began_at=timezone.now() - HOUR)
    with pytest.raises(CommandError, match="1 to see to") as refused:
        call_command("watch")
    assert refused.value.returncode == 1
    assert "No backup has been made." in capsys.readouterr().out

    def away_now(**_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(looking, "look", away_now)
    with pytest.raises(CommandError, match="does not answer") as refused:
        call_command("watch")
    assert refused.value.returncode == 2


def test_the_page_the_banner_ready_and_metrics_say_the_same(client: Client, make_user: MakeUser, settings: Any) -> None:
    settings.METRICS_TOKEN = token = "a token that Prometheus shows when it asks"
    at = timezone.now()
    all_is_well(at)
    client.force_login(make_user(Role.ADMINISTRATOR, "Mina", email="mina@mall.example"))
    page = client.get("/health/").text
    assert "Nothing burns" in page
    assert "mina@mall.example" in page
    assert "No mail server is set up" in page

    JobRun.objects.filter(job=health.BACKUP).delete()
    page = client.get("/health/").text
    assert "No backup has been made" in page
    assert "Seen just now" in page
    looking.note(looking.see(at=at), at=at)
    looking.note(looking.see(at=at + MINUTE), at=at + MINUTE)

    assert "Seen just now" not in client.get("/health/").text
    for address in ("/settings/", "/nights/"):
        assert "1 thing is not as it should be." in client.get(address).text
    assert client.get("/readyz").json()["parts"]["watch"] == "backup: the page Health says what to do"
    text = client.get("/metrics", headers={"authorization": f"Bearer {token}"}).text
    assert 'laoke_trouble_timestamp_seconds{what="backup"}' in text
    assert 'laoke_heard_timestamp_seconds{name="watch"}' in text
    assert 'laoke_disk_free_percent{path="/"} 50.0' in text
    client.force_login(make_user(Role.SERVICE_LEAD))
    assert "not as it should be" not in client.get("/nights/").text


def test_a_limit_that_is_none_is_refused_where_it_is_read() -> None:
    assert limits.read("WATCH_LIMITS", {"disk_percent": "5"}, limits.WATCH)["disk_percent"] == 5
    for given in ({"disc": "5"}, {"disk_percent": "-1"}, {"disk_percent": "nan"}, {"disk_percent": "some"}):
        with pytest.raises(ImproperlyConfigured, match="WATCH_LIMITS"):
            limits.read("WATCH_LIMITS", given, limits.WATCH)


def test_disks_clocks_and_certificates_are_really_looked_at(
    settings: Any, tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path / "not made yet"
    disks, seconds_apart = REALLY
    assert disks()
    assert all(0 <= disk.percent <= 100 and disk.free >= 0 for disk in disks())
    assert abs(seconds_apart(timezone.now())) < 5
    assert places.certificate_ends() is None  # without https there is none

    settings.HTTPS, settings.ALLOWED_HOSTS = True, [".example.com", "localhost"]
    ends = datetime(2027, 1, 5, tzinfo=UTC)
    with a_server_with_a_certificate(tmp_path, ends) as port:
        monkeypatch.setattr(places, "PORT", port)
        assert places.certificate_ends() == ("localhost", ends)
    assert places.certificate_ends() is None  # nobody answers


@contextmanager
def a_server_with_a_certificate(folder: Path, ends: datetime) -> Iterator[int]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, ends - timedelta(days=90), ends)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    own = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(own + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                plain, _address = listening.accept()
                context.wrap_socket(plain, server_side=True).close()

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]
