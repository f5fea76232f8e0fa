#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Compressed clusters are read as QEMU reads them, and written over.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdcopy nbdsh nbdkit

cd "$tmp"
# Text, numbers that do not shrink, and nothing at all.
{ seq 1 300000; head -c 700000 /dev/urandom; } >source.raw
truncate -s 8M source.raw

write_over='
expected = bytearray(open("source.raw", "rb").read())
for offset, length in [(100, 10), (70000, 65536), (131072, 65536),
                       (400000, 300000), (2300000, 5)]:
    h.pwrite(b"n" * length, offset)
    expected[offset:offset + length] = b"n" * length
h.trim(65536, 196608)
expected[196608:196608 + 65536] = bytes(65536)
assert h.pread(len(expected), 0) == expected
open("expected.raw", "wb").write(expected)
'

dump=$(nbdkit --dump-plugin "$plugin" || :)
for options in compression_type=zlib compression_type=zlib,cluster_size=4k \
               compression_type=zlib,cluster_size=2M compression_type=zstd; do
  if [[ $options = *zstd* && $dump = *zstd=no* ]]; then
    continue
  fi
  qemu-img convert -c -O qcow2 -o "$options" source.raw disk.qcow2
  start_server a disk.qcow2
  nbdcopy --connections=2 "$(uri a)" copy.raw
  cmp source.raw copy.raw || fail "$options: wrong data"
  nbdsh -u "$(uri a)" -c "$write_over" || fail "$options: writing over"
  stop a
  check_clean disk.qcow2
  qemu-img compare -q -f raw -F qcow2 expected.raw disk.qcow2 ||
    fail "$options: QEMU reads something else afterwards"
done
