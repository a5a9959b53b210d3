"""What must be true of the ledger at every moment, asked of the real tables. Nothing here repairs anything."""

from django.db import connection

# Each finds what breaks it; no rows means the law holds. Buckets as in Posting: 1 issued, 2 pending, 3 available,
# 4 held, 5 redeemed, 6 expired, 7 voided, 8 debt, 9 owed.
LAWS = {
    "postings sum to zero, in each transaction and lot": """
        SELECT txn_id, lot_id FROM loyalty_posting GROUP BY txn_id, lot_id HAVING sum(points) <> 0""",
    "an account's balances are the sums of its postings": """
        SELECT a.customer_id FROM loyalty_pointaccount a
          LEFT JOIN (SELECT account_id, {sums} FROM loyalty_posting GROUP BY account_id) p ON p.account_id = a.customer_id
         WHERE (a.pending, a.available, a.held, a.debt, a.debt, a.earned)
               IS DISTINCT FROM (coalesce(b2, 0), coalesce(b3, 0), coalesce(b4, 0), -coalesce(b8, 0), coalesce(b9, 0),
                                 -coalesce(b1, 0))""",
    "a lot's balances are the sums of its postings": """
        SELECT l.id FROM loyalty_pointlot l
          LEFT JOIN (SELECT lot_id, {sums} FROM loyalty_posting WHERE lot_id IS NOT NULL GROUP BY lot_id) p
            ON p.lot_id = l.id
         WHERE (l.pending, l.available, l.held, l.original)
               IS DISTINCT FROM (coalesce(b2, 0), coalesce(b3, 0), coalesce(b4, 0), -coalesce(b1, 0))""",
    "only what the mall issued, and a debt, is below zero": """
        SELECT lot_id, bucket FROM loyalty_posting WHERE bucket BETWEEN 2 AND 7
         GROUP BY lot_id, bucket HAVING sum(points) < 0""",
    "nobody owes points and can use points": """
        SELECT customer_id FROM loyalty_pointaccount WHERE debt > 0 AND available > 0""",
    "held points are those of the running holds, and of their allocations": """
        SELECT a.customer_id FROM loyalty_pointaccount a
          LEFT JOIN (SELECT h.account_id, sum(h.points) AS held, sum(n.points) AS allocated
                       FROM loyalty_pointhold h
                       LEFT JOIN (SELECT hold_id, sum(points) AS points FROM loyalty_holdallocation GROUP BY hold_id) n
                         ON n.hold_id = h.id
                      WHERE h.state = 'active' GROUP BY h.account_id) h ON h.account_id = a.customer_id
         WHERE (a.held, a.held) IS DISTINCT FROM (coalesce(h.held, 0), coalesce(h.allocated, 0))""",
    "transactions are numbered 1 to n": """
        SELECT a.customer_id FROM loyalty_pointaccount a
          LEFT JOIN (SELECT account_id, count(*) AS n, max(seq) AS last FROM loyalty_pointtxn GROUP BY account_id) t
            ON t.account_id = a.customer_id
         WHERE (a.last_seq, a.last_seq) IS DISTINCT FROM (coalesce(t.n, 0), coalesce(t.last, 0))""",
    "a line says what changed, and what could be used after it": """
        SELECT t.id FROM (SELECT id, account_id, seq, change, balance,
                                 sum(change) OVER (PARTITION BY account_id ORDER BY seq) AS summed
                            FROM loyalty_pointtxn) t
          LEFT JOIN (SELECT txn_id, sum(points) AS moved FROM loyalty_posting WHERE bucket = 3 GROUP BY txn_id) p
            ON p.txn_id = t.id
         WHERE (t.change, t.balance) IS DISTINCT FROM (coalesce(p.moved, 0), t.summed)""",
    "the time of an account never runs backwards": """
        SELECT id FROM (SELECT id, at, lag(at) OVER (PARTITION BY account_id ORDER BY seq) AS before
                          FROM loyalty_pointtxn) t
         WHERE at < before""",
    "an order has been granted the sum of its differences": """
        SELECT o.order_id FROM loyalty_orderpoints o
          LEFT JOIN (SELECT order_id, sum(order_delta) AS delta FROM loyalty_pointtxn
                      WHERE order_id IS NOT NULL GROUP BY order_id) t ON t.order_id = o.order_id
         WHERE o.granted IS DISTINCT FROM coalesce(t.delta, 0)""",
    "an order's difference was issued, taken back, owed or forgiven": """
        SELECT t.id FROM loyalty_pointtxn t
          LEFT JOIN (SELECT txn_id, {sums} FROM loyalty_posting GROUP BY txn_id) p ON p.txn_id = t.id
         WHERE t.kind = 'earn' AND t.order_delta IS DISTINCT FROM
               coalesce(b8, 0) - coalesce(b1, 0) - coalesce(b7, 0) - t.forgiven""",
    "points past their expiry are not used, held or taken": """
        SELECT p.id FROM loyalty_posting p JOIN loyalty_pointtxn t ON t.id = p.txn_id JOIN loyalty_pointlot l ON l.id = p.lot_id
         WHERE p.bucket = 3 AND p.points < 0 AND t.kind <> 'expire' AND l.expires_at <= t.at""",
    "nothing expires before its time": """
        SELECT p.id FROM loyalty_posting p JOIN loyalty_pointtxn t ON t.id = p.txn_id JOIN loyalty_pointlot l ON l.id = p.lot_id
         WHERE p.bucket = 6 AND p.points > 0 AND (l.expires_at IS NULL OR l.expires_at > t.at)""",
    "a redemption is finished in time, and once": """
        SELECT h.id FROM loyalty_pointhold h
          LEFT JOIN (SELECT hold_id, count(*) AS ends, min(at) FILTER (WHERE kind = 'capture') AS captured
                       FROM loyalty_pointtxn WHERE kind IN ('capture', 'unhold') GROUP BY hold_id) t ON t.hold_id = h.id
         WHERE coalesce(t.ends, 0) <> CASE WHEN h.state = 'active' THEN 0 ELSE 1 END OR t.captured >= h.expires_at""",
    "nothing becomes usable after its expiry": """
        SELECT p.id FROM loyalty_posting p JOIN loyalty_pointtxn t ON t.id = p.txn_id JOIN loyalty_pointlot l ON l.id = p.lot_id
         WHERE p.bucket = 3 AND p.points > 0 AND l.expires_at <= t.at""",
    "what expires first is used first": """
        SELECT t.id FROM loyalty_pointtxn t
          JOIN loyalty_posting p ON p.txn_id = t.id AND p.bucket = 3 AND p.points < 0
          JOIN loyalty_pointlot later ON later.id = p.lot_id
          JOIN loyalty_pointlot sooner ON sooner.account_id = t.account_id AND sooner.expires_at > t.at
                                      AND sooner.expires_at < coalesce(later.expires_at, 'infinity')
         WHERE t.kind = 'hold'
           AND (SELECT sum(q.points) FROM loyalty_posting q JOIN loyalty_pointtxn u ON u.id = q.txn_id
                 WHERE q.lot_id = sooner.id AND q.bucket = 3 AND u.seq <= t.seq) > 0""",
    "points that come back do not live longer for it": """
        SELECT l.id FROM loyalty_pointlot l CROSS JOIN (SELECT max(grace_days) AS days FROM loyalty_pointrules) g
         WHERE l.source = 'returned' AND l.expires_at > l.earned_at + g.days * interval '1 day'""",
    "a merged account is empty": """
        SELECT customer_id FROM loyalty_pointaccount
         WHERE state = 'merged' AND pending + available + held + debt <> 0""",
}
_SUMS = ", ".join(f"sum(points) FILTER (WHERE bucket = {bucket}) AS b{bucket}" for bucket in range(1, 10))


def broken() -> dict[str, list[tuple[int, ...]]]:
    """Law -> at most ten rows (ids) that break it; empty when all hold."""
    found = {}
    with connection.cursor() as cursor:
        for law, sql in LAWS.items():
            # No LIMIT: the planner would bet on finding rows early, and there are none.
            cursor.execute(sql.replace("{sums}", _SUMS))
            if rows := cursor.fetchmany(10):
                found[law] = rows
    return found
