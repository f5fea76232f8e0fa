#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# make soak: what no daily test has the time for, one part after the other,
# each with seeds of its own.  In a built tree, with the tests' programs:
#
#   BUILD=DIR             where it was built; default: this source tree
#   FUZZ=DIR              tests/fuzz/ of a build of the fuzz targets
#   SOAK_SIZE=full        until each part has reached its number, below; or a
#                         fraction, as 0.01
#   SOAK_STATE=DIR        keeps figures, failures and the next seeds, so that
#                         runs that have ended or were killed add up
#   SOAK_MINUTES=N        without SOAK_SIZE: for each part (20)
#   SOAK_MIGRATIONS=N     for migrate, instead of minutes (200)
#   SOAK_PARTS="..."      which (all): storm kill crash recovery pairs faults
#                         migrate fuzz mutants
#   SOAK_SEED=N           where the seeds begin (the time)
#
# A part goes on to its end when one of its runs has failed, and each failed
# run is told with what repeats it.  Figures come at the end, each beside the
# number that is to be reached.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${BUILD:-$here/..}" && pwd)
minutes=${SOAK_MINUTES:-20}
size=${SOAK_SIZE:-}
parts=${SOAK_PARTS:-storm kill crash recovery pairs faults migrate fuzz mutants}
jobs=$(nproc)
most_seconds=14400              # a run that takes longer hangs
work=$(mktemp -d "${TMPDIR:-/tmp}/baton-soak.XXXXXX")
state=${SOAK_STATE:-$work/state}
export top_builddir=$build top_srcdir=$here/.. srcdir=$here BATON_BUILD=$build
PATH=/usr/bin:$PATH

# Each run in a process group of its own, so that nothing outlives this.
set -m
leave ()
{
  local pid
  exec 2>/dev/null              # it would be told who was ended
  for pid in $(jobs -p); do
    kill -TERM -- "-$pid"
  done
  wait
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 1' INT TERM

# Part, figure, what comes after its numbers in what a run prints, and the
# number that SOAK_SIZE=full is to reach; -: it is only told.
figures='storm     storm-seconds         -                                     1200
kill      kills                 kills                                 100000
kill      acknowledged-records  acknowledged.records                  -
crash     crash-states          (states.after.a.power.cut|kills)      1000000000
crash     looked-at-by-QEMU     looked.at.by.QEMU                     1000000
crash     crashes-in-recovery   power.cuts.of.these                   -
recovery  crashes-in-repairs    power.cuts.in.repairs                 5000000
recovery  crashes-in-recovery   power.cuts.in.repairs                 50000000
pairs     fault-points          points.of.failure                     -
pairs     pairs-of-faults       pairs.of.faults                       10000000
faults    hand-overs            hand-overs                            20160
faults    acknowledged-records  acknowledged                          -
migrate   migrations            -                                     200
fuzz      fuzz-executions       executions,.[0-9]+.s.of.a.processor,.nothing  500000000
mutants   mutants               (killed|survived)                     2000
mutants   mutants-killed        killed                                -'

say () { echo "$(date +%T) $*"; }

# -- what was reached ---------------------------------------------------------------

# add FIGURE N
add () { echo "$1 $2" >>"$state/figures"; }

# reached FIGURE
reached () { awk -v f="$1" '$1 == f { n += $2 } END { printf "%.0f\n", n }' "$state/figures"; }

# targets PART: FIGURE N, by SOAK_SIZE
targets ()
{
  awk -v part="$1" -v size="${size/full/1}" '
    size != "" && $1 == part && $4 != "-" { n = $4 * size; printf "%s %.0f\n", $2, n < 1 ? 1 : n }' \
    <<<"$figures"
}

# tally PART LOG: what a run that has passed has printed
tally ()
{
  local part figure phrase
  while read -r part figure phrase _; do
    [ "$part" = "$1" ] && [ "$phrase" != - ] || continue
    add "$figure" "$(grep -oE "[0-9]+ $phrase" "$2" | awk '{ n += $1 } END { printf "%.0f\n", n }')"
  done <<<"$figures"
}

# enough PART
enough ()
{
  local figure n
  [ -n "$size" ] || { [ "$SECONDS" -ge "$part_end" ]; return; }
  while read -r figure n; do
    [ "$(reached "$figure")" -ge "$n" ] || return 1
  done < <(targets "$1")
}

# Where it stands, the rate since this was started, and when it will be done.
progress ()
{
  local figure n now percent rate left text
  [ -n "$size" ] || {
    say "$1: $((part_end > SECONDS ? (part_end - SECONDS + 59) / 60 : 0)) minutes left"
    return
  }
  while read -r figure n; do
    now=$(reached "$figure")
    read -r percent rate left < <(
      awk -v now="$now" -v n="$n" -v then="${part_begun[$figure]}" \
          -v seconds=$((SECONDS - part_start)) 'BEGIN {
        rate = seconds > 0 ? (now - then) / seconds : 0
        left = rate > 0 && now < n ? (n - now) / rate : 0
        printf "%.1f %.1f %.0f\n", 100 * now / n, rate, left }')
    text="$1: $now of $n ${figure//-/ }, $percent %, $rate a second"
    [ "$left" -eq 0 ] || text+=", done at $(date -d "$left seconds" '+%F %H:%M')"
    say "$text"
  done < <(targets "$1")
}

# begin PART: what enough and progress know
begin ()
{
  local figure
  declare -gA part_begun=()
  part_start=$SECONDS part_end=$((SECONDS + minutes * 60)) told=$SECONDS
  for figure in $(awk '{ print $2 }' <<<"$figures"); do
    part_begun[$figure]=$(reached "$figure")
  done
}

# -- runs ---------------------------------------------------------------------------

# run PART WORD=VALUE... COMMAND: one run, by itself in a directory
run ()
{
  local part=$1 dir status=0
  shift
  dir=$(mktemp -d "$work/$part.XXXXXX")
  (cd "$dir" && TMPDIR=$dir timeout --foreground -k 20 "$most_seconds" env "$@") >"$dir/log" 2>&1 || status=$?
  if [ "$status" -eq 0 ]; then
    tally "$part" "$dir/log"
    [ "$part" != mutants ] || sed '/^mutants: /d; /^\(killed\|broken\|same\)/d' "$dir/log" \
      >>"$state/survivors"
  else
    tail -n 30 "$dir/log" >&2
    echo "$part: FAILED; again with:$(printf ' %q' "$@")" | tee -a "$state/failed" >&2
  fi
  rm -rf "$dir"
  return "$status"
}

# next PART: how many runs of it have begun before, also in earlier lives
next ()
{
  local n
  n=$(cat "$state/next.$1" 2>/dev/null || echo 0)
  echo $((n + 1)) >"$state/next.$1"
  echo "$n"
}

# side_by_side PART: JOBS at a time, one_PART with a new number, until enough
side_by_side ()
{
  local running=0
  until enough "$1"; do
    [ "$running" -lt "$jobs" ] || { wait -n; running=$((running - 1)); enough "$1" && break; }
    "one_$1" "$(next "$1")" &
    running=$((running + 1))
    [ $((SECONDS - told)) -lt 60 ] || { progress "$1"; told=$SECONDS; }
  done
  wait
}

# one_after_another PART: the same for what uses all processors by itself, or,
# without SOAK_SIZE, knows by itself when it has done enough
one_after_another ()
{
  until enough "$1"; do
    "one_$1" "$(next "$1")" &
    wait $!
    [ -n "$size" ] || break
    progress "$1"
  done
}

# lacking FIGURE MOST: how much is still to be done, at most MOST
lacking ()
{
  targets "$part" | awk -v f="$1" -v most="$2" -v now="$(reached "$1")" '
    $1 == f { n = $2 - now; print n < most ? n : most }'
}

# -- the parts ----------------------------------------------------------------------

one_kill ()
{
  run kill BATON_TEST_LONG=1 BATON_KILL_ROUNDS=50 BATON_KILL_SEED=$((seed + $1)) "$here/test-kill.sh"
}

# Every workload of three requests, once; longer ones, small and not so small.
one_crash ()
{
  local n=$((seed + $1))
  case $(($1 % 16)) in
    0 | 8) run crash BATON_TEST_SEED="$n" "$build/tests/unit/test-image-crash" ;;
    1) run crash BATON_TEST_SEED="$n" "$build/tests/unit/test-image-random" ;;
    *) run crash BATON_TEST_SEED="$n" "$build/tests/unit/test-crash-exhaustive" ;;
  esac
  [ "$1" -ne 0 ] || run crash BATON_TEST_LONG=1 "$build/tests/unit/test-crash-exhaustive"
}

# Power cuts while an image is repaired.
one_recovery ()
{
  run recovery BATON_TEST_RUNS=20 BATON_TEST_SEED=$(((seed + $1) * 20)) \
      "$build/tests/unit/test-check-crash"
}

# Every point once, then pairs.
one_pairs ()
{
  [ "$1" -ne 0 ] || run pairs BATON_TEST_LONG=1 "$build/tests/unit/test-image-faults"
  run pairs BATON_TEST_PAIRS=11000 BATON_TEST_SEED=$((seed + $1)) \
      "$build/tests/unit/test-image-pairs"
}

# Some of the plan's hand-overs, with other delays.
one_faults ()
{
  run faults BATON_FAULTS="$((($1 + seed) * 36 % 2016)) 36" BATON_FAULTS_SEED=$((seed + $1)) \
      "$here/test-handover-faults.sh"
}

# Small changes of the engine, five at a time.
one_mutants ()
{
  run mutants BATON_MUTANT_JOBS=1 "$here/random-mutants.sh" "$seed" $(($1 * 5)) 5
}

part_mutants ()
{
  "$here/random-mutants.sh" prepare &
  wait $! && side_by_side mutants
}

# A real guest, back and forth under load.
one_migrate ()
{
  local n=${SOAK_MIGRATIONS:-200}
  [ -z "$size" ] || n=$(lacking migrations 20)
  n=$(((n + 1) / 2 * 2))
  run migrate BATON_MIGRATIONS="$n" "$here/test-migrate.sh" && add migrations "$n"
}

# Progress is its own.
part_storm ()
{
  local s=$((minutes * 60))
  [ -z "$size" ] || s=$(lacking storm-seconds 1200)
  [ "$s" -gt 0 ] || return 0
  {
    BATON_STORM_SECONDS=$s BATON_STORM_SEED=$seed "$here/soak-storm.sh" 2>&1 &&
      add storm-seconds "$s" ||
      echo "storm: FAILED; again with: BATON_STORM_SECONDS=$s BATON_STORM_SEED=$seed" \
           "$here/soak-storm.sh" | tee -a "$state/failed"
  } &
  wait $!
}

# All targets at once; what they have found is where the next run begins.
one_fuzz ()
{
  local kind=(seconds $((minutes * 60 * jobs / 5)))
  [ -z "$size" ] || kind=(runs "$(lacking fuzz-executions 4000000)")
  run fuzz "$here/fuzz/run.sh" "${FUZZ:?}" "${kind[@]}"
}

# -- all of it ------------------------------------------------------------------------

mkdir -p "$state"
touch "$state"/{figures,failed,survivors}
[ -s "$state/seed" ] || echo "${SOAK_SEED:-$(date +%s)}" >"$state/seed"
seed=$(cat "$state/seed")

for part in $parts; do
  begin "$part"
  [ -n "$size" ] && until="size $size" || until="$minutes minutes"
  say "$part: $until, seeds from $seed"
  case $part in
    storm | mutants) "part_$part" ;;
    migrate | fuzz) one_after_another "$part" ;;
    kill | crash | recovery | pairs | faults) side_by_side "$part" ;;
    *) echo "$0: no such part: $part" >&2; exit 2
  esac
  progress "$part"
done

for part in $parts; do
  while read -r name figure _ full; do
    [ "$name" = "$part" ] || continue
    to_reach=$(targets "$part" | sed -n "s/^$figure //p")
    printf '%s: %s %s%s\n' "$part" "$(reached "$figure")" "${figure//-/ }" \
           "${to_reach:+ of $to_reach}"
  done <<<"$figures"
done
status=0
mutants=$(reached mutants) killed=$(reached mutants-killed)
if [ "$mutants" -gt 0 ]; then
  awk -v n="$mutants" -v k="$killed" \
      'BEGIN { printf "mutants: %.1f %% killed, 95 are to be\n", 100 * k / n; exit k < 0.95 * n }' ||
    { echo "those that live: $state/survivors"; cat "$state/survivors"; status=1; }
fi
[ ! -s "$state/failed" ] || { cat "$state/failed"; status=1; }
[ "$status" -ne 0 ] || echo "soak: nothing found"
exit "$status"
