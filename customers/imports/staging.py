"""The staging table of one import and the set-based steps from it into the record.

The table is temporary: a killed import leaves nothing behind, and running it again replays harmlessly.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from django.db import connection

from customers import contact_points, identity
from customers.imports.row import Staged

COPY_ROWS = 5_000
TEXTS = (
    "external_id",
    "customer",
    "phone_mask",
    "email_mask",
    "name",
    "region",
    "city",
    "status",
    "category",
    "product",
)

# LATERAL with LIMIT asks by both columns of the key, whatever the statistics say: of a source that is being imported
# for the first time they say that it has one row, and a join would read all its rows for every line.

TABLES = """
DROP TABLE IF EXISTS import_rows, import_people, import_touched CASCADE;
DROP TABLE IF EXISTS import_lines;
CREATE TEMP TABLE import_rows (
    line int, external_id text, version bigint, customer text,
    phone_index bytea, phone_tail bytea, phone_sealed bytea, phone_mask text,
    email_index bytea, email_sealed bytea, email_mask text,
    name text, region text, city text, status text, ordered_at timestamptz, ordered_on date,
    paid bigint, cost bigint, units int, category text, product text, line_paid bigint,
    customer_id bigint, old_customer_id bigint, kept int, outcome text, reason text,
    person text GENERATED ALWAYS AS
        (CASE WHEN customer <> '' THEN 'e' || customer ELSE 'p' || encode(phone_index, 'hex') END) STORED
) WITH (fillfactor = 45);  -- each row is updated once, on its page

CREATE TEMP TABLE import_touched (customer_id bigint PRIMARY KEY);
"""

# A row is an order with at most one product: its line is the row itself.
WHOLE_ORDERS = """
CREATE TEMP VIEW import_lines AS
SELECT line, line AS head, units, category, coalesce(nullif(product, ''), category) AS product, paid AS amount
  FROM import_rows;
"""

# A row is a line: the first row of an order (of each version of it) stands for the order, with the sum of its lines
# unless the file gives a total. An order with a line missing or with lines that disagree is refused as a whole.
ORDERS_OF_LINES = """
CREATE TEMP TABLE import_lines AS
SELECT line, min(line) OVER (PARTITION BY external_id, version) AS head, units, category,
       coalesce(nullif(product, ''), category) AS product, line_paid AS amount
  FROM import_rows;
CREATE INDEX ON import_lines (head);
ANALYZE import_lines;
WITH orders AS (
    SELECT min(line) AS head, coalesce(min(paid), sum(line_paid)) AS paid, sum(cost) AS cost,
           min(person) <> max(person) OR min(status) <> max(status) OR min(ordered_at) <> max(ordered_at)
               OR min(paid) <> max(paid) AS disagree
      FROM import_rows GROUP BY external_id, version
)
UPDATE import_rows r
   SET paid = o.paid, cost = o.cost,
       outcome = CASE WHEN r.external_id = ANY(%(incomplete)s) OR o.disagree THEN 'rejected' END,
       reason = CASE WHEN r.external_id = ANY(%(incomplete)s) THEN 'line_refused'
                     WHEN o.disagree THEN 'lines_disagree' END
  FROM orders o
 WHERE r.line = o.head;
DELETE FROM import_rows r USING import_lines l WHERE l.line = r.line AND l.head <> l.line;
"""

KNOWN_VALUES = {
    "phone": "SELECT DISTINCT ON (phone_index) phone_sealed FROM import_rows WHERE phone_index IS NOT NULL",
    "email": "SELECT DISTINCT ON (email_index) email_sealed FROM import_rows WHERE email_index IS NOT NULL",
}

# A phone alone means the person to whom the file gives that phone elsewhere, if it is one person.
PEOPLE = """
WITH owners AS (
    SELECT phone_index, min(customer) AS customer, count(DISTINCT customer) AS people
      FROM import_rows WHERE customer <> '' AND phone_index IS NOT NULL GROUP BY 1
), several AS (
    SELECT r.phone_index, count(DISTINCT c.customer_id) AS people
      FROM (SELECT DISTINCT phone_index FROM import_rows WHERE customer = '') r
      JOIN customers_contactpoint c ON c.kind = 'phone' AND c.blind_index = r.phone_index GROUP BY 1
)
UPDATE import_rows r
   SET customer = CASE WHEN o.people = 1 THEN o.customer ELSE '' END,
       outcome = CASE WHEN r.outcome = 'rejected' OR o.people > 1 OR o.people IS NULL AND s.people > 1
                      THEN 'rejected' END,
       reason = CASE WHEN r.outcome = 'rejected' THEN r.reason
                     WHEN o.people > 1 OR o.people IS NULL AND s.people > 1 THEN 'ambiguous_customer' END
  FROM (SELECT DISTINCT phone_index FROM import_rows WHERE customer = '') p
  LEFT JOIN owners o USING (phone_index)
  LEFT JOIN several s USING (phone_index)
 WHERE r.customer = '' AND r.phone_index = p.phone_index AND (o.people IS NOT NULL OR s.people > 1);
"""

# Of several rows with one order number the highest version counts.
REPEATED = """
WITH repeated AS (SELECT external_id FROM import_rows WHERE outcome IS NULL GROUP BY 1 HAVING count(*) > 1),
kept AS (
    SELECT DISTINCT ON (external_id) *
      FROM import_rows JOIN repeated USING (external_id) WHERE outcome IS NULL
     ORDER BY external_id, version DESC NULLS LAST, line
)
UPDATE import_rows r
   SET outcome = CASE
           WHEN r.version < k.version THEN 'stale'
           WHEN (r.person, r.status, r.ordered_at, r.paid, r.cost) = (k.person, k.status, k.ordered_at, k.paid, k.cost)
               THEN 'unchanged'
           ELSE 'rejected' END,
       reason = 'version_conflict', kept = k.line
  FROM kept k
 WHERE k.external_id = r.external_id AND k.line <> r.line AND r.outcome IS NULL;
"""

DISTINCT_PEOPLE = """
CREATE TEMP TABLE import_people AS
SELECT person, min(customer) AS customer, min(line) AS first_line, min(ordered_on) AS first_on,
       (array_agg(phone_index ORDER BY line) FILTER (WHERE phone_index IS NOT NULL))[1] AS phone_index,
       coalesce((array_agg(name ORDER BY line) FILTER (WHERE name <> ''))[1], '') AS name,
       coalesce((array_agg(region ORDER BY line) FILTER (WHERE region <> ''))[1], '') AS region,
       coalesce((array_agg(city ORDER BY line) FILTER (WHERE city <> ''))[1], '') AS city,
       bool_or(phone_index IS NOT NULL OR email_index IS NOT NULL) AS has_contacts,
       NULL::bigint AS customer_id, false AS attach, '' AS found_by
  FROM import_rows WHERE outcome IS DISTINCT FROM 'rejected' GROUP BY person;
CREATE UNIQUE INDEX ON import_people (person);
CREATE INDEX ON import_rows (line);
CREATE INDEX ON import_rows (person);
ANALYZE import_rows; ANALYZE import_people;
"""

# The same rules as identity.find_or_create: the source's own id, else the phone of somebody this source does not know yet.
RESOLVE = """
UPDATE import_people p SET customer_id = known.customer_id, attach = has_contacts, found_by = 'identity'
  FROM (
    SELECT pp.person, i.customer_id
      FROM import_people pp
     CROSS JOIN LATERAL (SELECT customer_id FROM customers_externalidentity
                          WHERE source = %(source)s AND external_id = pp.customer LIMIT 1) i
     WHERE pp.customer_id IS NULL AND pp.customer <> ''
  ) known
 WHERE p.person = known.person;
UPDATE import_people p SET customer_id = found.customer_id, attach = true, found_by = 'phone'
  FROM (
    SELECT DISTINCT ON (c.customer_id) pp.person, c.customer_id
      FROM import_people pp
      JOIN LATERAL (
        SELECT min(customer_id) AS customer_id, count(*) AS people
          FROM customers_contactpoint c
         WHERE c.kind = 'phone' AND c.blind_index = pp.phone_index
           AND (pp.customer = '' OR NOT EXISTS (
                SELECT 1 FROM customers_externalidentity i WHERE i.customer_id = c.customer_id AND i.source = %(source)s))
      ) c ON c.people = 1
     WHERE pp.customer_id IS NULL AND pp.phone_index IS NOT NULL
     ORDER BY c.customer_id, pp.first_line
  ) found
 WHERE p.person = found.person;
"""

NUMBER_PEOPLE = """
UPDATE import_people p
   SET customer_id = nextval(pg_get_serial_sequence('customers_customer', 'id')), attach = true, found_by = 'nothing'
  FROM (SELECT person FROM import_people WHERE customer_id IS NULL ORDER BY first_line LIMIT %(most)s) n
 WHERE p.person = n.person
RETURNING p.customer_id, p.name, p.region, p.city, p.first_on
"""

ATTACH_PEOPLE = """
INSERT INTO customers_standing (customer_id, customer_class, matrix_type, value, potential, usual_days, limit_days, inputs)
SELECT customer_id, -1, 0, 0, 0, 0, 0, 0 FROM import_people p
 WHERE attach AND found_by = 'nothing'
 ORDER BY customer_id
ON CONFLICT DO NOTHING;
INSERT INTO customers_externalidentity (customer_id, source, external_id)
SELECT customer_id, %(source)s, customer FROM import_people p
 WHERE attach AND customer <> '' AND found_by <> 'identity'
ON CONFLICT DO NOTHING;
INSERT INTO customers_contactpoint (customer_id, kind, mask, encrypted, blind_index, tail_index)
SELECT DISTINCT ON (p.customer_id, r.phone_index) p.customer_id, 'phone', phone_mask, phone_sealed, r.phone_index, phone_tail
  FROM import_rows r JOIN import_people p USING (person)
 WHERE r.phone_index IS NOT NULL AND p.attach
ON CONFLICT DO NOTHING;
INSERT INTO customers_contactpoint (customer_id, kind, mask, encrypted, blind_index)
SELECT DISTINCT ON (p.customer_id, email_index) p.customer_id, 'email', email_mask, email_sealed, email_index
  FROM import_rows r JOIN import_people p USING (person)
 WHERE email_index IS NOT NULL AND p.attach
ON CONFLICT DO NOTHING;
UPDATE import_people SET attach = false WHERE attach;
"""

# Whoever bought before the day they were known to be customers has been one since then.
REGISTER_PEOPLE = """
UPDATE customers_customer c SET registered_on = p.first_on
  FROM import_people p WHERE p.customer_id = c.id AND p.first_on < c.registered_on;
"""

CLASSIFY = """
UPDATE import_rows r
   SET customer_id = told.customer_id, old_customer_id = told.old_customer_id, outcome = told.outcome,
       reason = CASE WHEN told.outcome = 'rejected'
                     THEN CASE WHEN r.version = told.stored THEN 'version_conflict' ELSE 'refund_exceeds_paid' END END,
       version = coalesce(r.version, told.stored + 1, 1)
  FROM (
    SELECT r.line, p.customer_id, o.customer_id AS old_customer_id, o.version AS stored, CASE
             WHEN o.id IS NULL THEN 'created'
             WHEN r.version < o.version THEN 'stale'
             WHEN (p.customer_id, r.status, r.ordered_at, r.paid, r.cost)
                  IS NOT DISTINCT FROM (o.customer_id, o.status, o.ordered_at, o.paid, o.cost)
               THEN CASE WHEN r.version > o.version THEN 'updated' ELSE 'unchanged' END
             WHEN r.version = o.version OR r.paid < f.amount OR r.cost < f.cost THEN 'rejected'
             ELSE 'updated' END AS outcome
      FROM import_rows r
      JOIN import_people p USING (person)
      LEFT JOIN LATERAL (SELECT * FROM customers_order
                          WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o ON true
      LEFT JOIN LATERAL (SELECT sum(amount) AS amount, sum(amount + profit_effect) AS cost
                           FROM customers_refund WHERE order_id = o.id) f ON true
     WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome IS NULL
  ) told
 WHERE r.line = told.line AND r.line BETWEEN %(first)s AND %(last)s;
"""

PRODUCTS = """
INSERT INTO customers_category (name)
SELECT DISTINCT category FROM import_lines WHERE category <> '' AND head BETWEEN %(first)s AND %(last)s ORDER BY 1
ON CONFLICT DO NOTHING;
INSERT INTO customers_product (source, external_id, name, category_id)
SELECT DISTINCT ON (1, 2) %(source)s, product, product, c.id
  FROM import_lines LEFT JOIN customers_category c ON c.name = category
 WHERE product <> '' AND head BETWEEN %(first)s AND %(last)s
 ORDER BY 1, 2, c.id NULLS LAST
ON CONFLICT (source, external_id) DO UPDATE SET category_id = excluded.category_id
 WHERE customers_product.category_id IS NULL AND excluded.category_id IS NOT NULL;
"""

STORE = """
INSERT INTO customers_order (source, external_id, version, customer_id, status, ordered_at, ordered_on,
                             paid, cost, profit, category_mask, received_at)
SELECT %(source)s, r.external_id, r.version, r.customer_id, r.status, r.ordered_at, r.ordered_on,
       r.paid, r.cost, r.paid - r.cost, coalesce((
           SELECT bit_or((SELECT 1::bigint << (p.category_id %% 63)::int FROM customers_product p
                           WHERE p.source = %(source)s AND p.external_id = l.product))
             FROM import_lines l
            WHERE %(lines)s AND l.head = r.line AND l.product <> ''
       ), 0), %(at)s
  FROM import_rows r
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome IN ('created', 'updated')
 ORDER BY r.customer_id, r.ordered_at, r.line  -- neighbours in the index by customer
ON CONFLICT (source, external_id) DO UPDATE
   SET version = excluded.version, customer_id = excluded.customer_id, status = excluded.status,
       ordered_at = excluded.ordered_at, ordered_on = excluded.ordered_on, paid = excluded.paid, cost = excluded.cost,
       profit = excluded.profit, received_at = excluded.received_at,
       category_mask = CASE WHEN %(lines)s THEN excluded.category_mask ELSE customers_order.category_mask END;
INSERT INTO import_touched
SELECT customer_id FROM import_rows WHERE line BETWEEN %(first)s AND %(last)s AND outcome IN ('created', 'updated')
 UNION
SELECT old_customer_id FROM import_rows WHERE line BETWEEN %(first)s AND %(last)s AND outcome = 'updated'
ON CONFLICT DO NOTHING;
"""

LINES = """
DELETE FROM customers_orderline l
 USING import_rows r
 CROSS JOIN LATERAL (SELECT id FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
 WHERE l.order_id = o.id AND r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'updated';
INSERT INTO customers_orderline (order_id, product_id, quantity, amount)
SELECT o.id, p.id, l.units, l.amount
  FROM import_rows r
  JOIN import_lines l ON l.head = r.line
 CROSS JOIN LATERAL (SELECT id FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
  JOIN customers_product p ON p.source = %(source)s AND p.external_id = l.product
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome IN ('created', 'updated')
   AND l.units > 0 AND l.product <> ''
 ORDER BY l.line;
"""

# Refunds stay with their order, which may have moved, changed its day or its amount.
REFUNDS = """
WITH moved AS (
    SELECT o.id, o.customer_id, o.ordered_on, o.paid FROM import_rows r
     CROSS JOIN LATERAL (SELECT id, customer_id, ordered_on, paid FROM customers_order
                          WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
     WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'updated'
       AND EXISTS (SELECT 1 FROM customers_refund f WHERE f.order_id = o.id)
), refunds AS (
    UPDATE customers_refund f SET customer_id = m.customer_id, purchased_on = m.ordered_on
      FROM moved m WHERE f.order_id = m.id AND (f.customer_id, f.purchased_on) <> (m.customer_id, m.ordered_on)
)
UPDATE customers_order o SET fully_refunded_on = (
    SELECT min(refunded_on) FROM (
        SELECT refunded_on, sum(amount) OVER (ORDER BY refunded_at, id) AS back FROM customers_refund WHERE order_id = o.id
    ) f WHERE f.back >= m.paid)
  FROM moved m WHERE o.id = m.id;
"""


# A row that says the same as one that is refused is refused with it.
SETTLE = """
UPDATE import_rows r SET outcome = k.outcome, reason = k.reason
  FROM import_rows k
 WHERE r.kept = k.line AND r.outcome = 'unchanged' AND k.outcome = 'rejected';
"""


def _run(sql: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)


def _copy(target: str, rows: Iterable[Iterable[Any]], not_null: str = "") -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    force = f", FORCE_NOT_NULL ({not_null})" if not_null else ""
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {target} FROM STDIN (FORMAT csv{force})", buffer)


def fill(rows: Iterator[Staged], *, of_lines: bool, incomplete: AbstractSet[str]) -> None:
    """A fresh staging table with one row per order, judged among themselves.

    `of_lines`: rows are lines, to be put together by order number. `incomplete`, looked at when all rows have been
    taken: numbers of orders of which a line was refused.
    """
    _run(TABLES)
    columns = ", ".join(Staged._fields)
    pending: list[Staged] = []
    for row in rows:
        pending.append(row)
        if len(pending) == COPY_ROWS:
            _copy(f"import_rows ({columns})", pending, ", ".join(TEXTS))
            pending.clear()
    _copy(f"import_rows ({columns})", pending, ", ".join(TEXTS))
    if of_lines:
        _run(ORDERS_OF_LINES, incomplete=sorted(incomplete))
    else:
        _run(WHOLE_ORDERS)
    _bring_up_known()
    _run(PEOPLE)
    _run(REPEATED)
    _run(DISTINCT_PEOPLE)


def _bring_up_known() -> None:
    """Phones and e-mails of the file that are known under an old key of the vault are under the current one."""
    if not contact_points.several_keys():
        return
    for kind, statement in KNOWN_VALUES.items():
        values = _rows(statement)
        for first in range(0, len(values), COPY_ROWS):
            chunk = [bytes(sealed) for (sealed,) in values[first : first + COPY_ROWS]]
            contact_points.bring_up([(kind, contact_points.opened(kind, sealed)) for sealed in chunk])


def resolve(source: str) -> None:
    """Who of the file's people is known."""
    _run(RESOLVE, source=source)


def create_people(most: int) -> int:
    """Customers for people who are not known, at most that many at a time; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(NUMBER_PEOPLE, {"most": most})
        people = cursor.fetchall()
    rows = (
        (
            id_,
            identity.number_of(id_),
            name,
            identity.pinyin(name),
            _array(identity.name_grams(name)),
            region,
            city,
            first_on,
            "f",
            "{}",
            "unknown",
            "unknown",
            "f",
            "",
        )
        for id_, name, region, city, first_on in people
    )
    _copy(
        "customers_customer (id, number, name, name_pinyin, name_grams, region, city, registered_on, birthday_is_lunar,"
        " interests, mindset, preferred_channel, is_reseller, notes)",
        rows,
        "name, name_pinyin, region, city, notes",
    )
    return len(people)


def _array(texts: list[str]) -> str:
    # Grams are letters and digits only: nothing to escape.
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"


def attach_people(source: str) -> None:
    _run(ATTACH_PEOPLE, source=source)


def register_people() -> None:
    """Nobody of the file is registered later than their first order in it."""
    _run(REGISTER_PEOPLE)


def classify(source: str, first: int, last: int) -> None:
    """What would become of these lines."""
    _run(CLASSIFY, source=source, first=first, last=last)


def store(source: str, first: int, last: int, *, lines: bool, at: datetime) -> None:
    """The lines that are new or newer are orders."""
    where: dict[str, Any] = {"source": source, "first": first, "last": last}
    if lines:
        _run(PRODUCTS, **where)
    _run(STORE, at=at, lines=lines, **where)
    if lines:
        _run(LINES, **where)
    _run(REFUNDS, **where)


def last_line() -> int:
    return int(_rows("SELECT coalesce(max(line), 0) FROM import_rows")[0][0])


def rows() -> int:
    """How many rows of the file are staged."""
    return int(_rows("SELECT count(*) FROM import_lines")[0][0])


def outcomes() -> dict[str, int]:
    """How many orders came to what, once every line is classified."""
    _run(SETTLE)
    return dict(_rows("SELECT outcome, count(*) FROM import_rows GROUP BY 1"))


def unknown_people() -> int:
    return int(_rows("SELECT count(*) FROM import_people WHERE customer_id IS NULL")[0][0])


def refused() -> dict[int, str]:
    """Line number -> why the record refuses it."""
    return dict(
        _rows("""
            SELECT l.line, r.reason FROM import_rows r JOIN import_lines l ON l.head = r.line
             WHERE r.outcome = 'rejected'""")
    )


def touched() -> list[int]:
    """Customers whose orders this pass has changed, or an earlier one that was killed before it came to their figures."""
    return [
        row[0]
        for row in _rows("""
            SELECT customer_id FROM import_touched
             UNION
            SELECT customer_id FROM customers_dirtymark
             WHERE customer_id IN (SELECT customer_id FROM import_rows WHERE outcome = 'unchanged')
             ORDER BY 1""")
    ]


def drop() -> None:
    _run("DROP TABLE IF EXISTS import_rows, import_people, import_touched CASCADE; DROP TABLE IF EXISTS import_lines")


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
