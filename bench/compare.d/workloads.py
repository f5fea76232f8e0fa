# SPDX-License-Identifier: BSD-3-Clause
#
# What is measured: for each workload the image, how it is warmed, and the
# load.  A workload is a table of words; `measure` does what they say once, for
# one server.

import json
import os
import subprocess
import time

from servers import Failed

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40


class Workload:
    """IMAGE: function of (images, raw) that gives a path, None where there is
    no raw file to compare with.  LOAD: options of nbd-load.  TARGETS: ratios to
    the limit and to the best qemu-nbd; None: not asked for."""

    def __init__(self, name, what, image, load, targets=(None, None),
                 warm=True, cold=False, writes=False, fresh=False,
                 cache_mib=None, unit="requests/s", kind="rate"):
        self.name = name
        self.what = what
        self.image = image
        self.load = load
        self.targets = targets
        self.warm = warm            # read it all first
        self.cold = cold            # drop the page cache first
        self.writes = writes
        self.fresh = fresh          # a new image each time
        self.cache_mib = cache_mib
        self.unit = unit
        self.kind = kind            # rate, open, memory, copy-*, fio
        # Servers that are started once and take turns, or for each round.
        self.steady = not fresh and not cold and kind in ("rate", "fio",
                                                          "copy-read")


def data(images, raw):
    return images.raw() if raw else images.full()


def no_limit(make):
    return lambda images, raw: None if raw else make(images)


def load(op, pattern, block, depth, connections=1, **more):
    words = {"op": op, "pattern": pattern, "block": block, "depth": depth,
             "connections": connections}
    words.update(more)
    return words


def small(op, depth, connections, targets):
    verb = "reads" if op == "read" else "overwrites"
    return Workload(
        "%s-4k-q%d-c%d" % (op, depth, connections),
        "warm random %s of 4 KiB, depth %d, %d connection%s" %
        (verb, depth, connections, "s" * (connections > 1)),
        data,
        load(op, "random", 4 * KIB, depth, connections), targets,
        writes=op == "write")


def large(op):
    verb = "reads" if op == "read" else "overwrites"
    return Workload(
        op + "-1m", "warm sequential %s of 1 MiB, depth 4" % verb,
        data,
        load(op, "sequential", MIB, 4), (0.95, 1.5), writes=op == "write")


def allocating(name, what, block, pattern, size, targets, depth=16, **more):
    """SIZE bytes are written, into nothing."""
    return Workload(
        "alloc-" + name, "allocating writes, " + what,
        lambda images, raw: images.empty(raw),
        load("write", pattern, block, depth, bytes=size, **more), targets,
        warm=False, writes=True, fresh=True)


def copying(name, what, block, pattern, size, depth=16):
    return Workload(
        "cow-" + name, "copy-on-write over data, " + what,
        lambda images, raw: images.overlay(raw) if not raw else None,
        load("write", pattern, block, depth, bytes=size), (None, 1.5),
        writes=True, fresh=True)


def compressed(kind, name, what, block, pattern, depth, target):
    return Workload(
        "%s-%s" % (kind, name), "%s image, %s" % (kind, what),
        no_limit(lambda images: images.compressed(kind)),
        load("read", pattern, block, depth), (None, target))


def discarding(op):
    return Workload(
        op, op + " of 32 MiB each, of a disk full of data",
        lambda images, raw: images.copy_of_full(raw),
        load(op, "once", 32 * MIB, 4, bytes="all"), warm=False, writes=True,
        fresh=True)


def opening(name, size):
    return Workload(
        "open-" + name, "start until the first read of a mapped image of " +
        name, no_limit(lambda images: images.mapped(size)), {}, kind="open",
        warm=False, unit="1/s")


def chain(depth, target):
    return Workload(
        "chain-%d" % depth, "warm random reads of 4 KiB, depth 16, of data "
        "below %d empty overlays" % depth,
        no_limit(lambda images: images.chain(depth)),
        load("read", "random", 4 * KIB, 16), (None, target))


def all_workloads(large_size):
    """LARGE_SIZE: of the images that are mostly tables; 4 TiB and more."""
    return [
        small("read", 1, 1, (0.97, 1)), small("read", 1, 4, (0.97, 1)),
        small("read", 16, 1, (0.97, 1.6)), small("read", 16, 4, (0.97, 1.2)),
        small("write", 1, 1, (None, None)), small("write", 1, 4, (None, None)),
        small("write", 16, 1, (0.95, 2)), small("write", 16, 4, (0.95, 1.5)),
        large("read"), large("write"),
        allocating("4k", "random 4 KiB, depth 16", 4 * KIB, "once", 64 * MIB,
                   (0.75, 1.6)),
        allocating("64k", "sequential 64 KiB, depth 16", 64 * KIB,
                   "sequential", 256 * MIB, (1, 1.2)),
        allocating("1m", "sequential 1 MiB, depth 4", MIB, "sequential",
                   256 * MIB, (0.9, 1.3), depth=4),
        allocating("flush-1", "random 4 KiB, flush after each, depth 16",
                   4 * KIB, "once", 2 * MIB, (0.8, 1.4), flush_every=1),
        allocating("flush-32", "random 4 KiB, flush after 32, depth 16",
                   4 * KIB, "once", 16 * MIB, (None, None), flush_every=32),
        copying("4k", "random 4 KiB, depth 16", 4 * KIB, "once", 8 * MIB),
        copying("64k", "sequential 64 KiB, depth 16", 64 * KIB, "sequential",
                128 * MIB),
        copying("1m", "sequential 1 MiB, depth 4", MIB, "sequential",
                128 * MIB, 4),
        *[w for kind, targets in (("zlib", (8, 1.8, 1.8)),
                                  ("zstd", (5, 1.2, 1.2)))
          for w in (
              compressed(kind, "4k-seq", "sequential reads of 4 KiB, depth 1",
                         4 * KIB, "sequential", 1, targets[0]),
              compressed(kind, "1m", "sequential reads of 1 MiB, depth 4",
                         MIB, "sequential", 4, targets[1]),
              compressed(kind, "4k", "random reads of 4 KiB, depth 16",
                         4 * KIB, "random", 16, targets[2]))],
        Workload("cold", "first random reads of 4 KiB, depth 16, of a mapped "
                 "image, 1 MiB of metadata cache",
                 no_limit(lambda images: images.mapped(4 * large_size)),
                 load("read", "once", 4 * KIB, 16, requests=4000),
                 (None, 1.5), warm=False, cold=True, cache_mib=1),
        Workload("extents", "block status of a whole fragmented image",
                 no_limit(lambda images: images.fragmented(large_size)),
                 load("extents", "sequential", 4 * KIB, 1), (None, 2),
                 warm=False, unit="extents/s"),
        discarding("zero"), discarding("trim"),
        opening("small", large_size >> 10), opening("large", large_size),
        chain(10, None), chain(50, 3),
        Workload("memory", "64 connections reading at random, depth 4, a "
                 "mapped image; peak memory",
                 no_limit(lambda images: images.mapped(4 * large_size)),
                 load("read", "random", 4 * KIB, 4, 64), (None, None),
                 warm=False, kind="memory"),
        Workload("copy-read", "nbdcopy of the disk to nowhere", data, {},
                 kind="copy-read", unit="bytes/s"),
        Workload("copy-write", "nbdcopy of data into an empty image",
                 lambda images, raw: images.empty(raw), {}, warm=False,
                 writes=True, fresh=True, kind="copy-write", unit="bytes/s"),
        Workload("fio-4k", "fio's nbd engine: warm random reads of 4 KiB, "
                 "depth 16", data, {}, kind="fio"),
    ]


# -- doing it ----------------------------------------------------------------

class Bench:
    def __init__(self, images, loader, seconds, scale):
        self.images = images
        self.loader = loader
        self.seconds = seconds
        self.scale = scale          # of what is written, below 1: less

    def words(self, workload, running, seed):
        w = workload.load
        size = self.images.size
        block = min(w["block"], size)
        words = ["--server", str(running.pid), "--seed", str(seed),
                 "--op", w["op"], "--pattern", w["pattern"],
                 "--block", str(block), "--depth", str(w["depth"]),
                 "--connections", str(w["connections"])]
        if "flush_every" in w:
            words += ["--flush-every", str(w["flush_every"])]
        if "requests" in w:
            words += ["--requests", str(max(1, int(w["requests"] *
                                                   self.scale)))]
        elif "bytes" in w:
            total = size if w["bytes"] == "all" else \
                min(size, int(w["bytes"] * self.scale))
            words += ["--requests", str(max(1, total // block))]
        else:
            words += ["--seconds", str(self.seconds)]
        return words

    def nbd_load(self, running, words):
        done = subprocess.run([self.loader] + words + [running.sock],
                              capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise Failed(done.stderr.strip())
        return json.loads(done.stdout)

    def warm_up(self, running):
        """Every byte is read once, whatever is in which cache already."""
        block = 256 * KIB
        self.nbd_load(running, [
            "--pattern", "sequential", "--block", str(block), "--depth", "4",
            "--requests", str(self.images.size // block)])

    def refill_caches(self, all_):
        """The page cache gets the images' bytes anew, in other pages."""
        for path in {one.image for one in all_ if not one.direct}:
            drop_cache(path)
            read_all(path)

    def timed(self, running, argv):
        """The same figures of a program that is not ours."""
        tick = os.sysconf("SC_CLK_TCK")

        def server_cpu():
            with open("/proc/%d/stat" % running.pid) as f:
                words = f.read().rsplit(")", 1)[1].split()
            return (int(words[11]) + int(words[12])) / tick
        cpu, begin = server_cpu(), time.monotonic()
        done = subprocess.run(argv, capture_output=True, text=True,
                              timeout=600)
        if done.returncode != 0:
            raise Failed("%s: %s" % (argv[0], done.stderr.strip()))
        return {"seconds": time.monotonic() - begin, "other_cpu": 0,
                "server_cpu": server_cpu() - cpu, "client_cpu": 0}, done.stdout

    def copy(self, workload, running):
        uri = "nbd+unix:///?socket=" + running.sock
        argv = ["nbdcopy", uri, "null:"] if workload.kind == "copy-read" \
            else ["nbdcopy", "--flush", self.images.raw(), uri]
        r, _ = self.timed(running, argv)
        r["requests"] = self.images.size
        return r

    def fio(self, running):
        r, out = self.timed(running, [
            "fio", "--name=x", "--ioengine=nbd", "--rw=randread", "--bs=4k",
            "--iodepth=16", "--uri=nbd+unix:///?socket=" + running.sock,
            "--time_based", "--runtime=%ds" % max(1, round(self.seconds)),
            "--size=%d" % self.images.size, "--output-format=json"])
        job = json.loads(out[out.index("{"):])["jobs"][0]["read"]
        r["requests"] = job["total_ios"]
        r["seconds"] = job["runtime"] / 1000
        return r

    def opened(self, running):
        first = self.nbd_load(running, ["--requests", "1"])
        first["seconds"] += running.start_seconds
        first["requests"] = 1
        return first

    def start(self, workload, server):
        """SERVER with the image, warm; None where there is no such image."""
        path = workload.image(self.images, server.raw)
        if path is None:
            return None
        if not workload.fresh and (workload.writes or server.direct):
            path = self.images.copy(path, server.name)
        if workload.cold:
            drop_cache(path)
        running = server.start(self.images.directory, path,
                               workload.cache_mib,
                               read_only=not workload.writes)
        running.image, running.direct = path, server.direct
        if workload.warm:
            self.warm_up(running)
        return running

    def measure(self, workload, running, seed):
        # What nobody asked for since the last round may have been reclaimed.
        if workload.steady and workload.warm and not running.direct:
            read_all(running.image)
        before = running.read_from_disk()
        if workload.kind == "open":
            r = self.opened(running)
        elif workload.kind.startswith("copy"):
            r = self.copy(workload, running)
        elif workload.kind == "fio":
            r = self.fio(running)
        else:
            r = self.nbd_load(running, self.words(workload, running, seed))
        r["from_disk"] = running.read_from_disk() - before
        r["peak"] = running.peak_bytes()
        r["rate"] = r["requests"] / r["seconds"]
        r["cpu_per_request"] = r["server_cpu"] / r["requests"]
        return r


def read_all(path):
    with open(path, "rb", buffering=0) as f:
        while f.read(MIB):
            pass


def drop_cache(path):
    fd = os.open(path, os.O_RDONLY)
    os.fdatasync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
