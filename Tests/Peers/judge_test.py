#!/usr/bin/env python3
"""What judges the campaign on PostgreSQL must be able to find something: each fault is planted once, and nothing else.

A program that bears Millrace's name makes a user wait for a row, stands before one in a table's queue, and makes one the
victim of a deadlock; another settles a job that is no longer its own, and writes a vector without settling.
"""

import sys
import tempfile
import threading
import time

import psycopg

from campaign.audit import Audit
from campaign.postgres import WAIT_LIMIT, Postgres
from campaign.waits import ServerLog, WaitWatch

LONG_SECONDS = 10 * WAIT_LIMIT / 1000
# As much of Millrace's tables as the judges look at.
TABLES = """
CREATE SCHEMA millrace;
CREATE TABLE millrace.job(id bigint, key text, state text, fence bigint);
CREATE TABLE millrace.embedding(key text, vector bytea);
INSERT INTO millrace.job SELECT n, n::text, 'available', NULL FROM generate_series(1, 4) AS n;
CREATE TABLE note(id int PRIMARY KEY, body text);
INSERT INTO note SELECT n, 'a' FROM generate_series(1, 9) AS n;
"""


class Firing:
    """No worker was stopped."""

    stops = []


def aside(body, *arguments):
    thread = threading.Thread(target=body, args=arguments)
    thread.start()
    return thread


def write(session, row):
    session.execute("UPDATE note SET body = 'b' WHERE id = ?", (row,))


def hold_a_row(own, user):
    own.execute("BEGIN")
    write(own, 1)
    waiting = aside(write, user, 1)
    time.sleep(LONG_SECONDS)
    own.execute("COMMIT")
    waiting.join()


def stand_before(own, user, reader):
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM note")
    changing = aside(own.execute, "ALTER TABLE note ADD COLUMN more int")
    time.sleep(LONG_SECONDS / 4)
    reading = aside(user.execute, "SELECT count(*) FROM note")
    time.sleep(LONG_SECONDS)
    reader.execute("COMMIT")
    changing.join()
    reading.join()


def meet(first, second, rows):
    """A deadlock, whose victim is `first`: it closes the ring, and the other one does not look for rings so soon."""
    for session, row in ((first, rows[0]), (second, rows[1])):
        session.execute("BEGIN")
        write(session, row)
    second.execute("SET LOCAL deadlock_timeout = '1min'")
    waiting = aside(write, second, rows[0])
    time.sleep(WAIT_LIMIT / 1000)
    try:
        write(first, rows[1])
    except psycopg.errors.DeadlockDetected:
        pass
    first.execute("ROLLBACK")
    waiting.join()
    second.execute("COMMIT")


def settle(database):
    """One job as it must be, one by a worker from which it had been taken, and a vector on its own."""
    right, wrong = database.connect("millrace worker0"), database.connect("millrace worker1")
    server = database.connect("millrace server")

    def claim(session, job, fence):
        session.execute("UPDATE millrace.job SET state = 'running', fence = ? WHERE id = ?", (fence, job))

    claim(right, 1, 11)
    right.execute("BEGIN")
    right.execute("INSERT INTO millrace.embedding VALUES ('1', '')")
    right.execute("DELETE FROM millrace.job WHERE id = 1")
    right.execute("COMMIT")
    claim(wrong, 2, 12)
    server.execute("UPDATE millrace.job SET state = 'available' WHERE id = 2")
    claim(right, 2, 13)
    wrong.execute("DELETE FROM millrace.job WHERE id = 2")
    wrong.execute("INSERT INTO millrace.embedding VALUES ('3', '')")
    # A user who deletes the row takes the job along.
    claim(right, 4, 14)
    user = database.connect("user writer")
    user.execute("DELETE FROM millrace.job WHERE id = 4")
    for session in (right, wrong, server, user):
        session.close()


def plant(database):
    """- Returns: each judge's name, the number of complaints that it must have, and those that it has."""
    own, user, reader = (database.connect(name) for name in ("millrace worker0", "user first", "user second"))
    own.execute(TABLES)
    audit, watch, log = Audit(database), WaitWatch(database, WAIT_LIMIT), ServerLog(database.folder, WAIT_LIMIT)
    for judge in (audit, watch, log):
        judge.start()
    settle(database)
    hold_a_row(own, user)
    stand_before(own, user, reader)
    meet(user, own, (2, 3))
    meet(user, reader, (4, 5))
    found = [("audit", 2, audit.end(Firing)), ("watch", 2, watch.end(Firing)), ("log", 2, log.end(Firing))]
    found.append(("deadlocks among users", 1, ["seen"] * log.user_deadlocks))
    for session in (own, user, reader):
        session.close()
    return found


def main():
    with tempfile.TemporaryDirectory(prefix="millrace-judge-") as home:
        database = Postgres(home)
        try:
            found = plant(database)
        finally:
            database.close(False)
    is_right = True
    for name, wanted, complaints in found:
        is_right &= len(complaints) == wanted
        print(f"{name}: {len(complaints)} found of {wanted} planted")
        for complaint in complaints:
            print(f"    {complaint}")
    if not is_right:
        print("judge_test: FAILED: what was planted and what was found differ")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
