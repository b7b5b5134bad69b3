"""Reviews to metadata before anything is fitted."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray
from pandas import DataFrame

from common.features.ngrams import CAPITAL, DIGIT, EMOJI, LATIN, LETTER, MARK, SCRIPTS, Texts
from common.features.reading import SLICE_ROWS

FORM = 12 + len(SCRIPTS)  # of `describe`'s columns the first ones: what the text alone says


def describe(reviews: pa.Table, texts: Texts) -> DataFrame:
    """Metadata of each review before anything is fitted.

    reviews: FEATURE_COLUMNS; texts: their Texts. Returns float32 columns, NaN where the source is
    missing; version numbers come as version_major and version_minor. Counts enter as
    log(1 + count), shares per character.
    """
    # Without the space that leads each text.
    chars = np.diff(texts.start, append=len(texts.code) - 1).astype(np.float32) - 1
    words, per_char = texts.count_words(), 1 / np.maximum(chars, 1)
    time = reviews["review_timestamp"].to_pandas().dt
    version = pc.extract_regex(
        reviews["author_app_version"], r"^(?P<major>\d{1,4})\.(?P<minor>\d{1,4})"
    )
    major, minor = map(_float, version.flatten())
    columns = {
        "log_chars": np.log1p(chars),
        "log_words": np.log1p(words),
        "chars_per_word": chars / np.maximum(words, 1),
        "capital_share": texts.count(CAPITAL) * per_char,
        "digit_share": texts.count(DIGIT) * per_char,
        "mark_share": texts.count(MARK) * per_char,
        "log_exclamations": np.log1p(texts.per_text(texts.code == ord("!"))),
        "log_questions": np.log1p(texts.per_text(texts.code == ord("?"))),
        "log_emoji": np.log1p(texts.count(EMOJI)),
        "log_repeats": np.log1p(texts.count_repeats()),
        "log_lines": np.log1p(texts.per_text(texts.code == ord("\n"))),
        "non_latin_share": (texts.count(LETTER) - texts.count(LATIN)) * per_char,
        **{f"script_{name}": texts.count_script(name) * per_char for name in SCRIPTS},
        "log_likes": np.log1p(_float(reviews["review_likes"])),
        "hour": time.hour,
        "weekday": time.day_of_week,
        "month": time.month,
        "year": time.year,
        "day_of_month": time.day,
        "version_major": major,
        "version_minor": minor,
        "version_missing": np.isnan(major),
    }
    return DataFrame(columns).astype(np.float32)


def describe_slices(reviews: pa.Table) -> Iterator[tuple[DataFrame, Texts]]:
    """(`describe` output, texts) of slices of SLICE_ROWS, in order; of one without reviews."""
    for start in range(0, max(len(reviews), 1), SLICE_ROWS):
        part = reviews.slice(start, SLICE_ROWS)
        texts = Texts(part["review_text"])
        yield describe(part, texts), texts


def script_of(described: DataFrame) -> ndarray:
    """(n,) object: the script of more than a quarter of each text's characters, by `describe`.

    One of SCRIPTS, "other" for one that is not among them, else "latin", which stands for texts
    without letters too.
    """
    shares = described[[f"script_{name}" for name in SCRIPTS]].to_numpy()
    other = np.where(described["non_latin_share"] > 0.25, "other", "latin").astype(object)
    largest = np.array(list(SCRIPTS), object)[shares.argmax(axis=1)]
    return np.where(shares.max(axis=1) > 0.25, largest, other)


def _float(column: pa.ChunkedArray) -> ndarray:
    """float32 of numbers or of digits, NaN for null."""
    return column.cast(pa.float64(), safe=False).to_numpy().astype(np.float32)
