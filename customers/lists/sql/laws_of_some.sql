-- Which customers have changed, and their rows in place of each table; see core.jobs.lawbook.

-- name: owners
SELECT 1 AS kind, id FROM customers_customer

-- name: changed
SELECT 1 AS kind, id FROM customers_customer c WHERE {new:c}
UNION SELECT 1, customer_id FROM customers_standing s WHERE {new:s}
UNION SELECT 1, customer_id FROM customers_summary m WHERE {new:m}
UNION SELECT 1, customer_id FROM customers_customerlabel l WHERE {new:l}

-- name: customer
SELECT * FROM customers_customer WHERE id IN (SELECT id FROM law_owner)

-- name: standing
SELECT * FROM customers_standing WHERE customer_id IN (SELECT id FROM law_owner)

-- name: summary
SELECT * FROM customers_summary WHERE customer_id IN (SELECT id FROM law_owner)

-- name: order
SELECT * FROM customers_order WHERE status = 'paid' AND customer_id IN (SELECT id FROM law_owner)

-- name: orderline
SELECT * FROM customers_orderline WHERE order_id IN (SELECT id FROM law_customers_order)

-- name: refund
SELECT * FROM customers_refund WHERE customer_id IN (SELECT id FROM law_owner)

-- name: bought
SELECT * FROM customers_bought WHERE customer_id IN (SELECT id FROM law_owner)

-- name: customerlabel
SELECT * FROM customers_customerlabel WHERE customer_id IN (SELECT id FROM law_owner)
