-- G2, G5: what is set of a provider takes effect in every function that acquires.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
DELETE FROM webhook_dedup_providers WHERE NOT built_in;
LOAD 'webhook_dedup';
-- does the lease that this statement gave an event last so long?  NULL: for ever
CREATE FUNCTION pg_temp.lasts(of_provider text, key text, lease interval) RETURNS boolean LANGUAGE sql AS $$
  SELECT CASE WHEN lease IS NULL THEN lease_expires_at IS NULL ELSE lease_expires_at - lease BETWEEN statement_timestamp() AND clock_timestamp() END
    FROM webhook_dedup_events WHERE provider = of_provider AND dedup_key = key
$$;
-- the functions that acquire an event for so long, wd_extend_lease among them
CREATE FUNCTION pg_temp.lasting(of_provider text, lease interval, given interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  DELETE FROM webhook_dedup_events WHERE provider = of_provider;
  PERFORM wd_try_acquire(of_provider, 'try', NULL, given), wd_acquire(of_provider, 'acquire', NULL, given), wd_acquire_many(of_provider, '{many}', NULL, given),
          wd_receive(of_provider, '{"id":"receive"}', '{}', given), wd_receive_items(of_provider, '{"id":"items"}', '{}', given), wd_receive_items(of_provider, '{"items":[{"id":"item"}]}', '{}', given);
  SELECT string_agg(k, ' ') INTO result FROM unnest('{try,acquire,many,receive,items,item}'::text[]) k WHERE pg_temp.lasts(of_provider, k, lease);
  UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE provider = of_provider;
  PERFORM wd_extend_lease(of_provider, 'try', 1, given);
  RETURN concat_ws(' ', result, CASE WHEN pg_temp.lasts(of_provider, 'try', lease) THEN 'extend' END);
END
$$;
-- the outcomes and statuses of one event for each function, by turns acquired and failed
CREATE FUNCTION pg_temp.outcomes(of_provider text, times integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  result text[] := array_fill(''::text, '{5}');
BEGIN
  DELETE FROM webhook_dedup_events WHERE provider = of_provider;
  FOR i IN 1 .. times LOOP
    result[1] := result[1] || ' ' || (SELECT concat_ws('/', outcome, http_status) FROM wd_acquire(of_provider, 'acquire'));
    result[2] := result[2] || ' ' || (SELECT string_agg(concat_ws('/', outcome, http_status), ' ') FROM wd_acquire_many(of_provider, '{many}'));
    result[3] := result[3] || ' ' || (SELECT concat_ws('/', outcome, http_status) FROM wd_receive(of_provider, '{"id":"receive"}'));
    result[4] := result[4] || ' ' || (SELECT string_agg(concat_ws('/', outcome, http_status), ' ') FROM wd_receive_items(of_provider, '{"items":[{"id":"item"}]}'));
    result[5] := result[5] || ' ' || wd_try_acquire(of_provider, 'try')::text;
    UPDATE webhook_dedup_events SET status = 'failed', lease_expires_at = NULL WHERE provider = of_provider;
  END LOOP;
  RETURN QUERY SELECT name || ':' || r FROM unnest('{acquire,many,receive,items,try}'::text[], result) AS u(name, r);
END
$$;

-- an event that is busy: the provider's status, 503 unless it is set
SELECT p AS provider, wd_set_provider(split_part(p, '/', 1), '{"{body:id}","{body:items[*].id}"}') IS NOT NULL AS set FROM unnest('{plain,teapot}'::text[]) p;
SELECT wd_set_provider('teapot', busy_status => 418);
SELECT count(wd_try_acquire(p, k)) AS busy FROM unnest('{nobody,plain,teapot,teapot/pot,square,square/x,github}'::text[]) p, unnest('{busy,ev_busy,dlv_busy}'::text[]) k;
SELECT p AS provider, a.http_status AS acquire, (SELECT http_status FROM wd_acquire_many(p, '{busy}')) AS many FROM unnest('{nobody,plain,teapot,teapot/pot,square,square/x,github}'::text[]) p, wd_acquire(p, 'busy') a;
SELECT p AS provider, r.http_status AS receive, (SELECT http_status FROM wd_receive_items(p, b::bytea)) AS items FROM (VALUES ('plain', '{"id":"busy"}'), ('teapot', '{"id":"busy"}'), ('teapot/pot', '{"id":"busy"}'), ('square', '{"event_id":"busy"}'), ('square/x', '{"event_id":"busy"}')) v(p, b), wd_receive(p, b::bytea) r;
SELECT http_status FROM wd_receive_items('teapot', '{"items":[{"id":"busy"},{"id":"new"},{"id":"new"}]}');
SELECT outcome, http_status FROM wd_acquire_many('teapot', '{twice,twice}');
-- done is 200 for all, and so is exhausted
SELECT wd_mark_done('teapot', 'busy'), wd_mark_done('square', 'ev_busy');
SELECT http_status FROM wd_acquire('teapot', 'busy');
SELECT http_status FROM wd_acquire_many('teapot', '{busy}');
SELECT http_status FROM wd_receive_items('square', '{"event_id":"busy"}');
SELECT http_status FROM wd_receive('teapot', '{"id":"busy"}');
-- a change counts from the next call on
SELECT wd_set_provider('plain', busy_status => 425);
SELECT outcome, http_status FROM wd_acquire('plain', 'ev_busy');
SELECT wd_drop_provider('plain'), wd_drop_provider('teapot');
SELECT outcome, http_status FROM wd_acquire('plain', 'ev_busy');
SELECT outcome, http_status FROM wd_acquire('teapot', 'ev_busy');

-- leases: the argument, else the provider's, else the setting
SELECT wd_set_provider('p', '{"{body:id}","{body:items[*].id}"}');
SELECT pg_temp.lasting('p', '5 min');
SET webhook_dedup.lease = '70s';
SELECT pg_temp.lasting('p', '70 s');
SELECT wd_set_provider('p', lease => '1 hour');
SELECT pg_temp.lasting('p', '1 hour');
SELECT pg_temp.lasting('p/scope', '1 hour');
SELECT pg_temp.lasting('p', '20 s', '20 s');
SELECT pg_temp.lasting('p', NULL, '0');
SELECT wd_set_provider('p', lease => '0');
SELECT pg_temp.lasting('p', NULL);
SELECT pg_temp.lasting('p', '20 s', '20 s');
-- those that nobody named are not shorter than the floor; a given one is the caller's affair
SELECT wd_drop_provider('p'), wd_set_provider('p', '{"{body:id}","{body:items[*].id}"}', lease_floor => '90 s');
SELECT pg_temp.lasting('p', '90 s');
SELECT pg_temp.lasting('p', '20 s', '20 s');
SET webhook_dedup.lease = '2min';
SELECT pg_temp.lasting('p', '2 min');
SET webhook_dedup.lease = 0;
SELECT pg_temp.lasting('p', NULL);
SET webhook_dedup.lease = 10;
SELECT pg_temp.lasting('p/scope', '90 s');
SELECT wd_set_provider('p', lease => '3 minutes');
SELECT pg_temp.lasting('p', '3 min');
SELECT wd_set_provider('p', lease => '0');
SELECT pg_temp.lasting('p', NULL);
-- a floor alone, of a built-in provider, and none
SELECT p AS provider, wd_try_acquire(p, 'floor'), pg_temp.lasts(p, 'floor', lease) FROM (VALUES ('github', interval '35 s'), ('github/x', '35 s'), ('paypal', '10 s'), ('nobody', '10 s')) v(p, lease);
-- lifted by a built-in floor: the setting, and the user's lease cannot be below it
SELECT wd_set_provider('github', lease => '40 s');
SELECT wd_try_acquire('github', 'lease'), pg_temp.lasts('github', 'lease', '40 s');
SELECT wd_set_provider('github', lease => '70 s', lease_floor => '60 s');
SELECT wd_try_acquire('github', 'lease 2'), pg_temp.lasts('github', 'lease 2', '70 s');
SELECT wd_drop_provider('github');
RESET webhook_dedup.lease;
-- taken over, with the same lease
SELECT wd_drop_provider('p'), wd_set_provider('p', '{"{body:id}","{body:items[*].id}"}', lease => '1 hour');
SELECT wd_try_acquire('p', 'failed'), wd_mark_failed('p', 'failed');
SELECT outcome, pg_temp.lasts('p', 'failed', '1 hour') FROM wd_acquire('p', 'failed');
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'failed';
SELECT outcome, pg_temp.lasts('p', 'failed', '1 hour') FROM wd_acquire_many('p', '{failed}');
-- a change counts from the next call on, not for leases that run
SELECT lease_expires_at AS running FROM webhook_dedup_events WHERE dedup_key = 'failed' \gset
SELECT wd_set_provider('p', lease => '2 hours');
SELECT lease_expires_at = :'running' AS still FROM webhook_dedup_events WHERE dedup_key = 'failed';
SELECT wd_extend_lease('p', 'failed', 3) IS NOT NULL AS extended, pg_temp.lasts('p', 'failed', '2 hours');

-- attempts: the provider's limit, else the setting's; 0 is none
SELECT pg_temp.outcomes('p', 3);
SELECT wd_set_provider('p', max_attempts => 2);
SELECT pg_temp.outcomes('p', 4);
SELECT pg_temp.outcomes('p/scope', 3);
SET webhook_dedup.max_attempts = 1;
SELECT pg_temp.outcomes('p', 3);
SELECT wd_set_provider('p', max_attempts => 0);
SELECT pg_temp.outcomes('p', 3);
SELECT wd_drop_provider('p'), wd_set_provider('p', '{"{body:id}","{body:items[*].id}"}', busy_status => 409);
SELECT pg_temp.outcomes('p', 3);
SELECT outcome, http_status FROM wd_acquire('nobody', 'limited');
SELECT wd_mark_failed('nobody', 'limited');
SELECT outcome, http_status FROM wd_acquire('nobody', 'limited');
SELECT wd_set_provider('nobody', max_attempts => 2);
SELECT outcome, http_status FROM wd_acquire('nobody', 'limited');
RESET webhook_dedup.max_attempts;
-- wd_try_once: one attempt more than allowed is none; a busy event raises whatever the provider's status
SELECT wd_set_provider('p', max_attempts => 1);
SELECT wd_try_acquire('p', 'once'), wd_mark_failed('p', 'once'), wd_try_once('p', 'once'), wd_try_once('p/scope', 'once');
SELECT wd_lookup('p', 'once'), wd_lookup('p/scope', 'once');
SELECT wd_set_provider('p', max_attempts => 2);
SELECT wd_try_once('p', 'once');
SELECT wd_lookup('p', 'once');
SELECT wd_try_acquire('p', 'held', NULL, '0');
SELECT wd_try_once('p', 'held');
-- an operator lets one more in, and only one
SELECT wd_set_provider('p', max_attempts => 1);
SELECT outcome FROM wd_acquire('p', 'poison');
SELECT wd_mark_failed('p', 'poison', 1, 'E1');
SELECT acquired, outcome, attempt, http_status FROM wd_acquire('p', 'poison');
SELECT wd_reopen('p', 'poison');
SELECT acquired, outcome, attempt FROM wd_receive('p', '{"id":"poison"}');
SELECT acquired, outcome, http_status FROM wd_receive('p', '{"id":"poison"}');
SELECT wd_mark_failed('p', 'poison', 2, 'E2');
SELECT acquired, outcome, attempt, http_status FROM wd_receive_items('p', '{"items":[{"id":"poison"}]}');
SELECT wd_reopen('p', 'poison');
SELECT acquired, outcome, attempt FROM wd_receive_items('p', '{"items":[{"id":"poison"}]}');
SELECT wd_mark_done('p', 'poison', 3);
SELECT acquired, outcome, http_status FROM wd_acquire('p', 'poison');
-- exhausted by a crash
SELECT outcome FROM wd_acquire('p', 'crashed', NULL, '1 us');
SELECT pg_sleep(0.01);
SELECT outcome, http_status FROM wd_acquire('p', 'crashed');
SELECT wd_reopen('p', 'crashed');
SELECT outcome, attempt FROM wd_acquire('p', 'crashed', NULL, '1 us');
SELECT pg_sleep(0.01);
SELECT outcome, http_status FROM wd_acquire_many('p', '{crashed}');

DELETE FROM webhook_dedup_providers WHERE NOT built_in;
