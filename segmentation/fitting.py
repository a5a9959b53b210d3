"""The weekly fit: what the shop's own history says about gaps, purchases, profit, potential and the alert level."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from segmentation import frames
from segmentation.maths import backtest, gaps, potential, profit, purchases, value
from segmentation.maths.histories import Histories, State, state_at
from segmentation.models import Fit

EVERY = timedelta(days=7)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
MIN_REPEAT_BUYERS = 200
FALLBACK_A_MAX = 0.10


@dataclass(frozen=True)
class Parameters:
    """Everything the score of a customer depends on besides the customer and the rules."""

    gaps: gaps.GapPopulation
    bgnbd: purchases.BgNbd | None
    credibility: profit.Credibility
    weight: float
    a_max: float
    half_life_days: float
    history_days: int
    potential: potential.PotentialTable | None

    def to_json(self) -> dict[str, Any]:
        return {
            "gaps": vars(self.gaps),
            "bgnbd": vars(self.bgnbd) if self.bgnbd else None,
            "credibility": vars(self.credibility),
            "weight": self.weight,
            "a_max": self.a_max,
            "half_life_days": self.half_life_days,
            "history_days": self.history_days,
            "potential": self.potential.to_dict() if self.potential else None,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Parameters":
        return cls(
            gaps=gaps.GapPopulation(**stored["gaps"]),
            bgnbd=purchases.BgNbd(**stored["bgnbd"]) if stored["bgnbd"] else None,
            credibility=profit.Credibility(**stored["credibility"]),
            weight=stored["weight"],
            a_max=stored["a_max"],
            half_life_days=stored["half_life_days"],
            history_days=stored["history_days"],
            potential=potential.PotentialTable.from_dict(stored["potential"]) if stored["potential"] else None,
        )
