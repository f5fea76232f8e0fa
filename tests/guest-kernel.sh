#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# guest-kernel.sh DIR: into DIR a kernel for the guest of the migration tests,
# `vmlinuz`, and the modules that it needs to see its disks.  They are those of
# Debian's package linux-image-cloud-amd64, which is downloaded, and unpacked
# but not installed.  Does nothing where they are there already; fails, and
# leaves nothing, where they cannot be had.

set -euo pipefail

modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev
         virtio_pci virtio_blk)

dir=$1
[ ! -s "$dir/modules" ] || exit 0

mkdir -p "$dir"
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

package=$(apt-cache depends --no-recommends --no-suggests linux-image-cloud-amd64 |
            sed -n 's/^ *Depends: *//p' | head -n 1)
[ -n "$package" ] || { echo "apt knows no linux-image-cloud-amd64" >&2; exit 1; }
timeout 300 apt-get -qq -o APT::Sandbox::User=root download "$package" >&2
dpkg-deb --fsys-tarfile ./*.deb |
  tar -x --wildcards './boot/vmlinuz-*' '*/drivers/virtio/*' \
      '*/block/virtio_blk.ko*'

for name in "${modules[@]}"; do
  found=$(find . -name "$name.ko" -print -quit)
  [ -n "$found" ] || { echo "$package has no $name.ko" >&2; exit 1; }
  mv "$found" ..
  echo "$name" >>modules
done
mv boot/vmlinuz-* ../vmlinuz
# The last one: with it everything is there.
mv modules ..
