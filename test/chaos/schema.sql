-- What a chaos run needs beside the ledger, in its private database.

CREATE EXTENSION webhook_dedup;

-- One sequence numbers both the effects and the changes of the ledger.  Each
-- value is taken while the event's row is locked, so that for one event the
-- numbers are the order in which things happened.
CREATE SEQUENCE chaos_seq;

CREATE TABLE chaos_effects (
  seq bigint PRIMARY KEY DEFAULT nextval('chaos_seq'),
  event text NOT NULL,
  kind text NOT NULL,
  attempt integer,
  client text NOT NULL,
  op integer NOT NULL
);

CREATE TABLE chaos_transitions (
  seq bigint PRIMARY KEY DEFAULT nextval('chaos_seq'),
  event text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  before jsonb,
  after jsonb NOT NULL
);

CREATE FUNCTION chaos_us(timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE
RETURN (extract(epoch FROM $1) * 1000000)::bigint;

CREATE FUNCTION chaos_state(e webhook_dedup_events) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object('status', e.status, 'attempt', e.attempt,
                          'lease_end', public.chaos_us(e.lease_expires_at));

CREATE FUNCTION chaos_note_transition() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.chaos_transitions (event, before, after)
  VALUES (new.dedup_key,
          CASE WHEN tg_op = 'UPDATE' THEN public.chaos_state(old) END,
          public.chaos_state(new));
  RETURN NULL;
END
$$;

CREATE TRIGGER chaos_transitions
AFTER INSERT OR UPDATE ON webhook_dedup_events
FOR EACH ROW EXECUTE FUNCTION chaos_note_transition();

CREATE ROLE handler LOGIN;
SELECT wd_grant_receiver('handler'), wd_grant_operator('handler');
GRANT INSERT ON chaos_effects TO handler;
GRANT USAGE ON SEQUENCE chaos_seq TO handler;
GRANT EXECUTE ON FUNCTION chaos_us(timestamptz) TO handler;
