"""Ids for records that come without one, made from what they say: the same on every run."""

from collections import Counter
from hashlib import blake2b
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

PREFIX = "content-"
# What tells records apart. Likes and replies change from one export to the next.
CONTENT = ["pseudo_author_id", "review_title", "review_text", "review_rating", "review_timestamp"]
CONTENT += ["author_app_version", "app", "store", "language"]


def content_ids(reviews: pa.Table) -> pa.Array:
    """An id for each review, equal for reviews that are alike in all columns of CONTENT."""
    rows = reviews.select([name for name in CONTENT if name in reviews.column_names]).to_pylist()
    texts = (repr([row.get(name) for name in CONTENT]) for row in rows)
    return pa.array(
        [PREFIX + blake2b(t.encode("utf-8", "replace"), digest_size=12).hexdigest() for t in texts],
        pa.string(),
    )


def ids_in_links(links: pa.Array) -> pa.Array:
    """The ids that links to reviews name (reviewId=...); null where there is none."""
    ids = pc.struct_field(pc.extract_regex(links, r"[?&]reviewId=(?P<id>[^&#]+)"), "id")
    return pa.array([text and unquote(text) for text in ids.to_pylist()], pa.string())


def numbered(review_id: str, occurrences: Counter[str]) -> str:
    """The id of a record, which is counted: of alike ones the second gets -2."""
    if not review_id.startswith(PREFIX):
        return review_id
    occurrences[review_id] += 1
    number = occurrences[review_id]
    return f"{review_id}-{number}" if number > 1 else review_id
