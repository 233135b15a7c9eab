#!/usr/bin/env bash
# receivers.sh [ARGUMENT OF PYTEST]...
#
# Tests of the example receivers over HTTP: both run here, before a PostgreSQL
# of their own, as a role with the rights of wd_grant_receiver.
#
# Needs the extension installed in the PostgreSQL of PG_CONFIG.  Writes to
# WD_TMP, or to a temporary folder.
#
# packages: python3-fastapi python3-uvicorn python3-psycopg python3-psycopg-pool python3-pytest
# packages: mypy flake8
# packages: nodejs npm
set -euo pipefail

self=$(readlink -f "${BASH_SOURCE[0]}")
root=$(cd "$(dirname "$self")/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../../script/lib/common.sh
. "$root/script/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=../../script/lib/postgres.sh
. "$root/script/lib/postgres.sh"

export PG_CONFIG=${PG_CONFIG:-pg_config}

prepare_root() {
  local packages
  packages=$(sed -n 's/^# packages: //p' "$self")
  # shellcheck disable=SC2086 # one word for each package
  install_packages "$WD_TMP/receivers-apt.log" $packages
}

# The server refuses to run as root, and its user may not see this tree.
run_unprivileged() {
  local copy=$WD_TMP/receivers-sources folder status=0
  mkdir -p "$copy"
  for folder in examples script test; do
    copy_tree "$root/$folder" "$copy/$folder"
  done
  mkdir -p "$WD_TMP/receivers-work"
  chown -R postgres "$copy" "$WD_TMP/receivers-work"
  chmod a+x "$WD_TMP"
  cd "$WD_TMP/receivers-work"
  runuser -u postgres -- env WD_TMP="$WD_TMP/receivers-work" \
    HOME="$WD_TMP/receivers-work" PG_CONFIG="$(command -v "$PG_CONFIG")" \
    "$copy/test/parts/receivers.sh" "$@" || status=$?
  return "$status"
}

# The tests import from a tree in which node finds its modules.
prepare_sources() {
  mkdir -p "$sources/test"
  cp -r "$root/examples" "$sources/"
  cp -r "$root/test/receivers" "$sources/test/"
  if ! (
    cd "$sources/examples/node"
    npm ci --no-fund --no-audit --ignore-scripts --cache "$work/npm"
  ) >"$work/npm.log" 2>&1; then
    tail -n 20 "$work/npm.log"
    warn "npm could not install the modules of examples/node"
    return 1
  fi
}

prepare_database() {
  PATH=$("$PG_CONFIG" --bindir):$PATH
  # Everything a server may be told to log of an error is in its log.
  start_server "$server" max_connections=100 log_min_messages=debug1 \
    log_error_verbosity=verbose
  psql -qX -v ON_ERROR_STOP=1 -f "$sources/examples/fastapi/schema.sql" \
    -f - >"$work/psql.log" 2>&1 <<'SQL'
CREATE SCHEMA webhook;
CREATE EXTENSION webhook_dedup SCHEMA webhook;
CREATE ROLE webhook_receiver LOGIN;
SELECT webhook.wd_grant_receiver('webhook_receiver');
GRANT INSERT ON payments_effects TO webhook_receiver;
ALTER ROLE webhook_receiver SET search_path = public, webhook;
SQL
}

finish() {
  stop_server "$server"
  if [[ -n ${own_folder:-} ]]; then
    remove_folder "$own_folder"
  fi
}

if [[ -z ${WD_TMP:-} ]]; then
  own_folder=$(make_work_folder)
  WD_TMP=$own_folder
fi
work=$WD_TMP/receivers
sources=$work/tree
server=$work/pg
trap finish EXIT
trap 'exit 143' TERM INT

if ((EUID == 0)); then
  prepare_root
  run_unprivileged "$@"
  exit
fi

mkdir -p "$work"
if ! prepare_sources || ! prepare_database; then
  cat "$work/psql.log" 2>/dev/null || true
  say "0 passed, 1 failed"
  exit 1
fi

export WD_SERVER_LOG=$server/server.log WD_COUNTS=$work/counts
cd "$sources/test/receivers"
/usr/bin/python3 -B -m pytest -p no:cacheprovider -q --tb=short \
  --basetemp="$work/pytest" "$@" </dev/null || true

passed=0
failed=1
if [[ -s $WD_COUNTS ]]; then
  read -r passed failed <"$WD_COUNTS"
fi
say "$passed passed, $failed failed"
((passed > 0 && failed == 0))
