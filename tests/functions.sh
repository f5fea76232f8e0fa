# SPDX-License-Identifier: BSD-3-Clause
#
# What the shell tests share.  Sourced first; afterwards:
#
#   $tmp                    a directory of this test's own, removed at its end
#   $plugin $baton          what is under test, from the build tree
#   $srcdir                 tests/ of the source tree, absolute
#   $top_srcdir $top_builddir               absolute too; they may differ
#   requires CMD...         skip (77) where one is missing
#   fail MSG                end the test
#   start_nbdkit NAME ARG.. nbdkit with the plugin; sets NAME_sock, NAME_pid
#   start_qemu_nbd NAME FILE [ARG...]       the same with qemu-nbd
#   start_server NAME FILE [PARAM...]       serve FILE with the server under
#                           test: the plugin, or qemu-nbd where
#                           BATON_TEST_SERVER=qemu-nbd (to test the tests)
#   stop NAME               SIGTERM, wait; fails where it does not exit with 0;
#                           sets stopped_us, the microseconds until it had ended
#   kill_server NAME        SIGKILL, wait
#   sock NAME, control NAME the paths of its sockets
#   check_clean FILE        qemu-img check: no error and no leak
#   check_leaks_only FILE   qemu-img check: no error; leaks are forgiven
#   program NAME            path of a helper program of this directory
#   python CODE             /usr/bin/python3, which has the nbd module
#
# Every background process is killed at the end, and nbdkit ends by itself
# where its test was killed.  No test uses a fixed port or name: they run side
# by side.
#
# Under `make check` automake sets srcdir, and tests/Makefile.am the others.  By
# hand in an unbuilt directory, say top_builddir=DIR.

set -euo pipefail

srcdir=$(cd "${srcdir:-$(dirname "$0")}" && pwd)
top_srcdir=$(cd "${top_srcdir:-$srcdir/..}" && pwd)
if [ -z "${top_builddir:-}" ]; then
  top_builddir=$([ -f ../config.status ] && echo .. || echo "$top_srcdir")
fi
top_builddir=$(cd "$top_builddir" && pwd)
# nbdkit there knows where our plugin is, and what it needs where it is built
# with a sanitizer.
PATH=$top_builddir/wrappers:$PATH
plugin=${BATON_PLUGIN:-$top_builddir/nbdkit-plugin/nbdkit-qcow2-plugin.so}
baton=${BATON_CLI:-$top_builddir/cli/baton}
tests_bin=${BATON_TESTS_BIN:-$top_builddir/tests}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/baton-test.XXXXXX")
pids=()

cleanup ()
{
  local status=$? pid
  trap - EXIT
  # Numbers of the dead are given again: only our children, and what has our
  # directory on its command line, is ours.
  for pid in $(jobs -pr) "${pids[@]}"; do
    [[ " $(jobs -pr | tr '\n' ' ') " == *" $pid "* ]] ||
      grep -qF "$tmp" "/proc/$pid/cmdline" 2>/dev/null || continue
    kill -KILL "$pid" 2>/dev/null || :
  done
  wait 2>/dev/null || :
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
    for log in "$tmp"/*.log; do
      [ ! -s "$log" ] || { echo "--- ${log##*/}"; tail -n 20 "$log"; } >&2
    done
  fi
  [ -n "${BATON_KEEP_TMP:-}" ] || rm -rf "$tmp"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail ()
{
  echo "${0##*/}: FAILED: $*" >&2
  exit 1
}

requires ()
{
  local cmd
  for cmd in "$@"; do
    command -v "$cmd" >/dev/null 2>&1 ||
      { echo "SKIP: $cmd is not there" >&2; exit 77; }
  done
}

# With a sanitizer's library loaded into it, nbdkit hangs when it ends because
# it could not start, whatever the plugin (p11-kit's clean-up waits for a lock
# of libc).
if [ "${BATON_SANITIZER:-no}" != no ]; then
  case ${0##*/} in
    test-backing-chain.sh | test-errors.sh | test-failed-bind.sh | \
    test-plugin-parameters.sh | test-truncated.sh | test-unwritable.sh)
      echo "SKIP: nbdkit does not end under a sanitizer" >&2
      exit 77
  esac
fi

# Of a thread's variables in a plugin the sanitizer guesses how libc keeps them,
# and where they lie 16 bytes after the beginning of a page takes what is before
# them for their size: "failed to allocate" terabytes.
[ "${BATON_SANITIZER:-no}" != thread ] ||
  export TSAN_OPTIONS="suppressions=$srcdir/tsan-suppressions \
intercept_tls_get_addr=0 ${TSAN_OPTIONS:-}"

# insist COMMAND...: qemu-img measures the processor for LUKS, and gives up now
# and then
insist ()
{
  local try
  for try in 1 2 3 4 5 6 7; do
    "$@" 2>/dev/null && return
  done
  "$@"
}

program () { echo "$tests_bin/$1"; }
sock () { echo "$tmp/$1.sock"; }
control () { echo "$tmp/$1.control"; }
uri () { echo "nbd+unix:///?socket=$(sock "$1")"; }
python () { /usr/bin/python3 -c "$@"; }
# The python3 found first in PATH may lack the nbd module.
nbdsh () { PATH=/usr/bin:$PATH command nbdsh "$@"; }
baton () { "$baton" "$@"; }

# A pipe in which nothing ever comes: waiting for it starts no process.
exec {nothing}<> <(:)
nap () { read -r -t "$1" -u "$nothing" || :; }

# wait_for SECONDS COMMAND...: until it succeeds
wait_for ()
{
  local tries=$(($1 * 50))
  shift
  until "$@" 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    nap 0.02
  done
}

gone () { ! kill -0 "$1" 2>/dev/null; }
up_or_gone () { [ -S "$2" ] && [ -s "$3" ] || gone "$1"; }

# Starts COMMAND... in the background as NAME, until it serves.
launch ()
{
  local name=$1 pid
  shift
  rm -f "$tmp/$name.sock" "$tmp/$name.pid"
  "$@" >>"$tmp/$name.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  wait_for 20 up_or_gone "$pid" "$(sock "$name")" "$tmp/$name.pid" ||
    fail "$name did not come up"
  gone "$pid" && fail "$name ended at its start: $(cat "$tmp/$name.log")"
  printf -v "${name}_pid" %s "$pid"
  printf -v "${name}_sock" %s "$(sock "$name")"
}

# BATON_WRAPPER: a command to run it under, for instance valgrind.
start_nbdkit ()
{
  local name=$1
  shift
  # shellcheck disable=SC2086
  launch "$name" ${BATON_WRAPPER:-} nbdkit --exit-with-parent \
         -U "$(sock "$name")" -P "$tmp/$name.pid" "$plugin" "$@"
}

start_qemu_nbd ()
{
  local name=$1 file=$2
  shift 2
  launch "$name" qemu-nbd -f qcow2 -t -e 16 -k "$(sock "$name")" \
         --pid-file="$tmp/$name.pid" "$@" "$file"
}

start_server ()
{
  local name=$1 file=$2
  shift 2
  if [ "${BATON_TEST_SERVER:-}" = qemu-nbd ]; then
    start_qemu_nbd "$name" "$file" --discard=unmap
  else
    start_nbdkit "$name" "$file" "$@"
  fi
}

# The dead need not be killed at the end.
forget ()
{
  local pid alive=()
  for pid in "${pids[@]}"; do
    [ "$pid" = "$1" ] || alive+=("$pid")
  done
  pids=("${alive[@]}")
}

# Under a sanitizer nbdkit may hang after main (see above), when it has done
# with the plugin: then no more is to be learnt of it.
hangs_at_exit ()
{
  [ "${BATON_SANITIZER:-no}" != no ] && [ -r "/proc/$1/maps" ] &&
    ! grep -qF qcow2-plugin "/proc/$1/maps"
}

gone_or_unloaded () { gone "$1" || hangs_at_exit "$1"; }

stop ()
{
  local pid_name=${1}_pid status=0 begin=${EPOCHREALTIME/./}
  kill -TERM "${!pid_name}"
  # A server that does not go must not hang the whole suite.
  wait_for 30 gone_or_unloaded "${!pid_name}" ||
    fail "$1 does not end after SIGTERM"
  # shellcheck disable=SC2034
  stopped_us=$((${EPOCHREALTIME/./} - begin))
  if hangs_at_exit "${!pid_name}" && ! wait_for 5 gone "${!pid_name}"; then
    kill -KILL "${!pid_name}"
    forget "${!pid_name}"
    return
  fi
  wait "${!pid_name}" || status=$?
  [ "$status" -eq 0 ] || fail "$1 ended with status $status"
  forget "${!pid_name}"
}

kill_server ()
{
  local pid_name=${1}_pid
  kill -KILL "${!pid_name}"
  wait "${!pid_name}" 2>/dev/null || :
}

check_clean ()
{
  qemu-img check -q -f qcow2 "$1" >"$tmp/check.out" 2>&1 ||
    fail "qemu-img check $1: status $?: $(head -n 5 "$tmp/check.out")"
}

check_leaks_only ()
{
  local status=0
  qemu-img check -f qcow2 "$1" >"$tmp/check.out" 2>&1 || status=$?
  case $status in
    0 | 3) ;;
    *) fail "qemu-img check $1: status $status: $(head -n 5 "$tmp/check.out")"
  esac
}

# compare [OPTION...] FILE FILE: the virtual disks are equal
compare ()
{
  qemu-img compare -q "$@" || fail "the contents differ: $*"
}
