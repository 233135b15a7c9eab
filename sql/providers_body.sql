-- Providers whose event has its id in the body.
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

-- stripe: the event's id, of Connect with the account; never the object's
SELECT what, pg_temp.receive('stripe', headers, body) FROM (VALUES
  ('delivered', '{"Stripe-Signature":"t=1767600000,v1=00"}'::jsonb, '{"id":"evt_1Invented0000000000000000","object":"event","created":1767600000,"type":"payment_intent.succeeded","data":{"object":{"id":"pi_1Invented000","object":"payment_intent","status":"succeeded"}},"pending_webhooks":2}'),
  ('retried', '{"Stripe-Signature":"t=1767603600,v1=01,v1=02"}', '{"id":"evt_1Invented0000000000000000","object":"event","created":1767600000,"type":"payment_intent.succeeded","data":{"object":{"id":"pi_1Invented000","object":"payment_intent","status":"succeeded"}},"pending_webhooks":1}'),
  ('canceled', '{}', '{"id":"evt_1Invented0000000000000001","object":"event","type":"payment_intent.canceled","data":{"object":{"id":"pi_1Invented000","object":"payment_intent","status":"canceled"}}}'),
  ('of Connect', '{}', '{"id":"evt_1Invented0000000000000000","object":"event","account":"acct_1Invented","type":"payment_intent.succeeded"}'),
  ('another account', '{}', '{"id":"evt_1Invented0000000000000000","object":"event","account":"acct_2Invented","type":"payment_intent.succeeded"}'),
  ('thin event of v2', '{}', '{"id":"evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0","object":"v2.core.event","type":"v2.core.account.updated","related_object":{"id":"acct_1"}}'),
  ('no account is none', '{}', '{"id":"evt_1Invented0000000000000001","account":null}'),
  ('no id', '{"Stripe-Signature":"t=1767600000,v1=00"}', '{"object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1Invented000"}},"request":{"id":"req_1","idempotency_key":"k"}}'),
  ('account alone', '{}', '{"account":"acct_1Invented","type":"payment_intent.succeeded"}'),
  ('null', '{}', '{"id":null,"account":"acct_1Invented"}'),
  ('an object', '{}', '{"id":{"id":"evt_1"}}'),
  ('a list of events', '{}', '[{"id":"evt_1Invented0000000000000000"}]'),
  ('half a body', '{}', '{"id":"evt_1Invented0000000000000000","object":"ev')) v(what, headers, body);

-- slack: an event has event_id; what has trigger_id is no event
SELECT what, pg_temp.receive('slack', headers, body) FROM (VALUES
  ('delivered', '{}'::jsonb, '{"token":"t","team_id":"T1","api_app_id":"A1","event":{"type":"message","ts":"1767600000.000100"},"type":"event_callback","event_id":"Ev08MFMKH6","event_time":1767600000}'),
  ('retried', '{"X-Slack-Retry-Num":"1","X-Slack-Retry-Reason":"http_timeout"}', '{"token":"t","team_id":"T1","api_app_id":"A1","event":{"type":"message","ts":"1767600000.000100"},"type":"event_callback","event_id":"Ev08MFMKH6","event_time":1767600000}'),
  ('the next message', '{}', '{"team_id":"T1","event":{"type":"message","ts":"1767600000.000100"},"type":"event_callback","event_id":"Ev08MFMKH7","event_time":1767600000}'),
  ('interaction', '{}', '{"type":"block_actions","trigger_id":"12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3","team":{"id":"T1"}}'),
  ('slash command', '{}', 'token=t&team_id=T1&command=%2Fweather&trigger_id=13345224609.738474920.8088930838d88f008e0'),
  ('url_verification', '{}', '{"token":"t","challenge":"3eZbrw1aB","type":"url_verification"}'),
  ('id inside the event', '{}', '{"type":"event_callback","event":{"event_id":"Ev08MFMKH6","id":"x"}}')) v(what, headers, body);

-- square
SELECT what, pg_temp.receive('square', headers, body) FROM (VALUES
  ('delivered', '{"square-initial-delivery-timestamp":"2026-01-05T01:02:03Z"}'::jsonb, '{"merchant_id":"M1","type":"payment.updated","event_id":"6a8f5f28-54a1-4eb0-a98a-3111513fd4fc","created_at":"2026-01-05T01:02:03.27Z","data":{"type":"payment","id":"hYy9pRFVxpDsO1FB05SunFWUe9JZY","object":{}}}'),
  ('retried', '{"square-initial-delivery-timestamp":"2026-01-05T01:02:03Z","square-retry-number":"1","square-retry-reason":"http_timeout"}', '{"merchant_id":"M1","type":"payment.updated","event_id":"6a8f5f28-54a1-4eb0-a98a-3111513fd4fc","created_at":"2026-01-05T01:02:03.27Z","data":{"type":"payment","id":"hYy9pRFVxpDsO1FB05SunFWUe9JZY","object":{}}}'),
  ('updated again', '{}', '{"merchant_id":"M1","type":"payment.updated","event_id":"7a8f5f28-54a1-4eb0-a98a-3111513fd4fc","data":{"type":"payment","id":"hYy9pRFVxpDsO1FB05SunFWUe9JZY"}}'),
  ('the payment''s id', '{}', '{"merchant_id":"M1","type":"payment.updated","id":"x","data":{"type":"payment","id":"hYy9pRFVxpDsO1FB05SunFWUe9JZY","event_id":"x"}}')) v(what, headers, body);

-- mailgun: the token of the signature is a nonce
SELECT what, pg_temp.receive('mailgun', '{}', body) FROM (VALUES
  ('delivered', '{"signature":{"timestamp":"1767600000","token":"a81ee2a8","signature":"00"},"event-data":{"id":"CPgfbmQMTCKtHW6uIWtuVe","event":"delivered","timestamp":1767600000.2,"message":{"headers":{"message-id":"m@x"}}}}'),
  ('retried, signed anew', '{"signature":{"timestamp":"1767600600","token":"b81ee2a8","signature":"01"},"event-data":{"id":"CPgfbmQMTCKtHW6uIWtuVe","event":"delivered","timestamp":1767600000.2,"message":{"headers":{"message-id":"m@x"}}}}'),
  ('opened', '{"signature":{"timestamp":"1767600600","token":"c81ee2a8","signature":"02"},"event-data":{"id":"Ase7i2zsRYeDXztHGENqRA","event":"opened","message":{"headers":{"message-id":"m@x"}}}}'),
  ('one token, another event', '{"signature":{"timestamp":"1767600600","token":"c81ee2a8","signature":"02"},"event-data":{"id":"Bse7i2zsRYeDXztHGENqRA","event":"opened"}}'),
  ('no event', '{"signature":{"timestamp":"1767600000","token":"a81ee2a8","signature":"00"}}'),
  ('no id', '{"id":"x","signature":{"timestamp":"1767600000","token":"a81ee2a8","signature":"00"},"event-data":{"event":"delivered","message":{"headers":{"message-id":"m@x"}}}}'),
  ('a form, as of old', 'event=delivered&token=a81ee2a8&timestamp=1767600000')) v(what, body);

-- paddle: notification_id differs by destination and replay
SELECT what, pg_temp.receive('paddle', '{}', body) FROM (VALUES
  ('delivered', '{"event_id":"evt_01hv8x2a","event_type":"transaction.completed","occurred_at":"2026-01-05T01:02:03.456Z","notification_id":"ntf_01hv8x2b","data":{"id":"txn_01hv8wptq8987qeep44cyrewp9"}}'),
  ('another destination', '{"event_id":"evt_01hv8x2a","event_type":"transaction.completed","occurred_at":"2026-01-05T01:02:03.456Z","notification_id":"ntf_01hv8x2c","data":{"id":"txn_01hv8wptq8987qeep44cyrewp9"}}'),
  ('another event', '{"event_id":"evt_01hv8x2d","event_type":"transaction.updated","notification_id":"ntf_01hv8x2e","data":{"id":"txn_01hv8wptq8987qeep44cyrewp9"}}'),
  ('notification_id alone', '{"event_type":"transaction.completed","notification_id":"ntf_01hv8x2b","data":{"id":"txn_01hv8wptq8987qeep44cyrewp9"}}'),
  ('empty', '{"event_id":"","notification_id":"ntf_01hv8x2b"}')) v(what, body);

-- mollie: classic webhooks name a payment, and every change of it alike
SELECT what, pg_temp.receive('mollie', '{}', body) FROM (VALUES
  ('delivered', '{"resource":"event","id":"whe_vbU3TsZ8","type":"payment-link.paid","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx","createdAt":"2026-01-05T01:02:03.0Z"}'),
  ('retried', '{"createdAt":"2026-01-05T01:02:03.0Z","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx","id":"whe_vbU3TsZ8","resource":"event","type":"payment-link.paid"}'),
  ('another event', '{"resource":"event","id":"whe_wbU3TsZ8","type":"payment-link.paid","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx"}'),
  ('classic', 'id=tr_d0b0E3EA3v'),
  ('classic, as JSON', '{"id":"tr_d0b0E3EA3v"}'),
  ('a payment', '{"resource":"payment","id":"tr_d0b0E3EA3v","status":"paid"}'),
  ('a payment that was an event', '{"resource":"event","id":"tr_d0b0E3EA3v","resource":"payment"}'),
  ('no id', '{"resource":"event","type":"payment-link.paid","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx"}'),
  ('another case', '{"resource":"Event","id":"whe_vbU3TsZ8"}')) v(what, body);

-- coinbase_commerce: everything around the event is of the attempt
SELECT what, pg_temp.receive('coinbase_commerce', '{}', body) FROM (VALUES
  ('delivered', '{"id":"a1","scheduled_for":"2026-01-05T01:02:03Z","attempt_number":1,"event":{"id":"24934862-d980-46cb-9402-43c81b0cdba6","type":"charge:confirmed","data":{"id":"ch-1","code":"66BEOV2A"}}}'),
  ('retried', '{"id":"a2","scheduled_for":"2026-01-05T02:02:03Z","attempt_number":2,"event":{"id":"24934862-d980-46cb-9402-43c81b0cdba6","type":"charge:confirmed","data":{"id":"ch-1","code":"66BEOV2A"}}}'),
  ('another event', '{"id":"a1","scheduled_for":"2026-01-05T01:02:03Z","attempt_number":1,"event":{"id":"34934862-d980-46cb-9402-43c81b0cdba6","type":"charge:failed","data":{"id":"ch-1"}}}'),
  ('outer id', '{"id":"a1","attempt_number":1,"event":{"type":"charge:confirmed","data":{"id":"ch-1"}}}'),
  ('event as a text', '{"id":"a1","event":"24934862-d980-46cb-9402-43c81b0cdba6"}')) v(what, body);

-- checkout_com
SELECT what, pg_temp.receive('checkout_com', '{}', body) FROM (VALUES
  ('delivered', '{"id":"evt_az5sblvku4ge3dwpztvyizgcau","type":"payment_captured","version":"1.0.0","data":{"id":"pay_mbabizu24mvu3mela5njyhpit4","action_id":"act_1"}}'),
  ('retried', '{"id":"evt_az5sblvku4ge3dwpztvyizgcau","type":"payment_captured","version":"1.0.0","data":{"id":"pay_mbabizu24mvu3mela5njyhpit4","action_id":"act_1"}}'),
  ('refunded', '{"id":"evt_bz5sblvku4ge3dwpztvyizgcau","type":"payment_refunded","data":{"id":"pay_mbabizu24mvu3mela5njyhpit4","action_id":"act_2"}}'),
  ('the payment''s id', '{"type":"payment_captured","data":{"id":"pay_mbabizu24mvu3mela5njyhpit4","action_id":"act_1"}}')) v(what, body);

-- klarna: webhook_id names the subscription
SELECT what, pg_temp.receive('klarna', '{}', body) FROM (VALUES
  ('delivered', '{"metadata":{"event_type":"payment.request.state-change.completed","event_id":"d9f9b1a0-5b1a-4b0e-9b0a-9e9b1a0d9f9b","webhook_id":"krn:1"},"payload":{"state":"COMPLETED","payment_request_id":"krn:2"}}'),
  ('retried', '{"metadata":{"event_type":"payment.request.state-change.completed","event_id":"d9f9b1a0-5b1a-4b0e-9b0a-9e9b1a0d9f9b","webhook_id":"krn:1"},"payload":{"state":"COMPLETED","payment_request_id":"krn:2"}}'),
  ('another event', '{"metadata":{"event_id":"e9f9b1a0-5b1a-4b0e-9b0a-9e9b1a0d9f9b","webhook_id":"krn:1"},"payload":{"state":"COMPLETED","payment_request_id":"krn:2"}}'),
  ('webhook_id alone', '{"metadata":{"event_type":"payment.request.state-change.completed","webhook_id":"krn:1"},"payload":{"payment_request_id":"krn:2"}}'),
  ('not in metadata', '{"event_id":"d9f9b1a0-5b1a-4b0e-9b0a-9e9b1a0d9f9b","metadata":[]}')) v(what, body);

-- intercom: the attempts are counted in the body
SELECT what, pg_temp.receive('intercom', '{}', body) FROM (VALUES
  ('delivered', '{"type":"notification_event","app_id":"a86dr8yl","id":"notif_d5b1a0f0-0001","topic":"conversation.user.created","delivery_status":"pending","delivery_attempts":1,"delivered_at":0,"first_sent_at":1767600000,"data":{"item":{"type":"conversation","id":"147"}}}'),
  ('retried', '{"type":"notification_event","app_id":"a86dr8yl","id":"notif_d5b1a0f0-0001","topic":"conversation.user.created","delivery_status":"retry","delivery_attempts":2,"delivered_at":0,"first_sent_at":1767600000,"data":{"item":{"type":"conversation","id":"147"}}}'),
  ('closed', '{"type":"notification_event","app_id":"a86dr8yl","id":"notif_d5b1a0f0-0002","topic":"conversation.admin.closed","delivery_attempts":1,"data":{"item":{"type":"conversation","id":"147"}}}'),
  ('ping', '{"type":"notification_event","app_id":"a86dr8yl","id":null,"topic":"ping","data":{"item":{"type":"ping","message":"zen"}}}'),
  ('the item''s id', '{"type":"notification_event","app_id":"a86dr8yl","topic":"conversation.user.created","data":{"item":{"type":"conversation","id":"147"}}}')) v(what, body);

-- telegram: updates are counted by bot
SELECT what, pg_temp.receive(provider, '{"X-Telegram-Bot-Api-Secret-Token":"t"}', body) FROM (VALUES
  ('delivered', 'telegram/bot1', '{"update_id":123456789,"message":{"message_id":1365,"chat":{"id":42},"date":1767600000,"text":"x"}}'),
  ('retried', 'telegram/bot1', '{"update_id":123456789,"message":{"message_id":1365,"chat":{"id":42},"date":1767600000,"text":"x"}}'),
  ('edited', 'telegram/bot1', '{"update_id":123456790,"edited_message":{"message_id":1365,"chat":{"id":42},"date":1767600000,"text":"y"}}'),
  ('another bot', 'telegram/bot2', '{"update_id":123456789,"message":{"message_id":7,"chat":{"id":43},"date":1767600000,"text":"x"}}'),
  ('message_id alone', 'telegram/bot1', '{"message":{"message_id":1365,"update_id":123456789,"chat":{"id":42}}}')) v(what, provider, body);

-- paypal: derive_paypal.sql says more
SELECT what, pg_temp.receive('paypal', headers, body) FROM (VALUES
  ('delivered', '{"PAYPAL-TRANSMISSION-ID":"43d1e650-589d-11e9-8a5d-000000000000"}'::jsonb, '{"id":"WH-1AB23456CD789012E-3FG45678HI901234J","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"9XY87654WV321098U"}}'),
  ('retried', '{"PAYPAL-TRANSMISSION-ID":"31139350-596b-11e9-8a5d-000000000000"}', '{"id":"WH-1AB23456CD789012E-3FG45678HI901234J","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"9XY87654WV321098U"}}'),
  ('refunded', '{}', '{"id":"WH-2AB23456CD789012E-3FG45678HI901234J","event_type":"PAYMENT.CAPTURE.REFUNDED","resource":{"id":"9XY87654WV321098U"}}'),
  ('the payment''s id', '{}', '{"event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"9XY87654WV321098U"}}')) v(what, headers, body);

-- nothing was acquired but what was answered so
SELECT provider, count(*) FROM webhook_dedup_events GROUP BY provider ORDER BY provider;
-- the same keys from jsonb
SELECT wd_dedup_key('stripe', '{"id":"evt_1","account":"acct_1"}'), wd_dedup_key('coinbase_commerce', '{"id":"a1","event":{"id":"e1"}}'), wd_dedup_key('telegram', '{"update_id":9007199254740993}'), wd_dedup_key('mollie', '{"id":"whe_1","resource":"event"}');
