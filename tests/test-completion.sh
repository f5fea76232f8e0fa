#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What bash offers behind a half-typed command line of baton.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99

cd "$tmp"
export BATON_RUNDIR=$tmp/run
mkdir run pki pki2
touch disk.qcow2 notes "a b.qcow2"
python 'import socket, sys
for path in sys.argv[1:]:
    socket.socket(socket.AF_UNIX).bind(path)' run/vm1.control run/vm2.control own

# shellcheck source=/dev/null
. "$top_srcdir/cli/completion.bash"
complete -p baton | grep -q -- '-F _baton' || fail "nothing is registered"

# offers WORD... EXPECTED: what is offered for the last WORD, one line of words
offers ()
{
  local expected=${*: -1}
  COMP_WORDS=("${@:1:$#-1}")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _baton "$baton" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  [ "${COMPREPLY[*]}" = "$expected" ] ||
    fail "after ${*:1:$#-1}: offers ${COMPREPLY[*]}, not $expected"
}

offers baton '' 'activate check flush help inactivate invalidate migrate pass status'
offers baton in 'inactivate invalidate'
offers baton --json sta status
offers baton --timeout 5 fl flush
offers baton help p pass
offers baton check --re --repair
offers baton check --repair '' 'all leaks'
offers baton check --repair le leaks
offers baton check d disk.qcow2
offers baton check 'a' 'a b.qcow2'
offers baton check disk.qcow2 '' ''
offers baton --timeout '' ''
offers baton migrate --uri '' ''
offers baton migrate "$tmp/run/vm1" "$tmp/run/vm1.control"
offers baton --tls-certificates p 'pki pki2'
offers baton activate --ticket n notes
offers baton status "$tmp/run/vm1" "$tmp/run/vm1.control"
offers baton status o own
offers baton pass "$tmp/run/" "$tmp/run/vm1.control $tmp/run/vm2.control"
offers baton pass a "$tmp/run/vm" "$tmp/run/vm1.control $tmp/run/vm2.control"
offers baton pass a b "$tmp/run/vm" "$tmp/run/vm1.control $tmp/run/vm2.control"
offers baton status pk 'pki/ pki2/'

# Each subcommand's options are those of its --help.
for subcommand in $(_baton_subcommands "$baton"); do
  [ "$subcommand" != help ] || continue
  options=$(baton "$subcommand" --help | sed -nE 's/^  (--[a-z-]+).*/\1/p' |
            sort -u | tr '\n' ' ')
  offers baton "$subcommand" -- "${options% }"
done
offers baton activate --f --force
offers baton status --f ''

# Options that take a value are known as such, or the value is taken for an
# operand.
while read -r option; do
  offers baton "$option" value sta status
done < <(baton --help | sed -nE 's/^  (--[a-z-]+) [A-Za-z|]+ .*/\1/p')
