-- G6: wd_grant_receiver and wd_grant_operator, and what PUBLIC can do.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;

SET client_min_messages = warning;
DROP ROLE IF EXISTS wd_test_receiver;
DROP ROLE IF EXISTS "wd test ""operator""";
DROP ROLE IF EXISTS wd_test_nobody;
RESET client_min_messages;
CREATE ROLE wd_test_receiver;
CREATE ROLE "wd test ""operator""";
CREATE ROLE wd_test_nobody;
SELECT wd_grant_receiver('wd_test_receiver'), wd_grant_operator('"wd test ""operator"""');
-- granting again does no harm
SELECT wd_grant_receiver('wd_test_receiver');

-- who may call what
SELECT p.oid::regprocedure AS function,
       has_function_privilege('wd_test_receiver', p.oid, 'EXECUTE') AS receiver,
       has_function_privilege('wd test "operator"', p.oid, 'EXECUTE') AS operator,
       has_function_privilege('wd_test_nobody', p.oid, 'EXECUTE') AS nobody
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'webhook_dedup')
   AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
 ORDER BY p.oid::regprocedure::text COLLATE "C";
-- and read or write the ledger
SELECT r, p, has_table_privilege(r, 'webhook_dedup_events', p) AS ledger
  FROM unnest(ARRAY['wd_test_receiver', 'wd test "operator"', 'wd_test_nobody']) r, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
 WHERE has_table_privilege(r, 'webhook_dedup_events', p);

SET ROLE wd_test_receiver;
SELECT acquired, outcome FROM wd_receive('paypal', '{"id":"WH-1"}');
SELECT wd_mark_done('paypal', 'ev_WH-1', 1), wd_lookup('paypal', 'ev_WH-1');
SELECT wd_reopen('paypal', 'ev_WH-1');
SELECT * FROM webhook_dedup_events;
SELECT nextval('webhook_dedup_events_id_seq');
SELECT wd_grant_receiver('wd_test_nobody');
RESET ROLE;
SET ROLE "wd test ""operator""";
SELECT dedup_key, status FROM webhook_dedup_events;
SELECT wd_reopen('paypal', 'ev_WH-1');
SELECT dedup_key FROM wd_explain_key('paypal', '{"id":"WH-1"}');
SELECT count(*) > 0 AS read FROM wd_providers;
SELECT count(*) > 0 AS read FROM webhook_dedup_providers;
DELETE FROM webhook_dedup_events;
DELETE FROM webhook_dedup_providers;
SELECT wd_set_provider('paypal', busy_status => 500);
SELECT wd_drop_provider('paypal');
SELECT wd_try_acquire('paypal', 'x');
RESET ROLE;
SET ROLE wd_test_nobody;
SELECT wd_try_acquire('paypal', 'x');
SELECT wd_lookup('paypal', 'x');
SELECT wd_paypal_dedup_key('{"id":"WH-1"}', '{}');
SELECT * FROM wd_explain_key('paypal', '{"id":"WH-1"}');
SELECT wd_set_provider('paypal', busy_status => 500);
SELECT count(*) FROM wd_providers;
SELECT wd_payload_hash('') IS NOT NULL AS hash;
RESET ROLE;

SELECT wd_grant_receiver(NULL);
SELECT wd_grant_operator(NULL);
SELECT wd_grant_receiver('wd_test_no_such_role');
SELECT wd_grant_receiver(0);
SELECT wd_grant_receiver(4294967295::oid::regrole);

-- a superuser's ledger runs nobody else's code: not that of a role that may
-- put triggers on it, of a trigger's function, or of a column's domain
CREATE FUNCTION pg_temp.err(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
  EXECUTE sql;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN SQLSTATE || ' ' || SQLERRM || ': ' || hint;
END $$;
SELECT wd_try_acquire('trust', 'there');
GRANT TRIGGER ON webhook_dedup_events TO wd_test_nobody;
SELECT pg_temp.err($$SELECT wd_try_acquire('trust', 'new')$$);
SELECT pg_temp.err($$SELECT wd_mark_done('trust', 'there')$$);
-- what writes nothing goes on
SELECT wd_try_acquire('trust', 'there'), wd_lookup('trust', 'there');
REVOKE TRIGGER ON webhook_dedup_events FROM wd_test_nobody;
GRANT ALL ON webhook_dedup_providers TO PUBLIC;
SELECT pg_temp.err($$SELECT wd_set_provider('trust', hint => 'x')$$);
SELECT wd_try_acquire('read anew', 'k');
REVOKE ALL ON webhook_dedup_providers FROM PUBLIC;
CREATE FUNCTION their_code() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER theirs BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION their_code();
SELECT wd_try_acquire('trust', 'own trigger');
ALTER FUNCTION their_code() OWNER TO wd_test_nobody;
SELECT pg_temp.err($$SELECT wd_try_acquire('trust', 'new')$$);
DROP TRIGGER theirs ON webhook_dedup_events;
DROP FUNCTION their_code();
ALTER DOMAIN wd_status OWNER TO wd_test_nobody;
SELECT pg_temp.err($$SELECT wd_try_acquire('trust', 'new')$$);
ALTER DOMAIN wd_status OWNER TO CURRENT_USER;
SELECT wd_try_acquire('trust', 'new');

DROP OWNED BY wd_test_receiver, "wd test ""operator""", wd_test_nobody;
DROP ROLE wd_test_receiver, "wd test ""operator""", wd_test_nobody;
