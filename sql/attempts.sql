-- G3: attempts only grow; exhausted events; wd_reopen lets one more in.
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

SET webhook_dedup.max_attempts = 3;
-- three attempts that fail, then no more; the answer is success, as more deliveries cannot help
SELECT outcome, attempt, http_status FROM wd_acquire('p', 'poison');
SELECT wd_mark_failed('p', 'poison', 1, 'E1');
SELECT outcome, attempt, http_status FROM wd_acquire('p', 'poison');
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'poison';
SELECT outcome, attempt, http_status FROM wd_acquire('p', 'poison');
SELECT acquired, outcome, attempt, http_status FROM wd_acquire('p', 'poison');
SELECT wd_mark_failed('p', 'poison', 3, 'E3');
SELECT acquired, outcome, attempt, http_status FROM wd_acquire('p', 'poison');
SELECT wd_try_acquire('p', 'poison'), wd_try_once('p', 'poison');
SELECT acquired, outcome FROM wd_acquire_many('p', '{poison}');
SELECT status, attempt, last_error FROM webhook_dedup_events WHERE dedup_key = 'poison';
-- reclaimed too often is exhausted as well
UPDATE webhook_dedup_events SET status = 'processing', lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'poison';
SELECT acquired, outcome, attempt, http_status FROM wd_acquire('p', 'poison');
-- its holder can still complete it
SELECT wd_mark_failed('p', 'poison', 3, 'E3');
-- the limit is the setting's, not the event's
SET webhook_dedup.max_attempts = 4;
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'poison');
SELECT wd_mark_failed('p', 'poison', 4, 'E4');
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'poison');
-- an operator lets it in once more; the attempt goes on counting
SELECT wd_reopen('p', 'poison');
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'poison');
SELECT acquired, outcome, attempt, http_status FROM wd_acquire('p', 'poison');
SELECT wd_mark_failed('p', 'poison', 5, 'E5');
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'poison');
SET webhook_dedup.max_attempts = 0;
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'poison');
SELECT wd_mark_done('p', 'poison', 6);
-- done wins over exhausted
SET webhook_dedup.max_attempts = 1;
SELECT acquired, outcome, attempt, http_status FROM wd_acquire('p', 'poison');
-- and a done event that was reopened is acquired, whatever the limit
SELECT wd_reopen('p', 'poison');
SELECT acquired, outcome, attempt FROM wd_acquire_many('p', '{poison}');
SELECT wd_mark_failed('p', 'poison', 7);
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'poison');
SELECT wd_reopen('p', 'poison');
SELECT wd_try_once('p', 'poison');
SELECT status, attempt FROM webhook_dedup_events WHERE dedup_key = 'poison';
-- a busy event is busy, exhausted or not
SELECT acquired, outcome FROM wd_acquire('p', 'busy');
SELECT acquired, outcome, http_status FROM wd_acquire('p', 'busy');
RESET webhook_dedup.max_attempts;
SELECT left(pg_temp.err('SET webhook_dedup.max_attempts = -1'), 5) AS out_of_range;
SET webhook_dedup.max_attempts = 'many';

-- reopening
SELECT wd_reopen('p', 'busy') AS while_processing;
SELECT wd_lookup('p', 'busy');
SELECT pg_temp.err($$SELECT wd_reopen('p', 'never')$$);
SELECT wd_mark_done('p', 'busy', 1);
SELECT wd_reopen('p', 'busy'), wd_lookup('p', 'busy');
SELECT wd_reopen('p', 'busy') AS again;
SELECT outcome, attempt, lease_expires_at > clock_timestamp() AS lease FROM wd_acquire('p', 'busy');
-- G3: the former holder's token is worth nothing after a reopening
SELECT wd_mark_done('p', 'busy', 1), wd_mark_failed('p', 'busy', 1), wd_extend_lease('p', 'busy', 1) IS NULL AS lost;
SELECT wd_mark_done('p', 'busy', 2);

-- exhausted by a crash: the row is still processing, its lease has ended; an operator can let it in too
SET webhook_dedup.max_attempts = 1;
SELECT outcome FROM wd_acquire('p', 'crashed');
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'crashed';
SELECT outcome, http_status FROM wd_acquire('p', 'crashed');
SELECT wd_reopen('p', 'crashed'), wd_lookup('p', 'crashed');
SELECT outcome, attempt FROM wd_acquire('p', 'crashed');
SELECT wd_mark_done('p', 'crashed', 1) AS by_former_holder, wd_mark_done('p', 'crashed', 2) AS by_holder;
RESET webhook_dedup.max_attempts;
