-- One delivery in transaction mode: the event and the business step are one
-- transaction.  Variables and environment as in delivery.sql.
\set body `base64 --wrap=0 "$BODY"`
\set headers `cat "$HEADERS"`

\if :together
  SELECT pg_advisory_lock_shared(7) \g /dev/null
\endif
SELECT clock_timestamp() AS began \gset

BEGIN;
SELECT wd_try_once(:'provider',
  wd_dedup_key(:'provider', convert_from(decode(:'body', 'base64'), 'UTF8')::jsonb, :'headers'::jsonb),
  wd_payload_hash(decode(:'body', 'base64'))) AS acquired \gset
\if :acquired
  INSERT INTO effects (event, attempt) VALUES (:'event', 1);
  SELECT pg_sleep(:work) \g /dev/null
  \set outcome true
  \set result 'processed'
\else
  \set outcome false
  \set result 'waited for that commit, nothing to do'
\endif
COMMIT;

INSERT INTO deliveries (began, event, how, outcome, http_status, result)
VALUES (:'began', :'event', :'how', :'outcome', 200, :'result');
