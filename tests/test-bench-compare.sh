#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The comparison with other servers still runs, a workload of each kind (all of
# them where BATON_TEST_LONG=1), and prints each figure; how good they are is not
# for a busy machine to say.  Where rounds differ too much it gives no ratio.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit nbdcopy

compare=$top_srcdir/bench/compare
load=${BATON_BENCH_BIN:-$top_builddir/bench}/nbd-load
[ -x "$load" ] || fail "$load is not built: make -C bench check"
only=read-4k-q16-c1,write-1m,alloc-flush-1,cow-4k,zlib-4k,cold,extents,trim
only+=,open-small,copy-write
if [ "${BATON_TEST_LONG:-}" = 1 ]; then
  only=$(command -v fio >/dev/null && echo '*' || echo '[!f]*')
fi

/usr/bin/python3 "$compare" --quick --dir "$tmp/bench" --plugin "$plugin" \
  --loader "$load" --results "$tmp/results" --only "$only" >"$tmp/out" 2>&1 ||
  fail "it failed: $(tail -n 20 "$tmp/out") $(tail -n 5 "$tmp/bench/log")"

/usr/bin/python3 "$compare" --list --only "$only" >"$tmp/list"
while read -r name _; do
  awk -v name="$name:" '
    $1 == name { here = 1 }
    here && $1 == "ours" && $2 + 0 > 0 && $5 + 0 > 0 { found = 1 }
    here && NF == 0 { here = 0 }
    END { exit !found }' "$tmp/out" || fail "no figures of ours for $name"
done <"$tmp/list"
[ "$(wc -l <"$tmp/list")" -ge 10 ] || fail "few workloads"

# -- a ratio of rounds that differ is refused ------------------------------------

report ()
{
  /usr/bin/python3 "$compare" --report "$tmp/results" "$@" >"$tmp/report"
}
report || fail "--report: $(cat "$tmp/report")"
/usr/bin/python3 - "$tmp/results" <<'END'
import json
import sys
d = json.load(open(sys.argv[1]))
for r in d["results"]:
    for name, list_ in r["servers"].items():
        list_.append(dict(list_[0], rate=list_[0]["rate"] *
                          (3 if name == "ours" else 1)))
json.dump(d, open(sys.argv[1], "w"))
END
status=0
report || status=$?
[ "$status" = 3 ] || fail "rounds that differ: exit status $status"
grep -q 'noise 100%' "$tmp/report" || fail "no noise: $(cat "$tmp/report")"
report --max-spread 2 || fail "what is allowed: $(cat "$tmp/report")"

# -- plots: every workload has its row, and those with a ratio a bar ---------------

if command -v gnuplot >/dev/null; then
  mkdir "$tmp/plots"
  report --max-spread 2 --plot "$tmp/plots" 2>"$tmp/err" ||
    fail "--plot: $(cat "$tmp/err")"
  [ ! -s "$tmp/err" ] || fail "gnuplot complains: $(cat "$tmp/err")"
  for plot in rate cpu; do
    while read -r name _; do
      grep -q "$name" "$tmp/plots/compare-$plot.svg" ||
        fail "compare-$plot.svg does not show $name"
    done <"$tmp/list"
    bars=$(grep -c '<polygon' "$tmp/plots/compare-$plot.svg" || :)
    [ "$bars" -ge 10 ] || fail "compare-$plot.svg has $bars bars"
  done
fi

# -- the load tells of errors -----------------------------------------------------

start_qemu_nbd plain "$tmp/bench/data.qcow2" -r
"$load" --op write --requests 1 "$plain_sock" >"$tmp/out" 2>&1 &&
  fail "a refused write was counted"
grep -q 'failed with error' "$tmp/out" || fail "$(cat "$tmp/out")"
