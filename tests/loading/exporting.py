"""Writes reviews as people's tools write them, and loads what was written."""

import dask
import pyarrow.parquet as pq

from common.loading import ingest

ROWS = [
    {"text": "Works well, no complaints", "rating": 5, "date": "2024-05-01 09:20:30"},
    {"text": 'She said "great"\nand I agree; | ok', "rating": 1, "date": "2024-05-02 23:05:31"},
    {"text": "Déjà testé 👍", "rating": 4, "date": "2024-05-13 00:00:00"},
]
HEADER = ("text", "rating", "date")


def cell(value, delimiter=",", quoting="minimal"):
    """One field of a CSV file."""
    special = any(mark in value for mark in f'"\r\n{delimiter}')
    if special or quoting == "all" or (quoting == "nonnumeric" and not value.isdigit()):
        return '"' + value.replace('"', '""') + '"'
    return value


def csv_text(rows, header=HEADER, delimiter=",", quoting="minimal", end="\n"):
    """Rows, in the header's order, as the text of a CSV file."""
    lines = [header, *(row.values() if isinstance(row, dict) else row for row in rows)]
    return "".join(
        delimiter.join(cell(str(value), delimiter, quoting) for value in line) + end
        for line in lines
    )


def load(folder, content, name="in.csv", **options):
    """Manifest and loaded reviews (as dicts) of a file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_files(folder, [path], **options)


def load_files(folder, paths, **options):
    with dask.config.set(scheduler="synchronous"):
        manifest = ingest(paths, folder / "out", **options)
    return manifest, pq.read_table(folder / "out" / "reviews").to_pylist()
