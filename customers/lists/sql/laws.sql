-- What must always be true of the copies that lists read; each answer is empty when it is. A customer whose facts have
-- changed since the last night (`customers_dirtymark`) may be a day ahead of the others: only what is live is asked of them.

-- name: one_standing
SELECT c.id, c.merged_into_id
  FROM customers_customer c LEFT JOIN customers_standing s ON s.customer_id = c.id
 WHERE (c.merged_into_id IS NULL) <> (s.customer_id IS NOT NULL)

-- name: copies_of_the_record
SELECT c.id,
       concat_ws(' ',
           CASE WHEN s.manager_id IS DISTINCT FROM c.manager_id THEN 'manager' END,
           CASE WHEN s.region <> c.region THEN 'region' END,
           CASE WHEN s.city <> c.city THEN 'city' END,
           CASE WHEN s.registered_on IS DISTINCT FROM c.registered_on THEN 'registered_on' END,
           CASE WHEN s.birthday IS DISTINCT FROM b.birthday THEN 'birthday' END,
           CASE WHEN s.next_contact_on IS DISTINCT FROM c.next_contact_on THEN 'next_contact_on' END)
  FROM customers_customer c
  JOIN customers_standing s ON s.customer_id = c.id
 CROSS JOIN LATERAL (
       SELECT max(d.month * 100 + coalesce(d.day, 0)
                  + CASE WHEN d.leap THEN 4000 WHEN d.calendar = 'lunar' THEN 2000 ELSE 0 END) AS birthday
         FROM customers_lifedate d
        WHERE d.customer_id = c.id AND d.kind = 'birthday' AND d.of_whom = '' AND d.greet
          AND d.certainty <> 'doubtful') AS b
 WHERE (s.manager_id, s.region, s.city, s.registered_on, s.birthday, s.next_contact_on)
       IS DISTINCT FROM (c.manager_id, c.region, c.city, c.registered_on, b.birthday, c.next_contact_on)

-- name: copies_of_the_purchases
SELECT s.customer_id,
       concat_ws(' ',
           CASE WHEN s.first_on IS DISTINCT FROM m.first_on THEN 'first_on' END,
           CASE WHEN s.last_on IS DISTINCT FROM m.last_on THEN 'last_on' END,
           CASE WHEN s.purchase_days <> coalesce(m.purchase_days, 0) THEN 'purchase_days' END,
           CASE WHEN s.order_count <> coalesce(m.order_count, 0) THEN 'order_count' END,
           CASE WHEN s.paid_sum <> coalesce(m.paid_sum, 0) THEN 'paid_sum' END)
  FROM customers_standing s LEFT JOIN customers_summary m ON m.customer_id = s.customer_id
 WHERE (s.first_on, s.last_on, s.purchase_days, s.order_count, s.paid_sum)
       IS DISTINCT FROM (m.first_on, m.last_on, coalesce(m.purchase_days, 0), coalesce(m.order_count, 0),
                         coalesce(m.paid_sum, 0))

-- name: windows
WITH bought AS (
    SELECT o.customer_id, o.ordered_on AS day, sum(o.paid) AS paid
      FROM customers_order o, customers_summarystate state
     WHERE o.status = 'paid' AND o.ordered_on > state.as_of - 365 AND o.ordered_on <= state.as_of
       AND (o.fully_refunded_on IS NULL OR o.fully_refunded_on > state.as_of)
     GROUP BY o.customer_id, o.ordered_on
),
back AS (
    SELECT r.customer_id, r.purchased_on AS day, sum(r.amount) AS amount
      FROM customers_refund r, customers_summarystate state
     WHERE r.refunded_on <= state.as_of AND r.purchased_on > state.as_of - 365
     GROUP BY r.customer_id, r.purchased_on
),
within AS (
    SELECT b.customer_id,
           sum(b.paid - coalesce(k.amount, 0))                                          AS paid_365,
           sum(b.paid - coalesce(k.amount, 0)) FILTER (WHERE b.day > state.as_of - 90)  AS paid_90,
           count(*)                                                                    AS days_365
      FROM bought b CROSS JOIN customers_summarystate state LEFT JOIN back k USING (customer_id, day)
     GROUP BY b.customer_id
)
SELECT s.customer_id,
       concat_ws(' ',
           CASE WHEN s.paid_90 <> coalesce(w.paid_90, 0) THEN 'paid_90' END,
           CASE WHEN s.paid_365 <> coalesce(w.paid_365, 0) THEN 'paid_365' END,
           CASE WHEN s.days_365 <> coalesce(w.days_365, 0) THEN 'days_365' END)
  FROM customers_standing s LEFT JOIN within w ON w.customer_id = s.customer_id
 WHERE (s.paid_90, s.paid_365, s.days_365)
       IS DISTINCT FROM (coalesce(w.paid_90, 0), coalesce(w.paid_365, 0), coalesce(w.days_365, 0))
   AND EXISTS (SELECT 1 FROM customers_summarystate)
   AND NOT EXISTS (SELECT 1 FROM customers_dirtymark d WHERE d.customer_id = s.customer_id)

-- name: bought
WITH goods AS (
    SELECT l.product_id, o.customer_id, min(o.ordered_on) AS first_on, max(o.ordered_on) AS last_on,
           count(DISTINCT o.ordered_on) AS days, sum(l.amount) AS paid
      FROM customers_order o JOIN customers_orderline l ON l.order_id = o.id
     WHERE o.status = 'paid' AND o.fully_refunded_on IS NULL
     GROUP BY l.product_id, o.customer_id
)
SELECT coalesce(g.customer_id, b.customer_id), coalesce(g.product_id, b.product_id)
  FROM goods g FULL JOIN customers_bought b ON b.product_id = g.product_id AND b.customer_id = g.customer_id
 WHERE (g.first_on, g.last_on, g.days, g.paid) IS DISTINCT FROM (b.first_on, b.last_on, b.days::bigint, b.paid::numeric)
   AND NOT EXISTS (
       SELECT 1 FROM customers_dirtymark d WHERE d.customer_id = coalesce(g.customer_id, b.customer_id))

-- name: labels
SELECT s.customer_id, s.labels, l.labels
  FROM customers_standing s
  LEFT JOIN (SELECT customer_id, array_agg(label_id ORDER BY label_id) AS labels
               FROM customers_customerlabel GROUP BY customer_id) l ON l.customer_id = s.customer_id
 WHERE s.labels IS DISTINCT FROM coalesce(l.labels, '{}')
