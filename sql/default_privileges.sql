-- G6: what the database grants by default does not open the ledger.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS webhook_dedup;
DROP ROLE IF EXISTS "wd test default";
CREATE ROLE "wd test default";
RESET client_min_messages;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "wd test default", PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO "wd test default";
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO "wd test default";
CREATE EXTENSION webhook_dedup;

SELECT c.oid::regclass, bool_and(a.grantee = c.relowner) AS owner_only
  FROM pg_class c, aclexplode(c.relacl) a
 WHERE c.relname LIKE ANY ('{webhook\\_dedup\\_%,wd\\_%}') AND c.relkind IN ('r', 'S', 'v')
 GROUP BY c.oid, c.relname ORDER BY c.relname;
-- pure functions are everybody's
SELECT p.oid::regprocedure AS granted
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'webhook_dedup')
   AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
   AND has_function_privilege('wd test default', p.oid, 'EXECUTE')
 ORDER BY p.proname COLLATE "C";
SELECT wd_grant_receiver('"wd test default"');
SET ROLE "wd test default";
SELECT wd_try_acquire('p', 'k');
SELECT count(*) FROM webhook_dedup_events;
CREATE TRIGGER mine BEFORE INSERT ON webhook_dedup_events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;

ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM "wd test default", PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM "wd test default";
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM "wd test default";
DROP OWNED BY "wd test default";
DROP ROLE "wd test default";
