"""Search in texts: words, "phrases", beginnings*, AND, OR and NOT, whatever the case.

A word is what common/eda/words.py calls one, so that a term is found as often as 02 counts it.
"""

import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray
from pandas import DataFrame

from common.eda.words import PUNCTUATION

PART = re.compile(r'(-|NOT\s+)?(?:"([^"]*)"?|(\S+))')
AROUND = "[" + "".join(rf"\x{{{ord(mark):x}}}" for mark in PUNCTUATION) + "]"  # quotes, too
BETWEEN = rf"{AROUND}*\s(?:\s|{AROUND})*"
# Thai, Lao, Khmer, kana and Chinese: written without spaces, so that a word has no ends.
UNSPACED = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def alternatives(query: str) -> list[list[tuple[bool, str]]]:
    """A query as terms by alternative: whether a term is wanted, and its pattern."""
    found: list[list[tuple[bool, str]]] = [[]]
    for without, phrase, word in PART.findall(query):
        if word == "OR":
            found.append([])
        elif word != "AND" and (term := pattern(phrase or word)):
            found[-1].append((not without, re.sub("['\u2019]", "['\u2019]", term)))
    return [terms for terms in found if terms]


def pattern(term: str) -> str:
    """RE2's words for a word or words after each other; "" where there is none."""
    parts = []
    for word in term.split():
        plain = word.strip(PUNCTUATION)
        ends = r"\S*" if word.endswith("*") else ""
        if plain:
            parts.append(re.escape(plain) + ends)
    return BETWEEN.join(parts)


def has(texts: pa.ChunkedArray, patterns: Iterable[str]) -> ndarray:
    """(n,) bool: the texts in which one of the patterns stands as whole words."""
    any_of = "|".join(patterns)
    if not UNSPACED.search(any_of):
        any_of = rf"(?:^|\s){AROUND}*(?:{any_of}){AROUND}*(?:\s|$)"
    return pc.match_substring_regex(texts, any_of, ignore_case=True).to_numpy()


def search(texts: pa.ChunkedArray, query: str) -> ndarray:
    """(n,) bool: the texts that a query finds; one without a word finds all."""
    asked = alternatives(query)
    found = np.full(len(texts), not asked)
    for terms in asked:
        rows, left = np.arange(len(texts)), texts
        for wanted, term in sorted(terms, reverse=True):  # what is wanted first leaves fewer
            hits = has(left, [term]) == wanted
            rows, left = rows[hits], left.filter(pa.array(hits))
        found[rows] = True
    return found


def speaks_of(texts: pa.ChunkedArray, listed: DataFrame) -> ndarray:
    """(n,) bool: the texts with as many of a group's listed terms as it needs."""
    patterns = [pattern(term) for term in listed["term"]]
    found, needs = has(texts, patterns), listed["needs"].iloc[0]
    if needs > 1:
        some = texts.filter(pa.array(found))
        found[found] = np.sum([has(some, [one]) for one in patterns], axis=0) >= needs
    return found
