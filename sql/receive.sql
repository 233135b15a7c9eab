-- wd_receive: raw body and headers in, an acquisition out.
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

SELECT acquired, outcome, provider, dedup_key, attempt, http_status,
       request_hash = wd_payload_hash('{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}') AS hashed
  FROM wd_receive('paypal', '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}', '{"Paypal-Transmission-Id":"t-1"}');
-- the same body again; another one with the same id: a duplicate whose hash differs
SELECT acquired, outcome, hash_matches, http_status FROM wd_receive('paypal', '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}');
SELECT acquired, outcome, hash_matches, http_status FROM wd_receive('paypal', '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.REFUNDED"}');
SELECT wd_mark_done('paypal', 'ev_WH-1', 1);
SELECT acquired, outcome, hash_matches, http_status FROM wd_receive('paypal', '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}');
-- headers may be left out where the body has the id
SELECT dedup_key, outcome FROM wd_receive('paypal', '{"id":"WH-2"}');
SELECT dedup_key, outcome FROM wd_receive('toss', '{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":"tviva1","status":"DONE","lastTransactionKey":"txrd_1"}}', '{"Tosspayments-Webhook-Transmission-Id":["whtrans_a1"]}');
SELECT dedup_key, outcome FROM wd_receive('toss', '{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":"tviva1","status":"DONE","lastTransactionKey":"txrd_1"}}');
-- a scope keeps two endpoints apart that are sent the same event
SELECT provider, dedup_key, acquired FROM unnest(ARRAY['paypal/eu', 'paypal/us', 'paypal/eu']) s, wd_receive(s, '{"id":"WH-1"}');
-- and is no way round the rules
SELECT pg_temp.err($$SELECT wd_receive('acme/eu', '{"id":"evt_1"}')$$);
-- leases
SELECT lease_expires_at - clock_timestamp() BETWEEN interval '59 min' AND interval '1 hour' AS hour FROM wd_receive('paypal', '{"id":"WH-lease"}', '{}', '1 hour');
SELECT lease_expires_at FROM wd_receive('paypal', '{"id":"WH-for-ever"}', lease => '0');

-- refused
SELECT pg_temp.err(format('SELECT wd_receive(%s)', a)) AS error, a FROM (VALUES
  ($$NULL, '{"id":"x"}'$$), ($$'', '{"id":"x"}'$$), ($$'paypal', NULL$$), ($$'paypal', '{"id":"x"}', NULL$$), ($$'paypal', '{"id":"x"}', '[]'$$),
  ($$'paypal', '{"id":"x"}', '{}', '-1 s'$$), ($$'acme', '{"id":"x"}'$$), ($$'paypal ', '{"id":"x"}'$$), ($$'PAYPAL', '{"id":"x"}'$$), ($$'paypal', ''$$),
  ($$'paypal', '{"id":"x"'$$), ($$'paypal', '{"id":""}'$$), ($$'paypal', '{}', '{"paypal-transmission-id":7}'$$)) v(a);
SELECT count(*) FROM webhook_dedup_events WHERE dedup_key LIKE '%x%';
-- a header that nobody asks for may be anything
SELECT dedup_key FROM wd_receive('paypal', '{"id":"WH-3"}', '{"content-length":17,"x":[1,{"y":null}],"z":{}}');

-- a body out of a table, compressed
CREATE TEMP TABLE inbox (body bytea);
INSERT INTO inbox SELECT convert_to(format('{"links":"%s","id":"WH-big"}', repeat('abcdefghij', 300000)), 'UTF8');
SELECT dedup_key, request_hash = encode(sha256(body), 'hex') AS hashed FROM inbox, wd_receive('paypal', body);
