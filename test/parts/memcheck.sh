#!/usr/bin/env bash
# The regression tests and the random calls of fuzz_sql.py in a server whose
# extension is built with AddressSanitizer and UndefinedBehaviorSanitizer, then
# the regression tests in a server under valgrind, which sees uninitialised
# values as well.  What counts is what the extension has a part in.
#
# PG_CONFIG names the server's installation, of which a copy is made in
# WD_TMP; the sources are built there too.
# packages: gcc make libssl-dev valgrind python3-psycopg
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PG_CONFIG:?}" "${WD_TMP:?}"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/common.sh"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/postgres.sh"

install_packages "$WD_TMP/apt.log" gcc make libssl-dev valgrind \
  python3-psycopg
if ((EUID == 0)); then
  # no server program runs as root
  chown postgres "$WD_TMP"
  exec runuser -u postgres -- env PG_CONFIG="$PG_CONFIG" WD_TMP="$WD_TMP" \
    "${BASH_SOURCE[0]}" "$@"
fi

work=$WD_TMP
version=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
passed=0
failed=0

report() { # report STATUS NAME
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok - $2"
  else
    failed=$((failed + 1))
    echo "not ok - $2"
  fi
}

# rebuild NAME FLAGS: the extension in a tree of its own, installed
rebuild() {
  copy_tree "$checkout" "$work/$1"
  (cd "$work/$1" && build_extension with_llvm=no COPT="$2") \
    >"$work/$1.log" 2>&1 || {
    tail -n 40 "$work/$1.log"
    exit 1
  }
}

regress() { # regress NAME WHAT
  local status=0
  (cd "$work/$1" && make installcheck PG_CONFIG="$PG_CONFIG" TAP_TESTS= \
    ISOLATION=) >"$work/$1.regress" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$work/$1.regress"
    head -n 100 "$work/$1/regression.diffs" 2>/dev/null || true
  fi
  report "$status" "regression tests $2"
}

# An allocation before all others: some libraries call gettext as they are
# loaded, and AddressSanitizer, woken by gettext's first allocation, calls it
# again under gettext's lock.
build_early() {
  cat >"$work/early.c" <<'C'
#include <stdlib.h>
static void __attribute__((constructor))
begin(void)
{
	free(malloc(1));
}
C
  gcc -O0 -shared -fPIC -Wl,-z,initfirst "$work/early.c" -o "$work/early.so"
}

sanitizers() {
  local status=0 flags log=log_path=$work/sanitizer
  flags="-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all"
  rebuild sanitized "$flags -fno-omit-frame-pointer -g -O1"
  build_early
  ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1:$log \
    UBSAN_OPTIONS=print_stacktrace=1:$log \
    LD_PRELOAD="$(gcc -print-file-name=libasan.so) $work/early.so" \
    start_server "$work/asan"
  regress sanitized "with AddressSanitizer and UndefinedBehaviorSanitizer"

  psql -Xq -c "CREATE EXTENSION webhook_dedup"
  PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$checkout/test/fuzz/fuzz_sql.py" \
    dbname=postgres --documents 5000 --seconds 5 || status=$?
  report "$status" "fuzz_sql.py with the sanitizers"
  stop_server "$work/asan"

  status=0
  cat "$work"/sanitizer.* 2>/dev/null && status=1
  grep -E 'PANIC|terminated by signal|exited with exit code' \
    "$work/asan/server.log" && status=1
  report "$status" "the sanitizers found nothing"
}

# Start a server under valgrind in the data folder of FOLDER.
start_valgrind() {
  local folder=$1 attempt
  start_server "$folder"
  stop_server "$folder"
  valgrind --quiet --trace-children=yes --leak-check=no --num-callers=30 \
    --log-file="$work/valgrind.%p" "$(command -v postgres)" \
    -D "$folder/data" -c listen_addresses= \
    -c unix_socket_directories="$folder" -c fsync=off -c autovacuum=off \
    -c jit=off >"$folder/server.log" 2>&1 </dev/null &
  for attempt in {1..300}; do
    if pg_isready -q; then
      return 0
    fi
    sleep 0.2
  done
  echo "no server after $attempt attempts"
  return 1
}

# What valgrind said about code of the extension, error by error.
extension_errors() {
  local files
  files=$(cd "$checkout/src" && printf '%s|' ./*.c | sed 's/\.\///g; s/|$//')
  sed 's/^==[0-9]*== \{0,1\}//' "$work"/valgrind.[0-9]* |
    awk -v files="(${files//./[.]}):|webhook_dedup[.]so" \
      'BEGIN { RS = ""; ORS = "\n\n" } $0 ~ files'
}

under_valgrind() {
  local status=0
  rebuild plain "-g -O1"
  start_valgrind "$work/valgrind"
  regress plain "under valgrind"
  pg_ctl stop --mode=fast --silent --timeout=120 \
    --pgdata="$work/valgrind/data" || true
  # each backend leaves a log, be it empty
  [ "$(find "$work" -maxdepth 1 -name 'valgrind.[0-9]*' | wc -l)" -gt 5 ] ||
    status=1
  extension_errors >"$work/valgrind.errors"
  if [ -s "$work/valgrind.errors" ]; then
    head -n 200 "$work/valgrind.errors"
    status=1
  fi
  report "$status" "valgrind found nothing in the extension"
}

clean_up() {
  stop_server "$work/asan"
  stop_server "$work/valgrind"
}

private_postgres "$version" "$work/postgres"
trap clean_up EXIT
sanitizers
under_valgrind

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
