#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Part of `make deb`: packages.sh DIR: Debian's packages there, unpacked.  What
# their units name is in them, and what they hold does what the tests ask:
# an image is served and passed, over TLS, with certificates that they made.

packages=$(cd "${1:?}" && pwd)
. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires certtool dpkg-deb nbdkit nbdsh qemu-img

root=$tmp/root
for package in "$packages"/*.deb; do
  dpkg-deb -x "$package" "$root"
done

unit=$root/usr/lib/systemd/system/nbdkit-qcow2@.service
programs=$(sed -n 's/^Exec[A-Za-z]*=\([^ ]*\).*/\1/p' "$unit" | sort -u)
[ "$(wc -w <<<"$programs")" -eq 3 ] || fail "the unit runs: $programs"
for program in $programs; do
  [ "$program" = /usr/bin/nbdkit ] || [ -x "$root$program" ] ||
    fail "the unit's $program is in no package"
done
for file in bin/baton-pki share/bash-completion/completions/baton \
            share/man/man1/{baton,baton-pki,nbdkit-qcow2-plugin}.1.gz \
            lib/{sysusers,tmpfiles}.d/baton.conf; do
  [ -f "$root/usr/$file" ] || fail "no /usr/$file"
done

# The tests call that one.
cmp "$top_srcdir/cli/baton-pki" "$root/usr/bin/baton-pki" ||
  fail "another baton-pki is packed"
plugins=("$root"/usr/lib/*/nbdkit/plugins/nbdkit-qcow2-plugin.so)
export BATON_PLUGIN=${plugins[0]} BATON_CLI=$root/usr/bin/baton
[ "${plugins[0]%/*}" = "$root$(pkg-config --variable=plugindir nbdkit)" ] ||
  fail "nbdkit does not look for plugins in ${plugins[0]%/*}"
for test in test-founding-bug.sh test-control-tls.sh; do
  "$srcdir/$test" || fail "$test, with what is packed"
done
echo "packages: $(cd "$packages" && echo *.deb): unpacked, they work"
