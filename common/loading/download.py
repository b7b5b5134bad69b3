"""Exports that lie elsewhere: at an address, or on Kaggle."""

import hashlib
import re
import shutil
from pathlib import Path

from common.store import InputError, publishing

KAGGLE = "bwandowando/1-5-million-netflix-google-store-reviews"


def fetch(url: str, data_dir: Path) -> Path:
    """Path under downloads/ of a copy of the file at an fsspec address (https, s3, zip...).

    Workers map files, and read them more than once. InputError when it cannot be read.
    """
    import fsspec  # for addresses only

    # No keys that an address may hold.
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    name = f"downloads/{digest}-{Path(url.split('?')[0]).name}"
    try:
        with publishing(data_dir, name) as staging:
            (staging / name).parent.mkdir()
            with fsspec.open(url, "rb") as remote, open(staging / name, "wb") as copy:
                shutil.copyfileobj(remote, copy, 1 << 20)
    except Exception as error:  # each file system raises its own
        what = f"cannot be read ({type(error).__name__}: {error})"
        if isinstance(error, ImportError):
            what = str(error)
        raise InputError(f"--csv {_without_secrets(url)}: {_without_secrets(what)}") from None
    return data_dir / name


def _without_secrets(text: str) -> str:
    """One line without the passwords and signatures of addresses, which errors repeat."""
    return re.sub(r"(?<=//)[^/\s]*@|\?\S*", "", " ".join(text.split()))


def download_kaggle() -> list[Path]:
    """CSV paths of the Kaggle set, downloaded once into kagglehub's own cache."""
    by_hand = f"or download it from kaggle.com/datasets/{KAGGLE} and name the file with --csv"
    try:
        import kagglehub
    except ImportError:
        raise InputError(
            f"--kaggle needs a package: `pip install -r requirements-compare.txt`, {by_hand}"
        ) from None
    try:
        paths = sorted(Path(kagglehub.dataset_download(KAGGLE)).rglob("*.csv"))
    except Exception as error:  # no network, no access, a changed service: the way out is the same
        raise InputError(
            f"--kaggle: the download failed ({type(error).__name__}); "
            f"try again with a network, {by_hand}"
        ) from None
    if not paths:
        raise InputError(f"--kaggle: the download holds no CSV file; {by_hand}")
    return paths
