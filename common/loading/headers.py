"""Headers of review exports: which families are known, and which one a file's header belongs to."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from common.schema import OPTIONAL, SCHEMA
from common.store import InputError

# Per family of exports: the name that each canonical column has in the header.
FAMILIES = {
    "kaggle": {name: name for name in SCHEMA.names},
    "google_play_scraper": {
        "review_id": "reviewId",
        "pseudo_author_id": "userName",
        "author_name": "userName",
        "review_text": "content",
        "review_rating": "score",
        "review_likes": "thumbsUpCount",
        "author_app_version": "reviewCreatedVersion",
        "review_timestamp": "at",
        "reply_text": "replyContent",
        "reply_timestamp": "repliedAt",
    },
}


def recognise(
    path: str | Path, header: Sequence[str], without: Collection[str] = ()
) -> tuple[str, dict[str, int]]:
    """Name of the header's family, and the position of each canonical column that it has.

    `without` names canonical columns that are not wanted. InputError says what is wrong with the
    header of the file at `path`: of no family, separated otherwise, a column missing or repeated.
    """

    def shared_names(family: str) -> int:
        return len(set(FAMILIES[family].values()).intersection(header))

    family = max(FAMILIES, key=shared_names)
    if shared_names(family) < 3:
        keys = {"review_id", "review_text", "reviewId", "content"}
        if keys.intersection(re.split("[;\t|]", ";".join(header))):
            raise InputError(
                f"{path}: columns must be separated by commas; export it again with commas"
            )
        raise InputError(
            f"{path}: the first line is no header of a review export; it should name the columns "
            "(review_id, review_text, ... or reviewId, content, ...)"
        )
    positions = {}
    for canonical, name in FAMILIES[family].items():
        if canonical in without:
            continue
        if header.count(name) > 1:
            raise InputError(
                f"{path}: column {name!r} occurs {header.count(name)} times; keep one of them"
            )
        if name in header:
            positions[canonical] = header.index(name)
        elif canonical not in OPTIONAL:
            raise InputError(
                f"{path}: column {name!r} is missing; "
                f"export it with all columns of the {family} form"
            )
    return family, positions
