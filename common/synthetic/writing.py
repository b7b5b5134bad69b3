"""The words of synthetic reviews: a way of writing that fits the rating more or less, its clauses,
and how people type them. The words are in text.toml, how common each habit is in habits.toml.
"""

import re
from functools import cache

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from common.synthetic.history import draw, draw_by
from common.toml import toml_beside

TEXT, HABITS = (toml_beside(__file__, name) for name in ("text.toml", "habits.toml"))
TOPICS = TEXT["topics"]  # {kind of clause: {topic: {weights, window?}}}
BANKS = TEXT["banks"] | TEXT["clauses"]
STYLES, FAULTS = HABITS["styles"].values(), HABITS["faults"]
CLAUSES = ["", *dict.fromkeys(kind for style in STYLES for kind in style["clauses"])]  # "": none
CASES = str, str.lower, str.upper  # what is done to a text of each of HABITS["cases"]
MAX_CLAUSES = 12
SLOT = re.compile(r"\{[\w ]+\}|\[[^\]]*\]")  # {bank} or [one|of|these]


def write_texts(
    rating: ndarray, year: ndarray, fault: ndarray, long: ndarray, rng: Generator
) -> list[str]:
    """One text a review. `rating` int [n] 0 to 4, `year` float [n], `fault` int [n] an index into
    FAULTS, or -1; `long` bool [n], those that are no short ones.
    """
    weights = np.array([style["weights"] for style in STYLES])
    shares = weights.T / weights.sum(axis=0)[:, None]
    is_short = np.array(["short" in habit for habit in STYLES])
    style = draw_by(np.vstack([shares, shares * ~is_short]), rating + len(shares) * long, rng)
    short = is_short[style]
    kinds = _clause_kinds(style, short, rating, rng)
    clauses = _clauses(kinds, year, fault, rng)
    plain = _is(kinds[:, 0], "praise", "complaint")
    opened = plain & (rng.random(len(rating)) < 0.2)
    trailed = plain & (rng.random(len(rating)) < 0.25)
    clauses[opened, 0] = _fill("{opener}", opened.sum(), rng) + clauses[opened, 0]
    clauses[trailed, 0] += _fill("{tail}", trailed.sum(), rng)
    contrast = _is(kinds[:, 1], "but", "otherwise")
    clauses[contrast, 2] = clauses[contrast, 1] + " " + clauses[contrast, 2]
    clauses[contrast, 1] = ""
    return _typed(clauses, short, rng)


def _is(kinds: ndarray, *names: str) -> ndarray:
    return np.isin(kinds, list(map(CLAUSES.index, names)))


def _clause_kinds(style: ndarray, short: ndarray, rating: ndarray, rng: Generator) -> ndarray:
    """The kind of each clause, int8 [n, MAX_CLAUSES], an index into CLAUSES: those of the review's
    `style` (int [n]), then, unless it is `short` (bool [n]), some more.
    """
    count = len(style)
    kinds = np.zeros((count, MAX_CLAUSES), np.int8)
    for number, habit in enumerate(STYLES):
        kinds[style == number, : len(habit["clauses"])] = list(map(CLAUSES.index, habit["clauses"]))
    shape = np.array(HABITS["evenness"])[rating]
    mean = np.array(HABITS["extra_clauses"])[rating]
    extra = np.where(short, 0, rng.poisson(rng.gamma(shape, mean / shape)))
    used = (kinds > 0).sum(axis=1)
    last = kinds[np.arange(count), used - 1]
    request, story = CLAUSES.index("request"), CLAUSES.index("story")
    for position in range(1, MAX_CLAUSES):
        more = (position >= used) & (position < used + extra)
        aside = np.where(rng.random(count) < 0.5, request, story)
        kinds[more, position] = np.where(rng.random(count) < 0.17, aside, last)[more]
    return kinds


def _clauses(kinds: ndarray, year: ndarray, fault: ndarray, rng: Generator) -> ndarray:
    """The words of each clause, object [n, MAX_CLAUSES] of str, "" where `kinds` has none."""
    clauses = np.full(kinds.shape, "", object)
    for number, kind in enumerate(CLAUSES[1:], 1):
        row, column = np.nonzero(kinds == number)
        if kind not in TOPICS:
            clauses[row, column] = _fill(f"{{{kind}}}", len(row), rng)
            continue
        topic = draw_by(_topic_weights(kind, year[row]), np.arange(len(row)), rng)
        main = np.empty(len(kinds), int)
        main[row] = topic
        loyal = rng.random(len(row)) < HABITS["topic_loyalty"].get(kind, 1)
        topic = np.where(loyal, main[row], topic)
        names = list(TOPICS[kind])
        if kind == "complaint":
            about = rng.random(len(row)) < np.array([*FAULTS.values(), 0])[fault[row]]
            topic[about] = np.array([names.index(name) for name in FAULTS])[fault[row][about]]
        for position, name in enumerate(names):
            here = topic == position
            clauses[row[here], column[here]] = _fill(f"{{{kind} {name}}}", here.sum(), rng)
    return clauses


def _topic_weights(kind: str, year: ndarray) -> ndarray:
    """How common each topic of a kind of clause is in each of these years, float [n, topics]."""
    weights = []
    for topic in TOPICS[kind].values():
        first, last = topic.get("window", (-np.inf, np.inf))
        weight = np.interp(year, TEXT["anchor_years"], topic["weights"])
        weights.append(np.where((year < first) | (year > last), 0, weight))
    return np.array(weights).T


def _typed(clauses: ndarray, short: ndarray, rng: Generator) -> list[str]:
    """Texts as people type them: joined, capitalised, ended, misspelt, and cut."""
    count = len(clauses)
    separator = _draw_from(HABITS["separators"], count, rng)
    ending = np.where(short, "", _draw_from(HABITS["endings"], count, rng))
    cases = (draw(HABITS["cases"][length], count, rng) for length in ("short", "long"))
    case = np.where(short, *cases)
    smiling = rng.random(count) < np.where(short, 0.02, 0.08)
    smile = np.where(smiling, " " + _fill("{emoji}", count, rng), "")
    sloppy = np.where(short, 0.15, 0.2) > rng.random(count)
    texts = []
    columns = (column.tolist() for column in (clauses, separator, ending, case, smile, sloppy))
    for slots, between, end, letters, emoji, typos in zip(*columns):
        parts = [clause for clause in slots if clause]
        if letters == 0:
            sentences = len(parts) if between[0] in ".!\n" else 1
            parts[:sentences] = [part[0].upper() + part[1:] for part in parts[:sentences]]
        text = CASES[letters](between.join(parts) + end) + emoji
        if typos:
            text = _misspelt(text, rng)
        texts.append(text[: HABITS["max_characters"]].strip())
    return texts


def _draw_from(shares: dict[str, float], count: int, rng: Generator) -> ndarray:
    """`count` keys of `shares`, object [count] of str, each as likely as its share."""
    return np.array(list(shares), object)[draw(list(shares.values()), count, rng)]


def _misspelt(text: str, rng: Generator) -> str:
    """`text` with slips of the finger: letters lost, doubled, swapped or stretched, words cut."""
    words = text.split(" ")
    slips = 1 + len(words) // 8
    for index, slip in zip(rng.integers(len(words), size=slips), rng.integers(6, size=slips)):
        word = words[index]
        if shorthand := HABITS["shorthand"].get(word.lower()):
            words[index] = shorthand
        elif len(word) > 3 and slip < 5:
            cut = 1 + int(index) % (len(word) - 2)
            head, letter, rest = word[:cut], word[cut], word[cut + 1 :]
            words[index] = (
                head + rest,
                word[:-1],
                head + 2 * letter + rest,
                head + rest[0] + letter + rest[1:],
                word + word[-1] * (2 + cut),
            )[slip]
    return " ".join(words)


def _fill(slot: str, count: int, rng: Generator) -> ndarray:
    """`count` texts for a {bank} or for [one|of|these], object [count] of str, slots within them
    filled anew for each.
    """
    formats, slots = _parse(slot)
    name, skew = slot[1:-1], 1.0
    if slot[0] == "{":
        skew = HABITS["skew"].get(name, 1.6 if name in TEXT["banks"] else 1.3)
    pick = (len(formats) * rng.random(count) ** skew).astype(int)
    texts = formats[pick]
    for number, inner in slots.items():
        rows = np.flatnonzero(pick == number)
        if len(rows):
            words = zip(*(_fill(name, len(rows), rng) for name in inner))
            texts[rows] = [formats[number] % filling for filling in words]
    return texts


@cache
def _parse(slot: str) -> tuple[ndarray, dict[int, list[str]]]:
    """(formats, slots) of a slot's templates: object [templates] of str, plain text or, where there
    are slots, a %-format; and the slots by template.
    """
    name = slot[1:-1]
    formats, slots = [], {}
    for number, template in enumerate(BANKS[name] if slot[0] == "{" else name.split("|")):
        if inner := SLOT.findall(template):
            slots[number] = inner
            template = SLOT.sub("%s", template.replace("%", "%%"))
        formats.append(template)
    return np.array(formats, object), slots
