-- What CREATE EXTENSION makes: the ledger of the design, labels, comments.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;

-- the ledger: columns, collations, defaults
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
       c.collname, pg_get_expr(d.adbin, d.adrelid) IS NOT NULL AS has_default
  FROM pg_attribute a
  LEFT JOIN pg_collation c ON c.oid = a.attcollation
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = 'webhook_dedup_events'::regclass AND a.attnum > 0
 ORDER BY a.attnum;

-- exactly these indexes: no second one on (provider, dedup_key)
SELECT indexrelid::regclass, indisunique, indpred IS NOT NULL AS partial,
       pg_get_indexdef(indexrelid)
  FROM pg_index WHERE indrelid = 'webhook_dedup_events'::regclass
 ORDER BY indexrelid::regclass::text COLLATE "C";

-- no table-level CHECK: it would be parsed at every insertion
SELECT conname, contype FROM pg_constraint
 WHERE conrelid IN ('webhook_dedup_events'::regclass, 'webhook_dedup_providers'::regclass) AND contype <> 'n'
 ORDER BY conname COLLATE "C";

-- the table's rows and its sequence are registered for pg_dump (G9)
SELECT c.oid::regclass AS dumped, condition
  FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x(oid, condition)
  JOIN pg_class c ON c.oid = x.oid
 WHERE e.extname = 'webhook_dedup' ORDER BY c.relname;

-- functions: volatility, strictness, parallel safety, definer, search_path
SELECT p.oid::regprocedure AS function, p.provolatile AS vol,
       p.proisstrict AS strict, p.proparallel AS par, p.prosecdef AS definer,
       p.proconfig IS NOT NULL AS pinned,
       has_function_privilege('pg_monitor', p.oid, 'EXECUTE') AS public
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'webhook_dedup')
   AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
 ORDER BY p.oid::regprocedure::text COLLATE "C";

-- no function runs as its owner
SELECT p.oid::regprocedure
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'webhook_dedup')
   AND d.classid = 'pg_proc'::regclass AND p.prosecdef;

-- everything that a user can see has a comment
SELECT pg_describe_object(d.classid, d.objid, 0) AS uncommented
  FROM pg_depend d
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'webhook_dedup')
   AND d.deptype = 'e'
   AND obj_description(d.objid, d.classid::regclass::name) IS NULL
   -- made by the system beside what was asked for
   AND NOT (d.classid = 'pg_class'::regclass AND
            (SELECT relkind = 'S' OR relkind = 'c' FROM pg_class WHERE oid = d.objid))
   AND NOT (d.classid = 'pg_type'::regclass AND
            (SELECT t.typelem <> 0 OR COALESCE(c.relkind <> 'c', false)
               FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
              WHERE t.oid = d.objid))
 ORDER BY pg_describe_object(d.classid, d.objid, 0) COLLATE "C";

SELECT a.attname AS uncommented_column FROM pg_attribute a
 WHERE a.attrelid IN ('webhook_dedup_events'::regclass, 'webhook_dedup_providers'::regclass) AND a.attnum > 0
   AND col_description(a.attrelid, a.attnum) IS NULL;

-- the domain keeps "= 'done'" and text binding working, and refuses the rest
SELECT status = 'done' AS done FROM (VALUES ('done'::wd_status)) v(status);
SELECT 'half done'::wd_status;
INSERT INTO webhook_dedup_events (provider, dedup_key, status) VALUES ('x', 'y', 'DONE');

-- one row for a key, and a key is compared byte by byte
INSERT INTO webhook_dedup_events (provider, dedup_key) VALUES ('x', 'y'), ('x', 'Y'), ('X', 'y'), ('x', 'y ');
INSERT INTO webhook_dedup_events (provider, dedup_key) VALUES ('x', 'y') ON CONFLICT DO NOTHING;
SELECT count(*), bool_and(status = 'processing' AND attempt = 1) AS defaults FROM webhook_dedup_events;

-- moving the extension is refused
ALTER EXTENSION webhook_dedup SET SCHEMA pg_catalog;

-- G9: dropping the extension does not take a dependant with it
CREATE VIEW my_view AS SELECT status FROM webhook_dedup_events;
DROP EXTENSION webhook_dedup;
DROP VIEW my_view;
