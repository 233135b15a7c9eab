-- What the handler answered is stored on request, and given to duplicates.
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

-- lease mode
SELECT outcome, response FROM wd_acquire('twilio', 'a');
SELECT outcome, response FROM wd_acquire('twilio', 'a');
SELECT wd_mark_done('twilio', 'a', 1, '{"body": "<Response/>", "type": "text/xml"}');
SELECT outcome, response FROM wd_acquire('twilio', 'a');
SELECT outcome, response FROM wd_acquire_many('twilio', '{a,b}');
-- a later completion overrides nothing: done is final
SELECT wd_mark_done('twilio', 'a', 1, '{"body": "other"}');
SELECT response FROM wd_acquire('twilio', 'a');
-- by name, and without one
SELECT wd_mark_done('twilio', 'b', response => '"ok"'), wd_try_acquire('twilio', 'c'), wd_mark_done('twilio', 'c');
SELECT dedup_key, response FROM wd_acquire_many('twilio', '{b,c}');

-- a new attempt answers anew
SELECT wd_reopen('twilio', 'a');
SELECT outcome, response FROM wd_acquire('twilio', 'a');
SELECT outcome, response FROM wd_acquire('twilio', 'a');
SELECT wd_mark_done('twilio', 'a', 2);
SELECT outcome, response FROM wd_acquire('twilio', 'a');

-- transaction mode: in the transaction that made the event done, in a part of it too
BEGIN;
SELECT wd_try_once('discord', 'x'), wd_set_response('discord', 'x', '{"type": 1}');
SAVEPOINT s;
SELECT wd_try_once('discord', 'y');
RELEASE s;
SELECT wd_set_response('discord', 'y', '{"type": 5}');
SAVEPOINT s;
SELECT wd_set_response('discord', 'x', '{"type": 2}');
ROLLBACK TO s;
COMMIT;
SELECT dedup_key, outcome, response FROM wd_acquire_many('discord', '{x,y}');
BEGIN;
SELECT acquired FROM wd_receive_once('discord', '{"id":"1"}');
SELECT wd_set_response('discord', dedup_key, '{"type": 4}') FROM wd_receive_once('discord', '{"id":"1"}');
SELECT wd_set_response('discord', 'x', '{}');
COMMIT;
SELECT outcome, response FROM wd_receive_once('discord', '{"id":"1"}');
-- taken back by null
BEGIN;
SELECT wd_try_once('discord', 'z'), wd_set_response('discord', 'z', '1'), wd_set_response('discord', 'z', NULL);
COMMIT;
SELECT outcome, response FROM wd_acquire('discord', 'z');
-- not in a later one, and not for an event that is not done
SELECT wd_set_response('discord', 'x', '{}'), wd_try_acquire('discord', 'open');
SELECT wd_set_response('discord', 'open', '{}');
SELECT outcome, response FROM wd_acquire('discord', 'x');
SELECT pg_temp.err($$SELECT wd_set_response('discord', 'never', '{}')$$);
SELECT pg_temp.err($$SELECT wd_set_response(NULL, 'x', '{}')$$), pg_temp.err($$SELECT wd_set_response('discord', '', '{}')$$);

-- at most 8192 bytes of text
SELECT wd_try_acquire('long', 'a');
SELECT pg_temp.err($$SELECT wd_mark_done('long', 'a', 1, to_jsonb(repeat('x', 8191)))$$);
SELECT wd_lookup('long', 'a');
SELECT wd_mark_done('long', 'a', 1, to_jsonb(repeat('x', 8190)));
SELECT length(response #>> '{}') FROM wd_acquire('long', 'a');
SELECT length(response #>> '{}') FROM wd_acquire_many('long', '{a,a}');
BEGIN;
SELECT wd_try_once('long', 'b');
SELECT pg_temp.err($$SELECT wd_set_response('long', 'b', to_jsonb(repeat('é', 4096)))$$);
COMMIT;
