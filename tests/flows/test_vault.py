"""The vault's key is changed beside running work: everything is found and readable before, during and after."""

import hashlib
import secrets
import threading
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from core.accounts.models import Role
from core.jobs import leases
from core.jobs.models import BulkRun, ExportPart, JobRun
from core.lib import sealing
from core.outbox import webhooks
from core.outbox.models import WebhookEndpoint
from crm.flows import vault
from crm.flows.bulk import parts
from crm.flows.bulk.exports import EXPORT
from crm.flows.record import merging
from customers import contact_points, identity, queries
from customers import merging as records
from customers.contact_points import Kind
from customers.identity import CustomerRef
from customers.imports import runs as imports
from customers.models import ContactPoint, Customer, Order
from customers.orders import OrderFact
from loyalty.campaigns.draws import proof
from loyalty.models import Lottery
from loyalty.points import referrals
from tests import recording
from tests.conftest import NOW, TODAY, MakeUser

OLD, NEW = "the key of last year " * 3, "the key of this year " * 3
Told = list[vault.Progress]


@pytest.fixture(autouse=True)
def _old_key(settings: Any) -> None:
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = OLD, []


@pytest.fixture
def new_key(settings: Any) -> Callable[[], None]:
    """From now on the new key is written with, and the old one can be read."""

    def change() -> None:
        settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = NEW, [OLD]

    return change


@pytest.fixture
def only(settings: Any) -> Callable[[str], None]:
    def have(key: str) -> None:
        settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = key, []

    return have


def phone(number: int) -> str:
    return f"+86138{number:08d}"


def people(count: int, *, first: int = 1) -> list[Customer]:
    ids = identity.next_ids(count)
    found = [
        Customer(pk=pk, number=identity.number_of(pk), name=f"Guest {pk}", registered_on=date(2024, 1, 1)) for pk in ids
    ]
    Customer.objects.bulk_create(found)
    contact_points.add_many((person.pk, Kind.PHONE, phone(first + i)) for i, person in enumerate(found))
    return found


def rotate() -> Told:
    told: Told = []
    assert vault.rotate(TODAY, now=timezone.now, tell=told.append)
    return told


def under(key: str) -> int:
    """How many rows can be read with this key alone."""
    count = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "keys", lambda use: [sealing._derived(key, use)])
        for point in ContactPoint.objects.all():
            try:
                contact_points._decrypt(point)
            except InvalidTag:
                continue
            count += 1
    return count


class Killed(BaseException):
    """As abrupt as a signal: nothing of the product catches it."""


@pytest.mark.django_db(transaction=True)
def test_a_thousand_points_with_a_kill_and_writers_meanwhile(
    new_key: Callable[[], None], only: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    known = people(1000)
    new_key()
    monkeypatch.setattr(vault, "CHUNK", 50)
    monkeypatch.setattr(leases, "SILENT_AFTER", timedelta(0))
    stop, wrong = threading.Event(), []

    def write() -> None:
        """Orders by phone, of people who are known and of new ones, as a shop sends them."""
        try:
            for i in range(10_000):
                if stop.is_set():
                    break
                number = 1 + i * 7 % 1000 if i % 3 else 5000 + i
                ref = CustomerRef(phone=phone(number))
                fact = OrderFact("shop", f"o-{i}", 1, ref, ordered_at=NOW, paid=Decimal(10))
                customer = recording.record_order(fact, at=NOW, today=TODAY).customer
                if number <= 1000 and customer.pk != known[number - 1].pk:
                    wrong.append(number)
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    def look_up() -> None:
        try:
            while not stop.is_set():
                number = 1 + secrets.randbelow(1000)
                if contact_points.find(Kind.PHONE, phone(number)) != [known[number - 1].pk]:
                    wrong.append(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=job) for job in (write, look_up)]
    for thread in threads:
        thread.start()

    def die(progress: vault.Progress) -> None:
        if progress.seen >= 500:
            raise Killed

    try:
        with pytest.raises(Killed):
            vault.rotate(TODAY, now=timezone.now, tell=die)
        half = JobRun.objects.get(job=vault.JOB)
        assert half.state == JobRun.State.RUNNING
        assert half.cursor["counted"]["contact points"][0] == 500
        told = rotate()
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert wrong == []
    assert told[0].seen == 550  # it went on where it was killed
    assert JobRun.objects.get(job=vault.JOB).state == JobRun.State.DONE
    assert Order.objects.filter(customer__in=known).exists()
    assert under(OLD) == 0
    assert under(NEW) == ContactPoint.objects.count() == Customer.objects.count()
    only(NEW)
    assert all(contact_points.find(Kind.PHONE, phone(1 + i)) == [person.pk] for i, person in enumerate(known))
    only(OLD)
    assert contact_points.find(Kind.PHONE, phone(1)) == []


@pytest.fixture
def half_way(new_key: Callable[[], None], monkeypatch: pytest.MonkeyPatch, db: None) -> list[Customer]:
    """Four customers, two of them under each key."""
    found = people(4)
    new_key()
    monkeypatch.setattr(vault, "CHUNK", 2)

    def die(progress: vault.Progress) -> None:
        raise Killed

    with pytest.raises(Killed):
        vault.rotate(TODAY, now=timezone.now, tell=die)
    assert (under(OLD), under(NEW)) == (2, 2)
    return found


def test_everybody_is_found_half_way(half_way: list[Customer], make_user: MakeUser) -> None:
    lead = make_user(Role.SERVICE_LEAD)
    for i, customer in enumerate(half_way, start=1):
        assert contact_points.find(Kind.PHONE, phone(i)) == [customer.pk]
        assert contact_points.find_by_last_four(f"{i:04d}") == [customer.pk]
        assert [c.pk for c in queries.search(lead, phone(i), TODAY)] == [customer.pk]
        assert identity.find_or_create(CustomerRef(phone=phone(i)), today=TODAY) == customer
        assert contact_points.reveal(customer, by=lead, purpose="A call back", at=NOW) == [("phone", phone(i))]


def test_adding_what_is_known_under_the_old_key_does_not_double_it(half_way: list[Customer]) -> None:
    for i, customer in enumerate(half_way, start=1):
        contact_points.add(customer, Kind.PHONE, phone(i))
    assert ContactPoint.objects.count() == under(NEW) == 4


def test_what_two_people_share_is_seen_across_the_keys(half_way: list[Customer], make_user: MakeUser) -> None:
    new, old = half_way[0], half_way[3]
    lead = make_user(Role.SERVICE_LEAD)
    contact_points.add(new, Kind.EMAIL, "li@example.com")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "keys", lambda use: [sealing._derived(OLD, use)])
        contact_points.add(old, Kind.EMAIL, "li@example.com")

    assert old in records.alike(new, lead, TODAY)
    assert new in records.alike(old, lead, TODAY)
    assert referrals._one_person(new, old)
    reached = next(count for count in merging.consequences(old, new) if count.label == "Phones and e-mails")
    assert reached[1:] == (2, 2, 3)
    records.move(*records.hold(old, new), today=TODAY)
    assert sorted(new.contact_points.values_list("kind", flat=True)) == ["email", "phone", "phone"]


def test_an_import_half_way_knows_everybody(half_way: list[Customer]) -> None:
    lines = [f"o-{i},1{phone(i)[4:]},2026-11-01,80" for i in range(1, 6)]
    content = "\n".join(["order_no,phone,date,paid", *lines]).encode()
    run = imports.upload("orders.csv", content, source="till", by=None, at=NOW)
    imports.run(run, by=None, at=NOW, today=TODAY)

    assert run.counts["created"] == 5
    assert run.counts["new_customers"] == 1
    assert [customer.orders.count() for customer in half_way] == [1, 1, 1, 1]
    assert ContactPoint.objects.count() == under(NEW) == 5


@pytest.mark.parametrize(
    "content",
    [
        b"phone,date,paid\n13800000001,2026-11-01,80\n13800000002,2026-11-02,90\n",
        b"email,date,paid\na@mall.example,2026-11-01,80\nb@mall.example,2026-11-02,90\n",
    ],
)
def test_a_file_without_order_numbers_makes_the_same_ones_under_the_new_key(
    db: None, new_key: Callable[[], None], content: bytes
) -> None:

    def load() -> dict[str, int]:
        run = imports.upload("orders.csv", content, source="till", by=None, at=NOW)
        imports.run(run, by=None, at=NOW, today=TODAY)
        return run.counts

    assert load()["created"] == 2
    new_key()
    first = Customer.objects.earliest("pk")
    contact_points.bring_up_customers([first.pk])
    assert load()["unchanged"] == 2
    rotate()
    assert load()["unchanged"] == 2
    assert Order.objects.count() == Customer.objects.count() == 2


def test_the_secrets_of_webhooks_and_draws_stay_what_they_are(
    db: None, new_key: Callable[[], None], only: Callable[[str], None], make_user: MakeUser
) -> None:
    endpoint = WebhookEndpoint.objects.create(
        url="https://shop.example.com/hook",
        events=["points.earned"],
        secret=webhooks._sealed(b"k" * 32, "https://shop.example.com/hook"),
        by=make_user(Role.ADMINISTRATOR),
        at=NOW,
    )
    commitment = hashlib.sha256(b"s" * 32).hexdigest()
    lottery = Lottery.objects.create(
        code="spring",
        name="Spring",
        starts_at=NOW,
        ends_at=NOW + timedelta(days=1),
        by=make_user(Role.TEAM_LEAD),
        at=NOW,
        status="published",
        published_at=NOW,
        published_by=make_user(Role.TEAM_LEAD),
        commitment=commitment,
        secret=sealing.encrypt(b"s" * 32, use=proof.SEALED_FOR, about=commitment.encode()),
    )
    new_key()
    assert {progress.table for progress in rotate()} == {"webhooks", "draws"}

    only(NEW)
    endpoint.refresh_from_db()
    lottery.refresh_from_db()
    assert webhooks._key(endpoint) == b"k" * 32
    assert proof.secret_of(lottery) == b"s" * 32


def test_a_file_that_waits_to_be_fetched_is_read_under_the_new_key_alone(
    db: None, new_key: Callable[[], None], only: Callable[[str], None], make_user: MakeUser
) -> None:
    lead = make_user(Role.TEAM_LEAD)
    runs = [BulkRun.objects.create(kind=EXPORT, list="customers", by=lead, expected=1, asked_at=NOW) for _n in range(2)]
    for run in runs:
        for n in range(6):
            sealed = parts.seal(run.pk, f"{run.pk}/{n}".encode())
            ExportPart.objects.create(run=run, is_file=n > 2, n=n, data=sealed)
    new_key()

    assert [(told.table, told.seen, told.changed) for told in rotate()][:2] == [
        ("files of lists", 8, 8),
        ("files of lists", 12, 12),
    ]

    only(NEW)
    for part in ExportPart.objects.all():
        assert parts.opened(part) == f"{part.run_id}/{part.n}".encode()
    only(OLD)
    with pytest.raises(InvalidTag):
        parts.opened(ExportPart.objects.earliest("pk"))


def test_a_second_rotation_changes_nothing_and_a_third_key_is_another_run(
    db: None, new_key: Callable[[], None], settings: Any
) -> None:
    people(3)
    new_key()
    assert [progress.changed for progress in rotate()] == [3, 3]  # the second pass found nothing
    before = list(ContactPoint.objects.values_list("encrypted", flat=True).order_by("pk"))
    assert [progress.changed for progress in rotate()] == [0]
    assert [bytes(v) for v in ContactPoint.objects.values_list("encrypted", flat=True).order_by("pk")] == [
        bytes(v) for v in before
    ]
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = "a third key " * 4, [NEW]
    assert rotate()[0].changed == 3


def test_a_run_that_was_begun_for_another_key_begins_anew(half_way: list[Customer], settings: Any) -> None:
    third = "a third key " * 4
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = third, [NEW, OLD]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leases, "SILENT_AFTER", timedelta(0))
        rotate()
    assert under(third) == 4


def test_what_no_key_opens_stops_the_command_with_a_sentence(db: None, settings: Any) -> None:
    people(1)
    settings.VAULT_KEY = NEW
    with pytest.raises(CommandError, match="under none of the keys"):
        call_command("rotate_vault")
    assert JobRun.objects.get(job=vault.JOB).state == JobRun.State.FAILED
    settings.VAULT_KEY_FALLBACKS = [OLD]
    call_command("rotate_vault")
    assert under(NEW) == 1


def test_two_at_a_time_is_refused(db: None, half_way: list[Customer]) -> None:
    with pytest.raises(CommandError, match="Another process rotates the vault"):
        call_command("rotate_vault")


def test_every_use_of_the_vault_is_rotated() -> None:
    """Whoever encrypts something new adds its table here."""
    root = Path(vault.__file__).resolve().parents[2]
    floors = ("core", "customers", "segmentation", "loyalty", "complaints", "crm")
    using = {
        path.relative_to(root).as_posix()
        for floor in floors
        for path in (root / floor).rglob("*.py")
        if "sealing.encrypt(" in path.read_text()
    }
    # In a session, until the caller is found, or the next page is shown: under a key that is gone it is asked for again.
    using -= {"crm/desk/complaints/calls/who.py", "crm/desk/acting.py"}
    rotated = {reseal.__module__.replace(".", "/") + ".py" for reseal in vault.TABLES.values()}
    assert using == rotated
