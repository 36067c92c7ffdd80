"""Kills and stops processes, and cuts connections, at the planned moments."""

import os
import signal
import threading
import time

from .processes import is_zombie, parent, wait_ready
from .takeover import Takeover

# A kill that is to hit a worker at work waits at most this long for it to have some.
WORK_SECONDS = 3


class Firing:
    """The faults, one after the other; what was killed comes back after its pause."""

    def __init__(self, plan, server, workers, house, watch, progress):
        self.plan = plan
        self.server = server
        self.workers = workers
        self.house = house
        self.watch = watch
        self.progress = progress
        self.deeds = {
            "worker": self._kill_worker, "server": self._kill_server, "stop": self._stop_worker,
            "database": self._kill_database, "cut": self._cut}
        self.counts = dict.fromkeys(self.deeds, 0)
        #: Of each stop the connections' name and what was held: the jobs' fences and keys.
        self.stops = []
        self.log = []
        self.errors = []
        self._connection = house.database.patient("campaign faults")
        self._job, self._worker = house.database.table("job"), house.database.table("worker")
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
                    self._wait(min(0.1, max(0, self._began + fault.at - time.monotonic())))
                self.deeds[fault.kind](fault)
                self.counts[fault.kind] += 1
                self.progress(self.counts)
        except Exception as error:  # Told at the end of the round; the campaign has failed.
            self.errors.append(f"the firing ended early: {error!r}")

    def _wait(self, seconds):
        """Sleeps, and starts again whoever ended by itself, or a wait for somebody who lives would not end."""
        time.sleep(seconds)
        for place in [self.server, *self.workers]:
            place.notice()

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
                f"SELECT pid FROM {self._worker} WHERE state IN ('starting', 'ready', 'draining') ORDER BY id").fetchall():
            if pid not in own and (pid, None) not in living and self.server.lives() and parent(pid) == self.server.pid:
                living.append((pid, None))
        return [(pid, place) for pid, place in living if pid not in self._stopped]

    def _held(self, pid):
        rows = self._connection.execute(
            f"""
            SELECT id, fence, key FROM {self._job}
            WHERE state = 'running' AND worker_id IN (SELECT id FROM {self._worker} WHERE pid = ?)
            """, (pid,)).fetchall()
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
            self._wait(0.01)

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
            self._wait(0.01)
        self.watch.disturb()
        self.server.kill()
        self._note(f"kill -9 of the server, {fault.pause:.2f} s")
        # Restarted here and awaited, or the next one would only kill a start.
        time.sleep(fault.pause)
        self.server.start()
        wait_ready(self.house, self.server)

    def _kill_database(self, fault):
        self.watch.disturb()
        self.house.database.kill()
        self._note(f"the database server killed, {fault.pause:.2f} s")
        time.sleep(fault.pause)
        self.house.database.start()
        self.watch.disturb()

    def _cut(self, fault):
        what = self.house.database.cut(self._connection, fault.victim)
        self._note(f"cut: {what}")

    def _stop_worker(self, fault):
        pid, place = self._victim(fault)
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return self._stop_worker(fault)
        self._stopped.add(pid)
        held = self._held(pid)
        self.stops.append(((place or self.server).application, held))
        self._note(f"SIGSTOP of worker {pid}, which held {len(held)} jobs, {fault.pause:.1f} s")

        def go_on():
            self._stopped.discard(pid)
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
            self._note(f"SIGCONT of worker {pid}")

        self._later(fault.pause, go_on)
