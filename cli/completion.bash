# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Completion of baton's command line in bash.  Subcommands and options are
# those of --help, so this file knows none that has gone; what it knows is
# which values they take.  bash(1), "Programmable Completion".

# Subcommands of the command $1.
_baton_subcommands ()
{
  "$1" --help 2>/dev/null | sed -nE '/^Subcommands:/,/^$/ s/^  ([a-z]+) .*/\1/p'
}

# Options of the command $1, or of its subcommand $2.
_baton_options ()
{
  # shellcheck disable=SC2086
  "$1" $2 --help 2>/dev/null | sed -nE 's/^  (--[a-z-]+).*/\1/p'
}

# The subcommand typed so far, before the word to complete, and how many
# operands follow it.
_baton_typed ()
{
  local i word
  subcommand='' operands=0
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --timeout | --drain-timeout | --ticket | --tls-certificates | \
      --tls-psk-file | --tls-username | --repair | --uri)
        i=$((i + 1)) ;;
      -*) ;;
      *) if [ -z "$subcommand" ]; then
           subcommand=$word
         else
           operands=$((operands + 1))
         fi ;;
    esac
  done
}

# The control sockets of servers, where these are by custom, and below $1.
_baton_sockets ()
{
  local path
  for path in "${BATON_RUNDIR:-/run/baton}"/* "$1"*; do
    [ ! -S "$path" ] || printf '%s\n' "$path"
  done
  compgen -d -S / -- "$1"
}

_baton_operand ()
{
  case $subcommand in
    '' | help) _baton_subcommands "$1" ;;
    check) [ "$operands" -gt 0 ] || compgen -f -- "$2" ;;
    *) _baton_sockets "$2" ;;
  esac
}

# The values that may follow the word $2.
_baton_words ()
{
  local subcommand operands
  _baton_typed
  case $3 in
    --repair) echo leaks; echo all ;;
    --tls-certificates) compgen -d -- "$2" ;;
    --ticket | --tls-psk-file) compgen -f -- "$2" ;;
    --timeout | --drain-timeout | --tls-username | --uri) ;;
    *) case $2 in
         -*) _baton_options "$1" "$subcommand" ;;
         *) _baton_operand "$1" "$2" ;;
       esac ;;
  esac
}

_baton ()
{
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    [[ $word != "$2"* ]] || COMPREPLY+=("$word")
  done < <(_baton_words "$1" "$2" "$3" | sort -u)
  # A directory is not the end of a word.
  [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != */ ]] ||
    compopt -o nospace 2>/dev/null || :
}

complete -o filenames -F _baton baton
