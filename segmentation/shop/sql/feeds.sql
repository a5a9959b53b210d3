-- What each source has told, and who buys from it.

-- name: days
SELECT source, ordered_on, count(*) FROM customers_order
 WHERE status = 'paid' AND ordered_on > %(after)s AND ordered_on <= %(until)s
 GROUP BY source, ordered_on

-- name: hours
SELECT source, ordered_on, extract(hour FROM ordered_at AT TIME ZONE %(zone)s)::int, count(*) FROM customers_order
 WHERE status = 'paid' AND ordered_on > %(after)s AND ordered_on <= %(until)s
   AND source = ANY(%(sources)s::text[])
 GROUP BY 1, 2, 3

-- name: buyers
SELECT o.customer_id, bit_or(1::bigint << (f.place - 1)::int)
  FROM customers_order o
  JOIN unnest(%(sources)s::text[]) WITH ORDINALITY AS f (source, place) ON f.source = o.source
 WHERE o.status = 'paid' AND o.ordered_on > %(after)s AND o.ordered_on <= %(until)s
   AND (%(one)s = 0 OR o.customer_id = %(one)s)
 GROUP BY o.customer_id
 ORDER BY o.customer_id
