"""Altair charts of models, shared by 06 and the app: DataFrame in, chart out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pandas import DataFrame

from common.charts.base import AnyChart, draw

SHOWN_FEATURES = 25
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7f7f7f"]
DASHES = [[1, 0], [6, 3], [2, 2]]  # of a colour's second and third model
LEGEND = {"orient": "bottom", "columns": 1, "labelLimit": 300, "symbolType": "stroke"}


def of_models(table: DataFrame, models: Sequence[str]) -> dict[str, Any]:
    """Colour and dashes of the models in a table, the same in every chart: they follow from the
    place in `models`, all there are."""
    places = range(len(models))
    ranges = {
        "color": [COLOURS[k % len(COLOURS)] for k in places],
        "strokeDash": [DASHES[k // len(COLOURS) % len(DASHES)] for k in places],
    }
    spec: dict[str, Any] = {"shorthand": "model:N", "title": None}
    spec["legend"] = LEGEND | {"values": table["model"].unique().tolist()}
    return {
        channel: spec | {"scale": {"domain": models, "range": values}}
        for channel, values in ranges.items()
    }


def leaderboard(table: DataFrame, metric: str, title: str, models: Sequence[str]) -> AnyChart:
    """One dot a model for a figure, the baseline as a line. table: model, value; first row is the
    baseline."""
    colour = of_models(table, models)["color"] | {"legend": None}
    dots = draw("leaderboard", table.iloc[1:], title, color=colour)
    dots.encoding.x["title"] = metric
    return draw("leaderboard_baseline", table.iloc[:1]).properties(height=dots.height) + dots


def feature_scores(table: DataFrame) -> AnyChart:
    """What the metadata features that tell most tell about five stars. table: feature,
    mutual_information, correlation, kept."""
    table = table.nlargest(SHOWN_FEATURES, "mutual_information")
    chosen = table["kept"].map({True: "kept", False: "left out"})
    return draw("feature_scores", table.assign(chosen=chosen))


def effects(table: DataFrame, title: str) -> AnyChart:
    """What each word adds to the probability of five stars. table: word, effect (in percentage
    points)."""
    towards = np.where(table["effect"] > 0, "towards five stars", "towards fewer")
    return draw("effects", table.assign(towards=towards), title)
