#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Huge images: a write costs the same however many tables the image has,
# though each is checked not to hit one of them; images up to the longest L1
# table open in seconds, in bounded memory.
#
# The cost of a write is measured as the server's processor time, on a disk of
# 64 TiB all of whose L2 tables are there and on a small one, in turns.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdkit nbdsh

long=${BATON_TEST_LONG:-}
tib=$((1 << 40))
cd "$tmp"

# -- the same cost ------------------------------------------------------------

# Medians of turns in which the two servers take turns: others disturb them.
# All on one processor: what it costs to wake a thread on another one differs
# by more than is measured here.
measure='
import glob, os, sys
here = [sorted(os.sched_getaffinity(0))[-1]]
os.sched_setaffinity(0, here)
def cpu(pid):
    return sum(int(open(t + "/schedstat").read().split()[0])
               for t in glob.glob("/proc/%d/task/*" % pid))
class Side:
    def __init__(self, uri, pid):
        self.h = nbd.NBD()
        self.h.connect_uri(uri)
        self.pid, self.costs = int(pid), []
        for task in glob.glob("/proc/%s/task/*" % pid):
            os.sched_setaffinity(int(task.rsplit("/")[-1]), here)
        self.start = (self.h.get_size() * 7 // 8) >> 29 << 29
    def turn(self, nr, first):
        buf, before = b"x" * 4096, cpu(self.pid)
        for i in range(first, first + nr):
            self.h.pwrite(buf, self.start + (i * 40503 % 6000 << 16))
        self.costs.append((cpu(self.pid) - before) / nr)
sides = [Side(*sys.argv[i:i + 2]) for i in (1, 3)]
for turn in range(30):
    for s in sides:
        s.turn(400, turn * 400)
# 6000 clusters are allocated in the first 15 turns, overwritten later.
for what, first, end in ("allocating", 1, 15), ("overwriting", 15, 30):
    cost = [sorted(s.costs[first:end])[(end - first) // 2] for s in sides]
    print("%s %d %d %.2f" % (what, cost[0], cost[1], cost[0] / cost[1]))
'

measure ()
{
  /usr/bin/python3 -c "import nbd
$measure" "$(uri a)" "$a_pid" "$(uri b)" "$b_pid"
}

# same_cost: 1.3 at most; a machine that is busy with other things may need
# more than one try
same_cost ()
{
  local try
  for try in 1 2 3 4; do
    measure >costs
    awk '$4 > 1.3 { bad = 1 } END { exit bad }' costs && break
    [ "$try" -lt 4 ] || fail "a write costs more on the huge image: $(cat costs)"
  done
  awk '{ printf "%s: %d ns of processor time a write with 131072 L2 tables," \
                " %d with 16, ratio %s\n", $1, $2, $3, $4 }' costs
}

"$(program make-image)" huge.qcow2 65536 $((64 * tib))
"$(program make-image)" small.qcow2 65536 $((8 << 30))
start_nbdkit a huge.qcow2
start_nbdkit b small.qcow2
same_cost
stop a
stop b
check_clean small.qcow2
# It reads all the tables, 8 GiB.
[ -z "$long" ] || check_clean huge.qcow2

# -- opening ------------------------------------------------------------------

# opens FILE SECONDS MIB: serves its ends within time and memory
opens ()
{
  local file=$1 seconds=$2 mib=$3 size begin took high
  size=$(qemu-img info --output=json "$file" | sed -n 's/.*"virtual-size": \([0-9]*\),/\1/p')
  begin=${EPOCHREALTIME/[.,]/}
  start_server a "$file"
  took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
  "$(program edges)" write "$(sock a)" 65536 $((size / 2)) "$size"
  "$(program edges)" verify "$(sock a)" 65536 $((size / 2)) "$size"
  high=$(awk '/VmHWM/ { print int ($2 / 1024) }' "/proc/$a_pid/status")
  stop a
  echo "$file: disk of $((size >> 30)) GiB, open after $took ms, $high MiB"
  [ "$took" -le $((seconds * 1000)) ] || fail "$file: $took ms to open"
  [ "$high" -le "$mib" ] || fail "$file: $high MiB of memory"
}

for bits in ${long:+12 16} 9 21; do
  # As QEMU limits it: an L1 table of 32 MiB, 2^22 entries.
  size=$((1 << (22 + 2 * bits - 3)))
  qemu-img create -q -f qcow2 -o cluster_size=$((1 << bits)) \
           longest-$bits.qcow2 $size
  opens longest-$bits.qcow2 20 250
  [ -z "$long" ] || check_clean longest-$bits.qcow2
  rm longest-$bits.qcow2
done
qemu-img create -q -f qcow2 -o cluster_size=2M sparse.qcow2 $((64 * tib))
opens sparse.qcow2 5 100
opens huge.qcow2 20 150
check_clean sparse.qcow2
