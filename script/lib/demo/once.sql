-- One delivery in transaction mode: the event and the business step are one
-- transaction.  Variables and environment as in delivery.sql.
\set body `base64 --wrap=0 "$BODY"`
\set headers `cat "$HEADERS"`

\if :together
  SELECT pg_advisory_lock_shared(7) \g /dev/null
\endif
SELECT clock_timestamp() AS began \gset

BEGIN;
SELECT acquired, outcome
FROM wd_receive_once(:'provider', decode(:'body', 'base64'), :'headers'::jsonb) \gset
\if :acquired
  INSERT INTO effects (event, attempt) VALUES (:'event', 1);
  SELECT pg_sleep(:work) \g /dev/null
  \set result 'processed'
\else
  \set result 'waited for that commit, nothing to do'
\endif
COMMIT;

INSERT INTO deliveries (began, event, how, outcome, http_status, result)
VALUES (:'began', :'event', :'how', :'outcome', 200, :'result');
