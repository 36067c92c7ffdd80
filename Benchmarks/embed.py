"""Rows committed → vectors searchable, end to end, beside the bare runtime on the same texts; and what memory it takes.

    python Benchmarks/embed.py [--rows N] [--long-rows N] [--again N] [--no-peers]
"""

import argparse
import sys
import time

from harness import peers
from harness.bare_runtime import BareRuntime
from harness.memory import Watch, cpu_seconds
from harness.millrace import MODEL, Failure, Millrace
from harness.report import Ratios, begin, machine, quantile

BATCHES = (8, 16, 32, 64, 128)
SWEPT = 6000
PEER_SAMPLE = 2000
LONG_TOKENS = 128
# The worker stands back for other programs by default; here both sides stand alike, else it is priorities that compare.
NICE = 0


def package_texts(millrace):
    with millrace.connect() as connection:
        rows = connection.execute("SELECT name, description FROM debian_packages ORDER BY name").fetchall()
    return [f"{name}: {description}" for name, description in rows]


def long_texts(texts, lengths, count, random):
    """Descriptions joined until a text has about LONG_TOKENS tokens."""
    joined = []
    for _ in range(count):
        parts, tokens = [], 2
        while tokens < LONG_TOKENS - 8:
            place = random.randrange(len(texts))
            parts.append(texts[place])
            tokens += lengths[place] - 2
        joined.append("; ".join(parts))
    return joined


def best_batch(bare, texts):
    """The sweep, printed; answers the best batch and the tokens of the sample."""
    print(f"bare runtime: {bare.description}, length-sorted, tokenization included; {len(texts)} texts:")
    rates = {}
    for batch in BATCHES:
        measured = bare.measure(texts, batch)
        rates[batch] = len(texts) / measured["seconds"]
        print(f"    batch {batch:3}: {rates[batch]:6.0f} texts/s, {1000 * measured['cpu_seconds'] / len(texts):.3f} ms CPU each")
    return max(rates, key=rates.get)


def describe_tokens(what, lengths):
    print(f"{what}: {len(lengths)} texts, tokens mean {sum(lengths) / len(lengths):.1f}, p95 {quantile(lengths, 0.95)}, "
          f"most {max(lengths)}")


class Pass:
    """Everything from a moment on until every row of a table is in the index."""

    def __init__(self, millrace, server):
        self.millrace = millrace
        self.server = server
        self.index_bytes = 0
        self.watch = None

    def look(self):
        status = self.millrace.status()
        self.index_bytes = sum(index["bytes"] for index in status["index"])
        return status

    def worker_pid(self):
        pids = [worker["pid"] for worker in self.look()["workers"] if worker["state"] in ("idle", "running")]
        return pids[0] if pids else None

    def wait_for_worker(self):
        """Answers the worker's pid and the last moment at which it was not ready yet."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            before = time.monotonic()
            pid = self.worker_pid()
            if pid is not None:
                return pid, before
            if self.server.poll() is not None:
                raise Failure(f"the server ended: {self.millrace.tail()}")
            time.sleep(0.02)
        raise Failure(f"no worker became ready in 120 s: {self.millrace.tail()}")

    def run(self, pid, began, collection, is_there):
        """Waits until all of `collection` is done. Answers seconds, CPU seconds of server and worker, rows."""
        cpu = cpu_seconds(self.server.pid) + cpu_seconds(pid)
        with Watch({"server": self.server.pid, "worker": pid}, also=lambda: self.index_bytes) as self.watch:
            while True:
                status = self.look()
                now = time.monotonic()
                source = next(source for source in status["sources"] if source["collection"] == collection)
                index = next((index for index in status["index"] if index["collection"] == collection), {"vectors": 0})
                counts = source["counts"]
                waiting = counts["pending"] + counts["processing"]
                if waiting == 0 and index["vectors"] == counts["completed"] and is_there(status):
                    break
                if self.server.poll() is not None:
                    raise Failure(f"the server ended: {self.millrace.tail()}")
                time.sleep(1.0 if waiting > 3000 else 0.1)
        cpu = cpu_seconds(self.server.pid) + cpu_seconds(pid) - cpu
        if counts["failed"]:
            raise Failure(f"{counts['failed']} rows of {collection} failed: {self.millrace.tail()}")
        return now - began, cpu, counts["completed"]


def compare(ratios, name, what, lengths, before, seconds, cpu, after):
    """Prints Millrace between two runs of the bare runtime, and the ratio to the mean of the two."""
    rows = len(lengths)
    for place, bare in (("before", before), ("after", after)):
        print(f"    bare {place}: {rows / bare['seconds']:.0f} texts/s, {1000 * bare['cpu_seconds'] / rows:.3f} ms CPU each")
    print(f"    millrace: {rows} {what} in {seconds:.1f} s: {rows / seconds:.0f} texts/s, {1000 * cpu / rows:.3f} ms CPU each")
    bare_seconds = (before["seconds"] + after["seconds"]) / 2
    bare_cpu = (before["cpu_seconds"] + after["cpu_seconds"]) / 2
    best = min(before["seconds"], after["seconds"])
    print(f"    against the faster of the two: {best / seconds:.3f}; by CPU time: {bare_cpu / cpu:.3f}")
    ratios.at_least(name, bare_seconds / seconds, 0.8)
    ratios.at_least(name + "_cpu", bare_cpu / cpu, 0.8)


def memory(ratios, watch, index_bytes):
    vector_bytes = index_bytes
    server, worker = watch.peak("server") / 1e6, watch.peak("worker") / 1e6
    limit = 150 + 1.2 * vector_bytes / 1e6
    print(f"memory, {len(watch.samples)} samples: server at most {server:.0f} MB ({vector_bytes / 1e6:.0f} MB are vectors), "
          f"worker at most {worker:.0f} MB")
    ratios.at_most("server_rss_mb", server, limit)
    ratios.at_most("worker_rss_mb", worker, 600)


def growth(ratios, name, watch, which, less_index=False):
    quarter, end = watch.quarter_and_end(which, less_also=less_index)
    print(f"    {which}{', less its index' if less_index else ''}: {quarter / 1e6:.1f} MB after a quarter, {end / 1e6:.1f} MB at the end")
    ratios.at_most(name, end / quarter, 1.05)


def change_texts(millrace, count):
    """Another program changes the first rows, 500 in a transaction. Answers the moment of the first commit."""
    connection = millrace.connect()
    names = [row[0] for row in connection.execute("SELECT name FROM debian_packages ORDER BY name LIMIT ?", (count,))]
    began = time.monotonic()
    for start in range(0, len(names), 500):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "UPDATE debian_packages SET description = description || ' again' WHERE name = ?",
            [(name,) for name in names[start:start + 500]])
        connection.execute("COMMIT")
    connection.close()
    return began, len(names)


def attach_long(millrace, texts):
    connection = millrace.connect()
    connection.execute("CREATE TABLE long_texts(id INTEGER PRIMARY KEY, body TEXT NOT NULL, embedding BLOB)")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO long_texts(body) VALUES (?)", [(text,) for text in texts])
    connection.execute("COMMIT")
    connection.close()
    millrace.run("source", "add", "--table", "long_texts", "--key", "id", "--text", "body", "--into", "embedding")


def end_to_end(millrace, collection):
    """Starts server and worker on rows that wait, and waits for the last one. Answers the finished pass and its figures."""
    started = time.monotonic()
    server = millrace.serve(workers=1)
    run = Pass(millrace, server)
    pid, began = run.wait_for_worker()
    print(f"    start-up, until the worker has its model: {began - started:.1f} s")
    return (run, pid, server, *run.run(pid, began, collection, lambda status: True))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, help="packages at most; all by default")
    options.add_argument("--long-rows", type=int, default=6000)
    options.add_argument("--again", type=int, default=20000, help="rows changed and embedded again, for the growth of memory")
    options.add_argument("--no-peers", action="store_true")
    options.add_argument("--seed", type=int, default=63)
    options.add_argument("--keep", action="store_true", help="leave the data folder and its logs")
    options = options.parse_args()
    random = begin(options.seed)
    ratios = Ratios()
    with Millrace(keep=options.keep) as millrace:
        if options.keep:
            print("data folder:", millrace.home)
        millrace.environment["MILLRACE_NICE"] = str(NICE)
        models = millrace.models / MODEL
        bare = BareRuntime(models, NICE)
        millrace.run("sample", "packages", *(["--limit", options.rows] if options.rows else []))
        texts = package_texts(millrace)
        sample = random.sample(texts, min(SWEPT, len(texts)))
        batch = best_batch(bare, sample)

        machine()
        before = bare.measure(texts, batch)
        lengths = before["lengths"]
        describe_tokens("package descriptions", lengths)
        run, pid, server, seconds, cpu, rows = end_to_end(millrace, "debian_packages")
        first, index_bytes = run.watch, rows * 384 * 4
        if rows != len(texts):
            raise Failure(f"{rows} of {len(texts)} rows were completed: {millrace.tail()}")
        again = min(options.again, rows)
        second = None
        if again:
            done = sum(worker["succeeded"] for worker in run.look()["workers"])
            moment, changed = change_texts(millrace, again)
            spent, _, _ = run.run(
                pid, moment, "debian_packages",
                lambda status: sum(worker["succeeded"] for worker in status["workers"]) >= done + changed)
            second = run.watch
        millrace.end(server)
        after = bare.measure(texts, batch)
        compare(ratios, "embed_rate", "packages", lengths, before, seconds, cpu, after)
        memory(ratios, first, index_bytes)
        growth(ratios, "rss_growth_worker", first, "worker")
        growth(ratios, "rss_growth_server", first, "server", less_index=True)
        if second:
            print(f"    {again} texts changed by another program, 500 in a transaction: all searchable anew after {spent:.1f} s, "
                  f"{again / spent:.0f} texts/s")
            growth(ratios, "rss_growth_worker_again", second, "worker")
            growth(ratios, "rss_growth_server_again", second, "server")

        if options.long_rows:
            longs = long_texts(texts, lengths, options.long_rows, random)
            long_batch = best_batch(bare, longs[:min(1000, len(longs))])
            before = bare.measure(longs, long_batch)
            describe_tokens("joined descriptions", before["lengths"])
            attach_long(millrace, longs)
            _, _, server, seconds, cpu, _ = end_to_end(millrace, "long_texts")
            millrace.end(server)
            after = bare.measure(longs, long_batch)
            compare(ratios, "embed_rate_long", "joined texts", before["lengths"], before, seconds, cpu, after)
        bare.close()

        if not options.no_peers:
            few = sample[:PEER_SAMPLE]
            for name in peers.CHOICES:
                theirs, line = peers.measure(name, models, few, NICE)
                print(line, flush=True)
        ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"embed: {failure}")
