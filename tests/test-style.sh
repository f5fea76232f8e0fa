#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The house style, as far as it can be counted: heads, sizes, white space,
# no state in file statics, and no file that the build does not know.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99

max_source_lines=450
max_header_lines=180
max_function_lines=80

cd "$top_srcdir"
errors=0
wrong ()
{
  echo "$*" >&2
  errors=$((errors + 1))
}

sources=()
for file in {core,tls,control,nbdkit-plugin,cli,tests,tests/unit,tests/fuzz,bench}/*.[ch]; do
  [ ! -f "$file" ] || sources+=("$file")
done
scripts=(quickstart quickstart.d/*.sh .ci/run run.in wrappers/nbdkit.in tests/*.sh
         tests/fuzz/run.sh bench/*.sh
         cli/baton-pki cli/completion.bash systemd/baton-started.in
         systemd/*.service.in)

# -- heads -------------------------------------------------------------------

# look AWK-PROGRAM FILE...: what the program prints is wrong
look ()
{
  local found
  found=$(awk "$@") || fail "awk"
  [ -z "$found" ] || wrong "$found"
}

look 'FNR == 1 && $0 != "/* SPDX-License-Identifier: BSD-3-Clause" {
        print FILENAME ":1: no SPDX line" }
      (FNR == 2 && $0 != " *") || (FNR == 3 && !/^ \* [^ ]/) {
        print FILENAME ":" FNR ": no comment that says what it is" }' \
     "${sources[@]}"
known=()
for file in "${scripts[@]}" configure.ac ./*.am ./*/*.am ./*/*/*.am; do
  [ ! -f "$file" ] || known+=("$file")
done
look 'FNR == 1 { found = 0 }
      FNR <= 3 && $0 == "# SPDX-License-Identifier: BSD-3-Clause" { found = 1 }
      FNR == 3 && !found { print FILENAME ": no SPDX line" }' "${known[@]}"
look 'FNR == 1 { found = 0 }
      /^#include/ && !found { found = 1
        if ($0 != "#include <config.h>")
          print FILENAME ": config.h is not its first header" }' \
     {core,control,nbdkit-plugin,cli,tests,tests/unit,tests/fuzz}/*.c

# -- sizes -------------------------------------------------------------------

look -v source="$max_source_lines" -v header="$max_header_lines" '
  FNR > (FILENAME ~ /\.h$/ ? header : source) && !(FILENAME in told) {
    print FILENAME ": more than " FNR - 1 " lines"; told[FILENAME] = 1 }' \
     "${sources[@]}"

# Bodies begin and end in the first column.
look -v max="$max_function_lines" '
  FNR == 1 { start = 0 }
  /^\{/ { start = FNR }
  /^\}/ && start { if (FNR - start - 1 > max)
                     print FILENAME ":" start ": a function of " \
                           FNR - start - 1 " lines"
                   start = 0 }' "${sources[@]}"

# -- white space ---------------------------------------------------------------

grep -nE '[[:space:]]+$' "${sources[@]}" "${scripts[@]}" configure.ac \
     Makefile.am */Makefile.am README.md docs/*.md docs/*.pod >&2 &&
  wrong "spaces at the end of a line"
grep -nP '\t' "${sources[@]}" "${scripts[@]}" >&2 && wrong "tabs"

# -- state -------------------------------------------------------------------

# What is in .data or .bss of an object file can be changed, and is shared by
# all images of a process.  Names that begin with __ are the sanitizers' own.
check_objects ()
{
  objdump -t "$@" |
    awk '
      / file format / { object = $1 }
      NF > 3 && ($(NF - 2) ~ /^\.(data|bss)(\.[^r]|$)/) && $NF !~ /^(__|\.)/ {
        print object " " $NF " is static and not const"; found = 1 }
      END { exit found }' >&2 || wrong "state"
}

if command -v objdump >/dev/null; then
  objects=("$top_builddir"/{core,tls,control}/*.o)
  [ -f "${objects[0]}" ] || wrong "no object files in $top_builddir/core"
  check_objects "${objects[@]}"
fi

# -- the build knows every file ------------------------------------------------

# A file that no Makefile.am names is not built, not run, not packed.
declare -A named
for file in */Makefile.am */*/Makefile.am; do
  dir=$PWD/${file%/*}
  while IFS=: read -r word; do
    named[$dir/$word]=1
  done < <(grep -oE '[A-Za-z0-9_./-]+' "$file")
done
for file in "${sources[@]}" tests/test-*.sh; do
  case $file in
    tests/unit/test-*.c) name=${file%.c} ;;
    *) name=$file ;;
  esac
  [ -n "${named[$PWD/$name]:-}" ] || wrong "$file is not in ${file%/*}/Makefile.am"
done

[ "$errors" -eq 0 ] || fail "$errors matters"
echo "${#sources[@]} files of C"
