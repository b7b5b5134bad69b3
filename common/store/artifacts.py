"""Every path under the data directory: which script writes it, who may read it, how it is published, and whether it is what was published.

Data flows one way. A script reads what earlier scripts published, writes into a staging folder, and publishes at the end:
other processes see the earlier result or the new one, never a part of either. index.json keeps the size and the CRC-32 of each
file that was published.
"""

import json
import re
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from common.store.durable import InputError, locked, pending, staged, swap, sync

WRITERS = {
    "manifest.json": "01_load.py",
    "reviews": "01_load.py",
    "quarantine": "01_load.py",
    "eda": "02_eda.py",
    "features": "03_features.py",
    "models": "04_cpu_models.py",
    "report": "06_report.py",
}
# metrics/, models/ and profiles/ have several writers, each of which replaces only the entries that carry its own name. .search/
# holds what an interrupted search of 04 had done, until a later run of 04 has used it.
INDEX, FORMAT = (
    "index.json",
    1,
)  # a version that changes what files mean raises FORMAT: older artifacts are then made again
SETTLING_SECONDS = 10
_checked: dict[Path, tuple] = {}  # {path: stamp} of the contents that this process has checked


def writer(name):
    """The script that publishes an artifact."""
    first, _, rest = name.partition("/")
    if first in ("metrics", "profiles"):
        return re.split(r"[./]", rest)[0] + ".py"
    return "05_gpu_train.py" if rest.startswith("netflixnet") else WRITERS[first]


def require(data_dir, name, contents=True):
    """Path of a published artifact, a file or a folder, whose files all are what was published.

    Sizes are compared each time, contents once per process and change; without `contents`, by whoever then requires the files that it
    reads of a folder. Raises InputError naming the file that is missing, damaged or of another version, and the script to run.
    """
    data_dir = Path(data_dir)
    if (wrong := _wrong(data_dir, name, contents)) and data_dir.is_dir():
        until = time.monotonic() + SETTLING_SECONDS
        while pending(data_dir) and time.monotonic() < until:
            try:
                with locked(data_dir):  # completes the swap of a run that is dead
                    pass
            except (InputError, OSError):
                time.sleep(0.05)
        wrong = _wrong(data_dir, name, contents)
    if wrong:
        raise InputError(
            f"{wrong}: run `python {writer(name)} --data-dir {data_dir}` {'first' if wrong.endswith('yet') else 'again'}"
        )
    return data_dir / name


def published(data_dir, pattern):
    """Sorted paths of the published artifacts that match, each checked as by `require`; none where nothing was published."""
    return [
        require(data_dir, path.relative_to(data_dir).as_posix())
        for path in sorted(Path(data_dir).glob(pattern))
    ]


def _wrong(data_dir, name, contents):
    """What is wrong with an artifact, as a phrase; None when nothing is."""
    path, index = data_dir / name, _index(data_dir)
    if not path.exists():
        return f"{path} {'is missing' if name in index else 'is not there yet'}"
    kept = {
        file: tuple(index[file]) for file in index if file == name or file.startswith(f"{name}/")
    }
    if not kept:
        return f"{path} is of another version, or was put there by hand"
    there = (
        {file.relative_to(data_dir).as_posix() for file in path.rglob("*") if file.is_file()}
        if path.is_dir()
        else {name}
    )
    if strange := sorted(there ^ kept.keys()):
        return f"{data_dir / strange[0]} {'was put there by hand' if strange[0] in there else 'is missing'}"
    with ThreadPoolExecutor() as pool:  # checksums are computed without Python's lock
        whole = pool.map(
            _is_whole, (data_dir / file for file in kept), kept.values(), repeat(contents)
        )
        return next(
            (
                f"{data_dir / file} is damaged, or is not what was published"
                for file, fine in zip(kept, whole)
                if not fine
            ),
            None,
        )


def _index(data_dir):
    """{file: [bytes, CRC-32]} of all that was published under `data_dir` in this format."""
    try:
        found = json.loads((data_dir / INDEX).read_text(encoding="utf-8"))
        return found["files"] if found["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _is_whole(path, kept, contents):
    try:
        status = path.stat()
        if not contents:
            return status.st_size == kept[0]
        stamp = kept, status.st_ino, status.st_mtime_ns, status.st_size
        if status.st_size == kept[0] and _checked.get(path) != stamp and checksum(path) == kept[1]:
            _checked[path] = stamp
        return _checked.get(path) == stamp
    except FileNotFoundError:
        return False


def checksum(path):
    """CRC-32 of a file."""
    crc = 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            crc = zlib.crc32(chunk, crc)
    return crc


def read_json(data_dir, name):
    """Content of a published JSON artifact; InputError when it is missing or damaged."""
    return json.loads(require(data_dir, name).read_text(encoding="utf-8"))


@contextmanager
def publishing(data_dir, *names):
    """Yield a staging folder; on a clean exit each of `names` written there replaces its namesake under `data_dir`, which is held.

    Names are relative paths of files or folders ("reviews", "models/xgboost"). On any exception, Ctrl-C included, nothing under
    `data_dir` changes, the staging folder goes, and so do folders that were made for it. A name that was not written in the
    staging folder is an error of the caller (FileNotFoundError): an artifact is never published in part. What a killed run had begun
    to publish, the next one completes.
    """
    data_dir = Path(data_dir)
    with locked(data_dir), staged(data_dir) as staging:
        yield staging
        missing = [name for name in names if not (staging / name).exists()]
        if missing:
            raise FileNotFoundError(f"not written before publishing: {', '.join(missing)}")
        _write_index(data_dir, staging, names)
        swap(data_dir, staging, [*names, INDEX])


def _write_index(data_dir, staging, names):
    """Write the index as it will be, and have all that it names on the disk."""
    files = {
        file: kept
        for file, kept in _index(data_dir).items()
        if not any(file == name or file.startswith(f"{name}/") for name in names)
    }
    paths = [path for name in names for path in (staging / name, *(staging / name).rglob("*"))]
    for path in paths:
        sync(path)
    new = [path for path in paths if path.is_file()]
    with ThreadPoolExecutor() as pool:
        files |= {
            path.relative_to(staging).as_posix(): (path.stat().st_size, crc)
            for path, crc in zip(new, pool.map(checksum, new))
        }
    (staging / INDEX).write_text(
        json.dumps({"format": FORMAT, "files": files}, indent=0), encoding="utf-8"
    )
    sync(staging / INDEX)
