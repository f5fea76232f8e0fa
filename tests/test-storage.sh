#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Storage that protects little is told of: no locks at all, locks that other
# hosts do not see (NFS with nolock or local_lock, tests/storage-stand-in.c),
# and cache=none where the page cache cannot be passed by.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires jq qemu-img nbdsh nbdkit stat
[ "${BATON_SANITIZER:-no}" = no ] ||
  { echo "SKIP: a sanitizer's library is loaded first" >&2; exit 77; }

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M
export STAND_IN_FILE=$disk STAND_IN_MOUNTS=$tmp/mounts
device=$(stat -c %d "$disk")
device=$((device >> 8 & 0xfff)):$((device & 0xff | device >> 12 & 0xfff00))

# serve WORDS ARG...: on storage with these faults
serve ()
{
  local words=$1
  shift
  : >"$tmp/s.log"
  BATON_WRAPPER="env STAND_IN=$words LD_PRELOAD=$(program storage-stand-in.so)" \
    start_nbdkit s "$disk" "$@"
}

# mounted OPTIONS: how the kernel lists a mount
mounted ()
{
  echo "20 1 0:1 / / rw shared:1 - ext4 /dev/other rw,nolock"
  echo "21 20 $device / /srv rw,relatime shared:2 - nfs4 server:/srv rw$1"
} >"$tmp/mounts"

# is LOCKS WARNING: so says status
is ()
{
  baton --json status "$(control s)" >"$tmp/out"
  jq -e --arg locks "$1" --arg warning "$2" \
     '.storage | .locks == $locks and (.warning // "") == $warning' \
     "$tmp/out" >/dev/null || fail "not $1: $(cat "$tmp/out")"
  [ -z "$2" ] || baton status "$(control s)" | grep -qF "$2" ||
    fail "the text of status does not say: $2"
}

said () { grep -qF "$1" "$tmp/s.log"; }

# -- no locks ------------------------------------------------------------------

mounted ''
serve no-locks control="$(control s)"
is none 'no locks: only the ownership record keeps two servers apart'
said 'this storage has no locks: nothing keeps another program or host from writing to the image at the same time' ||
  fail "no warning: $(cat "$tmp/s.log")"
nbdsh -u "$(uri s)" -c 'h.pwrite(b"x" * 512, 0)' ||
  fail "locking=auto does not serve without locks"
stop s

! (serve no-locks control="$(control s)" locking=on) 2>"$tmp/said" ||
  fail "locking=on serves without locks"
grep -q 'cannot lock it: No locks available' "$tmp/said" "$tmp/s.log" ||
  fail "locking=on: $(cat "$tmp/said" "$tmp/s.log")"

# -- locks of this host ----------------------------------------------------------

local_text='locks are local to this host: between hosts only the ownership record keeps two servers apart'
start_text='locks on this storage (nfs) are not seen by other hosts: between hosts only the ownership record keeps two servers from being active at once'

for option in ,nolock ,vers=4,local_lock=all ,local_lock=posix,hard; do
  mounted "$option"
  serve nfs control="$(control s)"
  is local "$local_text"
  said "$start_text" || fail "$option: no warning: $(cat "$tmp/s.log")"
  stop s
done
# A server that hands nothing over need not know.
mounted ,nolock
serve nfs
! said 'are not seen by other hosts' || fail "told where nothing is handed over"
stop s

# "nolock" of another mount is not ours; local_lock=flock is of other locks.
for option in '' ,local_lock=none ,local_lock=flock; do
  mounted "$option"
  serve nfs control="$(control s)"
  is yes ''
  ! said 'locks on this storage' || fail "\"$option\": $(cat "$tmp/s.log")"
  stop s
done

# -- cache=none ------------------------------------------------------------------

# Where this build asks how that is to be done, and may do it at all.
if ! command grep -q '^#define STATX_DIOALIGN' /usr/include/linux/stat.h ||
   ! dd if="$disk" iflag=direct of=/dev/null bs=4096 count=1 2>/dev/null; then
  check_clean "$disk"
  exit
fi
! (serve odd-direct cache=none) 2>"$tmp/said" || fail "cache=none is served"
grep -q 'cannot be read and written past the page cache (O_DIRECT) on this filesystem: do not use cache=none' \
     "$tmp/said" "$tmp/s.log" || fail "$(cat "$tmp/said" "$tmp/s.log")"
serve odd-direct
stop s
check_clean "$disk"
