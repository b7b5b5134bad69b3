"""Altair charts of models, shared by 06 and the app: DataFrame in, chart out."""

import numpy as np
from pandas import DataFrame

from common.charts.base import AnyChart, draw


def leaderboard(table: DataFrame, metric: str, title: str) -> AnyChart:
    """One dot a model for a figure, the baseline as a line. table: model, features, value; first
    row is the baseline."""
    dots = draw("leaderboard", table.iloc[1:], title)
    dots.encoding.x["title"] = metric
    return draw("leaderboard_baseline", table.iloc[:1]) + dots


def feature_scores(table: DataFrame) -> AnyChart:
    """What each metadata feature tells about five stars, kept or not. table: feature,
    mutual_information, correlation, kept."""
    table = table.sort_values("mutual_information", ascending=False)
    chosen = table["kept"].map({True: "kept", False: "left out"})
    return draw("feature_scores", table.assign(chosen=chosen))


def grid(table: DataFrame, score: str, title: str) -> AnyChart:
    """Parameter sets of a grid search. table: across, down (text of the parameters), value (mean
    over folds)."""
    chart = draw("grid", table, title)
    colour = chart.layer[0].encoding.color
    colour["title"], colour["scale"]["reverse"] = score, score == "rmse"
    return chart


def effects(table: DataFrame, title: str) -> AnyChart:
    """What each word adds to the probability of five stars. table: word, effect (in percentage
    points)."""
    towards = np.where(table["effect"] > 0, "towards five stars", "towards fewer")
    return draw("effects", table.assign(towards=towards), title)
