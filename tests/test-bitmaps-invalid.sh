#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Persistent dirty bitmaps that cannot be kept valid are made invalid before
# the first write, and the user is told why, once.  (test-bitmaps.sh is of those
# that can.)

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdinfo nbdkit perl

cd "$tmp"
told () { grep -c "warning: .*disk.qcow2: the image's persistent dirty bitmaps are no longer valid.*$1" "$tmp/a.log" || :; }

# poke AT HEX: bytes of the first entry of the bitmap directory
poke ()
{
  perl -e '
    open my $f, "+<", shift or die; binmode $f; read $f, my $h, 4096;
    my $at = unpack "x100 N", $h;
    while (1) {
      my ($type, $len) = unpack "x$at N N", $h;
      die "no bitmaps" if $type == 0;
      last if $type == 0x23852875;
      $at += 8 + ($len + 7 & ~7);
    }
    my $directory = unpack "Q>", substr ($h, $at + 24, 8);
    seek $f, $directory + shift, 0; print $f pack "H*", shift' disk.qcow2 "$@"
}

make ()
{
  qemu-img create -q -f qcow2 disk.qcow2 "$1"
  qemu-img bitmap --add -g 512 disk.qcow2 backup
  qemu-img bitmap --add --disable disk.qcow2 frozen
}

# invalid REASON
invalid ()
{
  local before
  cp disk.qcow2 before.qcow2
  rm -f a.log
  # Who does not write leaves them alone.
  nbdkit -r -U - "$plugin" disk.qcow2 --run 'nbdinfo --size "$uri"' >/dev/null
  start_server a disk.qcow2 control="$(control a)" start=inactive
  cmp before.qcow2 disk.qcow2 || fail "changed while inactive or read-only"
  [ "$(told "")" = 0 ] || fail "told though nothing was done"

  baton activate "$(control a)"
  [ "$(told "$1")" = 1 ] || fail "not told of $1: $(cat a.log)"
  baton status "$(control a)" | grep -q 'persistent dirty bitmaps are no longer' ||
    fail "not in status: $(baton status "$(control a)")"
  nbdsh -u "$(uri a)" -c 'h.pwrite(b"x" * 65536, 65536)'
  baton inactivate "$(control a)"
  baton activate "$(control a)"
  [ "$(told "")" = 1 ] || fail "told again"
  stop a

  # QEMU does not take them for valid: their clusters count as leaks.
  check_leaks_only disk.qcow2
  ! qemu-nbd -r -f qcow2 -k "$(sock q)" -B backup --fork disk.qcow2 \
             2>believes.log || fail "QEMU believes the bitmap"
  grep -q "Bitmap 'backup' is not found" believes.log || cat believes.log
  qemu-img check -q -r leaks disk.qcow2
  check_clean disk.qcow2
}

make 4M
poke 12 00000006
invalid 'unknown flags'

make 4M
poke 20 00000004
invalid 'extra data'

# Its table where the L1 table is: nothing of that may be overwritten.
make 4M
poke 0 "$(od -An -tx1 -j40 -N8 disk.qcow2 | tr -d ' ')"
invalid 'overlaps'

make 300G
invalid 'more than 64 MiB of bits'

# A disk that was made larger without them.
make 4M
printf '\0\0\0\0\x12\xc0\0\0' |
  dd of=disk.qcow2 bs=1 seek=24 conv=notrunc status=none
invalid 'has 1 entries, a disk of this size needs 2'

# An image without any has nothing to tell of.
qemu-img create -q -f qcow2 disk.qcow2 4M
rm a.log
start_server a disk.qcow2
[ "$(told "")" = 0 ] || fail "told of bitmaps that are not there"
stop a
