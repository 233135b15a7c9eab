-- G7: the language of key templates, by what they make of deliveries.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS webhook_dedup;
RESET client_min_messages;
TRUNCATE webhook_dedup_events;
DELETE FROM webhook_dedup_providers WHERE NOT built_in;
-- what a statement raises: SQLSTATE, message and detail
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
-- the key of a delivery to provider "t", or what is raised; set again for each template
CREATE FUNCTION pg_temp.key(payload text, headers jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
  explained text;
BEGIN
  result := (wd_receive('t', convert_to(payload, 'UTF8'), headers)).dedup_key;
  SELECT e.dedup_key INTO explained FROM wd_explain_key('t', convert_to(payload, 'UTF8'), headers) e WHERE e.dedup_key IS NOT NULL;
  IF explained IS DISTINCT FROM result THEN
    RETURN 'explained otherwise: ' || explained;
  END IF;
  RETURN result;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.key_by(templates text[], payload text, headers jsonb DEFAULT '{}', format text DEFAULT 'json') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM wd_drop_provider('t'), wd_set_provider('t', templates, payload_format => format);
  RETURN pg_temp.key(payload, headers);
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.malformed(template text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM wd_set_provider('malformed', ARRAY[template]);
  RETURN 'accepted';
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN regexp_replace(SQLERRM, '^key template 1 is malformed at character ', '');
END
$$;

-- malformed templates: at which character, and why
SELECT pg_temp.malformed(t) AS refused_at, t AS template FROM unnest(ARRAY[
  -- no placeholder, none that is closed, none that is opened
  '', 'ev_', 'ev', ' ', '{', '}', 'ev_{', 'ev_}', '{}', 'ev_{}', '{{body:id}}', 'ev_{body:id}}', 'ev_{body:id', 'ev_{body:i{d}', 'ev_{body:a}:{body:b', 'ev_body:id}',
  -- neither of the body nor of a header
  '{id}', '{body}', '{header}', '{Body:id}', '{BODY:id}', '{headers:x}', '{ body:id}', '{query:id}', '{body :id}', '{bod}', '{payload:id}', '{body?}', '{:id}',
  -- nothing named
  '{body:}', '{header:}', '{body:?}', '{header:?}', '{body:|sha256}', '{header:|sha256}', '{header:|percent?}',
  -- paths
  '{body:.}', '{body:.a}', '{body:a.}', '{body:a..b}', '{body:a.b.}', '{body:a[}', '{body:a[]}', '{body:a[x]}', '{body:a[-1]}', '{body:a[0}', '{body:a[0]b}', '{body:a]}', '{body:]}', '{body:[0]a}',
  '{body:a.[0]}', '{body:a[ 0]}', '{body:a[0 ]}', '{body:a[1234567890]}', '{body:a[0x1]}', '{body:a[**]}', '{body:a[*}', '{body:a[*]b}', '{body:a[*].}', '{body:[}', '{body:[]}', '{body:a[1][}', '{body:a.b]c}',
  -- filters
  '{body:a|}', '{body:a|md5}', '{body:a|SHA256}', '{body:a|sha256 }', '{body:a|percent}', '{header:a|lower}', '{header:a|}', '{body:a|sha256|sha256}', '{header:a|percent|sha256}', '{body:a|?}',
  -- text
  E'ev\t_{body:id}', E'ev_{body:id}\n', 'é{body:id}', '{body:id}→', repeat('p', 129) || '{body:id}', 'sha256_{body:id}', 'ev_sha256_{body:id}', '{body:id}sha256_', '{body:sha256_x}',
  -- two placeholders that nothing keeps apart
  '{body:a}{body:b}', '{body:a}_{body:b}', 'x:{body:a}{header:b}', '{body:a}:{body:b}-{body:c}', '{body:a?}{body:b?}',
  -- conditions
  'ev_{body:type=x}{body:id}', '{body:type=x}', '{body:type=x}ev_', '{body:id}{body:type=x}', '{body:type=x?}ev_{body:id}', '{body:=x}ev_{body:id}', '{=x}ev_{body:id}', '{type=x}ev_{body:id}', '{body:a..b=x}ev_{body:id}', '{header:=x}ev_{body:id}',
  '{body:a|md5=x}ev_{body:id}', '{body:a=1}{body:b=1}{body:c=1}{body:d=1}{body:e=1}ev_{body:id}', 'ev_{body:id}:{body:type=x}', ' {body:type=x}ev_{body:id}', '{body:type=x{body:id}',
  -- elements of different arrays
  '{body:a[*].id}:{body:b[*].id}', '{body:a[*]}:{body:b[*]}', '{body:a[*].b[*].id}:{body:a[*].c[*].id}', '{body:x[*].t=1}{body:y[*].id}',
  -- after what is right
  'é', '{body:é}}', '{body:日本語.}', '{header:é|x}', '{body:ab}:{body:日本語..x}']) WITH ORDINALITY u(t, n) ORDER BY n;
-- too much
SELECT pg_temp.malformed(string_agg('{body:a' || i || '}', ':')) FROM generate_series(1, 17) i;
SELECT pg_temp.malformed(string_agg('{body:a' || i || '}', ':')) FROM generate_series(1, 16) i;
SELECT pg_temp.malformed('{body:a' || repeat('.a', 511) || '}'), pg_temp.malformed('{body:a' || repeat('.a', 510) || '}');
SELECT pg_temp.malformed('{body:' || repeat('[0]', 512) || '}'), pg_temp.malformed('{body:' || repeat('[*]', 70) || '}');
SELECT pg_temp.err($$SELECT wd_set_provider('malformed', ARRAY(SELECT 'x_{body:m' || i || '}' FROM generate_series(1, 65) i))$$);
SELECT pg_temp.err($$SELECT wd_set_provider('malformed', ARRAY(SELECT 'x_{body:m' || i % 64 || '}' FROM generate_series(1, 100) i))$$);
SELECT pg_temp.malformed(repeat('p', 128) || '{body:id}');
-- the detail shows the template that is wrong
SELECT pg_temp.err($$SELECT wd_set_provider('malformed', '{"ev_{body:id}","tx_{header:x}","é{body:id}"}')$$);
SELECT wd_drop_provider('malformed');

-- well formed
SELECT pg_temp.malformed(t), t FROM unnest(ARRAY['{body:a}', '{header:a}', '{body:b}:{body:a|sha256?}', '{header:A-b|percent}', '{body:a b}', '{body: a}', '{body:a:b}', '{body:$.a}', '{body:[0]}', '{body:[0][1].a[2]}', '{body:a[007]}', '{body:a[*]}', '{body:[*].b[*].c}', '{body:é}',
  '{body:a=}x_{body:b}', '{body:a==}x_{body:b}', '{header:x=a|b}x_{body:b}', '{body:a="b"}x_{body:b}', '{body:t=1}{body:u=2}{header:v=3}{body:w[*].x=4}x_{body:b}:{body:w[*].id}', 'a:{body:a}:b', '{body:a?}:{body:b}', '{body:a[*].id}:{body:a[*].b[*].id}:{body:c}', 'sha256{body:id}', 'SHA256_{body:id}', '~ !"#$&()*+,-./;<=>?@[\]^`|{body:x}', '{body:a\u0062}']) WITH ORDINALITY u(t, n) ORDER BY n;
SELECT wd_drop_provider('malformed');

-- what resolves: strings, numbers as written, booleans; and what does not
SELECT wd_set_provider('t', '{"id_{body:id}"}');
SELECT p AS payload, pg_temp.key(p) FROM unnest(ARRAY['{"id":"a"}', '{"id":0}', '{"id":12345678901234567890}', '{"id":1.0}', '{"id":1e2}', '{"id":1E+02}', '{"id":-0}', '{"id":true}', '{"id":false}', '{"id":" "}', '{"id":"a","id":"b"}', '{"id":"\u0061\n\/\"é\ud83d\ude00"}', '{"\u0069d":1}', '{"id":"a:b%c"}',
  '{"id":null}', '{"id":""}', '{"id":{}}', '{"id":[]}', '{"id":["a"]}', '{"ID":"a"}', '{"id ":"a"}', '{}', '[]', '[{"id":1}]', '"id"', 'null', '1', '{"id":"a","id":null}', '{"id":"a","id":{}}', '{"x":{"id":1}}',
  '{"id":"\u0000"}', '{"id":"\ud800"}', '{"id":"\udc00"}', '{"id":01}', '{"id":+1}', '{"id":.5}', '{"id":1.}', '{"id":''a''}', '{id:1}', '{"id":1,}', '{"id":1}}', '{"id":tru}', '{"id":NaN}', '', ' ', '{"id":"a', '{"id":"\x"}', '{"id":1}{"id":2}', 'id=1']) WITH ORDINALITY u(p, n) ORDER BY n;

-- paths
SELECT t AS template, pg_temp.key_by(ARRAY['x_' || t], '{"a":{"b":[{"c":"first"},{"c":"second","d":[[1,2],[3,[4]]]}],"":"empty"},"a.b":"dotted","a[0]":"bracket","é":{"日本":"jp"},"x y":"blank","$":"dollar","a:b":"colon","A":"upper","n":5,"?":"q"}')
  FROM unnest(ARRAY['{body:a.b[0].c}', '{body:a.b[1].c}', '{body:a.b[1].d[0][1]}', '{body:a.b[1].d[1][1][0]}', '{body:a.b[01].c}', '{body:é.日本}', '{body:x y}', '{body:$}', '{body:a:b}', '{body:A}', '{body:n}',
  '{body:a.b[2].c}', '{body:a.b[0].d}', '{body:a.b[1].d}', '{body:a.b[1].d[1][1]}', '{body:a}', '{body:a.b}', '{body:a.b.c}', '{body:a[0]}', '{body:[0]}', '{body:n.x}', '{body:n[0]}', '{body:é}', '{body:e}', '{body:a.b[999999999].c}', '{body:a.b[0][0]}', '{body:A.b[0].c}', '{body:\u0061.b[0].c}']) WITH ORDINALITY u(t, n) ORDER BY n;
SELECT pg_temp.key_by('{"x_{body:[1].id}"}', '[{"id":"a"},{"id":"b"}]'), pg_temp.key_by('{"x_{body:[1].id}"}', '[{"id":"a"}]'), pg_temp.key_by('{"x_{body:[1].id}"}', '{"1":{"id":"a"},"[1]":{"id":"b"}}'), pg_temp.key_by('{"x_{body:[0][0]}"}', '[["deep"]]');

-- headers
SELECT wd_drop_provider('t'), wd_set_provider('t', '{"h_{header:X-Id}"}');
SELECT h AS headers, pg_temp.key('{}', h::jsonb) FROM unnest(ARRAY['{"x-id":"a"}', '{"X-ID":"a"}', '{"x-Id":["a","b"]}', '{"x-id":" a b\t"}', '{"x-id":"é"}', '{"x-id":"a:b%c"}', '{"other":1,"x-id":"a"}',
  '{}', '{"x-id":null}', '{"x-id":""}', '{"x-id":"  "}', '{"x-id":[]}', '{"x-id":[null,"a"]}', '{"x-id ":"a"}', '{"x_id":"a"}', '{"ⓧ-id":"a"}',
  '{"x-id":1}', '{"x-id":true}', '{"x-id":{}}', '{"x-id":[1]}', '{"x-id":[["a"]]}', '[]', '"x-id"', 'null', '[{"x-id":"a"}]']) WITH ORDINALITY u(h, n) ORDER BY n;

-- escapes: with two placeholders or more, conditions not counted; injective
SELECT p AS payload, pg_temp.key_by('{"x_{body:a}:{body:b}"}', p) FROM unnest(ARRAY['{"a":"1:2","b":"3"}', '{"a":"1","b":"2:3"}', '{"a":"1%3A2","b":"3"}', '{"a":"%","b":":"}', '{"a":"%25","b":"%3a"}', '{"a":1,"b":true}', '{"a":"é","b":"{}"}',
  '{"a":"","b":"3"}', '{"a":"1"}', '{"a":"1","b":null}', '{"a":"1","b":[]}', '{"a":{},"b":"1"}']) WITH ORDINALITY u(p, n) ORDER BY n;
SELECT pg_temp.key_by('{"{body:t=1}x_{body:a}"}', '{"t":1,"a":"1:2%"}'), pg_temp.key_by('{"x:{body:a}:y"}', '{"a":"1:2%"}'), pg_temp.key_by('{"x_{body:a}:{header:h}"}', '{"a":"1:2"}', '{"h":"%:"}');

-- optional ones
SELECT p AS payload, pg_temp.key_by('{"x_{body:a?}:{body:b}:{header:h?}"}', p) FROM unnest(ARRAY['{"a":"1","b":"2"}', '{"b":"2"}', '{"a":null,"b":"2"}', '{"a":"","b":"2"}', '{"a":{},"b":"2"}', '{"a":[],"b":"2"}', '{"a":"1"}', '{"a":"1","b":""}', '{}', '{"a":"\u0000","b":"2"}']) WITH ORDINALITY u(p, n) ORDER BY n;
SELECT pg_temp.key_by('{"x_{body:b}:{header:h?}"}', '{"b":2}', '{"H":["v"]}'), pg_temp.key_by('{"x_{body:b}:{header:h?}"}', '{"b":2}', '{"H":[]}'), pg_temp.key_by('{"x_{body:b}:{header:h?}"}', '{"b":2}', '{"H":7}');

-- conditions: all must be met, byte by byte
SELECT p AS payload, h AS headers, pg_temp.key_by('{"{body:t=pay}{body:v=2}{header:x-kind=live}x_{body:id}"}', p, h::jsonb) FROM (VALUES
  ('{"t":"pay","v":2,"id":1}', '{"X-Kind":"live"}'), ('{"t":"p\u0061y","v":"2","id":1}', '{"x-kind":[" live ","test"]}'),
  ('{"t":"pay","v":2.0,"id":1}', '{"X-Kind":"live"}'), ('{"t":"Pay","v":2,"id":1}', '{"X-Kind":"live"}'), ('{"t":"pay ","v":2,"id":1}', '{"X-Kind":"live"}'), ('{"v":2,"id":1}', '{"X-Kind":"live"}'), ('{"t":null,"v":2,"id":1}', '{"X-Kind":"live"}'),
  ('{"t":["pay"],"v":2,"id":1}', '{"X-Kind":"live"}'), ('{"t":"pay","v":2,"id":1}', '{"X-Kind":"test"}'), ('{"t":"pay","v":2,"id":1}', '{}'), ('{"t":"pay","v":2,"id":1}', '{"X-Kind":["test","live"]}'), ('{"t":"pay","v":2}', '{"X-Kind":"live"}'),
  ('{"t":"pay","v":2,"id":1}', '{"X-Kind":1}'), ('{"t":"\ud800","v":2,"id":1}', '{"X-Kind":"live"}')) v(p, h);
SELECT pg_temp.key_by('{"{body:t=}x_{body:id}"}', '{"t":"","id":1}'), pg_temp.key_by('{"{body:t=}x_{body:id}"}', '{"id":1}'), pg_temp.key_by('{"{body:t=}x_{body:id}"}', '{"t":"a","id":1}'), pg_temp.key_by('{"{body:t==}x_{body:id}"}', '{"t":"=","id":1}'),
       pg_temp.key_by('{"{body:t=é}x_{body:id}"}', '{"t":"é","id":1}'), pg_temp.key_by('{"{body:t=true}x_{body:id}"}', '{"t":true,"id":1}'), pg_temp.key_by('{"{body:t=null}x_{body:id}"}', '{"t":null,"id":1}');

-- filters
SELECT pg_temp.key_by('{"x_{body:a|sha256}"}', '{"a": [1, 2]}') = 'x_' || encode(sha256('[1, 2]'), 'hex') AS as_written, pg_temp.key_by('{"x_{body:a|sha256}"}', '{"a": "s"}') = 'x_' || encode(sha256('"s"'), 'hex') AS quotes,
       pg_temp.key_by('{"x_{body:a|sha256}"}', '{"a":null}'), pg_temp.key_by('{"x_{body:a|sha256}"}', '{}'), pg_temp.key_by('{"x_{body:b}:{body:a|sha256?}"}', '{"b":1}'), length(pg_temp.key_by('{"x_{body:a|sha256}"}', '{"a":"\u0000"}')) AS any_string;
SELECT pg_temp.key_by('{"x_{header:h|sha256}"}', '{}', '{"h":" v "}') = 'x_' || encode(sha256('v'), 'hex') AS header, pg_temp.key_by('{"x_{header:h|sha256}"}', '{}', '{"h":""}'), pg_temp.key_by('{"x_{header:h|sha256}"}', '{}', '{"h":1}'),
       pg_temp.key_by(ARRAY['{header:h|sha256=' || encode(sha256('v'), 'hex') || '}x_{body:id}'], '{"id":1}', '{"h":"v"}');
SELECT h AS header, pg_temp.key_by('{"x_{header:h|percent}"}', '{}', jsonb_build_object('h', h)) FROM unnest(ARRAY['a%20b', '%C3%A9', 'a+b', '%2525', 'plain', '%7e%7E', '', '%', '%2', '%zz', '%C3', '%00', 'a%', '%E2%82', '%ED%A0%80', '%FF']) WITH ORDINALITY u(h, n) ORDER BY n;

-- keys that are too long, and those that look like a digest, become one; different ones stay apart
SELECT length(pg_temp.key_by('{"x_{body:id}"}', format('{"id":"%s"}', repeat('a', 510)))), pg_temp.key_by('{"x_{body:id}"}', format('{"id":"%s"}', repeat('a', 511))) = 'x_sha256_' || encode(sha256(convert_to('x_' || repeat('a', 511), 'UTF8')), 'hex') AS digest,
       pg_temp.key_by('{"x_{body:id}:{body:b}:y"}', format('{"id":"%s","b":1}', repeat(':', 200))) = 'x_sha256_' || encode(sha256(convert_to('x_' || repeat('%3A', 200) || ':1:y', 'UTF8')), 'hex') AS escaped_digest;
SELECT pg_temp.key_by('{"x_{body:id}"}', '{"id":"sha256_"}') = 'x_sha256_' || encode(sha256('x_sha256_'), 'hex') AS look_alike, pg_temp.key_by('{"x_{body:id}"}', '{"id":"sha256"}') AS none, pg_temp.key_by('{"x_{body:id}"}', '{"id":"Sha256_1"}') AS none, pg_temp.key_by('{"x_{body:a}:{body:b}"}', '{"a":"1","b":"sha256_"}') AS not_first;
SELECT count(DISTINCT k), count(*) FROM (SELECT pg_temp.key_by('{"x_{body:id}"}', format('{"id":"%s%s"}', repeat('é', 300), i)) AS k FROM generate_series(1, 20) i) s;
-- one that looks like the digest of a longer one is another
SELECT pg_temp.key_by('{"x_{body:id}"}', format('{"id":"sha256_%s"}', encode(sha256(convert_to('x_' || repeat('a', 511), 'UTF8')), 'hex'))) <> 'x_sha256_' || encode(sha256(convert_to('x_' || repeat('a', 511), 'UTF8')), 'hex') AS apart;

-- the first template that matches wins, whatever stands behind it
SELECT pg_temp.key_by('{"a_{body:a}","b_{body:b}","h_{header:h}","a2_{body:a}"}', p, h::jsonb) FROM (VALUES ('{"a":1,"b":2}', '{"h":"3"}'), ('{"b":2}', '{"h":"3"}'), ('{}', '{"h":"3"}'), ('{"a":[],"b":""}', '{"h":"3"}'), ('{"a":1}', '{"h":3}'), ('{}', '{"h":3}'), ('{"c":1}', '{}'), ('{"a":1,"b":"\u0000"}', '{}'), ('{"a":"\u0000","b":1}', '{}')) v(p, h);

-- forms
SELECT f AS form, pg_temp.key_by('{"x_{body:id}:{body:é?}"}', f, '{}', 'form') FROM unnest(ARRAY['id=1', 'id=1&%C3%A9=2', 'id=a+b&x=y', 'id=%3A%25', 'x=y&id=1&id=2', '%69d=1', 'id=1&&', 'id==', 'id=1=2', '&id=1',
  'id=', 'id', '', 'Id=1', 'id =1', 'x=id', 'id;1', '{"id":1}', 'id=1&id=', 'id=%', 'id=%4', 'id=%GG', 'id=%C3', 'id=%00', 'id=%FF%FE']) WITH ORDINALITY u(f, n) ORDER BY n;
SELECT pg_temp.key_by('{"x_{body:a.b}"}', 'a.b=1', '{}', 'form'), pg_temp.key_by('{"x_{body:a[0]}"}', 'a%5B0%5D=1', '{}', 'form'), pg_temp.key_by('{"x_{body:a|sha256}"}', 'a=%76', '{}', 'form') = 'x_' || encode(sha256('v'), 'hex') AS decoded_digest, pg_temp.key_by('{"x_{body:a|sha256}"}', 'a=', '{}', 'form'),
       pg_temp.key_by('{"{body:t=a b}x_{body:id}"}', 't=a+b&id=1', '{}', 'form'), pg_temp.key_by('{"{body:t=a b}x_{body:id}"}', 't=a-b&id=1', '{}', 'form'), pg_temp.key_by('{"x_{body:items[*].id}"}', 'items[*].id=1&items[*]=2', '{}', 'form');

-- any: read only if a key needs it, as a form if the headers say so, else as JSON
SELECT p AS payload, h AS headers, pg_temp.key_by('{"h_{header:x-id}","b_{body:id}"}', p, h::jsonb, 'any') FROM (VALUES
  ('{"id":1}', '{}'), ('{"id":1}', '{"Content-Type":"application/json"}'), ('id=1', '{"Content-Type":"application/x-www-form-urlencoded"}'), ('id=1', '{"content-type":["APPLICATION/X-WWW-Form-URLencoded; charset=utf-8"]}'), ('junk', '{"X-Id":"7"}'), ('', '{"X-Id":"7"}'), ('{"id":1}', '{"X-Id":""}'),
  ('id=1', '{}'), ('id=1', '{"Content-Type":"text/plain"}'), ('{"id":1}', '{"Content-Type":"application/x-www-form-urlencoded"}'), ('id=1', '{"Content-Type":["application/json","application/x-www-form-urlencoded"]}'), ('id=1', '{"Content-Type":7}'), ('junk', '{"X-Id":null}'), ('', '{}'),
  ('{"id":""}', '{}'), ('{"id":1}', '{"X-Id":7}')) v(p, h);
-- only a header is asked for: nothing is read
SELECT pg_temp.key_by('{"h_{header:x-id}"}', 'junk', '{"x-id":"1"}', 'any'), pg_temp.key_by('{"h_{header:x-id}"}', 'junk', '{}', 'any'), pg_temp.key_by('{"h_{header:x-id}"}', 'junk', '{"x-id":"1"}', 'json'), pg_temp.key_by('{"h_{header:x-id}"}', 'junk', '{"x-id":"1"}', 'form');

-- elements, for wd_receive_items; other templates are for the payload as a whole
SELECT wd_drop_provider('t'), wd_set_provider('t', '{"all_{body:batch_id}","c_{body:entry[*].changes[*].id}:{body:entry[*].id}:{body:source}","e_{body:entry[*].id}","{body:entry[*].kind=odd}o_{body:entry[*].n}"}');
SELECT ordinal, path, dedup_key FROM wd_receive_items('t', '{"source":"s","entry":[{"id":"e0","changes":[{"id":"c0"},{"id":"c1"}]},{"id":"e1","changes":[]},{"id":"e2"},{"kind":"odd","n":3}]}');
SELECT ordinal, path, dedup_key FROM wd_receive_items('t', '{"batch_id":"b:1","entry":[{"id":"e0"}]}');
SELECT count(*) FROM wd_receive_items('t', '{"entry":[]}');
SELECT pg_temp.err(format($$SELECT wd_receive_items('t', convert_to(%L, 'UTF8'))$$, p)) AS error, p FROM unnest(ARRAY['{}', '[]', '{"entry":{}}', '{"entry":{"id":1}}', '{"entry":[1]}', '{"entry":[{"id":"e"},{}]}', '{"entry":[{"id":"e"},{"id":null}]}', '{"entry":[{"kind":"even","n":3}]}', '{"entry":[{"id":"e","changes":[{"id":"c"}]}]}', '{"entry":[{"id":"\u0000"}]}', '{"entry":[{"id":"e"}],}', '{"entry":[{"id":"e"}]']) WITH ORDINALITY u(p, n) ORDER BY n;
SELECT pg_temp.key('{"entry":[{"id":"e0"}]}'), pg_temp.key('{"batch_id":1,"entry":[{"id":"e0"}]}');
SELECT wd_drop_provider('t'), wd_set_provider('t', '{"x_{body:[*]}","y_{body:[*].id}"}');
SELECT path, dedup_key FROM wd_receive_items('t', '["a",1,{"id":"b"},true,"a"]');
SELECT pg_temp.err($$SELECT wd_receive_items('t', '[[1]]')$$), pg_temp.err($$SELECT wd_receive_items('t', '[null]')$$), pg_temp.err($$SELECT wd_receive_items('t', '"a"')$$);

DELETE FROM webhook_dedup_providers WHERE NOT built_in;

-- too long, and too deep if it were not
SELECT pg_temp.err(format('SELECT wd_set_provider(%L, ARRAY[%L])', 'wd_test_long', 'x_{body:' || repeat('[*]', n) || '}')) ~ '^22023 key template 1 is malformed' AS refused FROM (VALUES (100), (1300), (20000)) v(n);
