#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# compress=on: whole clusters written to where there was no data are stored
# compressed, QEMU reads all of it, and the file is as small as qemu-img
# convert -c makes it.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdcopy nbdsh nbdkit

cd "$tmp"
# Text, numbers that do not shrink, a hole; the end is not a whole cluster.
{ seq 1 200000; head -c 500000 /dev/urandom; seq 1 150000; } >source.raw
truncate -s 5000192 source.raw

dump=$(nbdkit --dump-plugin "$plugin" || :)

# nbdcopy looks for zeros in pieces of 4 KiB; what it leaves must be whole
# clusters.
copy_in ()
{
  nbdcopy --connections=4 --sparse="$1" source.raw "$(uri a)"
}

has_packed ()
{
  qemu-img check --output=json "$1" | grep -q '"compressed-clusters": [1-9]'
}

# Parts of clusters, overwrites, a trim: as on any image.
write_over='
expected = bytearray(open("source.raw", "rb").read())
for offset, length in [(100, 10), (70000, 65536), (131072, 65536),
                       (400000, 300000), (1900000, 5)]:
    h.pwrite(b"n" * length, offset)
    expected[offset:offset + length] = b"n" * length
h.trim(2097152, 2097152)
expected[2097152:2097152 + 2097152] = bytes(2097152)
for i in range(3):
    h.flush()
h.pwrite(b"again" * 300000, 2097152)
expected[2097152:2097152 + 1500000] = b"again" * 300000
assert h.pread(len(expected), 0) == expected
open("expected.raw", "wb").write(expected)
'

for options in compression_type=zlib,cluster_size=64k \
               compression_type=zstd,cluster_size=64k \
               compression_type=zlib,cluster_size=2M \
               compression_type=zlib,cluster_size=4k,refcount_bits=1 \
               compat=0.10,cluster_size=512; do
  if [[ $options = *zstd* && $dump = *zstd=no* ]]; then
    continue
  fi
  size=${options#*cluster_size=}
  size=${size%%,*}
  size=$(numfmt --from=iec "${size^^}")
  qemu-img create -q -f qcow2 -o "$options" disk.qcow2 5000192
  start_server a disk.qcow2 compress=on
  copy_in "$size"
  nbdcopy "$(uri a)" copy.raw
  cmp source.raw copy.raw || fail "$options: wrong data"
  stop a
  check_clean disk.qcow2
  compare -f raw -F qcow2 source.raw disk.qcow2
  qemu-img convert -c -O qcow2 -o "$options" source.raw theirs.qcow2
  ours=$(stat -c %s disk.qcow2) theirs=$(stat -c %s theirs.qcow2)
  echo "$options: $ours bytes, qemu-img convert -c $theirs"
  # Our file ends with a whole cluster; and with small clusters there may be
  # refcount blocks behind the last part that was reserved and not needed, a
  # quarter of 1 MiB at first.
  [ "$ours" -le $((theirs + theirs / 20 + size + 65536 + 262144)) ] ||
    fail "$options: $ours bytes, where qemu-img needs $theirs"
  has_packed disk.qcow2 ||
    fail "$options: nothing is compressed"

  start_server a disk.qcow2 compress=on
  nbdsh -u "$(uri a)" -c "$write_over" || fail "$options: writing over"
  stop a
  check_clean disk.qcow2
  compare -f raw -F qcow2 expected.raw disk.qcow2
done

# Without it nothing is compressed.
qemu-img create -q -f qcow2 disk.qcow2 5000192
start_server a disk.qcow2 compress=off
copy_in 65536
stop a
has_packed disk.qcow2 &&
  fail "compress=off compresses"

# Killed while it packs: what was acknowledged is there, and leaks at most.
qemu-img create -q -f qcow2 disk.qcow2 5000192
start_server a disk.qcow2 compress=on
copy_in 65536
kill_server a
check_leaks_only disk.qcow2
compare -f raw -F qcow2 source.raw disk.qcow2
