-- wd_receive_items: each event of a payload, in its order, acquired at once or not at all.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
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
  RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
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

-- all columns of a first delivery
SELECT ordinal, path, acquired, outcome, provider, dedup_key, attempt, http_status, hash_matches,
       event_id IS NOT NULL AS event_id, lease_expires_at > clock_timestamp() AS lease, first_seen_at <= clock_timestamp() AS first_seen
  FROM wd_receive_items('sendgrid', '[{"sg_event_id":"a","event":"open"}, {"sg_event_id" : "b"} ,{"event":"click","sg_event_id":"c"}]');
-- the hash is of the element's own text, as it is written
SELECT dedup_key, request_hash = wd_payload_hash(convert_to(element, 'UTF8')) AS hashed FROM webhook_dedup_events JOIN (VALUES
  ('ev_a', '{"sg_event_id":"a","event":"open"}'), ('ev_b', '{"sg_event_id" : "b"}'), ('ev_c', '{"event":"click","sg_event_id":"c"}')) v(dedup_key, element) USING (dedup_key) ORDER BY id;
SELECT e.id = i.event_id AND e.first_seen_at = i.first_seen_at AND e.lease_expires_at = i.lease_expires_at AS same FROM webhook_dedup_events e JOIN wd_receive_items('sendgrid', '[{"sg_event_id":"a","event":"open"}]') i USING (provider, dedup_key);

-- a batch partly known: done, failed, whose lease ended, at work, new
SELECT wd_mark_done('sendgrid', 'ev_a', 1), wd_mark_failed('sendgrid', 'ev_b', 1);
SELECT count(*) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"d"}]', '{}', '1 hour');
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE dedup_key = 'ev_d';
SELECT ordinal, path, acquired, outcome, dedup_key, attempt, http_status, hash_matches
  FROM wd_receive_items('sendgrid', '[{"sg_event_id":"e"},{"sg_event_id":"d"},{"sg_event_id":"c"},{"sg_event_id" : "b"},{"sg_event_id":"a","event":"open"}]');
-- the batch is cut anew, and its elements are written in another way: the same events, other hashes
SELECT ordinal, path, outcome, dedup_key, http_status, hash_matches FROM wd_receive_items('sendgrid', convert_to('[{"event":"open","sg_event_id":"a"},{"sg_event_id":"\u0065"}]', 'UTF8'));
-- completed at once; of those whose attempt is another none is
SELECT wd_mark_done_many('sendgrid', '{ev_b,ev_d}', '{1,1}');
SELECT wd_mark_done_many('sendgrid', array_agg(dedup_key ORDER BY id), array_agg(attempt ORDER BY id)) FROM webhook_dedup_events;
SELECT wd_mark_done_many('sendgrid', '{ev_a,ev_b,ev_c,ev_d,ev_e}');
SELECT outcome, http_status, count(*) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"e"},{"sg_event_id":"d"},{"sg_event_id":"c"},{"sg_event_id":"b"},{"sg_event_id":"a"}]') GROUP BY outcome, http_status;
SELECT dedup_key, attempt, status FROM webhook_dedup_events ORDER BY id;
SELECT array_agg(dedup_key ORDER BY ordinal) AS keys, array_agg(attempt ORDER BY ordinal) AS attempts, wd_mark_done_many('sendgrid', array_agg(dedup_key), array_agg(attempt)) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"f"},{"sg_event_id":"g"}]') WHERE acquired;

-- a key twice in one payload is acquired once
TRUNCATE webhook_dedup_events;
SELECT ordinal, path, acquired, outcome, dedup_key, hash_matches FROM wd_receive_items('sendgrid', '[{"sg_event_id":"a","n":1},{"sg_event_id":"b"},{"sg_event_id":"a","n":2},{"sg_event_id":"a","n":1}]');
SELECT count(*), sum(attempt) FROM webhook_dedup_events;

-- each provider's events, and where they are
SELECT ordinal, path, outcome, dedup_key FROM wd_receive_items('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"1","eventCode":"CAPTURE","success":"true"}},{"NotificationRequestItem":{"pspReference":"2","eventCode":"CAPTURE","success":"true"}}],"live":"true"}');
SELECT ordinal, path, outcome, dedup_key FROM wd_receive_items('hubspot', '[{"portalId":1,"subscriptionId":2,"eventId":3,"occurredAt":4,"objectId":5}]');
SELECT ordinal, path, outcome, dedup_key FROM wd_receive_items('cloudevents', '[{"source":"/s","id":"1"},{"source":"/s","id":"2"}]');
SELECT ordinal, path, outcome, regexp_replace(dedup_key, '[0-9a-f]{64}', 'digest') AS dedup_key FROM wd_receive_items('meta', '{"entry":[{"id":"w","changes":[{"value":{"statuses":[{"id":"m1","status":"sent"}]}},{"value":{"messages":[{"id":"m2"},{"id":"m3"}]}},{"field":"feed","value":{"item":"like"}}]},{"id":"w","messaging":[{"message":{"mid":"m4"}},{"read":{}}]},{"id":"u","changed_fields":["photos"]}]}');
-- an adyen account with another scope is another receiver
SELECT provider, outcome, dedup_key FROM wd_receive_items('adyen/eu', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"1","eventCode":"CAPTURE","success":"true"}}]}');
SELECT wd_mark_done('adyen/eu', 'ntf_:1:CAPTURE:true', 1), wd_lookup('adyen', 'ntf_:1:CAPTURE:true'), wd_lookup('adyen/eu', 'ntf_:1:CAPTURE:true');

-- no events is no error; no array is
SELECT count(*) FROM wd_receive_items('sendgrid', '[]');
SELECT count(*) FROM wd_receive_items('adyen', '{"notificationItems":[]}');
SELECT count(*) FROM wd_receive_items('meta', '{"entry":[],"object":"page"}');
TRUNCATE webhook_dedup_events;
SELECT pg_temp.err(format('SELECT * FROM wd_receive_items(%L, %L)', provider, body)) AS error, provider, body FROM (VALUES
  ('sendgrid', '{}'), ('sendgrid', '{"sg_event_id":"a"}'), ('sendgrid', 'null'), ('sendgrid', '"a"'), ('sendgrid', '7'), ('adyen', '[]'), ('adyen', '{}'),
  ('adyen', '{"notificationItems":null}'), ('adyen', '{"notificationItems":{}}'), ('adyen', '{"notificationItems":"x"}'), ('adyen', '[{"notificationItems":[]}]'),
  ('meta', '{"object":"page"}'), ('meta', '{"entry":{}}'), ('cloudevents', '{"source":"/s"}')) v(provider, body);

-- one element without a key: none is acquired, and the error names it without quoting it
SELECT pg_temp.err(format('SELECT * FROM wd_receive_items(%L, %L)', provider, body)) AS error, provider, body FROM (VALUES
  ('sendgrid', '[{"sg_event_id":"a"},{"sg_event_id":"b"},{"sg_event":"s3cret"}]'), ('sendgrid', '[{"sg_event_id":""}]'), ('sendgrid', '[{"sg_event_id":"a"},null]'),
  ('sendgrid', '[{"sg_event_id":"a"},7]'), ('sendgrid', '[{"sg_event_id":"a"},"s3cret"]'), ('sendgrid', '[{"sg_event_id":"a"},[{"sg_event_id":"b"}]]'), ('sendgrid', '[[]]'),
  ('sendgrid', '[{"sg_event_id":"a"},{}]'), ('sendgrid', '[{"sg_event_id":["a"]}]'), ('sendgrid', '[{"sg_event_id":{"sg_event_id":"a"}}]'),
  ('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"1","eventCode":"CAPTURE","success":"true"}},{"NotificationRequestItem":null}]}'),
  ('meta', '{"entry":[{"id":"w","changes":[{"value":{"messages":[{"id":"m1"}]}},{"value":{"messages":[{"id":"m2"},{"id":null}]}}]}]}'),
  ('cloudevents', '[{"source":"/s","id":"1"},{"source":"/s"}]')) v(provider, body);
-- nor if a text is none; half of a payload is none at all
SELECT pg_temp.err(format('SELECT * FROM wd_receive_items(%L, convert_to(%L, ''UTF8''))', 'sendgrid', body)) AS error, body FROM (VALUES
  ('[{"sg_event_id":"a"},{"sg_event_id":"\u0000"}]'), ('[{"sg_event_id":"a"},{"sg_event_id":"\ud800"}]'), ('[{"sg_event_id":"a"}'), ('[{"sg_event_id":"a"}]]'), ('[{"sg_event_id":"a"},]'), ('')) v(body);
SELECT pg_temp.err($$SELECT * FROM wd_receive_items('sendgrid', '\x5b7b2273675f6576656e745f6964223a22ff227d5d')$$);
SELECT count(*) FROM webhook_dedup_events;

-- of members with one name the last one counts, as in jsonb: around the elements and in them
SELECT path, dedup_key FROM wd_receive_items('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"old","eventCode":"CAPTURE","success":"true"}}],"notificationItems":[{"NotificationRequestItem":{"pspReference":"x","eventCode":"CAPTURE","success":"true","pspReference":"new"}}]}');
SELECT path, dedup_key FROM wd_receive_items('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"old2"},"NotificationRequestItem":{"pspReference":"new2","eventCode":"CAPTURE","success":"true"}}]}');
SELECT path, dedup_key FROM wd_receive_items('meta', convert_to('{"entry":[{"id":"w","changes":[{"value":{"messages":[{"id":"old"}],"messages":[{"id":"new"}]}}],"id":"v"}],"\u0065ntry":[{"id":"w","changes":[{"value":{"messages":[{"id":"newer"}]}}]}]}', 'UTF8'));
SELECT count(*) FROM wd_receive_items('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"old","eventCode":"CAPTURE","success":"true"}}],"notificationItems":[]}');
SELECT pg_temp.err(format('SELECT * FROM wd_receive_items(%L, %L)', 'adyen', body)) AS error, body FROM (VALUES
  ('{"notificationItems":[{"NotificationRequestItem":{"pspReference":"3","eventCode":"CAPTURE","success":"true"}}],"notificationItems":null}'),
  ('{"notificationItems":[{"NotificationRequestItem":{"pspReference":"3","eventCode":"CAPTURE","success":"true","success":null}}]}'),
  ('{"notificationItems":[{"NotificationRequestItem":{"pspReference":"3","eventCode":"CAPTURE","success":"true"},"NotificationRequestItem":{}}]}')) v(body);
SELECT dedup_key FROM webhook_dedup_events ORDER BY id;

-- as many as there may be, and one more; elements of other arrays do not count
CREATE TEMP TABLE large AS SELECT n, convert_to('[' || string_agg('{"sg_event_id":"n' || i || '","category":[1,2,3]}', ',' ORDER BY i) || ']', 'UTF8') AS body FROM (VALUES (10000), (10001)) v(n), generate_series(1, n) i GROUP BY n;
SELECT pg_temp.err('SELECT * FROM large, wd_receive_items(''sendgrid'', body) WHERE n = 10001');
SELECT count(*) FROM webhook_dedup_events WHERE provider = 'sendgrid';
SELECT count(*), count(*) FILTER (WHERE acquired) AS acquired, bool_and(dedup_key = 'ev_n' || ordinal AND path = '[' || ordinal - 1 || ']') AS in_order FROM large, wd_receive_items('sendgrid', body) WHERE n = 10000;
SELECT outcome, count(*) FROM large, wd_receive_items('sendgrid', body) WHERE n = 10000 GROUP BY outcome;
SELECT wd_mark_done_many('sendgrid', array_agg(dedup_key)) FROM webhook_dedup_events WHERE provider = 'sendgrid';

-- wd_receive and wd_dedup_key have one answer only; an event that is a whole payload has no path
SELECT pg_temp.err(format('SELECT wd_receive(%L, %L)', provider, body)) AS error, provider FROM (VALUES
  ('sendgrid', '[{"sg_event_id":"a"}]'), ('adyen/eu', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"1","eventCode":"CAPTURE","success":"true"}}]}'),
  ('meta', '{"entry":[{"id":"w"}]}'), ('hubspot', '[]'), ('cloudevents', '[{"source":"/s","id":"1"}]')) v(provider, body);
SELECT pg_temp.err($$SELECT wd_dedup_key('sendgrid', '[{"sg_event_id":"a"}]')$$);
SELECT ordinal, path, acquired, outcome, dedup_key, request_hash = wd_payload_hash('{"id":"evt_1","data":[1,2]}') AS hashed FROM wd_receive_items('stripe', '{"id":"evt_1","data":[1,2]}');
SELECT path, outcome, dedup_key FROM wd_receive_items('github', 'no JSON', '{"x-github-delivery":"d-1"}');
SELECT path, outcome, dedup_key FROM wd_receive_items('twilio', 'MessageSid=SM1&MessageStatus=sent');
SELECT path, outcome, dedup_key FROM wd_receive_items('cloudevents', '[]', '{"ce-source":"/s","ce-id":"9"}');
SELECT pg_temp.err($$SELECT * FROM wd_receive_items('stripe', '[{"id":"evt_1"},{"id":"evt_2"}]')$$);
SELECT pg_temp.err($$SELECT * FROM wd_receive_items('mollie', 'id=tr_1')$$);

-- tried too often
SET webhook_dedup.max_attempts = 1;
TRUNCATE webhook_dedup_events;
SELECT count(*) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"p1"},{"sg_event_id":"p2"}]') WHERE acquired;
SELECT wd_mark_failed('sendgrid', 'ev_p1', 1);
SELECT path, acquired, outcome, attempt, http_status FROM wd_receive_items('sendgrid', '[{"sg_event_id":"p1"},{"sg_event_id":"p2"},{"sg_event_id":"p3"}]');
RESET webhook_dedup.max_attempts;

-- leases: named, of the provider's floor, endless
SELECT bool_and(lease_expires_at - interval '1 hour' BETWEEN statement_timestamp() AND clock_timestamp()) AS hour, count(*) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"l1"},{"sg_event_id":"l2"}]', '{}', '1 hour');
SELECT lease_expires_at FROM wd_receive_items('sendgrid', '[{"sg_event_id":"l3"}]', lease => '0');
SET webhook_dedup.lease = '1s';
SELECT lease_expires_at - interval '15 s' BETWEEN statement_timestamp() AND clock_timestamp() AS floor FROM wd_receive_items('adyen', '{"notificationItems":[{"NotificationRequestItem":{"pspReference":"l","eventCode":"CAPTURE","success":"true"}}]}');
RESET webhook_dedup.lease;

-- refused, whatever the payload holds
SELECT pg_temp.err(format('SELECT * FROM wd_receive_items(%s)', a)) AS error, a FROM (VALUES
  ($$NULL, '[]'$$), ($$'', '[]'$$), ($$'sendgrid', NULL$$), ($$'sendgrid', '[]', NULL$$), ($$'sendgrid', '[]', '[]'$$), ($$'sendgrid', '[]', '"x"'$$), ($$'sendgrid', '[]', '{}', '-1 s'$$),
  ($$'sendgrid', '[]', '{}', '100 years'$$), ($$'acme', '[]'$$), ($$'Sendgrid', '[]'$$), ($$'/sendgrid', '[]'$$), ($$repeat('s', 300), '[]'$$), ($$'cloudevents', '[]', '{"ce-id":7,"ce-source":"s"}'$$)) v(a);
SELECT pg_temp.state(format('SELECT * FROM wd_receive_items(%s)', a)) AS state, a FROM (VALUES ($$'sendgrid', '[]', 'x'$$), ($$'sendgrid', '[]', '{}', 'x'$$), ($$'sendgrid'$$)) v(a);
-- with the caller's transaction
BEGIN;
SELECT count(*) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"tx1"},{"sg_event_id":"tx2"}]') WHERE acquired;
SELECT count(*) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"tx2"},{"sg_event_id":"tx3"}]') WHERE acquired;
ROLLBACK;
SELECT count(*) FROM wd_receive_items('sendgrid', '[{"sg_event_id":"tx1"},{"sg_event_id":"tx2"},{"sg_event_id":"tx3"}]') WHERE outcome = 'first';
BEGIN READ ONLY;
SELECT pg_temp.state($$SELECT * FROM wd_receive_items('sendgrid', '[{"sg_event_id":"ro"}]')$$) AS state;
ROLLBACK;
SELECT count(*) FROM webhook_dedup_events WHERE dedup_key = 'ev_ro';

-- a name around ten thousand events must not be read ten thousand times if it is long
SELECT wd_set_provider('wd_test_long', ARRAY['x_{body:e[*].id}:{body:e[*].c[*].n}']);
CREATE TEMP TABLE long AS SELECT n, convert_to('{"e":[{"c":[' || string_agg('{"n":' || i || '}', ',' ORDER BY i) || '],"id":"' || repeat('a', n) || '"}]}', 'UTF8') AS body FROM (VALUES (1000), (100000)) v(n), generate_series(1, 2000) i GROUP BY n;
SELECT count(*), count(DISTINCT dedup_key) AS keys, min(path), bool_and(dedup_key LIKE 'x\_sha256\_%') AS digests FROM long, wd_receive_items('wd_test_long', body) WHERE n = 1000;
SELECT pg_temp.err('SELECT count(*) FROM long, wd_receive_items(''wd_test_long'', body) WHERE n = 100000');
SELECT result, count(*) FROM long, wd_explain_key('wd_test_long', body) WHERE n = 100000 GROUP BY result ORDER BY result;
SELECT wd_drop_provider('wd_test_long');
