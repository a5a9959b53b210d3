"""Prize draws that can be checked afterwards: rules published and then frozen, odds in parts per million.

`setup` is before the first draw, `tickets` who may draw, `drawing` the draw itself, `prizes` what becomes of what was won,
`proof` how everybody can check it. Callers say `draws.publish(…)`: every verb stands here.
"""

from loyalty.campaigns.draws.drawing import draw, merge
from loyalty.campaigns.draws.prizes import claim, credit_points, end_due, hand_over, points_to_grant
from loyalty.campaigns.draws.proof import (
    Odds,
    archive,
    commitment_of,
    disagreements,
    fell_on,
    odds,
    roll_of,
    secret_shown,
)
from loyalty.campaigns.draws.setup import (
    MOST_PRIZES,
    TERMS,
    Check,
    PrizeFact,
    call_off,
    change,
    checklist,
    create,
    drop,
    favour,
    publish,
    set_prizes,
)
from loyalty.campaigns.draws.tickets import (
    buy_ticket,
    follow_orders,
    follow_some,
    for_orders,
    for_points,
    give_ticket,
    of_orders,
)

__all__ = [
    "MOST_PRIZES",
    "TERMS",
    "Check",
    "Odds",
    "PrizeFact",
    "archive",
    "buy_ticket",
    "call_off",
    "change",
    "checklist",
    "claim",
    "commitment_of",
    "create",
    "credit_points",
    "disagreements",
    "draw",
    "drop",
    "end_due",
    "favour",
    "fell_on",
    "follow_orders",
    "follow_some",
    "for_orders",
    "for_points",
    "give_ticket",
    "hand_over",
    "merge",
    "odds",
    "of_orders",
    "points_to_grant",
    "publish",
    "roll_of",
    "secret_shown",
    "set_prizes",
]
