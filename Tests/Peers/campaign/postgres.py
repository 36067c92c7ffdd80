"""The user's database on a PostgreSQL server of the campaign's own, which it may kill. Commits wait for the disk."""

import os
import random
import subprocess
import time
from pathlib import Path

import psycopg

from .audit import Audit
from .plan import STATUS
from .postgres_plan import FORGETFUL, PostgresPlan
from .waits import ServerLog, WaitWatch

SCRIPT = Path(__file__).resolve().parents[3] / "Scripts/test-postgres"
#: How long a user's statement may wait for Millrace, in ms.
WAIT_LIMIT = 100
#: A server that was killed is back by then.
AWAY_SECONDS = 60
SETTINGS = [
    "fsync=on", "full_page_writes=on", "synchronous_commit=on", "max_wal_size=4GB",
    "log_lock_waits=on", "log_connections=on", "logging_collector=on", "log_destination=jsonlog", "log_directory=log",
    "log_file_mode=0644", "log_min_messages=warning", "log_min_error_statement=error", "log_rotation_size=0",
]


def server(command, *arguments):
    """Scripts/test-postgres. - Returns: what it printed."""
    done = subprocess.run([str(SCRIPT), command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{SCRIPT.name} {command} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def psql(url, sql):
    """One statement, or several, by the program that people use. - Returns: what it printed."""
    done = subprocess.run(
        ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", url, "-c", sql], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{sql}: {done.stderr.strip()}")
    return done.stdout.strip()


class Session:
    """A connection that takes `?` for parameters and COPY with its rows for values, each statement a transaction of its
    own unless one is begun.

    A `patient` one connects anew where the server went away, and asks again: only for looking, a statement at a time.
    """

    def __init__(self, url, name, is_patient=False):
        self.url = url
        self.name = name
        self.is_patient = is_patient
        self.connection = self._connect()

    def _connect(self):
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return psycopg.connect(self.url, autocommit=True, application_name=self.name)
            except psycopg.OperationalError:
                # The server is being killed and started.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def execute(self, sql, values=()):
        while True:
            try:
                return self._execute(sql, values)
            except psycopg.OperationalError as error:
                if not self.is_patient or not Postgres.is_away(error):
                    raise
                self.reconnect()

    def _execute(self, sql, values):
        if sql.startswith("COPY"):
            cursor = self.connection.cursor()
            with cursor.copy(sql) as copy:
                for row in values:
                    copy.write_row(row)
            return cursor
        return self.connection.execute(sql.replace("%", "%%").replace("?", "%s"), values or None)

    def reconnect(self):
        self.connection.close()
        self.connection = self._connect()

    @property
    def in_transaction(self):
        return self.connection.info.transaction_status in (
            psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR)

    def close(self):
        self.connection.close()


class Postgres:
    name = "postgres"
    Error = psycopg.Error

    #: In ms; the server logs every longer wait, with who holds the lock.
    wait_limit = WAIT_LIMIT

    def __init__(self, home):
        self.url = server("start", *SETTINGS, f"deadlock_timeout={self.wait_limit}ms")
        self.folder = server("folder", self.url)
        self.worker_prefix = own_network()
        #: When it was killed, and when it was back.
        self.absences = []

    def open(self):
        session = self.connect("campaign")
        session.execute("CREATE EXTENSION amcheck")
        session.close()

    def close(self, keeps):
        """- Returns: where the server's files are kept, with its log in data/log; None where they are removed."""
        if not keeps:
            server("stop", self.url)
            return None
        server("run", "pg_ctl", f"--pgdata={self.folder}", "--mode=fast", "--wait", "stop")
        return os.path.dirname(self.folder)

    @staticmethod
    def plan(seed, size):
        return PostgresPlan(seed, size.rows, size.seconds, size.faults, size.is_partitioned, size.forgets)

    def watches(self):
        return [Audit(self), WaitWatch(self, self.wait_limit), ServerLog(self.folder, self.wait_limit)]

    def described(self, size):
        """What a report says of the round besides."""
        table = "a partitioned table" if size.is_partitioned else "a table without partitions"
        return f", {table}, workers {'without a network' if self.worker_prefix else 'as processes only: unshare is not allowed'}"

    # The server's death and its return

    def kill(self):
        """Every process of the server ends at once; the next start recovers from the log."""
        self.absences.append([time.monotonic(), None])
        server("run", "pg_ctl", f"--pgdata={self.folder}", "--mode=immediate", "--wait", "stop")

    def start(self):
        server("run", "pg_ctl", f"--pgdata={self.folder}", f"--log={os.path.dirname(self.folder)}/server.log", "--wait",
               "--timeout=60", "start")
        self.absences[-1][1] = time.monotonic()

    def was_away(self, since, until):
        return any(killed < until and (back is None or since < back) for killed, back in self.absences)

    # Connections

    def connect(self, name="user"):
        return Session(self.url, name)

    def patient(self, name="campaign"):
        return Session(self.url, name, is_patient=True)

    @staticmethod
    def insert(session, table, rows):
        session.execute(f"COPY {table}(id, code, body) FROM STDIN", rows)

    @staticmethod
    def begin(session, reads):
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ" if reads else "BEGIN")

    @staticmethod
    def is_away(error):
        """Whether the connection was cut or the server killed, by the campaign itself."""
        return isinstance(error, psycopg.OperationalError) and (
            error.sqlstate is None or error.sqlstate.startswith(("08", "57P")))

    @staticmethod
    def is_own_doing(error):
        """Taken keys, missing partitions, deadlocks (judged from the server's log), a row that went to another partition
        while it was waited for, and what a rebuild takes away."""
        if isinstance(error, (psycopg.errors.IntegrityError, psycopg.errors.DeadlockDetected,
                              psycopg.errors.SerializationFailure)):
            return True
        if isinstance(error, psycopg.errors.UndefinedColumn):
            return STATUS in str(error)
        return isinstance(error, psycopg.errors.UndefinedTable) or "could not open relation" in str(error)

    @staticmethod
    def probe(session):
        session.execute("SELECT 1")

    def cut(self, session, chance):
        """Ends the connections of one program, Millrace's or a user's; what is forgotten stays.

        - Returns: what was cut, for the log.
        """
        rows = session.execute(
            """
            SELECT application_name, array_agg(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND (application_name LIKE 'millrace%' OR application_name LIKE 'user%')
                AND application_name <> ?
            GROUP BY 1 ORDER BY 1
            """, (f"user {FORGETFUL}",)).fetchall()
        if not rows:
            return "nobody"
        # Millrace's programs as often as the users', of whom there are more.
        own = random.Random(chance).random() < 0.5
        rows = [row for row in rows if row[0].startswith("millrace") == own] or rows
        name, pids = rows[chance % len(rows)]
        session.execute("SELECT count(pg_terminate_backend(pid)) FROM unnest(?::int[]) AS pid", (pids,))
        return f"{len(pids)} connections of {name}"

    # Catalogue

    @staticmethod
    def table(name):
        """One of Millrace's own."""
        return f"millrace.{name}"

    @staticmethod
    def has_column(session, table, column):
        return session.execute(
            "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(?) AND attname = ? AND NOT attisdropped",
            (table, column)).fetchone() is not None

    @staticmethod
    def missing_triggers(session, table):
        """Two row triggers are on each partition by the server's own doing, three statement triggers by Millrace's."""
        rows = session.execute(
            """
            SELECT c.oid::regclass::text, c.oid = to_regclass(?), array_agg(g.tgname::text)
            FROM pg_class AS c LEFT JOIN pg_trigger AS g ON g.tgrelid = c.oid AND g.tgname LIKE 'trg_auto_embedding%'
            WHERE c.oid = to_regclass(?) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass(?)))
            GROUP BY c.oid
            """, (table, table, table)).fetchall()
        complaints = []
        for name, is_table, triggers in rows:
            wanted = 6 if is_table else 5
            if len(set(triggers) - {None}) < wanted:
                complaints.append(f"table {name} has the triggers {triggers}, not {wanted} or more")
        return complaints

    @staticmethod
    def leftovers(session):
        """What was done a while ago has been put in order."""
        deadline = time.monotonic() + 10
        while count := session.execute("SELECT count(*) FROM millrace.feed_in").fetchone()[0]:
            if time.monotonic() > deadline:
                return [f"{count} entries of the feed are not in order"]
            time.sleep(0.1)
        return []

    @staticmethod
    def damage(session):
        """Every index against its table."""
        complaints = []
        for (index,) in session.execute(
                """
                SELECT i.indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                    JOIN pg_am AS a ON a.oid = c.relam
                WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace::regnamespace::text IN ('public', 'millrace')
                """).fetchall():
            try:
                session.execute("SELECT bt_index_check(?::regclass, true)", (index,))
            except psycopg.Error as error:
                complaints.append(f"index {index}: {error}")
        return complaints


def own_network():
    """How to start a worker without any network but the server's socket; empty where that is not allowed."""
    allowed = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    return ["unshare", "--net"] if allowed else []
