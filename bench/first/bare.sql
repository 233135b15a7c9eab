\set key random(1000000000000000000, 9223372036854775807)
INSERT INTO webhook_dedup_events (provider, dedup_key, first_seen_at, last_seen_at, status, request_hash, attempt, lease_expires_at) VALUES ('paypal', :key, clock_timestamp(), clock_timestamp(), 'processing', :hash, 1, clock_timestamp() + interval '5 minutes') ON CONFLICT (provider, dedup_key) DO NOTHING;
