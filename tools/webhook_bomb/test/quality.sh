# The program itself: memory, static analysis.
# shellcheck shell=bash
# shellcheck disable=SC2154

# leak_free NAME CODE ARGUMENTS...
leak_free() {
  local name=$1 code=$2
  shift 2
  rc=0
  valgrind -q --leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
    "$bomb" "$@" >out 2>err </dev/null || rc=$?
  equal "valgrind: $name" "$code" "$rc"
}

event
leak_free "HTTP" 0 --url "$base/webhooks/paypal" --payload event.json \
  --headers h.json --timeout 60
leak_free "HTTP, FAIL, JSON" 1 --url "$base/faults/double/paypal" \
  --payload event.json --json --timeout 60
leak_free "timeouts" 1 --url "$base/faults/hang/paypal" \
  --payload event.json --timeout 2
event
leak_free "DSN" 0 --dsn "$dsn" --provider paypal --payload event.json \
  --timeout 60
leak_free "DSN, refused events" 1 --dsn "$dsn" --provider nosuch \
  --payload event.json --timeout 60
file few.json '{"duplicates":0.5,"rate":20,"seconds":1,"concurrency":4}'
leak_free "mix by HTTP" 0 --url "$base/webhooks/paypal" --mix few.json \
  --timeout 60
leak_free "mix by DSN" 0 --dsn "$dsn" --mix few.json --timeout 60
leak_free "bad file" 2 --url "$base/" --payload absent.json
leak_free "refused connection" 2 --url "http://127.0.0.1:$closed/" \
  --payload event.json

ok "cppcheck finds nothing" cppcheck --quiet --std=c99 --error-exitcode=1 \
  --enable=warning,performance,portability,style "$tool"
equal "no file is longer than 450 lines" '' \
  "$(wc -l "$tool"/*.[ch] | awk '$2 != "total" && $1 > 450 {print $2}')"
equal "the source folder holds nothing built" '' \
  "$(find "$tool" -name '*.o' -o -type f -name webhook_bomb)"
