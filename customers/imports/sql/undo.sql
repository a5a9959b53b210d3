-- What an import has changed becomes what it was; undo.py says when each is run.

-- name: remember
INSERT INTO customers_importchange (run_id, order_id, before)
SELECT %(run)s, o.id, to_jsonb(o) || jsonb_build_object(
           'lines', (SELECT coalesce(jsonb_agg(jsonb_build_array(l.product_id, l.quantity, l.amount) ORDER BY l.id), '[]')
                       FROM customers_orderline l WHERE l.order_id = o.id),
           'refunds', (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.id), '[]')
                         FROM customers_refund f WHERE f.order_id = o.id))
  FROM customers_order o
 WHERE o.id = ANY (%(ids)s)
ON CONFLICT (run_id, order_id) DO NOTHING;

-- name: restore
UPDATE customers_order o
   SET version = b.version, file_changes = b.file_changes, import_run = b.import_run, modified_at = b.modified_at,
       customer_id = coalesce(m.merged_into_id, b.customer_id), status = b.status, ordered_at = b.ordered_at,
       ordered_on = b.ordered_on, paid = b.paid, cost = b.cost, profit = b.profit, category_mask = b.category_mask,
       fully_refunded_on = b.fully_refunded_on, received_at = %(at)s
  FROM customers_importchange c
 CROSS JOIN LATERAL jsonb_populate_record(NULL::customers_order, c.before) b
  JOIN customers_customer m ON m.id = b.customer_id
 WHERE c.run_id = %(run)s AND c.order_id = ANY (%(ids)s) AND o.id = c.order_id;
DELETE FROM customers_orderline WHERE order_id = ANY (%(ids)s);
INSERT INTO customers_orderline (order_id, product_id, quantity, amount)
SELECT c.order_id, (l.value ->> 0)::bigint, (l.value ->> 1)::int, (l.value ->> 2)::bigint
  FROM customers_importchange c
 CROSS JOIN LATERAL jsonb_array_elements(c.before -> 'lines') WITH ORDINALITY l
 WHERE c.run_id = %(run)s AND c.order_id = ANY (%(ids)s)
 ORDER BY c.order_id, l.ordinality;
DELETE FROM customers_refund WHERE order_id = ANY (%(ids)s);
INSERT INTO customers_refund (order_id, external_id, customer_id, purchased_on, refunded_at, refunded_on, amount,
                              profit_effect, reason)
SELECT c.order_id, f.external_id, o.customer_id, f.purchased_on, f.refunded_at, f.refunded_on, f.amount,
       f.profit_effect, coalesce(f.reason, '')
  FROM customers_importchange c
  JOIN customers_order o ON o.id = c.order_id
 CROSS JOIN LATERAL jsonb_array_elements(c.before -> 'refunds') WITH ORDINALITY e
 CROSS JOIN LATERAL jsonb_populate_record(NULL::customers_refund, e.value) f
 WHERE c.run_id = %(run)s AND c.order_id = ANY (%(ids)s)
 ORDER BY e.ordinality
