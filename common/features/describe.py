"""Reviews to metadata before anything is fitted."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from common.features.ngrams import CAPITAL, DIGIT, EMOJI, LATIN, LETTER, MARK, SCRIPTS


def describe(reviews, texts):
    """Metadata of each review before anything is fitted.

    reviews: pyarrow Table with FEATURE_COLUMNS; texts: their Texts. Returns a DataFrame of float32 columns (NaN where the source is
    missing); version numbers come as version_major and version_minor. Counts enter as log(1 + count), shares per character.
    """
    chars = (
        np.diff(texts.start, append=len(texts.code) - 1).astype(np.float32) - 1
    )  # without the space that leads each text
    words, per_char = texts.count_words(), 1 / np.maximum(chars, 1)
    out = {
        "log_likes": np.log1p(_float(reviews["review_likes"])),
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
    }
    time = reviews["review_timestamp"]
    out |= {
        "hour": _float(pc.hour(time)),
        "weekday": _float(pc.day_of_week(time)),
        "month": _float(pc.month(time)),
        "year": _float(pc.year(time)),
        "day_of_month": _float(pc.day(time)),
    }
    version = pc.extract_regex(
        reviews["author_app_version"], r"^(?P<major>\d{1,4})\.(?P<minor>\d{1,4})"
    )
    for part in ("major", "minor"):
        out[f"version_{part}"] = _float(pc.cast(pc.struct_field(version, part), pa.int32()))
    out["version_missing"] = np.isnan(out["version_major"]).astype(np.float32)
    return pd.DataFrame({name: np.asarray(values, np.float32) for name, values in out.items()})


def script_of(raw):
    """(n,) object: the script that a quarter and more of a text's characters are written in, by `describe` output: one of SCRIPTS,
    "other" for one that is not among them, else "latin", which stands for texts without letters too."""
    shares = raw[[f"script_{name}" for name in SCRIPTS]].to_numpy()
    other = np.where(raw["non_latin_share"] > 0.25, "other", "latin").astype(object)
    return np.where(
        shares.max(axis=1) > 0.25, np.array(list(SCRIPTS), object)[shares.argmax(axis=1)], other
    )


def _float(column):
    return (
        pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float32)
    )
