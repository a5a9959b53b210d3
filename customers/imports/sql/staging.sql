-- From the staging table of one import into the record, step by step; staging.py says when each is run.
--
-- LATERAL with LIMIT asks by both columns of the key, whatever the statistics say: of a source that is being imported
-- for the first time they say that it has one row, and a join would read all its rows for every line.

-- name: tables
DROP TABLE IF EXISTS import_rows, import_people, import_usual, import_plan CASCADE;
DROP TABLE IF EXISTS import_lines;
CREATE TEMP TABLE import_rows (
    line int, external_id text, version bigint, modified timestamptz, customer text DEFAULT '',
    phone_index bytea, phone_tail bytea, phone_sealed bytea, phone_mask text DEFAULT '',
    email_index bytea, email_sealed bytea, email_mask text DEFAULT '', person text,
    name text DEFAULT '', region text DEFAULT '', city text DEFAULT '', status text, ordered_at timestamptz,
    ordered_on date, paid bigint, cost bigint DEFAULT 0, units int, category text DEFAULT '', product text DEFAULT '',
    line_paid bigint,
    refunded bigint, refunded_at timestamptz,
    customer_id bigint, old_customer_id bigint, repeat_of int, outcome text, reason text,
    file_changes int, new_lines boolean, asks text[], state_seen int, planned int
) WITH (fillfactor = 45);  -- each row is updated once, on its page

-- name: by_line_and_person
-- Before any row is changed: an index that is made afterwards is not used as long as an older transaction is open
-- anywhere (a backup, a night), and each chunk would read the whole file.
CREATE INDEX ON import_rows (line);
CREATE INDEX ON import_rows (person);

-- name: whole_orders
-- A row is an order with at most one product: its line is the row itself.
CREATE TEMP VIEW import_lines AS
SELECT line, line AS head, units, category, coalesce(nullif(product, ''), category) AS product,
       coalesce(paid, refunded, 0) AS amount
  FROM import_rows;

-- name: orders_of_lines
-- A row is a line: the first row of an order (of each version of it) stands for the order, with the sum of its lines
-- unless the file gives a total. A line that was called off is none of an order that goes on without it. An order with
-- a line missing or with lines that disagree is refused as a whole.
CREATE TEMP TABLE import_lines AS
SELECT line, min(line) OVER w AS head, category, coalesce(nullif(product, ''), category) AS product, is_off,
       CASE WHEN is_off THEN 0 ELSE units END AS units, CASE WHEN is_off THEN 0 ELSE line_paid END AS amount
  FROM (SELECT *, status = 'cancelled' AND bool_or(status <> 'cancelled') OVER (PARTITION BY external_id, version)
                      AS is_off
          FROM import_rows) r
WINDOW w AS (PARTITION BY external_id, version);
CREATE INDEX ON import_lines (head);
ANALYZE import_lines;
WITH orders AS (
    SELECT l.head, coalesce(min(paid), greatest(sum(l.amount), 0)) AS paid, max(modified) AS modified,
           coalesce(sum(cost) FILTER (WHERE NOT is_off), 0) AS cost, min(status) FILTER (WHERE NOT is_off) AS status,
           coalesce(nullif(max(refunded) FILTER (WHERE NOT is_off), 0), nullif(greatest(-sum(l.amount), 0), 0),
                    max(refunded) FILTER (WHERE NOT is_off)) AS refunded,
           max(refunded_at) FILTER (WHERE NOT is_off) AS refunded_at,
           min(person) <> max(person) OR min(ordered_at) <> max(ordered_at) OR min(paid) <> max(paid)
               OR min(status) FILTER (WHERE NOT is_off) <> max(status) FILTER (WHERE NOT is_off) AS disagree
      FROM import_rows JOIN import_lines l USING (line) GROUP BY l.head
)
UPDATE import_rows r
   SET paid = o.paid, modified = o.modified, cost = o.cost, status = o.status, refunded = o.refunded,
       refunded_at = o.refunded_at,
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
       person = CASE WHEN o.people = 1 THEN 'e' || o.customer ELSE r.person END,
       outcome = CASE WHEN r.outcome = 'rejected' OR o.people > 1 OR o.people IS NULL AND s.people > 1
                      THEN 'rejected' END,
       reason = CASE WHEN r.outcome = 'rejected' THEN r.reason
                     WHEN o.people > 1 OR o.people IS NULL AND s.people > 1 THEN 'ambiguous_customer' END
  FROM (SELECT DISTINCT phone_index FROM import_rows WHERE customer = '') p
  LEFT JOIN owners o USING (phone_index)
  LEFT JOIN several s USING (phone_index)
 WHERE r.customer = '' AND r.phone_index = p.phone_index AND (o.people IS NOT NULL OR s.people > 1);

-- name: people_by_email
-- An e-mail alone means the person to whom the file gives that e-mail elsewhere, if it is one person.
WITH owners AS (
    SELECT email_index, min(person) AS person, count(DISTINCT person) AS people
      FROM import_rows
     WHERE (customer <> '' OR phone_index IS NOT NULL) AND email_index IS NOT NULL GROUP BY 1
), several AS (
    SELECT r.email_index, count(DISTINCT c.customer_id) AS people
      FROM (SELECT DISTINCT email_index FROM import_rows WHERE customer = '' AND phone_index IS NULL) r
      JOIN customers_contactpoint c ON c.kind = 'email' AND c.blind_index = r.email_index GROUP BY 1
)
UPDATE import_rows r
   SET person = CASE WHEN o.people = 1 THEN o.person ELSE r.person END,
       outcome = CASE WHEN r.outcome = 'rejected' OR o.people > 1 OR o.people IS NULL AND s.people > 1
                      THEN 'rejected' END,
       reason = CASE WHEN r.outcome = 'rejected' THEN r.reason
                     WHEN o.people > 1 OR o.people IS NULL AND s.people > 1 THEN 'ambiguous_customer' END
  FROM (SELECT DISTINCT email_index FROM import_rows WHERE customer = '' AND phone_index IS NULL) p
  LEFT JOIN owners o USING (email_index)
  LEFT JOIN several s USING (email_index)
 WHERE r.customer = '' AND r.phone_index IS NULL AND r.email_index = p.email_index
   AND (o.people IS NOT NULL OR s.people > 1);

-- name: clocks
-- A clock that is ahead says nothing of what is newer.
UPDATE import_rows SET modified = NULL WHERE modified > %(at)s::timestamptz + interval '1 day';

-- name: repeated
-- Of several rows with one order number the highest version counts; without versions, the one that was changed last by
-- the shop, else the one that can only come last: cancelled after paid after pending, more money back after less. Rows
-- that differ otherwise are refused.
WITH repeated AS (SELECT external_id FROM import_rows WHERE outcome IS NULL GROUP BY 1 HAVING count(*) > 1),
counted AS (
    SELECT DISTINCT ON (external_id) *
      FROM import_rows JOIN repeated USING (external_id) WHERE outcome IS NULL
     ORDER BY external_id, version DESC NULLS LAST, modified DESC NULLS LAST,
              CASE WHEN version IS NULL THEN array_position('{pending,paid,cancelled}', status) END DESC,
              CASE WHEN version IS NULL THEN coalesce(refunded, 0) END DESC, line
)
UPDATE import_rows r
   SET outcome = CASE
           WHEN r.version < c.version OR r.version IS NULL AND c.version IS NOT NULL THEN 'stale'
           WHEN c.version IS NULL AND r.modified < c.modified THEN 'stale'
           WHEN (r.person, r.status, r.ordered_at, r.paid, r.cost, r.refunded)
                IS NOT DISTINCT FROM (c.person, c.status, c.ordered_at, c.paid, c.cost, c.refunded) THEN 'unchanged'
           WHEN c.version IS NULL AND (r.person, r.ordered_on) = (c.person, c.ordered_on)
                AND (r.status, coalesce(r.refunded, 0)) IS DISTINCT FROM (c.status, coalesce(c.refunded, 0))
                AND (r.paid = c.paid OR c.status = 'cancelled' AND coalesce(c.paid, 0) = 0) THEN 'stale'
           ELSE 'rejected' END,
       reason = CASE WHEN c.version IS NULL THEN 'several_rows' ELSE 'version_conflict' END, repeat_of = c.line
  FROM counted c
 WHERE c.external_id = r.external_id AND c.line <> r.line AND r.outcome IS NULL;
UPDATE import_rows c
   SET outcome = 'rejected', reason = r.reason
  FROM (SELECT DISTINCT repeat_of, reason FROM import_rows WHERE outcome = 'rejected' AND reason = 'several_rows') r
 WHERE c.line = r.repeat_of;

-- name: distinct_people
-- What the file has no column for is not looked for in its rows.
CREATE TEMP TABLE import_people WITH (fillfactor = 45) AS  -- each row is updated on its page
SELECT person, min(customer) AS customer, min(line) AS first_line, min(ordered_on) AS first_on,
       CASE WHEN %(contacts)s
            THEN (array_agg(phone_index ORDER BY line) FILTER (WHERE phone_index IS NOT NULL))[1] END AS phone_index,
       CASE WHEN %(names)s
            THEN (array_agg(name ORDER BY line) FILTER (WHERE name <> ''))[1] END AS name,
       CASE WHEN %(names)s
            THEN (array_agg(region ORDER BY line) FILTER (WHERE region <> ''))[1] END AS region,
       CASE WHEN %(names)s
            THEN (array_agg(city ORDER BY line) FILTER (WHERE city <> ''))[1] END AS city,
       CASE WHEN %(contacts)s
            THEN (array_agg(email_index ORDER BY line) FILTER (WHERE email_index IS NOT NULL))[1] END AS email_index,
       bool_or(phone_index IS NOT NULL OR email_index IS NOT NULL) AS has_contacts,
       NULL::bigint AS customer_id, false AS attach, '' AS found_by, true AS is_needed
  FROM import_rows WHERE outcome IS DISTINCT FROM 'rejected' AND person IS NOT NULL GROUP BY person;
CREATE UNIQUE INDEX ON import_people (person);
ANALYZE import_rows (line, external_id, person, outcome); ANALYZE import_people;
-- The shop's usual amount, by the file and some of what is stored; nothing is unusual where little is known.
CREATE TEMP TABLE import_usual AS
SELECT CASE WHEN count(*) >= 3
            THEN greatest(1000 * percentile_disc(.5) WITHIN GROUP (ORDER BY paid), 1000000) END AS most
  FROM (SELECT paid FROM (SELECT paid FROM import_rows LIMIT 20000) r WHERE paid > 0
         UNION ALL
        SELECT paid FROM (SELECT paid FROM customers_order WHERE source = %(source)s LIMIT 2000) o WHERE paid > 0) known;

-- name: resolve
-- The same rules as identity.find_or_create: the source's own id, else the phone, else the e-mail of somebody this
-- source does not know yet.
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

UPDATE import_people p SET customer_id = by_email.customer_id, attach = true, found_by = 'email'
  FROM (
    SELECT DISTINCT ON (c.customer_id) pp.person, c.customer_id
      FROM import_people pp
      JOIN LATERAL (
        SELECT min(customer_id) AS customer_id, count(*) AS people
          FROM customers_contactpoint c
         WHERE c.kind = 'email' AND c.blind_index = pp.email_index
           AND (pp.customer = '' OR NOT EXISTS (
                SELECT 1 FROM customers_externalidentity i
                 WHERE i.customer_id = c.customer_id AND i.source = %(source)s))
      ) c ON c.people = 1
     WHERE pp.customer_id IS NULL AND pp.email_index IS NOT NULL
     ORDER BY c.customer_id, pp.first_line
  ) by_email
 WHERE p.person = by_email.person;

-- name: needed_people
-- Nobody is made for rows that only ask to give a stored order to somebody else, or wait for a yes themselves.
UPDATE import_people p SET is_needed = false
 WHERE p.customer_id IS NULL AND NOT EXISTS (
    SELECT 1 FROM import_rows r
      LEFT JOIN LATERAL (SELECT id, version FROM customers_order
                          WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o ON true
     WHERE r.person = p.person AND r.outcome IS NULL
       AND (r.version > o.version
            OR o.id IS NULL AND NOT coalesce(r.paid > (SELECT most FROM import_usual), false)
               AND r.ordered_at < %(at)s::timestamptz + interval '1 day' AND r.ordered_on >= '1990-01-01'
            OR %(accepted)s::text[] <> '{}'
            OR EXISTS (SELECT 1 FROM customers_importquestion q
                        WHERE q.run_id = %(run)s AND q.external_id = r.external_id AND q.answer = 'yes')));

-- name: number_people
UPDATE import_people p
   SET customer_id = nextval(pg_get_serial_sequence('customers_customer', 'id')), attach = true, found_by = 'nothing'
  FROM (SELECT person FROM import_people WHERE customer_id IS NULL AND is_needed ORDER BY first_line LIMIT %(most)s) n
 WHERE p.person = n.person
RETURNING p.customer_id, coalesce(p.name, ''), coalesce(p.region, ''), coalesce(p.city, ''), p.first_on

-- name: attach_people
INSERT INTO customers_standing
       (customer_id, customer_class, matrix_type, value, potential, usual_days, limit_days, inputs)
SELECT customer_id, -1, 0, 0, 0, 0, 0, 0 FROM import_people p
 WHERE attach AND found_by = 'nothing'
 ORDER BY customer_id
ON CONFLICT DO NOTHING;
-- What the file teaches of somebody who was known before is a line of their history.
WITH learnt AS (
    INSERT INTO customers_externalidentity (customer_id, source, external_id, import_run)
    SELECT customer_id, %(source)s, customer, %(run)s FROM import_people p
     WHERE attach AND customer <> '' AND found_by <> 'identity'
    ON CONFLICT DO NOTHING RETURNING customer_id, external_id
)
INSERT INTO customers_customerchange (customer_id, at, door, field, before, after)
SELECT DISTINCT l.customer_id, %(at)s::timestamptz, 'file', 'identity', '', %(source)s || ':' || l.external_id
  FROM learnt l JOIN import_people p USING (customer_id) WHERE p.found_by <> 'nothing';
WITH learnt AS (
    INSERT INTO customers_contactpoint
           (customer_id, kind, mask, encrypted, blind_index, tail_index, added_at, import_run)
    SELECT DISTINCT ON (p.customer_id, r.phone_index)
           p.customer_id, 'phone', phone_mask, phone_sealed, r.phone_index, phone_tail, %(at)s::timestamptz, %(run)s
      FROM import_rows r JOIN import_people p USING (person)
     WHERE r.phone_index IS NOT NULL AND p.attach
    ON CONFLICT DO NOTHING RETURNING customer_id, mask
)
INSERT INTO customers_customerchange (customer_id, at, door, field, before, after)
SELECT DISTINCT l.customer_id, %(at)s::timestamptz, 'file', 'phone', '', l.mask
  FROM learnt l JOIN import_people p USING (customer_id) WHERE p.found_by <> 'nothing';
WITH learnt AS (
    INSERT INTO customers_contactpoint (customer_id, kind, mask, encrypted, blind_index, added_at, import_run)
    SELECT DISTINCT ON (p.customer_id, r.email_index)
           p.customer_id, 'email', email_mask, email_sealed, r.email_index, %(at)s::timestamptz, %(run)s
      FROM import_rows r JOIN import_people p USING (person)
     WHERE r.email_index IS NOT NULL AND p.attach
    ON CONFLICT DO NOTHING RETURNING customer_id, mask
)
INSERT INTO customers_customerchange (customer_id, at, door, field, before, after)
SELECT DISTINCT l.customer_id, %(at)s::timestamptz, 'file', 'email', '', l.mask
  FROM learnt l JOIN import_people p USING (customer_id) WHERE p.found_by <> 'nothing';
UPDATE import_people SET attach = false WHERE attach;

-- name: said_again
-- What another import alone has told, and this one says too, stays when either is undone.
UPDATE customers_externalidentity i SET import_run = NULL
  FROM import_people p
 WHERE i.import_run <> %(run)s AND i.source = %(source)s AND i.external_id = p.customer AND p.customer <> '';
UPDATE customers_contactpoint c SET import_run = NULL
  FROM import_rows r JOIN import_people p USING (person)
 WHERE c.import_run <> %(run)s AND c.customer_id = p.customer_id
   AND (c.kind = 'phone' AND c.blind_index = r.phone_index OR c.kind = 'email' AND c.blind_index = r.email_index);

-- name: register_people
-- Whoever bought before the day they were known to be customers has been one since then; what it was is kept.
WITH earlier AS (
    SELECT c.id, c.registered_on, p.first_on FROM import_people p JOIN customers_customer c ON c.id = p.customer_id
     WHERE p.first_on < c.registered_on
), kept AS (
    INSERT INTO customers_importrecord (run_id, record_id, is_new, before, after)
    SELECT %(run)s, id, false, jsonb_build_object('registered_on', registered_on),
           jsonb_build_object('registered_on', first_on)
      FROM earlier
    ON CONFLICT (run_id, record_id) DO UPDATE SET after = excluded.after
)
UPDATE customers_customer c SET registered_on = e.first_on FROM earlier e WHERE e.id = c.id;

-- name: plan
-- What a check saw at each row, in the order of the lines.
CREATE TEMP TABLE import_plan AS SELECT seen, number FROM unnest(%(plan)s::int[]) WITH ORDINALITY AS p (seen, number);
UPDATE import_rows r SET planned = p.seen
  FROM (SELECT line, row_number() OVER (ORDER BY line) AS number FROM import_rows) n
  JOIN import_plan p USING (number)
 WHERE r.line = n.line;
ANALYZE import_rows (line, external_id, person, outcome);

-- name: classify_new
-- A row of a known or new person whose order is not stored, of which nothing has to be asked, is an order: as nearly
-- all rows of a first file are. What `classify` would say of it, in one look.
UPDATE import_rows r
   SET customer_id = p.customer_id, outcome = 'created', version = coalesce(r.version, -1),
       file_changes = CASE WHEN r.version IS NULL THEN 1 ELSE 0 END, new_lines = true,
       paid = coalesce(nullif(r.paid, 0), r.refunded, 0), state_seen = hashtext('created')
  FROM import_people p
 WHERE p.person = r.person AND r.line BETWEEN %(first)s AND %(last)s AND r.outcome IS NULL
   AND (SELECT id FROM customers_order WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) IS NULL
   AND NOT (%(guests)s AND EXISTS (SELECT 1 FROM customers_guestorder g
                                    WHERE g.source = %(source)s AND g.external_id = r.external_id))
   AND coalesce(r.refunded, 0) <= coalesce(nullif(r.paid, 0), r.refunded, 0)
   AND NOT coalesce(greatest(r.paid, r.refunded) > (SELECT most FROM import_usual), false)
   AND r.ordered_at <= %(at)s::timestamptz + interval '1 day' AND r.ordered_on >= '1990-01-01';

-- name: classify
-- With a version, or where the file and the one that spoke last say when the shop has changed the order: newer or not
-- (whose it is, and what has had a person's yes, is asked about all the same). Otherwise a row adds, and changes what
-- can only be later: pending, paid, cancelled; more money back. What it would take away or make otherwise, and what
-- cannot well be, is asked about.
UPDATE import_rows r
   SET customer_id = coalesce(c.customer_id, c.old_customer_id), old_customer_id = c.old_customer_id,
       outcome = c.outcome,
       reason = CASE WHEN c.outcome <> 'rejected' THEN NULL
                     WHEN r.version = c.stored THEN 'version_conflict'
                     ELSE 'refund_exceeds_paid' END,
       asks = CASE WHEN c.outcome = 'asked' THEN c.asks END,
       version = coalesce(r.version, c.stored, -1),
       file_changes = CASE WHEN r.version IS NULL THEN coalesce(c.file_changes, 0) + 1 ELSE 0 END,
       ordered_at = CASE WHEN r.version IS NULL AND r.ordered_on = c.old_on THEN c.old_at ELSE r.ordered_at END,
       paid = c.paid, cost = c.cost, new_lines = c.new_lines,
       status = CASE WHEN c.waits THEN 'held' ELSE r.status END,
       state_seen = hashtext(concat_ws(' ', c.outcome, c.stored, c.file_changes, c.old_customer_id))
  FROM (
    SELECT r.line, who.customer_id, o.customer_id AS old_customer_id, o.version AS stored, o.file_changes,
           o.ordered_at AS old_at, o.ordered_on AS old_on, e.paid, e.cost, a.asks,
           -- An amount that waits for a person, or was kept out by one, still does.
           o.status = 'held' AND r.status = 'paid' AND (e.paid, e.cost) = (o.paid, o.cost) AS waits,
           o.id IS NULL OR r.version IS NOT NULL OR w.other_lines
               OR NOT %(of_lines)s AND l.told <> '{}' AND e.paid <> o.paid AS new_lines,
           CASE
             WHEN o.id IS NULL
               THEN CASE WHEN %(guests)s AND EXISTS (
                             SELECT 1 FROM customers_guestorder g WHERE g.source = %(source)s
                                AND g.external_id = r.external_id
                                AND (g.version > coalesce(r.version, -1) OR r.version IS NULL
                                     AND array_position('{pending,paid,cancelled}', g.status::text)
                                         > array_position('{pending,paid,cancelled}', r.status))) THEN 'stale'
                         WHEN coalesce(r.refunded, 0) > e.paid THEN 'rejected'
                         WHEN a.asks <> '{}' THEN 'asked'
                         WHEN r.person IS NULL THEN 'guest' ELSE 'created' END
             WHEN o.is_test THEN 'stale'  -- cancelled for ever, whatever is said of it
             WHEN r.version < o.version THEN 'stale'
             WHEN r.version IS NOT NULL AND e.is_same
               THEN CASE WHEN r.version > o.version THEN 'updated' ELSE 'unchanged' END
             WHEN r.version = o.version AND o.file_changes > 0 THEN 'stale'
             WHEN r.version = o.version OR r.version IS NOT NULL AND e.cost < f.cost THEN 'rejected'
             WHEN e.is_older THEN CASE WHEN w.differs OR e.was > e.now THEN 'stale' ELSE 'unchanged' END
             WHEN r.version IS NULL AND e.was > e.now AND NOT e.is_newer
                  AND (o.status, r.status) <> ('cancelled', 'paid') THEN 'stale'
             WHEN r.version IS NULL AND NOT w.differs
               THEN CASE WHEN o.version < 0 AND r.modified > coalesce(o.modified_at, '-infinity') THEN 'updated'
                         ELSE 'unchanged' END
             WHEN r.version IS NULL AND o.version >= 0 AND NOT e.is_later THEN 'stale'
             WHEN e.paid < CASE WHEN r.version IS NULL THEN greatest(f.amount, r.refunded)
                                ELSE coalesce(r.refunded, f.amount) END THEN 'rejected'
             WHEN a.asks <> '{}' THEN 'asked'
             ELSE 'updated' END AS outcome
      FROM import_rows r
      LEFT JOIN import_people p USING (person)
      LEFT JOIN LATERAL (SELECT * FROM customers_order
                          WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o ON true
      LEFT JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount, coalesce(sum(amount + profit_effect), 0) AS cost
                           FROM customers_refund WHERE order_id = o.id) f ON true
     -- A row that names nobody speaks of whom the order is known to be of.
     CROSS JOIN LATERAL (SELECT CASE WHEN r.person IS NULL THEN o.customer_id ELSE p.customer_id END AS customer_id) who
     CROSS JOIN LATERAL (
        -- A cancelled order often has no amount any more, and a file without a column for cost says nothing of it.
        SELECT r.status = 'cancelled' AND coalesce(r.paid, 0) = 0 AS is_silent,
               CASE WHEN r.version IS NULL AND r.status = 'cancelled' AND coalesce(r.paid, 0) = 0
                      THEN coalesce(o.paid, r.refunded, 0)
                    WHEN coalesce(r.paid, 0) = 0 AND o.id IS NULL THEN coalesce(r.refunded, 0)
                    ELSE coalesce(r.paid, o.paid, 0) END AS paid,
               CASE WHEN r.version IS NULL AND r.cost = 0 THEN coalesce(o.cost, 0) ELSE r.cost END AS cost,
               array_position('{pending,paid,cancelled}', CASE o.status WHEN 'held' THEN 'paid' ELSE o.status END) AS was,
               array_position('{pending,paid,cancelled}', r.status) AS now,
               array_position('{pending,paid,cancelled}', r.status)
                   > array_position('{pending,paid,cancelled}', CASE o.status WHEN 'held' THEN 'paid' ELSE o.status END)
                   OR coalesce(r.refunded, 0) > f.amount AS is_later,
               -- What both the file and the one that spoke last say of when the shop has changed it.
               coalesce(r.version IS NULL AND o.version < 0 AND r.modified > o.modified_at, false) AS is_newer,
               coalesce(r.version IS NULL AND o.version < 0 AND r.modified < o.modified_at, false) AS is_older,
               (who.customer_id, r.status, r.ordered_at, r.paid, r.cost)
                   IS NOT DISTINCT FROM (o.customer_id, CASE o.status WHEN 'held' THEN 'paid' ELSE o.status END, o.ordered_at,
                                         o.paid, o.cost)
                   AND CASE WHEN r.version IS NULL OR r.refunded IS NULL THEN coalesce(r.refunded, 0) <= f.amount
                            ELSE r.refunded = f.amount END AS is_same
        OFFSET 0  -- worked out once for a row, not wherever it is spoken of
     ) e
     CROSS JOIN LATERAL (
        SELECT CASE WHEN o.id IS NULL OR NOT %(lines)s OR r.version IS NOT NULL THEN '{}' ELSE ARRAY(
                   SELECT concat_ws(' ', product, units, CASE WHEN %(of_lines)s THEN amount END) AS line
                     FROM import_lines
                    WHERE head = r.line AND units > 0 AND product <> '' ORDER BY 1) END AS told,
               CASE WHEN o.id IS NULL OR NOT %(lines)s OR r.version IS NOT NULL THEN '{}' ELSE ARRAY(
                   SELECT concat_ws(' ', external_id, quantity, CASE WHEN %(of_lines)s THEN amount END) AS line
                     FROM customers_orderline ol JOIN customers_product op ON op.id = ol.product_id
                    WHERE ol.order_id = o.id ORDER BY 1) END AS stored
     ) l
     CROSS JOIN LATERAL (
        SELECT l.told <> '{}' AND NOT e.is_silent AND l.told <> l.stored AS other_lines,
               o.id IS NOT NULL AND r.version IS NULL AND (
                   e.is_later OR e.is_newer AND e.now <> e.was OR (o.status, r.status) = ('cancelled', 'paid')
                   OR who.customer_id IS DISTINCT FROM o.customer_id OR r.ordered_on <> o.ordered_on
                   OR e.paid <> o.paid OR e.cost <> o.cost
                   OR l.told <> '{}' AND NOT e.is_silent AND l.told <> l.stored) AS differs
        OFFSET 0
     ) w
     CROSS JOIN LATERAL (
        SELECT w.other_lines AND NOT EXISTS (SELECT unnest(l.stored) EXCEPT ALL SELECT unnest(l.told)) AS more_lines
     ) m
     CROSS JOIN LATERAL (
        SELECT array_remove(ARRAY[
            CASE WHEN w.differs AND who.customer_id IS DISTINCT FROM o.customer_id THEN 'customer' END,
            CASE WHEN w.differs AND NOT e.is_newer AND r.ordered_on <> o.ordered_on THEN 'day' END,
            CASE WHEN w.differs AND NOT e.is_newer AND w.other_lines AND NOT m.more_lines THEN 'lines' END,
            CASE WHEN w.differs AND NOT e.is_newer
                      AND (e.paid < o.paid OR e.paid > o.paid AND NOT (m.more_lines OR e.now > e.was)
                                     OR e.cost <> o.cost AND o.cost <> 0 AND NOT m.more_lines) THEN 'amount' END,
            CASE WHEN w.differs AND NOT e.is_newer AND (o.status, r.status) = ('cancelled', 'paid') THEN 'reopened' END,
            CASE WHEN w.differs AND o.version >= 0 THEN 'shop' END,
            CASE WHEN w.differs AND o.version < 0 AND EXISTS (
                    SELECT 1 FROM customers_importquestion q JOIN customers_import i ON i.id = q.run_id
                     WHERE q.external_id = r.external_id AND i.source = %(source)s
                       AND q.applied_at IS NOT NULL)
                 THEN 'answered' END,
            CASE WHEN e.paid > (SELECT most FROM import_usual) AND e.paid IS DISTINCT FROM o.paid THEN 'unusual' END,
            CASE WHEN r.ordered_at > %(at)s::timestamptz + interval '1 day'
                      AND r.ordered_on IS DISTINCT FROM o.ordered_on THEN 'future' END,
            CASE WHEN r.ordered_on < '1990-01-01' AND r.ordered_on IS DISTINCT FROM o.ordered_on THEN 'long_ago' END
        ], NULL) AS asks
        OFFSET 0
     ) a
     WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome IS NULL
  ) c
 WHERE r.line = c.line AND r.line BETWEEN %(first)s AND %(last)s;

-- name: hold_changed
-- What a check planned otherwise, because the record has changed since, is not done unasked.
UPDATE import_rows r SET outcome = 'asked', asks = ARRAY['changed']
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.planned <> r.state_seen AND r.outcome IN ('created', 'updated');

-- name: ask
-- Before and after of each row that waits for a yes. One that had its yes, to just this, waits no longer.
WITH asked AS (
    SELECT r.line, o.id IS NULL AS is_new, r.asks, CASE WHEN o.id IS NULL THEN '{}' ELSE jsonb_build_object(
               'customer_id', o.customer_id, 'day', o.ordered_on, 'status', o.status, 'paid', o.paid, 'cost', o.cost,
               'refunded', (SELECT coalesce(sum(amount), 0) FROM customers_refund WHERE order_id = o.id),
               'lines', (SELECT coalesce(jsonb_agg(jsonb_build_array(p.name, l.quantity, l.amount) ORDER BY l.id), '[]')
                           FROM customers_orderline l JOIN customers_product p ON p.id = l.product_id
                          WHERE l.order_id = o.id)) END AS before,
           jsonb_build_object(
               'who', coalesce(nullif(r.customer, ''), nullif(r.phone_mask, ''), r.email_mask),
               'day', r.ordered_on, 'status', r.status, 'paid', r.paid, 'cost', r.cost,
               'refunded', coalesce(r.refunded, 0),
               'lines', (SELECT coalesce(jsonb_agg(jsonb_build_array(l.product, l.units, l.amount) ORDER BY l.line), '[]')
                           FROM import_lines l
                          WHERE %(lines)s AND l.head = r.line AND l.units > 0 AND l.product <> '')) AS after
      FROM import_rows r
      LEFT JOIN LATERAL (SELECT * FROM customers_order
                          WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o ON true
     WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'asked'
), questions AS (
    INSERT INTO customers_importquestion (run_id, line_number, external_id, asks, before, after, answer, answered_at)
    SELECT %(run)s, r.line, r.external_id, a.asks, a.before, a.after,
           CASE WHEN a.asks <@ %(accepted)s::text[] THEN 'yes' ELSE '' END,
           CASE WHEN a.asks <@ %(accepted)s::text[] THEN %(at)s::timestamptz END
      FROM asked a JOIN import_rows r USING (line)
    ON CONFLICT (run_id, external_id) DO UPDATE
       SET line_number = excluded.line_number, asks = excluded.asks, before = excluded.before, after = excluded.after,
           answer = CASE WHEN excluded.answer = 'yes' THEN 'yes'
                         WHEN (customers_importquestion.asks, customers_importquestion.before,
                               customers_importquestion.after) = (excluded.asks, excluded.before, excluded.after)
                              AND customers_importquestion.answer <> 'done'
                           THEN customers_importquestion.answer ELSE '' END,
           answered_at = coalesce(excluded.answered_at, customers_importquestion.answered_at)
    RETURNING external_id, answer
)
UPDATE import_rows r
   SET outcome = CASE WHEN q.answer = 'yes' THEN CASE WHEN NOT a.is_new THEN 'updated' WHEN r.person IS NULL THEN 'guest'
                                                         ELSE 'created' END
                      ELSE 'asked' END,
       new_lines = r.new_lines OR a.is_new
  FROM asked a, questions q
 WHERE r.line = a.line AND q.external_id = r.external_id;

-- name: applied
UPDATE customers_importquestion q SET answer = 'done', applied_at = %(at)s
  FROM import_rows r
 WHERE q.run_id = %(run)s AND q.external_id = r.external_id AND q.answer = 'yes'
   AND r.line BETWEEN %(first)s AND %(last)s AND r.outcome IN ('created', 'updated');

-- name: believed
-- What was asked about an amount that is another now is no question any more.
DELETE FROM customers_unusualorder u
 USING import_rows r
 CROSS JOIN LATERAL (SELECT id, status FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'updated'
   AND u.order_id = o.id AND o.status <> 'held' AND u.state <> 'right';

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

-- name: guests
-- Orders of nobody are kept aside, as the doors of the shop keep them.
INSERT INTO customers_guestorder (source, external_id, version, status, fact, paid, ordered_at, received_at, why)
SELECT %(source)s, r.external_id, coalesce(r.version, -1), r.status, jsonb_build_object(
           'import_run', %(run)s, 'status', r.status,
           'ordered_at', to_char(r.ordered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'),
           'paid', to_char(r.paid / 100.0, 'FM999999999999990.00'),
           'cost', to_char(r.cost / 100.0, 'FM999999999999990.00'),
           'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'product', l.product, 'quantity', l.units, 'category', l.category, 'name', '',
                                'amount', to_char(l.amount / 100.0, 'FM999999999999990.00')) ORDER BY l.line), '[]')
                       FROM import_lines l
                      WHERE %(lines)s AND l.head = r.line AND l.units > 0 AND l.product <> ''),
           'refunds', CASE WHEN r.refunded > 0 THEN jsonb_build_array(jsonb_build_object(
                'external_id', 'file-' || r.refunded, 'amount', to_char(r.refunded / 100.0, 'FM999999999999990.00'),
                'cost_returned', '0.00',
                'refunded_at', to_char(coalesce(r.refunded_at, r.ordered_at) AT TIME ZONE 'UTC',
                                       'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'))) ELSE '[]' END),
       r.paid, r.ordered_at, %(at)s, 'nobody'
  FROM import_rows r
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'guest'
ON CONFLICT (source, external_id) DO UPDATE
   SET version = excluded.version, status = excluded.status, fact = excluded.fact, paid = excluded.paid,
       ordered_at = excluded.ordered_at, received_at = excluded.received_at
 WHERE customers_guestorder.version < excluded.version
    OR excluded.version = -1 AND customers_guestorder.version = -1
       AND array_position('{pending,paid,cancelled}', customers_guestorder.status::text)
           < array_position('{pending,paid,cancelled}', excluded.status::text);

-- name: named
-- Orders of nobody whose customer the file names are orders now.
DELETE FROM customers_guestorder g
 USING import_rows r
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome IN ('created', 'updated')
   AND g.source = %(source)s AND g.external_id = r.external_id;

-- name: remember
-- What the orders were that are about to change, so that the import can be undone.
INSERT INTO customers_importchange (run_id, order_id, before)
SELECT %(run)s, o.id, to_jsonb(o) || jsonb_build_object(
           'lines', (SELECT coalesce(jsonb_agg(jsonb_build_array(l.product_id, l.quantity, l.amount) ORDER BY l.id), '[]')
                       FROM customers_orderline l WHERE l.order_id = o.id),
           'refunds', (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.id), '[]')
                         FROM customers_refund f WHERE f.order_id = o.id))
  FROM import_rows r
 CROSS JOIN LATERAL (SELECT * FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'updated'
ON CONFLICT (run_id, order_id) DO NOTHING;

-- name: store
WITH stored AS (
    INSERT INTO customers_order (source, external_id, version, file_changes, import_run, modified_at, customer_id,
                                 status, ordered_at, ordered_on, paid, cost, profit, category_mask, received_at)
    SELECT %(source)s, external_id, version, file_changes, %(run)s, modified, customer_id, status, ordered_at, ordered_on,
           paid, cost, paid - cost, CASE WHEN %(lines)s THEN coalesce((
               SELECT bit_or(1::bigint << (p.category_id %% 63)::int)
                 FROM import_lines l JOIN customers_product p ON p.source = %(source)s AND p.external_id = l.product
                WHERE l.head = r.line AND l.product <> ''), 0) ELSE 0 END, %(at)s
      FROM import_rows r
     WHERE line BETWEEN %(first)s AND %(last)s AND outcome = 'created'
     ORDER BY customer_id, ordered_at, line  -- neighbours in the index by customer
    RETURNING id
)
INSERT INTO customers_importpart (run_id, order_ids, customer_ids)
SELECT %(run)s, array_agg(id), '{}' FROM stored HAVING count(*) > 0;
UPDATE customers_order o
   SET version = r.version, file_changes = r.file_changes, import_run = %(run)s, modified_at = r.modified,
       customer_id = r.customer_id,
       status = r.status, ordered_at = r.ordered_at, ordered_on = r.ordered_on, paid = r.paid, cost = r.cost,
       profit = r.paid - r.cost, received_at = %(at)s,
       category_mask = CASE WHEN %(lines)s AND r.new_lines THEN coalesce(nullif((
               SELECT bit_or(1::bigint << (p.category_id %% 63)::int)
                 FROM import_lines l JOIN customers_product p ON p.source = %(source)s AND p.external_id = l.product
                WHERE l.head = r.line AND l.product <> ''), 0), o.category_mask) ELSE o.category_mask END
  FROM import_rows r
 CROSS JOIN LATERAL (SELECT id FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) known
 WHERE o.id = known.id AND r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'updated';

-- name: lines
DELETE FROM customers_orderline l
 USING import_rows r
 CROSS JOIN LATERAL (SELECT id FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
 WHERE l.order_id = o.id AND r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'updated'
   AND r.new_lines;
INSERT INTO customers_orderline (order_id, product_id, quantity, amount)
SELECT o.id, p.id, l.units, l.amount
  FROM import_rows r
  JOIN import_lines l ON l.head = r.line
 CROSS JOIN LATERAL (SELECT id FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
  JOIN customers_product p ON p.source = %(source)s AND p.external_id = l.product
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome IN ('created', 'updated')
   AND r.new_lines AND l.units > 0 AND l.product <> ''
 ORDER BY l.line;

-- name: money_back
-- What the file says has gone back so far, less what is known of it already, is one more refund. A newer version
-- that says that less has gone back is right.
DELETE FROM customers_refund f
 USING import_rows r
 CROSS JOIN LATERAL (SELECT id FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
 WHERE f.order_id = o.id AND r.line BETWEEN %(first)s AND %(last)s AND r.outcome = 'updated' AND r.file_changes = 0
   AND r.refunded < (SELECT sum(amount) FROM customers_refund WHERE order_id = o.id);
INSERT INTO customers_refund (order_id, external_id, customer_id, purchased_on, refunded_at, refunded_on, amount,
                              profit_effect)
SELECT o.id, 'file-' || r.refunded, o.customer_id, o.ordered_on, b.at, (b.at AT TIME ZONE %(zone)s)::date,
       r.refunded - f.amount, f.amount - r.refunded
  FROM import_rows r
 CROSS JOIN LATERAL (SELECT * FROM customers_order
                      WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
 CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM customers_refund WHERE order_id = o.id) f
 CROSS JOIN LATERAL (SELECT coalesce(r.refunded_at, o.ordered_at) AS at) b
 WHERE r.line BETWEEN %(first)s AND %(last)s AND r.outcome IN ('created', 'updated') AND r.refunded > 0
   AND r.refunded > f.amount;

-- name: refunds
-- Refunds stay with their order, which may have moved, changed its day or its amount.
WITH moved AS (
    SELECT o.id, o.customer_id, o.ordered_on, o.paid FROM import_rows r
     CROSS JOIN LATERAL (SELECT id, customer_id, ordered_on, paid FROM customers_order
                          WHERE source = %(source)s AND external_id = r.external_id LIMIT 1) o
     WHERE r.line BETWEEN %(first)s AND %(last)s
       AND (r.outcome = 'updated' OR r.outcome = 'created' AND r.refunded > 0)
       AND (r.refunded IS NOT NULL OR EXISTS (SELECT 1 FROM customers_refund f WHERE f.order_id = o.id))
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
-- A row that says the same as one that is refused or asked about is so with it.
UPDATE import_rows r SET outcome = c.outcome, reason = c.reason
  FROM import_rows c
 WHERE r.repeat_of = c.line AND r.outcome = 'unchanged' AND c.outcome = 'rejected';
ANALYZE import_rows (line, external_id, outcome);

-- name: earlier_passes
-- What an earlier pass of this import has done counts as done by it.
WITH created AS (
    SELECT unnest(order_ids) AS id FROM customers_importpart WHERE run_id = %(run)s
), done AS (
    SELECT id, 'created' AS outcome FROM created
     UNION ALL
    SELECT order_id, 'updated' FROM customers_importchange c
     WHERE run_id = %(run)s AND NOT EXISTS (SELECT 1 FROM created WHERE id = c.order_id)
)
UPDATE import_rows r SET outcome = d.outcome
  FROM done d JOIN customers_order o ON o.id = d.id
 WHERE o.external_id = r.external_id AND o.import_run = %(run)s AND r.repeat_of IS NULL
   AND (r.outcome = 'unchanged' OR r.outcome = 'updated' AND d.outcome = 'created');

-- name: refused
-- Line number and why the record refuses it.
SELECT l.line, r.reason
  FROM import_rows r
  JOIN import_lines l ON l.head = r.line
 WHERE r.outcome = 'rejected'

-- name: touched
-- Whose orders this import has changed, in this pass or in an earlier one that was killed before it came to their figures.
SELECT customer_id FROM import_rows WHERE outcome IN ('created', 'updated') AND customer_id IS NOT NULL
 UNION
SELECT old_customer_id FROM import_rows WHERE outcome = 'updated' AND old_customer_id IS NOT NULL
 UNION
SELECT o.customer_id
  FROM customers_import i
  JOIN customers_importpart p ON p.run_id = i.id
 CROSS JOIN LATERAL unnest(p.order_ids) AS made (id)
  JOIN customers_order o ON o.id = made.id
 WHERE i.source = %(source)s AND i.state IN ('running', 'failed', 'cancelled') AND (i.id <> %(run)s OR %(resumed)s)
 ORDER BY 1

-- name: unasked
-- Questions that this pass did not ask again are none any more.
UPDATE customers_importquestion q SET answer = 'done'
 WHERE q.run_id = %(run)s AND q.applied_at IS NOT NULL AND q.answer <> 'done' AND NOT EXISTS (
       SELECT 1 FROM import_rows r WHERE r.outcome = 'asked' AND r.external_id = q.external_id);
DELETE FROM customers_importquestion q
 WHERE q.run_id = %(run)s AND q.applied_at IS NULL AND NOT (%(is_check)s AND q.answer = 'yes') AND NOT EXISTS (
       SELECT 1 FROM import_rows r WHERE r.outcome = 'asked' AND r.external_id = q.external_id);

-- name: drop
DROP TABLE IF EXISTS import_rows, import_people, import_usual, import_plan CASCADE;
DROP TABLE IF EXISTS import_lines
