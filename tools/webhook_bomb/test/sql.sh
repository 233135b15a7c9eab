# Deliveries without a receiver.
# shellcheck shell=bash
# shellcheck disable=SC2154

samples=$tool/../../examples/payloads
to=(--provider paypal --payload event.json --dsn)
event WH-@EVENT@

for n in 1 50; do
  judged "SQL: $n at once" 0 "By status: .* processed: 1( |$)
^Target:   postgresql .*host=$PGHOST" "${to[@]}" "$dsn password=$sentinel" --n "$n"
  equal "SQL: $n at once: the ledger" "done 1 $(grep -o 'sha256 [0-9a-f]*' out)" \
    "$(sql "SELECT status || ' ' || attempt || ' sha256 ' || left(request_hash, 32) FROM webhook_dedup_events ORDER BY id DESC LIMIT 1")"
done
judged "SQL: events, and late deliveries" 0 'By status: +processed: 8 ' \
  "${to[@]}" "$dsn" --n 5 --events 8 --again
judged "SQL: URI form" 0 '' "${to[@]}" "postgresql:///postgres?host=$PGHOST&user=receiver"
for sample in paypal-capture-completed toss-payment-status-changed; do
  judged "SQL: sample $sample" 0 '' --dsn "$dsn" --provider "${sample%%-*}" \
    --payload "$samples/$sample.json" --headers "$samples/$sample.headers.json"
done
judged "SQL: the same event again" 1 'By status: +already_processed: 5$
^- events never processed: 1$' --dsn "$dsn" --provider toss \
  --payload "$samples/$sample.json" --headers "$samples/$sample.headers.json"
judged "SQL: another scope is another event" 0 '' --dsn "$dsn" --provider toss/eu \
  --payload "$samples/$sample.json" --headers "$samples/$sample.headers.json"

sql "SELECT wd_try_acquire('paypal', 'ev_WH-SQL-HELD')" >/dev/null
event WH-SQL-HELD
judged "SQL: an event that somebody holds" 1 '409: 5$
in_progress: 5$
^Note: somebody acquired' "${to[@]}" "$dsn"
sql "SELECT wd_mark_failed('paypal', 'ev_WH-SQL-HELD')" >/dev/null
sql "ALTER ROLE receiver SET webhook_dedup.max_attempts = 1"
judged "SQL: an exhausted event" 1 ' none +exhausted$
none: 5$' "${to[@]}" "$dsn"
sql "ALTER ROLE receiver RESET webhook_dedup.max_attempts"
judged "SQL: a failed event is processed again" 0 '' "${to[@]}" "$dsn"

while IFS=';' read -r name sqlstate provider content; do
  file odd.json "$content"
  judged "SQL: $name" 1 " none +$sqlstate\$
none: 5\$
^- answers neither processed, already_processed nor in_progress: 5\$" \
    --dsn "$dsn" --provider "$provider" --payload odd.json
done <<LIST
no key;WD001;paypal;{"note":"x"}
unrecognized provider;(WD005|22023);nosuch;{"id":"x"}
NUL escape in the id;22P02;paypal;{"id":"a\\\\u0000b"}
LIST
event WH-@EVENT@
judged "SQL: no privilege" 1 ' none +42501$' "${to[@]}" "host=$PGHOST user=stranger dbname=postgres"
sql "REVOKE EXECUTE ON FUNCTION wd_mark_done FROM receiver"
judged "SQL: an event that cannot be completed" 1 ' none +42501$
^- events never processed: 1$' "${to[@]}" "$dsn"
sql "SELECT wd_grant_receiver('receiver')" >/dev/null
judged "SQL: a read-only session" 1 ' none +25006$' \
  "${to[@]}" "$dsn options='-c default_transaction_read_only=on'"

before=$(sql "SELECT count(*) FROM webhook_dedup_events")
while IFS=';' read -r name pattern conninfo arguments; do
  # shellcheck disable=SC2086 # one word for each argument
  misuse "SQL: $name" "could not open a connection, nothing was delivered: .*$pattern" \
    "${to[@]}" "$conninfo" $arguments
done <<LIST
no server;No such file;host=$work/nowhere dbname=postgres
refused port;refused;host=127.0.0.1 port=1 password=$sentinel
no such role;role "nosuch" does not exist;host=$PGHOST user=nosuch dbname=postgres
extension not installed;function wd_receive.* does not exist;host=$PGHOST user=postgres dbname=bare
too many connections;(too many|remaining);$dsn;--n 200
LIST
equal "barrier: nothing was delivered when one could not be opened" "$before" \
  "$(sql "SELECT count(*) FROM webhook_dedup_events")"

# lock SECONDS [STATEMENT]: blocks the ledger for everybody, in the background.
lock() {
  psql -XAtq >/dev/null <<SQL &
BEGIN;
LOCK TABLE webhook_dedup_events IN ACCESS EXCLUSIVE MODE;
SELECT pg_sleep($1);
$2
SQL
  until [[ $(sql "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'webhook_dedup_events'::regclass") -gt 0 ]]; do
    sleep 0.1
  done
}
lock 3 ''
judged "SQL: a locked ledger" 1 ' none +57014$
none: 5$' "${to[@]}" "$dsn" --timeout 1
wait $!
lock 5 ''
locker=$!
(
  sleep 0.5
  pids=$(sql "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name = 'webhook_bomb'")
  # shellcheck disable=SC2086 # one word for each process
  kill -STOP $pids
  sleep 2.5
  # shellcheck disable=SC2086
  kill -CONT $pids
) &
judged "SQL: processes of the server that do not go on" 1 ' inf +none +timeout$
^- network errors: 5$' "${to[@]}" "$dsn" --timeout 1
wait $! $locker
lock 2 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = 'webhook_bomb';"
judged "SQL: connections terminated" 1 ' inf +none +connection lost$
^- network errors: 5$' "${to[@]}" "$dsn"
wait $!

sql "CREATE DATABASE odd"
psql -Xq -d odd -c 'CREATE SCHEMA "Odd; X"' \
  -c 'CREATE EXTENSION webhook_dedup SCHEMA "Odd; X"'
judged "SQL: extension in a schema with an odd name" 0 '' \
  "${to[@]}" "host=$PGHOST user=postgres dbname=odd"
/usr/bin/python3 -c 'print("{\"id\":\"WH-LARGE\",\"pad\":\"" + "x" * 20000000 + "\"}")' >large.json
judged "SQL: a body of 20 MB" 0 '' --dsn "$dsn" --provider paypal \
  --payload large.json --n 3 --timeout 30
judged "HTTP: the same body is known by its key" 1 'already_processed: 3$' \
  --url "$base/webhooks/paypal" --payload large.json --n 3 --timeout 30
equal "nothing that is secret is in the server's log" 0 \
  "$(grep -c "$sentinel" "$PGHOST/server.log" || true)"
