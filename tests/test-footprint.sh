#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A disk that is written, trimmed and flushed over and over needs no more
# space in the end than after the first rounds: the file's length stops
# growing, and with discard=on host blocks come back.  With discard=off they
# stay, and are used again.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdkit nbdsh

cd "$tmp"
rounds=${BATON_TEST_LONG:+24}
rounds=${rounds:-8}

# Writes at odd places inside 4 MiB, in an order that differs each time;
# prints length and host bytes after each round, before and after the trim.
cycle='
import os, random
name, rounds = os.environ["FILE"], int(os.environ["ROUNDS"])
seed = int(os.environ["SEED"])
dice = random.Random(seed)
def space():
    s = os.stat(name)
    return "%d %d" % (s.st_size, s.st_blocks * 512)
for n in range(rounds):
    starts = list(range(0, 4 << 20, 1 << 16))
    dice.shuffle(starts)
    for at in starts:
        k = dice.randrange(1, 65537)
        h.pwrite(bytes([n + 1]) * k, at + 65536 - k)
    h.flush()
    before = space()
    h.trim(4 << 20, 0)
    for i in range(3):
        h.flush()
    assert h.pread(4 << 20, 0) == bytes(4 << 20), "a trim left something"
    print(before, space())
'

# stops_growing WHAT CLUSTER MOST: all rounds together write 12 times what the disk
# holds at a time.  The file is reserved in batches that double, so it grows in
# steps; four times what it holds, and its tables, is the end of it;
# of host blocks MOST times.
stops_growing ()
{
  awk -v tables=$((14 * $2 + 1048576)) -v most="$3" '
    $1 > 4 * 4194304 + tables || $2 > most * 4194304 + tables {
      print "round " NR ": " $0; bad = 1 }
    END { exit bad }' cycles >bad || fail "$1: the file grows: $(head -n 2 bad)"
}

# gives_back WHAT on|off
gives_back ()
{
  awk -v discard="$2" '
    # About 2 MiB were written.
    discard == "on" && $4 > $2 - 1048576 { print; bad = 1 }
    discard == "off" && $4 < $2 { print; bad = 1 }
    END { exit bad }' cycles >bad ||
    fail "$1, discard=$2 (length, host bytes; after the trim): $(head -n 2 bad)"
}

# footprint WHAT FILE DISCARD
footprint ()
{
  local seed=${BATON_FOOTPRINT_SEED:-$RANDOM}
  start_server a "$2" discard="$3"
  FILE=$2 ROUNDS=$rounds SEED=$seed nbdsh -u "$(uri a)" -c "$cycle" >cycles ||
    fail "$1: replay: BATON_FOOTPRINT_SEED=$seed $0"
  stop a
  check_clean "$2"
  stops_growing "$1, discard=$3" \
                "$(qemu-img info --output=json "$2" |
                   sed -n 's/.*"cluster-size": \([0-9]*\),/\1/p')" \
                "$([ "$3" = on ] && echo 2 || echo 4)"
  [[ $1 == *snapshot* ]] || gives_back "$1" "$3"
  echo "$1, discard=$3: $(tail -n 1 cycles)"
}

blank () { qemu-img create -q -f qcow2 -o "$1" "$2" 8M; }

snapshot ()
{
  blank "$1" "$2"
  qemu-io -t unsafe -f qcow2 -c 'write -q -P 7 0 4M' "$2" >/dev/null
  qemu-img snapshot -c before "$2"
}

for discard in on off; do
  for options in compat=0.10 cluster_size=512 cluster_size=4k cluster_size=64k \
                 cluster_size=512k,compat=0.10 cluster_size=2M; do
    [ -n "${BATON_TEST_LONG:-}" ] || [[ $discard = on || $options = *64k ]] ||
      continue
    blank "$options" disk.qcow2
    footprint "blank $options" disk.qcow2 $discard
  done
  for options in compat=0.10 cluster_size=4k; do
    [ -n "${BATON_TEST_LONG:-}" ] || [ $discard = on ] || continue
    snapshot "$options" disk.qcow2
    footprint "snapshot $options" disk.qcow2 $discard
    qemu-img convert -l before -O raw disk.qcow2 before.raw
    head -c 4M /dev/zero | tr '\0' '\007' | cmp -n $((4 << 20)) - before.raw ||
      fail "the snapshot has changed"
  done
done
