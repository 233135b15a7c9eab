# The mode without a receiver.
# shellcheck shell=bash
# shellcheck disable=SC2154

for n in 1 5 50; do
  event
  judged "DSN: $n at once" 0 "^Verdict: PASS$
By status: .*processed: 1
^Target:   postgresql .*dbname=postgres user=receiver" \
    --dsn "$dsn" --provider paypal --payload event.json --n "$n"
  equal "DSN: $n at once: done at the first attempt" "done 1" \
    "$(sql "SELECT status || ' ' || attempt FROM webhook_dedup_events ORDER BY id DESC LIMIT 1")"
done
equal "DSN: the hash shown is the stored one" "$(grep -o 'sha256 [0-9a-f]*' out)" \
  "sha256 $(sql "SELECT left(request_hash, 32) FROM webhook_dedup_events ORDER BY id DESC LIMIT 1")"
judged "DSN: the same event again" 1 'already_processed: 4
the event was done before' \
  --dsn "$dsn" --provider paypal --payload event.json --n 4
judged "DSN: another scope is another event" 0 'Verdict: PASS' \
  --dsn "$dsn" --provider paypal/eu --payload event.json
event
judged "DSN: URI form" 0 'Verdict: PASS' --provider paypal \
  --dsn "postgresql:///postgres?host=$socket&user=receiver" --payload event.json
event
judged "DSN: the password is not shown" 0 'Verdict: PASS' --provider paypal \
  --dsn "$dsn password=$sentinel" --payload event.json
event
judged "DSN: JSON" 0 '"verdict":"PASS"' --dsn "$dsn" --provider paypal \
  --payload event.json --json
mv out report.json
ok "DSN: JSON is as documented" \
  /usr/bin/python3 "$tool/test/check_json.py" single <report.json

sql "SELECT wd_try_acquire('paypal', 'ev_WH-HELD-2')" >/dev/null
event WH-HELD-2
judged "DSN: an event that somebody holds" 1 "409: 5
in_progress: 5
acquired before, by someone else" \
  --dsn "$dsn" --provider paypal --payload event.json
sql "ALTER ROLE receiver SET webhook_dedup.max_attempts = 1"
sql "SELECT wd_try_acquire('paypal', 'ev_WH-POISON')" >/dev/null
sql "SELECT wd_mark_failed('paypal', 'ev_WH-POISON')" >/dev/null
event WH-POISON
judged "DSN: an exhausted event" 1 "exhausted: 5
5 answers are neither" --dsn "$dsn" --provider paypal --payload event.json
sql "ALTER ROLE receiver RESET webhook_dedup.max_attempts"
sql "SELECT wd_try_acquire('paypal', 'ev_WH-AGAIN')" >/dev/null
sql "SELECT wd_mark_failed('paypal', 'ev_WH-AGAIN')" >/dev/null
event WH-AGAIN
judged "DSN: a failed event is processed again" 0 'Verdict: PASS' \
  --dsn "$dsn" --provider paypal --payload event.json

# refused NAME SQLSTATE PROVIDER CONTENT
refused() {
  file odd.json "$4"
  judged "DSN: $1" 1 "$2
none: 5
5 answers are neither
^Verdict: FAIL$" --dsn "$dsn" --provider "$3" --payload odd.json
}

refused "no key" WD001 paypal '{"note":"x"}'
refused "unrecognized provider" WD005 nosuch '{"id":"x"}'
refused "provider of 200 bytes" 22023 "paypal/$(printf 'x%.0s' {1..200})" '{"id":"x"}'
refused "body is an array" '22P02|WD001|22023' paypal '[]'
refused "NUL escape in the id" 22P02 paypal '{"id":"a\\u0000b"}'
refused "nesting too deep for the server" 54000 paypal \
  "{\"id\":\"x\",\"a\":$(printf '[%.0s' {1..600})$(printf ']%.0s' {1..600})}"
event
sql "ALTER ROLE receiver SET default_transaction_read_only = on"
judged "DSN: a read-only session" 1 '25006
Verdict: FAIL' --dsn "$dsn" --provider paypal --payload event.json
sql "ALTER ROLE receiver RESET default_transaction_read_only"

misuse "DSN: no server" 'could not open connection 1 of 5: .*No such file' \
  --dsn "host=$work/nowhere dbname=postgres" --provider paypal --payload event.json
misuse "DSN: refused port" 'could not open connection 1 of 5' \
  --dsn "host=127.0.0.1 port=1 password=$sentinel" --provider paypal \
  --payload event.json
misuse "DSN: no such database" 'database "nosuch" does not exist' \
  --dsn "host=$socket user=postgres dbname=nosuch" --provider paypal \
  --payload event.json
misuse "DSN: no such role" 'role "nosuch" does not exist' \
  --dsn "host=$socket user=nosuch dbname=postgres" --provider paypal \
  --payload event.json
misuse "DSN: extension not installed" 'extension webhook_dedup is not installed' \
  --dsn "host=$socket user=postgres dbname=bare" --provider paypal \
  --payload event.json
misuse "DSN: no privilege" 'may not call wd_receive and wd_mark_done' \
  --dsn "host=$socket user=stranger dbname=postgres" --provider paypal \
  --payload event.json
misuse "DSN: too many connections" 'could not open connection [0-9]+ of 200: .*(too many|remaining)' \
  --dsn "$dsn" --provider paypal --payload event.json --n 200
misuse "DSN: options that the server refuses" 'could not open connection' \
  --dsn "$dsn options='-c nosuchsetting=1'" --provider paypal \
  --payload event.json

# The holder's transaction blocks the table: nobody answers in time.
event
"$bindir/psql" -XAtq -h "$socket" -U postgres -d postgres >/dev/null <<SQL &
BEGIN;
LOCK TABLE webhook_dedup_events IN ACCESS EXCLUSIVE MODE;
SELECT pg_sleep(4);
SQL
locker=$!
sleep 0.5
judged "DSN: a locked ledger" 1 'timeout
5 network errors' --dsn "$dsn" --provider paypal --payload event.json --timeout 1
wait "$locker"
event
"$bindir/psql" -XAtq -h "$socket" -U postgres -d postgres >/dev/null <<SQL &
BEGIN;
LOCK TABLE webhook_dedup_events IN ACCESS EXCLUSIVE MODE;
SELECT pg_sleep(2.5);
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE application_name = 'webhook_bomb';
SQL
locker=$!
sleep 0.5
judged "DSN: connections terminated" 1 'connection_lost
5 network errors' --dsn "$dsn" --provider paypal --payload event.json
wait "$locker"

# Elsewhere than in the schema public, under a name that needs quotes.
sql "CREATE DATABASE odd"
"$bindir/psql" -Xq -h "$socket" -U postgres -d odd -c 'CREATE SCHEMA "Odd; X"' \
  -c 'CREATE EXTENSION webhook_dedup SCHEMA "Odd; X"'
event
judged "DSN: extension in a schema with an odd name" 0 'Verdict: PASS' \
  --dsn "host=$socket user=postgres dbname=odd" --provider paypal \
  --payload event.json

/usr/bin/python3 -c 'import sys
sys.stdout.write("{\"id\":\"WH-LARGE\",\"pad\":\"" + "x" * 20000000 + "\"}")' >large.json
judged "DSN: a body of 20 MB" 0 'Verdict: PASS' --dsn "$dsn" \
  --provider paypal --payload large.json --n 3 --timeout 30
judged "HTTP: the same body is known by its key" 1 'already_processed: 3' \
  --url "$base/webhooks/paypal" --payload large.json --n 3 --timeout 30
rm large.json
