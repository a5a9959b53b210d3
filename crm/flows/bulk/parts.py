"""The pieces of a file that is taken away: sealed for as long as they lie here."""

from core.jobs.models import ExportPart
from core.lib import sealing

USE = b"export"


def seal(run_id: int, plain: bytes) -> bytes:
    """What is stored of a piece of this run: nobody reads it without a key of the vault, nor as another run's."""
    return sealing.encrypt(plain, use=USE, about=_about(run_id))


def opened(part: ExportPart) -> bytes:
    """What the piece says. Raises cryptography's InvalidTag when no key of the vault opens it."""
    return sealing.decrypt(bytes(part.data), use=USE, about=_about(part.run_id))


def reseal(after: int, most: int) -> sealing.Resealed:
    """What is under an old key of the vault among so many pieces after this id is under the current one."""
    # A piece is large: a few at a time are enough for one transaction.
    parts = list(ExportPart.objects.filter(pk__gt=after).select_for_update().order_by("pk")[: min(most, 8)])
    changed = 0
    for part in parts:
        plain = sealing.if_old(bytes(part.data), use=USE, about=_about(part.run_id))
        if plain is not None:
            part.data = seal(part.run_id, plain)
            part.save(update_fields=["data"])
            changed += 1
    return sealing.Resealed(parts[-1].pk if parts else None, len(parts), changed)


def _about(run_id: int) -> bytes:
    return str(run_id).encode()
