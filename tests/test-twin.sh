#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Random operations through our server and through QEMU on twin images must
# leave equal contents, an image without errors and without leaks, and must
# go on to do so when the two engines take turns on one file.
#
# A combination is replayed alone by
#   BATON_TWIN_ONLY=name BATON_TWIN_SEED=n tests/test-twin.sh
# BATON_TWIN_OPS=n sets the number of operations, BATON_TEST_LONG=1 runs
# every combination of kind, cluster size, version and refcount width.
# BATON_TEST_SERVER=qemu-nbd puts QEMU on both sides, with one request at a
# time (two in one cluster are too much for QEMU 7.2): it must pass.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io qemu-nbd nbdkit

long=${BATON_TEST_LONG:-}
ops=${BATON_TWIN_OPS:-250}
only=${BATON_TWIN_ONLY:-}
replay=

# Every failure tells how to see it again.
eval "plain_$(declare -f fail)"
fail () { plain_fail "$*${replay:+; replay: $replay}"; }

# name             kind          cluster size    options of create     of twin
table='
v2-512             blank         512     3M      compat=0.10           depth=8
v2-4k              blank         4k      9M      compat=0.10           depth=1
v2-64k             blank         64k     33M     compat=0.10           depth=8
v2-2M              blank         2M      65M     compat=0.10           depth=4
v3-512             blank         512     3M      compat=1.1            depth=8,connections=4
v3-4k              blank         4k      9M      compat=1.1            depth=16,connections=4
v3-64k             blank         64k     33M     compat=1.1            depth=16,connections=8
v3-2M              blank         2M      65M     compat=1.1            depth=8,connections=2
refcount-1         blank         4k      9M      refcount_bits=1       depth=8
refcount-2         blank         512     3M      refcount_bits=2       depth=8
refcount-8         blank         64k     33M     refcount_bits=8       depth=8
refcount-64        blank         512     3M      refcount_bits=64      depth=8
lazy-refcounts     blank         64k     33M     lazy_refcounts=on     depth=8
preallocated       blank         64k     17M     preallocation=metadata depth=8
odd-size           blank         64k     5243392 compat=1.1            depth=4
odd-size-512       blank         512     51712   compat=0.10           depth=4
one-sector         blank         64k     512     compat=1.1            depth=2
backing-v2         backing       64k     17M     compat=0.10           depth=8
backing-v3         backing       4k      9M      compat=1.1            depth=8
backing-shorter    backing-short 64k     17M     compat=1.1            depth=8
backing-shorter-v2 backing-short 512     3M      compat=0.10           depth=8
backing-raw        backing-raw   64k     9M      compat=1.1            depth=8
chain              chain         64k     9M      compat=1.1            depth=8,connections=2
chain-v2-2M        chain         2M      33M     compat=0.10           depth=4
compressed-zlib    compressed    64k     17M     compat=0.10           depth=8
compressed-512     compressed    512     3M      compat=1.1            depth=8
compressed-zstd    compressed    64k     17M     compression_type=zstd depth=8,connections=2
subclusters        blank         64k     33M     extended_l2=on        depth=8,connections=4
subclusters-16k    backing       16k     9M      extended_l2=on        depth=8
subclusters-2M     backing-raw   2M      33M     extended_l2=on        depth=4
subclusters-zlib   compressed    64k     17M     extended_l2=on        depth=8
subclusters-shared snapshot      32k     17M     extended_l2=on        depth=8
snapshot-v2        snapshot      4k      9M      compat=0.10           depth=8
snapshot-v3        snapshot      64k     17M     compat=1.1            depth=8
'

# Every combination that qemu-img can make, in the form of the table.
whole_table ()
{
  local kind cluster size options
  for cluster in 512:3M 4k:9M 64k:17M 2M:65M; do
    size=${cluster#*:}
    for kind in blank backing backing-short backing-raw chain compressed \
                snapshot; do
      for options in compat=0.10 refcount_bits={1,2,4,8,16,32,64} \
                     lazy_refcounts=on compression_type=zstd \
                     extended_l2=on; do
        [ "$kind-$options" != snapshot-refcount_bits=1 ] || continue
        [[ "$cluster-$options" != [54]*-ext* ]] || continue
        echo "$kind-${cluster%:*}-${options//[^a-z0-9]/-}" "$kind" \
             "${cluster%:*}" "$size" "$options" depth=16,connections=4
      done
    done
  done
}

bytes () { numfmt --from=iec "${1^^}"; }

# fill FILE FORMAT BYTES [PATTERN]: data here and there, the ends included
fill ()
{
  local size=$3 pattern=${4:-17} at args=() i
  for i in 0 1 2 3 4 5; do
    at=$((size * i / 6 / 512 * 512))
    args+=(-c "write -q -P $((pattern + i)) $at $((size / 20 / 512 * 512 + 512))")
  done
  args+=(-c "write -q -P $((pattern + 9)) $((size - 512)) 512")
  qemu-io -t unsafe -f "$2" "${args[@]}" "$1" >/dev/null
}

# make_KIND FILE BYTES OPTIONS: FILE, and what it stands on beside it
make_blank ()
{
  qemu-img create -q -f qcow2 -o "$3" "$1" "$2"
}

make_backing ()
{
  qemu-img create -q -f qcow2 -o cluster_size=16k base.qcow2 "$2"
  fill base.qcow2 qcow2 "$2"
  qemu-img create -q -f qcow2 -o "$3" -b base.qcow2 -F qcow2 "$1" "$2"
}

make_backing-short ()
{
  local short=$(($2 / 2 / 512 * 512 + 512))
  make_backing base-overlay.qcow2 "$short" compat=1.1
  qemu-img create -q -f qcow2 -o "$3" -b base.qcow2 -F qcow2 "$1" "$2"
}

make_backing-raw ()
{
  truncate -s $(($2 / 3 / 512 * 512 + 512)) base.raw
  fill base.raw raw "$(stat -c %s base.raw)"
  qemu-img create -q -f qcow2 -o "$3" -b base.raw -F raw "$1" "$2"
}

make_chain ()
{
  make_backing-raw middle.qcow2 "$2" cluster_size=4k
  qemu-io -t unsafe -f qcow2 -c 'write -q -P 77 1234k 100k' \
          -c 'write -q -z 1500k 64k' middle.qcow2
  qemu-img create -q -f qcow2 -o "$3" -b middle.qcow2 -F qcow2 "$1" "$2"
}

# Text that shrinks to clusters of many lengths.
make_compressed ()
{
  { seq 1 200000 | head -c $(($2 / 3)) || :; } >source.raw
  truncate -s "$2" source.raw
  fill source.raw raw "$2"
  qemu-img convert -q -f raw -O qcow2 -c -o "$3" source.raw "$1"
  rm source.raw
}

make_snapshot ()
{
  make_blank "$@"
  fill "$1" qcow2 "$2"
  qemu-img snapshot -c before "$1"
  qemu-io -t unsafe -f qcow2 -c 'write -q -P 99 100k 200k' "$1"
}

# one_round SEED OPS SERVER OPTION...: ours.qcow2 by SERVER against twin.qcow2
one_round ()
{
  local seed=$1 nr=$2 serve_a=$3
  shift 3
  "$serve_a" a ours.qcow2
  start_qemu_nbd b twin.qcow2 --discard=unmap --cache=unsafe
  "$(program twin)" --seed "$seed" --ops "$nr" --cluster "$cluster" \
     "$@" "$(sock a)" "$(sock b)" >>twin.log 2>&1 ||
    { cat twin.log >&2; fail "seed $seed"; }
  stop a
  stop b
  check_clean ours.qcow2
  compare ours.qcow2 twin.qcow2
}

by_qemu () { start_qemu_nbd "$@" --discard=unmap --cache=unsafe; }

sums () { find . -type f ! -name ours.qcow2 ! -name 'twin.*' -exec sha256sum {} +; }

compare_snapshot ()
{
  qemu-img convert -q -l before -O raw ours.qcow2 ours.raw
  qemu-img convert -q -l before -O raw twin.qcow2 twin.raw
  cmp ours.raw twin.raw || fail "the snapshot has changed"
}

rounds ()
{
  local seed=$1 before
  shift
  before=$(sums)
  one_round "$seed" "$ops" start_server "$@"
  one_round $((seed + 1)) $((ops / 5)) by_qemu --trim-as-zero
  one_round $((seed + 2)) $((ops / 2)) start_server "$@"
  [ "$before" = "$(sums)" ] || fail "a backing file has changed"
  [ "$kind" != snapshot ] || compare_snapshot
}

combination ()
{
  local name=$1 kind=$2 cluster=$3 size options=$5 args seed
  size=$(bytes "$4")
  read -r -a args <<<"--${6//,/ --}"
  [ "${BATON_TEST_SERVER:-}" != qemu-nbd ] || args=(--trim-as-zero)
  seed=${BATON_TWIN_SEED:-$((RANDOM << 15 | RANDOM))}
  options=cluster_size=$cluster,$options
  mkdir "$tmp/$name"
  cd "$tmp/$name"
  printf '%s seed %s ...' "$name" "$seed"
  "make_$kind" ours.qcow2 "$size" "$options"
  cp ours.qcow2 twin.qcow2
  replay="BATON_TWIN_ONLY=$name BATON_TWIN_SEED=$seed BATON_TWIN_OPS=$ops $0"
  rounds "$seed" "${args[@]}"
  echo ' ok'
  cd "$tmp"
  rm -rf "${tmp:?}/$name"
}

nr=0
while read -r name kind cluster size options args; do
  [ -n "$name" ] || continue
  [ -z "$only" ] || [ "$only" = "$name" ] || continue
  combination "$name" "$kind" "$cluster" "$size" "$options" "$args" </dev/null
  nr=$((nr + 1))
done < <(echo "$table"; [ -z "$long$only" ] || whole_table)
[ "$nr" -gt 0 ] || fail "no combination is called '$only'"
echo "$nr combinations, $ops operations each and more after QEMU's turn"
