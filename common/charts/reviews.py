"""Altair charts of 02's tables, shared by 02, 06 and the app: DataFrames in, charts out."""

from collections.abc import Mapping

import pandas as pd

from common.charts.base import CHARTS, AnyChart, draw
from common.charts.time import by_time

SHOWN_RELEASES = 25


def eda_charts(tables: Mapping[str, pd.DataFrame]) -> dict[str, AnyChart]:
    """{name: chart} of those of 02's tables that are there and have rows enough to draw."""
    least = CHARTS["eda"].items()
    shown = {name: tables[name] for name, rows in least if len(tables.get(name, ())) >= rows}
    if "five_star_share" in shown:
        days = shown["five_star_share"].set_index("day")[["reviews", "five_star"]]
        shown["five_star_share"] = by_time(days).eval("share = five_star / reviews")
    if "releases" in shown:
        compared = shown["releases"].dropna(subset="p_holm")
        most = compared["reviews"].nlargest(SHOWN_RELEASES).index.sort_values()
        shown["releases"] = compared.loc[most]
    return {name: draw(name, table) for name, table in shown.items() if len(table)}
