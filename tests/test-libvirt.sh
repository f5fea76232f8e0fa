#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The recipe for libvirt in docs/MIGRATION.md, with two session daemons that take
# themselves for two hosts: virsh migrate --suspend, baton pass, virsh resume.
# And both ways out where the pass fails.  The guest sees no error, and no
# record is lost.
#
# libvirt's session is not for root, so root becomes nobody.

srcdir=$(cd "${srcdir:-$(dirname "$0")}" && pwd)
nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups)

if [ "$(id -u)" -eq 0 ]; then
  top_builddir=${top_builddir:-$srcdir/..}
  "${nobody[@]}" test -x "$srcdir/${0##*/}" -a -w "${TMPDIR:-/tmp}" ||
    { echo "SKIP: nobody may not come here" >&2; exit 77; }
  # Where it has to be made, nobody could not.
  "$srcdir/guest-kernel.sh" \
    "${BATON_GUEST_KERNEL:-$top_builddir/tests/guest-kernel}" || exit 77
  export top_builddir
  exec "${nobody[@]}" "$srcdir/${0##*/}" "$@"
fi

. "$srcdir/functions.sh" || exit 99
requires libvirtd setpriv virsh
compgen -G '/usr/lib*/**/libvirt_driver_qemu.so' >/dev/null ||
  compgen -G '/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so' \
          >/dev/null ||
  { echo "SKIP: libvirt has no driver for QEMU here" >&2; exit 77; }
. "$srcdir/functions-guest.sh"

libvirt_uuid () { printf '%s0000000-0000-4000-8000-00000000000%s' "$1" "$1"; }

uri_of () { echo "qemu+unix:///session?socket=$tmp/libvirt-$1/run/libvirt-sock"; }
virsh () { command virsh -q -c "$(uri_of "$1")" "${@:2}"; }
is_up () { virsh "$1" version >/dev/null; }

start_libvirt ()
{
  local side=$tmp/libvirt-$1
  mkdir -p "$side"/{home,run,config/libvirt,cache,data}
  chmod 700 "$side/run"
  cat >"$side/libvirtd.conf" <<END
host_uuid = "$(libvirt_uuid "$2")"
unix_sock_dir = "$side/run"
log_outputs = "3:file:$tmp/libvirt-$1.log"
END
  echo 'stdio_handler = "file"' >"$side/config/libvirt/qemu.conf"
  env HOME="$side/home" XDG_RUNTIME_DIR="$side/run" \
      XDG_CONFIG_HOME="$side/config" XDG_CACHE_HOME="$side/cache" \
      XDG_DATA_HOME="$side/data" \
      libvirtd -f "$side/libvirtd.conf" >"$side/out" 2>&1 &
  pids+=($!)
  wait_for 30 is_up "$1" || fail "libvirt does not start: $(cat "$side/out")"
}

# domain SIDE: as in docs/MIGRATION.md, but that both sides are on one host, so
# that the socket is not the same; and with a kernel from outside
domain ()
{
  cat <<END
<domain type='qemu'>
  <name>vm1</name>
  <uuid>33333333-3333-4333-8333-333333333333</uuid>
  <memory unit='MiB'>100</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>$guest_kernel/vmlinuz</kernel>
    <initrd>$tmp/initrd</initrd>
    <cmdline>$(guest_command_line)</cmdline>
  </os>
  <devices>
    <emulator>$(command -v qemu-system-x86_64)</emulator>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' error_policy='stop' rerror_policy='stop'/>
      <source protocol='nbd'>
        <host transport='unix' socket='$(sock "$1")'/>
        <reconnect delay='60'/>
      </source>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='file'><source path='$tmp/console' append='on'/></serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
}

domain_is () { [ "$(virsh "$1" domstate vm1)" = "$2" ]; }

# QEMU there is a child of nobody's: to be ended with the test.
note_qemu ()
{
  pids+=("$(cat "$tmp/libvirt-$1/run/libvirt/qemu/run/vm1.pid")")
}

# go FROM TO [ARG]
go ()
{
  rm -f "$tmp/vm1.incoming"
  virsh "$1" migrate --live "${@:3}" vm1 "$(uri_of "$2")" \
        --migrateuri "unix://$tmp/vm1.incoming" --xml "$tmp/$2.xml" \
        >"$tmp/virsh.log" 2>&1 || fail "from $1 to $2: $(cat "$tmp/virsh.log")"
  note_qemu "$2"
}

# leave FROM TO: the memory, and not the image
leave ()
{
  go "$@" --suspend
  domain_is "$2" paused || fail "at $2 it is $(virsh "$2" domstate vm1)"
}

runs ()
{
  wait_records 20
  domain_is "$1" running || fail "at $1 it is $(virsh "$1" domstate vm1)"
}

pass_fails ()
{
  if baton pass "$(control "$1")" "$(control "$2")" 2>/dev/null; then
    fail "the image was passed to nobody"
  fi
}

# goes_on SIDE NR: there are as many records; and where it has stopped it is told
# to run, once more
goes_on ()
{
  [ "$(records)" -lt "$2" ] || return 0
  ! domain_is "$1" paused || virsh "$1" resume vm1 >/dev/null 2>&1 || :
  return 1
}

# resume SIDE.  libvirt 9.0 does not know <reconnect>: there a server that
# has ended costs a request, which stops the VM, and the next one connects again.
resume ()
{
  virsh "$1" resume vm1 >/dev/null
  wait_for 60 goes_on "$1" $(($(records) + 20)) || fail "it does not go on"
  runs "$1"
}

make_disk d
start_nbdkit a "$tmp/d.qcow2" control="$(control a)"
start_nbdkit b "$tmp/d.qcow2" control="$(control b)" start=inactive
start_libvirt a 1
start_libvirt b 2
domain a >"$tmp/a.xml"
domain b >"$tmp/b.xml"
virsh a create "$tmp/a.xml" >"$tmp/virsh.log" 2>&1 ||
  fail "the VM does not start: $(cat "$tmp/virsh.log")"
note_qemu a
wait_records 50

leave a b
baton pass "$(control a)" "$(control b)" >/dev/null
resume b
echo "there: $(records) records"

# The pass fails, and its cause is mended.
leave b a
kill_server a
pass_fails b a
start_nbdkit a "$tmp/d.qcow2" control="$(control a)" start=inactive
baton pass "$(control b)" "$(control a)" >/dev/null
resume a
echo "back, at last: $(records) records"

# ... and is not: its QEMU comes to the source's server, and so it runs there; and
# goes back without a pass.
leave a b
kill_server b
pass_fails a b
ln -sf "$(sock a)" "$(sock b)"
resume b
echo "there, without its image: $(records) records"
go b a
runs a
echo "not there: $(records) records"

virsh a suspend vm1 >/dev/null
virsh a destroy vm1 >/dev/null
stop a
verify_guest
