"""What must be true of the ledger at every moment, asked of the real tables. Nothing here repairs anything."""

from core.jobs.lawbook import Book, Rows
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
_SUMS = ", ".join(f"sum(points) FILTER (WHERE bucket = {bucket}) AS b{bucket}" for bucket in range(1, 10))
_QUESTIONS = {step: text.replace("{sums}", _SUMS) for step, text in sql.steps(__file__, "laws").items()}
_OF_SOME = sql.steps(__file__, "laws_of_some")
BOOK = Book(
    name="points",
    questions={step: _QUESTIONS[step] for step in LAWS},
    owners=_OF_SOME["owners"],
    changed=_OF_SOME["changed"],
    parts={
        f"loyalty_{table}": _OF_SOME[table]
        for table in ("pointaccount", "pointtxn", "posting", "pointlot", "pointhold", "holdallocation", "orderpoints")
    }
    | {name: _OF_SOME[name] for name in ("orders", "lines")},
    # An order may have been granted points by one account and by the one it was merged into.
    instead={"order_granted": {"loyalty_orderpoints": "orders", "loyalty_pointtxn": "lines"}},
    indexed={
        "loyalty_posting": ("txn_id", "lot_id"),
        "loyalty_pointlot": ("id", "account_id"),
        "loyalty_pointtxn": ("id",),
    },
)


def broken() -> dict[str, Rows]:
    """Law -> at most ten rows (ids) that break it; empty when all hold."""
    return {LAWS[step]: rows for step, rows in BOOK.broken().items()}
