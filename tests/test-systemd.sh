#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The units for systemd, where no systemd runs: it finds no fault with them, and
# thinks them well locked up; their very command lines are run in its order, for
# a start, a reload, a crash, a stop; and the server makes no system call that
# their filter forbids.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-systemd.sh"
requires qemu-img nbdsh nbdkit strace systemd-analyze systemd-socket-activate

units=$tmp/units
unit=$units/nbdkit-qcow2@vm1.service
run=$tmp/run
disk=$tmp/disk.qcow2

# -- the units, as they are but for where things are ---------------------------

mkdir "$units" "$run"
relocate ()
{
  sed -e "s,^\(Exec[A-Za-z]*=\)/[^ ]*/baton ,\1$baton ," \
      -e "s,^\(Exec[A-Za-z]*=\)/[^ ]*/baton-started ,\1$top_builddir/systemd/baton-started ," \
      -e "s,^\(ExecStart=\)[^ ]*nbdkit ,\1$top_builddir/wrappers/nbdkit ," \
      -e "s,/run/baton,$run,g" -e "s,/etc/baton,$tmp,g" "$1"
}
relocate "$top_builddir/systemd/nbdkit-qcow2@.service" >"$unit"
relocate "$top_srcdir/systemd/nbdkit-qcow2@.socket" >"$units/nbdkit-qcow2@vm1.socket"
[ "$(grep -c "^Exec.*=$top_builddir\|^Exec.*=$baton" "$unit")" -eq 4 ] ||
  fail "not all commands are ours: $(grep ^Exec "$unit")"

# -- what systemd thinks of them -------------------------------------------------

systemd-analyze verify --man=no --recursive-errors=yes "$unit" \
                "$units/nbdkit-qcow2@vm1.socket" >"$tmp/said" 2>&1 ||
  fail "verify: $(cat "$tmp/said")"
! grep -F "$units" "$tmp/said" || fail "verify: $(cat "$tmp/said")"
systemd-analyze security --offline=yes --threshold=15 "$unit" \
                >"$tmp/said" 2>&1 ||
  fail "security: $(grep -F '→' "$tmp/said" || tail -n 5 "$tmp/said")"

if command -v systemd-tmpfiles >/dev/null && [ "$(id -u)" -eq 0 ]; then
  mkdir -p "$tmp/root/etc"
  echo 'root:x:0:0::/:/bin/sh' >"$tmp/root/etc/passwd"
  echo 'baton:x:4711:4711::/:/bin/false' >>"$tmp/root/etc/passwd"
  printf 'root:x:0:\nbaton:x:4711:\n' >"$tmp/root/etc/group"
  systemd-tmpfiles --root="$tmp/root" --create \
                   "$top_srcdir/systemd/baton.tmpfiles" >"$tmp/said" 2>&1 ||
    fail "tmpfiles: $(cat "$tmp/said")"
  [ "$(stat -c '%a %u' "$tmp/root/run/baton")" = "750 4711" ] ||
    fail "tmpfiles: $(stat "$tmp/root/run/baton")"
fi
if command -v systemd-sysusers >/dev/null && [ "$(id -u)" -eq 0 ]; then
  mkdir -p "$tmp/new/etc"
  systemd-sysusers --root="$tmp/new" "$top_srcdir/systemd/baton.sysusers" \
                   >"$tmp/said" 2>&1 || fail "sysusers: $(cat "$tmp/said")"
  grep -q '^baton:' "$tmp/new/etc/passwd" || fail "sysusers made no user"
fi

# -- its command lines -------------------------------------------------------------

# The example, with another image and without another host.
sed -e "s,^DISK=.*,DISK=$disk," -e 's, control-listen=[^"]*,,' \
    "$top_srcdir/systemd/example.conf" >"$tmp/vm1.conf"
read_environment "$tmp/vm1.conf"

# exec_line KEY
exec_line ()
{
  local words
  read -r -a words <<<"$(line "$unit" vm1 "$1")"
  [ "${#words[@]}" -gt 1 ] || fail "no $1"
  env BATON="$baton" timeout 60 "${words[@]}" >"$tmp/said" 2>&1
}

socket=$(socket_of "$units/nbdkit-qcow2@vm1.socket" vm1)

# systemd holds the socket and starts the service at once; this program starts
# it with the first connection.
start ()
{
  local words
  read -r -a words <<<"$(line "$unit" vm1 ExecStart)"
  rm -f "$socket"
  systemd-socket-activate --listen="$socket" "${wrapper[@]}" "${words[@]}" \
                          >>"$tmp/vm1.log" 2>&1 &
  main_pid=$!
  pids+=("$main_pid")
  wait_for 10 test -S "$socket" || fail "no socket"
  nbdsh -u "nbd+unix:///?socket=$socket" -c 'h.get_size()' ||
    fail "does not start: $(cat "$tmp/vm1.log")"
  exec_line ExecStartPost || fail "ExecStartPost: $(cat "$tmp/said")"
}

state () { baton status "$run/vm1.control" | awk '$1 == "state" { print $2 }'; }
is () { [ "$(state)" = "$1" ] || fail "$2: is $(state)"; }
client () { nbdsh -u "nbd+unix:///?socket=$socket" -c "$1"; }

qemu-img create -q -f qcow2 "$disk" 16M
wrapper=(strace -D -f -qq -o "$tmp/calls")
start
# Nobody has had it: it waits.
is inactive "a first start"
exec_line ExecReload || fail "reload: $(cat "$tmp/said")"
baton activate "$run/vm1.control" >"$tmp/said" || fail "$(cat "$tmp/said")"
client 'h.pwrite(b"1" * 65536, 0); h.flush(); h.trim(65536, 1 << 20)'
! exec_line ExecReload || fail "an active server has thrown away what it knows"
is active "after a reload that was refused"

# A crash: with what it had, and without being told.
kill -KILL "$main_pid"
wait "$main_pid" 2>/dev/null || :
wrapper=()
start
is active "after a crash"
client 'assert h.pread(65536, 0) == b"1" * 65536' || fail "lost in the crash"

# The end, with a client connected that says nothing more.
/usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
sys.stdin.read()' "$socket" <&"$nothing" &
pids+=($!)
exec_line ExecStop || fail "stop: $(cat "$tmp/said")"
is inactive "after ExecStop"
kill -KILL "$main_pid"
wait "$main_pid" 2>/dev/null || :
check_leaks_only "$disk"

# Released, and by itself it does not take it: the other host may have it next.
start
is inactive "a start after an orderly end"
kill -KILL "$main_pid"

# -- the filter of system calls ------------------------------------------------------

# set_of NAME...: the calls of these sets, whose sets may be in sets
set_of ()
{
  local name
  for name; do
    case $name in
      @*) # shellcheck disable=SC2046
          set_of $(systemd-analyze syscall-filter "$name" |
                   sed -n 's/^ *\([@a-z_0-9-]*\)$/\1/p' |
                   grep -vx -- "$name") ;;
      *) echo "$name" ;;
    esac
  done
}
filters=$(sed -n 's/^SystemCallFilter=//p' "$unit")
# shellcheck disable=SC2046
set_of $(grep -v '^~' <<<"$filters") | sort -u >"$tmp/allowed"
# shellcheck disable=SC2046
set_of $(sed -n 's/^~//p' <<<"$filters") | sort -u >"$tmp/denied"
[ -s "$tmp/allowed" ] && [ -s "$tmp/denied" ] || fail "no filter"
# From the execve of nbdkit on: what is before that is the wrapper's.
sed -nE 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$tmp/calls" | sort -u >"$tmp/used"
grep -qx pwritev2 "$tmp/used" || fail "strace has seen no write"
comm -23 "$tmp/used" <(comm -23 "$tmp/allowed" "$tmp/denied") >"$tmp/forbidden"
[ ! -s "$tmp/forbidden" ] ||
  fail "the filter forbids: $(tr '\n' ' ' <"$tmp/forbidden")"
echo "$(wc -l <"$tmp/used") system calls, all allowed"
