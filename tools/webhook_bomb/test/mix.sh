# Streams of many events.
# shellcheck shell=bash
# shellcheck disable=SC2154

url=$base/webhooks/paypal

# bad_mix NAME PATTERN CONTENT
bad_mix() {
  file bad.json "$3"
  misuse "mix: $1" "$2" --url "$url" --mix bad.json
}

misuse "mix: absent" 'could not open mix file "absent.json"' \
  --url "$url" --mix absent.json
while IFS='|' read -r name pattern content; do
  bad_mix "$name" "$pattern" "$content"
done <<LIST
empty|is empty|
not JSON|mix file "bad.json" is not valid JSON: line 1|$sentinel
array|must hold a JSON object|[]
nothing|member "duplicates" is missing|{}
rate missing|member "rate" is missing|{"duplicates":0.5,"seconds":1}
seconds missing|member "seconds" is missing|{"duplicates":0.5,"rate":1}
misspelt member|unrecognized member "event"|{"event":5,"duplicates":0,"rate":1,"seconds":1}
member twice|has a member twice|{"rate":1,"rate":2}
rate as text|"rate" must be a number|{"duplicates":0,"rate":"1","seconds":1}
rate null|"rate" must be a number|{"duplicates":0,"rate":null,"seconds":1}
rate 0|"rate" must be a number between 0.1 and 100000|{"duplicates":0,"rate":0,"seconds":1}
rate negative|"rate" must be a number|{"duplicates":0,"rate":-5,"seconds":1}
rate too high|"rate" must be a number|{"duplicates":0,"rate":100001,"seconds":1}
rate beyond numbers|has a value that cannot be represented: line 1|{"duplicates":0,"rate":1e999,"seconds":1}
duplicates negative|"duplicates" must be a number between 0 and 0.99|{"duplicates":-0.1,"rate":5,"seconds":1}
duplicates 1|"duplicates" must be a number|{"duplicates":1,"rate":5,"seconds":1}
duplicates in per cent|"duplicates" must be a number|{"duplicates":30,"rate":5,"seconds":1}
seconds 0|"seconds" must be a number|{"duplicates":0,"rate":5,"seconds":0}
seconds too long|"seconds" must be a number|{"duplicates":0,"rate":5,"seconds":86401}
events 0|"events" must be a whole number between 1 and 1000000|{"events":0,"duplicates":0,"rate":5,"seconds":1}
events with a fraction|"events" must be a whole number|{"events":1.5,"duplicates":0,"rate":5,"seconds":1}
events as a real|"events" must be a whole number|{"events":5.0,"duplicates":0,"rate":5,"seconds":1}
concurrency 0|"concurrency" must be a whole number between 1 and 1000|{"concurrency":0,"duplicates":0,"rate":5,"seconds":1}
concurrency too high|"concurrency" must be a whole number|{"concurrency":1001,"duplicates":0,"rate":5,"seconds":1}
provider empty|"provider" must be a string of 1 to 128 bytes|{"provider":"","duplicates":0,"rate":5,"seconds":1}
provider a number|"provider" must be a string|{"provider":5,"duplicates":0,"rate":5,"seconds":1}
provider with a line feed|"provider" has a control character|{"provider":"a\\\\nb","duplicates":0,"rate":5,"seconds":1}
less than one delivery|less than one delivery|{"duplicates":0,"rate":0.5,"seconds":1}
too many deliveries|more than 1000000 deliveries|{"duplicates":0,"rate":1000,"seconds":1001}
LIST

file mix.json '{"provider":"paypal","events":60,"duplicates":0.4,"rate":60,"seconds":3,"concurrency":8}'
file h.json "{\"X-Secret\":\"$sentinel\"}"

before=$(sql "SELECT count(*) FROM webhook_dedup_events")
judged "mix: HTTP" 0 "^Mix: +provider paypal, 100 deliveries of 60 events, 40 of them duplicates$
^Events: +60 processed exactly once, 0 more than once, 0 never$
^Verdict: PASS$" --url "$url" --mix mix.json --headers h.json
equal "mix: HTTP: a new row per event" 60 \
  "$(sql "SELECT count(*) - $before FROM webhook_dedup_events")"
equal "mix: HTTP: all are done, at the first attempt" "60 60 1" \
  "$(sql "SELECT count(*), count(*) FILTER (WHERE status = 'done'), max(attempt) FROM (SELECT * FROM webhook_dedup_events ORDER BY id DESC LIMIT 60) e" | tr '|' ' ')"
equal "mix: progress on stderr, beside the last line" 1 \
  "$(head -n 1 err | grep -Ec '^[12] s: [0-9]+ of 100 deliveries, [0-9]+ answered, 0 network errors$')"
equal "mix: the rate is not exceeded" 1 "$(grep -Ec '^Sent: +100 deliveries in (1\.[6-9]|[2-9]\.[0-9]) s, ' out)"
equal "mix: the last progress line tells all" '100 of 100 deliveries, 100 answered' \
  "$(tail -n 1 err | grep -o '100 of 100.*answered')"

judged "mix: DSN" 0 "^Events: +60 processed exactly once
^Verdict: PASS$" --dsn "$dsn" --mix mix.json
judged "mix: run again, other events" 0 'Verdict: PASS' --dsn "$dsn" --mix mix.json
judged "mix: JSON" 0 '"verdict":"PASS"' --dsn "$dsn" --mix mix.json --json
mv out report.json
ok "mix: JSON is as documented" \
  /usr/bin/python3 "$tool/test/check_json.py" mix <report.json
file crowd.json '{"duplicates":0.9,"rate":200,"seconds":1,"concurrency":10}'
judged "mix: nine of ten are duplicates" 0 "200 deliveries of 20 events
^Verdict: PASS$" --dsn "$dsn" --mix crowd.json
file one.json '{"duplicates":0.99,"rate":50,"seconds":1,"concurrency":1}'
judged "mix: one connection" 0 "50 deliveries of 1 events
^Verdict: PASS$" --dsn "$dsn" --mix one.json
file unique.json '{"duplicates":0,"rate":50,"seconds":1}'
judged "mix: no duplicates" 0 "50 of them|0 of them duplicates
already_processed|By status: +processed: 50$" --url "$url" --mix unique.json
file fast.json '{"events":200,"duplicates":0.2,"rate":20000,"seconds":1,"concurrency":4}'
judged "mix: faster than the target" 0 '^Verdict: PASS$' --dsn "$dsn" --mix fast.json
file slow.json '{"duplicates":0.5,"rate":20,"seconds":0.5,"concurrency":3}'
file lag.json '{"duplicates":0,"rate":20,"seconds":0.5,"concurrency":3}'
judged "mix: a slow receiver" 0 "Verdict: PASS
Note: the stream fell behind" --url "$base/faults/slow/paypal" --mix lag.json

judged "mix: connections closed after each answer" 0 '^Verdict: PASS$' \
  --url "$base/faults/drop/paypal" --mix mix.json
judged "mix: processed twice" 1 "events were processed more than once
Verdict: FAIL" --url "$base/faults/double/paypal" --mix mix.json
judged "mix: some lost" 1 "events were never processed
answers have an HTTP status 5xx
Verdict: FAIL" --url "$base/faults/every_third/paypal" --mix unique.json
judged "mix: connections closed" 1 "50 events were never processed
50 network errors" --url "$base/faults/close/paypal" --mix unique.json
judged "mix: losers wait for ever" 1 "network errors
timeout|none: " --url "$base/faults/loser_hangs/paypal" --mix slow.json --timeout 1
judged "mix: refused before the body" 1 "10 answers are neither|413: " \
  --url "$base/faults/early/paypal" --mix slow.json
file other.json '{"provider":"nosuch","duplicates":0.5,"rate":20,"seconds":1}'
judged "mix: unrecognized provider" 1 "10 events were never processed
20 answers are neither" --dsn "$dsn" --mix other.json
misuse "mix: refused connection" 'nothing was delivered: Connection refused' \
  --url "http://127.0.0.1:$closed/" --mix mix.json
misuse "mix: DSN without server" 'could not open connection 1 of 8' \
  --dsn "host=$work/nowhere" --mix mix.json
misuse "mix: extension not installed" 'is not installed' \
  --dsn "host=$socket user=postgres dbname=bare" --mix mix.json

file long.json '{"duplicates":0.3,"rate":50,"seconds":4,"concurrency":5}'
(
  sleep 1.5
  sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = 'webhook_bomb'" >/dev/null
) &
killer=$!
judged "mix: connections terminated on the way" 1 \
  "deliveries were not sent, no connection was left|network error
Verdict: FAIL" --dsn "$dsn" --mix long.json
wait "$killer"
