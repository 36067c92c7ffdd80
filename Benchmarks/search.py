"""Exact search over HTTP beside NumPy on the same vectors: are the answers equal, and what does the way there cost.

    python Benchmarks/search.py [--rows N] [--queries N]

The kernel alone against NumPy is `bench-index`, a Swift program, which Scripts/bench runs after this one.
"""

import argparse
import sys
import time

import numpy

from harness.millrace import MODEL, Client, Failure, Millrace
from harness.report import Ratios, begin, median, quantile

DIMENSION = 384
K = 10
# Two sums of 384 products in float32 may differ by this much by their order alone.
TIE = 2e-6


def unit(array):
    return (array / numpy.linalg.norm(array, axis=1, keepdims=True)).astype(numpy.float32)


def load(millrace, vectors):
    connection = millrace.connect()
    connection.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, body TEXT NOT NULL, embedding BLOB)")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO item(id, body, embedding) VALUES (?, ?, ?)",
        ((row, f"item {row}", vector.tobytes()) for row, vector in enumerate(vectors)))
    connection.execute("COMMIT")
    connection.close()
    millrace.run(
        "source", "add", "--table", "item", "--key", "id", "--text", "body", "--into", "embedding", "--model", MODEL)


def numpy_search(vectors, query):
    scores = vectors @ query
    few = numpy.argpartition(scores, -K)[-K:]
    return few[numpy.argsort(-scores[few])]


def is_equal(keys, exact):
    """Whether `keys` are the best K in order, where float32 can tell: neighbours closer than TIE may change places."""
    best = numpy.sort(exact)[::-1][:K]
    return len(keys) == len(set(keys)) == K and bool(numpy.all(numpy.abs(exact[keys] - best) <= TIE))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=63000)
    options.add_argument("--queries", type=int, default=1000)
    options.add_argument("--seed", type=int, default=63)
    options = options.parse_args()
    begin(options.seed)
    ratios = Ratios()
    generator = numpy.random.default_rng(options.seed)
    vectors = unit(generator.standard_normal((options.rows, DIMENSION)))
    queries = unit(generator.standard_normal((options.queries, DIMENSION)))
    exact_vectors = vectors.astype(numpy.float64)
    with Millrace() as millrace:
        load(millrace, vectors)
        server = millrace.serve(workers=0)
        client = Client(millrace.port)
        over_http, inside, in_numpy = [], [], []
        unlike = 0
        for number, query in enumerate(queries):
            body = b'{"vector":[' + ",".join(map(repr, map(float, query))).encode() + b'],"k":%d}' % K
            began = time.perf_counter()
            code, answer = client.ask("POST", "/api/search", body)
            took = time.perf_counter() - began
            if code != 200:
                raise Failure(f"/api/search answered {code}: {answer}")
            began = time.perf_counter()
            numpy_search(vectors, query)
            theirs = time.perf_counter() - began
            if not is_equal([int(result["key"]) for result in answer["results"]], exact_vectors @ query):
                unlike += 1
            if number >= 20:
                over_http.append(took)
                inside.append(answer["took_ms"] / 1000)
                in_numpy.append(theirs)
        millrace.end(server)
    print(f"{options.rows} × {DIMENSION}, k = {K}, {options.queries} queries taking turns:")
    for what, times in (
            ("NumPy", in_numpy), ("Millrace, over HTTP", over_http), ("Millrace, as the server says", inside)):
        print(f"    {what}: p50 {1000 * median(times):.2f} ms, p95 {1000 * quantile(times, 0.95):.2f} ms")
    print(f"    over HTTP against NumPy in process: {median(over_http) / median(in_numpy):.2f} ×")
    ratios.at_least("search_answers_equal", options.queries - unlike, options.queries)
    ratios.show()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"search: {failure}")
