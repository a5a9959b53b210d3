"""The files themselves: sealed, read part by part, asked about while in doubt, deleted when their time is over."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from django.core.management import call_command
from django.core.management.base import CommandError

from core.lib.errors import DomainError
from customers.imports import contents
from customers.imports import runs as imports
from customers.imports.reading.shape import How, Opened
from customers.models import Import, ImportChunk, Order, RejectedRow
from tests.conftest import NOW, TODAY

pytestmark = pytest.mark.django_db

SHOP = "order_no,customer,phone,date,paid\n" + "".join(
    f"o-{n},c-{n},1380013{n:04},2026-11-01,{n}.50\n" for n in range(300)
)
DOUBTFUL = "order_no,customer,name,date,paid\n1,c-1,翠花,2026-11-01,5\n".encode("gb18030")


def upload(content: bytes = SHOP.encode(), **named: Any) -> Import:
    return imports.upload("orders.csv", content, source="shop", by=None, at=NOW, **named)


def test_a_file_is_kept_sealed_in_parts_and_read_part_by_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(contents, "PART", 1000)
    path = tmp_path / "orders.csv"
    path.write_text(SHOP)
    with path.open("rb") as file:
        run = imports.upload("orders.csv", Opened(file, len(SHOP), step=700), source="shop", by=None, at=NOW)

    chunks = list(run.chunks.order_by("number"))
    assert (len(chunks), run.size) == (len(SHOP) // 1000 + 2, len(SHOP))
    assert not [chunk for chunk in chunks if b"13800130" in bytes(chunk.sealed) or b"phone" in bytes(chunk.sealed)]
    assert b"".join(contents.Kept(run).chunks()) == SHOP.encode()
    assert imports.run(run, by=None, at=NOW, today=TODAY).counts["created"] == 300


def test_no_part_can_stand_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "PART", 1000)
    run = upload()
    first, second = run.chunks.filter(number__in=(1, 2)).order_by("number")
    ImportChunk.objects.filter(pk=first.pk).update(sealed=second.sealed)

    with pytest.raises(InvalidTag):
        list(contents.Kept(run).chunks())


def test_parts_under_an_old_key_are_brought_under_the_new_one(settings: Any) -> None:
    run = upload()
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = "another key of the vault " * 3, [settings.VAULT_KEY]
    assert b"".join(contents.Kept(run).chunks()) == SHOP.encode()

    assert contents.reseal(0, 100)[1:] == (2, 2)
    assert contents.reseal(0, 100)[1:] == (2, 0)
    settings.VAULT_KEY_FALLBACKS = []
    assert b"".join(contents.Kept(run).chunks()) == SHOP.encode()


def test_a_file_is_deleted_when_its_undo_has_ended_and_what_became_of_it_stays() -> None:
    run = imports.run(upload(SHOP.encode() + b"o-x,c,,never,1\n"), by=None, at=NOW, today=TODAY)
    assert b"o-x,c,,never,1" in imports.rejected_csv(run)
    waiting = upload()
    Import.objects.filter(pk=waiting.pk).update(state=Import.State.RUNNING)
    end = NOW + contents.KEPT_FOR

    assert contents.forget(before=end - contents.KEPT_FOR, at=end) == 0
    assert contents.forget(before=end - contents.KEPT_FOR + timedelta(seconds=1), at=end) == 1

    run.refresh_from_db()
    assert (run.forgotten_at, run.counts["created"], run.chunks.count()) == (end, 300, 0)
    assert b"never" not in imports.rejected_csv(run)
    assert RejectedRow.objects.get().reason
    assert (imports.columns(run), imports.preview(run), waiting.chunks.count()) == ([], [], 2)
    with pytest.raises(DomainError) as refusal:
        imports.check(run, at=NOW)
    assert refusal.value.code == "file_deleted"


def test_a_file_in_doubt_waits_for_a_choice() -> None:
    run = upload(DOUBTFUL)
    with pytest.raises(DomainError) as refusal:
        imports.run(run, by=None, at=NOW, today=TODAY)
    assert refusal.value.code == "encoding_open"
    assert not Order.objects.exists()

    imports.read_as(run, How(encoding="gbk"))

    assert imports.run(run, by=None, at=NOW, today=TODAY).counts["created"] == 1
    assert Order.objects.get().customer.name == "翠花"


def test_columns_are_guessed_anew_where_the_header_is_another_line() -> None:
    run = upload(b"order_no,date,paid\norder_no,customer,date,amount\n1,c,2026-11-01,5\n", how=How(header_line=1))

    imports.read_as(run, How(header_line=2))

    assert run.mapping["paid"] == "amount"
    assert imports.run(run, by=None, at=NOW, today=TODAY).counts["created"] == 1


def test_the_command_refuses_a_file_in_doubt_and_takes_the_choice(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(DOUBTFUL)

    with pytest.raises(CommandError, match="Say it with --encoding"):
        call_command("import_orders", str(path))
    call_command("import_orders", str(path), "--encoding", "gbk")

    assert Order.objects.get().customer.name == "翠花"
