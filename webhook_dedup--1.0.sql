/* webhook_dedup--1.0.sql */

-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION webhook_dedup" to load this file. \quit

--
-- Types
--

-- A domain over text, so that clients bind and compare plain text.  Its CHECK
-- is kept ready by the server; a CHECK of the table would be read from its
-- text at each insertion.
CREATE DOMAIN wd_status AS text COLLATE "C"
  CHECK (VALUE OPERATOR(pg_catalog.=) ANY (ARRAY['processing', 'done', 'failed']));
COMMENT ON DOMAIN wd_status IS
'status of an event: processing, done or failed';

CREATE TYPE wd_outcome AS ENUM
  ('first', 'retry', 'reclaimed', 'in_progress', 'done', 'exhausted');
COMMENT ON TYPE wd_outcome IS
'what a delivery met: first, retry and reclaimed acquire the event; in_progress, done and exhausted do not';

CREATE TYPE wd_acquisition AS (
  acquired boolean,
  outcome wd_outcome,
  event_id bigint,
  provider text,
  dedup_key text,
  attempt integer,
  lease_expires_at timestamptz,
  first_seen_at timestamptz,
  request_hash text,
  hash_matches boolean,
  http_status integer
);
COMMENT ON TYPE wd_acquisition IS
'answer to one delivery of an event';

--
-- The ledger
--

CREATE TABLE webhook_dedup_events (
  id bigserial CONSTRAINT webhook_dedup_events_pkey PRIMARY KEY,
  provider text COLLATE "C" NOT NULL,
  dedup_key text COLLATE "C" NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  last_seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  status wd_status NOT NULL DEFAULT 'processing',
  request_hash text COLLATE "C",
  attempt integer NOT NULL DEFAULT 1,
  lease_expires_at timestamptz,
  last_error text,
  CONSTRAINT uq_webhook_dedup_events UNIQUE (provider, dedup_key)
);
SELECT pg_catalog.pg_extension_config_dump('webhook_dedup_events', '');
SELECT pg_catalog.pg_extension_config_dump('webhook_dedup_events_id_seq', '');
REVOKE ALL ON TABLE webhook_dedup_events FROM PUBLIC;
REVOKE ALL ON SEQUENCE webhook_dedup_events_id_seq FROM PUBLIC;

CREATE INDEX idx_webhook_dedup_status ON webhook_dedup_events (status)
  WHERE status OPERATOR(pg_catalog.=) 'processing'::text
     OR status OPERATOR(pg_catalog.=) 'failed'::text;
CREATE INDEX idx_webhook_dedup_first_seen ON webhook_dedup_events (first_seen_at);

COMMENT ON TABLE webhook_dedup_events IS
'ledger of webhook events: one row for each (provider, dedup_key) ever acquired';
COMMENT ON COLUMN webhook_dedup_events.id IS
'number of the event, in the order of first acquisition, with gaps';
COMMENT ON COLUMN webhook_dedup_events.provider IS
'who sends the event: "rules" or "rules/scope"';
COMMENT ON COLUMN webhook_dedup_events.dedup_key IS
'what identifies the event among those of its provider';
COMMENT ON COLUMN webhook_dedup_events.first_seen_at IS
'when the event was acquired for the first time';
COMMENT ON COLUMN webhook_dedup_events.last_seen_at IS
'when the event was last acquired, completed or reopened';
COMMENT ON COLUMN webhook_dedup_events.status IS
'processing, done or failed';
COMMENT ON COLUMN webhook_dedup_events.request_hash IS
'digest of the payload of the first delivery that gave one';
COMMENT ON COLUMN webhook_dedup_events.attempt IS
'number of acquisitions, the fencing token; only grows';
COMMENT ON COLUMN webhook_dedup_events.lease_expires_at IS
'while processing: when the next delivery may take over, null for never; while failed: when an operator reopened the event';
COMMENT ON COLUMN webhook_dedup_events.last_error IS
'code or class of the last failure, at most 200 characters';
COMMENT ON CONSTRAINT uq_webhook_dedup_events ON webhook_dedup_events IS
'decides which of several concurrent callers acquires an event';
COMMENT ON INDEX idx_webhook_dedup_status IS
'finds the few events that are not done';
COMMENT ON INDEX idx_webhook_dedup_first_seen IS
'finds the oldest events, for retention';

--
-- Acquire
--

CREATE FUNCTION wd_try_acquire(
  provider text,
  dedup_key text,
  request_hash text DEFAULT NULL,
  lease interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_try_acquire(text, text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_try_acquire(text, text, text, interval) IS
'acquires an event under a lease: true if the caller is to process it';

CREATE FUNCTION wd_acquire(
  provider text,
  dedup_key text,
  request_hash text DEFAULT NULL,
  lease interval DEFAULT NULL)
RETURNS wd_acquisition
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_acquire(text, text, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_acquire(text, text, text, interval) IS
'acquires an event under a lease and tells what the delivery met';

CREATE FUNCTION wd_acquire_many(
  provider text,
  dedup_keys text[],
  request_hashes text[] DEFAULT NULL,
  lease interval DEFAULT NULL)
RETURNS SETOF wd_acquisition
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
ROWS 100
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_acquire_many(text, text[], text[], interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_acquire_many(text, text[], text[], interval) IS
'acquires several events at once: one answer for each key, in their order';

CREATE FUNCTION wd_try_once(
  provider text,
  dedup_key text,
  request_hash text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_try_once(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_try_once(text, text, text) IS
'records an event as done by the current transaction: true if that transaction is to process it';

CREATE FUNCTION wd_receive(
  provider text,
  payload bytea,
  headers jsonb DEFAULT '{}',
  lease interval DEFAULT NULL)
RETURNS wd_acquisition
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_receive(text, bytea, jsonb, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_receive(text, bytea, jsonb, interval) IS
'hashes a delivered payload, derives the key of its event and acquires it';

--
-- Complete
--

CREATE FUNCTION wd_mark_done(
  provider text,
  dedup_key text,
  attempt integer DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_mark_done(text, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION wd_mark_done(text, text, integer) IS
'completes an event: true if this call did, false if the caller does not hold it any more';

CREATE FUNCTION wd_mark_failed(
  provider text,
  dedup_key text,
  attempt integer DEFAULT NULL,
  error text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_mark_failed(text, text, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_mark_failed(text, text, integer, text) IS
'gives an event back, to be acquired by its next delivery: true if this call did, false if the caller does not hold it any more';

CREATE FUNCTION wd_mark_done_many(
  provider text,
  dedup_keys text[],
  attempts integer[] DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_mark_done_many(text, text[], integer[]) FROM PUBLIC;
COMMENT ON FUNCTION wd_mark_done_many(text, text[], integer[]) IS
'completes several events at once: the number of those that this call completed';

CREATE FUNCTION wd_extend_lease(
  provider text,
  dedup_key text,
  attempt integer,
  lease interval DEFAULT NULL)
RETURNS timestamptz
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_extend_lease(text, text, integer, interval) FROM PUBLIC;
COMMENT ON FUNCTION wd_extend_lease(text, text, integer, interval) IS
'lets a lease begin anew: when it ends, null if the caller does not hold the event any more';

CREATE FUNCTION wd_assert_owner(
  provider text,
  dedup_key text,
  attempt integer)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_assert_owner(text, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION wd_assert_owner(text, text, integer) IS
'locks an event for the current transaction, and raises WD004 unless the attempt holds it';

--
-- Derive
--

CREATE FUNCTION wd_payload_hash(
  payload bytea)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION wd_payload_hash(bytea) IS
'SHA-256 digest of a payload: 64 lower-case hexadecimal digits';

CREATE FUNCTION wd_dedup_key(
  provider text,
  payload jsonb,
  headers jsonb DEFAULT '{}')
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION wd_dedup_key(text, jsonb, jsonb) IS
'key of an event of this provider';

CREATE FUNCTION wd_paypal_dedup_key(
  payload jsonb,
  headers jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION wd_paypal_dedup_key(jsonb, jsonb) IS
'key of an event of PayPal';

CREATE FUNCTION wd_toss_dedup_key(
  payload jsonb,
  headers jsonb)
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION wd_toss_dedup_key(jsonb, jsonb) IS
'key of an event of Toss Payments';

--
-- Operate
--

CREATE FUNCTION wd_lookup(
  provider text,
  dedup_key text)
RETURNS wd_status
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_lookup(text, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_lookup(text, text) IS
'status of an event, null if it was never seen';

CREATE FUNCTION wd_reopen(
  provider text,
  dedup_key text)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_reopen(text, text) FROM PUBLIC;
COMMENT ON FUNCTION wd_reopen(text, text) IS
'lets the next delivery process an event that is done, failed, or whose lease has ended: false while a lease goes on';

CREATE FUNCTION wd_grant_receiver(
  role regrole)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_grant_receiver(regrole) FROM PUBLIC;
COMMENT ON FUNCTION wd_grant_receiver(regrole) IS
'lets a role call what a webhook handler needs';

CREATE FUNCTION wd_grant_operator(
  role regrole)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp;
REVOKE ALL ON FUNCTION wd_grant_operator(regrole) FROM PUBLIC;
COMMENT ON FUNCTION wd_grant_operator(regrole) IS
'lets a role read the ledger and change single events';

--
-- Nobody but the owner, whatever the default privileges of this database say
--

DO $do$
DECLARE
  granted record;
BEGIN
  FOR granted IN
    SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
           c.oid::pg_catalog.regclass::text AS object, a.grantee
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
     WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY['@extschema@.webhook_dedup_events'::pg_catalog.regclass,
                                                   '@extschema@.webhook_dedup_events_id_seq'::pg_catalog.regclass]::oid[])
       AND a.grantee OPERATOR(pg_catalog.<>) c.relowner
    UNION
    SELECT 'FUNCTION', p.oid::pg_catalog.regprocedure::text, a.grantee
      FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
     WHERE p.pronamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace
       AND p.probin OPERATOR(pg_catalog.=) 'MODULE_PATHNAME'::text
       AND p.proconfig IS NOT NULL
       AND a.grantee OPERATOR(pg_catalog.<>) p.proowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', granted.kind, granted.object,
                              granted.grantee::pg_catalog.regrole);
  END LOOP;
END
$do$;
