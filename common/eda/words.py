"""Words of reviews, and terms: words, and pairs of words that stand beside each other.

A term is compared by a hash, the same in every file.
"""

import string
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray
from scipy.sparse import csr_array

from common.schema import string_hash, with_title

# Of all scripts: those of Unicode's categories P, and ASCII's symbols.
PUNCTUATION = string.punctuation + "".join(
    filter(lambda sign: unicodedata.category(sign)[0] == "P", map(chr, range(128, 1 << 16)))
)
MAX_WORD_CHARACTERS = 30
FIRST_OF_PAIR = np.uint64(0x9E3779B97F4A7C15)  # odd: the pair "a b" is not "b a"


class Words(NamedTuple):
    """The words of some reviews in reading order: lower case, without punctuation around them."""

    row: ndarray  # (uses,) int: the review
    code: ndarray  # (uses,) int: index into the vocabulary
    vocabulary: pa.Array  # of str


class Terms(NamedTuple):
    """The uses of all words and of all pairs, and where the (first) word stands in Words."""

    row: ndarray  # (uses,) int: the review
    hash: ndarray  # (uses,) uint64
    word: ndarray  # (uses,) int


def split_words(reviews: pa.Table) -> Words:
    """The words of titles and texts; none is empty or longer than MAX_WORD_CHARACTERS."""
    text = pc.utf8_lower(with_title(reviews)["review_text"])
    # Of a text that ends with a space Arrow looks at the byte behind it, and by that may not split.
    split = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(text)).combine_chunks()
    coded = pc.utf8_trim(pc.list_flatten(split), characters=PUNCTUATION).dictionary_encode()
    # Some keyboards write another apostrophe: "don't" is one word.
    alike = pc.replace_substring(coded.dictionary, "\u2019", "'").dictionary_encode()
    length = pc.utf8_length(alike.dictionary).to_numpy()
    row, code = pc.list_parent_indices(split).to_numpy(), alike.indices.take(coded.indices)
    kept = ((length > 0) & (length <= MAX_WORD_CHARACTERS))[code]
    return Words(row[kept], code.to_numpy()[kept], alike.dictionary)


def terms_of(words: Words) -> Terms:
    hashes = string_hash(words.vocabulary)[words.code]
    first = np.flatnonzero(words.row[:-1] == words.row[1:])
    pairs = hashes[first] * FIRST_OF_PAIR + hashes[first + 1]
    word = np.append(np.arange(len(hashes)), first)
    return Terms(words.row[word], np.append(hashes, pairs), word)


def texts_of(words: Words, word: ndarray, is_pair: ndarray) -> ndarray:
    """The terms that stand at `word` of Words, as text: object (n,)."""
    text = words.vocabulary.to_numpy(zero_copy_only=False)
    second = " " + text[words.code[(word + is_pair)]]
    return text[words.code[word]] + np.where(is_pair, second, "")


def term_hashes(terms: Iterable[str]) -> ndarray:
    """(n,) uint64 of words, and of pairs with a space between them."""
    parts = np.array([term.partition(" ") for term in terms], object).reshape(-1, 3).T
    first, second = string_hash(parts[0]), string_hash(parts[2])
    return np.where(parts[1] == " ", first * FIRST_OF_PAIR + second, first)


def uses_of(terms: Terms, wanted: ndarray, rows: int) -> csr_array:
    """(rows, n) 0 or 1: which of the wanted terms a review has. wanted: (n,) distinct hashes."""
    column = pc.index_in(pa.array(terms.hash), value_set=pa.array(wanted))
    column = column.fill_null(-1).to_numpy()
    used = column >= 0
    ones = np.ones(used.sum(), np.int32)
    return csr_array((ones, (terms.row[used], column[used])), (rows, len(wanted))).sign()
