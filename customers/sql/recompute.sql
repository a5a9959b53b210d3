-- The rows of the customers that are asked for are what their orders say (`fresh` is customer_summary.sql).
-- Rows that would not change are not written: an update of everything doubles the table every night.
WITH fresh AS MATERIALIZED (
{fresh}
),
written AS (
    INSERT INTO customers_summary ({columns})
    SELECT {columns} FROM fresh
     WHERE NOT EXISTS (SELECT 1 FROM customers_summary s
                        WHERE s.customer_id = fresh.customer_id AND ({stored}) IS NOT DISTINCT FROM ({computed}))
    ON CONFLICT (customer_id) DO UPDATE SET {assignments}
),
copied AS (                   -- what lists ask for of it, in the one row that they read
    UPDATE customers_standing s
       SET ({copies}) = ROW({copied})
      FROM (SELECT customer_id AS id FROM customers_standing WHERE {customers}) AS concerned
      LEFT JOIN fresh ON fresh.customer_id = concerned.id
     WHERE s.customer_id = concerned.id AND ({known}) IS DISTINCT FROM ({copied})
){also}
DELETE FROM customers_summary s
 WHERE {customers} AND NOT EXISTS (SELECT 1 FROM fresh WHERE fresh.customer_id = s.customer_id)
