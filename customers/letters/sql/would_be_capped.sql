-- Each letter of the last thirty days beside those before it that would have counted against it.
WITH sent AS (
    SELECT customer_id,
           purpose,
           handed_at,
           (handed_at AT TIME ZONE %(zone)s)::date AS day,
           id
      FROM customers_letter
     WHERE purpose <> 'service'
       AND state IN ('handed', 'delivered', 'unknown')
       AND handed_at >= %(since)s::timestamptz - make_interval(days => greatest(30, %(asked)s))
)
SELECT count(*), count(*) FILTER (WHERE kept_back)
  FROM (SELECT before.on_day >= %(a_day)s
               OR s.purpose = 'marketing' AND (before.in_7 >= %(in_7)s OR before.in_30 >= %(in_30)s)
               OR s.purpose = 'survey' AND before.asked >= 1 AS kept_back
          FROM sent s
         CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE b.day = s.day) AS on_day,
                      count(*) FILTER (WHERE b.purpose = 'marketing' AND b.day > s.day - 7) AS in_7,
                      count(*) FILTER (WHERE b.purpose = 'marketing' AND b.day > s.day - 30) AS in_30,
                      count(*) FILTER (WHERE b.purpose = 'survey'
                                         AND b.handed_at > s.handed_at - make_interval(days => %(asked)s)) AS asked
                 FROM sent b
                WHERE b.customer_id = s.customer_id
                  AND (b.handed_at, b.id) < (s.handed_at, s.id)
               ) before
         WHERE s.handed_at >= %(since)s) judged
