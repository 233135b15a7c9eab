-- 100,000 events that are done: half of them with keys that the scripts pass
-- as they are, half with those that wd_receive derives.  All keys have 19
-- characters.

TRUNCATE webhook_dedup_events, module.webhook_dedup_events;

INSERT INTO webhook_dedup_events (provider, dedup_key, status, request_hash)
SELECT 'paypal', k.dedup_key, 'done',
  wd_payload_hash(convert_to(k.dedup_key, 'UTF8'))
FROM generate_series(1, 50000) AS i
CROSS JOIN LATERAL (VALUES
  ((1000000000000000000 + i)::text),
  ('ev_' || (1000000000000000 + i)::text)) AS k (dedup_key);

INSERT INTO module.webhook_dedup_events
  (provider, dedup_key, first_seen_at, last_seen_at, status, request_hash)
SELECT provider, dedup_key, first_seen_at, last_seen_at, status, request_hash
FROM webhook_dedup_events
ORDER BY id;

VACUUM (ANALYZE) webhook_dedup_events;
VACUUM (ANALYZE) module.webhook_dedup_events;
CHECKPOINT;
