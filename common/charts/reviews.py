"""Altair charts of 02's tables, shared by 02, 06 and the app: DataFrames in, charts out."""

from collections.abc import Mapping

import pandas as pd

from common.charts.base import AnyChart, draw

SHOWN_RELEASES = 25
MOST_DAYS = 10_000
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
    """{name: chart} of those of 02's tables that are there and have rows. A clicked month is its
    `period`.
    """
    shown = {name: tables[name] for name in EDA if len(tables.get(name, ()))}
    if "by_month" in shown:
        months = shown["by_month"]
        shown["by_month"] = months.assign(period=months["month"].dt.strftime("%Y-%m"))
    if len(shown.get("five_star_share", ())) > MOST_DAYS:  # a wrong year stretches the axis
        shown["five_star_share"] = shown["five_star_share"].query("reviews > 0")
    if "releases" in shown:
        compared = shown["releases"].dropna(subset="p_holm")
        most = compared["reviews"].nlargest(SHOWN_RELEASES).index.sort_values()
        shown["releases"] = compared.loc[most]
    return {name: draw(name, table) for name, table in shown.items() if len(table)}
