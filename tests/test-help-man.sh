#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# baton(1) has every option and subcommand that --help tells of, and no
# other; baton-pki(1) likewise.  (The plugin's page: test-plugin-pod.sh.)

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99

pod=$top_srcdir/docs/baton.pod

# same WHAT HELP PAGE
same ()
{
  [ -n "$2" ] || fail "--help has no $1"
  [ "$2" = "$3" ] ||
    fail "$1 of --help (<) and baton.pod (>): $(diff <(echo "$2") <(echo "$3"))"
}

# Options in the list of options, which is indented by two.
options_of_help () { sed -nE 's/^  (--[a-z-]+).*/\1/p'; }

baton --help >"$tmp/help"
subcommands=$(sed -nE '/^Subcommands:/,/^$/ s/^  ([a-z]+) .*/\1/p' "$tmp/help")

same options "$(options_of_help <"$tmp/help" | sort -u)" \
     "$(sed -nE 's/^=item B<(--[a-z-]+)>.*/\1/p' "$pod" | sort -u)"
same subcommands "$(sort <<<"$subcommands")" \
     "$(sed -nE '/^=head1 SUBCOMMANDS/,/^=head1 PASSING/ s/^=item B<([a-z]+)>.*/\1/p' "$pod" | sort)"
same subcommands "$(sort <<<"$subcommands")" \
     "$(sed -nE '/^=head1 SYNOPSIS/,/^=head1 DESC/ s/^ baton ([a-z]+) .*/\1/p' "$pod" | sort)"

# A subcommand's own help has no option that the general one lacks.
for subcommand in $subcommands; do
  [ "$subcommand" != help ] || continue
  baton "$subcommand" --help >"$tmp/one" || fail "$subcommand --help fails"
  while read -r option; do
    grep -q -- "^  $option" "$tmp/help" ||
      fail "$subcommand --help has $option, --help does not"
  done < <(options_of_help <"$tmp/one")
done

# -- baton-pki -----------------------------------------------------------------

same "options of baton-pki" \
     "$("$top_srcdir/cli/baton-pki" --help |
        sed -nE 's/^.*baton-pki \[?(--[a-z]+).*/\1/p' | sort -u)" \
     "$(sed -nE 's/^=item B<(--[a-z]+)>.*/\1/p' \
        "$top_srcdir/docs/baton-pki.pod" | sort -u)"
