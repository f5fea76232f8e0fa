#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# while-inactive=hold: a request waits for the activation, at most
# hold-timeout seconds; and a waiting request keeps nobody from leaving.  After
# that an error (hold-end=error), or the end of the connection without an answer
# (hold-end=close), which a client that reconnects does not see.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdsh nbdkit

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M

start_held ()
{
  start_nbdkit "$1" "$disk" control="$(control "$1")" start=inactive \
               while-inactive=hold "${@:2}"
}

is_parked () { baton status "$(control "$1")" | grep -q '[1-9] parked'; }

# await_parked NAME: until the server says so; a client takes its time to start
await_parked ()
{
  wait_for 20 is_parked "$1" || fail "a write is not held"
  gone "$client" && fail "a write was not held"
  return 0
}

# held_write NAME [SERVER]: at NAME, by way of which it reaches SERVER
held_write ()
{
  nbdsh -u "$(uri "$1")" -c 'h.pwrite(b"held" * 1024, 65536)' &
  client=$!
  pids+=("$client")
  await_parked "${2:-$1}"
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
await_parked a
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
grep -q 'not activated within hold-timeout=1 seconds$' "$tmp/c.log" ||
  fail "not in the log: $(cat "$tmp/c.log")"
stop c

# -- hold-end=close ------------------------------------------------------------

# Every request that can be in flight at once, over two connections, one of
# them with nothing to wait for: all end without an answer, and the server
# lives, with no more descriptors than before.  A connection of the same process to
# the control socket stays.
hangs_up ()
{
  SECONDS=0
  timeout 60 /usr/bin/python3 - "$@" <<'END' || fail "hold-end=close: see above"
import errno, nbd, sys, time
uri, control = sys.argv[1:]
commander = nbd.NBD()
commander.connect_unix(control)
idle, busy = nbd.NBD(), nbd.NBD()
for h in idle, busy:
    h.set_uri_allow_local_file(True)
    h.connect_uri(uri)
answers = []
def done(error):
    answers.append(error.value)
    return 1
for i in range(24):
    busy.aio_pwrite(nbd.Buffer(512), i * 512, done)
    if i == 0:                  # the first to lose patience; the rest sleep
        time.sleep(0.5)
while len(answers) < 24:
    try:
        busy.poll(-1)
    except nbd.Error:
        break
while not (busy.aio_is_closed() or busy.aio_is_dead()):
    busy.poll(-1)
assert set(answers) <= {errno.ENOTCONN}, answers
while not (idle.aio_is_closed() or idle.aio_is_dead()):
    try:
        idle.poll(-1)
    except nbd.Error:
        break
assert b"inactive" in commander.pread(65536, 0)
END
  ((SECONDS >= 1 && SECONDS <= 20)) || fail "hold-end=close took $SECONDS s"
}

nr_descriptors () { find "/proc/$d_pid/fd" -type l | wc -l; }
settled () { [ "$(nr_descriptors)" -eq "$before" ]; }

# nbdkit reads a connection's end without the lock under which it is written:
# the thread sanitizer says so, and cannot be told to overlook only that.
[ "${BATON_SANITIZER:-no}" != thread ] || exit 0

start_held d hold-timeout=1 hold-end=close
before=$(nr_descriptors)
for i in 1 2 3; do
  hangs_up "$(uri d)" "$(control d)"
  baton status "$(control d)" >/dev/null || fail "round $i: it does not live"
done
grep -q "=1 seconds: the client's connections are closed\$" "$tmp/d.log" ||
  fail "not in the log: $(cat "$tmp/d.log")"
wait_for 15 settled || fail "$before descriptors have become $(nr_descriptors)"

# With TLS nbdkit ends a connection in another way.
(umask 077; echo "alice:$(printf '%064x' 4711)" >"$tmp/psk")
hang_up_tls ()
{
  local i
  start_held e hold-timeout=1 hold-end=close --tls=require \
             --tls-psk="$tmp/psk"
  for i in 1 2 3; do
    hangs_up "nbds+unix://alice@/?socket=$(sock e)&tls-psk-file=$tmp/psk" \
             "$(control e)"
    baton status "$(control e)" >/dev/null || fail "TLS: it does not live"
  done
  stop e
}
# Under a sanitizer a server that has used TLS does not always end: `stop'.
[ "${BATON_SANITIZER:-no}" != no ] || hang_up_tls

# A client that reconnects sees no error, however long it takes.
launch q qemu-nbd -t -k "$(sock q)" --pid-file="$tmp/q.pid" --image-opts \
       "driver=nbd,server.type=unix,server.path=$(sock d),reconnect-delay=60"
held_write q d
sleep 3
gone "$client" && fail "a client that reconnects was not kept waiting"
baton activate "$(control d)" >/dev/null
wait "$client" || fail "a client that reconnects saw an error"
nbdsh -u "$(uri d)" -c 'assert h.pread(8, 65536) == b"heldheld"'
stop q
stop d
