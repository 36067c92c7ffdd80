#!/usr/bin/env python3
"""No vector is lost, stale or of a deleted row, whatever is killed at random moments while users write.

    kill.py [--seed N]           the short form: one round on 800 rows
    kill.py --long [--seed N]    rounds on 5,000 rows up to 200 kills of workers, 50 of the server and 20 stops

A round: a table is attached, a server and workers run, users write (campaign/plan.py), processes are killed and stopped
(campaign/faults.py), and when all is quiet everything is compared with embeddings computed anew (campaign/check.py).
The seed is printed and reproduces operations and faults; what the scheduler of the machine makes of them differs. The
long form notes each round that held in MILLRACE_SOAK (.millrace/soak.json), and goes on there when it is started again.

Needs MILLRACE_BINARY, MILLRACE_DEPS and MILLRACE_MODELS. A failed round leaves its folder and says where.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from campaign import percentile
from campaign.check import Judge
from campaign.faults import Firing, TakeoverWatch
from campaign.plan import TABLE, Plan, create_table
from campaign.processes import House, Place, connect, wait_ready
from campaign.user import Workload

# What is promised, and is judged by the many kills of the long form; the short form has few, on a machine that builds.
TAKEOVER_SECONDS, TAKEOVER_SECONDS_SHORT = 10, 20
QUEUE_SECONDS = 120
# The quiet sweep compares 500 rows each 5 s, once over the rows and once over the embeddings.
SWEEP_ROWS, SWEEP_PAUSE = 500, 5


class Size:
    def __init__(self, rows, seconds, worker_kills, server_kills, stops, is_supervised=False):
        self.rows = rows
        self.seconds = seconds
        self.worker_kills = worker_kills
        self.server_kills = server_kills
        self.stops = stops
        self.is_supervised = is_supervised


SHORT = [Size(800, 36, 12, 3, 2)]
LONG = [Size(5000, 170, 40, 10, 4)] * 4 + [Size(5000, 170, 40, 10, 4, is_supervised=True)]


def say(text):
    print(text, flush=True)


class Round:
    """One round; `complaints` is empty where all held."""

    def __init__(self, seed, size, home):
        self.seed = seed
        self.size = size
        self.house = House(home)
        self.plan = Plan(seed, size.rows, size.seconds, size.worker_kills, size.server_kills, size.stops)
        self.complaints = []
        supervised = 2 if size.is_supervised else 0
        self.server = Place(self.house, "server", ["serve", "--workers", str(supervised)])
        self.workers = [
            Place(self.house, f"worker{number}", ["worker"], {"BATCH_SIZE": "32", "MILLRACE_THREADS": "1"})
            for number in range(1 if size.is_supervised else 3)
        ]

    def run(self):
        self._attach()
        try:
            self._fire()
            self._judge()
        finally:
            for place in [*self.workers, self.server]:
                self.complaints += place.stop()
            self.complaints += self.house.end_leftovers()
        return not self.complaints

    def _attach(self):
        connection = connect(self.house.database)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(create_table(TABLE, has_status=False))
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO {TABLE}(id, code, body) VALUES (?, ?, ?)", self.plan.rows)
        connection.execute("COMMIT")
        connection.close()
        self.house.run(
            "source", "add", "--table", TABLE, "--key", "id", "--text", "body", "--into", "vector", "--no-views")

    def _fire(self):
        self.server.start()
        for worker in self.workers:
            worker.start()
        wait_ready(self.house, self.server)
        self.watch = TakeoverWatch(self.house.database)
        self.workload = Workload(self.plan, self.house.database, os.path.join(self.house.home, "operations.jsonl"))
        self.firing = Firing(self.plan, self.server, self.workers, self.house, self.watch, self._progress)
        self.workload.start()
        self.firing.start()
        self.workload.join()
        self.firing.join()
        for place in [self.server, *self.workers]:
            place.notice()
        self.complaints += self.firing.errors + self.workload.refused[:10]

    def _progress(self, counts):
        size = self.size
        print(
            f"\rseed {self.seed}: workers {counts['worker']}/{size.worker_kills}, server {counts['server']}/"
            f"{size.server_kills}, stops {counts['stop']}/{size.stops}, operations {len(self.workload.log)}/"
            f"{len(self.plan.operations)} ", end="", file=sys.stderr, flush=True)

    def _judge(self):
        print(file=sys.stderr)
        judge = Judge(self.house, random.Random(f"{self.seed} check"))
        cycle = 2 * (self.size.rows // SWEEP_ROWS + 2) * SWEEP_PAUSE
        self.quiet = judge.wait(QUEUE_SECONDS, 2 * cycle + 30)
        judge.judge(self.workload.last_texts())
        self.judge = judge
        self.complaints += judge.complaints[:40]
        if len(judge.complaints) > 40:
            self.complaints.append(f"and {len(judge.complaints) - 40} more")
        self.abandoned = self.watch.end()
        self.complaints += [f"nobody took over {len(t.waiting)} jobs of kill {t.kill}" for t in self.abandoned]
        for place in [self.server, *self.workers]:
            self.complaints += place.surprises

    def takeovers(self):
        """For each kill, of its jobs the longest: until freed, until claimed again; whether the server was away."""
        return [
            (max(freed for freed, _, _ in t.seconds), max(claimed for _, claimed, _ in t.seconds), t.is_disturbed)
            for t in self.watch.done if t.seconds
        ]

    def report(self, tells_faults):
        judge, operations = self.judge, self.workload.log
        refused = sum(1 for _, _, outcome in operations if isinstance(outcome, str))
        jobs = [seconds for t in self.watch.done for seconds in t.seconds]
        inside = sum(was_inside for _, _, was_inside in jobs)
        say(f"  {len(operations)} operations ({refused} refused by the table's own constraints), "
            f"{len(judge.rows)} rows, {len(judge.vectors)} vectors at the end")
        if self.quiet:
            say(f"  queue empty {self.quiet[0]:.1f} s after the last write, the sweep done {self.quiet[1]:.1f} s later")
        say(f"  worst cosine {judge.worst:.5f} with the model asked anew, {judge.worst_reference:.5f} with ONNX Runtime")
        say(f"  most crashes of one job {self.watch.most_crashes[0]}, of these alone {self.watch.most_crashes[1]}")
        say(f"  {len(self.watch.done)} kills of workers that held jobs; {len(jobs)} jobs taken over, {inside} of them had been "
            f"inside the model")
        for text in self.complaints:
            say(f"  FAILED {text}")
        for key in judge.wrong_keys[:5]:
            say(f"  history of row {key}, now {str(judge.rows.get(key))[:160]}:")
            for line in self.workload.history(key):
                say(f"    {line[:300]}")
        if self.complaints or tells_faults:
            say("  faults:")
            for line in self.firing.log:
                say(f"    {line}")
            for takeover in self.watch.done:
                say(f"    {takeover}")


def judge_takeovers(takeovers, limit):
    """Prints the distribution; - Returns: complaints."""
    if not takeovers:
        return ["no kill hit a worker that held jobs"]
    undisturbed = [takeover for takeover in takeovers if not takeover[2]]
    for name, column, chosen in [
        ("freed", 0, undisturbed), ("claimed again", 1, undisturbed), ("claimed again, also with the server or the lock away", 1, takeovers),
    ]:
        seconds = [takeover[column] for takeover in chosen] or [0]
        say(f"takeover of a killed worker's last job, {name}: {len(chosen)} kills, p50 {percentile(seconds, 0.5):.2f} s, "
            f"p99 {percentile(seconds, 0.99):.2f} s, longest {max(seconds):.2f} s")
    worst = percentile([claimed for _, claimed, _ in undisturbed] or [0], 0.99)
    return [f"takeover p99 is {worst:.1f} s, over {limit} s"] if worst > limit else []


class Progress:
    """What a long run has done, so that it can be gone on with."""

    def __init__(self, path, seed):
        self.path = path
        self.state = {"seed": seed, "rounds": 0, "takeovers": []}
        if path and path.exists():
            state = json.loads(path.read_text())
            if seed in (None, state["seed"]) and state["rounds"] < len(LONG):
                self.state = state
        if self.state["seed"] is None:
            self.state["seed"] = random.SystemRandom().randrange(1_000_000)

    def held(self, takeovers):
        self.state["rounds"] += 1
        self.state["takeovers"] += takeovers
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.state))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="rounds up to the full counts, resumable")
    parser.add_argument("--supervised", action="store_true", help="let the server start two of the workers")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a round that held, and tell its faults")
    parser.add_argument("--seed", type=int, default=int(os.environ["SEED"]) if os.environ.get("SEED") else None)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    rounds = LONG if arguments.long else SHORT
    if arguments.supervised:
        for size in rounds:
            size.is_supervised = True
    root = Path(__file__).resolve().parent.parent.parent
    path = Path(os.environ.get("MILLRACE_SOAK", root / ".millrace/soak.json")) if arguments.long else None
    progress = Progress(path, arguments.seed)
    seed = progress.state["seed"]
    say(f"kill: seed {seed}" + (f", round {progress.state['rounds'] + 1} of {len(rounds)}" if arguments.long else ""))
    for number in range(progress.state["rounds"], len(rounds)):
        size = rounds[number]
        began = time.monotonic()
        home = tempfile.mkdtemp(prefix="millrace-kill-")
        current = Round(f"{seed}.{number}", size, home)
        holds = current.run()
        say(f"round {number + 1}: {size.rows} rows, kill -9 of {size.worker_kills} workers"
            f"{' (two supervised)' if size.is_supervised else ''} and {size.server_kills} servers, {size.stops} stops: "
            f"{'held' if holds else 'FAILED'} ({time.monotonic() - began:.0f} s)")
        current.report(arguments.keep)
        if not holds:
            say(f"kill: FAILED in round {number + 1}: repeat with --seed {seed}; logs and database are in {home}")
            return 1
        progress.held(current.takeovers())
        if arguments.keep:
            say(f"  logs and database are in {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
    complaints = judge_takeovers(
        progress.state["takeovers"], TAKEOVER_SECONDS if arguments.long else TAKEOVER_SECONDS_SHORT)
    totals = [sum(getattr(size, name) for size in rounds) for name in ("worker_kills", "server_kills", "stops")]
    for text in complaints:
        say(f"kill: FAILED: {text} (--seed {seed})")
    if not complaints:
        say(f"kill: held: 0 lost, 0 stale, 0 of deleted rows, 0 jobs held after {totals[0]} kills of workers, "
            f"{totals[1]} of the server and {totals[2]} stops")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
