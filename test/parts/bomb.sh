#!/usr/bin/env bash
# Tests of tools/webhook_bomb: bad use, real HTTP, real PostgreSQL.
#
# Needs the extension installed in the PostgreSQL of PG_CONFIG, and WD_TMP, a
# folder to write to.  Runs as no privileged user.
#
# packages: gcc make libcurl4-openssl-dev libssl-dev libpq-dev libjansson-dev
# packages: python3-psycopg cppcheck valgrind openssl
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR/../../script
. "$root/script/lib/postgres.sh"
tool=$root/tools/webhook_bomb
# shellcheck source-path=SCRIPTDIR/../../tools/webhook_bomb
. "$tool/test/lib.sh"

PATH=$("${PG_CONFIG:?}" --bindir):$PATH
work=${WD_TMP:?}/bomb
bomb=("$work/build/webhook_bomb")
receivers=()
# in payloads, headers and passwords: must never be shown
sentinel=S3NTINEL_$$

# shellcheck disable=SC2317 # called by the trap
stop_all() {
  local pid
  for pid in "${receivers[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  stop_server "$WD_TMP/server"
}
trap stop_all EXIT

# start_receiver NAME [CERTFILE KEYFILE]: its port is in NAME.port.
start_receiver() {
  local _
  /usr/bin/python3 "$tool/test/receiver.py" "$dsn" "$1.port" "${@:2}" \
    >"$1.log" 2>&1 &
  receivers+=($!)
  for _ in {1..100}; do
    [[ -e $1.port ]] && return
    sleep 0.1
  done
  echo "bomb.sh: the receiver does not start" >&2
  cat "$1.log" >&2
  exit 1
}

make -s -C "$tool" BUILD="$work/build" PG_CONFIG="$PG_CONFIG"
cd "$work"
start_server "$WD_TMP/server" max_connections=120
sql "CREATE EXTENSION webhook_dedup"
sql "CREATE ROLE receiver LOGIN; CREATE ROLE stranger LOGIN"
sql "SELECT wd_grant_receiver('receiver')" >/dev/null
sql "CREATE DATABASE bare"
dsn="host=$PGHOST user=receiver dbname=postgres"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext 'subjectAltName=IP:127.0.0.1' -keyout key.pem -out cert.pem 2>/dev/null
start_receiver plain
# shellcheck disable=SC2034 # used by the files that follow
base=http://127.0.0.1:$(<plain.port)

for part in misuse http sql quality; do
  # shellcheck source=/dev/null
  . "$tool/test/$part.sh"
done

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
