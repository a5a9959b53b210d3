-- Redemptions whose order has changed, or has come, without anybody following it.
SELECT r.id, o.id, o.status, o.fully_refunded_on IS NOT NULL
  FROM loyalty_couponredemption r
  JOIN customers_order o ON o.id = r.order_id
 WHERE r.status IN ('reserved', 'redeemed')
   AND (o.status = 'cancelled' OR o.fully_refunded_on IS NOT NULL
        OR o.status IN ('paid', 'held') AND r.status = 'reserved'
        OR o.status = 'pending' AND r.status = 'redeemed' AND r.word <> 'redeemed')
UNION ALL
-- Given back by an order that lives after all, while the coupon is free.
SELECT r.id, o.id, o.status, false
  FROM loyalty_couponredemption r
  JOIN customers_order o ON o.id = r.order_id
  LEFT JOIN loyalty_coupon c ON c.id = r.coupon_id
 WHERE r.status IN ('released', 'rolled_back') AND r.reason IN ('cancelled', 'refunded', 'unpaid')
   AND r.word <> 'given_back' AND NOT r.keeps_slot AND o.fully_refunded_on IS NULL
   AND (o.status IN ('paid', 'held') OR o.status = 'pending' AND (r.word = 'redeemed' OR r.reserved_until > %(at)s))
   AND (c.id IS NULL OR c.status IN ('issued', 'expired'))
UNION ALL
SELECT r.id, o.id, o.status, o.fully_refunded_on IS NOT NULL
  FROM loyalty_couponredemption r
  JOIN customers_order o ON o.source || ':' || o.external_id = r.order_ref
 WHERE r.status IN ('reserved', 'redeemed') AND r.order_id IS NULL
 ORDER BY 1
