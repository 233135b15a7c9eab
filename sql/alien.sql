-- G1, G8: triggers, policies and odd rows of a user's own on the ledger.
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

-- a trigger that swallows insertions: nobody is told to have acquired
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT pg_temp.err($$SELECT wd_acquire('p', 'a')$$);
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'a')$$);
SELECT pg_temp.err($$SELECT wd_try_once('p', 'a')$$);
SELECT pg_temp.err($$SELECT wd_acquire_many('p', '{a,b}')$$);
DROP TRIGGER swallow ON webhook_dedup_events;
-- or updates
SELECT count(*) FROM wd_acquire_many('p', '{a,b}');
SELECT wd_mark_failed('p', 'a'), wd_mark_failed('p', 'b');
CREATE TRIGGER swallow BEFORE UPDATE ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT pg_temp.err($$SELECT wd_acquire('p', 'a')$$);
SELECT pg_temp.err($$SELECT wd_acquire_many('p', '{a,b}')$$);
DROP TRIGGER swallow ON webhook_dedup_events;
SELECT dedup_key, status, attempt FROM webhook_dedup_events ORDER BY id;
-- one that changes keys
CREATE FUNCTION lower_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.dedup_key := lower(NEW.dedup_key); RETURN NEW; END $$;
CREATE TRIGGER lower_key BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION lower_key();
SELECT pg_temp.err($$SELECT wd_acquire_many('p', '{M1,M2}')$$);
SELECT wd_acquire_many('p', '{M1}');
DROP TRIGGER lower_key ON webhook_dedup_events;
-- one that is slow: the lease is taken once more, not for ever
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.12); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION slow();
SET statement_timeout = '1 min';
SELECT wd_try_acquire('p', 'slow', NULL, '1 min'), wd_extend_lease('p', 'slow', 1, '1 min') IS NOT NULL AS extended;
SELECT wd_try_acquire('p', 'a', NULL, '1 min');
SELECT acquired, outcome FROM wd_acquire_many('p', '{b,new}', lease => '1 min');
RESET statement_timeout;
DROP TRIGGER slow ON webhook_dedup_events;
-- one that acquires another event, with the same statements
CREATE FUNCTION nested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- a trigger's search_path is pg_catalog, pg_temp
  IF NEW.dedup_key NOT LIKE '%''' THEN PERFORM public.wd_try_acquire(NEW.provider, NEW.dedup_key || ''''); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER nested BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION nested();
SELECT wd_try_acquire('nested', 'x'), wd_try_acquire('nested', 'x');
DISCARD PLANS;
SELECT wd_try_acquire('nested', 'y');
SELECT count(*) FROM wd_acquire_many('nested', '{u,v,w}');
SELECT dedup_key FROM webhook_dedup_events WHERE provider = 'nested' ORDER BY dedup_key;
DROP TRIGGER nested ON webhook_dedup_events;

-- policies are for those who read the table themselves: functions see all rows
SELECT wd_try_acquire('p', 'hidden');
ALTER TABLE webhook_dedup_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_dedup_events FORCE ROW LEVEL SECURITY;
CREATE POLICY see ON webhook_dedup_events USING (dedup_key <> 'hidden');
SELECT outcome FROM wd_acquire('p', 'hidden');
SELECT wd_mark_done('p', 'hidden', 1), wd_reopen('p', 'slow');
SELECT outcome FROM wd_acquire_many('p', '{hidden,slow}');
DROP POLICY see ON webhook_dedup_events;
ALTER TABLE webhook_dedup_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_dedup_events DISABLE ROW LEVEL SECURITY;

-- a rule would put other statements in the place of the extension's
CREATE RULE also AS ON UPDATE TO webhook_dedup_events DO ALSO SELECT 1;
SELECT pg_temp.err($$SELECT wd_mark_done('p', 'slow')$$);
DROP RULE also ON webhook_dedup_events;
SELECT wd_mark_done('p', 'slow');
DROP FUNCTION nothing(), lower_key(), slow(), nested();

-- rows that this extension would not write: a hash so long that it is compressed
SELECT wd_try_acquire('p', 'toast');
UPDATE webhook_dedup_events SET request_hash = repeat('abcdefgh', 1500) WHERE dedup_key = 'toast';
SELECT length(request_hash) FROM wd_acquire('p', 'toast');
SELECT length(request_hash) FROM wd_acquire_many('p', '{toast,toast}');

-- a set that spills to disk is read backwards
BEGIN;
SET LOCAL work_mem = '64kB';
DECLARE c SCROLL CURSOR FOR SELECT dedup_key FROM wd_acquire_many('spill', (SELECT array_agg('k' || i ORDER BY i) FROM generate_series(1, 3000) i));
MOVE FORWARD ALL IN c;
FETCH BACKWARD 2 FROM c;
ROLLBACK;
