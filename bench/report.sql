-- Prints the tables of samples.runs and samples.tables as Markdown.

-- The variant that the others of its kind are compared with
CREATE TEMP VIEW bases AS
SELECT kind, CASE WHEN kind LIKE 'batch%' THEN 'single'
  WHEN kind LIKE 'receive%' THEN 'by_hand' ELSE 'bare' END AS variant
FROM samples.variants
GROUP BY kind;

CREATE TEMP VIEW ratios AS
SELECT v.position, v.kind, v.label, r.clients, r.tps,
  r.tps / b.tps AS ratio, b.tps AS base_tps,
  (r.variant, r.database) = (b.variant, b.database) AS is_base
FROM samples.variants v
JOIN samples.runs r USING (kind, variant, database)
JOIN bases USING (kind)
JOIN samples.runs b ON b.kind = r.kind AND b.clients = r.clients
  AND b.round = r.round AND b.variant = bases.variant
  AND b.database = 'bench';

CREATE TEMP VIEW medians AS
SELECT position, kind, label, clients, is_base,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY tps) AS tps,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) AS ratio,
  min(ratio) AS least, max(ratio) AS most,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY tps)
    / percentile_cont(0.5) WITHIN GROUP (ORDER BY base_tps)
    AS ratio_of_medians
FROM ratios
GROUP BY position, kind, label, clients, is_base;

CREATE TEMP TABLE headings (position int, kind text, title text, unit text);
INSERT INTO headings VALUES
  (1, 'duplicate', 'Duplicate of an event that is done', 'calls/s'),
  (2, 'first', 'First delivery', 'calls/s'),
  (3, 'life', 'Whole life: acquire and mark done', 'events/s'),
  (4, 'batch_first', 'Batch of first deliveries', 'events/s'),
  (5, 'batch_duplicate', 'Batch of duplicates', 'events/s'),
  (6, 'receive_duplicate', 'From payload to answer, duplicate', 'calls/s'),
  (7, 'receive_first', 'From payload to answer, first delivery', 'calls/s');

CREATE TEMP VIEW throughput_lines AS
SELECT kind, 0 AS position,
  format(E'| %s | %s |\n|---|%s', 'variant',
    string_agg(format('%s, %s | ratio', CASE clients WHEN 1 THEN '1 client'
      ELSE clients || ' clients' END, unit), ' | ' ORDER BY clients),
    repeat('---:|---|', count(*)::int)) AS line
FROM (SELECT DISTINCT kind, clients, unit
  FROM medians JOIN headings USING (kind)) c
GROUP BY kind
UNION ALL
SELECT kind, position,
  format('| %s | %s |', label, string_agg(
    format('%s | %s', trim(to_char(tps * factor, '9,999,999,999')),
      CASE WHEN is_base THEN '1'
        ELSE format('%s (%s; %s to %s)', round(ratio::numeric, 2),
          round(ratio_of_medians::numeric, 2), round(least::numeric, 2),
          round(most::numeric, 2)) END),
    ' | ' ORDER BY clients))
FROM medians
CROSS JOIN LATERAL (SELECT
  CASE WHEN kind LIKE 'batch%' THEN :batch_size ELSE 1 END AS factor) f
GROUP BY kind, position, label;

CREATE TEMP VIEW table_lines AS
SELECT t.kind, v.position, v.label,
  round(100.0 * sum(hot_updates) / nullif(sum(updates), 0), 1) AS hot_share,
  round(percentile_cont(0.5)
    WITHIN GROUP (ORDER BY index_bytes::float8 / events)::numeric) AS bytes
FROM samples.tables t
JOIN samples.variants v USING (kind, variant, database)
GROUP BY t.kind, v.position, v.label;

SELECT text FROM (
  SELECT h.position, 0, 0, format(E'### %s\n', title) AS text
  FROM headings h
  WHERE kind IN (SELECT kind FROM medians)
  UNION ALL
  SELECT h.position, 1, l.position, line
  FROM throughput_lines l JOIN headings h USING (kind)
  UNION ALL
  SELECT h.position, 2, 0, E'\n| variant | HOT updates | index bytes'
    ' per event |\n|---|---:|---:|'
  FROM headings h
  WHERE kind = 'life' AND kind IN (SELECT kind FROM table_lines)
  UNION ALL
  SELECT h.position, 3, l.position,
    format('| %s | %s | %s |', label,
      coalesce(hot_share || ' %', 'no updates'), bytes)
  FROM table_lines l JOIN headings h USING (kind)
  WHERE kind = 'life'
  UNION ALL
  SELECT h.position, 4, 0, ''
  FROM headings h
  WHERE kind IN (SELECT kind FROM medians)
) AS t (heading, part, line, text)
ORDER BY heading, part, line;
