-- What the night compares itself with.

-- name: returns
SELECT refunded_on, count(*) FROM customers_refund
 WHERE refunded_on > %(after)s AND refunded_on <= %(until)s
 GROUP BY refunded_on

-- name: opened
SELECT n.as_of, count(a.id) FROM segmentation_night n
  LEFT JOIN segmentation_alert a ON a.opened_on = n.as_of AND NOT a.silent
 WHERE n.as_of > %(after)s AND n.as_of < %(before)s
 GROUP BY n.as_of
