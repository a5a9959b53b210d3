"""Files of customers, products and refunds: checked, run, and run again after a stop."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import islice
from time import monotonic
from typing import Any

from django.db import transaction

from core.accounts import audit
from core.accounts.models import User
from customers import orders
from customers.imports import contents, runs, saved
from customers.imports.choices import Choices
from customers.imports.kinds import passing
from customers.imports.kinds.goods import Goods
from customers.imports.kinds.money_back import MoneyBack
from customers.imports.kinds.passing import Pass
from customers.imports.kinds.people import People
from customers.imports.notes import of_lines
from customers.models import Import, ImportPlan

State, Task, Step = Import.State, Import.Task, Import.Step
BATCH = 500
LONGEST = 1.0
Follow = Callable[[Sequence[int]], object]


def check(run_: Import, *, at: datetime, today: date) -> Import:
    """What `run` will do, row by row, with nothing stored but the plan: counts, questions, refused rows."""
    with runs.alone(run_, Task.CHECK) as progress:
        pass_ = _pass(run_, progress, by=run_.by, at=at, today=today, is_run=False)
        ImportPlan.objects.update_or_create(run=run_, defaults={"seen": pass_.seen})
        _finish(pass_, State.CHECKED, at=at)
    return run_


def run(run_: Import, *, by: User | None, at: datetime, today: date, follow: Follow) -> Import:
    """Every good row is in the record, every bad one in the list, and every question waits or has had its answer.

    After a check, exactly its plan is done; what the record no longer allows as it was planned is asked about.
    Killed or cancelled half-way, run it again: nothing is doubled. `follow` is told the ids of orders that changed,
    inside the transaction that changed them.
    """
    with runs.alone(run_, Task.RUN) as progress:
        run_.undo_until = at + runs.UNDO_FOR
        run_.save(update_fields=["undo_until"])
        pass_ = _pass(run_, progress, by=by or run_.by, at=at, today=today, is_run=True, follow=follow)
        if 0 < len(pass_.concerned) <= runs.REFRESHED_AT_ONCE:
            progress.tell(Step.FIGURES, 0)
            with transaction.atomic():
                orders.refresh(pass_.concerned, today=today)
        _finish(pass_, State.DONE, at=progress.by_now(at))
    if run_.state == State.DONE:
        saved.keep(run_.source, Choices.of_json(run_.choices), runs.columns(run_), by=by, at=at)
        if by:
            audit.record(by, "import.run", run_, at=at, kind=run_.kind, **run_.counts)
    return run_


def _pass(run_: Import, progress: Any, *, follow: Follow = len, **told: Any) -> Pass:
    pass_ = Pass(run_, Choices.of_json(run_.choices), **told)
    if pass_.is_run and (plan := ImportPlan.objects.filter(run=run_).first()):
        pass_.planned = plan.seen
    kind = _kind(pass_, follow)
    names, reading = contents.rows(run_)
    items = passing.parsed(iter(reading), names, pass_, kind)
    size = max(1, BATCH // 5)
    while batch := list(islice(items, size)):
        progress.stop_if_asked()
        began = monotonic()
        with transaction.atomic():
            kind.take(batch)
        progress.tell(Step.RECORD, reading.share)
        size = max(1, min(BATCH, round(len(batch) * LONGEST / max(monotonic() - began, 0.001))))
    pass_.notes += of_lines(reading.left_out)
    pass_.close_questions()
    return pass_


def _kind(pass_: Pass, follow: Follow) -> passing.Kind[Any]:
    if pass_.run.kind == "refunds":
        return MoneyBack(pass_, follow)
    kinds: dict[str, Callable[[Pass], passing.Kind[Any]]] = {"customers": People, "products": Goods}
    return kinds[pass_.run.kind](pass_)


@transaction.atomic
def _finish(pass_: Pass, state: str, *, at: datetime) -> None:
    """Counts, refused rows and notes of this pass replace those of an earlier one."""
    run_, outcomes = pass_.run, pass_.outcomes
    names = (passing.CREATED, passing.UPDATED, passing.UNCHANGED, passing.ASKED)
    counts = {name: outcomes[name] for name in names}
    run_.counts = {"rows": outcomes.total() + len(pass_.refused), **counts, "rejected": len(pass_.refused)}
    if pass_.notes:
        run_.counts["notes"] = len(pass_.notes)
    run_.state, run_.percent = state, 100
    run_.finished_at = at if state == State.DONE else None
    if state == State.CHECKED:
        run_.planned = run_.counts
    run_.save(update_fields=["counts", "state", "finished_at", "percent", "planned"])
    runs.keep_lists(run_, pass_.refused, pass_.notes)
