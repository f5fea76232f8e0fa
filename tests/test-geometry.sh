#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every cluster size with every refcount width: data across the edges of L2
# tables and of the L1 table's clusters, while the file grows over the edge
# of a refcount block and, where that is near enough, of the refcount table.
# Our server writes, QEMU reads and writes, our server writes again.
#
#   tests/test-geometry.sh CLUSTER-BITS REFCOUNT-BITS      one geometry
#
# By default each cluster size is there on one of two days, nearly every width
# on each; BATON_TEST_LONG=1 runs all 91.  So that little need be written, the file is made longer, by a hole,
# until what is allocated next lies before the edge.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit xargs

# The longest file that any filesystem has; longer ones are made in memory.
# Where more clusters are to be counted, qemu-img check takes too long.
max_file=$((8 << 40))
max_clusters=$((1 << 22))
max_l1=$((32 << 20))
before_edge=6                   # clusters

field () { od -An -tu8 --endian=big -j "$1" -N 8 disk.qcow2 | tr -d ' '; }
table () { od -An -tx1 -j 48 -N 12 disk.qcow2; }

# What the format says of one geometry.
geometry ()
{
  cluster=$((1 << $1))
  bits=$2
  l2_reach=$((cluster * (cluster / 8)))
  l1_reach=$((l2_reach * (cluster / 8)))
  block_reach=$((cluster * (cluster * 8 / bits)))
  table_reach=$((block_reach * (cluster / 8)))
  size=$((l1_reach + 2 * l2_reach + cluster * 16 + 512 * 3))
  [ $((size / l2_reach * 8)) -lt "$max_l1" ] || fail "the L1 table is too long"
}

# Pairs of places: for the first turn, and for the third.
edges_of ()
{
  first=("$cluster" "$l2_reach" $((l1_reach - l2_reach)) "$l1_reach"
         $((l1_reach + l2_reach)) $((l1_reach + 2 * l2_reach)))
  second=($((cluster * 8)) $((l2_reach + cluster * 8)) $((l2_reach * 2))
          $((l1_reach + cluster * 8)) $((l1_reach + l2_reach * 2 - cluster * 8))
          "$size")
}

edges () { "$(program edges)" "$1" --step $((cluster * 2)) "${@:2}" ||
             fail "edges $*"; }

# Data at the start of tables before which there is none.
lone_edges ()
{
  local at=($((l2_reach * 5)) $((l2_reach * 9)))
  edges write --from --seed 4 "$(sock a)" "${at[@]}"
  edges verify --from --seed 4 "$(sock a)" "${at[@]}"
}

# grow_to OFFSET: what is allocated next lies just before it
grow_to ()
{
  local len=$(($1 - before_edge * cluster))
  [ "$len" -le "$(stat -c %s disk.qcow2)" ] || truncate -s "$len" disk.qcow2
}

check_block ()
{
  local at
  at=$(($(field 48) + 8))
  [ "$(field "$at")" -ne 0 ] || fail "no second refcount block: the test is blind"
}

our_turn ()
{
  start_server a disk.qcow2
  "$@"
  stop a
  check_clean disk.qcow2
}

first_turn ()
{
  edges write --seed 1 "$(sock a)" "${first[@]}"
  edges verify --seed 1 "$(sock a)" "${first[@]}"
}

qemu_turn ()
{
  start_qemu_nbd b disk.qcow2 --cache=unsafe
  edges verify --seed 1 "$(sock b)" "${first[@]}"
  edges write --seed 2 "$(sock b)" "${first[@]}"
  stop b
}

third_turn ()
{
  edges verify --seed 2 "$(sock a)" "${first[@]}"
  edges write --seed 3 "$(sock a)" "${second[@]}"
  edges verify --seed 3 "$(sock a)" "${second[@]}"
  lone_edges
}

one ()
{
  local before grows=
  geometry "$1" "$2"
  if [ "$block_reach" -gt "$max_file" ] && [ "${TMPDIR:-}" != /dev/shm ]; then
    TMPDIR=/dev/shm "$srcdir/test-geometry.sh" "$@"
    return
  fi
  edges_of
  cd "$tmp"
  qemu-img create -q -f qcow2 -o "cluster_size=$cluster,refcount_bits=$bits" \
           disk.qcow2 "$size"
  before=$(table)
  grow_to "$block_reach"
  our_turn first_turn
  check_block
  qemu_turn
  if [ $((table_reach >> 20)) -gt 0 ] && [ "$table_reach" -lt "$max_file" ] &&
     [ $((table_reach / cluster)) -le "$max_clusters" ]; then
    grow_to "$table_reach"
    grows=", table grown"
  fi
  our_turn third_turn
  [ -z "$grows" ] || [ "$before" != "$(table)" ] ||
    fail "the refcount table did not grow: the test is blind"
  echo "clusters of $cluster, refcounts of $bits bits, disk of $size$grows"
}

eval "plain_$(declare -f fail)"

if [ $# -gt 0 ]; then
  fail () { plain_fail "$*; replay: $0 ${cluster_bits:-} ${bits:-}"; }
  cluster_bits=$1
  one "$@"
  exit
fi

day=$(($(date +%s) / 86400 % 2))
for cluster_bits in {9..21}; do
  for order in {0..6}; do
    # Sizes below 64 KiB one day, the others the next; a width with each.
    [ -z "${BATON_TEST_LONG:-}" ] &&
      [ $((cluster_bits % 7)) -ne "$order" -o \
        $(((cluster_bits < 16) ^ day)) -ne 0 ] ||
      echo "$cluster_bits $((1 << order))"
  done
done >"$tmp/chosen"
status=0
export srcdir top_srcdir top_builddir
xargs -L 1 -P "$(nproc)" "$srcdir/test-geometry.sh" <"$tmp/chosen" \
      >"$tmp/results" || status=$?
echo "$(wc -l <"$tmp/results") of $(wc -l <"$tmp/chosen") geometries," \
     "the refcount table grown in $(grep -c grown "$tmp/results" || :)"
[ "$status" -eq 0 ] || plain_fail "replay commands are above"
