# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# ./quickstart: sourced by quickstart.
#
# A disk with a filesystem goes from server A to server B.  B has it open, and
# has read all of it, before A writes: that is where a server with a stale
# cache loses data.  The oracle is a raw copy of the disk (after.raw), to which
# the same changes are made without Baton, and the files' checksums.
#
# Nothing is mounted and no kernel module is needed.

disk_size=2G
wanted_files=6000
least_files=3000

# -- the disk ------------------------------------------------------------------

# Files of this system, with names that need no quoting.
copy_files ()
{
  local list=$work/list
  { find /usr/share/doc /usr/include /usr/share/perl /usr/lib/python3* \
         /usr/share/locale /var/lib/dpkg/info \
         -type f -readable -size -2000k 2>/dev/null || :; } |
    grep -E '^[A-Za-z0-9._/+-]+$' |
    awk -v max="$wanted_files" 'NR <= max' >"$list"
  tar -C / -cf - --files-from <(sed 's,^/,,' "$list") | tar -C tree -xf -
}

generate_files ()
{
  local i
  for ((i = 0; i < least_files; i++)); do
    mkdir -p tree/generated/$((i % 50))
    seq "$i" $((i * 7 % 20000 + i)) >tree/generated/$((i % 50))/$i.txt
  done
}

nr_files () { find tree -type f | wc -l; }

make_disk ()
{
  step "a $disk_size qcow2 disk with an ext4 filesystem of real files"
  mkdir tree
  copy_files
  [ "$(nr_files)" -ge "$least_files" ] || generate_files
  head -c 16M /dev/urandom >tree/database
  truncate -s "$disk_size" fs.raw
  quietly mke2fs mke2fs -q -t ext4 -d tree fs.raw
  qemu-img convert -f raw -O qcow2 fs.raw disk.qcow2
  rm fs.raw
  say "$(nr_files) files, $(du -sm tree | cut -f 1) MiB"
}

# -- the servers -----------------------------------------------------------------

uri () { echo "nbd+unix:///?socket=$work/$1.sock"; }

# start NAME [PARAMETER...]
start ()
{
  local name=$1 pid tries=400
  shift
  "$here/run" nbdkit --exit-with-parent -U "$work/$name.sock" \
    -P "$work/$name.pid" \
    qcow2 disk.qcow2 control="$work/$name.ctl" host="host-$name" "$@" \
    2>"$work/$name.log" &
  pid=$!
  pids+=("$pid")
  until [ -s "$work/$name.pid" ]; do
    kill -0 "$pid" 2>/dev/null ||
      die "server $name did not start: $(cat "$work/$name.log")"
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || die "server $name does not come up"
    sleep 0.05
  done
}

stop_servers ()
{
  local pid
  for pid in "${pids[@]}"; do
    kill -TERM "$pid"
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || die "a server ended with status $?"
  done
  pids=()
}

start_servers ()
{
  step "host A serves it; host B has it open, too, and waits"
  start a
  start b start=inactive
  nbdcopy "$(uri b)" null:
  say "B has read all of it, before anything is written"
}

# -- the change --------------------------------------------------------------------

# debugfs commands on stdout; the same changes are made to tree/.
change_tree ()
{
  local path name nr=0
  (cd tree && find . -mindepth 2 -type f -links 1 | cut -c 3-) >changeable
  mkdir tree/added
  echo 'mkdir /added'
  while read -r path; do
    nr=$((nr + 1))
    name=${path##*/}
    echo "cd /${path%/*}"
    case $((nr % 20)) in
      0 | 1)
        echo "rm $name"
        rm "tree/$path" ;;
      2 | 3 | 4)
        { echo "rewritten after B has read it: $path"; seq $((nr % 9000)); } \
          >"tree/$path"
        echo "rm $name"
        echo "write $work/tree/$path $name" ;;
      5 | 6)
        seq "$nr" $((nr + nr % 5000)) >"tree/added/$nr"
        echo 'cd /added'
        echo "write $work/tree/added/$nr $nr" ;;
    esac
  done <changeable
  # Space that the disk did not have: new clusters, which only the image's
  # tables lead to.
  head -c 48M /dev/urandom >tree/added/database
  printf 'cd /added\nwrite %s database\n' "$work/tree/added/database"
}

# What differs between before.raw and after.raw goes through A.
write_changes='
import os, sys
block = 65536
before = os.open("before.raw", os.O_RDONLY)
after = os.open("after.raw", os.O_RDONLY)
written = zeroed = 0
for at in range(0, h.get_size(), block):
    old, new = os.pread(before, block, at), os.pread(after, block, at)
    if old == new:
        continue
    if new == bytes(len(new)):
        h.zero(len(new), at)
        zeroed += 1
    else:
        h.pwrite(new, at)
        written += 1
h.flush()
print("        A has written %d blocks of 64 KiB, zeroed %d, and flushed"
      % (written, zeroed))
'

change_through_a ()
{
  step "the filesystem is changed through A"
  nbdcopy "$(uri a)" before.raw
  cp --sparse=always before.raw after.raw
  change_tree >commands
  quietly debugfs debugfs -w -f commands after.raw
  quietly "e2fsck of the changed filesystem" e2fsck -fn after.raw
  (cd tree && find . -type f -exec sha256sum {} + | sort -k 2) >sums
  say "$(grep -c '^write .*/added/' commands) files added," \
      "$(grep -c '^rm ' commands) removed or written anew"
  nbdsh -u "$(uri a)" -c "$write_changes"
}

# -- the proof ---------------------------------------------------------------------

# Not from A any more.
refused_by_a='
try:
    h.pwrite(b"too late", 0)
except nbd.Error as error:
    print("        A refuses to write: %s" % error)
else:
    raise SystemExit("A has accepted a write")
'

prove ()
{
  local nr
  step "what B serves, seen by programs that know nothing of Baton"
  quietly "qemu-img compare" \
          qemu-img compare -f raw -F raw after.raw "$(uri b)"
  say "qemu-img compare   B's disk is the expected one, all $disk_size"
  nbdcopy "$(uri b)" from-b.raw
  quietly "e2fsck of B's disk" e2fsck -fn from-b.raw
  say "e2fsck -fn         the filesystem is clean"
  mkdir out
  quietly "debugfs rdump" debugfs -R "rdump / out" from-b.raw
  rm -rf out/lost+found
  (cd out && find . -type f -exec sha256sum {} + | sort -k 2) >found
  nr=$(wc -l <sums)
  cmp -s sums found ||
    die "files differ: $(diff sums found | head -n 10)"
  say "sha256sum          all $nr files are as they should be"
  nbdsh -u "$(uri a)" -c "$refused_by_a"
  stop_servers
  quietly "qemu-img check" qemu-img check -f qcow2 disk.qcow2
  say "qemu-img check     no errors, no leaked clusters"
}

# -- the whole -----------------------------------------------------------------------

check_space ()
{
  local free_mib
  free_mib=$(df --output=avail -m "$work" | tail -n 1)
  [ "$free_mib" -ge 2048 ] ||
    die "only $free_mib MiB free in ${work%/*}: set TMPDIR to where 2 GiB are"
}

whats_next ()
{
  cat <<END

Now with a disk of your own:

  ./quickstart serve DISK.qcow2        serve it
  ./quickstart check                   run the tests
  ./run man nbdkit-qcow2-plugin        the parameters of the server
  ./run man baton                      the command that passes a disk on
  less README.md                       the same by hand, in ten lines

END
}

main ()
{
  local built
  [ $# -eq 0 ] || { usage >&2; exit 2; }
  need "${to_build[@]}" e2fsprogs libnbd-bin python3-libnbd qemu-utils
  check_space
  build
  built=$SECONDS
  cd "$work"
  make_disk
  start_servers
  change_through_a
  step "baton pass A B"
  "$here/run" baton pass a.ctl b.ctl | sed 's/^/        /'
  prove
  step "done: $((SECONDS - built)) seconds since the build"
  whats_next
}
