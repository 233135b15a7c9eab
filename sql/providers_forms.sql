-- Providers whose one event comes in several forms: headers or body, JSON or form. The key is the same.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
-- what a delivery met, with the status to answer and the key; or the SQLSTATE and hint of its error
CREATE FUNCTION pg_temp.receive(provider text, headers jsonb, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer wd_acquisition;
  hint text;
BEGIN
  answer := wd_receive(provider, convert_to(body, 'UTF8'), headers);
  RETURN concat_ws(' ', answer.outcome, answer.http_status, answer.dedup_key);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', SQLSTATE, nullif(hint, ''));
END
$$;

-- github: the delivery's id, in whatever format the body comes

-- cloudevents: source and id in binary, structured and batch mode
CREATE FUNCTION pg_temp.batch(body text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', path, outcome, http_status, dedup_key) FROM wd_receive_items('cloudevents', convert_to(body, 'UTF8'), '{"Content-Type":"application/cloudevents-batch+json"}')
$$;
SELECT what, pg_temp.receive('cloudevents', headers, body) FROM (VALUES
  ('structured', '{"Content-Type":"application/cloudevents+json"}'::jsonb, '{"specversion":"1.0","id":"A234-1234-1234","source":"/shop/orders","type":"test.order.created","time":"2026-01-05T01:02:03Z","data":{"n":1}}'),
  ('binary', '{"ce-specversion":"1.0","ce-id":"A234-1234-1234","ce-source":"/shop/orders","ce-type":"test.order.created","Content-Type":"application/json"}', '{"n":1}'),
  ('binary, ids in the data', '{"CE-ID":"A234-1234-1234","CE-Source":"/shop/orders","CE-Time":"2026-01-05T02:02:03Z"}', '{"id":"x","source":"y"}'),
  ('binary, no text', '{"ce-id":"A234-1234-1234","ce-source":"/shop/orders","Content-Type":"image/png"}', E'\x01\x02'),
  ('a form as data', '{"ce-id":"A234-1234-1234","ce-source":"/shop/orders","Content-Type":"application/x-www-form-urlencoded"}', 'id=x&source=y'),
  ('another id', '{"Content-Type":"application/cloudevents+json"}', '{"specversion":"1.0","id":"A234-1234-1235","source":"/shop/orders","type":"test.order.created"}'),
  ('another source', '{"Content-Type":"application/cloudevents+json"}', '{"specversion":"1.0","id":"A234-1234-1234","source":"/shop/returns","type":"test.order.created"}'),
  ('percent-encoded', '{"ce-id":"50%25 off","ce-source":"https://example.com/caf%C3%A9%20%22a%22"}', '{}'),
  ('it structured', '{}', '{"specversion":"1.0","id":"50% off","source":"https://example.com/café \"a\""}'),
  ('encoded twice', '{"ce-id":"50%2525 off","ce-source":"https://example.com/caf%C3%A9%20%22a%22"}', '{}'),
  ('a plus is none', '{"ce-id":"a+b","ce-source":"s"}', '{}'),
  ('it structured', '{}', '{"id":"a+b","source":"s"}'),
  ('half an encoding', '{"ce-id":"50% off","ce-source":"s"}', '{}'),
  ('no UTF-8', '{"ce-id":"%C3","ce-source":"s"}', '{}'),
  ('no id', '{"ce-source":"/shop/orders","ce-type":"t"}', '{"n":1}'),
  ('no source', '{"ce-id":"A234-1234-1234","ce-type":"t"}', '{"n":1}'),
  ('half in the headers', '{"ce-id":"A234-1234-1234"}', '{"source":"/shop/orders"}'),
  ('id of the data', '{"Content-Type":"application/cloudevents+json"}', '{"specversion":"1.0","source":"/shop/orders","data":{"id":"A234-1234-1234"}}'),
  ('type and time', '{}', '{"specversion":"1.0","type":"t","time":"2026-01-05T01:02:03Z","subject":"123"}'),
  ('a batch', '{"Content-Type":"application/cloudevents-batch+json"}', '[{"specversion":"1.0","id":"A234-1234-1234","source":"/shop/orders"}]')) v(what, headers, body);
-- joined so that no two pairs look alike
SELECT pg_temp.receive('cloudevents', '{}', body) FROM (VALUES ('{"source":"a:b","id":"c"}'), ('{"source":"a","id":"b:c"}'), ('{"source":"a%3Ab","id":"c"}')) v(body);
-- the same events in a batch, and a new one
SELECT pg_temp.batch('[{"specversion":"1.0","id":"A234-1234-1234","source":"/shop/orders","data":{"n":1}},{"id":"50% off","source":"https://example.com/café \"a\""},{"id":"A234-1234-1236","source":"/shop/orders"},{"source":"a:b","id":"c"}]');
SELECT pg_temp.receive('cloudevents', '{"ce-id":"A234-1234-1236","ce-source":"/shop/orders"}', '');

-- aws_sns: the message's id, in a header and in the body, which raw delivery has not
SELECT what, pg_temp.receive('aws_sns', headers, body) FROM (VALUES
  ('delivered', '{"x-amz-sns-message-type":"Notification","x-amz-sns-message-id":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","x-amz-sns-topic-arn":"arn:aws:sns:us-west-2:123456789012:t","Content-Type":"text/plain; charset=UTF-8"}'::jsonb, '{"Type":"Notification","MessageId":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","TopicArn":"arn:aws:sns:us-west-2:123456789012:t","Message":"{\"MessageId\":\"x\"}","Timestamp":"2026-01-05T01:02:03.000Z"}'),
  ('body alone', '{}', '{"Type":"Notification","MessageId":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","TopicArn":"arn:aws:sns:us-west-2:123456789012:t","Message":"x"}'),
  ('raw', '{"x-amz-sns-message-id":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","x-amz-sns-rawdelivery":"true","Content-Type":"text/plain; charset=UTF-8"}', 'order 7 was paid'),
  ('published again', '{"x-amz-sns-message-id":"265545c9-2a5c-472c-8df2-7ff2be2b3b1b","x-amz-sns-rawdelivery":"true"}', 'order 7 was paid'),
  ('raw without headers', '{}', 'order 7 was paid'),
  ('raw JSON without headers', '{"x-amz-sns-topic-arn":"arn:aws:sns:us-west-2:123456789012:t"}', '{"order":7,"id":"x","Message":{"MessageId":"x"}}'),
  ('topic and subscription', '{"x-amz-sns-message-type":"Notification","x-amz-sns-topic-arn":"arn:aws:sns:us-west-2:123456789012:t","x-amz-sns-subscription-arn":"arn:aws:sns:us-west-2:123456789012:t:s"}', '{"Type":"Notification","TopicArn":"arn:aws:sns:us-west-2:123456789012:t","messageId":"x"}')) v(what, headers, body);
SELECT pg_temp.receive('aws_sns/orders', '{"x-amz-sns-message-id":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b"}', 'order 7 was paid');

-- twilio: the request's token; without it only status callbacks can be told apart
SELECT what, pg_temp.receive('twilio', headers, body) FROM (VALUES
  ('sent', '{"I-Twilio-Idempotency-Token":"4ac1d8f0-0001","Content-Type":"application/x-www-form-urlencoded; charset=UTF-8","X-Twilio-Signature":"AA"}'::jsonb, 'MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=sent&From=%2B15017122661&To=%2B15558675310'),
  ('retried', '{"i-twilio-idempotency-token":"4ac1d8f0-0001","X-Twilio-Signature":"AB"}', 'MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=sent&From=%2B15017122661&To=%2B15558675310'),
  ('delivered', '{"I-Twilio-Idempotency-Token":"4ac1d8f0-0002"}', 'MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=delivered'),
  ('JSON', '{"I-Twilio-Idempotency-Token":"4ac1d8f0-0003","Content-Type":"application/json"}', '{"any":"thing"'),
  ('no token, sent', '{}', 'MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=sent&From=%2B15017122661'),
  ('it retried', '{"X-Twilio-Signature":"AB"}', 'ApiVersion=2010-04-01&MessageStatus=%73ent&Message%53id=SM0123456789abcdef0123456789abcdef'),
  ('no token, delivered', '{}', 'MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=delivered'),
  ('no token, call', '{}', 'CallSid=CA0123456789abcdef0123456789abcdef&CallStatus=in-progress&SequenceNumber=1'),
  ('next of the call', '{}', 'CallSid=CA0123456789abcdef0123456789abcdef&CallStatus=in-progress&SequenceNumber=2'),
  ('CallSid alone', '{}', 'CallSid=CA0123456789abcdef0123456789abcdef&From=%2B15017122661'),
  ('request for TwiML', '{}', 'CallSid=CA0123456789abcdef0123456789abcdef&CallStatus=in-progress&Digits=1'),
  ('message received', '{}', 'MessageSid=SM1123456789abcdef0123456789abcdef&SmsSid=SM1123456789abcdef0123456789abcdef&SmsStatus=received&Body=hi'),
  ('account alone', '{"X-Twilio-Signature":"AB"}', 'AccountSid=AC0123456789abcdef0123456789abcdef'),
  ('empty status', '{}', 'MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus='),
  ('empty body', '{}', ''),
  ('JSON without token', '{"Content-Type":"application/json"}', '{"MessageSid":"SM0123456789abcdef0123456789abcdef","MessageStatus":"sent"}'),
  ('half an encoding', '{}', 'MessageSid=SM%2&MessageStatus=sent'),
  ('no text', '{}', 'MessageSid=%FF&MessageStatus=sent'),
  ('a zero byte', '{}', 'MessageSid=%00&MessageStatus=sent'),
  ('last of two', '{}', 'MessageSid=SM2&MessageStatus=sent&MessageSid=SM3'),
  ('a colon', '{}', 'MessageSid=SM2:sent&MessageStatus=x%3Ay')) v(what, headers, body);
-- whoever has read the form passes it as an object
SELECT wd_dedup_key('twilio', '{"MessageSid":"SM3","MessageStatus":"sent"}');

-- braintree: a digest of bt_payload, however long; the signatures beside it may change
CREATE TEMP TABLE notification AS
  SELECT encode(convert_to('<notification><kind>subscription_charged_successfully</kind><timestamp>2026-01-05T01:02:0' || n || 'Z</timestamp><subject>' || repeat('<id>?>~</id>', 300) || '</subject></notification>', 'UTF8'), 'base64') || E'\n' AS bt_payload
    FROM generate_series(1, 2) n;
CREATE FUNCTION pg_temp.encoded(value text) RETURNS text LANGUAGE sql AS $$
  SELECT replace(replace(replace(replace(replace(replace(value, E'\n', '%0A'), '+', '%2B'), '/', '%2F'), '=', '%3D'), '|', '%7C'), '&', '%26')
$$;
SELECT length(bt_payload) > 4000 AS long, bt_payload LIKE '%+%' AS plus, bt_payload LIKE E'%\n%\n' AS lines FROM notification;
SELECT pg_temp.receive('braintree', '{}', 'bt_signature=key1%7C0a&bt_payload=' || pg_temp.encoded(bt_payload)) = 'first ntf_' || wd_payload_hash(convert_to(bt_payload, 'UTF8')) AS first FROM notification;
SELECT pg_temp.receive('braintree', '{"Content-Type":"application/x-www-form-urlencoded"}', 'bt_payload=' || pg_temp.encoded(bt_payload) || '&bt_signature=' || pg_temp.encoded('key1|0a&key2|0b')) = 'in_progress 409 ntf_' || wd_payload_hash(convert_to(bt_payload, 'UTF8')) AS retried FROM notification;
SELECT what, pg_temp.receive('braintree', '{}', body) FROM (VALUES
  ('short', 'bt_signature=key1%7C0a&bt_payload=PG5vdGlmaWNhdGlvbi8%2B%0A'),
  ('not encoded alike', 'bt_payload=%50G5vdGlmaWNhdGlvbi8%2b%0a&bt_signature=key1%7C0a'),
  ('another kind', 'bt_signature=key1%7C0a&bt_payload=PG5vdGlmaWNhdGlvbj4%3D%0A'),
  ('signature alone', 'bt_signature=key1%7C0a'),
  ('empty payload', 'bt_signature=key1%7C0a&bt_payload='),
  ('challenge', 'bt_challenge=20f9f8ed05f77439fe955c977e4c8a53'),
  ('JSON', '{"bt_payload":"PG5vdGlmaWNhdGlvbi8+"}'),
  ('a name like it', 'x_bt_payload=PG5vdGlmaWNhdGlvbi8%2B&bt_payload2=x'),
  ('half an encoding', 'bt_payload=PG5vdGlmaWNhdGlvbi8%'),
  ('empty', '')) v(what, body);

-- portone V1: payment, status and cancellation, as JSON or as a form
SELECT what, pg_temp.receive('portone', headers, body) FROM (VALUES
  ('paid', '{"Content-Type":"application/json"}'::jsonb, '{"imp_uid":"imp_448280090638","merchant_uid":"ORD20260105-0001","status":"paid"}'),
  ('as a form', '{"content-type":"Application/X-WWW-Form-Urlencoded; charset=UTF-8"}', 'imp_uid=imp_448280090638&merchant_uid=ORD20260105-0001&status=paid'),
  ('cancelled in part', '{"Content-Type":"application/json"}', '{"imp_uid":"imp_448280090638","merchant_uid":"ORD20260105-0001","status":"cancelled","cancellation_id":"c-1"}'),
  ('and once more', '{"Content-Type":"application/x-www-form-urlencoded"}', 'imp_uid=imp_448280090638&merchant_uid=ORD20260105-0001&status=cancelled&cancellation_id=c-2'),
  ('failed', '{}', '{"imp_uid":"imp_448280090639","merchant_uid":"ORD20260105-0001","status":"failed"}'),
  ('a form that is not said to be one', '{}', 'imp_uid=imp_448280090638&merchant_uid=ORD20260105-0001&status=paid'),
  ('said to be one, and JSON', '{"Content-Type":"application/x-www-form-urlencoded"}', '{"imp_uid":"imp_448280090638","status":"paid"}'),
  ('payment alone', '{}', '{"imp_uid":"imp_448280090638"}'),
  ('order alone', '{}', '{"merchant_uid":"ORD20260105-0001","status":"paid"}'),
  ('empty status', '{"Content-Type":"application/x-www-form-urlencoded"}', 'imp_uid=imp_448280090638&status=')) v(what, headers, body);

-- a form where JSON is sent, and where anything may come
SELECT provider, pg_temp.receive(provider, '{"Content-Type":"application/x-www-form-urlencoded"}', 'id=evt_1&event_id=evt_1') FROM (VALUES ('stripe'), ('slack'), ('mollie'), ('linear'), ('aws_sns')) v(provider);
SELECT provider, count(*) FROM webhook_dedup_events GROUP BY provider ORDER BY provider;
