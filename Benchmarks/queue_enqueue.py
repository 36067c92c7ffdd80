"""How fast rows can be inserted in bulk into a table that is watched: the triggers enter a job for each.

    python Benchmarks/queue_enqueue.py [--rows N] [--rounds N]

Statements of 1,000 rows, each committed, and one COPY on PostgreSQL; beside them the same into a table that nobody watches.
"""

import argparse
import sys
import time

from harness.millrace import Failure, Millrace
from harness.postgres import Postgres, SQLite
from harness.report import Ratios, begin, median

STATEMENT_ROWS = 1000
GOAL = 20_000
CREATE = "CREATE TABLE {}(id bigint PRIMARY KEY, body text NOT NULL, embedding text, embedding_status text NOT NULL DEFAULT 'pending')"
SERIES = {
    "postgres": "INSERT INTO {}(id, body) SELECT n, 'a bolt of stainless steel, number ' || n FROM generate_series({}, {}) AS n",
    "sqlite": """
        WITH RECURSIVE series(n) AS (SELECT {1} UNION ALL SELECT n + 1 FROM series WHERE n < {2})
        INSERT INTO {0}(id, body) SELECT n, 'a bolt of stainless steel, number ' || n FROM series""",
}


def insert(connection, database, table, first, count):
    """Rows per second."""
    began = time.perf_counter()
    for start in range(first, first + count, STATEMENT_ROWS):
        connection.execute(SERIES[database.name].format(table, start, start + STATEMENT_ROWS - 1))
    return count / (time.perf_counter() - began)


def copy(connection, database, table, first, count):
    rows = [(key, f"a bolt of stainless steel, number {key}") for key in range(first, first + count)]
    began = time.perf_counter()
    with connection.cursor().copy(f"COPY {table}(id, body) FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)
    return count / (time.perf_counter() - began)


def measure(database, options, random, ratios):
    url = database.create()
    with Millrace(url=url) as millrace:
        connection = database.connect(url)
        if database.name == "sqlite":
            connection.execute("PRAGMA journal_mode = WAL")
        jobs = "millrace.job" if database.name == "postgres" else "millrace_job"
        for table in ("plain", "watched"):
            connection.execute(CREATE.format(table))
        millrace.run("source", "add", "--table", "watched", "--key", "id", "--text", "body", "--into", "embedding")
        connection.execute("CREATE INDEX idx_plain ON plain(embedding_status)")
        kinds = [("statements of 1,000", "insert", insert)]
        kinds += [("one COPY", "copy", copy)] if database.name == "postgres" else []
        for words, name, deed in kinds:
            rates = {"plain": [], "watched": []}
            for _ in range(options.rounds):
                for table in random.sample(list(rates), 2):
                    first = connection.execute(f"SELECT COALESCE(MAX(id), 0) + 1 FROM {table}").fetchone()[0]
                    rates[table].append(deed(connection, database, table, first, options.rows))
            queued, there = (
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (jobs, "watched"))
            if queued != there:
                raise Failure(f"the triggers on {database.name} saw {queued} of {there} rows")
            print(f"{database.name}, {words}: {median(rates['watched']):,.0f} rows/s with triggers, "
                  f"{median(rates['plain']):,.0f} without", flush=True)
            ratios.at_least(f"enqueue_rows_per_s_{name}_{database.name}", median(rates["watched"]), GOAL)
        connection.close()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    for kind in (Postgres, SQLite):
        with kind() as database:
            measure(database, options, random, ratios)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"queue_enqueue: {failure}")
