-- The databases' contents: this extension, and beside it the table of the
-- Python module that it grew from, with all its indexes.
-- Variable: body, the file of a PayPal event in hexadecimal digits.

CREATE EXTENSION webhook_dedup;

CREATE SCHEMA module;

CREATE TABLE module.webhook_dedup_events (
  id bigserial PRIMARY KEY,
  provider text NOT NULL,
  dedup_key text NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  status text NOT NULL,
  request_hash text,
  CONSTRAINT ck_webhook_dedup_status
    CHECK (status IN ('processing', 'done', 'failed')),
  CONSTRAINT uq_webhook_dedup_provider_key UNIQUE (provider, dedup_key)
);
CREATE INDEX idx_webhook_dedup_provider_key
  ON module.webhook_dedup_events (provider, dedup_key);
CREATE INDEX idx_webhook_dedup_status
  ON module.webhook_dedup_events (status);
CREATE INDEX idx_webhook_dedup_first_seen_at
  ON module.webhook_dedup_events (first_seen_at);

-- A constant with the id of one event put in: pgbench sends parameters as
-- text only, and reading 8 kB of hexadecimal digits would be measured too.
-- Both are inlined into the statement when it is planned.
SELECT format($$
CREATE FUNCTION bench_body(id bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN overlay(%L::bytea PLACING id FROM 8)
$$, '\x' || :'body') \gexec

CREATE FUNCTION bench_headers() RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN '{"content-type": "application/json",
  "user-agent": "PayPal/AUHD-214.0-58682014",
  "paypal-auth-algo": "SHA256withRSA",
  "paypal-transmission-id": "3f1c1f2e-8a66-11f0-9a1b-2d6c3f5b7a90",
  "paypal-transmission-time": "2026-01-05T01:02:04Z"}'::jsonb;

-- What one statement takes, in microseconds for each of its n rounds; $1 of
-- the statement is n.
CREATE FUNCTION bench_microseconds(statement text, n integer)
RETURNS double precision
LANGUAGE plpgsql
AS $$
DECLARE
  started timestamptz := clock_timestamp();
BEGIN
  EXECUTE statement USING n;
  RETURN extract(epoch FROM clock_timestamp() - started) * 1e6 / n;
END
$$;

CREATE FUNCTION bench_microseconds_bare(n integer) RETURNS double precision
LANGUAGE plpgsql
AS $$
DECLARE
  started timestamptz := clock_timestamp();
  found_status text;
  key text;
BEGIN
  FOR i IN 1..n LOOP
    key := (1000000000000000000 + i % 50000 + 1)::text;
    SELECT e.status INTO found_status
    FROM webhook_dedup_events e
    WHERE e.provider = 'paypal' AND e.dedup_key = key;
  END LOOP;
  RETURN extract(epoch FROM clock_timestamp() - started) * 1e6 / n;
END
$$;

CREATE FUNCTION bench_microseconds_loop(n integer) RETURNS double precision
LANGUAGE plpgsql
AS $$
DECLARE
  started timestamptz := clock_timestamp();
  key text;
BEGIN
  FOR i IN 1..n LOOP
    key := (1000000000000000000 + i % 50000 + 1)::text;
  END LOOP;
  RETURN extract(epoch FROM clock_timestamp() - started) * 1e6 / n;
END
$$;
