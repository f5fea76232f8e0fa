#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real filesystem on an image that our server and QEMU serve in turns: files
# keep their sums and the filesystem has no error while its free space is
# filled with rubbish and trimmed at random.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
PATH=$PATH:/usr/sbin:/sbin
requires qemu-img qemu-nbd nbdkit nbdsh nbdcopy mke2fs e2fsck dumpe2fs debugfs

cd "$tmp"
seed=${BATON_FILESYSTEM_SEED:-$RANDOM}
eval "plain_$(declare -f fail)"
fail () { plain_fail "$*; replay: BATON_FILESYSTEM_SEED=$seed $0"; }

# -- a filesystem with files of many sizes ---------------------------------------

mkdir files
for n in 1 2 3 4 5 6 7 8; do
  seq "$n" $((n * n * 1500)) >"files/text-$n"
  head -c $((n * 77777)) /dev/urandom >"files/random-$n"
  truncate -s $((n * 100000)) "files/hole-$n"
done
(cd files && sha256sum ./*) >sums
mke2fs -q -t ext4 -b 1024 -d files filesystem.raw 24M

# Ranges of free blocks, "first last" in bytes.
dumpe2fs filesystem.raw 2>/dev/null |
  sed -n 's/^  Free blocks: //p' | tr ',' '\n' |
  awk -F- '/[0-9]/ { if (NF < 2) $2 = $1
                     print $1 * 1024, ($2 + 1) * 1024 }' >free
[ "$(wc -l <free)" -gt 0 ] || fail "no free blocks: the test is blind"

# Rubbish and trims, at any byte, but for the last word, which is trims: what
# is trimmed last reads zeros, until then it is anybody's.
rubbish='
import os, random
dice = random.Random(int(os.environ["SEED"]))
ranges = [tuple(map(int, line.split())) for line in open("free")]
def some():
    first, last = dice.choice(ranges)
    at = dice.randrange(first, last)
    return at, min(dice.randrange(1, 200000), last - at)
for n in range(150):
    at, k = some()
    how = dice.randrange(4)
    if how < 2:
        h.pwrite(bytes([n + 1]) * k, at)
    elif how == 2:
        h.trim(k, at)
    else:
        h.zero(k, at)
h.flush()
if os.environ["ZEROS"]:
    for n in range(40):
        at, k = some()
        h.trim(k, at)
        assert h.pread(k, at) == bytes(k), "a trim at %d left something" % at
'

# check_files NAME: what the server NAME has, looked at with e2fsprogs
check_files ()
{
  nbdcopy "$(uri "$1")" copy.raw
  e2fsck -fn copy.raw >fsck.out 2>&1 || fail "e2fsck: $(tail -n 5 fsck.out)"
  rm -rf dumped
  mkdir dumped
  debugfs -R 'rdump / dumped' copy.raw >/dev/null 2>&1
  (cd dumped && sha256sum --quiet -c ../sums) || fail "a file has changed"
}

# turn NAME SEED ZEROS: rubbish through the server NAME
turn ()
{
  SEED=$2 ZEROS=$3 nbdsh -u "$(uri "$1")" -c "$rubbish" || fail "$1"
  check_files "$1"
  stop "$1"
  check_clean disk.qcow2
}

# on_image OPTION...: of qemu-img create
on_image ()
{
  qemu-img create -q -f qcow2 "$@" disk.qcow2 24M
  start_server a disk.qcow2
  nbdcopy filesystem.raw "$(uri a)"
  turn a "$seed" yes
  start_qemu_nbd b disk.qcow2 --discard=unmap --cache=unsafe
  turn b $((seed + 1)) ''
  start_server a disk.qcow2
  turn a $((seed + 2)) yes
  echo "$*: equal"
}

on_image -o cluster_size=64k
on_image -o cluster_size=512,compat=0.10
[ -z "${BATON_TEST_LONG:-}" ] || {
  on_image -o cluster_size=2M
  on_image -o cluster_size=4k,refcount_bits=64
}
