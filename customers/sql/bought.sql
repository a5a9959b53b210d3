-- What customers have bought of each product is what the lines of their orders say; {customers} is a condition on
-- customer_id. Rows that would not change are not written.
goods AS MATERIALIZED (
    SELECT l.product_id,
           o.customer_id,
           min(o.ordered_on)                  AS first_on,
           max(o.ordered_on)                  AS last_on,
           count(DISTINCT o.ordered_on)::int  AS days,
           sum(l.amount)::bigint              AS paid
      FROM customers_order o
      JOIN customers_orderline l ON l.order_id = o.id
     WHERE o.status = 'paid'
       AND o.fully_refunded_on IS NULL
       AND {customers}
     GROUP BY l.product_id, o.customer_id
),
bought AS (
    INSERT INTO customers_bought (product_id, customer_id, first_on, last_on, days, paid)
    SELECT product_id, customer_id, first_on, last_on, days, paid FROM goods
     WHERE NOT EXISTS (SELECT 1 FROM customers_bought b
                        WHERE b.product_id = goods.product_id AND b.customer_id = goods.customer_id
                          AND (b.first_on, b.last_on, b.days, b.paid)
                              = (goods.first_on, goods.last_on, goods.days, goods.paid))
     ORDER BY customer_id, product_id
    ON CONFLICT (product_id, customer_id) DO UPDATE
       SET first_on = excluded.first_on, last_on = excluded.last_on, days = excluded.days, paid = excluded.paid
),
not_bought AS (
    -- By EXCEPT, which hashes or sorts: in a table that was filled a moment ago an anti join is planned as a loop in a loop.
    DELETE FROM customers_bought b
     USING (SELECT product_id, customer_id FROM customers_bought WHERE {customers}
            EXCEPT
            SELECT product_id, customer_id FROM goods) AS gone
     WHERE b.product_id = gone.product_id AND b.customer_id = gone.customer_id
)
