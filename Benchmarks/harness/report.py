"""What every benchmark prints: how it was called, on which machine, medians, and at the end its ratios."""

import os
import platform
import random
import signal
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def cpu_name():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit():
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def begin(seed):
    """Prints the command, the seed and the machine, and answers the run's source of randomness."""
    # So that a run that is told to stop ends its processes and removes its folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    print("command:", "python", Path(sys.argv[0]).name, *sys.argv[1:], f"(seed {seed}, commit {commit()})")
    machine()
    return random.Random(seed)


def machine():
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"machine: {cpu_name()}, {os.cpu_count()} cores, load average {load}", flush=True)


def quantile(values, share):
    """The value that `share` of the values do not exceed, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def median(values):
    return statistics.median(values)


class Ratios:
    """Collects what is to be judged and prints it last: `ratio NAME VALUE GOAL`, and ` least` where more is better."""

    def __init__(self):
        self.lines = []

    def at_most(self, name, value, goal):
        self.lines.append(f"ratio {name} {value:.4g} {goal:.4g}")

    def at_least(self, name, value, goal):
        self.lines.append(f"ratio {name} {value:.4g} {goal:.4g} least")

    def show(self):
        machine()
        for line in self.lines:
            print(line, flush=True)
