"""Made reviews that behave like the real Google Play reviews of Netflix: any number, any Dask scheduler, same seed same bytes.

    python -m common.synthetic --rows 100000 --out reviews.csv

A record is made in the order in which a real one comes about: a day (reviews a month follow the service's history), the release
that people then used, a rating (worse in bad months and for a bad release), a way of writing that fits the rating more or less,
and at last the words. Ratings can be predicted from text only as far as people's habits allow: no label is flipped afterwards.
"""

import shutil
import tempfile
from pathlib import Path

import dask
import numpy as np
from joblib import cpu_count
from tqdm import tqdm

from common.store import InputError, replacing
from common.synthetic.history import (
    BAD_MOOD,
    GRUMPY_BAD_RELEASE,
    MISSING_VERSION_SHARE,
    draw,
    draw_by,
    history,
    moments,
)
from common.synthetic.writing import write_texts

HEADER = ",review_id,pseudo_author_id,author_name,review_text,review_rating,review_likes,author_app_version,review_timestamp\n"
RATING_ZERO_SHARE = 3e-4
DIRT_SHARE = 2e-4
LIKED_SHARE = np.array(
    [0.24, 0.22, 0.17, 0.13, 0.055]
)  # of reviews by rating that have any likes, as in real ones of 2024
MEAN_LENGTH = np.array([93, 121, 102, 69, 34])  # characters
MEAN_LIKES = np.array([2.5, 4.15, 3.2, 1.9, 0.5])
LIKES_SIGMA = 1.8  # of the lognormal number of likes, where there are any


def make_csv(path, rows, seed=42, chunk_rows=50_000):
    """Write `rows` made reviews to the CSV file `path`, in time order, on whatever Dask scheduler is active.

    The file has the nine columns of HEADER, UTF-8 and LF line ends; about one record in 5,000 is damaged and 3 in 10,000 are rated 0,
    as in real exports. The bytes depend on `rows`, `seed` and `chunk_rows` only. Memory: a few dozen chunks. `path` appears when
    complete; on an error or Ctrl-C nothing changes. Raises InputError for `rows` or `chunk_rows` below 1, a `seed` below 0, or where there is
    no folder to write to.
    """
    if rows < 1 or chunk_rows < 1 or seed < 0:
        raise InputError(
            f"rows ({rows}) and chunk_rows ({chunk_rows}) must be at least 1, seed ({seed}) at least 0"
        )
    path, starts = Path(path), range(0, rows, chunk_rows)
    wave = max(
        8, 2 * cpu_count()
    )  # chunks computed together: enough to keep workers busy, few enough to hold in memory
    with (
        replacing(path) as partial,
        open(partial, "wb") as out,
        tempfile.TemporaryDirectory(prefix=".staging-", dir=path.parent) as chunks,
        tqdm(total=rows, unit=" reviews", unit_scale=True, delay=2, desc="making") as bar,
    ):
        out.write(HEADER.encode())
        for first in range(0, len(starts), wave):
            spans = [
                (start, min(start + chunk_rows, rows)) for start in starts[first : first + wave]
            ]
            tasks = [
                dask.delayed(_chunk, pure=False)(
                    *span, rows, seed, first + at, Path(chunks).absolute()
                )
                for at, span in enumerate(spans)
            ]
            for made, (start, stop) in zip(dask.compute(*tasks), spans):
                with open(made, "rb") as chunk:
                    shutil.copyfileobj(chunk, out)
                made.unlink()
                bar.update(stop - start)


def _chunk(start, stop, rows, seed, number, folder):
    """Path of a file under `folder` with the CSV bytes of the records `start` to `stop` of `rows`: too many to send."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    past, count = history(), stop - start
    day, times = moments(past.day_cdf, (np.arange(start, stop) + rng.random(count)) / rows)
    release = draw_by(past.use, day // 7, rng)
    bad_release = release == past.bad_release
    grumpy = rng.random(count) < np.where(bad_release, GRUMPY_BAD_RELEASE, past.grumpy[day])
    rating = np.where(
        grumpy, draw(BAD_MOOD, count, rng), draw(past.good_mood, count, rng)
    )  # 0 to 4: an index until written
    texts = write_texts(rating, 2011 + (day + 131) / 365.25, bad_release, rng)
    likes = _likes(rating, texts, rng)
    versions = np.where(rng.random(count) < MISSING_VERSION_SHARE, "", past.versions[release])
    stamps = [stamp.replace("T", " ") for stamp in np.datetime_as_string(times)]
    stars = np.where(rng.random(count) < RATING_ZERO_SHARE, 0, rating + 1)
    ids = _uuids(count, rng)
    authors = zip(
        rng.integers(10**10, 3 * 10**10, count).tolist(), rng.integers(0, 10**10, count).tolist()
    )
    lines = [
        f"{number},{uuid},{high}{low:010d},A Google user,{_quoted(text)},{star},{like},{version},{stamp}\n".encode()
        for number, uuid, (high, low), text, star, like, version, stamp in zip(
            range(start, stop),
            ids,
            authors,
            texts,
            stars.tolist(),
            likes.tolist(),
            versions,
            stamps,
        )
    ]
    for at in np.flatnonzero(rng.random(count) < DIRT_SHARE):
        lines[at] = _damaged(lines[at], ids[at], ids[int(at * rng.random())], rng.integers(4))
    path = folder / f"{number}.csv"
    path.write_bytes(b"".join(lines))
    return path


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
    return [
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
        for h in (digits[at : at + 32] for at in range(0, 32 * count, 32))
    ]


def _likes(rating, texts, rng):
    """Number of likes by review: mostly none, longer texts more often some, a heavy tail."""
    length = np.array([len(text) for text in texts])
    any_likes = LIKED_SHARE[rating] * (0.6 + 0.4 * length / MEAN_LENGTH[rating])
    log_median = (
        np.log(MEAN_LIKES / LIKED_SHARE - 0.5) - LIKES_SIGMA**2 / 2
    )  # the ceiling below adds about a half
    likes = np.ceil(rng.lognormal(log_median[rating], LIKES_SIGMA)).astype(int)
    return np.where(rng.random(len(texts)) < any_likes, likes, 0)
