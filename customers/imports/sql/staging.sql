-- From the staging table of one import into the record, step by step; staging.py says when each is run.
--
-- LATERAL with LIMIT asks by both columns of the key, whatever the statistics say: of a source that is being imported
-- for the first time they say that it has one row, and a join would read all its rows for every line.

-- name: tables
DROP TABLE IF EXISTS import_rows, import_people, import_touched CASCADE;
DROP TABLE IF EXISTS import_lines;
CREATE TEMP TABLE import_rows (
    line int, external_id text, version bigint, customer text,
    phone_index bytea, phone_tail bytea, phone_sealed bytea, phone_mask text,
    email_index bytea, email_sealed bytea, email_mask text,
    name text, region text, city text, status text, ordered_at timestamptz, ordered_on date,
    paid bigint, cost bigint, units int, category text, product text, line_paid bigint,
    customer_id bigint, old_customer_id bigint, repeat_of int, outcome text, reason text,
    person text GENERATED ALWAYS AS
        (CASE WHEN customer <> '' THEN 'e' || customer ELSE 'p' || encode(phone_index, 'hex') END) STORED
) WITH (fillfactor = 45);  -- each row is updated once, on its page

CREATE TEMP TABLE import_touched (customer_id bigint PRIMARY KEY);

-- name: whole_orders
-- A row is an order with at most one product: its line is the row itself.
CREATE TEMP VIEW import_lines AS
SELECT line, line AS head, units, category, coalesce(nullif(product, ''), category) AS product, paid AS amount
  FROM import_rows;

-- name: orders_of_lines
-- A row is a line: the first row of an order (of each version of it) stands for the order, with the sum of its lines
-- unless the file gives a total. An order with a line missing or with lines that disagree is refused as a whole.
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

-- name: known_phones
SELECT DISTINCT ON (phone_index) phone_sealed FROM import_rows WHERE phone_index IS NOT NULL;

-- name: known_emails
SELECT DISTINCT ON (email_index) email_sealed FROM import_rows WHERE email_index IS NOT NULL;

-- name: people
-- A phone alone means the person to whom the file gives that phone elsewhere, if it is one person.
WITH owners AS (
    SELECT phone_index, min(customer) AS customer, count(DISTINCT customer) AS people
      FROM import_rows WHERE customer <> '' AND phone_index IS NOT NULL GROUP BY 1
), several AS (
    SELECT r.phone_index, count(DISTINCT c.customer_id) AS people
      FROM (SELECT DISTINCT phone_index FROM import_rows WHERE customer = '') r
      JOIN customers_contactpoint c ON c.kind = 'phone' AND c.blind_index = r.phone_index AND c.retired = ''
     GROUP BY 1
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

-- name: repeated
-- Of several rows with one order number the highest version counts.
WITH repeated AS (SELECT external_id FROM import_rows WHERE outcome IS NULL GROUP BY 1 HAVING count(*) > 1),
counted AS (
    SELECT DISTINCT ON (external_id) *
      FROM import_rows JOIN repeated USING (external_id) WHERE outcome IS NULL
     ORDER BY external_id, version DESC NULLS LAST, line
)
UPDATE import_rows r
   SET outcome = CASE
           WHEN r.version < c.version THEN 'stale'
           WHEN (r.person, r.status, r.ordered_at, r.paid, r.cost) = (c.person, c.status, c.ordered_at, c.paid, c.cost)
               THEN 'unchanged'
           ELSE 'rejected' END,
       reason = 'version_conflict', repeat_of = c.line
  FROM counted c
 WHERE c.external_id = r.external_id AND c.line <> r.line AND r.outcome IS NULL;

-- name: distinct_people
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

-- name: resolve
-- The same rules as identity.find_or_create: the source's own id, else the phone of somebody this source does not
-- know yet.
UPDATE import_people p SET customer_id = by_identity.customer_id, attach = has_contacts, found_by = 'identity'
  FROM (
    SELECT pp.person, i.customer_id
      FROM import_people pp
     CROSS JOIN LATERAL (SELECT customer_id FROM customers_externalidentity
                          WHERE source = %(source)s AND external_id = pp.customer LIMIT 1) i
     WHERE pp.customer_id IS NULL AND pp.customer <> ''
  ) by_identity
 WHERE p.person = by_identity.person;
UPDATE import_people p SET customer_id = by_phone.customer_id, attach = true, found_by = 'phone'
  FROM (
    SELECT DISTINCT ON (c.customer_id) pp.person, c.customer_id
      FROM import_people pp
      JOIN LATERAL (
        SELECT min(customer_id) AS customer_id, count(*) AS people
          FROM customers_contactpoint c
         WHERE c.kind = 'phone' AND c.blind_index = pp.phone_index AND c.retired = ''
           AND (pp.customer = '' OR NOT EXISTS (
                SELECT 1 FROM customers_externalidentity i
                 WHERE i.customer_id = c.customer_id AND i.source = %(source)s))
      ) c ON c.people = 1
     WHERE pp.customer_id IS NULL AND pp.phone_index IS NOT NULL
     ORDER BY c.customer_id, pp.first_line
  ) by_phone
 WHERE p.person = by_phone.person;

-- name: number_people
UPDATE import_people p
   SET customer_id = nextval(pg_get_serial_sequence('customers_customer', 'id')), attach = true, found_by = 'nothing'
  FROM (SELECT person FROM import_people WHERE customer_id IS NULL ORDER BY first_line LIMIT %(most)s) n
 WHERE p.person = n.person
RETURNING p.customer_id, p.name, p.region, p.city, p.first_on

-- name: attach_people
INSERT INTO customers_standing
       (customer_id, customer_class, matrix_type, value, potential, usual_days, limit_days, inputs)
SELECT customer_id, -1, 0, 0, 0, 0, 0, 0 FROM import_people p
 WHERE attach AND found_by = 'nothing'
 ORDER BY customer_id
ON CONFLICT DO NOTHING;
INSERT INTO customers_externalidentity (customer_id, source, external_id)
SELECT customer_id, %(source)s, customer FROM import_people p
 WHERE attach AND customer <> '' AND found_by <> 'identity'
ON CONFLICT DO NOTHING;
INSERT INTO customers_contactpoint (customer_id, kind, mask, encrypted, blind_index, tail_index)
SELECT DISTINCT ON (p.customer_id, r.phone_index)
       p.customer_id, 'phone', phone_mask, phone_sealed, r.phone_index, phone_tail
  FROM import_rows r JOIN import_people p USING (person)
 WHERE r.phone_index IS NOT NULL AND p.attach
ON CONFLICT DO NOTHING;
INSERT INTO customers_contactpoint (customer_id, kind, mask, encrypted, blind_index)
SELECT DISTINCT ON (p.customer_id, email_index) p.customer_id, 'email', email_mask, email_sealed, email_index
  FROM import_rows r JOIN import_people p USING (person)
 WHERE email_index IS NOT NULL AND p.attach
ON CONFLICT DO NOTHING;
UPDATE import_people SET attach = false WHERE attach;

-- name: register_people
-- Whoever bought before the day they were known to be customers has been one since then.
UPDATE customers_customer c SET registered_on = p.first_on
  FROM import_people p WHERE p.customer_id = c.id AND p.first_on < c.registered_on;

-- name: classify
UPDATE import_rows r
   SET customer_id = compared.customer_id, old_customer_id = compared.old_customer_id, outcome = compared.outcome,
       reason = CASE WHEN compared.outcome <> 'rejected' THEN NULL
                     WHEN r.version = compared.stored THEN 'version_conflict'
                     ELSE 'refund_exceeds_paid' END,
       version = coalesce(r.version, compared.stored + 1, 1)
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
  ) compared
 WHERE r.line = compared.line AND r.line BETWEEN %(first)s AND %(last)s;

-- name: products
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

-- name: store
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

-- name: lines
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

-- name: refunds
-- Refunds stay with their order, which may have moved, changed its day or its amount.
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
        SELECT refunded_on, sum(amount) OVER (ORDER BY refunded_at, id) AS back
          FROM customers_refund WHERE order_id = o.id
    ) f WHERE f.back >= m.paid)
  FROM moved m WHERE o.id = m.id;

-- name: settle
-- A row that says the same as one that is refused is refused with it.
UPDATE import_rows r SET outcome = c.outcome, reason = c.reason
  FROM import_rows c
 WHERE r.repeat_of = c.line AND r.outcome = 'unchanged' AND c.outcome = 'rejected';

-- name: refused
-- Line number and why the record refuses it.
SELECT l.line, r.reason
  FROM import_rows r
  JOIN import_lines l ON l.head = r.line
 WHERE r.outcome = 'rejected'

-- name: touched
-- Whose orders this pass has changed, or an earlier one that was killed before it came to their figures.
SELECT customer_id FROM import_touched
 UNION
SELECT customer_id FROM customers_dirtymark
 WHERE customer_id IN (SELECT customer_id FROM import_rows WHERE outcome = 'unchanged')
 ORDER BY 1

-- name: drop
DROP TABLE IF EXISTS import_rows, import_people, import_touched CASCADE;
DROP TABLE IF EXISTS import_lines
