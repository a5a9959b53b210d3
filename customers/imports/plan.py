"""What waits for a yes before an import does it: answered one by one, by kind, or all; and work that is called off."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import CharField, Count, F, Func, Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from customers.imports import runs
from customers.models import Import, ImportQuestion

Answer, Kind = ImportQuestion.Answer, ImportQuestion.Kind
OPEN = Q(answer__in=[Answer.OPEN, Answer.YES, Answer.NO])


def questions(run_: Import) -> QuerySet[ImportQuestion]:
    """What waits for an answer, and what has one that was not carried out yet, in the order of the file."""
    return run_.questions.filter(OPEN).order_by("line_number")


def kinds(run_: Import) -> dict[str, int]:
    """Kind of question -> how many rows wait because of it, the most frequent first."""
    rows = (
        questions(run_)
        .filter(answer=Answer.OPEN)
        .annotate(kind=Func(F("asks"), function="unnest", output_field=CharField()))
        .values_list("kind")
        .annotate(Count("pk"))
    )
    return dict(sorted(rows, key=lambda row: -row[1]))


@transaction.atomic
def answer(
    run_: Import,
    *,
    yes: bool,
    by: User | None,
    at: datetime,
    pks: Iterable[int] = (),
    kind: str = "",
    all_: bool = False,
) -> int:
    """These rows, those that wait because of `kind` alone, or all have their answer; returns how many.

    Nothing is stored yet: the next pass of the import does what has a yes, if it is still just that.
    """
    waiting = questions(run_)
    if kind:
        if kind not in Kind.values:
            raise Invalid(_("“%(kind)s” is not something that is asked about.") % {"kind": kind}, code="bad_kind")
        waiting = waiting.filter(asks=[kind])
    elif not all_:
        waiting = waiting.filter(pk__in=list(pks))
    count = waiting.update(answer=Answer.YES if yes else Answer.NO, answered_by=by, answered_at=at)
    if not count:
        raise DomainError(_("No such question waits. Look at the plan again."), code="no_question")
    if by:
        audit.record(by, "import.answered", run_, at=at, yes=yes, rows=count, kind=kind)
    return count


def accept(run_: Import, kinds_: Iterable[str]) -> None:
    """The next pass asks nothing about rows that would wait because of these kinds alone."""
    wanted = sorted(set(kinds_))
    wanted = list(Kind.values) if "all" in wanted else wanted
    if unknown := next((kind for kind in wanted if kind not in Kind.values), ""):
        known = ", ".join(["all", *Kind.values])
        raise Invalid(
            _("“%(kind)s” is not something that is asked about. Use: %(known)s.") % {"kind": unknown, "known": known},
            code="bad_kind",
        )
    Import.objects.filter(pk=run_.pk).update(accepted=wanted)
    run_.accepted = wanted


@transaction.atomic
def cancel(run_: Import, *, by: User, at: datetime) -> None:
    """Work that waits does not begin; work that runs stops before its next chunk. What is in stays in."""
    held = Import.objects.select_for_update().get(pk=run_.pk)
    if held.state == Import.State.WAITING:
        runs.cancelled(held)
    elif held.state == Import.State.RUNNING:
        Import.objects.filter(pk=held.pk).update(is_cancel_asked=True)
    else:
        raise DomainError(_("Nothing is at work on this file."), code="import_not_running")
    audit.record(by, "import.cancelled", held, at=at)
