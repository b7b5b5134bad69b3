"""What is recognised of a file, for its owner to read, without loading it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from common.loading.columns import OPTIONS
from common.loading.csv_blocks import map_file
from common.loading.sources import AS_WRITTEN, Hints, open_source, read_head, wrong_encoding

IDS = {
    "column": "from their column",
    "link": "from links to the reviews",
    "content": "made from what each record says",
}


def inspect(path: str | Path, hints: Hints = AS_WRITTEN) -> str:
    """Lines on a file's encoding, separator, form of dates, and each column with examples.

    InputError as for `ingest`, where the file could not be loaded.
    """
    with TemporaryDirectory() as folder:
        source = open_source(path, folder, hints)
        head, data = read_head(path, source.path), map_file(source.path)
        beyond_ascii = [text for record in head.records if not (text := "".join(record)).isascii()]
        if sum("\ufffd" in text for text in beyond_ascii) > max(1, len(beyond_ascii) // 2):
            raise wrong_encoding(path, data[:])
    steps = " -> ".join([*source.converted.steps, "UTF-8 CSV"])
    lines = [
        f"{path}: {steps}, {head.delimiter.decode()!r} between columns",
        f"dates: {source.fields.order or 'the year first, or months by name'}",
        f"ids: {IDS[source.ids]}",
    ]
    for name in head.names:
        meanings = [
            o for o, canonical in OPTIONS.items() if source.fields.names.get(canonical) == name
        ]
        values = dict.fromkeys(" ".join(value.split())[:40] for value in head.column(name))
        examples = " | ".join(list(values)[:3]) or "(empty)"
        lines.append(f"{', '.join(meanings) or '-':<12} {name!r}: {examples}")
    return "\n".join(lines)
