-- Providers whose event has its id in a header: the id is the key, whatever the body says.
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
SELECT what, pg_temp.receive('github', headers, body) FROM (VALUES
  ('delivered', '{"X-GitHub-Delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958","X-GitHub-Event":"issues","X-GitHub-Hook-ID":"292430182","Content-Type":"application/json"}'::jsonb, '{"action":"opened","issue":{"id":1,"number":7,"title":"t"},"repository":{"id":2,"full_name":"o/r"}}'),
  ('redelivered by hand', '{"x-github-delivery":["72d3162e-cc78-11e3-81ab-4c9367dc0958"],"x-github-event":["issues"],"x-github-hook-id":["292430182"]}', '{"action":"opened","issue":{"id":1,"number":7,"title":"t"},"repository":{"id":2,"full_name":"o/r"}}'),
  ('the same as a form', '{"X-GitHub-Delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958","Content-Type":"application/x-www-form-urlencoded"}', 'payload=%7B%22action%22%3A%22opened%22%7D'),
  ('closed', '{"X-GitHub-Delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0959","X-GitHub-Event":"issues","X-GitHub-Hook-ID":"292430182"}', '{"action":"closed","issue":{"id":1,"number":7,"title":"t"},"repository":{"id":2,"full_name":"o/r"}}'),
  ('another hook, as a form', '{"X-GitHub-Delivery":"0d8b1a10-cc79-11e3-81ab-4c9367dc0958","X-GitHub-Hook-ID":"292430183","Content-Type":"application/x-www-form-urlencoded; charset=utf-8"}', 'payload=%7B%22action%22%3A%22opened%22%7D'),
  ('no body', '{"X-GitHub-Delivery":"1d8b1a10-cc79-11e3-81ab-4c9367dc0958","X-GitHub-Event":"ping"}', ''),
  ('no headers', '{}', '{"action":"opened","issue":{"id":1,"number":7},"id":"x","delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958"}'),
  ('the hook''s id', '{"X-GitHub-Hook-ID":"292430182","X-GitHub-Event":"issues","X-Hub-Signature-256":"sha256=00"}', '{"hook_id":292430182}'),
  ('a form without a header', '{"Content-Type":"application/x-www-form-urlencoded"}', 'payload=%7B%7D&x-github-delivery=72d3162e'),
  ('empty', '{"X-GitHub-Delivery":""}', '{}'),
  ('blank', '{"X-GitHub-Delivery":" \t"}', '{}'),
  ('null', '{"X-GitHub-Delivery":null}', '{}'),
  ('no value', '{"X-GitHub-Delivery":[]}', '{}'),
  ('a number', '{"X-GitHub-Delivery":72}', '{}')) v(what, headers, body);

-- gitlab: the idempotency key; the two UUIDs beside it differ by attempt, or are shared by several hooks
SELECT what, pg_temp.receive('gitlab', headers, body) FROM (VALUES
  ('delivered', '{"Idempotency-Key":"f5e5f430-f57b-4e6e-9fac-d9128cd7232f","X-Gitlab-Event":"Push Hook","X-Gitlab-Webhook-UUID":"aaaaaaaa-0000-4000-8000-000000000001","X-Gitlab-Event-UUID":"bbbbbbbb-0000-4000-8000-000000000001"}'::jsonb, '{"object_kind":"push","after":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","project_id":15}'),
  ('resent', '{"Idempotency-Key":"f5e5f430-f57b-4e6e-9fac-d9128cd7232f","X-Gitlab-Event":"Push Hook","X-Gitlab-Webhook-UUID":"aaaaaaaa-0000-4000-8000-000000000002","X-Gitlab-Event-UUID":"bbbbbbbb-0000-4000-8000-000000000001"}', '{"object_kind":"push","after":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","project_id":15}'),
  ('with a signing token', '{"Webhook-Id":"f5e5f430-f57b-4e6e-9fac-d9128cd7232f","Webhook-Timestamp":"1767600000","Webhook-Signature":"v1,AAAA"}', '{"object_kind":"push"}'),
  ('another hook', '{"Idempotency-Key":"0e5e5f43-f57b-4e6e-9fac-d9128cd7232f","X-Gitlab-Webhook-UUID":"aaaaaaaa-0000-4000-8000-000000000003","X-Gitlab-Event-UUID":"bbbbbbbb-0000-4000-8000-000000000001"}', '{"object_kind":"push","after":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","project_id":15}'),
  ('before 17.4', '{"X-Gitlab-Event":"Push Hook","X-Gitlab-Webhook-UUID":"aaaaaaaa-0000-4000-8000-000000000004","X-Gitlab-Event-UUID":"bbbbbbbb-0000-4000-8000-000000000001","X-Gitlab-Token":"t"}', '{"object_kind":"push"}'),
  ('ids of the body', '{}', '{"object_kind":"issue","object_attributes":{"id":301,"iid":23,"updated_at":"2026-01-05 01:02:03 UTC"},"idempotency-key":"x"}'),
  ('empty keys', '{"Idempotency-Key":"","Webhook-Id":""}', '{}')) v(what, headers, body);

-- shopify: action, topic, shop and object
SELECT what, pg_temp.receive('shopify', headers, body) FROM (VALUES
  ('delivered', '{"X-Shopify-Event-Id":"98880550-7158-44d4-b7cd-2c97c8a091b5","X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":"a.myshopify.com","X-Shopify-Webhook-Id":"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043","X-Shopify-Triggered-At":"2026-01-05T01:02:03.000000000Z"}'::jsonb, '{"id":820000000000000001,"admin_graphql_api_id":"gid://shopify/Order/820000000000000001","total_price":"10.00"}'),
  ('retried', '{"X-Shopify-Event-Id":"98880550-7158-44d4-b7cd-2c97c8a091b5","X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":"a.myshopify.com","X-Shopify-Webhook-Id":"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043","X-Shopify-Triggered-At":"2026-01-05T01:02:03.000000000Z"}', '{"id":820000000000000001,"admin_graphql_api_id":"gid://shopify/Order/820000000000000001","total_price":"10.00"}'),
  ('names without X-', '{"shopify-event-id":"98880550-7158-44d4-b7cd-2c97c8a091b5","shopify-topic":"orders/create","shopify-shop-domain":"a.myshopify.com","shopify-webhook-id":"c54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}', '{"id":820000000000000001}'),
  ('another topic', '{"X-Shopify-Event-Id":"98880550-7158-44d4-b7cd-2c97c8a091b5","X-Shopify-Topic":"orders/paid","X-Shopify-Shop-Domain":"a.myshopify.com","X-Shopify-Webhook-Id":"d54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}', '{"id":820000000000000001}'),
  ('another shop', '{"X-Shopify-Event-Id":"98880550-7158-44d4-b7cd-2c97c8a091b5","X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":"b.myshopify.com","X-Shopify-Webhook-Id":"e54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}', '{"id":820000000000000001}'),
  ('the next order, no double', '{"X-Shopify-Event-Id":"98880550-7158-44d4-b7cd-2c97c8a091b5","X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":"a.myshopify.com","X-Shopify-Webhook-Id":"f54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}', '{"id":820000000000000002}'),
  ('event id alone', '{"X-Shopify-Event-Id":"98880550-7158-44d4-b7cd-2c97c8a091b5"}', '{"id":820000000000000001}'),
  ('webhook id alone', '{"X-Shopify-Webhook-Id":"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}', '{"id":820000000000000001}'),
  ('it retried', '{"shopify-webhook-id":"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}', '{"id":820000000000000001}'),
  ('no ids', '{"X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":"a.myshopify.com","X-Shopify-Triggered-At":"2026-01-05T01:02:03Z","X-Shopify-Hmac-Sha256":"AAAA"}', '{"id":820000000000000001,"admin_graphql_api_id":"gid://shopify/Order/820000000000000001"}'),
  ('no JSON', '{"X-Shopify-Event-Id":"98880550-7158-44d4-b7cd-2c97c8a091b5","X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":"a.myshopify.com"}', '{"id":8200')) v(what, headers, body);
-- G7: one action, several objects that have no id of their own
SELECT count(*), count(*) FILTER (WHERE answer LIKE 'first %') AS acquired FROM (SELECT pg_temp.receive('shopify', format('{"X-Shopify-Event-Id":"action-1","X-Shopify-Topic":"inventory_levels/update","X-Shopify-Shop-Domain":"a.myshopify.com","X-Shopify-Webhook-Id":"wh-%s"}', n)::jsonb, format('{"inventory_item_id":48513488879793,"location_id":%s,"available":5}', n)) AS answer FROM generate_series(1, 3) n) a;

-- razorpay: the body has ids of payments only
SELECT what, pg_temp.receive('razorpay', headers, body) FROM (VALUES
  ('delivered', '{"X-Razorpay-Event-Id":"K1234567890abc","X-Razorpay-Signature":"00"}'::jsonb, '{"entity":"event","account_id":"acc_1","event":"payment.authorized","contains":["payment"],"payload":{"payment":{"entity":{"id":"pay_1","status":"authorized"}}},"created_at":1767600000}'),
  ('retried, newly signed', '{"x-razorpay-event-id":"K1234567890abc","x-razorpay-signature":"01"}', '{"entity":"event","account_id":"acc_1","event":"payment.authorized","contains":["payment"],"payload":{"payment":{"entity":{"id":"pay_1","status":"authorized"}}},"created_at":1767600000}'),
  ('captured', '{"X-Razorpay-Event-Id":"K1234567890abd"}', '{"entity":"event","account_id":"acc_1","event":"payment.captured","contains":["payment"],"payload":{"payment":{"entity":{"id":"pay_1","status":"captured"}}},"created_at":1767600001}'),
  ('no header', '{"X-Razorpay-Signature":"00"}', '{"entity":"event","account_id":"acc_1","id":"evt_1","event_id":"K1234567890abc","payload":{"payment":{"entity":{"id":"pay_1"}}}}')) v(what, headers, body);

-- linear: the body changes with each attempt, and its webhookId names the webhook
SELECT what, pg_temp.receive('linear', headers, body) FROM (VALUES
  ('delivered', '{"Linear-Delivery":"234d1a4e-b617-4388-90fe-adc3633d6b72","Linear-Event":"Issue"}'::jsonb, '{"action":"update","type":"Issue","data":{"id":"i-1"},"webhookTimestamp":1767600000000,"webhookId":"w-1"}'),
  ('retried', '{"Linear-Delivery":"234d1a4e-b617-4388-90fe-adc3633d6b72","Linear-Event":"Issue"}', '{"action":"update","type":"Issue","data":{"id":"i-1"},"webhookTimestamp":1767600066000,"webhookId":"w-1"}'),
  ('updated again', '{"Linear-Delivery":"334d1a4e-b617-4388-90fe-adc3633d6b72","Linear-Event":"Issue"}', '{"action":"update","type":"Issue","data":{"id":"i-1"},"webhookTimestamp":1767600066000,"webhookId":"w-1"}'),
  ('no header', '{"Linear-Event":"Issue","Linear-Signature":"00"}', '{"action":"update","type":"Issue","data":{"id":"i-1"},"webhookTimestamp":1767600000000,"webhookId":"w-1"}')) v(what, headers, body);

-- bitbucket: of the UUIDs the request's, not the hook's
SELECT what, pg_temp.receive('bitbucket', headers, body) FROM (VALUES
  ('delivered', '{"X-Request-UUID":"11111111-0000-4000-8000-000000000001","X-Hook-UUID":"22222222-0000-4000-8000-000000000001","X-Event-Key":"repo:push","X-Attempt-Number":"1"}'::jsonb, '{"push":{"changes":[]},"repository":{"uuid":"{3}"}}'),
  ('retried', '{"X-Request-UUID":"11111111-0000-4000-8000-000000000001","X-Hook-UUID":"22222222-0000-4000-8000-000000000001","X-Event-Key":"repo:push","X-Attempt-Number":"2"}', '{"push":{"changes":[]},"repository":{"uuid":"{3}"}}'),
  ('pushed again', '{"X-Request-UUID":"11111111-0000-4000-8000-000000000002","X-Hook-UUID":"22222222-0000-4000-8000-000000000001","X-Event-Key":"repo:push","X-Attempt-Number":"1"}', '{"push":{"changes":[]},"repository":{"uuid":"{3}"}}'),
  ('the hook''s id', '{"X-Hook-UUID":"22222222-0000-4000-8000-000000000001","X-Event-Key":"repo:push"}', '{"push":{"changes":[]},"repository":{"uuid":"{3}"}}'),
  ('Data Center', '{"X-Request-Id":"44444444-0000-4000-8000-000000000001","X-Event-Key":"repo:refs_changed"}', '{"eventKey":"repo:refs_changed"}')) v(what, headers, body);

-- standard_webhooks: the message's id, whose name may begin with svix; it may hold anything
SELECT what, pg_temp.receive('standard_webhooks', headers, body) FROM (VALUES
  ('delivered', '{"webhook-id":"msg_p5jXN8AQM9LWM0D4loKWxJek","webhook-timestamp":"1767600000","webhook-signature":"v1,AAAA"}'::jsonb, '{"type":"invoice.paid","timestamp":"2026-01-05T01:02:03.000Z","data":{"id":"in_1"}}'),
  ('retried', '{"Webhook-Id":"msg_p5jXN8AQM9LWM0D4loKWxJek","Webhook-Timestamp":"1767600300","Webhook-Signature":"v1,BBBB v1,CCCC"}', '{"type":"invoice.paid","timestamp":"2026-01-05T01:02:03.000Z","data":{"id":"in_1"}}'),
  ('of Svix', '{"svix-id":"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W","svix-timestamp":"1767600000","svix-signature":"v1,AAAA"}', '{"type":"user.created","data":{"id":"user_1"}}'),
  ('retried', '{"svix-id":"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W","svix-timestamp":"1767600005","svix-signature":"v1,DDDD"}', '{"type":"user.created","data":{"id":"user_1"}}'),
  ('updated', '{"svix-id":"msg_3KWPBgLlAfxdpx2AI54pPJ85f4W","svix-timestamp":"1767600005","svix-signature":"v1,DDDD"}', '{"type":"user.updated","data":{"id":"user_1"}}'),
  ('both names', '{"svix-id":"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W","webhook-id":"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"}', '{}'),
  ('dots and colons', '{"webhook-id":"a.1767600000.{}:%3A"}', '{}'),
  ('signature alone', '{"webhook-timestamp":"1767600000","webhook-signature":"v1,AAAA"}', '{"type":"invoice.paid","id":"evt_1","data":{"id":"in_1"},"webhook-id":"msg_1"}')) v(what, headers, body);
-- an id longer than any key becomes its digest
SELECT pg_temp.receive('standard_webhooks', jsonb_build_object('webhook-id', repeat('m', 600)), '') = 'first msg_sha256_' || wd_payload_hash(convert_to('msg_' || repeat('m', 600), 'UTF8')) AS digest;

-- portone V2: the same standard; a body of V2 has no id
SELECT what, pg_temp.receive('portone', headers, body) FROM (VALUES
  ('delivered', '{"webhook-id":"whk_1","webhook-timestamp":"1767600000","webhook-signature":"v1,AAAA"}'::jsonb, '{"type":"Transaction.Paid","timestamp":"2026-01-05T01:02:03.000Z","data":{"paymentId":"p-1","storeId":"store-1","transactionId":"t-1"}}'),
  ('retried', '{"webhook-id":"whk_1","webhook-timestamp":"1767600060","webhook-signature":"v1,BBBB"}', '{"type":"Transaction.Paid","timestamp":"2026-01-05T01:02:03.000Z","data":{"paymentId":"p-1","storeId":"store-1","transactionId":"t-1"}}'),
  ('cancelled', '{"webhook-id":"whk_2","webhook-timestamp":"1767600060","webhook-signature":"v1,BBBB"}', '{"type":"Transaction.Cancelled","timestamp":"2026-01-05T01:03:03.000Z","data":{"paymentId":"p-1","storeId":"store-1","transactionId":"t-1","cancellationId":"c-1"}}'),
  ('no header', '{"webhook-signature":"v1,AAAA"}', '{"type":"Transaction.Paid","timestamp":"2026-01-05T01:02:03.000Z","data":{"paymentId":"p-1","storeId":"store-1","transactionId":"t-1"}}')) v(what, headers, body);

-- nothing was acquired but what was answered so; a scope has keys of its own
SELECT provider, count(*) FROM webhook_dedup_events GROUP BY provider ORDER BY provider;
SELECT pg_temp.receive('github/org', '{"X-GitHub-Delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958"}', '{}');
