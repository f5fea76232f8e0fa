#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real guest is migrated back and forth between two QEMUs, each with servers
# of its own, while it writes and reads what it has written.  It must see no
# error; no record may be lost, be there twice, or be old.
#
# It has two disks: the servers of one have while-inactive=reject, those of the
# other hold.  For that the geometry is given: or a QEMU that waits would
# read the disk, and be kept waiting.
#
# BATON_MIGRATIONS: how often (default 2; 20 with BATON_TEST_LONG=1).

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-guest.sh"
requires jq

migrations=${BATON_MIGRATIONS:-2}
[ "${BATON_TEST_LONG:-0}" = 0 ] || migrations=${BATON_MIGRATIONS:-20}

start_servers ()
{
  local name
  for name in reject hold; do
    make_disk "$name"
    start_nbdkit "a$name" "$tmp/$name.qcow2" control="$(control "a$name")" \
                 while-inactive="$name"
    start_nbdkit "b$name" "$tmp/$name.qcow2" control="$(control "b$name")" \
                 while-inactive="$name" start=inactive
  done
}

# await TO: a QEMU to which it can be migrated
await ()
{
  start_vm "vm$1" "${1}reject" "${1}hold" -- -incoming "$(incoming "vm$1")"
}

# migrate FROM TO: the VM goes on at TO, whose QEMU waits for it
migrate ()
{
  local from=$1 to=$2
  baton --json migrate "$(qmp_of "vm$from")" "$(qmp_of "vm$to")" \
        "$(control "${from}reject")" "$(control "${to}reject")" \
        "$(control "${from}hold")" "$(control "${to}hold")" \
        >"$tmp/migrate.json" ||
    fail "migration to $to: $(cat "$tmp/migrate.json")"
  jq -e '.result == "done" and .vm == "dst" and .images == "dst" and
         .["pause-us"] > 0 and .warnings == []' "$tmp/migrate.json" >/dev/null ||
    fail "migration to $to: $(cat "$tmp/migrate.json")"
  [ "$(vm_status "vm$from")" = postmigrate ] || fail "vm$from is not stopped"
  # Asked to quit it would flush, and its server keeps that waiting.
  kill_server "vm$from"
  wait_records 20
}

# One of its two disks is left out: nothing is begun.
leave_one_out ()
{
  if baton migrate "$(qmp_of vma)" "$(qmp_of vmb)" \
       "$(control areject)" "$(control breject)" 2>"$tmp/out"; then
    fail "it was migrated with one of its disks"
  fi
  grep -qF "no pair is of: ahold ($tmp/ahold.sock)" "$tmp/out" ||
    fail "$(cat "$tmp/out")"
  [ "$(vm_status vma)" = running ] || fail "vma does not run"
}

# A pair too many, of another VM's image, which that one would lose.
give_one_too_many ()
{
  qemu-img create -q -f qcow2 "$tmp/other.qcow2" 1M
  start_nbdkit aother "$tmp/other.qcow2" control="$(control aother)"
  start_nbdkit bother "$tmp/other.qcow2" control="$(control bother)" \
               start=inactive
  if baton migrate "$(qmp_of vma)" "$(qmp_of vmb)" \
       "$(control areject)" "$(control breject)" \
       "$(control aother)" "$(control bother)" \
       "$(control ahold)" "$(control bhold)" 2>"$tmp/out"; then
    fail "it was migrated with an image that is not its own"
  fi
  grep -qF "its VM has no NBD disk that can be of $(control aother), so" \
       "$tmp/out" || fail "$(cat "$tmp/out")"
  [ "$(baton --json status "$(control aother)" | jq -r .state)" = active ] ||
    fail "the other image was taken away"
  stop aother
  stop bother
}

disk_options=,cyls=16,heads=16,secs=63
start_servers
start_vm vma areject ahold
wait_records 50
await b
leave_one_out
give_one_too_many
for ((i = 0; i < migrations; i += 2)); do
  [ "$i" -eq 0 ] || await b
  migrate a b
  await a
  migrate b a
done
qmp vma stop >/dev/null
quit_vm vma
for name in areject ahold breject bhold; do
  stop "$name"
done
verify_guest
