# SPDX-License-Identifier: BSD-3-Clause
#
# The servers that are compared: how each is started on an image, and what the
# kernel says of it while it runs.

import os
import shutil
import signal
import subprocess
import time

MIB = 1 << 20


class Failed(Exception):
    pass


class Running:
    """A server's process; a context, at whose end it is stopped."""

    def __init__(self, argv, sock, log):
        self.sock = sock
        if os.path.exists(sock):
            os.unlink(sock)
        self.log = open(log, "ab")
        self.log.write((" ".join(argv) + "\n").encode())
        self.log.flush()
        begin = time.monotonic()
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.pid = self.process.pid
        self.wait_for_socket(log)
        self.start_seconds = time.monotonic() - begin

    def wait_for_socket(self, log):
        end = time.monotonic() + 60
        while not os.path.exists(self.sock):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed("no server at %s: see %s" % (self.sock, log))
            time.sleep(0.0005)

    def field(self, name, key):
        with open("/proc/%d/%s" % (self.pid, name)) as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise Failed("/proc/%d/%s has no %s" % (self.pid, name, key))

    def peak_bytes(self):
        return self.field("status", "VmHWM") * 1024

    def read_from_disk(self):
        """Bytes that the storage was asked for: 0 where caches are warm."""
        return self.field("io", "read_bytes")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("%s does not end" % self.process.args[0])
        finally:
            self.log.close()


class Server:
    """NAME as in tables; RAW: it gets the raw file with the same content."""

    def __init__(self, name, raw, command, direct=False):
        self.name = name
        self.raw = raw
        self.command = command
        self.direct = direct        # past the page cache

    def start(self, directory, image, cache_mib=None, read_only=False):
        sock = os.path.join(directory, self.name.replace(" ", "-") + ".sock")
        argv = self.command(image, sock, cache_mib, read_only)
        return Running(argv, sock, os.path.join(directory, "log"))


def limit():
    def command(image, sock, cache_mib, read_only):
        return (["nbdkit", "-f", "--exit-with-parent", "-U", sock] +
                ["-r"] * read_only + ["file", image])
    return Server("limit", True, command)


def ours(plugin, name="ours", extra=(), environment=None):
    def command(image, sock, cache_mib, read_only):
        cache = ["metadata-cache=%dM" % cache_mib] if cache_mib else []
        env = ["env", environment] if environment else []
        return (env + ["nbdkit", "-f", "--exit-with-parent", "-U", sock] +
                ["-r"] * read_only + [plugin, image] + cache + list(extra))
    return Server(name, False, command)


def qemu_nbd(aio):
    direct = aio == "native"        # QEMU refuses it otherwise

    def command(image, sock, cache_mib, read_only):
        common = ["qemu-nbd", "-t", "-e", "80", "-k", sock] + ["-r"] * read_only
        if cache_mib:
            return common + [
                "--image-opts", "driver=qcow2,l2-cache-size=%dM,"
                "file.driver=file,file.aio=%s,file.filename=%s,"
                "cache.direct=%s" % (cache_mib, aio, image,
                                     "on" if direct else "off")]
        return common + ["-f", "qcow2", "--aio=" + aio, "--cache=" +
                         ("none" if direct else "writeback"), image]
    return Server("qemu-nbd " + aio, False, command, direct)


def storage_daemon():
    def command(image, sock, cache_mib, read_only):
        cache = ",l2-cache-size=%dM" % cache_mib if cache_mib else ""
        ro = "on" if read_only else "off"
        return ["qemu-storage-daemon",
                "--blockdev", "driver=file,node-name=f,filename=%s,"
                "read-only=%s,aio=io_uring" % (image, ro),
                "--blockdev", "driver=qcow2,node-name=q,file=f,read-only=%s%s"
                % (ro, cache),
                "--nbd-server", "addr.type=unix,addr.path=%s,"
                "max-connections=80" % sock,
                "--export", "type=nbd,id=e,node-name=q,name=,writable=%s"
                % ("off" if read_only else "on")]
    return Server("q-s-d io_uring", False, command)


def peers(which):
    """Those of WHICH, a list of words, that are installed."""
    found = []
    for word in which:
        if word == "qsd":
            if shutil.which("qemu-storage-daemon"):
                found.append(storage_daemon())
        elif shutil.which("qemu-nbd"):
            found.append(qemu_nbd(word))
    return found
