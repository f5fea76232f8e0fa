#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Internal snapshots: taken, applied and deleted by QEMU while our server
# writes in between, and served by snapshot=.  Contents are compared with
# qemu-img convert -l, and COPIED is exact all the time.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io

# ours COMMANDS: by our server, through NBD
ours ()
{
  start_nbdkit s "$image"
  nbdsh -u "$(uri s)" -c "$1"
  stop s
  check_clean "$image"
}

qemu () { qemu-io -t unsafe -f qcow2 -c "$1" "$image" >/dev/null; check_clean "$image"; }
snapshot () { qemu-img snapshot "$@" "$image"; check_clean "$image"; }

# serves SNAPSHOT NAME [SIZE]: what qemu-img calls NAME
serves ()
{
  qemu-img convert -l "snapshot.name=$2" -O raw "$image" "$tmp/want"
  cp "$image" "$tmp/before"
  start_nbdkit s "$image" "snapshot=$1"
  compare -f raw -F raw "$(uri s)" "$tmp/want"
  [ "$(nbdsh -u "$(uri s)" -c 'print(h.get_size(), h.is_read_only())')" = "${3:-$((16 << 20))} True" ] ||
    fail "$image: $1 has another size, or is writable"
  stop s
  cmp -s "$image" "$tmp/before" || fail "$image: serving $1 has changed it"
}

for options in compat=0.10 compat=1.1,cluster_size=4k,refcount_bits=8; do
  image=$tmp/i.qcow2
  qemu-img create -q -f qcow2 -o "$options" "$image" 16M
  ours 'h.pwrite(b"\x01" * 300000, 1000)'
  snapshot -c one
  ours 'h.pwrite(b"\x02" * 200000, 100000); h.zero(65536, 0); h.pwrite(b"\x03" * 70000, 5 << 20)'
  serves one one
  snapshot -c two
  qemu 'write -P 4 128k 300k'
  ours 'h.pwrite(b"\x05" * 512, 0); h.trim(65536, 5 << 20); h.pwrite(b"\x06" * 100000, 9 << 20)'
  serves 1 one
  serves two two
  qemu-img convert -O raw "$image" "$tmp/now"
  snapshot -a one
  ours 'h.pwrite(b"\x07" * 100000, 150000)'
  serves two two
  snapshot -d one
  ours 'h.pwrite(b"\x08" * 400000, 0)'
  serves 2 two
  snapshot -a two
  snapshot -d two
  ours 'h.pwrite(b"\x09" * 400000, 0)'
done

# A size of its own.  (qemu-img shows it in the size of the image.)
snapshot -c small
qemu-img resize -q "$image" 20M
serves small small 16777216

# What there is not.
refused ()
{
  local text=$1
  shift
  if nbdkit -U "$(sock x)" "$plugin" "$image" "$@" --run true 2>"$tmp/err"; then
    fail "served: $*"
  fi
  grep -q "$text" "$tmp/err" || fail "$*: $(cat "$tmp/err")"
}
refused "no snapshot has the id or name 'big': there are 'small' (id 1)" snapshot=big
refused "exclude each other" snapshot=small control="$(control x)"
refused "give the id or the name" snapshot=
snapshot -d small
refused "the image has no snapshots" snapshot=small

# A guest cannot write over a snapshot's tables: entry 0 of the active table
# is made to point to the snapshot's L1 table.
qemu-img create -q -f qcow2 "$image" 16M
qemu-io -f qcow2 -c 'write -P 1 0 64k' "$image" >/dev/null
qemu-img snapshot -c one "$image"
qemu-io -f qcow2 -c 'write -P 2 0 64k' "$image" >/dev/null
python3 - "$image" "$srcdir" <<'END'
import sys
sys.path.insert(0, sys.argv[2])
sys.dont_write_bytecode = True
from damage import *
i = Image(sys.argv[1])
l1 = i.be(i.be(64, 8), 8)
i.put(i.l2_entries()[0], l1 | COPIED)
END
cp "$image" "$tmp/before"
start_nbdkit s "$image"
nbdsh -u "$(uri s)" -c '
try:
    h.pwrite(b"x" * 512, 0)
    raise SystemExit("written over a table")
except nbd.Error as e:
    assert e.errno == "EIO", e'
stop s
cmp -s "$image" "$tmp/before" || fail "a refused write has changed the image"
