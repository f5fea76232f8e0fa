#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
#   tests/coverage.sh BUILD       after the tests of a build with --coverage
#
# Prints for each file of core/, and what else tests/coverage-floor names, how
# many of its lines were run and how many of its branches were taken, in per
# cent; and fails where a file of tests/coverage-floor has fewer than are said
# there.  `make coverage' does all of it.

set -euo pipefail

cd "$(dirname "$0")/.."
floor=$PWD/tests/coverage-floor
cd "$1"
command -v gcov >/dev/null || { echo "gcov is not there" >&2; exit 77; }

# counts DIR NAME: "DIR/NAME.c lines branches", in per cent, and how many
# branches there are; of that file alone and not of the headers that it includes
counts ()
{
  gcov -b -n -o "$1" "$1/$2.gcda" 2>/dev/null | awk -v file="$1/$2.c" '
    BEGIN { want = file; sub (/.*\//, "", want) }
    /^File / { name = $2; gsub (/\x27/, "", name); sub (/.*\//, "", name)
               on = name == want }
    on && /^Lines executed:/ { split ($2, n, /[:%]/); lines = n[2] }
    on && /^Taken at least once:/ { split ($4, n, /[:%]/); branches = n[2]; nr = $6 }
    END { if (lines == "") exit
          print file, lines, branches == "" ? "100.00" : branches, nr + 0 }'
}

for data in core/*.gcda nbdkit-plugin/json-name.gcda; do
  name=${data##*/}
  counts "${data%/*}" "${name%.gcda}"
done >coverage.out

awk '
  FNR == NR { if ($1 != "" && $1 !~ /^#/) { lines[$1] = $2; branches[$1] = $3 }
              next }
  FNR == 1 { printf "%-32s %8s %9s\n", "", "lines %", "branches %" }
  { printf "%-32s %8.2f %9.2f", $1, $2, $3
    seen[$1] = 1
    if ($1 ~ /^core\//) { all += $4; taken += $3 * $4 / 100 }
    if ($1 in lines && ($2 < lines[$1] || $3 < branches[$1])) {
      printf "   below %s and %s", lines[$1], branches[$1]; bad++ }
    print "" }
  END { for (file in lines)
          if (!(file in seen)) { print file ": was not run"; bad++ }
        printf "core/: %.2f %% of %d branches\n", 100 * taken / all, all
        if (bad) print "coverage: " bad " files are below tests/coverage-floor"
        exit bad > 0 }' "$floor" coverage.out
