#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# control-listen= with IPv6: one address, every address, a host's name; and
# both kinds of addresses are listened on where there are both.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img certtool nbdkit

# has ADDRESS: this host has it
has ()
{
  python 'import socket, sys
a = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ":" in a else socket.AF_INET)
s.bind((a, 0))' "$1" 2>/dev/null
}
has ::1 || { echo "SKIP: no IPv6 here" >&2; exit 77; }

"$top_srcdir/cli/baton-pki" "$pki" localhost host-six ::1 127.0.0.1 >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M

# listen NAME HOST: a server at HOST, with the certificates of NAME
listen ()
{
  port=$(free_port)
  start_nbdkit a "$disk" control="$(control a)" control-listen="$2:$port" \
               control-tls-certificates="$pki/$1" \
               control-allow=localhost
}

# A host whose address is ::1: libnbd calls a server by what stands in the URI,
# and TLS has no way to call it by an IPv6 address.
echo '::1 host-six' >"$tmp/hosts"
private=(unshare --mount)
[ "$(id -u)" -eq 0 ] || private=(unshare --user --map-root-user --mount)
"${private[@]}" mount --bind "$tmp/hosts" /etc/hosts 2>/dev/null ||
  { echo "SKIP: no mount namespace here" >&2; exit 77; }

# answers HOST
answers ()
{
  "${private[@]}" bash -c 'mount --bind "$1" /etc/hosts; shift; exec "$@"' - \
    "$tmp/hosts" "$baton" --timeout 10 --tls-certificates "$pki/localhost" \
    flush "nbds://$1:$port/" >"$tmp/said" 2>&1
}

# connects ADDRESS: something listens there
connects ()
{
  python 'import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).recv(1) or exit(1)' \
    "$1" "$port" 2>/dev/null
}

listen host-six '[::1]'
answers host-six || fail "[::1]: $(cat "$tmp/said" "$tmp/a.log")"
! connects 127.0.0.1 || fail "[::1]: listens on 127.0.0.1"
: >"$tmp/a.log"
# The log tells the address of who was sent away.
! baton flush "nbd://[::1]:$port/" >"$tmp/said" 2>&1 || fail "without TLS"
wait_for 5 grep -qF 'sent away' "$tmp/a.log" || fail "no line in the log"
grep -q '::1' "$tmp/a.log" || fail "whom? $(cat "$tmp/a.log")"
# By its address it does not go, and both sides say so.
if ! answers '[::1]'; then
  grep -q 'a name, not by an IPv6 address' "$tmp/said" ||
    fail "no hint: $(cat "$tmp/said")"
  grep -q 'give it the name of the host' "$tmp/a.log" ||
    fail "by address: $(cat "$tmp/a.log")"
fi
stop a

listen 127.0.0.1 127.0.0.1
answers 127.0.0.1 || fail "127.0.0.1: $(cat "$tmp/said" "$tmp/a.log")"
! connects ::1 || fail "127.0.0.1: listens on ::1"
stop a

listen host-six ''
answers host-six || fail "every address: $(cat "$tmp/said" "$tmp/a.log")"
connects 127.0.0.1 || fail "every address: not on 127.0.0.1"
stop a

listen host-six localhost
connects 127.0.0.1 || fail "localhost: not on 127.0.0.1"
stop a

# Taken already: no server, and it says why.  A server that got that far hangs
# under a sanitizer when it ends so (functions.sh).
taken=('[::1]' '')
[ "${BATON_SANITIZER:-no}" = no ] || taken=()
port=$(free_port)
python 'import socket, sys, time
s = socket.socket(socket.AF_INET6)
s.bind(("::1", int(sys.argv[1])))
s.listen()
time.sleep(60)' "$port" &
pids+=($!)
wait_for 10 python 'import socket, sys
socket.create_connection(("::1", int(sys.argv[1])))' "$port" || fail "no listener"
for host in "${taken[@]}"; do
  status=0
  timeout 20 nbdkit -U "$(sock a)" "$plugin" "$disk" \
          control-listen="$host:$port" control-allow=localhost \
          control-tls-certificates="$pki/localhost" >"$tmp/said" 2>&1 ||
    status=$?
  [ "$status" -eq 1 ] || fail "$host: the port is taken, and status $status"
  grep -q "control-listen=.*in use" "$tmp/said" ||
    fail "$host: taken: $(cat "$tmp/said")"
done
check_clean "$disk"

for wrong in '::1:10810' '[::1]' '[::1' '[]:10810' '::1' 'localhost' \
             'localhost:' '[::1]10810'; do
  status=0
  timeout 20 nbdkit -U "$(sock a)" "$plugin" "$disk" control-listen="$wrong" \
          control-tls-certificates="$pki/localhost" control-allow=localhost \
          >"$tmp/said" 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "control-listen=$wrong: status $status"
  grep -q 'must be HOST:PORT' "$tmp/said" ||
    fail "control-listen=$wrong: $(cat "$tmp/said")"
done
