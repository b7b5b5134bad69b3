"""The words of made reviews: a way of writing that fits the rating more or less, its clauses, and how people type them."""

import re
import tomllib
from functools import cache
from pathlib import Path

import numpy as np

from common.synthetic.history import draw, draw_by

SLOT = re.compile(r"\{([\w ]+)\}|\[([^\]]*)\]")  # {bank} or [one|of|these]
MAX_CHARACTERS = 500
MAX_CLAUSES = 12
BAD_RELEASE_TOPIC = 0.7  # share of complaints about the bad release that name its fault

# How people write: share of each way by rating 1 to 5 (columns are normalised), then the kinds of clause in order.
STYLES = {
    "mild": ((0.024, 0.018, 0.045, 0.110, 0.180), ("mild",)),
    "strong": ((0.012, 0.010, 0.015, 0.050, 0.140), ("strong",)),
    "short praise": ((0.015, 0.012, 0.027, 0.105, 0.290), ("short praise",)),
    "bad": ((0.085, 0.035, 0.014, 0.004, 0.002), ("bad",)),
    "short grumble": ((0.130, 0.070, 0.030, 0.008, 0.004), ("short grumble",)),
    "noise": ((0.011, 0.011, 0.014, 0.013, 0.018), ("noise",)),
    "foreign praise": ((0.005, 0.005, 0.015, 0.035, 0.045), ("foreign praise",)),
    "foreign complaint": ((0.045, 0.035, 0.030, 0.010, 0.004), ("foreign complaint",)),
    "praise": ((0.008, 0.010, 0.025, 0.095, 0.175), ("praise",)),
    "complaint": ((0.500, 0.480, 0.340, 0.130, 0.013), ("complaint",)),
    "praise, but": ((0.060, 0.150, 0.260, 0.290, 0.018), ("praise", "but", "complaint")),
    "complaint, otherwise": (
        (0.015, 0.040, 0.060, 0.070, 0.010),
        ("complaint", "otherwise", "praise"),
    ),
    "request": ((0.035, 0.045, 0.070, 0.090, 0.015), ("request",)),
    "praise and request": ((0.010, 0.020, 0.040, 0.110, 0.020), ("praise", "request")),
    "story": ((0.030, 0.030, 0.030, 0.025, 0.020), ("story",)),
    "sarcasm": ((0.050, 0.025, 0.010, 0.003, 0.002), ("sarcasm", "complaint")),
}
SHORT = ("mild", "strong", "short praise", "bad", "short grumble", "noise")
EXTRA_CLAUSES = (
    2.15,
    2.6,
    1.75,
    0.85,
    1.05,
)  # mean number of further clauses by rating, where a review is not a short one
EVENNESS = (
    0.7,
    0.7,
    0.65,
    0.35,
    0.3,
)  # gamma shape of that number by rating: low where most write little and a few very much
TEXT = tomllib.loads(Path(__file__).with_name("text.toml").read_text(encoding="utf-8"))
TOPICS = {  # kind of clause: topic: (weights in the anchor years, templates)
    "praise": {topic: (own["weights"], own["templates"]) for topic, own in TEXT["praise"].items()},
    "complaint": {
        topic: (own["weights"], own["templates"]) for topic, own in TEXT["complaint"].items()
    },
    "foreign praise": {
        language: (own["weights"], own["praise"]) for language, own in TEXT["foreign"].items()
    },
    "foreign complaint": {
        language: (own["weights"], own["complaints"]) for language, own in TEXT["foreign"].items()
    },
}
TOPIC_LOYALTY = {
    "praise": 0.4,
    "complaint": 0.65,
}  # chance that a further clause stays with the review's main topic; language: always
BANKS = {
    **TEXT["banks"],
    **TEXT["terse"],
    "short praise": TEXT["short_praise"],
    "short grumble": TEXT["short_grumble"],
    "request": TEXT["request"],
    "story": TEXT["story"],
    "sarcasm": TEXT["sarcasm"],
    **{
        f"{kind} {topic}": templates
        for kind, topics in TOPICS.items()
        for topic, (_, templates) in topics.items()
    },
}
KINDS = ["", *dict.fromkeys(kind for _, kinds in STYLES.values() for kind in kinds)]
SKEW = {
    "mild": 3,
    "strong": 1.7,
    "bad": 1.7,
    "noise": 1.2,
    "title": 1.2,
}  # draws are uniform ** skew: earlier entries more often

SEPARATORS = [". ", ", ", " ", "! ", "... ", " and ", "\n", ".\n\n", ".", " - "]
SEPARATOR_SHARE = [0.52, 0.14, 0.12, 0.05, 0.06, 0.04, 0.015, 0.01, 0.03, 0.015]
ENDINGS = ["", ".", "!", "!!!", "...", " ", "?", "!!"]
ENDING_SHARE = [0.47, 0.34, 0.07, 0.03, 0.04, 0.02, 0.01, 0.02]
SHORTHAND = {
    "please": "plz",
    "you": "u",
    "your": "ur",
    "because": "cuz",
    "and": "nd",
    "don't": "dont",
    "can't": "cant",
    "movies": "moives",
    "netflix": "netflx",
    "the": "d",
    "are": "r",
    "for": "4",
    "really": "realy",
    "great": "gr8",
    "excellent": "excelent",
    "awesome": "awsome",
    "experience": "expirience",
    "subscription": "subcription",
    "it's": "its",
    "episodes": "eps",
}


def write_texts(rating, year, bad_release, rng):
    """One text a review, list of str. `rating` int [n] 0 to 4, `year` float [n], `bad_release` bool [n]."""
    count = len(rating)
    weights = np.array([weights for weights, _ in STYLES.values()])
    style = draw_by(weights.T / weights.sum(axis=0)[:, None], rating, rng)
    kinds = np.zeros((count, MAX_CLAUSES), np.int8)
    for number, (_, clauses) in enumerate(STYLES.values()):
        kinds[style == number, : len(clauses)] = [KINDS.index(kind) for kind in clauses]
    short = np.isin(style, [number for number, name in enumerate(STYLES) if name in SHORT])
    shape = np.array(EVENNESS)[rating]
    extra = np.where(
        short, 0, rng.poisson(rng.gamma(shape, np.array(EXTRA_CLAUSES)[rating] / shape))
    )
    used = (kinds > 0).sum(axis=1)
    last = kinds[np.arange(count), used - 1]
    for position in range(1, MAX_CLAUSES):
        more = (position >= used) & (position < used + extra)
        aside = np.where(rng.random(count) < 0.5, KINDS.index("request"), KINDS.index("story"))
        kinds[more, position] = np.where(rng.random(count) < 0.17, aside, last)[more]
    clauses = _clauses(kinds, year, bad_release, rng)
    plain = np.isin(kinds[:, 0], (KINDS.index("praise"), KINDS.index("complaint")))
    opened, trailed = plain & (rng.random(count) < 0.2), plain & (rng.random(count) < 0.25)
    clauses[opened, 0] = _render("opener", opened.sum(), rng) + clauses[opened, 0]
    clauses[trailed, 0] += _render("tail", trailed.sum(), rng)
    contrast = np.isin(kinds[:, 1], (KINDS.index("but"), KINDS.index("otherwise")))
    clauses[contrast, 2] = clauses[contrast, 1] + " " + clauses[contrast, 2]
    clauses[contrast, 1] = ""
    return _written(clauses, short, rng)


def _clauses(kinds, year, bad_release, rng):
    """The words of each clause, object [n, MAX_CLAUSES] of str, "" where `kinds` has none."""
    clauses = np.full(kinds.shape, "", object)
    anchors = np.array(TEXT["anchor_years"], float)
    for number, kind in enumerate(KINDS[1:], 1):
        row, column = np.nonzero(kinds == number)
        if kind not in TOPICS:
            clauses[row, column] = _render(kind, len(row), rng)
            continue
        table = np.array(
            [np.interp(year[row], anchors, weights) for weights, _ in TOPICS[kind].values()]
        ).T
        for at, name in enumerate(TOPICS[kind]):
            first, last = TEXT["windows"].get(name, (-np.inf, np.inf))
            table[(year[row] < first) | (year[row] > last), at] = 0
        topic = draw_by(table, np.arange(len(row)), rng)
        main = np.empty(len(kinds), int)
        main[row] = topic
        topic = np.where(rng.random(len(row)) < TOPIC_LOYALTY.get(kind, 1), main[row], topic)
        if kind == "complaint":
            topic[bad_release[row] & (rng.random(len(row)) < BAD_RELEASE_TOPIC)] = list(
                TEXT["complaint"]
            ).index("bad release")
        for at, name in enumerate(TOPICS[kind]):
            here = topic == at
            clauses[row[here], column[here]] = _render(f"{kind} {name}", here.sum(), rng)
    return clauses


def _written(clauses, short, rng):
    """Texts as people type them: joined, capitalised, ended, misspelt, cut at MAX_CHARACTERS."""
    count = len(clauses)
    separator = np.array(SEPARATORS, object)[draw(SEPARATOR_SHARE, count, rng)]
    ending = np.where(short, "", np.array(ENDINGS, object)[draw(ENDING_SHARE, count, rng)])
    case = np.where(
        short, draw((0.84, 0.145, 0.015), count, rng), draw((0.84, 0.15, 0.01), count, rng)
    )
    smile = np.where(
        rng.random(count) < np.where(short, 0.02, 0.08), _render("emoji", count, rng), ""
    )
    sloppy = np.where(short, 0.15, 0.2) > rng.random(count)
    texts = []
    columns = (column.tolist() for column in (clauses, separator, ending, case, smile, sloppy))
    for parts, between, end, letters, face, typos in zip(*columns):
        parts = [part for part in parts if part]
        if letters == 0:
            parts[0] = parts[0][0].upper() + parts[0][1:]
            if between[0] in ".!\n":
                parts = [part[0].upper() + part[1:] for part in parts]
        text = between.join(parts) + end
        if letters == 1:
            text = text.lower()
        elif letters == 2:
            text = text.upper()
        if face:
            text += " " + face
        if typos:
            text = _misspelt(text, rng)
        texts.append(text[:MAX_CHARACTERS].strip())
    return texts


def _misspelt(text, rng):
    """`text` with a few slips of the finger: letters lost, doubled, swapped or stretched, words shortened."""
    words = text.split(" ")
    for at, slip in zip(
        rng.integers(len(words), size=1 + len(words) // 8),
        rng.integers(6, size=1 + len(words) // 8),
    ):
        word = words[at]
        if word.lower() in SHORTHAND:
            words[at] = SHORTHAND[word.lower()]
        elif len(word) > 3 and slip < 5:
            cut = 1 + int(at) % (len(word) - 2)
            head, letter, rest = word[:cut], word[cut], word[cut + 1 :]
            swapped = head + rest[0] + letter + rest[1:]
            words[at] = (
                head + rest,
                word[:-1],
                head + 2 * letter + rest,
                swapped,
                word + word[-1] * (2 + cut),
            )[slip]
    return " ".join(words)


def _render(name, count, rng):
    """`count` texts from the bank `name`, object [count] of str; slots and choices are filled anew for each."""
    return _fill(_compiled(name), SKEW.get(name, 1.6 if name in TEXT["banks"] else 1.3), count, rng)


def _fill(entries, skew, count, rng):
    """`count` draws from `entries`, as made by _entries: earlier ones more often the larger `skew` is."""
    pattern, parts = entries
    pick = (len(pattern) * rng.random(count) ** skew).astype(int)
    texts = pattern[pick]
    for at, slots in parts:
        rows = np.flatnonzero(pick == at)
        if len(rows):
            filled = [
                _render(slot, len(rows), rng)
                if isinstance(slot, str)
                else _fill(slot, 1, len(rows), rng)
                for slot in slots
            ]
            template = pattern[at]
            texts[rows] = [template % words for words in zip(*filled)]
    return texts


@cache
def _compiled(name):
    """The bank `name` in the form that _fill reads."""
    return _entries(BANKS[name])


def _entries(templates):
    """(patterns, parts): each pattern is plain text or a %-format, whose slots (bank names or nested entries) are in parts."""
    patterns, parts = [], []
    for at, template in enumerate(templates):
        slots = [slot or _entries(choices.split("|")) for slot, choices in SLOT.findall(template)]
        if slots:
            parts.append((at, slots))
            template = SLOT.sub("%s", template.replace("%", "%%"))
        patterns.append(template)
    return np.array(patterns, object), parts
