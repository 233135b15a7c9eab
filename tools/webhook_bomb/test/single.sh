# One event at one moment, against a receiver that is right.
# shellcheck shell=bash
# shellcheck disable=SC2154

url=$base/webhooks/paypal

for n in 1 2 5 50; do
  event
  judged "HTTP: $n at once" 0 "^Verdict: PASS$
By status: .*processed: 1" --url "$url" --payload event.json --n "$n"
  equal "HTTP: $n at once: rows of the table" "$n" \
    "$(grep -Ec '^ +[0-9]+ +[0-9]+ +[0-9.]+ +(processed|already_processed|in_progress) ' out)"
done
equal "HTTP: the event was acquired once" 1 \
  "$(sql "SELECT attempt FROM webhook_dedup_events ORDER BY id DESC LIMIT 1")"

hash=$(sha256sum event.json)
equal "hash: 32 digits are shown" 1 \
  "$(grep -c "^Payload:  sha256 ${hash:0:32}\.\.\., $(wc -c <event.json) bytes$" out)"
equal "target is shown" 1 "$(grep -c "^Target:   $url$" out)"

judged "HTTP: the same event again" 1 "already_processed: 3
Verdict: FAIL
the event was done before, use a new one" \
  --url "$url" --payload event.json --n 3
sql "SELECT wd_try_acquire('paypal', 'ev_WH-HELD')" >/dev/null
event WH-HELD
judged "HTTP: an event that somebody holds" 1 "409: 3
in_progress: 3
the event was acquired before, by someone else" \
  --url "$url" --payload event.json --n 3

event
judged "HTTP: losers are told busy while the holder works" 0 "200: 1
409: 4
in_progress: 4
Verdict: PASS" --url "$base/faults/slow/paypal" --payload event.json
event
file tx.json '{"Tosspayments-Webhook-Transmission-Id":"TX-1"}'
judged "HTTP: another provider, known by its header" 0 "200: 1
in_progress: 4
Verdict: PASS" --url "$base/faults/slow/toss" --payload event.json \
  --headers tx.json
event
judged "HTTP: twenty requests are in flight at the same time" 0 \
  'Verdict: PASS' --url "$base/faults/gather/20/paypal" \
  --payload event.json --n 20

event
judged "JSON: verdict" 0 '"verdict":"PASS"' \
  --url "$url" --payload event.json --json
mv out report.json
ok "JSON: one object, every member as documented" \
  /usr/bin/python3 "$tool/test/check_json.py" single <report.json
event
judged "JSON: failed verdict" 1 '"verdict":"FAIL","reasons":\["5 answers are' \
  --url "$base/faults/double/paypal" --payload event.json --json
event
judged "option with equals sign" 0 'Fired: +2 identical' \
  "--url=$url" --payload=event.json --n=2
event
judged "one delivery is no plural" 0 '1 identical delivery ' \
  --url "$url" --payload event.json --n 1
