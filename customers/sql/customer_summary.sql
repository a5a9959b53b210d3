-- One definition of what a customer's purchase days add up to, run by the live update and by the night.
-- {customers} is a condition on customer_id; %(as_of)s the last day looked at; %(half_life)s in days.
WITH day_orders AS (          -- one row per purchase day: several orders on a day are one purchase
    SELECT customer_id,
           ordered_on          AS day,
           count(*)            AS order_count,
           sum(paid)::bigint   AS paid,
           sum(profit)::bigint AS profit,
           bit_or(category_mask) AS category_mask
      FROM customers_order
     WHERE status = 'paid'
       AND ordered_on <= %(as_of)s
       AND (fully_refunded_on IS NULL OR fully_refunded_on > %(as_of)s)
       AND {customers}
     GROUP BY customer_id, ordered_on
),
day_refunds AS (              -- money back counts against the day of the purchase it undoes
    SELECT customer_id,
           purchased_on               AS day,
           sum(amount)::bigint        AS amount,
           sum(profit_effect)::bigint AS profit_effect,
           -- for the decayed sum, on the day the money went back
           sum(profit_effect::float8 * power(2::float8, (refunded_on - DATE '2020-01-01') / %(half_life)s::float8)
               ORDER BY refunded_on, id) AS weighted_effect
      FROM customers_refund
     WHERE refunded_on <= %(as_of)s
       AND {customers}
     GROUP BY customer_id, purchased_on
),
days AS (
    SELECT o.customer_id,
           o.day,
           o.order_count,
           o.paid,
           o.profit,
           o.category_mask,
           coalesce(r.amount, 0)          AS refunded,
           coalesce(r.profit_effect, 0)   AS refund_effect,
           coalesce(r.weighted_effect, 0) AS weighted_effect,
           o.day - lag(o.day) OVER (PARTITION BY o.customer_id ORDER BY o.day) AS gap
      FROM day_orders o
      LEFT JOIN day_refunds r USING (customer_id, day)
)
SELECT customer_id,
       count(*)::int                                   AS purchase_days,
       sum(order_count)::int                           AS order_count,
       min(day)                                        AS first_on,
       max(day)                                        AS last_on,
       coalesce(sum(round(ln(gap::float8) * 1e9)::bigint), 0)::bigint            AS log_gap_sum,
       coalesce(sum(round(ln(gap::float8) ^ 2 * 1e9)::bigint), 0)::bigint        AS log_gap_square_sum,
       sum(paid - refunded)::bigint                    AS paid_sum,
       sum(profit + refund_effect)::bigint             AS profit_sum,
       sum((profit + refund_effect)::float8 ^ 2 ORDER BY day)                    AS profit_square_sum,
       sum(profit::float8 * power(2::float8, (day - DATE '2020-01-01') / %(half_life)s::float8) + weighted_effect
           ORDER BY day)
           * power(2::float8, (DATE '2020-01-01' - max(day)) / %(half_life)s::float8) AS decayed_profit,
       bit_or(category_mask)                           AS category_mask
  FROM days
 GROUP BY customer_id
