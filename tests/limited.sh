#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# limited.sh COMMAND...: a test that hangs must not hang them all.  It has
# BATON_TEST_SECONDS (600).  A line is added to the file BATON_TEST_TIMES if
# that is set: seconds by the clock, processor seconds, the test.

start=$(date +%s.%N)
timeout --foreground -k 20 "${BATON_TEST_SECONDS:-600}" "$@"
status=$?
[ -n "${BATON_TEST_TIMES-}" ] || exit $status

# Not in a subshell: that has no children yet.
mine=$BATON_TEST_TIMES.$$
times >"$mine"
date +%s.%N >>"$mine"
awk -v start="$start" -v name="$*" '
  NR == 2 { n = split ($1 " " $2, t, /[ms ]+/)
            for (i = 1; i < n; i += 2) cpu += 60 * t[i] + t[i + 1] }
  NR == 3 { wall = $1 - start }
  END { sub (/.*\//, "", name); printf "%.1f %.1f %s\n", wall, cpu, name }' \
  "$mine" >>"$BATON_TEST_TIMES"
rm "$mine"
exit $status
