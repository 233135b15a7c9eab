# Receivers and networks that misbehave: the verdict must say so.
# shellcheck shell=bash
# shellcheck disable=SC2154

# fault NAME FAULT PATTERNS [ARGUMENTS...]: FAIL against a receiver's fault.
fault() {
  local name=$1 path=$2 patterns=$3
  shift 3
  event
  judged "fault: $name" 1 "^Verdict: FAIL$
$patterns" --url "$base/faults/$path/paypal" --payload event.json "$@"
}

fault "processed twice" double '5 answers are processed, expected exactly one' 
fault "always 500" error500 'no answer is processed, expected exactly one
5 answers are neither processed
5 answers have an HTTP status 5xx
500: 5
problem: 5'
fault "losers get 500" loser500 '4 answers have an HTTP status 5xx
4 answers are neither processed'
fault "losers wait for ever" loser_hangs '4 network errors
none: 4
timeout' --timeout 2
fault "no answer at all" hang '5 network errors
nothing was answered
timeout' --timeout 1
fault "connection closed" close '5 network errors
no_answer'
fault "answer cut short" cut '5 network errors
answer_cut
no answer is processed'
fault "not HTTP" garbage '5 network errors
not_http'
fault "HTML" html '5 answers are neither
200: 5
none: 5'
fault "empty body" empty 'none: 5'
fault "204" nocontent '204: 5
none: 5'
fault "array" array 'none: 5'
fault "3 MB of answer" huge 'none: 5'
fault "status in upper case" upper 'unrecognized: 5'
fault "status with a NUL" nul 'unrecognized: 5'
fault "number without title" number 'unrecognized: 5'
fault "status null" null 'unrecognized: 5'
fault "processed with 500" processed500 '[1-5] answers? ha(s|ve) an HTTP status 5xx
By status: .* processed: 1'
fault "processed with 404" processed404 \
  '[1-5] answers? says? processed or already_processed under an HTTP status'
fault "redirect is not followed" redirect '307: 5'
fault "refused before the body" early '413: 5
none: 5'
fault "body and headers echoed" echo '400: 5
problem: 5'
fault "body echoed as status" echo_status 'unrecognized: 5'
fault "unknown path" nosuch '404: 5
problem: 5'
fault "one of one fails" error500 '1 answer is neither
1 answer has an HTTP status 5xx' --n 1

event
judged "in_progress with 200 passes, with a note" 0 "^Verdict: PASS$
^Note: 4 in_progress answers have an HTTP status 2xx" \
  --url "$base/faults/busy200/paypal" --payload event.json

# Nothing listens: the port of a socket that was closed.
closed=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
misuse "refused connection" \
  'could not open connection 1 of 5, nothing was delivered: Connection refused' \
  --url "http://127.0.0.1:$closed/webhooks/paypal" --payload event.json
misuse "refused connection, secrets in the URL" 'Connection refused' \
  --url "http://u:$sentinel@127.0.0.1:$closed/$sentinel?t=$sentinel" \
  --payload event.json
misuse "refused connection, --json" 'Connection refused' --json \
  --url "http://127.0.0.1:$closed/" --payload event.json
misuse "unknown host" 'could not open connection 1 of 5' \
  --url http://nosuchhost.invalid/ --payload event.json
misuse "TLS spoken to a plain port" 'could not open connection' \
  --url "https://127.0.0.1:$port/webhooks/paypal" --payload event.json
event
hard_limit=$(ulimit -Hn)
soft_limit=$(ulimit -Sn)
ulimit -Sn 40
judged "a soft limit of open files is raised" 0 'Verdict: PASS' \
  --url "$base/webhooks/paypal" --payload event.json --n 30
ulimit -Sn "$soft_limit"
if [[ $hard_limit == unlimited || $hard_limit -gt 64 ]]; then
  bomb_itself=$bomb
  bomb=$work/limited
  # the limit binds the bomb alone, and cannot be raised again
  printf '#!/bin/bash\nulimit -n 64\nexec %q "$@"\n' "$bomb_itself" >"$bomb"
  chmod +x "$bomb"
  misuse "more connections than files" \
    '200 connections need more open files than the limit of 64 allows' \
    --url "$base/webhooks/paypal" --payload event.json --n 200
  bomb=$bomb_itself
fi
