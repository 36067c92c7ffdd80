"""The program under measurement: its data folder, its commands, its server and its workers as real processes."""

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from harness.report import ROOT

BINARY = os.environ.get("MILLRACE_BINARY", str(ROOT / ".build/release/millrace"))
MODEL = "all-minilm-l6-v2"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Failure(Exception):
    """Something that the benchmark needs is not there or did not happen; the text says what."""


class Millrace:
    """A data folder with its database, and the processes started on it. Use it in a `with`.

    The database is a file of its own unless `url` names another; `settings` are added to the processes' environment.
    """

    def __init__(self, keep=False, url=None, settings=None):
        self.home = Path(tempfile.mkdtemp(prefix="millrace-bench-"))
        self.file = self.home / "millrace.db"
        self.keep = keep
        self.processes = []
        self.port = free_port()
        self.environment = dict(os.environ, MILLRACE_HOME=str(self.home), PORT=str(self.port), LANG="C.UTF-8")
        self.environment.pop("DATABASE_URL", None)
        if url is not None:
            self.environment["DATABASE_URL"] = url
        self.environment.update(settings or {})
        deps = self.environment.setdefault("MILLRACE_DEPS", str(ROOT / ".deps"))
        self.models = Path(self.environment.setdefault("MILLRACE_MODELS", deps + "/models"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        if not self.keep:
            shutil.rmtree(self.home, ignore_errors=True)

    # Commands

    def run(self, *arguments):
        done = subprocess.run(
            [BINARY, *map(str, arguments)], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"millrace {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def connect(self, timeout=30.0):
        """A connection as a user's program has it: Python's own, each statement its own transaction unless it begins one."""
        connection = sqlite3.connect(self.file, timeout=timeout, isolation_level=None)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise Failure(f"{self.file} cannot be in WAL mode: choose a folder on a local disk by TMPDIR")
        return connection

    # Processes

    def start(self, *arguments, name, settings=None):
        """- Parameter settings: of this process alone, beside those of all."""
        log = open(self.home / f"{name}.log", "ab")
        process = subprocess.Popen(
            [BINARY, *map(str, arguments)], env=self.environment | (settings or {}), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log)
        log.close()
        self.processes.append(process)
        return process

    def serve(self, workers=1, timeout=60, settings=None):
        process = self.start("serve", "--workers", workers, name="serve", settings=settings)
        self.wait_until(self.answers, timeout, "the server answers", process)
        return process

    def worker(self, number=0, settings=None):
        return self.start("worker", "--name", f"bench-{number}", name=f"worker-{number}", settings=settings)

    def end(self, *processes):
        """Asks processes to finish, and waits for it."""
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process in self.processes:
                self.processes.remove(process)

    def stop(self):
        self.end(*list(self.processes))

    # HTTP

    def answers(self):
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path):
        return Client(self.port).ask("GET", path)

    def status(self):
        code, body = self.get("/api/status")
        if code != 200:
            raise Failure(f"/api/status answered {code}: {body}")
        return body

    def wait_until(self, condition, timeout, what, process=None, pause=0.05):
        deadline = time.monotonic() + timeout
        while not condition():
            if process is not None and process.poll() is not None:
                raise Failure(f"waiting until {what}, the process ended with {process.returncode}: {self.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"waited {timeout} s and still not: {what}: {self.tail()}")
            time.sleep(pause)

    def tail(self):
        lines = []
        for log in sorted(self.home.glob("*.log")):
            lines += [f"{log.name}: {line}" for line in log.read_text(errors="replace").splitlines()[-4:]]
        return " | ".join(lines)


class Client:
    """One kept connection to the server."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text.decode(errors="replace")
