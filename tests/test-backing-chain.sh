#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Backing chains: a loop is refused at once, a long chain is not; what is
# below an image that is served cannot be written to; and only files that the
# policy allows are opened.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdkit

cd "$tmp"
mkdir dir

# refused WHAT REGEX ARG...: within seconds, with one line and status 1
refused ()
{
  local what=$1 regex=$2 status=0
  shift 2
  timeout 10 nbdkit -f -U - "$plugin" "$@" --run 'echo served >&2' \
          >err 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "$what: exit status $status: $(cat err)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$what: not one line: $(cat err)"
  grep -Eq -- "$regex" err || fail "$what: does not say $regex: $(cat err)"
  # Of a long chain only the file concerned is named.
  [ "$(grep -o 'backing file /' err | wc -l)" -le 1 ] ||
    fail "$what: too many files: $(cat err)"
}

served ()
{
  local what=$1
  shift
  # shellcheck disable=SC2016
  timeout 30 nbdkit -f -U - "$plugin" "$@" \
          --run 'qemu-io -r -f raw -c "read -q -P 7 0 64k" "$uri"' \
          >out 2>&1 || fail "$what: $(cat out)"
  ! grep -q failed out || fail "$what: wrong data: $(cat out)"
}

overlay () { qemu-img create -q -f qcow2 -u -b "$1" -F qcow2 "$2" 16M; }
# Whether a writer can have FILE; it writes what is there already.
writable () { qemu-io -f qcow2 -c 'write -q -P 7 0 64k' "$1" >out 2>&1; }

# Loops.
overlay self.qcow2 new.qcow2
mv new.qcow2 self.qcow2
overlay itself.qcow2 linked.qcow2
ln linked.qcow2 itself.qcow2
overlay two.qcow2 one.qcow2
overlay one.qcow2 two.qcow2
for mode in '' -r; do
  # shellcheck disable=SC2086
  refused "its own backing file $mode" 'is its own backing file' \
          $mode self.qcow2
  # shellcheck disable=SC2086
  refused "by another name $mode" 'is its own backing file' $mode linked.qcow2
  # shellcheck disable=SC2086
  refused "a loop of two $mode" 'is its own backing file' $mode one.qcow2
done

# 200 layers, the data in the lowest one.
qemu-img create -q -f qcow2 base.qcow2 16M
writable base.qcow2 || fail "base.qcow2: $(cat out)"
overlay base.qcow2 1.qcow2
for ((i = 2; i <= 200; i++)); do
  overlay "$((i - 1)).qcow2" "$i.qcow2"
done
served '200 layers' 200.qcow2
served '200 layers' -r 200.qcow2

# Locks: on each layer, and gone with the server.
for mode in '' -r; do
  # shellcheck disable=SC2086
  start_nbdkit a 2.qcow2 $mode
  for file in base.qcow2 1.qcow2; do
    writable "$file" && fail "served $mode, and $file may be written to"
    grep -qi lock out || fail "$mode: refused for another reason: $(cat out)"
  done
  qemu-img info base.qcow2 >/dev/null || fail "$mode: others may not read"
  stop a
  writable base.qcow2 || fail "$mode: base.qcow2 is still locked: $(cat out)"
done
start_nbdkit a 2.qcow2 control="$(control a)"
baton inactivate "$(control a)" >/dev/null
writable base.qcow2 || fail "inactive, and base.qcow2 is locked: $(cat out)"
baton activate "$(control a)" >/dev/null || fail "cannot be activated"
writable base.qcow2 && fail "activated again, and base.qcow2 is not locked"
stop a

# The other way round: a writer has it.
coproc holder { qemu-io -f qcow2 base.qcow2 2>&1; }
pids+=("$holder_PID")
holder_pid=$holder_PID
echo 'write 0 512' >&"${holder[1]}"
read -r -u "${holder[0]}" _
refused 'a writer has the backing file' 'base\.qcow2.*(lock|in use)' 2.qcow2
refused 'a writer has the backing file, -r' 'base\.qcow2.*(lock|in use)' \
        -r 2.qcow2
kill -KILL "$holder_pid"
wait "$holder_pid" 2>/dev/null || :
writable base.qcow2 || fail "base.qcow2: $(cat out)"

# The policy.
overlay ../base.qcow2 dir/above.qcow2
overlay "$tmp/base.qcow2" dir/absolute.qcow2
ln -s ../base.qcow2 dir/link.qcow2
overlay link.qcow2 dir/by-link.qcow2
for image in above absolute by-link; do
  refused "$image" 'backing=on' "dir/$image.qcow2"
  refused "$image" 'backing=on' "dir/$image.qcow2" backing=same-dir
  refused "$image, off" 'backing=off' "dir/$image.qcow2" backing=off
  served "$image, on" "dir/$image.qcow2" backing=on
done
served 'same directory' 1.qcow2 backing=same-dir
refused 'backing=off' 'backing=off' 1.qcow2 backing=off
refused 'backing=off -r' 'backing=off' -r 1.qcow2 backing=off

# Without the format the guest could choose it.  qemu-img no longer makes such
# images; so the name of the extension is made one that nobody knows.
cp 1.qcow2 unsaid.qcow2
extension=$(LC_ALL=C grep -obUaP '\xe2\x79\x2a\xca' unsaid.qcow2 |
            head -n 1 | cut -d : -f 1)
printf '\x12\x34\x56\x78' |
  dd of=unsaid.qcow2 bs=1 seek="$extension" conv=notrunc status=none
refused 'no format' 'not its format' unsaid.qcow2
refused 'no format, on' 'not its format' unsaid.qcow2 backing=on
cp 1.qcow2 unknown.qcow2
printf 'other' |
  dd of=unknown.qcow2 bs=1 seek=$((extension + 8)) conv=notrunc status=none
refused 'another format' 'raw and qcow2' unknown.qcow2
