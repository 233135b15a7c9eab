# Deliveries over HTTP: to a receiver that is right, to those that are not.
# shellcheck shell=bash
# shellcheck disable=SC2154

url=$base/webhooks/paypal
event WH-@EVENT@

for n in 1 5 50; do
  judged "HTTP: $n at once" 0 "By status: .* processed: 1( |$)" \
    --url "$url" --payload event.json --n "$n"
  equal "HTTP: $n at once: rows" "$n" \
    "$(grep -Ec '^ +[0-9]+ +1 +[0-9]+ +[0-9.]+ +(processed|already_processed|in_progress) ' out)"
  equal "HTTP: $n at once: the ledger" "done 1 $(grep -o 'sha256 [0-9a-f]*' out)" \
    "$(sql "SELECT status || ' ' || attempt || ' sha256 ' || left(request_hash, 32) FROM webhook_dedup_events ORDER BY id DESC LIMIT 1")"
done
event WH-DONE
judged "HTTP: an event" 0 "^Target:   $url\$
^Payload:  sha256 $(sha256sum event.json | head -c 32)\.\.\., $(wc -c <event.json) bytes
^Fired:    5 at one moment, 5 of each event\$" --url "$url" --payload event.json
judged "HTTP: the same event again" 1 'By status: +already_processed: 3$
^Note: somebody acquired the event before
^- events never processed: 1' -n 3 --url="$url" --payload=event.json
sql "SELECT wd_try_acquire('paypal', 'ev_WH-HELD')" >/dev/null
event WH-HELD
judged "HTTP: an event that somebody holds" 1 '409: 5$
in_progress: 5$
^Note: somebody acquired' --url "$url" --payload event.json

event WH-@EVENT@
judged "HTTP: busy while the holder works" 0 '200: 1 409: 4$
By status: +processed: 1 in_progress: 4$' \
  --url "$base/faults/slow/paypal" --payload event.json
judged "HTTP: twenty are in flight at the same time" 0 '' \
  --url "$base/faults/gather/20/paypal" --payload event.json --n 20
judged "HTTP: busy with 200 passes, with a note" 0 \
  '^Note: in_progress answers with an HTTP status 2xx.*: 4$' \
  --url "$base/faults/busy200/paypal" --payload event.json
judged "HTTP: 3 MB of answer" 0 '' --url "$base/faults/huge/paypal" --payload event.json

# Many events, and late deliveries.
before=$(sql "SELECT count(*) FROM webhook_dedup_events")
judged "events: twelve, five times and once more" 0 '^Fired:    60 at one moment, 5 of each event, then 1 more$
By status: +processed: 12 ' --url "$url" --payload event.json --events 12 --again
equal "events: rows in the ledger" "12 12 1" "$(sql "SELECT count(*), count(*) FILTER (WHERE status = 'done'), max(attempt) FROM (SELECT * FROM webhook_dedup_events OFFSET $before) e" | tr '|' ' ')"
judged "events: each processed twice" 1 '^- events processed more than once: 4$
^- deliveries after the others that are not already_processed: 4$' \
  --url "$base/faults/double/paypal" --payload event.json --n 1 --events 4 --again
judged "events: some lost" 1 '^- events never processed: 2$
^- answers with an HTTP status 5xx that are not in_progress: 2$' \
  --url "$base/faults/every_third/paypal" --payload event.json --n 1 --events 6
file noid.json '{"event_type":"@EVENT@"}'
file h.json "{\"Paypal-Transmission-Id\":[\"T-@EVENT@\",\"T-2\"],\"X-Secret\":\"$sentinel\"}"
judged "headers: ids are sent" 0 'processed: 3( |$)' \
  --url "$url" --payload noid.json --headers h.json --events 3
equal "headers: the first of several values makes the key" 3 \
  "$(sql "SELECT count(*) FROM webhook_dedup_events WHERE dedup_key ~ '^tx_T-[0-9a-f]{16}-[123]$'")"
file h.json '{"X-Many":["a","b"],"X-Empty":"","x-tab":"a\\tb"}'
file odd.json '{"x-many":["a","b"],"x-empty":[""],"x-tab":["a\\tb"]}'
judged "headers: those of the file and no others are sent" 0 '' \
  --url "$base/faults/headers" --payload odd.json --headers h.json --n 1
file odd.json '{"content-type":["application/json"]}'
judged "headers: without a file only the type is sent" 0 '' \
  --url "$base/faults/headers" --payload odd.json --n 1
file form.json 'id=1'
file h.json '{"content-type":"application/x-www-form-urlencoded"}'
judged "a form is sent as it is" 1 '400: 5$' \
  --url "$base/faults/echo/paypal" --payload form.json --headers h.json
for odd in '[1,2]' '"text"' null '{"id":"a\\u0000b"}'; do
  file odd.json "$odd"
  judged "payload $odd is sent" 1 '400: 5$
none: 5$' --url "$url" --payload odd.json
done

# FAULT|PATTERNS, separated by /: what the verdict says about it.
while IFS='|' read -r fault patterns arguments; do
  # shellcheck disable=SC2086 # one word for each argument
  judged "fault: $fault" 1 "$(tr / '\n' <<<"$patterns")" \
    --url "$base/faults/$fault/paypal" --payload event.json $arguments
done <<LIST
double|By status: +processed: 5$/^- events processed more than once: 1$
error500|none: 5$/500: 5$/^- answers with an HTTP status 5xx that are not in_progress: 5$
loser500|^- answers with an HTTP status 5xx that are not in_progress: 4$/processed: 1$
status500|^- answers with an HTTP status 5xx that are not in_progress: [1-5]$
status404|^- answers processed or already_processed under an HTTP status that makes.*: [1-5]$
loser_hangs|^- network errors: 4$/none: 4/ timeout$/max inf$|--timeout 2
hang|^- network errors: 5$/ timeout$/none: 5$/p50 inf|--timeout 1
close|^- network errors: 5$/Empty reply from server$
cut|^- network errors: 5$/transfer closed with 478 bytes remaining
garbage|^- network errors: 5$/HTTP.0.9
html|200: 5$/none: 5$/^- answers neither processed, already_processed nor in_progress: 5$
empty|none: 5$
array|none: 5$
upper|none: 5$
nul|none: 5$
number|none: 5$
null|none: 5$
redirect|307: 5$
early|413: 5$/none: 5$
echo|400: 5$/none: 5$
error404|404: 5$/none: 5$
LIST

# Nothing that is secret is shown or logged; proxies would serialize.
file h.json "{\"Authorization\":\"Bearer $sentinel\"}"
http_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 \
  judged "secrets of the URL, proxies of the environment" 0 "^Target:   $url\$" \
  --url "http://user:$sentinel@${url#http://}?token=$sentinel" \
  --payload event.json --headers h.json
for output in --payload=event.json --help; do
  rc=0
  "${bomb[@]}" --url "$url" $output >/dev/full 2>err || rc=$?
  equal "$output: a report that cannot be written" "2 1" \
    "$rc $(grep -c '^webhook_bomb: could not write the report: No space' err)"
done

# Connections that cannot be opened.
closed=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
misuse "refused connection" "could not open connection 1 of 5, nothing was delivered: .*127.0.0.1 port $closed" \
  --url "http://u:$sentinel@127.0.0.1:$closed/$sentinel?t=$sentinel" --payload event.json
misuse "unknown host" 'could not open connection 1 of 5.*nosuchhost.invalid' \
  --url http://nosuchhost.invalid/ --payload event.json
misuse "TLS spoken to a plain port" 'could not open connection' \
  --url "https://${base#http://}/" --payload event.json
program=("${bomb[@]}")
# the limit binds the bomb alone, and cannot be raised again
bomb=(bash -c "ulimit -n 40 && exec \"\$@\"" - "${program[@]}")
misuse "more connections than files" 'could not open connection [0-9]+ of 99' \
  --url "$url" --payload event.json --n 99
bomb=("${program[@]}")

# https: certificates are checked.
start_receiver secure cert.pem key.pem
secure=https://127.0.0.1:$(<secure.port)
judged "TLS" 0 '^Target:   https://' --url "$secure/webhooks/paypal" \
  --cacert cert.pem --payload event.json
misuse "TLS: unknown authority" 'connection 1 of 5.*certificate' \
  --url "$secure/webhooks/paypal" --payload event.json
misuse "TLS: another name" 'connection 1 of 5.*localhost' \
  --url "https://localhost:${secure##*:}/" --cacert cert.pem --payload event.json
misuse "TLS: certificates absent" 'connection 1 of 5.*absent.pem' \
  --url "$secure/" --cacert absent.pem --payload event.json

# The first connection gets its handshake, the others never do: not even the
# first may send its last byte, since the deliveries would not hit together.
/usr/bin/python3 - >narrow.log 2>&1 <<'PYTHON' &
import os, socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
with open("narrow.new", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename("narrow.new", "narrow")
client = context.wrap_socket(listener.accept()[0], server_side=True)
client.settimeout(10)
seen = b""
try:
    while chunk := client.recv(65536):
        seen += chunk
except OSError:
    pass
print(seen.partition(b"\r\n\r\n")[2].decode())
PYTHON
narrow=$!
until [[ -e narrow ]]; do sleep 0.1; done
event WH-NARROW
misuse "barrier: a connection that cannot be opened" \
  'could not open connection [0-9]+ of 6, nothing was delivered: timeout' \
  --url "https://127.0.0.1:$(<narrow)/" --cacert cert.pem \
  --payload event.json --n 6 --timeout 2
wait "$narrow"
equal "barrier: the last byte is held back until all are open" \
  "$(head -c -1 event.json)" "$(<narrow.log)"
