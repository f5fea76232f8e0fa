# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# ./quickstart serve DISK [PARAMETER=VALUE...]: sourced by quickstart.

# Ends with the server.  ctrl-C reaches the server as well, which then needs
# a moment for an orderly end.
wait_for_server ()
{
  local server=$1
  trap 'kill -TERM "$server" 2>/dev/null || :' INT TERM HUP
  while kill -0 "$server" 2>/dev/null; do
    wait "$server" || :
  done
  wait "$server"
}

main ()
{
  local disk=${1-} socket=$work/nbd.sock control=$work/control.sock
  [ -n "$disk" ] || { usage >&2; exit 2; }
  shift
  disk=$(cd "$from" && realpath "$disk")
  [ -e "$disk" ] ||
    die "$disk does not exist; make one: qemu-img create -f qcow2 $disk 10G"
  need "${to_build[@]}"
  build
  ./run nbdkit --exit-with-parent -U "$socket" -P "$work/pid" \
        qcow2 "$disk" control="$control" "$@" &
  pids+=($!)
  until [ -s "$work/pid" ]; do
    kill -0 "${pids[0]}" 2>/dev/null || die "the server did not start"
    sleep 0.05
  done
  step "serving $disk; ctrl-C ends it"
  cat <<END

  the disk        nbd+unix:///?socket=$socket
  its control     $control

  For instance    nbdinfo 'nbd+unix:///?socket=$socket'
                  $here/run baton status $control

END
  wait_for_server "${pids[0]}"
}
