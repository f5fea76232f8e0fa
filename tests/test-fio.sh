#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fio writes at random through its nbd engine and verifies what it wrote.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdkit fio
fio --enghelp=nbd >/dev/null 2>&1 ||
  { echo "SKIP: fio has no nbd engine" >&2; exit 77; }

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 256M
start_server a "$disk"
cd "$tmp"
for size in 4k-4k 3k-192k; do
  fio --name=verify --ioengine=nbd --uri="$(uri a)" --rw=randrw \
      --bsrange="$size" --bs_unaligned=0 --size=64M --io_size=24M \
      --iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 \
      --fsync=64 --trim_percentage=0 --output="$tmp/fio.log" ||
    fail "blocks of $size: $(tail -n 20 "$tmp/fio.log")"
done
stop a
check_clean "$disk"
