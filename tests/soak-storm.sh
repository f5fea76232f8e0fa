#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Part of `make soak`: for BATON_STORM_SECONDS (1200) rude clients (storm.py)
# connect to the control ports of two servers, between which an image is passed
# all the time, while a client writes to it.  Each pass succeeds, no record is
# lost, the servers have no more descriptors at the end than at the beginning,
# nor more memory than their threads may keep, and end within 5 seconds while the
# storm goes on.
#
# BATON_STORM_SEED=N: what these clients do.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img qemu-nbd certtool nbdkit

seconds=${BATON_STORM_SECONDS:-1200}
seed=${BATON_STORM_SEED:-$RANDOM}
echo "storm: again with BATON_STORM_SECONDS=$seconds BATON_STORM_SEED=$seed"

"$top_srcdir/cli/baton-pki" "$pki" localhost other >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 64M
arguments=(control-tls-certificates="$pki/localhost" control-allow=localhost)
# What a takes is what it uses: nothing that is free stays with a thread, or in
# one of many arenas.  b is as servers are.
GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1 \
  start_tls a "$disk" "${arguments[@]}" start=active
start_tls b "$disk" "${arguments[@]}" start=inactive
# shellcheck disable=SC2154
uris=("nbds://localhost:$a_port/" "nbds://localhost:$b_port/")

descriptors () { find "/proc/$1/fd" -mindepth 1 | wc -l; }
resident_kib () { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }

# pass TIMES-FILE
pass ()
{
  local begin=${EPOCHREALTIME/./}
  baton --timeout 30 --tls-certificates "$pki/localhost" pass "${uris[@]}" \
    >"$tmp/said" 2>&1 || fail "a pass, after $(wc -l <"$1"): $(cat "$tmp/said")"
  echo $((${EPOCHREALTIME/./} - begin)) >>"$1"
  uris=("${uris[1]}" "${uris[0]}")
}

start_storm ()
{
  /usr/bin/python3 "$srcdir/storm.py" "$1" "$seed" "$pki" "$a_port" "$b_port" &
  storm=$!
  pids+=("$storm")
}

"$(program writer)" --journal "$tmp/journal" --per-second 300 \
  "$(sock a)" "$(sock b)" >"$tmp/writer.out" 2>&1 &
writer=$!
pids+=("$writer")

for ((i = 0; i < 20; i++)); do
  pass "$tmp/calm"
done
# What is there once there have been threads.
start_storm 5
wait "$storm" || fail "the first gust"
nap 12
# shellcheck disable=SC2154
before="$(descriptors "$a_pid") $(descriptors "$b_pid") $(resident_kib "$a_pid") $(resident_kib "$b_pid")"

start_storm "$seconds"
while ! gone "$storm"; do
  pass "$tmp/stormy"
  nap 0.2
  gone "$writer" && fail "the writer: $(cat "$tmp/writer.out")"
done
wait "$storm" || fail "the storm: status $?"
# Whoever has not said who they are has left after 10 seconds.
nap 12
# shellcheck disable=SC2154
after="$(descriptors "$a_pid") $(descriptors "$b_pid") $(resident_kib "$a_pid") $(resident_kib "$b_pid")"
echo "storm: descriptors and KiB of a and b: $before before, $after after"
read -r -a was <<<"$before"
read -r -a is <<<"$after"
# However long the storm was: of each of 128 threads a stack, which is 36 KiB,
# and in b what libc keeps for it, of which up to 236 KiB in its tcache.
may_grow=($((128 * 36 + 4096)) $((128 * 384)))
for i in 0 1; do
  [ "${is[i]}" -le $((was[i] + 4)) ] || fail "descriptors are lost"
  [ "${is[i + 2]}" -le $((was[i + 2] + may_grow[i])) ] ||
    fail "memory is lost"
done

kill -TERM "$writer"
wait "$writer" || fail "the writer: $(cat "$tmp/writer.out")"
cat "$tmp/writer.out"
start_storm 30
nap 3
for name in a b; do
  stop "$name"
  [ "$stopped_us" -le 5000000 ] || fail "$name ended after $stopped_us us"
done
kill "$storm"
check_clean "$disk"
start_qemu_nbd q "$disk" --read-only
"$(program writer)" --journal "$tmp/journal" --verify "$(sock q)" ||
  fail "acknowledged records are lost"
stop q

figures () { sort -n "$1" | awk '{ t[NR] = $1 } END { print NR, t[int((NR + 1) / 2)], t[NR] }'; }
read -r nr median longest < <(figures "$tmp/stormy")
read -r _ calm _ < <(figures "$tmp/calm")
echo "storm: $nr passes in $seconds s, none failed; one took $median us," \
     "at most $longest us; $calm us before"
