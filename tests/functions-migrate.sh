# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# `baton migrate` of a real guest, to be disturbed on its way: what the tests
# of its faults share.  Sourced after functions-guest.sh.
#
#   here, there             names of the two sides: their QEMUs are vm$here
#                           and vm$there, their servers $here and $there ...
#   disks_of                ... with each of these behind it
#   operands                of `baton migrate`, from here to there
#   begin [BYTES-PER-SECOND]  a destination, and `baton migrate` in the
#                           background; command: without a destination
#   speed BYTES-PER-SECOND  of memory
#   wait_migration STATUS   until the source's QEMU says so
#   wait_state SERVER STATE until it is active, or inactive
#   kill_baton              SIGKILL
#   came_to RESULT VM IMAGES EXIT-CODE    what the command in the background
#                           said
#   went_back, went_there   it did that, and the guest goes on; arrived: the
#                           source's QEMU had gone before; swap: here becomes
#                           there
#   pid_of NAME             of a server or a QEMU

requires jq

here=a there=b
disks_of=("")
nbd_options=,reconnect-delay=60
disk_options=,rerror=stop,werror=stop,cyls=16,heads=16,secs=63

pid_of () { local name=${1}_pid; echo "${!name}"; }

swap () { local other=$here; here=$there there=$other; }

operands ()
{
  local disk
  echo "$(qmp_of "vm$here")" "$(qmp_of "vm$there")"
  for disk in "${disks_of[@]}"; do
    echo "$(control "$here$disk")" "$(control "$there$disk")"
  done
}

begin ()
{
  start_vm "vm$there" "${disks_of[@]/#/$there}" -- -incoming "$(incoming "vm$there")"
  speed "${1:-10000000000}"
  command
}

command ()
{
  # shellcheck disable=SC2046
  "$baton" --json --timeout 20 migrate $(operands) >"$tmp/migrate.json" \
    2>"$tmp/migrate.err" &
  baton_pid=$!
  pids+=("$baton_pid")
}

speed ()
{
  qmp "vm$here" migrate-set-parameters "{\"max-bandwidth\": $1}" >/dev/null
}

# Asking is a process or two: not fifty times a second.
wait_for_word ()
{
  local tries=$(($1 * 4))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    nap 0.25
  done
}

migration () { qmp "vm$here" query-migrate | jq -r .status; }
migration_is () { [ "$(migration)" = "$1" ]; }
wait_migration ()
{
  wait_for_word 20 migration_is "$1" ||
    fail "$scenario: the migration is not $1, but $(migration)"
}
state_is ()
{
  [ "$(baton --json status "$(control "$1")" 2>/dev/null | jq -r .state)" = "$2" ]
}
wait_state ()
{
  wait_for_word 10 state_is "$1" "$2" ||
    fail "$scenario: $1 is not $2: $(cat "$tmp/migrate.json" "$tmp/migrate.err")"
}

kill_baton ()
{
  kill -KILL "$baton_pid"
  wait "$baton_pid" 2>/dev/null || :
  forget "$baton_pid"
}

came_to ()
{
  local status=0 found
  wait "$baton_pid" || status=$?
  forget "$baton_pid"
  found=$(jq -r '"\(.result) \(.vm) \(.images)"' "$tmp/migrate.json")
  [ "$found" = "$1 $2 $3" ] && [ "$status" -eq "$4" ] ||
    fail "$scenario: \"$found\" with $status, not \"$1 $2 $3\" with $4:" \
         "$(cat "$tmp/migrate.err")"
}

# The guest runs on here, and the destination's QEMU is gone.
went_back ()
{
  came_to rolled-back src src 1
  [ "$(vm_status "vm$here")" = running ] || fail "$scenario: vm$here"
  # Where it waits for its disk to end, there is nothing to be waited for.
  wait_for 2 gone "$(pid_of "vm$there")" || kill_server "vm$there"
  wait_records 10
}

# ... runs on there, and the source's has gone.
arrived ()
{
  came_to "${1:-done}" dst dst 0
  [ "$(vm_status "vm$there")" = running ] || fail "$scenario: vm$there"
  wait_records 10
  swap
}

went_there ()
{
  arrived
  quit_vm "vm$there"
}
