#!/usr/bin/env python3
"""Makes strings of many kinds and says which token ids the package `tokenizers` gives them.

    MILLRACE_MODELS=… python Tests/Peers/tokenizer_strings.py --seed 1 --count 10000

JSON Lines to standard output: `{"tokenizer": "…"}` holds a tokenizer.json that the lines below it are for (the first is
the model's own, those after it differ in settings and added tokens), `{"text": "…", "max": 128, "ids": […]}` a string, the
length it is cut to, and its ids. The same seed gives the same strings. Real text comes from the descriptions of Debian
packages where `apt-cache` has them. Standard error says the seed and how many strings of each kind there are.
"""

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys

from tokenizers import Tokenizer

ENGLISH = """the quick brown fox jumps over a lazy dog while embedding vectors stay in step with data; Müller's naïve
café résumé, don't can't e-mail foo_bar x86-64 3.14159 $1,000.00 100% C++ #hashtag @user http://example.org/a?b=c&d=e
unbelievable antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis [CLS] [MASK] [SEP]""".split()
KOREAN = "안녕하세요 한국어 문장을 토큰으로 나눕니다 데이터베이스 임베딩 검색 서버는 빠르고 정확하다 값이 뷁 쀍 각 힣 가".split()
CHINESE = "你好世界 向量数据库 我们在北京 機器學習 繁體中文 搜索引擎 人工智能。 豈更車 𠀀𠮷𪚥 乾隆".split()
JAPANESE = "こんにちは 世界 カタカナ ｶﾞｷﾞ ベクトル検索 日本語の文章、 がぎぐ パピプ 々〆ヶ ﾊﾟ".split()
OTHERS = """Ελληνικά ΣΊΣΥΦΟΣ ΐΰ Русский Ёлка ЙОД العربية اَلْعَرَبِيَّةُ עִבְרִית हिन्दी क़ख़ ไทยภาษา தமிழ் ক্ষ Tiếng Việt ơ̂ậ ſt ﬁ ﬀ İstanbul
DŽ ǅ Straße ẞ Ⅷ ⅷ Ω Å K ａＡ１ 𝐀𝒷 ᏣᎳᎩ ꭰ Ა ა Ⓐ 𐐀 𞤀 Ȿ Ɀ Ꟗ""".split()
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "❤️", "🏳️‍🌈", "🇰🇷", "1️⃣", "👨🏿‍🚀", "☕", "✈︎", "🫠", "\U0001fae8"]
SPECIAL = ["[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[mask]", "[MASK", "MASK]", "##ing", "[unused1]", "[[MASK]]", "<ent>", "Foo Bar"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u000b", "\u000c", "\u1680", "\u180e", "\u200b", "\u001c"]
MARKS = [chr(c) for c in [*range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x64B, 0x660), 0x93C, 0x94D, 0x302A, 0x302E, 0x302F,
         0x3099, 0x309A, *range(0x1AB0, 0x1ACF), *range(0x1DF0, 0x1E00), 0x20D0, 0x20DD, 0x034F, 0x1D165, 0x1D16D, 0x1D16E, 0x1D172, 0x1D17B, 0x16FF0, 0xA806]]

# Marks that `strip_accents` leaves in place, and one (CGJ) that it takes away but that ends a run; here order shows.
LASTING = [chr(c) for c in [0x302E, 0x302F, 0x8D4, 0x8E0, 0x1DFB, *range(0x1D165, 0x1D173), 0x1E000, 0x1E94A, 0x16FF0, 0x34F, 0x300]]


class Strings:
    """One method per kind of string; each draws from the same random source."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.descriptions = descriptions()

    def words(self, *lists):
        r = self.random
        return " ".join(r.choice(r.choice(lists)) for _ in range(r.randint(1, 30)))

    def english(self):
        return self.recased(self.words(ENGLISH))

    def korean(self):
        return self.words(KOREAN)

    def chinese(self):
        return self.words(CHINESE).replace(" ", self.random.choice(["", " "]))

    def japanese(self):
        return self.words(JAPANESE).replace(" ", self.random.choice(["", " "]))

    def mixed(self):
        return self.recased(self.words(ENGLISH, KOREAN, CHINESE, JAPANESE, OTHERS, EMOJI))

    def emoji(self):
        return "".join(self.random.choice(EMOJI + ["a", " ", "\u200d", "\ufe0f"]) for _ in range(self.random.randint(1, 30)))

    def marks(self):
        """Stacks of combining marks, and jamo that do and do not compose."""
        r, text = self.random, ""
        for _ in range(r.randint(1, 12)):
            text += r.choice(["a", "E", "é", "가", "中", " ", ".", "\u1100", "\u1161", "\u11a8", "\uac01\u11a8", "𝅘", "\u0344", "か", "\u2126"])
            pool = r.choice([MARKS, LASTING])
            text += "".join(r.choice(pool) for _ in range(r.choice([0, 1, 2, 3, 5, 20])))
        return text

    def controls(self):
        r = self.random
        pool = [chr(c) for c in range(0x20)] + [chr(c) for c in range(0x7F, 0xA0)] + SPACES + ["\ufffd", "\ufeff", "\u200d", "\u00ad", "a", "bc", "中", "."]
        return "".join(r.choice(pool) for _ in range(r.randint(1, 60)))

    def scalars(self):
        """Any scalar of Unicode, assigned or not, private use among them."""
        r, text = self.random, ""
        for _ in range(r.randint(1, 40)):
            top = r.choice([0x80, 0x250, 0x800, 0x3000, 0x10000, 0x20000, 0x110000])
            scalar = r.randrange(top)
            text += "\ue000" if 0xD800 <= scalar < 0xE000 else chr(scalar)
            text += r.choice(["", "", " ", "a"])
        return text

    def special(self):
        r = self.random
        return "".join(r.choice(SPECIAL + SPACES[:8] + ["foo", "é", "中", "_", "1", ".", "foo bar", "FOO BAR"]) for _ in range(r.randint(1, 15)))

    def long_word(self):
        r = self.random
        unit = r.choice(["a", "ab", "한", "é", "Ω", "x\u0301", "test", "ing", "中", "か", "q", "\U0001f600"])
        return "go " + unit * r.choice([33, 50, 99, 100, 101, 102, 300, 2000]) + r.choice(["", " on", ".", "中"])

    def long_line(self):
        r, text = self.random, []
        while sum(map(len, text)) < 100_000:
            text.append(r.choice([self.english, self.mixed, self.marks, self.description])())
        return r.choice([" ", "", "\n"]).join(text)

    def description(self):
        return self.random.choice(self.descriptions) if self.descriptions else self.english()

    def recased(self, text):
        return self.random.choice([str, str.upper, str.title, str.swapcase])(text)

    def __iter__(self):
        kinds = [self.english, self.korean, self.chinese, self.japanese, self.mixed, self.emoji, self.marks, self.controls,
                 self.scalars, self.special, self.long_word] + [self.description] * 4
        yield "empty", ""
        while True:
            kind = self.long_line if self.random.random() < 0.001 else self.random.choice(kinds)
            yield kind.__name__, kind()


def descriptions():
    if not shutil.which("apt-cache"):
        return []
    dump = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode("utf-8", "replace")
    texts, current = [], None
    for line in dump.splitlines():
        if line.startswith(("Description:", "Description-en:")):
            current = [line.split(":", 1)[1].strip()]
        elif current is not None and line.startswith(" "):
            current.append(line.strip())
        elif current is not None:
            texts.append("\n".join(current))
            current = None
    return texts


def variants(original):
    """The model's own file, then files that differ in what the model leaves at its default."""
    def added(content, **flags):
        return dict(content=content, special=False, single_word=False, lstrip=False, rstrip=False, normalized=False) | flags

    yield original
    for normalizer, tokens in [
        (dict(lowercase=False), []),
        (dict(lowercase=True, strip_accents=False, clean_text=False), []),
        (dict(lowercase=False, strip_accents=True, handle_chinese_chars=False), []),
        (dict(clean_text=False, handle_chinese_chars=False), [added("foo", single_word=True), added("中", lstrip=True), added("\u3000", lstrip=True)]),
        ({}, [added("Foo Bar", normalized=True), added("é", normalized=True, single_word=True),
              added("中国", normalized=True, lstrip=True, rstrip=True), added("<ent>", lstrip=True, rstrip=True),
              added("foo", single_word=True), added("MASK")]),
    ]:
        file = json.loads(json.dumps(original))
        file["normalizer"] |= normalizer
        known = file["model"]["vocab"]
        new = [token["content"] for token in tokens if token["content"] not in known]
        ids = known | {content: len(known) + place for place, content in enumerate(new)}
        file["added_tokens"] += [token | dict(id=ids[token["content"]]) for token in tokens]
        yield file


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--model", default="all-minilm-l6-v2")
    arguments = parser.parse_args()
    with open(os.path.join(os.environ["MILLRACE_MODELS"], arguments.model, "tokenizer.json"), encoding="utf-8") as file:
        original = json.load(file)
    strings, kinds = iter(Strings(arguments.seed)), collections.Counter()
    lengths = random.Random(arguments.seed)
    for number, file in enumerate(variants(original)):
        text = json.dumps(file)
        tokenizer = Tokenizer.from_str(text)
        tokenizer.no_padding()
        print(json.dumps({"tokenizer": text}))
        for _ in range(arguments.count if number == 0 else arguments.count // 5):
            kind, text = next(strings)
            kinds[kind] += 1
            limit = lengths.choice([3, 128, 1_000_000])
            tokenizer.enable_truncation(limit)
            print(json.dumps({"text": text, "max": limit, "ids": tokenizer.encode(text).ids}))
    print(f"seed {arguments.seed}: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())), file=sys.stderr)


main()
