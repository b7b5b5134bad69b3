"""Made reviews that behave like the real Google Play reviews of Netflix: any number, any Dask scheduler, same seed same bytes.

    python -m common.synthetic --rows 100000 --out reviews.csv

A record is made in the order in which a real one comes about: a day (reviews a month follow the service's history), the release
that people then used, a rating (worse in bad months and for a bad release), a way of writing that fits the rating more or less,
and at last the words. Ratings can be predicted from text only as far as people's habits allow: no label is flipped afterwards.
"""
import argparse
import os
import re
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import dask
import numpy as np
from tqdm import tqdm

from common import synthetic_text as bank
from common.cli import cores, positive, run

HEADER = ",review_id,pseudo_author_id,author_name,review_text,review_rating,review_likes,author_app_version,review_timestamp\n"
FIRST_DAY, LAST_DAY = np.datetime64("2011-05-12"), np.datetime64("2023-11-30")
SLOT = re.compile(r"\{([\w ]+)\}|\[([^\]]*)\]")  # {bank} or [one|of|these]
MAX_CHARACTERS = 500
MAX_CLAUSES = 12

# Reviews in thousands a month of the 1.53 million, as (month, level) knots; months in SPIKES leave the line.
VOLUME = (("2011-05", 3), ("2012-01", 3.6), ("2013-01", 5), ("2014-01", 5.5), ("2014-12", 13), ("2016-01", 10), ("2017-01", 11),
          ("2018-01", 15), ("2019-01", 12), ("2019-10", 13), ("2020-02", 15), ("2020-08", 15), ("2021-01", 13), ("2022-01", 9),
          ("2023-01", 8), ("2023-11", 8))
SPIKES = {"2016-01": 17, "2018-11": 20, "2020-04": 29, "2020-05": 24, "2020-09": 23, "2023-02": 22}
# Share of reviewers in a bad mood (their ratings follow BAD_MOOD) by year: an unstable first year, the household rules of 2023.
GRUMPY_YEARS = (2011, 2012, 2013.5, 2015, 2017, 2018, 2020, 2021, 2022, 2023, 2024)
GRUMPY = (.55, .45, .25, .22, .22, .20, .14, .18, .28, .45, .55)
GRUMPY_BAD_RELEASE, BAD_RELEASE_TOPIC = .9, .7  # users of the bad release in a bad mood; complaints that name its fault
GRUMPY_SPIKES = {"2018-11": .45, "2020-09": .55, "2023-02": .8}
RATING_SHARE = np.array([.1848, .0411, .0601, .1026, .6114])
BAD_MOOD = np.array([.42, .07, .07, .08, .36])
RATING_ZERO_SHARE = 3e-4
DIRT_SHARE = 2e-4
# Lines of releases: major, first and last minor, day of the first and of the last, build number of the first and of the last.
RELEASE_LINES = ((1, 2, 3, "2011-05-10", "2011-07-20", 819145, 846316), (1, 4, 8, "2011-09-01", "2012-07-01", 421, 573),
                 (2, 0, 4, "2012-11-10", "2013-08-01", 682, 1011), (3, 0, 16, "2013-11-01", "2015-12-01", 1065, 5602),
                 (4, 0, 16, "2016-01-20", "2017-04-10", 6203, 15145), (5, 0, 16, "2017-05-05", "2018-05-20", 21043, 26605),
                 (6, 0, 26, "2018-06-10", "2019-02-20", 28210, 31791), (7, 0, 120, "2019-03-05", "2021-09-10", 31866, 35594),
                 (8, 0, 95, "2021-09-20", "2023-11-10", 40020, 50574))
# Reviews in thousands of the 1.53 million for versions that stayed long on many devices; the last one is the bad release.
POPULAR = {"7.84.1 build 28 35243": 16.4, "7.38.0 build 27 34635": 16.1, "4.12.2 build 14444": 12.7, "3.1.1 build 1112": 12,
           "3.2.1 build 1346": 11.5, "3.1.2 build 1142": 11, "3.14.3 build 5200": 10.5, "7.83.0 build 25 35223": 10,
           "8.11.1 build 12 40101": 9.5, "1.8.1 build 573": 9, "6.19.0 build 41 31421": 11}
BAD_VERSION = "6.19.0 build 41 31421"
MISSING_VERSION_SHARE = .23

# How people write: share of each way by rating 1 to 5 (columns are normalised), then the kinds of clause in order.
STYLES = {
    "mild": ((.024, .018, .038, .060, .120), ("mild",)),
    "strong": ((.012, .010, .015, .045, .125), ("strong",)),
    "short praise": ((.018, .014, .030, .125, .320), ("short praise",)),
    "bad": ((.085, .035, .014, .004, .002), ("bad",)),
    "short grumble": ((.130, .070, .030, .008, .004), ("short grumble",)),
    "noise": ((.012, .012, .015, .015, .020), ("noise",)),
    "foreign praise": ((.005, .005, .015, .035, .045), ("foreign praise",)),
    "foreign complaint": ((.045, .035, .030, .010, .004), ("foreign complaint",)),
    "praise": ((.012, .012, .030, .120, .220), ("praise",)),
    "complaint": ((.500, .480, .340, .130, .018), ("complaint",)),
    "praise, but": ((.070, .160, .260, .250, .020), ("praise", "but", "complaint")),
    "complaint, otherwise": ((.015, .040, .060, .070, .010), ("complaint", "otherwise", "praise")),
    "request": ((.035, .045, .070, .090, .015), ("request",)),
    "praise and request": ((.010, .020, .040, .110, .020), ("praise", "request")),
    "story": ((.030, .030, .030, .025, .020), ("story",)),
    "sarcasm": ((.050, .025, .010, .003, .002), ("sarcasm", "complaint")),
}
SHORT = ("mild", "strong", "short praise", "bad", "short grumble", "noise")
EXTRA_CLAUSES = (2.4, 2.8, 1.8, .8, .8)  # mean number of further clauses by rating, where a review is not a short one
TOPICS = {"praise": bank.PRAISE, "complaint": bank.COMPLAINT,
          "foreign praise": {language: (weights, praise) for language, (weights, praise, _) in bank.FOREIGN.items()},
          "foreign complaint": {language: (weights, complaints) for language, (weights, _, complaints) in bank.FOREIGN.items()}}
TOPIC_LOYALTY = {"praise": .4, "complaint": .65}  # chance that a further clause stays with the review's main topic; language: always
BANKS = {**bank.BANKS, **bank.TERSE, "short praise": bank.SHORT_PRAISE, "short grumble": bank.SHORT_GRUMBLE, "request": bank.REQUEST,
         "story": bank.STORY, "sarcasm": bank.SARCASM,
         **{f"{kind} {topic}": templates for kind, topics in TOPICS.items() for topic, (_, templates) in topics.items()}}
KINDS = ["", "mild", "strong", "short praise", "bad", "short grumble", "noise", "request", "story", "sarcasm", "but", "otherwise",
         "praise", "complaint", "foreign praise", "foreign complaint"]
SKEW = {"mild": 3, "strong": 1.7, "bad": 1.7, "noise": 1.2, "title": 1.2}  # draws are uniform ** skew: earlier entries more often

LIKED_SHARE = np.array([.29, .30, .24, .18, .10])  # of reviews by rating that have any likes
MEAN_LIKES = np.array([2.5, 4.15, 3.2, 1.9, .5])
LIKES_SIGMA = 1.8  # of the lognormal number of likes, where there are any

SEPARATORS = [". ", ", ", " ", "! ", "... ", " and ", "\n", ".\n\n", ".", " - "]
SEPARATOR_SHARE = [.52, .14, .12, .05, .06, .04, .015, .01, .03, .015]
ENDINGS = ["", ".", "!", "!!!", "...", " ", "?", "!!"]
ENDING_SHARE = [.47, .34, .07, .03, .04, .02, .01, .02]
ABBREVIATIONS = {"please": "plz", "you": "u", "your": "ur", "because": "cuz", "and": "nd", "don't": "dont", "can't": "cant", "movies": "moives",
                 "netflix": "netflx", "the": "d", "are": "r", "for": "4", "really": "realy", "great": "gr8", "excellent": "excelent",
                 "awesome": "awsome", "experience": "expirience", "definitely": "definately", "subscription": "subcription", "it's": "its",
                 "beautiful": "beautifull", "application": "aplication", "quality": "qualty", "episodes": "eps", "with": "wit", "this": "dis"}


def make_csv(path, rows, seed=42, chunk_rows=50_000):
    """Write `rows` made reviews to the CSV file `path`, in time order, on whatever Dask scheduler is active.

    The file has the nine columns of HEADER, UTF-8 and LF line ends; about one record in 5,000 is damaged and 3 in 10,000 are rated 0,
    as in real exports. The bytes depend on `rows`, `seed` and `chunk_rows` only. Memory: a few dozen chunks. `path` appears when
    complete; on an error or Ctrl-C nothing is left of it. Raises ValueError for `rows` or `chunk_rows` below 1.
    """
    if rows < 1 or chunk_rows < 1:
        raise ValueError(f"rows ({rows}) and chunk_rows ({chunk_rows}) must be at least 1")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    starts = range(0, rows, chunk_rows)
    wave = max(8, 2 * cores())  # chunks computed together: enough to keep workers busy, few enough to hold in memory
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out, tqdm(total=rows, unit=" reviews", unit_scale=True, delay=2, desc="making") as bar:
            out.write(HEADER.encode())
            for first in range(0, len(starts), wave):
                tasks = [dask.delayed(_chunk, pure=False)(start, min(start + chunk_rows, rows), rows, seed, start // chunk_rows)
                         for start in starts[first:first + wave]]
                for content in dask.compute(*tasks):
                    out.write(content)
                    bar.update(min(chunk_rows, rows - bar.n))
        os.chmod(partial, 0o644)  # mkstemp's 0600 would hide the file from workers of other users
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def _chunk(start, stop, rows, seed, number):
    """CSV bytes of the records `start` to `stop` of `rows`."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
    history, count = _history(), stop - start
    day = np.searchsorted(history.day_cdf, (np.arange(start, stop) + rng.random(count)) / rows).clip(max=len(history.day_cdf) - 1)
    release = _draw_by(history.use, day // 7, rng)
    bad_release = release == history.bad_release
    grumpy = rng.random(count) < np.where(bad_release, GRUMPY_BAD_RELEASE, history.grumpy[day])
    rating = np.where(grumpy, _draw(BAD_MOOD, count, rng), _draw(history.good_mood, count, rng))  # 0 to 4: an index until written
    texts = _texts(rating, 2011 + (day + 131) / 365.25, bad_release, rng)
    likes = _likes(rating, texts, rng)
    versions = np.where(rng.random(count) < MISSING_VERSION_SHARE, "", history.versions[release])
    stamps = [stamp.replace("T", " ") for stamp in np.datetime_as_string(_times(day, rng))]
    stars = np.where(rng.random(count) < RATING_ZERO_SHARE, 0, rating + 1)
    ids = _uuids(count, rng)
    authors = zip(rng.integers(10**10, 3 * 10**10, count).tolist(), rng.integers(0, 10**10, count).tolist())
    lines = [f"{number},{uuid},{high}{low:010d},A Google user,{_quoted(text)},{star},{like},{version},{stamp}\n".encode()
             for number, uuid, (high, low), text, star, like, version, stamp
             in zip(range(start, stop), ids, authors, texts, stars.tolist(), likes.tolist(), versions, stamps)]
    for at in np.flatnonzero(rng.random(count) < DIRT_SHARE):
        lines[at] = _damaged(lines[at], ids[at], ids[int(at * rng.random())], rng.integers(4))
    return b"".join(lines)


def _quoted(text):
    """`text` as a CSV field: in quotes only where it has to be."""
    if '"' in text or "," in text or "\n" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _damaged(line, uuid, earlier_uuid, kind):
    """One record with one of the faults seen in exports: a repeated id, a cut line, a bad time, Latin-1 among UTF-8."""
    if kind == 0:
        return line.replace(uuid.encode(), earlier_uuid.encode())
    if kind == 1:
        return line.split(b",A Google user")[0] + b"\n"
    if kind == 2:
        return line.rsplit(b",", 1)[0] + b",0000-00-00 00:00:00\n"
    head, text = line.split(b"A Google user,", 1)
    quote = b'"' if text.startswith(b'"') else b""  # the stray bytes belong inside the quotes
    return head + b"A Google user," + quote + "señal ".encode("latin-1") + text.removeprefix(quote)


def _uuids(count, rng):
    """Random version 4 UUIDs as text."""
    digits = rng.bytes(16 * count).hex()
    return [f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}" for h in (digits[at:at + 32] for at in range(0, 32 * count, 32))]


def _times(day, rng):
    """Sorted datetime64[s] on the given days (offsets from FIRST_DAY); the busiest hour is about 16 h, the quietest 2 h UTC."""
    hours = _draw(1 - .3 * np.cos((np.arange(24) - 2) / 24 * 2 * np.pi), len(day), rng)
    return np.sort(np.datetime64(FIRST_DAY, "s") + day * 86_400 + hours * 3_600 + rng.integers(3_600, size=len(day)))


def _likes(rating, texts, rng):
    """Number of likes by review: mostly none, longer texts more often some, a heavy tail."""
    length = np.array([len(text) for text in texts], float)
    mean_length = np.bincount(rating, length, 5) / np.maximum(np.bincount(rating, minlength=5), 1)
    any_likes = LIKED_SHARE[rating] * (.6 + .4 * length / np.maximum(mean_length[rating], 1))
    log_median = np.log(MEAN_LIKES / LIKED_SHARE - .5) - LIKES_SIGMA**2 / 2  # the ceiling below adds about a half
    likes = np.ceil(rng.lognormal(log_median[rating], LIKES_SIGMA)).astype(int)
    return np.where(rng.random(len(texts)) < any_likes, likes, 0)


def _draw(weights, count, rng):
    """`count` indices into `weights`, each as likely as its weight."""
    cdf = np.cumsum(weights)
    return np.searchsorted(cdf, rng.random(count) * cdf[-1], side="right").clip(max=len(cdf) - 1)


def _draw_by(table, row, rng):
    """One index into a row of the weights `table` [kinds, choices] for each entry of `row`, an array of row numbers."""
    cdf = np.cumsum(table, axis=1) / np.sum(table, axis=1, keepdims=True)
    flat = (cdf + np.arange(len(table))[:, None]).ravel()  # rows one above the other, so that one search serves them all
    found = np.searchsorted(flat, row + rng.random(len(row)), side="right") - row * cdf.shape[1]
    return found.clip(0, cdf.shape[1] - 1)


class _History:
    """The service's history as tables: reviews a day, mood of the reviewers, releases and who uses them."""

    def __init__(self):
        fixed = np.random.default_rng(2011)  # the past is the same for every seed
        days = np.arange(np.datetime64(FIRST_DAY), LAST_DAY + 1)
        months, years = days.astype("datetime64[M]"), 1970 + days.astype(int) / 365.25
        volume = np.interp(months.astype(int), [np.datetime64(month, "M").astype(int) for month, _ in VOLUME], [k for _, k in VOLUME])
        self.grumpy = np.interp(years, GRUMPY_YEARS, GRUMPY)
        for month, level in SPIKES.items():
            volume[months == np.datetime64(month)] = level
        for month, share in GRUMPY_SPIKES.items():
            self.grumpy[months == np.datetime64(month)] = share
        weekend = np.isin((days.astype(int) + 3) % 7, (5, 6))
        volume *= (1 + .15 * weekend) * fixed.lognormal(0, .12, len(days))
        self.day_cdf = np.cumsum(volume) / volume.sum()
        self.versions, released, wanted = _releases(fixed)
        self.bad_release = self.versions.tolist().index(BAD_VERSION)
        self.use = _use(np.bincount(np.arange(len(days)) // 7, volume / volume.sum()), released, wanted)
        bad_use = self.use[np.arange(len(days)) // 7, self.bad_release]
        share = np.average(self.grumpy * (1 - bad_use) + GRUMPY_BAD_RELEASE * bad_use, weights=volume)
        self.good_mood = (RATING_SHARE - share * BAD_MOOD) / (1 - share)  # so that both moods together give RATING_SHARE


@lru_cache(maxsize=1)
def _history():
    return _History()


def _releases(fixed):
    """All releases in order: version texts, days of release (offsets from FIRST_DAY), wanted shares of reviews (NaN where free)."""
    popular = {}
    for version in POPULAR:
        popular.setdefault(tuple(map(int, version.split(".")[:2])), []).append(version)
    releases = []
    for major, first, last, start, end, first_build, last_build in RELEASE_LINES:
        start, end = (int((np.datetime64(day) - np.datetime64(FIRST_DAY)).astype(int)) for day in (start, end))
        for minor in range(first, last + 1):
            progress = (minor - first) / (last - first)
            day, build = round(start + progress * (end - start)), round(first_build + progress * (last_build - first_build))
            made = []
            for patch in range(1 if major >= 6 else 3):  # since 2018 a new minor version every week or two, before that patches
                step = fixed.integers(1, 32)
                tail = f"{step} {build}" if major >= 6 else f"{build}-{major}.{minor}.{patch}-{step + 90}" if build > 100_000 else f"{build + patch * 9}"
                made.append(f"{major}.{minor}.{patch} build {tail}")
            for at, version in enumerate(sorted(popular.get((major, minor), made))):
                releases.append((day + 12 * at, version, POPULAR.get(version, np.nan) / 1531.126 / (1 - MISSING_VERSION_SHARE)))
    releases.sort()
    days, versions, wanted = zip(*releases)
    return np.array(versions), np.array(days), np.array(wanted)


def _use(week_share, released, wanted):
    """Share of each release among the reviews of each week, float [weeks, releases]; the wanted totals are met."""
    age = np.arange(len(week_share))[:, None] * 7 - released
    fame = ~np.isnan(wanted)
    appeal = np.where(age >= 0, np.exp(-age / np.where(fame, 90, 25)), 0) + 1e-4 * (age >= 0)
    appeal[:, 0] += 1e-6  # somebody has to be first
    for _ in range(25):
        use = appeal / appeal.sum(axis=1, keepdims=True)
        appeal[:, fame] *= (wanted / (week_share @ use))[fame]
    return use


def _texts(rating, year, bad_release, rng):
    """One text a review, list of str. `rating` int [n] 0 to 4, `year` float [n], `bad_release` bool [n]."""
    count = len(rating)
    weights = np.array([weights for weights, _ in STYLES.values()])
    style = _draw_by(weights.T / weights.sum(axis=0)[:, None], rating, rng)
    kinds = np.zeros((count, MAX_CLAUSES), np.int8)
    for number, (name, (_, clauses)) in enumerate(STYLES.items()):
        kinds[style == number, :len(clauses)] = [KINDS.index(kind) for kind in clauses]
    short = np.isin(style, [number for number, name in enumerate(STYLES) if name in SHORT])
    wordiness = rng.gamma(.35, 1 / .35, count)  # some people write much: the lengths get their long tail
    extra = np.where(short, 0, rng.poisson(np.array(EXTRA_CLAUSES)[rating] * wordiness))
    used = (kinds > 0).sum(axis=1)
    last = kinds[np.arange(count), used - 1]
    for position in range(1, MAX_CLAUSES):
        more = (position >= used) & (position < used + extra)
        aside = np.where(rng.random(count) < .5, KINDS.index("request"), KINDS.index("story"))
        kinds[more, position] = np.where(rng.random(count) < .17, aside, last)[more]
    clauses = _clauses(kinds, year, bad_release, rng)
    plain = np.isin(kinds[:, 0], (KINDS.index("praise"), KINDS.index("complaint")))
    opened, trailed = np.flatnonzero(plain & (rng.random(count) < .2)), np.flatnonzero(plain & (rng.random(count) < .25))
    clauses[opened, 0] = _render("opener", len(opened), rng) + clauses[opened, 0]
    clauses[trailed, 0] += _render("tail", len(trailed), rng)
    contrast = np.isin(kinds[:, 1], (KINDS.index("but"), KINDS.index("otherwise")))
    clauses[contrast, 2] = clauses[contrast, 1] + " " + clauses[contrast, 2]
    clauses[contrast, 1] = ""
    return _written(clauses, short, rng)


def _clauses(kinds, year, bad_release, rng):
    """The words of each clause, object [n, MAX_CLAUSES] of str, "" where `kinds` has none."""
    clauses = np.full(kinds.shape, "", object)
    anchors = np.array(bank.ANCHOR_YEARS, float)
    for number, kind in enumerate(KINDS[1:], 1):
        row, column = np.nonzero(kinds == number)
        if kind not in TOPICS:
            clauses[row, column] = _render(kind, len(row), rng)
            continue
        table = np.array([np.interp(year[row], anchors, weights) for weights, _ in TOPICS[kind].values()]).T
        for at, name in enumerate(TOPICS[kind]):
            first, last = bank.WINDOWS.get(name, (-np.inf, np.inf))
            table[(year[row] < first) | (year[row] > last), at] = 0
        topic = _draw_by(table, np.arange(len(row)), rng)
        main = np.empty(len(kinds), int)
        main[row] = topic
        topic = np.where(rng.random(len(row)) < TOPIC_LOYALTY.get(kind, 1), main[row], topic)
        if kind == "complaint":
            topic[bad_release[row] & (rng.random(len(row)) < BAD_RELEASE_TOPIC)] = list(bank.COMPLAINT).index("bad release")
        for at, name in enumerate(TOPICS[kind]):
            here = topic == at
            clauses[row[here], column[here]] = _render(f"{kind} {name}", int(here.sum()), rng)
    return clauses


def _written(clauses, short, rng):
    """Texts as people type them: joined, capitalised, ended, misspelt, cut at MAX_CHARACTERS."""
    count = len(clauses)
    separator = np.array(SEPARATORS, object)[_draw(SEPARATOR_SHARE, count, rng)]
    ending = np.where(short, "", np.array(ENDINGS, object)[_draw(ENDING_SHARE, count, rng)])
    case = np.where(short, _draw((.84, .145, .015), count, rng), _draw((.84, .15, .01), count, rng))
    smile = np.where(rng.random(count) < np.where(short, .02, .08), _render("emoji", count, rng), "")
    sloppy = np.where(short, .15, .2) > rng.random(count)
    texts = []
    for parts, between, end, letters, face, typos in zip(clauses.tolist(), separator.tolist(), ending.tolist(), case.tolist(), smile.tolist(),
                                                         sloppy.tolist()):
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
    for at, slip in zip(rng.integers(len(words), size=1 + len(words) // 8), rng.integers(6, size=1 + len(words) // 8)):
        word = words[at]
        if word.lower() in ABBREVIATIONS:
            words[at] = ABBREVIATIONS[word.lower()]
        elif len(word) > 3 and slip < 5:
            cut = 1 + int(at) % (len(word) - 2)
            words[at] = (word[:cut] + word[cut + 1:], word[:cut] + word[cut] + word[cut:], word[:cut] + word[cut + 1] + word[cut] + word[cut + 2:],
                         word[:-1] + word[-1] * (3 + cut), word[:-1])[slip]
    return " ".join(words)


def _render(name, count, rng):
    """`count` texts from the bank `name`, object [count] of str; slots and choices are filled anew for each."""
    return _fill(_compiled(name), SKEW.get(name, 1.6 if name in bank.BANKS else 1.3), count, rng)


def _fill(entries, skew, count, rng):
    """`count` draws from `entries`, as made by _entry: earlier ones more often the larger `skew` is."""
    pattern, parts = entries
    pick = (len(pattern) * rng.random(count) ** skew).astype(int)
    texts = pattern[pick]
    for at, slots in parts:
        rows = np.flatnonzero(pick == at)
        if len(rows):
            filled = [_render(slot, len(rows), rng) if isinstance(slot, str) else _fill(slot, 1, len(rows), rng) for slot in slots]
            template = pattern[at]
            texts[rows] = [template % words for words in zip(*filled)]
    return texts


@lru_cache(maxsize=None)
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


def main(argv):
    """Command line: see the module's docstring."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--rows", type=positive, default=100_000, metavar="N", help="number of reviews (default: 100000)")
    flags.add_argument("--out", required=True, metavar="FILE", help="CSV file to write")
    flags.add_argument("--seed", type=int, default=42, help="seed of everything random (default: 42)")
    flags.add_argument("--workers", type=positive, default=cores(), metavar="N", help="worker processes (default: one per core)")
    args = flags.parse_args(argv)
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool, dask.config.set(scheduler="processes", pool=pool):
        make_csv(args.out, args.rows, args.seed)


if __name__ == "__main__":
    # Called through the import, so that worker processes find the functions in a module instead of receiving copies of them.
    from common import synthetic
    run(synthetic.main)
