#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The hand-over, model-checked: tests/model/handover.pml says what is modelled,
# which properties hold and which function of ours keeps each guard.  All
# interleavings are tried: no property is violated, and every planted bug
# violates one (by default four of them, others every time).  BATON_TEST_LONG=1
# tries all of them, more deaths and more passes; BATON_MODEL_SMALL=1 leaves the
# largest of these out.
#
#   tests/test-model.sh DEFINE...       one run, and what led to a violation

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires spin gcc
[ "${BATON_SANITIZER:-no}" = no ] || { echo "SKIP: no code of ours" >&2; exit 77; }

model=$srcdir/model/handover.pml
memory_mib=6000

# explore DEFINE...: sets $states and $violation.  Where one is found soon,
# compiling takes longer than searching.
optimise=-O0
explore ()
{
  local dir
  dir=$(mktemp -d "$tmp/model.XXXXXX")
  cd "$dir"
  cp "$model" handover.pml
  spin -a "${@/#/-D}" handover.pml >spin.out || fail "spin: $(cat spin.out)"
  # What spin writes is not ours to be free of warnings.
  gcc "$optimise" -w -DSAFETY -DCOLLAPSE -DMEMLIM="$memory_mib" -o pan pan.c
  ./pan -m400000 -w"$([ $optimise = -O0 ] && echo 20 || echo 25)" >out 2>&1 || fail "pan: status $?: $(tail -n 5 out)"
  violation=$(sed -n 's/^pan:1: //p' out)
  ! grep -qE 'max search depth too small|out of memory|memory limit' out ||
    fail "$*: not all of it was explored: $(head -n 5 out)"
  states=$(awk '/states, stored/ { print $1; exit }' out)
}

# none DEFINE...: no violation
none ()
{
  explore "$@"
  [ -z "$violation" ] ||
    fail "$*: $violation: see $0 $*"
  echo "no violation in $states states: $*"
}

# found DEFINE...: at least one
found ()
{
  explore "$@"
  [ -n "$violation" ] || fail "$*: nobody notices"
  echo "found: $*: $violation"
}

if [ $# -gt 0 ]; then
  explore "$@"
  echo "$states states, ${violation:-no violation}"
  [ -z "$violation" ] || spin -t -p -g "${@/#/-D}" handover.pml
  exit
fi

# That the model can pass an image at all.
found REACH

bugs=$(grep -o 'BUG_[A-Z_]*[A-Z]' "$model" | sort -u)
[ "$(wc -w <<<"$bugs")" -ge 8 ] || fail "too few bugs are planted"
# By default only some of those that show soon.
[ -n "${BATON_TEST_LONG:-}" ] ||
  bugs=$(printf '%s\n' $bugs | grep -vE 'IGNORE_EPOCH|FORGET_RELEASED' |
         shuf -n 4)
for bug in $bugs; do
  case $bug in
    # These show only when the image has come back.
    BUG_IGNORE_EPOCH | BUG_FORGET_RELEASED)
      optimise=-O2 found "$bug" MAX_ROUNDS=2 MAX_DEATHS=0 ;;
    *) found "$bug" ;;
  esac
done

optimise=-O2
none MAX_DEATHS=1
[ -z "${BATON_TEST_LONG:-}" ] || {
  none MAX_DEATHS=1 MAX_WRITES=2
  none MAX_DEATHS=2
  none MAX_DEATHS=0 MAX_ROUNDS=2
  # More states than all others have.
  [ -n "${BATON_MODEL_SMALL:-}" ] || none MAX_DEATHS=1 MAX_ROUNDS=2
}
