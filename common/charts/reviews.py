"""Altair charts of 02's tables, shared by 02, 06 and the app: DataFrames in, charts out."""

from collections.abc import Mapping

import pandas as pd

from common.charts.base import AnyChart, draw
from common.charts.time import by_time

SHOWN_RELEASES = 25
OVER_TIME = {"by_month", "five_star_share", "cumulative"}  # of one day nothing to see
EDA = [
    "ratings",
    "by_month",
    "five_star_share",
    "releases",
    "top_versions",
    "lengths",
    "likes",
    "length_by_rating",
    "likes_by_rating",
    "words",
    "missing",
    "cumulative",
]


def eda_charts(tables: Mapping[str, pd.DataFrame]) -> dict[str, AnyChart]:
    """{name: chart} of those of 02's tables that are there and have rows."""
    shown = {name: tables[name] for name in EDA if len(tables.get(name, ())) > (name in OVER_TIME)}
    if "five_star_share" in shown:
        days = shown["five_star_share"].set_index("day")[["reviews", "five_star"]]
        shown["five_star_share"] = by_time(days).eval("share = five_star / reviews")
    if "releases" in shown:
        compared = shown["releases"].dropna(subset="p_holm")
        most = compared["reviews"].nlargest(SHOWN_RELEASES).index.sort_values()
        shown["releases"] = compared.loc[most]
    return {name: draw(name, table) for name, table in shown.items() if len(table)}
