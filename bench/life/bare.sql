\set key random(1000000000000000000, 9223372036854775807)
INSERT INTO webhook_dedup_events (provider, dedup_key, first_seen_at, last_seen_at, status, request_hash, attempt, lease_expires_at) VALUES ('paypal', :key, clock_timestamp(), clock_timestamp(), 'processing', :hash, 1, clock_timestamp() + interval '5 minutes') ON CONFLICT (provider, dedup_key) DO NOTHING;
UPDATE webhook_dedup_events SET status = 'done', lease_expires_at = NULL, last_error = NULL, last_seen_at = clock_timestamp() WHERE provider = 'paypal' AND dedup_key = :key AND status = 'processing' AND attempt = 1;
