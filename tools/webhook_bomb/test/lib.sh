# What the tests of webhook_bomb share; sourced by the runner.
# shellcheck shell=bash
# shellcheck disable=SC2154

passed=0
failed=0

# equal NAME WANTED GOT
equal() {
  if [[ $2 == "$3" ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'not ok: %s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
    sed 's/^/    /' out err | tail -n 30
  fi
}

# check NAME CODE PATTERNS STREAM ARGUMENTS...: the exit code, each line of
# PATTERNS found in the file out or err, no secret shown.
check() {
  local name=$1 code=$2 patterns=$3 stream=$4 pattern got='' rc=0
  shift 4
  timeout 60 "${bomb[@]}" "$@" >out 2>err </dev/null || rc=$?
  while IFS= read -r pattern; do
    grep -Eq -- "$pattern" "$stream" || got+=" without /$pattern/"
  done <<<"$patterns"
  if grep -q "$sentinel" out err; then
    got+=" with a secret"
  fi
  equal "$name" "exit $code" "exit $rc$got"
}

# misuse NAME PATTERN ARGUMENTS...: nothing on stdout, one line on stderr.
misuse() {
  check "$1" 2 "^webhook_bomb: .*($2)" err "${@:3}"
  equal "$1: one line" "0 1" "$(wc -l <out) $(wc -l <err)"
}

# judged NAME CODE PATTERNS ARGUMENTS...: a report with a verdict.
judged() {
  local verdict=PASS
  [[ $2 -eq 0 ]] || verdict=FAIL
  check "$1" "$2" "^Verdict: $verdict\$${3:+$'\n'}$3" out "${@:4}"
}

# event ID: writes a payload with what must never be shown.
event() {
  printf '{"id":"%s","note":"%s"}' "$1" "$sentinel" >event.json
}

# file NAME CONTENT: writes a file, with the escapes of printf.
file() {
  # shellcheck disable=SC2059
  printf "$2" >"$1"
}

# sql STATEMENT: its result, as superuser.
sql() {
  psql -XAtqc "$1"
}
