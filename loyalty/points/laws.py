"""What must be true of the ledger at every moment, asked of the real tables. Nothing here repairs anything."""

from django.db import connection

from core.lib import sql

# The step of sql/laws.sql that asks, and what is true when nothing is found.
LAWS = {
    "sums_to_zero": "postings sum to zero, in each transaction and lot",
    "account_balances": "an account's balances are the sums of its postings",
    "lot_balances": "a lot's balances are the sums of its postings",
    "nothing_below_zero": "only what the mall issued, and a debt, is below zero",
    "no_debt_with_usable_points": "nobody owes points and can use points",
    "held": "held points are those of the running holds, and of their allocations",
    "numbered": "transactions are numbered 1 to n",
    "lines_of_the_statement": "a line says what changed, and what could be used after it",
    "time_runs_forward": "the time of an account never runs backwards",
    "order_granted": "an order has been granted the sum of its differences",
    "order_delta": "an order's difference was issued, taken back, owed or forgiven",
    "expired_points_rest": "points past their expiry are not used, held or taken",
    "expires_in_time": "nothing expires before its time",
    "hold_ends_once": "a redemption is finished in time, and once",
    "nothing_usable_after_expiry": "nothing becomes usable after its expiry",
    "first_out": "what expires first is used first",
    "returned_lives_no_longer": "points that come back do not live longer for it",
    "merged_is_empty": "a merged account is empty",
}
_QUESTIONS = sql.steps(__file__, "laws")
_SUMS = ", ".join(f"sum(points) FILTER (WHERE bucket = {bucket}) AS b{bucket}" for bucket in range(1, 10))


def broken() -> dict[str, list[tuple[int, ...]]]:
    """Law -> at most ten rows (ids) that break it; empty when all hold."""
    broken_by = {}
    with connection.cursor() as cursor:
        for step, law in LAWS.items():
            # No LIMIT: the planner would bet on finding rows early, and there are none.
            cursor.execute(_QUESTIONS[step].replace("{sums}", _SUMS))
            if rows := cursor.fetchmany(10):
                broken_by[law] = rows
    return broken_by
