-- G1, G4, G5: wd_try_acquire and wd_acquire, one caller after the other.
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
-- what is told of an acquisition, without what differs between runs
CREATE FUNCTION pg_temp.told(a wd_acquisition) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', CASE WHEN (a).acquired THEN 'acquired' ELSE 'not acquired' END, (a).outcome, 'attempt', (a).attempt,
                   'http', coalesce((a).http_status::text, '-'), CASE WHEN (a).hash_matches THEN '' ELSE 'hash differs' END)
$$;

-- the seed's own call: true = process it, false = somebody did or does
SELECT wd_try_acquire('stripe', 'evt_1'), wd_try_acquire('stripe', 'evt_1');
SELECT wd_mark_done('stripe', 'evt_1');
SELECT wd_try_acquire('stripe', 'evt_1');
SELECT wd_try_acquire('stripe', 'evt_2', 'hash', '1 hour');

-- life of an event, seen through wd_acquire
SELECT pg_temp.told(wd_acquire('github', 'e'));
SELECT pg_temp.told(wd_acquire('github', 'e'));
SELECT wd_mark_failed('github', 'e', 1, 'timeout');
SELECT pg_temp.told(wd_acquire('github', 'e'));
UPDATE webhook_dedup_events SET lease_expires_at = clock_timestamp() - interval '1 us' WHERE dedup_key = 'e';
SELECT pg_temp.told(wd_acquire('github', 'e'));
SELECT wd_mark_done('github', 'e', 3);
SELECT pg_temp.told(wd_acquire('github', 'e'));
SELECT wd_reopen('github', 'e');
SELECT pg_temp.told(wd_acquire('github', 'e'));

-- each column says what it is
SELECT acquired, outcome, event_id > 0 AS has_id, provider, dedup_key, attempt,
       lease_expires_at - clock_timestamp() BETWEEN interval '9 min' AND interval '10 min' AS lease,
       clock_timestamp() - first_seen_at < interval '1 min' AS first_seen, request_hash, hash_matches, http_status
  FROM wd_acquire('zoom', 'columns', 'abc', '10 min');
SELECT a.event_id = e.id AS id, a.first_seen_at = e.first_seen_at AS first, a.lease_expires_at = e.lease_expires_at AS lease
  FROM wd_acquire('zoom', 'columns', 'abc', '1 min') a JOIN webhook_dedup_events e USING (provider, dedup_key);
SELECT wd_mark_done('zoom', 'columns');
SELECT lease_expires_at IS NULL AS no_lease, request_hash FROM wd_acquire('zoom', 'columns');

-- what to answer while busy: 409 where the provider comes back on it, else 503, never 200
SELECT provider, (wd_acquire(provider, 'busy')).acquired, (wd_acquire(provider, 'busy')).http_status
  FROM unnest(ARRAY['paypal', 'toss', 'paypal/eu', 'toss/1/2', 'PayPal', 'paypalx', 'pay', 'paypal2/eu', 'x/paypal', 'stripe', '/', '결제']) provider;

-- hashes: the first one given stays, a different one is reported and never fatal
SELECT request_hash, hash_matches FROM wd_acquire('hash', 'h');
SELECT request_hash, hash_matches FROM wd_acquire('hash', 'h', 'late');
SELECT wd_mark_failed('hash', 'h');
SELECT request_hash, hash_matches FROM wd_acquire('hash', 'h', 'one');
SELECT request_hash, hash_matches FROM wd_acquire('hash', 'h', 'two');
SELECT request_hash, hash_matches FROM wd_acquire('hash', 'h', 'ONE');
SELECT request_hash, hash_matches FROM wd_acquire('hash', 'h');
SELECT wd_mark_failed('hash', 'h');
SELECT outcome, request_hash, hash_matches FROM wd_acquire('hash', 'h', 'two');
SELECT wd_mark_done('hash', 'h');
SELECT outcome, request_hash, hash_matches FROM wd_acquire('hash', 'h', 'one');
SELECT request_hash FROM webhook_dedup_events WHERE provider = 'hash';

-- keys and providers are compared byte by byte
SELECT wd_try_acquire(p, k) FROM (VALUES ('bytes', 'k'), ('bytes', 'K'), ('Bytes', 'k'), ('bytes', 'k '), (' bytes', 'k'), ('bytes', E'k\t'), ('bytes', 'é'), ('bytes', E'e\u0301')) v(p, k);
-- provider and key do not run together
SELECT wd_try_acquire(p, k) FROM (VALUES ('ab', 'c'), ('a', 'bc'), ('a/b', 'c'), ('a', 'b/c')) v(p, k);
-- the same key twice in one statement
SELECT wd_try_acquire('twice', k) FROM unnest(ARRAY['a', 'b', 'a', 'b']) k;

-- arguments out of range
SELECT pg_temp.err(format('SELECT %s(%L, %L)', f, p, k)) FROM
  unnest(ARRAY['wd_try_acquire', 'wd_acquire', 'wd_try_once', 'wd_mark_done', 'wd_mark_failed', 'wd_lookup', 'wd_reopen']) f,
  (VALUES (NULL, 'k'), ('p', NULL), ('', 'k'), ('p', '')) v(p, k);
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L)', repeat('p', 128), repeat('k', 512)));
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L)', repeat('p', 129), 'k'));
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L)', 'p', repeat('k', 513)));
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L)', 'p', repeat('é', 257)));
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L)', 'p', repeat('k', 10000000)));
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L, %L)', 'p', 'hash', repeat('h', 128)));
SELECT pg_temp.err(format('SELECT wd_try_acquire(%L, %L, %L)', 'p', 'hash', repeat('h', 129)));
SELECT pg_temp.err($$SELECT wd_try_acquire('p', 'hash', '')$$);
-- nothing was stored by those that failed; a key is never cut
SELECT length(provider), length(dedup_key), length(request_hash) FROM webhook_dedup_events WHERE length(provider) > 20 OR provider = 'p' ORDER BY id;
SELECT wd_try_acquire('p', repeat('k', 511) || 'a'), wd_try_acquire('p', repeat('k', 511) || 'b');
-- the hint says what to do
SELECT wd_try_acquire('p', repeat('k', 513));
-- named arguments
SELECT wd_try_acquire(provider => 'named', dedup_key => 'k', lease => '1 min');
