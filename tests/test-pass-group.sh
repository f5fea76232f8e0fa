#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The disks of one guest are passed as a group, all or none, while writers
# never stop: every acknowledged record must be on them at the end.
#
#   there and back  under load, many times
#   refused         the second destination refuses: both go back
#   killed          the second destination dies when it is to activate
#   caller          baton dies when some are passed and some are not; the same
#                   command again goes on
#   interrupted     baton is told to stop meanwhile, and comes to the end first
#   usage           one endpoint twice, SRC = DST, an odd number: nothing is
#                   touched
#
# BATON_TEST_LONG=1: more passes.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit jq

rounds=${BATON_TEST_LONG:+60}
rounds=${rounds:-2}
per_second=${BATON_TEST_LONG:+1000000}
per_second=${per_second:-400}

# pair NUMBER POLICY: aNUMBER serves disk NUMBER, bNUMBER waits for it
pair ()
{
  start_nbdkit "a$1" "$tmp/$1.qcow2" control="$(control "a$1")" \
               while-inactive="$2"
  start_nbdkit "b$1" "$tmp/$1.qcow2" control="$(control "b$1")" \
               while-inactive="$2" start=inactive
}

group=("$(control a1)" "$(control b1)" "$(control a2)" "$(control b2)")
back=("$(control b1)" "$(control a1)" "$(control b2)" "$(control a2)")

# passes STATUS ENDPOINT...: baton pass ends with STATUS; words in said, errors
passes ()
{
  local expected=$1 status=0
  shift
  timeout 60 "$baton" --json --timeout 10 pass "$@" >"$tmp/said" \
    2>"$tmp/errors" || status=$?
  [ "$status" -eq "$expected" ] ||
    fail "status $status: $(cat "$tmp/errors" "$tmp/said")"
}

# said EXPRESSION: jq finds it true of what was said
said () { jq -e "$1" "$tmp/said" >/dev/null || fail "not $1: $(cat "$tmp/said")"; }
told () { grep -qF -- "$1" "$tmp/errors" || fail "no $1: $(cat "$tmp/errors")"; }
state () { baton --json status "$(control "$1")" | jq -r .state; }

# states A1 B1 A2 B2
states ()
{
  local found
  found="$(state a1) $(state b1) $(state a2) $(state b2)"
  [ "$found" = "$*" ] || fail "states: $found, not $*"
}

# start_writer NAME SOCKET...
start_writer ()
{
  local name=$1
  shift
  "$(program writer)" --depth 2 --per-second "$per_second" --journal "$tmp/$name.journal" "$@" \
    >"$tmp/$name.out" 2>&1 &
  printf -v "${name}_pid" %s $!
  pids+=($!)
}

end_writer ()
{
  local pid_name=${1}_pid
  kill -TERM "${!pid_name}" || fail "$1 has ended: $(cat "$tmp/$1.out")"
  wait "${!pid_name}" || fail "$1: $(cat "$tmp/$1.out")"
  forget "${!pid_name}"
  cat "$tmp/$1.out"
}

# verify NAME IMAGE: all that was acknowledged to this writer is there
verify ()
{
  check_clean "$2"
  start_qemu_nbd q "$2" --read-only
  "$(program writer)" --journal "$tmp/$1.journal" --verify "$(sock q)" ||
    fail "acknowledged records of $1 are lost"
  stop q
}

# watch NAME TRIGGER COMMAND: a control socket before NAME's own, which runs
# COMMAND when a client first says TRIGGER, and only then passes it on
watch ()
{
  rm -f "$tmp/watch"
  /usr/bin/python3 - "$tmp/watch" "$(control "$1")" "$2" "$3" <<'END' &
import os, socket, sys, threading
path, target, trigger, command = sys.argv[1:]
fired = threading.Lock()
def pump(src, dst, look):
    seen = b''
    while True:
        data = src.recv(65536)
        if look:
            seen += data
            if trigger.encode() in seen and fired.acquire(False):
                os.system(command)
            seen = seen[-20:]
        if not data:
            break
        dst.sendall(data)
    dst.shutdown(socket.SHUT_RDWR)
def quietly(*args):
    try:
        pump(*args)
    except OSError:
        for end in args[:2]:
            end.close()
server = socket.socket(socket.AF_UNIX)
server.bind(path + '.new')
server.listen()
os.rename(path + '.new', path)
while True:
    client = server.accept()[0]
    far = socket.socket(socket.AF_UNIX)
    try:
        far.connect(target)
    except OSError:
        client.close()
        continue
    for args in (client, far, True), (far, client, False):
        threading.Thread(target=quietly, args=args, daemon=True).start()
END
  watch_pid=$!
  pids+=("$watch_pid")
  wait_for 10 test -S "$tmp/watch" || fail "no watch"
}

end_watch ()
{
  kill -KILL "$watch_pid"
  wait "$watch_pid" 2>/dev/null || :
  forget "$watch_pid"
}

make_disks ()
{
  qemu-img create -q -f qcow2 "$tmp/1.qcow2" 64M
  qemu-img create -q -f qcow2 "$tmp/2.qcow2" 64M
}

there_and_back ()
{
  local i
  make_disks
  pair 1 reject
  pair 2 reject
  start_writer w1 "$(sock a1)" "$(sock b1)"
  start_writer w2 "$(sock a2)" "$(sock b2)"
  for ((i = 1; i <= rounds; i++)); do
    passes 0 "${group[@]}"
    said '.result == "done" and .owner == "dst" and .["pause-us"] > 0'
    passes 0 "${back[@]}"
  done
  # Each image tells of each phase; they were asked at the same time.
  said '[.images[].steps[] | select (.step == "inactivate source")] |
        length == 2 and (.[0]["start-us"] - .[1]["start-us"] | fabs) <
        ([.[].us] | max) + 5000'
  said '[.images[].dst["last-handover"].phases[].us] | length > 4'
  said '.images[1].source == "'"$(control b2)"'"'
  passes 0 "${back[@]}"
  said '.result == "already-done"'
  # Half of it is there.
  baton pass "$(control a1)" "$(control b1)" >/dev/null
  passes 0 "${group[@]}"
  states inactive active inactive active
  "$baton" pass "${back[@]}" >"$tmp/said"
  grep -q '^the guest waited' "$tmp/said" || fail "text: $(cat "$tmp/said")"
  [ "$(grep -c 'activate destination .*#' "$tmp/said")" -eq 2 ] ||
    fail "timeline: $(cat "$tmp/said")"
}

# caller_killed ENDPOINT...: it dies at what the watch waits for
caller_killed ()
{
  local caller
  "$baton" pass "$@" >/dev/null 2>&1 &
  caller=$!
  pids+=("$caller")
  echo "$caller" >"$tmp/caller"
  wait "$caller" 2>/dev/null && fail "the caller has survived"
  forget "$caller"
  end_watch
}

kill_caller="kill -KILL \$(cat '$tmp/caller')"

caller_dies ()
{
  # One is passed, one is with nobody.
  watch b2 '"activate"' "sleep 0.3; $kill_caller"
  caller_killed "${group[@]:0:3}" "$tmp/watch"
  [ "$(state a1) $(state b1) $(state a2)" = 'inactive active inactive' ] ||
    fail "the caller died too early"
  passes 0 "${group[@]}"
  states inactive active inactive active
  # One is with nobody, one still with its source.
  watch b2 '"inactivate"' "sleep 0.3; $kill_caller"
  caller_killed "${back[@]:0:2}" "$tmp/watch" "$(control a2)"
  [ "$(state a1) $(state b1) $(state a2)" = 'inactive inactive inactive' ] ||
    fail "the caller died too early"
  passes 0 "${back[@]}"
  states active inactive active inactive
}

# Told to end while the guest waits, it comes to an end first.  (In the
# background a shell ignores SIGINT.)
interrupted ()
{
  local caller
  watch b2 '"activate"' "kill -TERM \$(cat '$tmp/caller'); sleep 0.3"
  "$baton" pass "${group[@]:0:3}" "$tmp/watch" >/dev/null 2>&1 &
  caller=$!
  pids+=("$caller")
  echo "$caller" >"$tmp/caller"
  wait "$caller" || fail "interrupted while the guest waited"
  forget "$caller"
  end_watch
  states inactive active inactive active
  passes 0 "${back[@]}"
}

usage ()
{
  passes 2 "${group[@]:0:3}"
  told 'has no DST'
  passes 2 "$(control a1)" "$(control a1)"
  passes 2 "${group[@]:0:3}" "$tmp/../${tmp##*/}/b1.control"
  told 'named twice'
  passes 2 "$(control a1)" "$(control b1)" "$(control b1)" "$(control a1)"
  states active inactive active inactive
  # A server under two names.
  ln "$(control b2)" "$tmp/link" 2>/dev/null || :
  passes 1 "${group[@]:0:2}" "$(control a2)" \
         "nbd+unix:///?socket=$(control b1)"
  said '.result == "unchanged"'
  states active inactive active inactive
}

# Its host has another base under the same name.  (The image is the same file:
# a link.)
refused ()
{
  mkdir "$tmp/other"
  qemu-img create -q -f qcow2 "$tmp/base.qcow2" 64M
  qemu-img create -q -f qcow2 "$tmp/other/base.qcow2" 64M
  qemu-io -f qcow2 -c 'write -P 7 0 64k' "$tmp/other/base.qcow2" >/dev/null
  rm "$tmp/2.qcow2"
  qemu-img create -q -f qcow2 "$tmp/1.qcow2" 64M
  qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 "$tmp/2.qcow2" 64M
  ln "$tmp/2.qcow2" "$tmp/other/2.qcow2"
  pair 1 hold
  start_nbdkit a2 "$tmp/2.qcow2" control="$(control a2)" while-inactive=hold
  start_nbdkit b2 "$tmp/other/2.qcow2" control="$(control b2)" start=inactive
  start_writer w3 "$(sock a1)"
  start_writer w4 "$(sock a2)"
  passes 1 "${group[@]}"
  told BackingChanged
  told 'none of the 2 images was passed: all are served by their sources'
  said '.result == "rolled-back" and .owner == "src" and .["pause-us"] > 0'
  said '[.images[].result] == ["rolled-back", "rolled-back"]'
  states active inactive active inactive
  stop b2
  start_nbdkit b2 "$tmp/2.qcow2" control="$(control b2)" start=inactive
}

killed ()
{
  watch b2 '"activate"' "sleep 0.3; kill -KILL $b2_pid"
  passes 1 "${group[@]:0:3}" "$tmp/watch"
  end_watch
  wait "$b2_pid" 2>/dev/null || :
  forget "$b2_pid"
  said '.result == "rolled-back"'
  [ "$(state a1) $(state b1) $(state a2)" = 'active inactive active' ] ||
    fail "not given back: $(cat "$tmp/errors")"
  # Where it cannot be reached, nothing begins.
  passes 1 "${group[@]}"
  said '.result == "unchanged" and .["pause-us"] == null'
}

# A source dies while the other destination refuses: who has which is told.
source_dies ()
{
  start_nbdkit b2 "$tmp/2.qcow2" control="$(control b2)" start=inactive
  watch b2 '"activate"' \
        "sleep 0.3; kill -KILL $a1_pid $b2_pid; sleep 0.2"
  passes 1 "${group[@]:0:3}" "$tmp/watch"
  end_watch
  said '.result == "failed" and ([.images[].owner] == ["dst", "src"])'
  told "$(control a1) does not answer"
  told 'to go on: baton pass '
  wait "$a1_pid" "$b2_pid" 2>/dev/null || :
  forget "$a1_pid"
  forget "$b2_pid"
  start_nbdkit a1 "$tmp/1.qcow2" control="$(control a1)" start=inactive
  start_nbdkit b2 "$tmp/2.qcow2" control="$(control b2)" start=inactive
  passes 0 "${group[@]}"
  states inactive active inactive active
}

there_and_back
caller_dies
interrupted
usage
end_writer w1
end_writer w2
for name in a1 b1 a2 b2; do
  stop "$name"
done
verify w1 "$tmp/1.qcow2"
verify w2 "$tmp/2.qcow2"

refused
killed
end_writer w3
end_writer w4
source_dies
for name in a1 b1 a2 b2; do
  stop "$name"
done
verify w3 "$tmp/1.qcow2"
verify w4 "$tmp/2.qcow2"
