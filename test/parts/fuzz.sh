#!/usr/bin/env bash
# Hard input: any bytes into what parses bytes.
#
#   test/parts/fuzz.sh [SECONDS]
#
# libFuzzer targets with AddressSanitizer and UndefinedBehaviorSanitizer for
# the pure half of the extension, SECONDS in total (60), then random calls and
# documents at SQL level.  Seeds are printed; a failing input as well.
#
# PG_CONFIG names the server, into which the extension has been installed;
# everything is built and run in WD_TMP.
# packages: clang llvm libclang-rt-dev libssl-dev python3-psycopg
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PG_CONFIG:?}" "${WD_TMP:?}"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/common.sh"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/postgres.sh"

install_packages "$WD_TMP/apt.log" clang llvm libclang-rt-dev libssl-dev \
  python3-psycopg
if ((EUID == 0)); then
  # no server program runs as root
  chown postgres "$WD_TMP"
  exec runuser -u postgres -- env PG_CONFIG="$PG_CONFIG" WD_TMP="$WD_TMP" \
    "${BASH_SOURCE[0]}" "$@"
fi

seconds=${1:-60}
fuzz=$checkout/test/fuzz
work=$WD_TMP
lib=$("$PG_CONFIG" --pkglibdir)
include=$("$PG_CONFIG" --includedir-server)
PATH=$("$PG_CONFIG" --bindir):$PATH
# the server's bitcode is read by the compiler that made it
llvm=$("$PG_CONFIG" --configure | sed -n 's/.*llvm-config-\([0-9]*\).*/\1/p')
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

# build SOURCES PREFIX TARGET
build() {
  local src=$1 target=$3 ours theirs
  local flags=(-g -O1 -fno-omit-frame-pointer -fno-strict-aliasing -fwrapv
    -fsanitize=fuzzer -fsanitize=address -fsanitize=undefined
    -fno-sanitize-recover=undefined
    -D_GNU_SOURCE -DUSE_ASSERT_CHECKING -Wno-ignored-attributes
    "-I$src" "-I$include")
  local libs=("$lib/libpgcommon.a" "$lib/libpgport.a" -lcrypto)

  case $target in
    json)
      ours=("$fuzz"/{tree,elements}.c)
      theirs=("$src"/{jsonscan,jsontoken,jsonmatch,text}.c
        "$src"/{template,placeholder,items}.c)
      ;;
    key)
      ours=("$fuzz"/{event,keymodel,formmodel}.c "$work/jsonb_util.o")
      theirs=("$src"/{headers,render,text}.c
        "$src"/{template,placeholder,form}.c)
      ;;
    form)
      ours=("$fuzz/formmodel.c")
      theirs=("$src"/{form,text}.c)
      ;;
  esac
  "clang-$llvm" "${flags[@]}" "$fuzz"/{"fuzz_$target",shim}.c "${ours[@]}" \
    "${theirs[@]}" "${libs[@]}" -o "$2$target"
}

# The server's own jsonb, with the same sanitizers.
build_jsonb() {
  "llvm-dis-$llvm" "$lib/bitcode/postgres/utils/adt/jsonb_util.bc" -o - |
    sed '/^attributes #.*uwtable/s/ = { / = { sanitize_address /' \
      >"$work/jsonb_util.ll"
  "clang-$llvm" -g -O1 -fsanitize=fuzzer-no-link,address -c -x ir \
    "$work/jsonb_util.ll" -o "$work/jsonb_util.o"
}

# run PREFIX TARGET OPTION...: a target over its corpus
run() {
  local target=$2
  mkdir -p "$1$target.new"
  ASAN_OPTIONS=detect_leaks=0 "$1$target" -max_len=2048 -timeout=10 \
    -rss_limit_mb=2048 -artifact_prefix="$1$target.new/" \
    -dict="$fuzz/$target.dict" "${@:3}" \
    "$1$target.new" "$fuzz/corpus/$target" >"$1$target.log" 2>&1
}

fuzz_target() { # fuzz_target TARGET PID SECONDS
  local status=0 input
  wait "$2" || status=$?
  grep -E '^INFO: Seed|^Done' "$work/$1.log" | sed "s/^/# fuzz_$1: /" || true
  if [ "$status" -ne 0 ]; then
    grep -vE '^#[0-9]+.*(NEW|REDUCE|pulse)' "$work/$1.log" | tail -n 60
    for input in "$work/$1.new/"*-*; do
      echo "$(basename "$input") in base64:"
      base64 "$input"
    done
  fi
  report "$status" "fuzz_$1: corpus and $3 s of mutations"
}

# mutant TARGET FILE SED WHAT: a target must notice a bug in the sources
mutant() {
  local status=0
  rm -rf "$work/mutant"
  cp -r "$checkout/src" "$work/mutant"
  sed -i "$3" "$work/mutant/$2"
  if cmp -s "$checkout/src/$2" "$work/mutant/$2"; then
    echo "src/$2 has nothing that $3 changes"
    status=1
  else
    build "$work/mutant" "$work/mutant_" "$1"
    rm -rf "$work/mutant_$1.new"
    run "$work/mutant_" "$1" -max_total_time=5 && status=1
    grep -q 'property violated\|Sanitizer' "$work/mutant_$1.log" || status=1
  fi
  report "$status" "fuzz_$1 notices $4"
}

sql_fuzz() { # sql_fuzz DATABASE OPTION...
  local status=0
  PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$fuzz/fuzz_sql.py" \
    "dbname=$1" "${@:2}" || status=$?
  report "$status" "fuzz_sql.py ${*:2}"
}

# oracle_mutant FILE SED WHAT: an oracle that is wrong must be contradicted
oracle_mutant() {
  local status=0
  rm -rf "$work/oracle"
  mkdir "$work/oracle"
  cp "$fuzz"/*.py "$work/oracle"
  sed -i "$2" "$work/oracle/$1"
  if cmp -s "$fuzz/$1" "$work/oracle/$1"; then
    echo "test/fuzz/$1 has nothing that $2 changes"
    status=1
  else
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$work/oracle/fuzz_sql.py" \
      dbname=postgres --documents 3000 --seconds 0 >"$work/oracle.log" \
      2>&1 && status=1
    grep -q '^FAILED' "$work/oracle.log" || status=1
  fi
  report "$status" "fuzz_sql.py contradicts $3"
}

build_jsonb
for target in json key form; do
  build "$checkout/src" "$work/" "$target"
done
long=$((seconds * 2 / 5))
short=$((seconds / 5))
run "$work/" json -max_total_time="$long" &
json=$!
run "$work/" key -max_total_time="$long" &
key=$!
run "$work/" form -max_total_time="$short" &
form=$!
fuzz_target json "$json" "$long"
fuzz_target key "$key" "$long"
fuzz_target form "$form" "$short"

mutant json jsonmatch.c '/does not count any more/{n;d}' \
  'that an earlier member of a name counts'
mutant json jsonmatch.c 's/match->lists\[i\].n = \*list_mark(match, i);/;/' \
  'that the elements of an earlier member count'
mutant json jsonmatch.c 's/value->len = end - value->token/value->len = 1/' \
  'that an object ends where it begins'
mutant json items.c 's/if (holds_items(set, lists, i, j))/if (false)/' \
  'that an element with events in it is one too'
mutant json items.c 's/if (set->paths\[i\].each)/if (false)/' \
  'that an event has what another one holds'
mutant json text.c 's/|| is_utf16_surrogate_second(c))/)/' \
  'that half a surrogate pair passes'
mutant key render.c 's/"%25"/"%"/' 'that keys are not injective'
mutant key render.c 's/len != condition->expected/len > condition->expected/' \
  'that the beginning of a value meets a condition'
mutant key render.c 's/found->kind != WD_FORM_FIELD)/true)/' \
  'that the digest of a field is of its encoding'
mutant key template.c 's/template->array_path, array_path)/array_path, array_path)/' \
  'that a template is for the elements of its last path'
mutant key template.c 's/if (!template->placeholders\[i\].optional)/if (true)/' \
  'that a template requires nothing'
mutant key render.c 's/\*source->budget -= found->len;//' \
  'that reading costs nothing'
mutant form form.c "s/c = ' ';/c = '+';/" 'that plus is no blank'
mutant form form.c \
  's/if (!has_name(/if (values[i].kind != WD_JSON_ABSENT || !has_name(/' \
  'that the first field of a name counts'

trap 'stop_server "$work/pg"' EXIT
start_server "$work/pg" log_min_messages=debug1
psql -Xq -c "CREATE EXTENSION webhook_dedup"
createdb --encoding=LATIN1 --locale=C --template=template0 latin1
psql -Xq -d latin1 -c "CREATE EXTENSION webhook_dedup"
psql -Xq -o /dev/null -f "$fuzz/providers.sql"
sql_fuzz postgres --documents 15000 --seconds 10 \
  --corpus "$fuzz/corpus/deliveries" "$fuzz/corpus/json" \
  "$checkout/examples/payloads"
sql_fuzz latin1 --documents 3000 --seconds 5 --not-utf8
oracle_mutant oracle.py 's/text.replace("%", "%25")/text/' \
  'that keys are not injective'
oracle_mutant oracle.py 's/MAX_KEY = 512/MAX_KEY = 5000/' \
  'that a long key stays as it is'
oracle_mutant oracle.py 's/key.startswith(template.prefix + "sha256_")/False/' \
  'that what looks like a digest is left as it is'
oracle_mutant oracle.py 's/value = value\[0\] if/value = value[-1] if/' \
  'that the last value of a header counts'
oracle_mutant oracle.py 's/ if item.steps not in around)/)/' \
  'that elements around others are events too'
oracle_mutant oracle.py 's/lambda item: item.node.start/lambda item: -item.node.start/' \
  'that events come from the end'
oracle_mutant payload.py 's/node.members\[name\] = child/node.members.setdefault(name, child)/' \
  'that the first of several members counts'
status=0
grep -q S3ntinel "$work/pg/server.log" && status=1
report "$status" "G6: no payload in the server log at debug1"
status=0
grep -E 'PANIC|terminated by signal' "$work/pg/server.log" && status=1
report "$status" "no server process ended"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
