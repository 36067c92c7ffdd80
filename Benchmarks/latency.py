"""How soon a row that another program commits is claimed on an idle system, and how soon it can be found over HTTP.

    python Benchmarks/latency.py [--commits N]
"""

import argparse
import sys
import time

from harness.millrace import Client, Failure, Millrace
from harness.report import Ratios, begin, quantile

SEARCHED = 60


def until(condition, what, seconds=10, pause=0.0003):
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            raise Failure(f"after {seconds} s still not {what}")
        time.sleep(pause)
    return time.perf_counter()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--commits", type=int, default=300)
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    with Millrace() as millrace:
        writer = millrace.connect()
        writer.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL, embedding BLOB)")
        millrace.run("source", "add", "--table", "note", "--key", "id", "--text", "body", "--into", "embedding")
        server = millrace.serve(workers=1)
        reader = millrace.connect()

        def status(row):
            return reader.execute("SELECT embedding_status FROM note WHERE id = ?", (row,)).fetchone()[0]

        def commit(row):
            writer.execute("INSERT INTO note(id, body) VALUES (?, ?)", (row, f"note {row} about {random.random()}"))
            return time.perf_counter()

        commit(1)
        until(lambda: status(1) == "completed", "embedded the first row", seconds=60)
        claims = []
        for row in range(2, options.commits + 2):
            # At no fixed place between two looks of the worker.
            time.sleep(random.uniform(0.03, 0.09))
            committed = commit(row)
            claims.append(until(lambda: status(row) != "pending", f"claimed row {row}") - committed)
            until(lambda: status(row) == "completed", f"embedded row {row}", pause=0.002)
        client = Client(millrace.port)
        found = []
        for row in range(options.commits + 2, options.commits + 2 + min(SEARCHED, options.commits)):
            time.sleep(random.uniform(0.03, 0.09))
            committed = commit(row)

            def is_found(row=row):
                code, body = client.ask("POST", "/api/search", {"item": str(row), "k": 1})
                if code not in (200, 404):
                    raise Failure(f"/api/search answered {code}: {body}")
                return code == 200

            found.append(until(is_found, f"found row {row}", pause=0.001) - committed)
        millrace.end(server)
        reader.close()
        writer.close()

    def show(what, times):
        print(f"{what}, {len(times)} commits: p50 {1000 * quantile(times, 0.5):.1f} ms, "
              f"p99 {1000 * quantile(times, 0.99):.1f} ms, worst {1000 * max(times):.1f} ms")

    show("commit → claim", claims)
    show("commit → found over HTTP", found)
    ratios.at_most("commit_to_claim_p50_ms", 1000 * quantile(claims, 0.5), 20)
    ratios.at_most("commit_to_claim_p99_ms", 1000 * quantile(claims, 0.99), 100)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"latency: {failure}")
