-- What the loser has used of each campaign is the winner's too. Above a limit there is no further use.
INSERT INTO loyalty_campaignusage AS stays (campaign_id, customer_id, used, most)
SELECT campaign_id, %(winner)s, used, most
  FROM loyalty_campaignusage
 WHERE customer_id = %(loser)s AND used > 0
ON CONFLICT (campaign_id, customer_id) DO UPDATE
   SET used = stays.used + excluded.used, most = greatest(stays.most, stays.used + excluded.used)
