#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An image goes back and forth between two servers while writers never stop:
# every acknowledged record must be on it at the end.
#
#   hold    a writer per server; the one whose server is inactive waits in
#           silence and must never see an error
#   reject  one writer that goes to the other server when it is refused
#
# BATON_PASSES: how often for each policy (default 24, BATON_TEST_LONG=1: 100).

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit

passes=${BATON_PASSES:-${BATON_TEST_LONG:+100}}
passes=${passes:-24}

start_pair ()
{
  qemu-img create -q -f qcow2 "$tmp/$1.qcow2" 64M
  start_nbdkit a "$tmp/$1.qcow2" control="$(control a)" while-inactive="$1"
  start_nbdkit b "$tmp/$1.qcow2" control="$(control b)" while-inactive="$1" \
               start=inactive
}

pass_repeatedly ()
{
  local i
  for ((i = 1; i <= passes; i += 2)); do
    baton pass "$(control a)" "$(control b)" >/dev/null ||
      fail "pass $i to b was refused"
    baton pass "$(control b)" "$(control a)" >/dev/null ||
      fail "pass $((i + 1)) to a was refused"
  done
}

start_writer ()
{
  local name=$1
  shift
  "$(program writer)" --journal "$tmp/$name.journal" "$@" \
    >"$tmp/$name.out" 2>&1 &
  printf -v "${name}_pid" %s $!
  pids+=($!)
}

end_writer ()
{
  local pid_name=${1}_pid
  kill -TERM "${!pid_name}"
  wait "${!pid_name}" || fail "$1: $(cat "$tmp/$1.out")"
  cat "$tmp/$1.out"
}

verify ()
{
  start_qemu_nbd q "$tmp/$1.qcow2" --read-only
  shift
  while [ $# -gt 0 ]; do
    "$(program writer)" --journal "$tmp/$1.journal" --first "$2" --verify \
      "$(sock q)" || fail "acknowledged records of $1 are lost"
    shift 2
  done
  stop q
}

start_pair hold
start_writer w1 "$(sock a)"
start_writer w2 --first 2000 "$(sock b)"
pass_repeatedly
end_writer w1
baton pass "$(control a)" "$(control b)" >/dev/null
end_writer w2
stop a
stop b
check_clean "$tmp/hold.qcow2"
verify hold w1 0 w2 2000

start_pair reject
start_writer w3 "$(sock a)" "$(sock b)"
pass_repeatedly
end_writer w3
switches=$(sed 's/.* \([0-9]*\) switches.*/\1/' "$tmp/w3.out")
[ "$switches" -ge $((passes / 2)) ] ||
  fail "only $switches switches in $passes passes: the test is blind"
stop a
stop b
check_clean "$tmp/reject.qcow2"
verify reject w3 0
