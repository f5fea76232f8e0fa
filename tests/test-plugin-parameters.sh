#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Parameters that are wrong, or wrong together, end nbdkit at once with one
# line that says what to do; and what --help lists is what is accepted.

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

f=disk.qcow2
mkdir pki
: >keys.psk
: >empty
l=control-listen=127.0.0.1:0 tls=control-tls-certificates=pki
refused 'the file= parameter is missing: say which qcow2 image' control=ctl
refused 'file= is given twice: give it once' $f file=$f
refused 'discard= is given twice: give it once' $f discard=on discard=on
refused "unknown parameter 'size': there are file, .*metadata-cache" $f size=1M
refused 'give a regular file or a block device' /dev/null
refused 'host=: must be 1 to 64 printable ASCII characters' $f host=
refused 'host=a b: must be 1 to 64 printable' $f 'host=a b'
refused 'metadata-cache=0: must be auto, or a size' $f metadata-cache=0
refused 'metadata-cache=16X: must be auto, or a size' $f metadata-cache=16X
refused 'backing=here: must be' $f backing=here
refused 'data-file=here: No such file.*: must be same-dir, on or off, or the path of' \
        $f data-file=here
refused 'cache=unsafe: must be writeback or none' $f cache=unsafe
refused 'passphrase-file=empty: is empty: put the passphrase' $f \
        passphrase-file=empty
refused 'hold-end=perhaps: must be' $f control=ctl hold-end=perhaps
refused 'control=: give the path of the socket to create' $f control=
refused 'passphrase-file=: give the name of the file with the passphrase' \
        $f passphrase-file=
refused 'creating the socket' $f control=absent/ctl
refused 'start=inactive needs control=PATH: nothing could ever' $f \
        start=inactive
for setting in while-inactive=reject hold-timeout=3 hold-end=close; do
  refused "${setting%=*}= needs control=PATH: without it" $f "$setting"
done
refused 'snapshot= and control= exclude each other: a snapshot' $f \
        control=ctl snapshot=1
refused 'control-listen=.*nowhere' $f control-listen=nowhere
refused 'certificates= and control-tls-psk= exclude each other: give one' \
        $f $l $tls control-tls-psk=keys.psk
refused 'control-listen= needs control-tls-certificates=DIR or control-tls-psk' \
        $f $l control-allow=admin
refused 'control-tls-certificates= needs control-listen=HOST:PORT' \
        $f control=ctl $tls
refused 'control-tls-psk= needs control-listen=HOST:PORT' \
        $f control=ctl control-tls-psk=keys.psk
refused 'control-listen= needs control-allow=NAME,... or control-allow-status' \
        $f $l $tls
refused 'control-allow= has names of TLS clients: these need control-listen' \
        $f control=ctl control-allow=admin
refused 'control-mode= needs control=PATH' \
        $f $l $tls control-allow=admin control-mode=0600
refused 'control-allow=user:... and group:... need control=PATH' \
        $f $l $tls control-allow=admin,user:root

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
