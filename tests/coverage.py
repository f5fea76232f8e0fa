#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""coverage.py BUILD                       after the tests of a --coverage build
   coverage.py BUILD --missed [FILE...]   then: what they did not reach
   coverage.py --gaps                     whether tests/coverage-gaps is true

Counts with gcov how many lines of each file of core/, and what else
tests/coverage-floor names, were run, and how many branches were taken, in per
cent, and of core/ as a whole.  "justified" is the same without the branches
of tests/coverage-gaps.

Fails where a file has fewer than tests/coverage-floor says, after that, or
core/ has fewer before it; and where a line that tests/coverage-gaps quotes is
no longer there.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOTAL = "core/"
GAP = re.compile(r"(\S+) (\d+): (.*\S)\s+=> (\S.*)")

Count = collections.namedtuple("Count", "taken all justified")


def meaningful(name):
    """The lines of tests/NAME that are no comment."""
    with open(os.path.join(TOP, "tests", name), encoding="utf-8") as file:
        return [line.rstrip() for line in file
                if line.strip() and not line.startswith("#")]


def read_floor():
    """{file: (lines, branches)}, in per cent."""
    split = (line.split() for line in meaningful("coverage-floor"))
    return {name: (float(lines), float(branches))
            for name, lines, branches in split}


def source(name):
    """The stripped lines of a source file."""
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return [line.strip() for line in file]


def read_gaps():
    """{(file, line's text): how many of its branches are never taken}"""
    gaps = {}
    for line in meaningful("coverage-gaps"):
        match = GAP.fullmatch(line)
        if not match:
            sys.exit("coverage-gaps: not understood: " + line)
        name, number, text = match.group(1, 2, 3)
        if text not in source(name):
            sys.exit(f"coverage-gaps: {name} has no such line: {text}")
        gaps[name, text] = int(number)
    return gaps


def ask_gcov(build, name):
    """{line: [how often it was run, [how often each branch was taken]]} of
    the file NAME alone, and not of the headers that it includes."""
    out = subprocess.run(
        ["gcov", "-b", "-c", "-t", "--json-format", "-o",
         os.path.dirname(name), name[:-2] + ".gcda"],
        cwd=build, check=True, stdout=subprocess.PIPE).stdout
    lines = {}
    for file in json.loads(out)["files"]:
        if os.path.basename(file["file"]) != os.path.basename(name):
            continue
        for line in file["lines"]:
            here = lines.setdefault(line["line_number"], [0, []])
            here[0] += line["count"]
            here[1] += [branch["count"] for branch in line["branches"]]
    return lines


def count_branches(name, lines, gaps):
    """The Count of NAME, whose lines ask_gcov has found."""
    text, left = source(name), dict(gaps)
    taken = total = justified = 0
    for number, (_, branches) in lines.items():
        missed = branches.count(0)
        total += len(branches)
        taken += len(branches) - missed
        key = name, text[number - 1]
        here = min(missed, left.get(key, 0))
        if here:
            left[key] -= here
            justified += here
    return Count(taken, total, justified)


def count_lines(lines):
    """The same of what was run."""
    return Count(sum(run > 0 for run, _ in lines.values()), len(lines), 0)


def percent(count, justified=False):
    """Of Count, in per cent; JUSTIFIED: without what is."""
    total = count.all - (count.justified if justified else 0)
    return 100 * count.taken / total if total else 100.0


def add(counts):
    """The sum of Counts."""
    return Count(*(sum(column) for column in zip(*counts)))


def show_missed(name, lines, gaps):
    """Each line of which a branch was not taken."""
    text = source(name)
    for number, (run, branches) in sorted(lines.items()):
        if 0 in branches:
            known = " (a known gap)" if (name, text[number - 1]) in gaps else ""
            print(f"{name}:{number}: {branches.count(0)} of {len(branches)}"
                  f" not taken{known}{'' if run else ' (never run)'}:"
                  f" {text[number - 1]}")


def show_table(found, gaps):
    """The table, and whether the floor holds."""
    floor, bad = read_floor(), 0
    rows = {name: (count_lines(lines), count_branches(name, lines, gaps))
            for name, lines in found.items()}
    rows[TOTAL] = [add(column) for column in
                   zip(*(row for name, row in rows.items()
                         if name.startswith(TOTAL)))]
    print(f"{'':32} {'lines %':>8} {'branches %':>10} {'justified %':>11}")
    for name, (lines, branches) in rows.items():
        low = floor.pop(name, (0, 0))
        # The whole of core/ may not be talked up.
        judged = percent(branches, justified=name != TOTAL)
        below = percent(lines) < low[0] or judged < low[1]
        bad += below
        print(f"{name:32} {percent(lines):8.2f} {percent(branches):10.2f} "
              f"{percent(branches, justified=True):11.2f}"
              + (f"   below {low[0]:g} and {low[1]:g}" if below else ""))
    for name in floor:
        print(f"{name}: was not run")
    _, branches = rows[TOTAL]
    print(f"core/: {branches.taken} of {branches.all} branches, "
          f"{branches.justified} of the others justified")
    bad += len(floor)
    if bad:
        print(f"coverage: {bad} are below tests/coverage-floor")
    return bad == 0


def names(build):
    """What to count."""
    return [f"core/{file[:-5]}.c" for file in
            sorted(os.listdir(os.path.join(build, "core")))
            if file.endswith(".gcda")] + ["nbdkit-plugin/json-name.c"]


def main(build, missed=None, *wanted):
    """Returns the exit status."""
    gaps = read_gaps()
    if build == "--gaps":
        return 0
    if not shutil.which("gcov"):
        print("gcov is not there", file=sys.stderr)
        return 77
    files = wanted or names(build)
    found = {name: ask_gcov(build, name) for name in files}
    if missed:
        for name, lines in found.items():
            show_missed(name, lines, gaps)
        return 0
    return 0 if show_table(found, gaps) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
