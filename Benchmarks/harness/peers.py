"""fastembed and sentence-transformers on the same weights, each in a process of its own, as their manuals call them.

Neither is needed. The model is the one that Millrace has fetched, so nothing is taken from a hub; the few small files
that these libraries want beside it say in their words what Millrace's manifest says.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = {
    "architectures": ["BertModel"], "model_type": "bert", "hidden_size": 384, "num_hidden_layers": 6,
    "num_attention_heads": 12, "intermediate_size": 1536, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512, "type_vocab_size": 2, "vocab_size": 30522, "pad_token_id": 0,
}
SPECIAL = {
    "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
TOKENIZER = dict(SPECIAL, tokenizer_class="BertTokenizerFast", model_max_length=256, do_lower_case=True, max_length=256)


def folder(models):
    """A folder as these libraries expect it. Copies: ONNX Runtime follows no link out of a model's folder."""
    place = Path(tempfile.mkdtemp(prefix="millrace-peer-"))
    for name in ("model.onnx", "model.safetensors", "tokenizer.json"):
        shutil.copy(models / name, place / name)
    for name, content in (
            ("config.json", CONFIG), ("tokenizer_config.json", TOKENIZER), ("special_tokens_map.json", SPECIAL)):
        (place / name).write_text(json.dumps(content))
    return place


def fastembed(place):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model="local/minilm", pooling=PoolingType.MEAN, normalization=True, sources=ModelSource(hf="local/minilm"),
        dim=384, model_file="model.onnx")
    model = TextEmbedding("local/minilm", specific_model_path=str(place))
    return "float32", lambda texts: list(model.embed(texts, batch_size=32))


def sentence_transformers(place, precision="float32"):
    import torch
    from sentence_transformers import SentenceTransformer, models

    transformer = models.Transformer(str(place), max_seq_length=256, model_args={"dtype": getattr(torch, precision)})
    pooling = models.Pooling(384, pooling_mode="mean")
    model = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")
    return precision, lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False, convert_to_tensor=True)


CHOICES = {
    "fastembed": fastembed,
    "sentence-transformers": sentence_transformers,
    "sentence-transformers-bf16": lambda place: sentence_transformers(place, "bfloat16"),
}


def measure(name, models, texts, nice):
    """Texts per second of a peer, or a sentence that says why there is none."""
    done = subprocess.run(
        [sys.executable, "-m", "harness.peers", name, str(models), str(nice)],
        cwd=Path(__file__).resolve().parents[1], input=json.dumps(texts), capture_output=True, text=True, check=False,
        env=dict(os.environ, HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="true"))
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return None, f"{name}: not measured: {last}"
    answer = json.loads(done.stdout.splitlines()[-1])
    rate = len(texts) / answer["seconds"]
    return rate, f"{name} ({answer['precision']}): {rate:.0f} texts/s on {len(texts)} texts"


def main():
    name, models, nice = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    os.nice(nice)
    texts = json.load(sys.stdin)
    place = folder(models)
    try:
        precision, embed = CHOICES[name](place)
        embed(texts[:64])
        began = time.perf_counter()
        embed(texts)
        print(json.dumps({"seconds": time.perf_counter() - began, "precision": precision}))
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
