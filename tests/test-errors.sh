#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What cannot be served is refused at the start: exit status 1, one line that
# names the matter, nothing created and nothing changed.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires nbdkit qemu-img qemu-io

cd "$tmp"
qemu-img create -q -f qcow2 good.qcow2 16M

control=$tmp/ctl
# refused WHAT REGEX ARG...
refused ()
{
  local what=$1 regex=$2 status=0 before after
  shift 2
  before=$(find . ! -name err -type f -exec sha256sum {} +)
  timeout 20 nbdkit -f -U - "$plugin" "$@" control="$control" \
          --run 'echo served >&2' >err 2>&1 || status=$?
  after=$(find . ! -name err -type f -exec sha256sum {} +)
  [ "$status" -eq 1 ] || fail "$what: exit status $status: $(cat err)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$what: not one line: $(cat err)"
  grep -Eiq -- "$regex" err || fail "$what: does not say $regex: $(cat err)"
  [ ! -e ctl ] || fail "$what: left a control socket behind"
  [ "$before" = "$after" ] || fail "$what: files have changed"
  echo "$what: $(sed 's/^nbdkit: //' err)"
}

poke () { printf %b "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

refused 'no file' file
refused 'missing file' 'absent.qcow2: no such file: check the name, or make one' \
        absent.qcow2
mkdir directory
refused 'directory' directory directory
: >empty.qcow2
refused 'empty file' 'qcow2|empty' empty.qcow2
head -c 50 good.qcow2 >short.qcow2
refused 'cut-off header' 'short|truncated|end of|qcow2' short.qcow2
head -c 1M /dev/zero >raw.img
refused 'raw file' 'qcow2' raw.img
mkfifo fifo
refused 'FIFO' 'fifo|regular|pipe' fifo
cp good.qcow2 feature.qcow2
poke feature.qcow2 72 '\x40'
refused 'unknown feature' 'feature' feature.qcow2
cp good.qcow2 version.qcow2
poke version.qcow2 7 '\x04'
refused 'unknown version' 'version' version.qcow2
refused 'unknown parameter' 'colour' good.qcow2 colour=red
refused 'wrong start' 'start' good.qcow2 start=sometimes
refused 'wrong policy' 'while-inactive' good.qcow2 while-inactive=maybe
refused 'wrong locking' 'locking' good.qcow2 locking=perhaps
refused 'wrong size' 'metadata-cache' good.qcow2 metadata-cache=lots
refused 'wrong timeout' 'hold-timeout' good.qcow2 hold-timeout=-3
: >occupied
control=$tmp/occupied
refused 'control is a file' 'occupied|socket' good.qcow2
control=$tmp/ctl

# Another program has the image open for writing.
coproc holder { qemu-io -f qcow2 good.qcow2 2>&1; }
pids+=("$holder_PID")
echo 'write 0 512' >&"${holder[1]}"
read -r -u "${holder[0]}" _
refused 'locked image' 'lock|in use|another' good.qcow2
