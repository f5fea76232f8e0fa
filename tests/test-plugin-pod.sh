#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The manual page has every parameter of --help, with every value that it
# lists, and no other.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires nbdkit

pod=${srcdir:-$(dirname "$0")}/../docs/nbdkit-qcow2-plugin.pod
[ -r "$pod" ] || fail "no $pod"

help=$(nbdkit "$plugin" --help |
       sed -n '/^Serve a qcow2/,$ s/^\[\{0,1\}\([a-z-]*\)=.*/\1/p' | sort -u)
page=$(sed -n 's/^=item \[\{0,1\}B<\([a-z-]*\)=>.*/\1/p
               s/^=item B<\([a-z-]*\)=[a-z-]*>$/\1/p' "$pod" | sort -u)
[ -n "$help" ] || fail "--help lists nothing"
[ "$help" = "$page" ] ||
  fail "--help and the page differ: $(diff <(echo "$help") <(echo "$page"))"

# name=one|two: each is an item of its own.
nbdkit "$plugin" --help |
  sed -n '/^Serve a qcow2/,$ s/^\([a-z-]*=[a-z|-]*|[a-z|-]*\) .*/\1/p' |
  while IFS='=' read -r name values; do
    for value in ${values//|/ }; do
      grep -qxF "=item B<$name=$value>" "$pod" ||
        fail "$name=$value is not in the page"
    done
  done
