"""Small boosted trees for a yes or no: each asks the same few questions of everybody, and a fit is a handful of numbers.

Kept as plain numbers, so that a fit can be stored and read beside all others; the same rows grow the same trees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.maths.arrays import Flags, Floats

Places = NDArray[np.int64]
TREES, QUESTIONS, BINS = 40, 3, 32
PACE = 0.15
# Rows that a leaf is drawn towards nothing by, in units of p (1 - p).
DRAWN = 10.0


@dataclass(frozen=True)
class Trees:
    """Log odds of yes = `base` + one leaf of each tree; a tree asks QUESTIONS times whether a column is above a cut."""

    base: float
    columns: list[list[int]]
    cuts: list[list[float]]
    leaves: list[list[float]]

    def log_odds(self, table: Floats) -> Floats:
        """Per row of `table` (rows × columns)."""
        total = np.full(len(table), self.base)
        for columns, cuts, leaves in zip(self.columns, self.cuts, self.leaves, strict=True):
            leaf = np.zeros(len(table), dtype=np.int64)
            for column, cut in zip(columns, cuts, strict=True):
                leaf = 2 * leaf + (table[:, column] > cut)
            total += np.array(leaves)[leaf]
        return total


def grow(table: Floats, happened: Flags) -> Trees:
    """Trees for what `happened` to the rows of `table`; deterministic. Raises ValueError where all or nobody did."""
    share = float(happened.mean()) if len(happened) else 0.0
    if not 0 < share < 1:
        raise ValueError("nothing to tell apart")
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1])) for column in table.T]
    places = [np.searchsorted(edge, column, side="left") for edge, column in zip(edges, table.T, strict=True)]
    grown = Trees(float(np.log(share / (1 - share))), [], [], [])
    odds = np.full(len(table), grown.base)
    for _tree in range(TREES):
        chance = 1 / (1 + np.exp(-odds))
        off, weight = happened - chance, chance * (1 - chance)
        leaf, columns, cuts = np.zeros(len(table), dtype=np.int64), [], []
        for question in range(QUESTIONS):
            gains = [_gains(leaf, 2**question, place, off, weight)[: len(edges[i])] for i, place in enumerate(places)]
            column = max(range(len(gains)), key=lambda i: gains[i].max(initial=-np.inf))
            cut = int(np.argmax(gains[column]))
            columns.append(column)
            cuts.append(float(edges[column][cut]))
            leaf = 2 * leaf + (places[column] > cut)
        sums, weights = (np.bincount(leaf, of, 2**QUESTIONS) for of in (off, weight))
        steps = PACE * sums / (weights + DRAWN)
        odds = odds + steps[leaf]
        grown.columns.append(columns)
        grown.cuts.append(cuts)
        grown.leaves.append([float(step) for step in steps])
    return grown


def _gains(leaf: Places, leaves: int, place: Places, off: Floats, weight: Floats) -> Floats:
    """What each cut of one column gains over all leaves that there are so far."""
    key = leaf * BINS + place
    sums, weights = (np.bincount(key, of, leaves * BINS).reshape(leaves, BINS).cumsum(axis=1) for of in (off, weight))
    above, above_weights = sums[:, -1:] - sums, weights[:, -1:] - weights
    gains: Floats = (sums**2 / (weights + DRAWN) + above**2 / (above_weights + DRAWN)).sum(axis=0)
    return gains
