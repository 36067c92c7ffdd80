"""The built program's processes: a server and workers on one database, in a folder of their own."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request


#: The exit status of a program that cannot reach its database, and how soon after its start it looks.
NO_DATABASE, START_SECONDS = 74, 5


class House:
    """Where one campaign lives: folder, database (of sqlite.py or postgres.py), environment, port."""

    def __init__(self, home, database):
        self.home = str(home)
        self.database = database(self.home)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.binary = os.environ["MILLRACE_BINARY"]
        self.environment = dict(
            os.environ, MILLRACE_HOME=self.home, DATABASE_URL=self.database.url, PORT=str(self.port), LANG="C",
            LC_ALL="C", PGAPPNAME="millrace")
        self.environment.pop("WORKER_ID", None)

    def end_leftovers(self, patience=15):
        """Kills what is still there after its server's end. - Returns: complaints."""
        deadline = time.monotonic() + patience
        while self._processes() and time.monotonic() < deadline:
            time.sleep(0.2)
        left = self._processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return [f"process {pid} outlived its server by {patience} s" for pid in left]

    def _processes(self):
        """Whoever has this house in its environment, however its parent died."""
        mark = f"MILLRACE_HOME={self.home}".encode()
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if int(name) != os.getpid() and mark in file.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                pass  # Gone, or somebody else's.
        return found

    def run(self, *arguments):
        """A command that must succeed."""
        answer = subprocess.run(
            [self.binary, *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120)
        if answer.returncode != 0:
            raise RuntimeError(f"millrace {' '.join(arguments)} ended with {answer.returncode}: {answer.stderr.strip()}")
        return answer.stdout

    def ask(self, path, body=None, timeout=30):
        """The JSON answer of the server; refusals and a server that is away raise OSError."""
        request = urllib.request.Request(
            self.url + path, data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)

    def ask_patiently(self, path, body=None, patience=60):
        deadline = time.monotonic() + patience
        while True:
            try:
                return self.ask(path, body)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{path}: {error}") from error
                time.sleep(0.2)


class Place:
    """One process that is started again when it was killed. Output goes to NAME.log in the house.

    `prefix` is a program that becomes the one asked for, which therefore has its pid.
    """

    def __init__(self, house, name, arguments, environment=None, prefix=()):
        self.house = house
        self.name = name
        self.command = [*prefix, house.binary, *arguments]
        #: What a database server shows of its connections.
        self.application = f"millrace {name}"
        self.environment = dict(house.environment, PGAPPNAME=self.application, **(environment or {}))
        self.process = None
        self.lock = threading.Lock()
        #: How it ended where nobody had killed it.
        self.surprises = []
        self.is_killed = False

    @property
    def log(self):
        return os.path.join(self.house.home, f"{self.name}.log")

    def start(self):
        with self.lock, open(self.log, "ab") as log:
            self.is_killed = False
            self._started = time.monotonic()
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def pid(self):
        return self.process.pid

    def lives(self):
        with self.lock:
            return self.process is not None and self.process.poll() is None

    def notice(self):
        """Starts a process again that ended by itself, and remembers how it ended: one that finds no database when it
        starts says so and ends, and whoever started it tries again."""
        with self.lock:
            ended = self.process is not None and not self.is_killed and self.process.poll() is not None
            if ended:
                self.is_killed = True
                found_none = self.process.returncode == NO_DATABASE and self.house.database.was_away(
                    self._started, self._started + START_SECONDS)
                if not found_none:
                    self.surprises.append(f"{self.name} ended by itself with {self.process.returncode}")
        if ended:
            self.start()

    def kill(self):
        with self.lock:
            self.is_killed = True
            self.process.send_signal(signal.SIGKILL)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait()

    def stop(self):
        """SIGTERM, and what does not listen is killed. - Returns: a complaint, or nothing."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                return []
            self.is_killed = True
            self.process.send_signal(signal.SIGTERM)
            try:
                status = self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return [f"{self.name} did not end within 30 s of SIGTERM"]
        return [] if status == 0 else [f"{self.name} ended with {status} after SIGTERM"]

    def tail(self, lines=15):
        with open(self.log, errors="replace") as log:
            return log.read().splitlines()[-lines:]


def wait_ready(house, place, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(house.url + "/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if not place.lives():
            raise RuntimeError("the server ended before it was ready:\n" + "\n".join(place.tail()))
        time.sleep(0.05)
    raise RuntimeError(f"the server was not ready within {seconds} s:\n" + "\n".join(place.tail()))


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


def is_running(pid):
    """Whether it lives and is not stopped."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in ("Z", "T")
