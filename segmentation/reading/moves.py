"""Why a night moved a customer: what it compared, in words. By the figures it wrote down and the functions it used.

How regular somebody is on a past night is worked out again from the purchase days until then, as they are on record now.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field
from core.lib import mall
from core.lib.money import from_minor, to_minor
from customers.models import Order, Standing
from segmentation import fitting, rules
from segmentation.maths import classes, gaps
from segmentation.models import Change, Night
from segmentation.reading.terms import percent

Class = Standing.Class


class Habit(NamedTuple):
    """How regular somebody was on the night: known intervals, days of silence, which share of silences lasts longer, and
    the share that the limit is at.
    """

    known: int
    quiet: int
    longer: float
    tail_level: float


class Why(NamedTuple):
    """One move in words: from, to, and what was compared."""

    change: Change
    before: str
    after: str
    why: str


def explained(changes: Sequence[Change], night: Night, reader: User) -> list[Why]:
    """The moves of this night, each with its why; without figures of value for who does not see them."""
    terms = {**rules.DEFAULTS, **night.rules.parameters}
    habits = _habits([change.customer_id for change in changes], night, terms)
    values = sees(reader, Field.VALUE)
    return [
        Why(
            change,
            _place(change.class_before, change.type_before),
            _place(change.class_after, change.type_after),
            " ".join(dict.fromkeys(_reasons(change, night, terms, habits.get(change.customer_id), values))),
        )
        for change in changes
    ]


def _place(customer_class: int, matrix_type: int) -> str:
    kind = Standing.Type(matrix_type).label if matrix_type else ""
    return f"{Class(customer_class).label} {kind}".strip()


def _reasons(change: Change, night: Night, terms: dict[str, float], habit: Habit | None, values: bool) -> Iterator[str]:
    before, after = change.class_before, change.class_after
    if after == Class.PROSPECT:
        yield _("No purchase counts any more: all were cancelled or sent back.")
        return
    worth = to_minor(change.value)
    if before != after and Class.BIG in (before, after):
        factor = classes.factor(classes.Side.of(before), terms["big_enter"], terms["big_leave"])
        yield _beside(_("Value"), worth, night.value_bar * factor, values)
        if before == Class.BIG and worth >= night.value_bar * factor:
            yield _("At most %(share)s of all are big, and others stand further above.") % {
                "share": percent(terms["big_cap"])
            }
    if before != after and habit is not None and after != Class.BIG:
        yield _of_habit(before, after, habit, terms)
    yield from _of_type(change, night, terms, values)


def _of_habit(before: int, after: int, habit: Habit, terms: dict[str, float]) -> str:
    if habit.known < 2:
        return _("Too few purchases to know a habit.")
    figures = {"known": habit.known, "quiet": habit.quiet, "longer": percent(habit.longer, 1)}
    said = ngettext(
        "%(known)d known interval; quiet for %(quiet)d days, and %(longer)s of such silences last longer.",
        "%(known)d known intervals; quiet for %(quiet)d days, and %(longer)s of such silences last longer.",
        habit.known,
    )
    floor = classes.active_floor(
        before == Class.ACTIVE, habit.tail_level, enter=terms["active_enter"], leave=terms["active_leave"]
    )
    bar = _("Active from %(floor)s on.") % {"floor": percent(floor, 1)}
    return f"{said % figures} {bar}"


def _of_type(change: Change, night: Night, terms: dict[str, float], values: bool) -> Iterator[str]:
    """What of value and potential changed its side of the bar."""
    before, after = change.type_before, change.type_after
    if before == after or not after or not before:
        return
    sides = (
        (_("Value"), (3, 4), to_minor(change.value), night.value_bar),
        (_("Potential"), (2, 4), to_minor(change.potential), night.potential_bar),
    )
    for label, high, amount, bar in sides:
        if (before in high) != (after in high):
            yield _beside(label, amount, bar * terms["big_leave" if before in high else "big_enter"], values)


def _beside(label: str, amount: int, bar: float, values: bool) -> str:
    above = amount >= bar
    if not values:
        return (_("%(what)s reached its bar.") if above else _("%(what)s fell below its bar.")) % {"what": label}
    said = (
        _("%(what)s %(amount)s, the bar is %(bar)s.") if above else _("%(what)s %(amount)s, below the bar of %(bar)s.")
    )
    figures = {"amount": mall.priced(from_minor(amount), 0), "bar": mall.priced(from_minor(round(bar)), 0)}
    return said % {"what": label, **figures}


def _habits(customer_ids: Collection[int], night: Night, terms: dict[str, float]) -> dict[int, Habit]:
    """Of each who had bought by then, from the purchase days on record."""
    days: dict[int, list[date]] = defaultdict(list)
    back = Q(fully_refunded_on__isnull=True) | Q(fully_refunded_on__gt=night.as_of)
    bought = Order.objects.filter(
        back, customer__in=customer_ids, status=Order.Status.PAID, ordered_on__lte=night.as_of
    )
    for customer_id, day in bought.order_by("ordered_on").values_list("customer", "ordered_on").distinct():
        days[customer_id].append(day)
    parameters = fitting.Parameters.from_json(night.fit.parameters)
    population = parameters.gaps
    known = np.array([len(row) - 1 for row in days.values()], dtype=np.int64)
    sums = np.array([sum(_log_gaps(row)) for row in days.values()], dtype=np.float64)
    quiet = np.array([(night.as_of - row[-1]).days for row in days.values()], dtype=np.float64)
    longer = gaps.lateness(population, known, sums, quiet).tolist()
    levels = gaps.limits(population, known, sums, *parameters.tail(terms)).tail_level.tolist()
    return {
        customer_id: Habit(len(row) - 1, (night.as_of - row[-1]).days, share, level)
        for (customer_id, row), share, level in zip(days.items(), longer, levels, strict=True)
    }


def _log_gaps(days: Sequence[date]) -> Iterator[float]:
    return (math.log((later - earlier).days) for earlier, later in pairwise(days))


def of_night(night: Night) -> Q:
    """Moves of this night; first classifications are no movement."""
    return Q(on=night.as_of) & ~Q(class_before=Class.PROSPECT) & ~_stood_still()


def _stood_still() -> Q:
    return Q(class_before=F("class_after"), type_before=F("type_after"))
