-- wd_set_provider and wd_drop_provider: providers are rows, and what makes no sense is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
DELETE FROM webhook_dedup_providers WHERE NOT built_in;
-- the SQLSTATE, message, detail and hint that a statement raises, or "no error"
CREATE FUNCTION pg_temp.err(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN SQLSTATE || ' ' || SQLERRM ||
    CASE WHEN detail <> '' THEN ' | ' || detail ELSE '' END ||
    CASE WHEN hint <> '' THEN ' | ' || hint ELSE '' END;
END
$$;
CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN '00000';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
-- the user's row
CREATE VIEW pg_temp.mine AS
SELECT provider, key_templates, busy_status, lease, lease_floor, retention, retry_window, max_attempts, payload_format, hint, comment
  FROM webhook_dedup_providers WHERE NOT built_in;
CREATE TEMP TABLE built_in AS TABLE webhook_dedup_providers;

-- a provider in one call; until then nobody knows it
SELECT pg_temp.err($$SELECT wd_receive('acme', '{"order":{"no":4711},"state":"paid"}')$$);
SELECT pg_temp.err($$SELECT wd_dedup_key('acme', '{"order":{"no":4711},"state":"paid"}')$$);
SELECT pg_temp.err($$SELECT wd_explain_key('acme', '{"order":{"no":4711},"state":"paid"}')$$);
SELECT pg_temp.err($$SELECT wd_receive_items('acme', '{"order":{"no":4711},"state":"paid"}')$$);
SELECT wd_set_provider('acme', ARRAY['order_{body:order.no}:{body:state}', 'ev_{header:x-acme-id}'], 409, '2 minutes', '40 days', '10 days', 5, '1 minute', 'any', 'Ask Acme.', 'Order and state.');
SELECT acquired, outcome, provider, dedup_key, attempt FROM wd_receive('acme', '{"order":{"no":4711},"state":"paid"}');
SELECT acquired, outcome, http_status FROM wd_receive('acme', '{"order":{"no":4711},"state":"paid"}');
SELECT wd_dedup_key('acme', '{"order":{"no":"47:11"},"state":"paid"}'), wd_dedup_key('acme', '{}', '{"X-Acme-Id":"47:11"}');
SELECT pg_temp.err($$SELECT wd_receive('acme', '{"order":{"no":4711}}')$$);
\x on
SELECT * FROM wd_providers WHERE provider = 'acme';
\x off

-- the rules of a scope are those of the name before the slash; it has none of its own
SELECT provider, dedup_key, http_status FROM wd_receive('acme/eu/1', '{"order":{"no":1},"state":"paid"}');
SELECT provider, dedup_key, http_status FROM wd_receive('acme/', '{"order":{"no":1},"state":"paid"}');
SELECT http_status FROM wd_receive('acme/eu/1', '{"order":{"no":1},"state":"paid"}');
SELECT pg_temp.err($$SELECT wd_receive('/acme', '{"order":{"no":1},"state":"paid"}')$$);
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, ARRAY[%L])', p, 'ev_{body:id}')) FROM unnest(ARRAY['acme/eu', 'paypal/eu', '/', 'acme/', '/acme']) p;
SELECT wd_drop_provider('acme/eu') AS dropped;

-- null leaves a setting as it is
SELECT wd_set_provider('acme');
SELECT wd_set_provider('acme', busy_status => 429, comment => 'Busy.');
\x on
SELECT * FROM pg_temp.mine;
SELECT wd_set_provider('acme', ARRAY['ev_{body:id}'], NULL, '3 minutes', '41 days', '11 days', 0, '2 minutes', 'form', 'H', 'C');
SELECT * FROM pg_temp.mine;
\x off
SELECT dedup_key FROM wd_receive('acme', 'id=1');
-- a call without anything describes a provider of which only the name is known
SELECT wd_set_provider('only a name');
SELECT key_templates, busy_status, lease, lease_floor, retention, retry_window, max_attempts, payload_format, is_built_in, is_changed FROM wd_providers WHERE provider = 'only a name';
SELECT acquired, outcome FROM wd_acquire('only a name', 'k');
SELECT outcome, http_status FROM wd_acquire('only a name', 'k');
SELECT pg_temp.err($$SELECT wd_receive('only a name', '{"id":1}')$$);
SELECT pg_temp.err($$SELECT wd_receive_items('only a name', '{"id":1}')$$);
SELECT pg_temp.err($$SELECT wd_dedup_key('only a name/x', '{"id":1}')$$);
SELECT pg_temp.err($$SELECT wd_explain_key('only a name', '{"id":1}')$$);
-- settings without templates
SELECT wd_set_provider('settings only', busy_status => 425, lease => '10 minutes', max_attempts => 1);
SELECT lease_expires_at - clock_timestamp() > interval '9 minutes' AS lease FROM wd_acquire('settings only', 'k');
SELECT outcome, http_status FROM wd_acquire('settings only', 'k');
SELECT pg_temp.err($$SELECT wd_receive('settings only', '{"id":1}')$$);
SELECT wd_drop_provider('only a name'), wd_drop_provider('settings only'), wd_drop_provider('settings only'), wd_drop_provider('never there');

-- what is set of a built-in provider goes first, and the rest is as it came
SELECT dedup_key FROM wd_receive('square', '{"event_id":"e1","merchant_id":"M"}');
SELECT wd_set_provider('square', busy_status => 500);
SELECT outcome, http_status FROM wd_receive('square', '{"event_id":"e1"}');
SELECT wd_set_provider('square', ARRAY['ev_{body:merchant_id}:{body:event_id}']);
SELECT dedup_key, http_status FROM wd_receive('square', '{"event_id":"e1","merchant_id":"M"}');
SELECT dedup_key, http_status FROM wd_receive('square/x', '{"event_id":"e1","merchant_id":"M"}');
SELECT pg_temp.state($$SELECT wd_receive('square', '{"event_id":"e1"}')$$);
\x on
SELECT provider, key_templates, busy_status, lease, lease_floor, retention, retry_window, max_attempts, payload_format, hint, is_built_in, is_changed FROM wd_providers WHERE provider = 'square';
SELECT * FROM pg_temp.mine WHERE provider = 'square';
\x off
SELECT count(*) AS changed FROM (TABLE webhook_dedup_providers EXCEPT TABLE built_in) c WHERE built_in;
SELECT wd_drop_provider('square');
SELECT dedup_key, http_status FROM wd_receive('square', '{"event_id":"e1","merchant_id":"M"}');
SELECT key_templates, busy_status, is_built_in, is_changed FROM wd_providers WHERE provider = 'square';
SELECT wd_drop_provider('square') AS again;

-- refused: names
SELECT pg_temp.err(format('SELECT wd_set_provider(%s, ARRAY[%L])', p, 'ev_{body:id}')) AS error, left(p, 20) AS provider FROM unnest(ARRAY['NULL', $$''$$, quote_literal(repeat('p', 129)), quote_literal(repeat('é', 65)), $$'a/b'$$]) p;
SELECT pg_temp.err(format('SELECT wd_drop_provider(%s)', p)) AS error, left(p, 20) AS provider FROM unnest(ARRAY['NULL', $$''$$, quote_literal(repeat('p', 129))]) p;
SELECT pg_temp.err(format('SELECT wd_set_provider(%L)', repeat('p', 128))), wd_drop_provider(repeat('p', 128));
-- names that differ in case or blanks are others
SELECT wd_set_provider('Acme', busy_status => 503), wd_drop_provider('Acme '), wd_drop_provider('ACME'), wd_drop_provider('Acme');

-- refused: key templates; the place of what is wrong counts characters
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, %s)', 'bad', t)) AS error, left(t, 40) AS key_templates FROM unnest(ARRAY[
  $$'{}'$$, $$'{{ev_a,ev_b}}'$$, $$'{{"ev_{body:id}"},{"tx_{body:id}"}}'$$, $$ARRAY[NULL]$$, $$ARRAY['ev_{body:id}', NULL]$$,
  $$array_fill('ev_{body:id}'::text, '{101}')$$, $$ARRAY['']$$, $$ARRAY['ev_']$$, $$ARRAY['ev_{body:id}', 'tx_{head:id}']$$,
  $$ARRAY['ev_{body:id']$$, $$ARRAY['é_{body:id}']$$, $$ARRAY['a_{body:é.}']$$, $$ARRAY['{body:a}{body:b}']$$]) t;
SELECT pg_temp.err($$SELECT wd_set_provider('hundred', array_fill('ev_{body:id}'::text, '{100}'))$$), wd_dedup_key('hundred', '{"id":1}');
-- a lower bound other than 1 is an array as well
SELECT pg_temp.err($$SELECT wd_set_provider('hundred', '[5:6]={"a_{body:id}","b_{body:id}"}')$$), wd_dedup_key('hundred', '{"id":1}'), wd_drop_provider('hundred');

-- refused: numbers, formats, lengths of time
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, %s)', 'bad', a)) AS error, a FROM unnest(ARRAY[
  'busy_status => 200', 'busy_status => 204', 'busy_status => 399', 'busy_status => 600', 'busy_status => 0', 'busy_status => -503', 'busy_status => 2147483647',
  'max_attempts => -1', 'max_attempts => -2147483648',
  $$payload_format => 'xml'$$, $$payload_format => ''$$, $$payload_format => 'JSON'$$, $$payload_format => 'json '$$,
  $$lease => '-1 us'$$, $$lease => '-1 day'$$, $$lease => '1 day -25 hours'$$, $$lease => '100 years'$$, $$lease => '178000000 years'$$,
  $$retention => '-1 us'$$, $$retention => '100 years'$$, $$retry_window => '-1 month'$$, $$retry_window => '2147483648 s'$$,
  $$lease_floor => '-1 s'$$, $$lease_floor => '70 years'$$]) a;
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, %s)', 'good', a)) AS error, a FROM unnest(ARRAY[
  'busy_status => 400', 'busy_status => 599', 'max_attempts => 0', 'max_attempts => 2147483647', $$payload_format => 'any'$$, $$lease => '0'$$, $$lease => '2147483647 s'$$, $$retention => '1 day -1 hour'$$]) a;
SELECT busy_status, lease, retention, max_attempts, payload_format FROM pg_temp.mine WHERE provider = 'good';
SELECT wd_drop_provider('good');

-- refused: remembered for less time than the provider may come again
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, %s)', 'short', a)) AS error, a FROM unnest(ARRAY[
  $$retention => '2 days', retry_window => '3 days'$$, $$retry_window => '3 days 1 us', retention => '3 days'$$, $$retention => '0', retry_window => '1 s'$$,
  $$retention => '30 days', retry_window => '1 month'$$]) a;
-- by a later call, of either
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, %s)', 'short', a)) AS error, a FROM unnest(ARRAY[
  $$retry_window => '25 hours'$$, $$retention => '23 hours'$$, $$retention => '1 day 59 minutes'$$, $$retention => '2 days'$$,
  $$retry_window => '49 hours'$$, $$retry_window => '3 days', retention => '3 days'$$, $$retention => '1 day', retry_window => '1 day'$$]) a;
SELECT retention, retry_window FROM pg_temp.mine WHERE provider = 'short';
SELECT wd_drop_provider('short');
SELECT wd_set_provider('short', retention => '1 day');
SELECT pg_temp.err($$SELECT wd_set_provider('short', retry_window => '25 hours')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('short', retry_window => '25 hours', retention => '26 hours')$$);
SELECT wd_drop_provider('short');
-- the built-in row's retry window counts, unless it is set as well
SELECT pg_temp.err($$SELECT wd_set_provider('stripe', retention => '29 days')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('stripe', retention => '31 days')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('stripe', retention => '29 days')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('stripe', retention => '29 days', retry_window => '28 days')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('stripe', retry_window => '30 days')$$);
SELECT retention, retry_window, lease_floor FROM pg_temp.mine WHERE provider = 'stripe';
SELECT retention, retry_window, lease_floor FROM wd_providers WHERE provider = 'stripe';
SELECT wd_drop_provider('stripe');
-- what nobody set is as long as it must be
SELECT wd_set_provider('long', retry_window => '90 days');
SELECT retention FROM wd_providers WHERE provider = 'long';
SELECT wd_drop_provider('long');

-- refused: a lease that ends while the provider still waits for the answer
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, %s)', 'brief', a)) AS error, a FROM unnest(ARRAY[
  $$lease => '29 s', lease_floor => '30 s'$$, $$lease_floor => '30 s 1 us', lease => '30 s'$$]) a;
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, %s)', 'brief', a)) AS error, a FROM unnest(ARRAY[
  $$lease_floor => '30 s'$$, $$lease => '29 s'$$, $$lease => '30 s'$$, $$lease_floor => '31 s'$$, $$lease => '0'$$, $$lease_floor => '31 s'$$, $$lease => '30 s'$$]) a;
SELECT lease, lease_floor FROM pg_temp.mine WHERE provider = 'brief';
SELECT wd_drop_provider('brief');
SELECT pg_temp.err($$SELECT wd_set_provider('github', lease => '34 s')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('github', lease => '34 s', lease_floor => '20 s')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('github', lease_floor => '0')$$);
SELECT pg_temp.err($$SELECT wd_set_provider('github', lease => '1 s')$$);
SELECT lease, lease_floor FROM wd_providers WHERE provider = 'github';
SELECT wd_drop_provider('github');

-- the owner's own statements are checked too
SELECT pg_temp.err(s) AS error, s FROM unnest(ARRAY[
  $$INSERT INTO webhook_dedup_providers (provider) VALUES (NULL)$$,
  $$INSERT INTO webhook_dedup_providers (provider) VALUES ('')$$,
  $$INSERT INTO webhook_dedup_providers (provider) VALUES ('a/b')$$,
  $$INSERT INTO webhook_dedup_providers (provider, key_templates) VALUES ('direct', '{ev_}')$$,
  $$INSERT INTO webhook_dedup_providers (provider, key_templates) VALUES ('direct', '{}')$$,
  $$INSERT INTO webhook_dedup_providers (provider, busy_status) VALUES ('direct', 200)$$,
  $$INSERT INTO webhook_dedup_providers (provider, max_attempts) VALUES ('direct', -1)$$,
  $$INSERT INTO webhook_dedup_providers (provider, payload_format) VALUES ('direct', 'xml')$$,
  $$INSERT INTO webhook_dedup_providers (provider, lease) VALUES ('direct', '-1 s')$$,
  $$INSERT INTO webhook_dedup_providers (provider, retention, retry_window) VALUES ('direct', '1 day', '2 days')$$,
  $$INSERT INTO webhook_dedup_providers (provider, retention) VALUES ('stripe', '29 days')$$,
  $$INSERT INTO webhook_dedup_providers (provider, lease) VALUES ('github', '34 s')$$,
  $$INSERT INTO webhook_dedup_providers (provider, built_in, busy_status) VALUES ('direct', true, 200)$$,
  $$INSERT INTO webhook_dedup_providers (provider, built_in, lease, lease_floor) VALUES ('direct', true, '1 s', '2 s')$$,
  $$UPDATE webhook_dedup_providers SET provider = 'x/y' WHERE provider = 'acme'$$,
  $$UPDATE webhook_dedup_providers SET provider = NULL WHERE provider = 'acme'$$,
  $$UPDATE webhook_dedup_providers SET key_templates = '{"{body:a}{body:b}"}' WHERE provider = 'acme'$$,
  $$UPDATE webhook_dedup_providers SET busy_status = 302 WHERE provider = 'acme'$$,
  $$UPDATE webhook_dedup_providers SET busy_status = 302 WHERE provider = 'stripe'$$,
  $$UPDATE webhook_dedup_providers SET retention = '1 day' WHERE provider = 'acme'$$,
  $$UPDATE webhook_dedup_providers SET lease = '1 s' WHERE provider = 'acme'$$,
  $$UPDATE webhook_dedup_providers SET retention = '1 hour' WHERE provider = 'stripe'$$]) s;
SELECT pg_temp.state($$INSERT INTO webhook_dedup_providers (provider, built_in) VALUES ('x', NULL)$$) AS null_built_in;
SELECT pg_temp.state($$INSERT INTO webhook_dedup_providers (provider) VALUES ('acme')$$) AS twice;
SELECT pg_temp.state($$SELECT wd_check_provider()$$), pg_temp.state($$SELECT wd_providers_changed()$$);
SELECT provider FROM pg_temp.mine ORDER BY 1;
SELECT count(*) AS changed FROM (TABLE webhook_dedup_providers EXCEPT TABLE built_in) c WHERE built_in;

-- they take effect: INSERT, UPDATE, COPY, DELETE, TRUNCATE
CREATE FUNCTION pg_temp.key() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN wd_dedup_key('direct', '{"id":1}');
EXCEPTION WHEN SQLSTATE 'WD005' OR invalid_parameter_value THEN
  RETURN SQLERRM;
END
$$;
SELECT pg_temp.key();
INSERT INTO webhook_dedup_providers (provider, key_templates) VALUES ('direct', '{"inserted_{body:id}"}');
SELECT pg_temp.key();
UPDATE webhook_dedup_providers SET key_templates = '{"updated_{body:id}"}' WHERE provider = 'direct';
SELECT pg_temp.key();
UPDATE webhook_dedup_providers SET key_templates = NULL WHERE provider = 'direct';
SELECT pg_temp.key();
UPDATE webhook_dedup_providers SET provider = 'renamed' WHERE provider = 'direct';
SELECT pg_temp.key();
DELETE FROM webhook_dedup_providers WHERE provider = 'renamed';
COPY webhook_dedup_providers (provider, key_templates) FROM STDIN;
direct	{"copied_{body:id}"}
\.
SELECT pg_temp.key();
\set VERBOSITY terse
COPY webhook_dedup_providers (provider, key_templates) FROM STDIN;
other	{"copied_{body:id}"}
bad	{"copied_{body:id"}
\.
\set VERBOSITY default
SELECT pg_temp.key(), pg_temp.state($$SELECT wd_dedup_key('other', '{"id":1}')$$);
MERGE INTO webhook_dedup_providers p USING (VALUES ('direct'::text)) v(name) ON p.provider = v.name AND NOT p.built_in
  WHEN MATCHED THEN UPDATE SET key_templates = '{"merged_{body:id}"}';
SELECT pg_temp.key();
DELETE FROM webhook_dedup_providers WHERE provider = 'direct';
SELECT pg_temp.key();
SELECT wd_set_provider('direct', '{"set_{body:id}"}');
SELECT pg_temp.key();
BEGIN;
TRUNCATE webhook_dedup_providers;
SELECT pg_temp.key(), pg_temp.state($$SELECT wd_receive('paypal', '{"id":1}')$$), (wd_acquire('paypal', 'truncated')).outcome;
ROLLBACK;
SELECT pg_temp.key(), pg_temp.state($$SELECT wd_receive('paypal', '{"id":1}')$$);

-- seen at once in the transaction, and not any more once it is rolled back
BEGIN;
SELECT wd_set_provider('direct', '{"uncommitted_{body:id}"}');
SELECT pg_temp.key();
SAVEPOINT a;
SELECT wd_set_provider('direct', '{"savepoint_{body:id}"}');
SELECT pg_temp.key();
SAVEPOINT b;
SELECT wd_drop_provider('direct');
SELECT pg_temp.key();
ROLLBACK TO b;
SELECT pg_temp.key();
RELEASE a;
SELECT pg_temp.key();
SAVEPOINT c;
SELECT wd_set_provider('direct', '{"again_{body:id}"}');
-- not looked at in between
ROLLBACK TO c;
SELECT pg_temp.key();
ROLLBACK;
SELECT pg_temp.key();
-- in one statement, and in a block that catches its own error
SELECT wd_set_provider('direct', '{"statement_{body:id}"}'), pg_temp.key(), wd_drop_provider('direct'), pg_temp.key(), wd_set_provider('direct', '{"statement2_{body:id}"}'), pg_temp.key();
DO $$
BEGIN
  BEGIN
    PERFORM wd_set_provider('direct', '{"caught_{body:id}"}');
    RAISE NOTICE '%', wd_dedup_key('direct', '{"id":1}');
    RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN
    RAISE NOTICE '%', wd_dedup_key('direct', '{"id":1}');
  END;
END
$$;
SELECT pg_temp.key();
-- a call that is refused changes nothing
SELECT pg_temp.state($$SELECT wd_set_provider('direct', '{"refused_{body:id}"}', busy_status => 200)$$), pg_temp.key();

-- not in a transaction that may not write
BEGIN READ ONLY;
SELECT pg_temp.state($$SELECT wd_set_provider('direct', busy_status => 503)$$), pg_temp.state($$SELECT wd_drop_provider('direct')$$), pg_temp.key();
COMMIT;

DELETE FROM webhook_dedup_providers WHERE NOT built_in;
SELECT count(*) AS differ FROM ((TABLE webhook_dedup_providers EXCEPT TABLE built_in) UNION (TABLE built_in EXCEPT TABLE webhook_dedup_providers)) d;
