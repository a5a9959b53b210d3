-- Whose facts changed (their marks are taken away), whose orders and refunds came due since the last night, or whose
-- purchases have left the windows of 90 and of 365 days since.
WITH seen AS (DELETE FROM customers_dirtymark RETURNING customer_id)
SELECT customer_id FROM seen
 UNION
SELECT customer_id FROM customers_order WHERE ordered_on > %(before)s AND ordered_on <= %(as_of)s
 UNION
SELECT customer_id FROM customers_order
 WHERE ordered_on > %(before)s::date - 90 AND ordered_on <= %(as_of)s::date - 90
 UNION
SELECT customer_id FROM customers_order
 WHERE ordered_on > %(before)s::date - 365 AND ordered_on <= %(as_of)s::date - 365
 UNION
SELECT customer_id FROM customers_refund WHERE refunded_on > %(before)s AND refunded_on <= %(as_of)s
 ORDER BY 1
