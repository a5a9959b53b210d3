-- What the pages of customers ask, where the ORM would read the whole table.

-- name: regions
WITH RECURSIVE known AS (
    (SELECT region FROM customers_customer WHERE region <> '' ORDER BY region LIMIT 1)
    UNION ALL
    SELECT (SELECT c.region FROM customers_customer c
             WHERE c.region <> '' AND c.region > known.region ORDER BY c.region LIMIT 1)
      FROM known WHERE known.region IS NOT NULL
)
SELECT region FROM known WHERE region IS NOT NULL
