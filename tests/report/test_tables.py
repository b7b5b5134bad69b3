"""Tables say in words what their figures mean, and nothing that was not measured."""

import pandas as pd

from common.metrics import Metrics, read_metrics
from common.report import formats, launches, model_tables, speed_tables, tables


def test_no_metrics_gives_empty_tables(tmp_path):
    metrics = read_metrics(tmp_path)
    assert not len(speed_tables.verdicts(metrics))
    assert speed_tables.whole(metrics) is None
    assert not len(launches.training(metrics))
    assert tables.splits(metrics) == {}
    assert not len(model_tables.leaderboard(tmp_path, metrics, "five_star"))


def test_cells_are_written_by_the_last_words_of_a_column():
    table = pd.DataFrame(
        {
            "peak_rss_bytes_per_rank": [2.5e6, None],
            "original_seconds": [1.23456, 1200.0],
            "five_star_share": [0.5, 0.25],
            "learns": [True, False],
            "auc": [0.91234, None],
            "review_likes": [12345, 0],
            "day": pd.to_datetime(["2024-02-10", None]),
        }
    )
    text = formats.as_text(table)
    assert text.headings[0] == "Peak rss bytes per rank"
    assert text.numeric == [True, True, True, False, True, True, False]
    assert text.rows == [
        ("2.50 MB", "1.23", "50.0%", "yes", "0.912", "12,345", "2024-02-10"),
        ("not measured", "1,200", "25.0%", "no", "not measured", "0", "not measured"),
    ]


def test_models_of_a_sample_are_named(tmp_path):
    metrics = Metrics("04_cpu_models", {"data": "csv", "loaded": 900}, 42)
    assert model_tables.samples_sentence(read_metrics(tmp_path), 600) == ""
    for model, rows in {"forest": 200, "boosting": 600, "kernel": 50}.items():
        metrics.add("model.fit_seconds", 1, "s", rows=rows, model=model, features="all")
    metrics.publish(tmp_path)
    sentence = model_tables.samples_sentence(read_metrics(tmp_path), 600)
    assert "from the 600 reviews" in sentence
    assert sentence.endswith(": forest 200, kernel 50.")
