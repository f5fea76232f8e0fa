#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# baton check finds what qemu-img check finds, in the same numbers and with
# the same exit code, and what it has repaired is clean for qemu-img, with the
# contents that were there.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io jq

damage () { python3 "$srcdir/damage.py" "$@"; }

# json KEYS FILE: those members, absent ones as 0
json ()
{
  jq -c "[$(sed 's/[a-z-]*/(."&" \/\/ 0)/g; s/(."" \/\/ 0)//g' <<<"$1")]" "$2"
}
counts='corruptions,leaks,check-errors'
figures='image-end-offset,total-clusters,allocated-clusters,fragmented-clusters,compressed-clusters'

qemu_check ()
{
  case ${1##*/} in
    l*) qemu-img check --output=json --object secret,id=s,data=x \
                 --image-opts "driver=qcow2,encrypt.key-secret=s,file.filename=$1" ;;
    *) qemu-img check -f qcow2 --output=json "$1" ;;
  esac
}

qemu_io () { qemu-io -t unsafe "$@" >/dev/null; }

# same_verdict NAME IMAGE: nobody repairs
same_verdict ()
{
  local ours=0 theirs=0
  qemu_check "$2" >"$tmp/q.json" 2>"$tmp/q.err" || theirs=$?
  cp "$2" "$tmp/before"
  baton check --json "$2" >"$tmp/b.json" 2>"$tmp/b.err" || ours=$?
  cmp -s "$2" "$tmp/before" || fail "$1: a check has written to the image"
  [ "$ours" -eq "$theirs" ] ||
    fail "$1: exit code $ours, qemu-img's is $theirs: $(head -n 3 "$tmp/q.err" "$tmp/b.err")"
  # Where qemu-img cannot check, it prints no numbers.
  [ "$theirs" -ne 1 ] || return 0
  [ "$(json "$counts" "$tmp/b.json")" = "$(json "$counts" "$tmp/q.json")" ] ||
    fail "$1: $counts: ours $(json "$counts" "$tmp/b.json"), qemu-img's $(json "$counts" "$tmp/q.json")"
  [ "$(json "$figures" "$tmp/b.json")" = "$(json "$figures" "$tmp/q.json")" ] ||
    fail "$1: $figures: ours $(json "$figures" "$tmp/b.json"), qemu-img's $(json "$figures" "$tmp/q.json")"
}

# make_image NAME CREATE-OPTIONS SIZE: data, zeros, a second L2 table, and
# unless it has an x in NAME compressed clusters
make_image ()
{
  local far
  far=$(($(numfmt --from=iec "$3") - 300 * 1024))
  # shellcheck disable=SC2086
  qemu-img create -q -f qcow2 $2 "$tmp/$1" "$3"
  qemu_io -f qcow2 -c "write -P 17 0 300k" -c "write -P 18 1M 64k" \
          -c "write -z 32k 64k" -c "write -P 19 $far 100k" "$tmp/$1"
  [[ $1 = *x* ]] || qemu_io -f qcow2 -c "write -c -P 20 2M 64k" \
          -c "write -c -P 21 2176k 64k" "$tmp/$1"
}

make_image a.qcow2 "" 200M
make_image b.qcow2 "-o cluster_size=512,refcount_bits=64" 8M
make_image cx.qcow2 "-o cluster_size=4k,refcount_bits=2" 20M
make_image d.qcow2 "-o extended_l2=on,cluster_size=16k" 100M
make_image e.qcow2 "-o compat=0.10,cluster_size=1k" 8M
make_image fx.qcow2 "-o data_file=$tmp/f.raw,cluster_size=4k" 20M
make_image g.qcow2 "-o cluster_size=8k" 32M
for i in 1 2 3; do
  qemu-img snapshot -c "s$i" "$tmp/g.qcow2"
  qemu_io -f qcow2 -c "write -P $((30 + i)) 8k 40k" "$tmp/g.qcow2"
done
make_image h.qcow2 "-o cluster_size=64k" 100M
qemu-img bitmap --add "$tmp/h.qcow2" one
qemu-img bitmap --add -g 512 "$tmp/h.qcow2" two
insist qemu-img create -q -f qcow2 --object secret,id=s,data=x \
         -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 \
         "$tmp/lx.qcow2" 20M
qemu_io --object secret,id=s,data=x --image-opts \
        -c "write -P 1 0 1M" \
        "driver=qcow2,encrypt.key-secret=s,file.filename=$tmp/lx.qcow2"

for image in a b cx d e fx g h lx; do
  same_verdict "$image undamaged" "$tmp/$image.qcow2"
  [ "$(json "$counts" "$tmp/b.json")" = "[0,0,0]" ] || fail "$image is not clean"
done

# -- damaged -------------------------------------------------------------------

# What reads differently afterwards because of the damage itself.
changes_data=' overlap overlap_counted data_is_l2 truncated l2_outside l1_outside '
# What is damaged for good.  data_is_l2: what is a guest's cluster as well as a
# table is not written to, for it is not known which of them it should be.
beyond_repair=' truncated l2_outside l1_outside l2_reserved data_is_l2 '

# repairs NAME KIND IMAGE: with --repair all
repairs ()
{
  local status=0
  cp "$3" "$tmp/r.qcow2"
  baton check --json --repair all "$tmp/r.qcow2" >"$tmp/r.json" 2>"$tmp/r.err" || status=$?
  if [[ $beyond_repair = *" $2 "* ]]; then
    return 0
  fi
  [ "$status" -eq 0 ] || fail "$1: repair: status $status: $(tail -n 2 "$tmp/r.err")"
  check_clean "$tmp/r.qcow2"
  baton check --json "$tmp/r.qcow2" >"$tmp/r.json" 2>&1 || fail "$1: not clean for us"
}

kinds='leak refcount_zero refcount_high refcount_table_zero refcount_l2_high
copied_l1 copied_l2 overlap overlap_counted data_is_l2 truncated no_block
block_unaligned block_outside block_reserved block_is_data l2_reserved
l2_outside l1_outside'
nr=0 at=0
for image in a b cx d e fx g h; do
  at=$((at + 1)) k=$at
  for kind in $kinds; do
    # Every kind on one geometry, or all on all.
    k=$((k + 1))
    [ -n "${BATON_TEST_LONG:-}" ] || [ $((k % 12)) -eq 0 ] || continue
    # Not with refcounts of 2 bits, or where data have none.
    case $image:$kind in
      cx:refcount*high | fx:refcount_zero | fx:refcount_high | \
      fx:block_is_data | fx:data_is_l2 | fx:l2_outside | fx:overlap*) continue
    esac
    cp "$tmp/$image.qcow2" "$tmp/x.qcow2"
    damage "$tmp/x.qcow2" "$kind" "$k" || fail "cannot damage $image: $kind"
    same_verdict "$image $kind" "$tmp/x.qcow2"
    repairs "$image $kind" "$kind" "$tmp/x.qcow2"
    if [[ "$changes_data$beyond_repair" != *" $kind "* && $image != *x* ]]; then
      [ -f "$tmp/$image.raw" ] ||
        qemu-img convert -O raw "$tmp/$image.qcow2" "$tmp/$image.raw"
      compare -f raw -F qcow2 "$tmp/$image.raw" "$tmp/r.qcow2"
    fi
    nr=$((nr + 1))
  done
done
echo "$nr damaged images"

# -- leaks, the dirty bit, locks, and what is none ---------------------------------

cp "$tmp/g.qcow2" "$tmp/x.qcow2"
damage "$tmp/x.qcow2" leak
baton check --repair leaks "$tmp/x.qcow2" >"$tmp/out" || fail "leaks: status $?"
grep -qx '    5 leaked clusters' "$tmp/out" || fail "leaks: $(cat "$tmp/out")"
check_clean "$tmp/x.qcow2"

# Leaks alone do not make a refcount of 0 right, but what is counted too high.
damage "$tmp/x.qcow2" refcount_zero 3
damage "$tmp/x.qcow2" leak
status=0
baton check --repair leaks "$tmp/x.qcow2" >"$tmp/out" 2>&1 || status=$?
[ "$status" -eq 2 ] || fail "corruptions that are left: status $status"
baton check --repair all "$tmp/x.qcow2" >"$tmp/out" 2>&1 || fail "then all: $?"
check_clean "$tmp/x.qcow2"

damage "$tmp/x.qcow2" dirty
damage "$tmp/x.qcow2" corrupt
baton check --repair all "$tmp/x.qcow2" >"$tmp/out" || fail "dirty: $?"
qemu-img info --output=json "$tmp/x.qcow2" | grep -q '"corrupt": false' ||
  fail "the image is still corrupt"
[ "$(od -An -tu1 -j79 -N1 "$tmp/x.qcow2" | tr -d ' ')" -eq 0 ] ||
  fail "the bits are still set"

start_nbdkit writer "$tmp/x.qcow2"
status=0
baton check "$tmp/x.qcow2" 2>"$tmp/err" || status=$?
[ "$status" -eq 1 ] || fail "in use: status $status"
grep -q 'the image is in use' "$tmp/err" || fail "in use: $(cat "$tmp/err")"
stop writer

echo raw >"$tmp/raw"
status=0
baton check "$tmp/raw" 2>"$tmp/err" || status=$?
[ "$status" -eq 63 ] || fail "not qcow2: status $status"
grep -q 'not a qcow2 image, and only those can be checked' "$tmp/err" ||
  fail "not qcow2: $(cat "$tmp/err")"
status=0
baton check --repair some "$tmp/x.qcow2" 2>"$tmp/err" || status=$?
[ "$status" -eq 2 ] || fail "--repair some: status $status"
baton check --progress "$tmp/x.qcow2" >/dev/null 2>"$tmp/err" || fail "--progress"
