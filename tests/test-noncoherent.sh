#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two mounts of one directory whose page caches know nothing of each other
# (tests/stale-fuse.c): what the destination has cached is old, tables and
# guest data alike.  It is dropped, or the image is refused; it is never
# served after the activation.  And it is noticed when a QEMU tool writes to
# the image between the two.  BATON_TEST_LONG=1: in more ways.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdkit jq cmp

[ -x "$(program stale-fuse)" ] ||
  { echo "SKIP: built without libfuse3" >&2; exit 77; }
[ -w /dev/fuse ] || { echo "SKIP: no /dev/fuse" >&2; exit 77; }

is_mounted () { grep -qF " $1 " /proc/self/mounts; }

# mount_at DIR [OPTION...]
mount_at ()
{
  local at=$tmp/$1 pid
  shift
  mkdir -p "$at"
  "$(program stale-fuse)" "$@" "$tmp/shared" "$at" >>"$tmp/fuse.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  wait_for 5 is_mounted "$at" && return
  gone "$pid" && { echo "SKIP: cannot mount: $(cat "$tmp/fuse.log")" >&2; exit 77; }
  fail "$at is not mounted"
}

unmount_at ()
{
  umount "$tmp/$1" 2>/dev/null || fusermount3 -u "$tmp/$1" 2>/dev/null || :
}

# mounts [OPTION...]
mounts ()
{
  unmount_at a
  unmount_at b
  mount_at a "$@"
  mount_at b "$@"
}

# Before the directory is removed.
end () { local status=$?; stop_all; (exit $status); cleanup; }
stop_all ()
{
  local pid
  for pid in $(jobs -pr) "${pids[@]}"; do
    grep -qE 'nbdkit|mmap' "/proc/$pid/cmdline" 2>/dev/null && kill -KILL "$pid"
  done
  nap 0.2
  unmount_at a
  unmount_at b
}
trap end EXIT

server ()
{
  local name=$1
  shift
  start_nbdkit "$name" "$tmp/$name/$disk" control="$(control "$name")" \
               host="host-$name" ${data_file:+data-file="$tmp/$name/$data_file"} "$@"
}

# put NAME BYTE [OFFSET LENGTH]...
put ()
{
  local name=$1 byte=$2 commands=()
  shift 2
  while [ $# -gt 0 ]; do
    commands+=(-c "write -q -P $byte $1 $2")
    shift 2
  done
  qemu-io -f raw "${commands[@]}" -c flush "$(uri "$name")" >>"$tmp/io.log" ||
    fail "cannot write by $name"
}
# has NAME BYTE [OFFSET LENGTH]...
has ()
{
  local name=$1 byte=$2 commands=()
  shift 2
  while [ $# -gt 0 ]; do
    commands+=(-c "read -q -P $byte $1 $2")
    shift 2
  done
  qemu-io -r -f raw "${commands[@]}" "$(uri "$name")" >"$tmp/io.out" 2>&1 &&
    [ ! -s "$tmp/io.out" ] ||
    fail "$name serves something else than $byte, is its cache stale? $(cat "$tmp/io.out")"
}

# All of the file into the cache of mount b.
warm ()
{
  cat "$tmp/b/$disk" ${data_file:+"$tmp/b/$data_file"} >/dev/null
}
# The test is blind where that cache is not stale.
is_stale ()
{
  ! cmp -s "$tmp/b/$1" "$tmp/shared/$1" ||
    fail "the cache of b is not stale: this test sees nothing"
}

refused ()
{
  local class=$1
  shift
  if baton "$@" >"$tmp/out" 2>"$tmp/err"; then
    fail "baton $*: not refused"
  fi
  grep -qF "($class)" "$tmp/err" || fail "baton $*: no $class: $(cat "$tmp/err")"
}

state_of () { baton --json status "$(control "$1")" | jq -r .state; }

# start_pair IMAGE-OPTIONS [PARAM...]: with old data, cached by b
start_pair ()
{
  local options=$1
  shift
  # The mounts remember what was behind a name.
  nr=$((nr + 1))
  disk=disk$nr.qcow2
  qemu-img create -q -f qcow2 ${options:+-o "$options"} "$tmp/shared/$disk" 64M
  server a "$@"
  put a 79 0 64k 8M 64k
  server b start=inactive "$@"
  warm
}

# Cached tables and data are old; new ones are allocated, and data is
# written over in place.
change ()
{
  put a 78 0 64k 1M 64k 16M 4M  # the file grows
}
changed_on ()
{
  has "$1" 78 0 64k 1M 64k 16M 4M
  has "$1" 79 8M 64k
}

# -- dropped -------------------------------------------------------------------

dropped ()
{
  start_pair "$@"
  change
  is_stale "${stale_file:-$disk}"
  baton pass "$(control a)" "$(control b)" >"$tmp/out" 2>&1 ||
    fail "not passed: $(cat "$tmp/out")"
  changed_on b
  put b 77 0 64k 2M 64k
  baton pass "$(control b)" "$(control a)" >"$tmp/out" 2>&1 ||
    fail "not passed back: $(cat "$tmp/out")"
  has a 77 0 64k 2M 64k
  has a 78 1M 64k
  stop a
  stop b
  check_clean "$tmp/shared/$disk"
}

# -- refused --------------------------------------------------------------------

# pin FILE OFFSET LENGTH: pages of mount b that cannot be dropped
pin ()
{
  /usr/bin/python3 -c "
import mmap, os, sys, time
f = open('$tmp/b/$1', 'rb')
m = mmap.mmap(f.fileno(), $3, mmap.MAP_SHARED, mmap.PROT_READ, offset=$2)
sum(m[i] for i in range(0, $3, 4096))
open('$tmp/pinned', 'w').close()
time.sleep(60)" >>"$tmp/pin.log" 2>&1 &
  pin_pid=$!
  pids+=("$pin_pid")
  wait_for 10 test -e "$tmp/pinned" || fail "nothing is pinned"
  rm "$tmp/pinned"
}

unpin ()
{
  kill "$pin_pid"
  wait "$pin_pid" 2>/dev/null || :
}

# Where the guest's offset 0 is in the file.
host_offset ()
{
  qemu-img map -U --output=json "$tmp/shared/$disk" | jq '.[0].offset'
}

undroppable ()
{
  change
  is_stale "${stale_file:-$disk}"
  refused StaleView pass "$(control a)" "$(control b)"
  cp "$tmp/err" "$tmp/refused"
  [ "$(state_of a) $(state_of b)" = "active inactive" ] ||
    fail "not rolled back: a $(state_of a), b $(state_of b)"
  unpin
  baton pass "$(control a)" "$(control b)" >"$tmp/out" 2>&1 ||
    fail "not passed when it could be dropped: $(cat "$tmp/out")"
  changed_on b
  stop a
  stop b
  check_clean "$tmp/shared/$disk"
}

header_pinned () { start_pair ''; pin "$disk" 0 4096; undroppable; }

# Digests say nothing of the guest's data.
data_pinned ()
{
  start_pair ''
  pin "$disk" "$(host_offset)" 4096
  undroppable
  grep -q "cached data of it that ${1:-are not what} the storage has, and cannot" \
       "$tmp/b.log" "$tmp/refused" || fail "$(cat "$tmp/b.log" "$tmp/refused")"
}

# older WORDS COMMAND...: with servers whose kernel lacks that
older ()
{
  local words=$1 word
  shift
  [ "${BATON_SANITIZER:-no}" = no ] || return 0
  : >"$tmp/b.log"
  BATON_WRAPPER="env STAND_IN=$words LD_PRELOAD=$(program storage-stand-in.so)" \
    "$@"
  for word in ${words//,/ }; do
    [ "$word" = no-cachestat ] && ! has_cachestat ||
      grep -q "stand-in: $word" "$tmp/b.log" || fail "$word has not come about"
  done
}

# Linux 6.5
has_cachestat ()
{
  python 'import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(451, -1, 0, 0, 0)
sys.exit(ctypes.get_errno() == errno.ENOSYS)'
}

data_file_pinned ()
{
  local data_file=data2 stale_file=data2
  start_pair data_file="$tmp/shared/data2"
  pin data2 0 4096
  undroppable
}

# -- locks that do not reach the other host -------------------------------------

# The record keeps the two apart.
locks_apart ()
{
  start_pair ''
  refused HeldElsewhere activate "$(control b)"
  change
  baton pass "$(control a)" "$(control b)" >"$tmp/out" 2>&1 ||
    fail "not passed: $(cat "$tmp/out")"
  changed_on b
  refused Overtaken activate "$(control a)"
  stop a
  stop b
  check_clean "$tmp/shared/$disk"
}

# -- somebody writes ---------------------------------------------------------------

changed ()
{
  start_pair ''
  baton inactivate "$(control a)" >"$tmp/ticket"
  qemu-io -f qcow2 -c 'write -P 0x51 0 64k' "$tmp/shared/$disk" >"$tmp/out"
  is_stale "$disk"
  refused ChangedSinceRelease activate --ticket "$tmp/ticket" "$(control b)"
  baton activate "$(control b)" >"$tmp/out"
  grep -q 'another program' "$tmp/out" || fail "not told: $(cat "$tmp/out")"
  has b 0x51 0 64k
  stop b
  stop a
}

data_file=
nr=0
mkdir "$tmp/shared"
mounts
dropped ''
data_file=data1 stale_file=data1 dropped data_file="$tmp/shared/data1"
data_pinned
data_file_pinned
# What mincore tells is as good; and where nothing is told, all is compared.
older no-cachestat data_pinned
older no-cachestat,no-mincore data_pinned
older no-direct data_pinned 'cannot be compared with what'
changed
if [ -n "${BATON_TEST_LONG:-}" ]; then
  header_pinned
  dropped cluster_size=4k
  dropped extended_l2=on
  dropped '' cache=none
  older no-cachestat dropped ''
  older no-cachestat,no-mincore dropped ''
  mounts --stale-attributes
  dropped ''
fi
mounts --local-locks
locks_apart
