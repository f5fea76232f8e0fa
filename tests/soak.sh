#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# make soak: what no daily test has the time for, one part after the other,
# each with seeds of its own.  In a built tree:
#
#   BUILD=DIR             where it was built; default: this source tree
#   FUZZ=DIR              tests/fuzz/ of a build of the fuzz targets
#   SOAK_MINUTES=N        for each part (20)
#   SOAK_MIGRATIONS=N     for migrate, instead of minutes (200)
#   SOAK_PARTS="..."      which: storm kill crash faults migrate fuzz (all)
#   SOAK_SEED=N           where the seeds begin (the time)
#
# A part goes on to its end when one of its runs has failed, and each failed
# run is told with what repeats it.  Figures come at the end.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${BUILD:-$here/..}" && pwd)
minutes=${SOAK_MINUTES:-20}
parts=${SOAK_PARTS:-storm kill crash faults migrate fuzz}
seed=${SOAK_SEED:-$(date +%s)}
jobs=$(nproc)
work=$(mktemp -d "${TMPDIR:-/tmp}/baton-soak.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 1' INT TERM
export top_builddir=$build top_srcdir=$here/.. srcdir=$here
PATH=/usr/bin:$PATH

say () { echo "$(date +%T) $*"; }

# run NAME WORD=VALUE... COMMAND: one run, by itself in a directory
run ()
{
  local name=$1 dir
  shift
  dir=$(mktemp -d "$work/$name.XXXXXX")
  if (cd "$dir" && TMPDIR=$dir env "$@") >"$dir/log" 2>&1; then
    grep -hE 'none lost|violations|power cuts|hand-overs|acknowledged|read back' "$dir/log" \
      >>"$work/$name.figures"
    echo "${!#}" >>"$work/$name.passed"
  else
    tail -n 30 "$dir/log" >&2
    echo "$name: FAILED; again with:$(printf ' %q' "$@")" | tee -a "$work/failed" >&2
  fi
  rm -rf "$dir"
}

# for_a_time NAME FUNCTION: so long, JOBS at a time, FUNCTION with a new seed
for_a_time ()
{
  local name=$1 next=$seed running=0 told=$SECONDS end=$((SECONDS + minutes * 60))
  while [ "$SECONDS" -lt "$end" ]; do
    [ "$running" -lt "$jobs" ] || { wait -n; running=$((running - 1)); }
    "$2" "$next" &
    running=$((running + 1)) next=$((next + 1))
    [ $((SECONDS - told)) -lt 60 ] || {
      say "$name: $((end > SECONDS ? (end - SECONDS) / 60 : 0)) minutes left," \
          "$(passed "$name") runs passed"
      told=$SECONDS
    }
  done
  wait
}

passed () { wc -l 2>/dev/null <"$work/$1.passed" || echo 0; }

# -- the parts -------------------------------------------------------------------

one_kill () { run kill BATON_KILL_ROUNDS=50 BATON_KILL_SEED="$1" "$here/test-kill.sh"; }

# Random workloads and power cuts at each point of them, also in repairs.
one_crash ()
{
  local test
  for test in test-image-crash test-check-crash test-image-random; do
    run crash BATON_TEST_SEED="$1" "$build/tests/unit/$test"
  done
}

# Some of the plan's hand-overs, with other delays.
one_faults ()
{
  run faults BATON_FAULTS="$(($1 * 36 % 2016)) 36" BATON_FAULTS_SEED="$1" \
      "$here/test-handover-faults.sh"
}

# A real guest, back and forth under load.
part_migrate ()
{
  run migrate BATON_MIGRATIONS="${SOAK_MIGRATIONS:-200}" "$here/test-migrate.sh"
}

# Progress is its own.
part_storm ()
{
  BATON_STORM_SECONDS=$((minutes * 60)) BATON_STORM_SEED=$seed \
    "$here/soak-storm.sh" 2>&1 | tee "$work/storm.log" ||
    echo "storm: FAILED; again with: BATON_STORM_SECONDS=$((minutes * 60))" \
         "BATON_STORM_SEED=$seed $here/soak-storm.sh" | tee -a "$work/failed" >&2
  grep -E 'passes in|slots hold' "$work/storm.log" >"$work/storm.figures"
}

# Five targets share the time.
part_fuzz ()
{
  "$here/fuzz/run.sh" "${FUZZ:?}" seconds $((minutes * 60 * jobs / 5)) \
    >"$work/fuzz.figures" 2>"$work/fuzz.log" || {
      cat "$work/fuzz.log"
      echo "fuzz: FAILED; the inputs are $FUZZ/crash-* and the like" |
        tee -a "$work/failed"
    } >&2
}

for part in $parts; do
  say "$part: $minutes minutes, seeds from $seed"
  case $part in
    storm | migrate | fuzz) "part_$part" ;;
    kill | crash | faults) for_a_time "$part" "one_$part" ;;
    *) echo "$0: no such part: $part" >&2; exit 2
  esac
  [ ! -e "$work/$part.passed" ] || say "$part: $(passed "$part") runs passed"
done

# -- figures ---------------------------------------------------------------------

sum () { awk '{ for (i = 1; i < NF; i++) if ($(i + 1) ~ "^" w) n += $i } END { print n + 0 }' w="$2" "$1"; }

for part in $parts; do
  figures=$work/$part.figures
  [ -s "$figures" ] || continue
  case $part in
    kill) echo "kill: $(sum "$figures" kills) kills, $(sum "$figures" acknowledged)" \
               "acknowledged records, none lost" ;;
    crash) awk -F '[ ,;]+' '
             /^crash points/ { p += $3; c += $6; k += $8 }
             / power cuts$/ { r += $1 }
             END { printf "crash: %d crash points, %d power cuts, %d kills, " \
                          "%d power cuts in repairs, 0 violations\n",
                   p, c, k, r }' "$figures" ;;
    faults) echo "faults: $(passed faults) times 36 hand-overs," \
                 "$(sum "$figures" acknowledged) acknowledged" ;;
    *) sed 's/^PASS: //' "$figures"
  esac
done
[ ! -s "$work/failed" ] || { cat "$work/failed"; exit 1; }
echo "soak: nothing found"
