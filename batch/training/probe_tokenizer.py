"""Derives the Unicode tables of the TypeScript tokenizer from the behaviour of the reference tokenizer.

Enters: a `tokenizer.json` with a BertNormalizer and a BertPreTokenizer (bert-base-uncased), run by Hugging Face
`tokenizers`. Leaves: `shared/text/unicode-tables.generated.ts`. Every scalar value is asked, alone and in context; no
Unicode library takes part, so the tables hold the Unicode version of the reference, whatever the runtime's is.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import sys
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer

PROBE_VERSION = 1
LAST_CODE_POINT = 0x10FFFF
HANGUL_FIRST, HANGUL_COUNT = 0xAC00, 11172
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Two marks that the reference keeps and reorders: any other non-starter changes place with at least one of them.
LOW_MARK, HIGH_MARK = "\u1b44", "\u302e"


class UnexpectedReference(Exception):
    """The reference behaves in a way that the tables cannot express."""


def scalar_values():
    return itertools.chain(range(0xD800), range(0xE000, LAST_CODE_POINT + 1))


def expect(condition: bool, code_point: int, what: str) -> None:
    if not condition:
        raise UnexpectedReference(f"U+{code_point:04X}: {what}")


class Probe:
    """Asks the reference about every scalar value and sorts the answers into the sets of the tables."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.normalize = tokenizer.normalizer.normalize_str
        self.pre_tokenize = tokenizer.pre_tokenizer.pre_tokenize_str
        self.clean = BertNormalizer(
            clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False
        ).normalize_str
        self.removed: list[int] = []
        self.space: list[int] = []
        self.accents: list[int] = []
        self.barriers: list[int] = []
        self.split: list[int] = []
        self.cjk: list[int] = []
        self.marks: dict[int, int] = {}
        self.fold: dict[int, str] = {}
        self.classify()
        self.rank_marks()
        self.check_contexts()

    def words(self, text: str) -> list[str]:
        return [word for word, _ in self.pre_tokenize(self.normalize(text))]

    def classify(self) -> None:
        if self.normalize("a" + HIGH_MARK + LOW_MARK) != "a" + LOW_MARK + HIGH_MARK:
            raise UnexpectedReference("the two anchor marks are not reordered")
        for code_point in scalar_values():
            char = chr(code_point)
            body = self.normalize(f"a{char}b")[1:-1]
            if body == "":
                self.classify_vanishing(code_point)
            elif body == " ":
                expect(self.words(f"a{char}b") == ["a", "b"], code_point, "a space that does not separate")
                self.space.append(code_point)
            else:
                self.classify_visible(code_point, body)

    def classify_vanishing(self, code_point: int) -> None:
        """Removed by cleaning, or stripped after decomposition, where a starter still stops the reordering."""
        char = chr(code_point)
        reordered = self.normalize(HIGH_MARK + char + LOW_MARK) == LOW_MARK + HIGH_MARK
        if self.clean(char) == "":
            expect(reordered, code_point, "a removed character that stops reordering")
            self.removed.append(code_point)
        else:
            (self.accents if reordered else self.barriers).append(code_point)

    def classify_visible(self, code_point: int, body: str) -> None:
        char = chr(code_point)
        words = self.words(f"a{char}b")
        target = body.strip(" ")
        if len(words) == 1:
            expect(words == [f"a{target}b"] and body == target, code_point, f"odd word {words!r}")
        else:
            expect(words == ["a", target, "b"], code_point, f"mixed words {words!r}")
            expect(len(target) == 1, code_point, f"several characters alone {target!r}")
            expect(body in (target, f" {target} "), code_point, f"odd spaces {body!r}")
            (self.split if body == target else self.cjk).append(code_point)
        expect(self.normalize(target).strip(" ") == target, code_point, f"not a fixed point {target!r}")
        hangul = code_point - HANGUL_FIRST
        if 0 <= hangul < HANGUL_COUNT:
            expect(target == decompose_hangul(hangul), code_point, f"irregular Hangul {target!r}")
        elif target != char:
            self.fold[code_point] = target

    def rank_marks(self) -> None:
        """Finds the kept characters that canonical ordering moves, and ranks them by comparing every pair."""
        for code_point in scalar_values():
            char = chr(code_point)
            if self.normalize(f"a{char}b") != f"a{char}b":
                continue
            after_low = self.normalize(char + LOW_MARK) == LOW_MARK + char
            before_high = self.normalize(HIGH_MARK + char) == char + HIGH_MARK
            if char not in (LOW_MARK, HIGH_MARK) and not (after_low or before_high):
                continue
            expect(self.words(f"a{char}b") == [f"a{char}b"], code_point, "a mark that stands alone")
            self.marks[code_point] = 0

        def compare(left: int, right: int) -> int:
            """1 when the left one moves behind the right one, -1 for the reverse, 0 when they keep their order."""
            forward, backward = chr(left) + chr(right), chr(right) + chr(left)
            if left == right:
                return 0
            if self.normalize(forward) == backward:
                return 1
            return -1 if self.normalize(backward) == forward else 0

        ordered = sorted(self.marks, key=functools.cmp_to_key(compare))
        rank = 0
        for index, code_point in enumerate(ordered):
            if index > 0 and compare(ordered[index - 1], code_point) != 0:
                rank += 1
            self.marks[code_point] = rank
        for left, right in itertools.product(ordered, ordered):
            if left != right:
                sign = (self.marks[left] > self.marks[right]) - (self.marks[left] < self.marks[right])
                expect(compare(left, right) == sign, left, f"no total order with U+{right:04X}")

    def check_contexts(self) -> None:
        """Folds begin with a starter and end as their last mark does; lone marks begin words of their own."""
        for code_point, target in self.fold.items():
            char = chr(code_point)
            tail = [c for c in target if ord(c) in self.marks]
            expect(target[0] not in tail, code_point, "a fold that begins with a mark")
            words = self.words(f"x{HIGH_MARK}{char}{LOW_MARK}")
            moved = "".join(sorted(tail + [LOW_MARK], key=lambda c: self.marks[ord(c)]))
            plain = target[: len(target) - len(tail)]
            joined = "".join(words)
            expect(joined == f"x{HIGH_MARK}{plain}{moved}", code_point, f"unexpected order {joined!r}")


def decompose_hangul(index: int) -> str:
    """The arithmetic decomposition of the Unicode Standard, section 3.12."""
    leading, rest = divmod(index, 21 * 28)
    vowel, trailing = divmod(rest, 28)
    return chr(0x1100 + leading) + chr(0x1161 + vowel) + (chr(0x11A7 + trailing) if trailing else "")


def encode_numbers(numbers: list[int]) -> str:
    """Unsigned numbers as base-64 digits, five bits each, lowest first; bit 5 says that another one follows."""
    digits: list[str] = []
    for number in numbers:
        assert number >= 0
        while number >= 32:
            digits.append(DIGITS[32 | (number & 31)])
            number >>= 5
        digits.append(DIGITS[number])
    return "".join(digits)


def zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def encode_ranges(code_points: list[int]) -> str:
    """Per range: its distance from the end of the last one, its length less one."""
    numbers: list[int] = []
    end = 0
    for first, last in ranges_of(code_points):
        numbers += [first - end, last - first]
        end = last + 1
    return encode_numbers(numbers)


def ranges_of(code_points: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for code_point in sorted(code_points):
        if ranges and ranges[-1][1] + 1 == code_point:
            ranges[-1] = (ranges[-1][0], code_point)
        else:
            ranges.append((code_point, code_point))
    return ranges


def encode_marks(marks: dict[int, int]) -> str:
    """Per mark: its distance from the last one, its rank."""
    numbers: list[int] = []
    last = 0
    for code_point, rank in sorted(marks.items()):
        numbers += [code_point - last, rank]
        last = code_point
    return encode_numbers(numbers)


def encode_single_folds(fold: dict[int, str]) -> str:
    """Per run: distance from the last source, steps, source stride, target less last target, target stride."""
    pairs = [(source, ord(target)) for source, target in sorted(fold.items()) if len(target) == 1]
    numbers: list[int] = []
    last_source = last_target = 0
    index = 0
    while index < len(pairs):
        source, target = pairs[index]
        steps, source_stride, target_stride = 0, 0, 0
        if index + 1 < len(pairs):
            source_stride = pairs[index + 1][0] - source
            target_stride = pairs[index + 1][1] - target
            while index + steps + 1 < len(pairs) and pairs[index + steps + 1] == (
                source + (steps + 1) * source_stride,
                target + (steps + 1) * target_stride,
            ):
                steps += 1
        # A run of two pays for its strides only where they are small.
        if steps == 1 and (source_stride > 2 or abs(target_stride) > 15):
            steps = 0
        numbers += [source - last_source, steps]
        if steps > 0:
            numbers += [source_stride]
        numbers += [zigzag(target - last_target)]
        if steps > 0:
            numbers += [zigzag(target_stride)]
        index += steps + 1
        last_source, last_target = pairs[index - 1]
    return encode_numbers(numbers)


def encode_multiple_folds(fold: dict[int, str]) -> str:
    """Per source: its distance from the last one, the number of targets, each target less the source (zigzag)."""
    numbers: list[int] = []
    last = 0
    for source, target in sorted(fold.items()):
        if len(target) > 1:
            numbers += [source - last, len(target), *(zigzag(ord(c) - source) for c in target)]
            last = source
    return encode_numbers(numbers)


def render(probe: Probe, tokenizer_sha256: str) -> str:
    tables = {
        "removed": (encode_ranges(probe.removed), f"{len(probe.removed)} dropped by cleaning"),
        "space": (encode_ranges(probe.space), f"{len(probe.space)} that separate words"),
        "accents": (encode_ranges(probe.accents), f"{len(probe.accents)} stripped accents"),
        "barriers": (encode_ranges(probe.barriers), f"{len(probe.barriers)} stripped, but marks do not pass them"),
        "split": (encode_ranges(probe.split), f"{len(probe.split)} that stand alone"),
        "cjk": (encode_ranges(probe.cjk), f"{len(probe.cjk)} set between spaces"),
        "marks": (encode_marks(probe.marks), f"{len(probe.marks)} kept and reordered, with their ranks"),
        "folds": (
            encode_single_folds(probe.fold),
            f"{sum(len(t) == 1 for t in probe.fold.values())} that become another character",
        ),
        "expansions": (
            encode_multiple_folds(probe.fold),
            f"{sum(len(t) > 1 for t in probe.fold.values())} that become several",
        ),
    }
    lines = [
        "// Generated by batch/training/probe_tokenizer.py; do not edit.",
        f"// Probe version {PROBE_VERSION}; reference: tokenizers {tokenizers.__version__}, tokenizer.json sha256",
        f"// {tokenizer_sha256}.",
        "// Encoding: see shared/text/unicode-tables.ts. Hangul syllables decompose arithmetically.",
        "",
        "export const UNICODE_TABLES = {",
        f"  probeVersion: {PROBE_VERSION},",
        f'  reference: "tokenizers {tokenizers.__version__}",',
    ]
    for name, (encoded, comment) in tables.items():
        lines += [f"  /** {comment} */", f'  {name}: "{encoded}",']
    return "\n".join([*lines, "} as const;", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of the reference")
    parser.add_argument("--out", type=Path, required=True, help="the generated TypeScript file")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file would change")
    arguments = parser.parse_args()
    probe = Probe(Tokenizer.from_file(str(arguments.tokenizer)))
    text = render(probe, hashlib.sha256(arguments.tokenizer.read_bytes()).hexdigest())
    if arguments.check:
        same = arguments.out.read_text(encoding="utf-8") == text
        print(f"{arguments.out} {'is up to date' if same else 'differs from what the reference shows'}")
        return 0 if same else 1
    arguments.out.write_text(text, encoding="utf-8")
    kept = LAST_CODE_POINT + 1 - 2048
    print(f"probed {kept} scalar values; wrote {len(text)} characters to {arguments.out}")
    for name in ("removed", "space", "accents", "barriers", "split", "cjk", "marks", "fold"):
        print(f"  {name}: {len(getattr(probe, name))}")
    print(f"  mark ranks: {len(set(probe.marks.values()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
