"""Altair charts of reviews, shared by 02, 06 and the app: DataFrame in, chart out."""

from collections.abc import Callable, Mapping
from functools import partial

import altair as alt
import pandas as pd

from common.charts.base import (
    BLUE,
    GREY,
    HEIGHT,
    ORANGE,
    PERCENT,
    UPRIGHT,
    AnyChart,
    bars,
    base,
    by_rating,
    names,
    tips,
)

DAY = alt.Tooltip("day:T", format="%Y-%m-%d")


def by_month(table: pd.DataFrame) -> alt.Chart:
    """Reviews a month. table: month, reviews, five_star_share; a clicked bar is its `period`."""
    periods = table["month"].dt.strftime("%Y-%m")
    month = alt.Tooltip("period", title="month")
    return (
        base(table.assign(period=periods), "Reviews by month")
        .mark_bar(color=BLUE)
        .encode(
            alt.X("yearmonth(month):T", title="month"),
            alt.Y("reviews:Q", title="reviews a month"),
            tooltip=[month, *tips("reviews", five_star_share=".1%")],
        )
    )


def top_versions(table: pd.DataFrame) -> alt.Chart:
    """The most reviewed app versions. table: author_app_version, reviews, five_star_share."""
    title, formats = "Most reviewed app versions", {"reviews": ",", "five_star_share": ".1%"}
    chart = bars(table, "reviews", "author_app_version", title, "reviews", **formats)
    return chart.properties(height=HEIGHT)


def cumulative(table: pd.DataFrame) -> alt.Chart:
    """Reviews so far, by day. table: day, reviews, cumulative."""
    return (
        base(table, "Reviews so far")
        .mark_line(color=BLUE)
        .encode(
            alt.X("day:T", title="day"),
            alt.Y("cumulative:Q", title="reviews so far"),
            tooltip=[DAY, *tips("reviews", "cumulative")],
        )
    )


def five_star_share(table: pd.DataFrame) -> alt.LayerChart:
    """Share of five stars over time: days thin and grey, the mean of 28 days on top. table: day,
    reviews, share, mean_share."""
    days = base(table, "Five-star share by day, and its mean over 28 days").encode(
        alt.X("day:T", title="day"),
        tooltip=[DAY, *tips("reviews", share=".1%", mean_share=".1%")],
    )
    single, mean = (
        alt.Y(f"{column}:Q", title="five-star share", axis=PERCENT)
        for column in ("share", "mean_share")
    )
    thin = days.mark_line(color=GREY, strokeWidth=0.5, opacity=0.5).encode(single)
    return thin + days.mark_line(color=ORANGE).encode(mean)


def versions(table: pd.DataFrame) -> alt.LayerChart:
    """Mean rating of the 25 most reviewed versions in order of appearance, with 95% intervals.
    table: as answers.versions."""
    shown = table.loc[table["reviews"].nlargest(25).index.sort_values()]
    first_day = alt.Tooltip("first_day:T", format="%Y-%m-%d")
    means = tips(mean_rating=".2f", mean_low=".2f", mean_high=".2f")
    chart = (
        base(shown, "Mean rating by version, in order of appearance")
        .encode(
            names("author_app_version"),
            tooltip=[*tips("author_app_version", "reviews"), first_day, *means],
        )
        .properties(height=16 * max(len(shown), 4))
    )
    low = alt.X("mean_low:Q", title="stars (with 95% interval)").scale(zero=False)
    intervals = chart.mark_rule(color=GREY).encode(low, alt.X2("mean_high:Q"))
    points = chart.mark_point(color=BLUE, filled=True, opacity=1)
    return intervals + points.encode(alt.X("mean_rating:Q"))


def missing(table: pd.DataFrame) -> alt.Chart:
    """Share of missing values by column. table: column, missing, reviews, share."""
    return (
        base(table, "Missing values")
        .mark_bar(color=BLUE)
        .encode(
            alt.Y("column:N", sort=None, title=None),
            alt.X("share:Q", title="share of reviews", axis=PERCENT),
            tooltip=tips("column", "missing", share=".2%"),
        )
    )


def distribution(table: pd.DataFrame, title: str, unit: str) -> alt.Chart:
    """How a number is distributed in each rating. table: review_rating, at_least, below, reviews,
    share."""
    return (
        base(table, title)
        .mark_line(point=True)
        .encode(
            alt.X("at_least:O", title=f"{unit}, at least", axis=UPRIGHT),
            alt.Y("share:Q", title="share of the rating's reviews", axis=PERCENT),
            alt.Color("review_rating:O", title="stars", scale=alt.Scale(scheme="viridis")),
            tooltip=tips("review_rating", "at_least", "below", "reviews", share=".1%"),
        )
    )


def words(table: pd.DataFrame) -> alt.Chart:
    """Words that separate five stars from fewer. table: word, reviews, five_star_share, z."""
    title = "Words that separate five-star reviews from the rest"
    unit = "z-score of the log-odds ratio (right: five stars)"
    colour = alt.when("datum.z > 0").then(alt.value(BLUE)).otherwise(alt.value(ORANGE))
    chart = bars(table, "z", "word", title, unit, reviews=",", five_star_share=".1%", z=".1f")
    return chart.encode(color=colour).properties(height=14 * max(len(table), 4))


def vocabulary(table: pd.DataFrame) -> alt.Chart:
    """Words whose use changed most, by year. table: word, year, share, z, peak_year."""
    order = table.drop_duplicates("word")["word"].tolist()
    share = alt.Tooltip("share:Q", format=".2%", title="share of reviews")
    return (
        base(table, "Words that came and went")
        .mark_rect()
        .encode(
            alt.X("year:O", title="year", axis=UPRIGHT),
            names("word").sort(order),
            alt.Color("z:Q", title="z-score", scale=alt.Scale(scheme="blueorange", domainMid=0)),
            tooltip=[*tips("word", "year"), share, *tips(z=".1f")],
        )
        .properties(height=14 * max(len(order), 4))
    )


EDA: dict[str, Callable[[pd.DataFrame], AnyChart]] = {
    "ratings": partial(
        by_rating,
        column="reviews",
        title="Reviews by rating",
        unit="reviews",
        reviews=",",
        share=".1%",
    ),
    "by_month": by_month,
    "five_star_share": five_star_share,
    "versions": versions,
    "top_versions": top_versions,
    "lengths": partial(distribution, title="Length by rating", unit="characters"),
    "likes": partial(distribution, title="Likes by rating", unit="likes"),
    "length_by_rating": partial(
        by_rating,
        column="mean_characters",
        title="Mean length by rating",
        unit="characters",
        mean_characters=".2f",
    ),
    "likes_by_rating": partial(
        by_rating,
        column="mean_likes",
        title="Mean likes by rating",
        unit="likes",
        mean_likes=".2f",
    ),
    "words": words,
    "vocabulary": vocabulary,
    "missing": missing,
    "cumulative": cumulative,
}


def eda_charts(tables: Mapping[str, pd.DataFrame]) -> dict[str, AnyChart]:
    """{name: chart} of those of 02's tables that are there and have rows: the vocabulary of a
    single year, for one, cannot change."""
    return {name: draw(tables[name]) for name, draw in EDA.items() if len(tables.get(name, ()))}
