"""Exact search by NumPy, to compare answers and times with.

Files in FOLDER are raw and little-endian: vectors.f32 (rows x dimension), queries.f32, items.i64 and scores.f64
(queries x k, best first; the item of a vector is its row number).

    numpy_search.py sample FOLDER ROWS DIMENSION QUERIES SEED   writes vectors and queries
    numpy_search.py answer FOLDER DIMENSION K                   writes items and scores, computed in float64
    numpy_search.py time   FOLDER DIMENSION K                   reads lines "first count", answers each with a line:
                                                                nanoseconds of one float32 search per query
"""

import pathlib
import sys
import time

import numpy as np


def sample(folder, rows, dimension, queries, seed):
    """Unit vectors in clusters, of which one in ten repeats another exactly and one in ten almost."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(1, rows // 140), dimension), dtype=np.float32)
    vectors = centres[random.integers(len(centres), size=rows)]
    vectors += 0.5 * random.standard_normal((rows, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = random.permutation(rows)
    tenth = rows // 10
    vectors[order[:tenth]] = vectors[order[tenth : 2 * tenth]]
    vectors[order[2 * tenth : 3 * tenth]] = vectors[order[tenth : 2 * tenth]]
    # One component moved to the next float: scores differ by less than float32 shows.
    nudged = order[2 * tenth : 3 * tenth]
    vectors[nudged, 0] = np.nextafter(vectors[nudged, 0], np.float32(2))
    asked = vectors[random.integers(rows, size=queries)]
    asked += 0.02 * random.standard_normal((queries, dimension), dtype=np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    vectors.tofile(folder / "vectors.f32")
    asked.tofile(folder / "queries.f32")


def load(folder, dimension):
    return [np.fromfile(folder / name, np.float32).reshape(-1, dimension) for name in ("vectors.f32", "queries.f32")]


def answer(folder, dimension, k):
    """The truth: a product of two floats is exact in float64, and cumsum adds in the order of the components."""
    vectors, queries = (array.astype(np.float64) for array in load(folder, dimension))
    items = np.empty((len(queries), k), np.int64)
    scores = np.empty((len(queries), k), np.float64)
    for first in range(0, len(queries), 100):
        rough = queries[first : first + 100] @ vectors.T
        for number, row in enumerate(rough, first):
            kth = np.partition(row, len(row) - k)[len(row) - k]
            near = np.flatnonzero(row >= kth - 1e-9)
            exact = np.cumsum(vectors[near] * queries[number], axis=1)[:, -1]
            best = np.lexsort((near, -exact))[:k]
            items[number], scores[number] = near[best], exact[best]
    items.tofile(folder / "items.i64")
    scores.tofile(folder / "scores.f64")


def time_searches(folder, dimension, k):
    vectors, queries = load(folder, dimension)
    print("ready", flush=True)
    for line in sys.stdin:
        first, count = map(int, line.split())
        times = []
        for query in queries[first : first + count]:
            start = time.perf_counter_ns()
            scores = vectors @ query
            best = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
            best = best[np.argsort(-scores[best])]
            times.append(time.perf_counter_ns() - start)
        # BLAS threads spin for a while after their work; they must not take the processor from the other side.
        time.sleep(0.1)
        print(*times, flush=True)


def main(command, folder, *numbers):
    commands = {"sample": sample, "answer": answer, "time": time_searches}
    commands[command](pathlib.Path(folder), *map(int, numbers))


if __name__ == "__main__":
    main(*sys.argv[1:])
