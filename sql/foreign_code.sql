-- What somebody else's code on the tables can do: nothing as a superuser, and
-- nothing later as the caller.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS webhook_dedup CASCADE;
CREATE EXTENSION webhook_dedup;
DROP ROLE IF EXISTS wd_test_mallory;
RESET client_min_messages;
CREATE ROLE wd_test_mallory;
CREATE SCHEMA theirs AUTHORIZATION wd_test_mallory;
GRANT USAGE, CREATE ON SCHEMA public TO wd_test_mallory;

CREATE FUNCTION pg_temp.err(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE sql;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- who ran it
CREATE TABLE ran (as_role name, what text);
GRANT INSERT ON ran TO PUBLIC;
SET ROLE wd_test_mallory;
CREATE FUNCTION theirs.note(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.ran VALUES (current_user, what); RETURN true; END $$;
CREATE FUNCTION theirs.f(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN theirs.note(what); END $$;
CREATE FUNCTION theirs.tf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM theirs.f(TG_NAME); RETURN COALESCE(NEW, OLD); END $$;
RESET ROLE;

-- a superuser's tables
SELECT wd_try_acquire('p', 'k');
-- the condition of a trigger whose function is the server's
GRANT TRIGGER ON webhook_dedup_events TO wd_test_mallory;
SET ROLE wd_test_mallory;
CREATE TRIGGER t BEFORE INSERT ON webhook_dedup_events FOR EACH ROW
  WHEN (theirs.f(NEW.provider)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
REVOKE TRIGGER ON webhook_dedup_events FROM wd_test_mallory;
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'when')$$);
DROP TRIGGER t ON webhook_dedup_events;
-- constraints, defaults, indexes, domains
ALTER TABLE webhook_dedup_events ADD CONSTRAINT c CHECK (theirs.f('check'));
TRUNCATE ran;
SELECT pg_temp.err($$SELECT wd_mark_done('p', 'k')$$);
ALTER TABLE webhook_dedup_events DROP CONSTRAINT c;
ALTER TABLE webhook_dedup_events ADD x boolean;
ALTER TABLE webhook_dedup_events ALTER x SET DEFAULT theirs.f('default');
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'default')$$);
ALTER TABLE webhook_dedup_events DROP x;
CREATE INDEX i ON webhook_dedup_events ((theirs.f(dedup_key)));
TRUNCATE ran;
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'index')$$);
DROP INDEX i;
ALTER DOMAIN wd_status ADD CONSTRAINT d CHECK (theirs.f(VALUE)) NOT VALID;
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'domain')$$);
ALTER DOMAIN wd_status DROP CONSTRAINT d;
-- a table that inherits
CREATE TABLE child () INHERITS (webhook_dedup_events);
SELECT wd_try_acquire('p', 'own child');
ALTER TABLE child OWNER TO wd_test_mallory;
SELECT pg_temp.err($$SELECT wd_mark_done('p', 'own child')$$), pg_temp.err($$SELECT wd_lookup('p', 'k')$$);
DROP TABLE child;
-- what a deletion cascades to
GRANT REFERENCES ON webhook_dedup_providers TO wd_test_mallory;
SET ROLE wd_test_mallory;
CREATE TABLE theirs.r (p text COLLATE "C", b boolean,
  FOREIGN KEY (p, b) REFERENCES public.webhook_dedup_providers ON DELETE CASCADE);
CREATE TRIGGER cascade AFTER DELETE ON theirs.r FOR EACH ROW EXECUTE FUNCTION theirs.tf();
RESET ROLE;
SELECT wd_set_provider('acme', '{"ev_{body:id}"}');
INSERT INTO theirs.r VALUES ('acme', false);
SELECT pg_temp.err($$SELECT wd_drop_provider('acme')$$);
DROP TABLE theirs.r;
SELECT wd_drop_provider('acme');
SELECT wd_try_acquire('p', 'clean again');
SELECT * FROM ran;

-- mallory's tables: code of hers runs as her, and at once or not at all
ALTER TABLE webhook_dedup_events OWNER TO wd_test_mallory;
ALTER TABLE webhook_dedup_providers OWNER TO wd_test_mallory;
SET ROLE wd_test_mallory;
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON webhook_dedup_events
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION theirs.tf();
RESET ROLE;
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'deferred')$$);
DROP TRIGGER deferred ON webhook_dedup_events;
SET ROLE wd_test_mallory;
CREATE FUNCTION theirs.later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN EXECUTE TG_ARGV[0]; RETURN NEW; END $$;
CREATE TRIGGER later BEFORE INSERT ON webhook_dedup_events FOR EACH ROW
  EXECUTE FUNCTION theirs.later('DECLARE c CURSOR WITH HOLD FOR SELECT theirs.f(''held'')');
RESET ROLE;
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'held')$$);
DROP TRIGGER later ON webhook_dedup_events;
SET ROLE wd_test_mallory;
CREATE TRIGGER later BEFORE INSERT ON webhook_dedup_events FOR EACH ROW
  EXECUTE FUNCTION theirs.later('CREATE TEMP VIEW accounts AS SELECT 1');
RESET ROLE;
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'temp')$$);
DROP TRIGGER later ON webhook_dedup_events;
SET ROLE wd_test_mallory;
CREATE TRIGGER plain BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION theirs.tf();
RESET ROLE;
SELECT wd_try_acquire('p', 'plain');
SELECT * FROM ran;
DROP TRIGGER plain ON webhook_dedup_events;

-- rules
CREATE RULE r AS ON UPDATE TO webhook_dedup_events DO INSTEAD SELECT 1;
SELECT pg_temp.err($$SELECT wd_mark_done('p', 'k')$$), pg_temp.err($$SELECT wd_try_acquire('p', 'k')$$);
DROP RULE r ON webhook_dedup_events;
CREATE RULE r AS ON UPDATE TO webhook_dedup_events DO INSTEAD NOTIFY x;
SELECT pg_temp.err($$SELECT wd_mark_done('p', 'k')$$);
DROP RULE r ON webhook_dedup_events;

-- more rows of an event than keys were given
CREATE TABLE child () INHERITS (webhook_dedup_events);
INSERT INTO child (id, provider, dedup_key) SELECT i, 'p', 'many' FROM generate_series(1, 10000) i;
SELECT pg_temp.err($$SELECT wd_mark_done_many('p', '{many}')$$);
SELECT pg_temp.err($$SELECT count(*) FROM wd_acquire_many('p', '{many}')$$);
DROP TABLE child;

-- columns of the answer that are not what they were
ALTER TYPE wd_item ALTER ATTRIBUTE path TYPE bigint;
SELECT pg_temp.err($$SELECT path FROM wd_receive_items('paypal', '{"id":"1"}')$$);
ALTER TYPE wd_item ALTER ATTRIBUTE path TYPE text;
ALTER TYPE wd_acquisition ALTER ATTRIBUTE attempt TYPE text;
SELECT pg_temp.err($$SELECT attempt FROM wd_acquire('p', 'k')$$);
ALTER TYPE wd_acquisition ALTER ATTRIBUTE attempt TYPE integer;

-- a function that is called while a statement is planned, and calls the extension
SET ROLE wd_test_mallory;
CREATE FUNCTION theirs.vol() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('test.nested', true) = 'on' THEN
    PERFORM set_config('test.nested', 'off', false);
    PERFORM public.wd_try_acquire('p', 'inner');
  END IF;
  RETURN 'x';
END $$;
CREATE FUNCTION theirs.imm(integer) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN theirs.vol(); END $$;
RESET ROLE;
SELECT wd_grant_receiver('wd_test_mallory');
ALTER TABLE webhook_dedup_events ALTER last_error SET DEFAULT theirs.imm(1);
SET test.nested = 'on';
SELECT wd_try_acquire('p', 'outer');
SELECT dedup_key FROM webhook_dedup_events WHERE dedup_key IN ('inner', 'outer') ORDER BY dedup_key;
SELECT wd_try_acquire('p', 'outer 2');

SET client_min_messages = warning;
DROP EXTENSION webhook_dedup;
DROP SCHEMA theirs CASCADE;
DROP TABLE ran;
DROP OWNED BY wd_test_mallory;
DROP ROLE wd_test_mallory;
