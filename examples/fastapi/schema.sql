-- The table that the example's business step writes to.  Nothing in it keeps
-- an event from being written twice: that is the receiver's part.
CREATE TABLE payments_effects (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL,
  event_id bigint NOT NULL,
  attempt integer NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
