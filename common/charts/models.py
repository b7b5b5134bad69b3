"""Altair charts of models, shared by 06 and the app: DataFrame in, chart out."""

import altair as alt
import numpy as np
import pandas as pd

from common.charts.base import (
    BLUE,
    GREY,
    ORANGE,
    PALETTE,
    PERCENT,
    UNIT_INTERVAL,
    UPRIGHT,
    AnyChart,
    bars,
    base,
    by_rating,
    names,
    tips,
)

SLANTED = alt.Axis(labelAngle=-30, labelLimit=200, labelOverlap=False)


def leaderboard(table: pd.DataFrame, metric: str, title: str) -> alt.LayerChart:
    """One dot a model for a figure, the baseline as a line. table: model, features, value; first
    row is the baseline."""
    dots = (
        base(table.iloc[1:], title)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            alt.Y("model:N", sort=table["model"].tolist(), title=None),
            alt.X("value:Q", title=metric, scale=alt.Scale(zero=False)),
            alt.Color("features:N", title="features", scale=alt.Scale(range=PALETTE)),
            alt.Shape("features:N"),
            tooltip=tips("model", "features", value=".4f"),
        )
    )
    baseline = alt.Chart(table.iloc[:1]).mark_rule(color=GREY, strokeDash=[5, 4])
    return baseline.encode(alt.X("value:Q"), tooltip=tips("model", value=".4f")) + dots


def feature_scores(table: pd.DataFrame) -> alt.Chart:
    """What each metadata feature tells about five stars, kept or not. table: feature,
    mutual_information, correlation, kept."""
    table = table.sort_values("mutual_information", ascending=False)
    table["chosen"] = table["kept"].map({True: "kept", False: "left out"})
    scale = alt.Scale(domain=["kept", "left out"], range=[BLUE, GREY])
    return bars(
        table,
        "mutual_information",
        "feature",
        "Metadata features and five stars",
        "mutual information (nats)",
        alt.Color("chosen:N", title=None, scale=scale),
        mutual_information=".4f",
        correlation=".3f",
    ).properties(height=16 * len(table))


def curve(table: pd.DataFrame, x: str, y: str, title: str, diagonal: str | None = None) -> AnyChart:
    """A line a model within the unit square. table: model, and the columns x and y; diagonal: what
    the grey line from corner to corner means."""
    formats = {name: ".3f" for name in (x, y, "threshold") if name in table}
    counted = ["reviews"] if "reviews" in table else []
    legend = alt.Legend(orient="bottom", columns=1, labelLimit=300)
    lines = (
        base(table, title)
        .mark_line(point="reviews" in table)
        .encode(
            alt.X(f"{x}:Q", title=x.replace("_", " "), scale=UNIT_INTERVAL),
            alt.Y(f"{y}:Q", title=y.replace("_", " "), scale=UNIT_INTERVAL),
            alt.Color("model:N", title=None, scale=alt.Scale(range=PALETTE), legend=legend),
            alt.Order("order:Q"),
            alt.StrokeDash("model:N", legend=None),
            tooltip=tips("model", *counted, **formats),
        )
    )
    if diagonal is None:
        return lines
    corners = pd.DataFrame({"x": [0, 1], "what": diagonal})
    line = alt.Chart(corners).mark_line(color=GREY, strokeDash=[2, 3])
    return line.encode(x="x:Q", y="x:Q", tooltip="what:N") + lines


def confusion(table: pd.DataFrame, title: str) -> alt.LayerChart:
    """What was predicted beside what is. table: truth, predicted, reviews, share (of the truth's
    reviews)."""
    order = ["five stars", "fewer"]
    chart = base(table, title).encode(
        alt.X("predicted:N", sort=order, title="predicted", axis=UPRIGHT),
        alt.Y("truth:N", sort=order, title="rated"),
    )
    scale = alt.Scale(scheme="blues", domain=[0, 1])
    boxes = chart.mark_rect().encode(
        alt.Color("share:Q", scale=scale, legend=None),
        tooltip=tips("truth", "predicted", "reviews", share=".1%"),
    )
    return boxes + chart.mark_text(fontSize=15).encode(
        text=alt.Text("reviews:Q", format=","),
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value("black")),
    )


def grid(table: pd.DataFrame, score: str, title: str) -> alt.LayerChart:
    """Parameter sets of a grid search. table: across, down (text of the parameters), value (mean
    over folds)."""
    chart = base(table, title).encode(
        alt.X("across:N", sort=None, title=None, axis=SLANTED),
        names("down"),
    )
    scale = alt.Scale(scheme="viridis", reverse=score == "rmse")
    boxes = chart.mark_rect().encode(
        alt.Color("value:Q", title=score, scale=scale),
        tooltip=tips("across", "down", value=".4f"),
    )
    texts = chart.mark_text(fontSize=11, stroke="black", strokeWidth=0.2, fill="white")
    return (boxes + texts.encode(text=alt.Text("value:Q", format=".3f"))).properties(
        height=26 * max(table["down"].nunique(), 4)
    )


def effects(table: pd.DataFrame, title: str) -> alt.Chart:
    """What each word adds to the probability of five stars. table: word, effect (in percentage
    points)."""
    towards = ["towards five stars", "towards fewer"]
    table = table.assign(towards=np.where(table["effect"] > 0, *towards))
    scale, legend = alt.Scale(domain=towards, range=[BLUE, ORANGE]), alt.Legend(orient="bottom")
    colour = alt.Color("towards:N", title=None, scale=scale, legend=legend)
    chart = bars(table, "effect", "word", title, "percentage points", colour, effect="+.2f")
    return chart.properties(height=18 * max(len(table), 4))


def what_if(table: pd.DataFrame, title: str) -> alt.Chart:
    """The probability of five stars if one thing were different. table: value (text, in order),
    p_five_star, now (bool)."""
    colour = alt.when("datum.now").then(alt.value(ORANGE)).otherwise(alt.value(BLUE))
    return (
        base(table, title)
        .mark_bar()
        .encode(
            alt.X("value:N", sort=None, title=None, axis=SLANTED),
            alt.Y("p_five_star:Q", title="P(five stars)", axis=PERCENT, scale=UNIT_INTERVAL),
            color=colour,
            tooltip=tips("value", p_five_star=".1%"),
        )
        .properties(height=180)
    )


def errors(table: pd.DataFrame, title: str) -> alt.Chart:
    """Wrongly predicted reviews by rating. table: review_rating, errors."""
    chart = by_rating(table, "errors", title, "errors", errors=",")
    return chart.mark_bar(color=ORANGE).properties(height=180)
