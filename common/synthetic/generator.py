"""Synthetic reviews that behave like the real Google Play reviews of Netflix: any number of them,
on any Dask scheduler; the same seed gives the same bytes.

    python -m common.synthetic --rows 100000 --out reviews.csv

A record comes about in the order in which a real one does: a day (reviews a month follow the
service's history), the release that people then used, a rating (worse in bad months and for a bad
release), a way of writing that fits the rating more or less, and at last the words. Ratings can be
predicted from text only as far as people's habits allow: no label is flipped afterwards.
"""

import csv
import re
import tempfile
from collections.abc import Sequence
from datetime import date
from itertools import repeat
from pathlib import Path

import dask
import numpy as np
from numpy import ndarray
from numpy.random import Generator

from common.compute import compute
from common.store import InputError, replacing
from common.synthetic.history import (
    BAD_MOOD,
    FIRST_DAY,
    LEVELS,
    draw,
    draw_by,
    history,
    review_times,
)
from common.synthetic.writing import HABITS, write_texts

HEADER = (
    ",review_id,pseudo_author_id,author_name,review_text,review_rating,review_likes,"
    "author_app_version,review_timestamp\n"
)
RATING_ZERO_SHARE = 3e-4
DAMAGED_SHARE = 2e-4


def make_csv(
    path: Path,
    rows: int,
    seed: int = 42,
    chunk_rows: int = 50_000,
    since: date = LEVELS["first_day"],
    planted: Sequence[str] = (),
) -> None:
    """Write `rows` synthetic reviews in time order to the CSV file `path`, on the active scheduler.

    The file has the nine columns of HEADER, UTF-8 and LF line ends; about one record in 5,000 is
    damaged and 3 in 10,000 are rated 0, as in real exports. They are written from the day `since`
    on, and from 2023-03-15 on nothing happens but what is planted; `planted` are names of
    history.toml's [planted]. The bytes depend on all of these but `path`. Memory: a chunk a worker.
    `path` appears when complete; on an error or Ctrl-C nothing changes. Raises InputError for
    `rows` or `chunk_rows` below 1, a `seed` below 0, a day outside the history, or where there is
    no folder to write to.
    """
    if rows < 1 or chunk_rows < 1 or seed < 0:
        raise InputError(
            f"rows ({rows}) and chunk_rows ({chunk_rows}) must be at least 1, "
            f"seed ({seed}) at least 0"
        )
    if not LEVELS["first_day"] <= since <= LEVELS["last_day"]:
        raise InputError(f"{since} is no day from {LEVELS['first_day']} to {LEVELS['last_day']}")
    with (
        replacing(path) as partial,
        tempfile.TemporaryDirectory(prefix=".staging-", dir=path.parent) as folder,
    ):
        tasks = [
            dask.delayed(_write_chunk, pure=False)(
                Path(folder).absolute() / f"{number}.csv",
                range(rows)[start : start + chunk_rows],
                number,
                rows,
                seed,
                since,
                planted,
            )
            for number, start in enumerate(range(0, rows, chunk_rows))
        ]
        files = compute(tasks, "writing synthetic reviews")
        with open(partial, "wb") as out:
            out.write(HEADER.encode())
            for file in files:
                out.write(file.read_bytes())
                file.unlink()  # so that no more than one chunk lies there twice


def _write_chunk(
    path: Path,
    records: range,
    number: int,
    rows: int,
    seed: int,
    since: date,
    planted: Sequence[str],
) -> Path:
    """Write chunk `number`, these records of `rows`, to `path`, and return it: too much to send."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    past, count = history(), len(records)
    start = past.day_cdf[(since - LEVELS["first_day"]).days]
    quantile = (np.array(records) + rng.random(count)) / rows
    day, times = review_times(past.day_cdf, start + (1 - start) * quantile)
    plant = {name: LEVELS["planted"][name] for name in planted}
    release = draw_by(past.use, day // 7, rng)
    version = past.versions[release]
    bad_release = (version == LEVELS["bad_release"]) | (version == plant.get("release", ""))
    sampled = FIRST_DAY + day < np.datetime64(plant.get("break", since))
    emerging = FIRST_DAY + day >= np.datetime64(plant.get("complaint", date.max))
    fault = np.select([bad_release, emerging], [0, 1], -1)
    bad_mood_share = np.where(bad_release, BAD_MOOD["bad_release_share"], past.bad_mood[day])
    bad_mood = rng.random(count) < bad_mood_share
    moods = (draw(LEVELS[mood]["ratings"], count, rng) for mood in ("bad_mood", "good_mood"))
    rating = np.where(bad_mood, *moods)  # 0 to 4: an index until written
    texts = write_texts(rating, 2011 + (day + 131) / 365.25, fault, sampled, rng)
    likes = _likes(rating, texts, rng)
    no_version = (rng.random(count) < LEVELS["missing_version_share"]) & ~sampled
    stars = np.where(rng.random(count) < RATING_ZERO_SHARE, 0, rating + 1)
    digits = re.findall(".{32}", rng.bytes(16 * count).hex())
    ids = [f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}" for h in digits]  # UUIDs
    high, low = rng.integers(10**10, 3 * 10**10, count), rng.integers(0, 10**10, count)
    authors = [f"{first}{last:010d}" for first, last in zip(high, low)]
    review = texts, stars, likes, np.where(no_version, "", version), times.tolist()
    lines = [list(line) for line in zip(records, ids, authors, repeat("A Google user"), *review)]
    for index in np.flatnonzero(rng.random(count) < DAMAGED_SHARE):
        _damage(lines[index], ids[int(index * rng.random())], int(rng.integers(4)))
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    return path


def _damage(fields: list, earlier_id: str, fault: int) -> None:
    """Give a record one of the faults seen in exports: an id that was there before, a line that is
    cut short, a time that never was, Latin-1 among UTF-8.
    """
    if fault == 0:
        fields[1] = earlier_id
    elif fault == 1:
        del fields[3:]
    elif fault == 2:
        fields[8] = "0000-00-00 00:00:00"
    else:
        fields[4] = "se\udcf1al " + fields[4]  # surrogateescape writes the byte F1


def _likes(rating: ndarray, texts: list[str], rng: Generator) -> ndarray:
    """Likes of each review (int): mostly none, longer texts more often some, a heavy tail."""
    habit = {name: np.array(by_rating) for name, by_rating in HABITS["likes"].items()}
    length = np.array([len(text) for text in texts])
    liked = habit["share"][rating] * (0.6 + 0.4 * length / habit["mean_characters"][rating])
    # The ceiling below adds about a half to the mean.
    log_median = np.log(habit["mean"] / habit["share"] - 0.5) - habit["sigma"] ** 2 / 2
    likes = np.ceil(rng.lognormal(log_median[rating], habit["sigma"])).astype(int)
    return np.where(rng.random(len(texts)) < liked, likes, 0)
