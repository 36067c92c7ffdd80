"""The user's database as a SQLite file, as a campaign sees it."""

import os
import sqlite3

from .plan import STATUS
from .sqlite_plan import SQLitePlan


class SQLite:
    name = "sqlite"
    #: What connections raise.
    Error = sqlite3.Error
    #: A worker started elsewhere has the same file, so it is on this machine.
    worker_prefix = []

    def __init__(self, home):
        self.file = os.path.join(home, "user.db")
        self.url = f"sqlite://{self.file}"

    def open(self):
        self.connect().execute("PRAGMA journal_mode = WAL")

    @staticmethod
    def close(keeps):
        """The file stays in its folder. - Returns: where it is besides."""
        return None

    @staticmethod
    def plan(seed, size):
        return SQLitePlan(seed, size.rows, size.seconds, size.faults)

    @staticmethod
    def watches():
        """What looks on besides: nothing that the file itself would not tell."""
        return []

    @staticmethod
    def was_away(since, until):
        return False

    @staticmethod
    def described(size):
        return ""

    # Connections

    def connect(self, name="user"):
        """A user's own connection, with the patience that programs are advised to have."""
        connection = sqlite3.connect(self.file, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA legacy_alter_table = ON")
        return connection

    #: A file does not go away.
    patient = connect

    @staticmethod
    def insert(connection, table, rows):
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO {table}(id, code, body) VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")

    @staticmethod
    def begin(connection, reads):
        connection.execute("BEGIN" if reads else "BEGIN IMMEDIATE")

    @staticmethod
    def is_away(error):
        return False

    @staticmethod
    def is_own_doing(error):
        """A key or code that is taken, and a column that a rebuild has forgotten and Millrace not yet brought back."""
        return isinstance(error, sqlite3.IntegrityError) or f"no such column: {STATUS}" in str(error)

    @staticmethod
    def probe(connection):
        """Asks for the write lock: a process that was stopped while it held it keeps everyone waiting."""
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")

    # Catalogue

    @staticmethod
    def table(name):
        """One of Millrace's own."""
        return f"millrace_{name}"

    @staticmethod
    def has_column(connection, table, column):
        return column in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}

    @staticmethod
    def missing_triggers(connection, table):
        count = connection.execute(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", (table,)).fetchone()[0]
        return [] if count == 5 else [f"the table has {count} triggers, not 5"]

    @staticmethod
    def leftovers(connection):
        count = connection.execute("SELECT count(*) FROM millrace_guard").fetchone()[0]
        return [f"{count} rows left in the guard"] if count else []

    @staticmethod
    def damage(connection):
        return [f"integrity_check: {answer}" for (answer,) in connection.execute("PRAGMA integrity_check").fetchall()
                if answer != "ok"]
