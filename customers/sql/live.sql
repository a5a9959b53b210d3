-- What a live refresh does besides: the first one of a shop says what the rows of the summary speak of.
stated AS (
    INSERT INTO customers_summarystate (id, as_of, half_life_days) VALUES (1, %(as_of)s, %(half_life)s)
    ON CONFLICT (id) DO NOTHING
)
