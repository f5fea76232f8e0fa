#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# while-inactive=hold: a request waits for the activation, at most
# hold-timeout seconds; and a waiting request keeps nobody from leaving.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdsh nbdkit

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M

start_held ()
{
  start_nbdkit "$1" "$disk" control="$(control "$1")" start=inactive \
               while-inactive=hold "${@:2}"
}

held_write ()
{
  nbdsh -u "$(uri "$1")" -c 'h.pwrite(b"held" * 1024, 65536)' &
  client=$!
  pids+=("$client")
  sleep 0.5
  gone "$client" && fail "a write was not held"
  return 0
}

start_held a
held_write a
baton activate "$(control a)" >/dev/null
wait "$client" || fail "a held write failed after the activation"
nbdsh -u "$(uri a)" -c 'assert h.pread(8, 65536) == b"heldheld"'
baton inactivate "$(control a)" >/dev/null

# A client that goes away while it is held does not get its write done.
# (No shell function in the background: its child would outlive it.)
env PATH="/usr/bin:$PATH" nbdsh -u "$(uri a)" -c 'h.pwrite(b"gone" * 128, 0)' &
client=$!
pids+=("$client")
sleep 0.5
kill -KILL "$client"
wait "$client" 2>/dev/null || :
sleep 0.5
timeout 10 "$baton" status "$(control a)" >/dev/null || fail "status hangs"
baton activate "$(control a)" >/dev/null
nbdsh -u "$(uri a)" -c 'assert h.pread(512, 0) == bytes(512)' ||
  fail "the write of a client that had left was done"
# With a sanitizer's library preloaded nbdkit hangs in exit () once it has
# printed an errno's text, with its own plugins too.
if grep -q '^preload=.' "$top_builddir/wrappers/nbdkit"; then
  kill_server a
else
  stop a
fi

# SIGTERM ends a server whose client is held.
start_held b
held_write b
stop b
wait "$client" && fail "a held write succeeded without an activation"

start_held c hold-timeout=1
SECONDS=0
nbdsh -u "$(uri c)" -c 'h.pread(512, 0)' 2>"$tmp/err" &&
  fail "a held read succeeded without an activation"
((SECONDS >= 1 && SECONDS <= 4)) ||
  fail "hold-timeout=1 took $SECONDS seconds"
stop c
