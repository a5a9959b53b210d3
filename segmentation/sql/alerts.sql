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
