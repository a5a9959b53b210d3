-- How far everybody is on the way to the next level: `ids` with their `shares`, and nobody else.

-- name: no_more
DELETE FROM loyalty_nextlevel n
 WHERE NOT EXISTS (SELECT 1 FROM unnest(%(ids)s::bigint[]) AS t (id) WHERE t.id = n.customer_id);

-- name: now
INSERT INTO loyalty_nextlevel AS n (customer_id, per_cent)
SELECT id, share FROM unnest(%(ids)s::bigint[], %(shares)s::smallint[]) AS t (id, share)
    ON CONFLICT (customer_id) DO UPDATE SET per_cent = excluded.per_cent WHERE n.per_cent <> excluded.per_cent;
