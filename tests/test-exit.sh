#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# baton inactivate --exit: a server ends under a client that reconnects, which
# sees neither an error nor a lost write; the next server at that address goes
# on.  The client is QEMU's NBD driver, which sends again what got no answer
# and passes every error on.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit jq

disk=$tmp/disk.qcow2
rounds=${BATON_TEST_LONG:+30}
rounds=${rounds:-6}

# server [PARAMETER...]
server () { start_nbdkit a "$disk" control="$(control a)" "$@"; }

# It ends in order, and leaves no socket file.
ended ()
{
  local status=0
  wait_for 10 gone "$a_pid" || fail "it goes on"
  wait "$a_pid" || status=$?
  [ "$status" -eq 0 ] || fail "it ended with status $status"
  forget "$a_pid"
  [ ! -e "$(sock a)" ] && [ ! -e "$(control a)" ] || fail "sockets are left"
}

qemu-img create -q -f qcow2 -o cluster_size=4k "$disk" 64M
server
launch q qemu-nbd -t -e 16 -k "$(sock q)" --pid-file="$tmp/q.pid" --image-opts \
       "driver=nbd,server.type=unix,server.path=$(sock a),reconnect-delay=60"
"$(program writer)" --journal "$tmp/journal" --slots 8000 --depth 16 \
  "$(sock q)" >"$tmp/writer.out" 2>&1 &
writer=$!
pids+=("$writer")
for ((i = 1; i <= rounds; i++)); do
  sleep "0.$((RANDOM % 3 + 1))"
  baton --json inactivate --exit "$(control a)" >"$tmp/answer" ||
    fail "round $i: $(cat "$tmp/answer")"
  grep -q '"epoch"' "$tmp/answer" || fail "no ticket: $(cat "$tmp/answer")"
  ended
  check_clean "$disk"
  gone "$writer" && fail "round $i: the client saw it: $(cat "$tmp/writer.out")"
  if [ $((i % 2)) -eq 0 ]; then server while-inactive=hold; else server; fi
done
sleep 0.3
kill -TERM "$writer"
wait "$writer" || fail "the client saw it: $(cat "$tmp/writer.out")"
forget "$writer"
"$(program writer)" --journal "$tmp/journal" --slots 8000 --verify "$(sock a)" \
  >"$tmp/verify.out" || fail "lost: $(head -n 3 "$tmp/verify.out")"
echo "$rounds ends: $(cat "$tmp/writer.out"); $(cat "$tmp/verify.out")"

# Also where it is inactive already; other commands end nothing.
stop q
baton inactivate "$(control a)" >/dev/null
baton inactivate --exit "$(control a)" >/dev/null
ended
if baton activate --exit "$(control a)" 2>"$tmp/err"; then
  fail "activate --exit"
fi
grep -q -- --exit "$tmp/err" || fail "activate --exit: $(cat "$tmp/err")"
