# shellcheck shell=bash
# A PostgreSQL of one's own: a copy of the installed programs to install the
# extension into, and a server with a private socket.  Needs no privileges.

# Copy the installed PostgreSQL VERSION to FOLDER.  PostgreSQL finds its files
# relative to its programs, so the copy is a complete installation, and what is
# installed into it leaves the system's alone.
# Sets PG_CONFIG and PATH.
private_postgres() {
  local version=$1 folder=$2 multiarch
  multiarch=$(gcc -print-multiarch)
  mkdir -p "$folder"/{lib,share}/postgresql
  cp -a "/usr/lib/postgresql/$version" "$folder/lib/postgresql/"
  cp -a "/usr/share/postgresql/$version" "$folder/share/postgresql/"
  ln -s /usr/include "$folder/include"
  ln -s "/usr/lib/$multiarch" "$folder/lib/$multiarch"
  ln -s /usr/share/locale "$folder/share/locale"
  # A copy that the system has already would hide a file missing from ours.
  rm -rf "$folder/lib/postgresql/$version/lib/webhook_dedup.so" \
    "$folder/lib/postgresql/$version/lib/bitcode/webhook_dedup"* \
    "$folder/share/postgresql/$version/extension/webhook_dedup"*
  export PG_CONFIG=$folder/lib/postgresql/$version/bin/pg_config
  export PATH=$folder/lib/postgresql/$version/bin:$PATH
}

# Build the extension in the current folder and install it for PG_CONFIG.
# Arguments go to make.
build_extension() {
  make -s -j2 PG_CONFIG="$PG_CONFIG" "$@" &&
    make -s install PG_CONFIG="$PG_CONFIG" "$@"
}

# Start a server in FOLDER, reached through the Unix socket there alone.
# Sets PGHOST, PGPORT, PGUSER and PGDATABASE.  Further arguments are settings, name=value.
start_server() {
  local folder=$1 setting options
  shift
  mkdir -p "$folder"
  options="-c listen_addresses='' -c unix_socket_directories='$folder'"
  for setting in fsync=off "$@"; do
    options+=" -c $setting"
  done
  initdb --no-sync --auth=trust --username=postgres --encoding=UTF8 \
    --locale=C.UTF-8 --pgdata="$folder/data" >"$folder/initdb.log" 2>&1 || {
    cat "$folder/initdb.log" >&2
    return 1
  }
  pg_ctl start --wait --silent --pgdata="$folder/data" \
    --log="$folder/server.log" --options="$options" </dev/null || {
    tail -n 20 "$folder/server.log" >&2
    return 1
  }
  export PGHOST=$folder PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

stop_server() {
  if [[ -f $1/data/postmaster.pid ]]; then
    pg_ctl stop --mode=immediate --silent --pgdata="$1/data" >/dev/null 2>&1 || true
  fi
}
