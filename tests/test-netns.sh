#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two hosts, and a third one where baton runs: network namespaces, joined by
# cables that can lose every packet in silence.  An image is passed over TLS;
# then a host is lost in the middle of it.  baton ends in time and tells who
# has the image, which is the truth; and passing again succeeds.
#
# Skipped where no namespaces can be made.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img certtool ip jq nbdkit nbdsh nsenter strace unshare

# The host where baton runs is a namespace, too: the machine's own network is
# left alone.
if [ -z "${BATON_IN_NAMESPACE:-}" ]; then
  user=(--user --map-root-user)
  [ "$(id -u)" -ne 0 ] || user=()
  unshare "${user[@]}" --net true 2>/dev/null ||
    { echo "SKIP: no network namespaces here" >&2; exit 77; }
  rm -rf "$tmp"
  BATON_IN_NAMESPACE=1 exec unshare "${user[@]}" --net "$srcdir/${0##*/}" "$@"
fi

disk=$tmp/disk.qcow2
declare -A holder address mine mac

# -- the network ---------------------------------------------------------------

# on HOST COMMAND...
on ()
{
  local host=$1
  shift
  nsenter --target "${holder[$host]}" --net "$@"
}

other_network () { ! [ "/proc/$1/ns/net" -ef /proc/self/ns/net ]; }
mac_of () { ip -br link show "$1" | awk '{ print $3 }'; }

# plug HOST NUMBER: a host, and its cable to here
plug ()
{
  local host=$1
  unshare --net sleep 600 &
  holder[$host]=$!
  wait_for 10 other_network "${holder[$host]}" || fail "no namespace"
  address[$host]=10.77.$2.2
  mine[$host]=10.77.$2.1
  ip link add "to-$host" type veth peer name eth0 netns "${holder[$host]}" ||
    { echo "SKIP: no veth devices here" >&2; exit 77; }
  ip address add "${mine[$host]}/24" dev "to-$host"
  ip link set "to-$host" up
  on "$host" ip address add "${address[$host]}/24" dev eth0
  on "$host" ip link set eth0 up
  on "$host" ip link set lo up
  mac[$host]=$(on "$host" ip -br link show eth0 | awk '{ print $3 }')
}

# Packets to where nobody is: neither side is told anything.
nowhere=02:00:00:00:00:99
cut ()
{
  ip neighbor replace "${address[$1]}" lladdr $nowhere dev "to-$1"
  on "$1" ip neighbor replace "${mine[$1]}" lladdr $nowhere dev eth0
}

mend ()
{
  ip neighbor replace "${address[$1]}" lladdr "${mac[$1]}" dev "to-$1"
  on "$1" ip neighbor replace "${mine[$1]}" lladdr "$(mac_of "to-$1")" dev eth0
}

# -- the servers -----------------------------------------------------------------

# serve HOST PARAMETER...
serve ()
{
  local host=$1
  shift
  launch "$host" nsenter --target "${holder[$host]}" --net \
         nbdkit --exit-with-parent -U "$(sock "$host")" -P "$tmp/$host.pid" \
         "$plugin" "$disk" host="host-$host" control="$(control "$host")" \
         control-listen=:10810 control-tls-certificates="$pki/${address[$host]}" \
         control-allow="${mine[a]}" "$@"
}

state () { baton --json status "$(control "$1")" | jq -r .state; }
is () { [ "$(state "$1")" = "$2" ]; }
at () { echo "nbds://${address[$1]}:10810/"; }

# pass SRC DST: within $seconds each step; $tmp/said is what it says
pass ()
{
  local status=0
  timeout 30 "$baton" --json --timeout "$seconds" --tls-certificates "$pki/${mine[a]}" \
          pass "$(at "$1")" "$(at "$2")" >"$tmp/said" 2>"$tmp/errors" ||
    status=$?
  [ "$status" -ne 124 ] || fail "baton pass $1 $2 did not end"
  return "$status"
}
said () { jq -r ".$1" "$tmp/said"; }

passes ()
{
  pass "$1" "$2" || fail "pass $1 $2: $(cat "$tmp/said" "$tmp/errors")"
  is "$1" inactive && is "$2" active || fail "passed, but $1 is $(state "$1") and $2 $(state "$2")"
}

write () { nbdsh -u "$(uri "$1")" -c "h.pwrite(b'$2' * 512, 0); h.flush()"; }
holds ()
{
  nbdsh -u "$(uri "$1")" -c "
import sys
sys.exit(h.pread(512 * len('$2'), 0) != b'$2' * 512)" || fail "$1 lacks $2"
}

plug a 1
plug b 2
"$top_srcdir/cli/baton-pki" "$pki" "${address[@]}" "${mine[a]}" >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
qemu-img create -q -f qcow2 "$disk" 64M

# From now on each sync of HOST takes so long that there is a middle to be hit.
slow ()
{
  local pid_name=${1}_pid
  strace -f -qq -o "$tmp/strace" -e trace=fdatasync,pwritev2 \
         -e inject=fdatasync,pwritev2:delay_enter=400000 -p "${!pid_name}" \
         >/dev/null 2>&1 &
  tracer=$!
  wait_for 10 traced "${!pid_name}" || fail "strace does not attach"
}

traced ()
{
  ! grep -q '^TracerPid:[[:space:]]0$' "/proc/$1"/task/*/status
}

fast ()
{
  kill -TERM "$tracer"
  wait "$tracer" || :
}

# -- nothing goes wrong --------------------------------------------------------

seconds=10
serve a
serve b start=inactive
write a one
passes a b
holds b one
write b two

# -- a host is lost in the middle ----------------------------------------------

# ends_knowing OWNER: the pass under way fails, tells that this one has the
# image, and what to do where it cannot know
ends_knowing ()
{
  ! wait "$passing" || fail "a host was lost, and it was passed"
  [ "$(said owner)" = "$1" ] || fail "not $1: $(cat "$tmp/said")"
  [ "$(said 'message | length')" -ge 1 ] || fail "no message"
  [ "$1" != unknown ] || grep -q '^baton: hint: ' "$tmp/errors" ||
    fail "no hint: $(cat "$tmp/errors")"
}

seconds=0.5
# The host is not there when it begins: nothing is changed.
cut a
pass b a &
passing=$!
ends_knowing src
[ "$(said result)" = unchanged ] || fail "$(cat "$tmp/said")"
is b active || fail "b is $(state b)"
mend a

# The answer of the new owner is lost.  The other one, asked to take the image
# back, finds that somebody has it.
slow a
pass b a &
passing=$!
wait_for 10 is a activating || fail "a is $(state a)"
cut a
ends_knowing unknown
grep -q LockHeld "$tmp/errors" || fail "$(cat "$tmp/errors")"
wait_for 10 is a active && is b inactive || fail "a is $(state a), b is $(state b)"
fast
mend a
seconds=10
pass b a || fail "again: $(cat "$tmp/said" "$tmp/errors")"
[ "$(said result) $(said owner)" = "already-done dst" ] ||
  fail "again: $(cat "$tmp/said")"
holds a two
write a three

seconds=0.5
# The answer of the old owner is lost: the new one is left alone.
slow a
pass a b &
passing=$!
wait_for 10 is a inactivating || fail "a is $(state a)"
cut a
ends_knowing unknown
is b inactive || fail "b is $(state b)"
fast
mend a
wait_for 10 is a inactive || fail "a is $(state a)"
seconds=10
# The same command finishes what was cut off.
passes a b
holds b three

stop a
stop b
check_clean "$disk"
