#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An image that this user may only read: refused with a hint at -r, and
# served with it.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires nbdkit qemu-img nbdinfo

cd "$tmp"
qemu-img create -q -f qcow2 disk.qcow2 1M
chmod 0444 disk.qcow2
chmod 0755 .
as_user=()
if [ "$(id -u)" -eq 0 ]; then
  requires setpriv
  # The build tree may be out of this user's reach.
  cp "$plugin" plugin.so
  chmod 0755 plugin.so
  plugin=$tmp/plugin.so
  cp "$(command -v nbdkit)" nbdkit
  chmod 0755 nbdkit
  PATH=$tmp:$PATH
  as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi

"${as_user[@]}" nbdkit -U - "$plugin" disk.qcow2 --run true 2>err &&
  fail "opened for writing"
grep -q 'ermission denied; to serve it read-only use nbdkit -r' err || fail "no hint: $(cat err)"
[ "$(wc -l <err)" -eq 1 ] || fail "not one line: $(cat err)"

"${as_user[@]}" nbdkit "$plugin" -U - disk.qcow2 --readonly \
    --run 'nbdinfo "$uri"' >out || fail "not served read-only"
grep -q 'is_read_only: true' out || fail "writable: $(cat out)"
