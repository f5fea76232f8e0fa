# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# ./quickstart check: sourced by quickstart.  Passed, failed and skipped are
# counted over the results that automake prints; where something fails that
# is no test, such as a build, that counts as one failed.

passed=0
failed=0
skipped=0

packages=("${to_build[@]}" binutils busybox-static diffutils e2fsprogs fio gnutls-bin jq
          iproute2 libfuse3-dev fuse3 libnbd-bin libvirt-clients libvirt-daemon
          libvirt-daemon-driver-qemu procps python3-libnbd qemu-system-x86 qemu-utils
          spin strace systemd)
packages_long=(clang valgrind)

# What each suite took, one line each.
spent=()

# Nothing is printed after this.
tell_result ()
{
  [ ${#spent[@]} -eq 0 ] || printf '%s\n' "${spent[@]}"
  [ "$1" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  [ "$skipped" -eq 0 ] || skipped_text=", $skipped skipped"
  echo "$passed passed, $failed failed${skipped_text-}"
}

# The results in make's output as they come, one line each.
show_progress ()
{
  local result name nr=0
  while IFS=' ' read -r result name; do
    case $result in
      PASS: | FAIL: | SKIP: | ERROR: | XPASS: | XFAIL:)
        nr=$((nr + 1))
        printf '%s %3d  %-5s %s\n' "$(clock)" "$nr" "${result%:}" "$name"
    esac
  done
}

count () { grep -cE "^($1): " "$work/out" || :; }

# show_logs DIR: what the failed tests of the last run have printed
show_logs ()
{
  local name log
  sed -nE 's/^(FAIL|ERROR|XPASS): //p' "$work/out" |
    while read -r name; do
      find "$1" -name "${name%.sh}.log" -newer "$work/started"
    done |
    while read -r log; do
      echo "--- ${log#./}"
      tail -n 60 "$log"
    done
}

# suite NAME DIR MAKE-ARG...: a run of make in which there are tests
suite ()
{
  local name=$1 dir=$2 status=0 failed_here began=$SECONDS
  shift 2
  step "$name"
  touch "$work/started"
  : >"$work/times"
  # One more than processors: most tests wait now and then.
  make -k -j"$((jobs + 1))" "$@" 2>&1 </dev/null | tee "$work/out" | show_progress ||
    status=$?
  failed_here=$(count 'FAIL|ERROR|XPASS')
  passed=$((passed + $(count 'PASS|XFAIL')))
  skipped=$((skipped + $(count SKIP)))
  show_logs "$dir"
  if [ "$status" -ne 0 ] && [ "$failed_here" -eq 0 ]; then
    tail -n 40 "$work/out"
    say "$name failed: see above"
    failed_here=1
  fi
  failed=$((failed + failed_here))
  [ -z "$long" ] || show_slowest
  spent+=("$(printf '%5d s  %s' $((SECONDS - began)) "$name")")
}

# By the processor's seconds: a build machine's time is short.
show_slowest ()
{
  sort -k2nr "$work/times" | head -n 8 | while read -r wall cpu name; do
    say "$(printf '%6.1f s, %6.1f s of a processor  %s' "$wall" "$cpu" "$name")"
  done
}

# What a build machine has the time for.
long_suites ()
{
  suite "clang, checking the use of locks (make check-tsa)" variants check-tsa
  suite "address and undefined sanitizers (make check-asan)" \
        variants check-asan
  suite "thread sanitizer (make check-tsan)" variants check-tsan
  suite "valgrind (make check-valgrind)" tests/unit check-valgrind
  suite "the rules taken out one by one (make check-mutants)" . check-mutants
  suite "a million inputs for the fuzz targets (make check-fuzz)" \
        variants check-fuzz
  # The variants above are built from the packed sources too, with the unit
  # tests.
  BATON_TEST_RUNS=1 BATON_TEST_OPS=100 suite \
        "the packed sources, built and installed elsewhere (make distcheck)" \
        . distcheck shell_tests='$(packaging_tests)' unit_dir=
}

main ()
{
  local long=
  [ "${CI-}" != true ] || long=1
  export BATON_TEST_TIMES=$work/times
  at_exit=tell_result
  need "${packages[@]}" ${long:+"${packages_long[@]}"}
  configure
  step "make"
  quietly make make -j"$jobs"
  # What the tests need to run, so that a failure is not lost among theirs.
  quietly "make check TESTS=" make -j"$jobs" check TESTS=
  # Before the long form: what is broken shows within minutes.
  suite "make check" tests check
  if [ -n "$long" ]; then
    long_suites
    # Parts of what is long: docs/TESTING.md, "What a build machine runs".
    export BATON_TEST_SECONDS=1500 BATON_MATRIX_SAMPLE=9
    export BATON_MODEL_SMALL=1
    suite "long forms (make check-long, a part of it)" tests \
          check-long long_form_tests='$(build_machine_tests)'
  fi
  step "done"
  [ "$failed" -eq 0 ]
}
