-- What a live refresh does besides: the last purchase day that lists filter by follows, and the first one of a shop says
-- what the rows of the summary speak of.
bought AS (
    UPDATE customers_standing s
       SET last_on = fresh.last_on
      FROM unnest(%(ids)s::bigint[]) AS concerned (customer_id)
      LEFT JOIN fresh ON fresh.customer_id = concerned.customer_id
     WHERE s.customer_id = concerned.customer_id AND s.last_on IS DISTINCT FROM fresh.last_on
),
stated AS (
    INSERT INTO customers_summarystate (id, as_of, half_life_days) VALUES (1, %(as_of)s, %(half_life)s)
    ON CONFLICT (id) DO NOTHING
)
