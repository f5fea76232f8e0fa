# SPDX-License-Identifier: BSD-3-Clause
#
# Rude clients of control ports, for soak-storm.sh and test-control-data.sh:
#
#   storm.py [--gentle] SECONDS SEED PKI PORT...
#
# --gentle: half as many, whose work is bounded: some 40 connections in a second
# that do something, and as many as get in that only wait.
#
# PKI has the directories "localhost" (who may come in) and "other" (who may
# not).  They come from addresses of their own (127.0.0.2 and on), as strangers
# do.  What they do:
#
#   cut       hang up after any byte of the handshake, TLS's first message included
#   inside    come in, and hang up after any byte of what is said then
#   refused   come with a certificate that opens nothing
#   garbage   send no TLS where TLS was to be
#   big       announce an option that is too long, and send some of it
#   deaf      come in, ask for much, and read nothing of it
#   drip      send a byte now and then
#   idle      say nothing
#
# Says every ten seconds, and at the end, how many there were of each.  Fails
# where somebody got in who may not, or where nobody got in who may.

import random
import socket
import ssl
import struct
import sys
import threading
import time

words = sys.argv[1:]
gentle = words[0] == "--gentle"
seconds, seed, pki, *ports = words[gentle:]
seconds, seed, ports = float(seconds), int(seed), [int(p) for p in ports]
NR_CLIENTS = 60 if gentle else 120
# A pause between two connections of a client, on average.
PAUSE = 0.5 if gentle else 0
end = time.monotonic() + seconds
lock = threading.Lock()
counts = {}
wrong = []

OPTION = b"IHAVEOPT"
FLAGS = struct.pack(">I", 3)
CONTEXT = b"x-baton:control"


def option(number, data=b""):
    return OPTION + struct.pack(">II", number, len(data)) + data


def request(kind, offset, length, data=b""):
    return struct.pack(">IHHQQI", 0x25609513, 0, kind, 7, offset, length) + data


START = FLAGS + option(5)
ENTRY = (option(8) + option(10, struct.pack(">IIi", 0, 1, len(CONTEXT)) + CONTEXT)
         + option(7, bytes(6)))
INSIDE = (ENTRY + request(0, 0, 65536)
          + request(1, 0, 20, b'{"execute":"status"}') + request(7, 0, 512)
          + request(2, 0, 0))


def context(name):
    c = ssl.create_default_context(cafile=pki + "/localhost/ca-cert.pem")
    c.load_cert_chain(pki + "/" + name + "/client-cert.pem",
                      pki + "/" + name + "/client-key.pem")
    return c


contexts = {name: context(name) for name in ("localhost", "other")}


def hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = contexts["localhost"].wrap_bio(incoming, outgoing,
                                         server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def connect(r):
    s = socket.socket()
    s.settimeout(15)
    s.bind(("127.0.0.%d" % r.randint(2, 9), 0))
    s.connect(("127.0.0.1", r.choice(ports)))
    return s


# With a reset, at times.
def hang_up(s, r):
    if r.random() < 0.5:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def receive(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            raise ConnectionError("gone")
        got += more
    return got


def start_tls(s, name):
    receive(s, 18)
    s.sendall(START)
    receive(s, 20)
    return contexts[name].wrap_socket(s, server_hostname="localhost")


def cut(s, r):
    said = START + hello()
    s.sendall(said[:r.randint(0, len(said))])
    if r.random() < 0.3:
        s.recv(r.randint(1, 4000))


def inside(s, r):
    t = start_tls(s, "localhost")
    with lock:
        counts["in"] = counts.get("in", 0) + 1
    n = r.randint(0, len(INSIDE))
    t.sendall(INSIDE[:n])
    if r.random() < 0.5:
        t.recv(r.randint(1, 70000))
    hang_up(t, r)


# In TLS 1.3 the client learns of it when it reads.
def refused(s, r):
    t = start_tls(s, "other")
    t.sendall(option(3))
    if t.recv(20):
        wrong.append("who may not come in was answered")


def garbage(s, r):
    receive(s, 18)
    s.sendall(START)
    receive(s, 20)
    s.sendall(r.randbytes(r.randint(1, 3000)))
    s.recv(100)


# Of 8 KiB it is read and refused, of a MiB read and forgotten.
def big(s, r):
    length = r.choice([8193, 100000, 1 << 20, (1 << 20) + 1, 0xffffffff])
    said = (OPTION + struct.pack(">II", 6, length)
            + bytes(r.randint(0, min(length, 1 << 20))))
    if r.random() < 0.5:
        s = start_tls(s, "localhost")
    else:
        receive(s, 18)
        s.sendall(FLAGS)
    s.sendall(said)
    s.recv(100)


# Not for long: places are few, and whoever passes the image needs one.
def deaf(s, r):
    t = start_tls(s, "localhost")
    t.sendall(ENTRY + request(0, 0, 65536) * 100)
    time.sleep(max(0, min(2, end - time.monotonic())))


def drip(s, r):
    for byte in START + hello():
        if time.monotonic() > end:
            return
        s.sendall(bytes([byte]))
        time.sleep(r.random() * 0.5)


def idle(s, r):
    stop = min(end, time.monotonic() + r.random() * 15)
    while time.monotonic() < stop:
        time.sleep(0.2)


KINDS = ([cut] * 8 + [inside] * 4 + [refused] * 2 + [garbage] * 3 + [big, deaf]
         + [drip, idle])
NR_BUSY = NR_CLIENTS // 3


def client(number):
    r = random.Random(seed * 1000 + number)
    # Some have one habit, or all would end up as those that take long.
    while time.monotonic() < end and not wrong:
        kind = KINDS[number % len(KINDS)] if number < NR_BUSY else r.choice([drip, idle])
        try:
            s = connect(r)
            try:
                kind(s, r)
            finally:
                hang_up(s, r)
        except (OSError, ConnectionError):
            pass
        with lock:
            counts[kind.__name__] = counts.get(kind.__name__, 0) + 1
        time.sleep(r.random() * 2 * PAUSE)


def tell():
    with lock:
        said = ", ".join("%d %s" % (n, k) for k, n in sorted(counts.items()))
    print("storm: %d s left: %s" % (max(0, end - time.monotonic()), said), flush=True)


threads = [threading.Thread(target=client, args=(i,), daemon=True) for i in range(NR_CLIENTS)]
for thread in threads:
    thread.start()
while time.monotonic() < end:
    time.sleep(min(10, max(0.1, end - time.monotonic())))
    tell()
for thread in threads:
    thread.join(20)
tell()
if wrong:
    sys.exit("storm: " + wrong[0])
if not counts.get("in"):
    sys.exit("storm: nobody who may come in did")
