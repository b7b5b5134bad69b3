"""Why a model scores a review as it does: each word left out, and the rest changed, one at a time.

Leaving out ("erasure": Li, Monroe and Jurafsky, "Understanding Neural Networks through
Representation Erasure", 2016) asks the model itself, so it works for any, and needs no knowledge of
how it came to be.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from pandas import DataFrame

from common.features.transformer import Transformer
from common.models.files import Model

# Words left out at most, in texts of at most so many characters: each costs a prediction.
WORDS, CHARACTERS = 30, 2_000
LIKES = [0, 1, 10, 100, 1000]


def word_effects(model: Model, transformer: Transformer, review: pa.Table) -> DataFrame:
    """What each word of a review (one row) adds to P(five stars), in percentage points.

    Columns word and effect, the largest first; empty for a text longer than CHARACTERS. A word is
    left out wherever it stands.
    """
    text = review["review_text"][0].as_py()
    words = []
    if len(text) <= CHARACTERS:
        words = list(dict.fromkeys(re.findall(r"\w+|[^\w\s]", text.lower())))[:WORDS]
    if not words:
        return DataFrame(columns=["word", "effect"])
    texts = [text]
    for word in words:
        edge = r"\b" if re.match(r"\w", word) else ""
        pattern = edge + re.escape(word) + edge
        texts.append(re.sub(pattern, " ", text, flags=re.IGNORECASE))
    predicted = _predict(model, transformer, review, [{"review_text": text} for text in texts])
    table = DataFrame({"word": words, "effect": 100 * (predicted[0] - predicted[1:])})
    return table.sort_values("effect", key=abs, ascending=False, ignore_index=True)


def what_if(
    model: Model, transformer: Transformer, review: pa.Table, versions: list[str]
) -> dict[str, DataFrame]:
    """P(five stars) if the review (one row) had other likes, another version, or another year, by a
    model on "metadata": the others read the text alone.

    Tables "likes", "version" and "year": value (text), p_five_star, now (bool: the review's value).
    """
    values = review.to_pylist()[0]
    likes, version = values["review_likes"], values["author_app_version"]
    time = values["review_timestamp"] or datetime.now()
    rows = [("likes", f"{n:,}", n == likes, {"review_likes": n}) for n in sorted({*LIKES, likes})]
    for name in dict.fromkeys([version, *versions]):
        rows.append(("version", name or "none", name == version, {"author_app_version": name}))
    for year in range(time.year - 4, time.year + 1):
        # The 29th of February is not in every year.
        moment = time.replace(year=year, day=min(time.day, 28))
        now = values["review_timestamp"] is not None and year == time.year
        rows.append(("year", str(year), now, {"review_timestamp": moment}))
    table = DataFrame(rows, columns=["what", "value", "now", "changes"])
    table.insert(2, "p_five_star", _predict(model, transformer, review, table.pop("changes")))
    return {
        what: group.drop(columns="what").reset_index(drop=True)
        for what, group in table.groupby("what", sort=False)
    }


def _predict(
    model: Model, transformer: Transformer, review: pa.Table, changes: Iterable[dict[str, Any]]
) -> np.ndarray:
    """(n,) predictions of a review once for each of the changes to its columns."""
    values = review.to_pylist()[0]
    variants = pa.Table.from_pylist([values | change for change in changes], review.schema)
    return model.predict(transformer.transform(variants))
