"""Why a model scores a review as it does: each word left out, and the rest of the review changed, one thing at a time.

Leaving out ("erasure": Li, Monroe and Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016) asks the
model itself, so it works for any, and needs no knowledge of how it came to be.
"""

import re
from datetime import datetime

import pandas as pd
import pyarrow as pa

WORDS, CHARACTERS = (
    30,
    2_000,
)  # words left out at most, in texts of at most so many characters: each costs a prediction
LIKES = [0, 1, 10, 100, 1000]


def word_effects(model, transformer, review):
    """What each word of a review (a pa.Table of one row) adds to P(five stars), in percentage points: DataFrame word, effect, the largest
    first; empty for a text longer than CHARACTERS. A word is left out wherever it stands."""
    text = review["review_text"][0].as_py()
    words = (
        list(dict.fromkeys(re.findall(r"\w+|[^\w\s]", text.lower())))[:WORDS]
        if len(text) <= CHARACTERS
        else []
    )
    if not words:
        return pd.DataFrame(columns=["word", "effect"])
    without = [
        re.sub(
            rf"\b{re.escape(word)}\b" if word[0].isalnum() or word[0] == "_" else re.escape(word),
            " ",
            text,
            flags=re.IGNORECASE,
        )
        for word in words
    ]
    found = model.predict(transformer.transform(_variants(review, review_text=[text, *without])))
    table = pd.DataFrame({"word": words, "effect": 100 * (found[0] - found[1:])})
    return table.sort_values("effect", key=abs, ascending=False, ignore_index=True)


def what_if(model, transformer, review, versions):
    """{what: DataFrame of value (text), p_five_star, now (bool)} if the review had other likes, another version, or another year."""
    likes, version, time = (
        review[name][0].as_py()
        for name in ("review_likes", "author_app_version", "review_timestamp")
    )
    year = (time or datetime.now()).year
    times = {
        str(y): (time or datetime.now()).replace(year=y, day=min((time or datetime.now()).day, 28))
        for y in range(year - 4, year + 1)
    }
    changed = {
        "likes": (likes, {f"{n:,}": {"review_likes": n} for n in sorted({*LIKES, likes})}),
        "version": (
            version,
            {
                name or "none": {"author_app_version": name}
                for name in dict.fromkeys([version, *versions])
            },
        ),
        "year": (
            time and time.year,
            {name: {"review_timestamp": moment} for name, moment in times.items()},
        ),
    }
    rows = [values for _, variants in changed.values() for values in variants.values()]
    columns = {
        name: [values.get(name, review[name][0].as_py()) for values in rows]
        for name in review.column_names
    }
    found, at, tables = model.predict(transformer.transform(_variants(review, **columns))), 0, {}
    for what, (now, variants) in changed.items():
        shown = "none" if now is None else f"{now:,}" if what == "likes" else str(now)
        tables[what] = pd.DataFrame(
            {
                "value": list(variants),
                "p_five_star": found[at : at + len(variants)],
                "now": [value == shown for value in variants],
            }
        )
        at += len(variants)
    return tables


def _variants(review, **columns):
    """A review once for each of the values given, its other columns repeated."""
    n = len(next(iter(columns.values())))
    return pa.table(
        {
            name: pa.array(columns.get(name, review[name].to_pylist() * n), review[name].type)
            for name in review.column_names
        }
    )
