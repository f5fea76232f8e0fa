#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What a guest sees of a migration: the longest silence of its disk, on the
# host's clock, for the guest's own stands still while it is stopped.
#
#   bench/migration.sh [COUNT [KIND]]
#
# COUNT (20) migrations with baton, and beside them so many of the same guest by
# QEMU alone, with a raw file that both QEMUs open; or only those of KIND, baton
# or raw.  BENCH_DIR: where measurements are kept, of one KIND for the other;
# `timelines` there has the parts of each pause.  Where the images are, says
# TMPDIR.
#
# Prints the medians; with gnuplot also draws migration.svg: the guest's
# requests around one migration of each kind, those whose silence is the median.

srcdir=$(cd "$(dirname "$0")/../tests" && pwd)
. "$srcdir/functions.sh" || exit 99
. "$srcdir/functions-guest.sh"
requires jq

count=${1:-20}
kinds=${2:-baton raw}
kept=${BENCH_DIR:-$tmp}
svg=${SVG:-migration.svg}
guest_workers=1
guest_pause_us=2000
guest_flush_every=64
# Less memory is left for the pause, which both kinds have.
downtime_ms=20

# -- a migration of each kind ---------------------------------------------------

start_pair ()
{
  disks=()
  make_disk disk
  start_nbdkit a "$tmp/disk.qcow2" control="$(control a)"
  start_nbdkit b "$tmp/disk.qcow2" control="$(control b)" start=inactive
}

# start baton|raw NAME [ARG...]
start ()
{
  local kind=$1 name=$2
  shift 2
  if [ "$kind" = baton ]; then
    start_vm "vm$name" "$name" -- "$@"
  else
    run_vm "vm$name" -blockdev "driver=file,node-name=disk,filename=$tmp/raw" \
           -device virtio-blk-pci,drive=disk "$@"
  fi
  qmp "vm$name" migrate-set-parameters "{\"downtime-limit\": $downtime_ms}" \
    >/dev/null
}

move_baton ()
{
  baton --json migrate "$(qmp_of "vm$1")" "$(qmp_of "vm$2")" \
        "$(control "$1")" "$(control "$2")" >"$tmp/migrate.json" ||
    fail "baton migrate: $(cat "$tmp/migrate.json")"
  jq -c '[.timeline[] | {(.name): .us}] | add' "$tmp/migrate.json" \
    >>"$kept/timelines"
}

completed () { [ "$(qmp "vm$1" query-migrate | jq -r .status)" = completed ]; }
move_raw ()
{
  local tries=100
  qmp "vm$1" migrate "{\"uri\": \"$(incoming "vm$2")\"}" >/dev/null
  until completed "$1"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "the migration does not end"
    nap 0.2
  done
}

# all KIND: into KIND.gaps a line for each, microseconds and where its log
# is
all ()
{
  local kind=$1 from=a to=b other i line
  : >"$tmp/guest.out"
  : >"$kept/$kind.gaps"
  start "$kind" a
  wait_records 100
  for ((i = 0; i < count; i++)); do
    start "$kind" "$to" -incoming "$(incoming "vm$to")"
    wait_records 50
    line=$(wc -l <"$tmp/guest.out")
    "move_$kind" "$from" "$to"
    wait_records 400
    # The guest's log up to now, from before the migration on.
    tail -n "+$line" "$tmp/guest.out" >"$kept/$kind.$i.log"
    echo "$("$(program guest-check)" gap "$kept/$kind.$i.log" 1) $i" \
      >>"$kept/$kind.gaps"
    kill_server "vm$from" 2>/dev/null
    other=$from from=$to to=$other
  done
  kill_server "vm$from" 2>/dev/null
}

# -- figures --------------------------------------------------------------------

median ()
{
  sort -n "$kept/$1.gaps" | awk '{ l[NR] = $0 } END { print l[int ((NR + 1) / 2)] }'
}

tell ()
{
  sort -n "$kept/$1.gaps" |
    awk -v kind="$1" '{ us[NR] = $1 }
      END { printf "%-6s %3d migrations: median %.1f ms, least %.1f, most %.1f\n",
            kind, NR, us[int ((NR + 1) / 2)] / 1e3, us[1] / 1e3, us[NR] / 1e3 }'
}

# points KIND: seconds since the end of the longest silence, and milliseconds
# since the last answer
points ()
{
  local nr
  nr=$(median "$1" | cut -d' ' -f2)
  awk '$2 ~ /^@[wrf]$/ { n++; at[n] = $1
         if (n > 1 && $1 - at[n - 1] > gap) { gap = $1 - at[n - 1]; end = $1 } }
       END { for (i = 2; i <= n; i++)
               if (at[i] - end > -1e6 && at[i] - end < 1e6)
                 printf "%.6f %.3f\n", (at[i] - end) / 1e6,
                        (at[i] - at[i - 1]) / 1e3 }' "$kept/$1.$nr.log"
}

draw ()
{
  points baton >"$tmp/baton.points"
  points raw >"$tmp/raw.points"
  gnuplot <<EOF
set terminal svg size 800,500 background "white"
set output "$svg"
set multiplot layout 2,1 title "Milliseconds since the disk's last answer"
set logscale y
set yrange [0.1:2000]
set xrange [-1:1]
set grid
set nokey
set title "baton migrate, a qcow2 image that changes its server"
plot "$tmp/baton.points" with impulses lw 1 lc rgb "#c03000"
set title "QEMU alone, a raw file"
set xlabel "seconds"
plot "$tmp/raw.points" with impulses lw 1 lc rgb "#606060"
EOF
}

mkdir -p "$kept"
if [[ $kinds == *baton* ]]; then
  start_pair
  all baton
  stop a
  stop b
fi
if [[ $kinds == *raw* ]]; then
  "$(program guest-check)" base 0 "$guest_workers" "$tmp/raw"
  all raw
fi
for kind in baton raw; do
  [ -s "$kept/$kind.gaps" ] || exit 0
  tell "$kind"
done
echo "added: $((($(median baton | cut -d' ' -f1) - $(median raw | cut -d' ' -f1)) / 1000)) ms (median)"
if command -v gnuplot >/dev/null; then
  draw
fi
