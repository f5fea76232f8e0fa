#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tens of thousands of malformed images (malformed-cases.h): what promise I
# says of them holds (malformed-run.h), and where QEMU finds something else,
# malformed-differences.txt explains that.
#
# Daily every 7th, and every 420th is held against QEMU; in the long form all,
# and every 20th.  BATON_MALFORMED_STEP=N: every Nth is held against QEMU.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io

step=9 qemu_step=450 all=
if [ -n "${BATON_TEST_LONG:-}${BATON_MALFORMED_STEP:-}" ]; then
  step=1 qemu_step=${BATON_MALFORMED_STEP:-20}
fi
[ "$qemu_step" -gt 20 ] || all=all
[ "${BATON_SANITIZER:-no}" = no ] || step=$((step * 5))

# What some of them name.
mkdir "$tmp/images" "$tmp/sub"
cd "$tmp"
touch base.raw data.raw t.qcow2
ln -s /etc/passwd out
mkfifo pipe

"$(program malformed)" run "$step" >verdicts 2>malformed.log ||
  fail "a promise is broken"
cat malformed.log
[ "$(wc -l <verdicts)" -ge 3000 ] || [ "${BATON_SANITIZER:-no}" != no ] ||
  fail "fewer than 3000 images"

[ "${BATON_SANITIZER:-no}" = no ] || exit 0
python3 "$srcdir/malformed-qemu.py" "$(program malformed)" verdicts \
        "$srcdir/malformed-differences.txt" "$qemu_step" ${all:+all} \
        >qemu.log 2>&1 || fail "QEMU finds something else"
tail -n 1 qemu.log
