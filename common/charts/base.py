"""How charts are drawn: what each one shows lies in charts.json, in Vega-Lite's words.

Its colours hold up under colour blindness (Okabe-Ito): blue first, then orange and green, grey for
what is only compared with.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

CHARTS = json.loads(Path(__file__).with_name("charts.json").read_text(encoding="utf-8"))
WIDTH, HEIGHT = 420, 240
NAMES_AXIS = dict(labelLimit=260, labelOverlap=False, labelFlush=False)  # shown whole
OWN = {"mark", "transform", "data"}  # of a chart or a layer
alt.data_transformers.disable_max_rows()  # thirteen years of days are too many for it
AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart


def draw(name: str, table: pd.DataFrame, title: str = "", **encoding: Any) -> AnyChart:
    """The chart of this name in charts.json, of a table with the columns named there.

    "rows" there is a column whose values, in the table's order, are the vertical axis: the height
    of each, and the least number of them that the chart has room for. "layers" lie one upon the
    other and share the "encoding" beside them. encoding: more of it.
    """
    spec = CHARTS[name]
    chart = alt.Chart(table, width=WIDTH, height=spec.get("height", HEIGHT))
    title = title or spec.get("title", "")
    if title:
        chart = chart.properties(title=alt.Title(title, anchor="start"))
    if "rows" in spec:
        rows = spec["rows"]
        order = table[rows["of"]].unique().tolist()  # layers that show some have it in common
        axis = alt.Axis(**NAMES_AXIS | rows.get("axis", {}))
        chart = chart.properties(height=rows["height"] * max(len(order), rows["least"]))
        chart = chart.encode(alt.Y(f"{rows['of']}:N", sort=order, title=None, axis=axis))
    chart = chart.encode(**channels(spec.get("encoding", {}) | encoding))
    layers = []
    for layer in spec.get("layers", [spec]):
        properties = {key: layer[key] for key in layer.keys() & OWN}
        layers.append(chart.encode(**channels(layer["encoding"])).properties(**properties))
    return alt.layer(*layers) if "layers" in spec else layers[0]


def channels(encoding: Mapping[str, Any]) -> dict[str, Any]:
    """Altair's channels of {name: a definition in Vega-Lite's words, a list of them, or a channel}.

    Altair would make them, too, but hashes all that it knows of Vega-Lite for each.
    """

    def channel(name: str, of: Any) -> Any:
        if isinstance(of, list):
            return [channel(name, one) for one in of]
        if isinstance(of, str):
            of = {"shorthand": of}
        if not isinstance(of, dict):
            return of
        return getattr(alt, name[0].upper() + name[1:])(**of)

    return {name: channel(name, of) for name, of in encoding.items()}


def clickable(chart: AnyChart, fields: Sequence[str]) -> AnyChart:
    """The chart with a selection "bar" of one mark, by its values of `fields`; of layers, those of
    the last."""
    bar = alt.selection_point("bar", fields=list(fields), toggle=False)
    if isinstance(chart, alt.LayerChart):
        chart.layer[-1] = chart.layer[-1].add_params(bar)
        return chart
    return chart.add_params(bar)
