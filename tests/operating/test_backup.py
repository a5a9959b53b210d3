"""A backup is restored before it counts as one; and nothing is overwritten that somebody may still want."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from core.jobs.models import JobRun
from crm.operating import backup, database, health
from customers.models import Customer
from tests import kept
from tests.conftest import MakeCustomer, MakeOrder

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    (settings.MEDIA_ROOT / "picture.png").write_bytes(b"a picture")


@pytest.fixture(autouse=True)
def _only_the_product(transactional_db: None) -> None:
    """What other tests have put aside in the same database is no part of a backup."""
    kept.forget()


@pytest.fixture
def made(tmp_path: Path, make_customer: MakeCustomer, make_order: MakeOrder) -> Path:
    make_order(make_customer("李雷", phone="13800138000"))
    make_customer("韩梅梅")
    return backup.make(tmp_path / "backups", now=timezone.now, verify=False)


def test_what_was_saved_is_restored_and_every_table_compared(made: Path) -> None:
    backup.check(made)

    manifest = backup.opened(made)
    assert manifest["tables"]["customers_customer"][0] == 2
    assert (made / backup.MEDIA).exists()
    assert {path.stat().st_mode & 0o077 for path in (made, *made.iterdir())} == {0}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname LIKE '%drill%'")
        assert cursor.fetchone() == (0,)


def test_no_phone_and_no_key_is_readable_in_it(made: Path, settings: Any) -> None:
    held = b"".join(path.read_bytes() for path in made.iterdir())

    assert settings.VAULT_KEY.encode() not in held
    assert b"13800138000" not in (made / backup.MANIFEST).read_bytes()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: _cut(folder / backup.DUMP), "database.dump is missing or not what was saved"),
        (lambda folder: (folder / backup.MEDIA).unlink(), "media.tar.gz is missing"),
        (lambda folder: (folder / backup.MANIFEST).write_text("{"), "is no backup"),
        (lambda folder: _manifest(folder, vault="0" * 16), "under another VAULT_KEY"),
    ],
)
def test_a_spoilt_backup_is_refused_before_anything_is_touched(made: Path, spoil: Any, says: str) -> None:
    spoil(made)

    for attempt in (backup.check, lambda folder: backup.restore(folder, overwrite=_name())):
        with pytest.raises(backup.BackupError, match=says):
            attempt(made)

    assert Customer.objects.count() == 2


def test_a_dump_that_is_not_of_the_moment_is_found_by_its_digests(made: Path) -> None:
    manifest = backup.opened(made)
    manifest["tables"]["customers_customer"][1] = "1"
    manifest["tables"]["customers_order"][0] += 1
    manifest["tables"]["gone"] = [0, "0"]
    manifest["objects"].append("index that_was_there")
    _manifest(made, **manifest)

    with pytest.raises(backup.BackupError) as raised:
        backup.check(made)

    said = str(raised.value)
    assert "customers_customer has as many rows, not the same" in said
    assert "customers_order has 1 rows instead of 2" in said
    assert "gone is missing" in said
    assert "index that_was_there is missing" in said


def test_sequences_that_would_give_a_number_again_are_found() -> None:
    with connection.cursor() as cursor:
        assert database.sequences_behind(cursor) == []
        cursor.execute("SELECT setval(pg_get_serial_sequence('customers_customer', 'id'), 1000)")
    customer = Customer.objects.create(name="Li", registered_on="2026-01-01")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('customers_customer', 'id'), %s)", [customer.pk - 1])

        assert database.sequences_behind(cursor) == ["customers_customer.id"]


def test_a_database_that_is_not_empty_is_not_overwritten(made: Path) -> None:
    for options in ({}, {"overwrite": "laoke"}):
        with pytest.raises(CommandError, match=f"{_name()} is not empty"):
            call_command("restore", str(made), **options)

    assert Customer.objects.count() == 2


def test_a_backup_comes_back_into_an_empty_database_and_over_another(made: Path, settings: Any, capsys: Any) -> None:
    with database.scratch(f"{_name()}_other") as other:
        for overwrite in ("", other):
            (settings.MEDIA_ROOT / "picture.png").unlink()
            with database.looking_at(other):
                call_command("restore", str(made), overwrite=overwrite)
                assert sorted(Customer.objects.values_list("name", flat=True)) == ["李雷", "韩梅梅"]
                Customer.objects.update(name="changed since")
            assert (settings.MEDIA_ROOT / "picture.png").read_bytes() == b"a picture"
    assert "every table compared" in capsys.readouterr().out


def test_while_others_are_connected_nothing_is_restored(made: Path) -> None:
    other = connection.get_new_connection(connection.get_connection_params())
    try:
        with pytest.raises(backup.BackupError, match=r"\d others are connected"):
            backup.restore(made, overwrite=_name())
    finally:
        other.close()


def test_the_command_says_what_was_saved_and_remembers_when(
    tmp_path: Path, make_customer: MakeCustomer, capsys: Any
) -> None:
    make_customer()
    for older in range(3):
        call_command("backup", str(tmp_path / "some"), verify=older == 0, keep=2)
        newest = max((tmp_path / "some").iterdir())
        newest.rename(newest.with_name(f"laoke-200{older}"))

    said = capsys.readouterr().out
    assert "restored and compared" in said
    assert "Keep VAULT_KEY apart" in said
    assert not health.backup_is_stale(at=timezone.now())
    assert len(list((tmp_path / "some").iterdir())) == 2


def test_a_backup_that_fails_leaves_nothing_and_is_not_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.POSTGRES_PROGRAMS = str(tmp_path)

    with pytest.raises(CommandError, match="There is no pg_dump for PostgreSQL"):
        call_command("backup", str(tmp_path / "some"))

    assert list((tmp_path / "some").iterdir()) == []
    assert JobRun.objects.get(job=health.BACKUP).state == JobRun.State.FAILED
    assert health.backup_is_stale(at=timezone.now())


def test_one_backup_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def another(folder: Path, at: Any) -> Path:
        with pytest.raises(backup.BackupError, match="under way"):
            backup.make(tmp_path, now=lambda: at + timedelta(seconds=1), verify=False)
        return folder

    monkeypatch.setattr(backup, "_made", another)
    backup.make(tmp_path, now=timezone.now, verify=False)


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _manifest(folder: Path, **changed: Any) -> None:
    path = folder / backup.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_the_door_says_how_old_it_is(client: Client, made: Path) -> None:
    JobRun.objects.filter(job=health.BACKUP).update(started_at=timezone.now() - timedelta(hours=30))

    assert client.get("/readyz").json()["parts"]["backup"] == "the last good one is 30 hours old"
