#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs the fuzz targets of a build that was configured with --enable-fuzzing.
#
#   run.sh BUILD/tests/fuzz runs N        N inputs in all
#   run.sh BUILD/tests/fuzz seconds N     N seconds each
#
# What takes a second in a plain build may take 20 here, and longer on a machine
# that is busy: -timeout.
#
# What they find interesting is kept in BUILD/tests/fuzz/found-*, and what
# breaks a promise in BUILD/tests/fuzz/crash-* and the like: run the target
# with that file alone to see it again.  FUZZ_JOBS=N: so many at a time.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
kind=$2 number=$3
jobs=${FUZZ_JOBS:-$(nproc)}

# How many of 100 inputs each target gets: the last two are slow.
shares='control 20
handshake 30
parsers 46
image 2
tls 2'

# What takes most time in a target is what the address sanitizer does to memory
# that was freed, and what the kernel does to memory that comes and goes.
export ASAN_OPTIONS=quarantine_size_mb=8:max_malloc_fill_size=0:use_madv_dontdump=0:allocator_release_to_os_interval_ms=-1${ASAN_OPTIONS:+:$ASAN_OPTIONS}

fuzz ()
{
  local name=$1 share=$2 status=0 verdict
  local options=(-malloc_limit_mb=64 -rss_limit_mb=1024 -timeout=60
                 -print_final_stats=1 -print_funcs=0 -max_len=1024 -verbosity=0)
  case $kind in
    # A schedule that pays only in the long run takes half of the time.
    runs) options+=("-runs=$((number * share / 100))" -entropic=0) ;;
    seconds) options+=("-max_total_time=$number") ;;
  esac
  mkdir -p "found-$name"
  # What the shell says of the processor's time is the last line.
  TIMEFORMAT='cpu %U %S'
  { time "./fuzz-$name" "${options[@]}" "found-$name" "$here/corpus/$name" \
      >"fuzz-$name.log" 2>&1; } 2>"fuzz-$name.time" || status=$?
  [ "$status" -eq 0 ] && verdict=PASS || verdict=FAIL
  awk -v name="$name" -v verdict="$verdict" '
    $1 == "cpu" { cpu = $2 + $3 }
    $1 == "stat::number_of_executed_units:" { n = $2 }
    $1 == "stat::peak_rss_mb:" { rss = $2 }
    END { printf "%s: fuzz-%s: %d executions, %d for each of %d s of a processor, " \
                 "%d MiB at most\n", verdict, name, n, cpu ? n / cpu : 0, cpu, rss
          print n, cpu >(name ".count") }' "fuzz-$name.time" "fuzz-$name.log"
  [ "$status" -eq 0 ] || {
    tail -n 40 "fuzz-$name.log"
    echo "fuzz-$name: status $status"
  } >&2
  return "$status"
}
export -f fuzz
export here kind number

# shellcheck disable=SC2016
xargs -P "$jobs" -L 1 bash -euo pipefail -c 'fuzz "$1" "$2"' fuzz <<<"$shares"
while read -r name _; do
  cat "$name.count"
done <<<"$shares" | awk '{ n += $1; cpu += $2 }
  END { printf "%d executions, %d s of a processor, nothing found\n", n, cpu }'
