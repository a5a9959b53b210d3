-- What members hold, what they bought and what refunds took back. `ids` NULL: everybody.

-- name: held
SELECT customer_id, rank, since, coalesce(review_on, '9999-12-31'), coalesce(grace_until, '9999-12-31'),
       coalesce(earned_from, '1900-01-01'), coalesce(earned_to, '1900-01-01'), earned_bar, seq
  FROM loyalty_membership
 WHERE (%(ids)s::bigint[] IS NULL OR customer_id = ANY(%(ids)s::bigint[]))
   AND (%(due)s::date IS NULL OR rank > 0 AND review_on <= %(due)s)
 ORDER BY customer_id

-- name: sums
-- One column per span: `bought`, `returned` and `differences` are put in, each with one expression for every span.
WITH bought AS (
    SELECT customer_id, {bought}
      FROM customers_order
     WHERE status = 'paid' AND ordered_on >= %(first)s AND ordered_on < %(last)s
       AND (%(ids)s::bigint[] IS NULL OR customer_id = ANY(%(ids)s::bigint[]))
     GROUP BY customer_id
), returned AS (
    SELECT r.customer_id, {returned}
      FROM customers_refund r JOIN customers_order o ON o.id = r.order_id AND o.status = 'paid'
     WHERE r.purchased_on >= %(first)s AND r.purchased_on < %(last)s
       AND (%(ids)s::bigint[] IS NULL OR r.customer_id = ANY(%(ids)s::bigint[]))
     GROUP BY r.customer_id
)
SELECT customer_id,
       {differences}
  FROM bought b LEFT JOIN returned r USING (customer_id)
 ORDER BY customer_id

-- name: net_spend
-- The facts of some, by what the rules count: money, or orders.
SELECT customer_id, ordered_on, paid, ordered_on FROM customers_order
 WHERE status = 'paid' AND customer_id {some}
UNION ALL
SELECT r.customer_id, r.purchased_on, -r.amount, r.refunded_on
  FROM customers_refund r JOIN customers_order o ON o.id = r.order_id AND o.status = 'paid'
 WHERE r.customer_id {some}

-- name: orders
SELECT customer_id, ordered_on, 1::int8, ordered_on FROM customers_order
 WHERE status = 'paid' AND customer_id {some}
UNION ALL
SELECT customer_id, ordered_on, -1::int8, fully_refunded_on FROM customers_order
 WHERE status = 'paid' AND fully_refunded_on IS NOT NULL AND customer_id {some}

-- name: no_longer_earned
-- Members whose tier rests on more than they have left of what they bought then: refunded, cancelled, corrected, moved.
SELECT m.customer_id
  FROM loyalty_membership m
 CROSS JOIN LATERAL (
    SELECT coalesce(sum({bought}), 0) AS bought FROM customers_order o
     WHERE o.customer_id = m.customer_id AND o.status = 'paid'
       AND o.ordered_on >= coalesce(m.earned_from, '1900-01-01') AND o.ordered_on < m.earned_to
 ) o
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.amount), 0) AS back
      FROM customers_refund r JOIN customers_order f ON f.id = r.order_id AND f.status = 'paid'
     WHERE {returned} AND r.customer_id = m.customer_id AND r.refunded_on < %(day)s
       AND r.purchased_on >= coalesce(m.earned_from, '1900-01-01') AND r.purchased_on < m.earned_to
 ) r
 WHERE m.earned_bar > 0 AND o.bought - r.back < m.earned_bar
 ORDER BY 1
