"""Photos and papers of a case: known by their content, stripped, scanned, sealed, opened by right, forgotten."""

import socket
import stat
import threading
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from complaints.attachments import contents, files, links, scanning
from complaints.cases import lifecycle
from complaints.models import Attachment, AttachmentContent, Case, UploadLink
from core.accounts.models import AuditEntry, User
from core.lib.errors import DomainError, Invalid
from customers.models import Customer
from tests.complaints.conftest import DAY, WEDNESDAY, LogCase, again, join, solved

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">secret place 31.23N</x:xmpmeta>'


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 20), **more: Any) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **more)
    return out.getvalue()


def photo_with_place(orientation: int = 6) -> bytes:
    """As a telephone takes it: where, with what, on its side."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretPhone"
    exif[0x8825] = {1: "N", 2: (31.0, 13.0, 0.0), 3: "E", 4: (121.0, 28.0, 0.0)}
    return picture(exif=exif, xmp=XMP, comment=b"secret comment")


@pytest.fixture
def case(log_case: LogCase, li_lei: Customer, wang: User) -> Case:
    join(wang, "logistics")
    return log_case(li_lei)


# What a file is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (photo_with_place(), "jpeg"),
        (picture("PNG"), "png"),
        (picture("WEBP", exif=photo_with_place()[:0]), "jpeg"),
        (picture("GIF"), "png"),
        (PDF, "pdf"),
    ],
    ids=["jpeg", "png", "webp", "gif", "pdf"],
)
def test_a_file_is_what_its_content_says_and_keeps_nothing_but_the_picture(data: bytes, kind: str) -> None:
    cleaned = contents.cleaned(data)

    assert cleaned.kind == kind
    for secret in (b"Secret", b"secret", b"Exif", b"xmpmeta"):
        assert secret not in cleaned.data
    if kind != "pdf":
        kept = Image.open(BytesIO(cleaned.data))
        assert not kept.getexif()
        assert not {"exif", "xmp", "comment", "icc_profile"} & kept.info.keys()


def test_a_photo_taken_on_its_side_stands_upright_and_a_large_one_is_made_smaller() -> None:
    assert Image.open(BytesIO(contents.cleaned(photo_with_place()).data)).size == (20, 40)
    assert Image.open(BytesIO(contents.cleaned(picture(size=(6000, 3000))).data)).size == (3000, 1500)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"\0" * (contents.LARGEST + 1), "file_large"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "file_kind"),
        (b"<html><script>alert(1)</script></html>", "file_kind"),
        (b"MZ\x90\0" * 100, "file_kind"),
        (b"PK\x03\x04 word/document.xml", "file_kind"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "file_heic"),
        (PDF[:20], "file_broken"),
        (picture()[:200], "file_broken"),
        (picture("PNG", size=(400, 400))[:60], "file_broken"),
        (b"II*\0" + b"\0" * 60, "file_kind"),
    ],
    ids=["empty", "large", "svg", "html", "exe", "docx", "heic", "half pdf", "half jpeg", "half png", "tiff"],
)
def test_what_is_not_taken_says_so_in_a_sentence(data: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        contents.cleaned(data)

    assert refusal.value.code == code


def test_a_picture_that_unpacks_to_a_wall_is_refused_before_it_is_unpacked() -> None:
    for side in (8_000, 60_000):
        wall = bytearray(picture("PNG"))
        wall[16:24] = side.to_bytes(4, "big") * 2
        wall[29:33] = zlib.crc32(wall[12:29]).to_bytes(4, "big")

        with pytest.raises(Invalid) as refusal:
            contents.cleaned(bytes(wall))

        assert refusal.value.code == "file_pixels"


# Asked about ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A scanner on a socket that finds a virus in whatever says so."""
    path, heard = tmp_path / "clamd.sock", list[bytes]()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                told = b""
                while not told.endswith(b"\0\0\0\0"):
                    told += line.recv(65536)
                heard.append(told)
                line.sendall(b"stream: Eicar FOUND\0" if b"EICAR" in told else b"stream: OK\0")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"clamd://{path}", heard
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_the_scanner_on_a_socket_is_asked_about_every_byte(settings: Any, clamd: tuple[str, list[bytes]]) -> None:
    settings.VIRUS_SCANNER, heard = clamd[0], clamd[1]

    scanning.check(b"clean" * 40_000)
    with pytest.raises(Invalid, match="virus"):
        scanning.check(b"EICAR")

    assert heard[0].count(b"clean") >= 39_990


@pytest.mark.parametrize(
    ("script", "outcome"),
    [("exit 0", None), ("exit 1", "file_virus"), ("exit 2", "scanner_away"), (None, "scanner_away")],
    ids=["clean", "virus", "no verdict", "no scanner"],
)
def test_the_scanner_may_be_a_command(settings: Any, tmp_path: Path, script: str | None, outcome: str | None) -> None:
    command = tmp_path / "scan"
    if script:
        command.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    settings.VIRUS_SCANNER = f"{command}"

    if outcome is None:
        scanning.check(b"data")
    else:
        with pytest.raises(DomainError) as refusal:
            scanning.check(b"data")
        assert refusal.value.code == outcome


def test_a_scanner_that_is_away_lets_nothing_in(settings: Any) -> None:
    settings.VIRUS_SCANNER = "clamd:///nowhere/clamd.sock"

    with pytest.raises(scanning.CannotAsk):
        files.ready(PDF)


# Of a case ------------------------------------------------------------------------------------------------------------


def test_added_it_is_sealed_once_and_read_by_who_opens_it(case: Case, wang: User) -> None:
    row = files.add(case.pk, name="C:\\照片\\..\\伤.exe", file=files.ready(picture()), by=wang, at=WEDNESDAY)
    twice = files.add(case.pk, name="again.jpg", file=files.ready(picture()), by=wang, at=WEDNESDAY)

    assert (twice, row.name, row.kind) == (row, "伤.jpg", "jpeg")
    assert b"JFIF" not in bytes(AttachmentContent.objects.get().sealed)
    _row, data = files.opened(row.pk, by=wang, at=WEDNESDAY)
    assert data.startswith(b"\xff\xd8")
    assert AuditEntry.objects.filter(action="attachment.opened", actor=wang).count() == 1
    assert [event.kind for event in case.events.all()].count("file_added") == 1


def test_a_case_has_a_limit(case: Case, wang: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST", 1)
    files.add(case.pk, name="a.pdf", file=files.ready(PDF), by=wang, at=WEDNESDAY)

    with pytest.raises(DomainError) as refusal:
        files.add(case.pk, name="b.pdf", file=files.ready(PDF + b"%%EOF"), by=wang, at=WEDNESDAY)

    assert refusal.value.code == "files_full"


def test_removed_its_content_is_gone_and_that_it_was_there_stays(case: Case, wang: User, sun: User, lead: User) -> None:
    row = files.add(case.pk, name="a.pdf", file=files.ready(PDF), by=wang, at=WEDNESDAY)

    with pytest.raises(DomainError, match="Only the head"):
        files.remove(row.pk, by=sun, at=WEDNESDAY, reason="x")
    files.remove(row.pk, by=lead, at=WEDNESDAY, reason="别人的身份证")

    assert not AttachmentContent.objects.exists()
    assert list(files.of(case)) == []
    assert Attachment.objects.get().removed_because == "别人的身份证"
    with pytest.raises(DomainError, match="was removed"):
        files.opened(row.pk, by=lead, at=WEDNESDAY)
    fresh = files.add(case.pk, name="a.pdf", file=files.ready(PDF), by=wang, at=WEDNESDAY)
    assert fresh != row


def test_kept_long_enough_the_files_of_what_is_over_go(case: Case, wang: User, settings: Any) -> None:
    settings.ATTACHMENTS_KEPT_DAYS = 30
    files.add(case.pk, name="a.pdf", file=files.ready(PDF), by=wang, at=WEDNESDAY)
    assert files.forget(at=WEDNESDAY + 31 * DAY) == 0  # the case is open

    lifecycle_ends(case, wang)
    assert files.forget(at=WEDNESDAY + 29 * DAY) == 0
    assert files.forget(at=WEDNESDAY + 31 * DAY) == 1
    assert not AttachmentContent.objects.exists()


def lifecycle_ends(case: Case, by: User) -> None:
    lifecycle.resolve(case.pk, by=by, at=WEDNESDAY, **solved())


def test_a_new_key_seals_them_anew(case: Case, wang: User, settings: Any) -> None:
    row = files.add(case.pk, name="a.pdf", file=files.ready(PDF), by=wang, at=WEDNESDAY)
    settings.VAULT_KEY, settings.VAULT_KEY_FALLBACKS = "another key of the vault", [settings.VAULT_KEY]

    assert files.reseal(0, 100).changed == 1
    settings.VAULT_KEY_FALLBACKS = []
    assert files.opened(row.pk, by=wang, at=WEDNESDAY)[1] == PDF


# By a link ------------------------------------------------------------------------------------------------------------


def test_the_customer_sends_once_and_the_case_goes_on(case: Case, wang: User) -> None:
    secret = links.make(case.pk, by=wang, at=WEDNESDAY)
    assert secret not in str(UploadLink.objects.values().get())
    sent = [links.Sent("伤.jpg", files.ready(picture()))]

    links.receive(secret, sent, words="就是这里", at=WEDNESDAY)

    row = Attachment.objects.get()
    assert (row.added_by, row.source) == (None, "customer")
    assert again(case).messages.get(direction="in").body == "就是这里\n伤.jpg"
    with pytest.raises(DomainError) as refusal:
        links.receive(secret, sent, words="", at=WEDNESDAY)
    assert refusal.value.code == "link_over"


def test_a_link_ends_by_time_by_another_one_and_with_the_case(case: Case, wang: User) -> None:
    first = links.make(case.pk, by=wang, at=WEDNESDAY)
    second = links.make(case.pk, by=wang, at=WEDNESDAY)

    for secret, at in ((first, WEDNESDAY), (second, WEDNESDAY + 4 * DAY), ("made up", WEDNESDAY)):
        with pytest.raises(DomainError):
            links.link_for(secret, at=at)
    assert links.link_for(second, at=WEDNESDAY).case == case
    lifecycle_ends(case, wang)
    with pytest.raises(DomainError):
        links.link_for(second, at=WEDNESDAY)
    with pytest.raises(DomainError):
        links.make(case.pk, by=wang, at=timezone.now())
