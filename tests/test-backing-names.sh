#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Backing files by every kind of name that QEMU and libvirt write: the disk is
# what qemu-img makes of it.  Names that mean no file are refused, and nothing
# is opened for them.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdkit

cd "$tmp"
mkdir dir

overlay () { qemu-img create -q -f qcow2 -u "${@:4}" -b "$2" -F "$3" "$1" 4M; }

# served WHAT IMAGE [PARAM...]: reads as qemu-img reads it, from here
served ()
{
  local what=$1 image=$2
  shift 2
  rm -f mine theirs
  # shellcheck disable=SC2016
  timeout 20 nbdkit -f -U - "$plugin" "$image" "$@" \
          --run 'qemu-img convert -f raw -O raw "$uri" mine' >out 2>&1 ||
    fail "$what: $(cat out)"
  qemu-img convert -f qcow2 -O raw "$image" theirs 2>out ||
    fail "$what: qemu-img: $(cat out)"
  cmp mine theirs || fail "$what: not what QEMU reads"
  [ "$(od -An -tu1 -N1 -j 70000 mine | tr -d ' ')" = 7 ] ||
    fail "$what: the backing file is not seen"
}

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

# Another cluster size, and shorter than the overlay.
qemu-img create -q -f qcow2 -o cluster_size=4k base.qcow2 3M
qemu-io -f qcow2 -c 'write -q -P 7 0 3M' base.qcow2
qemu-img convert -f qcow2 -O raw base.qcow2 base.raw
# A disk on which the guest has written an image: it stays a disk.
cp base.qcow2 guest.raw
truncate -s 3M guest.raw
qemu-io -f raw -c 'write -q -P 7 65536 64k' guest.raw

file='{"driver":"file","filename":"base.qcow2"}'
raw='{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}'
names=(
  base.qcow2 "$tmp/base.qcow2" file:base.qcow2 "file:$tmp/base.qcow2"
  "file:///$tmp/base.qcow2" "json:{\"driver\":\"qcow2\",\"file\":$file}"
  "json:{\"file\":$file,\"driver\":\"qcow2\"}"
  'json:{"driver":"qcow2","file.driver":"file","file.filename":"base.qcow2"}'
  "json:{\"driver\":\"qcow2\",\"read-only\":true,\"file\":$file}"
)
for name in "${names[@]}"; do
  overlay top.qcow2 "$name" qcow2
  served "$name" top.qcow2
done
overlay top.qcow2 "json:$raw" raw
served 'raw by json' top.qcow2
overlay top.qcow2 guest.raw raw
served 'a raw disk with an image on it' top.qcow2

# "backing" says more than the header of the middle one.
overlay middle.qcow2 nowhere qcow2
middle='"file":{"driver":"file","filename":"middle.qcow2"}'
overlay top.qcow2 "json:{\"driver\":\"qcow2\",$middle,\"backing\":$raw}" qcow2
served 'backing by json' top.qcow2
overlay top.qcow2 "json:{\"driver\":\"qcow2\",$middle,\"backing\":null}" qcow2
timeout 20 nbdkit -f -U - "$plugin" top.qcow2 --run true || fail 'backing: null'
refused 'the middle one alone' 'nowhere' middle.qcow2

# By links, to the overlay (from where it is, and not, as in QEMU, from where the
# link is) and to what is below it.
overlay dir/top.qcow2 ../base.qcow2 qcow2
ln -s dir/top.qcow2 link.qcow2
timeout 20 nbdkit -f -U - "$plugin" link.qcow2 backing=on --run true ||
  fail 'a link to the overlay'
ln -s base.qcow2 base-link
overlay top.qcow2 base-link qcow2
served 'a link to the base' top.qcow2

# The policy is the same for every form.
for name in ../base.qcow2 "$tmp/base.qcow2" file:../base.qcow2 \
            "json:{\"driver\":\"qcow2\",\"file.filename\":\"$tmp/base.qcow2\"}"
do
  overlay dir/top.qcow2 "$name" qcow2
  refused "$name" 'backing=on' dir/top.qcow2
  refused "$name" 'backing=off' dir/top.qcow2 backing=off
done

# What is no file.
mkfifo fifo
refused_name ()
{
  overlay top.qcow2 "$1" "${3:-raw}"
  refused "$1" "$2" top.qcow2 backing=on
}
refused_name nbd://localhost/x 'only files are served'
refused_name http://localhost/x 'only files are served'
refused_name nbd+unix:///?socket=fifo 'only files are served'
refused_name file: 'only files are served'
refused_name 'json:{"driver":"nbd","host":"localhost"}' 'driver "nbd"'
refused_name 'json:{"driver":"raw","file":{"driver":"https","url":"x"}}' \
             'driver "https"'
refused_name 'json:{"driver":"raw","offset":512,"file.filename":"base.raw"}' \
             '"offset"'
refused_name 'json:{"driver":' 'not a JSON object'
refused_name 'json:{"driver":"raw","file.filename":"base.raw"}' \
             'format of its backing file is "qcow2", and in its name "raw"' \
             qcow2
refused_name /proc/self/fd/0 'open file'
refused_name /dev/stdin 'open file'
refused_name fifo 'FIFO'
refused_name /dev/zero 'character device'
refused_name dir 'directory'
