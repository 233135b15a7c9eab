-- G5: after the last attempt that an integer can count, an event is exhausted, whatever the limit.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
INSERT INTO webhook_dedup_events (provider, dedup_key, status, attempt, lease_expires_at) VALUES
  ('p', 'ended', 'processing', 2147483647, clock_timestamp() - interval '1 s'),
  ('p', 'failed', 'failed', 2147483647, NULL),
  ('p', 'held', 'processing', 2147483647, clock_timestamp() + interval '1 h'),
  ('p', 'one less', 'failed', 2147483646, NULL),
  ('p', 'reopened', 'failed', 2147483647, clock_timestamp()),
  ('paypal', 'ev_1', 'failed', 2147483647, NULL);

SELECT k.key, a.acquired, a.outcome, a.attempt, a.http_status
  FROM unnest('{ended,failed,held,reopened}'::text[]) k(key), wd_acquire('p', k.key) a ORDER BY k.key;
SELECT wd_try_acquire('p', 'ended'), wd_try_acquire('p', 'failed'), wd_try_acquire('p', 'reopened');
SELECT wd_try_once('p', 'ended'), wd_try_once('p', 'failed'), wd_try_once('p', 'reopened');
SELECT acquired, outcome, attempt, http_status FROM wd_receive('paypal', '{"id":"1"}');
SELECT acquired, outcome FROM wd_receive_items('paypal', '{"id":"1"}');
-- in a batch with events that are acquired
SELECT dedup_key, acquired, outcome, attempt, http_status
  FROM wd_acquire_many('p', '{ended,new,failed,one less,reopened,failed}');
-- an exhausted event stays as it is
SELECT dedup_key, status, attempt FROM webhook_dedup_events ORDER BY provider, dedup_key;

-- whatever the limit
SET webhook_dedup.max_attempts = 2147483647;
SELECT wd_try_acquire('p', 'ended'), wd_try_acquire('p', 'failed');
SET webhook_dedup.max_attempts = 3;
SELECT wd_try_acquire('p', 'ended'), wd_try_acquire('p', 'failed');
RESET webhook_dedup.max_attempts;

-- the last attempt is one like the others
SELECT wd_extend_lease('p', 'held', 2147483647) > clock_timestamp() AS extended, wd_assert_owner('p', 'held', 2147483647);
SELECT wd_mark_failed('p', 'held', 2147483646), wd_mark_failed('p', 'held', 2147483647, 'E1');
SELECT acquired, outcome FROM wd_acquire('p', 'held');
SELECT wd_reopen('p', 'held'), wd_reopen('p', 'ended');
SELECT k.key, a.acquired, a.outcome FROM unnest('{ended,held}'::text[]) k(key), wd_acquire('p', k.key) a ORDER BY k.key;
SELECT wd_mark_done_many('p', '{one less,new}', '{2147483647,1}');
SELECT acquired, outcome, attempt FROM wd_acquire('p', 'one less');
