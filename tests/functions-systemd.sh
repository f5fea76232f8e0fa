# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For tests of the units where no systemd runs, after functions.sh:
#
#   read_environment FILE   DISK, PARAMETERS and NBDKIT_OPTIONS, as systemd would
#   line UNIT INSTANCE KEY  the command line that is there, with that environment
#   socket_of UNIT INSTANCE the path of the socket unit

# It is read by systemd, whose syntax the shell's contains.
read_environment ()
{
  # shellcheck source=/dev/null
  . "$1"
}

# The shell then makes words of it as systemd does.
line ()
{
  local text
  text=$(sed -n "s/^$3=//p" "$1")
  text=${text//%i/$2}
  text=${text//\$NBDKIT_OPTIONS/$NBDKIT_OPTIONS}
  text=${text//\$\{DISK\}/$DISK}
  echo "${text//\$PARAMETERS/$PARAMETERS}"
}

socket_of ()
{
  local path
  path=$(sed -n 's/^ListenStream=//p' "$1")
  echo "${path//%i/$2}"
}
