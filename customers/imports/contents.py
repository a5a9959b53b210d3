"""The files themselves: kept in sealed parts as long as their import can be undone, read part by part, then deleted."""

import json
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core.lib import sealing
from core.lib.errors import DomainError
from customers.imports import fields
from customers.imports.reading import look as reading
from customers.imports.reading.shape import Content, How, Look
from customers.models import Import, ImportChunk

USE = b"imports"
PART = 1024 * 1024
# As long as an import can be undone, its file can be read again.
KEPT_FOR = timedelta(days=7)
FORGOTTEN_AT_ONCE = 20
# What was seen of the file has this number among its parts.
SEEN = 0


class Kept:
    """The content of an upload, one part in memory at a time. Refused once it was deleted."""

    def __init__(self, run: Import) -> None:
        self._run = run

    @property
    def size(self) -> int:
        return self._run.size

    def chunks(self) -> Iterator[bytes]:
        number = SEEN
        size = 0
        while size < self._run.size:
            number += 1
            part = _open(self._run.pk, number)
            size += len(part)
            yield part


def keep(run: Import, content: Content) -> None:
    """The file is stored in sealed parts, its size known."""
    number = SEEN
    size, rest = 0, b""
    for chunk in content.chunks():
        rest += chunk
        while len(rest) >= PART:
            number += 1
            _seal(run.pk, number, rest[:PART])
            size, rest = size + PART, rest[PART:]
    if rest:
        _seal(run.pk, number + 1, rest)
    run.size = size + len(rest)
    Import.objects.filter(pk=run.pk).update(size=run.size)


def look_at(run: Import, how: How) -> Look:
    """The file is read so from now on; refused when it cannot be."""
    seen = reading.look(Kept(run), how, fields.field_of)
    note(run, seen)
    return seen


def note(run: Import, seen: Look) -> None:
    """This is how the file is read."""
    Import.objects.filter(pk=run.pk).update(encoding=seen.encoding or seen.kind)
    ImportChunk.objects.filter(run=run, number=SEEN).delete()
    _seal(run.pk, SEEN, json.dumps(seen.as_json()).encode())


def seen(run: Import) -> Look:
    """What was seen of the file when it came, or when somebody last said how it is read."""
    if run.forgotten_at is None and not run.chunks.filter(number=SEEN).exists():
        return reading.look(Kept(run), How(encoding=run.encoding), fields.field_of)  # kept by an earlier version
    return Look.of_json(json.loads(_open(run.pk, SEEN)))


def rows(run: Import) -> tuple[list[str], reading.Reading]:
    """(names of the columns, every row), as it was seen."""
    before = seen(run)
    return reading.rows(Kept(run), before.how, fields.field_of, before.names)


@transaction.atomic
def forget(*, before: datetime, at: datetime) -> int:
    """Files that came and were last imported before this moment are deleted.

    What became of them stays: counts, reasons, who and when. A file that is being worked is left until it is not.
    Returns how many files, at most `FORGOTTEN_AT_ONCE`.
    """
    worked = (Import.State.WAITING, Import.State.RUNNING)
    old = Import.objects.filter(at__lt=before, forgotten_at=None).exclude(state__in=worked)
    old = old.exclude(finished_at__gte=before)
    found = old.select_for_update(skip_locked=True).order_by("pk")
    ids = list(found.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    ImportChunk.objects.filter(run__in=ids).delete()
    return Import.objects.filter(pk__in=ids).update(forgotten_at=at)


def reseal(after: int, most: int) -> sealing.Resealed:
    """What is under an old key of the vault among so many parts after this id is under the current one."""
    # A part is large: a few at a time are enough for one transaction.
    chunks = list(ImportChunk.objects.filter(pk__gt=after).select_for_update().order_by("pk")[: min(most, 8)])
    changed = 0
    for chunk in chunks:
        about = _about(chunk.run_id, chunk.number)
        plain = sealing.if_old(bytes(chunk.sealed), use=USE, about=about)
        if plain is not None:
            chunk.sealed = sealing.encrypt(plain, use=USE, about=about)
            chunk.save(update_fields=["sealed"])
            changed += 1
    return sealing.Resealed(chunks[-1].pk if chunks else None, len(chunks), changed)


def _about(run_id: int, number: int) -> bytes:
    return f"{run_id}/{number}".encode()


def _seal(run_id: int, number: int, plain: bytes) -> None:
    sealed = sealing.encrypt(zlib.compress(plain, 1), use=USE, about=_about(run_id, number))
    ImportChunk.objects.create(run_id=run_id, number=number, sealed=sealed)


def _open(run_id: int, number: int) -> bytes:
    sealed = ImportChunk.objects.filter(run=run_id, number=number).values_list("sealed", flat=True).first()
    if sealed is None:
        raise DomainError(
            _("The file itself has been deleted, as every file is after a week. Upload it again."), code="file_deleted"
        )
    return zlib.decompress(sealing.decrypt(bytes(sealed), use=USE, about=_about(run_id, number)))
