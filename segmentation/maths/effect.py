"""What a campaign did: those who got it against a random control group, and nobody else."""

from dataclasses import dataclass

import numpy as np

from segmentation.maths.arrays import Floats

NORMAL_95 = 1.96


@dataclass(frozen=True)
class Effect:
    """Means of both groups, their difference, and its 95 % interval, in the unit of the outcome."""

    treated: float
    control: float
    difference: float
    low: float
    high: float

    @property
    def too_early(self) -> bool:
        """The interval spans zero: nothing can be said yet."""
        return self.low <= 0 <= self.high


def difference(treated: Floats, control: Floats) -> Effect:
    """Difference of means with the normal interval d ± 1.96 √(s₁²/n₁ + s₀²/n₀); needs two customers in each group."""
    if min(len(treated), len(control)) < 2:
        raise ValueError("a difference of means needs two customers in each group")
    one, other = float(treated.mean()), float(control.mean())
    error = NORMAL_95 * float(np.sqrt(treated.var(ddof=1) / len(treated) + control.var(ddof=1) / len(control)))
    return Effect(one, other, one - other, one - other - error, one - other + error)
