# shellcheck shell=bash
# How many tests passed and failed, read from what the test programs print.

# Number of lines of FILE that match.
lines() {
  grep -cE "$1" "$2" || true
}

# pg_regress and pg_isolation_regress: the old format up to version 15, TAP
# from 16 on.  A test that was never reported has failed.
# Prints "passed failed".
count_regress() {
  local log=$1 expected=$2 passed
  passed=$(lines '^(ok [0-9]+ |(test)? +[^ ]+ +\.\.\. ok( |$))' "$log")
  echo "$passed $((expected > passed ? expected - passed : 0))"
}

# prove --verbose: assertions at the top level, a subtest being one of them.
# What was skipped counts as neither, what is expected to fail as passed.
count_tap() {
  local log=$1 passed failed todo skipped
  passed=$(lines '^ok [0-9]+' "$log")
  skipped=$(lines '^ok [0-9]+.*# [Ss][Kk][Ii][Pp]' "$log")
  failed=$(lines '^not ok [0-9]+' "$log")
  todo=$(lines '^not ok [0-9]+.*# TODO' "$log")
  echo "$((passed - skipped + todo)) $((failed - todo))"
}

# A part of its own: the last line of the form "N passed, N failed".
count_part() {
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1) || true
  if [[ -z $line ]]; then
    echo "0 0"
  else
    set -- "${line//[!0-9 ]/}"
    # shellcheck disable=SC2086 # two numbers
    set -- $1
    echo "$1 $2"
  fi
}

# A run that ended badly has failed, whatever it reported.
count_status() {
  local passed=$1 failed=$2 status=$3
  if ((status != 0 && failed == 0)); then
    failed=1
  fi
  echo "$passed $failed"
}
