-- What the demonstration keeps: effects is the business step's own table,
-- deliveries what each delivery was told.
CREATE EXTENSION webhook_dedup;

CREATE ROLE shop LOGIN;
SELECT wd_grant_receiver('shop');

CREATE TABLE effects (
  event text NOT NULL,
  attempt integer NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE deliveries (
  began timestamptz NOT NULL,
  event text NOT NULL,
  how text NOT NULL,
  outcome text NOT NULL,
  http_status integer,
  result text NOT NULL
);
GRANT INSERT ON effects, deliveries TO shop;
