"""Many texts at once as one array of Unicode code points: character classes, words, hashed n-grams.

There is no Python loop over texts or characters. An n-gram's bucket is the top bits of a polynomial
hash of its code points, sum(code[k] * B**k) modulo 2**64 (Karp and Rabin, IBM Journal of Research
and Development 31(2), 1987): prefix sums give the hash of any substring in one subtraction.
"""

import unicodedata
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.toml import toml_beside

BITS = 20
BUCKETS = 2**BITS  # of each kind: words and word pairs first, then characters
CHARACTERS = 4  # length of the character n-grams, which run across words
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2**64
INVERSE = np.uint64(pow(int(BASE), -1, 2**64))
SPACE, LETTER, CAPITAL, DIGIT, MARK, WORD, LATIN, EMOJI = (1 << bit for bit in range(8))
SCRIPTS = toml_beside(__file__, "scripts.toml")


@lru_cache(1)
def _tables() -> tuple[ndarray, ndarray]:
    """Classes (bits, uint8) and lower case (uint32) of every code point."""
    bits = {"L": LETTER | WORD, "Lu": CAPITAL, "N": WORD, "Nd": DIGIT, "P": MARK, "Z": SPACE}
    categories = [unicodedata.category(c) for c in map(chr, range(0x110000))]
    classes = {name: bits.get(name[0], 0) | bits.get(name, 0) for name in set(categories)}
    kind = np.array([classes[name] for name in categories], np.uint8)
    kind[[ord(c) for c in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"]] = SPACE
    kind[ord("_")] |= WORD
    letter = kind & LETTER != 0
    for first, last in ((0, 0x24F), (0x1E00, 0x1EFF)):
        kind[first : last + 1] |= np.uint8(LATIN) * letter[first : last + 1]
    for first, last in ((0x2600, 0x27BF), (0x1F300, 0x1FAFF)):
        kind[first : last + 1] |= EMOJI
    lower = np.arange(len(kind), dtype=np.uint32)
    capitals = np.flatnonzero(kind & CAPITAL)
    lower[capitals] = [ord(chr(c).lower()[0]) for c in capitals]
    return kind, lower


class Texts:
    """The code points of n texts, each led by a space, and one space at the end: m in all.

    `code` (m,) uint32, `lower`, the same in lower case, `kind`, their classes as bits, `row` (m,)
    int32, the text that each belongs to, and `start` (n,), the position of a text's leading space.
    """

    def __init__(self, texts: pa.Array | pa.ChunkedArray) -> None:
        """texts: n strings without nulls."""
        strings = texts.to_pylist()
        self.n = len(strings)
        joined = " ".join(["", *strings, ""])
        self.code = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
        length = np.array([len(text) + 1 for text in strings], np.int64)
        self.start = np.cumsum(length) - length
        length[-1:] += 1
        self.row = np.repeat(np.arange(self.n, dtype=np.int32), length)
        kinds, lower = _tables()
        self.kind, self.lower = kinds[self.code], lower[self.code]

    def per_text(self, mask: ndarray) -> ndarray:
        """(n,) float32: at how many of each text's positions a boolean mask (m,) holds."""
        return np.add.reduceat(mask, self.start, dtype=np.int32).astype(np.float32)

    def count(self, bit: int) -> ndarray:
        """(n,) float32: characters of a class."""
        return self.per_text(self.kind & bit != 0)

    def count_script(self, name: str) -> ndarray:
        """(n,) float32: characters within one of SCRIPTS."""
        within = np.zeros(len(self.code), bool)
        if self.code.max() >= 0x400:  # most slices hold no such text
            for first, last in SCRIPTS[name]:
                within |= (self.code >= first) & (self.code <= last)
        return self.per_text(within)

    def count_words(self) -> ndarray:
        """(n,) float32: runs of characters that are no space."""
        space = self.kind & SPACE != 0
        return self.per_text(np.append(False, space[:-1] & ~space[1:]))

    def count_repeats(self) -> ndarray:
        """(n,) float32: runs of three and more of a letter, whatever its case, or of ! ? or ."""
        same = self.lower[1:] == self.lower[:-1]
        same &= (self.kind[1:] & LETTER != 0) | np.isin(self.code[1:], [ord(c) for c in "!?."])
        third = np.concatenate([[False, False], same[1:] & same[:-1]])
        third[1:] &= ~third[:-1].copy()
        return self.per_text(third)

    def ngrams(self) -> ndarray:
        """Every text's different n-grams in lower case: text * 2 * BUCKETS + bucket, sorted, int64.

        Words, single other characters (marks, emoji) and pairs of these have the first BUCKETS
        buckets, runs of CHARACTERS the others.
        """
        keys = np.sort(self._keys())  # np.unique hashes, and takes four times as long
        return keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]

    def _keys(self) -> ndarray:
        """The key of every n-gram's every occurrence, int64, in no order."""
        power = np.cumprod(np.full(len(self.code), BASE))
        inverse = np.cumprod(np.full(len(self.code), INVERSE))
        prefix = np.cumsum((self.lower.astype(np.uint64) + np.uint64(1)) * power)
        prefix = np.append(np.uint64(0), prefix)
        word = self.kind & WORD != 0
        alone = self.kind & (WORD | SPACE) == 0
        edge = word[1:] != word[:-1]
        start = np.flatnonzero(np.append(False, edge & word[1:]) | alone)
        end = np.flatnonzero(np.append(edge & word[:-1], False) | alone) + 1
        token, row = _mix((prefix[end] - prefix[start]) * inverse[start]), self.row[start]
        pair = row[1:] == row[:-1]
        pairs = _mix(token[:-1][pair] * BASE + token[1:][pair])
        keys = [_key(row, token), _key(row[1:][pair], pairs)]
        windows = max(len(prefix) - CHARACTERS, 0)
        hashed = (prefix[CHARACTERS:] - prefix[:windows]) * inverse[:windows]
        # A text's leading space belongs to it, and so does the next text's as its end.
        row = self.row[:windows]
        inside = row == self.row[CHARACTERS - 2 : windows + CHARACTERS - 2]
        keys.append(_key(row[inside], _mix(hashed[inside])) + BUCKETS)
        return np.concatenate(keys)


def _mix(hashed: ndarray) -> ndarray:
    """Spread a polynomial hash's randomness, which sits in its middle bits, over the top ones."""
    hashed = hashed * np.uint64(0xBF58476D1CE4E5B9)
    return hashed ^ (hashed >> np.uint64(29))


def _key(row: ndarray, hashed: ndarray) -> ndarray:
    """Text and bucket as one sortable int64."""
    bucket = hashed * np.uint64(0x94D049BB133111EB) >> np.uint64(64 - BITS)
    return row.astype(np.int64) * (2 * BUCKETS) + bucket.astype(np.int64)
