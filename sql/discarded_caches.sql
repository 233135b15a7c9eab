-- Every function in a server that discards its catalog caches at every chance:
-- nothing of the extension relies on them, or looks for ever for a quiet moment.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
DELETE FROM webhook_dedup_providers WHERE NOT built_in;
-- a server that was built with assertions forgets; with any other one this is a test like the others
CREATE FUNCTION forget_always() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('statement_timeout', '1 min', false), set_config('debug_discard_caches', '1', false);
EXCEPTION WHEN invalid_parameter_value THEN NULL;
END $$;
SELECT forget_always();

-- the life of an event
SELECT outcome, attempt, http_status FROM wd_acquire('shop', 'a', 'h');
SELECT outcome, attempt, http_status, hash_matches FROM wd_acquire('shop', 'a', 'i');
SELECT wd_try_acquire('shop', 'a'), wd_try_acquire('shop', 'b');
SELECT wd_extend_lease('shop', 'a', 1, '1 hour') > clock_timestamp() + interval '50 min' AS extended;
SELECT wd_assert_owner('shop', 'a', 1);
SELECT wd_mark_failed('shop', 'a', 1, 'E1');
SELECT outcome, attempt FROM wd_acquire('shop', 'a', NULL, '1 us');
SELECT outcome, attempt FROM wd_acquire('shop', 'a');
SELECT wd_mark_done('shop', 'a', 2), wd_mark_done('shop', 'a', 3, '{"kept":true}');
SELECT outcome, attempt, http_status, response FROM wd_acquire('shop', 'a');
SELECT wd_reopen('shop', 'a');
SELECT wd_lookup('shop', 'a'), wd_lookup('shop', 'never');
SELECT wd_mark_done('shop', 'never');
SELECT wd_assert_owner('shop', 'a', 2);
-- in transaction mode
BEGIN;
SELECT wd_try_once('shop', 'once'), wd_try_once('shop', 'once');
SELECT acquired, outcome FROM wd_receive_once('paypal', '{"id":"once"}');
SELECT wd_set_response('paypal', 'ev_once', '{"kept":true}');
COMMIT;
SELECT acquired, outcome, response FROM wd_receive_once('paypal', '{"id":"once"}');
-- many at a time
SELECT dedup_key, outcome, attempt FROM wd_acquire_many('shop', '{c,a,d,c}', '{h,h,h,h}');
SELECT wd_mark_done_many('shop', '{c,a,d}', '{1,4,NULL}');
SELECT outcome FROM wd_acquire_many('shop', '{c,e}');

-- deliveries
SELECT dedup_key, outcome, request_hash = wd_payload_hash('{"id":"1"}') AS hash FROM wd_receive('paypal', '{"id":"1"}');
SELECT dedup_key, outcome FROM wd_receive('github', '{}', '{"X-GitHub-Delivery":"2"}');
SELECT dedup_key, outcome FROM wd_receive_items('sendgrid', '[{"sg_event_id":"3"},{"sg_event_id":"4"}]');
SELECT dedup_key FROM wd_explain_key('paypal', '{"id":"1"}') WHERE dedup_key IS NOT NULL;
SELECT wd_dedup_key('paypal', '{"id":"1"}'), wd_paypal_dedup_key('{"id":"1"}', '{}'), wd_toss_dedup_key('{}', '{"tosspayments-webhook-transmission-id":"5"}');
SELECT wd_receive('paypal', '{}');
SELECT wd_receive('nobody', '{}');

-- a provider that is set, changed in a transaction, and dropped
SELECT wd_set_provider('acme', '{"x_{body:id}"}', max_attempts => 1);
SELECT dedup_key, outcome FROM wd_receive('acme', '{"id":"1"}');
BEGIN;
SELECT wd_set_provider('acme', '{"y_{body:id}"}');
SELECT dedup_key, outcome FROM wd_receive('acme', '{"id":"1"}');
ROLLBACK;
SELECT dedup_key, outcome FROM wd_receive('acme', '{"id":"1"}');
SELECT wd_mark_failed('acme', 'x_1');
SELECT outcome FROM wd_acquire('acme', 'x_1');
SELECT wd_set_provider('acme', '{"{body:id"}');
SELECT wd_drop_provider('acme');
SELECT wd_receive('acme', '{"id":"1"}');

-- snapshots and subtransactions
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT wd_try_acquire('shop', 'old');
SAVEPOINT s;
SELECT wd_mark_done('shop', 'old', 1);
ROLLBACK TO s;
SELECT outcome FROM wd_acquire('shop', 'old');
SELECT wd_mark_done('shop', 'old', 1);
COMMIT;
-- a trigger that acquires another event, with the same statements
CREATE FUNCTION nested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.dedup_key NOT LIKE '%-nested' THEN PERFORM public.wd_try_acquire(NEW.provider, NEW.dedup_key || '-nested'); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER nested BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION nested();
SELECT wd_try_acquire('shop', 'outer');
DROP TRIGGER nested ON webhook_dedup_events;
-- a ledger that was altered, with a statement that was prepared before
PREPARE acquire AS SELECT wd_try_acquire('shop', $1);
EXECUTE acquire('before');
BEGIN;
ALTER TABLE webhook_dedup_events ADD COLUMN note text;
EXECUTE acquire('altered');
EXECUTE acquire('altered');
ROLLBACK;
EXECUTE acquire('after');

-- what a session calls first
\c -
SELECT forget_always();
SELECT wd_mark_done('shop', 'after', 1);
\c -
SELECT forget_always();
SELECT dedup_key, outcome FROM wd_receive_items('sendgrid', '[{"sg_event_id":"3"},{"sg_event_id":"6"}]');
\c -
SELECT forget_always();
SELECT wd_set_provider('acme', '{"x_{body:id}"}');
\c -
SELECT forget_always();
SELECT wd_dedup_key('acme', '{"id":"7"}');

\c -
SELECT wd_drop_provider('acme');
SELECT dedup_key, status, attempt FROM webhook_dedup_events ORDER BY id;
DROP FUNCTION forget_always(), nested();
