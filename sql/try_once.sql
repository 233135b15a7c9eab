-- G1, G2: wd_try_once, transaction mode: the event is done when the transaction is.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
-- the SQLSTATE and message that a statement raises, or "no error"
CREATE FUNCTION pg_temp.err(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ' ' || SQLERRM ||
    CASE WHEN detail <> '' THEN ' | ' || detail ELSE '' END;
END
$$;
CREATE TEMP TABLE effect (key text);

-- committed together
BEGIN;
SELECT wd_try_once('p', 'e1');
INSERT INTO effect VALUES ('e1');
COMMIT;
SELECT wd_try_once('p', 'e1'), wd_lookup('p', 'e1');
-- rolled back together, and then the next delivery processes it
BEGIN;
SELECT wd_try_once('p', 'e2');
INSERT INTO effect VALUES ('e2');
ROLLBACK;
SELECT wd_lookup('p', 'e2') IS NULL AS never_seen;
BEGIN;
SELECT wd_try_once('p', 'e2', 'hash');
INSERT INTO effect VALUES ('e2');
COMMIT;
SELECT key, count(*) FROM effect GROUP BY key ORDER BY key;
SELECT dedup_key, status, attempt, lease_expires_at, request_hash, last_error FROM webhook_dedup_events ORDER BY id;
-- twice in one transaction, and after a savepoint that was rolled back
BEGIN;
SELECT wd_try_once('p', 'e3'), wd_try_once('p', 'e3');
SAVEPOINT s;
SELECT wd_try_once('p', 'e4');
ROLLBACK TO s;
SELECT wd_try_once('p', 'e4'), wd_try_once('p', 'e4');
COMMIT;

-- a failed event, and one whose lease ended, are taken over in one write
SELECT wd_try_acquire('p', 'failed'), wd_mark_failed('p', 'failed', 1, 'E');
SELECT wd_try_once('p', 'failed', 'late hash');
SELECT wd_try_acquire('p', 'ended', 'hash');
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'ended';
SELECT wd_try_once('p', 'ended', 'other');
SELECT dedup_key, status, attempt, lease_expires_at, request_hash, last_error FROM webhook_dedup_events WHERE dedup_key IN ('failed', 'ended') ORDER BY id;
-- the former holder can complete nothing (G3)
SELECT wd_mark_done('p', 'ended', 1), wd_mark_failed('p', 'ended', 1);
SELECT pg_temp.err($$SELECT wd_assert_owner('p', 'ended', 1)$$);

-- while somebody holds it under a lease, "false" would be a lie to the provider
SELECT wd_try_acquire('p', 'held');
SELECT pg_temp.err($$SELECT wd_try_once('p', 'held')$$);
SELECT wd_try_once('p', 'held');
SELECT wd_mark_done('p', 'held', 1), wd_try_once('p', 'held');
-- and the other way round: what transaction mode has done is done for lease mode
SELECT acquired, outcome, attempt, http_status FROM wd_acquire('p', 'e1');
SELECT acquired, outcome FROM wd_acquire_many('p', '{e1,e2,e9}');

SELECT pg_temp.err(format('SELECT wd_try_once(%L, %L, %L)', p, k, h)) FROM
  (VALUES ('p', repeat('k', 513), NULL), (repeat('p', 129), 'k', NULL), ('p', 'k', ''), ('p', 'k', repeat('h', 129))) v(p, k, h);
SELECT wd_lookup('p', 'k') IS NULL AS nothing_stored;
