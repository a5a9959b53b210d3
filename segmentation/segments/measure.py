"""How many a tree of conditions holds: counted, or estimated from a fixed fiftieth of all and said to be an estimate."""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

from django.db import OperationalError, connection, transaction
from django.db.models import Count, F, Func, IntegerField, Q, QuerySet
from django.db.models.lookups import GreaterThanOrEqual, LessThan

from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import Context, Cost
from core.lib.conditions.tree import All, Node
from customers.models import Standing
from segmentation.segments.membership import QUERY_CANCELED

# Customers fall into a thousand buckets by a hash of their number; twenty of them are a sample of 2 %.
# (An index of customers holds the first twenty.)
SAMPLED = 20
_BUCKET = "mod(hashint8(%(expressions)s) & 2147483647, 1000)"
LONGEST_MS = 3000
# Of fewer in the sample nothing can be said but that they are few.
FEW = 10
SURE = 1.959964  # 95 %
AT_RANDOM = 10
CLASSES = {name.lower(): member for name, member in Standing.Class.__members__.items()}


class Without(NamedTuple):
    """How many there would be without one line of the tree, by its place among the lines."""

    line: int
    size: int


@dataclass(frozen=True)
class Measure:
    """The size of a tree; as an estimate with the bounds of a 95 % interval, and `few` where even that says too much."""

    size: int
    low: int
    high: int
    seconds: float
    is_estimate: bool = False
    few: bool = False
    classes: tuple[tuple[Standing.Class, int], ...] = ()
    without: tuple[Without, ...] = ()


def measure(rows: QuerySet[Standing], node: Node, catalogue: Catalogue, context: Context) -> Measure:
    """Exactly how many of `rows` the tree holds, by class; where all of it is plain, also without each line of it.

    A tree that has to add up rows has 3 seconds; what takes longer is estimated.
    """
    begun = time.perf_counter()
    if catalogue.cost(node) is not Cost.HEAVY:
        return _counted(rows, node, catalogue, context, begun)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [LONGEST_MS])
            counted = _counted(rows, node, catalogue, context, begun)
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
            return counted
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", "") != QUERY_CANCELED:
            raise
    return estimate(rows, node, catalogue, context)


def estimate(
    rows: QuerySet[Standing], node: Node, catalogue: Catalogue, context: Context, *, first_bucket: int = 0
) -> Measure:
    """About how many of `rows` the tree holds, by a fixed sample of 2 % of them: the same whenever it is asked."""
    begun = time.perf_counter()
    sample = rows.filter(in_sample(first_bucket))
    asked, total = sample.count(), rows.count()
    hits = sample.filter(catalogue.compile(node, context)).count()
    low, high = interval(hits, asked)
    return Measure(
        size=round(total * hits / asked) if asked else 0,
        low=math.floor(total * low),
        high=math.ceil(total * high),
        seconds=time.perf_counter() - begun,
        is_estimate=True,
        few=hits < FEW,
    )


def at_random(rows: QuerySet[Standing], node: Node, catalogue: Catalogue, context: Context) -> list[Standing]:
    """Ten of those the tree holds, drawn by the hash of their number: the same ten while somebody edits."""
    inside = rows.filter(catalogue.compile(node, context))
    return list(inside.select_related("customer").order_by(_bucket(), "customer_id")[:AT_RANDOM])


def in_sample(first_bucket: int = 0) -> Q:
    """The rows of one of the fifty samples of 2 %."""
    from_first = Q(GreaterThanOrEqual(_bucket(), first_bucket)) if first_bucket else Q()
    return from_first & Q(LessThan(_bucket(), first_bucket + SAMPLED))


def interval(hits: int, asked: int) -> tuple[float, float]:
    """The shares between which the share of all lies, 19 times of 20, when so many of those asked have it (Wilson)."""
    if asked == 0:
        return 0.0, 1.0
    share, square = hits / asked, SURE * SURE
    middle = (share + square / (2 * asked)) / (1 + square / asked)
    half = SURE * math.sqrt(share * (1 - share) / asked + square / (4 * asked * asked)) / (1 + square / asked)
    low = middle - half if hits else 0.0
    return low, middle + half if hits < asked else 1.0


def _bucket() -> Func:
    return Func(F("customer"), template=_BUCKET, output_field=IntegerField())


def _counted(rows: QuerySet[Standing], node: Node, catalogue: Catalogue, context: Context, begun: float) -> Measure:
    lines = node.parts if isinstance(node, All) else ()
    plain = len(lines) > 1 and catalogue.cost(node) is Cost.PLAIN
    compiled = catalogue.compile(node, context)
    wanted = {name: Count("pk", filter=Q(customer_class=member)) for name, member in CLASSES.items()}
    if plain:
        # One pass over all of them: with the condition on each count, none of which may leave rows out for the others.
        wanted = {name: Count("pk", filter=compiled & Q(customer_class=member)) for name, member in CLASSES.items()}
        for number in range(len(lines)):
            others = All(lines[:number] + lines[number + 1 :])
            wanted[f"without_{number}"] = Count("pk", filter=catalogue.compile(others, context))
    counts = (rows if plain else rows.filter(compiled)).aggregate(**wanted)
    size = sum(counts[name] for name in CLASSES)
    return Measure(
        size=size,
        low=size,
        high=size,
        seconds=time.perf_counter() - begun,
        classes=tuple((member, counts[name]) for name, member in CLASSES.items() if counts[name]),
        without=tuple(Without(number, counts[f"without_{number}"]) for number in range(len(lines)) if plain),
    )


def is_heavy(node: Node, catalogue: Catalogue) -> bool:
    return catalogue.cost(node) is Cost.HEAVY
