-- Transaction mode from payload and headers: one write, done at commit.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS webhook_dedup;
CREATE EXTENSION webhook_dedup;
RESET client_min_messages;

-- SQLSTATE and message of what a statement raises
CREATE FUNCTION pg_temp.err(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE sql;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- done with the transaction that acquired it
BEGIN;
SELECT acquired, outcome, event_id IS NOT NULL AS id, provider, dedup_key, attempt, lease_expires_at, hash_matches, http_status, response
  FROM wd_receive_once('paypal', '{"id":"WH-1"}');
SELECT wd_lookup('paypal', 'ev_WH-1');
COMMIT;
SELECT wd_lookup('paypal', 'ev_WH-1');
SELECT acquired, outcome, attempt, http_status, hash_matches FROM wd_receive_once('paypal', '{"id":"WH-1"}');
SELECT outcome, hash_matches FROM wd_receive_once('paypal', '{"id":"WH-1","other":true}');

-- rolled back with it
BEGIN;
SELECT outcome FROM wd_receive_once('paypal', '{"id":"WH-2"}');
ROLLBACK;
SELECT wd_lookup('paypal', 'ev_WH-2');
SELECT outcome FROM wd_receive_once('paypal', '{"id":"WH-2"}');

-- the same key and hash as wd_receive's
SELECT o.dedup_key = r.dedup_key AS same_key, o.request_hash = r.request_hash AS same_hash
  FROM wd_receive_once('github', '{}', '{"X-GitHub-Delivery":["72d3162e"]}') o,
       LATERAL (SELECT * FROM wd_receive('github', '{}', '{"x-github-delivery":"72d3162e"}') OFFSET 0) r;

-- held under a lease: busy, with what makes the provider come again
SELECT outcome FROM wd_receive('toss/shop', '{}', '{"x-transmission-id":"t1"}');
SELECT acquired, outcome, attempt, http_status FROM wd_receive_once('toss/shop', '{}', '{"x-transmission-id":"t1"}');
-- given back: done by whoever comes next
SELECT wd_mark_failed('toss/shop', 'tx_t1', 1, 'E_TIMEOUT');
SELECT acquired, outcome, attempt, http_status FROM wd_receive_once('toss/shop', '{}', '{"x-transmission-id":"t1"}');
SELECT status, attempt, lease_expires_at, last_error FROM webhook_dedup_events WHERE dedup_key = 'tx_t1';
-- a lease that has ended
SELECT outcome FROM wd_receive('paypal', '{"id":"WH-3"}', lease => '1 microsecond');
SELECT acquired, outcome, attempt FROM wd_receive_once('paypal', '{"id":"WH-3"}');
-- a poison event
SELECT wd_set_provider('paypal', max_attempts => 1);
SELECT outcome FROM wd_receive('paypal', '{"id":"WH-4"}');
SELECT wd_mark_failed('paypal', 'ev_WH-4');
SELECT acquired, outcome, http_status FROM wd_receive_once('paypal', '{"id":"WH-4"}');
SELECT wd_drop_provider('paypal');

-- twice in one transaction and in one statement
BEGIN;
SELECT outcome FROM wd_receive_once('paypal', '{"id":"WH-5"}');
SELECT outcome FROM wd_receive_once('paypal', '{"id":"WH-5"}');
COMMIT;
SELECT a.outcome, b.outcome FROM wd_receive_once('paypal', '{"id":"WH-6"}') a, wd_receive_once('paypal', '{"id":"WH-6"}') b;

-- bad input: a clean error, and nothing stored
SELECT count(*) AS events FROM webhook_dedup_events;
SELECT i, pg_temp.err(format('SELECT wd_receive_once(%s)', args))
  FROM unnest(ARRAY[
    $$NULL, '{}'$$, $$'paypal', NULL$$, $$'paypal', '{}', NULL$$,
    $$'', '{}'$$, $$'paypal', ''$$, $$'paypal', '{"id":'$$, $$'paypal', '\xff'$$,
    $$'paypal', '{}'$$, $$'paypal', '{}', '[]'$$, $$'nobody', '{}'$$,
    $$'paypal', convert_to(repeat('[', 600), 'UTF8')$$]) WITH ORDINALITY AS u(args, i)
 ORDER BY i;
SELECT count(*) AS events FROM webhook_dedup_events;
