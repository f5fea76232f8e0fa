#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real guest with two disks is migrated, and the second one cannot be passed
# when the first one has been: both go back to the source, where the guest runs
# on; it sees no error, and no record is lost.  Then the migration succeeds.
#
# A server that is stopped (SIGSTOP) holds the pass in its middle.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-guest.sh"
. "$srcdir/functions-migrate.sh"

disks_of=(1 2)

# serve SIDE DISK STATE [PATH]
serve ()
{
  start_nbdkit "$1$2" "${4:-$tmp/$2.qcow2}" control="$(control "$1$2")" \
               start="$3"
}

# step_of IMAGE STEP: what came of it, "done" or "refused OtherImage"
step_of ()
{
  jq -r ".pass.images[$1].steps[] | select (.step == \"$2\") |
         [.outcome, .error.class // empty] | join (\" \")" \
     "$tmp/migrate.json" | tail -n 1
}

# The first one was at the destination.
both_are_back ()
{
  local disk
  went_back
  [ "$(step_of 0 "activate destination")" = "done" ] ||
    fail "$scenario: $(cat "$tmp/migrate.json")"
  for disk in "${disks_of[@]}"; do
    state_is "$here$disk" active || fail "$scenario: $here$disk is not active"
    ! state_is "$there$disk" active || fail "$scenario: $there$disk is active"
  done
}

second_server_dies ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$(pid_of "${there}2")"
  speed 10000000000
  wait_migration completed
  wait_state "${here}2" inactive
  wait_state "${there}1" active
  kill_server "${there}2"
  both_are_back
  serve "$there" 2 inactive "$tmp/there.qcow2"
}

# It finds another file at its path, which is no image of its own.
second_server_refuses ()
{
  begin 1000000
  wait_migration active
  qemu-img create -q -f qcow2 "$tmp/other.qcow2" 10M
  mv "$tmp/other.qcow2" "$tmp/there.qcow2"
  speed 10000000000
  both_are_back
  [ "$(step_of 1 "activate destination")" = "refused OtherImage" ] ||
    fail "$scenario: $(cat "$tmp/migrate.json")"
  ln -f "$tmp/2.qcow2" "$tmp/there.qcow2"
}

nothing_fails ()
{
  begin
  went_there
}

make_disk 1
make_disk 2
# A name of its own: what is put there is for the destination alone.
ln "$tmp/2.qcow2" "$tmp/there.qcow2"
serve a 1 active
serve a 2 active
serve b 1 inactive
serve b 2 inactive "$tmp/there.qcow2"
start_vm vma a1 a2
wait_records 50
scenarios=(second_server_dies second_server_refuses nothing_fails)
[ $# -eq 0 ] || scenarios=("$@")
for scenario in "${scenarios[@]}"; do
  "$scenario"
  echo "$scenario: $(records) records"
done
qmp "vm$here" stop >/dev/null
quit_vm "vm$here"
for server in a1 a2 b1 b2; do
  stop "$server"
done
verify_guest
