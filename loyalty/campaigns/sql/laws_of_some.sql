-- Which campaigns (1), draws (2) and credit accounts (3) have changed, and their rows in place of each table; see
-- core.jobs.lawbook. What was done to an order or paid back of it concerns whatever hangs on that order.

-- name: owners
SELECT 1 AS kind, id FROM loyalty_couponcampaign
UNION ALL SELECT 2, id FROM loyalty_lottery
UNION ALL SELECT 3, id FROM loyalty_creditaccount

-- name: changed
SELECT 1 AS kind, id FROM loyalty_couponcampaign c WHERE {new:c}
UNION SELECT 1, campaign_id FROM loyalty_campaignusage u WHERE {new:u}
UNION SELECT 1, campaign_id FROM loyalty_coupon k WHERE {new:k}
UNION SELECT 1, campaign_id FROM loyalty_couponredemption r WHERE {new:r}
UNION SELECT 1, r.campaign_id FROM loyalty_couponlineshare s
  JOIN loyalty_couponredemption r ON r.id = s.redemption_id WHERE {new:s}
UNION SELECT 1, r.campaign_id FROM loyalty_couponredemption r
  JOIN customers_order o ON o.id = r.order_id WHERE {new:o}
UNION SELECT 1, r.campaign_id FROM loyalty_couponredemption r
  JOIN customers_refund f ON f.order_id = r.order_id WHERE {new:f}
UNION SELECT 2, id FROM loyalty_lottery l WHERE {new:l}
UNION SELECT 2, lottery_id FROM loyalty_lotteryprize p WHERE {new:p}
UNION SELECT 2, lottery_id FROM loyalty_lotteryticket t WHERE {new:t}
UNION SELECT 2, lottery_id FROM loyalty_draw d WHERE {new:d}
UNION SELECT 2, t.lottery_id FROM loyalty_lotteryticket t
  JOIN customers_order o ON o.id = t.order_id WHERE {new:o}
UNION SELECT 3, id FROM loyalty_creditaccount a WHERE {new:a}
UNION SELECT 3, account_id FROM loyalty_creditentry e WHERE {new:e}
UNION SELECT 3, account_id FROM loyalty_creditauthorisation h WHERE {new:h}
UNION SELECT 3, h.account_id FROM loyalty_creditauthorisation h
  JOIN customers_order o ON o.id = h.order_id WHERE {new:o}

-- name: couponcampaign
SELECT * FROM loyalty_couponcampaign WHERE id IN (SELECT id FROM law_owner WHERE kind = 1)

-- name: campaignusage
SELECT * FROM loyalty_campaignusage WHERE campaign_id IN (SELECT id FROM law_owner WHERE kind = 1)

-- name: coupon
SELECT * FROM loyalty_coupon WHERE campaign_id IN (SELECT id FROM law_owner WHERE kind = 1)

-- name: couponredemption
SELECT * FROM loyalty_couponredemption WHERE campaign_id IN (SELECT id FROM law_owner WHERE kind = 1)

-- name: couponlineshare
SELECT * FROM loyalty_couponlineshare WHERE redemption_id IN (SELECT id FROM law_loyalty_couponredemption)

-- name: lottery
SELECT * FROM loyalty_lottery WHERE id IN (SELECT id FROM law_owner WHERE kind = 2)

-- name: lotteryprize
SELECT * FROM loyalty_lotteryprize WHERE lottery_id IN (SELECT id FROM law_owner WHERE kind = 2)

-- name: lotteryticket
SELECT * FROM loyalty_lotteryticket WHERE lottery_id IN (SELECT id FROM law_owner WHERE kind = 2)

-- name: draw
SELECT * FROM loyalty_draw WHERE lottery_id IN (SELECT id FROM law_owner WHERE kind = 2)

-- name: creditaccount
SELECT * FROM loyalty_creditaccount WHERE id IN (SELECT id FROM law_owner WHERE kind = 3)

-- name: creditentry
SELECT * FROM loyalty_creditentry WHERE account_id IN (SELECT id FROM law_owner WHERE kind = 3)

-- name: creditauthorisation
SELECT * FROM loyalty_creditauthorisation WHERE account_id IN (SELECT id FROM law_owner WHERE kind = 3)
