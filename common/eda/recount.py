"""The second counts of a file: of what the first counts of all files make known.

Breaks between periods, the terms of complaints and those that could be new are known only when all
files were counted: `plan` finds them, `recount` counts them.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.sparse import csr_array

from common.eda.complaints import listed_terms, members, typical_reviews
from common.eda.counts import SHORT_CHARACTERS, Tables, read_counted, total, with_release
from common.eda.health import health
from common.eda.terms import weeks_of
from common.eda.words import split_words, term_hashes, terms_of, uses_of

MAX_NEW, COMMON = 20_000, 0.05  # terms; a word in more of the reviews is never new


def plan(tables: Tables) -> dict[str, pd.DataFrame]:
    """What `health` says, and complaint_words, typical_reviews, weeks and candidates."""
    frames = {name: tables[name].to_pandas() for name in ("signals", "day_lengths", "words")}
    listed = listed_terms(tables["sample"], frames["words"])
    days = health(frames["signals"], frames["day_lengths"])
    order = [("uses", "descending"), ("term", "ascending")]
    candidates, words = tables["candidates"].sort_by(order)[:MAX_NEW].to_pandas(), frames["words"]
    common = words["word"][words["reviews"] > COMMON * frames["signals"]["reviews"].sum()]
    return days | {
        "complaint_words": listed,
        "typical_reviews": typical_reviews(tables["sample"], listed),
        "weeks": weeks_of(days["health"]),
        "candidates": candidates[~candidates["term"].isin(common)],
    }


def recount(path: Path, planned: dict[str, pd.DataFrame]) -> Tables:
    """Tables of one file: complaints (by group, release and day), covered (of reviews of 1 and 2
    stars and SHORT_CHARACTERS, those in some group), term_weeks and week_words.
    """
    reviews = with_release(read_counted(path))
    split = split_words(reviews)
    terms, rows = terms_of(split), len(reviews)
    listed = planned["complaint_words"]
    needs = listed.groupby("group", sort=False)["needs"].first()
    hits = members(terms, listed, rows)
    hits = (hits >= needs[hits.columns]).to_numpy()
    row, group = np.nonzero(hits)
    stars = reviews["review_rating"].cast(pa.int64())
    about = reviews.select(["release", "day", "reviews", "low"]).append_column("stars", stars)
    about = about.combine_chunks().take(row).append_column("group", [needs.index.to_numpy()[group]])
    long = (reviews["low"].to_numpy() > 0) & (reviews["characters"].to_numpy() >= SHORT_CHARACTERS)
    spoken = hits.any(axis=1)[long]
    week = planned["weeks"]["week"].searchsorted(reviews["day"].to_numpy(), "right") - 1
    of_week = csr_array(
        (np.ones(rows, int), (week, np.arange(rows))), (len(planned["weeks"]), rows)
    )
    used = uses_of(terms, term_hashes(planned["candidates"]["term"]), rows)
    used = (of_week @ used).tocoo()
    return {
        "complaints": total(about),
        "covered": pa.table({"covered": [False, True], "reviews": [(~spoken).sum(), spoken.sum()]}),
        "term_weeks": pa.table({"term": used.col, "week": used.row, "reviews": used.data}),
        "week_words": pa.table(
            {
                "week": np.arange(of_week.shape[0]),
                "words": of_week @ np.bincount(split.row, minlength=rows),
            }
        ),
    }
