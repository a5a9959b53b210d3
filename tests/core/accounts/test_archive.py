"""The trail for years: a partition a month, sealed, archived and dropped, and whatever is done to any of it is found."""

import gzip
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from core.accounts import audit
from core.accounts.archive import lines, months, proof, seals
from core.accounts.archive.months import ArchiveError
from core.accounts.models import AuditArchive, AuditEntry, AuditSeal, Role
from tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
# Of the first rows; those of three years before are due.
NOW = datetime(2031, 5, 20, 3, tzinfo=UTC)
OLD = NOW - timedelta(days=1200)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ARCHIVE = tmp_path / "audit"


def as_superuser(statement: str) -> None:
    """With the triggers switched off: as somebody who owns the database does it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin; SET CONSTRAINTS ALL DEFERRED")


@pytest.fixture
def trail(make_user: MakeUser) -> list[int]:
    """Lines of an archived month, of the table, and one that is not sealed yet; their ids."""
    mina = make_user(Role.ADMINISTRATOR, "Mina")
    months.prepare(at=OLD)
    for day in range(6):
        audit.record(mina, "note.made", mina, at=OLD + timedelta(hours=day), text="李雷 “x”\n%", n=day)
    seals.seal(at=OLD)
    for day in range(4):
        audit.record(None, "note.made", None, at=NOW - timedelta(hours=day), n=day)
    seals.seal(at=NOW)
    ids = list(AuditEntry.objects.order_by("pk").values_list("pk", flat=True))
    connection.check_constraints()
    assert months.archive_due(at=NOW) == [f"{OLD:%Y-%m}"]
    return [*ids, AuditEntry.objects.latest("pk").pk]


def test_a_closed_month_is_a_file_and_all_of_it_is_proved_as_one(trail: list[int]) -> None:
    told = proof.prove()

    assert (told.wrong, told.seals, told.lines, told.open) == ([], 2, 10, 1)
    assert AuditEntry.objects.filter(at__lt=NOW - timedelta(days=9)).count() == 0
    assert AuditEntry.objects.get(action="trail.archived").detail == {"month": f"{OLD:%Y-%m}", "lines": 6}
    row = AuditArchive.objects.get()
    path = months.folder() / row.file
    assert (row.count, row.sha256, path.stat().st_mode & 0o777) == (6, months.sha256(path), 0o600)
    assert [line.id for line in months.of_file(path)] == trail[:6]
    assert months.archive_due(at=NOW) == []
    assert seals.seal(at=NOW) == 1
    assert (proof.prove().open, proof.prove(head=told.head).wrong) == (0, [])


def lines_of(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def in_the_file(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[list[int]], None]:
    def tamper(ids: list[int]) -> None:
        path = months.folder() / AuditArchive.objects.get().file
        path.write_bytes(gzip.compress(b"".join(change(lines_of(path)))))
        # And whoever did it noted the new file as if it were the old.
        as_superuser(f"UPDATE accounts_auditarchive SET sha256 = '{months.sha256(path)}'")

    return tamper


def in_the_table(statement: str) -> Callable[[list[int]], None]:
    return lambda ids: as_superuser(statement.format(a=ids[6], b=ids[7], z=ids[9]))


def rebuilt(ids: list[int]) -> None:
    """A line is changed, and the whole chain made anew, with all that a database has: no key."""
    as_superuser(f"UPDATE accounts_auditentry SET action = 'nothing' WHERE id = {ids[7]}")
    before = ""
    for row in AuditSeal.objects.order_by("number"):
        taken = [line for line in [*lines.of_table(seals.TABLE)] if row.first_id <= line.id <= row.last_id]
        if taken:
            row.count, row.digest = lines.digest(taken)
        row.chain = seals.chained(before, row)
        before = row.chain
        as_superuser(
            f"UPDATE accounts_auditseal SET digest = '{row.digest}', chain = '{row.chain}' WHERE number = {row.number}"
        )


TAMPERED: dict[str, tuple[Callable[[list[int]], None], str]] = {
    "a line of the file is changed": (
        in_the_file(lambda told: [told[0].replace(b"note", b"nota"), *told[1:]]),
        "not what was sealed",
    ),
    "a line of the file is left out": (in_the_file(lambda told: told[1:]), "5 instead of 6"),
    "two lines of the file change places": (
        in_the_file(lambda told: [told[1], told[0], *told[2:]]),
        "not what was sealed",
    ),
    "a line is put into the file": (in_the_file(lambda told: [*told, told[-1]]), "7 instead of 6"),
    "the file is no file any more": (in_the_file(lambda told: [b"what?\n"]), "cannot be read to its end"),
    "the file is gone": (lambda ids: (months.folder() / AuditArchive.objects.get().file).unlink(), "is missing"),
    "the file is cut": (
        lambda ids: (
            (path := months.folder() / AuditArchive.objects.get().file).write_bytes(path.read_bytes()[:-9]) and None
        ),
        "is not the file that was written",
    ),
    "that there was a file is forgotten": (
        lambda ids: as_superuser("DELETE FROM accounts_auditarchive"),
        "0 instead of 6",
    ),
    "a line of the table is changed": (
        in_the_table("UPDATE accounts_auditentry SET detail = '{{\"n\": 9}}' WHERE id = {a}"),
        "not what was sealed",
    ),
    "its time is changed": (
        in_the_table("UPDATE accounts_auditentry SET at = at - interval '1 microsecond' WHERE id = {a}"),
        "not what was sealed",
    ),
    "a line of the table is left out": (
        in_the_table("DELETE FROM accounts_auditentry WHERE id = {b}"),
        "3 instead of 4",
    ),
    "two lines change places": (
        in_the_table(
            "UPDATE accounts_auditentry SET action = CASE id WHEN {a} THEN 'b' ELSE 'a' END WHERE id IN ({a}, {b})"
        ),
        "not what was sealed",
    ),
    "a line is put in between": (
        in_the_table(
            "INSERT INTO accounts_auditentry (id, at, action, subject_type, detail)"
            " VALUES ({a}, '2031-05-20 03:00:01', 'x', '', '{{}}')"
        ),
        "5 instead of 4",
    ),
    "a seal is changed": (
        in_the_table("UPDATE accounts_auditseal SET count = count + 1 WHERE number = 1"),
        "not the next of the chain",
    ),
    "the head is changed": (
        in_the_table("UPDATE accounts_auditseal SET chain = repeat('0', 64) WHERE number = 2"),
        "not the next of the chain",
    ),
    "a seal is left out": (in_the_table("DELETE FROM accounts_auditseal WHERE number = 1"), "seal 1: is missing"),
    "the chain is made anew without the key": (rebuilt, "not signed with the vault key"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_whatever_is_done_to_it_is_found(trail: list[int], name: str, capsys: Any) -> None:
    tamper, says = TAMPERED[name]
    tamper(trail)

    wrong = proof.prove().wrong
    assert any(says in sentence for sentence in wrong), wrong
    with pytest.raises(CommandError, match="not what was sealed"):
        call_command("verify_audit")
    assert wrong[0] in capsys.readouterr().err


def test_the_last_seals_with_their_lines_are_missed_by_whoever_kept_the_log(trail: list[int]) -> None:
    head = proof.prove().head
    as_superuser(
        f"DELETE FROM accounts_auditseal WHERE number = 2; DELETE FROM accounts_auditentry WHERE id >= {trail[6]}"
    )

    assert proof.prove().wrong == []
    assert proof.prove(head=head).wrong == [f"no seal has the chain {head}: seals were taken away or made anew"]
    call_command("verify_audit")
    with pytest.raises(CommandError):
        call_command("verify_audit", head=head)


def test_a_seal_of_an_old_key_is_vouched_for_by_the_next(trail: list[int], settings: Any) -> None:
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = "another key", []
    seals.seal(at=NOW)

    assert proof.prove().wrong == []
    as_superuser("UPDATE accounts_auditentry SET action = 'x' WHERE id = (SELECT min(id) FROM accounts_auditentry)")
    assert proof.prove().wrong


def test_a_month_that_is_not_sealed_or_not_over_or_in_use_stays(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    months.prepare(at=OLD)
    audit.record(None, "note.made", None, at=OLD)
    assert months.archive_due(at=NOW) == []  # nothing is sealed
    seals.seal(at=NOW)
    assert months.archive_due(at=OLD + timedelta(days=900)) == []

    [month] = [month for month in months.months() if month.name == f"{OLD:%Y-%m}"]
    write = months._write

    def write_late(path: Path, table: str) -> None:
        write(path, table)
        audit.record(None, "note.made", None, at=OLD)

    monkeypatch.setattr(months, "_write", write_late)
    with pytest.raises(ArchiveError, match="got lines meanwhile"):
        months.archive(month, sealed_to=10**9, at=NOW)
    assert AuditEntry.objects.filter(at=OLD).count() == 2
    monkeypatch.setattr(months, "_write", write)
    assert not months.archive(month, sealed_to=1, at=NOW)


def test_months_are_made_ahead_and_what_fits_none_is_kept_with_the_rest() -> None:
    at = datetime(2041, 11, 30, 23, 30, tzinfo=UTC)
    audit.record(None, "note.made", None, at=datetime(2042, 1, 9, tzinfo=UTC))  # a clock was wrong

    assert months.prepare(at=at) == ["2041-11", "2041-12", "2042-02"]
    assert months.prepare(at=at) == []
    assert months.prepare(at=datetime(2041, 12, 1, tzinfo=UTC)) == ["2042-03"]
    assert AuditEntry.objects.get().at.year == 2042
    by_name = {month.name: month for month in months.months()}
    assert by_name["2041-12"].since == datetime(2041, 12, 1, tzinfo=UTC)
    assert by_name["2041-12"].until == datetime(2042, 1, 1, tzinfo=UTC)
    assert by_name["default"].until is None
    assert months.months()[-1].name == "default"


@pytest.mark.parametrize("tamper", ["UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_a_partition_is_as_closed_as_the_whole(tamper: str) -> None:
    """Asked for by its own name."""
    months.prepare(at=NOW)
    audit.record(None, "note.made", None, at=NOW)
    connection.check_constraints()
    with pytest.raises(Exception, match=r"Cannot update or delete|cannot be emptied"), connection.cursor() as cursor:
        cursor.execute(tamper.format(f"accounts_auditentry_{NOW:%Y_%m}"))


@pytest.mark.django_db(transaction=True)
def test_a_line_that_is_not_committed_yet_is_never_below_a_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has the lower number and commits later: the seal waits a moment, and leaves it to the next hour."""
    monkeypatch.setattr(seals, "WAIT", "100ms")
    other = connection.copy()
    insert = "INSERT INTO accounts_auditentry (at, action, subject_type, detail) VALUES (now(), 'x', '', '{}')"
    with other.cursor() as cursor:
        cursor.execute("BEGIN; " + insert)
        audit.record(None, "note.made", None, at=timezone.now())
        assert seals.seal(at=timezone.now()) == 0
        # The control: without waiting, what comes later falls below the seal.
        monkeypatch.setattr(seals, "_end", lambda: AuditEntry.objects.latest("pk").pk)
        assert seals.seal(at=timezone.now()) == 1
        cursor.execute("COMMIT")
    other.close()
    assert proof.prove().wrong


@pytest.mark.django_db(transaction=True)
def test_two_who_seal_at_once_make_one_chain() -> None:
    for _number in range(30):
        audit.record(None, "note.made", None, at=timezone.now())

    def one() -> None:
        seals.seal(at=timezone.now())
        connection.close()

    both = [threading.Thread(target=one) for _number in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    told = proof.prove()
    assert (told.wrong, told.lines, told.open) == ([], 30, 0)


def test_the_page_says_where_the_months_are(client: Client, make_user: MakeUser, trail: list[int]) -> None:
    client.force_login(make_user(Role.PRIVACY_OFFICER))

    page = client.get("/audit/months/").text

    assert f"audit-{OLD:%Y-%m}.jsonl.gz" in page
    assert "Seal 2, up to line" in page
    assert "1 line came after it." in page
    assert "what fits no month" in page


def test_without_a_seal_the_page_says_so(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR))
    page = client.get("/audit/months/").text
    assert "Not sealed yet" in page
    assert "No month is archived yet" in page
