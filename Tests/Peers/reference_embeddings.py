"""Sentence embeddings in float32, to compare Millrace's with.

    reference_embeddings.py onnx  GRAPH.onnx          ONNX Runtime runs the graph
    reference_embeddings.py numpy WEIGHTS.safetensors BERT written out in NumPy, from the weights alone

stdin: int32 words, for each text its number of tokens and then their ids. stdout: float32 rows, mean-pooled over the
tokens and L2-normalised. One text at a time, so padding and batching cannot matter.
"""
import json
import math
import struct
import sys

import numpy as np


def texts():
    words = np.frombuffer(sys.stdin.buffer.read(), "<i4")
    at = 0
    while at < len(words):
        count = words[at]
        yield words[at + 1 : at + 1 + count].astype(np.int64)
        at += 1 + count


def onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]

    def hidden(ids):
        feed = {"input_ids": ids[None], "attention_mask": np.ones((1, len(ids)), np.int64)}
        if "token_type_ids" in names:
            feed["token_type_ids"] = np.zeros((1, len(ids)), np.int64)
        return session.run(None, feed)[0][0]

    return hidden


def numpy(path, heads=12, epsilon=1e-12):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    w = {
        name: np.frombuffer(data[slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
        for name, t in header.items()
        if name != "__metadata__" and t["dtype"] == "F32"
    }
    layers = 1 + max(int(n.split(".")[2]) for n in w if n.startswith("encoder.layer."))
    erf = np.vectorize(math.erf, otypes=[np.float32])

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return scaled * w[name + ".LayerNorm.weight"] + w[name + ".LayerNorm.bias"]

    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def split(x):
        return x.reshape(len(x), heads, -1).transpose(1, 0, 2)

    def hidden(ids):
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings")
        for i in range(layers):
            layer = f"encoder.layer.{i}"
            q, k, v = (split(linear(x, f"{layer}.attention.self.{n}")) for n in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True)) @ v
            joined = mixed.transpose(1, 0, 2).reshape(len(ids), -1)
            x = norm(x + linear(joined, f"{layer}.attention.output.dense"), f"{layer}.attention.output")
            wide = linear(x, f"{layer}.intermediate.dense")
            wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
            x = norm(x + linear(wide, f"{layer}.output.dense"), f"{layer}.output")
        return x

    return hidden


hidden = {"onnx": onnx, "numpy": numpy}[sys.argv[1]](sys.argv[2])
for ids in texts():
    mean = hidden(ids).mean(0)
    sys.stdout.buffer.write((mean / max(np.linalg.norm(mean), 1e-12)).astype("<f4").tobytes())
