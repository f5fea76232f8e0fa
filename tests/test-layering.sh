#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Includes point down the ranks of docs/ARCHITECTURE.md: core/ knows only
# itself and the C library, zlib, zstd and, for ciphers and hashes, GnuTLS; control/ knows of core/ only the
# ground; tls/ and core/ do not know each other; only nbdkit-plugin/ knows all.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99

cd "$top_srcdir"

# core/, lowest rank first.  A file may include its own rank and lower ones.
ranks='
cleanup checked mutex error
cursor range-lock secret spare
digest record storage
lock
sector-cipher
io-opener
io io-optional
io-file io-file-internal io-crypt
luks-header
luks
keyring
qcow2-format
compressed deflate qcow2-extension qcow2-header qcow2-header-check qcow2-entry
table-window qcow2-areas
snapshot-table bitmap-directory
record-place
view
ownership
extent-list file-spec grace poison
metadata-map table-cache table-cache-internal inflate-cache
check check-internal check-census
refcount
allocator allocator-internal
bitmaps bitmaps-internal
mapping mapping-table mapping-subcluster
image-notice
backing backing-name data-file image image-bitmaps image-finish image-internal image-pack image-subcluster
handoff-status leftover
handoff handoff-gate handoff-internal handoff-timeline
'
ground='cleanup checked mutex error cursor'

declare -A rank
nr=0
while read -r -a names; do
  nr=$((nr + 1))
  for name in "${names[@]}"; do
    rank[$name]=$nr
  done
done <<<"$ranks"

errors=0
wrong ()
{
  echo "$*" >&2
  errors=$((errors + 1))
}

# find_rank FILE: its own, or that of the part it belongs to: image-write.c is
# of image.  Into $found_rank.
find_rank ()
{
  local name=${1##*/}
  name=${name%.[ch]}
  until [ -n "${rank[$name]:-}" ] || [ "${name%-*}" = "$name" ]; do
    name=${name%-*}
  done
  found_rank=${rank[$name]:-0}
}

# What each file includes, a line each.
declare -A own system
while read -r file kind name; do
  case $kind in
    own) own[$file]+=$name$'\n' ;;
    *) system[$file]+=$name$'\n'
  esac
done < <(awk 'match ($0, /^# *include *["<][^">]*/) {
                text = substr ($0, 1, RLENGTH)
                kind = text ~ /"/ ? "own" : "system"
                sub (/.*["<]/, "", text)
                print FILENAME, kind, text }' \
             {core,tls,control,nbdkit-plugin,cli}/*.[ch])

# -- inside core/ ----------------------------------------------------------

check_core_file ()
{
  local file=$1 mine name
  find_rank "$file"
  mine=$found_rank
  [ "$mine" -gt 0 ] || wrong "$file has no rank: put it into ${0##*/}"
  for name in ${own[$file]:-}; do
    find_rank "$name"
    if [ ! -f "core/$name" ]; then
      wrong "$file includes $name, which is not core's"
    elif [ "$found_rank" -gt "$mine" ]; then
      wrong "$file includes $name of a higher rank"
    fi
  done
}

for file in core/*.[ch]; do
  check_core_file "$file"
done
for file in core/*.h; do
  name=${file##*/}
  [ -n "${rank[${name%.h}]:-}" ] ||
    wrong "$file has no rank of its own: put it into ${0##*/}"
done

# Headers of one rank must not include each other in a circle.
for file in core/*.h; do
  for name in ${own[$file]:-}; do
    echo "${file##*/} $name"
  done
done | tsort >/dev/null 2>"$tmp/circles" ||
  wrong "circles: $(grep -v 'input contains a loop' "$tmp/circles")"

# -- what a directory may know -----------------------------------------------

# no_system DIR REGEX: no file of DIR includes a system header like that
no_system ()
{
  local file name
  for file in "$1"/*.[ch]; do
    [ -f "$file" ] || continue
    for name in ${system[$file]:-}; do
      [[ ! $name =~ $2 ]] || wrong "$file includes <$name>"
    done
  done
}

# only_from DIR OTHER...: what a file of DIR includes is in DIR or OTHERs,
# where OTHER is a directory or one header
only_from ()
{
  local dir=$1 file name other found
  shift
  for file in "$dir"/*.[ch]; do
    [ -f "$file" ] || continue
    for name in ${own[$file]:-}; do
      found=
      for other in "$dir" "$@"; do
        case $other in
          *.h) [ "$name" != "${other##*/}" ] || found=1 ;;
          *) [ ! -f "$other/$name" ] || found=1 ;;
        esac
      done
      [ -n "$found" ] || wrong "$file includes $name, which is not for $dir/"
    done
  done
}

sockets='^(sys/socket|sys/un|netinet/.*|arpa/.*|netdb|poll|sys/poll)\.h$'
no_system core "$sockets|^(nbdkit.*|libnbd|jansson|syslog)\.h$"
for file in $(grep -lE '^# *include *<gnutls/' core/*.[ch] || :); do
  case ${file##*/} in
    digest.c | sector-cipher.c | luks.c) ;;
    *) wrong "$file includes GnuTLS: only core's digests and ciphers may" ;;
  esac
  ! grep '^gnutls/' <<<"${system[$file]}" |
    grep -qvE '^gnutls/(gnutls|crypto)\.h$' ||
    wrong "$file includes more of GnuTLS than digests and ciphers"
done
no_system tls '^(nbdkit.*|libnbd|jansson)\.h$'
no_system control '^(nbdkit.*|libnbd)\.h$'
no_system cli '^nbdkit.*\.h$'

ground_headers=()
for name in $ground; do
  ground_headers+=("core/$name.h")
done
only_from core
only_from tls core/cleanup.h core/error.h core/mutex.h
only_from control tls "${ground_headers[@]}"
only_from cli core/check.h core/io.h core/io-file.h core/lock.h \
          control/control.h tls "${ground_headers[@]}"
only_from nbdkit-plugin core control tls

# core/ never logs: whoever called it says what went wrong, once.
if grep -nE '\b(v?f?printf|perror|syslog|fputs|puts) *\(' core/*.[ch] |
     grep -vE 'v?snprintf|: *\*|/\*' >&2; then
  wrong "core/ prints"
fi

[ "$errors" -eq 0 ] || fail "$errors includes go the wrong way"
