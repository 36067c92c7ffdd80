#!/usr/bin/env python3
"""No vector is lost, stale or of a deleted row, whatever is killed at random moments while users write.

    kill.py [--seed N]                    the short form on a SQLite file: one round on 800 rows
    kill.py --long [--seed N]             five rounds on 5,000 rows: 200 kills of workers, 50 of the server, 20 stops
    kill.py --database postgres           the same on a PostgreSQL server of its own, one round on 600 rows; with --long
                                          ten rounds on 3,000 rows, 500 faults in all

A round: a table is attached, a server and workers run, users write (campaign/plan.py), processes are killed and stopped
(campaign/faults.py), and when all is quiet everything is compared with embeddings computed anew (campaign/check.py). On
PostgreSQL the database server is killed too and connections are cut, workers run without a network but its socket, in the
long form somebody leaves a transaction with row locks open for more than a minute, and it is judged what they settled
(campaign/audit.py) and whether a user's statement waited for Millrace or fell to a deadlock because of it
(campaign/waits.py).

The seed is printed and reproduces operations and faults; what the scheduler of the machine makes of them differs. The
long form notes each round that held in MILLRACE_SOAK (.millrace/soak-DATABASE.json), and goes on there when it is started
again.

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
from campaign.faults import Firing
from campaign.plan import TABLE
from campaign.postgres import Postgres
from campaign.postgres_plan import FORGETFUL
from campaign.processes import House, Place, wait_ready
from campaign.sqlite import SQLite
from campaign.takeover import TakeoverWatch
from campaign.user import Workload

DATABASES = {database.name: database for database in (SQLite, Postgres)}
# What is promised, and is judged by the many kills of the long form; the short form has few, on a machine that builds.
TAKEOVER_SECONDS, TAKEOVER_SECONDS_SHORT = 10, 20
# From so many on, a quarter of them must have been undisturbed, or there is nothing to judge by.
MANY_KILLS = 20
QUEUE_SECONDS = 120
# The quiet sweep compares 500 rows each 5 s, once over the rows and once over the embeddings.
SWEEP_ROWS, SWEEP_PAUSE = 500, 5
NAMES = {
    "worker": "kill -9 of {} workers", "server": "of {} servers", "stop": "{} stops",
    "database": "{} immediate stops of the database", "cut": "{} cuts of connections"}


class Size:
    def __init__(self, rows, seconds, faults, is_supervised=False, is_partitioned=True, forgets=False):
        self.rows = rows
        self.seconds = seconds
        #: How many of each kind.
        self.faults = faults
        #: Whether the server starts two of the workers.
        self.is_supervised = is_supervised
        #: Whether a PostgreSQL table has partitions; one without is rebuilt now and then.
        self.is_partitioned = is_partitioned
        #: Whether a user of PostgreSQL forgets a transaction with row locks for more than a minute.
        self.forgets = forgets


def few(worker, server, stop, database=0, cut=0):
    counts = {"worker": worker, "server": server, "stop": stop, "database": database, "cut": cut}
    return {kind: count for kind, count in counts.items() if count}


SHORT = {
    "sqlite": [Size(800, 36, few(12, 3, 2))],
    "postgres": [Size(600, 36, few(8, 2, 2, 2, 4))],
}
LONG = {
    "sqlite": [Size(5000, 170, few(40, 10, 4))] * 4 + [Size(5000, 170, few(40, 10, 4), is_supervised=True)],
    "postgres": [
        Size(3000, 170, few(25, 6, 4, 6, 9), is_supervised=number % 5 == 4, is_partitioned=number % 2 == 0,
             forgets=True)
        for number in range(10)],
}


def say(text):
    print(text, flush=True)


class Round:
    """One round; `complaints` is empty where all held."""

    def __init__(self, seed, size, home, database):
        self.seed = seed
        self.size = size
        self.house = House(home, DATABASES[database])
        self.database = self.house.database
        self.plan = self.database.plan(seed, size)
        self.complaints = []
        supervised = 2 if size.is_supervised else 0
        self.server = Place(self.house, "server", ["serve", "--workers", str(supervised)])
        self.workers = [
            Place(self.house, f"worker{number}", ["worker"], {"BATCH_SIZE": "32", "MILLRACE_THREADS": "1"},
                  self.database.worker_prefix)
            for number in range(1 if size.is_supervised else 3)
        ]

    def run(self, keeps):
        holds = False
        try:
            self._attach()
            self._fire()
            self._judge()
            for place in [*self.workers, self.server]:
                self.complaints += place.stop()
            holds = not self.complaints
        finally:
            self.complaints += self.house.end_leftovers()
            self.kept = self.database.close(keeps or not holds)
        return not self.complaints

    def _attach(self):
        self.database.open()
        connection = self.database.connect()
        for statement in self.plan.create_table():
            connection.execute(statement)
        self.database.insert(connection, TABLE, self.plan.rows)
        connection.close()
        self.house.run(
            "source", "add", "--table", TABLE, "--key", "id", "--text", "body", "--into", "vector", "--no-views")
        self.watches = self.database.watches()
        for watch in self.watches:
            watch.start()

    def _fire(self):
        self.server.start()
        for worker in self.workers:
            worker.start()
        wait_ready(self.house, self.server)
        self.takeovers_seen = TakeoverWatch(self.database)
        self.workload = Workload(self.plan, self.database, os.path.join(self.house.home, "operations.jsonl"))
        self.firing = Firing(
            self.plan, self.server, self.workers, self.house, self.takeovers_seen, self._progress)
        self.workload.start()
        self.firing.start()
        self.workload.join()
        self.firing.join()
        for place in [self.server, *self.workers]:
            place.notice()
        self.complaints += self.firing.errors + self.workload.refused[:10]
        # Rows, or why there are none.
        self.complaints += [
            f"{operation}: {outcome}" for operation, outcome in self._forgotten() if outcome not in range(1, 100)]

    def _forgotten(self):
        """What somebody left open, and the number of rows that it had locked, or why it had none."""
        return [(operation, outcome) for operation, _, outcome in self.workload.log
                if operation.actor == FORGETFUL and operation.hold]

    def _progress(self, counts):
        faults = ", ".join(f"{kind} {counts[kind]}/{count}" for kind, count in self.size.faults.items())
        print(f"\rseed {self.seed}: {faults}, operations {len(self.workload.log)}/{len(self.plan.operations)} ", end="",
              file=sys.stderr, flush=True)

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
        self.abandoned = self.takeovers_seen.end()
        self.complaints += [f"nobody took over {len(t.waiting)} jobs of kill {t.kill}" for t in self.abandoned]
        for place in [self.server, *self.workers]:
            self.complaints += place.surprises
        for watch in self.watches:
            self.complaints += watch.end(self.firing)[:20]

    def takeovers(self):
        """For each kill, of its jobs the longest: until freed, until claimed again; whether the server or the lock was
        away; whether all workers were."""
        return [
            (max(freed for freed, _, _ in t.seconds), max(claimed for _, claimed, _ in t.seconds), t.is_disturbed,
             t.was_alone)
            for t in self.takeovers_seen.done if t.seconds
        ]

    def report(self, tells_faults):
        judge, operations = self.judge, self.workload.log
        refused = sum(1 for _, _, outcome in operations if isinstance(outcome, str))
        jobs = [seconds for t in self.takeovers_seen.done for seconds in t.seconds]
        inside = sum(was_inside for _, _, was_inside in jobs)
        say(f"  {len(operations)} operations ({refused} refused by the table's own constraints), "
            f"{len(judge.rows)} rows, {len(judge.vectors)} vectors at the end")
        for operation, outcome in self._forgotten():
            say(f"  a transaction was left open for {operation.hold:.0f} s, {outcome} rows locked")
        if self.quiet:
            say(f"  queue empty {self.quiet[0]:.1f} s after the last write, the sweep done {self.quiet[1]:.1f} s later")
        say(f"  worst cosine {judge.worst:.5f} with the model asked anew, {judge.worst_reference:.5f} with ONNX Runtime")
        say(f"  most crashes of one job {self.takeovers_seen.most_crashes[0]}, of these alone {self.takeovers_seen.most_crashes[1]}")
        say(f"  {len(self.takeovers_seen.done)} kills of workers that held jobs; {len(jobs)} jobs taken over, {inside} of them had been "
            f"inside the model")
        for watch in self.watches:
            for line in watch.report():
                say(f"  {line}")
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
            for takeover in self.takeovers_seen.done:
                say(f"    {takeover}")


def judge_takeovers(takeovers, limit):
    """Prints the distribution; - Returns: complaints."""
    if not takeovers:
        return ["no kill hit a worker that held jobs"]
    undisturbed = [takeover for takeover in takeovers if not takeover[2]]
    for name, column, chosen in [
        ("freed", 0, undisturbed),
        ("claimed again", 1, undisturbed),
        ("claimed again, where a worker was left", 1, [takeover for takeover in undisturbed if not takeover[3]]),
        ("claimed again, also with the server or the lock away", 1, takeovers),
    ]:
        seconds = [takeover[column] for takeover in chosen] or [0]
        say(f"takeover of a killed worker's last job, {name}: {len(chosen)} kills, p50 {percentile(seconds, 0.5):.2f} s, "
            f"p99 {percentile(seconds, 0.99):.2f} s, longest {max(seconds):.2f} s")
    if len(takeovers) >= MANY_KILLS and len(undisturbed) * 4 < len(takeovers):
        return [f"only {len(undisturbed)} of {len(takeovers)} takeovers can be judged: was the server ever there?"]
    worst = percentile([takeover[1] for takeover in undisturbed] or [0], 0.99)
    return [f"takeover p99 is {worst:.1f} s, over {limit} s"] if worst > limit else []


class Progress:
    """What a long run has done, so that it can be gone on with."""

    def __init__(self, path, seed, rounds):
        self.path = path
        self.state = {"seed": seed, "rounds": 0, "takeovers": []}
        if path and path.exists():
            state = json.loads(path.read_text())
            if seed in (None, state["seed"]) and state["rounds"] < rounds:
                self.state = state
        if self.state["seed"] is None:
            self.state["seed"] = random.SystemRandom().randrange(1_000_000)

    def held(self, takeovers):
        self.state["rounds"] += 1
        self.state["takeovers"] += takeovers
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.state))


def told(faults):
    return ", ".join(NAMES[kind].format(count) for kind, count in faults.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--long", action="store_true", help="rounds up to the full counts, resumable")
    parser.add_argument("--supervised", action="store_true", help="let the server start two of the workers")
    parser.add_argument("--plain", action="store_true", help="on PostgreSQL a table without partitions")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a round that held, and tell its faults")
    parser.add_argument("--seed", type=int, default=int(os.environ["SEED"]) if os.environ.get("SEED") else None)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    rounds = (LONG if arguments.long else SHORT)[arguments.database]
    for size in rounds:
        size.is_supervised |= arguments.supervised
        size.is_partitioned &= not arguments.plain
    root = Path(__file__).resolve().parent.parent.parent
    file = f".millrace/soak-{arguments.database}.json"
    path = Path(os.environ.get("MILLRACE_SOAK", root / file)) if arguments.long else None
    progress = Progress(path, arguments.seed, len(rounds))
    seed = progress.state["seed"]
    say(f"kill on {arguments.database}: seed {seed}"
        + (f", round {progress.state['rounds'] + 1} of {len(rounds)}" if arguments.long else ""))
    for number in range(progress.state["rounds"], len(rounds)):
        if not run_round(f"{seed}.{number}", rounds[number], number, arguments, progress):
            say(f"kill: FAILED in round {number + 1}: repeat with --database {arguments.database} --seed {seed}")
            return 1
    complaints = judge_takeovers(
        progress.state["takeovers"], TAKEOVER_SECONDS if arguments.long else TAKEOVER_SECONDS_SHORT)
    totals = {kind: sum(size.faults.get(kind, 0) for size in rounds) for kind in rounds[0].faults}
    for text in complaints:
        say(f"kill: FAILED: {text} (--seed {seed})")
    if not complaints:
        say(f"kill on {arguments.database}: held: 0 lost, 0 stale, 0 of deleted rows, 0 jobs held after {told(totals)}")
    return 1 if complaints else 0


def run_round(seed, size, number, arguments, progress):
    """- Returns: whether it held."""
    began = time.monotonic()
    home = tempfile.mkdtemp(prefix="millrace-kill-")
    current = Round(seed, size, home, arguments.database)
    holds = current.run(arguments.keep)
    say(f"round {number + 1}: {size.rows} rows, {told(size.faults)}{', two workers supervised' if size.is_supervised else ''}"
        f"{current.database.described(size)}: {'held' if holds else 'FAILED'} ({time.monotonic() - began:.0f} s)")
    current.report(arguments.keep)
    if holds:
        progress.held(current.takeovers())
    if arguments.keep or not holds:
        say(f"  logs are in {home}" + (f", the server's files in {current.kept}" if current.kept else ""))
    else:
        shutil.rmtree(home, ignore_errors=True)
    return holds


if __name__ == "__main__":
    sys.exit(main())
