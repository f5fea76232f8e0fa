#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Promise K: whatever the server acknowledged is there after SIGKILL and a
# restart, flushed or not.  The image may have lost clusters (leaks) but
# nothing else.  (QEMU's own server fails this test.)
#
# BATON_KILL_ROUNDS (default 3, 80 where BATON_TEST_LONG=1).

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdkit

rounds=${BATON_TEST_LONG:+80}
rounds=${BATON_KILL_ROUNDS:-${rounds:-3}}

write_and_kill ()
{
  local disk=$1 milliseconds=$((100 + RANDOM % 500)) writer
  # Flushes are rare: what is acknowledged is mostly not flushed.
  "$(program writer)" --journal "$tmp/journal" --until-lost --depth 16 \
    --slots 10000 --flush-every 3000 "$(sock a)" >"$tmp/writer.out" 2>&1 &
  writer=$!
  pids+=("$writer")
  sleep "$(printf '0.%03d' "$milliseconds")"
  kill_server a
  # On a busy machine the kill may come before the writer has connected.
  wait "$writer" || grep -q nbd_connect "$tmp/writer.out" ||
    fail "writer: $(cat "$tmp/writer.out")"
}

verify ()
{
  "$(program writer)" --journal "$tmp/journal" --slots 10000 --verify \
    "$(sock a)" >"$tmp/verify.out" 2>&1 ||
    fail "acknowledged writes are lost: $(head -n 3 "$tmp/verify.out")"
}

# kill_rounds NAME OPTIONS
kill_rounds ()
{
  local disk=$tmp/$1.qcow2 i
  rm -f "$tmp/journal"
  qemu-img create -q -f qcow2 -o "$2" "$disk" 64M
  for ((i = 1; i <= rounds; i++)); do
    start_server a "$disk"
    write_and_kill "$disk"
    check_leaks_only "$disk"
    start_server a "$disk"
    verify
    stop a
    echo "$1, round $i: $(cat "$tmp/writer.out"); $(cat "$tmp/verify.out")"
  done
}

# Small clusters: allocation goes on for as long as the writer does.
kill_rounds v3-4k compat=1.1,cluster_size=4k
kill_rounds v2-512 compat=0.10,cluster_size=512
