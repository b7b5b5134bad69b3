"""Two planted runs: what differs is said, what does not, or cannot be told, is not."""

import json

import pytest
from conftest import page
from pandas import DataFrame

from common.metrics import Metrics
from common.report import runs
from common.store import InputError, publishing

STEADY = [10.0, 10.1, 9.9, 10.05, 9.95]
SCORES = ["accuracy", "auc"]


def planted(folder, parallel, host="machine A", pandas="3.1", loaded=100, accuracy=0.8):
    """A run of 02: one process takes STEADY seconds, all cores `parallel` ones."""
    manifest = {"data": "csv", "loaded": loaded, "sources": []}
    metrics = Metrics("02_eda", manifest, 42)
    for variant, seconds in (("serial", STEADY), ("parallel", parallel)):
        for repeat, value in enumerate(seconds):
            labels = dict(variant=variant, part="everything", workers=2)
            metrics.add("eda.seconds", value, "s", repeat=repeat, **labels)
    for name in ("accuracy", "auc", "f1_macro", "balanced_accuracy", "log_loss", "ece"):
        for model, features, value in (("majority", "none", 0.6), ("words", "text", accuracy)):
            labels = dict(model=model, features=features, task="five_star", split="test")
            metrics.add(f"model.{name}", value, "1", **labels)
    for row in metrics.rows:
        row |= {"host": host, "versions": {"python": "3.11", "pandas": pandas}, "commit": "abc"}
    with metrics.publishing(folder, "manifest.json") as staging:
        (staging / "manifest.json").write_text(json.dumps(manifest))
    return folder


def compared(tmp_path, one, other):
    """The metrics of two runs, by what is planted in each."""
    return [
        runs.metrics_of(planted(tmp_path / name, **words))
        for name, words in (("one", one), ("other", other))
    ]


FAST, FASTER = [value / 2 for value in STEADY], [value / 4 for value in STEADY]


def test_only_what_differs_is_shown(tmp_path):
    one, other = compared(
        tmp_path, dict(parallel=FAST), dict(parallel=FAST, host="machine B", pandas="3.2")
    )
    assert runs.origins(one, other).to_dict("split")["data"] == [
        ["host", "machine A", "machine B"],
        ["version of pandas", "3.1", "3.2"],
    ]
    assert runs.origins(one, one).empty


def test_other_reviews_are_told(tmp_path):
    one, other = compared(tmp_path, dict(parallel=FAST), dict(parallel=FAST, loaded=200))
    differs = runs.origins(one, other).set_index("what")
    assert set(differs.index) == {"reviews", "number of reviews"}
    assert differs.loc["number of reviews"].tolist() == ["100", "200"]


def test_speed_ups_that_lie_apart_are_found(tmp_path):
    one, other = compared(tmp_path, dict(parallel=FAST), dict(parallel=FASTER))
    table, others = runs.speed_ups(one, other)
    (row,) = table.itertuples(index=False)
    assert row[:2] == ("Exploring", "all cores")
    assert row.verdict_here.startswith("2.0x faster")
    assert row.verdict_there.startswith("4.0x faster")
    assert others == 0


@pytest.mark.parametrize(
    "parallel",
    [
        [value / 2.01 for value in STEADY],  # within noise
        [2.5],  # once: no interval, whatever the ratio
    ],
)
def test_nothing_is_claimed_within_noise_or_of_one_repeat(tmp_path, parallel):
    one, other = compared(tmp_path, dict(parallel=FAST), dict(parallel=parallel))
    table, others = runs.speed_ups(one, other)
    assert table.empty
    assert others == 1


def test_a_machine_twice_as_fast_in_all_gains_nothing(tmp_path):
    one = planted(tmp_path / "one", FAST)
    other = planted(tmp_path / "other", FAST)
    path = other / "metrics/02_eda.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["value"] /= 2 if row["unit"] == "s" else 1
    with publishing(other, "metrics/02_eda.jsonl") as staging:
        (staging / "metrics").mkdir()
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (staging / "metrics/02_eda.jsonl").write_text(lines)
    table, others = runs.speed_ups(runs.metrics_of(one), runs.metrics_of(other))
    assert table.empty
    assert others == 1


def test_scores_that_are_written_alike_are_alike():
    rows = DataFrame(
        {
            "step": ["04", "04", "04", "04", "05.ddp"],
            "name": ["model.auc", "model.auc", "model.auc", "model.auc", "train.auc"],
            "label.model": ["a", "b", "only here", "a", "text"],
            "label.features": ["all", "all", "all", "all", None],
            "label.step": 7,  # of a loss
            "label.split": ["test", "test", "test", "future", "test"],
            "value": [0.8, 0.7, 0.5, 0.1, 0.9],
        }
    )
    other = rows.assign(value=[0.80004, 0.7002, 0.5, 0.2, 0.8])
    other["label.model"] = ["a", "b", "only there", "a", "text"]
    table, alike = runs.scores(rows, other)
    assert table["model"].tolist() == ["b", "text"]
    assert table[["value_here", "value_there"]].to_numpy().tolist() == [[0.7, 0.7002], [0.9, 0.8]]
    assert alike == 1
    table, alike = runs.scores(rows, rows[["step", "name", "value"]])  # no model was judged there
    assert table.empty
    assert alike == 0


@pytest.mark.parametrize("name", ["", "nothing", "a" * 5000, "nul\0"])
def test_what_is_no_run_is_one_line(tmp_path, name):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError) as error:
        runs.metrics_of(tmp_path / name)
    assert "cannot be compared with" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_without_figures_is_refused(tmp_path):
    with publishing(tmp_path, "manifest.json") as staging:
        (staging / "manifest.json").write_text(json.dumps({"data": "csv", "sources": []}))
    with pytest.raises(InputError, match="nothing was measured in"):
        runs.metrics_of(tmp_path)


def said(shown):
    assert not shown.exception
    return [text.value for text in shown.markdown], [table.value for table in shown.dataframe]


def test_the_page_shows_what_differs(tmp_path):
    one = planted(tmp_path / "one", FAST)
    other = planted(tmp_path / "other", FASTER, host="machine B", accuracy=0.9)
    asked = page("Compare runs", one)
    texts, tables = said(asked)
    assert not tables
    asked.text_input(key="with").set_value(str(other)).run()
    texts, (origins, speeds, models) = said(asked)
    assert not asked.error
    assert origins["there"].tolist() == ["machine B"]
    assert speeds["verdict_there"].str.startswith("4.0x faster").all()
    assert models[["value_here", "value_there"]].to_numpy().tolist() == [[0.8, 0.9]]
    assert "Scores that are the same: 1." in texts
    assert "code" not in " ".join(texts)


def test_the_address_names_the_other_run(tmp_path):
    one = planted(tmp_path / "one", FAST)
    other = planted(tmp_path / "other", FAST, loaded=7, accuracy=0.9)
    texts, tables = said(page("Compare runs", one, **{"with": str(other)}))
    assert len(tables) == 1
    assert any("scores of their models are not compared" in text for text in texts)
    assert "Other ways, timed once or not told apart from noise: 1." in texts


def test_a_folder_that_is_no_run_is_said_on_the_page(tmp_path):
    one = planted(tmp_path / "one", FAST)
    shown = page("Compare runs", one, **{"with": str(tmp_path / "none")})
    assert not shown.exception
    assert "cannot be compared with" in shown.text[0].value
