#!/usr/bin/env python3
"""An installation moves to PostgreSQL by `millrace db copy`, also after a copy that was killed: the server on the target
embeds nothing again and answers searches as the old one did. Needs MILLRACE_BINARY, MILLRACE_DEPS, MILLRACE_MODELS and
MILLRACE_HOME (a folder of its own); uses MILLRACE_TEST_POSTGRES or starts a private server."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

BINARY = os.environ["MILLRACE_BINARY"]
HOME = Path(os.environ["MILLRACE_HOME"])
FILE = HOME / "shop.db"
SCRIPT = Path(__file__).resolve().parents[2] / "Scripts/test-postgres"
QUERIES = ["stainless steel bolt", "방수 커넥터", "seals hot water", "moves loads by air", "cable without noise"]


def check(condition, words):
    if not condition:
        sys.exit(f"moving: {words}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def millrace(database, *arguments, code=0):
    answer = subprocess.run(
        [BINARY, *arguments], env=dict(os.environ, DATABASE_URL=database, LC_ALL="C", NO_COLOR="1"),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    check(answer.returncode == code, f"{arguments} ended with {answer.returncode}: {answer.stdout} {answer.stderr}")
    return answer.stdout if code == 0 else answer.stdout + answer.stderr


class Serving:
    """`millrace serve` on a database, for as long as a `with` lasts."""

    def __init__(self, database, workers):
        self.port = free_port()
        self.environment = dict(os.environ, DATABASE_URL=database, PORT=str(self.port), LC_ALL="C", NO_COLOR="1")
        self.workers = workers

    def __enter__(self):
        self.log = open(HOME / f"serve-{self.port}.log", "wb")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--workers", str(self.workers)], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log)
        self.until(lambda: self.get("/readyz") is not None, "ready")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.read()
        except OSError:
            return None

    def until(self, condition, what, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            check(self.process.poll() is None, f"serve ended: {Path(self.log.name).read_text(errors='replace')[-2000:]}")
            if condition():
                return
            time.sleep(0.1)
        sys.exit(f"moving: not within {seconds} s: {what}")

    def status(self):
        return json.loads(subprocess.run(
            [BINARY, "status", "--json"], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
            check=True, timeout=60).stdout)

    def settle(self):
        def is_done():
            status = self.status()
            waits = sum(status["jobs"][state] for state in ("available", "running", "scheduled"))
            return waits == 0 and all(source["counts"]["pending"] == 0 for source in status["sources"])
        self.until(is_done, "every row embedded")

    def search(self, text):
        found = subprocess.run(
            [BINARY, "search", text, "--json", "--k", "20"], env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=60)
        check(found.returncode == 0, f"search ended with {found.returncode}: {found.stderr}")
        return json.loads(found.stdout)["results"]

    def answers(self):
        """Keys, scores and texts, as the server gives them."""
        return [[(hit["key"], hit["score"], hit["text"]) for hit in self.search(text)] for text in QUERIES]


class Forgotten:
    """A transaction of psql's that nobody ends, for as long as a `with` lasts."""

    def __init__(self, url):
        self.url = url

    def __enter__(self):
        self.psql = subprocess.Popen(
            ["psql", "-XqAt", self.url], env=dict(os.environ, PGAPPNAME="forgotten"), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write("BEGIN; SELECT txid_current();\nSELECT pg_backend_pid();\n")
        self.psql.stdin.flush()
        self.psql.stdout.readline()
        self.pid = int(self.psql.stdout.readline())
        return self

    def __exit__(self, *_):
        self.psql.communicate("COMMIT;\n")

    def expect_shown(self, serving):
        """Once it is old enough to be worth a line. By then everything above has gone on beside it."""
        def oldest():
            return serving.status()["database"]["oldest_transaction"]

        serving.until(lambda: oldest()["seconds"] >= 10, "the open transaction is 10 s old", 20)
        asked = json.loads(serving.get("/api/status"))["database"]["oldest_transaction"]
        for shown in (oldest(), asked):
            check((shown["pid"], shown["application"]) == (self.pid, "forgotten"), f"the oldest transaction: {shown}")
            check(10 <= shown["seconds"] < 600, f"its age: {shown}")
        lines = [line for line in millrace(self.url, "status").splitlines() if "forgotten" in line]
        check(len(lines) == 1 and str(self.pid) in lines[0], f"status says: {lines}")


def fill():
    """A second table with nothing to embed, long enough that a copy can be killed."""
    import sqlite3
    with sqlite3.connect(FILE) as connection:
        connection.execute(
            "CREATE TABLE padding(id INTEGER PRIMARY KEY, note TEXT, vector BLOB, embedding_status TEXT DEFAULT 'skipped')")
        connection.execute("""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
            INSERT INTO padding(note) SELECT '' FROM n""")


def kill_in_the_middle(origin, target):
    """Starts a copy and kills it once it has begun to write; what it leaves is not taken for an installation."""
    copy = subprocess.Popen(
        [BINARY, "db", "copy", "--from", origin, "--to", target], env=dict(os.environ, LC_ALL="C"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while copy.poll() is None and time.monotonic() < deadline:
        marks = subprocess.run(
            ["psql", "-XqAt", target, "-c", "SELECT count(*) FROM millrace.meta WHERE name = 'copy'"],
            capture_output=True, text=True).stdout.strip()
        if marks == "1":
            break
        time.sleep(0.01)
    check(copy.poll() is None, "the copy was over before it could be killed")
    copy.kill()
    copy.wait()
    for command in (["status"], ["serve", "--port", str(free_port())], ["jobs", "list"]):
        words = millrace(target, *command, code=78)
        check("not finished" in words and "millrace db copy" in words, f"{command} says: {words}")
    words = millrace(target, "db", "check", code=1)
    check("fail  copy:" in words, f"db check says: {words}")


def main():
    url = os.environ.get("MILLRACE_TEST_POSTGRES")
    own = None if url else subprocess.run([SCRIPT, "start"], capture_output=True, text=True, check=True).stdout.strip()
    name = f"moving_{os.getpid()}"
    try:
        admin = url or own
        subprocess.run(["psql", "-Xq", admin, "-c", f"CREATE DATABASE {name}"], check=True)
        move(f"sqlite://{FILE}", f"{admin.rsplit('/', 1)[0]}/{name}")
    finally:
        if own:
            subprocess.run([SCRIPT, "stop", own])
        else:
            subprocess.run(["psql", "-Xq", url, "-c", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"])


def move(origin, target):
    millrace(origin, "sample", "parts")
    fill()
    with Serving(origin, workers=1) as serving:
        millrace(origin, "source", "add", "--table", "padding", "--key", "id", "--text", "note", "--into", "vector")
        serving.settle()
        before, counts = serving.answers(), [source["counts"] for source in serving.status()["sources"]]
        words = millrace(origin, "db", "copy", "--to", target, code=75)
        check("stop every millrace serve and worker" in words, f"a living origin: {words}")
    check(all(len(found) == 20 for found in before), "the old server found too little")

    kill_in_the_middle(origin, target)
    started = time.monotonic()
    report = json.loads(millrace(origin, "db", "copy", "--to", target, "--json"))["report"]
    seconds = time.monotonic() - started
    rows = sum(table["rows"] for table in report["tables"])
    print(f"moving: {rows} rows, {report['values']} values compared, {seconds:.1f} s")
    millrace(origin, "db", "copy", "--to", target, "--verify-only")
    check("ok    schema:" in millrace(target, "db", "check"), "db check finds a fault on the target")

    with Forgotten(target) as forgotten, Serving(target, workers=1) as serving:
        time.sleep(3)
        status = serving.status()
        check([source["counts"] for source in status["sources"]] == counts, f"other counts: {status['sources']}")
        settled = sum(worker["succeeded"] + worker["failed"] + worker["skipped"] for worker in status["workers"])
        check(settled == 0 and not any(status["jobs"].values()), f"something was embedded again: {status}")
        check(serving.answers() == before, "the new server answers otherwise")
        # And it goes on.
        subprocess.run(
            ["psql", "-Xq", target, "-c", "UPDATE parts_master_features SET feature_text = 'brass door hinge' WHERE id = 1"],
            check=True)
        serving.until(lambda: serving.status()["workers"] and sum(
            worker["succeeded"] for worker in serving.status()["workers"]) == 1, "the edited row embedded")
        hits = serving.search("door hinge made of brass")
        check(hits and hits[0]["key"] == "1", f"the edited row is not found first: {hits}")
        forgotten.expect_shown(serving)

    words = millrace(origin, "db", "copy", "--to", target, code=64)
    check("has sources already" in words, f"a second copy says: {words}")


main()
