"""Altair charts of models, shared by 06 and the app: DataFrame in, chart out."""

from collections.abc import Sequence
from typing import Any

from pandas import DataFrame

from common.charts.base import CHARTS, AnyChart, draw

SHOWN_FEATURES = 25


def of_models(table: DataFrame, models: Sequence[str]) -> dict[str, Any]:
    """Colour and dashes of the models in a table, the same in every chart: they follow from the
    place in `models`, all there are."""
    shown = {"values": table["model"].unique().tolist()}
    return {
        channel: spec
        | {"legend": spec["legend"] | shown, "scale": spec["scale"] | {"domain": models}}
        for channel, spec in CHARTS["models"].items()
    }


def leaderboard(table: DataFrame, metric: str, title: str, models: Sequence[str]) -> AnyChart:
    """One dot a model for a figure, the baseline as a line. table: model, value; first row is the
    baseline."""
    x = {"shorthand": "value:Q", "title": metric, "scale": {"zero": False}}
    colour = of_models(table, models)["color"] | {"legend": None}
    table = table.assign(baseline=table.index == 0)
    return draw("leaderboard", table, title, x=x, color=colour)


def feature_scores(table: DataFrame) -> AnyChart:
    """What the metadata features that tell most tell about five stars. table: feature,
    mutual_information, correlation, kept."""
    return draw("feature_scores", table.nlargest(SHOWN_FEATURES, "mutual_information"))
