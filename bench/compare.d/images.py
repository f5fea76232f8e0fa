# SPDX-License-Identifier: BSD-3-Clause
#
# Images for the comparison, each made once per run in the run's directory.
# The raw file with the same content, for the limit, is beside it.

import os
import random
import shutil
import struct
import subprocess

MIB = 1 << 20
OFFSET = 0x00fffffffffffe00


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def create(path, size, *options):
    words = ["-o", ",".join(options)] if options else []
    run("qemu-img", "create", "-q", "-f", "qcow2", *words, path, str(size))


def fill_raw(path, size):
    """Data that compresses to about a half, no two blocks alike."""
    rng = random.Random(1)
    half = bytes(2048)
    with open(path, "wb") as f:
        for _ in range(size // MIB):
            f.write(b"".join(rng.randbytes(2048) + half for _ in range(256)))


class Images:
    def __init__(self, directory, size):
        self.directory = directory
        self.size = size            # of those with data
        self.copied = set()

    def path(self, name):
        return os.path.join(self.directory, name)

    def once(self, name, make):
        path = self.path(name)
        if not os.path.exists(path):
            make(path + ".new")
            os.rename(path + ".new", path)
        return path

    # -- with data ---------------------------------------------------------

    def raw(self):
        return self.once("data.raw", lambda p: fill_raw(p, self.size))

    def convert(self, name, *words):
        raw = self.raw()
        return self.once(name, lambda p: run(
            "qemu-img", "convert", "-f", "raw", "-O", "qcow2", *words, raw, p))

    def full(self):
        """Every cluster allocated, in order."""
        return self.convert("data.qcow2", "-o", "preallocation=off")

    def copy(self, path, name):
        """A copy for the server NAME alone.  One that an earlier run left is
        not as warm as a new one: overwriting it took three times as long."""
        copy = "%s-%s" % (name.replace(" ", "-"), os.path.basename(path))
        if copy not in self.copied:
            self.copied.add(copy)
            if os.path.exists(self.path(copy)):
                os.unlink(self.path(copy))
        return self.once(copy, lambda p: run(
            "cp", "--sparse=always", path, p))

    def compressed(self, kind):
        return self.convert(kind + ".qcow2", "-c", "-o",
                            "compression_type=" + kind)

    # -- new for each measurement ------------------------------------------

    def empty(self, raw):
        path = self.path("new.raw" if raw else "new.qcow2")
        if os.path.exists(path):
            os.unlink(path)
        if not raw:
            create(path, self.size)
            return path
        with open(path, "wb") as f:
            f.truncate(self.size)
        return path

    def overlay(self, raw):
        """Over data; where RAW a copy of them stands for it."""
        if raw:
            path = self.path("new.raw")
            shutil.copyfile(self.raw(), path)
            return path
        base = os.path.basename(self.full())
        path = self.path("overlay.qcow2")
        if os.path.exists(path):
            os.unlink(path)
        create(path, self.size, "backing_file=" + base, "backing_fmt=qcow2")
        return path

    def copy_of_full(self, raw):
        path = self.path("new.raw" if raw else "new.qcow2")
        shutil.copyfile(self.raw() if raw else self.full(), path)
        return path

    # -- large ---------------------------------------------------------------

    def mapped(self, size):
        """Every cluster mapped, no data written: the file is sparse."""
        return self.once("mapped-%d.qcow2" % size, lambda p: create(
            p, size, "preallocation=metadata"))

    def fragmented(self, size):
        """Every other cluster mapped (the others' space leaks)."""
        def make(path):
            create(path, size, "preallocation=metadata")
            unmap_odd(path)
        return self.once("fragmented-%d.qcow2" % size, make)

    def chain(self, depth):
        """DEPTH overlays without data over data; the first has the path."""
        base = self.full()
        for i in range(depth):
            over = os.path.basename(base)
            base = self.once("chain-%d.qcow2" % (i + 1), lambda p: create(
                p, self.size, "backing_file=" + over, "backing_fmt=qcow2"))
        return base


def unmap_odd(path):
    with open(path, "r+b") as f:
        head = f.read(104)
        cluster_bytes = 1 << struct.unpack_from(">I", head, 20)[0]
        nr, = struct.unpack_from(">I", head, 36)
        l1, = struct.unpack_from(">Q", head, 40)
        f.seek(l1)
        for entry in struct.unpack(">%dQ" % nr, f.read(8 * nr)):
            if not entry & OFFSET:
                continue
            f.seek(entry & OFFSET)
            table = bytearray(f.read(cluster_bytes))
            for k in range(8, 16):
                table[k::16] = bytes(cluster_bytes // 16)
            f.seek(entry & OFFSET)
            f.write(table)
