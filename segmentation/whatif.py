"""What-if: the next night worked out under draft constants, by the same code, without writing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef

from core.lib.periods import mall_midnight
from customers.models import Customer
from segmentation import fitting, frames, night, rules, scoring
from segmentation.models import Alert, AlertComment, Night
from segmentation.shop import feeds

SHOWN = 50


class Mover(NamedTuple):
    """A customer whose class would change; the value in minor units."""

    customer_id: int
    number: str
    name: str
    before: int
    after: int
    value: int


@dataclass(frozen=True)
class Preview:
    """What the next night would do. `class_moves[(before, after)]` counts customers; `movers` lists them by value.

    `digest` names what it rests on: `rules.save` asks for it.
    """

    digest: str
    as_of: date
    class_moves: dict[tuple[int, int], int]
    type_moves: dict[tuple[int, int], int]
    movers: list[Mover]
    alerts_opened: int
    alerts_by_manager: dict[int | None, int]
    classes_after: dict[int, int]
    opened_customer_ids: list[int] = field(repr=False, default_factory=list)

    @property
    def moved(self) -> int:
        """All whose class changes; `movers` are the first of them."""
        return sum(count for (before, after), count in self.class_moves.items() if before != after)


@contextmanager
def nights_before(as_of: date, *, today: date) -> Iterator[None]:
    """Inside, the nights still to come before that of `as_of` have run, under the rules that hold for them.

    Nothing of them is stored. A night that was missed is never made up for.
    """
    last = Night.objects.order_by("as_of").last()
    first = max(today, last.as_of + timedelta(days=1)) if last else as_of
    to_come = [first + timedelta(days=days) for days in range((as_of - first).days)]
    with transaction.atomic():
        for day in to_come:
            rule_set, constants = rules.current(day), rules.constants(day)
            fit = fitting.for_night(day, constants)
            outcome = night.work_out(day, fit, constants, restores=night.restored_by(rule_set, day))
            night.write(outcome, fit, rule_set, at=mall_midnight(day))
        yield
        transaction.set_rollback(bool(to_come))


def preview(parameters: Mapping[str, Any], *, as_of: date, on: date | None = None) -> Preview:
    """The night of `as_of` under `parameters` on the data of the day `on`. Raises Invalid for constants out of bounds.

    Needs a fit; the summary is taken as it stands, so the real night agrees exactly on unchanged data.
    """
    constants = rules.validate(dict(parameters))
    # Before anything is read: what changes meanwhile makes the preview outdated, never the other way about.
    digest = rules.digest(constants, on=on or as_of)
    with nights_before(as_of, today=on or as_of):
        outcome = night.work_out(as_of, fitting.for_night(as_of, constants), constants)
        opened = opened_by(outcome)
    state, scores = outcome.state, outcome.scores
    managers = dict(Customer.objects.filter(pk__in=opened).values_list("pk", "manager_id"))
    return Preview(
        digest=digest,
        as_of=as_of,
        class_moves=_moves(state.class_before, scores.customer_class),
        type_moves=_moves(state.type_before, scores.matrix_type),
        movers=_movers(state, scores),
        alerts_opened=len(opened),
        alerts_by_manager=dict(Counter(managers.get(customer_id) for customer_id in opened)),
        classes_after={code: int((scores.customer_class == code).sum()) for code in (2, 1, 0)},
        opened_customer_ids=opened,
    )


def opened_by(outcome: night.Outcome) -> list[int]:
    """The customers for whom this night would open an alert."""
    due = np.flatnonzero(outcome.quiet | outcome.long_absent)
    kinds = np.where(outcome.quiet[due], Alert.Kind.QUIET.value, Alert.Kind.LONG_ABSENCE.value)
    return _would_open(outcome, due, kinds)


def _movers(state: frames.State, scores: scoring.Scores) -> list[Mover]:
    """Those of the greatest value whose class changes."""
    moved = np.flatnonzero(scores.customer_class != state.class_before)
    moved = moved[np.argsort(-scores.value[moved], kind="stable")][:SHOWN]
    people = Customer.objects.filter(pk__in=state.customer_id[moved].tolist())
    known = {pk: (number, name) for pk, number, name in people.values_list("pk", "number", "name")}
    return [
        Mover(
            customer_id=int(state.customer_id[row]),
            number=known[int(state.customer_id[row])][0],
            name=known[int(state.customer_id[row])][1],
            before=int(state.class_before[row]),
            after=int(scores.customer_class[row]),
            value=int(scores.value[row]),
        )
        for row in moved
    ]


def _moves(before: frames.Array, after: frames.Array) -> dict[tuple[int, int], int]:
    pairs, counts = np.unique(np.stack([before, after]), axis=1, return_counts=True)
    return {(int(b), int(a)): int(n) for (b, a), n in zip(pairs.T, counts, strict=True)}


def _would_open(outcome: night.Outcome, rows: frames.Array, kinds: frames.Array) -> list[int]:
    """Customers whose alert is new: no alert of this silence yet, and none open that this night does not end first."""
    state = outcome.state
    windows_end = not feeds.says_too_little(outcome.feeds, outcome.as_of)
    ids = state.customer_id[rows].tolist()
    known = set(Alert.objects.filter(customer_id__in=ids).values_list("customer_id", "kind", "last_on"))
    # An open alert ends tonight if the customer bought since, if its window is over, or if its purchase is gone.
    standing_alerts = Alert.objects.filter(customer_id__in=ids, state=Alert.State.OPEN)
    spoken_of = Exists(AlertComment.objects.filter(alert=OuterRef("pk")))
    open_since = {a.customer_id: a for a in standing_alerts.annotate(is_spoken_of=spoken_of)}
    opened = []
    for customer_id, row, kind in zip(ids, rows, kinds, strict=True):
        last_on = frames.from_day_number(int(state.last_day[row]))
        standing = open_since.get(customer_id)
        blocked = (
            standing is not None
            and standing.last_on >= last_on
            and not (windows_end and standing.window_ends_on < outcome.as_of)
            and not (standing.last_on > last_on and not standing.decision and not standing.is_spoken_of)
        )
        if (customer_id, str(kind), last_on) not in known and not blocked:
            opened.append(customer_id)
    return opened
