-- One delivery, as a webhook handler treats it: a psql process of its own.
-- Variables: event, how (for the table at the end), provider, lease, work
-- (seconds of the business step), fate (ok, fail or stall), together (on: wait
-- for the other deliveries).  BODY and HEADERS in the environment name the files.
\set body `base64 --wrap=0 "$BODY"`
\set headers `cat "$HEADERS"`

\if :together
  SELECT pg_advisory_lock_shared(7) \g /dev/null
\endif
SELECT clock_timestamp() AS began \gset

-- One round trip: hash, key, acquire.
SELECT acquired, outcome, dedup_key, attempt, http_status
FROM wd_receive(:'provider', decode(:'body', 'base64'), :'headers'::jsonb, :'lease'::interval) \gset

SELECT :'fate' = 'stall' AS stalls, :'fate' = 'fail' AS fails \gset

\if :acquired
  \if :stalls
    SELECT pg_sleep(:work) \g /dev/null
  \endif

  -- The business step and the completion commit together, or not at all.
  BEGIN;
  INSERT INTO effects (event, attempt) VALUES (:'event', :attempt);
  \if :fails
    ROLLBACK;
    SELECT wd_mark_failed(:'provider', :'dedup_key', :attempt, 'out_of_stock') \g /dev/null
    \set http_status 500
    \set result 'business step failed, event given back'
  \else
    \if :stalls
    \else
      SELECT pg_sleep(:work) \g /dev/null
    \endif
    SELECT wd_mark_done(:'provider', :'dedup_key', :attempt) AS completed \gset
    \if :completed
      COMMIT;
      \set http_status 200
      \set result 'processed'
    \else
      ROLLBACK;
      \set http_status ''
      \set result 'woke up late: fenced off, rolled back'
    \endif
  \endif
\else
  SELECT CASE :'outcome' WHEN 'done' THEN 'duplicate, nothing to do'
    ELSE 'busy, to be delivered again' END AS result \gset
\endif

INSERT INTO deliveries (began, event, how, outcome, http_status, result)
VALUES (:'began', :'event', :'how', :'outcome', nullif(:'http_status', '')::integer, :'result');
