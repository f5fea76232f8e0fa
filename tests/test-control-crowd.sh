#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# 1,000 connections that say nothing, to the control port of each server,
# while an image is passed between these: passing is not slower than twice
# what it was, and the servers end within 5 seconds.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img certtool jq nbdkit

crowd=1000
passes=8

"$top_srcdir/cli/baton-pki" "$pki" localhost >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 1G
for name in a b; do
  start_tls "$name" "$disk" control-tls-certificates="$pki/localhost" \
            control-allow=localhost \
            start="$([ "$name" = a ] && echo active || echo inactive)"
done
# shellcheck disable=SC2154
src=nbds://localhost:$a_port/ dst=nbds://localhost:$b_port/

pass ()
{
  baton --tls-certificates "$pki/localhost" pass "$1" "$2" \
    >"$tmp/said" 2>&1 || fail "$(cat "$tmp/said")"
}

# The median of the times that passes take, in microseconds, is $median.
time_passes ()
{
  local i begin times=()
  for ((i = 0; i < passes; i++)); do
    begin=${EPOCHREALTIME/./}
    pass "$src" "$dst"
    times+=($((${EPOCHREALTIME/./} - begin)))
    read -r src dst <<<"$dst $src"
  done
  median=$(printf '%s\n' "${times[@]}" | sort -n | sed -n $((passes / 2))p)
}

# They live on another address than baton.
gather='
import resource, socket, sys
crowd, ports = int(sys.argv[1]), [int(p) for p in sys.argv[2:]]
resource.setrlimit(resource.RLIMIT_NOFILE, (crowd * len(ports) + 100,) * 2)
held = []
for i in range(crowd):
    for port in ports:
        s = socket.socket()
        s.bind(("127.0.0.2", 0))
        s.connect(("127.0.0.1", port))
        held.append(s)
print("there", len(held), flush=True)
sys.stdin.read()'

for try in 1 2 3; do
  time_passes
  before=$median
  coproc { exec /usr/bin/python3 -c "$gather" "$crowd" "$a_port" "$b_port"; }
  pid=$COPROC_PID
  read -r -t 60 -u "${COPROC[0]}" there || fail "no crowd"
  [ "$there" = "there $((2 * crowd))" ] || fail "the crowd: $there"
  time_passes
  echo "try $try: a pass took $before us, with the crowd $median us"
  [ "$median" -gt $((2 * before)) ] || break
  [ "$try" -lt 3 ] || fail "a pass takes $median us with the crowd, $before without"
  kill "$pid"
  wait "$pid" 2>/dev/null || :
done

for name in a b; do
  stop "$name"
  [ "$stopped_us" -le 5000000 ] || fail "$name ended after $stopped_us us"
  echo "$name ended after $stopped_us us"
done
check_clean "$disk"
