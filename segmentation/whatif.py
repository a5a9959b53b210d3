"""What-if: the next night worked out under draft constants, by the same code, without writing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from customers.models import Customer
from segmentation import fitting, frames, night, rules, scoring
from segmentation.models import Alert

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


def preview(parameters: Mapping[str, Any], *, as_of: date) -> Preview:
    """The night of `as_of` under `parameters` on today's data. Raises Invalid for constants out of bounds.

    Needs a fit; the summary is taken as it stands, so the real night agrees exactly on unchanged data.
    """
    constants = rules.validate(dict(parameters))
    # Before anything is read: what changes meanwhile makes the preview outdated, never the other way about.
    digest = rules.digest(constants, on=as_of)
    outcome = night.work_out(as_of, fitting.for_night(as_of, constants), constants)
    state, scores = outcome.state, outcome.scores
    opened = opened_by(outcome)
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
    return _would_open(outcome.state, due, kinds)


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


def _would_open(state: frames.State, rows: frames.Array, kinds: frames.Array) -> list[int]:
    """Customers whose alert is new: no alert of this silence yet, and none open for an unchanged silence."""
    ids = state.customer_id[rows].tolist()
    known = set(Alert.objects.filter(customer_id__in=ids).values_list("customer_id", "kind", "last_on"))
    # An open alert ends tonight if the customer bought since, or if its window is over.
    open_since = {a.customer_id: a for a in Alert.objects.filter(customer_id__in=ids, state=Alert.State.OPEN)}
    opened = []
    for customer_id, row, kind in zip(ids, rows, kinds, strict=True):
        last_on = frames.from_day_number(int(state.last_day[row]))
        standing = open_since.get(customer_id)
        blocked = standing is not None and standing.last_on >= last_on
        if (customer_id, str(kind), last_on) not in known and not blocked:
            opened.append(customer_id)
    return opened
