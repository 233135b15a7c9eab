#!/usr/bin/env bash
# Two readings of one delivery: the key that the extension's scanner finds, and
# the key that plain SQL reads through jsonb, are the same.
#
#   test/parts/differential.sh [DOCUMENTS [SEED]]
#
# A corpus, read as each provider's, then random documents (100,000) for the
# built-in providers and some with unusual templates.  The seed is printed;
# the first documents that are read differently are as well.
#
# PG_CONFIG names the server, into which the extension has been installed;
# everything is run in WD_TMP.
# packages: python3
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PG_CONFIG:?}" "${WD_TMP:?}"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/common.sh"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/postgres.sh"

install_packages "$WD_TMP/apt.log" python3
if ((EUID == 0)); then
  # no server program runs as root
  chown postgres "$WD_TMP"
  exec runuser -u postgres -- env PG_CONFIG="$PG_CONFIG" WD_TMP="$WD_TMP" \
    "${BASH_SOURCE[0]}" "$@"
fi

documents=${1:-100000}
seed=${2:-$((RANDOM << 15 | RANDOM))}
differential=$checkout/test/differential
work=$WD_TMP
PATH=$("$PG_CONFIG" --bindir):$PATH
passed=0
failed=0

report() { # report STATUS NAME
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok - $2"
  else
    failed=$((failed + 1))
    echo "not ok - $2"
  fi
}

sql() {
  psql -X --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "$@"
}

# none NAME QUERY: passes if the query has no rows, and shows the first ones;
# whatever the query writes is rolled back
none() {
  local status=0
  sql --expanded --command=BEGIN --command="SELECT * FROM ($2) q LIMIT 5" \
    --command=ROLLBACK >"$work/rows" || status=$?
  if [ -s "$work/rows" ]; then
    cat "$work/rows"
    status=1
  fi
  report "$status" "$1"
}

# Documents from standard input; those that jsonb cannot read are left out.
load() {
  sql --command="CREATE TEMP TABLE raw (id integer, source text, provider text,
                   rewrite boolean, payload bytea, headers jsonb)" \
    --command="COPY raw FROM STDIN" \
    --command="INSERT INTO inputs.documents
               SELECT id, source, provider, CASE WHEN rewrite
                 THEN convert_to(convert_from(payload, 'UTF8')::jsonb::text, 'UTF8')
                 ELSE payload END, headers
                 FROM raw WHERE source = 'random' OR inputs.is_comparable(payload)"
}

# ask CONDITION: answers and readings of documents
ask() {
  sql --command="INSERT INTO inputs.answers
                 SELECT d.id, e.keys,
                        inputs.derived(d.provider, convert_from(d.payload, 'UTF8')::jsonb,
                                       d.headers), e.templates
                   FROM inputs.documents d,
                        inputs.explained(d.provider, d.payload, d.headers) e
                  WHERE $1" \
    --command="INSERT INTO inputs.readings
               SELECT d.id, k.keys, k.whole
                 FROM inputs.documents d,
                      differential.keys(d.provider, d.payload, d.headers) k
                WHERE $1"
}

# lane NUMBER: one half of the random documents
# shellcheck disable=SC2317 # start_job runs it
lane() {
  local half=$((documents / 2))
  local first=$((1 + $1 * half))
  "$differential/generate.py" "$(cat "$work/templates")" --seed $((seed + $1)) \
    --first "$first" --count "$half" | load
  ask "d.id BETWEEN $first AND $((first + half - 1))"
}

# compare NAME CONDITION: of documents, the shortest that differ being shown
compare() {
  none "$1: the scanner and jsonb give the same keys" "
    SELECT id, provider, payload, headers, answer, reading
      FROM inputs.compared WHERE $2 AND NOT same_keys ORDER BY length(payload)"
  none "$1: wd_dedup_key gives the same key, or the same error" "
    SELECT id, provider, payload, headers, whole_answer, whole_reading
      FROM inputs.compared WHERE $2 AND NOT same_whole ORDER BY length(payload)"
}

# mutant FROM TO WHAT: a reader that is wrong does not agree on every document
mutant() {
  local status=0 found=0
  sed -e "s/$1/$2/" "$differential/reader.sql" >"$work/mutant.sql"
  if cmp -s "$differential/reader.sql" "$work/mutant.sql"; then
    echo "reader.sql has nothing that $1 matches"
    status=1
  else
    sed -n '/^CREATE FUNCTION differential.keys/,/^\$\$;/p' "$differential/compare.sql" \
      >>"$work/mutant.sql"
    sed -i 's/differential/mutant/g' "$work/mutant.sql"
    found=$(sql --single-transaction --command="DROP SCHEMA IF EXISTS mutant CASCADE" \
      --file="$work/mutant.sql" --command="
        SELECT count(*)
          FROM inputs.documents d JOIN inputs.answers a USING (id),
               mutant.keys(d.provider, d.payload, d.headers) k
         WHERE d.id % (SELECT max(id) / 10000 + 1 FROM inputs.documents) = 0
           AND NOT inputs.same(a.keys, k.keys, d.provider, d.payload)" \
      2>"$work/mutant.log") || cat "$work/mutant.log"
    ((found > 0)) || status=1
  fi
  report "$status" "the comparison notices $3: ${found:-0} mismatches"
}

# The last checks, and the result
finish() {
  local status=0
  grep -E 'PANIC|terminated by signal' "$work/pg/server.log" && status=1
  report "$status" "no server process ended"
  echo "$passed passed, $failed failed"
  exit $((failed > 0))
}

trap 'stop_server "$work/pg"' EXIT
start_server "$work/pg" shared_buffers=256MB autovacuum=off
sql --command="CREATE EXTENSION webhook_dedup"
sql --single-transaction --file="$differential/providers.sql" \
  --file="$differential/reader.sql" --file="$differential/compare.sql" >"$work/setup.log"
sql --command="SELECT json_object_agg(provider, key_templates) FROM wd_providers
                WHERE key_templates IS NOT NULL" >"$work/templates"
providers=$(sql --command="SELECT string_agg(provider, ',') FROM wd_providers
                            WHERE key_templates IS NOT NULL")

SECONDS=0
status=0
"$differential/corpus.py" "$providers" "$differential/corpus" \
  "$checkout/test/fuzz/corpus/json" "$checkout/examples/payloads" | load || status=1
ask "d.id < 0" || status=1
report "$status" "the corpus was read"
echo "# corpus: $(sql --command="SELECT count(*) || ' documents of providers, '
  || count(*) FILTER (WHERE cardinality(a.keys) > 0) || ' with keys'
  FROM inputs.documents d JOIN inputs.answers a USING (id) WHERE d.id < 0")"
compare corpus 'id < 0'
none "corpus: each built-in provider has a document of its own, with keys" "
  SELECT p.provider
    FROM wd_providers p
   WHERE p.is_built_in AND p.key_templates IS NOT NULL AND NOT EXISTS
         (SELECT FROM inputs.documents d JOIN inputs.answers a USING (id)
           WHERE d.provider = p.provider AND d.source = 'own' AND a.templates IS NOT NULL)
   UNION ALL
  SELECT d.provider || ': ' || convert_from(d.payload, 'UTF8')
    FROM inputs.documents d JOIN inputs.answers a USING (id)
   WHERE d.source = 'own' AND a.templates IS NULL"

echo "# differential.sh $documents $seed"
status=0
start_job lane 0
lanes=("$job")
start_job lane 1
lanes+=("$job")
for job in "${lanes[@]}"; do
  wait "$job" || status=1
done
if [ "$status" -ne 0 ]; then
  report 1 "random documents were read"
  finish
fi
count=$(sql --command="SELECT count(*) FROM inputs.compared WHERE id > 0")
report $((count != documents / 2 * 2)) "$count random documents were read"
echo "# read in $SECONDS s"
sql --command="ANALYZE inputs.documents, inputs.answers, inputs.readings"

share=$(sql --command="SELECT COALESCE(100 * count(templates) / NULLIF(count(*), 0), 0)
                         FROM inputs.answers WHERE id > 0")
echo "# $share % of the random documents have keys"
report $((share < 30)) "30 % of the random documents or more have keys"
compare "random documents" 'id > 0'
none "each template gave a key" "
  SELECT t.provider, t.template
    FROM differential.templates t
   WHERE (t.provider, t.number) NOT IN
         (SELECT split_part(d.provider, '/', 1), u.number
            FROM inputs.documents d JOIN inputs.answers a USING (id), unnest(a.templates) u (number)
           WHERE d.id > 0)"

sample="d.id % (SELECT max(id) / 2000 + 1 FROM inputs.documents) = 0"
none "wd_receive_items gives the same keys in the order of the text" "
  WITH received AS MATERIALIZED (
    SELECT d.provider, d.payload, d.headers,
           inputs.received(d.provider, d.payload, d.headers) AS answer,
           inputs.to_receive(d.provider, d.payload, d.headers) AS reading
      FROM inputs.documents d WHERE $sample)
  SELECT provider, convert_from(payload, 'UTF8') AS payload, headers, answer, reading
    FROM received
   WHERE NOT inputs.same(answer, reading, provider, payload)"

mutant "RETURN replace(replace(value, '%', '%25'), ':', '%3A')" 'RETURN value' \
  'that values are not escaped'
mutant 'is_leaf := false;' 'is_leaf := true;' \
  'that elements around others are events too'
first="CASE json_typeof(payload::json) WHEN 'object' THEN ("
first+='SELECT jsonb_object_agg(m.name, m.value ORDER BY m.n DESC) '
first+='FROM json_each(payload::json) WITH ORDINALITY AS m (name, value, n)) '
first+='ELSE payload::jsonb END'
mutant 'RETURN payload::jsonb' "RETURN $first" \
  'that the first of several members counts'
mutant 'found -> 0;' 'found -> -1;' 'that the last value of a header counts'
mutant "= name$" "= name AND e.key = name" 'that the case of header names matters'
mutant " AND NOT p.optional" '' 'that nothing is optional'
mutant 'value IS DISTINCT FROM p.expected' 'value IS NULL' 'that conditions are not checked'
mutant '> 512' '> 520' 'that a key may be a little longer'
mutant 'octet_length(convert_to(key, .UTF8.))' 'length(key)' \
  'that characters are counted, not bytes'
mutant ' AND jsonb_typeof(value) = .object.' '' 'that arrays have members'
mutant "starts_with(.*)$" false 'that what looks like a digest is left as it is'

finish
