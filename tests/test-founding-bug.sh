#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The bug that Baton exists for: a destination that looked at the image
# before the source changed it must serve the new data after the hand-over.
# With BATON_TEST_STALE_CACHE=1 the destination keeps what it saw, and the
# same steps must lose the data: this test can fail.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdsh nbdkit

write_pattern='
for i in range(8):
    h.pwrite(bytes([i + 1]) * 100000, i * 3000000)
h.flush()
'
read_pattern='
for i in range(8):
    found = h.pread(100000, i * 3000000)
    if found != bytes([i + 1]) * 100000:
        print("lost: record %d" % i)
'

# hand_over STALE: prints what B has lost
hand_over ()
{
  rm -f "$tmp/disk.qcow2"
  qemu-img create -q -f qcow2 "$tmp/disk.qcow2" 64M
  start_nbdkit a "$tmp/disk.qcow2" control="$(control a)"
  BATON_TEST_STALE_CACHE=$1 \
    start_nbdkit b "$tmp/disk.qcow2" control="$(control b)" start=inactive
  # B looks at all of the disk while there is nothing on it.
  nbdsh -u "$(uri b)" -c 'assert h.pread(1 << 24, 0) == bytes(1 << 24)'
  nbdsh -u "$(uri a)" -c "$write_pattern"
  baton pass "$(control a)" "$(control b)" >&2
  nbdsh -u "$(uri b)" -c "$read_pattern"
  stop a
  stop b
}

lost=$(hand_over 0)
[ -z "$lost" ] || fail "after pass: $lost"
check_clean "$tmp/disk.qcow2"

lost=$(hand_over 1)
[ -n "$lost" ] || fail "a stale cache lost nothing: the test is blind"
grep -q 'warning: BATON_TEST_STALE_CACHE=1: this server will serve stale' \
     "$tmp/b.log" || fail "it does not say so"
echo "with a stale cache: ${lost//$'\n'/, }"
