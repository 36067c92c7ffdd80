"""Kills and stops processes at the planned moments, and measures how soon others take over what the dead held."""

import os
import signal
import sqlite3
import threading
import time

from .plan import TABLE
from .processes import connect, wait_ready

# Longer than any user here holds the database's lock: only a process that was stopped while it held it takes so long, and
# then SQLite lets nobody write, neither users nor who would rescue.
LOCKED_SECONDS = 3
# A kill that is to hit a worker at work waits at most this long for it to have some.
WORK_SECONDS = 3


class Takeover:
    """One kill of a worker that held jobs: when the first and the last of them were claimed again."""

    def __init__(self, kill, moment, held):
        self.kill = kill
        self.moment = moment
        self.waiting = held
        self.freed = {}
        #: (seconds until freed, seconds until claimed again, whether it had been inside the model) of each job.
        self.seconds = []
        #: Whether, before the jobs were freed, the server was killed, which finds lost workers, or nobody could write.
        self.is_disturbed = False

    def __str__(self):
        def shown(seconds):
            return "; ".join(
                f"{name} {len(column)} in {min(column):.1f} to {max(column):.1f} s"
                for name, column in zip(("freed", "claimed again"), list(zip(*seconds))[:2]))

        inside = [seconds for seconds in self.seconds if seconds[2]]
        others = [seconds for seconds in self.seconds if not seconds[2]]
        parts = [f"{name}: {shown(part)}" for name, part in [("inside the model", inside), ("not inside", others)] if part]
        return f"takeover of kill {self.kill}{' (server or lock away meanwhile)' if self.is_disturbed else ''}: {', '.join(parts)}"


class TakeoverWatch:
    """Looks every few milliseconds whether the jobs of killed workers have a new claim."""

    def __init__(self, database):
        self.done = []
        self.most_crashes = (0, 0)
        self._open = []
        self._lock = threading.Lock()
        self._connection = connect(database)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._prober = threading.Thread(target=self._probe, args=(database,), daemon=True)
        self._prober.start()

    def _probe(self, database):
        """Asks for the write lock again and again; whoever waits for a takeover while it cannot be had is disturbed."""
        connection = connect(database)
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError:
                pass
            if time.monotonic() - began > LOCKED_SECONDS:
                self.disturb()
            time.sleep(0.25)

    def add(self, takeover):
        with self._lock:
            self._open.append(takeover)

    def disturb(self):
        with self._lock:
            for takeover in self._open:
                if len(takeover.freed) < len(takeover.waiting):
                    takeover.is_disturbed = True

    def end(self):
        """- Returns: those that nobody has taken over."""
        self._ended.set()
        self._thread.join()
        self._prober.join()
        return self._open

    def _watch(self):
        while not self._ended.is_set():
            time.sleep(0.02)
            with self._lock:
                takeovers = list(self._open)
            for takeover in takeovers:
                self._look(takeover)
            with self._lock:
                self.done += [takeover for takeover in takeovers if not takeover.waiting]
                self._open = [takeover for takeover in self._open if takeover.waiting]
            crashes = self._connection.execute(
                "SELECT max(crashes), max(alone_crashes) FROM millrace_job").fetchone()
            self.most_crashes = tuple(max(a, b or 0) for a, b in zip(self.most_crashes, crashes))

    def _look(self, takeover):
        seconds = time.monotonic() - takeover.moment
        for job, (fence, key) in list(takeover.waiting.items()):
            row = self._connection.execute("SELECT fence, state, crashes FROM millrace_job WHERE id = ?", (job,)).fetchone()
            if row is not None and row[1] == "available":
                takeover.freed.setdefault(job, (seconds, row[2] > 0))
            if row is not None and row[0] == fence:
                continue
            del takeover.waiting[job]
            if row is None and not self._row_exists(key):
                continue  # its user deleted it; nobody had to take it over
            freed, was_inside = takeover.freed.get(job, (seconds, False))
            takeover.seconds.append((freed, seconds, was_inside))

    def _row_exists(self, key):
        return self._connection.execute(f"SELECT 1 FROM {TABLE} WHERE id = {key}").fetchone() is not None


class Firing:
    """The faults, one after the other; what was killed comes back after its pause."""

    def __init__(self, plan, server, workers, house, watch, progress):
        self.plan = plan
        self.server = server
        self.workers = workers
        self.house = house
        self.watch = watch
        self.progress = progress
        self.counts = {"worker": 0, "server": 0, "stop": 0}
        self.log = []
        self.errors = []
        self._connection = connect(house.database)
        self._pauses = []
        self._stopped = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._began = time.monotonic()
        self._thread.start()

    def is_over(self):
        return not self._thread.is_alive()

    def join(self):
        self._thread.join()
        for thread in self._pauses:
            thread.join()

    def _run(self):
        try:
            for fault in self.plan.faults:
                while time.monotonic() < self._began + fault.at:
                    time.sleep(min(0.1, max(0, self._began + fault.at - time.monotonic())))
                    for place in [self.server, *self.workers]:
                        place.notice()
                {"worker": self._kill_worker, "server": self._kill_server, "stop": self._stop_worker}[fault.kind](fault)
                self.counts[fault.kind] += 1
                self.progress(self.counts)
        except Exception as error:  # Told at the end of the round; the campaign has failed.
            self.errors.append(f"the firing ended early: {error!r}")

    def _note(self, text):
        self.log.append(f"{time.monotonic() - self._began:7.2f} s  {text}")

    def _later(self, pause, body):
        def run():
            time.sleep(pause)
            body()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._pauses.append(thread)

    # Which

    def _living(self):
        """(pid, place or None where the server started it) of every worker that runs and is not stopped."""
        living = [(place.pid, place) for place in self.workers if place.lives()]
        own = {pid for pid, _ in living}
        for (pid,) in self._connection.execute(
                "SELECT DISTINCT pid FROM millrace_worker WHERE state IN ('starting', 'ready', 'draining') ORDER BY id"):
            if pid not in own and self.server.lives() and parent(pid) == self.server.pid:
                living.append((pid, None))
        return [(pid, place) for pid, place in living if pid not in self._stopped]

    def _held(self, pid):
        rows = self._connection.execute(
            """
            SELECT id, fence, key FROM millrace_job
            WHERE state = 'running' AND worker_id IN (SELECT id FROM millrace_worker WHERE pid = ?)
            """, (pid,))
        return {job: (fence, key) for job, fence, key in rows}

    def _victim(self, fault):
        """The planned one; where it is to be hit at work and is idle, whoever has work first."""
        deadline = time.monotonic() + WORK_SECONDS
        while True:
            living = self._living()
            if living:
                order = [living[(fault.victim + offset) % len(living)] for offset in range(len(living))]
                if not fault.waits_for_work or time.monotonic() > deadline:
                    return order[0]
                for candidate in order:
                    if self._held(candidate[0]):
                        time.sleep(fault.delay)
                        return candidate
            time.sleep(0.01)

    # What

    def _kill_worker(self, fault):
        while True:
            pid, place = self._victim(fault)
            # A supervised one may have gone with its server meanwhile.
            if place is not None or parent(pid) == self.server.pid:
                break
        if place is not None:
            place.kill()
        else:
            os.kill(pid, signal.SIGKILL)
            while parent(pid) == self.server.pid and not is_zombie(pid):
                time.sleep(0.002)
        moment = time.monotonic()
        held = self._held(pid)
        number = self.counts["worker"]
        self._note(f"kill -9 of worker {pid}, which held {len(held)} jobs")
        if held:
            takeover = Takeover(number, moment, held)
            takeover.is_disturbed = not self.server.lives()
            self.watch.add(takeover)
        if place is not None:
            self._later(fault.pause, place.start)

    def _kill_server(self, fault):
        while not self.server.lives():
            time.sleep(0.01)
        self.watch.disturb()
        self.server.kill()
        self._note(f"kill -9 of the server, {fault.pause:.2f} s")
        # Restarted here and awaited, or the next one would only kill a start.
        time.sleep(fault.pause)
        self.server.start()
        wait_ready(self.house, self.server)

    def _stop_worker(self, fault):
        pid, _ = self._victim(fault)
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return self._stop_worker(fault)
        self._stopped.add(pid)
        self._note(f"SIGSTOP of worker {pid}, which held {len(self._held(pid))} jobs, {fault.pause:.1f} s")

        def go_on():
            self._stopped.discard(pid)
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
            self._note(f"SIGCONT of worker {pid}")

        self._later(fault.pause, go_on)


def stat_fields(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def parent(pid):
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def is_zombie(pid):
    fields = stat_fields(pid)
    return fields is None or fields[0] == "Z"
