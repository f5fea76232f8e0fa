#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The data port with nbdkit's own TLS and the certificates, or shared keys, of
# the control port: the recipes of nbdkit-qcow2-plugin(1), with libnbd and with
# QEMU; who is refused; and what is not refused, which is why SECURITY.md
# advises another authority.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img qemu-io certtool nbdinfo nbdkit

"$top_srcdir/cli/baton-pki" "$pki" localhost vm1 void >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
"$top_srcdir/cli/baton-pki" --revoke "$pki" void >"$tmp/made" ||
  fail "baton-pki --revoke: $(cat "$tmp/made")"
mv "$pki"/void.revoked-* "$pki/void"
disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M

listens_or_gone () { gone "$a_pid" || listens "$port"; }
listens () { python 'import socket, sys
socket.create_connection(("localhost", int(sys.argv[1])))' "$1"; }

# serve CREDENTIALS OPTION...: both ports on TCP; OPTIONs are nbdkit's
serve ()
{
  local credentials=$1
  shift
  port=$(free_port)
  control_port=$(free_port)
  nbdkit -f --exit-with-parent -i localhost -p "$port" --tls=require "$@" \
         "$plugin" "$disk" control-listen="localhost:$control_port" \
         control-allow=localhost "$credentials" >>"$tmp/a.log" 2>&1 &
  a_pid=$!
  pids+=("$a_pid")
  wait_for 20 listens_or_gone || fail "no server: $(cat "$tmp/a.log")"
}

# libnbd QUERY, qemu DIR: can they read the disk?
libnbd ()
{
  nbdinfo --size "nbds://vm1@localhost:$port/?$1" >"$tmp/said" 2>&1
}
qemu ()
{
  timeout 20 qemu-io --object "tls-creds-x509,id=t,dir=$1,endpoint=client" \
          --image-opts -c "${2:-read 0 1M}" \
          "driver=nbd,host=localhost,port=$port,tls-creds=t" >"$tmp/said" 2>&1
}

# refused NAME: by either
refused ()
{
  ! libnbd "tls-certificates=$pki/$1&tls-verify-peer=true" ||
    fail "$1: libnbd was let in"
  ! qemu "$pki/$1" || fail "$1: QEMU was let in: $(cat "$tmp/said")"
}

# -- certificates ----------------------------------------------------------------

serve control-tls-certificates="$pki/localhost" \
      --tls-certificates="$pki/localhost" --tls-verify-peer
libnbd "tls-certificates=$pki/vm1&tls-verify-peer=true" ||
  fail "libnbd: $(cat "$tmp/said" "$tmp/a.log")"
[ "$(cat "$tmp/said")" = 16777216 ] || fail "size: $(cat "$tmp/said")"
qemu "$pki/vm1" 'write -P 7 0 1M' && ! grep -q failed "$tmp/said" ||
  fail "QEMU: $(cat "$tmp/said" "$tmp/a.log")"
qemu "$pki/localhost" 'read -P 7 0 1M' && ! grep -q failed "$tmp/said" ||
  fail "QEMU does not read what it wrote: $(cat "$tmp/said")"

# The same certificate opens the disk, and does not move it.
! baton --tls-certificates "$pki/vm1" inactivate \
  "nbds://localhost:$control_port/" >"$tmp/said" 2>&1 ||
  fail "a virtual machine's certificate has moved the disk"
grep -q 'has sent us away' "$tmp/said" || fail "vm1: $(cat "$tmp/said")"

! nbdinfo --size "nbd://localhost:$port/" >"$tmp/said" 2>&1 ||
  fail "without TLS"
authority ca-wrong 'cn = "another authority"'
issue wrong ca-wrong 'cn = "wrong"' tls_www_client
issue old ca 'cn = "old"' tls_www_client \
      'activation_date = "2020-01-01 00:00:00"' \
      'expiration_date = "2021-01-01 00:00:00"'
mkdir "$pki/none"
cp "$pki/ca/ca-cert.pem" "$pki/none/"
refused wrong
refused old
refused none
refused void
stop a
check_clean "$disk"

# Without --tls-verify-peer nobody is asked who he is.
serve control-tls-certificates="$pki/localhost" \
      --tls-certificates="$pki/localhost"
libnbd "tls-certificates=$pki/none&tls-verify-peer=true" ||
  fail "nbdkit has become stricter than SECURITY.md says: $(cat "$tmp/said")"
stop a

# -- shared keys -----------------------------------------------------------------

{
  echo "localhost:$(printf '%032d' 1)"
  echo "vm1:$(printf '%032d' 2)"
} >"$tmp/keys.psk"
serve control-tls-psk="$tmp/keys.psk" --tls-psk="$tmp/keys.psk"
libnbd "tls-psk-file=$tmp/keys.psk" ||
  fail "shared key: $(cat "$tmp/said" "$tmp/a.log")"
baton --tls-psk-file "$tmp/keys.psk" --tls-username localhost flush \
      "nbds://localhost:$control_port/" >"$tmp/said" 2>&1 ||
  fail "shared key, control: $(cat "$tmp/said" "$tmp/a.log")"
! baton --tls-psk-file "$tmp/keys.psk" --tls-username vm1 flush \
  "nbds://localhost:$control_port/" >"$tmp/said" 2>&1 ||
  fail "a virtual machine's key has commanded"
echo "vm1:$(printf '%032d' 3)" >"$tmp/bad.psk"
! libnbd "tls-psk-file=$tmp/bad.psk" || fail "a wrong key"
stop a
