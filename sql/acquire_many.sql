-- wd_acquire_many: one answer for each key, in the order of the keys.
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

SELECT dedup_key, acquired, outcome, attempt, http_status FROM wd_acquire_many('p', ARRAY['c', 'a', 'b']);
-- some known, some new, in input order
SELECT wd_mark_done('p', 'a'), wd_mark_failed('p', 'b', 1);
SELECT dedup_key, acquired, outcome, attempt, http_status FROM wd_acquire_many('p', ARRAY['d', 'c', 'b', 'a', 'e']) WITH ORDINALITY ORDER BY ordinality;
-- an ended lease, a failed one, an endless one, done ones
SELECT wd_mark_failed('p', 'b', 2);
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'c';
UPDATE webhook_dedup_events SET lease_expires_at = NULL WHERE dedup_key = 'd';
SELECT dedup_key, acquired, outcome, attempt, lease_expires_at IS NOT NULL AS lease FROM wd_acquire_many('p', ARRAY['a', 'b', 'c', 'd', 'e']);

-- a key twice in one call is acquired once; the others find it at work
SELECT dedup_key, acquired, outcome, attempt, http_status FROM wd_acquire_many('paypal', ARRAY['x', 'y', 'x', 'x', 'y']);
SELECT wd_mark_done_many('paypal', '{x,y}');
SELECT dedup_key, acquired, outcome, http_status FROM wd_acquire_many('paypal', ARRAY['x', 'y', 'x']);
SELECT wd_reopen('paypal', 'x');
SELECT dedup_key, acquired, outcome, attempt FROM wd_acquire_many('paypal', ARRAY['x', 'z', 'x', 'z']);
SELECT count(*), sum(attempt) FROM webhook_dedup_events WHERE provider = 'paypal';

-- hashes go with their keys, nulls allowed; the first one given stays
SELECT dedup_key, request_hash, hash_matches FROM wd_acquire_many('h', ARRAY['2', '1', '3', '1'], ARRAY['two', 'one', NULL, 'other']);
SELECT dedup_key, request_hash, hash_matches FROM wd_acquire_many('h', ARRAY['1', '2', '3'], ARRAY['one', 'TWO', 'three']);
SELECT wd_mark_failed('h', k) FROM unnest(ARRAY['1', '2', '3']) k;
SELECT dedup_key, outcome, request_hash, hash_matches FROM wd_acquire_many('h', ARRAY['3', '2', '1'], ARRAY['three', 'TWO', 'one']);

-- each column is that of wd_acquire
SELECT m.* IS NOT DISTINCT FROM s.* AS same FROM wd_acquire_many('p', ARRAY['c']) m, wd_acquire('p', 'c') s;
SELECT bool_and(a.event_id = e.id AND a.first_seen_at = e.first_seen_at) AS ids FROM wd_acquire_many('p', ARRAY['c', 'a', 'd']) a JOIN webhook_dedup_events e USING (provider, dedup_key);
-- leases: given, from the setting, endless
SELECT lease_expires_at - clock_timestamp() BETWEEN interval '59 min' AND interval '1 hour' AS hour FROM wd_acquire_many('l', ARRAY['1'], lease => '1 hour');
SELECT lease_expires_at - clock_timestamp() BETWEEN interval '4 min' AND interval '5 min' AS setting FROM wd_acquire_many('l', ARRAY['2']);
SELECT lease_expires_at FROM wd_acquire_many('l', ARRAY['3'], lease => '0');
SELECT wd_mark_failed('l', '3');
SELECT outcome, lease_expires_at FROM wd_acquire_many('l', ARRAY['3'], lease => '0');

-- none, many, odd
SELECT count(*) FROM wd_acquire_many('p', '{}');
SELECT count(*), count(*) FILTER (WHERE acquired), bool_and(dedup_key = 'n' || ordinality) AS in_order
  FROM wd_acquire_many('many', (SELECT array_agg('n' || i ORDER BY i) FROM generate_series(1, 5000) i)) WITH ORDINALITY;
SELECT outcome, count(*) FROM wd_acquire_many('many', (SELECT array_agg('n' || i % 5100 ORDER BY i) FROM generate_series(1, 10200) i)) GROUP BY outcome ORDER BY outcome;
SELECT dedup_key, acquired FROM wd_acquire_many('odd', '[5:7]={q,r,q}'::text[]);
SELECT dedup_key, acquired FROM wd_acquire_many('odd', ARRAY['NULL', '{}', '"', ',', '\', 'é', E'\n', ' ']);
SELECT (wd_acquire_many('list', ARRAY['s', 't'])).dedup_key;

-- refused: nothing of the call is stored
SELECT pg_temp.err(format('SELECT * FROM wd_acquire_many(%s)', a)) AS error, a FROM (VALUES
  ($$NULL, '{a}'$$), ($$'', '{a}'$$), ($$'bad', NULL$$), ($$'bad', '{a,NULL}'$$), ($$'bad', '{a,""}'$$), ($$'bad', '{{a,b},{c,d}}'$$),
  ($$'bad', '{a,b}', '{h}'$$), ($$'bad', '{a}', '{h,i}'$$), ($$'bad', '{a}', '{}'$$), ($$'bad', '{a}', '{{h}}'$$), ($$'bad', '{a,b}', '{h,""}'$$),
  ($$'bad', '{a}', NULL, '-1 s'$$)) v(a);
SELECT pg_temp.err(format('SELECT * FROM wd_acquire_many(%L, ARRAY[%L, %L])', 'bad', 'a', repeat('k', 513)));
SELECT pg_temp.err(format('SELECT * FROM wd_acquire_many(%L, ARRAY[%L], ARRAY[%L])', 'bad', 'a', repeat('h', 129)));
SELECT pg_temp.err(format('SELECT * FROM wd_acquire_many(%L, ARRAY[%L])', repeat('p', 129), 'a'));
SELECT count(*) FROM webhook_dedup_events WHERE provider = 'bad';
