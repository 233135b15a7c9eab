/* webhook_dedup--1.0.sql */

-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION webhook_dedup" to load this file. \quit

--
-- Types
--

-- A domain over text, so that clients bind and compare plain text.  Its CHECK
-- is kept ready by the server; a CHECK of the table would be read from its
-- text at each insertion.
CREATE DOMAIN wd_status AS text COLLATE "C"
  CHECK (VALUE OPERATOR(pg_catalog.=) ANY (ARRAY['processing', 'done', 'failed']));
COMMENT ON DOMAIN wd_status IS
'status of an event: processing, done or failed';

CREATE TYPE wd_outcome AS ENUM
  ('first', 'retry', 'reclaimed', 'in_progress', 'done', 'exhausted');
COMMENT ON TYPE wd_outcome IS
'what a delivery met: first, retry and reclaimed acquire the event; in_progress, done and exhausted do not';

CREATE TYPE wd_acquisition AS (
  acquired boolean,
  outcome wd_outcome,
  event_id bigint,
  provider text,
  dedup_key text,
  attempt integer,
  lease_expires_at timestamptz,
  first_seen_at timestamptz,
  request_hash text,
  hash_matches boolean,
  http_status integer,
  response jsonb
);
COMMENT ON TYPE wd_acquisition IS
'answer to one delivery of an event';

CREATE TYPE wd_item AS (
  ordinal integer,
  path text,
  acquired boolean,
  outcome wd_outcome,
  event_id bigint,
  provider text,
  dedup_key text,
  attempt integer,
  lease_expires_at timestamptz,
  first_seen_at timestamptz,
  request_hash text,
  hash_matches boolean,
  http_status integer,
  response jsonb
);
COMMENT ON TYPE wd_item IS
'answer to one event of a delivery that holds several: its number, its place in the payload, and wd_acquisition';

--
-- The ledger
--

CREATE TABLE webhook_dedup_events (
  id bigserial CONSTRAINT webhook_dedup_events_pkey PRIMARY KEY,
  provider text COLLATE "C" NOT NULL,
  dedup_key text COLLATE "C" NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  last_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  status wd_status NOT NULL DEFAULT 'processing',
  request_hash text COLLATE "C",
  attempt integer NOT NULL DEFAULT 1,
  lease_expires_at timestamptz,
  last_error text,
  response jsonb,
  CONSTRAINT uq_webhook_dedup_events UNIQUE (provider, dedup_key)
);
SELECT pg_catalog.pg_extension_config_dump('webhook_dedup_events', '');
SELECT pg_catalog.pg_extension_config_dump('webhook_dedup_events_id_seq', '');
REVOKE ALL ON TABLE webhook_dedup_events FROM PUBLIC;
REVOKE ALL ON SEQUENCE webhook_dedup_events_id_seq FROM PUBLIC;

CREATE INDEX idx_webhook_dedup_status ON webhook_dedup_events (status)
  WHERE status OPERATOR(pg_catalog.=) 'processing'::text
     OR status OPERATOR(pg_catalog.=) 'failed'::text;
CREATE INDEX idx_webhook_dedup_first_seen ON webhook_dedup_events (first_seen_at);

COMMENT ON TABLE webhook_dedup_events IS
'ledger of webhook events: one row for each (provider, dedup_key) ever acquired';
COMMENT ON COLUMN webhook_dedup_events.id IS
'number of the event, in the order of first acquisition, with gaps';
COMMENT ON COLUMN webhook_dedup_events.provider IS
'who sends the event: "rules" or "rules/scope"';
COMMENT ON COLUMN webhook_dedup_events.dedup_key IS
'what identifies the event among those of its provider';
COMMENT ON COLUMN webhook_dedup_events.first_seen_at IS
'when the event was acquired for the first time';
COMMENT ON COLUMN webhook_dedup_events.last_seen_at IS
'when the event was last acquired, completed or reopened';
COMMENT ON COLUMN webhook_dedup_events.status IS
'processing, done or failed';
COMMENT ON COLUMN webhook_dedup_events.request_hash IS
'digest of the payload of the first delivery that gave one';
COMMENT ON COLUMN webhook_dedup_events.attempt IS
'number of acquisitions, the fencing token; only grows';
COMMENT ON COLUMN webhook_dedup_events.lease_expires_at IS
'while processing: when the next delivery may take over, null for never; while failed: when an operator reopened the event';
COMMENT ON COLUMN webhook_dedup_events.last_error IS
'code or class of the last failure, at most 200 characters';
COMMENT ON COLUMN webhook_dedup_events.response IS
'what the handler answered, if it was stored: given to duplicates of an event that is done';
COMMENT ON CONSTRAINT uq_webhook_dedup_events ON webhook_dedup_events IS
'decides which of several concurrent callers acquires an event';
COMMENT ON INDEX idx_webhook_dedup_status IS
'finds the few events that are not done';
COMMENT ON INDEX idx_webhook_dedup_first_seen IS
'finds the oldest events, for retention';

--
-- Providers
--

-- A provider can have two rows: the built-in one, which comes and changes with
-- the extension, and the user's, which says what differs from it, and is
-- dumped.
CREATE TABLE webhook_dedup_providers (
  provider text COLLATE "C" NOT NULL,
  built_in boolean NOT NULL DEFAULT false,
  key_templates text[] COLLATE "C",
  busy_status integer,
  lease interval,
  lease_floor interval,
  retention interval,
  retry_window interval,
  max_attempts integer,
  payload_format text COLLATE "C",
  hint text,
  comment text,
  CONSTRAINT webhook_dedup_providers_pkey PRIMARY KEY (provider, built_in)
);
SELECT pg_catalog.pg_extension_config_dump('webhook_dedup_providers', 'WHERE NOT built_in');
REVOKE ALL ON TABLE webhook_dedup_providers FROM PUBLIC;

COMMENT ON TABLE webhook_dedup_providers IS
'what is known of providers; change it by wd_set_provider, read it by wd_providers';
COMMENT ON COLUMN webhook_dedup_providers.provider IS
'name, without a scope';
COMMENT ON COLUMN webhook_dedup_providers.built_in IS
'true for a row of the extension; what it says holds where the user''s row is null';
COMMENT ON COLUMN webhook_dedup_providers.key_templates IS
'how keys are derived: the first template that matches';
COMMENT ON COLUMN webhook_dedup_providers.busy_status IS
'HTTP status that makes the provider come again while an event is in progress, null for 503';
COMMENT ON COLUMN webhook_dedup_providers.lease IS
'lease of calls that name none, null for the setting webhook_dedup.lease';
COMMENT ON COLUMN webhook_dedup_providers.lease_floor IS
'how long one delivery can take, with slack; leases that nobody named are not shorter';
COMMENT ON COLUMN webhook_dedup_providers.retention IS
'how long events are remembered, null for 35 days, or retry_window if that is longer';
COMMENT ON COLUMN webhook_dedup_providers.retry_window IS
'how long the provider may deliver an event again, null if unknown';
COMMENT ON COLUMN webhook_dedup_providers.max_attempts IS
'how often an event is acquired before it is exhausted, 0 without limit, null for the setting webhook_dedup.max_attempts';
COMMENT ON COLUMN webhook_dedup_providers.payload_format IS
'json, form or any; null for json';
COMMENT ON COLUMN webhook_dedup_providers.hint IS
'advice in the error of an event without a key';
COMMENT ON COLUMN webhook_dedup_providers.comment IS
'what the key is, and how sure that is';
COMMENT ON CONSTRAINT webhook_dedup_providers_pkey ON webhook_dedup_providers IS
'one row of the extension and one of the user for each provider';

CREATE FUNCTION wd_check_provider()
RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_check_provider() FROM PUBLIC;
COMMENT ON FUNCTION wd_check_provider() IS
'refuses a provider that makes no sense';

CREATE FUNCTION wd_providers_changed()
RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_providers_changed() FROM PUBLIC;
COMMENT ON FUNCTION wd_providers_changed() IS
'lets every backend forget what it knows of providers';

CREATE TRIGGER wd_check_provider
  BEFORE INSERT OR UPDATE ON webhook_dedup_providers
  FOR EACH ROW EXECUTE FUNCTION wd_check_provider();
COMMENT ON TRIGGER wd_check_provider ON webhook_dedup_providers IS
'refuses a provider that makes no sense by itself';
CREATE TRIGGER wd_check_with_built_in
  AFTER INSERT OR UPDATE ON webhook_dedup_providers
  FOR EACH ROW EXECUTE FUNCTION wd_check_provider();
COMMENT ON TRIGGER wd_check_with_built_in ON webhook_dedup_providers IS
'refuses a provider that makes no sense together with the built-in row';
-- for each row, as replication fires no other triggers
CREATE TRIGGER wd_providers_changed
  AFTER INSERT OR UPDATE OR DELETE ON webhook_dedup_providers
  FOR EACH ROW EXECUTE FUNCTION wd_providers_changed();
COMMENT ON TRIGGER wd_providers_changed ON webhook_dedup_providers IS
'lets every backend forget what it knows of providers';
CREATE TRIGGER wd_providers_truncated
  AFTER TRUNCATE ON webhook_dedup_providers
  FOR EACH STATEMENT EXECUTE FUNCTION wd_providers_changed();
COMMENT ON TRIGGER wd_providers_truncated ON webhook_dedup_providers IS
'lets every backend forget what it knows of providers';
-- on a subscriber of logical replication too
ALTER TABLE webhook_dedup_providers ENABLE ALWAYS TRIGGER wd_check_provider;
ALTER TABLE webhook_dedup_providers ENABLE ALWAYS TRIGGER wd_check_with_built_in;
ALTER TABLE webhook_dedup_providers ENABLE ALWAYS TRIGGER wd_providers_changed;
ALTER TABLE webhook_dedup_providers ENABLE ALWAYS TRIGGER wd_providers_truncated;

CREATE VIEW wd_providers AS
SELECT s.provider,
       s.key_templates,
       COALESCE(s.busy_status, 503) AS busy_status,
       s.lease,
       s.lease_floor,
       COALESCE(s.retention, GREATEST('35 days'::interval, s.retry_window)) AS retention,
       s.retry_window,
       s.max_attempts,
       COALESCE(s.payload_format, 'json') AS payload_format,
       s.hint,
       s.comment,
       s.is_built_in,
       s.is_changed
  FROM (SELECT COALESCE(u.provider, b.provider) AS provider,
               COALESCE(u.key_templates, b.key_templates) AS key_templates,
               COALESCE(u.busy_status, b.busy_status) AS busy_status,
               COALESCE(u.lease, b.lease) AS lease,
               COALESCE(u.lease_floor, b.lease_floor) AS lease_floor,
               COALESCE(u.retention, b.retention) AS retention,
               COALESCE(u.retry_window, b.retry_window) AS retry_window,
               COALESCE(u.max_attempts, b.max_attempts) AS max_attempts,
               COALESCE(u.payload_format, b.payload_format) AS payload_format,
               COALESCE(u.hint, b.hint) AS hint,
               COALESCE(u.comment, b.comment) AS comment,
               b.provider IS NOT NULL AS is_built_in,
               b.provider IS NOT NULL AND u.provider IS NOT NULL AS is_changed
          FROM (SELECT * FROM webhook_dedup_providers WHERE NOT built_in) u
          FULL JOIN (SELECT * FROM webhook_dedup_providers WHERE built_in) b
            ON u.provider OPERATOR(pg_catalog.=) b.provider) s;
REVOKE ALL ON TABLE wd_providers FROM PUBLIC;
COMMENT ON VIEW wd_providers IS
'what holds for each provider: the user''s settings, completed by the built-in ones and the defaults';

COMMENT ON COLUMN wd_providers.provider IS
'name, without a scope';
COMMENT ON COLUMN wd_providers.key_templates IS
'how keys are derived: the first template that matches';
COMMENT ON COLUMN wd_providers.busy_status IS
'HTTP status that makes the provider come again while an event is in progress';
COMMENT ON COLUMN wd_providers.lease IS
'lease of calls that name none, null for the setting webhook_dedup.lease';
COMMENT ON COLUMN wd_providers.lease_floor IS
'how long one delivery can take, with slack; leases that nobody named are not shorter';
COMMENT ON COLUMN wd_providers.retention IS
'how long events are to be remembered';
COMMENT ON COLUMN wd_providers.retry_window IS
'how long the provider may deliver an event again, null if unknown';
COMMENT ON COLUMN wd_providers.max_attempts IS
'how often an event is acquired before it is exhausted, 0 without limit, null for the setting webhook_dedup.max_attempts';
COMMENT ON COLUMN wd_providers.payload_format IS
'json, form or any';
COMMENT ON COLUMN wd_providers.hint IS
'advice in the error of an event without a key';
COMMENT ON COLUMN wd_providers.comment IS
'what the key is, and how sure that is';
COMMENT ON COLUMN wd_providers.is_built_in IS
'true if the provider comes with the extension';
COMMENT ON COLUMN wd_providers.is_changed IS
'true if it does, and the user has set something of it';

-- What comes with the extension.  Where the key is only inferred from what the
-- provider sends, and not promised by it, the comment says so.
INSERT INTO webhook_dedup_providers
  (provider, built_in, busy_status, lease_floor, retry_window, payload_format, key_templates, hint, comment)
VALUES
('paypal', true, 409, NULL, '3 days', NULL, ARRAY[
    'ev_{body:id}',
    'tx_{header:paypal-transmission-id}',
    'tx_{header:x-paypal-transmission-id}'],
  NULL,
  'Id of the event, the same for every URL: give each endpoint a scope. The transmission id names one transmission, and is used only where a body has no id.'),
('toss', true, 409, '15 seconds', '3 days 19:01:00', NULL, ARRAY[
    'tx_{header:tosspayments-webhook-transmission-id}',
    'tx_{header:x-transmission-id}',
    'ev_{body:eventId}',
    'pkey_{body:eventType}:{body:data.paymentKey}:{body:data.status}:{body:data.lastTransactionKey?}',
    'cancel_{body:eventType}:{body:data.transactionKey}:{body:data.cancelStatus}',
    'method_{body:eventType}:{body:data.customerKey}:{body:data.methodKey}:{body:data.status}:{body:createdAt}',
    'customer_{body:eventType}:{body:data.customerKey}:{body:data.status}:{body:data.changedAt}',
    'billing_{body:eventType}:{body:data.billingKey}',
    'order_{body:eventType}:{body:data.orderKey}:{body:data.payment.paymentKey?}:{body:data.payment.status}:{body:data.payment.lastTransactionKey?}',
    'deposit_{body:orderId}:{body:transactionKey}:{body:status}:{body:createdAt}'],
  NULL,
  'Id of the webhook in a header, else of the event, else the state change that is told of. Inferred, but for the id of payout.changed and seller.changed.'),
('stripe', true, 409, '15 seconds', '30 days', NULL, ARRAY[
    'acct_{body:account}:{body:id}',
    'ev_{body:id}'],
  NULL,
  'Id of the event, of Connect with the account; the same for every endpoint: give each endpoint a scope.'),
('github', true, 503, '35 seconds', '7 days', 'any', ARRAY[
    'dlv_{header:x-github-delivery}'],
  'Pass the headers of the delivery: the body has no id.',
  'Id of the delivery, the same when redelivered by hand; GitHub never delivers again by itself. Repository, organization and app hooks have ids of their own for one event.'),
('gitlab', true, 503, '15 seconds', NULL, 'any', ARRAY[
    'dlv_{header:idempotency-key}',
    'dlv_{header:webhook-id}'],
  'Pass the headers of the delivery; Idempotency-Key is sent since GitLab 17.4.',
  'Id of the delivery, the same when resent. X-Gitlab-Webhook-UUID differs with each attempt, X-Gitlab-Event-UUID is shared by several hooks.'),
('shopify', true, 409, '10 seconds', '4 hours', 'any', ARRAY[
    'ev_{header:x-shopify-event-id}:{header:x-shopify-topic}:{header:x-shopify-shop-domain}:{body:id}',
    'ev_{header:shopify-event-id}:{header:shopify-topic}:{header:shopify-shop-domain}:{body:id}',
    'wh_{header:x-shopify-webhook-id}',
    'wh_{header:shopify-webhook-id}'],
  'Pass the headers of the delivery: the body has no id of the event.',
  'Id of the merchant''s action, which several topics and objects share; hence with topic, shop and the object''s id. Where the object has none, the id of the subscription''s delivery.'),
('slack', true, 409, '8 seconds', '10 minutes', NULL, ARRAY[
    'ev_{body:event_id}'],
  'Slash commands and interactions have no event_id and are not delivered again; answer url_verification before you call.',
  'Id of the event, unique across workspaces.'),
('square', true, 409, '15 seconds', '3 days', NULL, ARRAY[
    'ev_{body:event_id}'],
  NULL,
  'Id of the event.'),
('twilio', true, 503, '20 seconds', '1 minute', 'form', ARRAY[
    'req_{header:i-twilio-idempotency-token}',
    'sms_{body:MessageSid}:{body:MessageStatus}',
    'call_{body:CallSid}:{body:CallStatus}:{body:SequenceNumber}'],
  'Pass the headers of the delivery; without I-Twilio-Idempotency-Token only status callbacks can be told apart.',
  'Token of the request. Without it, message or call and status: inferred. Requests for TwiML have no id but the token.'),
('mailgun', true, 503, NULL, '8 hours', NULL, ARRAY[
    'ev_{body:event-data.id}'],
  NULL,
  'Id of the event: inferred. The signature does not cover the payload; its token is a nonce, not an id.'),
('paddle', true, 409, '10 seconds', '3 days', NULL, ARRAY[
    'ev_{body:event_id}'],
  NULL,
  'Id of the event. notification_id differs by destination and by replay.'),
('lemon_squeezy', true, 409, NULL, '3 minutes', NULL, ARRAY[
    'ev_{body:meta.event_name}:{body:data.type}:{body:data.id}:{body:data.attributes.updated_at}'],
  NULL,
  'Event, object and when that was changed: inferred, as Lemon Squeezy sends no id of the event. meta.webhook_id is of disputed meaning.'),
('razorpay', true, 409, '10 seconds', '7 days', 'any', ARRAY[
    'ev_{header:x-razorpay-event-id}'],
  'Pass the headers of the delivery: the body has no id of the event.',
  'Id of the event, which only the header holds.'),
('mollie', true, 409, '20 seconds', '26 hours', NULL, ARRAY[
    '{body:resource=event}ev_{body:id}'],
  'Classic webhooks name a payment, not an event, and every change of it alike: fetch the payment, and pass its id, status and amounts to wd_acquire as the key.',
  'Id of a next-generation event. Classic webhooks have none and are refused.'),
('braintree', true, 409, '35 seconds', '24 hours', 'form', ARRAY[
    'ntf_{body:bt_payload|sha256}'],
  NULL,
  'Digest of bt_payload, which holds kind, timestamp and subject: inferred, as Braintree sends no id of the event.'),
('coinbase_commerce', true, 409, NULL, '3 days', NULL, ARRAY[
    'ev_{body:event.id}'],
  NULL,
  'Id of the event. The outer id and the other members around the event differ with each attempt.'),
('checkout_com', true, 503, NULL, NULL, NULL, ARRAY[
    'ev_{body:id}'],
  NULL,
  'Id of the event.'),
('klarna', true, 409, NULL, '22 hours', NULL, ARRAY[
    'ev_{body:metadata.event_id}'],
  NULL,
  'Id of the event. metadata.webhook_id names the subscription.'),
('zoom', true, 409, '8 seconds', '85 minutes', NULL, ARRAY[
    'ev_{body:event}:{body:event_ts}:{body:payload.account_id?}:{body:payload.object.uuid?}:{body:payload.object.id?}:{body:payload.object|sha256}'],
  'Answer endpoint.url_validation before you call: it is no event.',
  'Event, its time, account and object, with a digest of the object: inferred, as Zoom sends no id of the event; it delivers the same body again.'),
('linear', true, 409, '10 seconds', '8 hours', 'any', ARRAY[
    'dlv_{header:linear-delivery}'],
  'Pass the headers of the delivery: webhookId in the body names the webhook.',
  'Id of the delivery. The body changes with each attempt.'),
('intercom', true, 503, '10 seconds', '2 minutes', NULL, ARRAY[
    'ntf_{body:id}'],
  NULL,
  'Id of the notification.'),
('discord', true, 503, '8 seconds', '10 minutes', NULL, ARRAY[
    'ev_{body:application_id}:{body:event.type}:{body:event.timestamp}:{body:event.data.id?}:{body:event.data.user.id?}:{body:event.data.guild.id?}',
    'int_{body:id}'],
  'Answer PING before you call.',
  'Of an interaction its id. Of a webhook event application, type, time and the ids in its data: inferred.'),
('telegram', true, 503, '65 seconds', '24 hours', NULL, ARRAY[
    'upd_{body:update_id}'],
  NULL,
  'Number of the update, which counts for each bot: give each bot a scope. It may start anew after a week without updates: keep retention short.'),
('standard_webhooks', true, 503, '35 seconds', '76 hours', 'any', ARRAY[
    'msg_{header:webhook-id}',
    'msg_{header:svix-id}'],
  'Pass the headers of the delivery.',
  'Id of the message, the same for every endpoint: give each endpoint a scope. For OpenAI, Clerk, Resend and others of that standard.'),
('cloudevents', true, 503, NULL, NULL, 'any', ARRAY[
    'ce_{header:ce-source|percent}:{header:ce-id|percent}',
    'ce_{body:source}:{body:id}',
    'ce_{body:[*].source}:{body:[*].id}'],
  NULL,
  'Source and id, in binary, structured and batch mode alike.'),
('aws_sns', true, 503, '20 seconds', '1 hour', 'any', ARRAY[
    'msg_{header:x-amz-sns-message-id}',
    'msg_{body:MessageId}'],
  NULL,
  'Id of the message, the same for every subscription: give each endpoint a scope. Confirm SubscriptionConfirmation before you call.'),
('bitbucket', true, 503, '15 seconds', NULL, 'any', ARRAY[
    'req_{header:x-request-uuid}'],
  'Pass the headers of the delivery: the body has no id.',
  'Id of the request, the same for its attempts: inferred. X-Hook-UUID names the hook.'),
('docusign', true, 503, '105 seconds', '15 days', NULL, ARRAY[
    'ev_{body:configurationId?}:{body:event}:{body:data.envelopeId}:{body:data.recipientId?}:{body:generatedDateTime}'],
  NULL,
  'Configuration, event, envelope, recipient and time: inferred. retryCount changes with each attempt.'),
('plaid', true, 503, '15 seconds', '24 hours', NULL, ARRAY[
    'pay_{body:webhook_code}:{body:payment_id}:{body:old_payment_status?}:{body:new_payment_status}:{body:timestamp}',
    'asset_{body:webhook_code}:{body:asset_report_id}:{body:report_type?}',
    '{body:webhook_code=SESSION_FINISHED}link_{body:link_session_id}',
    'hint_{body:webhook_type}:{body:webhook_code}:{body:item_id?}:{header:plaid-verification|sha256}'],
  'Pass the headers of the delivery: most of Plaid''s webhooks have no id, and are told apart by Plaid-Verification.',
  'Where the webhook has ids of its own, these: inferred. All others say that there is something to fetch, and say the same again the next time; each attempt is an event of its own, so that none is lost.'),
('portone', true, 503, '35 seconds', '6 hours', 'any', ARRAY[
    'msg_{header:webhook-id}',
    'imp_{body:imp_uid}:{body:status}:{body:cancellation_id?}'],
  'Pass the headers of the delivery: a V2 body has no id, and a V1 form is told by its Content-Type.',
  'V2: id of the webhook. V1: payment, status and cancellation, inferred.'),
('adyen', true, 409, '15 seconds', '30 days', NULL, ARRAY[
    'ntf_{body:notificationItems[*].NotificationRequestItem.merchantAccountCode?}:{body:notificationItems[*].NotificationRequestItem.pspReference}:{body:notificationItems[*].NotificationRequestItem.eventCode}:{body:notificationItems[*].NotificationRequestItem.success}'],
  'Platform webhooks, which have no notificationItems, are not of this kind: describe them as a provider of your own.',
  'Account, reference, event and success of each item, by which Adyen itself tells duplicates.'),
('sendgrid', true, 503, NULL, '30 hours', NULL, ARRAY[
    'ev_{body:[*].sg_event_id}'],
  NULL,
  'Id of each event. Batches may be cut anew between attempts.'),
('hubspot', true, 409, '10 seconds', '24 hours', NULL, ARRAY[
    'ev_{body:[*].portalId}:{body:[*].subscriptionId}:{body:[*].eventId}:{body:[*].occurredAt}:{body:[*].objectId}',
    'as_{body:[*].portalId}:{body:[*].subscriptionId}:{body:[*].eventId}:{body:[*].occurredAt}:{body:[*].fromObjectId}:{body:[*].toObjectId}:{body:[*].associationType?}'],
  NULL,
  'Portal, subscription, event, time and object, or both objects of an association, of each element: inferred, as eventId alone is not promised to be unique.'),
('meta', true, 409, NULL, '7 days', NULL, ARRAY[
    'wa_{body:entry[*].changes[*].value.messages[*].id}',
    'wamsg_{body:entry[*].id}:{body:entry[*].changes[*].value.messages[*]|sha256}',
    'pay_{body:entry[*].changes[*].value.statuses[*].id}:{body:entry[*].changes[*].value.statuses[*].status}:{body:entry[*].changes[*].value.statuses[*].timestamp?}:{body:entry[*].changes[*].value.statuses[*].payment|sha256}',
    'st_{body:entry[*].changes[*].value.statuses[*].id}:{body:entry[*].changes[*].value.statuses[*].status}:{body:entry[*].changes[*].value.statuses[*].recipient_id?}:{body:entry[*].changes[*].value.statuses[*].recipient_participant_id?}',
    'wast_{body:entry[*].id}:{body:entry[*].changes[*].value.statuses[*]|sha256}',
    'mid_{body:entry[*].id}:{body:entry[*].messaging[*].message.mid}:{body:entry[*].messaging[*].message.is_deleted?}',
    'msg_{body:entry[*].id}:{body:entry[*].messaging[*].timestamp?}:{body:entry[*].messaging[*]|sha256}',
    'stb_{body:entry[*].id}:{body:entry[*].standby[*]|sha256}',
    'chg_{body:entry[*].id}:{body:entry[*].time?}:{body:entry[*].changes[*].field?}:{body:entry[*].changes[*]|sha256}',
    'ent_{body:entry[*].id}:{body:entry[*].time?}:{body:entry[*]|sha256}'],
  NULL,
  'WhatsApp, Messenger, Instagram, Pages. Of a message its id, of a status with the status; of any other change object, time, field and a digest of the change: inferred, as Meta sends no id of the event.');

--
-- Acquire
--

CREATE FUNCTION wd_try_acquire(
  provider text,
  dedup_key text,
  request_hash text DEFAULT NULL,
  lease interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_try_acquire(text, text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_try_acquire(text, text, text, interval) IS
'acquires an event under a lease: true if the caller is to process it';

CREATE FUNCTION wd_acquire(
  provider text,
  dedup_key text,
  request_hash text DEFAULT NULL,
  lease interval DEFAULT NULL)
RETURNS wd_acquisition
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_acquire(text, text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_acquire(text, text, text, interval) IS
'acquires an event under a lease and tells what the delivery met';

CREATE FUNCTION wd_acquire_many(
  provider text,
  dedup_keys text[],
  request_hashes text[] DEFAULT NULL,
  lease interval DEFAULT NULL)
RETURNS SETOF wd_acquisition
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
ROWS 100;
REVOKE ALL ON FUNCTION wd_acquire_many(text, text[], text[], interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_acquire_many(text, text[], text[], interval) IS
'acquires several events at once: one answer for each key, in their order';

CREATE FUNCTION wd_try_once(
  provider text,
  dedup_key text,
  request_hash text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_try_once(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_try_once(text, text, text) IS
'records an event as done by the current transaction: true if that transaction is to process it';

CREATE FUNCTION wd_receive(
  provider text,
  payload bytea,
  headers jsonb DEFAULT '{}',
  lease interval DEFAULT NULL)
RETURNS wd_acquisition
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_receive(text, bytea, jsonb, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_receive(text, bytea, jsonb, interval) IS
'hashes a delivered payload, derives the key of its event and acquires it';

CREATE FUNCTION wd_receive_once(
  provider text,
  payload bytea,
  headers jsonb DEFAULT '{}')
RETURNS wd_acquisition
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_receive_once(text, bytea, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION wd_receive_once(text, bytea, jsonb) IS
'hashes a delivered payload, derives the key of its event and records it as done by the current transaction';

CREATE FUNCTION wd_receive_items(
  provider text,
  payload bytea,
  headers jsonb DEFAULT '{}',
  lease interval DEFAULT NULL)
RETURNS SETOF wd_item
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
ROWS 100;
REVOKE ALL ON FUNCTION wd_receive_items(text, bytea, jsonb, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_receive_items(text, bytea, jsonb, interval) IS
'acquires each event of a delivered payload: one answer for each, in their order';

--
-- Complete
--

CREATE FUNCTION wd_mark_done(
  provider text,
  dedup_key text,
  attempt integer DEFAULT NULL,
  response jsonb DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_mark_done(text, text, integer, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION wd_mark_done(text, text, integer, jsonb) IS
'completes an event: true if this call did, false if the caller does not hold it any more';

CREATE FUNCTION wd_mark_failed(
  provider text,
  dedup_key text,
  attempt integer DEFAULT NULL,
  error text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_mark_failed(text, text, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_mark_failed(text, text, integer, text) IS
'gives an event back, to be acquired by its next delivery: true if this call did, false if the caller does not hold it any more';

CREATE FUNCTION wd_mark_done_many(
  provider text,
  dedup_keys text[],
  attempts integer[] DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_mark_done_many(text, text[], integer[]) FROM PUBLIC;
COMMENT ON FUNCTION wd_mark_done_many(text, text[], integer[]) IS
'completes several events at once: the number of those that this call completed';

CREATE FUNCTION wd_set_response(
  provider text,
  dedup_key text,
  response jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_set_response(text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION wd_set_response(text, text, jsonb) IS
'stores what the handler answered, for an event that the current transaction has made done: false for any other event';

CREATE FUNCTION wd_extend_lease(
  provider text,
  dedup_key text,
  attempt integer,
  lease interval DEFAULT NULL)
RETURNS timestamptz
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_extend_lease(text, text, integer, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_extend_lease(text, text, integer, interval) IS
'lets a lease begin anew: when it ends, null if the caller does not hold the event any more';

CREATE FUNCTION wd_assert_owner(
  provider text,
  dedup_key text,
  attempt integer)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_assert_owner(text, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION wd_assert_owner(text, text, integer) IS
'locks an event for the current transaction, and raises WD004 unless the attempt holds it';

--
-- Derive
--

CREATE FUNCTION wd_payload_hash(
  payload bytea)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION wd_payload_hash(bytea) IS
'SHA-256 digest of a payload: 64 lower-case hexadecimal digits';

CREATE FUNCTION wd_dedup_key(
  provider text,
  payload jsonb,
  headers jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION wd_dedup_key(text, jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION wd_dedup_key(text, jsonb, jsonb) IS
'key of an event of this provider';

CREATE FUNCTION wd_paypal_dedup_key(
  payload jsonb,
  headers jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION wd_paypal_dedup_key(jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION wd_paypal_dedup_key(jsonb, jsonb) IS
'key of an event of PayPal';

CREATE FUNCTION wd_toss_dedup_key(
  payload jsonb,
  headers jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION wd_toss_dedup_key(jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION wd_toss_dedup_key(jsonb, jsonb) IS
'key of an event of Toss Payments';

CREATE FUNCTION wd_explain_key(
  provider text,
  payload bytea,
  headers jsonb DEFAULT '{}')
RETURNS TABLE (
  path text,
  template_number integer,
  template text,
  result text,
  placeholder text,
  dedup_key text)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE
ROWS 10;
REVOKE ALL ON FUNCTION wd_explain_key(text, bytea, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION wd_explain_key(text, bytea, jsonb) IS
'tells which key templates were tried on a delivery, what did not match, and which key came out';

--
-- Describe providers
--

CREATE FUNCTION wd_set_provider(
  provider text,
  key_templates text[] DEFAULT NULL,
  busy_status integer DEFAULT NULL,
  lease interval DEFAULT NULL,
  retention interval DEFAULT NULL,
  retry_window interval DEFAULT NULL,
  max_attempts integer DEFAULT NULL,
  lease_floor interval DEFAULT NULL,
  payload_format text DEFAULT NULL,
  hint text DEFAULT NULL,
  comment text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_set_provider(text, text[], integer, interval, interval, interval, integer, interval, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_set_provider(text, text[], integer, interval, interval, interval, integer, interval, text, text, text) IS
'describes a provider, or changes what is set of it; null leaves a setting as it is';

CREATE FUNCTION wd_drop_provider(
  provider text)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_drop_provider(text) FROM PUBLIC;
COMMENT ON FUNCTION wd_drop_provider(text) IS
'forgets what was set of a provider; a built-in one is again as it came: false if nothing was set';

--
-- Operate
--

CREATE FUNCTION wd_lookup(
  provider text,
  dedup_key text)
RETURNS wd_status
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE;
REVOKE ALL ON FUNCTION wd_lookup(text, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_lookup(text, text) IS
'status of an event, null if it was never seen';

CREATE FUNCTION wd_reopen(
  provider text,
  dedup_key text)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION wd_reopen(text, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_reopen(text, text) IS
'lets the next delivery process an event that is done, failed, or whose lease has ended: false while a lease goes on';

-- These run as their caller, who must be allowed to grant.  The schema is looked
-- up, as it can be renamed.

CREATE FUNCTION wd_grant_receiver(
  role regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  home oid := (SELECT e.extnamespace FROM pg_extension e WHERE e.extname = 'webhook_dedup');
  named text;
BEGIN
  IF role IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'argument "role" must not be null';
  ELSIF NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.oid = role) THEN
    RAISE undefined_object USING MESSAGE = format('role with OID %s does not exist', role::oid);
  END IF;
  -- a public schema needs no grant, which its owner alone can give
  IF NOT has_schema_privilege(role, home, 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %s', home::regnamespace, role);
  END IF;
  FOREACH named IN ARRAY ARRAY[
      'wd_try_acquire(text, text, text, interval)',
      'wd_acquire(text, text, text, interval)',
      'wd_acquire_many(text, text[], text[], interval)',
      'wd_try_once(text, text, text)',
      'wd_receive(text, bytea, jsonb, interval)',
      'wd_receive_once(text, bytea, jsonb)',
      'wd_receive_items(text, bytea, jsonb, interval)',
      'wd_mark_done(text, text, integer, jsonb)',
      'wd_mark_failed(text, text, integer, text)',
      'wd_mark_done_many(text, text[], integer[])',
      'wd_set_response(text, text, jsonb)',
      'wd_extend_lease(text, text, integer, interval)',
      'wd_assert_owner(text, text, integer)',
      'wd_lookup(text, text)',
      'wd_dedup_key(text, jsonb, jsonb)',
      'wd_paypal_dedup_key(jsonb, jsonb)',
      'wd_toss_dedup_key(jsonb, jsonb)']
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s.%s TO %s', home::regnamespace, named, role);
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION wd_grant_receiver(regrole) FROM PUBLIC;
COMMENT ON FUNCTION wd_grant_receiver(regrole) IS
'lets a role call what a webhook handler needs';

CREATE FUNCTION wd_grant_operator(
  role regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  home oid := (SELECT e.extnamespace FROM pg_extension e WHERE e.extname = 'webhook_dedup');
  named text;
BEGIN
  IF role IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'argument "role" must not be null';
  ELSIF NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.oid = role) THEN
    RAISE undefined_object USING MESSAGE = format('role with OID %s does not exist', role::oid);
  END IF;
  -- a public schema needs no grant, which its owner alone can give
  IF NOT has_schema_privilege(role, home, 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %s', home::regnamespace, role);
  END IF;
  FOREACH named IN ARRAY ARRAY[
      'wd_lookup(text, text)',
      'wd_reopen(text, text)',
      'wd_mark_done(text, text, integer, jsonb)',
      'wd_mark_failed(text, text, integer, text)',
      'wd_dedup_key(text, jsonb, jsonb)',
      'wd_paypal_dedup_key(jsonb, jsonb)',
      'wd_toss_dedup_key(jsonb, jsonb)',
      'wd_explain_key(text, bytea, jsonb)']
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s.%s TO %s', home::regnamespace, named, role);
  END LOOP;
  FOREACH named IN ARRAY ARRAY['webhook_dedup_events', 'webhook_dedup_providers', 'wd_providers']
  LOOP
    EXECUTE format('GRANT SELECT ON TABLE %s.%s TO %s', home::regnamespace, named, role);
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION wd_grant_operator(regrole) FROM PUBLIC;
COMMENT ON FUNCTION wd_grant_operator(regrole) IS
'lets a role read the ledger and change single events';

--
-- Nobody but the owner, whatever the default privileges of this database say
--

DO $do$
DECLARE
  granted record;
BEGIN
  FOR granted IN
    SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
           c.oid::pg_catalog.regclass::text AS object, a.grantee
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
     WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY['@extschema@.webhook_dedup_events'::pg_catalog.regclass,
                                                   '@extschema@.webhook_dedup_events_id_seq'::pg_catalog.regclass,
                                                   '@extschema@.webhook_dedup_providers'::pg_catalog.regclass,
                                                   '@extschema@.wd_providers'::pg_catalog.regclass]::oid[])
       AND a.grantee OPERATOR(pg_catalog.<>) c.relowner
    UNION
    SELECT 'FUNCTION', p.oid::pg_catalog.regprocedure::text, a.grantee
      FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
     WHERE p.oid OPERATOR(pg_catalog.=) ANY (ARRAY(
             SELECT d.objid FROM pg_catalog.pg_depend d, pg_catalog.pg_extension e
              WHERE e.extname OPERATOR(pg_catalog.=) 'webhook_dedup'::name
                AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass::oid
                AND d.refobjid OPERATOR(pg_catalog.=) e.oid
                AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::oid))
       -- what is immutable touches no table, and is everybody's
       AND p.provolatile OPERATOR(pg_catalog.<>) 'i'::"char"
       AND a.grantee OPERATOR(pg_catalog.<>) p.proowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', granted.kind, granted.object,
                              granted.grantee::pg_catalog.regrole);
  END LOOP;
END
$do$;
