-- Each block of records that share something is small or says nothing: a name of thousands in one city is no evidence.
-- At most %(block)s records of a block make pairs, so the pairs grow with the records and never with their square.
-- name: find
CREATE TEMPORARY TABLE found_duplicates ON COMMIT DROP AS
WITH blocks AS (
    SELECT kind AS reason, array_agg(customer_id) AS ids
      FROM customers_contactpoint WHERE retired = ''
     GROUP BY kind, blind_index HAVING count(*) BETWEEN 2 AND %(block)s
    UNION ALL
    SELECT 'birthday', array_agg(c.id)
      FROM customers_customer c JOIN customers_lifedate d ON d.customer_id = c.id
     WHERE merged_into_id IS NULL AND name <> '' AND kind = 'birthday' AND of_whom = '' AND greet
     GROUP BY name, month, day, calendar, leap HAVING count(*) BETWEEN 2 AND %(block)s
    UNION ALL
    SELECT 'city', array_agg(id)
      FROM customers_customer WHERE merged_into_id IS NULL AND name <> '' AND city <> ''
     GROUP BY name, city HAVING count(*) BETWEEN 2 AND %(block)s
), pairs AS (
    SELECT DISTINCT a.id AS first_id, b.id AS second_id, reason
      FROM blocks, unnest(ids) AS a (id), unnest(ids) AS b (id)
     WHERE a.id < b.id
)
SELECT first_id, second_id, array_agg(reason ORDER BY reason) AS reasons,
       sum(CASE reason WHEN 'phone' THEN 4 WHEN 'email' THEN 4 WHEN 'birthday' THEN 3 WHEN 'address' THEN 2 ELSE 1 END)
           AS score
  FROM pairs p
 WHERE NOT EXISTS (
       SELECT 1 FROM customers_notthesame n WHERE n.first_id = p.first_id AND n.second_id = p.second_id)
 GROUP BY first_id, second_id
 ORDER BY score DESC, first_id, second_id
 LIMIT %(most)s;
ANALYZE found_duplicates

-- name: store
DELETE FROM customers_possibleduplicate d
 WHERE NOT EXISTS (
       SELECT 1 FROM found_duplicates f WHERE f.first_id = d.first_id AND f.second_id = d.second_id);
INSERT INTO customers_possibleduplicate AS d (first_id, second_id, reasons, score, found_on)
SELECT first_id, second_id, reasons, score, %(on)s FROM found_duplicates ORDER BY first_id, second_id
ON CONFLICT (first_id, second_id) DO UPDATE
   SET reasons = excluded.reasons, score = excluded.score
 WHERE (d.reasons, d.score) IS DISTINCT FROM (excluded.reasons, excluded.score)
