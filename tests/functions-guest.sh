# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A real guest: what the migration tests share.  Sourced after functions.sh;
# skips the test where QEMU or a kernel for the guest cannot be had.
#
#   make_disk NAME          $tmp/NAME.qcow2 over $tmp/NAME-base.qcow2, in which
#                           the guest's records number 0 are; disks are
#                           numbered in this order
#   start_vm NAME SERVER... [-- ARG...]   QEMU with a disk on each of SERVERs'
#                           data sockets; sets NAME_pid.  Its monitor for
#                           baton is $(qmp_of NAME), its console goes to
#                           $tmp/guest.out as all guests' of a test do
#   incoming NAME           where the migration comes in: start_vm's ARGs
#   qmp NAME COMMAND [JSON] prints what it returns, as JSON; on a monitor
#                           of its own
#   vm_status NAME          "running", ...
#   quit_vm NAME            end it
#   records                 how many the guest has written by now
#   wait_records N          until so many more are written
#   verify_guest            what the guest has said, and what its disks hold
#
# guest_workers, guest_pause_us, guest_flush_every: what the guest does.
# disk_options: of each disk's device; nbd_options: of its connection.

requires qemu-system-x86_64 qemu-img busybox nbdkit

guest_workers=2
guest_pause_us=10000
guest_flush_every=16
# Twice, on a busy machine, a guest of 96 MiB crashed after a migration, once
# with QEMU alone and a raw file; none has in 80 migrations since it has this
# size, which is no multiple of 256 KiB.  Whether that is why is not known.
guest_memory=98296K
disk_options=
nbd_options=
guest_kernel=${BATON_GUEST_KERNEL:-$top_builddir/tests/guest-kernel}
disks=()

"$srcdir/guest-kernel.sh" "$guest_kernel" ||
  { echo "SKIP: there is no kernel for the guest" >&2; exit 77; }

make_initramfs ()
{
  local root=$tmp/initramfs name
  mkdir -p "$root"/{bin,dev,proc}
  cp "$(command -v busybox)" "$root/bin/busybox"
  cp "$(program guest-writer)" "$root/"
  while read -r name; do
    cp "$guest_kernel/$name.ko" "$root/"
  done <"$guest_kernel/modules"
  {
    echo '#!/bin/busybox sh'
    echo '/bin/busybox mount -t devtmpfs dev /dev'
    sed 's|.*|/bin/busybox insmod /&.ko|' "$guest_kernel/modules"
    # shellcheck disable=SC2016
    echo 'exec /guest-writer "$@"'
  } >"$root/init"
  chmod +x "$root/init"
  (cd "$root" && find . | busybox cpio -o -H newc) >"$tmp/initrd" 2>/dev/null
}

# Several guests write to it one after the other, and one process reads.
start_console ()
{
  mkfifo "$tmp/console"
  : >"$tmp/guest.out"
  "$(program guest-check)" stamp "$tmp/console" "$tmp/guest.out" &
  pids+=($!)
}

make_initramfs
start_console

qmp_of () { echo "$tmp/$1.qmp"; }
incoming () { echo "unix:$tmp/$1.incoming"; }

make_disk ()
{
  "$(program guest-check)" base ${#disks[@]} "$guest_workers" "$tmp/base.raw"
  qemu-img convert -f raw -O qcow2 "$tmp/base.raw" "$tmp/$1-base.qcow2"
  qemu-img create -q -f qcow2 -b "$1-base.qcow2" -F qcow2 "$tmp/$1.qcow2"
  disks+=("$tmp/$1.qcow2")
  rm "$tmp/base.raw"
}

start_vm ()
{
  local name=$1 disk_args=() server
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    server=$1
    shift
    disk_args+=(
      -blockdev "driver=nbd,node-name=$server,server.type=unix,server.path=$(sock "$server")$nbd_options"
      -device "virtio-blk-pci,drive=$server$disk_options")
  done
  run_vm "$name" "${disk_args[@]}" "${@:2}"
}

# A kernel that looks whether the timer's interrupts come panics where QEMU gets
# no processor for so long ("IO-APIC + timer doesn't work!").
guest_command_line ()
{
  echo "console=ttyS0 quiet panic=-1 no_timer_check --" \
       "$guest_workers $guest_pause_us $guest_flush_every"
}

# run_vm NAME ARG...: QEMU with the guest, and what else ARGs say
run_vm ()
{
  local name=$1
  shift
  rm -f "$(qmp_of "$name")" "$(qmp_of "$name")2"
  qemu-system-x86_64 -name "$name" -M pc -accel tcg -m "$guest_memory" \
    -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$guest_kernel/vmlinuz" -initrd "$tmp/initrd" \
    -append "$(guest_command_line)" \
    -chardev "file,id=console,path=$tmp/console,append=on" \
    -serial chardev:console \
    -qmp "unix:$(qmp_of "$name"),server=on,wait=off" \
    -qmp "unix:$(qmp_of "$name")2,server=on,wait=off" \
    "$@" >>"$tmp/$name.log" 2>&1 &
  printf -v "${name}_pid" %s $!
  pids+=($!)
  wait_for 20 test -S "$(qmp_of "$name")2" ||
    fail "$name did not come up: $(cat "$tmp/$name.log")"
}

qmp ()
{
  /usr/bin/python3 - "$(qmp_of "$1")2" "$2" "${3:-{\}}" <<'EOF'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
f = s.makefile("rw")
def ask(command, arguments):
    f.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    f.flush()
    while True:
        answer = json.loads(f.readline() or '{"error": "closed"}')
        if "error" in answer:
            sys.exit(f"{command}: {answer['error']}")
        if "return" in answer:
            return answer["return"]
f.readline()
ask("qmp_capabilities", {})
print(json.dumps(ask(sys.argv[2], json.loads(sys.argv[3]))))
EOF
}

vm_status () { qmp "$1" query-status | jq -r .status; }

quit_vm ()
{
  local pid_name=${1}_pid
  qmp "$1" quit >/dev/null 2>&1 || :
  wait_for 20 gone "${!pid_name}" || fail "$1 does not quit"
  wait "${!pid_name}" || :
  forget "${!pid_name}"
}

records () { grep -c ' @w ' "$tmp/guest.out" || :; }
has_records () { [ "$(records)" -ge "$1" ]; }

wait_records ()
{
  local goal=$(($(records) + $1))
  local tries=300
  until has_records "$goal"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] ||
      fail "the guest does not go on: $(tail -n 3 "$tmp/guest.out")"
    nap 0.2
  done
}

# The servers must have ended.
verify_guest ()
{
  local disk raw=()
  for disk in "${disks[@]}"; do
    check_leaks_only "$disk"
    qemu-img convert -f qcow2 -O raw "$disk" "$disk.raw"
    raw+=("$disk.raw")
  done
  "$(program guest-check)" verify "$guest_workers" "$tmp/guest.out" \
    "${raw[@]}" || fail "what the guest has written is not what its disk holds"
}
