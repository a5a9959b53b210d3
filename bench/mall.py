"""A synthetic mall of any size, loaded by COPY: heterogeneous buyers, heavy tails, three years of orders."""

import time
from datetime import date

import numpy as np
from django.db import connection, transaction

from core.lib import arrays
from segmentation.frames import day_number

FIRST = date(2023, 11, 1)
LAST = date(2026, 10, 31)


# Of the purchases of a large online mall: weeks, and the chance to leave after each purchase (BG/NBD).
RATE_SHAPE, LEAVING = 0.55, (0.75, 14.0)


def draw(customers: int, orders: int, seed: int = 1) -> dict[str, np.ndarray]:
    """customer, day (days since 1970), paid and profit in minor units, category mask; sorted by day as they would arrive.

    Customers buy as in BG/NBD: at a gamma rate until they leave, with a beta chance after each purchase.
    """
    rng = np.random.default_rng(seed)
    first, days = day_number(FIRST), (LAST - FIRST).days
    start = rng.integers(0, days, customers)
    rate = rng.gamma(RATE_SHAPE, 1.0, customers) * (days - start)
    stays = rng.geometric(np.maximum(rng.beta(*LEAVING, customers), 1e-6))

    def counts(scale: float) -> np.ndarray:
        return 1 + np.minimum(np.random.default_rng(seed).poisson(rate * scale), 5_000)

    def kept(scale: float) -> int:
        return int(np.minimum(counts(scale), stays).sum())

    low, high = 1e-6, 10.0
    for _ in range(40):
        low, high = ((low + high) / 2, high) if kept((low + high) / 2) < orders else (low, (low + high) / 2)
    drawn = counts(high)
    customer = np.repeat(np.arange(customers), drawn)
    # The first purchase falls on the first day; the others anywhere after it, in order, until the customer leaves.
    since = rng.random(len(customer))
    since[np.cumsum(drawn) - drawn] = 0
    since = since[np.lexsort((since, customer))]
    nth = np.arange(len(customer)) - np.repeat(np.cumsum(drawn) - drawn, drawn)
    stayed = nth < stays[customer]
    customer, since = customer[stayed], since[stayed]
    total = len(customer)
    day = first + start[customer] + (since * (days - start[customer])).astype(np.int64)
    paid = (rng.gamma(6, 1500, customers)[customer] * rng.lognormal(0, 0.5, total)).astype(np.int64) + 100
    profit = (paid * rng.normal(0.3, 0.1, total)).astype(np.int64)
    mask = np.left_shift(np.int64(1), rng.integers(0, 20, total))
    by_arrival = np.argsort(day, kind="stable")
    return {
        "customer": customer[by_arrival] + 1,
        "day": day[by_arrival],
        "paid": paid[by_arrival],
        "profit": profit[by_arrival],
        "mask": mask[by_arrival],
    }


@transaction.atomic
def load(customers: int, facts: dict[str, np.ndarray]) -> float:
    """Empty the tables, load the mall, return the seconds of the orders' COPY (indexes and triggers off meanwhile).

    All or nothing: an interrupted load leaves no table without its indexes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "TRUNCATE customers_customer, customers_order, customers_summary, customers_standing, customers_dirtymark,"
            " customers_summarystate, segmentation_fit, segmentation_night, segmentation_ruleset,"
            " segmentation_alert, segmentation_change,"
            " jobs_jobrun, customers_todo CASCADE"
        )
        cursor.execute(
            """
            INSERT INTO customers_customer (id, number, name, name_pinyin, name_grams, region, city, registered_on,
                interests, mindset, preferred_channel, is_reseller, notes)
            SELECT i, 'C' || lpad(i::text, 7, '0'), n, '',
                   ARRAY[substr(n,1,1), substr(n,2,1), substr(n,3,1), substr(n,1,2), substr(n,2,2)], '', '', %s,
                   '{}', 'unknown', 'unknown', false, ''
              -- A tenth bears the commonest of 100 surnames; given names of one or two of 300 characters.
              FROM (SELECT i, chr(19968 + floor(100 * power((hashint8(i) & 65535) / 65536.0, 2))::int)
                              || chr(20500 + (hashint8(i * 7) & 2147483647) %% 300)
                              || chr(20500 + (hashint8(i * 13) & 2147483647) %% 300) AS n
                      FROM generate_series(1, %s) i) named
            """,
            [FIRST, customers],
        )
        cursor.execute(
            "SELECT indexdef, indexname FROM pg_indexes WHERE tablename = 'customers_order' AND indexname LIKE 'order_%'"
        )
        indexes = cursor.fetchall()
        for _definition, name in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        began = time.perf_counter()
        copy_orders(facts)
        seconds = time.perf_counter() - began
        for definition, _name in indexes:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("SELECT setval('customers_customer_id_seq', %s)", [customers])
        cursor.execute("SELECT setval('customers_order_id_seq', %s)", [len(facts["customer"])])
    return seconds


def copy_orders(facts: dict[str, np.ndarray]) -> None:
    """The facts by binary COPY into a staging table, then one INSERT that fills the fixed columns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE facts (id int8, customer_id int8, day date, paid int8, profit int8, mask int8)"
        )
        total = len(facts["customer"])
        for start in range(0, total, 1_000_000):
            part = slice(start, start + 1_000_000)
            arrays.write(
                "facts",
                {
                    "id": ("int8", np.arange(start + 1, min(start + 1_000_000, total) + 1)),
                    "customer_id": ("int8", facts["customer"][part]),
                    "day": ("date", facts["day"][part]),
                    "paid": ("int8", facts["paid"][part]),
                    "profit": ("int8", facts["profit"][part]),
                    "mask": ("int8", facts["mask"][part]),
                },
            )
        cursor.execute(
            """
            INSERT INTO customers_order (id, source, external_id, version, customer_id, status, ordered_at, ordered_on,
                                         paid, cost, profit, category_mask, received_at)
            SELECT id, 'bench', id::text, 1, customer_id, 'paid', day + time '12:00' AT TIME ZONE 'UTC', day,
                   paid, paid - profit, profit, mask, now() FROM facts
            """
        )
        cursor.execute("DROP TABLE facts")


def parquet(facts: dict[str, np.ndarray], path: str) -> None:
    """The same rows as one Parquet file, for DuckDB."""
    import duckdb
    import pandas as pd

    frame = pd.DataFrame({name: facts[name] for name in ("customer", "day", "profit", "paid", "mask")})  # noqa: F841
    duckdb.sql(f"COPY frame TO '{path}' (FORMAT parquet)")
