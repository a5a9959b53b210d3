"""How far everybody is on the way to the next level: kept by the night, for lists and segments to ask."""

from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from core.lib import sql
from loyalty.maths.tiers import Rule
from loyalty.tiers import figures as facts
from loyalty.tiers.figures import People

Array = NDArray[Any]
_STEPS = sql.steps(__file__, "nearness")


def keep(ids: Array, amount: Array, people: People, ranks: Array, rule: Rule) -> None:
    """What is stored of each customer is the share, in whole per cent, of what the next level asks that they have.

    `ids`, sorted, have `amount` in the window of the rule; of those in `people` the `ranks` are held, others hold the
    lowest. Who is at the top, or has enough and waits for a night, is on no way.
    """
    held = facts.at(ids, *_of(ids, people.ids, ranks))
    asked = np.array([level.qualify for level in rule.levels[1:]] + [0], np.int64)[held]
    on_the_way = (amount > 0) & (amount < asked)
    share = 100 * amount[on_the_way] // asked[on_the_way]
    told = {"ids": ids[on_the_way].tolist(), "shares": share.tolist()}
    with connection.cursor() as cursor:
        for step in ("no_more", "now"):
            cursor.execute(_STEPS[step], told)


def _of(ids: Array, known: Array, values: Array) -> tuple[Array, Array]:
    """Of the values those whose key is among the ids."""
    here = np.isin(known, ids, assume_unique=True)
    return known[here], values[here]
