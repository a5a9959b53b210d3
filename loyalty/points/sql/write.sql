-- What a ledger has worked out, written at once: new lots and transactions with their postings, older lots and accounts
-- as they are now. New rows are named by their place until they have an id; the ids come back by the same places.
WITH lots AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('loyalty_pointlot', 'id')) AS id, told.*
      FROM unnest({lots}) WITH ORDINALITY AS told ({lot_columns}, place)
),
txns AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('loyalty_pointtxn', 'id')) AS id, told.*
      FROM unnest({txns}) WITH ORDINALITY AS told ({txn_columns}, place)
),
new_lots AS (
    INSERT INTO loyalty_pointlot (id, {lot_columns}) SELECT id, {lot_columns} FROM lots
),
new_txns AS (
    INSERT INTO loyalty_pointtxn (id, {txn_columns}) SELECT id, {txn_columns} FROM txns
),
new_postings AS (
    INSERT INTO loyalty_posting (txn_id, account_id, lot_id, bucket, points)
    SELECT txns.id, txns.account_id, coalesce(told.lot_id, lots.id), told.bucket, told.points
      FROM unnest(%(txn_places)s::bigint[], %(lot_ids)s::bigint[], %(lot_places)s::bigint[], %(buckets)s::smallint[],
                  %(points)s::bigint[])
           WITH ORDINALITY AS told (txn_place, lot_id, lot_place, bucket, points, place)
      JOIN txns ON txns.place = told.txn_place
      LEFT JOIN lots ON lots.place = told.lot_place
     ORDER BY told.place
),
older_lots AS (
    UPDATE loyalty_pointlot lot
       SET pending = told.pending, available = told.available, held = told.held
      FROM unnest({older}) AS told (id, pending, available, held)
     WHERE lot.id = told.id
),
accounts AS (
    UPDATE loyalty_pointaccount account
       SET {account_sets}
      FROM unnest({accounts}) AS told (customer_id, {account_columns})
     WHERE account.customer_id = told.customer_id
)
SELECT 'lot', place, id FROM lots
UNION ALL
SELECT 'txn', place, id FROM txns
