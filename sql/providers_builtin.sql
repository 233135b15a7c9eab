-- The providers that come with the extension: what is set of each.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
DELETE FROM webhook_dedup_providers WHERE NOT built_in;
-- the SQLSTATE that a statement raises, or "no error"
CREATE FUNCTION pg_temp.err(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;

SET intervalstyle = postgres;
SELECT provider, busy_status, lease_floor, retry_window, retention, payload_format FROM wd_providers ORDER BY provider;
SELECT count(*), count(*) FILTER (WHERE is_built_in) AS built_in, count(*) FILTER (WHERE is_changed) AS changed, count(comment) AS with_comment, count(key_templates) AS with_templates, count(lease) AS with_lease, count(max_attempts) AS with_limit FROM wd_providers;
SELECT provider, key_templates FROM wd_providers WHERE cardinality(key_templates) = 1 ORDER BY provider;

-- where the key is only inferred, the comment says so
SELECT provider FROM wd_providers WHERE comment ILIKE '%inferred%' ORDER BY provider;
-- of these it has to
SELECT p.provider FROM wd_providers p WHERE p.provider IN ('toss', 'mailgun', 'lemon_squeezy', 'braintree', 'zoom', 'discord', 'bitbucket', 'docusign', 'plaid', 'portone') AND p.comment NOT ILIKE '%inferred%';

-- an event is remembered as long as it can come again
SELECT count(*) FROM wd_providers WHERE retention < retry_window OR retention < interval '35 days';
-- "busy" must not say "done", and 4xx ends the matter for these
SELECT provider FROM wd_providers WHERE busy_status NOT BETWEEN 400 AND 599 OR busy_status IN (406, 410);
SELECT provider, busy_status FROM wd_providers WHERE provider IN ('aws_sns', 'bitbucket', 'mailgun', 'standard_webhooks', 'discord', 'cloudevents', 'portone', 'twilio') AND busy_status < 500;
-- a provider whose timeout is known has a lease that outlasts it
SELECT provider FROM wd_providers JOIN (VALUES ('toss', 10), ('stripe', 10), ('github', 30), ('gitlab', 10), ('shopify', 5), ('slack', 3), ('square', 10), ('adyen', 10), ('twilio', 15), ('paddle', 5), ('razorpay', 5), ('mollie', 15), ('braintree', 30), ('zoom', 3), ('linear', 5), ('intercom', 5), ('hubspot', 5), ('discord', 3), ('telegram', 60), ('standard_webhooks', 30), ('aws_sns', 15), ('bitbucket', 10), ('docusign', 100), ('plaid', 10), ('portone', 30)) v(provider, timeout) USING (provider)
 WHERE lease_floor IS NULL OR lease_floor <= make_interval(secs => timeout);
-- and remembers it at least as long as it comes again
SELECT provider FROM wd_providers JOIN (VALUES ('paypal', '3 days'), ('toss', '3 days 19:01'), ('stripe', '30 days'), ('github', '7 days'), ('shopify', '4 hours'), ('slack', '6 minutes'), ('square', '24 hours'), ('adyen', '30 days'), ('twilio', '15 seconds'), ('sendgrid', '29 hours'), ('mailgun', '8 hours'), ('paddle', '3 days'), ('lemon_squeezy', '155 seconds'), ('razorpay', '7 days'), ('mollie', '26 hours'), ('braintree', '24 hours'), ('coinbase_commerce', '3 days'), ('klarna', '21 hours'), ('zoom', '85 minutes'), ('linear', '7 hours 1 minute'), ('intercom', '1 minute'), ('hubspot', '24 hours'), ('discord', '10 minutes'), ('meta', '7 days'), ('telegram', '24 hours'), ('standard_webhooks', '75.6 hours'), ('aws_sns', '1 hour'), ('docusign', '15 days'), ('plaid', '24 hours'), ('portone', '341 minutes')) v(provider, retried) USING (provider)
 WHERE retry_window IS NULL OR retry_window < retried::interval;

-- all are derived from something: an empty event has no key anywhere
SELECT pg_temp.err(format('SELECT wd_dedup_key(%L, %L)', provider, payload)) AS error, count(*) FROM wd_providers, (VALUES ('{}'), ('[]'), ('null'), ('""'), ('0'), ('[{}]'), ('{"id":null}'), ('{"id":""}'), ('{"id":{}}'), ('{"id":[]}')) v(payload) GROUP BY error ORDER BY error;
SELECT pg_temp.err(format('SELECT wd_receive(%L, %L, %L)', provider, body, '{}')) AS error, count(*) FROM wd_providers, (VALUES (''), (' '), ('x'), ('{'), ('a=b'), ('%')) v(body) GROUP BY error ORDER BY error;
SELECT count(*) FROM webhook_dedup_events;
-- nor a name that is not quite one of theirs
SELECT pg_temp.err(format('SELECT wd_dedup_key(%L, %L)', name, '{"id":"x"}')) AS error, count(*) FROM wd_providers, LATERAL (VALUES (upper(provider)), (provider || ' '), ('/' || provider), (provider || '-'), (replace(provider, 'e', 'é') || 'é')) v(name) GROUP BY error;

-- a second delivery is answered with the status for "busy", and a lease that nobody named is not shorter than its floor
SET webhook_dedup.lease = '1s';
SELECT count(*) FROM wd_providers p, wd_acquire(p.provider, 'k') a WHERE a.acquired;
SELECT a.http_status, count(*), bool_and(a.http_status = p.busy_status) AS as_set, string_agg(p.provider, ' ' ORDER BY p.provider) AS providers
  FROM wd_providers p, wd_acquire(p.provider, 'k') a WHERE p.lease_floor IS NOT NULL GROUP BY a.http_status ORDER BY a.http_status;
SELECT count(*), count(*) FILTER (WHERE e.lease_expires_at - e.first_seen_at BETWEEN p.lease_floor AND p.lease_floor + interval '1 min') AS of_the_floor
  FROM webhook_dedup_events e JOIN wd_providers p USING (provider) WHERE p.lease_floor IS NOT NULL;
RESET webhook_dedup.lease;
RESET intervalstyle;
