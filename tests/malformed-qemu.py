# SPDX-License-Identifier: BSD-3-Clause
#
# What QEMU makes of malformed images, held against what the engine does.
#
#   malformed-qemu.py PROGRAM VERDICTS DIFFERENCES STEP [all]
#
# In the directory where PROGRAM (malformed) has made VERDICTS.  Every STEPth
# image is written, checked by qemu-img, and opened and read by qemu-io, many
# in each process.  A difference that DIFFERENCES does not
# explain is an error; with "all", so is an explanation of none.

import fnmatch
import os
import re
import subprocess
import sys
import zlib

PER_PROCESS = 100
DIR = "images"
# These lead QEMU to files, pipes and hosts; Baton asks the user first
# (test-backing-names.sh, test-data-file.sh).
SKIPPED = ("*/name/backing=*", "*/name/data=*")


class Image:
    def __init__(self, line, ours):
        number, self.name, cluster, size = line.split()
        # QEMU looks for a data file in the working directory.
        self.dir = "%s/%s" % (DIR, self.name.split("/")[0])
        self.path = number + ".qcow2"
        self.ours = ours[self.name]
        cluster, size = int(cluster), int(size)
        self.offsets = [i * cluster for i in range(8)] + [size - 512]
        self.theirs = {"ro": "crash", "rw": "crash", "reads": []}


def load_verdicts(path):
    ours = {}
    for line in open(path):
        name, check, ro, rw, *reads = line.split()
        ours[name] = {"check": check, "ro": ro, "rw": rw, "reads": reads}
    return ours


# -- QEMU --------------------------------------------------------------------

def check(image):
    done = subprocess.run(["qemu-img", "check", "-f", "qcow2", image.path],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          cwd=image.dir, timeout=60)
    image.theirs["check"] = ("crash" if done.returncode < 0
                             else str(done.returncode))


def commands(image):
    yield "open -r -o driver=qcow2 %s" % image.path
    yield "mark-ro"
    for offset in image.offsets:
        yield "read -v %d 512" % offset
        yield "mark-read"
    yield "close"
    yield "mark-close"
    yield "open -o driver=qcow2 %s" % image.path
    yield "mark-rw"
    yield "close"
    yield "mark-end"


def hex_bytes(text):
    found = re.findall(r"(?:^|> )[0-9a-f]{8}:((?: +[0-9a-f]{2}){1,16})",
                       text, re.M)
    return bytes.fromhex("".join(found))


def read_of(text):
    data = hex_bytes(text)
    return "%08x" % zlib.crc32(data) if len(data) == 512 else "error"


def take(image, mark, text):
    opened = "refused" if "can't open" in text else "ok"
    if mark in ("ro", "rw"):
        image.theirs[mark] = opened
    elif mark == "read" and image.theirs["ro"] == "ok":
        image.theirs["reads"].append(read_of(text))


# How many of IMAGES it got through.
def run_qemu_io(images):
    script = "\n".join(c for i in images for c in commands(i)) + "\n"
    done = subprocess.run(["qemu-io"], input=script.encode(), timeout=600,
                          cwd=images[0].dir, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    parts = re.split(r'command "mark-(\w+)" not found',
                     done.stdout.decode("latin-1"))
    nr = 0
    for text, mark in zip(parts[0::2], parts[1::2]):
        take(images[nr], mark, text)
        nr += mark == "end"
    return nr


def ask_qemu(images):
    for image in images:
        check(image)
    while images:
        batch = [i for i in images[:PER_PROCESS] if i.dir == images[0].dir]
        nr = run_qemu_io(batch)
        # One that it crashed at is left as it is.
        images = images[nr + (nr < len(batch)):]


# -- comparing ---------------------------------------------------------------

def compare_reads(image):
    ours, theirs = image.ours["reads"], image.theirs["reads"]
    found = set()
    for a, b in zip(ours, theirs):
        if a != b:
            found.add(("error" if a == "error" else "data",
                       "error" if b == "error" else "data"))
    return found


def differences(image):
    for kind in ("ro", "rw", "check"):
        ours, _, why = image.ours[kind].partition(":")
        theirs = image.theirs[kind]
        if ours != theirs:
            yield kind, ours, theirs, why or "-"
    for ours, theirs in compare_reads(image):
        yield "read", ours, theirs, "-"


class Explanations:
    def __init__(self, path):
        self.entries = []
        for nr, line in enumerate(open(path), 1):
            words = line.split("#")[0].split()
            if words:
                assert len(words) == 5, "%s:%d" % (path, nr)
                self.entries.append([nr, words, 0])

    def explain(self, name, difference):
        kind, ours, theirs, why = difference
        for entry in self.entries:
            e_kind, e_ours, e_theirs, e_name, e_why = entry[1]
            if (kind == e_kind.rstrip("~") and e_ours in (ours, "*") and
                    e_theirs in (theirs, "*") and
                    any(fnmatch.fnmatchcase(name, g)
                        for g in e_name.split("|")) and
                    fnmatch.fnmatchcase(why, e_why)):
                entry[2] += 1
                return True
        return False


def main(program, verdicts, path, step, everything):
    ours = load_verdicts(verdicts)
    os.makedirs(DIR, exist_ok=True)
    lines = subprocess.run([program, "write", step, DIR], check=True,
                           stdout=subprocess.PIPE).stdout.decode().split("\n")
    images = [Image(line, ours) for line in lines if line]
    images = [i for i in images
              if not any(fnmatch.fnmatchcase(i.name, g) for g in SKIPPED)]
    ask_qemu(images)
    explanations = Explanations(path)
    nr = unexplained = 0
    for image in images:
        for difference in differences(image):
            nr += 1
            if not explanations.explain(image.name, difference):
                unexplained += 1
                print("not explained:", image.name, *difference)
    print("%d images held against QEMU: %d differences, %d not explained" %
          (len(images), nr, unexplained))
    for line, words, hits in explanations.entries:
        if everything and hits == 0 and not words[0].endswith("~"):
            unexplained += 1
            print("%s:%d: explains nothing: %s" % (path, line,
                                                   " ".join(words)))
    return unexplained == 0 and len(images) > 0


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:5], "all" in sys.argv[5:]) else 1)
