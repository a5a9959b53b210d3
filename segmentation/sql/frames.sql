-- What the night reads as arrays, and how it writes what changed.

-- name: state
SELECT s.customer_id, s.purchase_days, s.first_on, s.last_on, s.log_gap_sum, s.log_gap_square_sum,
       s.profit_sum, s.profit_square_sum, s.decayed_profit, s.category_mask,
       coalesce(t.customer_class, -1::int2), coalesce(t.matrix_type, 0::int2),
       coalesce(t.value, 0), coalesce(t.potential, 0), coalesce(t.inputs, 0),
       -- Of one customer at once; for all of them `returned` asks more cheaply.
       CASE WHEN %(one)s = 0 THEN s.last_on ELSE greatest(s.last_on, (
           SELECT max(r.purchased_on) FROM customers_refund r JOIN customers_order o ON o.id = r.order_id
            WHERE r.customer_id = s.customer_id AND r.purchased_on > s.last_on AND o.status = 'paid')) END
  FROM customers_summary s LEFT JOIN customers_standing t USING (customer_id)
 WHERE %(one)s = 0 OR s.customer_id = %(one)s
 ORDER BY s.customer_id

-- name: returned
SELECT r.customer_id, max(r.purchased_on)
  FROM customers_refund r
  JOIN customers_summary s ON s.customer_id = r.customer_id AND r.purchased_on > s.last_on
 WHERE r.refunded_on > %(after)s AND r.refunded_on <= %(as_of)s AND r.purchased_on <= %(as_of)s
   AND EXISTS (SELECT 1 FROM customers_order o WHERE o.id = r.order_id AND o.status = 'paid')
 GROUP BY r.customer_id
 ORDER BY r.customer_id

-- name: purchases
WITH sample AS (
    SELECT customer_id FROM customers_summary
     WHERE %(limit)s >= (SELECT count(*) FROM customers_summary)
        OR hashint8(customer_id) & 2147483647 <
           (2147483647.0 * %(limit)s / greatest((SELECT count(*) FROM customers_summary), 1))::bigint
)
SELECT o.customer_id, o.ordered_on, (sum(o.profit) + coalesce((
           SELECT sum(r.profit_effect) FROM customers_refund r
            WHERE r.customer_id = o.customer_id AND r.purchased_on = o.ordered_on AND r.refunded_on <= %(as_of)s
       ), 0))::bigint,
       bit_or(o.category_mask)
  FROM customers_order o JOIN sample USING (customer_id)
 WHERE o.status = 'paid' AND o.ordered_on <= %(as_of)s
   AND (o.fully_refunded_on IS NULL OR o.fully_refunded_on > %(as_of)s)
 GROUP BY o.customer_id, o.ordered_on
 ORDER BY o.customer_id, o.ordered_on

-- name: stage_tonight
CREATE TEMP TABLE tonight (
    customer_id int8, customer_class int2, matrix_type int2, value int8, value_low int8, value_high int8,
    potential int8, usual_days float8, limit_days float8, last_on date, inputs int8
) ON COMMIT DROP

-- name: note_changes
INSERT INTO segmentation_change
       (customer_id, "on", class_before, class_after, type_before, type_after, value, potential)
SELECT t.customer_id, %(as_of)s, coalesce(s.customer_class, -1), t.customer_class,
       coalesce(s.matrix_type, 0), t.matrix_type, t.value, t.potential
  FROM tonight t LEFT JOIN customers_standing s USING (customer_id)
 WHERE (t.customer_class, t.matrix_type)
       IS DISTINCT FROM (coalesce(s.customer_class, -1), coalesce(s.matrix_type, 0))
 ORDER BY t.customer_id
ON CONFLICT (customer_id, "on") DO UPDATE
   SET class_after = excluded.class_after, type_after = excluded.type_after,
       value = excluded.value, potential = excluded.potential

-- name: write_standings
INSERT INTO customers_standing
       (customer_id, manager_id, customer_class, matrix_type, value, value_low, value_high, potential,
        usual_days, limit_days, last_on, valued_on, inputs)
SELECT t.customer_id, c.manager_id, t.customer_class, t.matrix_type, t.value, t.value_low, t.value_high, t.potential,
       t.usual_days, t.limit_days, t.last_on, %(as_of)s, t.inputs
  FROM tonight t JOIN customers_customer c ON c.id = t.customer_id
 ORDER BY t.customer_id
ON CONFLICT (customer_id) DO UPDATE
   SET customer_class = excluded.customer_class, matrix_type = excluded.matrix_type,
       value = excluded.value, value_low = excluded.value_low, value_high = excluded.value_high,
       potential = excluded.potential, usual_days = excluded.usual_days, limit_days = excluded.limit_days, last_on = excluded.last_on,
       valued_on = excluded.valued_on, inputs = excluded.inputs

-- name: forget_customers_without_purchase
WITH gone AS (
    SELECT t.customer_id, t.customer_class, t.matrix_type FROM customers_standing t
     WHERE t.customer_class >= 0
       AND NOT EXISTS (SELECT 1 FROM customers_summary s WHERE s.customer_id = t.customer_id)
     FOR UPDATE
), noted AS (
    INSERT INTO segmentation_change
           (customer_id, "on", class_before, class_after, type_before, type_after, value, potential)
    SELECT customer_id, %(as_of)s, customer_class, -1, matrix_type, 0, 0, 0 FROM gone
    ON CONFLICT (customer_id, "on") DO UPDATE SET class_after = -1, type_after = 0, value = 0, potential = 0
)
UPDATE customers_standing t
   SET customer_class = -1, matrix_type = 0, value = 0, value_low = NULL, value_high = NULL, potential = 0,
       usual_days = 0, limit_days = 0, last_on = NULL, valued_on = %(as_of)s, inputs = 0
  FROM gone WHERE gone.customer_id = t.customer_id
