#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Hand-overs between real servers, each with a fault: a control message lost,
# cut off, repeated or late; a server, both, or the caller killed or stopped
# at any message; an I/O that fails.  After each the operator's obvious
# command brings the image where it was to go (tests/faults-operator.c), and
# at the end QEMU must find every byte that was acknowledged, and no error.
#
# The plan of the rounds is fixed; what the daily form runs of it moves on
# with the date.  BATON_TEST_LONG=1: all of it, 2,016 hand-overs.  By itself:
#   BATON_FAULTS="FIRST ROUNDS [KIND]"   those rounds (one image)
#   BATON_FAULTS_SEED=N                  with those delays

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit

seed=${BATON_FAULTS_SEED:-$RANDOM}

# batch FIRST ROUNDS [KIND]: of the plan, with an image of its own
batch ()
{
  local dir=$tmp/$1 replay="BATON_FAULTS=\"$*\" BATON_FAULTS_SEED=$seed ${0##*/}"
  mkdir "$dir"
  qemu-img create -q -f qcow2 "$dir/disk.qcow2" 64M
  "$(program faults)" --dir "$dir" --image "$dir/disk.qcow2" \
    --plugin "$plugin" --baton "$baton" --writer "$(program writer)" \
    --faulty-io "$(program faulty-io.so)" --seed "$seed" \
    --first "$1" --rounds "$2" ${3:+--kind "$3"} \
    >"$dir/out" 2>"$dir/rounds" || {
      tail -n 3 "$dir/rounds" >&2
      tail -n 8 "$dir"/*.log "$dir"/baton.err >&2
      fail "again with: $replay"
    }
  # What was reserved when a server was killed leaks, and nothing else.
  check_leaks_only "$dir/disk.qcow2" || fail "again with: $replay"
  start_qemu_nbd "q$1" "$dir/disk.qcow2" --read-only
  "$(program writer)" --journal "$dir/journal" --verify "$(sock "q$1")" \
    >>"$dir/out" 2>&1 || {
      tail -n 20 "$dir/out" >&2
      fail "acknowledged records are lost; again with: $replay"
    }
  stop "q$1"
}

if [ -n "${BATON_FAULTS:-}" ]; then
  # shellcheck disable=SC2086
  batch $BATON_FAULTS
elif [ -n "${BATON_TEST_LONG:-}" ]; then
  # Most of the time is spent in waiting for deadlines, so three at a time.
  for ((first = 0; first < 2016; first += 336)); do
    batch "$first" 112 &
    one=$!
    batch "$((first + 112))" 112 &
    two=$!
    batch "$((first + 224))" 112
    wait "$one" || fail "see above"
    wait "$two" || fail "see above"
  done
else
  batch $((10#$(date +%j) * 36 % 2016)) 36
fi
cat "$tmp"/*/out
