"""Publishing is all or nothing, and what is missing names the script that makes it."""
import os

import pytest

from common.artifacts import InputError, publishing, read_json, require


def publish(folder, content, *names):
    with publishing(folder, *names) as staging:
        for name in names:
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_text(content)


def test_publishes_every_name_and_leaves_nothing_else(tmp_path):
    publish(tmp_path / "data", "one", "manifest.json", "models/a/card.json")
    publish(tmp_path / "data", "two", "manifest.json")
    assert (tmp_path / "data/manifest.json").read_text() == "two"
    assert (tmp_path / "data/models/a/card.json").read_text() == "one"
    assert sorted(os.listdir(tmp_path / "data")) == ["manifest.json", "models"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_changes_nothing(tmp_path, error):
    publish(tmp_path, "one", "manifest.json")
    with pytest.raises(error), publishing(tmp_path, "manifest.json") as staging:
        (staging / "manifest.json").write_text("half")
        raise error
    assert (tmp_path / "manifest.json").read_text() == "one" and os.listdir(tmp_path) == ["manifest.json"]


def test_failure_removes_the_folder_that_it_made(tmp_path):
    with pytest.raises(RuntimeError), publishing(tmp_path / "new/data", "manifest.json"):
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_name_that_was_not_written_publishes_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match="eda"), publishing(tmp_path, "manifest.json", "eda") as staging:
        (staging / "manifest.json").write_text("one")
    assert os.listdir(tmp_path) == []


def test_a_swap_that_fails_midway_is_undone(tmp_path, monkeypatch):
    publish(tmp_path, "one", "manifest.json", "eda")
    rename = os.rename

    def fail_on_second(source, target):
        if str(target) == str(tmp_path / "eda") and ".replaced" not in str(source):
            raise OSError("disk")
        rename(source, target)
    monkeypatch.setattr(os, "rename", fail_on_second)
    with pytest.raises(OSError, match="disk"):
        publish(tmp_path, "two", "manifest.json", "eda")
    monkeypatch.undo()
    assert (tmp_path / "manifest.json").read_text() == (tmp_path / "eda").read_text() == "one"


def test_missing_and_damaged_artifacts_name_the_script(tmp_path):
    with pytest.raises(InputError, match="03_features.py"):
        require(tmp_path, "features/rows.parquet")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="damaged.*01_load.py"):
        read_json(tmp_path, "manifest.json")
