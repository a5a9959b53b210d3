-- name: doubt
WITH told AS (
    SELECT source, calendar, month, day, leap,
           count(*) AS here, sum(count(*)) OVER (PARTITION BY source, calendar) AS of_source
      FROM customers_lifedate
     WHERE kind = 'birthday' AND day IS NOT NULL AND certainty <> 'sure'
     GROUP BY source, calendar, month, day, leap
)
UPDATE customers_lifedate d
   SET certainty = 'doubtful'
  FROM told t
 WHERE (d.source, d.calendar, d.month, d.day, d.leap) = (t.source, t.calendar, t.month, t.day, t.leap)
   AND d.kind = 'birthday' AND d.certainty = 'said'
   AND t.here >= %(least)s AND t.here > %(times)s * t.of_source / 365.0
