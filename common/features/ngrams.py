"""Many texts at once as one array of Unicode code points: classes of characters, words, and hashed n-grams, without a Python loop.

An n-gram's column is the top bits of a polynomial hash of its code points, sum(code[k] * B**k) modulo 2**64 (Karp and Rabin,
IBM Journal of Research and Development 31(2), 1987): prefix sums give the hash of any stretch of the text in one subtraction.
"""

import unicodedata
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

BITS = 18
BUCKETS = 2**BITS  # hashed columns of each family: words and word pairs first, then characters
CHARACTERS = (3, 4, 5)  # lengths of the character n-grams, which run across words
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2**64
INVERSE = np.uint64(pow(int(BASE), -1, 2**64))
SPACE, LETTER, CAPITAL, DIGIT, MARK, WORD, LATIN, EMOJI = (1 << bit for bit in range(8))
SCRIPTS = {  # Unicode blocks of scripts in which reviews are written beside Latin
    "devanagari": [(0x900, 0x97F)],
    "arabic": [(0x600, 0x6FF), (0x750, 0x77F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)],
    "cyrillic": [(0x400, 0x52F)],
    "han": [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x20000, 0x2FFFF)],
    "hangul": [(0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)],
    "thai": [(0xE00, 0xE7F)],
}


@lru_cache(1)
def _tables():
    """(classes of each code point as bits, uint8; its lower case, uint32) for all of Unicode."""
    bits = {"L": LETTER | WORD, "N": WORD, "P": MARK, "Z": SPACE}
    category = [unicodedata.category(c) for c in map(chr, range(0x110000))]
    of_category = {
        name: bits.get(name[0], 0) | {"Lu": CAPITAL, "Nd": DIGIT}.get(name, 0)
        for name in set(category)
    }
    kind = np.array([of_category[name] for name in category], np.uint8)
    kind[[ord(c) for c in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"]] = SPACE
    kind[ord("_")] |= WORD
    for first, last, bit in (
        (0, 0x24F, LATIN),
        (0x1E00, 0x1EFF, LATIN),
        (0x2600, 0x27BF, EMOJI),
        (0x1F300, 0x1FAFF, EMOJI),
    ):
        kind[first : last + 1] |= np.uint8(bit)
    kind[(kind & LETTER) == 0] &= np.uint8(255 - LATIN)
    lower = np.arange(len(kind), dtype=np.uint32)
    capital = np.flatnonzero(kind & CAPITAL)
    lower[capital] = [ord(chr(c).lower()[0]) for c in capital]
    return kind, lower


class Texts:
    """Code points of n texts, each led by a space, and one space at the end.

    code (m,) uint32, lower-cased `lower`, classes `kind` (bits), `row` (m,) int32, the text that each belongs to, and `start` (n,),
    the position of each text's leading space.
    """

    def __init__(self, text):
        """text: pyarrow string array or chunked array of n texts without nulls."""
        self.n = len(text)
        led = pc.binary_join_element_wise(
            pa.scalar("", pa.large_string()),
            text.cast(pa.large_string()),
            pa.scalar(" ", pa.large_string()),
        )
        led = led.combine_chunks() if isinstance(led, pa.ChunkedArray) else led
        raw = b"" if not self.n else bytes(memoryview(led.buffers()[2]))
        self.code = np.frombuffer((raw.decode() + " ").encode("utf-32-le"), np.uint32)
        length = pc.utf8_length(led).to_numpy(zero_copy_only=False)
        self.start = np.append(0, np.cumsum(length[:-1])) if self.n else length
        self.row = np.append(
            np.repeat(np.arange(self.n, dtype=np.int32), length), np.int32(self.n - 1)
        )
        kinds, lower = _tables()
        self.kind, self.lower = kinds[self.code], lower[self.code]

    def per_text(self, where):
        """(n,) float32: at how many of its positions a boolean mask (m,) holds, for each text."""
        return (
            np.add.reduceat(where, self.start, dtype=np.int32).astype(np.float32)
            if self.n
            else np.zeros(0, np.float32)
        )

    def count(self, bit):
        return self.per_text(self.kind & bit != 0)

    def count_script(self, name):
        within = np.zeros(len(self.code), bool)
        if self.code.max() >= 0x400:  # most slices hold no such text
            for first, last in SCRIPTS[name]:
                within |= (self.code >= first) & (self.code <= last)
        return self.per_text(within)

    def count_words(self):
        space = self.kind & SPACE != 0
        return self.per_text(np.append(False, space[:-1] & ~space[1:]))

    def count_repeats(self):
        """Runs of three and more of the same letter or of one of ! ? . in each text; case is ignored."""
        same = self.lower[1:] == self.lower[:-1]
        same &= (self.kind[1:] & LETTER != 0) | np.isin(self.code[1:], [ord(c) for c in "!?."])
        third = np.concatenate([[False, False], same[1:] & same[:-1]])
        third[1:] &= ~third[:-1].copy()
        return self.per_text(third)

    def ngrams(self):
        """CSR (n, 2 * BUCKETS) float32 of 1 + log(count): words, single other characters (marks, emoji) and pairs of these in
        the first BUCKETS columns, character n-grams of CHARACTERS in the others. Lower case; columns sorted within a row."""
        power = np.cumprod(np.full(len(self.lower), BASE))
        inverse = np.cumprod(np.full(len(self.lower), INVERSE))
        prefix = np.append(
            np.uint64(0), np.cumsum((self.lower.astype(np.uint64) + np.uint64(1)) * power)
        )
        word, space = self.kind & WORD != 0, self.kind & SPACE != 0
        alone = ~word & ~space
        edge = word[1:] != word[:-1]
        start = np.flatnonzero(np.append(False, edge & word[1:]) | alone)
        end = np.flatnonzero(np.append(edge & word[:-1], False) | alone) + 1
        token, row = _mix((prefix[end] - prefix[start]) * inverse[start]), self.row[start]
        pair = row[1:] == row[:-1]
        keys = [
            _key(row, token),
            _key(row[:-1][pair], _mix(token[:-1][pair] * BASE + token[1:][pair])),
        ]
        for length in CHARACTERS:
            windows = max(len(prefix) - length, 0)
            hashed = (prefix[length:] - prefix[:windows]) * inverse[:windows]
            # A text's leading space belongs to it, and so does the next text's as its end.
            inside = self.row[: len(hashed)] == self.row[length - 2 : len(hashed) + length - 2]
            keys.append(
                _key(self.row[: len(hashed)][inside], _mix(hashed[inside] + np.uint64(length)))
                + BUCKETS
            )
        keys = np.sort(np.concatenate(keys))
        first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else keys
        counts = np.diff(np.append(first, len(keys)))
        keys = keys[first]
        indptr = np.searchsorted(keys, np.arange(self.n + 1) * (2 * BUCKETS))
        return sp.csr_matrix(
            (
                1 + np.log(counts.astype(np.float32)),
                (keys % (2 * BUCKETS)).astype(np.int32),
                indptr,
            ),
            shape=(self.n, 2 * BUCKETS),
        )


def _mix(hashed):
    """Spread a polynomial hash's randomness, which sits in its middle bits, over the top ones."""
    hashed = hashed * np.uint64(0xBF58476D1CE4E5B9)
    return hashed ^ (hashed >> np.uint64(29))


def _key(row, hashed):
    """Row and column as one sortable number."""
    return row.astype(np.int64) * (2 * BUCKETS) + (
        hashed * np.uint64(0x94D049BB133111EB) >> np.uint64(64 - BITS)
    ).astype(np.int64)
