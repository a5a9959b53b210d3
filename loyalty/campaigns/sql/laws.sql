-- A law is a question whose answer is empty; a row says what breaks it, beginning with an id.

-- name: campaign_used
SELECT c.id, c.used, coalesce(sum(u.used), 0) FROM loyalty_couponcampaign c
  LEFT JOIN loyalty_campaignusage u ON u.campaign_id = c.id
 GROUP BY c.id, c.used HAVING c.used <> coalesce(sum(u.used), 0)

-- name: usage_counts
SELECT campaign_id, customer_id, counted.n, used
  FROM loyalty_campaignusage FULL JOIN (
       SELECT campaign_id, customer_id, count(*) AS n FROM loyalty_couponredemption
        WHERE status IN ('reserved', 'redeemed') OR keeps_slot GROUP BY 1, 2) counted
 USING (campaign_id, customer_id)
 WHERE coalesce(counted.n, 0) <> coalesce(used, 0)

-- name: limits_kept
SELECT c.id, c.used, c.budget_used FROM loyalty_couponcampaign c
 WHERE c.used > c.total_limit OR c.budget_used > c.budget OR c.budget_used <> (
       SELECT coalesce(sum(r.worth), 0) FROM loyalty_couponredemption r WHERE r.campaign_id = c.id
          AND (r.status IN ('reserved', 'redeemed') OR r.keeps_slot))
    OR EXISTS (SELECT 1 FROM loyalty_campaignusage u WHERE u.campaign_id = c.id AND u.used > u.most)

-- name: one_redemption_per_order
SELECT min(id), order_ref, count(*) FROM loyalty_couponredemption WHERE status IN ('reserved', 'redeemed')
 GROUP BY campaign_id, order_ref HAVING count(*) > 1

-- name: attached_as_named
SELECT r.id, r.order_ref FROM loyalty_couponredemption r JOIN customers_order o ON o.id = r.order_id
 WHERE r.order_ref <> o.source || ':' || o.external_id
UNION ALL
SELECT t.id, t.source_ref FROM loyalty_lotteryticket t JOIN customers_order o ON o.id = t.order_id
 WHERE t.source_ref <> o.source || ':' || o.external_id
UNION ALL
SELECT a.id, a.order_ref FROM loyalty_creditauthorisation a JOIN customers_order o ON o.id = a.order_id
 WHERE a.order_ref <> o.source || ':' || o.external_id

-- name: one_order_per_coupon
SELECT k.id, k.status, count(r.id) FROM loyalty_coupon k
  LEFT JOIN loyalty_couponredemption r
         ON r.coupon_id = k.id AND (r.status IN ('reserved', 'redeemed') OR r.keeps_slot)
 GROUP BY k.id, k.status
HAVING count(r.id) <> (k.status IN ('reserved', 'redeemed'))::int
    OR k.status = 'reserved' AND min(r.status) <> 'reserved'
    OR k.status = 'redeemed' AND min(r.status) = 'reserved'

-- name: lines_carry_the_discount
SELECT r.id, r.discount, coalesce(sum(s.amount), 0) FROM loyalty_couponredemption r
  LEFT JOIN loyalty_couponlineshare s ON s.redemption_id = r.id
 GROUP BY r.id, r.discount HAVING r.discount <> coalesce(sum(s.amount), 0) OR bool_or(s.amount > s.net)

-- name: refunds_within_the_payment
SELECT o.id, o.paid, sum(f.amount) FROM customers_order o JOIN customers_refund f ON f.order_id = o.id
 WHERE EXISTS (SELECT 1 FROM loyalty_couponredemption r WHERE r.order_id = o.id)
 GROUP BY o.id HAVING sum(f.amount) > o.paid

-- name: prizes_gone
SELECT p.id, p.awarded, count(d.id) FROM loyalty_lotteryprize p
  LEFT JOIN loyalty_draw d ON d.prize_id = p.id
 GROUP BY p.id, p.awarded, p.total, p.kind
HAVING p.awarded > p.total OR p.kind <> 'thanks' AND p.awarded <> count(d.id)

-- name: ticket_used_once
SELECT t.id, t.status FROM loyalty_lotteryticket t LEFT JOIN loyalty_draw d ON d.ticket_id = t.id
 WHERE (t.status = 'used') <> (d.id IS NOT NULL)

-- name: drawn_is_given
SELECT d.id, d.reason FROM loyalty_draw d JOIN loyalty_lotteryprize p ON p.id = d.prize_id
 WHERE (d.reason = 'odds') <> (d.prize_id = d.rolled_id) OR d.reason <> 'odds' AND p.kind <> 'thanks'

-- name: no_ticket_of_a_dead_order
SELECT t.id, t.source_ref FROM loyalty_lotteryticket t
  JOIN customers_order o ON o.id = t.order_id
 WHERE t.source = 'order' AND t.status = 'issued' AND (o.status <> 'paid' OR o.fully_refunded_on IS NOT NULL)

-- name: odds_of_everything
SELECT l.id, coalesce(sum(p.ppm), 0) FROM loyalty_lottery l LEFT JOIN loyalty_lotteryprize p ON p.lottery_id = l.id
 WHERE l.published_at IS NOT NULL GROUP BY l.id HAVING coalesce(sum(p.ppm), 0) <> 1000000

-- name: owed
SELECT a.id, a.exposure, coalesce(sum(e.amount), 0) FROM loyalty_creditaccount a
  LEFT JOIN loyalty_creditentry e ON e.account_id = a.id
 GROUP BY a.id, a.exposure, a.last_seq
HAVING a.exposure <> coalesce(sum(e.amount), 0) OR a.last_seq <> count(e.id) OR a.last_seq <> coalesce(max(e.seq), 0)

-- name: authorised
SELECT a.id, a.authorised, coalesce(sum(h.amount), 0) FROM loyalty_creditaccount a
  LEFT JOIN loyalty_creditauthorisation h ON h.account_id = a.id AND h.status = 'authorised'
 GROUP BY a.id, a.authorised HAVING a.authorised <> coalesce(sum(h.amount), 0)

-- name: charged
SELECT h.id, h.captured, coalesce(sum(e.amount) FILTER (WHERE e.kind = 'charge'), 0)
  FROM loyalty_creditauthorisation h
  LEFT JOIN loyalty_creditentry e ON e.account_id = h.account_id AND e.order_ref = h.order_ref
                                 AND e.kind IN ('charge', 'refund')
 WHERE h.status = 'captured' GROUP BY h.id, h.captured, h.returned
HAVING h.captured <> coalesce(sum(e.amount) FILTER (WHERE e.kind = 'charge'), 0)
    OR h.returned < -coalesce(sum(e.amount) FILTER (WHERE e.kind = 'refund'), 0)
