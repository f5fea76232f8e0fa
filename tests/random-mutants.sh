#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Tests of the tests: small random changes of core/ (mutate.py), each of which
# should make a unit test fail.  What survives is printed as a diff: it changes
# nothing that can be seen, or a test is missing.
#
#   tests/random-mutants.sh SEED FIRST NR    NR mutants, from the FIRST (0) of
#                                            those that SEED draws
#   tests/random-mutants.sh NAME...          those, as core/image.c:120:negate
#   tests/random-mutants.sh prepare          what follows, and no mutants
#
# First it is learnt which test reaches which line and what it takes
# (BATON_MUTANT_STATE=DIR keeps that; default: variants/mutants of the build),
# a few minutes.  A mutant is held against the tests that reach its line, those
# first that are fast or have killed mutants of that file, in their shortest form,
# and then in the usual one, until one fails, or takes ten times as long as it
# should; memory that is lost is a failure.  What does not compile, or compiles to
# the same code, is not counted.

set -euo pipefail
. "$(dirname "$0")/functions-mutants.sh"
state=${BATON_MUTANT_STATE:-$build/variants/mutants}
most_seconds=60                 # of a processor; what takes longer is left out
leaks=-fsanitize=leak           # what is not freed fails a test
LINKS=$state/links
export BATON_TEST_RUNS=1 BATON_TEST_OPS=100

usage () { sed -n '4,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -gt 0 ] || usage

# -- which test reaches which line ------------------------------------------------

compile_counting ()
{
  cp "$src/core/$1.c" "$state/same/"
  compile "$state/same" "$1"
  (cd "$state/counting" &&
     gcc -w "${flags[@]}" -O0 --coverage -fprofile-update=atomic \
         -c "$src/core/$1.c" -o "$1.o")
}

# covered DIR: FILE:LINE, and whether the run with counts in DIR has reached it
covered ()
{
  [ -d "$1" ] || return
  (cd "$1" && ln -sf "$state"/counting/*.gcno . && gcov -t ./*.gcda 2>/dev/null) |
    awk -F: '
      $2 ~ /^ *0$/ && $3 == "Source" { file = $4; sub (/.*\//, "core/", file) }
      file ~ /\.c$/ && $2 > 0 && $1 !~ /-/ {
        print file ":" ($2 + 0), $1 !~ /[#=]/ }'
}

# learn TEST
learn ()
{
  local dir=$tmp/learn.$1 begin ms TIMEFORMAT=%U
  mkdir "$dir"
  cp "$state/counting/libcore.a" "$dir/"
  link_test "$1" "$dir" --coverage "$leaks" 2>"$dir/log" || { cat "$dir/log" >&2; exit 99; }
  begin=${EPOCHREALTIME/./}
  if { time GCOV_PREFIX=counts run_test "$1" "$dir" $((10 * most_seconds)); } 2>"$dir/cpu" &&
     ms=$(awk 'END { printf "%d", 1000 * $1 }' "$dir/cpu") &&
     [ "$ms" -lt $((most_seconds * 1000)) ] &&
     covered "$dir/tmp/counts$state/counting" >"$state/reach/$1"; then
    echo "$ms $(((${EPOCHREALTIME/./} - begin) / 1000)) $1" >>"$state/took"
  else
    rm -f "$state/reach/$1"
    echo "$1" >>"$state/left-out"
  fi
  rm -rf "$dir"
}

start_afresh ()
{
  rm -rf "$state"
  mkdir -p "$state"/{counting,same,reach}
  touch "$state"/{took,left-out,killers}
  link_commands >"$LINKS"
  printf '%s\n' "$src"/core/*.c | sed 's/.*\///; s/\.c$//' | in_parallel compile_counting
  ar rcs "$state/counting/libcore.a" "$state"/counting/*.o
  echo "$1" >"$state/stamp"
}

# What was interrupted goes on.
prepare ()
{
  local stamp
  stamp=$(cat "$src"/core/*.[ch] "$src"/tests/*.[ch] "$src"/tests/unit/*.[ch] | sha256sum)
  [ "$stamp" = "$(cat "$state/stamp" 2>/dev/null)" ] || start_afresh "$stamp"
  [ ! -e "$state/lines" ] || return 0
  # Those of the command and of the endpoint reach next to nothing of core/.
  cut -d ' ' -f 1 "$LINKS" | grep -vE '^test-(cli|control)' |
    grep -vxF -f <(cut -d ' ' -f 3 "$state/took"; cat "$state/left-out") |
    in_parallel learn
  [ -s "$state/took" ] || { echo "$0: no test runs" >&2; exit 1; }
  # Every line that has code, by file and number.
  cat "$state"/reach/* | cut -d ' ' -f 1 | sort -u | sort -t : -k 1,1 -k 2n >"$tmp/lines"
  mv "$tmp/lines" "$state/lines"
  echo "$(wc -l <"$state/took") tests reach $(cat "$state"/reach/* | grep ' 1$' | sort -u | wc -l)" \
       "of $(wc -l <"$state/lines") lines; left out: $(paste -sd ' ' "$state/left-out")"
}

# tests_for FILE LINE: milliseconds by the clock and names, the most promising first.  A line of
# a statement that has no code of its own counts as the one before.
tests_for ()
{
  local line
  line=$(awk -F: -v file="$1" -v line="$2" '
    $1 == file && $2 <= line { last = $2 } END { print file ":" last }' "$state/lines")
  { grep -lxF "$line 1" -r "$state/reach" || :; } | sed 's/.*\///' |
    awk -v file="$1" '
      FILENAME ~ /killers$/ { kills[$2] += $1 == file; next }
      FILENAME ~ /took$/ { cpu[$3] = $1; ms[$3] = $2; next }
      { print (cpu[$1] + 200) / (1 + 3 * kills[$1]), ms[$1], $1 }' \
      "$state/killers" "$state/took" - | sort -n | cut -d ' ' -f 2-
}

# longer TESTS: of these, those that have a longer form, which may take 20 times
# as long
longer ()
{
  local ms test
  while read -r ms test; do
    ! grep -qE 'BATON_TEST_(RUNS|OPS)' "$src/tests/unit/$test.c" ||
      echo "usual $((ms * 20))" "$test"
  done <"$1"
}

# -- mutants ------------------------------------------------------------------------

# compiles DIR NAME: also by clang, which knows what each lock guards (make
# check-tsa)
compiles ()
{
  compile "$1" "$2" 2>/dev/null || return
  ! command -v clang >/dev/null ||
    clang "${flags[@]}" -Wno-everything -Wthread-safety -Werror -fsyntax-only \
          "$1/$2.c" 2>/dev/null
}

# verdict_of NAME DIR: killed TEST, survived, same, broken
verdict_of ()
{
  local file=${1%%:*} line name form ms test
  name=$(basename "$file" .c)
  line=${1#*:} line=${line%%:*}
  SOURCES=$src "$src/tests/mutate.py" apply "$1" >"$2/$name.c" || exit 99
  compiles "$2" "$name" || { echo broken; return; }
  ! cmp -s "$2/$name.o" "$state/same/$name.o" || { echo same; return; }
  mutant_archive "$2" "$name" || exit 99
  tests_for "$file" "$line" >"$2/tests"
  while read -r form ms test; do
    [ "$form" = short ] || unset BATON_TEST_RUNS BATON_TEST_OPS
    link_test "$test" "$2" "$leaks" 2>/dev/null || { echo broken; return; }
    run_test "$test" "$2" $((30 + ms / 100)) || {
      echo "killed $test"
      echo "$file $test" >>"$state/killers"
      return
    }
    rm -f "$2/${test:?}"
  done < <(sed 's/^/short /' "$2/tests"; longer "$2/tests")
  echo survived
}

try_mutant ()
{
  local dir=$tmp/${1//\//:} verdict
  mkdir "$dir"
  verdict=$(verdict_of "$1" "$dir") ||
    { echo "$1: cannot be tried" >&2; echo failed >>"$tmp/verdicts"; return; }
  { echo "$verdict: $1"
    [ "$verdict" != survived ] || { diff -U 2 --label "$1" --label "$1" \
      "$src/${1%%:*}" "$dir/$(basename "${1%%:*}")" || :; }
  } >"$dir/verdict"
  cat "$dir/verdict"
  echo "${verdict%% *}" >>"$tmp/verdicts"
  rm -rf "$dir"
}

cd "$src"
mkdir -p "$(dirname "$state")"
exec 9>"$state.lock"
flock 9
prepare
exec 9>&-
[ "$1" != prepare ] || exit 0
touch "$tmp/verdicts"
case $1 in
  *:*) printf '%s\n' "$@" ;;
  *) [ $# -eq 3 ] || usage
     "$src/tests/mutate.py" draw "$1" core/*.c >"$tmp/drawn"
     tail -n "+$(($2 + 1))" "$tmp/drawn" | head -n "$3" ;;
esac >"$tmp/chosen"
in_parallel try_mutant <"$tmp/chosen"

number () { grep -cx "$1" "$tmp/verdicts" || :; }
echo "mutants: $(number killed) killed, $(number survived) survived;" \
     "not counted: $(number broken) do not compile, $(number same) compile to the same code"
[ "$(number failed)" -eq 0 ]
