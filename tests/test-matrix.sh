#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Images of every combination that qemu-img can make: a random workload
# through our server, and the same through QEMU on a twin.  Afterwards the
# bytes are equal, the image has no error and no leak, block status is what
# QEMU says of the same file, and in the header only what may change has
# changed.  The engines take turns: ours, QEMU, ours again.
#
#   tests/test-matrix.sh COMBINATION [SEED]     one, as a failure says it
#   tests/test-matrix.sh --list                 the names of all
#
# A combination is KIND:CLUSTER:BYTES:OPTIONS[:PARAMETER...]: make_KIND below,
# options of `qemu-img create', parameters of our server.  By default a sample
# is run, a part of it new every time; BATON_TEST_LONG=1 runs all.
# BATON_MATRIX_OPS=n sets the number of operations, BATON_MATRIX_JOBS=n how
# many combinations run side by side, BATON_MATRIX_SAMPLE=n runs n any, and
# with BATON_TEST_LONG=1 one of each kind and option besides.
# BATON_TEST_SERVER=qemu-nbd puts QEMU on both sides, with one request at a
# time (two in one cluster are too much for QEMU 7.2): it must pass.
#
# "Block status is what QEMU says": asked of one file at one moment, byte for
# byte, hole and zero, with two differences that are counted:
#   held    a zero cluster that keeps its host cluster: QEMU calls it a hole,
#           we do not, for the file does hold its space;
#   looked  QEMU calls data zero where the file has a hole below it.
# Of the twins, whose histories differ, it is counted how much only one of
# them knows to be zero.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io qemu-nbd nbdkit perl xargs

long=${BATON_TEST_LONG:-}
ops=${BATON_MATRIX_OPS:-100}

# -- the combinations --------------------------------------------------------

clusters='512:1M 1k:1536k 2k:2M 4k:3M 8k:3M 16k:4M 32k:4M 64k:5M 128k:6M
          256k:7M 512k:9M 1M:12M 2M:17M'
widths=(1 2 4 8 16 32 64)
nr=0

bytes () { numfmt --from=iec "${1^^}"; }

# say KIND CLUSTER:SIZE OPTIONS [PARAMETER]: every second disk ends inside a
# cluster, or for 512-byte clusters inside an L2 table
say ()
{
  local size
  size=$(bytes "${2#*:}")
  nr=$((nr + 1))
  [ $((nr % 2)) -eq 0 ] || size=$((size + 512 * (nr % 5 + 1)))
  echo "$1:${2%:*}:$size:$3${4:+:$4}"
}

# The next width, of those in which a snapshot's count of 2 has room.
next_width () { echo "refcount_bits=${widths[nr % 6 + 1]}"; }

every_geometry ()
{
  local cluster bits kind
  for cluster in $clusters; do
    for bits in "${widths[@]}"; do
      say blank "$cluster" "refcount_bits=$bits"
    done
  done
  for cluster in 512:1M 4k:3M 16k:4M 64k:5M 256k:7M 2M:17M; do
    for kind in blank backing backing-short backing-raw chain compressed \
                snapshot; do
      say "$kind" "$cluster" compat=0.10
    done
  done
}

every_kind ()
{
  local cluster=$1 kind
  for kind in backing backing-short backing-raw chain compressed snapshot \
              bitmaps; do
    say "$kind" "$cluster" "$(next_width)"
  done
  say compressed "$cluster" "compression_type=zstd,$(next_width)"
  # Clusters that share a host cluster count too.
  say compressed-snapshot "$cluster" "refcount_bits=${widths[nr % 3 + 4]}"
  say blank "$cluster" "preallocation=metadata,$(next_width)"
  say blank "$cluster" "lazy_refcounts=on,$(next_width)"
  say filled "$cluster" "$(next_width)" compress=on
  say filled "$cluster" "data_file=@,$(next_width)"
  say blank "$cluster" "data_file=@,data_file_raw=on,$(next_width)"
  # qemu-img measures the processor for a second or two each time.
  [[ ' 4k 64k 2M ' != *" ${cluster%:*} "* ]] ||
    say filled "$cluster" "encrypt.format=luks,$(next_width)"
}

extended ()
{
  local cluster=$1 kind
  for kind in blank filled backing backing-short backing-raw compressed \
              snapshot bitmaps; do
    say "$kind" "$cluster" "extended_l2=on,$(next_width)"
  done
  say blank "$cluster" extended_l2=on,preallocation=metadata
  say blank "$cluster" extended_l2=on,lazy_refcounts=on
  say filled "$cluster" extended_l2=on,encrypt.format=luks
  say filled "$cluster" extended_l2=on,data_file=@
  say backing "$cluster" extended_l2=on "compress=on"
}

# Options that meet.
pairs ()
{
  local cluster=$1
  say snapshot "$cluster" encrypt.format=luks
  say backing "$cluster" encrypt.format=luks
  say bitmaps "$cluster" lazy_refcounts=on
  say backing "$cluster" data_file=@
  say filled "$cluster" data_file=@,encrypt.format=luks
  say snapshot "$cluster" lazy_refcounts=on
  say snapshot "$cluster" preallocation=metadata
  say backing "$cluster" compression_type=zstd
  say compressed-snapshot "$cluster" compat=0.10
}

odd_sizes ()
{
  local size cluster
  for cluster in 512 4k 64k 2M; do
    for size in 512 1536 66048; do
      echo "blank:$cluster:$size:compat=1.1"
      echo "backing:$cluster:$size:compat=1.1"
      echo "blank:$cluster:$size:compat=0.10"
    done
  done
}

every_combination ()
{
  local cluster bits
  every_geometry
  for cluster in $clusters; do
    every_kind "$cluster"
  done
  for cluster in 16k:4M 32k:4M 64k:5M 256k:7M 2M:17M; do
    extended "$cluster"
  done
  for cluster in 8k:3M 64k:5M 2M:17M; do
    pairs "$cluster"
  done
  for bits in 1 2 8 64; do
    for cluster in 512:1M 64k:5M; do
      say compressed "$cluster" "refcount_bits=$bits"
      [ "$bits" = 1 ] || say snapshot "$cluster" "refcount_bits=$bits"
    done
  done
  odd_sizes
}

# Each kind, each set of options and parameters, and some of the rest; by
# default about a fifth of that.
sample ()
{
  [ -n "$long" ] || [ -z "${BATON_MATRIX_SAMPLE:-}" ] ||
    { shuf -n "$BATON_MATRIX_SAMPLE" all; return; }
  shuf all | awk -F: -v all="$long" -v seed="$RANDOM" '
    BEGIN { srand (seed) }
    { option = $4 ":" $5; sub (/,?refcount_bits=[0-9]*/, "", option)
      if (option ~ /luks/) option = "luks"
      if ((!($1 in kinds) || !(option in options)) && rand () < (all ? 1 : 0.2)) print
      kinds[$1] = options[option] = 1 }'
  shuf -n "${BATON_MATRIX_SAMPLE:-2}" all
}

# -- making images -------------------------------------------------------------

# Words of qemu-img and qemu-io for a secret, if there is one.
key=()

opts ()
{
  echo "driver=qcow2,file.filename=$1${key:+,encrypt.key-secret=key}${2:-}"
}

io () { qemu-io -t unsafe "${key[@]}" --image-opts "$(opts "$1")" "${@:2}" >/dev/null; }

# create FILE BYTES OPTIONS [ARG...]: "@" is a name for FILE's data file.
# With a secret qemu-img measures the processor, and gives up now and then.
create ()
{
  local i
  for i in ${key:+1 2 3 4} last; do
    ! qemu-img create -q -f qcow2 "${key[@]}" -o "${3//@/${1%.*}.data}" \
               "${@:4}" "$1" "$2" 2>create.err || return 0
  done
  fail "qemu-img create: $(cat create.err)"
}

# writes BYTES [PATTERN]: of data here and there, the ends included, into args
writes ()
{
  local size=$1 pattern=${2:-17} at i len
  args=()
  for i in 0 1 2 3 4 5; do
    at=$((size * i / 6 / 512 * 512))
    len=$((size / 20 / 512 * 512 + 512))
    [ $((at + len)) -le "$size" ] || continue
    args+=(-c "write -q -P $((pattern + i)) $at $len")
  done
  args+=(-c "write -q -P $((pattern + 9)) $((size - 512)) 512")
}

# make_KIND FILE BYTES OPTIONS: FILE, and what it stands on beside it
make_blank () { create "$@"; }

make_filled ()
{
  create "$@"
  writes "$2" 33
  io "$1" "${args[@]}"
}

make_backing ()
{
  qemu-img create -q -f qcow2 -o cluster_size=16k base.qcow2 "$2"
  writes "$2"
  qemu-io -t unsafe -f qcow2 "${args[@]}" base.qcow2 >/dev/null
  create "$1" "$2" "$3" -b base.qcow2 -F qcow2
}

make_backing-short ()
{
  local short=$(($2 / 2 / 512 * 512 + 512))
  make_backing unused.qcow2 "$short" compat=1.1
  create "$1" "$2" "$3" -b base.qcow2 -F qcow2
}

make_backing-raw ()
{
  local short=$(($2 / 3 / 512 * 512 + 512))
  truncate -s "$short" base.raw
  writes "$short"
  qemu-io -t unsafe -f raw "${args[@]}" base.raw >/dev/null
  create "$1" "$2" "$3" -b base.raw -F raw
}

make_chain ()
{
  local at=$(($2 / 3 / 512 * 512))
  make_backing-raw middle.qcow2 "$2" cluster_size=4k
  qemu-io -t unsafe -f qcow2 -c "write -q -P 77 $at 100k" \
          -c "write -q -z $((at * 2)) 64k" middle.qcow2
  create "$1" "$2" "$3" -b middle.qcow2 -F qcow2
}

# Text that shrinks to clusters of many lengths.
make_compressed ()
{
  { seq 1 200000 | head -c $(($2 / 3)) || :; } >source.raw
  truncate -s "$2" source.raw
  writes "$2"
  qemu-io -t unsafe -f raw "${args[@]}" source.raw >/dev/null
  qemu-img convert -q -f raw -O qcow2 -c -o "$3" source.raw "$1"
  rm source.raw
}

take_snapshot ()
{
  qemu-img snapshot "${key[@]}" --image-opts -c before "$(opts "$1")"
  io "$1" -c 'write -q -P 99 100k 200k'
}

make_snapshot () { make_filled "$@"; take_snapshot "$1"; }
make_compressed-snapshot () { make_compressed "$@"; take_snapshot "$1"; }

make_bitmaps ()
{
  make_filled "$@"
  qemu-img bitmap --add -g 64k "$1" one
  qemu-img bitmap --add --disable -g 512k "$1" two
  io "$1" -c 'write -q -P 98 300k 100k'
}

# Version 3: a compatible bit and, where there is room, an extension that
# nobody knows and all must keep, and an autoclear bit that all must clear.
plant='
  open my $f, "+<", shift or die; binmode $f; read $f, my $h, 512;
  my ($version, $backing) = unpack "x4 N Q>", $h;
  exit 0 if $version < 3;
  my $at = unpack "x100 N", $h;
  substr ($h, 80, 1) |= "\x40"; substr ($h, 88, 1) |= "\x80";
  while (1) {
    my ($type, $len) = unpack "x$at N N", $h;
    last if $type == 0;
    $at += 8 + ($len + 7 & ~7);
    last if $at > 480;
  }
  substr ($h, $at, 32) = pack "N N a16 N N", 0x62617453, 12, "Nobody knows", 0, 0
    if $at <= 480 && !$backing;
  seek $f, 0, 0; print $f $h;'

# -- a turn ----------------------------------------------------------------------

check_image ()
{
  local status=0
  qemu-img check "${key[@]}" --image-opts "$(opts "$1")" >check.out 2>&1 ||
    status=$?
  [ "$status" -eq 0 ] ||
    fail "qemu-img check $1: status $status: $(head -n 5 check.out)"
}

# The refcount table may move (48 to 59), autoclear bits go (88 to 95).
check_header ()
{
  local changed
  [ "${BATON_TEST_SERVER:-}" != qemu-nbd ] || return 0
  changed=$(head -c "$cluster" ours.qcow2 | cmp -l head - |
            awk '$1 <= 48 || ($1 > 60 && $1 <= 88) || $1 > 96' || :)
  [ -z "$changed" ] || fail "the header has changed (byte, was, is): $changed"
  [ "$(od -An -tx1 -j88 -N1 ours.qcow2)" != ' 80' ] ||
    [ "$version" = 2 ] || fail "an unknown autoclear bit was not cleared"
}

# What twin has counted goes to the file $figures.
twin ()
{
  "$(program twin)" --cluster "$cluster" "$@" >twin.out 2>&1 ||
    { cat twin.out >&2; fail "twin $*"; }
  cat twin.out >>"${figures:-twins}"
}

print_figures ()
{
  awk -v name="$name" -v seed="$seed" '
    { gsub (/[,;:]/, ""); n["ops"] += $4
      for (i = 5; i < NF; i++)
        if ($i ~ /^(same|held|looked|only-[AB]-zero)$/)
          n[($i == "same" ? FILENAME "-" : "") $i] += $(i + 1) }
    END { printf "ok %s seed %s", name, seed
          for (i in n) printf " %s %s", i, n[i]
          print "" }' twins file
}

serve_twin ()
{
  local name=$1 file=$2
  shift 2
  launch "$name" qemu-nbd -t -e 16 -k "$(sock "$name")" "${key[@]}" \
         --pid-file="$tmp/$name.pid" "$@" --image-opts "$(opts "$file")"
}

by_qemu () { serve_twin a ours.qcow2 --discard=unmap --cache=unsafe; }
by_us () { start_server a ours.qcow2 "${params[@]}"; }

# What QEMU reads while our server still has the image open.
same_status ()
{
  launch c qemu-nbd -t -r -k "$(sock c)" "${key[@]}" --pid-file="$tmp/c.pid" \
         --image-opts "$(opts ours.qcow2 ,force-share=on)"
  figures=file twin --same-file "$(sock a)" "$(sock c)"
  stop c
}

# turn SEED OPS SERVER OPTION...: ours.qcow2 by SERVER against the twin
turn ()
{
  local seed=$1 nr=$2 server=$3
  shift 3
  "$server"
  twin --seed "$seed" --ops "$nr" "$@" "$(sock a)" "$(sock b)"
}

our_turn ()
{
  head -c "$cluster" ours.qcow2 >head
  turn "$1" "$2" by_us --depth $((1 << $1 % 5)) \
       --connections $((1 << $1 / 5 % 3)) "${trim[@]}"
  "${@:3}"
  stop a
  check_image ours.qcow2
  check_header
}

serve_b () { serve_twin b twin.qcow2 --discard=unmap --cache=unsafe; }

# Compressed clusters where there were others, in both images.
recompress ()
{
  local file at args=() nr_clusters=$((size / cluster)) i
  [[ $kind = *compressed* && $nr_clusters -ge 4 ]] || return 0
  stop b
  for i in 1 2 3; do
    at=$(((seed * i + i) % (nr_clusters - 1) * cluster))
    args+=(-c "discard -q $at $cluster" -c "write -q -c -P $((40 + i)) $at $cluster")
  done
  for file in ours.qcow2 twin.qcow2; do
    qemu-io -d unmap -t unsafe -f qcow2 "${args[@]}" "$file" >/dev/null
  done
  serve_b
}

sums ()
{
  [[ $kind != backing* && $kind != chain ]] ||
    find . -name 'base.*' -exec sha256sum {} + -o -name 'middle.*' \
         -exec sha256sum {} +
}

compare_snapshots ()
{
  local file
  for file in ours twin; do
    qemu-img convert -q "${key[@]}" --image-opts -l before -O raw \
             "$(opts $file.qcow2)" $file.raw
  done
  cmp ours.raw twin.raw || fail "the snapshot has changed"
}

compare_twins ()
{
  qemu-img compare -q "${key[@]}" --image-opts "$(opts ours.qcow2)" \
           "$(opts twin.qcow2)" || fail "the contents differ"
  [[ $kind != *snapshot ]] || compare_snapshots
}

# A large cluster is a lot of bytes to copy.
nr_ops () { echo $((cluster >= 1048576 ? ops / 4 : cluster >= 131072 ? ops / 2 : ops)); }

turns ()
{
  local before known ops=$(nr_ops)
  before=$(sums)
  known=$(grep -c 'Nobody knows' head || :)
  serve_b
  our_turn "$seed" "$ops"
  recompress
  turn $((seed + 1)) $((ops / 5)) by_qemu --qemu
  stop a
  our_turn $((seed + 2)) $((ops / 2)) same_status
  stop b
  compare_twins
  [ "$before" = "$(sums)" ] || fail "a backing file has changed"
  [ "$(grep -c 'Nobody knows' head)" = "$known" ] || fail "the extension is gone"
}

# -- one combination -------------------------------------------------------------

# Every failure tells how to see it again.
eval "plain_$(declare -f fail)"
fail () { plain_fail "$*; replay: ${BATON_MATRIX_OPS:+BATON_MATRIX_OPS=$ops }$0 '$name' ${seed:-}"; }

make_twins ()
{
  local made="cluster_size=$cluster,$options"
  [[ $options != *encrypt* ]] || {
    echo -n 'open sesame' >secret
    key=(--object secret,id=key,file=secret)
    params+=(passphrase-file=secret)
    made+=,encrypt.key-secret=key,encrypt.iter-time=10
  }
  "make_$kind" ours.qcow2 "$size" "$made"
  case $options in
    *data_file*) "make_$kind" twin.qcow2 "$size" "$made" ;;
    *) cp ours.qcow2 twin.qcow2
  esac
  perl -e "$plant" ours.qcow2
  head -c "$cluster" ours.qcow2 >head
  version=$(od -An -tu1 -j7 -N1 ours.qcow2)
}

one ()
{
  local kind cluster size options params trim=()
  name=$1
  seed=${2:-$((RANDOM << 15 | RANDOM))}
  IFS=: read -r kind cluster size options params <<<"$name"
  cluster=$(bytes "$cluster")
  size=$(bytes "$size")
  read -r -a params <<<"${params//:/ }"
  [ "${BATON_TEST_SERVER:-}" != qemu-nbd ] || trim=(--qemu)
  cd "$tmp"
  make_twins
  turns
  print_figures
}

if [ $# -gt 0 ] && [ "$1" != --list ]; then
  one "$@"
  exit
fi

# -- all, or a sample --------------------------------------------------------------

cd "$tmp"
every_combination | sort -u >all
[ $# -eq 0 ] || { cat all; exit; }
if [ -n "$long" ] && [ -z "${BATON_MATRIX_SAMPLE:-}" ]; then shuf all; else sample | sort -u; fi >chosen
status=0
export srcdir top_srcdir top_builddir
xargs -d '\n' -n 1 -P "${BATON_MATRIX_JOBS:-$(nproc)}" \
      "$srcdir/test-matrix.sh" <chosen >results || status=$?
awk -v chosen="$(wc -l <chosen)" -v all="$(wc -l <all)" '
  { nr[$1]++; for (i = 5; i < NF; i += 2) sum[$i] += $(i + 1) }
  END { printf "%d of %d combinations: %d passed\n", chosen, all, nr["ok"]
        printf "%d operations\n", sum["ops"]
        mib = 1048576
        printf "block status of one file, MiB: %.1f same, %.1f held, %.1f" \
               " looked\n", sum["file-same"] / mib, sum["held"] / mib,
               sum["looked"] / mib
        printf "of twins, MiB zero: %.1f only ours knows, %.1f only QEMU" \
               " knows\n", sum["only-A-zero"] / mib, sum["only-B-zero"] / mib }
' results
# Also what ended without a word, such as a tool's failure under set -e.
awk 'NR == FNR { done[$2] = 1; next } !($1 in done)' results chosen |
  while read -r name; do echo "no result: replay: $0 '$name'"; done >&2
[ "$status" -eq 0 ] || plain_fail "replay commands are above"
