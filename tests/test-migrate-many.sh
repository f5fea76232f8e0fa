#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real guest with six disks, each with an image and servers of its own, is
# migrated there and back by one command each: all images go along, the guest
# sees no error, and no record is lost.  The way there is watched on a terminal.
#
# BATON_DISKS: how many (6; at most 26, the guest's /dev/vda to vdz).

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-guest.sh"
. "$srcdir/functions-migrate.sh"

nr_disks=${BATON_DISKS:-6}
guest_workers=1
disks_of=()
for ((i = 1; i <= nr_disks; i++)); do
  disks_of+=("$i")
  make_disk "$i"
  start_nbdkit "a$i" "$tmp/$i.qcow2" control="$(control "a$i")"
  start_nbdkit "b$i" "$tmp/$i.qcow2" control="$(control "b$i")" start=inactive
done

# Each image has gone, or none has.
all_are_at ()
{
  local nr servers=("${disks_of[@]/#/$tmp/$1}")
  nr=$(baton --json status "${servers[@]/%/.control}" |
    jq -r 'select (.state == "active") | .state' | wc -l)
  [ "$nr" -eq "$nr_disks" ] || fail "$scenario: $1 has $nr of $nr_disks images"
}

says ()
{
  tr '\r' '\n' <"$tmp/terminal" | grep -qE "$1" ||
    fail "$scenario: no \"$1\" in: $(cat "$tmp/terminal")"
}

on_terminal='import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'

# Slowly enough for a line that tells how far it is.
there ()
{
  local size='[0-9.]+ ([KMG]i)?B' row
  start_vm vmb "${disks_of[@]/#/b}" -- -incoming "$(incoming vmb)"
  speed 20000000
  # shellcheck disable=SC2046
  python "$on_terminal" "$baton" migrate $(operands) >"$tmp/terminal" </dev/null ||
    fail "$scenario: $(cat "$tmp/terminal")"
  says "^memory: $size moved, $size left, $size/s, about [0-9]+ s"
  says "^migrated: the VM runs at the destination .*, its images are with the"
  says "^the guest was stopped for [0-9]"
  for row in "source stops" "memory and devices" "pass images" \
             "inactivate source" "activate destination" resume pause; do
    says "^ *$row +[0-9]+ us "
  done
  quit_vm vma
  wait_records 10
  swap
}

back ()
{
  begin
  went_there
  jq -e --argjson nr "$nr_disks" '.pass.images | length == $nr' \
     "$tmp/migrate.json" >/dev/null || fail "$scenario: $(cat "$tmp/migrate.json")"
}

start_vm vma "${disks_of[@]/#/a}"
wait_records $((10 * nr_disks))
for scenario in there back; do
  "$scenario"
  all_are_at "$here"
done
echo "$nr_disks disks, the guest stopped for" \
     "$(jq '."pause-us"' "$tmp/migrate.json") us"
wait_records $((10 * nr_disks))
qmp vma stop >/dev/null
quit_vm vma
for disk in "${disks_of[@]}"; do
  stop "a$disk"
  stop "b$disk"
done
verify_guest
