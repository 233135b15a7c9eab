-- Leases: lengths, clocks, the setting, takeover, extension.
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
-- does the lease that this statement gave an event last so long?  NULL: for ever
CREATE FUNCTION pg_temp.lasts(key text, lease interval) RETURNS boolean LANGUAGE sql AS $$
  SELECT CASE WHEN lease IS NULL THEN lease_expires_at IS NULL ELSE lease_expires_at - lease BETWEEN statement_timestamp() AND clock_timestamp() END
    FROM webhook_dedup_events WHERE dedup_key = key
$$;

-- the settings are known once the library is loaded, as by the first call
LOAD 'webhook_dedup';
-- NULL: the setting; 0: never ends
SHOW webhook_dedup.lease;
SELECT wd_try_acquire('p', 'default'), pg_temp.lasts('default', '5 min');
SET webhook_dedup.lease = '90s';
SELECT wd_try_acquire('p', 'setting'), pg_temp.lasts('setting', '90 s');
SET webhook_dedup.lease = 0;
SELECT wd_try_acquire('p', 'setting 0'), pg_temp.lasts('setting 0', NULL);
RESET webhook_dedup.lease;
SELECT wd_try_acquire('p', 'zero', NULL, '0'), pg_temp.lasts('zero', NULL);
SELECT acquired, lease_expires_at FROM wd_acquire('p', 'zero');
SELECT wd_try_acquire('p', 'hour', NULL, '1 hour'), pg_temp.lasts('hour', '1 hour');
SELECT wd_try_acquire('p', 'day', NULL, '1 day'), pg_temp.lasts('day', '24 hours');
SELECT wd_try_acquire('p', 'month', NULL, '1 month'), pg_temp.lasts('month', '720 hours');
SELECT wd_try_acquire('p', 'mixed', NULL, '1 day -1 hour'), pg_temp.lasts('mixed', '23 hours');
SELECT wd_try_acquire('p', 'short', NULL, '1 us');
SELECT pg_sleep(0.01);
SELECT outcome, attempt FROM wd_acquire('p', 'short', NULL, '1 us');

-- out of range
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L, NULL, %L)', 'p', 'range', l))
  FROM (VALUES ('-1 us'), ('-1 day'), ('1 day -25 hours'), ('2147483647 s'), ('2147483648 s'), ('100 years'), ('-178000000 years'), ('178000000 years')) v(l);
SELECT left(pg_temp.err('SET webhook_dedup.lease = -1'), 5) AS out_of_range;
SET webhook_dedup.lease = 'soon';
-- whole seconds: less than half of one is none
SET webhook_dedup.lease = '400ms';
SHOW webhook_dedup.lease;
RESET webhook_dedup.lease;
SELECT setting, unit, context, vartype, min_val, max_val, short_desc, extra_desc FROM pg_settings WHERE name LIKE 'webhook\_dedup.%' ORDER BY name;
-- the prefix is reserved
SELECT left(pg_temp.err('SET webhook_dedup.leese = 1'), 5) AS misspelled;

-- an ended lease is taken over by the first delivery after it, once
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'hour';
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'hour');
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'hour');
-- one that does not end is not
UPDATE webhook_dedup_events SET first_seen_at = first_seen_at - interval '10 years', last_seen_at = last_seen_at - interval '10 years' WHERE dedup_key = 'zero';
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'zero');

-- wall clock: a lease taken late in a long transaction is whole, and an ended one is seen as ended
BEGIN;
SELECT wd_try_acquire('p', 'early', NULL, '1 us');
SELECT pg_sleep(0.01);
SELECT acquired, outcome, pg_temp.lasts('late', '1 s') FROM wd_acquire('p', 'late', NULL, '1 s');
SELECT acquired, outcome, pg_temp.lasts('early', '1 s') FROM wd_acquire('p', 'early', NULL, '1 s');
COMMIT;

-- wd_extend_lease: from now; null when lost; infinity for ever
SELECT attempt FROM wd_acquire('p', 'extend', NULL, '1 min');
SELECT wd_extend_lease('p', 'extend', 1, '1 hour') - clock_timestamp() > interval '59 min' AS extended, pg_temp.lasts('extend', '1 hour');
SELECT wd_extend_lease('p', 'extend', 1, '10 s') IS NOT NULL AS shortened, pg_temp.lasts('extend', '10 s');
SELECT wd_extend_lease('p', 'extend', 1) IS NOT NULL AS by_setting, pg_temp.lasts('extend', '5 min');
SELECT wd_extend_lease('p', 'extend', 1, '0'), pg_temp.lasts('extend', NULL);
SELECT wd_extend_lease('p', 'extend', 0, '1 min') IS NULL AS no_such_attempt, wd_extend_lease('p', 'extend', 2, '1 min') IS NULL AS not_yet;
-- a lease that has ended, but was not taken over, is still its holder's
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'extend';
SELECT wd_extend_lease('p', 'extend', 1, '1 min') IS NOT NULL AS still_held;
-- after a takeover it is not
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'extend';
SELECT outcome, attempt FROM wd_acquire('p', 'extend');
SELECT wd_extend_lease('p', 'extend', 1, '1 min') IS NULL AS lost, wd_extend_lease('p', 'extend', 2, '1 min') IS NULL AS lost_by_holder;
SELECT wd_mark_done('p', 'extend', 2), wd_extend_lease('p', 'extend', 2, '1 min') IS NULL AS done;
SELECT pg_temp.err($$SELECT wd_extend_lease('p', 'never', 1)$$);
SELECT pg_temp.err($$SELECT wd_extend_lease('p', 'extend', NULL)$$);
SELECT pg_temp.err($$SELECT wd_extend_lease('p', 'extend', 2, '-1 s')$$);
SELECT pg_temp.err($$SELECT wd_extend_lease(NULL, 'extend', 2)$$);
SELECT pg_temp.err($$SELECT wd_extend_lease('p', NULL, 2)$$);
