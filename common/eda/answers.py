"""What the counted tables of `counts` answer: the original study's seven questions, and what a product analyst asks next."""

import numpy as np
import pandas as pd

from common.eda.counts import BINS, TOP

Z = 1.96  # of a 95% interval
MEAN_DAYS = 28
WORDS_A_SIDE, WORDS_A_YEAR, MIN_REVIEWS_OF_WORD = 20, 3, 20
MIN_REPEATS = 5


def all_answers(merged, everything=True):
    """{name: small DataFrame}: the original study's seven aggregates, and with `everything` what an analyst asks next."""
    return study_answers(merged) | (further_answers(merged) if everything else {})


def study_answers(merged):
    """{name: small DataFrame} of the original study's seven aggregates."""
    return study_counts({name: merged[name].to_pandas() for name in ("by_day", "by_version")}) | {
        "most_liked": merged["most_liked"].to_pandas()
    }


def study_counts(frames):
    """The six of them that need only {by_day, by_version: DataFrame}."""
    by_day = frames["by_day"]
    ratings = (
        by_day.groupby("review_rating")[["reviews", "characters", "likes"]].sum().reset_index()
    )
    days = _with_five_star(by_day).groupby("day")[["reviews", "five_star"]].sum().reset_index()
    days["day"] = days["day"].astype("datetime64[s]")
    months = (
        days.groupby(days["day"].dt.to_period("M").dt.to_timestamp().rename("month"))[
            ["reviews", "five_star"]
        ]
        .sum()
        .reset_index()
    )
    versions = (
        _with_five_star(frames["by_version"])
        .groupby("author_app_version")[["reviews", "five_star"]]
        .sum()
        .reset_index()
    )
    most = versions.sort_values(
        ["reviews", "author_app_version"], ascending=[False, True], ignore_index=True
    ).head(TOP)
    return {
        "ratings": ratings[["review_rating", "reviews"]].assign(
            share=ratings["reviews"] / ratings["reviews"].sum()
        ),
        "by_month": months.assign(five_star_share=months["five_star"] / months["reviews"]),
        "top_versions": most.assign(five_star_share=most["five_star"] / most["reviews"]).drop(
            columns="five_star"
        ),
        "length_by_rating": ratings[["review_rating"]].assign(
            mean_characters=ratings["characters"] / ratings["reviews"]
        ),
        "likes_by_rating": ratings[["review_rating"]].assign(
            mean_likes=ratings["likes"] / ratings["reviews"]
        ),
        "cumulative": days[["day", "reviews"]].assign(cumulative=days["reviews"].cumsum()),
    }


def _with_five_star(table):
    return table.assign(five_star=table["reviews"].where(table["review_rating"] == 5, 0))


def further_answers(merged):
    """{name: DataFrame} of what the study did not ask."""
    frames = {name: merged[name].to_pandas() for name in merged}
    missing, empty = frames["missing"], frames["lengths"].query("at_least == 0")["reviews"].sum()
    missing.loc[missing["column"] == "review_text", "missing"] = (
        empty  # a text is never null, but can be empty
    )
    missing = missing.sort_values(["missing", "column"], ascending=[False, True], ignore_index=True)
    return {
        "five_star_share": five_star_share(frames["by_day"]),
        "versions": versions(frames["by_version"]),
        "missing": missing.assign(share=missing["missing"] / missing["reviews"]),
        "lengths": distribution(frames["lengths"]),
        "likes": distribution(frames["likes"]),
        "repeats": repeats(frames["texts"]),
        "repeated_texts": repeated_texts(frames["frequent"], frames["texts"]),
        **dict(zip(("words", "vocabulary"), word_answers(frames["words"], frames["by_day"]))),
    }


def five_star_share(by_day):
    """Share of five stars by day, and over the MEAN_DAYS days up to it; days without a review have NaN and a mean."""
    days = _with_five_star(by_day).groupby("day")[["reviews", "five_star"]].sum()
    days.index = pd.DatetimeIndex(days.index).as_unit("s")
    days = days.reindex(
        pd.date_range(days.index.min(), days.index.max(), unit="s", name="day"), fill_value=0
    )
    sums = days.rolling(MEAN_DAYS, min_periods=1).sum()
    return days.assign(
        share=days["five_star"] / days["reviews"].replace(0, np.nan),
        mean_share=sums["five_star"] / sums["reviews"].replace(0, np.nan),
    ).reset_index()


def versions(by_version):
    """A row per version in order of appearance: reviews, first and last day, mean rating and five-star share with 95% intervals.

    Mean: normal interval (NaN for one review). Share: Wilson's score interval (Wilson 1927).
    """
    known = _with_five_star(by_version.dropna(subset="author_app_version"))
    known = known.assign(
        stars=known["reviews"] * known["review_rating"],
        squares=known["reviews"] * known["review_rating"] ** 2.0,
    )
    groups = known.groupby("author_app_version")
    table = (
        groups[["reviews", "five_star", "stars", "squares"]]
        .sum()
        .join(groups.agg(first_day=("first_day", "min"), last_day=("last_day", "max")))
    )
    n, mean, share = (
        table["reviews"],
        table["stars"] / table["reviews"],
        table["five_star"] / table["reviews"],
    )
    error = Z * np.sqrt((table["squares"] / n - mean**2).clip(lower=0) / (n - 1).where(n > 1))
    centre, half = (
        (share + Z**2 / (2 * n)) / (1 + Z**2 / n),
        Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n),
    )
    table = table.assign(
        mean_rating=mean,
        mean_low=(mean - error).clip(1),
        mean_high=(mean + error).clip(upper=5),
        five_star_share=share,
        share_low=centre - half,
        share_high=centre + half,
    )
    for column in ("first_day", "last_day"):
        table[column] = table[column].astype("datetime64[s]")
    return (
        table.drop(columns=["stars", "squares"])
        .sort_values(["first_day", "author_app_version"])
        .reset_index()
    )


def distribution(counts):
    """Reviews in each bin [at_least, below) by rating, and their share of the rating's reviews."""
    table = counts.sort_values(["review_rating", "at_least"], ignore_index=True)
    edges = np.append(BINS, np.iinfo(np.int64).max)
    below = edges[np.searchsorted(BINS, table["at_least"]) + 1]
    return table.assign(
        below=below,
        share=table["reviews"] / table.groupby("review_rating")["reviews"].transform("sum"),
    )


def repeats(texts):
    """One row: reviews, distinct texts, share of reviews that repeat an earlier one's text, and what contradiction allows.

    best_accuracy: the most that any classifier of five stars can reach on texts of MIN_REPEATS reviews and more.
    """
    often = texts[texts["reviews"] >= MIN_REPEATS]
    right = np.maximum(often["five_star"], often["reviews"] - often["five_star"]).sum()
    reviews = texts["reviews"].sum()
    return pd.DataFrame(
        [
            {
                "reviews": reviews,
                "distinct_texts": len(texts),
                "repeated_share": 1 - len(texts) / reviews,
                "often_repeated_reviews": often["reviews"].sum(),
                "best_accuracy": right / (often["reviews"].sum() or np.nan),
            }
        ]
    )


def repeated_texts(frequent, texts):
    """The commonest texts (of those that are among the 100 commonest of some file): text, reviews, five_star_share."""
    found = frequent.merge(texts, on="hash").sort_values(
        ["reviews", "review_text"], ascending=[False, True], ignore_index=True
    )
    found = found[found["reviews"] > 1].head(2 * TOP)
    return found.assign(five_star_share=found["five_star"] / found["reviews"])[
        ["review_text", "reviews", "five_star_share"]
    ]


def log_odds(count, other):
    """z-scores of the log-odds ratio of words (index) between two sets of reviews, given in how many reviews of each they occur.

    Monroe, Colaresi & Quinn (2008), "Fightin' Words", equations 16 and 22, where each word has a prior worth 1/100 of its count.
    """
    a, b = count + (count + other) / 100, other + (count + other) / 100
    return (np.log(a / (a.sum() - a)) - np.log(b / (b.sum() - b))) / np.sqrt(1 / a + 1 / b)


def separating(words):
    """(words that separate five stars from fewer, all words with z), from counts of reviews that have them."""
    table = (
        words.groupby("word")[["reviews", "five_star"]]
        .sum()
        .query("reviews >= @MIN_REVIEWS_OF_WORD")
        .sort_index()
    )
    table = table.assign(
        z=log_odds(table["five_star"], table["reviews"] - table["five_star"]),
        five_star_share=table["five_star"] / table["reviews"],
    )
    ordered = table.sort_values("z", ascending=False, kind="stable")
    return pd.concat(
        [ordered.head(WORDS_A_SIDE).query("z > 0"), ordered.tail(WORDS_A_SIDE).query("z < 0")]
    ).reset_index(), table


def word_answers(words, by_day):
    """(words that separate five stars from fewer, words whose use changed most by year), from counts of reviews that have them."""
    reviews_of = by_day.groupby(pd.DatetimeIndex(by_day["day"]).year)["reviews"].sum()
    found_words, table = separating(words)
    counts = (
        words[words["word"].isin(table.index)]
        .pivot(index="word", columns="year", values="reviews")
        .fillna(0)
        .reindex(columns=reviews_of.index)
    )
    z = counts.fillna(0).apply(lambda own: log_odds(own, table["reviews"] - own))
    chosen = {
        word: year
        for year in z
        if len(reviews_of) > 1
        for word in z[year].nlargest(WORDS_A_YEAR).index
    }
    found = (
        (counts / reviews_of)
        .loc[list(chosen)]
        .reset_index()
        .melt("word", var_name="year", value_name="share")
    )
    found = found.assign(
        z=[z.at[word, year] for word, year in zip(found["word"], found["year"])],
        peak_year=found["word"].map(chosen),
    )
    return found_words, found.sort_values(["peak_year", "word", "year"], ignore_index=True)
