"""What became of the rows of a bulk run, in the words that all of its kinds share; whoever asked for it hears the end."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404

from core.jobs.bulk import BATCH, NOT_YOURS, Result, Results
from core.jobs.models import BulkItem, BulkRun
from core.lib.errors import DomainError
from core.outbox import delivery
from crm.flows import notices

Item = BulkItem.State
# Why nothing happened to a row, or why undoing left it alone.
HAD_IT, HAD_IT_NOT, CHANGED_SINCE, CLOSED_SINCE, PUT_AWAY = (
    "had_it",
    "had_it_not",
    "changed_since",
    "closed",
    "put_away",
)
NOBODY = "nobody"


def done(before: Any = None) -> Result:
    return Result(Item.DONE, "", before)


def undone(before: Mapping[int, Any], back: Collection[int], code: str) -> Results:
    """Those that are as they were, and the others, which somebody has changed since."""
    undone = set(back)
    return {pk: Result(Item.UNDONE) if pk in undone else Result(Item.KEPT, code) for pk in before}


def skipped(code: str) -> Result:
    return Result(Item.SKIPPED, code)


def kept(code: str) -> Result:
    return Result(Item.KEPT, code)


def each(ids: Iterable[int], verb: Callable[[int], Result], refused: Callable[[str], Result]) -> Results:
    """Of each row what the verb says of it; one that refuses has changed nothing, and `refused` says so by its code."""
    results = {}
    for pk in ids:
        try:
            with transaction.atomic():
                results[pk] = verb(pk)
        except DomainError as refusal:
            results[pk] = refused(refusal.code[:20])
        except Http404:
            results[pk] = refused(NOT_YOURS)
    return results


def tell_end(run: BulkRun, at: datetime, *, at_once: int = 0) -> None:
    """Whoever asked for it hears how it ended; of what was over at once they have seen it."""
    if run.total <= (at_once or BATCH):
        return
    about = {"kind": run.kind, "changed": run.changed, "total": run.total}
    kind = notices.BULK_UNDONE if run.state == BulkRun.State.UNDONE else notices.BULK_DONE
    about |= {"undone": run.undone, "kept": run.kept}
    key = f"bulk:{run.pk}:{run.state}:{run.fence}"
    delivery.tell([run.by_id], kind, about, key=key, thread=f"bulk:{run.pk}", at=at, link=f"/bulk/{run.pk}/")
