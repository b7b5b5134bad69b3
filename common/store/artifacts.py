"""Every path under the data directory: which script writes it, and how it is published and checked.

Data flows one way. A script reads what earlier scripts published, writes into a staging folder, and
publishes at the end: other processes see the earlier result or the new one, never a part of either.
index.json keeps the size and the CRC-32 of each published file.
"""

import json
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.store.durable import InputError, locked, staging_folder, swap, swap_pending, sync

WRITERS = {
    "manifest.json": "01_load.py",
    "reviews": "01_load.py",
    "quarantine": "01_load.py",
    "eda": "02_eda.py",
    "features": "03_features.py",
    "models": "04_cpu_models.py",
    "report": "06_report.py",
}
# metrics/, models/ and profiles/ have several writers, each of which replaces only the entries that
# carry its own name. .search/ holds what an interrupted search of 04 had done, until a later run of
# 04 has used it.
INDEX = "index.json"
FORMAT = 3  # raised by a version that changes what files mean: older artifacts are then made again
SETTLING_SECONDS = 10
_verified: dict[Path, tuple] = {}  # {path: stamp} of the contents that this process has checked


def writer(name: str) -> str:
    """The script that publishes an artifact."""
    first, _, rest = name.partition("/")
    if first in ("metrics", "profiles"):
        return re.split(r"[./]", rest)[0] + ".py"
    return "05_gpu_train.py" if rest.startswith("netflixnet") else WRITERS[first]


def require(data_dir: Path, name: str, contents: bool = True) -> Path:
    """Path of a published artifact, a file or a folder, all of whose files are what was published.

    Sizes are compared each time, contents once per process and change; with `contents` False they
    are left to whoever requires single files of the folder. Raises InputError naming the file that
    is missing, damaged or of another version, and the script to run.
    """
    if fault := _fault(data_dir, name, contents):
        until = time.monotonic() + SETTLING_SECONDS
        while swap_pending(data_dir) and time.monotonic() < until:
            try:
                with locked(data_dir):  # completes the swap of a run that is dead
                    pass
            except (InputError, OSError):
                time.sleep(0.05)
        fault = _fault(data_dir, name, contents)
    if fault:
        when = "first" if fault.endswith("yet") else "again"
        # Where all is of another version, all is to be made again.
        is_older = (data_dir / INDEX).exists() and not _read_index(data_dir)
        script = "01_load.py" if is_older else writer(name)
        raise InputError(f"{fault}: run `python {script} --data-dir {data_dir}` {when}")
    return data_dir / name


def published(data_dir: Path, pattern: str) -> list[Path]:
    """Sorted paths of the published artifacts that match, each checked as by `require`."""
    return [
        require(data_dir, path.relative_to(data_dir).as_posix())
        for path in sorted(data_dir.glob(pattern))
    ]


def _within(file: str, name: str) -> bool:
    return file == name or file.startswith(f"{name}/")


def _tree(path: Path) -> list[Path]:
    """A file, or a folder and all that it holds."""
    return [path, *path.rglob("*")]


def _fault(data_dir: Path, name: str, contents: bool) -> str | None:
    """What is wrong with an artifact, as a phrase; None when nothing is."""
    path, index = data_dir / name, _read_index(data_dir)
    if not path.exists():
        return f"{path} {'is missing' if name in index else 'is not there yet'}"
    expected = {file: entry for file, entry in index.items() if _within(file, name)}
    if not expected:
        return f"{path} is of another version, or was put there by hand"
    files = {f.relative_to(data_dir).as_posix() for f in _tree(path) if f.is_file()}
    for file in sorted(files ^ expected.keys()):
        return f"{data_dir / file} {'was put there by hand' if file in files else 'is missing'}"
    with ThreadPoolExecutor() as pool:  # checksums are computed without Python's lock
        checks = pool.map(
            lambda file: _matches(data_dir / file, expected[file], contents), expected
        )
        for file, matches in zip(expected, checks):
            if not matches:
                return f"{data_dir / file} is damaged, or is not what was published"
    return None


def _read_index(data_dir: Path) -> dict[str, Sequence[int]]:
    """{file: (bytes, CRC-32)} of all that was published under `data_dir` in this format."""
    try:
        index = json.loads((data_dir / INDEX).read_text(encoding="utf-8"))
        return index["files"] if index["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _matches(path: Path, entry: Sequence[int], contents: bool) -> bool:
    """Whether a file has the size, and with `contents` the CRC-32, of its entry in the index."""
    try:
        status = path.stat()
        if status.st_size != entry[0] or not contents:
            return status.st_size == entry[0]
        stamp = *entry, status.st_ino, status.st_mtime_ns
        if _verified.get(path) != stamp and checksum(path) == entry[1]:
            _verified[path] = stamp
        return _verified.get(path) == stamp
    except FileNotFoundError:
        return False


def checksum(path: Path) -> int:
    """CRC-32 of a file."""
    crc = 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            crc = zlib.crc32(chunk, crc)
    return crc


def read_json(data_dir: Path, name: str) -> Any:
    """Content of a published JSON artifact; InputError when it is missing or damaged."""
    return json.loads(require(data_dir, name).read_text(encoding="utf-8"))


@contextmanager
def publishing(data_dir: Path, *names: str) -> Iterator[Path]:
    """Yield a staging folder; on a clean exit `names` written there replace those under `data_dir`.

    Names are relative paths of files or folders ("reviews", "models/xgboost"). The data directory
    is locked meanwhile. On any exception, Ctrl-C included, nothing there changes, and the staging
    folder goes. A name that was not written is an error of the caller (FileNotFoundError): nothing
    is published in part. What a killed run had begun to publish, the next one completes.
    """
    with locked(data_dir), staging_folder(data_dir) as staging:
        yield staging
        _write_index(data_dir, staging, names)
        swap(data_dir, staging, [*names, INDEX])


def _write_index(data_dir: Path, staging: Path, names: Sequence[str]) -> None:
    """Write the index as it will be, and flush all that it names to the disk, where it must be."""
    paths = [path for name in names for path in _tree(staging / name)]
    for path in paths:
        sync(path)
    files = {
        file: entry
        for file, entry in _read_index(data_dir).items()
        if not any(_within(file, name) for name in names)
    }
    new = [path for path in paths if path.is_file()]
    with ThreadPoolExecutor() as pool:
        for path, crc in zip(new, pool.map(checksum, new)):
            files[path.relative_to(staging).as_posix()] = path.stat().st_size, crc
    index = {"format": FORMAT, "files": files}
    (staging / INDEX).write_text(json.dumps(index, indent=0), encoding="utf-8")
    sync(staging / INDEX)
