"""Why a model scores a review as it does: each word left out, one at a time.

Leaving out ("erasure": Li, Monroe and Jurafsky, "Understanding Neural Networks through
Representation Erasure", 2016) asks the model itself, so it works for any, and needs no knowledge of
how it came to be.
"""

import re

import pyarrow as pa
from pandas import DataFrame

from common.features.transformer import Transformer
from common.models.files import Model

# Words left out at most, in texts of at most so many characters: each costs a prediction.
WORDS, CHARACTERS = 30, 2_000


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
    values = review.to_pylist()[0]
    variants = pa.Table.from_pylist([values | {"review_text": one} for one in texts], review.schema)
    predicted = model.predict(transformer.transform(variants))
    table = DataFrame({"word": words, "effect": 100 * (predicted[0] - predicted[1:])})
    return table.sort_values("effect", key=abs, ascending=False, ignore_index=True)
