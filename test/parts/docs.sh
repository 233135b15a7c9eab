#!/usr/bin/env bash
# The documentation does what it says: SQL of the README and the guides is run
# and its printed answers compared, both handlers of the README are called.
# Needs PG_CONFIG, with the extension installed, and WD_TMP, a folder to use.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PG_CONFIG:?}" "${WD_TMP:?}"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/common.sh"

install_packages "$WD_TMP/apt.log" python3 python3-psycopg nodejs
command -v npm >/dev/null || install_packages "$WD_TMP/apt.log" npm

folder=$WD_TMP/docs
mkdir -p "$folder"
run_as=()
if ((EUID == 0)); then
  chown postgres "$folder"
  run_as=(runuser -u postgres --)
fi
bin=$("$PG_CONFIG" --bindir)

cleanup() {
  "${run_as[@]}" "$bin/pg_ctl" stop --mode=immediate --silent \
    --pgdata="$folder/data" >/dev/null 2>&1 || true
}
trap cleanup EXIT

cd "$folder"
"${run_as[@]}" "$bin/initdb" --no-sync --auth=trust --username=postgres \
  --encoding=UTF8 --locale=C.UTF-8 --pgdata="$folder/data" >initdb.log 2>&1
"${run_as[@]}" "$bin/pg_ctl" start --wait --silent --pgdata="$folder/data" \
  --log="$folder/server.log" </dev/null \
  --options="-c listen_addresses='' -c unix_socket_directories='$folder' -c fsync=off"

mkdir -p node
(cd node && npm init -y && npm install --no-audit --no-fund pg) >npm.log 2>&1

export PGHOST=$folder PGUSER=postgres PGDATABASE=postgres
PATH=$bin:$PATH /usr/bin/python3 "$checkout/test/docs/run.py" "$checkout" "$folder/node"
