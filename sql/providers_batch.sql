-- Providers that send several events in one payload: each has a key of its own.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
-- what each event of a delivery met; or the SQLSTATE, detail and hint of its error
CREATE FUNCTION pg_temp.items(provider text, body text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  RETURN QUERY SELECT concat_ws(' ', path, outcome, http_status, dedup_key) FROM wd_receive_items(items.provider, convert_to(body, 'UTF8')) ORDER BY ordinal;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN NEXT concat_ws(' | ', SQLSTATE, nullif(detail, ''), nullif(hint, ''));
END
$$;

-- adyen: account, reference, event and success, by which Adyen itself tells duplicates
SELECT what, pg_temp.items('adyen', body) FROM (VALUES
  ('delivered', '{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"AA="},"amount":{"currency":"EUR","value":1000},"eventCode":"AUTHORISATION","eventDate":"2026-01-05T01:02:03+01:00","merchantAccountCode":"Shop:EU","merchantReference":"o-1","pspReference":"8835612345678901","success":"true"}}]}'),
  ('retried, another date', '{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"AB="},"eventCode":"AUTHORISATION","eventDate":"2026-01-05T01:02:09+01:00","merchantAccountCode":"Shop:EU","merchantReference":"o-1","pspReference":"8835612345678901","success":"true"}}]}'),
  ('a boolean', '{"notificationItems":[{"NotificationRequestItem":{"eventCode":"AUTHORISATION","merchantAccountCode":"Shop:EU","pspReference":"8835612345678901","success":true}}]}'),
  ('captured', '{"notificationItems":[{"NotificationRequestItem":{"eventCode":"CAPTURE","merchantAccountCode":"Shop:EU","originalReference":"8835612345678901","pspReference":"8835612345678901","success":"true"}}]}'),
  ('failed, then succeeded', '{"notificationItems":[{"NotificationRequestItem":{"eventCode":"REFUND","merchantAccountCode":"Shop:EU","pspReference":"8835612345678902","success":"false"}},{"NotificationRequestItem":{"eventCode":"REFUND","merchantAccountCode":"Shop:EU","pspReference":"8835612345678902","success":"true"}}]}'),
  ('another account, and none', '{"notificationItems":[{"NotificationRequestItem":{"eventCode":"REFUND","merchantAccountCode":"Shop","pspReference":"8835612345678902","success":"true"}},{"NotificationRequestItem":{"eventCode":"REFUND","pspReference":"8835612345678902","success":"true"}}]}'),
  ('no reference', '{"notificationItems":[{"NotificationRequestItem":{"eventCode":"REFUND","eventDate":"2026-01-05T01:02:03+01:00","merchantReference":"o-1","originalReference":"8835612345678901","success":"true"}}]}'),
  ('no success', '{"notificationItems":[{"NotificationRequestItem":{"eventCode":"REFUND","merchantAccountCode":"Shop","pspReference":"8835612345678902"}}]}'),
  ('not wrapped', '{"notificationItems":[{"eventCode":"REFUND","pspReference":"8835612345678902","success":"true"}]}'),
  ('of platforms', '{"type":"balancePlatform.transfer.updated","environment":"test","data":{"id":"1W1UG35U8A9J5ZLG","status":"booked","sequenceNumber":1}}'),
  ('an item alone', '{"NotificationRequestItem":{"eventCode":"REFUND","pspReference":"8835612345678902","success":"true"}}')) v(what, body);

-- sendgrid: each event's id; batches may be cut anew
SELECT what, pg_temp.items('sendgrid', body) FROM (VALUES
  ('delivered', '[{"email":"x@example.test","timestamp":1767600000,"event":"processed","sg_event_id":"rbtnWrG1DVDGGGFHFyun0A==","sg_message_id":"14c5d75ce93.dfd.64b469"},{"email":"x@example.test","timestamp":1767600001,"event":"delivered","sg_event_id":"sbtnWrG1DVDGGGFHFyun0A==","sg_message_id":"14c5d75ce93.dfd.64b469"}]'),
  ('cut anew', '[{"event":"delivered","sg_event_id":"sbtnWrG1DVDGGGFHFyun0A==","sg_message_id":"14c5d75ce93.dfd.64b469"},{"event":"open","sg_event_id":"tbtnWrG1DVDGGGFHFyun0A==","sg_message_id":"14c5d75ce93.dfd.64b469"}]'),
  ('message id alone', '[{"event":"open","sg_event_id":"ubtnWrG1DVDGGGFHFyun0A=="},{"event":"open","sg_message_id":"14c5d75ce93.dfd.64b469","smtp-id":"<x@y>"}]'),
  ('one event without a list', '{"event":"open","sg_event_id":"ubtnWrG1DVDGGGFHFyun0A=="}'),
  ('a list in a list', '[[{"event":"open","sg_event_id":"ubtnWrG1DVDGGGFHFyun0A=="}]]')) v(what, body);

-- hubspot: eventId is not promised to be unique
SELECT what, pg_temp.items('hubspot', body) FROM (VALUES
  ('delivered', '[{"eventId":100,"subscriptionId":1001,"portalId":62515,"appId":1160452,"occurredAt":1767600000123,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeFlag":"CREATED"}]'),
  ('retried', '[{"eventId":100,"subscriptionId":1001,"portalId":62515,"appId":1160452,"occurredAt":1767600000123,"subscriptionType":"contact.creation","attemptNumber":3,"objectId":123,"changeFlag":"CREATED"}]'),
  ('one eventId, five events', '[{"eventId":100,"subscriptionId":1002,"portalId":62515,"occurredAt":1767600000123,"attemptNumber":0,"objectId":123},{"eventId":100,"subscriptionId":1001,"portalId":62516,"occurredAt":1767600000123,"attemptNumber":0,"objectId":123},{"eventId":100,"subscriptionId":1001,"portalId":62515,"occurredAt":1767600000124,"attemptNumber":0,"objectId":123},{"eventId":100,"subscriptionId":1001,"portalId":62515,"occurredAt":1767600000123,"attemptNumber":0,"objectId":124},{"eventId":101,"subscriptionId":1001,"portalId":62515,"occurredAt":1767600000123,"attemptNumber":0,"objectId":123}]'),
  ('eventId alone', '[{"eventId":100,"attemptNumber":0}]'),
  ('no time', '[{"eventId":100,"subscriptionId":1001,"portalId":62515,"attemptNumber":0,"objectId":123}]'),
  ('not a list', '{"eventId":100,"subscriptionId":1001,"portalId":62515,"occurredAt":1767600000123,"objectId":123}')) v(what, body);
-- a change of an association has two objects in place of one, and is an event as any other
SELECT count(*) FROM pg_temp.items('hubspot', '[{"eventId":200,"subscriptionId":1003,"portalId":62515,"occurredAt":1767600000123,"subscriptionType":"contact.associationChange","attemptNumber":0,"associationType":"CONTACT_TO_COMPANY","fromObjectId":123,"toObjectId":7,"associationRemoved":false},{"eventId":200,"subscriptionId":1003,"portalId":62515,"occurredAt":1767600000123,"subscriptionType":"contact.associationChange","attemptNumber":0,"associationType":"CONTACT_TO_COMPANY","fromObjectId":123,"toObjectId":8,"associationRemoved":false}]') answer WHERE answer LIKE '% first %';

-- meta, WhatsApp: messages by their ids, statuses with what they say
SELECT what, pg_temp.items('meta', body) FROM (VALUES
  ('a message', '{"object":"whatsapp_business_account","entry":[{"id":"waba-1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":"p-1"},"contacts":[{"wa_id":"1555"}],"messages":[{"from":"1555","id":"wamid.AAA=","timestamp":"1767600000","type":"text","text":{"body":"hi"}}]}}]}]}'),
  ('retried with another', '{"object":"whatsapp_business_account","entry":[{"id":"waba-1","changes":[{"field":"messages","value":{"messages":[{"id":"wamid.AAA=","timestamp":"1767600000"},{"id":"wamid.BBB=","timestamp":"1767600001"}]}}]}]}'),
  ('one wamid, four statuses', '{"object":"whatsapp_business_account","entry":[{"id":"waba-1","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.CCC=","status":"sent","timestamp":"1767600000","recipient_id":"1555"},{"id":"wamid.CCC=","status":"delivered","timestamp":"1767600001","recipient_id":"1555"}]}},{"field":"messages","value":{"statuses":[{"id":"wamid.CCC=","status":"read","timestamp":"1767600002","recipient_id":"1555"}]}}]},{"id":"waba-1","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.CCC=","status":"failed","timestamp":"1767600003","recipient_id":"1555"}]}}]}]}'),
  ('one of a group', '{"entry":[{"id":"waba-1","changes":[{"value":{"statuses":[{"id":"wamid.DDD=","status":"read","recipient_id":"g1","recipient_participant_id":"1555"},{"id":"wamid.DDD=","status":"read","recipient_id":"g1","recipient_participant_id":"1556"}]}}]}]}'),
  ('messages and statuses', '{"entry":[{"id":"waba-1","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.EEE=","status":"sent","recipient_id":"1555"}],"messages":[{"id":"wamid.EEE="}]}}]}]}'),
  ('a message without an id', '{"entry":[{"id":"waba-1","changes":[{"field":"messages","value":{"messages":[{"id":"wamid.FFF="},{"from":"1555","timestamp":"1767600000"}]}}]}]}'),
  ('a status that says nothing', '{"entry":[{"id":"waba-1","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.CCC="}]}}]}]}'),
  ('no entries', '{"object":"whatsapp_business_account","id":"waba-1","changes":[]}')) v(what, body);
-- G7: two payments of one order message
SELECT count(*) FROM pg_temp.items('meta', '{"entry":[{"id":"waba-1","changes":[{"field":"messages","value":{"statuses":[{"id":"wamid.PAY=","type":"payment","status":"failed","timestamp":"1767600000","recipient_id":"1555","payment":{"reference_id":"r-1","transaction":{"id":"t-1"}}},{"id":"wamid.PAY=","type":"payment","status":"failed","timestamp":"1767600060","recipient_id":"1555","payment":{"reference_id":"r-1","transaction":{"id":"t-2"}}}]}}]}]}') answer WHERE answer LIKE '% first %';

-- meta, Messenger and Instagram: messages by mid, what else there is by a digest
CREATE TEMP TABLE messaging (what text, event text);
INSERT INTO messaging VALUES
('message', '{"sender":{"id":"u1"},"recipient":{"id":"page-1"},"timestamp":1767600000001,"message":{"mid":"m_AAA","text":"hi"}}'),
('deleted', '{"sender":{"id":"u1"},"recipient":{"id":"page-1"},"timestamp":1767600000009,"message":{"mid":"m_AAA","is_deleted":true}}'),
('read', '{"sender":{"id":"u1"},"recipient":{"id":"page-1"},"timestamp":1767600000002,"read":{"watermark":1767600000001}}'),
('read later', '{"sender":{"id":"u1"},"recipient":{"id":"page-1"},"timestamp":1767600000003,"read":{"watermark":1767600000001}}'),
('delivery', '{"sender":{"id":"u1"},"recipient":{"id":"page-1"},"delivery":{"mids":["m_AAA"],"watermark":1767600000001}}'),
('postback', '{"sender":{"id":"u1"},"recipient":{"id":"page-1"},"timestamp":1767600000002,"postback":{"title":"t","payload":"P"}}'),
('edited', '{"sender":{"id":"u1"},"recipient":{"id":"page-1"},"timestamp":1767600000004,"message_edit":{"mid":"m_AAA","text":"hello","num_edit":1}}');
CREATE TEMP TABLE delivery AS SELECT format('{"object":"page","entry":[{"id":"page-1","time":1767600000005,"messaging":[%s]}]}', string_agg(event, ',')) AS body FROM messaging;
SELECT what, regexp_replace(answer, '[0-9a-f]{64}', 'digest') AS answer FROM messaging, pg_temp.items('meta', format('{"object":"page","entry":[{"id":"page-1","time":1767600000005,"messaging":[%s]}]}', event)) answer;
SELECT regexp_replace(answer, '[0-9a-f]{64}', 'digest') AS answer FROM delivery, pg_temp.items('meta', body) answer;
-- what has no mid is told apart by page
SELECT count(*) FROM delivery, pg_temp.items('meta', replace(body, 'page-1', 'page-2')) answer WHERE answer LIKE '% first msg%';

-- meta, pages: a change by object, time, field and digest; an entry without changes is one itself
SELECT what, regexp_replace(answer, '[0-9a-f]{64}', 'digest') AS answer FROM (VALUES
  ('two changes', '{"object":"page","entry":[{"id":"page-1","time":1767600000,"changes":[{"field":"feed","value":{"item":"like","verb":"add","post_id":"1_2","sender_id":"7"}},{"field":"feed","value":{"item":"like","verb":"add","post_id":"1_2","sender_id":"8"}}]}]}'),
  ('retried', '{"object":"page","entry":[{"id":"page-1","time":1767600000,"changes":[{"field":"feed","value":{"item":"like","verb":"add","post_id":"1_2","sender_id":"8"}}]}]}'),
  ('later', '{"object":"page","entry":[{"id":"page-1","time":1767600009,"changes":[{"field":"feed","value":{"item":"like","verb":"add","post_id":"1_2","sender_id":"8"}}]}]}'),
  ('of another page', '{"object":"page","entry":[{"id":"page-2","time":1767600000,"changes":[{"field":"feed","value":{"item":"like","verb":"add","post_id":"1_2","sender_id":"8"}}]}]}'),
  ('no changes', '{"object":"user","entry":[{"id":"user-1","uid":"user-1","time":1767600000,"changed_fields":["photos"]},{"id":"user-1","uid":"user-1","time":1767600000,"changed_fields":["feed"]},{"id":"user-1","time":1767600000,"changes":[]}]}'),
  ('taken over', '{"object":"page","entry":[{"id":"page-1","time":1767600000,"standby":[{"sender":{"id":"u1"},"timestamp":1767600000001,"message":{"mid":"m_AAA","text":"hi"}}]}]}'),
  ('an entry that is none', '{"object":"page","entry":[null]}'),
  ('no list', '{"object":"page","entry":{"id":"page-1","changes":[{"field":"feed"}]}}'),
  ('a change without an object', '{"object":"page","entry":[{"time":1767600000,"changes":[{"field":"feed","value":{"item":"like"}}]}]}')) v(what, body), pg_temp.items('meta', body) answer;

-- nothing was acquired but what was answered so
SELECT provider, count(*) FROM webhook_dedup_events GROUP BY provider ORDER BY provider;
