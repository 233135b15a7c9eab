-- wd_toss_dedup_key: header, then what names the state change.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
-- the SQLSTATE and message that a statement raises, or "no error"
CREATE FUNCTION pg_temp.err(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ' ' || SQLERRM ||
    CASE WHEN detail <> '' THEN ' | ' || detail ELSE '' END;
END
$$;

-- the headers, in the order of the design
SELECT wd_toss_dedup_key('{"eventId":"e"}', '{"TossPayments-Webhook-Transmission-Id":"whtrans_a1"}');
SELECT wd_toss_dedup_key('{"eventId":"e"}', '{"X-Transmission-Id":["whtrans_a2"]}');
SELECT wd_toss_dedup_key('{}', '{"x-transmission-id":"b","tosspayments-webhook-transmission-id":"a"}');

-- each type of event without a header
CREATE TEMP TABLE event (type text, payload jsonb);
INSERT INTO event VALUES
('PAYMENT_STATUS_CHANGED done', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:00:20.123456","data":{"paymentKey":"tviva1","orderId":"o-1","status":"DONE","lastTransactionKey":"txrd_1"}}'),
('PAYMENT_STATUS_CHANGED canceled', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"paymentKey":"tviva1","orderId":"o-1","status":"CANCELED","lastTransactionKey":"txrd_2"}}'),
('PAYMENT_STATUS_CHANGED partial 1', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"paymentKey":"tviva2","status":"PARTIAL_CANCELED","lastTransactionKey":"txrd_3"}}'),
('PAYMENT_STATUS_CHANGED partial 2', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:03:03.123456","data":{"paymentKey":"tviva2","status":"PARTIAL_CANCELED","lastTransactionKey":"txrd_4"}}'),
('PAYMENT_STATUS_CHANGED expired', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"paymentKey":"tviva3","status":"EXPIRED","lastTransactionKey":null}}'),
('PAYMENT_STATUS_CHANGED aborted', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"paymentKey":"tviva3","status":"ABORTED"}}'),
('CANCEL_STATUS_CHANGED', '{"eventType":"CANCEL_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"transactionKey":"txrd_5","cancelStatus":"DONE","cancelAmount":5000}}'),
('CANCEL_STATUS_CHANGED aborted', '{"eventType":"CANCEL_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"transactionKey":"txrd_5","cancelStatus":"ABORTED","cancelAmount":5000}}'),
('BILLING_DELETED', '{"eventType":"BILLING_DELETED","createdAt":"2026-01-05T10:02:03.123456","data":{"billingKey":"bk-1","reason":null}}'),
('METHOD_UPDATED', '{"eventType":"METHOD_UPDATED","createdAt":"2026-01-05T10:02:03.123456","data":{"customerKey":"ck-1","methodKey":"mk-1","status":"ENABLED"}}'),
('METHOD_UPDATED later', '{"eventType":"METHOD_UPDATED","createdAt":"2026-01-06T10:02:03.123456","data":{"customerKey":"ck-1","methodKey":"mk-1","status":"ENABLED"}}'),
('CUSTOMER_STATUS_CHANGED', '{"eventType":"CUSTOMER_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"customerKey":"ck-1","status":"CREATED","changedAt":"2026-01-05T10:02:03+09:00"}}'),
('ORDER_PAYMENT_STATUS_CHANGED', '{"eventType":"ORDER_PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:02:03.123456","data":{"orderKey":"ok-1","payment":{"paymentKey":"tviva1","status":"DONE","lastTransactionKey":"txrd_1"}}}'),
('DEPOSIT_CALLBACK waiting', '{"createdAt":"2026-01-05T10:00:03.123456","secret":"ps_invented","status":"WAITING_FOR_DEPOSIT","transactionKey":"9FF1","orderId":"o-2"}'),
('DEPOSIT_CALLBACK done', '{"createdAt":"2026-01-05T10:02:03.123456","secret":"ps_invented","status":"DONE","transactionKey":"9FF1","orderId":"o-2"}'),
('DEPOSIT_CALLBACK done again', '{"createdAt":"2026-01-05T10:09:03.123456","secret":"ps_invented","status":"DONE","transactionKey":"9FF1","orderId":"o-2"}'),
('payout.changed', '{"eventType":"payout.changed","createdAt":"2026-01-05T10:02:03.123456+09:00","version":"2022-11-16","eventId":"ev-invented-1","entityType":"payout","entityBody":{"id":"FPA_12345","status":"COMPLETED"}}'),
('seller.changed', '{"eventType":"seller.changed","createdAt":"2026-01-05T10:02:03.123456+09:00","version":"2022-11-16","eventId":"ev-invented-2","entityType":"seller","entityBody":{"id":"seller-1","status":"APPROVED"}}');

SELECT type, wd_toss_dedup_key(payload, '{}') FROM event ORDER BY type COLLATE "C";
-- G7: they are different events, and the same whether read as jsonb or as bytes
SELECT count(*) = count(DISTINCT wd_toss_dedup_key(payload, '{}')) AS distinct_keys FROM event;
SELECT bool_and((wd_receive('toss', convert_to(payload::text, 'UTF8'))).dedup_key = wd_toss_dedup_key(payload, '{}')) AS same FROM event;
-- no secret of the body gets into a key
SELECT count(*) FROM event WHERE wd_toss_dedup_key(payload, '{}') LIKE '%ps\_invented%';

-- a later delivery of the same event has the same key, whatever else changed
SELECT wd_toss_dedup_key('{"data":{"status":"DONE","lastTransactionKey":"t","paymentKey":"p","x":1},"eventType":"E"}', '{"tosspayments-webhook-transmission-retried-count":"3"}')
     = wd_toss_dedup_key('{"eventType":"E","data":{"paymentKey":"p","status":"DONE","lastTransactionKey":"t"}}', '{}') AS same;

-- an unknown type of event with known fields has a key of its own
SELECT wd_toss_dedup_key('{"eventType":"BILLING_RENEWED","data":{"billingKey":"bk-1"}}', '{}');

-- joining values is injective: separators inside them are escaped
SELECT wd_toss_dedup_key('{"eventType":"E","data":{"paymentKey":"a:b","status":"c","lastTransactionKey":"d"}}', '{}');
SELECT wd_toss_dedup_key('{"eventType":"E","data":{"paymentKey":"a","status":"b:c","lastTransactionKey":"d"}}', '{}');
SELECT wd_toss_dedup_key('{"eventType":"E","data":{"paymentKey":"a%3Ab","status":"c","lastTransactionKey":"d"}}', '{}');
-- absent, null and empty are the same for a member that may be missing
SELECT count(DISTINCT wd_toss_dedup_key(p, '{}')) FROM (VALUES
  ('{"eventType":"E","data":{"paymentKey":"a","status":"b"}}'::jsonb),
  ('{"eventType":"E","data":{"paymentKey":"a","status":"b","lastTransactionKey":null}}'),
  ('{"eventType":"E","data":{"paymentKey":"a","status":"b","lastTransactionKey":""}}')) v(p);
-- but an object there is a shape that nobody knows
SELECT pg_temp.err($$SELECT wd_toss_dedup_key('{"eventType":"E","data":{"paymentKey":"a","status":"b","lastTransactionKey":{}}}', '{}')$$);

-- incomplete events have no key
SELECT pg_temp.err(format('SELECT wd_toss_dedup_key(%L, %L)', p, '{}')) AS error, p FROM (VALUES
  ('{}'), ('[]'), ('"x"'),
  ('{"data":{"paymentKey":"a","status":"DONE"}}'),
  ('{"eventType":"","data":{"paymentKey":"a","status":"DONE"}}'),
  ('{"eventType":"E","data":{"paymentKey":"a"}}'),
  ('{"eventType":"E","data":{"paymentKey":"","status":"DONE"}}'),
  ('{"eventType":"E","data":{"paymentKey":["a"],"status":"DONE"}}'),
  ('{"eventType":"E","paymentKey":"a","status":"DONE"}'),
  ('{"eventType":"E","data":[{"paymentKey":"a","status":"DONE"}]}'),
  ('{"eventType":"E","data":{"transactionKey":"t"}}'),
  ('{"eventType":"E","data":{"customerKey":"c","status":"CREATED"}}'),
  ('{"status":"DONE","transactionKey":"t","orderId":"o"}'),
  ('{"createdAt":"t","status":null,"transactionKey":"t","orderId":"o"}')) v(p);

-- Python module: one paymentKey for DONE and the later CANCELED; not here
SELECT count(DISTINCT wd_toss_dedup_key(payload, '{}')) FROM event WHERE type IN ('PAYMENT_STATUS_CHANGED done', 'PAYMENT_STATUS_CHANGED canceled');

SELECT pg_temp.err($$SELECT wd_toss_dedup_key(NULL, '{}')$$);
SELECT pg_temp.err($$SELECT wd_toss_dedup_key('{}', NULL)$$);
SELECT wd_dedup_key('toss/kr-2', '{"eventId":"e"}'), wd_dedup_key('paypal', '{"id":"e"}', '{}');
SELECT pg_temp.err($$SELECT wd_dedup_key('tos', '{"eventId":"e"}')$$);
SELECT pg_temp.err($$SELECT wd_dedup_key('Toss', '{"eventId":"e"}')$$);
SELECT pg_temp.err($$SELECT wd_dedup_key('/toss', '{"eventId":"e"}')$$);
SELECT pg_temp.err($$SELECT wd_dedup_key('', '{"eventId":"e"}')$$);
SELECT pg_temp.err($$SELECT wd_dedup_key(NULL, '{"eventId":"e"}')$$);
