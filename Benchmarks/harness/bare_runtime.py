"""OpenVINO alone, as fast as it goes from Python: the measure that `embed` is held against.

Run as a process of its own, which stays: it reads `{"texts": [...], "batch": n}` a line and answers a line. Texts are
tokenized together, sorted by length, cut into batches padded to their longest, and run by four asynchronous requests;
pooling and normalising are NumPy's, in the callback. Nothing is written anywhere.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

REQUESTS = 4
MAXIMUM_TOKENS = 256


class BareRuntime:
    """The other end of the pipes."""

    def __init__(self, models, nice):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.bare_runtime", str(models), str(nice)],
            cwd=Path(__file__).resolve().parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.description = self.line()["description"]

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the bare runtime ended: see its message above")
        return json.loads(line)

    def measure(self, texts, batch):
        """Seconds of wall clock and of CPU time, and the number of tokens of each text, in order."""
        self.process.stdin.write(json.dumps({"texts": texts, "batch": batch}) + "\n")
        self.process.stdin.flush()
        return self.line()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    import numpy
    import openvino
    from tokenizers import Tokenizer

    models, nice = Path(sys.argv[1]), int(sys.argv[2])
    os.nice(nice)
    core = openvino.Core()
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    compiled = core.compile_model(
        core.read_model(models / "model.onnx"), "CPU",
        {"PERFORMANCE_HINT": "THROUGHPUT", "PERFORMANCE_HINT_NUM_REQUESTS": REQUESTS, "INFERENCE_PRECISION_HINT": precision})
    tokenizer = Tokenizer.from_file(str(models / "tokenizer.json"))
    tokenizer.enable_truncation(MAXIMUM_TOKENS)
    tokenizer.no_padding()
    threads = compiled.get_property("INFERENCE_NUM_THREADS")
    streams = compiled.get_property("NUM_STREAMS")

    def run(texts, batch):
        encoded = []
        for start in range(0, len(texts), 1024):
            encoded += [encoding.ids for encoding in tokenizer.encode_batch_fast(texts[start:start + 1024])]
        lengths = [len(ids) for ids in encoded]
        order = sorted(range(len(encoded)), key=lengths.__getitem__, reverse=True)
        vectors = numpy.empty((len(encoded), 384), numpy.float32)

        def pool(request, task):
            rows, mask = task
            hidden = request.get_output_tensor(0).data
            pooled = numpy.einsum("bth,bt->bh", hidden, mask) / mask.sum(1, keepdims=True)
            vectors[rows] = pooled / numpy.linalg.norm(pooled, axis=1, keepdims=True)

        queue = openvino.AsyncInferQueue(compiled, REQUESTS)
        queue.set_callback(pool)
        for start in range(0, len(order), batch):
            rows = order[start:start + batch]
            width = lengths[rows[0]]
            ids = numpy.zeros((len(rows), width), numpy.int64)
            mask = numpy.zeros((len(rows), width), numpy.int64)
            for place, row in enumerate(rows):
                ids[place, :lengths[row]] = encoded[row]
                mask[place, :lengths[row]] = 1
            queue.start_async([ids, mask], (rows, mask.astype(numpy.float32)), share_inputs=False)
        queue.wait_all()
        return lengths

    run(["warm", "warmer than that"] * 64, 32)
    description = f"OpenVINO {openvino.__version__.split('-')[0]}, {precision}, {REQUESTS} requests, {streams} streams, {threads} threads"
    print(json.dumps({"description": description}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        lengths = run(order["texts"], order["batch"])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"seconds": wall, "cpu_seconds": cpu, "lengths": lengths}), flush=True)
    # The runtime's threads and Python's ending were seen to wait for each other for ever.
    os._exit(0)


if __name__ == "__main__":
    main()
