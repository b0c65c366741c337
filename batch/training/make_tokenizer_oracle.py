"""Writes the committed answers of the reference tokenizer that the TypeScript tests compare with.

Leaves two files: `code-points.json`, a CRC-32 per 256 code points over ids and words of every scalar value in three
contexts, and `strings.jsonl`, one `[text, ids, crc32 of the words]` a line over many scripts and mishaps. The texts are
generated here from a fixed seed; a lone surrogate in a text stands for U+FFFD in the reference's answer.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import struct
import sys
import unicodedata
import zlib
from pathlib import Path
from random import Random

import tokenizers
from tokenizers import Tokenizer

BLOCK_SIZE = 256
MAX_WORD = 100
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SPECIAL_PATTERN = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")
TOO_LONG = "[TOO LONG]"
# Alone, inside a word, and between two marks that change places unless something stops them.
CONTEXTS = [("", ""), ("a", "b"), ("x\u302e", "\u1b44y")]

SENTENCES = [
    "The night train left Vienna at 23:58, twelve minutes late; nobody minded.",
    "Don't touch the dog's bowl -- it's (nearly) 100% full!",
    "C++ isn't C#, and node.js@20 isn't e-mail: see https://example.org/a_b?c=d&e=%20#f",
    "Où êtes-vous allés après le dîner ? À l'opéra, bien sûr : « La città è più là ».",
    "Die Größe der Straße überraschte ÄRZTE und KÖCHE; STRAẞE schreibt man selten.",
    "¿Cuándo llegará el niño? ¡Mañana, señor Muñoz!",
    "Żółw śpi, łódź płynie, a gęś i Ćma gonią cień; ŹRÓDŁO.",
    "Kůň pil z řeky, šípek kvetl; Ďas tančil, ťuhýk mlčel.",
    "İstanbul'da ışık söndü, IĞDIR'da yağmur yağdı.",
    "Tiếng Việt có nhiều dấu: ắ ằ ẳ ẵ ặ, Ở đâu cũng được.",
    "Ο Σίσυφος ανέβαινε. ΟΔΥΣΣΕΥΣ ΚΑΙ ΑΧΙΛΛΕΥΣ. ὁ Ἀχιλλεὺς ᾄδει, ᾯ ΐ ΰ",
    "Подъезд закрыт, ключ ещё у соседа; Йод и Ёлка. ЩУКА Ѣ Ѵ Ꙗ",
    "Їжак з'їв яблуко, а Ґава полетіла.",
    "Բարեւ աշխարհ, ԵՐԵՒԱՆ և մայրաքաղաք։",
    "საქართველო ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ ႠႡႢ ⴀⴁⴂ",
    "שָׁלוֹם עוֹלָם, מה נשמע? \u200fבסדר\u200f גמור.",
    "السَّلامُ عَلَيْكُمْ، كيف الحال؟ لا بأس ﷺ ﻻ",
    "این کتاب\u200cها را دیروز خواندم؛ ۱۲۳ صفحه.",
    "मैं हिन्दी में लिख रहा हूँ। क़लम फ़ारसी ड़ ढ़",
    "আমি বাংলায় লিখি, কোথায় কৌশল ড় ঢ়।",
    "தமிழ் மொழி அழகானது; கொடு கோடு கௌரவம் ஔவை",
    "ಕನ್ನಡ ಕೊಡು ಕೋಟೆ; മലയാളം കൊടുക്കാം കോഴി; සිංහල කොළ කෝ කෞ",
    "ภาษาไทยไม่มีช่องว่าง น้ำ กำลังไหล",
    "བོད་སྐད་ཀྱི་ཡི་གེ གྷ ཌྷ དྷ བྷ ཛྷ ཀྵ ཱི ཱུ ྲྀ",
    "မြန်မာဘာသာ စာရေးသည်။ ភាសាខ្មែរ ល្អណាស់។",
    "አማርኛ ጽሑፍ፣ ደህና ነው።",
    "今天天气很好，我们去公园吧。「真的吗？」",
    "駅前の本屋は九時に閉まる、ガギグゲゴ ﾊﾟﾋﾟ が か\u3099 ハ\u309a",
    "한국어 문장입니다. 값어치 있는 훍 뷁! 가각힣",
    "ᄒ\u1161\u11ab국 ㄱㄴㄷ ᅡ ힰ ퟋ ꥠ",
    "ᏣᎳᎩ ꭰꭱ Ꮳ ꮳ ᐃᓄᒃᑎᑐᑦ 𐐔𐐯𐑅 𞤀𞤣 𞤢",
    "ᬅᬓ᭄ᬱᬭ ᬆ ᬈ ᬊ ᬓᬵᬸ ᭀ ᭁ ᮘᮞ ᮞ᮪",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 1️⃣ ☺︎ ❤️ 🧑🏿‍🚀 family",
    "x² + y³ ≠ ½ ≤ ∑ ∫ √ ∞ ≮ ≯ ∄ ℃ Å K Ω ⅷ Ⅷ ① Ⓐ ﬁ ﬃ",
    "𝕳𝖊𝖑𝖑𝖔 𝓦𝓸𝓻𝓵𝓭 𝟘𝟙𝟚 𝅗𝅥 𝅘𝅥𝅮 𝅘𝅥𝅯 𝆹𝅥𝅮 𝆺𝅥𝅯",
    "𠀀𠀁𪜀𫝀𫠠𬺰𰀀 㐀䶵 豈更車 丽丸乁 你 𪘀 﨎﨏 〇 〆 々",
    "NJ nj Nj DŽ Dž dž LJ Lj ǰ ŉ ſ ẖ ẚ ẛ ᾳ ᾼ ͅ",
    "tabs\tand\r\nlines\x0band\x0cfeeds\x85next\u2028line\u2029end",
    "soft\xadhyphen zero\u200bwidth no\u2060break bom\ufeff nul\x00 bell\x07 del\x7f rep\ufffd",
    "$100 £5 €7 ¥9 ^ ` ~ | < > = + § ¶ © ® ° ± · × ÷ ¿ ‽ … — – ‑ ‘a’ “b” ‹c› „d‟",
]

RANGES = [
    (0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x400), (0x400, 0x530), (0x530, 0x600), (0x600, 0x700),
    (0x700, 0x900), (0x900, 0xE00), (0xE00, 0x1000), (0x1000, 0x10D0), (0x10A0, 0x1100), (0x1100, 0x1200),
    (0x1200, 0x13A0), (0x13A0, 0x1400), (0x1700, 0x1AB0), (0x1AB0, 0x1B80), (0x1B80, 0x1D00), (0x1C80, 0x1E00),
    (0x1E00, 0x2000), (0x2000, 0x2100), (0x2100, 0x2C00), (0x2C00, 0x2E80), (0x2E80, 0x3130), (0x3130, 0x3400),
    (0x3400, 0x3500), (0x4E00, 0x5200), (0xA000, 0xA640), (0xA640, 0xA720), (0xA720, 0xABC0), (0xABC0, 0xAC00),
    (0xAC00, 0xD7A4), (0xD7A4, 0xD800), (0xE000, 0xE010), (0xF900, 0xFB50), (0xFB50, 0xFE00), (0xFE00, 0x10000),
    (0x10000, 0x10600), (0x10400, 0x10450), (0x10A00, 0x10D00), (0x10D00, 0x11800), (0x11800, 0x12000),
    (0x16E40, 0x17000), (0x1B000, 0x1D000), (0x1D100, 0x1D250), (0x1D400, 0x1D800), (0x1DF00, 0x1F000),
    (0x1F000, 0x1FB00), (0x20000, 0x20100), (0x2A6D0, 0x2A710), (0x2B730, 0x2B830), (0x2F800, 0x2FA20),
    (0x30000, 0x30010), (0x31350, 0x31360), (0xE0000, 0xE0200), (0xF0000, 0xF0010), (0x10FFF0, 0x110000),
]  # fmt: skip
SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)]
INVISIBLE = [chr(c) for c in (0, 1, 8, 0x1B, 0x7F, 0x80, 0x9F, 0xAD, 0x34F, 0x61C, 0x180E, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x202A, 0x202E, 0x2060, 0x2066, 0x2069, 0xFEFF, 0xFFF9, 0xFFFD, 0xFE0F, 0xE0001, 0xE0061, 0xE0100)]
MARKS = [chr(c) for c in (*range(0x300, 0x370), 0x302E, 0x302F, 0x3099, 0x1B44, 0x1BAA, 0x1BF2, 0x1BF3, 0x16FF0, 0x1D165, 0x1D166, 0x1D16D, 0x1D16E, 0x1D172, 0x591, 0x5B0, 0x5B1, 0x64B, 0x651, 0x670, 0x93C, 0x94D, 0xE38, 0xE48, 0xEB8, 0xF71, 0xF72, 0xF73, 0xF74, 0xF81, 0x1939, 0x1A60, 0x1DC0, 0x1DFA, 0x20D0, 0x20DD, 0xA8E0, 0xFE20, 0x101FD, 0x10A0D, 0x11046, 0x1193D, 0x1193E, 0x1E000, 0x1E2EC, 0x1E8D0, 0x1E94A)]  # fmt: skip


def scalar(random: Random, first: int, end: int) -> str:
    while True:
        code_point = random.randrange(first, end)
        if not 0xD800 <= code_point < 0xE000:
            return chr(code_point)


def random_word(random: Random, pieces: list[str]) -> str:
    """A word of one script, or glued from wordpieces."""
    kind = random.random()
    if kind < 0.3:
        return "".join(random.choice(pieces) for _ in range(random.randrange(1, 5)))
    if kind < 0.4:
        return random.choice(pieces).title() if random.random() < 0.5 else random.choice(pieces).upper()
    first, end = random.choice(RANGES)
    return "".join(scalar(random, first, end) for _ in range(random.randrange(1, 8)))


def make_sentences(random: Random) -> list[str]:
    texts = list(SENTENCES)
    for sentence in SENTENCES:
        texts += [sentence.upper(), sentence.lower(), sentence.title(), sentence[::-1]]
        texts += [unicodedata.normalize(form, sentence) for form in ("NFC", "NFD", "NFKC", "NFKD")]
        for _ in range(8):
            cut = random.randrange(len(sentence))
            other = random.choice(SENTENCES)
            texts += [sentence[cut:], sentence[:cut] + other[random.randrange(len(other)) :]]
        shuffled = list(unicodedata.normalize("NFD", sentence))
        random.shuffle(shuffled)
        texts.append("".join(shuffled))
        texts.append("".join(c + random.choice(["", "", random.choice(MARKS)]) for c in sentence))
    return texts


def make_marks(random: Random) -> list[str]:
    texts = []
    bases = ["a", "É", "ß", "가", "中", "!", "𝅘𝅥𝅮", "ো", "ཱ", " ", "", "\u0b95\u0bca", "Σ", "豈", "\u1100\u1161"]
    for _ in range(900):
        cells = [random.choice(bases) + "".join(random.choices(MARKS, k=random.randrange(1, 7))) for _ in range(3)]
        if random.random() < 0.3:
            cells[1] = random.choice(INVISIBLE) + cells[1]
        texts.append("".join(cells))
    return texts


def make_hangul(random: Random) -> list[str]:
    texts = []
    for _ in range(250):
        word = "".join(scalar(random, 0xAC00, 0xD7A4) for _ in range(random.randrange(1, 5)))
        jamo = "".join(scalar(random, 0x1100, 0x1200) for _ in range(random.randrange(1, 7)))
        texts.append(random.choice([word, unicodedata.normalize("NFD", word), jamo, word + jamo, jamo + " " + word]))
    return texts


def make_specials(random: Random, pieces: list[str]) -> list[str]:
    glue = ["", " ", "\t", "\u3000", ".", "#", "[", "]", "a", "É", "中", "\u0301", "\u302e", "\u200b", "\x00", "😀", "가"]
    near = ["[mask]", "[MASK", "MASK]", "[ MASK]", "[MA\u0301SK]", "[MA\u200bSK]", "[MASK\ufeff]", "［MASK］", "[Mask]",
            "[[", "]]", "[unused1]", "##", "##ing", "[CLS", "CLS]", "[PAD][", "[UNK]]", "<s>", "[MASK\x00]"]  # fmt: skip
    texts = []
    for token in SPECIALS:
        texts += [left + token + right for left in glue for right in glue]
    for _ in range(300):
        parts = random.choices(SPECIALS + near + pieces[:200], k=random.randrange(1, 7))
        texts.append("".join(part + random.choice(glue) for part in parts))
    return texts


def make_lengths(random: Random) -> list[str]:
    texts = []
    units = ["a", "Z", "é", "e\u0301", "ß", "İ", "ñ", "가", "각", "\u0bca", "𝅘𝅥𝅮", "𐐔", "\u302e", "ab", "x\u200b", "Σ", "\u1b44\u302e"]
    for unit in units:
        for length in (33, 34, 49, 50, 51, 98, 99, 100, 101, 102, 200):
            texts += [unit * length, "q" + unit * length + " tail", "," + unit * length + ",z"]
    for length in (98, 99, 100, 101):
        texts += ["a" * length + end for end in ("각", "\u0bca", "𝅘𝅥𝅮", "\u302e\u1b44", "\u0301", "中", ".", "[MASK]", " b")]
    for _ in range(6):
        texts.append(" ".join(random.choice(SENTENCES) for _ in range(30)))
        texts.append("".join(random.choice(SENTENCES) for _ in range(30)).replace(" ", ""))
    return texts


def make_surrogates(random: Random) -> list[str]:
    lone = ["\ud800", "\udbff", "\udc00", "\udfff", "\ud83d", "\ude00"]
    texts = [left + unit + right for unit in lone for left in ("", "a", "é ", "中", "[MASK]") for right in ("", "b", " c", "\u0301")]
    for _ in range(120):
        sentence = list(random.choice(SENTENCES))
        for _ in range(random.randrange(1, 4)):
            sentence.insert(random.randrange(len(sentence)), random.choice(["\ud800", "\udbff"]) + random.choice(["", "x"]))
        texts.append("".join(sentence))
    return texts


def make_sigmas() -> list[str]:
    around = ["", "Α", "α", " ", ".", "'", "\u0301", "\u00ad", "\u200d", "1", "Σ", "ς"]
    return [f"{left}Σ{right}" for left in around for right in around] + [f"ΟΔΟ{a}Σ{b}Α" for a in around for b in around]


def make_spaces(random: Random) -> list[str]:
    texts = [f"{left}{space}{right}" for space in SPACES + INVISIBLE for left in ("", "ab", "é.") for right in ("", "Cd", "中")]
    texts += [a + b for a in SPACES + INVISIBLE for b in random.sample(SPACES + INVISIBLE, 6)]
    return texts


def make_mixtures(random: Random, pieces: list[str]) -> list[str]:
    texts = []
    glue = [" ", " ", " ", "", "-", "'", "。", *SPACES, *INVISIBLE, *MARKS[::9]]
    for _ in range(1500):
        count = random.randrange(1, 10)
        texts.append("".join(random_word(random, pieces) + random.choice(glue) for _ in range(count)))
    return texts


def well_formed(text: str) -> str:
    return "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in text)


class Reference:
    def __init__(self, path: Path) -> None:
        self.tokenizer = Tokenizer.from_file(str(path))

    def ids(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def words(self, text: str) -> list[str]:
        """Normalized words; literal special tokens stay as they are."""
        words: list[str] = []
        for index, part in enumerate(SPECIAL_PATTERN.split(text)):
            if index % 2 == 1:
                words.append(part)
            else:
                normalized = self.tokenizer.normalizer.normalize_str(part)
                found = self.tokenizer.pre_tokenizer.pre_tokenize_str(normalized)
                words += [word if len(word) <= MAX_WORD else TOO_LONG for word, _ in found]
        return words


def make_code_points(reference: Reference) -> dict[str, object]:
    id_sums, word_sums = [], []
    for first in range(0, 0x110000, BLOCK_SIZE):
        code_points = [c for c in range(first, first + BLOCK_SIZE) if not 0xD800 <= c < 0xE000]
        texts = [left + chr(c) + right for c in code_points for left, right in CONTEXTS]
        ids = "".join(",".join(map(str, row)) + "\n" for row in reference.ids(texts)) if texts else ""
        words = "".join(" ".join(reference.words(text)) + "\n" for text in texts)
        id_sums.append(zlib.crc32(ids.encode()))
        word_sums.append(zlib.crc32(words.encode()))
    return {
        "reference": f"tokenizers {tokenizers.__version__}",
        "blockSize": BLOCK_SIZE,
        "contexts": CONTEXTS,
        "idCrc32": base64.b64encode(struct.pack(f"<{len(id_sums)}I", *id_sums)).decode(),
        "wordCrc32": base64.b64encode(struct.pack(f"<{len(word_sums)}I", *word_sums)).decode(),
    }


def make_strings(reference: Reference, random: Random) -> list[str]:
    vocabulary = sorted(reference.tokenizer.get_vocab().items(), key=lambda item: item[1])
    pieces = [piece.removeprefix("##") for piece, _ in vocabulary if not piece.startswith("[")]
    texts = ["", " ", *make_sentences(random), *make_marks(random), *make_hangul(random)]
    texts += make_specials(random, pieces) + make_lengths(random) + make_surrogates(random) + make_sigmas()
    texts += make_spaces(random) + make_mixtures(random, pieces)
    texts = list(dict.fromkeys(texts))
    clean = [well_formed(text) for text in texts]
    return [
        json.dumps([text, ids, zlib.crc32(" ".join(reference.words(sound)).encode())], separators=(",", ":"))
        for text, sound, ids in zip(texts, clean, reference.ids(clean), strict=True)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of the reference")
    parser.add_argument("--out", type=Path, required=True, help="folder of the fixtures")
    parser.add_argument("--seed", type=int, default=3, help="of the generated strings (default 3)")
    arguments = parser.parse_args()
    reference = Reference(arguments.tokenizer)
    arguments.out.mkdir(parents=True, exist_ok=True)
    code_points = json.dumps(make_code_points(reference), indent=1)
    (arguments.out / "code-points.json").write_text(code_points + "\n", encoding="utf-8")
    lines = make_strings(reference, Random(arguments.seed))
    (arguments.out / "strings.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    size = sum((arguments.out / name).stat().st_size for name in ("code-points.json", "strings.jsonl"))
    print(f"{len(lines)} strings and all code points in {len(CONTEXTS)} contexts; {size} bytes in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
