"""What other tier rules would do, worked out by the night that would apply them; and how they come into force.

Callers say `simulation.publish(…)`: every verb stands here.
"""

from loyalty.tiers.simulation.drafts import (
    drop_draft,
    fresh,
    movers,
    moves_of,
    named_moves,
    new_draft,
    newest,
    save_draft,
    simulate,
)
from loyalty.tiers.simulation.outcome import Figures, distribution, figures, histogram, rehearse, try_out
from loyalty.tiers.simulation.publishing import (
    Aftermath,
    StaleSimulation,
    actual_moves,
    aftermath,
    publish,
    roll_back,
    withdraw,
)
from loyalty.tiers.simulation.working_out import Simulated, work_out

__all__ = [
    "Aftermath",
    "Figures",
    "Simulated",
    "StaleSimulation",
    "actual_moves",
    "aftermath",
    "distribution",
    "drop_draft",
    "figures",
    "fresh",
    "histogram",
    "movers",
    "moves_of",
    "named_moves",
    "new_draft",
    "newest",
    "publish",
    "rehearse",
    "roll_back",
    "save_draft",
    "simulate",
    "try_out",
    "withdraw",
    "work_out",
]
