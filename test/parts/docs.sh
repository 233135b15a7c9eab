#!/usr/bin/env bash
# The documentation does what it says: SQL and commands of the README and the
# guides are run and printed answers compared, the handlers of the README are
# called.
#
# Needs the extension installed in the PostgreSQL of PG_CONFIG, and WD_TMP, a
# folder to write to.  Runs as no privileged user.
#
# packages: python3 python3-psycopg python3-fastapi python3-uvicorn python3-psycopg-pool
# packages: nodejs npm curl gcc make libcurl4-openssl-dev libssl-dev libpq-dev libjansson-dev
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR/../../script
. "$root/script/lib/postgres.sh"

PATH=$("${PG_CONFIG:?}" --bindir):$PATH
trap 'stop_server "${WD_TMP:?}/server"' EXIT
start_server "$WD_TMP/server"

# The handler in Node needs what the example in Node needs.
mkdir "$WD_TMP/node"
cp "$root"/examples/node/package*.json "$WD_TMP/node"
(cd "$WD_TMP/node" && HOME=$WD_TMP npm ci --no-audit --no-fund) \
  >"$WD_TMP/npm.log" 2>&1 || cat "$WD_TMP/npm.log"

/usr/bin/python3 "$root/test/docs/run.py" "$root" "$WD_TMP"
