# Nothing of a body, a header or an address' secrets is shown or logged.
# shellcheck shell=bash
# shellcheck disable=SC2154

file h.json "{\"Authorization\":\"Bearer $sentinel\",\"X-Many\":[\"$sentinel\",\"b\"]}"
for path in webhooks/paypal faults/double/paypal faults/echo/paypal \
  faults/error500/paypal faults/echo_status/paypal; do
  event
  run --url "http://user:$sentinel@127.0.0.1:$port/$path?token=$sentinel" \
    --payload event.json --headers h.json
  equal "hygiene: $path shows nothing" 0 \
    "$(cat out err | grep -c "$sentinel" || true)"
  equal "hygiene: $path reports" 1 "$(grep -c "^Target:   $base/$path?\.\.\.$" out)"
  run --url "$base/$path" --payload event.json --headers h.json --json
  equal "hygiene: $path as JSON" 0 "$(cat out err | grep -c "$sentinel" || true)"
done
equal "hygiene: the server's log has nothing of it" 0 \
  "$(grep -c "$sentinel" "$data/log" || true)"

event
rc=0
"$bomb" --url "$base/webhooks/paypal" --payload event.json >/dev/full 2>err || rc=$?
: >out
equal "a report that cannot be written is no verdict" 2 "$rc"
equal "a report that cannot be written: one line" 1 \
  "$(grep -c '^webhook_bomb: could not write the report' err)"
rc=0
"$bomb" --help >/dev/full 2>err || rc=$?
equal "help that cannot be written" 2 "$rc"

# A proxy would serialize what must hit at one moment.
event
rc=0
http_proxy=http://127.0.0.1:$closed ALL_PROXY=http://127.0.0.1:$closed \
  "$bomb" --url "$base/webhooks/paypal" --payload event.json >out 2>err || rc=$?
equal "proxies of the environment are not used" 0 "$rc"
