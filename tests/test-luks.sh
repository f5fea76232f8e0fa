#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Images encrypted with LUKS: what QEMU has made and written we read and write,
# and the other way round; nothing of it is in the file as plain text; wrong
# passphrases and ciphers are refused at the start; and a hand-over does not
# wait for the key.
#
# BATON_TWIN_OPS=n sets the number of operations; BATON_TEST_LONG=1 tries more
# ciphers.  qemu-img takes two seconds for each image that it makes.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io qemu-nbd nbdkit nbdsh

cd "$tmp"
ops=${BATON_TWIN_OPS:-${BATON_TEST_LONG:+200}}
ops=${ops:-120}
printf 'open sesame' >pass
echo 'open sesame' >pass-newline
printf 'open sesamf' >wrong

secret=(--object "secret,id=s,file=pass")
opened () { echo "driver=qcow2,encrypt.format=luks,encrypt.key-secret=s,file.filename=$1"; }

# make_luks FILE SIZE OPTION...
make_luks ()
{
  local file=$1 size=$2
  shift 2
  local options=("$@") try
  # qemu-img measures the processor, and gives up now and then.
  for try in 1 2 3 4 5 6 7 8; do
    make_luks_once 2>create.err && return
  done
  fail "qemu-img create ($try times): $(cat create.err)"
}

make_luks_once ()
{
  qemu-img create -q -f qcow2 "${secret[@]}" \
    -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 \
    "${options[@]/#/-o}" "$file" "$size"
}

by_us () { start_nbdkit "$1" "$2" passphrase-file=pass; }
by_us_direct () { start_nbdkit "$1" "$2" passphrase-file=pass-newline cache=none; }
by_qemu ()
{
  launch "$1" qemu-nbd -t -e 16 -k "$(sock "$1")" --pid-file="$tmp/$1.pid" \
         --discard=unmap --cache=writeback "${secret[@]}" \
         --image-opts "$(opened "$2")"
}

check_luks ()
{
  qemu-img check -q "${secret[@]}" --image-opts "$(opened "$1")" \
           >check.out 2>&1 || fail "qemu-img check: $(head -n 5 check.out)"
}

# one_round SEED OPS HOW OPTION...: ours.qcow2 served by HOW, twin.qcow2 by QEMU
one_round ()
{
  local seed=$1 nr=$2 how=$3
  shift 3
  "$how" a ours.qcow2
  by_qemu b twin.qcow2
  "$(program twin)" --seed "$seed" --ops "$nr" "$@" "$(sock a)" "$(sock b)" \
    >>twin.log 2>&1 || { cat twin.log >&2; fail "seed $seed"; }
  stop a
  stop b
  check_luks ours.qcow2
}

# rounds NAME OPTION...: the two engines take turns on ours.qcow2
rounds ()
{
  local seed=${BATON_TWIN_SEED:-$((RANDOM << 15 | RANDOM))}
  echo "$1: seed $seed"
  make_luks ours.qcow2 9M "${@:2}"
  cp ours.qcow2 twin.qcow2
  one_round "$seed" "$ops" by_us --depth=8 --connections=2
  one_round $((seed + 1)) $((ops / 4)) by_qemu --qemu
  one_round $((seed + 2)) $((ops / 2)) by_us_direct --depth=8
  qemu-img compare -q "${secret[@]}" --image-opts "$(opened ours.qcow2)" \
           "$(opened twin.qcow2)" || fail "$1: the contents differ"
}

rounds aes-256
cp twin.qcow2 aes-256.qcow2
rounds aes-128-plain-sha1 encrypt.cipher-alg=aes-128,encrypt.ivgen-alg=plain \
       encrypt.hash-alg=sha1,cluster_size=4k
if [ -n "${BATON_TEST_LONG:-}" ]; then
  rounds sha512 encrypt.hash-alg=sha512,cluster_size=2M
  rounds v2 compat=0.10,cluster_size=512
  rounds preallocated preallocation=metadata
fi

# -- no plain text in the file --------------------------------------------------

disk=aes-256.qcow2
start_nbdkit a "$disk" passphrase-file=pass
nbdsh -u "$(uri a)" -c 'h.pwrite(b"AttackAtDawn" * 10000, 1234567)'
stop a
! grep -q AttackAtDawn "$disk" || fail "the guest's data is in the file"
[ "$(qemu-io "${secret[@]}" --image-opts "$(opened "$disk")" \
       -c 'read -v 1234567 120000' | grep -c 'wnAttackAtDa')" -gt 100 ] ||
  fail "QEMU does not read what we wrote"

# Behind the end of a disk that does not fill its last cluster.
qemu-img convert -q -n "${secret[@]}" --image-opts \
         --target-image-opts "$(opened aes-256.qcow2)" "$(opened twin.qcow2)"
cp aes-256.qcow2 grown.qcow2
qemu-img resize -q "${secret[@]}" --image-opts "$(opened grown.qcow2)" 9438208
start_nbdkit a grown.qcow2 passphrase-file=pass
nbdsh -u "$(uri a)" -c 'h.pwrite(b"x" * 512, 9437184)'
stop a
qemu-img resize -q "${secret[@]}" --image-opts "$(opened grown.qcow2)" 10M
qemu-io "${secret[@]}" --image-opts "$(opened grown.qcow2)" \
        -c 'read -P 120 9437184 512' -c 'read -P 0 9437696 1048064' >io.out
! grep -q 'verification failed' io.out || fail "a grown disk shows noise"

# -- refused ----------------------------------------------------------------------

# refused WHAT REGEX FILE ARG...
refused ()
{
  local what=$1 regex=$2 status=0
  timeout 60 nbdkit -f -U - "$plugin" "${@:3}" --run 'echo served >&2' \
          >err 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "$what: exit status $status: $(cat err)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$what: not one line: $(cat err)"
  grep -q -- "$regex" err || fail "$what: does not say $regex: $(cat err)"
  ! grep -qi 'sesam\|nbdkit -r' err || fail "$what: says too much: $(cat err)"
  echo "$what: $(sed 's/^nbdkit: //' err)"
}

before=$(sha256sum "$disk")
refused 'wrong passphrase' 'none of its 1 active key slots opens with the passphrase in wrong' \
        "$disk" passphrase-file=wrong
refused 'wrong passphrase, inactive' 'none of its 1 active key slots' \
        "$disk" passphrase-file=wrong start=inactive control="$tmp/ctl"
refused 'no passphrase' 'encrypted (LUKS): give .* passphrase-file=FILE' "$disk"
refused 'no file' 'passphrase-file=absent: No such file' \
        "$disk" passphrase-file=absent
: >empty
refused 'empty file' 'is empty' "$disk" passphrase-file=empty
[ "$before" = "$(sha256sum "$disk")" ] || fail "a refusal changed the image"

luks=$(qemu-img info "${secret[@]}" --image-opts "$(opened "$disk")" \
         >/dev/null 2>&1; od -An -tx8 --endian=big -j 120 -N 8 "$disk")
luks=$((16#${luks// /}))
# with_poke OFFSET BYTES: a copy with other bytes in its LUKS header
with_poke ()
{
  cp "$disk" poked.qcow2
  printf %b "$2" | dd of=poked.qcow2 bs=1 seek=$((luks + $1)) conv=notrunc status=none
}
with_poke 8 'serpent\0'
refused 'another cipher' 'encrypted with serpent-xts-plain64 ' \
        poked.qcow2 passphrase-file=pass start=inactive control="$tmp/ctl"
with_poke 40 'cbc-essiv:sha256\0'
refused 'another mode' 'encrypted with aes-cbc-essiv:sha256 ' \
        poked.qcow2 passphrase-file=pass
with_poke 212 '\xff\xff\xff\xff'
refused 'too many iterations' 'at most 100000000' poked.qcow2 passphrase-file=pass
cp "$disk" aes.qcow2
printf '\1' | dd of=aes.qcow2 bs=1 seek=35 conv=notrunc status=none
printf '\0\0\0\0' | dd of=aes.qcow2 bs=1 seek=112 conv=notrunc status=none
refused 'legacy AES' 'legacy AES encryption' aes.qcow2 passphrase-file=pass

# -- a chain, and other ways to give the passphrase --------------------------------

qemu-img create -q -f qcow2 -b "$disk" -F qcow2 overlay.qcow2
start_nbdkit a overlay.qcow2 passphrase-file=-8 8<pass
nbdsh -u "$(uri a)" -c 'assert h.pread(12, 1234567) == b"AttackAtDawn"
h.pwrite(b"x", 1234570)
assert h.pread(12, 1234567) == b"AttxckAtDawn"'
stop a

# -- the hand-over ------------------------------------------------------------------

# A header that takes a second to open, as QEMU's usual ones take two.
ms () { echo $((($(date +%s%N) - $1) / 1000000)); }

cp "$disk" slow.qcow2
qemu-img amend -q "${secret[@]}" --object secret,id=t,file=pass-newline --force \
         -o encrypt.state=active,encrypt.new-secret=t,encrypt.keyslot=0 \
         -o encrypt.iter-time=1000 --image-opts "$(opened slow.qcow2)"
cp pass-newline pass
start_nbdkit a slow.qcow2 passphrase-file=pass control="$(control a)"
began=$(date +%s%N)
start_nbdkit b slow.qcow2 passphrase-file=pass control="$(control b)" start=inactive
opening=$(ms "$began")
nbdsh -u "$(uri b)" -c 'assert h.pread(12, 1234567) == b"AttackAtDawn"'
nbdsh -u "$(uri a)" -c 'h.pwrite(b"By Night", 1234567)'
began=$(date +%s%N)
baton pass "$(control a)" "$(control b)" >/dev/null
passing=$(ms "$began")
for name in a b; do
  nbdsh -u "$(uri $name)" -c 'assert h.pread(12, 1234567) == b"By NightDawn"'
done
echo "started in $opening ms, passed in $passing ms"
[ "$opening" -gt 700 ] || fail "the header opens too fast to show anything"
[ "$passing" -lt $((opening * 2 / 3)) ] || fail "the hand-over waited for the key"
stop a
stop b
