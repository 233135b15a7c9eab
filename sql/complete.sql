-- G3, G4: wd_mark_done, wd_mark_failed, wd_mark_done_many, wd_assert_owner.
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
CREATE FUNCTION pg_temp.state(key text) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', status, attempt, CASE WHEN lease_expires_at IS NULL THEN 'no lease' ELSE 'lease' END, last_error)
    FROM webhook_dedup_events WHERE dedup_key = key
$$;

-- done is final: nothing but wd_reopen leads away
SELECT wd_try_acquire('p', 'a'), wd_mark_done('p', 'a', 1), pg_temp.state('a');
SELECT wd_mark_done('p', 'a', 1), wd_mark_done('p', 'a'), wd_mark_failed('p', 'a', 1), wd_mark_failed('p', 'a'), wd_try_acquire('p', 'a'), wd_try_once('p', 'a'), pg_temp.state('a');
-- failed is given back, and cannot be completed by who gave it back
SELECT wd_try_acquire('p', 'b'), wd_mark_failed('p', 'b', 1, 'E_TIMEOUT'), pg_temp.state('b');
SELECT wd_mark_done('p', 'b', 1), wd_mark_failed('p', 'b', 1, 'again'), pg_temp.state('b');
-- the reason stays until the event is done
SELECT wd_try_acquire('p', 'b'), pg_temp.state('b'), wd_mark_done('p', 'b', 2), pg_temp.state('b');
-- fencing: another attempt than the current one changes nothing; NULL skips the fence
SELECT wd_try_acquire('p', 'c');
SELECT wd_mark_done('p', 'c', 0), wd_mark_done('p', 'c', 2), wd_mark_done('p', 'c', -1), wd_mark_failed('p', 'c', 2147483647), pg_temp.state('c');
SELECT wd_mark_done('p', 'c', NULL), pg_temp.state('c');
-- a holder whose lease has ended, but whom nobody has replaced, completes
SELECT wd_try_acquire('p', 'd', NULL, '1 us');
SELECT pg_sleep(0.01);
SELECT wd_mark_done('p', 'd', 1), pg_temp.state('d');
-- what was never acquired
SELECT pg_temp.err(s) FROM (VALUES ($$SELECT wd_mark_done('p', 'never')$$), ($$SELECT wd_mark_done('p', 'never', 1)$$), ($$SELECT wd_mark_failed('p', 'never')$$), ($$SELECT wd_mark_done('P', 'a', 1)$$), ($$SELECT wd_assert_owner('p', 'never', 1)$$)) v(s);
SELECT wd_mark_done('p', 'never');

-- the error is cut to 200 characters, and has no control characters
SELECT wd_try_acquire('p', 'e'), wd_mark_failed('p', 'e', 1, repeat('é', 500));
SELECT length(last_error), last_error = repeat('é', 200) AS whole_characters FROM webhook_dedup_events WHERE dedup_key = 'e';
SELECT wd_try_acquire('p', 'e'), wd_mark_failed('p', 'e', 2, E'a\tb\nc\rd\x1be\x7f f\u0085g\u009fh\u00a0i');
SELECT last_error = E'a?b?c?d?e? f?g?h\u00a0i' AS replaced FROM webhook_dedup_events WHERE dedup_key = 'e';
SELECT wd_try_acquire('p', 'e'), wd_mark_failed('p', 'e', 3, repeat(E'\u0085', 300));
SELECT last_error = repeat('?', 200) AS cut FROM webhook_dedup_events WHERE dedup_key = 'e';
SELECT wd_try_acquire('p', 'e'), wd_mark_failed('p', 'e', 4, ''), last_error = '' AS empty FROM webhook_dedup_events WHERE dedup_key = 'e';
SELECT last_error = '' AS empty FROM webhook_dedup_events WHERE dedup_key = 'e';
SELECT wd_try_acquire('p', 'e'), wd_mark_failed('p', 'e', 5);
SELECT last_error IS NULL AS none FROM webhook_dedup_events WHERE dedup_key = 'e';
SELECT wd_try_acquire('p', 'e'), wd_mark_failed('p', 'e', 6, repeat('x', 10000000)), length(pg_temp.state('e'));

-- many at once: the number of rows that this call changed
SELECT count(*) FROM wd_acquire_many('m', '{1,2,3,4,5}');
SELECT wd_mark_done_many('m', '{3,1}'), wd_mark_done_many('m', '{1,2,3}'), wd_mark_done_many('m', '{}');
SELECT wd_mark_done_many('m', '{4,5}', '{2,1}'), wd_lookup('m', '4'), wd_lookup('m', '5');
SELECT wd_mark_done_many('m', '{4,4,4}', '{7,NULL,1}'), wd_lookup('m', '4');
SELECT wd_mark_done_many('m', '{1,2,3,4,5}', '{1,1,1,1,1}');
-- one that was never acquired: none is completed
SELECT count(*) FROM wd_acquire_many('m', '{6,7}');
SELECT pg_temp.err($$SELECT wd_mark_done_many('m', '{6,never,7}')$$);
SELECT wd_lookup('m', '6'), wd_lookup('m', '7');
SELECT pg_temp.err(format('SELECT wd_mark_done_many(%s)', a)) AS error, a FROM (VALUES
  ($$NULL, '{6}'$$), ($$'', '{6}'$$), ($$'m', NULL$$), ($$'m', '{6,NULL}'$$), ($$'m', '{6,""}'$$), ($$'m', '{{6,7}}'$$),
  ($$'m', '{6,7}', '{1}'$$), ($$'m', '{6}', '{1,2}'$$), ($$'m', '{6}', '{{1}}'$$), ($$'m', '{6}', '{}'$$)) v(a);
SELECT wd_mark_done_many('m', '{7,6}', NULL);

-- wd_assert_owner: silent for the holder, WD004 for everybody else
SELECT wd_try_acquire('o', 'k');
SELECT wd_assert_owner('o', 'k', 1);
SELECT pg_temp.err(format('SELECT wd_assert_owner(%s)', a)) AS error, a FROM (VALUES
  ($$'o', 'k', 0$$), ($$'o', 'k', 2$$), ($$'o', 'k', NULL$$), ($$NULL, 'k', 1$$), ($$'o', NULL, 1$$), ($$'', 'k', 1$$), ($$'o', '', 1$$)) v(a);
-- a lease that ended is no reason, being replaced is
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE provider = 'o';
SELECT wd_assert_owner('o', 'k', 1);
SELECT outcome, attempt FROM wd_acquire('o', 'k');
SELECT pg_temp.err($$SELECT wd_assert_owner('o', 'k', 1)$$);
-- business transaction: effects and completion together
BEGIN;
SELECT wd_assert_owner('o', 'k', 2);
SELECT wd_mark_done('o', 'k', 2);
COMMIT;
SELECT pg_temp.err($$SELECT wd_assert_owner('o', 'k', 2)$$);
SELECT wd_reopen('o', 'k'), pg_temp.err($$SELECT wd_assert_owner('o', 'k', 2)$$);
SELECT wd_assert_owner('o', 'k', 2);

-- lookup
SELECT wd_lookup('p', 'a'), wd_lookup('p', 'never') IS NULL AS never, wd_lookup('o', 'k'), pg_typeof(wd_lookup('p', 'a'));
SELECT wd_lookup('p', 'a') = 'done' AS text_compare;
