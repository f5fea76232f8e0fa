#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The ownership record and the ticket, between real servers, QEMU's tools and
# baton: who may take an image over, and what everybody is told.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdsh nbdkit jq

disk=$tmp/disk.qcow2

# server NAME [PARAM...]: one that may be handed the image
server ()
{
  local name=$1
  shift
  start_nbdkit "$name" "$disk" control="$(control "$name")" \
               host="host-$name" "$@"
}

start_pair ()
{
  server a
  server b start=inactive
}

# refused CLASS ARG...: baton fails, and says so
refused ()
{
  local class=$1
  shift
  if baton "$@" >"$tmp/out" 2>"$tmp/err"; then
    fail "baton $*: not refused: $(cat "$tmp/out")"
  fi
  grep -qF "($class)" "$tmp/err" || fail "baton $*: no $class: $(cat "$tmp/err")"
}

ownership () { baton --json status "$(control "$1")" | jq -r ".ownership$2"; }

# is NAME PATH VALUE
is ()
{
  [ "$(ownership "$1" "$2")" = "$3" ] ||
    fail "$1: $2 is $(ownership "$1" "$2") and not $3"
}

put () { nbdsh -u "$(uri "$1")" -c "h.pwrite(b'$2' * 512, $3)" -c 'h.flush()'; }
has ()
{
  nbdsh -u "$(uri "$1")" -c "assert h.pread(512, $3) == b'$2' * 512" ||
    fail "$1 does not have $2 at $3"
}

there_and_back ()
{
  qemu-img create -q -f qcow2 "$disk" 64M
  start_pair
  put a A 0
  baton inactivate "$(control a)" >"$tmp/ticket"
  baton inactivate "$(control a)" | tail -n 1 >"$tmp/again"
  tail -n 1 "$tmp/ticket" | cmp - "$tmp/again" || fail "another ticket"
  is a .record released
  baton activate --ticket "$tmp/ticket" "$(control b)"
  baton activate --ticket - "$(control b)" <"$tmp/again" >"$tmp/out"
  is b '["taken-over-by"]' ticket
  is b .owner host-b
  is b .epoch 2
  has b A 0
  put b B 65536
  refused LockHeld activate "$(control a)"
  baton --json inactivate "$(control b)" >"$tmp/ticket2"
  # The former source, for ever; but not with the ticket of its successor.
  refused Overtaken activate "$(control a)"
  refused Overtaken activate --ticket "$tmp/ticket" "$(control a)"
  baton invalidate "$(control a)"
  refused Overtaken activate "$(control a)"
  if baton activate --ticket /dev/null "$(control a)" 2>"$tmp/err"; then
    fail "no ticket was a ticket"
  fi
  grep -q '/dev/null: there is no ticket in it' "$tmp/err" || fail "not told"
  echo '{"baton-ticket": 2}' >"$tmp/newer"
  refused BadTicket activate --ticket "$tmp/newer" "$(control a)"
  baton activate --ticket "$tmp/ticket2" "$(control a)"
  is a .epoch 3
  has a B 65536
}

# pass takes the ticket along.
pass ()
{
  baton --json pass "$(control a)" "$(control b)" >"$tmp/out"
  is b '["taken-over-by"]' ticket
  is b .epoch 4
  has b A 0
  stop b
  stop a
  check_clean "$disk"
}

# A process ends without a word: its host may go on, another may not.
killed ()
{
  server a
  put a C 0
  kill_server a
  server b start=inactive
  refused HeldElsewhere activate "$(control b)"
  grep -q 'host-a' "$tmp/err" || fail "not told who has it: $(cat "$tmp/err")"
  if nbdkit -U "$(sock plain)" "$plugin" "$disk" host=host-b --run true \
            2>"$tmp/err"; then
    fail "a plain server took it"
  fi
  server a
  is a .recovery true
  grep -q 'ended without releasing it' "$tmp/a.log" || fail "not in the log"
  has a C 0
  kill_server a
  baton activate --force "$(control b)" >"$tmp/out"
  grep -q 'HeldElsewhere' "$tmp/out" || fail "not told what was overridden"
  grep -q 'taken over by force: the refusal HeldElsewhere was overridden' \
       "$tmp/b.log" || fail "not in the log"
  is b .overridden HeldElsewhere
  has b C 0
  stop b
}

# changed COMMAND...: of QEMU's tools, with nobody active
changed ()
{
  local epoch
  server a
  put a D 0
  server b start=inactive
  baton inactivate "$(control a)" >"$tmp/ticket"
  epoch=$(ownership a .epoch)
  "$@" >/dev/null
  check_clean "$disk"
  refused ChangedSinceRelease activate --ticket "$tmp/ticket" "$(control b)"
  baton activate "$(control b)" >"$tmp/out"
  grep -q 'another program' "$tmp/out" || fail "$*: not told"
  grep -q 'note: .*another program has had the image open for writing since' \
       "$tmp/b.log" || fail "$*: not in the log"
  is b .epoch $((epoch + 1))
  has b D 0
  stop b
  stop a
  check_clean "$disk"
}

tools ()
{
  changed qemu-io -f qcow2 -c 'write 1M 64k' "$disk"
  changed qemu-img snapshot -c s "$disk"
  changed qemu-img amend -f qcow2 -o lazy_refcounts=on "$disk"
  changed qemu-img resize -q "$disk" 128M
}

# As QEMU rewrites the header it moves the record behind longer extensions.
moved ()
{
  local n
  for n in 1 60 200; do
    qemu-img create -q -f raw "$tmp/base" 16M
    qemu-img create -q -f qcow2 -F raw -b base "$disk"
    server a
    put a E 0
    stop a
    ln -f "$tmp/base" "$tmp/$(printf "%0${n}d" 0)"
    qemu-img rebase -u -F raw -b "$(printf "%0${n}d" 0)" "$disk"
    server a
    is a .epoch 2
    has a E 0
    stop a
    check_clean "$disk"
    [ "$(qemu-img info --output=json "$disk" | jq -r '."backing-filename"')" = \
      "$(printf "%0${n}d" 0)" ] || fail "the backing name was lost"
  done
}

backing ()
{
  qemu-img create -q -f raw "$tmp/base" 16M
  qemu-img create -q -f qcow2 -F raw -b base "$disk"
  start_pair
  baton inactivate "$(control a)" >"$tmp/ticket"
  printf x | dd of="$tmp/base" conv=notrunc status=none
  refused BackingChanged activate --ticket "$tmp/ticket" "$(control b)"
  printf '\0' | dd of="$tmp/base" conv=notrunc status=none
  baton activate --ticket "$tmp/ticket" "$(control b)"
  stop b
  stop a
}

# What is known of the storage is told, and where it protects little.
storage ()
{
  qemu-img create -q -f qcow2 "$disk" 64M
  server s
  baton --json status "$(control s)" >"$tmp/out"
  jq -e '.storage | .kind and .locks == "yes" and .warning == null' \
     "$tmp/out" >/dev/null || fail "storage: $(cat "$tmp/out")"
  baton status "$(control s)" | grep -q '^storage ' || fail "not in the text"
  stop s
  server s locking=off
  baton status "$(control s)" | grep -q \
    '^WARNING .*locking=off: only the ownership record keeps two servers' ||
    fail "locking=off without a warning"
  stop s
}

# Without control= nothing is written but what must be; with it, it is said
# where there is no room.
costs_nothing ()
{
  local name
  qemu-img create -q -f qcow2 "$disk" 64M
  cp "$disk" "$tmp/copy"
  start_nbdkit p "$disk"
  nbdsh -u "$(uri p)" -c 'h.pread(512, 0)'
  stop p
  cmp "$disk" "$tmp/copy" || fail "a plain server wrote to the image"
  name=$(printf '%0240d' 0)
  qemu-img create -q -f qcow2 -o cluster_size=512 -u -F raw -b "$name" "$disk" 1M
  cp "$disk" "$tmp/copy"
  qemu-img create -q -f raw "$tmp/$name" 1M
  server n start=inactive
  refused NoRoom activate "$(control n)"
  cmp "$disk" "$tmp/copy" || fail "something was written"
  stop n
}

# A pass that was cut off between its two steps is finished by another; but
# not where somebody had the image in between.
cut_off ()
{
  qemu-img create -q -f qcow2 "$disk" 64M
  start_pair
  put a A 0
  baton inactivate "$(control a)" >/dev/null
  baton pass "$(control a)" "$(control b)" >"$tmp/out" 2>&1 ||
    fail "a pass that was cut off: $(cat "$tmp/out")"
  is b '["taken-over-by"]' ticket
  has b A 0
  baton inactivate "$(control b)" >/dev/null
  refused Overtaken pass "$(control a)" "$(control b)"
  baton pass "$(control b)" "$(control a)" >"$tmp/out" 2>&1 ||
    fail "and back: $(cat "$tmp/out")"
  has a A 0
  stop a
  stop b
  check_clean "$disk"
}

there_and_back
pass
killed
tools
moved
backing
storage
cut_off
costs_nothing
