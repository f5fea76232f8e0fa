#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Who may command a server through its Unix socket: the socket's mode, and
# the users and groups of control-allow=.  As root, which can be anybody.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdkit setpriv
[ "$(id -u)" -eq 0 ] || { echo "SKIP: needs root, to be others" >&2; exit 77; }

disk=$tmp/disk.qcow2
socket=$(control a)
# Others must get as far as the socket, and to the command.
chmod 711 "$tmp"
cp "$baton" "$tmp/baton"
qemu-img create -q -f qcow2 "$disk" 16M

# as UID GID WORD: what baton says is in $tmp/said
as ()
{
  setpriv --reuid "$1" --regid "$2" --clear-groups \
          "$tmp/baton" --timeout 10 "$3" "$socket" >"$tmp/said" 2>&1
}

may () { as "$@" || fail "$*: is refused: $(cat "$tmp/said" "$tmp/a.log")"; }

# shut UID GID: cannot even connect, though something listens
shut ()
{
  ! as "$1" "$2" flush || fail "$1:$2 has commanded"
  grep -q 'Permission denied' "$tmp/said" || fail "$1:$2: $(cat "$tmp/said")"
}

# away UID GID: is sent away, and the log says why
away ()
{
  sleep 0.25
  : >"$tmp/a.log"
  ! as "$1" "$2" flush || fail "$1:$2 has commanded"
  wait_for 5 grep -q "control: sent away .*neither its user nor its groups" \
           "$tmp/a.log" || fail "$1:$2: $(cat "$tmp/a.log" "$tmp/said")"
}

looks ()
{
  may "$1" "$2" status
  ! as "$1" "$2" flush || fail "$1:$2 may only look, and has commanded"
  grep -q NotAllowed "$tmp/said" || fail "$1:$2: $(cat "$tmp/said")"
}

mode () { stat -c %a "$socket"; }

# -- the mode ------------------------------------------------------------------

start_nbdkit a "$disk" control="$socket"
[ "$(mode)" = 600 ] || fail "the default mode is $(mode)"
may 0 0 flush
shut 65534 65534
stop a

# An umask takes nothing away from what was asked for, and gives nothing.
for umask in 0 077; do
  umask "$umask"
  start_nbdkit a "$disk" control="$socket" control-mode=0660
  umask 022
  [ "$(mode)" = 660 ] || fail "control-mode=0660, umask $umask: $(mode)"
  chgrp 54321 "$socket"
  may 65534 54321 flush
  shut 65534 65534
  stop a
done

for wrong in 0 1777 888 rw -660 '' 0660x; do
  status=0
  timeout 20 nbdkit -U "$(sock a)" "$plugin" "$disk" control="$socket" \
          control-mode="$wrong" >"$tmp/said" 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "control-mode=$wrong: status $status"
  grep -q 'must be permissions in octal' "$tmp/said" ||
    fail "control-mode=$wrong: $(cat "$tmp/said")"
  [ ! -e "$socket" ] || fail "control-mode=$wrong: a socket is left"
done

# -- the list --------------------------------------------------------------------

start_nbdkit a "$disk" control="$socket" control-mode=0666 \
             control-allow=user:54321,group:54322 \
             control-allow-status=user:nobody
may 0 0 flush
may 54321 54321 flush
may 65500 54322 flush
looks 65534 65534
away 65500 65500
# A group that comes in addition.
setpriv --reuid 65500 --regid 65500 --groups 1,54322 \
        "$tmp/baton" flush "$socket" >"$tmp/said" 2>&1 ||
  fail "a supplementary group: $(cat "$tmp/said" "$tmp/a.log")"
stop a

# Of two roles the better one.
start_nbdkit a "$disk" control="$socket" control-mode=0666 \
             control-allow=group:54322 control-allow-status=user:54321
may 54321 54322 flush
looks 54321 54321
stop a

for wrong in user:no-such-user group:no-such-group user: user:-1 group:1x; do
  status=0
  timeout 20 nbdkit -U "$(sock a)" "$plugin" "$disk" control="$socket" \
          control-allow="$wrong" >"$tmp/said" 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "control-allow=$wrong: status $status"
  grep -q "control-allow=$wrong: ." "$tmp/said" ||
    fail "control-allow=$wrong: $(cat "$tmp/said")"
done
