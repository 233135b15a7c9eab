# shellcheck shell=bash
# server.sh - a private PostgreSQL with this extension, for the measurements.
#
# The server's own files are copied and the extension is installed into that
# copy, so that nothing of the machine's PostgreSQL changes.  PostgreSQL finds
# its libraries and extensions relative to its program.

BENCH_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE_DIR=$(dirname "$BENCH_DIR")
PG_CONFIG=${PG_CONFIG:-pg_config}
SERVER_OPTIONS=()

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

say() {
  echo "$*" >&2
}

# PostgreSQL refuses to run as root.
as_server_user() {
  if [ "$(id -u)" -eq 0 ]; then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

sql() {
  local database=$1
  shift
  as_server_user psql -X -q -v ON_ERROR_STOP=1 -h "$RUN" -d "$database" "$@"
}

server_start() {
  local program
  for program in "$PG_CONFIG" make gcc; do
    command -v "$program" >/dev/null || die "$program is missing"
  done
  PG_BIN=$("$PG_CONFIG" --bindir)
  [ -x "$PG_BIN/postgres" ] || die "no server in $PG_BIN"
  [ -x "$PG_BIN/pgbench" ] || die "no pgbench in $PG_BIN"

  RUN=$(mktemp -d "${TMPDIR:-/tmp}/webhook_dedup_bench.XXXXXX")
  trap server_stop EXIT
  trap 'exit 130' INT TERM
  server_build
  server_configure
  as_server_user "$SERVER_BIN/pg_ctl" -s -w -D "$RUN/data" \
    -l "$RUN/server.log" start || { cat "$RUN/server.log" >&2; exit 1; }
}

server_stop() {
  if [ -f "$RUN/data/postmaster.pid" ]; then
    as_server_user "$SERVER_BIN/pg_ctl" -s -m immediate -D "$RUN/data" stop || true
  fi
  rm -rf "$RUN"
}

server_build() {
  local directory
  say "building in $RUN"
  for directory in "$PG_BIN" "$("$PG_CONFIG" --pkglibdir)" \
    "$("$PG_CONFIG" --sharedir)"; do
    mkdir -p "$RUN/root$directory"
    cp -a "$directory/." "$RUN/root$directory/"
  done
  SERVER_BIN=$RUN/root$PG_BIN

  mkdir "$RUN/source"
  cp -r "$SOURCE_DIR"/{src,Makefile} "$SOURCE_DIR"/*.{sql,control} "$RUN/source/"
  if ! { make -C "$RUN/source" PG_CONFIG="$PG_CONFIG" clean all &&
    make -C "$RUN/source" PG_CONFIG="$PG_CONFIG" DESTDIR="$RUN/root" install
  } >"$RUN/build.log" 2>&1; then
    cat "$RUN/build.log" >&2
    die "build failed"
  fi
}

server_configure() {
  local option
  mkdir "$RUN/data" "$RUN/scripts"
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$RUN" "$RUN/data" "$RUN/scripts"
  fi
  as_server_user "$SERVER_BIN/initdb" -A trust -E UTF8 --locale=C.UTF-8 \
    -D "$RUN/data" >"$RUN/initdb.log"
  {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$RUN'"
    echo "max_connections = 100"
    echo "shared_buffers = 1GB"
    echo "max_wal_size = 8GB"
    echo "checkpoint_timeout = 30min"
    for option in "${SERVER_OPTIONS[@]}"; do
      echo "${option%%=*} = '${option#*=}'"
    done
  } >>"$RUN/data/postgresql.conf"
}

# The facts of the machine that the figures depend on.
print_machine() {
  local name model memory option
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  memory=$(awk '/^MemTotal/ {printf "%.0f", $2 / 1048576}' /proc/meminfo)
  echo "- $(nproc) cores (${model:-unknown processor}), $memory GB of memory," \
    "$(uname -s) $(uname -r)"
  echo "- $("$PG_BIN/postgres" --version)"
  printf -- '-'
  for name in fsync wal_sync_method synchronous_commit full_page_writes \
    shared_buffers max_wal_size autovacuum; do
    option=$(sql postgres -Atc "SHOW $name")
    printf " \`%s = %s\`" "$name" "$option"
  done
  echo
  echo "- one synchronous write of 8 kB to the data directory:" \
    "$(sync_write_ms) ms"
}

sync_write_ms() {
  as_server_user dd if=/dev/zero of="$RUN/data/sync_test" bs=8k count=200 \
    oflag=dsync 2>&1 | LC_ALL=C awk -F', ' '/copied/ {
      for (i = 1; i <= NF; i++)
        if ($i ~ /^[0-9.e+-]+ s$/) printf "%.2f", $i * 1000 / 200
    }'
  rm -f "$RUN/data/sync_test"
}
