-- What ends an alert, or takes its end back, for the customers of %(ids)s (NULL: for everybody).

-- name: close_by_purchase
WITH back AS (
    UPDATE segmentation_alert a
       SET state = 'recovered', closed_on = %(as_of)s,
           recovered_after_days = s.last_on - a.last_on
      FROM customers_summary s
     WHERE a.state = 'open' AND s.customer_id = a.customer_id AND s.last_on > a.last_on
       AND (%(ids)s::bigint[] IS NULL OR a.customer_id = ANY(%(ids)s::bigint[]))
 RETURNING a.id, a.customer_id
), dropped AS (
    UPDATE customers_todo t SET state = 'dropped', closed_at = %(at)s
      FROM back WHERE t.customer_id = back.customer_id AND t.alert_id = back.id AND t.state = 'open'
)
SELECT count(*) FROM back

-- name: reopen_undone
WITH back AS (
    UPDATE segmentation_alert a SET state = 'open', closed_on = NULL, recovered_after_days = NULL
      FROM customers_summary s
     WHERE a.state = 'recovered' AND a.window_ends_on >= %(as_of)s
       AND s.customer_id = a.customer_id AND s.last_on = a.last_on
       AND (%(ids)s::bigint[] IS NULL OR a.customer_id = ANY(%(ids)s::bigint[]))
       AND NOT EXISTS (SELECT 1 FROM segmentation_alert o
                        WHERE o.customer_id = a.customer_id AND o.id <> a.id
                          AND (o.state = 'open' OR o.state = 'recovered' AND o.last_on = a.last_on
                               AND o.id > a.id))
 RETURNING a.id, a.customer_id
), wanted AS (
    UPDATE customers_todo t SET state = 'open', closed_at = NULL
      FROM back WHERE t.customer_id = back.customer_id AND t.alert_id = back.id AND t.state = 'dropped'
)
SELECT count(*) FROM back

-- name: withdraw_unfounded
WITH gone AS (
    DELETE FROM segmentation_alert a
     WHERE a.state = 'open' AND a.decision = ''
       AND (%(ids)s::bigint[] IS NULL OR a.customer_id = ANY(%(ids)s::bigint[]))
       AND NOT EXISTS (SELECT 1 FROM customers_summary s
                        WHERE s.customer_id = a.customer_id AND s.last_on >= a.last_on)
       AND NOT EXISTS (SELECT 1 FROM segmentation_alertcomment c WHERE c.alert_id = a.id)
 RETURNING a.id, a.customer_id
), dropped AS (
    UPDATE customers_todo t SET state = 'dropped', closed_at = %(at)s
      FROM gone WHERE t.customer_id = gone.customer_id AND t.alert_id = gone.id AND t.state = 'open'
)
SELECT count(*) FROM gone

-- name: follow_returns
-- The first purchase after the loss; NULL once there is none any more.
UPDATE segmentation_alert a
   SET returned_on = back.day
  FROM (SELECT l.id, (SELECT min(o.ordered_on) FROM customers_order o
                       WHERE o.customer_id = l.customer_id AND o.status = 'paid' AND o.fully_refunded_on IS NULL
                         AND o.ordered_on > l.closed_on AND s.last_on > l.closed_on) AS day
          FROM segmentation_alert l LEFT JOIN customers_summary s ON s.customer_id = l.customer_id
         WHERE l.state = 'lost' AND (%(ids)s::bigint[] IS NULL OR l.customer_id = ANY(%(ids)s::bigint[]))
           AND (l.returned_on IS NOT NULL OR s.last_on > l.closed_on)) back
 WHERE back.id = a.id AND back.day IS DISTINCT FROM a.returned_on

-- name: fill_losses
-- The line: most paid by lines in the 24 months up to the last purchase, of two alike the one bought later.
UPDATE segmentation_alert a
   SET line_id = coalesce(a.line_id, found.line), profit_before = coalesce(a.profit_before, found.profit)
  FROM (SELECT l.id,
               (SELECT p.category_id
                  FROM customers_order o JOIN customers_orderline i ON i.order_id = o.id
                  JOIN customers_product p ON p.id = i.product_id
                 WHERE o.customer_id = l.customer_id AND o.status = 'paid' AND o.fully_refunded_on IS NULL
                   AND o.ordered_on > l.last_on - interval '24 months' AND o.ordered_on <= l.last_on
                   AND p.category_id IS NOT NULL
                 GROUP BY p.category_id
                 ORDER BY sum(i.amount) DESC, max(o.ordered_on) DESC, p.category_id LIMIT 1) AS line,
               (SELECT coalesce(sum(o.profit), 0) FROM customers_order o
                 WHERE o.customer_id = l.customer_id AND o.status = 'paid'
                   AND o.ordered_on > l.last_on - interval '12 months' AND o.ordered_on <= l.last_on)
             + (SELECT coalesce(sum(r.profit_effect), 0) FROM customers_refund r JOIN customers_order o ON o.id = r.order_id
                 WHERE r.customer_id = l.customer_id AND o.status = 'paid'
                   AND r.purchased_on > l.last_on - interval '12 months' AND r.purchased_on <= l.last_on) AS profit
          FROM segmentation_alert l
         WHERE l.state = 'lost' AND (%(id)s = 0 OR l.id = %(id)s) AND (l.line_id IS NULL OR l.profit_before IS NULL)
       ) found
 WHERE found.id = a.id AND (coalesce(a.line_id, found.line) IS DISTINCT FROM a.line_id OR a.profit_before IS NULL)
