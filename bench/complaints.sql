-- What bench.complaints works on. Parameters: cases, closed, queues, categories, agents, policy, customers, now.

-- Cases of the last weeks; the newest are open.
INSERT INTO complaints_case (customer_id, kind, channel, client_key, source, source_ref, order_ref,
    product_ref, category_id, title, description, remedy_sought, external_case, severity, class_at_open,
    served_as, value_at_open, priority, priority_source, priority_reason, status, queue_id, owner_id,
    version, policy_id, received_at, late_reason, opened_at, opened_by_id, resolved_at, closed_at, cycle,
    reopen_count, next_due_at, next_due_metric, breached, needs_a_look, justified, outcome, resolution,
    first_response_at)
SELECT 1 + (hashint4(i) & 2147483647) %% %(customers)s, 'complaint',
       (ARRAY['phone', 'wechat', 'web', 'shop'])[1 + i %% 4], '', '', '', '', '',
       (%(categories)s::int8[])[1 + i %% cardinality(%(categories)s::int8[])],
       '物流五天没有更新', '下单五天了，到底什么时候到', '', '', 1 + i %% 4, i %% 3, i %% 3,
       100 * (i %% 5000), 1 + i %% 4, 'rule',
       jsonb_build_object('class', i %% 3, 'severity', 1 + i %% 4, 'value', '100.00', 'recent', 0, 'matrix', 1),
       CASE WHEN i <= %(closed)s THEN 'closed' WHEN i %% 3 = 0 THEN 'new' ELSE 'in_progress' END,
       (%(queues)s::int8[])[1 + i %% cardinality(%(queues)s::int8[])],
       CASE WHEN i <= %(closed)s OR i %% 20 > 0
            THEN (%(agents)s::int8[])[1 + i %% cardinality(%(agents)s::int8[])] END,
       1, %(policy)s, opened, '', opened, (%(agents)s::int8[])[1], done, done, 1, 0,
       CASE WHEN done IS NULL THEN opened + interval '40 hours' END,
       CASE WHEN done IS NULL THEN 'resolution' ELSE '' END, i %% 9 = 0, false, 'unknown',
       CASE WHEN done IS NULL THEN '' ELSE 'fixed' END, CASE WHEN done IS NULL THEN '' ELSE '补发' END,
       opened + interval '1 hour'
  FROM (SELECT i, opened, CASE WHEN i <= %(closed)s THEN opened + interval '20 hours' END AS done
          FROM (SELECT i, CASE WHEN i <= %(closed)s
                               THEN %(now)s - interval '3 days' - (%(closed)s - i) * interval '3 minutes'
                               ELSE %(now)s - (i %% 2880) * interval '1 minute' END AS opened
                  FROM generate_series(1, %(cases)s) i) times) facts;

-- The first event of each.
INSERT INTO complaints_caseevent (case_id, seq, at, actor_id, actor_kind, kind, from_status, to_status,
                                  touched, data, request_key)
SELECT id, 1, opened_at, opened_by_id, 'user', 'logged', '', 'new', '{}', '{}', '' FROM complaints_case;

-- The clock of each open one.
INSERT INTO complaints_clock (case_id, metric, cycle, generation, target_id, budget_minutes,
                              calendar_version, started_at, state, due_at, note)
SELECT c.id, 'resolution', 1, 1, t.id, t.minutes, 1, c.opened_at, 'running', c.next_due_at, ''
  FROM complaints_case c
  JOIN complaints_slatarget t ON t.policy_id = c.policy_id AND t.metric = 'resolution'
                             AND t.customer_class = c.served_as AND t.severity = c.severity
 WHERE c.next_due_at IS NOT NULL;
