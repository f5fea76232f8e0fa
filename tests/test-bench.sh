#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The benchmark of hand-overs still runs: its quick form, and that it prints
# each figure.  How good they are is not for a busy machine to say.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit

bench=${BATON_BENCH_BIN:-$top_builddir/bench}/handover
[ -x "$bench" ] || fail "$bench is not built: make -C bench check"

mkdir "$tmp/bench"
"$bench" --quick --sizes 1 --passes 4 --dir "$tmp/bench" --plugin "$plugin" \
         --baton "$baton" >"$tmp/out" 2>"$tmp/bench.log" ||
  fail "it failed: $(cat "$tmp/out" "$tmp/bench.log" "$tmp/bench/log")"
cat "$tmp/out"

# row TEXT: there, with a median, a 99th percentile and a maximum above 0,
# the one not above the next
row ()
{
  grep -F "$1" "$tmp/out" |
    awk '{ exit !(0 < $(NF - 2) && $(NF - 2) <= $(NF - 1) && $(NF - 1) <= $NF) }' ||
    fail "no good figures of \"$1\""
}
row '1 request in flight'
row '64 requests in flight'
row 'after 0.3 s of writes'
row 'qemu-nbd stopped, started '
row 'qemu-nbd stopped, started, dirty'
grep -q ' requests, 0 failed$' "$tmp/out" || fail "requests failed"
[ "$(grep -c 'times Baton' "$tmp/out")" = 2 ] || fail "no ratios"
[ "$("$bench" --help | head -n 1 | cut -d' ' -f1-2)" = 'usage: handover' ] ||
  fail "no --help"
