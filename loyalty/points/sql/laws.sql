-- Each finds what breaks it; no rows means the law holds. Buckets as in Posting: 1 issued, 2 pending, 3 available,
-- 4 held, 5 redeemed, 6 expired, 7 voided, 8 debt, 9 owed. `{sums}` stands for one sum of points per bucket, b1 to b9.

-- name: sums_to_zero
SELECT txn_id, lot_id FROM loyalty_posting GROUP BY txn_id, lot_id HAVING sum(points) <> 0

-- name: account_balances
SELECT a.customer_id FROM loyalty_pointaccount a
  LEFT JOIN (SELECT account_id, {sums} FROM loyalty_posting GROUP BY account_id) p ON p.account_id = a.customer_id
 WHERE (a.pending, a.available, a.held, a.debt, a.debt, a.earned)
       IS DISTINCT FROM (coalesce(b2, 0), coalesce(b3, 0), coalesce(b4, 0), -coalesce(b8, 0), coalesce(b9, 0),
                         -coalesce(b1, 0))

-- name: lot_balances
SELECT l.id FROM loyalty_pointlot l
  LEFT JOIN (SELECT lot_id, {sums} FROM loyalty_posting WHERE lot_id IS NOT NULL GROUP BY lot_id) p
    ON p.lot_id = l.id
 WHERE (l.pending, l.available, l.held, l.original)
       IS DISTINCT FROM (coalesce(b2, 0), coalesce(b3, 0), coalesce(b4, 0), -coalesce(b1, 0))

-- name: nothing_below_zero
SELECT lot_id, bucket FROM loyalty_posting WHERE bucket BETWEEN 2 AND 7
 GROUP BY lot_id, bucket HAVING sum(points) < 0

-- name: no_debt_with_usable_points
SELECT customer_id FROM loyalty_pointaccount WHERE debt > 0 AND available > 0

-- name: held
SELECT a.customer_id FROM loyalty_pointaccount a
  LEFT JOIN (SELECT h.account_id, sum(h.points) AS held, sum(n.points) AS allocated
               FROM loyalty_pointhold h
               LEFT JOIN (SELECT hold_id, sum(points) AS points FROM loyalty_holdallocation GROUP BY hold_id) n
                 ON n.hold_id = h.id
              WHERE h.state = 'active' GROUP BY h.account_id) h ON h.account_id = a.customer_id
 WHERE (a.held, a.held) IS DISTINCT FROM (coalesce(h.held, 0), coalesce(h.allocated, 0))

-- name: numbered
SELECT a.customer_id FROM loyalty_pointaccount a
  LEFT JOIN (SELECT account_id, count(*) AS n, max(seq) AS last FROM loyalty_pointtxn GROUP BY account_id) t
    ON t.account_id = a.customer_id
 WHERE (a.last_seq, a.last_seq) IS DISTINCT FROM (coalesce(t.n, 0), coalesce(t.last, 0))

-- name: lines_of_the_statement
SELECT t.id FROM (SELECT id, account_id, seq, change, balance,
                         sum(change) OVER (PARTITION BY account_id ORDER BY seq) AS summed
                    FROM loyalty_pointtxn) t
  LEFT JOIN (SELECT txn_id, sum(points) AS moved FROM loyalty_posting WHERE bucket = 3 GROUP BY txn_id) p
    ON p.txn_id = t.id
 WHERE (t.change, t.balance) IS DISTINCT FROM (coalesce(p.moved, 0), t.summed)

-- name: time_runs_forward
SELECT id FROM (SELECT id, at, lag(at) OVER (PARTITION BY account_id ORDER BY seq) AS before
                  FROM loyalty_pointtxn) t
 WHERE at < before

-- name: order_granted
SELECT o.order_id FROM loyalty_orderpoints o
  LEFT JOIN (SELECT order_id, sum(order_delta) AS delta FROM loyalty_pointtxn
              WHERE order_id IS NOT NULL GROUP BY order_id) t ON t.order_id = o.order_id
 WHERE o.granted IS DISTINCT FROM coalesce(t.delta, 0)

-- name: order_delta
SELECT t.id FROM loyalty_pointtxn t
  LEFT JOIN (SELECT txn_id, {sums} FROM loyalty_posting GROUP BY txn_id) p ON p.txn_id = t.id
 WHERE t.kind = 'earn' AND t.order_delta IS DISTINCT FROM
       coalesce(b8, 0) - coalesce(b1, 0) - coalesce(b7, 0) - t.forgiven

-- name: expired_points_rest
SELECT p.id FROM loyalty_posting p JOIN loyalty_pointtxn t ON t.id = p.txn_id JOIN loyalty_pointlot l ON l.id = p.lot_id
 WHERE p.bucket = 3 AND p.points < 0 AND t.kind <> 'expire' AND l.expires_at <= t.at

-- name: expires_in_time
SELECT p.id FROM loyalty_posting p JOIN loyalty_pointtxn t ON t.id = p.txn_id JOIN loyalty_pointlot l ON l.id = p.lot_id
 WHERE p.bucket = 6 AND p.points > 0 AND (l.expires_at IS NULL OR l.expires_at > t.at)

-- name: hold_ends_once
SELECT h.id FROM loyalty_pointhold h
  LEFT JOIN (SELECT hold_id, count(*) AS ends, min(at) FILTER (WHERE kind = 'capture') AS captured
               FROM loyalty_pointtxn WHERE kind IN ('capture', 'unhold') GROUP BY hold_id) t ON t.hold_id = h.id
 WHERE coalesce(t.ends, 0) <> CASE WHEN h.state = 'active' THEN 0 ELSE 1 END OR t.captured >= h.expires_at

-- name: nothing_usable_after_expiry
SELECT p.id FROM loyalty_posting p JOIN loyalty_pointtxn t ON t.id = p.txn_id JOIN loyalty_pointlot l ON l.id = p.lot_id
 WHERE p.bucket = 3 AND p.points > 0 AND l.expires_at <= t.at

-- name: first_out
SELECT t.id FROM loyalty_pointtxn t
  JOIN loyalty_posting p ON p.txn_id = t.id AND p.bucket = 3 AND p.points < 0
  JOIN loyalty_pointlot later ON later.id = p.lot_id
  JOIN loyalty_pointlot sooner ON sooner.account_id = t.account_id AND sooner.expires_at > t.at
                              AND sooner.expires_at < coalesce(later.expires_at, 'infinity')
 WHERE t.kind = 'hold'
   AND (SELECT sum(q.points) FROM loyalty_posting q JOIN loyalty_pointtxn u ON u.id = q.txn_id
         WHERE q.lot_id = sooner.id AND q.bucket = 3 AND u.seq <= t.seq) > 0

-- name: returned_lives_no_longer
SELECT l.id FROM loyalty_pointlot l CROSS JOIN (SELECT max(grace_days) AS days FROM loyalty_pointrules) g
 WHERE l.source = 'returned' AND l.expires_at > l.earned_at + g.days * interval '1 day'

-- name: merged_is_empty
SELECT customer_id FROM loyalty_pointaccount
 WHERE state = 'merged' AND pending + available + held + debt <> 0
