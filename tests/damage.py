# SPDX-License-Identifier: BSD-3-Clause
#
# Damages a qcow2 image in a named way, for the tests of what finds it.
#
#   damage.py IMAGE KIND [N]
#
# Clusters and entries are found by following the header, so any geometry
# will do.  N picks which of several to damage.

import os
import struct
import sys

COPIED = 1 << 63
OFFSET = 0x00fffffffffffe00


class Image:
    def __init__(self, path):
        self.f = open(path, "r+b")
        self.cb = self.be(20, 4)
        self.cs = 1 << self.cb
        self.version = self.be(4, 4)
        self.order = self.be(96, 4) if self.version > 2 else 4
        self.incompat = self.be(72, 8) if self.version > 2 else 0
        self.step = 16 if self.incompat & 16 else 8

    def be(self, at, width):
        self.f.seek(at)
        data = self.f.read(width)
        return int.from_bytes(data.ljust(width, b"\0"), "big")

    def put(self, at, value, width=8):
        self.f.seek(at)
        self.f.write(value.to_bytes(width, "big"))

    def l1_entries(self):
        offset = self.be(40, 8)
        return [offset + 8 * i for i in range(self.be(36, 4))
                if self.be(offset + 8 * i, 8)]

    # Places of entries that have a normal host cluster.
    def l2_entries(self):
        found = []
        for at in self.l1_entries():
            table = self.be(at, 8) & OFFSET
            for i in range(0, self.cs, self.step):
                raw = self.be(table + i, 8)
                if raw & OFFSET and not raw & (1 << 62):
                    found.append(table + i)
        return found

    # Place, bit and width of a cluster's refcount; place None: no block.
    def refcount_place(self, cluster):
        per = self.cs * 8 >> self.order
        block = self.be(self.be(48, 8) + 8 * (cluster // per), 8)
        bit = (cluster % per) << self.order
        return (block + bit // 8 if block else None), bit % 8

    def refcount(self, cluster):
        at, bit = self.refcount_place(cluster)
        width = 1 << self.order
        if width >= 8:
            return self.be(at, width // 8)
        return self.be(at, 1) >> bit & ((1 << width) - 1)

    def set_refcount(self, cluster, value):
        at, bit = self.refcount_place(cluster)
        width = 1 << self.order
        if width >= 8:
            self.put(at, value, width // 8)
            return
        mask = ((1 << width) - 1) << bit
        self.put(at, self.be(at, 1) & ~mask | value << bit, 1)

    def clusters(self):
        self.f.seek(0, os.SEEK_END)
        return (self.f.tell() + self.cs - 1) >> self.cb


def flip(i, at, bits):
    i.put(at, i.be(at, 8) ^ bits)


def data_cluster(i, n):
    places = i.l2_entries()
    return (i.be(places[n % len(places)], 8) & OFFSET) >> i.cb


# Many clusters at the end that nothing refers to.
def leak(i, n):
    first = i.clusters()
    i.f.truncate((first + 5) << i.cb)
    for cluster in range(first, first + 5):
        i.set_refcount(cluster, 1)


def refcount_zero(i, n):
    i.set_refcount(data_cluster(i, n), 0)


def refcount_high(i, n):
    cluster = data_cluster(i, n)
    i.set_refcount(cluster, i.refcount(cluster) + 2)


def refcount_table_zero(i, n):
    i.set_refcount(i.be(48, 8) >> i.cb, 0)


def refcount_l2_high(i, n):
    entries = i.l1_entries()
    table = (i.be(entries[n % len(entries)], 8) & OFFSET) >> i.cb
    i.set_refcount(table, i.refcount(table) + 1)


def copied_l1(i, n):
    entries = i.l1_entries()
    flip(i, entries[n % len(entries)], COPIED)


def copied_l2(i, n):
    for at in i.l2_entries()[n % 3::3]:
        flip(i, at, COPIED)


# Two guest clusters in one host cluster, counted once.
def overlap(i, n):
    places = i.l2_entries()
    i.put(places[n % len(places)], i.be(places[(n + 1) % len(places)], 8))


# Counted twice, but COPIED as if not.
def overlap_counted(i, n):
    overlap(i, n)
    i.set_refcount(data_cluster(i, n), 2)


def data_is_l2(i, n):
    places = i.l2_entries()
    i.put(places[n % len(places)], i.be(i.l1_entries()[0], 8))


def truncated(i, n):
    i.f.truncate((i.clusters() - 2) << i.cb)


def no_block(i, n):
    i.put(i.be(48, 8), 0)


def block_unaligned(i, n):
    flip(i, i.be(48, 8), 512)


def block_outside(i, n):
    i.put(i.be(48, 8), (i.clusters() + 7) << i.cb)


def block_reserved(i, n):
    flip(i, i.be(48, 8), 1)


def block_is_data(i, n):
    i.put(i.be(48, 8), data_cluster(i, n) << i.cb)


def l2_reserved(i, n):
    places = i.l2_entries()
    flip(i, places[n % len(places)], 1 << 57)


def l2_outside(i, n):
    places = i.l2_entries()
    i.put(places[n % len(places)], (i.clusters() + 100) << i.cb | COPIED)


def l1_outside(i, n):
    entries = i.l1_entries()
    i.put(entries[n % len(entries)], (i.clusters() + 100) << i.cb | COPIED)


def dirty(i, n):
    i.put(72, i.incompat | 1)


def corrupt(i, n):
    i.put(72, i.incompat | 2)


KINDS = {name: f for name, f in list(globals().items())
         if callable(f) and name not in ("Image", "flip", "data_cluster")}

if __name__ == "__main__":
    KINDS[sys.argv[2]](Image(sys.argv[1]),
                       int(sys.argv[3]) if len(sys.argv) > 3 else 0)
