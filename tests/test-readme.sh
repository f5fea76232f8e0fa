#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The example of README.md runs as it stands, and its table has every
# parameter of --help and no other.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdsh nbdkit

readme=$top_srcdir/README.md

# -- the example: the first block of shell ---------------------------------------

awk '/^```sh$/ { inside = 1; next } /^```$/ && inside { exit } inside' \
    "$readme" >"$tmp/example"
grep -q 'baton pass' "$tmp/example" || fail "README.md has no example"

mkdir "$tmp/here"
cd "$tmp/here"
status=0
PATH=/usr/bin:$PATH timeout 60 "$top_builddir/run" \
  bash -euo pipefail "$tmp/example" >"$tmp/out" 2>"$tmp/example.log" ||
  status=$?
for file in *.pid; do
  [ ! -s "$file" ] || pids+=("$(cat "$file")")
done
[ "$status" -eq 0 ] || fail "the example ends with status $status"
grep -q hello "$tmp/out" || fail "B does not have what A wrote"
states=$(sed -nE 's/^state +([a-z]+).*/\1/p' "$tmp/out")
[ "$states" = inactive$'\n'active ] || fail "not passed: A, B: $states"
for pid in "${pids[@]}"; do
  wait_for 20 gone "$pid" || fail "a server is left over"
done
check_clean disk.qcow2

# -- the table ---------------------------------------------------------------------

table=$(sed -n 's/^| `\([a-z-]*\)` | .*/\1/p' "$readme" | sort)
known=$(nbdkit --dump-plugin "$plugin" |
        sed -n 's/^qcow2_parameters=//p' | tr ' ' '\n' | sort)
[ -n "$known" ] || fail "--dump-plugin lists no parameters"
[ "$table" = "$known" ] ||
  fail "the table and the plugin differ: $(diff <(echo "$table") <(echo "$known"))"

# -- the files that it names ---------------------------------------------------------

while read -r file; do
  [ -e "$top_srcdir/$file" ] || fail "README.md names $file, which is not there"
done < <(grep -oE '`(core|control|nbdkit-plugin|cli|tests|docs)/[a-z0-9/.-]+`|\]\([^):]+\)' "$readme" |
         tr -d '`()]' | sort -u)
