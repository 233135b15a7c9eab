#!/usr/bin/env bash
# chaos.sh [--seconds N] [--seed N] [--clients N]
#
# Clients and servers die in every way while events are processed; then a
# checker replays what everybody was told.  Faults strike for 60 seconds, or
# as long as --seconds says; --seed repeats the faults of an earlier run.
#
# Needs the extension installed in the PostgreSQL of PG_CONFIG.  Writes to
# WD_TMP, or to a temporary folder.
#
# packages: python3-psycopg
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../script/lib/common.sh
. "$root/script/lib/common.sh"

bindir=$("${PG_CONFIG:-pg_config}" --bindir)
python=/usr/bin/python3
passed=0
failed=0

if [[ -z ${WD_TMP:-} ]]; then
  WD_TMP=$(make_work_folder)
  trap 'remove_folder "$WD_TMP"' EXIT
fi
sources=$WD_TMP/chaos-sources
work=$WD_TMP/chaos

# The server refuses to run as root, and its user may not see this tree.
unprivileged=()
prepare() {
  rm -rf "$sources" "$work"
  cp -r "$root/test/chaos" "$sources"
  mkdir "$work"
  if ((EUID == 0)); then
    unprivileged=(runuser -u postgres --)
    chown postgres "$work"
    chmod -R a+rX "$sources"
    chmod a+x "$WD_TMP"
  fi
}

test_checker() {
  local log=$work/checker.log tests broken
  if ! (cd "$sources" && "$python" -B test_checker.py) >"$log" 2>&1; then
    cat "$log"
  fi
  tests=$(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' "$log")
  broken=$(grep -cE '^(FAIL|ERROR):' "$log" || true)
  # no count: it did not even run
  if [[ -z $tests ]]; then
    tests=1
    broken=1
  fi
  passed=$((passed + tests - broken))
  failed=$((failed + broken))
  say "# checker: $tests tests, $broken failed"
}

# run NAME ARGUMENT...: 0 nothing was violated, 1 something was, else trouble
run() {
  local name=$1
  shift
  (cd "$work" && "${unprivileged[@]}" "$python" -B "$sources/run.py" \
    --bindir "$bindir" --directory "$work/$name" "$@") \
    >"$work/$name.log" 2>&1
}

chaos() {
  local status=0 log=$work/chaos.log
  run chaos "$@" || status=$?
  sed '/^PostgreSQL/,/^repeat/s/^/# /' "$log"
  passed=$((passed + $(grep -c '^ok - ' "$log" || true)))
  failed=$((failed + $(grep -c '^not ok - ' "$log" || true)))
  if ((status > 1)); then
    failed=$((failed + 1))
    tail -n 30 "$work"/chaos/*.log || true
  fi
}

# Faults that do no harm to clients without fencing would prove nothing.
unfenced() {
  local status=0 log=$work/unfenced.log
  run unfenced --seconds 12 --unfenced || status=$?
  if ((status == 1)) && grep -q '^not ok - G3 ' "$log"; then
    passed=$((passed + 1))
    say "# clients without fencing: caught," \
      "$(grep '^violations' "$log" | tr -s ' ')"
  else
    failed=$((failed + 1))
    cat "$log"
    say "clients without fencing: not caught"
  fi
}

if ((EUID == 0)); then
  install_packages "$WD_TMP/chaos-apt.log" python3-psycopg
fi
prepare
test_checker
chaos "$@"
unfenced

say "$passed passed, $failed failed"
((failed == 0))
