#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The source's QEMU is killed, and the guest's memory is lost with it: while
# memory moves, and when the guest is stopped at pre-switchover.  Its image
# stays with the source's server alone, with all that the guest was told is
# written; and what to do is said.
#
# For this each case has a guest and a disk of its own.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-guest.sh"
. "$srcdir/functions-migrate.sh"

# A guest whose disk nobody else has had.
start_guest ()
{
  disks=()
  make_disk "$scenario"
  start_nbdkit a "$tmp/$scenario.qcow2" control="$(control a)"
  start_nbdkit b "$tmp/$scenario.qcow2" control="$(control b)" start=inactive
  # The last one's line may have been cut.
  echo >"$tmp/console"
  nap 0.2
  : >"$tmp/guest.out"
  start_vm vma a
  wait_records 30
}

while_memory_moves ()
{
  begin 1000000
  wait_migration active
  kill_server vma
}

# baton is stopped (SIGSTOP), or it would go on at once.
at_pre_switchover ()
{
  begin 1000000
  wait_migration active
  kill -STOP "$baton_pid"
  speed 10000000000
  wait_migration pre-switchover
  kill_server vma
  kill -CONT "$baton_pid"
}

says ()
{
  grep -qF "$1" "$tmp/migrate.err" ||
    fail "$scenario: \"$1\" is not in: $(cat "$tmp/migrate.err")"
}

# Neither waits for ever nor runs what it has got.
lost ()
{
  came_to failed none src 1
  says "$(qmp_of vma): the source's QEMU has ended, and its VM with it"
  says "its image is with the source's server"
  says "the guest is lost with its memory; its images are not: start it anew"
  wait_for 10 gone "$(pid_of vmb)" || fail "$scenario: vmb does not end"
  state_is a active || fail "$scenario: a is not active"
  state_is b inactive || fail "$scenario: b is not inactive"
}

for scenario in while_memory_moves at_pre_switchover; do
  start_guest
  "$scenario"
  lost
  stop a
  stop b
  verify_guest
done
