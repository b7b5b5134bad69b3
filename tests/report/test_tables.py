"""Tables of figures: what was not measured is not in them."""

import numpy as np

from common.metrics import Metrics, read_metrics
from common.report import formats, launches, model_tables, speed_tables, tables


def test_no_metrics_gives_empty_tables(tmp_path):
    metrics = read_metrics(tmp_path)
    assert not len(speed_tables.parallel(metrics))
    assert not len(launches.training(metrics))
    assert tables.splits(metrics) == {}
    assert not len(model_tables.leaderboard(tmp_path, metrics, "five_star"))


def test_ratio_is_baseline_median_by_variant_median(tmp_path):
    metrics = Metrics("01_load", "csv", 42, 10)
    for repeat, (plain, ours) in enumerate([(4, 1), (6, 2), (50, 3)]):
        metrics.add("load.seconds", plain, "s", engine="pandas", repeat=repeat, workers=1)
        metrics.add("load.seconds", ours, "s", engine="blocks", repeat=repeat, workers=2)
    metrics.add("eda.seconds", 1, "s", variant="parallel", workers=2)
    metrics.publish(tmp_path)
    table = speed_tables.parallel(read_metrics(tmp_path)).set_index(["step", "variant"])
    assert table.loc[("load", "pandas"), "ratio"] == 1
    blocks = table.loc[("load", "blocks")]
    assert blocks["ratio"] == 3
    assert (blocks["workers"], blocks["repeats"]) == (2, 3)
    assert (blocks["fastest"], blocks["slowest"]) == (1, 3)
    assert np.isnan(table.loc[("explore", "parallel"), "ratio"])  # no baseline: no ratio
    assert formats.as_text(table[["ratio"]]).rows[-1] == ("not measured",)
