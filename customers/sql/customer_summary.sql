-- One definition of what a customer's purchase days add up to, run by the live update and by the night.
-- {customers} is a condition on customer_id; %(as_of)s the last day looked at; %(half_life)s in days.
-- Sums of whole minor units are taken in float8: exact below 2^53, and several times cheaper than numeric.
WITH day_orders AS (          -- one row per purchase day: several orders on a day are one purchase
    SELECT customer_id,
           ordered_on            AS day,
           count(*)::int         AS order_count,
           sum(paid::float8)     AS paid,
           sum(profit::float8)   AS profit,
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
           sum(amount::float8)        AS amount,
           sum(profit_effect::float8) AS profit_effect,
           -- for the decayed sum, on the day the money went back
           sum(profit_effect * exp((refunded_on - DATE '2020-01-01') * (ln(2::float8) / %(half_life)s::float8))
               ORDER BY refunded_on, id) AS decaying_effect
      FROM customers_refund
     WHERE refunded_on <= %(as_of)s
       AND {customers}
     GROUP BY customer_id, purchased_on
),
days AS (
    SELECT o.customer_id,
           o.day,
           o.order_count,
           o.category_mask,
           o.paid - coalesce(r.amount, 0)          AS paid,
           o.profit + coalesce(r.profit_effect, 0) AS profit,
           o.profit * exp((o.day - DATE '2020-01-01') * (ln(2::float8) / %(half_life)s::float8))
               + coalesce(r.decaying_effect, 0)    AS decaying_profit,
           ln((o.day - lag(o.day) OVER (PARTITION BY o.customer_id ORDER BY o.day))::float8) AS log_gap
      FROM day_orders o
      LEFT JOIN day_refunds r USING (customer_id, day)
)
SELECT customer_id,
       count(*)::int                                                       AS purchase_days,
       sum(order_count)::int                                               AS order_count,
       min(day)                                                            AS first_on,
       max(day)                                                            AS last_on,
       coalesce(sum(round(log_gap * 1e9)), 0)::bigint                      AS log_gap_sum,
       coalesce(sum(round(log_gap * log_gap * 1e9)), 0)::bigint            AS log_gap_square_sum,
       sum(paid)::bigint                                                   AS paid_sum,
       sum(profit)::bigint                                                 AS profit_sum,
       sum(profit * profit ORDER BY day)                                   AS profit_square_sum,
       sum(decaying_profit ORDER BY day)
           * exp((DATE '2020-01-01' - max(day)) * (ln(2::float8) / %(half_life)s::float8)) AS decayed_profit,
       bit_or(category_mask)                                               AS category_mask,
       -- Of the days within a window that ends with as_of: for lists, copied into the standing.
       coalesce(sum(paid) FILTER (WHERE day > %(as_of)s::date - 90), 0)::bigint  AS paid_90,
       coalesce(sum(paid) FILTER (WHERE day > %(as_of)s::date - 365), 0)::bigint AS paid_365,
       (count(*) FILTER (WHERE day > %(as_of)s::date - 365))::int                AS days_365
  FROM days
 GROUP BY customer_id
