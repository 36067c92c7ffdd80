"""Resident memory of processes, looked at once a second while they work."""

import threading
import time
from pathlib import Path


def resident_bytes(pid):
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Watch:
    """Samples `pids` (name → pid) until the `with` ends. `also` is called each time for a figure to go with it."""

    def __init__(self, pids, also=lambda: 0, interval=1.0):
        self.pids = pids
        self.also = also
        self.interval = interval
        self.samples = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.sample()

    def watch(self):
        self.sample()
        while not self.done.wait(self.interval):
            self.sample()

    def sample(self):
        self.samples.append(
            (time.monotonic(), self.also(), {name: resident_bytes(pid) for name, pid in self.pids.items()}))

    def peak(self, name):
        return max(sample[2][name] or 0 for sample in self.samples)

    def quarter_and_end(self, name, less_also=False):
        """Medians of three samples after a quarter of the time and at the end, each less the other figure if wished."""
        values = [(sample[2][name] or 0) - (sample[1] if less_also else 0) for sample in self.samples]
        place = len(values) // 4
        return middle(values[max(0, place - 1):place + 2]), middle(values[-3:])


def middle(values):
    return sorted(values)[len(values) // 2]
