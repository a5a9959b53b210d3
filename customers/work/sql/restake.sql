-- What is at stake with open work, of what its customers are worth now.

-- name: restake
UPDATE customers_todo t
   SET at_stake = n.amount, stake_parts = n.parts
  FROM (SELECT t.id, round(worth * risk.share)::bigint AS amount,
               jsonb_build_object('risk', %(share)s, 'value', (worth / 100.0)::numeric(18, 2)::text,
                                  'version', %(version)s) AS parts
          FROM customers_todo t
          JOIN customers_standing s ON s.customer_id = t.customer_id
         CROSS JOIN (SELECT %(share)s::numeric AS share) risk
         CROSS JOIN LATERAL (SELECT greatest(s.value, 0) AS worth) w
         WHERE t.state = 'open' AND t.reason = %(reason)s) n
 WHERE n.id = t.id AND (t.at_stake, t.stake_parts) IS DISTINCT FROM (n.amount, n.parts)
