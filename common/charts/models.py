"""Altair charts about models, shared by 06 and the app: DataFrame in, chart out."""

import altair as alt

from common.charts.base import BLUE, GREY, ORANGE, PALETTE, base


def leaderboard(table, metric, title):
    """One dot a model for a figure, the baseline as a line. table: model, features, value; first row is the baseline."""
    dots = (
        base(table.iloc[1:], title)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            alt.Y("model:N", sort=table["model"].tolist(), title=None),
            alt.X("value:Q", title=metric, scale=alt.Scale(zero=False)),
            alt.Color("features:N", title="features", scale=alt.Scale(range=PALETTE)),
            alt.Shape("features:N"),
            tooltip=["model", "features", alt.Tooltip("value:Q", format=".4f")],
        )
    )
    baseline = (
        alt.Chart(table.iloc[:1])
        .mark_rule(color=GREY, strokeDash=[5, 4])
        .encode(alt.X("value:Q"), tooltip=["model", alt.Tooltip("value:Q", format=".4f")])
    )
    return baseline + dots


def feature_scores(table):
    """What each metadata feature tells about five stars, kept or not. table: feature, mutual_information, correlation, kept."""
    table = table.assign(chosen=table["kept"].map({True: "kept", False: "left out"})).sort_values(
        "mutual_information", ascending=False
    )
    return (
        base(table, "Metadata features and five stars")
        .mark_bar()
        .encode(
            alt.Y(
                "feature:N",
                sort=None,
                title=None,
                axis=alt.Axis(labelLimit=260, labelOverlap=False),
            ),
            alt.X("mutual_information:Q", title="mutual information (nats)"),
            alt.Color(
                "chosen:N",
                title=None,
                scale=alt.Scale(domain=["kept", "left out"], range=[BLUE, GREY]),
            ),
            tooltip=[
                "feature",
                "chosen",
                alt.Tooltip("mutual_information:Q", format=".4f"),
                alt.Tooltip("correlation:Q", format=".3f"),
            ],
        )
        .properties(height=16 * len(table))
    )


def curve(table, x, y, title, diagonal=None):
    """A line a model within the unit square. table: model, and the columns x and y; diagonal: what the grey line from corner to corner means."""

    def axis(kind, name):
        return kind(f"{name}:Q", title=name.replace("_", " "), scale=alt.Scale(domain=[0, 1]))

    tips = [
        "model",
        *(alt.Tooltip(f"{name}:Q", format=".3f") for name in (x, y, "threshold") if name in table),
        *(["reviews"] if "reviews" in table else []),
    ]
    lines = (
        base(table, title)
        .mark_line(point="reviews" in table)
        .encode(
            axis(alt.X, x),
            axis(alt.Y, y),
            alt.Color(
                "model:N",
                title=None,
                scale=alt.Scale(range=PALETTE),
                legend=alt.Legend(orient="bottom", columns=1, labelLimit=300),
            ),
            alt.Order("order:Q"),
            alt.StrokeDash("model:N", legend=None),
            tooltip=tips,
        )
    )
    if diagonal is None:
        return lines
    line = alt.Chart(
        alt.Data(values=[{"at": 0, "what": diagonal}, {"at": 1, "what": diagonal}])
    ).mark_line(color=GREY, strokeDash=[2, 3])
    return line.encode(x="at:Q", y="at:Q", tooltip="what:N") + lines


def confusion(table, title):
    """What was predicted beside what is. table: truth, predicted, reviews, share (of the truth's reviews)."""
    order = ["five stars", "fewer"]
    cells = base(table, title).encode(
        alt.X("predicted:N", sort=order, title="predicted", axis=alt.Axis(labelAngle=0)),
        alt.Y("truth:N", sort=order, title="rated"),
    )
    boxes = cells.mark_rect().encode(
        alt.Color(
            "share:Q",
            title="share of a row",
            scale=alt.Scale(scheme="blues", domain=[0, 1]),
            legend=None,
        ),
        tooltip=["truth", "predicted", "reviews", alt.Tooltip("share:Q", format=".1%")],
    )
    return boxes + cells.mark_text(fontSize=15).encode(
        text=alt.Text("reviews:Q", format=","),
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value("black")),
    )


def grid(table, score, title):
    """Cells of a grid search. table: across, down (text of the parameters), value (mean over folds)."""
    cells = base(table, title).encode(
        alt.X("across:N", sort=None, title=None, axis=alt.Axis(labelAngle=-30, labelLimit=200)),
        alt.Y("down:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
    )
    boxes = cells.mark_rect().encode(
        alt.Color(
            "value:Q", title=score, scale=alt.Scale(scheme="viridis", reverse=score == "rmse")
        ),
        tooltip=["across", "down", alt.Tooltip("value:Q", title=score, format=".4f")],
    )
    return (
        boxes
        + cells.mark_text(fontSize=11, stroke="black", strokeWidth=0.2, fill="white").encode(
            text=alt.Text("value:Q", format=".3f")
        )
    ).properties(height=26 * max(table["down"].nunique(), 4))


def effects(table, title):
    """What each word adds to the probability of five stars. table: word, effect (in percentage points)."""
    return (
        base(table, title)
        .mark_bar()
        .encode(
            alt.Y(
                "word:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)
            ),
            alt.X("effect:Q", title="percentage points"),
            alt.Color(
                "towards:N",
                title=None,
                scale=alt.Scale(
                    domain=["towards five stars", "towards fewer"], range=[BLUE, ORANGE]
                ),
                legend=alt.Legend(orient="bottom"),
            ),
            tooltip=["word", alt.Tooltip("effect:Q", format="+.2f")],
        )
        .transform_calculate(towards="datum.effect > 0 ? 'towards five stars' : 'towards fewer'")
        .properties(height=18 * max(len(table), 4))
    )


def what_if(table, title):
    """The probability of five stars if one thing were different. table: value (text, in order), p_five_star, now (bool)."""
    return (
        base(table, title)
        .mark_bar()
        .encode(
            alt.X(
                "value:N", sort=None, title=None, axis=alt.Axis(labelAngle=-30, labelOverlap=False)
            ),
            alt.Y(
                "p_five_star:Q",
                title="P(five stars)",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            alt.Color(
                "now:N",
                title=None,
                scale=alt.Scale(domain=[True, False], range=[ORANGE, BLUE]),
                legend=None,
            ),
            tooltip=["value", alt.Tooltip("p_five_star:Q", format=".1%")],
        )
        .properties(height=180)
    )


def errors(table, title):
    """Wrongly predicted reviews by rating. table: review_rating, errors."""
    return (
        base(table, title)
        .mark_bar(color=ORANGE)
        .encode(
            alt.X("review_rating:O", title="stars given", axis=alt.Axis(labelAngle=0)),
            alt.Y("errors:Q", title="errors"),
            tooltip=["review_rating", "errors"],
        )
        .properties(height=180)
    )
