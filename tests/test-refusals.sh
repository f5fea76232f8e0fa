#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every text with which something is refused is in a test, or is known not to
# be, with the reason (refusals-untested); and that what looks for them sees a
# text that is changed, and one that is new.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires python3

cd "$top_srcdir"
/usr/bin/python3 tests/refusals.py || fail "see above"

mkdir "$tmp/copy"
cp -r core nbdkit-plugin "$tmp/copy"
mkdir -p "$tmp/copy/tests/unit"
cp tests/*.[ch] tests/*.sh tests/*.py tests/refusals-untested "$tmp/copy/tests"
cp tests/unit/*.[ch] "$tmp/copy/tests/unit"
cd "$tmp/copy"
# seen EDIT FILE [WHAT]: after sed EDIT the tool tells of WHAT
seen ()
{
  cp "$2" "$tmp/before"
  sed -i "$1" "$2"
  ! cmp -s "$2" "$tmp/before" || fail "$1: nothing to change"
  ! /usr/bin/python3 tests/refusals.py >"$tmp/out" || fail "$1: not seen"
  grep -q "${3:-$2}" "$tmp/out" || fail "$1: $(cat "$tmp/out")"
  cp "$tmp/before" "$2"
}
seen 's/the file is its own backing file/it is the file that it backs/' \
     core/backing.c
seen 's/"has extra data, which nobody knows"/"has more than anybody knows"/' \
     core/bitmap-directory.c
seen '$a static int f (struct error *e) { return error_set (e, 5, "oddly untold"); }' \
     core/cursor.c
seen '$a static const char *f (void) { return "never seen before"; }' \
     nbdkit-plugin/hold.c
seen '/^pthread_atfork: %s$/d' tests/refusals-untested server.c
seen '/^strdup: %s$/a no such text' tests/refusals-untested
