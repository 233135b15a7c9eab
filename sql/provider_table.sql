-- The table of the providers, altered by its owner, and the triggers of it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
-- the SQLSTATE and message that a statement raises, or "no error"
CREATE FUNCTION pg_temp.err(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT wd_set_provider('acme', '{"ev_{body:id}"}', 409, '1 hour', '9 days', '8 days', 3, '1 minute', 'json', 'h', 'c');

-- the trigger functions refuse any other table, one that looks the same too
CREATE TABLE lookalike (LIKE webhook_dedup_providers INCLUDING DEFAULTS);
ALTER TABLE lookalike ALTER key_templates TYPE integer USING 1;
CREATE TRIGGER row_before BEFORE INSERT ON lookalike FOR EACH ROW EXECUTE FUNCTION wd_check_provider();
SELECT pg_temp.err($$INSERT INTO lookalike (provider, key_templates) VALUES ('acme', 1)$$);
DROP TABLE lookalike;
CREATE TABLE lookalike (LIKE webhook_dedup_providers INCLUDING DEFAULTS);
CREATE TRIGGER row_before BEFORE INSERT ON lookalike FOR EACH ROW EXECUTE FUNCTION wd_check_provider();
SELECT pg_temp.err($$INSERT INTO lookalike (provider) VALUES ('acme')$$);
DROP TRIGGER row_before ON lookalike;
CREATE TRIGGER row_after AFTER INSERT ON lookalike FOR EACH ROW EXECUTE FUNCTION wd_check_provider();
SELECT pg_temp.err($$INSERT INTO lookalike (provider) VALUES ('acme')$$);
DROP TRIGGER row_after ON lookalike;
CREATE TRIGGER changed AFTER INSERT ON lookalike FOR EACH ROW EXECUTE FUNCTION wd_providers_changed();
SELECT pg_temp.err($$INSERT INTO lookalike (provider) VALUES ('acme')$$);
DROP TRIGGER changed ON lookalike;
CREATE TRIGGER changed AFTER TRUNCATE ON lookalike FOR EACH STATEMENT EXECUTE FUNCTION wd_providers_changed();
SELECT pg_temp.err($$TRUNCATE lookalike$$);
DROP TABLE lookalike;
CREATE TABLE inherits () INHERITS (webhook_dedup_providers);
CREATE TRIGGER row_before BEFORE INSERT ON inherits FOR EACH ROW EXECUTE FUNCTION wd_check_provider();
SELECT pg_temp.err($$INSERT INTO inherits (provider) VALUES ('acme')$$);
DROP TABLE inherits;
-- nor do they serve a whole statement
BEGIN;
CREATE TRIGGER statement BEFORE UPDATE ON webhook_dedup_providers FOR EACH STATEMENT EXECUTE FUNCTION wd_check_provider();
SELECT pg_temp.err($$UPDATE webhook_dedup_providers SET comment = 'x' WHERE provider = 'acme'$$);
ROLLBACK;

-- columns of another type are not read: one after the other, each undone
CREATE FUNCTION pg_temp.altered(how text, OUT derived text, OUT stored text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE 'ALTER TABLE webhook_dedup_providers ' || how;
  derived := pg_temp.err($q$SELECT wd_dedup_key('acme', '{"id":1}')$q$);
  stored := pg_temp.err($q$UPDATE webhook_dedup_providers SET comment = 'x' WHERE provider = 'acme'$q$);
  RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
  NULL;
END
$$;
BEGIN;
ALTER EXTENSION webhook_dedup DROP VIEW wd_providers;
DROP VIEW wd_providers;
SELECT how, a.* FROM unnest(ARRAY[
  'ALTER key_templates TYPE integer USING 1', 'ALTER key_templates TYPE text USING ''t''', 'ALTER key_templates TYPE integer[] USING ''{1}''',
  'ALTER busy_status TYPE text', 'ALTER busy_status TYPE bigint', 'ALTER lease TYPE integer USING 1', 'ALTER lease_floor TYPE bigint USING 1',
  'ALTER retention TYPE text', 'ALTER retry_window TYPE timestamptz USING now()', 'ALTER max_attempts TYPE interval USING ''1 s''',
  'ALTER payload_format TYPE bigint USING 1', 'ALTER hint TYPE integer USING 1', 'ALTER provider TYPE varchar',
  'ALTER built_in DROP DEFAULT, ALTER built_in TYPE integer USING built_in::integer', 'DROP built_in',
  'DROP key_templates', 'DROP lease_floor', 'DROP hint', 'ADD built_for text, DROP comment, ADD comment text', 'ALTER comment TYPE varchar']) how, pg_temp.altered(how) a;
ROLLBACK;
-- what was read before is not used either
SELECT wd_dedup_key('acme', '{"id":1}');
BEGIN;
ALTER EXTENSION webhook_dedup DROP VIEW wd_providers;
DROP VIEW wd_providers;
ALTER TABLE webhook_dedup_providers ALTER lease TYPE integer USING 1;
SELECT pg_temp.err($$SELECT wd_dedup_key('acme', '{"id":1}')$$);
SELECT pg_temp.err($$SELECT wd_acquire('acme', 'k')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('acme', lease => '2 hours')$$);
ROLLBACK;
SELECT wd_dedup_key('acme', '{"id":1}');
-- nor is a name that is null, once the checks before it are gone
BEGIN;
ALTER TABLE webhook_dedup_providers DROP CONSTRAINT webhook_dedup_providers_pkey, ALTER provider DROP NOT NULL, DISABLE TRIGGER wd_check_provider;
SELECT pg_temp.err($$INSERT INTO webhook_dedup_providers (provider) VALUES (NULL)$$);
ROLLBACK;
SELECT wd_drop_provider('acme');
