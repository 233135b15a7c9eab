-- What a look-up of one event costs in both tables, and their indexes.

-- read the catalogs once, so that the plans show the look-up alone
SELECT FROM webhook_dedup_events
WHERE provider = 'paypal' AND dedup_key = '' \g /dev/null
SELECT FROM module.webhook_dedup_events
WHERE provider = 'paypal' AND dedup_key = '' \g /dev/null

\echo '### Plan of a look-up, and the indexes of 100,000 events\n'
\echo '```'
\echo 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)'
\echo 'SELECT status FROM webhook_dedup_events'
\echo 'WHERE provider = \'paypal\' AND dedup_key = \'1000000000000012345\';\n'
EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT status FROM webhook_dedup_events
WHERE provider = 'paypal' AND dedup_key = '1000000000000012345';
\echo '\nthe same on the table of the Python module:\n'
EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT status FROM module.webhook_dedup_events
WHERE provider = 'paypal' AND dedup_key = '1000000000000012345';
\echo '\nwithout the second index on the same columns:\n'
BEGIN;
DROP INDEX module.idx_webhook_dedup_provider_key;
EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT status FROM module.webhook_dedup_events
WHERE provider = 'paypal' AND dedup_key = '1000000000000012345';
ROLLBACK;
\echo '```\n'

\echo '| table | index | bytes per event |\n|---|---|---:|'
SELECT format('| %s | `%s` | %s |',
  CASE WHEN c.relnamespace = 'module'::regnamespace THEN 'Python module'
    ELSE 'webhook_dedup' END,
  i.relname, round(pg_relation_size(i.oid) / 100000.0))
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
WHERE c.relname = 'webhook_dedup_events'
ORDER BY c.relnamespace = 'module'::regnamespace, i.relname COLLATE "C";
