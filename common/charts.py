"""Altair charts shared by 02, 06 and the app: DataFrame in, chart out. Colours hold up under colour blindness (Okabe-Ito)."""
import altair as alt

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7f7f7f"
PALETTE = [BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", GREY]
WIDTH, HEIGHT = 420, 240


def _chart(data, title):
    return alt.Chart(data, title=alt.Title(title, anchor="start"), width=WIDTH, height=HEIGHT)


def ratings(table):
    """Reviews by stars. table: review_rating, reviews, share."""
    return _chart(table, "Reviews by rating").mark_bar(color=BLUE).encode(
        alt.X("review_rating:O", title="stars", axis=alt.Axis(labelAngle=0)), alt.Y("reviews:Q", title="reviews"),
        tooltip=["review_rating", "reviews", alt.Tooltip("share:Q", format=".1%")])


def by_month(table):
    """Reviews a month. table: month, reviews, five_star_share."""
    return _chart(table, "Reviews by month").mark_area(color=BLUE, opacity=0.5, line={"color": BLUE}).encode(
        alt.X("month:T", title="month"), alt.Y("reviews:Q", title="reviews a month"),
        tooltip=[alt.Tooltip("month:T", format="%Y-%m"), "reviews", alt.Tooltip("five_star_share:Q", format=".1%")])


def top_versions(table):
    """The most reviewed app versions. table: author_app_version, reviews, five_star_share."""
    return _chart(table, "Most reviewed app versions").mark_bar(color=BLUE).encode(
        alt.Y("author_app_version:N", sort="-x", title=None, axis=alt.Axis(labelLimit=220, labelOverlap=False)), alt.X("reviews:Q", title="reviews"),
        tooltip=["author_app_version", "reviews", alt.Tooltip("five_star_share:Q", format=".1%")])


def _mean_by_rating(table, column, title, unit):
    return _chart(table, title).mark_bar(color=BLUE).encode(
        alt.X("review_rating:O", title="stars", axis=alt.Axis(labelAngle=0)), alt.Y(f"{column}:Q", title=unit),
        tooltip=["review_rating", alt.Tooltip(f"{column}:Q", format=".2f")])


def length_by_rating(table):
    """Mean text length. table: review_rating, mean_characters."""
    return _mean_by_rating(table, "mean_characters", "Mean length by rating", "characters")


def likes_by_rating(table):
    """Mean likes. table: review_rating, mean_likes."""
    return _mean_by_rating(table, "mean_likes", "Mean likes by rating", "likes")


def cumulative(table):
    """Reviews so far, by day. table: day, reviews, cumulative."""
    return _chart(table, "Reviews so far").mark_line(color=BLUE).encode(
        alt.X("day:T", title="day"), alt.Y("cumulative:Q", title="reviews so far"),
        tooltip=[alt.Tooltip("day:T", format="%Y-%m-%d"), "reviews", "cumulative"])


EDA = {function.__name__: function for function in (ratings, by_month, top_versions, length_by_rating, likes_by_rating, cumulative)}


def leaderboard(table, metric, title):
    """One dot a model for a figure, the baseline as a line. table: model, features, value; first row is the baseline."""
    dots = _chart(table.iloc[1:], title).mark_point(filled=True, size=90, opacity=1).encode(
        alt.Y("model:N", sort=table["model"].tolist(), title=None), alt.X("value:Q", title=metric, scale=alt.Scale(zero=False)),
        alt.Color("features:N", title="features", scale=alt.Scale(range=PALETTE)), alt.Shape("features:N"),
        tooltip=["model", "features", alt.Tooltip("value:Q", format=".4f")])
    baseline = alt.Chart(table.iloc[:1]).mark_rule(color=GREY, strokeDash=[5, 4]).encode(
        alt.X("value:Q"), tooltip=["model", alt.Tooltip("value:Q", format=".4f")])
    return baseline + dots


def bars(table, x, y, title, unit):
    """Horizontal bars of column x by label column y, each thick enough for its label."""
    return _chart(table, title).mark_bar(color=BLUE).encode(
        alt.Y(f"{y}:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)), alt.X(f"{x}:Q", title=unit),
        tooltip=[y, alt.Tooltip(f"{x}:Q", format=",.4~g")]).properties(height=18 * len(table))


def ratios(table):
    """Bars of how many times as fast each variant is, with a line at 1. table: what, ratio."""
    even = alt.Chart().mark_rule(color=GREY, strokeDash=[5, 4]).encode(x=alt.datum(1))
    return bars(table, "ratio", "what", "Speed beside the baseline", "times as fast (dashed: as fast)") + even


def step_loss(table):
    """Loss of the first global batches, a line a run. table: step, loss, run."""
    return _chart(table, "Loss on the same global batches").mark_line(point=True).encode(
        alt.X("step:Q", title="global batch"), alt.Y("loss:Q", title="loss (nats)", scale=alt.Scale(zero=False)),
        alt.Color("run:N", scale=alt.Scale(range=PALETTE), legend=alt.Legend(orient="bottom", columns=2)), alt.StrokeDash("run:N"),
        tooltip=["run", "step", alt.Tooltip("loss:Q", format=".6f")])
