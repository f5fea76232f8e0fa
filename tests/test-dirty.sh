#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An image whose QEMU was killed with lazy refcounts: served read-only as it
# is; repaired, once, before it is written to.  And one that is marked corrupt:
# read-only unless told otherwise.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io

image=$tmp/d.qcow2

# incompat FILE: the last byte of the incompatible features
incompat () { od -An -tu1 -j79 -N1 "$1" | tr -d ' '; }

# reads BYTES...: what the server has, a byte per MiB
reads ()
{
  nbdsh -u "$(uri s)" -c "
want = [int(n) for n in '$*'.split()]
got = [h.pread(1, i << 20)[0] for i in range(len(want))]
assert got == want, got"
}

# Killed: the refcounts of what was written last are in its heap.
make_dirty ()
{
  qemu-img create -q -f qcow2 -o lazy_refcounts=on "$image" 64M
  qemu-io -f qcow2 -c 'write -P 1 0 1M' "$image" >/dev/null
  qemu-io -f qcow2 -c 'write -P 2 1M 3M' -c flush -c 'sigraise 9' "$image" \
          >/dev/null 2>&1 || :
  [ "$(incompat "$image")" -eq 1 ] || fail "the image is not dirty"
  if qemu-img check -q "$image" >/dev/null 2>&1; then
    fail "the image needs no repair: this tests nothing"
  fi
}

# -- dirty -------------------------------------------------------------------

make_dirty
cp "$image" "$tmp/before"
start_nbdkit s -r "$image"
reads 1 2 2 2 0
stop s
cmp -s "$image" "$tmp/before" || fail "read-only, and the image has changed"

start_nbdkit s "$image" control="$(control s)"
[ "$(incompat "$image")" -eq 0 ] || fail "the dirty bit is still set"
reads 1 2 2 2 0
[ "$(grep -c 'warning: .*marked dirty.* was repaired in' "$tmp/s.log")" -eq 1 ] ||
  fail "said other than once: $(cat "$tmp/s.log")"
baton status "$(control s)" | grep -q '^notice .*was repaired' ||
  fail "status does not say so"
nbdsh -u "$(uri s)" -c 'h.pwrite(b"\x03" * (1 << 20), 4 << 20)'
reads 1 2 2 2 3
stop s
check_clean "$image"

# The same at the destination of a hand-over, which must not write before.
make_dirty
cp "$image" "$tmp/before"
start_nbdkit s "$image" control="$(control s)" start=inactive
reads 1 2 2 2 0
cmp -s "$image" "$tmp/before" || fail "inactive, and the image has changed"
baton activate "$(control s)" >/dev/null
[ "$(incompat "$image")" -eq 0 ] || fail "activated, and still dirty"
reads 1 2 2 2 0
stop s
check_clean "$image"

# What cannot be repaired is refused.
make_dirty
python3 "$srcdir/damage.py" "$image" l2_outside 3
if nbdkit -U "$(sock s)" "$plugin" "$image" --run true 2>"$tmp/err"; then
  fail "a broken image is served"
fi
grep -q 'marked dirty .* corruptions are left after a repair' "$tmp/err" ||
  fail "broken: $(cat "$tmp/err")"
[ "$(incompat "$image")" -eq 1 ] || fail "broken, and no longer dirty"

# -- corrupt -----------------------------------------------------------------

qemu-img create -q -f qcow2 "$image" 64M
qemu-io -f qcow2 -c 'write -P 1 0 1M' "$image" >/dev/null
python3 "$srcdir/damage.py" "$image" corrupt
if nbdkit -U "$(sock s)" "$plugin" "$image" --run true 2>"$tmp/err"; then
  fail "a corrupt image is written to"
fi
grep -q 'marked corrupt; run .baton check --repair all.*allow-corrupt=on' "$tmp/err" ||
  fail "corrupt: $(cat "$tmp/err")"
start_nbdkit s -r "$image"
reads 1 0
stop s
start_nbdkit s "$image" allow-corrupt=on
grep -q 'warning: .*marked corrupt' "$tmp/s.log" || fail "nobody is told"
reads 1 0
stop s
[ "$(incompat "$image")" -eq 2 ] || fail "the mark of corruption is gone"
