-- reader.sql
--   Reads keys out of deliveries in plain SQL, through jsonb.
--
-- Written from what the documentation says of key templates, and without the
-- extension's own functions: only the templates are its own, as wd_providers
-- shows them.  Slow, and meant to be read.
--
-- Two things cannot be read through jsonb.  What the digest of a member "as
-- it is written" is made of is known for numbers and booleans, and for all
-- else only where the whole text is what jsonb would write; elsewhere
-- question marks stand in place of the digest.  And numbers with an exponent,
-- and minus zero, are not kept as they were written.

CREATE SCHEMA differential;

-- A placeholder, with the text before it; or a condition, if it has a value
-- that is expected.
CREATE TYPE differential.placeholder AS (
  literal text,
  source text,
  name text,
  filter text,
  optional boolean,
  expected text,
  around text,
  steps text[]
);

-- The longest part of a path that leads to each element of an array, the
-- path itself included; empty if there is none.
CREATE FUNCTION differential.place_of(path text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN COALESCE(substring(path FROM '^.*\[\*\]'), '');

-- The same without the path itself.
CREATE FUNCTION differential.place_around(path text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN COALESCE(substring(path FROM '^(.*\[\*\]).'), '');

-- a.b[0]: a, b, [0]
CREATE FUNCTION differential.steps_of(path text) RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN ARRAY(SELECT m[1] FROM regexp_matches(path, '\[[0-9*]+\]|[^].[]+', 'g')
                              WITH ORDINALITY AS r (m, n) ORDER BY n);

-- What stands between two braces, and before them.
CREATE FUNCTION differential.parse(literal text, inside text)
RETURNS differential.placeholder
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  p differential.placeholder;
  rest text := inside;
BEGIN
  p.literal := literal;
  p.expected := substring(rest FROM '=(.*)$');
  p.optional := p.expected IS NULL AND rest LIKE '%?';
  rest := regexp_replace(rest, CASE WHEN p.optional THEN '\?$' ELSE '=.*$' END, '');
  p.filter := substring(rest FROM '\|(.*)$');
  rest := regexp_replace(rest, '\|.*$', '');
  p.source := split_part(rest, ':', 1);
  p.name := regexp_replace(rest, '^[^:]*:', '');
  IF p.source = 'header' THEN
    p.name := translate(p.name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz');
  ELSE
    p.around := differential.place_of(p.name);
    p.steps := differential.steps_of(substr(p.name, length(p.around) + 1));
  END IF;
  RETURN p;
END
$$;

-- The templates of all providers: for the payload as a whole, or for elements
-- of that place.
CREATE TABLE differential.templates AS
SELECT s.provider, t.number::integer, t.template,
       COALESCE(max((i.parsed).around COLLATE "C"), '') AS place,
       COALESCE(array_agg(i.parsed ORDER BY m.n)
                FILTER (WHERE (i.parsed).expected IS NOT NULL), '{}') AS conditions,
       array_agg(i.parsed ORDER BY m.n)
                FILTER (WHERE (i.parsed).expected IS NULL) AS placeholders,
       regexp_replace(t.template, '^.*\}', '') AS tail
  FROM wd_providers s,
       unnest(s.key_templates) WITH ORDINALITY AS t (template, number),
       regexp_matches(t.template, '([^{}]*)\{([^{}]*)\}', 'g') WITH ORDINALITY AS m (part, n),
       LATERAL (SELECT differential.parse(m.part[1], m.part[2]) AS parsed) i
 GROUP BY s.provider, t.number, t.template;
CREATE INDEX ON differential.templates (provider, place, number);

-- The places of elements, each with the place around it.
CREATE TABLE differential.places AS
WITH RECURSIVE found (provider, place) AS (
  SELECT t.provider, p.around
    FROM differential.templates t, unnest(t.conditions || t.placeholders) p
   WHERE p.around <> ''
  UNION
  SELECT provider, differential.place_around(place)
    FROM found
   WHERE differential.place_around(place) <> '')
SELECT provider, place, differential.place_around(place) AS around,
       differential.steps_of(substr(place, length(differential.place_around(place)) + 1,
         length(place) - length(differential.place_around(place)) - length('[*]'))) AS steps,
       substr(place, length(differential.place_around(place)) + 1) AS rest
  FROM found;
CREATE INDEX ON differential.places (provider, around);
ANALYZE differential.templates, differential.places;

-- Of several members with one name, jsonb keeps the last one.
CREATE FUNCTION differential.read_payload(payload text) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN payload::jsonb;

-- Go down from a value: members of objects, elements of arrays, null where
-- there is none.
CREATE FUNCTION differential.go(value jsonb, steps text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  step text;
BEGIN
  FOREACH step IN ARRAY steps LOOP
    value := CASE
      WHEN step LIKE '[%' AND jsonb_typeof(value) = 'array' THEN value -> btrim(step, '[]')::integer
      WHEN step NOT LIKE '[%' AND jsonb_typeof(value) = 'object' THEN value #> ARRAY[step]
    END;
  END LOOP;
  RETURN value;
END
$$;

CREATE FUNCTION differential.digest(value text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN encode(sha256(convert_to(value, 'UTF8')), 'hex');

-- The text of a member, empty if it is absent, null if it is none.
CREATE FUNCTION differential.member(value jsonb, filter text, is_canonical boolean) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE
  WHEN COALESCE(jsonb_typeof(value), 'null') = 'null' THEN ''
  WHEN filter = 'sha256' AND (is_canonical OR jsonb_typeof(value) IN ('number', 'boolean'))
    THEN differential.digest(value::text)
  WHEN filter = 'sha256' THEN repeat('?', 64)
  WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN value #>> '{}'
END;

-- The text that percent-encoding stands for; null if it is none.
CREATE FUNCTION differential.percent(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF value LIKE '%\%%' THEN
    IF value ~ '%(?![0-9A-Fa-f]{2})' THEN
      RETURN NULL;
    END IF;
    RETURN convert_from((
      SELECT string_agg(CASE WHEN m[1] LIKE '\%%' THEN decode(substr(m[1], 2), 'hex')
                             ELSE convert_to(m[1], 'UTF8') END, ''::bytea ORDER BY n)
        FROM regexp_matches(value, '%..|[^%]+', 'g') WITH ORDINALITY AS r (m, n)), 'UTF8');
  END IF;
  RETURN value;
EXCEPTION
  WHEN character_not_in_repertoire THEN
    RETURN NULL;
END
$$;

-- The text of a header, empty if it is absent, null if it is malformed.
CREATE FUNCTION differential.header(headers jsonb, name text, filter text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  found jsonb;
  value text;
BEGIN
  SELECT e.value INTO found
    FROM jsonb_each(headers) WITH ORDINALITY AS e (key, value, n)
   WHERE translate(e.key, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = name
   ORDER BY e.n
   LIMIT 1;
  IF jsonb_typeof(found) = 'array' THEN
    found := found -> 0;
  END IF;
  IF jsonb_typeof(found) NOT IN ('string', 'null') THEN
    RETURN NULL;
  END IF;
  value := COALESCE(btrim(found #>> '{}', E' \t'), '');
  IF filter = 'percent' THEN
    RETURN differential.percent(value);
  ELSIF filter = 'sha256' AND value <> '' THEN
    RETURN differential.digest(value);
  END IF;
  RETURN value;
END
$$;

-- The text of a placeholder.  Where it is null, the template does not match,
-- or, if the delivery is refused, nothing does.
CREATE FUNCTION differential.resolve(
  p differential.placeholder, context jsonb, headers jsonb, is_canonical boolean,
  OUT value text, OUT refused boolean)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  refused := false;
  IF p.source = 'header' THEN
    value := differential.header(headers, p.name, p.filter);
    refused := value IS NULL;
  ELSE
    value := differential.member(differential.go(context -> p.around, p.steps), p.filter,
                                 is_canonical);
  END IF;
END
$$;

-- Values are told apart from the colons between them.
CREATE FUNCTION differential.escape(value text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN replace(replace(value, '%', '%25'), ':', '%3A');

-- A key that is too long, or looks like what replaces those, is replaced.
CREATE FUNCTION differential.fit(key text, prefix text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE
  WHEN octet_length(convert_to(key, 'UTF8')) > 512
    OR starts_with(substr(key, length(prefix) + 1), 'sha256_')
    THEN prefix || 'sha256_' || differential.digest(key)
  ELSE key
END;

-- The key that the first matching template for this place gives; null if none
-- matches, or the delivery is refused.  The context has what each place stands
-- for: the payload, and the elements on the way to an element.
CREATE FUNCTION differential.fill(
  rules text, at_place text, context jsonb, headers jsonb, is_canonical boolean,
  OUT key text, OUT refused boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  t differential.templates;
  p differential.placeholder;
  value text;
BEGIN
  refused := false;
  <<next_template>>
  FOR t IN SELECT * FROM differential.templates s
            WHERE s.provider = rules AND s.place = at_place ORDER BY s.number LOOP
    FOREACH p IN ARRAY t.conditions LOOP
      SELECT r.value, r.refused INTO value, refused
        FROM differential.resolve(p, context, headers, is_canonical) r;
      EXIT next_template WHEN refused;
      CONTINUE next_template WHEN value IS DISTINCT FROM p.expected;
    END LOOP;
    key := '';
    FOREACH p IN ARRAY t.placeholders LOOP
      SELECT r.value, r.refused INTO value, refused
        FROM differential.resolve(p, context, headers, is_canonical) r;
      EXIT next_template WHEN refused;
      CONTINUE next_template WHEN value IS NULL OR value = '' AND NOT p.optional;
      IF cardinality(t.placeholders) > 1 THEN
        value := differential.escape(value);
      END IF;
      key := key || p.literal || value;
    END LOOP;
    key := differential.fit(key || t.tail, t.placeholders[1].literal);
    RETURN;
  END LOOP;
  key := NULL;
END
$$;

-- The elements that are events: those that hold no others.
CREATE FUNCTION differential.elements(rules text, at_place text, at_path text, context jsonb)
RETURNS TABLE (place text, path text, element_context jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  inner_place differential.places;
  elements jsonb;
  element record;
  is_leaf boolean := true;
BEGIN
  FOR inner_place IN SELECT * FROM differential.places p
                      WHERE p.provider = rules AND p.around = at_place LOOP
    elements := differential.go(context -> at_place, inner_place.steps);
    CONTINUE WHEN jsonb_typeof(elements) IS DISTINCT FROM 'array';
    FOR element IN SELECT e.value, e.n - 1 AS index
                     FROM jsonb_array_elements(elements) WITH ORDINALITY AS e (value, n) LOOP
      is_leaf := false;
      RETURN QUERY SELECT * FROM differential.elements(
        rules, inner_place.place,
        at_path || regexp_replace(inner_place.rest, '\*\]$', element.index || ']'),
        context || jsonb_build_object(inner_place.place, element.value));
    END LOOP;
  END LOOP;
  IF is_leaf AND at_place <> '' THEN
    RETURN QUERY SELECT at_place, at_path, context;
  END IF;
END
$$;

-- Is there an array of events, be it empty?
CREATE FUNCTION differential.has_array(rules text, root jsonb) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM differential.places p
                WHERE p.provider = rules AND p.around = ''
                  AND jsonb_typeof(differential.go(root, p.steps)) = 'array');

-- The events of a delivery: path and key of each, or the SQLSTATE of what is
-- wrong with it.  An event as a whole has an empty path.
CREATE FUNCTION differential.events(provider text, payload text, headers jsonb)
RETURNS TABLE (path text, key text, problem text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  rules text := split_part(provider, '/', 1);
  root jsonb := differential.read_payload(payload);
  context jsonb := jsonb_build_object('', root);
  is_canonical boolean := root::text = payload;
  whole record;
BEGIN
  SELECT * INTO whole FROM differential.fill(rules, '', context, headers, is_canonical);
  IF whole.key IS NOT NULL OR whole.refused THEN
    RETURN QUERY SELECT '', whole.key, CASE WHEN whole.refused THEN '22023' END;
    RETURN;
  END IF;
  RETURN QUERY
    SELECT e.path, f.key,
           CASE WHEN f.refused THEN '22023' WHEN f.key IS NULL THEN 'WD001' END
      FROM differential.elements(rules, '', '', context) e,
           differential.fill(rules, e.place, e.element_context, headers, is_canonical) f;
  IF NOT FOUND AND NOT differential.has_array(rules, root) THEN
    RETURN QUERY SELECT '', NULL::text, 'WD001';
  END IF;
END
$$;
