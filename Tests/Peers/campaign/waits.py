"""Whether users wait for Millrace: by the server's own log of long waits and deadlocks, and by looking all the time."""

import json
import re
import threading
import time
from pathlib import Path

import psycopg

STILL = re.compile(r"process (\d+) still waiting for (\S+) on (.*) after ([\d.]+) ms")
HOLDERS = re.compile(r"Process(?:es)? holding the lock: ([\d, ]+)\.")
# Of a whole table; who asks for a weaker one may wait for somebody in the queue, whom the log does not tell.
STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
RING = re.compile(r"^Process (\d+) waits for", re.MULTILINE)
STARTED = re.compile(r"connection authorized: .*application_name=(.+?)(?: SSL| GSS|$)")
#: Statements that need a lock of the whole table for a moment; they try again where they do not get it.
SCHEMA_CHANGE = re.compile(r"^\s*(CREATE|ALTER|DROP|LOCK|COMMENT|GRANT|REVOKE|DO)\b", re.IGNORECASE)
LOOK_SECONDS = 0.005
#: Two looks further apart do not say what was between them.
GAP_SECONDS = 0.03


def is_own(name):
    return name.startswith("millrace")


def is_user(name):
    return name.startswith("user")


def numbers(text):
    return [int(number) for number in text.replace(",", " ").split()]


class ServerLog:
    """The waits of at least `limit` ms that the server has logged, and the deadlocks, with who was in them.

    It says who held a lock when the limit was reached, not who stood before the waiter in the queue: of that, which only
    locks of whole tables have, WaitWatch knows.
    """

    def __init__(self, folder, limit):
        self.files = Path(folder) / "log"
        self.limit = limit
        #: For each process the names of the programs that it served, with the moment from which on.
        self.names = {}
        self.user_deadlocks = 0
        self.own_deadlocks = 0
        self.user_waits = 0
        self.waits_for_own = 0
        #: Waits of Millrace's own for a user: (what, on what, milliseconds or more).
        self.own_waits = []

    def start(self):
        pass

    def end(self, firing):
        """- Returns: complaints."""
        complaints = []
        for entry in self._entries():
            message = entry.get("message", "")
            if started := STARTED.search(message):
                self.names.setdefault(entry["pid"], []).append((entry["timestamp"], started[1]))
            elif "deadlock detected" == message:
                complaints += self._deadlock(entry)
            elif waiting := STILL.search(message):
                complaints += self._wait(entry, waiting)
        return complaints

    def _entries(self):
        for file in sorted(self.files.glob("*.json")):
            with open(file, errors="replace") as lines:
                for line in lines:
                    try:
                        yield json.loads(line)
                    except ValueError:
                        pass  # The server was killed in the middle of it.

    def _name(self, pid, moment):
        names = [name for since, name in self.names.get(pid, []) if since <= moment]
        return names[-1] if names else f"process {pid}"

    @staticmethod
    def _is_within_own(entry):
        """Whether a user's statement waits inside a trigger function of Millrace's."""
        return "function millrace." in entry.get("context", "")

    def _deadlock(self, entry):
        """The victim is who logs it."""
        moment = entry["timestamp"]
        victim = entry.get("application_name") or self._name(entry["pid"], moment)
        ring = [self._name(int(pid), moment) for pid in RING.findall(entry.get("detail", ""))]
        if is_own(victim):
            self.own_deadlocks += 1
            return []
        if not any(map(is_own, ring)) and not self._is_within_own(entry):
            self.user_deadlocks += 1
            return []
        return [f"{victim} was ended as a deadlock's victim because of {', '.join(filter(is_own, ring)) or 'a trigger'}: "
                f"{entry.get('statement', '')[:120]!r}; {entry.get('detail', '')!r}"]

    def _wait(self, entry, waiting):
        moment = entry["timestamp"]
        waiter = entry.get("application_name") or self._name(entry["pid"], moment)
        found = HOLDERS.search(entry.get("detail", ""))
        names = [self._name(pid, moment) for pid in (numbers(found[1]) if found else [])]
        what = f"{waiting[2]} on {waiting[3]}"
        statement = entry.get("statement", "")
        if is_own(waiter):
            if any(map(is_user, names)) and not SCHEMA_CHANGE.search(statement):
                self.own_waits.append((statement, what, names))
            return []
        if not is_user(waiter):
            return []
        tells_whom = not waiting[3].startswith("relation") or waiting[2] in STRONG
        if tells_whom and any(map(is_own, names)) or self._is_within_own(entry):
            self.waits_for_own += 1
            return [f"{waiter} waited over {self.limit} ms at {moment} for {what}, held by {', '.join(names)}: "
                    f"{statement[:160]!r}"]
        self.user_waits += 1
        return []

    def report(self):
        lines = [
            f"the server's log: users waited {self.user_waits} times over {self.limit} ms for each other, "
            f"{self.waits_for_own or 'no'} times for Millrace; {self.user_deadlocks} deadlocks among users alone, "
            f"{self.own_deadlocks} with a victim of Millrace's"]
        if self.own_waits:
            lines.append(f"Millrace waited {len(self.own_waits)} times over {self.limit} ms for a user:")
            lines += [f"    {what} of {', '.join(names)}: {' '.join(statement.split())[:200]}"
                      for statement, what, names in self.own_waits[:5]]
        return lines


LOOK = r"""
SELECT waiter.pid, waiter.query_start, waiter.application_name, blocker.application_name, left(waiter.query, 100),
    blocker.pid || ', ' || blocker.state || ': ' || regexp_replace(left(blocker.query, 200), '\s+', ' ', 'g')
FROM pg_stat_activity AS waiter CROSS JOIN LATERAL unnest(pg_blocking_pids(waiter.pid)) AS by(pid)
    JOIN pg_stat_activity AS blocker ON blocker.pid = by.pid
WHERE waiter.wait_event_type = 'Lock' AND waiter.application_name LIKE 'user%'
    AND blocker.application_name LIKE 'millrace%'
"""


class WaitWatch:
    """Looks every few milliseconds which user's statement waits for Millrace, and adds up for how long."""

    def __init__(self, database, limit):
        self.database = database
        self.limit = limit
        #: For each statement that waited: seconds, and who, for whom, what.
        self.waits = {}
        #: For each of them the milliseconds of the wait at which its blocker was first seen to do something else.
        self.doings = {}
        #: For each of them the longest seconds between two looks during the wait; of all, that between any two.
        self.gaps = {}
        self.longest_gap = 0
        self.looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._session = self.database.patient("campaign waits")
        self._began = time.monotonic()
        self._thread.start()

    def _run(self):
        last, seen = time.monotonic(), set()
        while not self._ended.is_set():
            try:
                rows = self._session.execute(LOOK).fetchall()
            except psycopg.Error:
                rows = []
            now = time.monotonic()
            self.looks += 1
            self.longest_gap = max(self.longest_gap, now - last)
            present = {(pid, start): (waiter, blocker, query) for pid, start, waiter, blocker, query, _ in rows}
            doing = {(pid, start): doing for pid, start, *_, doing in rows}
            for statement, said in present.items():
                seconds, _ = self.waits.get(statement, (0, said))
                if statement in seen and now - last < GAP_SECONDS:
                    seconds += now - last
                    self.gaps[statement] = max(self.gaps.get(statement, 0), now - last)
                self.waits[statement] = (seconds, said)
                seen_doing = self.doings.setdefault(statement, [])
                if not seen_doing or seen_doing[-1][1] != doing[statement]:
                    seen_doing.append((1000 * seconds, doing[statement]))
            last, seen = now, set(present)
            time.sleep(LOOK_SECONDS)

    def end(self, firing):
        """- Returns: complaints."""
        self._ended.set()
        self._thread.join()
        self._seconds = time.monotonic() - self._began
        return [f"{waiter} was seen to wait {1000 * seconds:.0f} ms for {blocker}: {query!r}"
                for seconds, (waiter, blocker, query) in self.waits.values() if 1000 * seconds > self.limit]

    def report(self):
        longest = max(self.waits, key=lambda statement: self.waits[statement][0], default=None)
        seconds, said = self.waits[longest] if longest else (0, None)
        lines = [f"looked every {1000 * self._seconds / max(1, self.looks):.1f} ms, {1000 * self.longest_gap:.0f} ms apart at "
                 f"the most: {len(self.waits)} statements of users waited for Millrace, the longest {1000 * seconds:.0f} ms"]
        if 1000 * seconds > self.limit / 2:
            waiter, blocker, query = said
            gap = 1000 * self.gaps.get(longest, 0)
            lines.append(f"    {waiter} for {blocker}: {query!r}, the looks {gap:.0f} ms apart at the most; {blocker} meanwhile:")
            lines += [f"    from {at:.0f} ms: {doing}" for at, doing in self.doings[longest][:12]]
        return lines
