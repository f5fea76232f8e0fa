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
for file in {core,tls,control,nbdkit-plugin,cli,tests,tests/unit,bench}/*.[ch]; do
  [ ! -f "$file" ] || sources+=("$file")
done
scripts=(quickstart quickstart.d/*.sh .ci/run run.in wrappers/nbdkit.in tests/*.sh)

# -- heads -------------------------------------------------------------------

for file in "${sources[@]}"; do
  mapfile -t -n 4 head <"$file"
  [ "${head[0]:-}" = '/* SPDX-License-Identifier: BSD-3-Clause' ] ||
    wrong "$file:1: no SPDX line"
  [[ ${head[1]:-} = ' *' && ${head[2]:-} = ' * '[[:graph:]]* ]] ||
    wrong "$file:2: no comment that says what it is"
done
for file in "${scripts[@]}" configure.ac ./*.am ./*/*.am ./*/*/*.am; do
  [ -f "$file" ] || continue
  head -n 3 "$file" | grep -q '^# SPDX-License-Identifier: BSD-3-Clause$' ||
    wrong "$file: no SPDX line"
done
for file in core/*.c control/*.c nbdkit-plugin/*.c cli/*.c tests/*.c tests/unit/*.c; do
  [ "$(grep -m 1 '^#include' "$file")" = '#include <config.h>' ] ||
    wrong "$file: config.h is not its first header"
done

# -- sizes -------------------------------------------------------------------

for file in "${sources[@]}"; do
  lines=$(wc -l <"$file")
  case $file in
    *.h) max=$max_header_lines ;;
    *) max=$max_source_lines ;;
  esac
  [ "$lines" -le "$max" ] || wrong "$file: $lines lines, more than $max"
done

# Bodies begin and end in the first column.
long_functions=$(awk -v max="$max_function_lines" '
  FNR == 1 { start = 0 }
  /^\{/ { start = FNR }
  /^\}/ && start { if (FNR - start - 1 > max)
                     print FILENAME ":" start ": a function of " \
                           FNR - start - 1 " lines"
                   start = 0 }' "${sources[@]}")
[ -z "$long_functions" ] || wrong "$long_functions"

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
  local object
  for object in "$@"; do
    objdump -t "$object" |
      awk -v object="${object#"$top_builddir"/}" '
        NF > 3 && ($(NF - 2) ~ /^\.(data|bss)(\.[^r]|$)/) && $NF !~ /^(__|\.)/ {
          print object ": " $NF " is static and not const"; found = 1 }
        END { exit found }' >&2 || errors=$((errors + 1))
  done
}

if command -v objdump >/dev/null; then
  objects=("$top_builddir"/{core,tls,control}/.libs/*.o)
  [ -f "${objects[0]}" ] || wrong "no object files in $top_builddir/core"
  for object in "${objects[@]}"; do
    [ ! -f "$object" ] || check_objects "$object"
  done
fi

# -- the build knows every file ------------------------------------------------

# A file that no Makefile.am names is not built, not run, not packed.
for file in "${sources[@]}"; do
  grep -qwF -- "${file##*/}" "${file%/*}/Makefile.am" ||
    [[ $file = tests/unit/test-*.c ]] ||
    wrong "$file is not in ${file%/*}/Makefile.am"
done
for file in tests/unit/test-*.c tests/test-*.sh; do
  name=${file##*/}
  grep -qE "^[[:space:]]${name%.c} " "${file%/*}/Makefile.am" ||
    wrong "$file is not in ${file%/*}/Makefile.am"
done

[ "$errors" -eq 0 ] || fail "$errors matters"
echo "${#sources[@]} files of C"
