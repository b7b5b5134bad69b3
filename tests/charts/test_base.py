"""What charts.json says is what Altair makes of it."""

import altair as alt
import pytest

from common.charts.base import CHARTS, channels


@pytest.mark.parametrize("name", CHARTS)
def test_channels_are_those_that_altair_makes(name):
    spec = CHARTS[name]
    for encoding in (
        spec.get("encoding", {}),
        *(one["encoding"] for one in spec.get("layers", [])),
    ):
        wanted = alt.Chart("data.csv", mark="bar").encode(**encoding).to_dict()
        found = alt.Chart("data.csv", mark="bar").encode(**channels(encoding)).to_dict()
        assert found == wanted
