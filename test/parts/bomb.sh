#!/bin/bash
#
# Tests of tools/webhook_bomb: bad use, real HTTP, real PostgreSQL.
#
# Needs webhook_dedup installed in the server of PG_CONFIG.  Builds and runs
# everything below WD_TMP, which the caller removes.
#
# packages: gcc make libcurl4-openssl-dev libssl-dev libpq-dev libjansson-dev
# packages: python3-psycopg cppcheck valgrind openssl

# Most variables are used by the files that are sourced.
# shellcheck disable=SC2034,SC2154

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tool=$(cd "$here/../../tools/webhook_bomb" && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
if [[ -z ${WD_TMP:-} ]]; then
  echo "bomb.sh: WD_TMP must name a writable folder" >&2
  exit 2
fi

# as_owner COMMAND...: PostgreSQL refuses to run as root.
as_owner() {
  if [[ $(id -u) -eq 0 ]]; then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

start_server() {
  chmod a+x "$WD_TMP"
  server=$work/server
  mkdir -p "$server"
  # the server's user must get there, and a path of a Unix socket has at most
  # 107 bytes
  if [[ ${#server} -gt 80 ]] || ! (cd / && as_owner test -x "$server"); then
    server=$(mktemp -d /tmp/bomb.XXXXXX)
    chmod 755 "$server"
  fi
  data=$server/data
  socket=$server/socket
  mkdir -p "$data" "$socket"
  if [[ $(id -u) -eq 0 ]]; then
    chown postgres "$data" "$socket"
  fi
  (
    cd /
    as_owner "$bindir/initdb" -D "$data" -A trust -U postgres -N \
      --no-sync --locale=C.UTF-8 >"$work/initdb.log"
    as_owner "$bindir/pg_ctl" -D "$data" -w -s -l "$data/log" \
      -o "-k '$socket' -c listen_addresses='' -c max_connections=120 -c fsync=off" \
      start
  )
  sql "CREATE EXTENSION webhook_dedup"
  sql "CREATE ROLE receiver LOGIN"
  sql "CREATE ROLE stranger LOGIN"
  sql "SELECT wd_grant_receiver('receiver')" >/dev/null
  sql "CREATE DATABASE bare"
}

# start_receiver NAME [CERTFILE KEYFILE]: prints its port.
start_receiver() {
  local name=$1 i
  shift
  rm -f "$work/$name.port"
  /usr/bin/python3 "$tool/test/receiver.py" \
    "host=$socket user=receiver dbname=postgres" "$work/$name.port" "$@" \
    >"$work/$name.log" 2>&1 &
  receivers+=($!)
  for ((i = 0; i < 100; i++)); do
    [[ -e $work/$name.port ]] && return
    sleep 0.1
  done
  echo "bomb.sh: the receiver does not start" >&2
  cat "$work/$name.log" >&2
  exit 1
}

# shellcheck disable=SC2317
stop_all() {
  local pid
  for pid in "${receivers[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  if [[ -e ${data:-}/postmaster.pid ]]; then
    (cd / && as_owner "$bindir/pg_ctl" -D "$data" -s -m immediate stop) || true
  fi
  case ${server:-} in
    /tmp/bomb.*) rm -rf "$server" ;;
  esac
}

work=$WD_TMP/bomb
bomb=$work/build/webhook_bomb
bindir=$("$PG_CONFIG" --bindir)
sentinel=S3NTINEL_$$
event_number=0
receivers=()
mkdir -p "$work"
chmod 755 "$work"
: >"$work/out"
: >"$work/err"
trap stop_all EXIT

# shellcheck source=/dev/null
source "$tool/test/lib.sh"
make -s -C "$tool" BUILD="$work/build" PG_CONFIG="$PG_CONFIG"
start_server
start_receiver plain
port=$(<"$work/plain.port")
base=http://127.0.0.1:$port
dsn="host=$socket user=receiver dbname=postgres"
cd "$work"

for part in args files single faults dsn mix tls hygiene quality; do
  # shellcheck source=/dev/null
  source "$tool/test/$part.sh"
done

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
