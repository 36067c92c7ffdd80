"""How soon others take over what a killed worker held."""

import threading
import time

from .plan import TABLE
from .processes import is_running

# Longer than any user here holds the database's lock: only a process that was stopped while it held it takes so long, and
# then SQLite lets nobody write, neither users nor who would rescue. A server that is away lets nobody either.
LOCKED_SECONDS = 3
# For so long nobody is left who could take over: every worker is killed, stopped or loads its model. One kill alone leaves
# two.
ALONE_SECONDS = 2


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
        #: Whether, before they were claimed again, no worker was left: told beside the figure that is judged.
        self.was_alone = False

    def __str__(self):
        def shown(seconds):
            return "; ".join(
                f"{name} {len(column)} in {min(column):.1f} to {max(column):.1f} s"
                for name, column in zip(("freed", "claimed again"), list(zip(*seconds))[:2]))

        inside = [seconds for seconds in self.seconds if seconds[2]]
        others = [seconds for seconds in self.seconds if not seconds[2]]
        parts = [f"{name}: {shown(part)}" for name, part in [("inside the model", inside), ("not inside", others)] if part]
        away = [name for name, was_away in [("server or lock", self.is_disturbed), ("all workers", self.was_alone)] if was_away]
        meanwhile = f" ({' and '.join(away)} away meanwhile)" if away else ""
        return f"takeover of kill {self.kill}{meanwhile}: {', '.join(parts)}"


class TakeoverWatch:
    """Looks every few milliseconds whether the jobs of killed workers have a new claim."""

    def __init__(self, database):
        self.done = []
        self.most_crashes = (0, 0)
        self._open = []
        self._lock = threading.Lock()
        self._database = database
        self._job = database.table("job")
        self._connection = database.patient("campaign takeovers")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._prober = threading.Thread(target=self._probe, daemon=True)
        self._prober.start()

    def _probe(self):
        """Asks again and again whether one could write, and whether a worker is left, and notes it at every takeover that
        is waited for meanwhile."""
        connection = self._database.patient("campaign probe")
        worked = time.monotonic()
        while not self._ended.is_set():
            if self._somebody_works(connection):
                worked = time.monotonic()
            elif time.monotonic() - worked > ALONE_SECONDS:
                self._leave_alone()
            began = time.monotonic()
            try:
                self._database.probe(connection)
            except self._database.Error:
                pass
            if time.monotonic() - began > LOCKED_SECONDS:
                self.disturb()
            time.sleep(0.25)

    def _somebody_works(self, connection):
        try:
            pids = connection.execute(
                f"SELECT pid FROM {self._database.table('worker')} WHERE state = 'ready'").fetchall()
        except self._database.Error:
            return True  # The lock's part of the probe tells.
        return any(is_running(pid) for (pid,) in pids)

    def add(self, takeover):
        with self._lock:
            self._open.append(takeover)

    def disturb(self):
        with self._lock:
            for takeover in self._open:
                if len(takeover.freed) < len(takeover.waiting):
                    takeover.is_disturbed = True

    def _leave_alone(self):
        with self._lock:
            for takeover in self._open:
                takeover.was_alone = True

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
                f"SELECT max(crashes), max(alone_crashes) FROM {self._job}").fetchone()
            self.most_crashes = tuple(max(a, b or 0) for a, b in zip(self.most_crashes, crashes))

    def _look(self, takeover):
        seconds = time.monotonic() - takeover.moment
        for job, (fence, key) in list(takeover.waiting.items()):
            row = self._connection.execute(
                f"SELECT fence, state, crashes FROM {self._job} WHERE id = ?", (job,)).fetchone()
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
