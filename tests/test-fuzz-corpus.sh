#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the fuzzers have found once, and what leads them far, again.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99

[ "$(find "$srcdir/fuzz/corpus" -type f | wc -l)" -le 300 ] ||
  fail "there are more than 300 inputs in the tree"
for name in control handshake image parsers tls; do
  timeout 120 "$(program fuzz/fuzz-$name)" "$srcdir/fuzz/corpus/$name" ||
    fail "fuzz-$name: status $?"
done
