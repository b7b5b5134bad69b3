"""What people complain of: groups of terms, of seed words (complaints.toml) and what goes with them
in these reviews, and topics of the rest.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy import ndarray
from pandas import DataFrame, Index, MultiIndex, Series
from scipy.sparse import csr_array

from common.eda.releases import effects
from common.eda.words import Terms, Words, split_words, term_hashes, terms_of, texts_of, uses_of
from common.scores import wilson
from common.toml import toml_beside

SEEDS = toml_beside(__file__)
MIN_REVIEWS, MAX_TERMS = 10, 5_000
GOES_WITH, ODDS_RATIO = 0.5, 10
TOPICS, TOPIC_WORDS, OTHER_RATIO = 8, 6, 1.5
TYPICAL = 5


def listed_terms(sample: pa.Table, words: DataFrame) -> DataFrame:
    """group, term, source ("seed", "goes with" or "topic") and needs: how many of a group's terms a
    review must have to be in it.

    sample: some reviews of 1 and 2 stars; words: all words with the reviews that have them, and
    those of these that are short. A term goes with a group when at least GOES_WITH of the reviews
    that have it have a seed too (lower end of the interval), at ODDS_RATIO times the usual odds.
    """
    split, rows = split_words(sample), len(sample)
    terms = terms_of(split)
    seeds = seed_terms(words["word"])
    names, uses = frequent_terms(split, terms, rows)
    hits = members(terms, seeds, rows) > 0
    number, both = uses.sum(axis=0)[:, None], uses.T @ hits.to_numpy(int)
    low, usual = wilson(both / number, number)[0], hits.mean().to_numpy()
    ratio = low / (1 - low) / np.maximum(usual / (1 - usual), 1e-9)
    # "customer" goes with "customer service" only because it is a part of it.
    parts = set(" ".join(seeds["term"]).split())
    own = np.array([parts.isdisjoint(name.split()) for name in names], bool)[:, None]
    goes = np.where((low >= GOES_WITH) & (ratio >= ODDS_RATIO) & own, ratio, 0)
    term, best = names[goes.any(axis=1)], goes[goes.any(axis=1)].argmax(axis=1)
    wider = DataFrame({"group": hits.columns[best], "term": term})
    groups = pd.concat({"seed": seeds, "goes with": wider}, names=["source"]).reset_index("source")
    groups = groups.drop_duplicates("term").assign(needs=1)
    rest = (members(terms, groups, rows) == 0).all(axis=1).to_numpy()
    short = words.set_index("word")["short"] / words.set_index("word")["reviews"]
    mood = short > 2 * words["short"].sum() / max(words["reviews"].sum(), 1)
    # What the reviews of the groups have as often is about nothing else ("now", "if", "they").
    within, besides = (uses[side].sum(axis=0) / max(side.sum(), 1) for side in (~rest, rest))
    other = besides > OTHER_RATIO * within
    topics = topics_of(uses[rest][:, other], names[other], mood)
    return pd.concat([groups, topics], ignore_index=True)[["group", "term", "source", "needs"]]


def seed_terms(words: Series) -> DataFrame:
    """group and term: the seeds, for those that end with * the words that begin so."""
    rows = []
    for group, seeds in SEEDS.items():
        begins = tuple(seed[:-1] for seed in seeds if seed.endswith("*"))
        terms = {*words[words.str.startswith(begins)], *seeds} - {begin + "*" for begin in begins}
        rows += [(group, term) for term in sorted(terms)]
    return DataFrame(rows, columns=["group", "term"])


def frequent_terms(split: Words, terms: Terms, rows: int) -> tuple[ndarray, csr_array]:
    """The MAX_TERMS terms with the most uses, MIN_REVIEWS and more, as text, and their use."""
    hashes, first, number = np.unique(terms.hash, return_index=True, return_counts=True)
    most = np.argsort(-number, kind="stable")[:MAX_TERMS]
    most = most[number[most] >= MIN_REVIEWS]
    names = texts_of(split, terms.word[first[most]], first[most] >= len(split.row))
    return names, uses_of(terms, hashes[most], rows)


def members(terms: Terms, listed: DataFrame, rows: int) -> DataFrame:
    """(rows, groups) int: how many of a group's listed terms a review has."""
    codes, names = pd.factorize(listed["term"])
    groups, columns = pd.factorize(listed["group"])
    shape = (len(names), len(columns))
    table = csr_array((np.ones(len(codes), int), (codes, groups)), shape)
    uses = uses_of(terms, term_hashes(names), rows)
    return DataFrame((uses @ table).toarray(), columns=columns)


def topics_of(uses: csr_array, names: ndarray, mood: Series) -> DataFrame:
    """group, term, source and needs of topics: parts of the non-negative factorisation (NMF) of
    TF-IDF that have words of their own, the more than half of them no mood ("bad", "worst"): words
    that are twice as often in short reviews as others.
    """
    from sklearn.decomposition import NMF  # its import takes a second

    number = uses.sum(axis=0)
    words = np.array([" " not in name for name in names], bool)
    words &= number >= MIN_REVIEWS
    rows = []
    if words.sum() > TOPICS:
        matrix = (uses[:, words] * np.log(uses.shape[0] / number[words])).tocsr()
        parts = NMF(TOPICS, init="nndsvd", tol=0.01, random_state=0).fit(matrix).components_
        for part in np.where(parts > parts.sum(axis=0) / 2, parts, 0):
            most = names[words][
                np.argsort(-part, kind="stable")[: min(TOPIC_WORDS, (part > 0).sum())]
            ]
            enough = (matrix[:, np.isin(names[words], most)] > 0).sum(axis=1) > 1
            if enough.sum() >= MIN_REVIEWS and mood.reindex(most, fill_value=False).mean() < 0.5:
                rows += [("Other: " + ", ".join(most[:3]), term, "topic", 2) for term in most]
    return DataFrame(rows, columns=["group", "term", "source", "needs"])


def typical_reviews(sample: pa.Table, listed: DataFrame) -> DataFrame:
    """group, review_text, review_rating, review_timestamp of the TYPICAL reviews that have the most
    of a group's terms for their length.
    """
    reviews = sample.drop_columns("hash").to_pandas()
    counts = members(terms_of(split_words(sample)), listed, len(sample))
    score = counts.where(counts > 0).div(np.sqrt(reviews["review_text"].str.len()), axis=0)
    rows = {group: reviews.loc[score[group].dropna().nlargest(TYPICAL).index] for group in score}
    return pd.concat(rows, names=["group"]).reset_index("group").astype({"group": str})


def complaints(frames: dict[str, DataFrame]) -> dict[str, DataFrame]:
    """Three tables by name.

    complaints: by group, the reviews that speak of it, their share of all with its interval, low
    (those of 1 and 2 stars), mean_rating, and stars_lost: share times how far that is below the
    mean of all. complaint_weeks: by group and week reviews, low, and low_share of all reviews then.
    complaint_releases: by group and release, `effects` on the share of low reviews about it.
    """
    counts, days, weeks = frames["complaints"], frames["health"], frames["weeks"]["week"]
    groups = Index(frames["complaint_words"]["group"].unique(), name="group", dtype="str")
    number = max(days["reviews"].sum(), 1)
    sums = counts.groupby("group")[["reviews", "low", "stars"]].sum().reindex(groups, fill_value=0)
    share, rating = sums["reviews"] / number, sums.pop("stars") / sums["reviews"]
    low, high = wilson(share, number)
    lost = share * ((days["mean_rating"] * days["reviews"]).sum() / number - rating)
    table = sums.assign(
        share=share, share_low=low, share_high=high, mean_rating=rating, stars_lost=lost
    )
    week_of, week_of_day = (weeks.searchsorted(d["day"], "right") - 1 for d in (counts, days))
    by_week = counts.groupby(["group", week_of])[["reviews", "low"]].sum()
    by_week = by_week.reindex(MultiIndex.from_product([groups, range(len(weeks))]), fill_value=0)
    by_week = by_week.reset_index(names=["group", "week"]).astype({"group": str})
    of_week = days["reviews"].groupby(week_of_day).sum()
    by_week["low_share"] = by_week["low"] / by_week["week"].map(of_week)
    by_week["week"] = weeks.to_numpy()[by_week["week"]]
    by_release = frames["by_release"].set_index(["release", "day"])[["reviews"]]
    about = counts.dropna(subset="release").set_index(["release", "day"])
    compared = {}
    for group in groups:
        low = about.loc[about["group"] == group, "low"].reindex(by_release.index, fill_value=0)
        compared[group] = effects(by_release.assign(low=low).reset_index(), len(groups))
    return {
        "complaints": table.sort_values("stars_lost", ascending=False).reset_index(),
        "complaint_weeks": by_week,
        "complaint_releases": pd.concat(compared, names=["group", "release"]).reset_index(),
    }
