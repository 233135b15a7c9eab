-- The tables at the end of the demonstration.
\pset footer off
\pset null ''

\echo 'What each delivery was told'
\echo
WITH alike AS (
  SELECT event, how, outcome, http_status, result, count(*) AS deliveries,
    min(min(began)) OVER (PARTITION BY event, how) AS how_began
  FROM deliveries
  GROUP BY event, how, outcome, http_status, result
), ordered AS (
  SELECT *,
    row_number() OVER (PARTITION BY event ORDER BY how_began, deliveries) AS of_event,
    row_number() OVER (PARTITION BY event, how ORDER BY deliveries, outcome DESC) AS of_how
  FROM alike
)
SELECT CASE of_event WHEN 1 THEN event ELSE '' END AS "event",
  CASE of_how WHEN 1 THEN how ELSE '' END AS "delivered",
  deliveries AS "times",
  outcome AS "told",
  coalesce(http_status::text, '-') AS "HTTP",
  result AS "what happened"
FROM ordered
ORDER BY ordered.event, how_began, of_how;

\echo 'How often each event was processed'
\echo
SELECT event AS "event",
  count(*) AS "delivered",
  (SELECT count(*) FROM effects AS e WHERE e.event = d.event) AS "processed",
  CASE (SELECT count(*) FROM effects AS e WHERE e.event = d.event)
    WHEN 1 THEN 'exactly once' ELSE 'WRONG' END AS "verdict"
FROM deliveries AS d
GROUP BY event
ORDER BY event;

\echo 'The ledger'
\echo
SELECT provider, dedup_key, status, attempt, left(request_hash, 12) || '...' AS request_hash, last_error
FROM webhook_dedup_events
ORDER BY id;
