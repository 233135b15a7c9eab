#!/usr/bin/env bash
# What can be said of the sources without running them: both compilers without
# a warning, cppcheck, clang's analyzer, and the limits of the house.
#
# PG_CONFIG names the server whose headers are used; WD_TMP takes the output.
# packages: gcc clang cppcheck libssl-dev
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PG_CONFIG:?}" "${WD_TMP:?}"
# shellcheck source-path=SCRIPTDIR/../../script
. "$checkout/script/lib/common.sh"

install_packages "$WD_TMP/apt.log" gcc clang cppcheck libssl-dev

cd "$checkout"
include=$("$PG_CONFIG" --includedir-server)
sources=(src/*.c test/fuzz/*.c)
all=(src/*.[ch] test/fuzz/*.[ch])
passed=0
failed=0

# check NAME COMMAND...: passes if the command succeeds and says nothing
check() {
  local name=$1 status=0
  shift
  "$@" >"$WD_TMP/output" 2>&1 || status=$?
  if [ "$status" -eq 0 ] && [ ! -s "$WD_TMP/output" ]; then
    passed=$((passed + 1))
    echo "ok - $name"
  else
    failed=$((failed + 1))
    head -n 60 "$WD_TMP/output"
    echo "not ok - $name"
  fi
}

# The server's headers are not ours to judge, and its idioms (Datum functions,
# lengthof, designated initialisers) meet four warnings of -Wextra.
compile() {
  local file status=0
  for file in "${sources[@]}"; do
    "$1" -std=gnu99 -O2 -Wall -Wextra -Werror -Wshadow -Wvla \
      -Wdeclaration-after-statement -Wmissing-prototypes -Wpointer-arith \
      -Wstrict-prototypes -Wwrite-strings -Wno-unused-parameter \
      -Wno-sign-compare -Wno-missing-field-initializers \
      -Wno-cast-function-type "${@:2}" -D_GNU_SOURCE -Isrc \
      -isystem "$include" -c "$file" -o /dev/null || status=1
  done
  return "$status"
}

analyze() {
  local file status=0
  for file in "${sources[@]}"; do
    clang --analyze -Xclang -analyzer-output=text -Xclang -analyzer-werror \
      -Wno-ignored-attributes -D_GNU_SOURCE -Isrc -isystem "$include" \
      "$file" -o /dev/null || status=1
  done
  return "$status"
}

# cppcheck reads our own files only; these are the macros that would hide
# functions from it.
run_cppcheck() {
  cppcheck --quiet --std=c99 --enable=warning,performance,portability \
    --error-exitcode=1 -j2 -Isrc -DPG_VERSION_NUM=150000 \
    -D'PG_FUNCTION_ARGS=FunctionCallInfo fcinfo' \
    -D'PG_FUNCTION_INFO_V1(f)=extern int finfo_##f(void)' \
    -D'pg_attribute_noreturn()=__attribute__((noreturn))' \
    -D'INT64CONST(x)=x##L' -D'UINT64CONST(x)=x##UL' "${sources[@]}"
}

file_lengths() {
  awk 'FNR == 601 { print FILENAME ": more than 600 lines" }' "${all[@]}"
}

function_lengths() {
  awk '/^\{/ { start = FNR }
    /^\}/ && start > 0 {
      if (FNR - start + 1 > 80)
        print FILENAME ":" start ": a function of " FNR - start + 1 " lines"
      start = 0
    }' "${sources[@]}"
}

# A message is not broken to fit.
line_lengths() {
  local file
  for file in "${all[@]}"; do
    expand -t 4 "$file" | awk -v file="$file" \
      'length($0) > 79 && !/^ *(err[a-z_]*\(|elog\(|")[^;]*"/ {
        print file ":" NR ": " length($0) " columns"
      }'
  done
}

# Each ereport(ERROR ...) up to its semicolon, strings left out.
error_codes() {
  awk 'function flush() {
      if (report != "" && report !~ /errcode\(/)
        print FILENAME ":" start ": an error without SQLSTATE"
      report = ""
    }
    { line = $0; gsub(/"([^"\\]|\\.)*"/, "", line) }
    line ~ /ereport\(ERROR/ { flush(); start = FNR; report = " " }
    report != "" { report = report line; if (line ~ /;/) flush() }
    ' src/*.c
}

no_line_comments() {
  ! grep -nE '(^|[^:"])//' "${all[@]}"
}

no_notes_to_self() {
  ! grep -nwE 'TODO|FIXME|XXX|HACK' "${all[@]}"
}

no_stray_blanks() {
  ! grep -nE '[[:blank:]]$|^ +[^ *]' "${all[@]}"
}

# postgres.h comes first in a .c and never in a .h.
include_order() {
  local file
  for file in src/*.c; do
    [ "$(grep -m1 '^#include' "$file")" = '#include "postgres.h"' ] ||
      echo "$file: postgres.h is not the first"
  done
  grep -n '^#include "postgres[.]h"' src/*.h || true
}

# Each header of ours, alone behind postgres.h
headers_alone() {
  local file status=0
  for file in src/*.h; do
    printf '#include "postgres.h"\n#include "%s"\n' "${file#src/}" |
      gcc -std=gnu99 -fsyntax-only -Werror -D_GNU_SOURCE -Isrc \
        -isystem "$include" -xc - || status=1
  done
  return "$status"
}

# pgindent needs to know our types: pgindent --typedefs of the server's list
# and this one together changes nothing but spaces around initialisers.
typedefs_listed() {
  sed -nE 's/^\} ([A-Z][A-Za-z]+);$/\1/p; s/^typedef .*\(\*(Wd[A-Za-z]+)\).*/\1/p' src/*.[ch] |
    LC_ALL=C sort -u | diff - src/typedefs.list
}

# The checks above find what they look for.
self_test() {
  local bad=$WD_TMP/bad.c sources all name
  {
    echo 'int f(void)'
    echo '{'
    seq -f '	g(%g); // a line that goes beyond the columns that there are for the code of it' 660
    echo '}	'
    echo '/* TODO */'
  } >"$bad"
  sources=("$bad")
  all=("$bad")
  for name in file_lengths function_lengths line_lengths no_line_comments \
    no_notes_to_self no_stray_blanks; do
    [ -n "$("$name" || true)" ] || echo "$name finds nothing"
  done
}

check "gcc has no warning" compile gcc
check "clang has no warning" compile clang -Wno-ignored-attributes
check "cppcheck" run_cppcheck
check "clang --analyze" analyze
check "files of at most 600 lines" file_lengths
check "functions of at most 80 lines" function_lengths
check "lines of at most 79 columns" line_lengths
check "each error has a SQLSTATE" error_codes
check "no // comments" no_line_comments
check "no notes to self" no_notes_to_self
check "tabs, and no blanks at the end" no_stray_blanks
check "include order" include_order
check "headers compile alone" headers_alone
check "each type is listed for pgindent" typedefs_listed
check "the checks of text find what they look for" self_test

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
