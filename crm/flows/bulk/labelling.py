"""A label put on, or taken off, the customers whom the rows of a list tell of."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from core.accounts.models import User
from core.accounts.roles import Permission
from core.jobs.bulk import NOT_YOURS, BulkKind, Result, Results
from core.jobs.models import BulkRun
from core.lib.periods import mall_day
from crm.flows.bulk.results import CHANGED_SINCE, HAD_IT, HAD_IT_NOT, NOBODY, PUT_AWAY, Item, done, skipped, tell_end
from customers.access import standings_of
from customers.models import Label
from customers.record import labels

Reached = Callable[[User, Sequence[int], date], Collection[int]]
# The customer of each row; None of one that is nobody's.
Owners = Callable[[Sequence[int]], Mapping[int, int | None]]


def labelling(name: str, permission: Permission, reached: Reached, owners: Owners) -> BulkKind:
    """The kind of run that does it. Of several rows of one customer the first is the one that did."""

    def do(run: BulkRun, ids: Sequence[int], at: datetime) -> Results:
        customers = owners(ids)
        theirs = {pk for pk in customers.values() if pk is not None}
        seen = set(standings_of(run.by, mall_day(at)).filter(pk__in=theirs).values_list("pk", flat=True))
        changed, code = _labelled(run, sorted(seen), at)
        results = {}
        for pk in ids:
            customer = customers.get(pk)
            if customer is None:
                results[pk] = skipped(NOBODY)
            elif customer not in seen:
                results[pk] = skipped(NOT_YOURS)
            elif customer in changed:
                changed.discard(customer)
                results[pk] = done(customer)
            else:
                results[pk] = skipped(code)
        return results

    def undo(run: BulkRun, before: Mapping[int, Any], at: datetime) -> Results:
        label = Label.objects.get(pk=run.params["label"])
        # A run of before this one remembers nothing: its rows are the customers.
        customers = {pk: pk if customer is None else customer for pk, customer in before.items()}
        code, back = CHANGED_SINCE, set()
        if not run.params["off"]:
            back = set(labels.take_given(run, list(customers.values())))
        elif label.archived_at is not None:
            code = PUT_AWAY
        else:
            back = set(labels.give(label, labels.present(list(customers.values())), by=run.by, at=at, run=run))
        return {pk: Result(Item.UNDONE) if customers[pk] in back else Result(Item.KEPT, code) for pk in before}

    return BulkKind(name, permission, reached, do, undo, told=tell_end)


def _labelled(run: BulkRun, customers: Sequence[int], at: datetime) -> tuple[set[int], str]:
    """Those for whom something has changed, and why nothing has for the others."""
    label = Label.objects.get(pk=run.params["label"])
    if run.params["off"]:
        return set(labels.take(label, customers, by=run.by, at=at, run=run)), HAD_IT_NOT
    if label.archived_at is not None:
        return set(), PUT_AWAY
    return set(labels.give(label, customers, by=run.by, at=at, run=run)), HAD_IT
