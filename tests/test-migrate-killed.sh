#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# `baton migrate` of a real guest is killed (SIGKILL) at its Nth message to a
# monitor or a server, by strace.  Wherever that was, the same command goes on,
# or finds that all is done; the guest sees no error, and no record is lost.
#
# BATON_KILLS: at how many of its messages, spread over all of them, at random
# (3; 40 with BATON_TEST_LONG=1).  BATON_KILL_AT: at these, as "17 23".

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-guest.sh"
. "$srcdir/functions-migrate.sh"
requires strace
strace -qq -o /dev/null true 2>/dev/null ||
  { echo "SKIP: strace may not trace here" >&2; exit 77; }

kills=${BATON_KILLS:-3}
[ "${BATON_TEST_LONG:-0}" = 0 ] || kills=${BATON_KILLS:-40}

# traced STRACE-OPTION...: `baton migrate` from here to there, where a QEMU waits;
# its status
traced ()
{
  start_vm "vm$there" "$there" -- -incoming "$(incoming "vm$there")"
  speed 10000000000
  # shellcheck disable=SC2046
  strace -f -qq -o "$tmp/trace" -e trace=sendto "$@" \
    "$baton" --json --timeout 20 migrate $(operands) >"$tmp/migrate.json" \
    2>"$tmp/migrate.err"
}

# Messages of its first thread, which does nearly all.
nr_messages ()
{
  awk 'NR == 1 { first = $1 } $1 == first && / sendto\(/ { n++ }
       END { print n + 0 }' "$tmp/trace"
}

# One that nobody has killed.
moved ()
{
  quit_vm "vm$here"
  wait_records 10
  swap
}

kill_at ()
{
  local status=0 result=done
  scenario="killed at message $1"
  traced -e "inject=sendto:signal=KILL:when=$1" 2>/dev/null || status=$?
  # There are a few more or less each time.
  if [ "$status" -eq 0 ]; then
    moved
    echo "$scenario: there were only $(nr_messages)"
    return
  fi
  [ "$status" -eq 137 ] ||
    fail "$scenario: status $status: $(cat "$tmp/migrate.err")"
  [ "$(vm_status "vm$there")" != running ] || result=already-done
  command
  arrived "$result"
  quit_vm "vm$there"
  echo "$scenario: $result, $(records) records"
}

make_disk d
start_nbdkit a "$tmp/d.qcow2" control="$(control a)"
start_nbdkit b "$tmp/d.qcow2" control="$(control b)" start=inactive
start_vm vma a
wait_records 50
scenario="not killed"
traced || fail "$scenario: $(cat "$tmp/migrate.err")"
moved
total=$(nr_messages)
at=(${BATON_KILL_AT:-})
if [ ${#at[@]} -eq 0 ]; then
  for ((i = 0; i < kills; i++)); do
    at+=($((1 + (i * total + RANDOM % total) / kills)))
  done
fi
echo "$total messages; killed at: ${at[*]}"
for n in "${at[@]}"; do
  kill_at "$n"
done
qmp "vm$here" stop >/dev/null
quit_vm "vm$here"
stop a
stop b
verify_guest
