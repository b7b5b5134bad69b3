"""Exports in the forms that people hold load to the reviews that were written: random dialects and
containers of random reviews, and the collection of files beside the project."""

import bz2
import gzip
import io
import json
import lzma
import tomllib
import zipfile
from contextlib import suppress
from datetime import datetime, timedelta

import pandas as pd
import pytest
from conftest import REAL, ROOT
from exporting import csv_text, load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.loading import InputError, read_records
from common.loading.fields import MISSING_WORDS
from common.loading.sources import Hints

TABLES = tomllib.loads((ROOT / "common/loading/columns.toml").read_text(encoding="utf-8"))
NAMES = {
    column: [*names.get("tools", ()), *names.get("usual", ())]
    for column, names in TABLES.items()
    if isinstance(names, dict)
}
EXPORTS = REAL.parent / "checks" / "exports"


def test_a_name_has_one_meaning():
    names = [name for column in NAMES.values() for name in column]
    assert len(names) == len(set(names))


# A moment -> how a tool writes it, and what of it is kept.
def minute(moment):
    return moment.replace(second=0)


def day(moment):
    return moment.replace(hour=0, minute=0, second=0)


def us_clock(m):
    return f"{m.hour % 12 or 12}:{m:%M:%S} {'PM' if m.hour >= 12 else 'am'}"


def since_epoch(moment):
    return (moment - datetime(1970, 1, 1)) // timedelta(seconds=1)


TIMES = {
    "ISO": (lambda m: f"{m:%Y-%m-%d %H:%M:%S}", None),
    "Z": (lambda m: f"{m:%Y-%m-%dT%H:%M:%S}.000Z", None),
    "offset": (lambda m: f"{m + timedelta(hours=5, minutes=30):%Y-%m-%dT%H:%M:%S}+05:30", None),
    "day-first": (lambda m: f"{m.day}-{m.month:02}-{m.year} {m.hour}:{m:%M}", minute),
    "dots": (lambda m: f"{m.day:02}.{m.month:02}.{m.year}", day),
    "month-first": (lambda m: f"{m.month}/{m.day}/{m.year} {us_clock(m)}", None),
    "short year": (lambda m: f"{m.month}/{m.day}/{m.year - 2000:02}, {us_clock(m)}", None),
    "digits": (lambda m: f"{m:%Y%m%d}", day),
    "seconds": (lambda m: str(since_epoch(m)), None),
    "milliseconds": (lambda m: f"{since_epoch(m)}000", None),
    "names": (lambda m: f"{m:%B} {m.day}, {m.year} {us_clock(m)}", None),
    "weekday": (lambda m: f"{m:%a}, {m.day} {m:%b} {m.year} {m:%H:%M:%S} GMT", None),
}

TEXT = st.text(
    st.sampled_from("ab ,\"\n\r\t;|'é🙏न")
    | st.characters(codec="utf-8", exclude_characters="\0\ufeff"),
    max_size=30,
)
WORDS = st.sampled_from(MISSING_WORDS)
PRESENT = TEXT.filter(lambda text: text not in MISSING_WORDS and not text.startswith("{"))
MOMENTS = st.datetimes(datetime(2009, 1, 1), datetime(2035, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)
REVIEWS = st.lists(
    st.fixed_dictionaries(
        {
            "review_text": TEXT,
            "review_rating": st.integers(1, 5),
            "review_timestamp": MOMENTS,
            "review_likes": st.integers(0, 10**9) | WORDS,
            "author_app_version": st.sampled_from(["8.1.0", "7", "beta 2, build 1"]) | WORDS,
            "review_title": PRESENT | WORDS,
            "reply_text": PRESENT | WORDS,
        }
    ),
    min_size=1,
    max_size=6,
)
OPTIONAL = ["review_likes", "author_app_version", "review_title", "reply_text", "review_id"]
NEEDED = ["review_text", "review_rating", "review_timestamp"]
PROPERTY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def wanted(review, columns, keep=None):
    """What is to be loaded of a review that was written with these columns."""
    row = {
        name: None if value in MISSING_WORDS and name != "review_text" else value
        for name, value in review.items()
        if name in columns
    }
    row["review_likes"] = row.get("review_likes") or 0
    if keep:
        row["review_timestamp"] = keep(row["review_timestamp"])
    return row


@st.composite
def spellings(draw, name):
    """A column's name with other case, and spaces, underscores and hyphens between its letters."""
    letters = [draw(st.sampled_from([letter, letter.upper()])) for letter in name]
    return "".join(
        letter + draw(st.sampled_from(["", "", "", "_", " ", "-"])) for letter in letters
    )


@PROPERTY
@given(st.data())
def test_every_dialect_loads_to_the_same_reviews(tmp_path_factory, data):
    draw = data.draw
    reviews = draw(REVIEWS)
    columns = draw(st.permutations([*NEEDED, *draw(st.sets(st.sampled_from(OPTIONAL)))]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    form = draw(st.sampled_from(list(TIMES)))
    write_time, keep = TIMES[form]
    # One day beyond 12 settles the order of day and month, wherever it stands.
    settling = draw(st.integers(0, len(reviews) - 1))
    reviews[settling]["review_timestamp"] = reviews[settling]["review_timestamp"].replace(day=28)
    if encoding == "cp1252":
        for review in reviews:
            for name in ("review_text", "review_title", "reply_text"):
                review[name] = review[name].encode("cp1252", "ignore").decode("cp1252")
    names = {column: draw(st.sampled_from(NAMES[column])) for column in columns}
    is_link = names.get("review_id") == "reviewlink"
    rows = []
    for number, review in enumerate(reviews):
        written = review | {
            "review_id": f"https://play/?reviewId=id%3A{number}&hl=en"
            if is_link
            else f"id:{number}",
            "review_timestamp": write_time(review["review_timestamp"]),
        }
        rows.append([written[column] for column in columns])
    content = csv_text(
        rows,
        [draw(spellings(names[column])) for column in columns],
        draw(st.sampled_from([",", ";", "\t", "|"])),
        draw(st.sampled_from(["minimal", "all", "nonnumeric"])),
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
    ).encode(encoding)
    hints = Hints(encoding=encoding if encoding == "cp1252" else None)
    folder = tmp_path_factory.mktemp("p")
    block_bytes = draw(st.sampled_from([64, 16 << 20]))
    manifest, loaded = load(folder, content, hints=hints, max_loss=0.0, block_bytes=block_bytes)
    expected = [wanted(review, columns, keep) for review in reviews]
    assert [{name: row[name] for name in expected[0]} for row in loaded] == expected
    assert manifest["records"] == len(reviews)
    ids = [row["review_id"] for row in loaded]
    assert len(set(ids)) == len(ids)
    if "review_id" in columns:
        assert ids == [f"id:{number}" for number in range(len(reviews))]
    scored = [
        text
        for table, quarantined, _ in read_records(folder / "in.csv", hints=hints)
        for text in (*table["review_text"].to_pylist(), *quarantined)
    ]
    assert len(scored) == len(reviews)


def frame_bytes(method, frame, **options):
    out = io.BytesIO()
    getattr(frame, method)(out, index=False, **options)
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def as_csv(records):
    header = list(records[0])
    return csv_text([[record[name] for name in header] for record in records], header).encode()


def as_lines(records):
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()


def as_excel(records):
    pytest.importorskip("openpyxl")
    return frame_bytes("to_excel", pd.DataFrame(records))


CONTAINERS = {
    "in.json": lambda records: json.dumps(records).encode(),
    "pretty.json": lambda records: json.dumps(records, indent=1).encode("utf-8-sig"),
    "utf16.json": lambda records: json.dumps(records, ensure_ascii=False).encode("utf-16"),
    "nested.json": lambda records: json.dumps({"app": "x", "page": {"reviews": records}}).encode(),
    "columns.json": lambda records: pd.DataFrame(records, dtype=object).to_json().encode(),
    "in.jsonl": as_lines,
    "in.parquet": lambda records: frame_bytes("to_parquet", pd.DataFrame(records)),
    "in.xlsx": as_excel,
    "in.csv.gz": lambda records: gzip.compress(as_csv(records)),
    "in.csv.bz2": lambda records: bz2.compress(as_csv(records)),
    "in.csv.xz": lambda records: lzma.compress(as_csv(records)),
    "in.zip": lambda records: zipped({"readme.txt": "no table", "Reviews.CSV": as_csv(records)}),
    "lines.zip": lambda records: zipped({"a/reviews.jsonl": as_lines(records)}),
    "twice.gz": lambda records: gzip.compress(gzip.compress(as_csv(records))),
    # What a file is, its bytes tell, not its name.
    "parquet.csv": lambda records: frame_bytes("to_parquet", pd.DataFrame(records)),
    "csv.xlsx": as_csv,
}


@pytest.mark.parametrize("name", CONTAINERS)
@settings(PROPERTY, max_examples=8)
@given(REVIEWS, st.sampled_from(["records as they are", "NA", "null"]))
def test_every_container_loads_to_the_same_reviews(tmp_path_factory, name, reviews, word):
    records = []
    for number, review in enumerate(reviews):
        if name == "in.xlsx":  # holds no control characters
            review["review_text"] = "x" + "".join(filter(str.isprintable, review["review_text"]))
            review["review_title"], review["reply_text"] = "a title", ""
        if number == 0 and word in MISSING_WORDS:
            review["review_text"] = word
        record = {column: str(value) for column, value in review.items()}
        records.append(record | {"review_id": f"id{number}"})
    folder = tmp_path_factory.mktemp("p")
    _, loaded = load(folder, CONTAINERS[name](records), name, max_loss=0.0)
    expected = [wanted(review, list(review)) for review in reviews]
    assert [{column: row[column] for column in expected[0]} for row in loaded] == expected
    assert [row["review_id"] for row in loaded] == [record["review_id"] for record in records]


def test_types_of_their_own_load_as_words_do(tmp_path):
    """Numbers, times and missing values of Parquet and Excel are those of a CSV."""
    frame = pd.DataFrame(
        {
            "content": ["a", "b"],
            "score": [5.0, 1.0],
            "at": pd.to_datetime(["2024-05-01 09:20:30", "2024-05-13 00:00:00"]),
            "thumbsUpCount": [3.0, None],
            "reviewCreatedVersion": ["8.1", None],
        }
    )
    zoned = frame.assign(at=frame["at"].dt.tz_localize("Asia/Kolkata"))
    cases = [(frame_bytes("to_parquet", frame), 0), (frame_bytes("to_parquet", zoned), 330)]
    with suppress(ImportError):  # openpyxl
        cases.append((frame_bytes("to_excel", frame), 0))
    for content, minutes in cases:
        _, loaded = load(tmp_path, content)
        columns = ["review_rating", "review_likes", "author_app_version", "review_timestamp"]
        first, second = datetime(2024, 5, 1, 9, 20, 30), datetime(2024, 5, 13)
        east = timedelta(minutes=minutes)
        assert [[row[name] for name in columns] for row in loaded] == [
            [5, 3, "8.1", first - east],
            [1, 0, None, second - east],
        ]


CASES = EXPORTS / "cases.json"


@pytest.mark.skipif(not CASES.exists(), reason=f"no files under {EXPORTS}")
@pytest.mark.parametrize(
    "case",
    json.loads(CASES.read_text(encoding="utf-8")) if CASES.exists() else [],
    ids=lambda case: case["case"],
)
def test_files_of_each_kind(tmp_path, case):
    content = (EXPORTS / case["file"]).read_bytes()
    if case["do"] == "score":
        (tmp_path / case["file"]).write_bytes(content)
        tables = [table for table, _, _ in read_records(tmp_path / case["file"])]
        assert [i for table in tables for i in table["review_id"].to_pylist()] == case["ids"]
        return
    try:
        manifest, rows = load(tmp_path, content, case["file"], max_loss=0.01)
    except InputError as error:
        words = str(error).replace(case["file"], "").lower()
        assert all(word in words for word in case.get("may_refuse", ["loads"]))
        # What the refusal says to do is enough.
        encoding = words.split("--encoding ")[1]
        manifest, rows = load(tmp_path, content, case["file"], hints=Hints(encoding=encoding))
        case = case | {"texts": []}  # not all of them can be written so
        assert rows[3]["review_text"] == "Déjà testé, très bien"
    assert len(rows) == case["rows"]
    assert manifest["quarantined"] == case.get("quarantined", 0)
    for key, column in (
        ("ratings", "review_rating"),
        ("texts", "review_text"),
        ("titles", "review_title"),
        ("likes", "review_likes"),
        ("ids", "review_id"),
    ):
        for row, value in zip(rows, case.get(key, ())):
            assert value is None or row[column] == value
    for row, time in zip(rows, case.get("times", ())):
        assert str(row["review_timestamp"])[:19] == time
    for key, column in (("versions", "author_app_version"), ("replies", "reply_text")):
        if key in case:
            assert sum(row.get(column) is not None for row in rows) == case[key]
    for number, text in case.get("reply_texts", {}).items():
        assert rows[int(number)]["reply_text"] == text
    for review_id, values in case.get("by_id", {}).items():
        (row,) = [row for row in rows if row["review_id"] == review_id]
        assert {name: str(row[name]) for name in values} == {n: str(v) for n, v in values.items()}
    ids = [row["review_id"] for row in rows]
    assert all(ids)
    assert len(set(ids)) == len(ids)
