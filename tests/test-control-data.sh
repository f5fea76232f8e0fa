#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the control port suffers does not slow the data path.  A client reads and
# writes over the data socket, one request after the other, in turns while all is
# quiet and while the control port has as many connections as it takes: some say
# nothing, some a byte now and then, some junk, some announce what is too long,
# some come in and read no answer (storm.py).
#
# A lock or a thread that both sides needed would be held while such a client is
# waited for, for seconds: so the bounds are generous.  The attackers' rate is
# bounded, and they are nice: what they take from a machine of two processors is
# theirs to take from anybody, and not what is tested here.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img certtool nbdkit nbdsh

rounds=5
seconds=0.6
most_times=3            # as long as in quiet, requests on average
most_us=250000          # the longest one, or as long as that in quiet
most_pending=32         # CONTROL_MAX_PENDING

"$top_srcdir/cli/baton-pki" "$pki" localhost other >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M
start_tls a "$disk" control="$(control a)" control-allow=localhost \
          control-tls-certificates="$pki/localhost"

# -- the client ------------------------------------------------------------------

# For each line, which is a number of seconds: requests, and the microseconds
# that one took on average and at most, a new connection included.
client='
import nbd, random, sys, time
block = bytes(range(256)) * 16
for line in sys.stdin:
    end = time.perf_counter() + float(line)
    took = []
    now = time.perf_counter()
    h = nbd.NBD()
    h.connect_unix(sys.argv[1])
    while now < end:
        then = now
        at = random.randrange(4096) * 4096
        if len(took) % 4:
            h.pread(4096, at)
        else:
            h.pwrite(block, at)
        now = time.perf_counter()
        took.append((now - then) * 1e6)
    h.shutdown()
    print(len(took), round(sum(took) / len(took)), round(max(took)), flush=True)'
coproc { exec /usr/bin/python3 -c "$client" "$(sock a)"; }

# measure FILE: a line of figures is added
measure ()
{
  echo "$seconds" >&"${COPROC[1]}"
  read -r -t 120 -u "${COPROC[0]}" figures || fail "the client has ended"
  echo "$figures" >>"$1"
}

# -- who attacks -----------------------------------------------------------------

# shellcheck disable=SC2154
descriptors () { find "/proc/$a_pid/fd" -mindepth 1 | wc -l; }
is_crowded () { [ "$(descriptors)" -ge $((calm + most_pending)) ]; }
is_calm () { [ "$(descriptors)" -le "$calm" ]; }

attack ()
{
  # shellcheck disable=SC2154
  nice -n 10 /usr/bin/python3 "$srcdir/storm.py" --gentle 60 $((seed++)) "$pki" \
       "$a_port" >"$tmp/storm.out" 2>&1 &
  storm=$!
  pids+=("$storm")
  wait_for 30 is_crowded || fail "no crowd: $(cat "$tmp/storm.out")"
}

relent ()
{
  ! gone "$storm" || fail "the storm has ended: $(cat "$tmp/storm.out")"
  kill "$storm"
  wait "$storm" 2>/dev/null || :
  forget "$storm"
  wait_for 30 is_calm || fail "$(descriptors) descriptors, $calm before"
}

# -- in turns --------------------------------------------------------------------

# median FILE FIELD
median () { sort -n -k"$2,$2" "$1" | awk -v f="$2" '{ v[NR] = $f } END { print v[int((NR + 1) / 2)] }'; }

# All is allocated, and the client knows its way.
measure "$tmp/first"
calm=$(descriptors)
seed=${BATON_STORM_SEED:-$RANDOM}
for try in 1 2 3; do
  rm -f "$tmp/quiet" "$tmp/attacked"
  for ((i = 0; i < rounds; i++)); do
    measure "$tmp/quiet"
    attack
    measure "$tmp/attacked"
    relent
  done
  # Those of a round are compared, and of these ratios the middle one counts.
  paste -d ' ' "$tmp/quiet" "$tmp/attacked" | awk '{ print $5 / $2 }' >"$tmp/ratios"
  ratio=$(median "$tmp/ratios" 1)
  quiet_us=$(median "$tmp/quiet" 3)
  longest_us=$(median "$tmp/attacked" 3)
  echo "try $try: a request took $(median "$tmp/quiet" 2) us in quiet and" \
       "$(median "$tmp/attacked" 2) us under attack, $ratio times as long;" \
       "the longest one $quiet_us us and $longest_us us"
  ! awk -v r="$ratio" -v most="$most_times" 'BEGIN { exit !(r <= most) }' ||
    [ "$longest_us" -gt $((quiet_us > most_us ? quiet_us : most_us)) ] || break
  [ "$try" -lt 3 ] || fail "requests are slower: $(paste "$tmp/quiet" "$tmp/attacked")"
done

# It was an attack.
sent_away=$(awk '/control: sent away/ { n++ }
                 /control: [0-9]+ more clients were sent away/ {
                   sub (/.*control: /, ""); n += $1 }
                 END { print n + 0 }' "$tmp/a.log")
[ "$sent_away" -ge $((10 * rounds)) ] || fail "$sent_away clients were sent away"
echo "$sent_away clients were sent away"
ask localhost "$a_port" status || fail "in the end: $(cat "$tmp/said" "$tmp/a.log")"
stop a
check_clean "$disk"
