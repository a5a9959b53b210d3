-- name: issue
-- A ticket for each paid order of a draw that runs; for some orders, or for all where `orders` is NULL. Told again it
-- only follows the order to the customer who has it now; one that had died and lives again has its ticket back.
INSERT INTO loyalty_lotteryticket (lottery_id, customer_id, source, source_ref, order_id, n, status, issued_at)
SELECT l.id, o.customer_id, 'order', o.source || ':' || o.external_id, o.id, 1, 'issued', %(at)s
  FROM loyalty_lottery l
  JOIN customers_order o ON o.status = 'paid' AND o.fully_refunded_on IS NULL AND o.paid >= l.min_order
                        AND o.ordered_on >= (l.starts_at AT TIME ZONE %(zone)s)::date
                        AND o.ordered_at >= l.starts_at AND o.ordered_at < l.ends_at
                        AND (%(orders)s::bigint[] IS NULL OR o.id = ANY(%(orders)s::bigint[]))
 WHERE l.status = 'published' AND l.entry = 'order' AND l.ends_at > %(at)s
ON CONFLICT (lottery_id, source, source_ref, n)
DO UPDATE SET customer_id = excluded.customer_id, status = 'issued'
 WHERE loyalty_lotteryticket.status = 'void'
    OR loyalty_lotteryticket.status = 'issued' AND loyalty_lotteryticket.customer_id <> excluded.customer_id

-- name: void
-- What an order has not used yet cannot be used any more once it is dead, or corrected to what earns no ticket.
UPDATE loyalty_lotteryticket t
   SET status = 'void'
  FROM customers_order o, loyalty_lottery l
 WHERE o.id = t.order_id AND l.id = t.lottery_id AND t.status = 'issued'
   AND (%(orders)s::bigint[] IS NULL OR o.id = ANY(%(orders)s::bigint[]))
   AND (o.status <> 'paid' OR o.fully_refunded_on IS NOT NULL OR o.paid < l.min_order
        OR o.ordered_at < l.starts_at OR o.ordered_at >= l.ends_at)
