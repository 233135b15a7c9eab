-- wd_explain_key: which templates were tried, what did not match, and the key; of what a delivery holds, nothing else (G6).
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
DELETE FROM webhook_dedup_providers WHERE NOT built_in;
-- the SQLSTATE, message and detail that a statement raises, or "no error"
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

-- a built-in provider: the last row has the key
SELECT * FROM wd_explain_key('paypal', '{"id":"WH-1"}');
SELECT * FROM wd_explain_key('paypal', '{}', '{"X-PayPal-Transmission-Id":["t-1"]}');
SELECT * FROM wd_explain_key('paypal/eu', '{"id":7}');
-- or there is none
SELECT * FROM wd_explain_key('paypal', '{"id":""}');
SELECT * FROM wd_explain_key('mollie', '{"resource":"payment","id":"tr_1"}');
SELECT template_number, result, placeholder FROM wd_explain_key('toss', '{"eventType":"PAYMENT_STATUS_CHANGED","data":{"paymentKey":"k","status":{}}}');

-- each reason
SELECT wd_set_provider('x', '{"{body:kind=a}{header:x-v=1}a_{body:id}","b_{body:b}:{body:c?}:{header:x-b}","h_{header:x-h|percent}","s_{body:s|sha256}"}');
SELECT p AS payload, h AS headers, template_number AS no, result, placeholder, dedup_key FROM (VALUES
  (1, '{}', '{}'), (2, '{"kind":"b"}', '{}'), (3, '{"kind":"a"}', '{"x-v":"2"}'), (4, '{"kind":"a"}', '{"x-v":"1"}'), (5, '{"kind":"a","id":{}}', '{"x-v":"1"}'), (6, '{"kind":["a"]}', '{}'), (7, '{"kind":null,"b":1,"c":[]}', '{}'),
  (8, '{"b":1}', '{"x-b":""}'), (9, '{"b":1}', '{"x-b":"2"}'), (10, '{"b":"\ud800"}', '{}'), (11, '{"kind":"\u0000"}', '{}'), (12, '{"b":1}', '{"x-b":7}'), (13, '{"kind":"a"}', '{"x-v":{}}'), (14, '{}', '{"x-h":"%zz"}'), (15, '{}', '{"x-h":"a%20b"}'), (16, '{"s":[1]}', '{}')) v(n, p, h),
  LATERAL (SELECT * FROM wd_explain_key('x', convert_to(p, 'UTF8'), h::jsonb) WITH ORDINALITY) e ORDER BY n, e.ordinality;

-- items: a row for each template that is for them, in the order of the payload
SELECT wd_set_provider('i', '{"all_{body:batch}","c_{body:entry[*].changes[*].id}:{body:entry[*].id}","{body:entry[*].kind=e}e_{body:entry[*].id}","f_{body:entry[*].f}"}');
SELECT * FROM wd_explain_key('i', '{"entry":[{"id":"E0","changes":[{"id":"C0"},{"x":1}]},{"id":"E1","kind":"e"},{"id":"E2","f":2},{"kind":"e","id":[]}]}');
SELECT * FROM wd_explain_key('i', '{"batch":"B","entry":[{"id":"E0"}]}');
SELECT * FROM wd_explain_key('i', '{"entry":[]}');
SELECT * FROM wd_explain_key('i', '{}');
SELECT * FROM wd_explain_key('i', convert_to('{"entry":[{"kind":"\u0000"},{"f":1}]}', 'UTF8'));
-- what wd_receive_items would not go on after
SELECT * FROM wd_explain_key('i', convert_to('{"batch":"\u0000","entry":[{"f":1}]}', 'UTF8'));
SELECT pg_temp.err($$SELECT wd_receive_items('i', convert_to('{"batch":"\u0000","entry":[{"f":1}]}', 'UTF8'))$$);
-- as wd_receive_items claims them
SELECT count(*) AS differ FROM (
  SELECT path, dedup_key FROM wd_explain_key('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"P1","eventCode":"AUTHORISATION","success":"true"}},{"NotificationRequestItem":{"merchantAccountCode":"M:1","pspReference":"P2","eventCode":"CAPTURE","success":"false"}}]}') WHERE dedup_key IS NOT NULL
  EXCEPT
  SELECT path, dedup_key FROM wd_receive_items('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"P1","eventCode":"AUTHORISATION","success":"true"}},{"NotificationRequestItem":{"merchantAccountCode":"M:1","pspReference":"P2","eventCode":"CAPTURE","success":"false"}}]}')) d;
SELECT path, template_number, result, dedup_key FROM wd_explain_key('sendgrid', '[{"sg_event_id":"a"},{"sg_event_id":null},{"sg_event_id":"c:d"}]');

-- headers alone: the payload is not read, be it what it may
SELECT * FROM wd_explain_key('github', 'junk', '{"X-GitHub-Delivery":"d-1"}');
SELECT * FROM wd_explain_key('github', '\x00ff', '{}');
SELECT template_number, result, dedup_key FROM wd_explain_key('cloudevents', 'junk', '{"ce-source":"/a%20b","ce-id":"1"}');
SELECT template_number, result, dedup_key FROM wd_explain_key('aws_sns', '{"MessageId":"m-1"}');
SELECT pg_temp.err($$SELECT wd_explain_key('aws_sns', 'junk')$$), pg_temp.err($$SELECT wd_explain_key('cloudevents', 'junk')$$);
-- elements, as no header has the key
SELECT path, template_number, result, placeholder, dedup_key FROM wd_explain_key('cloudevents', '[{"source":"s","id":"1"},{"source":"s"}]');
-- a header that is malformed ends it, with templates for elements and without
SELECT template_number, result, placeholder FROM wd_explain_key('cloudevents', 'junk', '{"ce-source":1}');
SELECT template_number, result, placeholder FROM wd_explain_key('github', 'junk', '{"X-GitHub-Delivery":1}');
SELECT template_number, result, placeholder FROM wd_explain_key('cloudevents', '[{"source":"s","id":"1"}]', '{"ce-source":"%zz"}');
-- forms
SELECT template_number, result, placeholder, dedup_key FROM wd_explain_key('twilio', 'MessageSid=SM1&MessageStatus=sent');
SELECT template_number, result, placeholder, dedup_key FROM wd_explain_key('twilio', 'MessageSid=SM1&MessageStatus=%zz');

-- nothing that a delivery holds is shown, but for the key
CREATE TEMP TABLE shown AS
SELECT e::text AS row, e.dedup_key FROM (VALUES
  ('x', '{"kind":"SENTINEL"}', '{}'), ('x', '{"kind":"a"}', '{"x-v":"SENTINEL"}'), ('x', '{"b":"SENTINEL","c":["SENTINEL"]}', '{"x-b":{"SENTINEL":1}}'), ('x', '{"b":"SENTINEL\u0000"}', '{"SENTINEL":"SENTINEL"}'), ('x', '{"SENTINEL":1}', '{"x-h":"SENTINEL%zz"}'),
  ('i', '{"entry":[{"id":"SENTINEL","kind":"SENTINEL","SENTINEL":1},{"f":{"SENTINEL":"SENTINEL"}},{"id":"SENTINEL\ud800","kind":"e"}]}', '{}'), ('twilio', 'MessageSid=SENTINEL&CallSid=SENTINEL', '{"SENTINEL":"SENTINEL"}'), ('paypal', '{"id":"SENTINEL"}', '{}'), ('x', '{"s":"SENTINEL"}', '{}')) v(p, b, h),
  wd_explain_key(p, convert_to(b, 'UTF8'), h::jsonb) e;
SELECT count(*) AS rows, count(dedup_key) AS keys FROM shown;
SELECT * FROM shown WHERE row LIKE '%SENTINEL%';

-- refused, and nothing of the payload in the errors
SELECT pg_temp.err(format('SELECT wd_explain_key(%s)', a)) AS error, a FROM (VALUES
  ($$NULL, '{"id":"x"}'$$), ($$'', '{"id":"x"}'$$), ($$repeat('p', 129), '{"id":"x"}'$$), ($$'paypal', NULL$$), ($$'paypal', '{"id":"x"}', NULL$$), ($$'paypal', '{"id":"x"}', '[]'$$), ($$'paypal', '{"id":"x"}', '"x"'$$), ($$'paypal', '{"id":"x"}', 'null'$$),
  ($$'nobody', '{"id":"x"}'$$), ($$'PAYPAL', '{"id":"x"}'$$), ($$'paypal', ''$$), ($$'paypal', '{"id":"SENTINEL"'$$), ($$'paypal', 'SENTINEL'$$), ($$'paypal', '{"id":"SENTINEL"} SENTINEL'$$), ($$'paypal', '\xff'$$), ($$'paypal', convert_to('{"id":"SENTINEL\x"}', 'UTF8')$$),
  ($$'paypal', convert_to(repeat('[', 513), 'UTF8')$$), ($$'sendgrid', convert_to('[' || repeat('1,', 10000) || '1]', 'UTF8')$$)) v(a);
-- nothing is acquired or written
BEGIN READ ONLY;
SELECT dedup_key FROM wd_explain_key('paypal', '{"id":"WH-read-only"}');
COMMIT;
SELECT count(*) FROM webhook_dedup_events WHERE provider <> 'adyen';
-- a set, wherever a set can stand
SELECT (wd_explain_key('paypal', '{"id":"WH-1"}')).dedup_key;
SELECT count(*) FROM generate_series(1, 3) i, wd_explain_key('paypal', convert_to('{"id":' || i || '}', 'UTF8'));
SELECT count(*) FROM (SELECT * FROM wd_explain_key('paypal', '{}') LIMIT 2) s;

DELETE FROM webhook_dedup_providers WHERE NOT built_in;
