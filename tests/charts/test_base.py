"""What charts.json says is what Altair makes of it."""

import altair as alt
import pandas as pd
import pytest
from altair.utils import parse_shorthand

from common.charts.base import CHARTS, channels


def fields(encoding):
    """The columns that an encoding names."""
    for of in encoding.values():
        for one in of if isinstance(of, list) else [of]:
            of_one = {"shorthand": one} if isinstance(one, str) else one
            yield of_one.get("field") or parse_shorthand(of_one.get("shorthand", "")).get("field")


@pytest.mark.parametrize("name", CHARTS)
def test_channels_are_those_that_altair_makes(name):
    spec = CHARTS[name]
    for encoding in (
        spec.get("encoding", {}),
        *(one["encoding"] for one in spec.get("layers", [])),
    ):
        table = pd.DataFrame({name: [1.0] for name in filter(None, fields(encoding))})
        chart = alt.Chart(table, mark="bar")
        wanted = chart.encode(**encoding).to_dict()["encoding"]
        assert chart.encode(**channels(encoding)).to_dict()["encoding"] == wanted
