# The program itself: memory, static analysis.
# shellcheck shell=bash
# shellcheck disable=SC2154

program=("${bomb[@]}")
bomb=(valgrind -q --leak-check=full --error-exitcode=99
  '--show-leak-kinds=definite,indirect,possible'
  '--errors-for-leak-kinds=definite,indirect,possible' "${program[@]}")
event WH-@EVENT@
file h.json '{"X-Many":["a","b"]}'
judged "valgrind: HTTP" 0 '' --url "$base/webhooks/paypal" --payload event.json \
  --headers h.json --events 2 --again --timeout 60
judged "valgrind: timeouts" 1 '' --url "$base/faults/hang/paypal" \
  --payload event.json --timeout 2
judged "valgrind: SQL" 0 '' --dsn "$dsn" --provider paypal --payload event.json \
  --events 2 --again --timeout 60
judged "valgrind: refused events" 1 '' --dsn "$dsn" --provider nosuch \
  --payload event.json --timeout 60
misuse "valgrind: bad file" 'absent' --url "$base/" --payload absent.json
misuse "valgrind: refused connection" 'nothing was delivered' \
  --url "http://127.0.0.1:$closed/" --payload event.json
bomb=("${program[@]}")

rc=0
cppcheck --quiet --std=c99 --error-exitcode=1 \
  --enable=warning,performance,portability,style "$tool" >out 2>err || rc=$?
equal "cppcheck finds nothing" 0 "$rc"
