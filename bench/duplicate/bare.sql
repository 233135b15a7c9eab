\set key random(1, 50000) + 1000000000000000000
SELECT status FROM webhook_dedup_events WHERE provider = 'paypal' AND dedup_key = :key;
