-- Who is asked about: random, paid in 90 days at least what the middle one of the active did, on more days than in the
-- 90 before. The orders of a half year are read for those alone whom the rest leaves.
-- name: find
WITH bar AS (
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY paid_90) AS paid
      FROM customers_standing WHERE customer_class = %(active)s
), likely AS (
    SELECT s.customer_id, s.manager_id, s.paid_90 AS paid, s.potential, bar.paid AS bar
      FROM bar JOIN customers_standing s ON s.paid_90 >= bar.paid
     WHERE bar.paid > 0 AND s.customer_class = %(random)s AND s.serve_class = %(random)s
       AND NOT EXISTS (SELECT 1 FROM customers_contactstop t WHERE t.customer_id = s.customer_id)
       AND NOT EXISTS (SELECT 1 FROM segmentation_rising r WHERE r.customer_id = s.customer_id
                        AND (r.quarter = %(quarter)s OR r.state = 'adopted'
                             OR (r.state = 'not_now' AND r.decided_on > %(as_of)s::date - %(silent)s)))
), counted AS (
    SELECT l.*, o.days, o.days_before
      FROM likely l
     CROSS JOIN LATERAL (
           SELECT count(DISTINCT ordered_on) FILTER (WHERE ordered_on > %(as_of)s::date - 90) AS days,
                  count(DISTINCT ordered_on) FILTER (WHERE ordered_on <= %(as_of)s::date - 90) AS days_before
             FROM customers_order
            WHERE customer_id = l.customer_id AND status = 'paid'
              AND ordered_on > %(as_of)s::date - 180 AND ordered_on <= %(as_of)s
              AND (fully_refunded_on IS NULL OR fully_refunded_on > %(as_of)s)) o
     WHERE o.days >= %(least)s AND o.days > o.days_before
), asked AS (
    SELECT s.manager_id, count(*) AS n
      FROM segmentation_rising r JOIN customers_standing s USING (customer_id)
     WHERE r.opened_on > %(as_of)s::date - 7 AND r.opened_on <= %(as_of)s
     GROUP BY s.manager_id
), ranked AS (
    SELECT c.*, row_number() OVER (PARTITION BY c.manager_id ORDER BY c.potential DESC, c.customer_id) AS place
      FROM counted c
)
SELECT ranked.customer_id, ranked.manager_id, days, days_before, paid, bar, potential
  FROM ranked LEFT JOIN asked ON asked.manager_id IS NOT DISTINCT FROM ranked.manager_id
 WHERE place <= CASE WHEN ranked.manager_id IS NULL THEN %(unassigned)s ELSE %(a_week)s END - coalesce(asked.n, 0)
 ORDER BY customer_id
