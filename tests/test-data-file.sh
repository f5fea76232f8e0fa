#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# External data files: what the guest sees is what QEMU sees of the same
# files, and a raw data file is the guest's disk byte for byte; space comes
# back; who may choose the file, and that no other one is opened.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdkit cmp

cd "$tmp"
mkdir dir other

create ()
{
  qemu-img create -q -f qcow2 -o "cluster_size=64k,data_file=$2${3:-}" "$1" 32M
}

# A workload, the same for both: overlapping pieces at odd places.
workload ()
{
  local seed=$1 i at len
  RANDOM=$seed
  for ((i = 0; i < 40; i++)); do
    at=$(((RANDOM * 32768 + RANDOM) % (31 << 20) / 512 * 512))
    len=$(((RANDOM % 400 + 1) * 512))
    case $((RANDOM % 5)) in
      0) echo "write -q -z $at $len" ;;
      1) echo "write -q -z -u $((at / 65536 * 65536)) 192k" ;;
      2) echo flush ;;
      *) echo "write -q -P $((i + 1)) $at $len" ;;
    esac
  done
  echo flush
}

ours ()
{
  # shellcheck disable=SC2016
  workload "$2" | nbdkit -f -U - "$plugin" "$1" \
         --run 'qemu-io -f raw "$uri"' >out 2>&1 || fail "$1: $(cat out)"
  ! grep -i fail out || fail "$1: $(cat out)"
}
qemus () { workload "$2" | qemu-io -f qcow2 "$1" >/dev/null; }

# refused WHAT REGEX ARG...: at once, with one line and status 1
refused ()
{
  local what=$1 regex=$2 status=0
  shift 2
  timeout 10 nbdkit -f -U - "$plugin" "$@" --run 'echo served >&2' \
          >err 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "$what: exit status $status: $(cat err)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$what: not one line: $(cat err)"
  grep -Eq -- "$regex" err || fail "$what: does not say $regex: $(cat err)"
}

served ()
{
  local what=$1
  shift
  timeout 20 nbdkit -f -U - "$plugin" "$@" --run true >err 2>&1 ||
    fail "$what: $(cat err)"
}

# Twins; engines take turns.
for raw in off on; do
  rm -f a.* b.*
  create a.qcow2 a.raw ",data_file_raw=$raw"
  create b.qcow2 b.raw ",data_file_raw=$raw"
  for seed in 1 2; do
    ours a.qcow2 $seed
    qemus b.qcow2 $seed
    compare a.qcow2 b.qcow2
    check_clean a.qcow2
    qemus a.qcow2 $((seed + 10))
    ours b.qcow2 $((seed + 10))
    compare a.qcow2 b.qcow2
    check_clean b.qcow2
    if [ $raw = on ]; then
      cmp a.raw b.raw || fail 'the raw data files differ'
      compare -f qcow2 -F raw a.qcow2 a.raw
    fi
  done
  qemu-img info a.qcow2 | grep -q 'data file raw: '"$([ $raw = on ] &&
    echo true || echo false)" || fail "raw=$raw: the bit is gone"
  served 'read-only' -r a.qcow2
done

# Over a backing file, shorter than the disk, and over what is in the file.
qemu-img create -q -f raw base.raw 20M
qemu-io -f raw -c 'write -q -P 77 0 20M' base.raw
for n in a b; do
  rm -f $n.raw
  qemu-img create -q -f qcow2 -o cluster_size=64k,data_file=$n.raw \
           -b base.raw -F raw $n.qcow2 32M
  head -c 32M /dev/zero | tr '\0' '\335' >$n.raw
done
ours a.qcow2 5
qemus b.qcow2 5
compare a.qcow2 b.qcow2
check_clean a.qcow2

# Trim gives the host's space back.
for raw in off on; do
  rm -f a.*
  create a.qcow2 a.raw ",data_file_raw=$raw"
  # shellcheck disable=SC2016
  nbdkit -f -U - "$plugin" a.qcow2 --run 'qemu-io -f raw -d unmap \
    -c "write -q -P 1 0 16M" -c flush -c "discard 0 16M" -c flush "$uri"' \
    >out 2>&1 || fail "$(cat out)"
  [ "$(du -k a.raw | cut -f 1)" -lt 1024 ] || fail "raw=$raw: no space back"
done

# QEMU resizes both; a file that is shorter than the disk reads zeros.
qemu-img resize -q a.qcow2 48M
truncate -s 1M a.raw
ours a.qcow2 7
compare -f qcow2 -F raw a.qcow2 a.raw
[ "$(stat -c %s a.raw)" -eq $((48 << 20)) ] || fail 'a.raw is not the disk'

# Handed over, and locked meanwhile.
start_nbdkit a a.qcow2 control="$(control a)"
qemu-io -f raw -c 'write 0 512' a.raw >out 2>&1 && fail 'a.raw is not locked'
baton inactivate "$(control a)" >/dev/null
qemu-io -f raw -c 'write 0 512' a.raw >out 2>&1 || fail "inactive: $(cat out)"
cp a.raw new && mv new a.raw
baton activate "$(control a)" >out 2>&1 && fail 'another data file: accepted'
grep -q 'data file' out || fail "another data file: $(cat out)"
baton invalidate "$(control a)" >/dev/null || fail 'cannot be invalidated'
baton activate "$(control a)" >/dev/null || fail 'cannot be activated again'
stop a

# Two servers of one image that have different data files.
start_nbdkit a a.qcow2 control="$(control a)"
cp a.raw copy.raw
start_nbdkit b a.qcow2 control="$(control b)" start=inactive data-file=copy.raw
baton pass "$(control a)" "$(control b)" >out 2>&1 && fail 'passed to a copy'
grep -q 'not the same disk' out || fail "a copy: $(cat out)"
stop a
stop b

# Who may choose.
create dir/in.qcow2 in.raw
mv in.raw dir/
create dir/out.qcow2 "$tmp/other/out.raw"
create dir/passwd.qcow2 "$tmp/other/p"
served 'same directory' dir/in.qcow2
refused 'off' 'data-file=off' dir/in.qcow2 data-file=off
refused 'elsewhere' 'data-file=on' dir/out.qcow2
served 'on' dir/out.qcow2 data-file=on
served 'given' dir/out.qcow2 data-file=other/out.raw
served 'given' -r dir/out.qcow2 data-file=other/out.raw
rm dir/in.raw
refused 'missing' 'dir/in.raw.*put it back, or say where it is with data-file=PATH' \
        dir/in.qcow2
refused 'missing' 'data-file=nothing' dir/in.qcow2 data-file=nothing
qemu-img create -q -f qcow2 plain.qcow2 1M
refused 'not needed' 'no external data file' plain.qcow2 data-file=base.raw
refused 'the image itself' 'data file' dir/out.qcow2 data-file=dir/out.qcow2
ln dir/out.qcow2 dir/again.qcow2
refused 'the image itself' 'data file' dir/out.qcow2 data-file=dir/again.qcow2
qemu-img create -q -f qcow2 -o data_file=dir/d.raw -b "$tmp/base.raw" -F raw \
         top.qcow2 32M
refused 'the backing file' 'data file of an image above' top.qcow2 \
        data-file=base.raw

# Names that hostile hands wrote; none of what they name is opened.
command -v strace >/dev/null || exit 0
mkfifo dir/fifo
long=$(printf '%032d' 0)
hostile ()
{
  local regex=$1 name=$2
  rm -f "$long"
  create dir/evil.qcow2 "$long"
  # shellcheck disable=SC2016
  python 'import sys
path, old, name = (a.encode () for a in sys.argv[1:])
head = b"DATA" + len (old).to_bytes (4, "big")
data = open (path, "rb").read ()
assert head + old in data
open (path, "wb").write (data.replace (
  head + old, b"DATA" + len (name).to_bytes (4, "big") + name.ljust (32, b"\0")))
' dir/evil.qcow2 "$long" "$name"
  strace -f -qq -e trace=open,openat -o trace nbdkit -f -U - "$plugin" \
         dir/evil.qcow2 "${@:3}" --run true >err 2>&1 &&
    fail "$name: served"
  grep -Eq -- "$regex" err || fail "$name: does not say $regex: $(cat err)"
  ! grep -E '"(/etc/issue|.*/etc/\./issue|/dev/zero|/proc/.*/fd/|.*fifo)' \
      trace || fail "$name was opened"
}
# A file that the C library never opens by itself.
hostile 'not in or below' ../../../../../etc/./issue
hostile 'only files' nbd://localhost/x data-file=on
hostile 'only files' http://localhost/x data-file=on
hostile 'open file of' /proc/self/fd/0 data-file=on
hostile 'FIFO' fifo data-file=on
hostile 'character device' /dev/zero data-file=on
hostile 'not a JSON' 'json:{' data-file=on
