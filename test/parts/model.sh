#!/usr/bin/env bash
# Verifies the model of the lease protocol exhaustively, and that it catches
# a protocol from which a part was taken out.
#
# packages: spin gcc libc6-dev
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../../script/lib/common.sh
. "$root/script/lib/common.sh"

model=$root/test/model/lease.pml
memory_mb=512
seconds=60
passed=0
failed=0

if [[ -z ${WD_TMP:-} ]]; then
  WD_TMP=$(make_work_folder)
  trap 'remove_folder "$WD_TMP"' EXIT
fi
work=$WD_TMP/model

# pan KIND [-DNAME[=VALUE] ...]: leaves what the verifier says in pan.log
pan() {
  local kind=$1
  shift
  local compile=(-O2 "-DMEMLIM=$memory_mb")
  local options=(-m1000000)
  rm -rf "$work"
  mkdir "$work"
  cd "$work"
  if [[ $kind == progress ]]; then
    spin -DG2 "$@" -a "$model" >spin.log
    # room for the counters of weak fairness
    compile+=(-DNFAIR=3)
    options+=(-a -f)
  else
    spin "$@" -a "$model" >spin.log
    compile+=(-DSAFETY)
  fi
  gcc "${compile[@]}" -o pan pan.c
  timeout "$seconds" ./pan "${options[@]}" >pan.log 2>&1 || true
}

# result BAD TEXT
result() {
  if (($1 == 0)); then
    passed=$((passed + 1))
    say "# ok - $2"
  else
    failed=$((failed + 1))
    say "not ok - $2"
    cat "$work/pan.log"
  fi
}

# verify NAME KIND [-D...]: the whole state space holds no violation
verify() {
  local name=$1
  shift
  local bad=1
  pan "$@"
  if grep -q 'errors: 0$' "$work/pan.log" \
    && ! grep -qE 'not completed|too small|out of memory' "$work/pan.log"; then
    bad=0
  fi
  local states time
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/pan.log")
  time=$(sed -n 's/^pan: elapsed time \(.*\) seconds/\1/p' "$work/pan.log")
  result "$bad" "$name: ${states:-no} states, ${time:-?} s"
}

# catch NAME REASON KIND -D...: the violation is the one that is expected
catch() {
  local name=$1
  local reason=$2
  shift 2
  local bad=1
  pan "$@"
  if grep -qF "pan:1: $reason" "$work/pan.log"; then
    bad=0
  fi
  result "$bad" "without $name: caught"
}

# No step of the model may be out of reach, or it would verify nothing.
all_reached() {
  local bad=0
  if grep -E 'lease\.pml:[0-9]+, state' "$work/pan.log"; then
    bad=1
  fi
  result "$bad" "every step is reached"
}

if ((EUID == 0)); then
  install_packages "$WD_TMP/model-apt.log" spin gcc libc6-dev
fi

verify "G1, G3, G4, two sessions and a transaction, two clocks" safety
all_reached
verify "G1, G3, G4, one clock" safety -DSKEW=0 -DFAULTS=5
verify "G1, G3, G4, three sessions and a transaction" safety -DSESSIONS=3 \
  -DFAULTS=4
verify "G1, G3, G4, clocks far apart" safety -DSKEW=3
verify "G1, G3, G4, two transactions" safety -DONCE=2
verify "max_attempts" safety -DLIMIT=2
verify "G2, two sessions and a transaction" progress
verify "G2, three sessions" progress -DSESSIONS=3 -DONCE=0

holder='assertion violated ((status==3)&&(attempt==mine))'
catch "fencing (G3)" "$holder" safety -DNO_FENCE
catch "the lock of wd_assert_owner (G3)" "$holder" safety -DNO_LOCK
catch "the unique constraint (G1)" \
  'assertion violated  !((given&(1<<attempt)))' safety -DNO_UNIQUE
catch "the condition of a takeover (G4)" \
  'assertion violated (status!=1)' safety -DNO_CONDITION
catch "the lease in that condition (G1)" \
  'assertion violated ((status!=3)||(left<=((me%2)*1)))' safety -DNO_RECHECK
catch "attempt and status in that condition (max_attempts)" \
  'assertion violated ((2==0)||(attempt<=2))' safety -DNO_COMPARE -DLIMIT=2
catch "the end of leases (G2)" 'acceptance cycle' progress -DNO_RECLAIM

say "$passed passed, $failed failed"
((failed == 0))
