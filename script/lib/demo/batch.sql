-- A payload that holds several events, delivered twice, cut anew in between.
\pset footer off
\set first '[{"event":"delivered","sg_event_id":"mail-1"},{"event":"open","sg_event_id":"mail-2"}]'
\set again '[{"event":"open","sg_event_id":"mail-2"},{"event":"click","sg_event_id":"mail-3"}]'

\echo :first
SELECT ordinal, path, acquired, outcome, dedup_key
FROM wd_receive_items('sendgrid', convert_to(:'first', 'UTF8'));
SELECT wd_mark_done_many('sendgrid', ARRAY['ev_mail-1', 'ev_mail-2']) \g /dev/null
\echo :again
SELECT ordinal, path, acquired, outcome, dedup_key
FROM wd_receive_items('sendgrid', convert_to(:'again', 'UTF8'));
