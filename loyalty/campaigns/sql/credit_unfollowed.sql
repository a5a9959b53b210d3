-- Orders on account that have changed, or have come, without anybody following them.
SELECT o.id
  FROM loyalty_creditauthorisation a
  JOIN customers_order o ON o.id = a.order_id
 WHERE a.status = 'authorised' AND o.status = 'cancelled'
    OR a.status = 'captured' AND a.returned < CASE
           WHEN o.status = 'cancelled' THEN a.captured
           ELSE least(a.captured, (SELECT coalesce(sum(r.amount), 0) FROM customers_refund r WHERE r.order_id = o.id))
       END
UNION
SELECT o.id
  FROM loyalty_creditauthorisation a
  JOIN customers_order o ON o.source || ':' || o.external_id = a.order_ref
 WHERE a.status IN ('authorised', 'captured') AND a.order_id IS NULL
