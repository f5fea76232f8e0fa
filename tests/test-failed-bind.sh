#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# When nbdkit cannot bind its own socket, after the plugin has started, no
# control socket is left behind and the image is clean and not locked.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires nbdkit qemu-img

cd "$tmp"
qemu-img create -q -f qcow2 disk.qcow2 1M
mkdir occupied

# In the foreground, and as a daemon, which forks only after it has bound.
for option in -f --no-sr; do
  status=0
  timeout 20 nbdkit "$option" -U "$tmp/occupied" "$plugin" disk.qcow2 \
          control=ctl >err 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "$option: exit status $status: $(cat err)"
  [ ! -e ctl ] || fail "$option: left a control socket behind"
  check_clean disk.qcow2
done

# A daemon's parent ends in the same way, and must not take it along.
nbdkit -U "$tmp/sock" -P "$tmp/pid" "$plugin" disk.qcow2 control=ctl
wait_for 10 test -s pid || fail "no daemon"
pids+=("$(cat pid)")
[ -S ctl ] || fail "the daemon's control socket is gone"
qemu-img info disk.qcow2 >/dev/null 2>&1 && fail "the daemon holds no lock"
kill -TERM "$(cat pid)"
wait_for 20 gone "$(cat pid)" || fail "the daemon does not end"
[ ! -e ctl ] || fail "the daemon left its control socket behind"
