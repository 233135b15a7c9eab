\set key random(1000000000000000000, 9223372036854775807)
BEGIN;
INSERT INTO module.webhook_dedup_events (provider, dedup_key, first_seen_at, last_seen_at, status, request_hash) VALUES ('paypal', :key, now(), now(), 'processing', :hash) ON CONFLICT (provider, dedup_key) DO NOTHING RETURNING id;
COMMIT;
BEGIN;
UPDATE module.webhook_dedup_events SET status = 'done', last_seen_at = now() WHERE provider = 'paypal' AND dedup_key = :key;
COMMIT;
