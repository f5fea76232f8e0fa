#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Persistent dirty bitmaps: after an orderly end, or a hand-over between two
# servers, QEMU finds in each enabled one exactly the granules that were
# written, by us and by QEMU in turns, and what it finds where it has served
# the same writes itself; and nothing new in a disabled one.  After SIGKILL,
# and while we write, it finds them marked as in use, and we leave them so.
#
# BATON_BITMAPS_ROUNDS (default 1, 3 where BATON_TEST_LONG=1); a failure says
# its seed, BATON_TEST_SEED=n repeats it.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io qemu-nbd nbdinfo nbdkit perl prlimit

cd "$tmp"
rounds=${BATON_TEST_LONG:+3}
rounds=${BATON_BITMAPS_ROUNDS:-${rounds:-1}}
seed=${BATON_TEST_SEED:-$((RANDOM << 15 | RANDOM))}
RANDOM=$seed

eval "plain_$(declare -f fail)"
fail () { plain_fail "$*; BATON_TEST_SEED=$seed"; }

size=$((5 << 20))               # and a granule of 512 bytes
key=()
opts () { echo "driver=qcow2,file.filename=disk.qcow2${key:+,encrypt.key-secret=key}${1:-}"; }

# -- what the bitmaps hold -----------------------------------------------------

# mark OFFSET LEN: what the enabled bitmaps shall hold from now on
mark ()
{
  local bits
  for bits in "${enabled[@]}"; do
    seq $(($1 >> bits)) $((($1 + $2 - 1) >> bits)) >>"g$bits.want"
  done
}

# holds NAME BITS: the granules that QEMU says are dirty
holds ()
{
  launch q qemu-nbd -t -r -B "$1" -k "$(sock q)" "${key[@]}" \
         --pid-file="$tmp/q.pid" --image-opts "$(opts)"
  nbdinfo --map="qemu:dirty-bitmap:$1" "$(uri q)" >map
  stop q
  perl -ane '($o, $l, $t) = @F; next unless $t & 1;
             print "$_\n" for $o >> $ENV{BITS} .. ($o + $l - 1) >> $ENV{BITS}' \
       map
}

compare_bitmaps ()
{
  local bits
  for bits in "${enabled[@]}"; do
    sort -n -u -o "g$bits.want" "g$bits.want"
    BITS=$bits holds "g$bits" >"g$bits.have"
    cmp -s "g$bits.want" "g$bits.have" ||
      fail "$1: bitmap of $((1 << bits)) bytes, wanted and found differ: $(
            diff "g$bits.want" "g$bits.have" | head -n 5)"
  done
  BITS=16 holds frozen >frozen.have
  cmp -s frozen.want frozen.have || fail "$1: the disabled bitmap has changed"
}

# check_flags WHAT FLAGS: of the enabled ones, as qemu-img info says them
check_flags ()
{
  qemu-img info --output=json -U "${key[@]}" --image-opts "$(opts)" |
    perl -MJSON::PP -0777 -ne '
      for (@{decode_json ($_)->{"format-specific"}{data}{bitmaps}}) {
        print "$_->{name} ", join (",", sort @{$_->{flags}}), "\n" }' |
    sort >flags
  { printf "g%s $2\n" "${enabled[@]}"; echo 'frozen '; } | sort >flags.want
  cmp -s flags flags.want || fail "$1: flags are $(cat flags), not $2"
}

check_image ()
{
  qemu-img check -q "${key[@]}" --image-opts "$(opts)" >check.out 2>&1 ||
    fail "$1: qemu-img check: $(head -n 5 check.out)"
}

# -- writing ---------------------------------------------------------------------

# A range at random into at and len; now and then a large one.
pick ()
{
  local most=60
  [ $((RANDOM % 6)) -gt 0 ] || most=2000
  at=$(((RANDOM << 15 | RANDOM) % (size / 512) * 512))
  len=$(((RANDOM % most + 1) * 512))
  [ $((at + len)) -le "$size" ] || len=$((size - at))
}

# commands N: for qemu-io, and what they shall leave marked
commands ()
{
  local i at len
  for ((i = 0; i < $1; i++)); do
    pick
    mark "$at" "$len"
    case $((RANDOM % 5)) in
      0) echo "write -q -z $at $len" ;;
      1) echo "write -q -z -u $at $len" ;;
      2) echo "discard -q $at $len" ;;
      *) echo "write -q -P $((RANDOM % 255 + 1)) $at $len" ;;
    esac
  done
}

# through SERVER N
through ()
{
  commands "$2" >commands
  qemu-io -f raw "$(uri "$1")" <commands >out 2>&1 || fail "qemu-io: $(cat out)"
  ! grep -i -E 'fail|error' out || fail "qemu-io: $(cat out)"
}

through_qemu ()
{
  commands "$1" >commands
  qemu-io -d unmap "${key[@]}" --image-opts "$(opts)" <commands >/dev/null
}

# -- the turns ---------------------------------------------------------------------

# make OPTIONS BITS...: the image, its bitmaps, and what is in them
make ()
{
  local bits options=$1
  shift
  rm -f ./*.want ./*.data disk.qcow2
  insist qemu-img create -q -f qcow2 "${key[@]}" -o "$options" disk.qcow2 "$size"
  # It has bits from before it was disabled, which must stay.
  add frozen 16
  qemu-io "${key[@]}" --image-opts -c "write -q -P 1 1M 200k" "$(opts)"
  qemu-img bitmap --disable "${key[@]}" --image-opts "$(opts)" frozen
  seq 16 19 >frozen.want
  enabled=("$@")
  for bits in "$@"; do
    add "g$bits" "$bits"
    : >"g$bits.want"
  done
}

add ()
{
  qemu-img bitmap --add -g $((1 << $2)) "${key[@]}" --image-opts "$(opts)" "$1"
}

us ()
{
  start_server a disk.qcow2 control="$(control a)" "${params[@]}"
  through a 8
  check_flags "$name, while we write" auto,in-use
  [ -z "${1:-}" ] || pass_on
  stop a
  check_flags "$name, at the end" auto
  check_image "$name"
}

# To another server, by way of nobody, and back.
pass_on ()
{
  start_server b disk.qcow2 control="$(control b)" start=inactive "${params[@]}"
  baton pass "$(control a)" "$(control b)" >/dev/null
  check_flags "$name, passed" auto,in-use
  through b 5
  baton inactivate "$(control b)" >/dev/null
  check_flags "$name, inactive" auto
  baton activate "$(control b)" >/dev/null
  through b 3
  baton pass "$(control b)" "$(control a)" >/dev/null
  stop b
  through a 3
}

# turns NAME OPTIONS BITS [PARAMETER...]
turns ()
{
  local name=$1 i bits params=("${@:4}")
  read -r -a bits <<<"$3"
  make "$2" "${bits[@]}"
  for ((i = 0; i < rounds; i++)); do
    us hand-over
    compare_bitmaps "$name, by us"
    through_qemu 8
    us
    compare_bitmaps "$name, by QEMU and us"
  done
  ! grep warning a.log b.log || fail "$name: told of something"
  echo "$name: $rounds rounds"
}

# By default one of these.
which=$((RANDOM % 9))
some () { [ -z "${BATON_TEST_LONG:-}" ] && [ $((which++ % 9)) -ne 0 ] || turns "$@"; }
some v3-64k cluster_size=64k '9 12 16 20'
some v3-512 cluster_size=512 '9 11 31'
some v3-4k cluster_size=4k '9 16'
some direct cluster_size=64k '9 16' cache=none
some packed cluster_size=64k '9 16' compress=on
some subclusters cluster_size=16k,extended_l2=on '9 14'
some data-file cluster_size=4k,data_file=disk.data '9 16'
some raw-data-file cluster_size=64k,data_file=disk.data,data_file_raw=on '9'
echo -n 'open sesame' >secret
key=(--object secret,id=key,file=secret)
some luks cluster_size=64k,encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 \
      '9 16' passphrase-file=secret
key=()

# -- QEMU serves the same ---------------------------------------------------------

make cluster_size=4k 9 16
cp disk.qcow2 ours.qcow2
through_qemu 20
for bits in 9 16; do BITS=$bits holds g$bits >"twin$bits"; done
mv ours.qcow2 disk.qcow2
start_server a disk.qcow2
qemu-io -f raw "$(uri a)" <commands >out
stop a
for bits in 9 16; do
  BITS=$bits holds g$bits | cmp - "twin$bits" || fail "QEMU's has other bits"
done
[ -s twin9 ] || fail "nothing was written"

# -- all of the disk ------------------------------------------------------------

make cluster_size=4k 9 16
start_server a disk.qcow2
qemu-io -f raw -c "write -q -z 0 $size" "$(uri a)"
stop a
mark 0 "$size"
compare_bitmaps "all ones"
check_image "all ones"

# -- an end that is not orderly ---------------------------------------------------

make cluster_size=64k 9 16
start_server a disk.qcow2
qemu-io -f raw -c 'write -q -P 5 64k 64k' "$(uri a)"
kill_server a
check_flags "killed" auto,in-use
check_leaks_only disk.qcow2
start_server a disk.qcow2
[ "$(grep -c "warning: .*dirty bitmaps" a.log)" -eq 1 ] || fail "told more than once"
grep -q "warning: .*disk.qcow2: 2 of the image's persistent dirty bitmaps cannot be used" \
     a.log || fail "not told of inconsistent bitmaps: $(cat a.log)"
qemu-io -f raw -c 'write -q -P 6 1M 64k' "$(uri a)"
stop a
check_flags "served again" auto,in-use
BITS=16 holds frozen >frozen.have
cmp frozen.want frozen.have || fail "the disabled bitmap has changed"
qemu-img bitmap --remove disk.qcow2 g9
qemu-img bitmap --remove disk.qcow2 g16
check_leaks_only disk.qcow2

# -- no space for the bits --------------------------------------------------------

make cluster_size=64k 9 16
trap '' XFSZ
start_server a disk.qcow2 control="$(control a)"
trap - XFSZ
qemu-io -f raw -c 'write -q -P 5 1M 64k' "$(uri a)"
prlimit --pid "$a_pid" --fsize="$(stat -c %s disk.qcow2)"
baton inactivate "$(control a)"
grep -q "warning: .*disk.qcow2: 2 of the image's persistent dirty bitmaps could not be saved" \
     a.log || fail "not told of lost bitmaps: $(cat a.log)"
baton status "$(control a)" | grep -q '2 of .* dirty bitmaps could not be saved' ||
  fail "not in status: $(baton status "$(control a)")"
stop a
check_flags "full" auto,in-use
check_image "full"
[ "$(qemu-io -c 'read -q -P 5 1M 64k' disk.qcow2)" = "" ] || fail "data were lost"
