-- Providers whose event has no id: the key is composed of what tells one change from another.
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

-- lemon_squeezy: event, object and when it was changed; what webhook_id means is disputed
SELECT what, pg_temp.receive('lemon_squeezy', headers, body) FROM (VALUES
  ('delivered', '{"X-Event-Name":"subscription_updated","X-Signature":"00"}'::jsonb, '{"meta":{"event_name":"subscription_updated","webhook_id":"w-1","custom_data":{"user":"7"}},"data":{"type":"subscriptions","id":"1","attributes":{"status":"active","updated_at":"2026-01-05T01:02:03.000000Z"}}}'),
  ('retried', '{}', '{"data":{"attributes":{"updated_at":"2026-01-05T01:02:03.000000Z","status":"active"},"id":"1","type":"subscriptions"},"meta":{"webhook_id":"w-2","event_name":"subscription_updated"}}'),
  ('updated later', '{}', '{"meta":{"event_name":"subscription_updated","webhook_id":"w-1"},"data":{"type":"subscriptions","id":"1","attributes":{"status":"cancelled","updated_at":"2026-01-05T01:02:04.000000Z"}}}'),
  ('another event', '{}', '{"meta":{"event_name":"subscription_cancelled","webhook_id":"w-1"},"data":{"type":"subscriptions","id":"1","attributes":{"status":"cancelled","updated_at":"2026-01-05T01:02:04.000000Z"}}}'),
  ('another type', '{}', '{"meta":{"event_name":"subscription_updated"},"data":{"type":"orders","id":"1","attributes":{"updated_at":"2026-01-05T01:02:03.000000Z"}}}'),
  ('webhook_id', '{"X-Event-Name":"subscription_updated"}', '{"meta":{"event_name":"subscription_updated","webhook_id":"w-1"},"data":{"type":"subscriptions","id":"1","attributes":{}}}'),
  ('no event', '{"X-Event-Name":"subscription_updated"}', '{"meta":{"webhook_id":"w-1"},"data":{"type":"subscriptions","id":"1","attributes":{"updated_at":"2026-01-05T01:02:03.000000Z"}}}'),
  ('no object', '{}', '{"meta":{"event_name":"subscription_updated"},"data":{"type":"subscriptions","attributes":{"updated_at":"2026-01-05T01:02:03.000000Z"}}}'),
  ('empty time', '{}', '{"meta":{"event_name":"e"},"data":{"type":"t","id":"1","attributes":{"updated_at":""}}}')) v(what, headers, body);

-- zoom: event, its time and its object
SELECT what, pg_temp.receive('zoom', headers, body) FROM (VALUES
  ('delivered', '{"x-zm-trackingid":"v=2.0;t1","x-zm-request-timestamp":"1767600000"}'::jsonb, '{"event":"meeting.started","event_ts":1767600000123,"payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444AAAiAAAAAiAiAiiAii==","host_id":"h1"}}}'),
  ('retried', '{"x-zm-trackingid":"v=2.0;t2","x-zm-request-timestamp":"1767600300"}', '{"event":"meeting.started","event_ts":1767600000123,"payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444AAAiAAAAAiAiAiiAii==","host_id":"h1"}}}'),
  ('started again', '{}', '{"event":"meeting.started","event_ts":1767600900123,"payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444AAAiAAAAAiAiAiiAii=="}}}'),
  ('ended', '{}', '{"event":"meeting.ended","event_ts":1767600000123,"payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444AAAiAAAAAiAiAiiAii=="}}}'),
  ('one joined', '{}', '{"event":"meeting.participant_joined","event_ts":1767600000123,"payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444AAAiAAAAAiAiAiiAii==","participant":{"user_id":"167782040","participant_uuid":"55555AAAiAAAAAiAiAiiAii"}}}}'),
  ('another, at once', '{}', '{"event":"meeting.participant_joined","event_ts":1767600000123,"payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444AAAiAAAAAiAiAiiAii==","participant":{"user_id":"167782041","participant_uuid":"66666AAAiAAAAAiAiAiiAii"}}}}'),
  ('user created', '{}', '{"event":"user.created","event_ts":1767600000123,"payload":{"account_id":"a1","operator":"o@example.test","object":{"id":"z8dsdsdsdsdCfp8uQ","email":"x@example.test"}}}'),
  ('of another account', '{}', '{"event":"user.created","event_ts":1767600000123,"payload":{"account_id":"a2","object":{"id":"z8dsdsdsdsdCfp8uQ"}}}'),
  ('validation', '{}', '{"event":"endpoint.url_validation","event_ts":1767600000123,"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'),
  ('tracking id', '{"x-zm-trackingid":"v=2.0;t1","x-zm-request-id":"r1"}', '{"event":"meeting.started","payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444"}}}'),
  ('no object', '{}', '{"event":"meeting.started","event_ts":1767600000123,"payload":{"account_id":"a1","object":{}}}'),
  ('no event', '{}', '{"event_ts":1767600000123,"payload":{"account_id":"a1","object":{"id":"1234567890","uuid":"4444"}}}')) v(what, headers, body);
-- G7: several registrants whom one call approves
SELECT count(*), count(*) FILTER (WHERE answer LIKE 'first %') AS acquired FROM (SELECT pg_temp.receive('zoom', '{}', format('{"event":"meeting.registration_approved","event_ts":1767600000999,"payload":{"account_id":"a1","object":{"id":1234567890,"uuid":"4444AAAiAAAAAiAiAiiAii==","registrant":{"id":"r%s"}}}}', n)) AS answer FROM generate_series(1, 3) n) a;

-- discord: an interaction has an id, a webhook event has not
SELECT what, pg_temp.receive('discord', '{"X-Signature-Ed25519":"00","X-Signature-Timestamp":"1767600000"}', body) FROM (VALUES
  ('interaction', '{"id":"846462639134605312","application_id":"845027738276462632","type":2,"token":"t","data":{"id":"846462639134605313","name":"cards"},"version":1}'),
  ('repeated', '{"id":"846462639134605312","application_id":"845027738276462632","type":2,"token":"t","data":{"id":"846462639134605313","name":"cards"},"version":1}'),
  ('the same command', '{"id":"846462639134605314","application_id":"845027738276462632","type":2,"token":"u","data":{"id":"846462639134605313","name":"cards"},"version":1}'),
  ('authorized', '{"version":1,"application_id":"845027738276462632","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-01-05T01:02:03.132359","data":{"integration_type":1,"user":{"id":"80351110224678912"},"scopes":["bot"]}}}'),
  ('retried', '{"version":1,"application_id":"845027738276462632","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-01-05T01:02:03.132359","data":{"integration_type":1,"user":{"id":"80351110224678912"},"scopes":["bot"]}}}'),
  ('another user, at once', '{"version":1,"application_id":"845027738276462632","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-01-05T01:02:03.132359","data":{"integration_type":1,"user":{"id":"80351110224678913"}}}}'),
  ('entitlement', '{"version":1,"application_id":"845027738276462632","type":1,"event":{"type":"ENTITLEMENT_CREATE","timestamp":"2026-01-05T01:02:03.132359","data":{"id":"1234","user_id":"80351110224678912","sku_id":"5"}}}'),
  ('another app', '{"version":1,"application_id":"945027738276462632","type":1,"event":{"type":"ENTITLEMENT_CREATE","timestamp":"2026-01-05T01:02:03.132359","data":{"id":"1234"}}}'),
  ('PING of events', '{"version":1,"application_id":"845027738276462632","type":0}'),
  ('no id', '{"application_id":"845027738276462632","type":2,"token":"t","data":{"id":"846462639134605313"},"message":{"id":"1"}}'),
  ('no time', '{"application_id":"845027738276462632","type":1,"event":{"type":"ENTITLEMENT_CREATE","data":{"id":"1234"}}}')) v(what, body);

-- docusign: configuration, event, envelope, recipient and time, whichever attempt it is
SELECT what, pg_temp.receive('docusign', '{"X-DocuSign-Signature-1":"AA"}', body) FROM (VALUES
  ('delivered', '{"event":"envelope-completed","apiVersion":"v2.1","retryCount":0,"configurationId":10001,"generatedDateTime":"2026-01-05T01:02:03.4567890Z","data":{"accountId":"acc","envelopeId":"env-1","envelopeSummary":{"status":"completed"}}}'),
  ('retried', '{"event":"envelope-completed","apiVersion":"v2.1","retryCount":3,"configurationId":10001,"generatedDateTime":"2026-01-05T01:02:03.4567890Z","data":{"accountId":"acc","envelopeId":"env-1","envelopeSummary":{"status":"completed"}}}'),
  ('another configuration', '{"event":"envelope-completed","retryCount":0,"configurationId":10002,"generatedDateTime":"2026-01-05T01:02:03.4567890Z","data":{"envelopeId":"env-1"}}'),
  ('no configuration', '{"event":"envelope-completed","retryCount":0,"generatedDateTime":"2026-01-05T01:02:03.4567890Z","data":{"envelopeId":"env-1"}}'),
  ('one recipient', '{"event":"recipient-completed","configurationId":10001,"generatedDateTime":"2026-01-05T01:02:03.4567890Z","data":{"envelopeId":"env-1","recipientId":"1"}}'),
  ('the next one', '{"event":"recipient-completed","configurationId":10001,"generatedDateTime":"2026-01-05T01:02:03.4567890Z","data":{"envelopeId":"env-1","recipientId":"2"}}'),
  ('later', '{"event":"envelope-completed","configurationId":10001,"generatedDateTime":"2026-01-05T02:02:03.4567890Z","data":{"envelopeId":"env-1"}}'),
  ('no time', '{"event":"envelope-completed","retryCount":0,"configurationId":10001,"data":{"accountId":"acc","envelopeId":"env-1"}}'),
  ('no envelope', '{"event":"envelope-completed","retryCount":0,"configurationId":10001,"generatedDateTime":"2026-01-05T01:02:03Z","data":{"accountId":"acc"}}'),
  ('XML, as of old', '<DocuSignEnvelopeInformation/>')) v(what, body);

-- plaid: ids of its own where a webhook has some; all others say that there is something to fetch, and say it again
SELECT what, pg_temp.receive('plaid', headers, body) FROM (VALUES
  ('payment', '{"Plaid-Verification":"eyJ.1.s"}'::jsonb, '{"webhook_type":"PAYMENT_INITIATION","webhook_code":"PAYMENT_STATUS_UPDATE","payment_id":"payment-1","old_payment_status":"PAYMENT_STATUS_INITIATED","new_payment_status":"PAYMENT_STATUS_EXECUTED","timestamp":"2026-01-05T01:02:03.000Z"}'),
  ('retried', '{"Plaid-Verification":"eyJ.2.s"}', '{"webhook_type":"PAYMENT_INITIATION","webhook_code":"PAYMENT_STATUS_UPDATE","payment_id":"payment-1","old_payment_status":"PAYMENT_STATUS_INITIATED","new_payment_status":"PAYMENT_STATUS_EXECUTED","timestamp":"2026-01-05T01:02:03.000Z"}'),
  ('settled', '{"Plaid-Verification":"eyJ.2.s"}', '{"webhook_type":"PAYMENT_INITIATION","webhook_code":"PAYMENT_STATUS_UPDATE","payment_id":"payment-1","old_payment_status":"PAYMENT_STATUS_EXECUTED","new_payment_status":"PAYMENT_STATUS_SETTLED","timestamp":"2026-01-05T01:02:04.000Z"}'),
  ('asset report', '{}', '{"webhook_type":"ASSETS","webhook_code":"PRODUCT_READY","asset_report_id":"ar-1","report_type":"FULL"}'),
  ('retried', '{}', '{"webhook_type":"ASSETS","webhook_code":"PRODUCT_READY","asset_report_id":"ar-1","report_type":"FULL"}'),
  ('session', '{}', '{"webhook_type":"LINK","webhook_code":"SESSION_FINISHED","link_session_id":"ls-1","status":"SUCCESS"}'),
  ('of a session', '{}', '{"webhook_type":"LINK","webhook_code":"EVENTS","link_session_id":"ls-1"}'),
  ('transactions', '{"Plaid-Verification":"eyJ.3.s"}', '{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE","item_id":"item-1"}'),
  ('transactions again', '{"Plaid-Verification":"eyJ.4.s"}', '{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE","item_id":"item-1"}'),
  ('replayed as it was', '{"Plaid-Verification":"eyJ.3.s"}', '{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE","item_id":"item-1"}'),
  ('item and code alone', '{}', '{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE","item_id":"item-1"}'),
  ('header alone', '{"Plaid-Verification":"eyJ.3.s"}', '{"item_id":"item-1"}'),
  ('payment without a time', '{}', '{"webhook_type":"PAYMENT_INITIATION","webhook_code":"PAYMENT_STATUS_UPDATE","payment_id":"payment-1","new_payment_status":"PAYMENT_STATUS_EXECUTED"}'),
  ('empty header', '{"Plaid-Verification":""}', '{"webhook_type":"ITEM","webhook_code":"ERROR","item_id":"item-1"}')) v(what, headers, body);

-- toss: derive_toss.sql says more
SELECT what, pg_temp.receive('toss', headers, body) FROM (VALUES
  ('done', '{}'::jsonb, '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:00:20.123456","data":{"paymentKey":"tviva20260105100203AbCd1","status":"DONE","lastTransactionKey":"txrd_1"}}'),
  ('retried', '{"tosspayments-webhook-transmission-retried-count":"1","tosspayments-webhook-transmission-time":"2026-01-05T10:01:20"}', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:00:20.123456","data":{"paymentKey":"tviva20260105100203AbCd1","status":"DONE","lastTransactionKey":"txrd_1"}}'),
  ('canceled', '{}', '{"eventType":"PAYMENT_STATUS_CHANGED","createdAt":"2026-01-05T10:02:20.123456","data":{"paymentKey":"tviva20260105100203AbCd1","status":"CANCELED","lastTransactionKey":"txrd_2"}}'),
  ('paymentKey alone', '{}', '{"paymentKey":"tviva20260105100203AbCd1"}')) v(what, headers, body);

-- nothing was acquired but what was answered so
SELECT provider, count(*) FROM webhook_dedup_events GROUP BY provider ORDER BY provider;
