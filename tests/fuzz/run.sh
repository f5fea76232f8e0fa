#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs the fuzz targets of a build that was configured with --enable-fuzzing.
#
#   run.sh BUILD/tests/fuzz runs N        N inputs in all
#   run.sh BUILD/tests/fuzz seconds N     N seconds each
#
# What they find interesting is kept in BUILD/tests/fuzz/found-*, and what
# breaks a promise in BUILD/tests/fuzz/crash-* and the like: run the target
# with that file alone to see it again.  FUZZ_JOBS=N: so many at a time.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
kind=$2 number=$3
jobs=${FUZZ_JOBS:-$(nproc)}

# How many of 100 inputs each target gets.
shares='control 49
image 2
parsers 49'

fuzz ()
{
  local name=$1 share=$2 status=0
  local options=(-malloc_limit_mb=64 -rss_limit_mb=1024 -timeout=10
                 -print_final_stats=1 -print_funcs=0 -max_len=1024 -verbosity=0)
  case $kind in
    runs) options+=("-runs=$((number * share / 100))") ;;
    seconds) options+=("-max_total_time=$number") ;;
  esac
  mkdir -p "found-$name"
  "./fuzz-$name" "${options[@]}" "found-$name" "$here/corpus/$name" \
    >"fuzz-$name.log" 2>&1 || status=$?
  awk -v name="$name" '
    $1 == "stat::number_of_executed_units:" { n = $2 }
    $1 == "stat::average_exec_per_sec:" { rate = $2 }
    $1 == "stat::peak_rss_mb:" { rss = $2 }
    END { printf "fuzz-%s: %d executions, %d a second, %d MiB at most\n",
          name, n, rate, rss }' "fuzz-$name.log"
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
