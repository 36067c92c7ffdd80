#!/usr/bin/env python3
"""Behind PgBouncer in transaction mode, a connection of the server's for each transaction: a table is attached, a server
with its worker keeps it in step with what psql writes by the same way, and searches find it. Notifications go by the
server's own URL. Needs MILLRACE_BINARY, MILLRACE_DEPS, MILLRACE_MODELS and MILLRACE_HOME (a folder of its own)."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import refusals
from campaign.postgres import SCRIPT, psql, server

HOME = Path(os.environ["MILLRACE_HOME"])
#: The server's connections that the pooler shares out, fewer than Millrace's processes would have.
CONNECTIONS = 3
# What Listener keeps open at the server itself, by what it did last.
NEWS = "query IN ('LISTEN millrace', 'NOTIFY millrace')"


def check(condition, words):
    if not condition:
        sys.exit(f"pooler_test: {words}")


def until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Pooler:
    """PgBouncer before a server, for as long as a `with` lasts. Its files are in the server's folder and go with it."""

    def __init__(self, url):
        folder, port = re.match(r".*@(.*):(\d+)/", url).groups()
        folder = folder.replace("%2F", "/")
        self.port = free_port()
        self.settings = Path(folder) / "pgbouncer.ini"
        self.settings.write_text(f"""
[databases]
* = host={folder} port={port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {CONNECTIONS}
max_client_conn = 100
""")
        self.settings.chmod(0o644)
        self.words = HOME / "pgbouncer.log"

    def __enter__(self):
        with open(self.words, "wb") as log:
            # The script becomes the pooler, which refuses to run as root.
            self.process = subprocess.Popen(
                [str(SCRIPT), "run", "pgbouncer", str(self.settings)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: self.process.poll() is not None or b"process up" in self.words.read_bytes(), "pgbouncer is up", 20)
        check(self.process.poll() is None, f"pgbouncer did not start: {self.words.read_text(errors='replace')}")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"


class Shop:
    """A database with a table, by way of the pooler and directly, and the commands on it."""

    def __init__(self, url, pooler):
        psql(url, "CREATE DATABASE shop")
        self.direct = f"{url.rpartition('/')[0]}/shop"
        self.pooled = pooler.url("shop")
        self.port = free_port()
        self.settings = dict(
            DATABASE_URL=self.pooled, DATABASE_LISTEN_URL=self.direct, DATABASE_PREPARED="off", PORT=str(self.port))

    def write(self, sql):
        """As a user's program does, which is behind the pooler too."""
        return psql(self.pooled, sql)

    def millrace(self, *arguments, **settings):
        answer = refusals.run(*arguments, **(self.settings | settings))
        check(answer.returncode == 0, f"{arguments} ended with {answer.returncode}: {answer.stdout} {answer.stderr}")
        return answer.stdout

    def found(self, text, k=1):
        return [result["key"] for result in json.loads(self.millrace("search", text, "--k", str(k), "--json"))["results"]]

    def is_ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status == 200
        except OSError:
            return False

    def expect_refusal(self):
        """Prepared statements cannot be kept there: who leaves them on is told at the start."""
        for command in (["status"], ["serve", "--workers", "0"], ["worker"]):
            answer = refusals.run(*command, **(self.settings | {"DATABASE_PREPARED": "on"}))
            refusals.expect(f"prepared statements left on, {command[0]}", answer, refusals.CONFIG, "127.0.0.1", "pooler",
                            "DATABASE_PREPARED=off")

    def work(self):
        with open(HOME / "serve.log", "wb") as log:
            serving = subprocess.Popen(
                [refusals.BINARY, "serve", "--workers", "1"], env=dict(os.environ, LC_ALL="C", **self.settings),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: serving.poll() is not None or self.is_ready(), "the server is ready")
            self.change_rows()
            self.expect_connections()
        finally:
            serving.send_signal(signal.SIGTERM)
            status = serving.wait(30)
        said = (HOME / "serve.log").read_text(errors="replace")
        check(status == 0, f"the server ended with {status}: {said[-2000:]}")
        odd = [line for line in said.splitlines() if " error " in line or " warning " in line]
        check(not odd, f"the server's log: {odd}")

    def change_rows(self):
        done = "SELECT count(*) FROM parts WHERE embedding_status = 'completed' AND cardinality(vector) = 384"
        until(lambda: self.write(done) == "3", "three rows embedded")
        self.write("INSERT INTO parts(id, name) VALUES (4, 'electric toothbrush')")
        until(lambda: self.write(done) == "4", "a new row embedded")
        until(lambda: self.found("dental care") == ["4"], "a new row is found")

        vector = "SELECT vector FROM parts WHERE id = 4"
        old = self.write(vector)
        self.write("UPDATE parts SET name = 'snow shovel' WHERE id = 4")
        until(lambda: self.write(done) == "4" and self.write(vector) != old, "an edited row has a new vector")
        until(lambda: self.found("clearing the driveway in winter") == ["4"], "an edited row is found by its new text")

        self.write("DELETE FROM parts WHERE id = 4")
        until(lambda: "4" not in self.found("clearing the driveway in winter", k=10), "a deleted row is found no more")
        until(lambda: self.write("SELECT count(*) FROM millrace.embedding") == "3", "its embedding is gone")

    def expect_connections(self):
        news, others = psql(
            self.direct, f"SELECT count(*) FILTER (WHERE {NEWS}), count(*) FILTER (WHERE NOT {NEWS}) "
            "FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid()").split("|")
        check(news == "2", f"{news} processes of 2 hear news at the server itself")
        check(int(others) <= CONNECTIONS, f"{others} other connections, the pooler has {CONNECTIONS}")
        check(self.write("SELECT count(*) FROM pg_prepared_statements") == "0", "prepared statements were left behind")


def main():
    url = server("start")
    try:
        with Pooler(url) as pooler:
            shop = Shop(url, pooler)
            shop.write("CREATE TABLE parts(id int PRIMARY KEY, name text, vector real[])")
            shop.write("INSERT INTO parts(id, name) VALUES (1, 'hiking boots'), (2, 'espresso machine'), (3, 'garden hose')")
            shop.expect_refusal()
            check(shop.write("SELECT count(*) FROM pg_namespace WHERE nspname = 'millrace'") == "0", "a refused one made tables")
            shop.millrace("source", "add", "--table", "parts", "--key", "id", "--text", "name", "--into", "vector")
            shop.work()
            # Without the server's own URL everything works, only later.
            status = json.loads(shop.millrace("status", "--json", DATABASE_LISTEN_URL=""))
            check(status["sources"][0]["counts"]["completed"] == 3, f"status without DATABASE_LISTEN_URL: {status}")
    finally:
        server("stop", url)
    refusals.end("pooler_test")


if __name__ == "__main__":
    main()
