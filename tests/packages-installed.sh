#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Part of `make deb`: packages-installed.sh DIR: Debian's packages there, installed
# in a root of their own (debootstrap): what they depend on is enough, users and
# directories are made, the units' very command lines serve an image, which is
# passed over TLS; packages are replaced and removed while it is served; and once
# they are purged no file is left that nobody has used.
#
# Skipped (77) where there is no debootstrap, no root, no mirror.
#
# BATON_DEBIAN_MIRROR=URL: where Debian is to be had.

packages=$(cd "${1:?}" && pwd)
. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-systemd.sh"
. "$srcdir/functions-tls.sh"
requires debootstrap dpkg-deb nbdsh qemu-img unshare
[ "$(id -u)" -eq 0 ] || { echo "SKIP: needs root" >&2; exit 77; }
# What is mounted, and who runs, ends with the namespaces.
if [ -z "${BATON_IN_NAMESPACE:-}" ]; then
  unshare --mount --pid --fork true 2>/dev/null ||
    { echo "SKIP: no mount namespaces here" >&2; exit 77; }
  rm -rf "$tmp"
  BATON_IN_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child \
    --mount-proc "$srcdir/${0##*/}" "$packages"
fi

mirror=${BATON_DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
root=$tmp/root
ours=(baton nbdkit-plugin-qcow2)

# -- a root ------------------------------------------------------------------------

debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$tmp/debootstrap" 2>&1 || {
  ! grep -qi 'failed getting release\|cannot mknod\|noexec or nodev' "$tmp/debootstrap" ||
    { echo "SKIP: $(tail -n 1 "$tmp/debootstrap")" >&2; exit 77; }
  fail "debootstrap: $(tail -n 5 "$tmp/debootstrap")"
}
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
trap 'status=$?; set +e; umount -l "$root/proc"; (exit $status); cleanup' EXIT
# debootstrap writes none.
echo '127.0.0.1 localhost' >"$root/etc/hosts"
mkdir "$root/packages"
cp "$packages"/*.deb "$root/packages/"

# in_root COMMAND...; as_baton COMMAND...
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
clean=(env -i PATH="$path" HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}")
in_root () { chroot "$root" "${clean[@]}" "$@"; }
be_baton=(chroot --userspec=baton:baton "$root" "${clean[@]}")
as_baton () { "${be_baton[@]}" "$@"; }
quietly () { "$@" >"$tmp/said" 2>&1 || fail "$*: $(tail -n 20 "$tmp/said")"; }
deb () { (cd "$root" && echo packages/"$1"_*.deb); }

quietly in_root apt-get update
depends=$(for name in "${ours[@]}"; do dpkg-deb -f "$root/$(deb "$name")" Depends; done |
          tr ',' '\n' | sed 's/^ *//' | grep -v '^baton ' | paste -sd,)
quietly in_root apt-get -y --no-install-recommends satisfy "$depends, gnutls-bin"

files ()
{
  (cd "$root" &&
   find . -xdev \( -path ./proc -o -path ./run/systemd -o -path ./packages -o -path ./tmp -o -path ./root \
                   -o -path ./var/log -o -path ./var/cache -o -name '*-old' \) \
        -prune -o -print | sort)
}
files >"$tmp/before"

# -- installed ----------------------------------------------------------------------

# What they depend on is all that they need.
install_ours () { quietly in_root dpkg -i "/$(deb baton)" "/$(deb nbdkit-plugin-qcow2)"; }
install_ours
! in_root dpkg --audit | grep . || fail "dpkg is not content"
in_root id baton >"$tmp/said" 2>&1 || fail "no user: $(cat "$tmp/said")"
for dir in run/baton var/lib/baton; do
  [ "$(in_root stat -c '%a %U %G' "/$dir")" = "750 baton baton" ] ||
    fail "/$dir: $(in_root stat -c '%a %U %G' "/$dir" 2>&1)"
done
[ -d "$root/etc/baton" ] || fail "no directory for the images' settings"
version=$(dpkg-deb -f "$root/$(deb baton)" Version)
in_root baton --version >"$tmp/said"
grep -qF "${version%%-*}" "$tmp/said" || fail "version: $(cat "$tmp/said")"
in_root nbdkit --dump-plugin qcow2 >"$tmp/said" 2>&1 ||
  fail "nbdkit does not find the plugin: $(cat "$tmp/said")"
# debootstrap's root has no systemd that runs, so nothing was started.
! compgen -G "$root/run/baton/*" || fail "something was started"
! compgen -G "$root/etc/systemd/system/*/nbdkit-qcow2*" || fail "something was enabled"

# -- served, by the unit's command lines ----------------------------------------------

quietly in_root systemd-analyze verify --man=no \
        /usr/lib/systemd/system/nbdkit-qcow2@.{service,socket}
# They will be removed.
units=$tmp/units
cp -r "$root/usr/lib/systemd/system" "$units"
unit=$units/nbdkit-qcow2@.service
quietly in_root baton-pki /root/pki localhost
mkdir -p "$root/etc/pki"
cp -r "$root/root/pki/localhost" "$root/etc/pki/baton"
in_root chown -R baton:baton /etc/pki/baton
mkdir "$root/var/lib/baton/vm1"
disk=$root/var/lib/baton/vm1/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 64M
in_root chown -R baton:baton /var/lib/baton/vm1

# Two servers of one image, as on two hosts: an instance, a port each.
for name in vm1 vm2; do
  printf -v "${name}_port" %s "$(free_port)"
  port=${name}_port
  sed -e "s,^PARAMETERS=.*,PARAMETERS=\"start=inactive control-listen=localhost:${!port} \
control-tls-certificates=/etc/pki/baton control-allow=localhost\"," \
      "$root/usr/share/doc/nbdkit-plugin-qcow2/examples/example.conf" >"$root/etc/baton/$name.conf"
done

# run_line INSTANCE KEY
run_line ()
{
  local words
  read_environment "$root/etc/baton/$1.conf"
  read -r -a words <<<"$(line "$unit" "$1" "$2")"
  [ "${#words[@]}" -gt 1 ] || fail "no $2"
  as_baton timeout 60 "${words[@]}" >"$tmp/said" 2>&1
}

uri () { echo "nbd+unix:///?socket=$root$(socket_of "$units/nbdkit-qcow2@.socket" "$1")"; }
client () { nbdsh -u "$(uri "$1")" -c "$2" || fail "$1: $2: $(tail -n 20 "$tmp/$1.log")"; }

start_unit ()
{
  local words socket
  socket=$(socket_of "$units/nbdkit-qcow2@.socket" "$1")
  read_environment "$root/etc/baton/$1.conf"
  read -r -a words <<<"$(line "$unit" "$1" ExecStart)"
  rm -f "$root$socket"
  # Not as_baton: this is the server's process in the end.
  "${be_baton[@]}" systemd-socket-activate --listen="$socket" "${words[@]}" \
                   >>"$tmp/$1.log" 2>&1 &
  printf -v "$1_pid" %s $!
  pids+=($!)
  wait_for 20 test -S "$root$socket" || fail "$1: no socket"
  client "$1" 'h.get_size()'
  run_line "$1" ExecStartPost || fail "$1: ExecStartPost: $(cat "$tmp/said")"
}

state () { in_root baton status "/run/baton/$1.control" | awk '$1 == "state" { print $2 }'; }
is () { [ "$(state "$1")" = "$2" ] || fail "$3: $1 is $(state "$1")"; }
end () { kill -KILL "$1"; wait "$1" 2>/dev/null || :; forget "$1"; }

# shellcheck disable=SC2154
at=("nbds://localhost:$vm1_port/" "nbds://localhost:$vm2_port/")
start_unit vm1
start_unit vm2
quietly as_baton baton activate /run/baton/vm1.control
client vm1 'h.pwrite(b"1" * 65536, 0); h.flush()'
quietly as_baton baton --tls-certificates /etc/pki/baton pass "${at[@]}"
is vm1 inactive "passed"
is vm2 active "passed"
client vm2 'assert h.pread(65536, 0) == b"1" * 65536; h.pwrite(b"2" * 65536, 0)'
run_line vm1 ExecReload || fail "reload: $(cat "$tmp/said")"

# -- replaced and removed while it is served --------------------------------------------

# systemctl would stop what runs: it says what it is told.
mkdir -p "$root/run/systemd/system" "$root/usr/local/bin"
printf '#!/bin/sh\necho "$@" >>/systemctl.log\n' >"$root/usr/local/bin/systemctl"
chmod +x "$root/usr/local/bin/systemctl"
install_ours
grep -q daemon-reload "$root/systemctl.log" || fail "replaced, and systemd is not told"
! grep -q stop "$root/systemctl.log" || fail "replaced: $(cat "$root/systemctl.log")"
is vm2 active "replaced"
client vm2 'assert h.pread(65536, 0) == b"2" * 65536'
# apt-get has a path of its own.
quietly in_root apt-get -o DPkg::Path=$path -y remove "${ours[@]}"
grep -q 'stop.* nbdkit-qcow2@\*.service' "$root/systemctl.log" ||
  fail "removed, and nobody was told to stop: $(cat "$root/systemctl.log")"
# Nobody did: it is served on, and what was written can be read elsewhere.
client vm2 'h.pwrite(b"3" * 65536, 0); h.flush()'
[ ! -e "$root/usr/bin/baton" ] || fail "not removed"
# shellcheck disable=SC2154
for pid in "$vm1_pid" "$vm2_pid"; do end "$pid"; done
check_leaks_only "$disk"
[ -e "$root/etc/baton/vm1.conf" ] || fail "the administrator's settings are gone"

# Installed again, it goes on.
install_ours
start_unit vm2
is vm2 active "a server that was killed"
client vm2 'assert h.pread(65536, 0) == b"3" * 65536'
# The unit's end.
run_line vm2 ExecStop || fail "stop: $(cat "$tmp/said")"
is vm2 inactive "stopped"
end "$vm2_pid"
check_clean "$disk"

# -- purged ---------------------------------------------------------------------------------

quietly in_root apt-get -y purge "${ours[@]}"
[ -s "$disk" ] && [ -e "$root/etc/baton/vm1.conf" ] ||
  fail "purged, and with it what is not the packages'"
rm -r "$root"/var/lib/baton "$root"/etc/baton "$root"/etc/pki "$root"/run/baton \
      "$root"/systemctl.log "$root"/usr/local/bin/systemctl
rmdir "$root/run/systemd/system"
install_ours
quietly in_root dpkg --purge "${ours[@]}"
files >"$tmp/after"
diff "$tmp/before" "$tmp/after" >"$tmp/left" || fail "left behind: $(cat "$tmp/left")"
echo "packages: installed, used, replaced, removed, purged"
