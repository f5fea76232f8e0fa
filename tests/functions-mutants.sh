# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# For mutants.sh and random-mutants.sh: unit tests of a build tree, linked anew
# with one object of core/ changed.  They are linked as the build links them,
# so it has to be there, with its tests (make check TESTS=).
#
#   BATON_BUILD=DIR             that tree; default: this source tree
#   BATON_MUTANT_JOBS=N         how many at a time; default: one for each
#                               processor

src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${BATON_BUILD:-$src}" && pwd)
[ -f "$build/core/libcore.a" ] || { echo "$0: $build is not built" >&2; exit 2; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/baton-mutants.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
jobs=${BATON_MUTANT_JOBS:-$(nproc)}
flags=(-std=gnu11 -O1 -fPIC -D_GNU_SOURCE -I"$build" -I"$src/core"
       -I"$src/tls" -I"$src/control" -I"$src/nbdkit-plugin")

# in_parallel FUNCTION, once for each line of the input, as its argument
in_parallel ()
{
  local line running=0
  while IFS= read -r line; do
    [ "$running" -lt "$jobs" ] || { wait -n || :; running=$((running - 1)); }
    "$1" "$line" </dev/null &
    running=$((running + 1))
  done
  wait
}

# compile DIR NAME [FLAG...]: DIR/NAME.c, of core/ or another directory.  What
# it is called in the object does not depend on DIR.
compile ()
{
  (cd "$1" && gcc -w "${flags[@]}" "${@:3}" -c "$2.c" -o "$2.o")
}

# link_commands: TEST and what links it, for all of them
link_commands ()
{
  local tests=("$src"/tests/unit/test-*.c)
  tests=("${tests[@]##*/}")
  make -C "$build/tests/unit" --no-print-directory -n V=1 \
       -W ../../core/libcore.a "${tests[@]%.c}" |
    sed -nE 's/^(.* -o (test-[a-z0-9-]+) .*)$/\2 \1/p'
}

# link_test TEST DIR [FLAG...]: DIR/TEST, with DIR/libcore.a.  LINKS: what
# link_commands has said.
link_test ()
{
  local command
  # shellcheck disable=SC2153
  command=$(sed -n "s/^$1 //p" "$LINKS")
  [ -n "$command" ] || { echo "$1: nothing links it" >&2; return 99; }
  command=${command/ -o $1 / -o \"\$2/\$1\" }
  command=${command//..\/..\/core\/libcore.a/\"\$2/libcore.a\"}
  (cd "$build/tests/unit" && eval "$command" -Wl,-S '"${@:3}"')
}

# mutant_archive DIR NAME: DIR/libcore.a, with DIR/NAME.o in place of its own
mutant_archive ()
{
  cp "$build/core/libcore.a" "$1/libcore.a"
  ar t "$1/libcore.a" "$2.o" >/dev/null && ar r "$1/libcore.a" "$1/$2.o"
}

# Tests put their files into /tmp, and what is killed leaves them there: where
# that can be they have one of their own.
own_tmp=()
for how in -m -Urm; do
  ! unshare "$how" mount --bind "$tmp" /tmp 2>/dev/null ||
    { own_tmp=(unshare "$how" sh -c
               'mount --bind "$TMPDIR" /tmp && cd /tmp && TMPDIR=/tmp exec "$@"' sh)
      break; }
done

# run_test TEST DIR SECONDS: in DIR/tmp, and in a process group of its own, of
# which nothing is left.  124 or 137: it took longer.
run_test ()
{
  local pid status=0
  rm -rf "$2/tmp"
  mkdir "$2/tmp"
  ln "$2/$1" "$2/tmp/"
  (cd "$2/tmp" && TMPDIR=$2/tmp exec timeout -k 2 "$3" "${own_tmp[@]}" "./$1") \
    >"$2/log" 2>&1 &
  pid=$!
  # shellcheck disable=SC2064
  trap "kill -KILL -- -$pid; exit 143" TERM
  wait "$pid" 2>/dev/null || status=$?
  kill -KILL -- "-$pid" 2>/dev/null || :
  return "$status"
}
