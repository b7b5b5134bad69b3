"""Altair charts shared by 02, 06 and the app: DataFrame in, chart out. Colours hold up under colour blindness (Okabe-Ito)."""

import altair as alt

from common.charts.base import BLUE, GREY, ORANGE, base


def ratings(table):
    """Reviews by stars. table: review_rating, reviews, share."""
    return (
        base(table, "Reviews by rating")
        .mark_bar(color=BLUE)
        .encode(
            alt.X("review_rating:O", title="stars", axis=alt.Axis(labelAngle=0)),
            alt.Y("reviews:Q", title="reviews"),
            tooltip=["review_rating", "reviews", alt.Tooltip("share:Q", format=".1%")],
        )
    )


def by_month(table):
    """Reviews a month. table: month, reviews, five_star_share."""
    return (
        base(table.assign(period=table["month"].dt.strftime("%Y-%m")), "Reviews by month")
        .mark_bar(color=BLUE)
        .encode(
            alt.X("yearmonth(month):T", title="month"),
            alt.Y("reviews:Q", title="reviews a month"),
            tooltip=[
                alt.Tooltip("period", title="month"),
                "reviews",
                alt.Tooltip("five_star_share:Q", format=".1%"),
            ],
        )
    )


def top_versions(table):
    """The most reviewed app versions. table: author_app_version, reviews, five_star_share."""
    return (
        base(table, "Most reviewed app versions")
        .mark_bar(color=BLUE)
        .encode(
            alt.Y(
                "author_app_version:N",
                sort="-x",
                title=None,
                axis=alt.Axis(labelLimit=220, labelOverlap=False),
            ),
            alt.X("reviews:Q", title="reviews"),
            tooltip=[
                "author_app_version",
                "reviews",
                alt.Tooltip("five_star_share:Q", format=".1%"),
            ],
        )
    )


def _mean_by_rating(table, column, title, unit):
    return (
        base(table, title)
        .mark_bar(color=BLUE)
        .encode(
            alt.X("review_rating:O", title="stars", axis=alt.Axis(labelAngle=0)),
            alt.Y(f"{column}:Q", title=unit),
            tooltip=["review_rating", alt.Tooltip(f"{column}:Q", format=".2f")],
        )
    )


def length_by_rating(table):
    """Mean text length. table: review_rating, mean_characters."""
    return _mean_by_rating(table, "mean_characters", "Mean length by rating", "characters")


def likes_by_rating(table):
    """Mean likes. table: review_rating, mean_likes."""
    return _mean_by_rating(table, "mean_likes", "Mean likes by rating", "likes")


def cumulative(table):
    """Reviews so far, by day. table: day, reviews, cumulative."""
    return (
        base(table, "Reviews so far")
        .mark_line(color=BLUE)
        .encode(
            alt.X("day:T", title="day"),
            alt.Y("cumulative:Q", title="reviews so far"),
            tooltip=[alt.Tooltip("day:T", format="%Y-%m-%d"), "reviews", "cumulative"],
        )
    )


def five_star_share(table):
    """Share of five stars over time: days thin and grey, the mean of 28 days on top. table: day, reviews, share, mean_share."""
    days = base(table, "Five-star share by day, and its mean over 28 days").encode(
        alt.X("day:T", title="day"),
        tooltip=[
            alt.Tooltip("day:T", format="%Y-%m-%d"),
            "reviews",
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("mean_share:Q", format=".1%"),
        ],
    )
    share = alt.Axis(format="%")
    return days.mark_line(color=GREY, strokeWidth=0.5, opacity=0.5).encode(
        alt.Y("share:Q", title="five-star share", axis=share)
    ) + (
        days.mark_line(color=ORANGE).encode(
            alt.Y("mean_share:Q", title="five-star share", axis=share)
        )
    )


def versions(table):
    """Mean rating of the 25 most reviewed versions in order of appearance, with 95% intervals. table: as answers.versions."""
    shown = table.loc[table["reviews"].nlargest(25).index.sort_values()]
    shared = base(shown, "Mean rating by version, in order of appearance").encode(
        alt.Y(
            "author_app_version:N",
            sort=None,
            title=None,
            axis=alt.Axis(labelLimit=220, labelOverlap=False),
        ),
        tooltip=[
            "author_app_version",
            "reviews",
            alt.Tooltip("first_day:T", format="%Y-%m-%d"),
            alt.Tooltip("mean_rating:Q", format=".2f"),
            alt.Tooltip("mean_low:Q", format=".2f"),
            alt.Tooltip("mean_high:Q", format=".2f"),
        ],
    )
    scale = alt.Scale(zero=False)
    intervals = shared.mark_rule(color=GREY).encode(
        alt.X("mean_low:Q", title="stars (with 95% interval)", scale=scale), alt.X2("mean_high:Q")
    )
    means = shared.mark_point(color=BLUE, filled=True, opacity=1).encode(
        alt.X("mean_rating:Q", scale=scale)
    )
    return (intervals + means).properties(height=16 * max(len(shown), 4))


def missing(table):
    """Share of missing values by column. table: column, missing, reviews, share."""
    return (
        base(table, "Missing values")
        .mark_bar(color=BLUE)
        .encode(
            alt.Y("column:N", sort=None, title=None),
            alt.X("share:Q", title="share of reviews", axis=alt.Axis(format="%")),
            tooltip=["column", "missing", alt.Tooltip("share:Q", format=".2%")],
        )
    )


def _distribution(table, title, unit):
    return (
        base(table, title)
        .mark_line(point=True)
        .encode(
            alt.X("at_least:O", title=f"{unit}, at least", axis=alt.Axis(labelAngle=0)),
            alt.Y("share:Q", title="share of the rating's reviews", axis=alt.Axis(format="%")),
            alt.Color("review_rating:O", title="stars", scale=alt.Scale(scheme="viridis")),
            tooltip=[
                "review_rating",
                "at_least",
                "below",
                "reviews",
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )


def lengths(table):
    """Distribution of text length by rating. table: review_rating, at_least, below, reviews, share."""
    return _distribution(table, "Length by rating", "characters")


def likes(table):
    """Distribution of likes by rating. table: as for lengths."""
    return _distribution(table, "Likes by rating", "likes")


def words(table):
    """Words that separate five stars from fewer. table: word, reviews, five_star_share, z."""
    return (
        base(table, "Words that separate five-star reviews from the rest")
        .mark_bar()
        .encode(
            alt.Y("word:N", sort=None, title=None, axis=alt.Axis(labelOverlap=False)),
            alt.X("z:Q", title="z-score of the log-odds ratio (right: five stars)"),
            alt.Color(
                "sign:N",
                legend=None,
                scale=alt.Scale(domain=["five stars", "fewer"], range=[BLUE, ORANGE]),
            ),
            tooltip=[
                "word",
                "reviews",
                alt.Tooltip("five_star_share:Q", format=".1%"),
                alt.Tooltip("z:Q", format=".1f"),
            ],
        )
        .transform_calculate(sign="datum.z > 0 ? 'five stars' : 'fewer'")
        .properties(height=14 * max(len(table), 4))
    )


def vocabulary(table):
    """Words whose use changed most, by year. table: word, year, share, z, peak_year."""
    order = table.drop_duplicates("word")["word"].tolist()
    return (
        base(table, "Words that came and went")
        .mark_rect()
        .encode(
            alt.X("year:O", title="year", axis=alt.Axis(labelAngle=0)),
            alt.Y("word:N", sort=order, title=None, axis=alt.Axis(labelOverlap=False)),
            alt.Color("z:Q", title="z-score", scale=alt.Scale(scheme="blueorange", domainMid=0)),
            tooltip=[
                "word",
                "year",
                alt.Tooltip("share:Q", format=".2%", title="share of reviews"),
                alt.Tooltip("z:Q", format=".1f"),
            ],
        )
        .properties(height=14 * max(len(order), 4))
    )


EDA = {
    function.__name__: function
    for function in (
        ratings,
        by_month,
        five_star_share,
        versions,
        top_versions,
        lengths,
        likes,
        length_by_rating,
        likes_by_rating,
        words,
        vocabulary,
        missing,
        cumulative,
    )
}


def eda_charts(tables):
    """{name: chart} of those of 02's tables that are there and have rows: the vocabulary of a single year, for one, cannot change."""
    return {name: draw(tables[name]) for name, draw in EDA.items() if len(tables.get(name, ()))}
