\set id random(1, 50000) + 1000000000000000
SELECT e.status, e.request_hash = d.hash FROM (SELECT 'ev_' || (convert_from(b.body, 'UTF8')::jsonb ->> 'id') AS key, encode(sha256(b.body), 'hex') AS hash FROM (SELECT bench_body(:id) AS body OFFSET 0) b OFFSET 0) d JOIN webhook_dedup_events e ON e.provider = 'paypal' AND e.dedup_key = d.key;
