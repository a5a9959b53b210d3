"""What must always be true of coupons, draws and credit accounts, asked of the tables themselves."""

from core.jobs.lawbook import Book
from core.lib import sql

# The step of sql/laws.sql that asks, and what is true when nothing is found.
LAWS = {
    "campaign_used": "K1 a campaign has used what its customers have used",
    "usage_counts": "K1 usage counts what is reserved, redeemed, or kept after a roll-back",
    "limits_kept": "K1 neither the limits nor the budget are passed",
    "one_redemption_per_order": "K2 an order has one live redemption of a campaign",
    "attached_as_named": "K2 what points at an order is named like it",
    "one_order_per_coupon": "K2 a coupon is on one order, and says so",
    "lines_carry_the_discount": "K3 the lines carry the discount, none more than itself",
    "refunds_within_the_payment": "K4 refunds are never more than was paid",
    "prizes_gone": "K5 of each prize as many are gone as were given, and never more than there are",
    "ticket_used_once": "K5 a ticket is used exactly when it has its draw",
    "drawn_is_given": "K5 what was drawn is given, or thanks with a reason",
    "no_ticket_of_a_dead_order": "K5 a dead order leaves no ticket to be used",
    "odds_of_everything": "K5 published odds add up to everything",
    "owed": "K6 what is owed is the sum of the entries",
    "authorised": "K6 what is reserved is the sum of the reservations",
    "charged": "K6 each charge is its reservation's, and refunds take back no more",
}
_QUESTIONS, _OF_SOME = sql.steps(__file__, "laws"), sql.steps(__file__, "laws_of_some")
BOOK = Book(
    name="campaigns",
    questions={step: _QUESTIONS[step] for step in LAWS},
    owners=_OF_SOME["owners"],
    changed=_OF_SOME["changed"],
    parts={f"loyalty_{table}": rows for table, rows in _OF_SOME.items() if table not in ("owners", "changed")},
)


def broken() -> list[str]:
    """One line per broken case, at most ten per law; empty when all is well. Never personal data."""
    return [f"{LAWS[step]}: {', '.join(map(str, row))}" for step, rows in BOOK.broken().items() for row in rows]
