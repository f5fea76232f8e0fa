#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every line that tests/coverage-gaps quotes stands in its file; and a line
# that is changed there, or a gap that nobody can read, is seen.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires python3

cd "$top_srcdir"
/usr/bin/python3 tests/coverage.py --gaps || fail "see above"

mkdir "$tmp/copy" "$tmp/copy/tests"
cp -r core nbdkit-plugin "$tmp/copy"
cp tests/coverage.py tests/coverage-gaps "$tmp/copy/tests"
cd "$tmp/copy"
# seen EDIT FILE WHAT: after sed EDIT the tool tells of WHAT
seen ()
{
  cp "$2" "$tmp/before"
  sed -i "$1" "$2"
  ! cmp -s "$2" "$tmp/before" || fail "$1: nothing to change"
  ! /usr/bin/python3 tests/coverage.py --gaps 2>"$tmp/out" || fail "$1: not seen"
  grep -q "$3" "$tmp/out" || fail "$1: $(cat "$tmp/out")"
  cp "$tmp/before" "$2"
}
seen 's/assert (g->in_flight == 0)/assert (g->in_flight < 1)/' \
     core/handoff-gate.c 'core/handoff-gate.c has no such line'
seen '1i core/handoff-gate.c: a gap without a number => none' \
     tests/coverage-gaps 'not understood'
