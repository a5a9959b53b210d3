-- Whose points have changed, and the rows of some accounts in place of each table; see core.jobs.lawbook.

-- name: owners
SELECT 0 AS kind, customer_id AS id FROM loyalty_pointaccount

-- name: changed
SELECT 0 AS kind, customer_id AS id FROM loyalty_pointaccount a WHERE {new:a}
UNION SELECT 0, account_id FROM loyalty_pointtxn t WHERE {new:t}
UNION SELECT 0, account_id FROM loyalty_posting p WHERE {new:p}
UNION SELECT 0, t.account_id FROM loyalty_posting p JOIN loyalty_pointtxn t ON t.id = p.txn_id WHERE {new:p}
UNION SELECT 0, account_id FROM loyalty_pointlot l WHERE {new:l}
UNION SELECT 0, account_id FROM loyalty_pointhold h WHERE {new:h}
UNION SELECT 0, h.account_id FROM loyalty_holdallocation n JOIN loyalty_pointhold h ON h.id = n.hold_id WHERE {new:n}
UNION SELECT 0, account_id FROM loyalty_orderpoints o WHERE {new:o}

-- name: pointaccount
SELECT * FROM loyalty_pointaccount WHERE customer_id IN (SELECT id FROM law_owner)

-- name: pointtxn
SELECT * FROM loyalty_pointtxn WHERE account_id IN (SELECT id FROM law_owner)

-- name: posting
SELECT * FROM loyalty_posting WHERE txn_id IN (SELECT id FROM law_loyalty_pointtxn)

-- name: pointlot
SELECT * FROM loyalty_pointlot WHERE account_id IN (SELECT id FROM law_owner)

-- name: pointhold
SELECT * FROM loyalty_pointhold WHERE account_id IN (SELECT id FROM law_owner)

-- name: holdallocation
SELECT * FROM loyalty_holdallocation WHERE hold_id IN (SELECT id FROM law_loyalty_pointhold)

-- name: orderpoints
SELECT * FROM loyalty_orderpoints WHERE account_id IN (SELECT id FROM law_owner)

-- name: orders
SELECT * FROM law_loyalty_orderpoints
UNION
SELECT * FROM loyalty_orderpoints WHERE order_id IN (SELECT order_id FROM law_loyalty_pointtxn)

-- name: lines
SELECT order_id, order_delta FROM loyalty_pointtxn WHERE order_id IN (SELECT order_id FROM law_orders)
