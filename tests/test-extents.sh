#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Block status says what qemu-img map says, in whatever pieces it is asked,
# and never more than was asked.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdsh nbdkit jq

cd "$tmp"

# "start length zero data" of runs; neighbours of one kind are one run
merge='
  reduce .[] as $e ([]; if length > 0 and .[-1].z == $e.z and .[-1].d == $e.d
                        then .[-1].l += $e.l else . + [$e] end)
  | .[] | "\(.s) \(.l) \(.z) \(.d)"'

# A chain may be told as "zero" or, below the end of a short backing file, as
# "hole": both are right if the bytes are zeros, so "data" is what counts.
qemu_map ()
{
  qemu-img map --output=json "$1" |
    jq -r "[.[] | {s: .start, l: .length, z: .zero, d: .data}] | $merge"
}

our_map='
import json, os
size, step, at, runs = h.get_size(), int(os.environ["STEP"]), 0, []
while at < size:
    n = min(step, size - at)
    found = []
    def extent(context, offset, entries, err):
        if context == nbd.CONTEXT_BASE_ALLOCATION:
            found.extend(zip(entries[::2], entries[1::2]))
    h.block_status(n, at, extent)
    assert found, "no extent at %d" % at
    assert sum(e[0] for e in found) <= n, "longer than asked at %d" % at
    for length, flags in found:
        runs.append({"s": at, "l": length, "z": bool(flags & 2),
                     "d": not flags & 1})
        at += length
print(json.dumps(runs))
'

# same_map FILE STEP...: our map of FILE in pieces of STEP bytes equals QEMU's
same_map ()
{
  local step
  qemu_map "$1" >expected
  start_server a "$1" -r
  for step in "${@:2}"; do
    STEP=$step nbdsh --base-allocation -u "$(uri a)" -c "$our_map" | jq -r "$merge" >found
    diff expected found >diff.out ||
      fail "$1 in steps of $step: $(head -n 6 diff.out)"
  done
  stop a
  echo "$1: $(wc -l <expected) runs"
}

write_some ()
{
  qemu-io -t unsafe -f qcow2 -c 'write -q 0 1000k' -c 'write -q -z 3M 640k' \
          -c 'write -q 5000k 4k' -c 'write -q 9M 64k' \
          -c 'discard -q 9M 64k' -c 'write -q -z -u 100k 130k' "$1"
}

for cluster in 512 64k 2M; do
  qemu-img create -q -f qcow2 -o cluster_size=$cluster blank-$cluster 20M
  cp blank-$cluster some-$cluster
  write_some some-$cluster
  same_map blank-$cluster $((1 << 30))
  same_map some-$cluster $((1 << 30)) 77777
done
qemu-img create -q -f qcow2 -b some-64k -F qcow2 overlay 24M
qemu-io -t unsafe -f qcow2 -c 'write -q 500k 100k' -c 'write -q -z 5M 64k' \
        -c 'write -q 22M 1M' overlay
same_map overlay $((1 << 30)) 77777
# Holes of a raw backing file, also in the middle of a chain.
truncate -s 9000000 base.raw
qemu-io -t unsafe -f raw -c 'write -q 0 4k' -c 'write -q 1M 100k' \
        -c 'write -q 3M 12k' -c 'write -q 8M 500k' base.raw
qemu-img create -q -f qcow2 -b base.raw -F raw over-raw 12M
same_map over-raw $((1 << 30)) 77777
qemu-io -t unsafe -f qcow2 -c 'write -q 1060k 4k' -c 'write -q -z 8M 64k' over-raw
same_map over-raw $((1 << 30)) 77777
qemu-img create -q -f qcow2 -o cluster_size=512 -b over-raw -F qcow2 over-chain 10M
qemu-io -t unsafe -f qcow2 -c 'write -q 2M 10k' over-chain
same_map over-chain $((1 << 30)) 77777
qemu-img convert -c -O qcow2 some-64k compressed
same_map compressed $((1 << 30)) 77777
