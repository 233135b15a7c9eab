-- G6, G7: hostile bodies give a key or a clean error, and say nothing of themselves.
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

-- the key of a PayPal body given as bytes, or the error
CREATE FUNCTION pg_temp.key(body bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  RETURN (wd_receive('paypal', body)).dedup_key;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ' ' || SQLERRM || ' | ' || detail;
END
$$;
CREATE FUNCTION pg_temp.key(body text) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.key(convert_to(body, 'UTF8')) $$;

-- not JSON
SELECT b AS body, pg_temp.key(b) FROM (VALUES
  (''), (' '), ('x'), ('{'), ('}'), ('{"id"'), ('{"id":'), ('{"id":"x"'), ('{"id":"x'), ('{"id":"x",}'),
  ('{,"id":"x"}'), ('{"id" "x"}'), ('{"id"::"x"}'), ('{id:"x"}'), ('{''id'':''x''}'), ('{"id":"x"}}'), ('{"id":"x"} {}'),
  ('{"id":"x"} x'), ('[1,]'), ('[,1]'), ('[1 2]'), ('[}'), ('{]'), ('{"a":[}'), ('{"a":1]'), ('nul'), ('nulll'), ('True'), ('NaN'),
  ('Infinity'), ('-'), ('+1'), ('01'), ('1.'), ('.5'), ('1e'), ('0x10'), ('{"id":01}'), ('{"id":"\x"}'), ('{"id":"\u12"}'),
  ('{"id":"\u123g"}'), ('{"id":"a	b"}'), (E'{"id":"a\nb"}'), ('// comment'), ('{"id":"x" /* */}'), ('{"":}'), ('{1:2}'),
  ('{"a":1,"a"}'), ('"unterminated'), ('{"id":"x"}'','), ('id=WH-1&event=x')) v(b);

-- bytes that no UTF-8 text has: among them NUL, overlong forms, surrogates, cut characters, UTF-16, a byte order mark
SELECT b, pg_temp.key(b) FROM (VALUES
  ('\x00'::bytea), ('\x7b7d00'), ('\x7b226964223a22ff227d'), ('\x7b226964223a22c328227d'), ('\x7b226964223a22c080227d'),
  ('\x7b226964223a22eda080227d'), ('\x7b226964223a22f4908080227d'), ('\x7b226964223a22e282227d'), ('\x7b226964223a2200227d'),
  ('\xfffe7b00'), ('\xefbbbf7b226964223a2278227d'), ('\x7b2278223a22ff222c226964223a2278227d')) v(b);

-- escapes in the id
SELECT b AS body, pg_temp.key(b) FROM (VALUES
  ('{"id":"\u0000"}'), ('{"id":"a\u0000b"}'), ('{"id":"\ud800"}'), ('{"id":"\ud800x"}'), ('{"id":"\ud800\u0041"}'), ('{"id":"\udc00"}'),
  ('{"id":"\ud83d\ude00"}'), ('{"id":"\u0041\u00e9\uAC00"}'), ('{"id":"\/\b\f\n\r\t\\\""}')) v(b);
-- the same escapes elsewhere do no harm: a customer's name must not lose an event
SELECT pg_temp.key('{"name":"a\u0000b","x":"\ud800","\u0000":1,"id":"e-1"}');
-- a member's name with escapes is the name
SELECT pg_temp.key('{"\u0069d":"e-2"}'), pg_temp.key('{"\u0069\u0064":"e-3","i\u0064x":"no"}'), pg_temp.key('{"id\u0000":"no"}');

-- duplicate members: the last one wins, as in jsonb, whatever it is
SELECT pg_temp.key(b) FROM (VALUES
  ('{"id":"one","id":"two"}'), ('{"id":"one","i\u0064":"three"}'), ('{"id":"one","id":null}'), ('{"id":"one","id":{}}'), ('{"id":{},"id":"four"}'),
  ('{"id":{"id":"deep"},"x":{"id":"elsewhere"}}')) v(b);
SELECT (wd_receive('toss', '{"eventType":"E","data":{"paymentKey":"a","status":"b"},"data":{"paymentKey":"c","status":"d"}}')).dedup_key;
SELECT pg_temp.err($$SELECT wd_receive('toss', '{"eventType":"E","data":{"paymentKey":"a","status":"b"},"data":{}}')$$);
SELECT pg_temp.err($$SELECT wd_receive('toss', '{"eventType":"E","data":{"paymentKey":"a","status":"b"},"data":1}')$$);

-- values as written
SELECT pg_temp.key(b) FROM (VALUES
  ('{"id":820000000000000001}'), ('{"id":1.10}'), ('{"id":1e2}'), ('{"id":-0}'), ('{"id":1E+400}'), ('{"id":false}'),
  (' { "id" : "spaces" } '), (E'{\n\t"id"\r:\n"lines"}')) v(b);

-- no object: there is no id in it
SELECT b AS body, pg_temp.key(b) FROM (VALUES ('[]'), ('[{"id":"x"}]'), ('"id"'), ('1'), ('true'), ('null'), ('{}'), ('{"id":{"a":1}}'), ('{"id":["x"]}'), ('{"id":""}')) v(b);

-- deep, long, wide
SELECT pg_temp.key(repeat('[', 512) || repeat(']', 512));
SELECT pg_temp.key(repeat('[', 513) || repeat(']', 513));
SELECT pg_temp.key(repeat('{"a":', 1000000));
SELECT pg_temp.key('{"x":' || repeat('[', 511) || repeat(']', 511) || ',"id":"deep"}');
SELECT pg_temp.key('{"id":"' || repeat('x', 10240) || '"}');
SELECT pg_temp.key('{' || string_agg(format('"m%s":%s', i, i), ',') || ',"id":"wide"}') FROM generate_series(1, 20000) i;
SELECT pg_temp.key('{"x":"' || repeat('y', 3000000) || '","id":"long"}');
SELECT pg_temp.key('{"' || repeat('n', 100000) || '":1,"id":"long name"}');

-- G6: no byte of the body is in message, detail, hint or context
CREATE FUNCTION pg_temp.leaks(body bytea, headers jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  d text; h text; c text; col text;
BEGIN
  PERFORM wd_receive('toss', body, headers);
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT, col = COLUMN_NAME;
  RETURN concat(SQLERRM, d, h, c, col) ~ 'SENTINEL';
END
$$;
SELECT pg_temp.leaks(convert_to(b, 'UTF8'), h) FROM (VALUES
  ('SENTINEL', '{}'::jsonb), ('{"SENTINEL', '{}'), ('{"SENTINEL":SENTINEL}', '{}'), ('{"a":"SENTINEL"}', '{}'), ('{"a":"SENTINEL\x"}', '{}'),
  ('{"eventId":"SENTINEL\u0000"}', '{}'), ('{"SENTINEL":1}', '{"x-transmission-id":{"SENTINEL":1}}'), ('{}', '{"x-transmission-id":["","SENTINEL"]}'),
  ('{}', '"SENTINEL"'), ('["SENTINEL"]', '["SENTINEL"]')) v(b, h);
SELECT pg_temp.leaks('\x53454e54494e454cff', '{}');

-- and nothing of a refused delivery is stored
SELECT count(*) FROM webhook_dedup_events WHERE dedup_key !~ '^(ev|pkey)_';
SELECT count(*) FROM webhook_dedup_events e WHERE e::text ~ 'SENTINEL' OR last_error IS NOT NULL;
