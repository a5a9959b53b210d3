-- Whose plan comes to what, and what of it is due. One definition for one customer (ids) and for all (ids null).
-- times: today; rows: the rules as JSON; closed/opens: days off with the working day after each; working: working days.

-- name: resolved
rules AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
        place int, served int, type int, rank int, every int, means text, who text, visits int, leader_visits int)
), wanted AS (
    SELECT s.customer_id, s.manager_id AS owner_id, coalesce(r.place, 0) AS place,
           coalesce(own.every_days, r.every) AS every_days,
           coalesce(own.means, r.means) AS means, coalesce(own.who, r.who) AS who,
           coalesce(own.visits_a_year, r.visits) AS visits_a_year,
           coalesce(own.leader_visits_a_year, r.leader_visits) AS leader_visits_a_year,
           c.manager_since
      FROM customers_standing s
      JOIN customers_customer c ON c.id = s.customer_id
      LEFT JOIN care_customerplan own
             ON own.customer_id = s.customer_id AND (own.until IS NULL OR own.until >= %(today)s)
      LEFT JOIN loyalty_membership m ON m.customer_id = s.customer_id
      LEFT JOIN LATERAL (
           SELECT * FROM rules
            WHERE own.id IS NULL
              AND (rules.served IS NULL OR rules.served = s.serve_class)
              AND (rules.type IS NULL OR rules.type = s.matrix_type)
              AND (rules.rank IS NULL OR m.rank >= rules.rank)
            ORDER BY rules.place LIMIT 1) r ON true
     WHERE s.manager_id IS NOT NULL
       AND (%(ids)s::bigint[] IS NULL OR s.customer_id = ANY(%(ids)s))
       AND c.merged_into_id IS NULL AND c.erased_at IS NULL
       AND coalesce(own.every_days, r.every) IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM customers_contactstop stop WHERE stop.customer_id = s.customer_id)
)

-- name: keep
WITH {resolved}, talked AS (
    SELECT w.*, last.day AS last_on, coalesce(last.day, w.manager_since, %(today)s) AS since
      FROM wanted w
      LEFT JOIN LATERAL (
           SELECT (max(k.at) AT TIME ZONE %(zone)s)::date AS day
             FROM customers_contact k
            WHERE k.customer_id = w.customer_id AND k.outcome <> 'no_answer' AND NOT k.from_complaint
              AND CASE w.means WHEN 'visit' THEN k.channel = 'visit'
                               WHEN 'talk' THEN k.channel IN ('visit', 'phone', 'wechat')
                               ELSE true END) last ON true
), shifted AS (
    SELECT t.*, coalesce(off.opens, t.since + t.every_days) AS day
      FROM talked t
      LEFT JOIN unnest(%(closed)s::date[], %(opens)s::date[]) AS off(day, opens) ON off.day = t.since + t.every_days
), due AS (
    SELECT t.*, CASE WHEN EXISTS (SELECT 1 FROM accounts_absence a
                                   WHERE a.user_id = t.owner_id AND t.day BETWEEN a.starts_on AND a.ends_on)
                     THEN coalesce((SELECT min(d) FROM unnest(%(working)s::date[]) AS d
                                     WHERE d >= t.day
                                       AND NOT EXISTS (SELECT 1 FROM accounts_absence a WHERE a.user_id = t.owner_id
                                                        AND d BETWEEN a.starts_on AND a.ends_on)), t.day)
                     ELSE t.day END AS due_on
      FROM shifted t
), put AS (
    INSERT INTO care_plandue AS p (customer_id, owner_id, place, version, every_days, means, who, visits_a_year,
                                   leader_visits_a_year, last_on, since, due_on)
    SELECT customer_id, owner_id, place, %(version)s, every_days, means, who, visits_a_year, leader_visits_a_year,
           last_on, since, due_on
      FROM due
     ORDER BY customer_id
    ON CONFLICT (customer_id) DO UPDATE
       SET (owner_id, place, version, every_days, means, who, visits_a_year, leader_visits_a_year, last_on, since, due_on)
         = (EXCLUDED.owner_id, EXCLUDED.place, EXCLUDED.version, EXCLUDED.every_days, EXCLUDED.means, EXCLUDED.who,
            EXCLUDED.visits_a_year, EXCLUDED.leader_visits_a_year, EXCLUDED.last_on, EXCLUDED.since, EXCLUDED.due_on)
     WHERE (p.owner_id, p.place, p.version, p.every_days, p.means, p.who, p.visits_a_year, p.leader_visits_a_year,
            p.last_on, p.since, p.due_on)
           IS DISTINCT FROM
           (EXCLUDED.owner_id, EXCLUDED.place, EXCLUDED.version, EXCLUDED.every_days, EXCLUDED.means, EXCLUDED.who,
            EXCLUDED.visits_a_year, EXCLUDED.leader_visits_a_year, EXCLUDED.last_on, EXCLUDED.since, EXCLUDED.due_on)
    RETURNING 1
), gone AS (
    DELETE FROM care_plandue p
     WHERE (%(ids)s::bigint[] IS NULL OR p.customer_id = ANY(%(ids)s))
       AND NOT EXISTS (SELECT 1 FROM due WHERE due.customer_id = p.customer_id)
    RETURNING 1
)
SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone)

-- What is not due (any more) does not wait: done where somebody has talked with them since, else no longer needed.
-- name: settle
UPDATE customers_todo t
   SET state = CASE WHEN EXISTS (SELECT 1 FROM care_plandue p WHERE p.customer_id = t.customer_id
                                    AND p.last_on >= t.due_on) THEN 'done' ELSE 'dropped' END,
       closed_at = %(at)s, closed_by_id = %(by)s
 WHERE t.reason = 'plan' AND t.state = 'open'
   AND (%(ids)s::bigint[] IS NULL OR t.customer_id = ANY(%(ids)s))
   AND NOT EXISTS (SELECT 1 FROM care_plandue p WHERE p.customer_id = t.customer_id AND p.due_on = t.due_on
                      AND NOT EXISTS (SELECT 1 FROM care_appointment a
                                       WHERE a.customer_id = p.customer_id AND a.state = 'booked'
                                         AND a."on" BETWEEN %(today)s AND greatest(p.due_on, %(today)s) + %(silence)s))

-- name: open
INSERT INTO customers_todo AS t (customer_id, reason, text, due_on, at_stake, stake_parts, dedupe_key, state,
                                 snooze_reason, opened_at)
SELECT p.customer_id, 'plan',
       jsonb_build_object('since', p.since, 'talked', p.last_on IS NOT NULL, 'every', p.every_days),
       p.due_on, round(w.worth * w.risk)::bigint,
       jsonb_build_object('risk', w.risk::text, 'value', (w.worth / 100.0)::numeric(18, 2)::text, 'version', %(risks)s),
       'plan:' || p.customer_id || ':' || p.due_on, 'open', '', %(at)s
  FROM care_plandue p
  JOIN customers_standing s ON s.customer_id = p.customer_id
 CROSS JOIN LATERAL (SELECT greatest(s.value, 0) AS worth,
                            round(%(share)s::numeric * least(1, (%(today)s - p.due_on + 1)::numeric / p.every_days), 4)
                            AS risk) w
 WHERE p.due_on <= %(today)s
   AND (%(ids)s::bigint[] IS NULL OR p.customer_id = ANY(%(ids)s))
   AND NOT EXISTS (SELECT 1 FROM care_appointment a
                    WHERE a.customer_id = p.customer_id AND a.state = 'booked'
                      AND a."on" BETWEEN %(today)s AND greatest(p.due_on, %(today)s) + %(silence)s)
 ORDER BY p.customer_id
ON CONFLICT (dedupe_key) DO UPDATE
   SET state = 'open', closed_at = NULL, closed_by_id = NULL, at_stake = EXCLUDED.at_stake,
       stake_parts = EXCLUDED.stake_parts, text = EXCLUDED.text
 WHERE t.state = 'dropped'
    OR (t.state = 'open' AND (t.at_stake, t.stake_parts, t.text)
                             IS DISTINCT FROM (EXCLUDED.at_stake, EXCLUDED.stake_parts, EXCLUDED.text))

-- Of these rules: how many have a plan, how many talks a week it asks, by customer how often.
-- name: foretell
WITH {resolved}
SELECT customer_id, every_days FROM wanted

-- Appointments whose day is over without a contact.
-- name: missed
UPDATE care_appointment SET state = 'missed' WHERE state = 'booked' AND "on" < %(today)s

-- Who has the task of an appointment now keeps it.
-- name: follow
UPDATE care_appointment a SET owner_id = t.owner_id
  FROM customers_todo t
 WHERE a.state IN ('booked', 'missed') AND t.dedupe_key = 'appointment:' || a.id
   AND t.owner_id IS NOT NULL AND t.owner_id <> a.owner_id
