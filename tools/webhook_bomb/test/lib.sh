# What the tests of webhook_bomb share; sourced by the runner.
# shellcheck shell=bash
# shellcheck disable=SC2154

passed=0
failed=0

pass() {
  passed=$((passed + 1))
}

# flunk NAME WHY: shows what was printed, which never holds a secret.
flunk() {
  failed=$((failed + 1))
  printf 'not ok: %s: %s\n' "$1" "$2"
  sed 's/^/    stdout: /' "$work/out" | tail -n 25
  sed 's/^/    stderr: /' "$work/err" | tail -n 5
}

# ok NAME COMMAND...: the command must succeed.
ok() {
  local name=$1
  shift
  if "$@" >"$work/out" 2>"$work/err"; then
    pass
  else
    flunk "$name" "command failed"
  fi
}

# equal NAME WANTED GOT
equal() {
  if [[ $2 == "$3" ]]; then
    pass
  else
    printf '%s\n' "$3" >"$work/out"
    : >"$work/err"
    flunk "$1" "wanted \"$2\""
  fi
}

# run ARGUMENTS...: runs the bomb, leaves its output and exit code.
run() {
  rc=0
  timeout 60 "$bomb" "$@" >"$work/out" 2>"$work/err" </dev/null || rc=$?
}

# misuse NAME PATTERN ARGUMENTS...: exit 2, nothing on stdout, one line on
# stderr that matches, and no secret in it.
misuse() {
  local name=$1 pattern=$2
  shift 2
  run "$@"
  if [[ $rc -ne 2 ]]; then
    flunk "$name" "exit code $rc instead of 2"
  elif [[ -s $work/out ]]; then
    flunk "$name" "printed to stdout"
  elif [[ $(wc -l <"$work/err") -ne 1 ]]; then
    flunk "$name" "stderr is not one line"
  elif ! grep -Eq "^webhook_bomb: .*($pattern)" "$work/err"; then
    flunk "$name" "message does not match $pattern"
  elif grep -q "$sentinel" "$work/err"; then
    flunk "$name" "a secret is shown"
  else
    pass
  fi
}

# judged NAME CODE PATTERN ARGUMENTS...: a report with this verdict, in which
# each line of PATTERN is found, and no secret.
judged() {
  local name=$1 code=$2 patterns=$3 pattern
  shift 3
  run "$@"
  if [[ $rc -ne $code ]]; then
    flunk "$name" "exit code $rc instead of $code"
    return
  fi
  if grep -q "$sentinel" "$work/out" "$work/err"; then
    flunk "$name" "a secret is shown"
    return
  fi
  while IFS= read -r pattern; do
    if ! grep -Eq -- "$pattern" "$work/out"; then
      flunk "$name" "no line matches $pattern"
      return
    fi
  done <<<"$patterns"
  pass
}

# event [ID]: writes the payload of a new event to event.json.  It carries
# the sentinel, which must never be shown.
event() {
  event_number=$((event_number + 1))
  printf '{"id":"%s","event_type":"PAYMENT.CAPTURE.COMPLETED","note":"%s"}' \
    "${1:-WH-TEST-$$-$event_number}" "$sentinel" >"$work/event.json"
}

# file NAME CONTENT: writes a file, with the escapes of printf.
file() {
  # shellcheck disable=SC2059
  printf "$2" >"$work/$1"
}

# sql STATEMENT: its result, as superuser.
sql() {
  "$bindir/psql" -XAtq -h "$socket" -U postgres -d postgres -c "$1"
}
