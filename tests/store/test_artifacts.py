"""Publishing is all or nothing, whatever kills it; a faulty artifact names the script to run."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT

from common.store import InputError, locked, publishing, read_json, replacing, require
from common.store.artifacts import FORMAT, INDEX
from common.store.durable import LOCK

STORE_FILES = [LOCK, INDEX]


def publish(folder, content, *names):
    with publishing(folder, *names) as staging:
        for name in names:
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_text(content)


def test_publishes_every_name_and_leaves_nothing_else(tmp_path):
    publish(tmp_path / "data", "one", "manifest.json", "models/a/card.json")
    publish(tmp_path / "data", "two", "manifest.json")
    assert require(tmp_path / "data", "manifest.json").read_text() == "two"
    assert require(tmp_path / "data", "models/a/card.json").read_text() == "one"
    assert sorted(os.listdir(tmp_path / "data")) == [*STORE_FILES, "manifest.json", "models"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_changes_nothing(tmp_path, error):
    publish(tmp_path, "one", "manifest.json")

    def fail():
        with publishing(tmp_path, "manifest.json") as staging:
            (staging / "manifest.json").write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert require(tmp_path, "manifest.json").read_text() == "one"
    assert sorted(os.listdir(tmp_path)) == [*STORE_FILES, "manifest.json"]


def test_failure_leaves_nothing_though_a_worker_still_writes(tmp_path):
    def write(folder):
        for number in range(500):
            try:
                (folder / f"late-{number}").touch()
            except FileNotFoundError:
                break
            time.sleep(0.002)

    def fail():
        with publishing(tmp_path / "data", "eda") as staging:
            (staging / "eda").mkdir()
            for number in range(2_000):
                (staging / f"eda/{number}").touch()
            worker = threading.Thread(target=write, args=(staging / "eda",))
            workers.append(worker)
            worker.start()
            raise RuntimeError

    workers = []
    with pytest.raises(RuntimeError):
        fail()
    workers[0].join()
    assert os.listdir(tmp_path) == []


def test_failure_removes_the_folder_that_it_made(tmp_path):
    with pytest.raises(RuntimeError), publishing(tmp_path / "new/data", "manifest.json"):
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_name_that_was_not_written_publishes_nothing(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="eda"),
        publishing(tmp_path / "data", "manifest.json", "eda") as staging,
    ):
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
    assert (
        require(tmp_path, "manifest.json").read_text()
        == require(tmp_path, "eda").read_text()
        == "one"
    )


PUBLISH = """
import os, signal, sys
from pathlib import Path
from common.store import publishing
count, data_dir = int(sys.argv[1]), Path(sys.argv[2])
def counted(function):
    def call(*args, **options):
        global count
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return call
for name in ("rename", "unlink", "fsync", "mkdir", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
names = ("manifest.json", "reviews", "models/a")
with publishing(data_dir, *names) as staging:
    for name in names:
        (staging / name).parent.mkdir(exist_ok=True)
        if name == "manifest.json":
            (staging / name).write_text("two")
        else:
            (staging / name).mkdir()
            (staging / name / "file").write_text("two")
"""


def test_a_kill_before_any_operation_leaves_the_old_or_the_new(tmp_path):
    """Readers see one or the other, whole, and nothing stays behind for the next run."""
    publish(tmp_path / "old", "one", "manifest.json", "reviews/file", "models/a/file", "eda/kept")
    seen, number = [], 0
    while "unkilled" not in seen:
        number += 1
        folder = shutil.copytree(tmp_path / "old", tmp_path / f"{number}")
        done = subprocess.run([sys.executable, "-c", PUBLISH, str(number), str(folder)], cwd=ROOT)
        found = {
            require(folder, name).read_text()
            for name in ("manifest.json", "reviews/file", "models/a/file")
        }
        assert len(found) == 1, number
        assert require(folder, "eda/kept").read_text() == "one"
        assert done.returncode in (0, -signal.SIGKILL)
        seen.append(found.pop() if done.returncode else "unkilled")
        with locked(folder):
            pass
        assert sorted(os.listdir(folder)) == sorted(
            [*STORE_FILES, "eda", "manifest.json", "models", "reviews"]
        ), number
        assert not list(folder.glob("**/.replaced"))
        assert os.listdir(folder / "models") == ["a"]
    assert number > 20
    assert seen == sorted(seen, key=["one", "two", "unkilled"].index)
    assert set(seen) == {"one", "two", "unkilled"}


def test_what_is_not_what_was_published_names_the_file_and_the_script(tmp_path):
    with pytest.raises(InputError, match=r"rows\.parquet is not there yet.*03_features\.py.*first"):
        require(tmp_path, "features/rows.parquet")
    publish(tmp_path, "{}", "manifest.json", "reviews/part", "models/netflixnet_text-all/card.json")
    assert read_json(tmp_path, "manifest.json") == {}
    for name, content, said in (
        ("manifest.json", "{]", "manifest.json is damaged.*01_load.py.*again"),
        ("manifest.json", "", "manifest.json is damaged"),
        ("models/netflixnet_text-all/card.json", "[]", "card.json is damaged.*05_gpu_train.py"),
    ):
        kept = (tmp_path / name).read_text()
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=said):
            require(tmp_path, name)
        (tmp_path / name).write_text(kept)
        require(tmp_path, name)
    (tmp_path / "reviews/strange").write_text("")
    with pytest.raises(InputError, match=r"strange was put there by hand.*01_load\.py"):
        require(tmp_path, "reviews")
    os.remove(tmp_path / "reviews/strange")
    os.remove(tmp_path / "reviews/part")
    with pytest.raises(InputError, match=r"part is missing.*01_load\.py"):
        require(tmp_path, "reviews")
    (tmp_path / INDEX).write_text(
        (tmp_path / INDEX).read_text().replace(f'"format": {FORMAT}', '"format": 0')
    )
    # Whatever is asked for, the script that begins anew is named.
    for name in ("manifest.json", "models/netflixnet_text-all/card.json"):
        with pytest.raises(InputError, match=r"json is of another version.*01_load\.py.*again"):
            require(tmp_path, name)


LOCK_AND_WAIT = """
import sys
from pathlib import Path
from common.store import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_one_run_at_a_time_and_a_dead_one_locks_nothing(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", LOCK_AND_WAIT, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"locked\n"
    with (
        pytest.raises(InputError, match=f"in use by -c .process {process.pid} on"),
        locked(tmp_path),
    ):
        pass
    process.kill()
    process.communicate()
    with locked(tmp_path), locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    def fail():
        with replacing(tmp_path / "out") as partial:
            partial.write_text("two")
            raise RuntimeError

    (tmp_path / ".out-dead.partial").write_text("of a killed run")
    with replacing(tmp_path / "out") as partial:
        partial.write_text("one")
        with pytest.raises(RuntimeError):
            fail()
        assert partial.exists()  # a living writer's file is left alone
    assert (tmp_path / "out").read_text() == "one"
    assert os.listdir(tmp_path) == ["out"]
    os.umask(mask := os.umask(0))
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o666 & ~mask
