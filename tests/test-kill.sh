#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Promise K: whatever the server acknowledged is there after SIGKILL and a
# restart, flushed or not.  The image may have lost clusters (leaks) but
# nothing else, whoever looks.  (QEMU's own server fails this test.)
#
# Nothing is done between a kill and the next start, and a server that was
# killed once is killed again: one image goes through 25 deaths.
#
# BATON_KILL_ROUNDS (default 8, 167 where BATON_TEST_LONG=1): of each kind.
# BATON_KILL_SEED=N: with those records; when they are killed is not repeated.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdkit awk

RANDOM=${BATON_KILL_SEED:-$RANDOM}
rounds=${BATON_TEST_LONG:+167}
rounds=${BATON_KILL_ROUNDS:-${rounds:-8}}
slots=1000
deaths_of_one=25

# Kills a after some records, with more of them under way.
write_and_kill ()
{
  # Flushes are rare: what is acknowledged is mostly not flushed.
  local writer=("$(program writer)" --journal "$tmp/journal" --depth 16
                --slots "$slots" --flush-every 500 --seed "$RANDOM"
                --records $((1 + RANDOM % 300)) --kill "$a_pid" "$(sock a)")
  # What the shell says of the dead is not told.
  { "${writer[@]}" && ! wait "$a_pid"; } >>"$tmp/writers" 2>"$tmp/writer.err" ||
    fail "the writer failed: $(cat "$tmp/writer.err")"
  forget "$a_pid"
}

verify ()
{
  "$(program writer)" --journal "$tmp/journal" --slots "$slots" --verify \
    "$(sock a)" >"$tmp/verify.out" 2>&1 ||
    fail "$1: acknowledged writes are lost: $(head -n 3 "$tmp/verify.out")"
}

# kill_rounds NAME OPTIONS [PARAMETER...]
kill_rounds ()
{
  local name=$1 options=$2 disk=$tmp/$1.qcow2 i
  shift 2
  : >"$tmp/writers"
  for ((i = 0; i < rounds; i++)); do
    if [ $((i % deaths_of_one)) -eq 0 ]; then
      [ "$i" -eq 0 ] || stop a
      rm -f "$tmp/journal" "$tmp/$name".*
      (cd "$tmp" && qemu-img create -q -f qcow2 -o "$options" "$disk" 64M)
      start_server a "$disk" "$@"
    fi
    write_and_kill
    # Before the next life has mended anything.
    [ $((i % 8)) -ne 2 ] || check_leaks_only "$disk"
    start_server a "$disk" "$@"
    verify "$name, round $i"
  done
  stop a
  check_leaks_only "$disk"
  awk -v name="$name" '{ acked += $2; flushes += $4 } END {
    printf "%s: %d kills, %d acknowledged records, %d flushes, none lost\n",
           name, n, acked, flushes }' n="$rounds" "$tmp/writers"
}

# Small clusters: allocation goes on for as long as the writer does.
kill_rounds v3-4k compat=1.1,cluster_size=4k
kill_rounds v2-512 compat=0.10,cluster_size=512
[ -z "${BATON_TEST_LONG:-}" ] || {
  kill_rounds v3-64k compat=1.1
  kill_rounds subclusters extended_l2=on,cluster_size=32k
  kill_rounds bits-64 cluster_size=1k,refcount_bits=64
  kill_rounds packing cluster_size=8k compress=on
}
