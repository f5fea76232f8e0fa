#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SIGTERM to a server without clients is an orderly end: everything durable,
# clusters reserved ahead and freed ones given back, no lock left, no leak.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdsh nbdkit

churn='
import random
r = random.Random(7)
size = h.get_size()
for i in range(300):
    n = r.randrange(1, 200000)
    at = r.randrange(0, size - n)
    [lambda: h.pwrite(bytes([1 + i % 255]) * n, at),
     lambda: h.trim(n, at), lambda: h.zero(n, at)][r.randrange(3)]()
'

for options in compat=1.1 compat=0.10 lazy_refcounts=on \
               cluster_size=512,refcount_bits=1; do
  disk=$tmp/disk.qcow2
  qemu-img create -q -f qcow2 -o "$options" "$disk" 8M
  start_server a "$disk"
  nbdsh -u "$(uri a)" -c "$churn"
  stop a
  check_clean "$disk"
  # Neither the dirty bit nor the corrupt bit: bytes 72 to 79.
  case $options in
    *0.10*) ;;
    *) [ "$(od -An -tu1 -j79 -N1 "$disk" | tr -d ' ')" = 0 ] ||
         fail "$options: an incompatible feature bit is left set" ;;
  esac
done
