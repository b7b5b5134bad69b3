"""Every path under the data directory: which script writes it, who may read it, and how it is published.

Data flows one way. A script reads what earlier scripts published, writes into a staging folder, and publishes at the end:
other processes see the earlier result or the new one, never a part of either.
"""
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

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


class InputError(ValueError):
    """Something the user can mend: the message says what is wrong, where, and what to do. Scripts exit with status 2."""


def require(data_dir, name):
    """Path of a published artifact.

    Raises InputError naming the script to run when it is not there.
    """
    path = Path(data_dir) / name
    if not path.exists():
        script = WRITERS[name.split("/")[0]]
        raise InputError(f"{path} is not there yet: run `python {script} --data-dir {data_dir}` first")
    return path


def read_json(data_dir, name):
    """Content of a published JSON artifact; InputError when it is missing or damaged."""
    path = require(data_dir, name)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): run `python {WRITERS[name.split('/')[0]]}` again") from None


@contextmanager
def publishing(data_dir, *names):
    """Yield a staging folder; on a clean exit each of `names` written there replaces its namesake under `data_dir`.

    Names are relative paths of files or folders ("reviews", "models/xgboost"). On any exception, Ctrl-C included, nothing under
    `data_dir` changes, the staging folder goes, and so do folders that were made for it. A name that was not written in the
    staging folder is an error of the caller (FileNotFoundError): an artifact is never published in part.
    """
    data_dir = Path(data_dir)
    made = next((p for p in reversed([data_dir, *data_dir.parents]) if not p.exists()), None)
    data_dir.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=data_dir))
    try:
        yield staging
        missing = [name for name in names if not (staging / name).exists()]
        if missing:
            raise FileNotFoundError(f"not written before publishing: {', '.join(missing)}")
        _replace_all(data_dir, staging, names)
        made = None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def _replace_all(data_dir, staging, names):
    """Swap all names or none: what was there moves aside first and comes back if a later rename fails."""
    aside, moved, placed = staging / ".replaced", [], []
    try:
        for name in names:
            target = data_dir / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                os.rename(target, aside / name)
                moved.append(name)
            os.rename(staging / name, target)
            placed.append(name)
    except BaseException:
        for name in placed:
            os.rename(data_dir / name, staging / name)
        for name in moved:
            os.rename(aside / name, data_dir / name)
        raise
