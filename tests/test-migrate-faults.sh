#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real guest's migration fails, or is cut off, at every step.  Whatever
# happens, the guest goes on, at the source or, after the same command once
# more, at the destination; it sees no error, and no record is lost.
#
# A process that is stopped (SIGSTOP) holds a migration at the step that waits
# for it.  BATON_TEST_LONG=1: all of the cases below; else a few of them.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-guest.sh"
. "$srcdir/functions-migrate.sh"

# serve NAME STATE [POLICY]
serve ()
{
  start_nbdkit "$1" "$tmp/d.qcow2" control="$(control "$1")" start="$2" \
               while-inactive="${3:-reject}"
}

# -- the cases -----------------------------------------------------------------

# Meanwhile the monitor is somebody else's, which is said at once; afterwards
# the source's QEMU is as it was.
interrupted ()
{
  local start=$SECONDS
  begin 1000000
  wait_migration active
  # shellcheck disable=SC2046
  if baton migrate $(operands) 2>"$tmp/second"; then
    fail "$scenario: a second one works"
  fi
  grep -qF "is connected to this monitor" "$tmp/second" ||
    fail "$scenario: $(cat "$tmp/second")"
  [ $((SECONDS - start)) -lt 12 ] ||
    fail "$scenario: the second one waits for too long"
  kill -INT "$baton_pid"
  went_back
  qmp "vm$here" query-migrate-capabilities |
    jq -e 'all(.[]; .state == false)' >/dev/null ||
    fail "$scenario: capabilities stay set"
}

destination_qemu_killed ()
{
  begin 1000000
  wait_migration active
  kill_server "vm$there"
  went_back
}

# It is noticed while memory moves, which takes for ever here.
destination_server_killed ()
{
  begin 1000000
  wait_migration active
  kill_server "$there"
  went_back
  serve "$there" inactive
}

# While the images are on their way to it.
destination_qemu_killed_late ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$(pid_of "$there")"
  speed 10000000000
  wait_migration completed
  wait_state "$here" inactive
  kill_server "vm$there"
  kill -CONT "$(pid_of "$there")"
  went_back
}

# The guest's writes wait for the next server.
source_server_restarted ()
{
  begin 1000000
  wait_migration active
  kill_server "$here"
  serve "$here" active
  speed 10000000000
  went_there
}

# It has sent all, and its image is on its way: the destination has the only
# copy of the guest.
source_qemu_killed_late ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$(pid_of "$there")"
  speed 10000000000
  wait_migration completed
  wait_state "$here" inactive
  kill_server "vm$here"
  kill -CONT "$(pid_of "$there")"
  arrived
}

# For longer than a question has: it is waited for, and said so.
source_qemu_silent ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$(pid_of "vm$here")"
  nap 7
  kill -CONT "$(pid_of "vm$here")"
  speed 10000000000
  went_there
  grep -qF "$(qmp_of "vm$there"): the source's QEMU does not answer; if it" \
       "$tmp/migrate.err" || fail "$scenario: $(cat "$tmp/migrate.err")"
}

caller_killed_while_memory_moves ()
{
  begin 1000000
  wait_migration active
  kill_baton
  speed 10000000000
  wait_migration pre-switchover
  command
  went_there
}

caller_killed_and_cancelled ()
{
  begin 1000000
  wait_migration active
  kill_baton
  speed 10000000000
  wait_migration pre-switchover
  # shellcheck disable=SC2046
  baton migrate --cancel $(operands) >/dev/null ||
    fail "$scenario: --cancel"
  [ "$(vm_status "vm$here")" = running ] || fail "$scenario: vm$here"
  wait_for 10 gone "$(pid_of "vm$there")" || fail "$scenario: vm$there"
  wait_records 10
}

# Stopped for good, and nobody has asked for the images.
caller_killed_after_switchover ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$(pid_of "$here")"
  speed 10000000000
  nap 1
  kill_baton
  kill -CONT "$(pid_of "$here")"
  command
  went_there
}

caller_killed_while_nobody_has_the_image ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$(pid_of "$there")"
  speed 10000000000
  wait_migration completed
  wait_state "$here" inactive
  kill_baton
  kill -CONT "$(pid_of "$there")"
  command
  went_there
}

# The destination has all and the images too, and was not told to run.
caller_killed_before_the_destination_runs ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$(pid_of "$there")"
  speed 10000000000
  wait_migration completed
  wait_state "$here" inactive
  kill -STOP "$(pid_of "vm$there")"
  kill -CONT "$(pid_of "$there")"
  wait_state "$there" active
  kill_baton
  kill -CONT "$(pid_of "vm$there")"
  command
  went_there
}

# Without baton: the source is stopped for good, and has the image.
move_by_hand ()
{
  speed 10000000000
  qmp "vm$here" migrate-set-capabilities '{"capabilities": [
    {"capability": "pause-before-switchover", "state": true}]}' >/dev/null
  qmp "vm$here" migrate "{\"uri\": \"$(incoming "vm$there")\"}" >/dev/null
  wait_migration pre-switchover
  qmp "vm$here" migrate-continue '{"state": "pre-switchover"}' >/dev/null
  wait_migration completed
}

# Cancelled by another, when all is moved and the images are not.
cancelled_after_switchover ()
{
  start_vm "vm$there" "$there" -- -incoming "$(incoming "vm$there")"
  qmp "vm$there" stop >/dev/null
  move_by_hand
  # shellcheck disable=SC2046
  baton migrate --cancel $(operands) >/dev/null ||
    fail "$scenario: --cancel"
  [ "$(vm_status "vm$here")" = running ] || fail "$scenario: vm$here"
  wait_for 10 gone "$(pid_of "vm$there")" || fail "$scenario: vm$there"
  wait_records 10
}

# The destination runs, and its disk is not there yet: QEMU stops it, before
# the guest sees an error.
wrong_order_reject ()
{
  start_vm "vm$there" "$there" -- -incoming "$(incoming "vm$there")"
  move_by_hand
  nap 1
  [ "$(vm_status "vm$there")" = io-error ] ||
    fail "$scenario: $(vm_status "vm$there"), not io-error"
  baton pass "$(control "$here")" "$(control "$there")" >/dev/null
  qmp "vm$there" cont >/dev/null
  quit_vm "vm$here"
  wait_records 10
  swap
}

# ... it runs, and its disk keeps it waiting.
wrong_order_hold ()
{
  kill_server "$there"
  serve "$there" inactive hold
  start_vm "vm$there" "$there" -- -incoming "$(incoming "vm$there")"
  move_by_hand
  nap 1
  [ "$(vm_status "vm$there")" = running ] ||
    fail "$scenario: $(vm_status "vm$there"), not running"
  # shellcheck disable=SC2046
  baton migrate $(operands) >/dev/null || fail "$scenario: it is not mended"
  quit_vm "vm$here"
  wait_records 10
  swap
}

# -- the VM stays ----------------------------------------------------------------

# The server ends and another one, perhaps newer, takes its place.
server_upgraded ()
{
  baton inactivate --exit "$(control "$here")" >/dev/null
  wait_for 10 gone "$(pid_of "$here")" || fail "$scenario: $here does not end"
  serve "$here" active
  wait_records 10
}

# What QEMU connects to leads to another server: here a symbolic link, between
# hosts an address.
serving_host_moves ()
{
  baton inactivate --exit "$(control "$here")" >"$tmp/ticket"
  wait_for 10 gone "$(pid_of "$here")" || fail "$scenario: $here does not end"
  baton activate --ticket "$tmp/ticket" "$(control "$there")" >/dev/null
  ln -s "$(sock "$there")" "$(sock "$here")"
  wait_records 10
  baton inactivate --exit "$(control "$there")" >/dev/null
  wait_for 10 gone "$(pid_of "$there")" || fail "$scenario: $there does not end"
  rm "$(sock "$here")"
  serve "$here" active
  serve "$there" inactive
  wait_records 10
}

# -- all of them -----------------------------------------------------------------

scenarios=(interrupted destination_qemu_killed_late server_upgraded
           caller_killed_before_the_destination_runs)
[ "${BATON_TEST_LONG:-0}" = 0 ] ||
  scenarios=(interrupted destination_qemu_killed destination_server_killed
             destination_qemu_killed_late source_server_restarted
             source_qemu_killed_late source_qemu_silent
             caller_killed_while_memory_moves caller_killed_and_cancelled
             caller_killed_after_switchover
             caller_killed_while_nobody_has_the_image
             caller_killed_before_the_destination_runs
             cancelled_after_switchover wrong_order_reject
             wrong_order_hold server_upgraded serving_host_moves)
[ $# -eq 0 ] || scenarios=("$@")

make_disk d
serve a active
serve b inactive
start_vm vma a
wait_records 50
for scenario in "${scenarios[@]}"; do
  "$scenario"
  echo "$scenario: $(records) records"
done
qmp "vm$here" stop >/dev/null
quit_vm "vm$here"
stop a
stop b
verify_guest
