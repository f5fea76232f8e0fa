#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Parameters that are wrong, or wrong together, end nbdkit at once with one
# line that names them; and what --help lists is what is accepted.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires nbdkit qemu-img

cd "$tmp"
qemu-img create -q -f qcow2 disk.qcow2 1M

# refused REGEX ARG...
refused ()
{
  local regex=$1 status=0
  shift
  timeout 20 nbdkit -f -U - "$plugin" "$@" --run true >err 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "$*: exit status $status: $(cat err)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line: $(cat err)"
  grep -Eq -- "$regex" err || fail "$*: does not say $regex: $(cat err)"
  [ ! -e ctl ] || fail "$*: left a control socket behind"
}

accepted ()
{
  timeout 20 nbdkit -f -U - "$plugin" disk.qcow2 "$@" --run true >err 2>&1 ||
    fail "$*: $(cat err)"
  [ ! -s err ] || fail "$*: is not silent: $(cat err)"
  [ ! -e ctl ] || fail "$*: left a control socket behind"
}

refused 'file= is given twice' disk.qcow2 file=disk.qcow2
refused 'discard= is given twice' disk.qcow2 discard=on discard=on
refused 'start=inactive needs control=' disk.qcow2 start=inactive
refused 'while-inactive= needs control=' disk.qcow2 while-inactive=reject
refused 'hold-timeout= needs control=' disk.qcow2 hold-timeout=3
refused 'hold-end= needs control=' disk.qcow2 hold-end=close
refused 'hold-end' disk.qcow2 control=ctl hold-end=perhaps
refused 'control=' disk.qcow2 control=
refused 'creating the socket' disk.qcow2 control=absent/ctl
refused 'host=' disk.qcow2 host=
refused 'host=a b' disk.qcow2 'host=a b'
refused 'metadata-cache=0' disk.qcow2 metadata-cache=0
refused 'metadata-cache=16X' disk.qcow2 metadata-cache=16X
refused 'backing=here' disk.qcow2 backing=here
refused 'data-file=here' disk.qcow2 data-file=here
refused 'cache=unsafe' disk.qcow2 cache=unsafe
refused "unknown parameter 'size'.*metadata-cache" disk.qcow2 size=1M

accepted control=ctl start=inactive while-inactive=hold hold-timeout=0 hold-end=close
accepted control=ctl start=active while-inactive=reject hold-timeout=1
accepted metadata-cache=auto locking=auto cache=writeback backing=same-dir
accepted metadata-cache=16M locking=off backing=on discard=off host=me
accepted data-file=same-dir
accepted data-file=on
accepted data-file=off
accepted locking=on backing=off discard=on

# The names of --help, of --dump-plugin and of the error agree.
help=$(nbdkit "$plugin" --help |
       sed -n '/^Serve a qcow2/,$ s/^\[\{0,1\}\([a-z-]*\)=.*/\1/p' | xargs)
dump=$(nbdkit "$plugin" --dump-plugin | sed -n 's/^qcow2_parameters=//p')
nbdkit "$plugin" nosuch=1 2>err && fail "nosuch=1 is accepted"
known=$(sed 's/.*: there are //; s/,//g' err)
[ -n "$help" ] && [ "$help" = "$dump" ] && [ "$help" = "$known" ] ||
  fail "--help: $help; --dump-plugin: $dump; error: $known"
