-- wd_payload_hash: SHA-256 as 64 lower-case hexadecimal digits.
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

-- FIPS 180-4 examples
SELECT wd_payload_hash('') = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' AS empty;
SELECT wd_payload_hash('abc') = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' AS abc;
SELECT wd_payload_hash(convert_to(repeat('a', 1000000), 'UTF8')) = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0' AS million;

-- any bytes, among them NUL and what is no text; the same as the server's own
SELECT bool_and(wd_payload_hash(b) = encode(sha256(b), 'hex')) AS same
  FROM (VALUES ('\x00'::bytea), ('\xff00fe'), ('\xc328'), (decode(repeat('00ff', 5000), 'hex')),
               (convert_to('{"금액":15000}', 'UTF8'))) v(b);
SELECT bool_and(wd_payload_hash(b) = encode(sha256(b), 'hex')) AS same
  FROM (SELECT substring(decode(md5(i::text) || md5((-i)::text), 'hex') FOR i % 33) AS b
          FROM generate_series(1, 1000) i) v;
SELECT length(h), h ~ '^[0-9a-f]{64}$' AS lower_case FROM wd_payload_hash('\x01') h;

-- one byte more is another hash
SELECT wd_payload_hash('{"id":1}') = wd_payload_hash('{"id":1} ') AS same;

-- no payload, no hash
SELECT wd_payload_hash(NULL) IS NULL AS null_in_null_out;

-- a toasted and compressed value is hashed as a whole
CREATE TEMP TABLE big (b bytea);
INSERT INTO big SELECT convert_to(repeat('abcdefghij', 200000), 'UTF8');
SELECT wd_payload_hash(b) = encode(sha256(b), 'hex') AS toasted FROM big;

-- usable in an index, as it is immutable
CREATE INDEX ON big (wd_payload_hash(b));
-- a session drops its temporary tables some time after psql has gone: too late
-- for a test that drops the extension
DROP TABLE big;
