-- wd_paypal_dedup_key: body id, then the transmission id of a header.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
-- the SQLSTATE and message that a statement raises, or "no error"
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

SELECT wd_paypal_dedup_key('{"id":"WH-1AB23456CD789012E-3FG45678HI901234J","event_type":"PAYMENT.CAPTURE.COMPLETED"}', '{}');
-- the id of the event wins over the header
SELECT wd_paypal_dedup_key('{"id":"WH-1"}', '{"PAYPAL-TRANSMISSION-ID":"t-1"}');
-- without an id, either header, in any case, as a string or the first of several
SELECT wd_paypal_dedup_key('{}', '{"PAYPAL-TRANSMISSION-ID":"t-1"}');
SELECT wd_paypal_dedup_key('{}', '{"paypal-transmission-id":"t-1"}');
SELECT wd_paypal_dedup_key('{}', '{"Paypal-Transmission-Id":["t-1","t-2"]}');
SELECT wd_paypal_dedup_key('{}', '{"X-PayPal-Transmission-Id":"x-1"}');
SELECT wd_paypal_dedup_key('{}', '{"X-PayPal-Transmission-Id":"x-1","Paypal-Transmission-ID":"t-1"}');
SELECT wd_paypal_dedup_key('{}', '{"paypal-transmission-id":" \t t-1 \t "}');

-- ids as written: large numbers, booleans; ids are not trimmed
SELECT wd_paypal_dedup_key('{"id":820000000000000001}', '{}');
SELECT wd_paypal_dedup_key('{"id":12345678901234567890123456789012345678901234567890.10}', '{}');
SELECT wd_paypal_dedup_key('{"id":true}', '{}');
SELECT wd_paypal_dedup_key('{"id":" WH-1 "}', '{}') = 'ev_ WH-1 ' AS not_trimmed;
SELECT wd_paypal_dedup_key('{"id":"결제-\u00e9\ud83d\ude00\n\"\\\/"}', '{}');
-- one placeholder is not escaped
SELECT wd_paypal_dedup_key('{"id":"a:b%c"}', '{}');

-- what is no id: null, empty, an object, an array, another level, other case
SELECT pg_temp.err(format('SELECT wd_paypal_dedup_key(%L, %L)', p, '{}'))
  FROM (VALUES ('{}'), ('{"id":null}'), ('{"id":""}'), ('{"id":{}}'), ('{"id":{"id":"x"}}'), ('{"id":["x"]}'),
               ('{"resource":{"id":"x"}}'), ('{"ID":"x"}'), ('{"id ":"x"}'),
               ('[]'), ('[{"id":"x"}]'), ('"id"'), ('null'), ('1')) v(p);
-- then the header decides
SELECT wd_paypal_dedup_key(p, '{"paypal-transmission-id":"t"}')
  FROM (VALUES ('{"id":null}'::jsonb), ('{"id":""}'), ('{"id":{}}'), ('[]'), ('null')) v(p);

-- headers that are there but say nothing
SELECT pg_temp.err(format('SELECT wd_paypal_dedup_key(%L, %L)', '{}', h))
  FROM (VALUES ('{"paypal-transmission-id":""}'), ('{"paypal-transmission-id":"  "}'), ('{"paypal-transmission-id":null}'),
               ('{"paypal-transmission-id":[]}'), ('{"paypal-transmission-id":[""]}'), ('{"paypal-transmission-id":["", "t"]}'),
               ('{"paypal-transmission-idx":"t"}'), ('{"paypal-transmission-i":"t"}'), ('{"paypal_transmission_id":"t"}'),
               ('{"x":{"paypal-transmission-id":"t"}}')) v(h);
-- an empty one gives way to the other one
SELECT wd_paypal_dedup_key('{}', '{"paypal-transmission-id":"","x-paypal-transmission-id":"x"}');

-- headers that are none
SELECT pg_temp.err(format('SELECT wd_paypal_dedup_key(%L, %L)', '{}', h))
  FROM (VALUES ('{"paypal-transmission-id":1}'), ('{"paypal-transmission-id":true}'), ('{"paypal-transmission-id":{"a":"b"}}'),
               ('{"paypal-transmission-id":[1]}'), ('{"paypal-transmission-id":[["t"]]}'),
               ('[]'), ('"x"'), ('null'), ('1')) v(h);

-- null is an error, never a silent null
SELECT pg_temp.err($$SELECT wd_paypal_dedup_key(NULL, '{}')$$);
SELECT pg_temp.err($$SELECT wd_paypal_dedup_key('{"id":"x"}', NULL)$$);

-- 512 bytes are a key, more are the digest of the whole key (G7)
SELECT length(wd_paypal_dedup_key(jsonb_build_object('id', repeat('x', 509)), '{}'));
SELECT k, k = 'ev_sha256_' || encode(sha256(convert_to('ev_' || repeat('x', 510), 'UTF8')), 'hex') AS whole_key
  FROM wd_paypal_dedup_key(jsonb_build_object('id', repeat('x', 510)), '{}') k;
SELECT wd_paypal_dedup_key(jsonb_build_object('id', repeat('x', 10240)), '{}')
       = wd_paypal_dedup_key(jsonb_build_object('id', repeat('x', 10239) || 'y'), '{}') AS same;
-- bytes count, not characters
SELECT wd_paypal_dedup_key(jsonb_build_object('id', repeat('é', 255)), '{}') LIKE 'ev_sha256\_%' AS digest;
-- an id made to look like the digest of another event does not meet it
SELECT wd_paypal_dedup_key(jsonb_build_object('id', substring(k FROM 4)), '{}') = k AS same
  FROM wd_paypal_dedup_key(jsonb_build_object('id', repeat('x', 600)), '{}') k;
