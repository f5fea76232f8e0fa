# SPDX-License-Identifier: BSD-3-Clause
#
# Figures of a run: medians, spread, ratios, and when there are none.
#
# Ratios are of the same round: both servers had the machine as it was then.
# Their median is given, unless they differ so much from round to round
# that a median says nothing.

import json
import os
import platform
import statistics
import subprocess

MIB = 1 << 20


def spread(values):
    """Between the quartiles, of the median; all of it where there are few."""
    values = sorted(values)
    if len(values) < 2 or statistics.median(values) == 0:
        return 0
    if len(values) >= 4:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    else:
        low, high = values[0], values[-1]
    return (high - low) / statistics.median(values)


class Result:
    """What one workload gave: per server the list of its measurements."""

    def __init__(self, name, what, unit, targets):
        self.name = name
        self.what = what
        self.unit = unit
        self.targets = targets
        self.servers = {}
        self.faults = []            # why the rates say nothing

    def add(self, server, measurement):
        self.servers.setdefault(server, []).append(measurement)

    def values(self, server, key):
        return [m[key] for m in self.servers.get(server, [])]

    def median(self, server, key):
        return statistics.median(self.values(server, key))

    def best_peer(self):
        names = [n for n in self.servers if n != "limit" and
                 not n.startswith("ours")]
        return max(names, key=lambda n: self.median(n, "rate"), default=None)

    def ratio(self, other, key, max_spread):
        """(median, spread) of ours to OTHER, or a word that says why not."""
        if other not in self.servers or "ours" not in self.servers:
            return "-"
        if key == "rate" and self.faults:
            return "refused"
        pairs = [a / b for a, b in zip(self.values("ours", key),
                                       self.values(other, key)) if b > 0]
        if not pairs:
            return "-"
        if spread(pairs) > max_spread:
            return "noise %.0f%%" % (100 * spread(pairs))
        return statistics.median(pairs), spread(pairs)

    def as_dict(self):
        return dict(self.__dict__, targets=list(self.targets))

    @staticmethod
    def from_dict(d):
        r = Result(d["name"], d["what"], d["unit"], tuple(d["targets"]))
        r.servers = d["servers"]
        r.faults = d["faults"]
        return r


def machine():
    def first_line(*argv):
        try:
            out = subprocess.run(argv, capture_output=True, text=True).stdout
            return out.split("\n")[0]
        except OSError:
            return "missing"
    return {"kernel": platform.release(), "cpus": os.cpu_count(),
            "nbdkit": first_line("nbdkit", "--version"),
            "qemu": first_line("qemu-nbd", "--version")}


# -- text --------------------------------------------------------------------

def number(n):
    for unit in ("", "k", "M", "G", "T"):
        if n < 10000 or unit == "T":
            return "%.4g%s" % (n, unit)
        n /= 1000


def print_result(r, max_spread):
    print("\n%s: %s" % (r.name, r.what))
    print("  %-18s %12s %7s %14s %9s" % ("", r.unit, "spread",
                                         "CPU s/1M req", "peak MiB"))
    for name, list_ in r.servers.items():
        print("  %-18s %12s %6.0f%% %14.3f %9.1f" % (
            name, number(r.median(name, "rate")),
            100 * spread(r.values(name, "rate")),
            1e6 * r.median(name, "cpu_per_request"),
            max(m["peak"] for m in list_) / MIB))
    if "ours-other" in r.servers:
        print("  ours/ours-other: %s, CPU %s" % tuple(
            ratio_text(r.ratio("ours-other", key, max_spread), None)
            for key in ("rate", "cpu_per_request")))
    for fault in r.faults:
        print("  meaningless: " + fault)


def ratio_text(ratio, target, lower_is_better=False):
    if isinstance(ratio, str):
        return ratio
    text = "%.2f" % ratio[0]
    if target is not None:
        good = ratio[0] <= target if lower_is_better else ratio[0] >= target
        text += " (%s%g%s)" % ("≤" if lower_is_better else "≥", target,
                               "" if good else " missed")
    return text


def rows(results, max_spread):
    """[workload, ours/limit, ours/best peer, CPU of both, which peer]"""
    for r in results:
        best = r.best_peer()
        yield [r.name,
               ratio_text(r.ratio("limit", "rate", max_spread), r.targets[0]),
               ratio_text(r.ratio(best, "rate", max_spread), r.targets[1]),
               ratio_text(r.ratio("limit", "cpu_per_request", max_spread),
                          None),
               ratio_text(r.ratio(best, "cpu_per_request", max_spread), None),
               best or "-"]


def print_summary(results, max_spread, markdown=False):
    head = ["workload", "ours/limit", "ours/best peer", "CPU/limit",
            "CPU/peer", "best peer"]
    table = [head] + list(rows(results, max_spread))
    if markdown:
        table.insert(1, ["---"] * len(head))
        for row in table:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    print()
    for row in table:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip())


# -- files --------------------------------------------------------------------

def load_results(path):
    with open(path) as f:
        d = json.load(f)
    return d["machine"], [Result.from_dict(r) for r in d["results"]]


def save_results(path, results):
    """Put RESULTS into the file, for those of the same names that it has.  A
    file of another machine is no place for them."""
    if os.path.exists(path):
        found, old = load_results(path)
        if found != machine():
            raise SystemExit("compare: %s is of another machine, or of other "
                             "versions: take another file" % path)
        new = {r.name: r for r in results}
        results = [new.pop(r.name, r) for r in old] + list(new.values())
    with open(path + ".new", "w") as f:
        json.dump({"machine": machine(), "results":
                   [r.as_dict() for r in results]}, f, indent=1)
    os.rename(path + ".new", path)


# A bar from 1 to the ratio: to the right is more, to the left less.  A workload
# without a ratio has its name, and no bar.
PLOT = """
set terminal svg size 800,%(height)d font 'sans,12' background 'white'
set output '%(out)s'
set title '%(title)s'
set style fill solid 0.8 noborder
set logscale x 2
set grid x
set yrange [%(last)g:-0.5]
set key outside bottom center horizontal
low(x) = x < 1 ? x : 1
high(x) = x < 1 ? 1 : x
set arrow from 1, graph 0 to 1, graph 1 nohead front
plot '%(data)s' using (1):0:ytic(1) with dots notitle, \\
  '' using (1):0:(low($2)):(high($2)):($0-0.35):0 with boxxyerror \\
  lc '#4477aa' title 'raw file', \\
  '' using (1):0:(low($3)):(high($3)):0:($0+0.35) with boxxyerror \\
  lc '#ee7733' title 'best qemu-nbd'
"""


def plot(results, directory, max_spread):
    """compare-rate.svg and compare-cpu.svg; needs gnuplot."""
    for key, title in (("rate", "Requests per second, times the other"),
                       ("cpu_per_request",
                        "CPU time of the server per request, times the "
                        "other (less is better)")):
        name = "compare-" + key.split("_")[0]
        data = os.path.join(directory, name + ".dat")
        with open(data, "w") as f:
            for r in results:
                pair = [r.ratio(other, key, max_spread)
                        for other in ("limit", r.best_peer())]
                f.write(" ".join([r.name] + [
                    "nan" if isinstance(x, str) else "%.4f" % x[0]
                    for x in pair]) + "\n")
        script = PLOT % {"height": 130 + 24 * len(results), "title": title,
                         "data": data, "last": len(results) - 0.5,
                         "out": os.path.join(directory, name + ".svg")}
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        os.unlink(data)
