-- compare.sql
--   Documents, what the extension says of them, and what reader.sql reads.

CREATE SCHEMA inputs;

-- A delivery.
CREATE UNLOGGED TABLE inputs.documents (
  id integer PRIMARY KEY,
  source text NOT NULL,
  provider text NOT NULL,
  payload bytea NOT NULL,
  headers jsonb NOT NULL
);

-- What was read: the keys, each behind the path of its event, and the key of
-- the event as a whole.
CREATE UNLOGGED TABLE inputs.readings (
  id integer PRIMARY KEY,
  keys text[] NOT NULL,
  whole text NOT NULL
);

-- What the extension says, and the numbers of the templates that matched.
CREATE UNLOGGED TABLE inputs.answers (
  LIKE inputs.readings INCLUDING ALL,
  templates integer[]
);

-- Can jsonb say the same as the text?  Not of what it refuses, of numbers that
-- it writes in another way, and of nesting that only the extension refuses.
CREATE FUNCTION inputs.is_comparable(payload bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  json text;
BEGIN
  json := convert_from(payload, 'UTF8');
  RETURN NOT json::jsonb @? 'strict $.**{512} ? (@.type() == "object" || @.type() == "array")'
    AND regexp_replace(json, '"([^"\\]|\\.)*"', '', 'g') !~ '[0-9][eE]|-0(\.0+)?(?![0-9.])';
EXCEPTION
  WHEN data_exception OR program_limit_exceeded THEN
    RETURN false;
END
$$;

CREATE FUNCTION inputs.explained(provider text, payload bytea, headers jsonb,
                                 OUT keys text[], OUT templates integer[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT COALESCE(array_agg(e.path || ' ' || e.dedup_key
                            ORDER BY e.path || ' ' || e.dedup_key COLLATE "C"), '{}'),
         array_agg(e.template_number)
    INTO keys, templates
    FROM wd_explain_key(provider, payload, headers) e
   WHERE e.result = 'matched';
EXCEPTION
  WHEN OTHERS THEN
    keys := ARRAY['error ' || SQLSTATE];
END
$$;

CREATE FUNCTION inputs.derived(provider text, payload jsonb, headers jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN wd_dedup_key(provider, payload, headers);
EXCEPTION
  WHEN OTHERS THEN
    RETURN 'error ' || SQLSTATE;
END
$$;

CREATE FUNCTION inputs.received(provider text, payload bytea, headers jsonb) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN ARRAY(SELECT r.path || ' ' || r.dedup_key
                 FROM wd_receive_items(provider, payload, headers) r
                ORDER BY r.ordinal);
EXCEPTION
  WHEN OTHERS THEN
    RETURN ARRAY['error ' || SQLSTATE];
END
$$;

-- What was read of a document, as explained and derived say it.
CREATE FUNCTION differential.keys(provider text, payload bytea, headers jsonb,
                                  OUT keys text[], OUT whole text)
LANGUAGE sql STABLE AS $$
  SELECT COALESCE(array_agg(e.path || ' ' || e.key ORDER BY e.path || ' ' || e.key COLLATE "C")
                  FILTER (WHERE e.key IS NOT NULL), '{}'),
         COALESCE(max(COALESCE(e.key, 'error ' || e.problem)) FILTER (WHERE e.path = ''),
                  'error WD001')
    FROM differential.events(provider, convert_from(payload, 'UTF8'), headers) e
$$;

-- Where in a text something begins that a path leads to, to be compared with
-- where something else does: the number of the member, of the last one of its
-- name, or of the element, at each step.
CREATE FUNCTION inputs.position_of(payload json, path text) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  step text;
  number bigint;
  numbers bigint[] := '{}';
BEGIN
  FOREACH step IN ARRAY differential.steps_of(path) LOOP
    IF step LIKE '[%' THEN
      number := btrim(step, '[]')::bigint;
      payload := payload -> number::integer;
    ELSE
      SELECT m.n, m.value INTO number, payload
        FROM json_each(payload) WITH ORDINALITY AS m (name, value, n)
       WHERE m.name = step
       ORDER BY m.n DESC
       LIMIT 1;
    END IF;
    numbers := numbers || number;
  END LOOP;
  RETURN numbers;
END
$$;

-- What was read of a document, as received says it: the events in the order
-- of the text, or what is wrong with the first one that is refused.
CREATE FUNCTION inputs.to_receive(provider text, payload bytea, headers jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
  WITH events AS (
    SELECT e.path, e.key, e.problem,
           inputs.position_of(convert_from(payload, 'UTF8')::json, e.path) AS position
      FROM differential.events(provider, convert_from(payload, 'UTF8'), headers) e)
  SELECT COALESCE((SELECT ARRAY['error ' || e.problem] FROM events e
                    WHERE e.problem IS NOT NULL ORDER BY e.position LIMIT 1),
                  ARRAY(SELECT e.path || ' ' || e.key FROM events e ORDER BY e.position))
$$;

-- Rules with digests of members as they are written.
CREATE TABLE inputs.with_digests AS
SELECT DISTINCT t.provider AS rules
  FROM differential.templates t, unnest(t.placeholders) p
 WHERE p.source = 'body' AND p.filter = 'sha256';

-- Do answer and reading agree?  If the text is not canonical, they need not
-- about digests.
CREATE FUNCTION inputs.same(answer text[], reading text[], provider text, payload bytea)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  digest CONSTANT text := '[0-9a-f]{64}|[?]{64}';
BEGIN
  IF answer = reading THEN
    RETURN true;
  ELSIF split_part(provider, '/', 1) NOT IN (SELECT w.rules FROM inputs.with_digests w)
    OR convert_from(payload, 'UTF8') = convert_from(payload, 'UTF8')::jsonb::text THEN
    RETURN false;
  END IF;
  -- path and key, in the order of both sides' answers
  RETURN ARRAY(SELECT regexp_replace(a.event, digest, '?', 'g') FROM unnest(answer)
                      WITH ORDINALITY AS a (event, n) ORDER BY a.n)
       = ARRAY(SELECT regexp_replace(r.event, digest, '?', 'g') FROM unnest(reading)
                      WITH ORDINALITY AS r (event, n) ORDER BY r.n);
END
$$;

CREATE VIEW inputs.compared AS
SELECT d.id, d.source, d.provider, convert_from(d.payload, 'UTF8') AS payload, d.headers,
       a.keys AS answer, r.keys AS reading, a.whole AS whole_answer, r.whole AS whole_reading,
       inputs.same(a.keys, r.keys, d.provider, d.payload) AS same_keys,
       inputs.same(ARRAY[a.whole], ARRAY[r.whole], d.provider, d.payload) AS same_whole
  FROM inputs.documents d
  JOIN inputs.answers a USING (id)
  JOIN inputs.readings r USING (id);
