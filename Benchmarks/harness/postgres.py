"""A PostgreSQL server of the benchmark's own, whose commits wait for the disk, and SQLite beside it under one interface."""

import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from harness.millrace import Failure
from harness.report import ROOT

SCRIPT = ROOT / "Scripts/test-postgres"
SETTINGS = [
    "fsync=on", "full_page_writes=on", "synchronous_commit=on", "shared_buffers=512MB", "max_wal_size=8GB",
    "checkpoint_timeout=30min"]


def server(command, *arguments):
    """Scripts/test-postgres. - Returns: what it printed."""
    done = subprocess.run([str(SCRIPT), command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{SCRIPT.name} {command}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


class Postgres:
    """The server, for as long as the `with` lasts; each `create` is a database of its own."""

    name = "postgres"

    def __init__(self, settings=()):
        self.settings = settings
        self.count = 0

    def __enter__(self):
        self.url = server("start", *SETTINGS, *self.settings)
        return self

    def __exit__(self, *_):
        server("stop", self.url)

    def create(self):
        """- Returns: the URL of an empty database."""
        self.count += 1
        with self.connect(self.url) as connection:
            connection.execute(f"CREATE DATABASE bench{self.count}")
        return f"{self.url.rpartition('/')[0]}/bench{self.count}"

    @staticmethod
    def connect(url):
        import psycopg

        return psycopg.connect(url, autocommit=True)

    def settle(self, url):
        """What the server would do by itself within minutes of a bulk load, so that it does not do it in between."""
        with self.connect(url) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")

    @staticmethod
    def program(name):
        """The path of one of PostgreSQL's programs that may run as anybody."""
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")) or [shutil.which(name)]
        if found[-1] is None:
            raise Failure(f"there is no {name}: Scripts/setup bench installs it")
        return str(found[-1])


class ClosingConnection(sqlite3.Connection):
    """Closed by the end of its `with`, as psycopg's: a file that others have open is not an idle one."""

    def __exit__(self, *reason):
        super().__exit__(*reason)
        self.close()


class SQLite:
    """Files in a folder that goes with the `with`."""

    name = "sqlite"

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="millrace-bench-"))
        self.count = 0
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self):
        self.count += 1
        return f"sqlite://{self.folder}/bench{self.count}.db"

    @staticmethod
    def connect(url):
        return sqlite3.connect(url.removeprefix("sqlite://"), timeout=30, isolation_level=None, factory=ClosingConnection)

    def settle(self, url):
        connection = self.connect(url)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()
