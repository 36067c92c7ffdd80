"""Whether everything is in step: the table, Millrace's own rows and the index, against embeddings computed anew."""

import base64
import hashlib
import json
import os
import time
from pathlib import Path

import numpy

from .plan import STATUS, TABLE

COSINE = 0.999
SAMPLE = 200
MAXIMUM_TOKENS = 256


def is_blank(text):
    return text is None or text.strip() == ""


class Judge:
    """Looks at a database in which nothing should be going on any more. Complaints gather in `complaints`."""

    def __init__(self, house, random):
        self.house = house
        self.random = random
        self.complaints = []
        self.wrong_keys = []
        self.database = house.database
        self.connection = self.database.patient("campaign judge")
        table = self.database.table
        self.job, self.embedding = table("job"), table("embedding")

    def complain(self, text, key=None):
        self.complaints.append(text)
        if key is not None and key not in self.wrong_keys:
            self.wrong_keys.append(key)

    # Quiet

    def open_jobs(self):
        return self.connection.execute(f"SELECT count(*) FROM {self.job} WHERE state <> 'held'").fetchone()[0]

    def out_of_step(self):
        """Keys whose row, vector and recorded hash do not agree: what the queue and the sweep have yet to put right."""
        self.database.begin(self.connection, reads=True)
        try:
            if not self.database.has_column(self.connection, TABLE, STATUS):
                return {None}
            rows = self.connection.execute(f"SELECT id, body, {STATUS}, vector IS NOT NULL FROM {TABLE}").fetchall()
            found = {int(key): (space, bytes(digest)) for key, space, digest in self.connection.execute(
                f"SELECT key, space, input_hash FROM {self.embedding}")}
            waiting = {int(key) for (key,) in self.connection.execute(f"SELECT key FROM {self.job}")}
        finally:
            self.connection.execute("COMMIT")
        wrong = set(found) - {row[0] for row in rows} | waiting
        for key, body, status, has_vector in rows:
            if is_blank(body):
                fits = status == "skipped" and not has_vector and key not in found
            else:
                fits = status == "completed" and has_vector and key in found and found[key][1] == digest_of(body, found[key][0])
            if not fits:
                wrong.add(key)
        return wrong

    def wait(self, queue_seconds, sweep_seconds):
        """Waits for the queue, then for the sweep. - Returns: the seconds that each took."""
        began = time.monotonic()
        while self.open_jobs():
            if time.monotonic() > began + queue_seconds:
                self.complain(f"{self.open_jobs()} jobs are still open {queue_seconds} s after the last write")
                return None
            time.sleep(0.1)
        emptied = time.monotonic()
        while self.out_of_step() or self.database.missing_triggers(self.connection, TABLE):
            if time.monotonic() > emptied + sweep_seconds:
                return None
            time.sleep(0.5)
        return emptied - began, time.monotonic() - emptied

    # Judgement

    def judge(self, last_texts):
        self.database.begin(self.connection, reads=True)
        self.rows = {key: (body, status, vector) for key, body, status, vector in self.connection.execute(
            f"SELECT id, body, {STATUS}, vector FROM {TABLE}")}
        self.stored = {int(key): (space, bytes(digest), numpy.frombuffer(vector, "<f4")) for key, space, digest, vector in
                       self.connection.execute(f"SELECT key, space, input_hash, vector FROM {self.embedding}")}
        count = self._count(f"SELECT count(*) FROM {self.embedding}")
        if count != len(self.stored):
            self.complain(f"{count - len(self.stored)} rows have two embeddings")
        self.connection.execute("COMMIT")
        self._millrace()
        self._rows()
        self._meaning()
        self._index(last_texts)
        self.complaints += self.database.leftovers(self.connection) + self.database.damage(self.connection)

    def _count(self, sql):
        return self.connection.execute(sql).fetchone()[0]

    def _millrace(self):
        table = self.database.table
        for what, sql in [
            ("jobs held", f"SELECT count(*) FROM {self.job} WHERE state = 'held'"),
            ("jobs dead", f"SELECT count(*) FROM {table('job_dead')}"),
            ("jobs open", f"SELECT count(*) FROM {self.job} WHERE state <> 'held'"),
            ("sources not active", f"SELECT count(*) FROM {table('source')} WHERE state <> 'active'"),
        ]:
            count = self._count(sql)
            if count:
                self.complain(f"{count} {what}")
        self.complaints += self.database.missing_triggers(self.connection, TABLE)

    def _rows(self):
        self.vectors = {}
        for key, (body, status, vector) in self.rows.items():
            if is_blank(body):
                if status != "skipped" or vector is not None or key in self.stored:
                    self.complain(f"row {key} has no text, status {status}, vector {'none' if vector is None else 'there'}", key)
                continue
            if status != "completed":
                self.complain(f"row {key} is {status}", key)
            if vector is None or key not in self.stored:
                self.complain(f"row {key} has no vector ({'user' if vector is None else 'own'} table)", key)
                continue
            self.vectors[key] = numpy.array(json.loads(vector), dtype=numpy.float32)
            space, digest, own = self.stored[key]
            if digest != digest_of(body, space):
                self.complain(f"row {key}: the recorded input is not the present text", key)
            if self.vectors[key].shape != own.shape or numpy.abs(self.vectors[key] - own).max() > 1e-5:
                self.complain(f"row {key}: the user's vector is not the one that Millrace keeps", key)
        for key in set(self.stored) - set(self.rows):
            self.complain(f"an embedding of row {key} is there, which is gone", key)
        spaces = {space for space, _, _ in self.stored.values()}
        if len(spaces) > 1:
            self.complain(f"embeddings of {len(spaces)} spaces")

    def _meaning(self):
        """Against the model, asked anew through the server, and for a sample against ONNX Runtime in float32."""
        texts = sorted({self.rows[key][0] for key in self.vectors})
        self.expected = {}
        for start in range(0, len(texts), 64):
            part = texts[start:start + 64]
            answer = self.house.ask_patiently(
                "/v1/embeddings", {"model": "all-minilm-l6-v2", "input": part, "encoding_format": "base64"})
            for item in answer["data"]:
                vector = numpy.frombuffer(base64.b64decode(item["embedding"]), "<f4")
                self.expected[part[item["index"]]] = vector / numpy.linalg.norm(vector)
        self.worst = 1.0
        for key, vector in self.vectors.items():
            cosine = float(vector @ self.expected[self.rows[key][0]])
            self.worst = min(self.worst, cosine)
            if not cosine >= COSINE:
                self.complain(f"row {key}: its vector is not the embedding of its text (cosine {cosine:.4f})", key)
        sample = self.random.sample(texts, min(SAMPLE, len(texts)))
        self.worst_reference = 1.0
        for text, reference in zip(sample, reference_embeddings(sample)):
            cosine = float(reference @ self.expected[text])
            self.worst_reference = min(self.worst_reference, cosine)
            if not cosine >= COSINE:
                self.complain(f"ONNX Runtime embeds {text[:60]!r} differently (cosine {cosine:.4f})")

    def _index(self, last_texts):
        """The whole index in two answers to random vectors, then searches for what is gone."""
        deadline = time.monotonic() + 15
        while True:
            status = self.house.ask_patiently("/api/status")
            held = sum(index["vectors"] for index in status["index"])
            if held == len(self.stored) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if held != len(self.stored):
            self.complain(f"the index holds {held} vectors, the database {len(self.stored)}")
        if not self.vectors:
            return
        keys = sorted(self.vectors)
        matrix = numpy.stack([self.expected[self.rows[key][0]] for key in keys])
        for _ in range(2):
            probe = numpy.array([self.random.gauss(0, 1) for _ in range(matrix.shape[1])], dtype=numpy.float32)
            probe /= numpy.linalg.norm(probe)
            answer = self.house.ask_patiently("/api/search", {"vector": probe.tolist(), "k": 10_000})
            scores = {int(result["key"]): result["score"] for result in answer["results"]}
            old = [key for key, expected in zip(keys, matrix @ probe)
                   if key in scores and abs(scores[key] - expected) > 0.02]
            for what, wrong in [
                ("a search answers {}, which have no vector", set(scores) - set(keys)),
                ("not in the index are {}", set(keys) - set(scores)), ("the index holds old vectors of {}", old),
            ]:
                if wrong:
                    rows = ", ".join(map(str, sorted(wrong)[:10]))
                    self.complain(what.format(f"{len(wrong)} rows ({rows} …)"), min(wrong))
        gone = [key for key, text in last_texts.items() if key not in self.rows and not is_blank(text)]
        for key in self.random.sample(sorted(gone), min(30, len(gone))):
            answer = self.house.ask_patiently("/api/search", {"text": last_texts[key], "k": 5})
            for result in answer["results"]:
                if int(result["key"]) not in self.rows:
                    self.complain(f"a search for the text of row {key} answers row {result['key']}, which is gone", key)
        self.searched = min(30, len(gone))


def digest_of(text, space):
    """The hash under which an embedding is recorded: of the space and the rendered input."""
    return hashlib.sha256(space.encode() + b"\0" + text.encode()).digest()[:16]


def reference_embeddings(texts):
    """By ONNX Runtime in float32, from the same graph and weights, tokens from the `tokenizers` package."""
    import onnxruntime
    import tokenizers

    folder = model_folder()
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAXIMUM_TOKENS)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    for text in texts:
        ids = numpy.array([tokenizer.encode(text).ids], numpy.int64)
        inputs = {"input_ids": ids, "attention_mask": numpy.ones_like(ids)}
        if "token_type_ids" in names:
            inputs["token_type_ids"] = numpy.zeros_like(ids)
        mean = session.run(None, inputs)[0][0].mean(0)
        yield mean / numpy.linalg.norm(mean)


def model_folder():
    return Path(os.environ["MILLRACE_MODELS"]) / "all-minilm-l6-v2"
