-- What is so about each of these letters. Its point: where it would go.
SELECT l.id,
       l.customer_id,
       c.merged_into_id IS NOT NULL,
       coalesce(rests.restricted_at IS NOT NULL, false),
       c.erased_at IS NOT NULL,
       coalesce(stop.kind, ''),
       CASE WHEN l.by_hand OR reach.kind IS NULL OR reach.good THEN 'good'
            WHEN reach.in_use THEN 'bad'
            WHEN reach.wrong THEN 'wrong'
            ELSE 'none'
       END,
       coalesce(said.state, ''),
       coalesce(born.latest > %(born_before)s, false),
       coalesce(rests.no_profiling_at IS NOT NULL, false),
       sent.on_day,
       sent.in_7,
       sent.in_30,
       sent.asked,
       l.sealed IS NOT NULL,
       reach.point
  FROM customers_letter l
  JOIN customers_customer c ON c.id = l.customer_id
  LEFT JOIN customers_contactstop stop ON stop.customer_id = c.id
  LEFT JOIN customers_reachlimit rests ON rests.customer_id = c.id
  LEFT JOIN customers_consentstate said
         ON said.customer_id = c.id AND said.channel = l.channel AND said.purpose = l.purpose
 CROSS JOIN LATERAL (
       SELECT max(d.year * 10000 + d.month * 100 + coalesce(d.day, 31)) AS latest
         FROM customers_lifedate d
        WHERE d.customer_id = c.id AND d.kind = 'birthday' AND d.of_whom = ''
     ) born
 CROSS JOIN LATERAL (
       SELECT k.kind,
              bool_or(p.retired = '' AND (b.since IS NULL OR p.confirmed_at > b.since)) AS good,
              bool_or(p.retired = '') AS in_use,
              bool_or(p.retired = 'wrong') AS wrong,
              (array_agg(p.id ORDER BY p.id = l.point_id DESC NULLS LAST, p.is_preferred DESC, p.id DESC)
               FILTER (WHERE p.retired = '' AND (b.since IS NULL OR p.confirmed_at > b.since)))[1] AS point
         FROM (SELECT CASE l.channel WHEN 'email' THEN 'email' WHEN 'sms' THEN 'phone'
                                     WHEN 'phone' THEN 'phone' WHEN 'post' THEN 'address' END AS kind) k
         LEFT JOIN customers_contactpoint p ON p.customer_id = c.id AND p.kind = k.kind
         LEFT JOIN customers_badpoint b ON b.point_id = p.id
        GROUP BY k.kind
     ) reach
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE o.purpose <> 'service' AND o.since >= %(today)s) AS on_day,
              count(*) FILTER (WHERE o.purpose = 'marketing' AND o.since >= %(since_7)s) AS in_7,
              count(*) FILTER (WHERE o.purpose = 'marketing' AND o.since >= %(since_30)s) AS in_30,
              count(*) FILTER (WHERE o.purpose = 'survey' AND o.since >= %(since_asked)s) AS asked
         FROM (SELECT other.purpose, coalesce(other.handed_at, %(now)s) AS since
                 FROM customers_letter other
                WHERE other.customer_id = c.id
                  AND other.id <> l.id
                  AND other.state IN ('handing', 'handed', 'delivered', 'unknown')) o
     ) sent
 WHERE l.id = ANY(%(letters)s)
