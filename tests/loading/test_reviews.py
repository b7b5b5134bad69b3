"""Loading loses nothing, for every block size and scheduler: each record is loaded exactly or
quarantined whole, or nothing is published."""

import csv
import gzip
import io
import os
import signal
from collections import Counter
from contextlib import contextmanager

import dask
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import REAL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.loading import InputError, ingest, loader, read_records
from common.loading.csv_records import BOM
from common.schema import SCHEMA

NAMES = [
    "",
    "review_id",
    "pseudo_author_id",
    "author_name",
    "review_text",
    "review_rating",
    "review_likes",
    "author_app_version",
    "review_timestamp",
]
HEADER = ",".join(NAMES) + "\n"
SCRAPER = (
    "reviewId,userName,userImage,content,score,thumbsUpCount,reviewCreatedVersion,at,"
    "replyContent,repliedAt,appVersion\n"
)
TIME = "2024-01-02 03:04:05"


def record(
    number, text="fine", rating=5, likes=0, version="8.1.0 build 1", time=TIME, identity=None
):
    """One well-formed record as a line of CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(
        [
            number,
            identity or f"id{number}",
            10**20 + number,
            "A Google user",
            text,
            rating,
            likes,
            version,
            time,
        ]
    )
    return out.getvalue()


def load(folder, content, block_bytes=16 << 20, **options):
    """Manifest, loaded reviews and quarantine rows (as dicts) of a file with this content."""
    path = folder / "in.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with dask.config.set(scheduler=options.pop("scheduler", "synchronous")):
        manifest = ingest([path], folder / "out", block_bytes=block_bytes, **options)
    read = [pq.read_table(folder / "out" / name).to_pylist() for name in ("reviews", "quarantine")]
    return manifest, *read


def reasons(quarantined):
    return [row["reasons"] for row in quarantined]


@pytest.mark.parametrize(
    ("bad", "wanted"),
    [
        ("1,too,few\n", ["too_few_fields"]),
        (record(1).replace("\n", ",more\n"), ["too_many_fields"]),
        (record(1, rating=0), ["bad_rating"]),
        (record(1, rating="4.5"), ["bad_rating"]),
        (record(1, rating=""), ["bad_rating"]),
        (record(1, likes=-1), ["bad_likes"]),
        (record(1, likes=1 << 63), ["bad_likes"]),
        (record(1, time="2024-02-30 00:00:00"), ["bad_timestamp"]),
        (record(1, time="yesterday"), ["bad_timestamp"]),
        (record(1, rating=9, likes="x", time=""), ["bad_rating", "bad_likes", "bad_timestamp"]),
        (record(1, identity="id0"), ["duplicate_id"]),
        (record(1).replace("id1", ""), ["missing_id"]),
        (HEADER, ["repeated_header"]),
        (record(1).replace("fine", '"fi"ne'), ["bad_quoting"]),
        (record(1, text="nul\0byte"), ["nul_byte"]),
        (record(1).encode().replace(b"fine", b"f\xffne"), ["invalid_utf8"]),
        (record(1, text="x" * (5 << 20)), ["field_too_large"]),
    ],
)
def test_each_reason(tmp_path, bad, wanted):
    bad = bad.encode() if isinstance(bad, str) else bad
    before, after = (HEADER + record(0)).encode(), record(2).encode()
    manifest, loaded, quarantined = load(tmp_path, before + bad + after)
    assert [row["review_id"] for row in loaded] == ["id0", "id2"]
    (row,) = quarantined
    assert row["reasons"] == wanted
    assert row["raw"] == bad
    assert row["byte_offset"] == len(before)
    assert row["source"].endswith("in.csv")
    assert (manifest["records"], manifest["loaded"], manifest["quarantined"]) == (3, 2, 1)
    assert manifest["reasons"] == dict.fromkeys(sorted(wanted), 1)


def test_unclosed_quote_swallows_nothing(tmp_path):
    lines = [record(number, text=f"text {number}") for number in range(50)]
    lines[7] = lines[7].replace("text 7", '"text 7')
    for block_bytes in (64, 1000, 16 << 20):
        _, loaded, quarantined = load(tmp_path, HEADER + "".join(lines), block_bytes)
        assert [row["review_id"] for row in loaded] == [
            f"id{number}" for number in range(50) if number != 7
        ]
        assert reasons(quarantined) == [["unterminated_quote"]]
        assert quarantined[0]["raw"] == lines[7].encode()


# Each of these lines, read from its start, opens a quoted newline that the next one closes.
CHAIN = 'x","y\n'
DAMAGED_LINES = [
    # The second line's quoted newline comes after the quote that ends the reach of the first one,
    # so it keeps its own end.
    (['1,"open\n', ',,,,,,,,,,"z\nz",x"y\n'], ["unterminated_quote", "too_many_fields"]),
    # What follows an unclosed quote is a record, though one with a fault of its own.
    (
        [record(1).replace("fine", '"fine'), record(2, rating=9)],
        ["unterminated_quote", "bad_rating"],
    ),
    # A record between lines that reach to the end of the chain, which is regular, or breaks the
    # grammar.
    ([CHAIN * 12, record(1), CHAIN * 12 + 'x"\n'], ["unterminated_quote", None, "too_many_fields"]),
    ([CHAIN * 12, record(1), CHAIN * 12 + '"z"z\n'], ["unterminated_quote", None, "bad_quoting"]),
    (
        [CHAIN, record(1), CHAIN * 12, record(3), CHAIN + 'x"\n'],
        ["unterminated_quote", None] * 2 + ["too_few_fields"],
    ),
    (
        [CHAIN * 12, record(1), CHAIN * 12 + 'x","' + "y" * (5 << 20) + '"\n'],
        ["unterminated_quote", None, "too_many_fields field_too_large"],
    ),
    # A record in what reads as one of the wrong width: all of it is read, and nothing beyond it.
    (['1,"open\n', record(1), '"\n'], ["unterminated_quote", None, "unterminated_quote"]),
    # A carriage return after a closing quote ends the field only before a line feed.
    ([',,,,"x"\r,"v\n', 'v"\n'], ["bad_quoting", "too_few_fields"]),
]


@pytest.mark.parametrize(("lines", "wanted"), DAMAGED_LINES)
@pytest.mark.parametrize("block_bytes", [1, 64, 16 << 20])
def test_where_damaged_records_end(tmp_path, lines, wanted, block_bytes):
    _, loaded, quarantined = load(
        tmp_path, HEADER + record(0) + "".join(lines) + record(4), block_bytes
    )
    bad = [(line, reason) for line, reason in zip(lines, wanted) if reason]
    assert [(row["raw"].decode(), " ".join(row["reasons"])) for row in quarantined] == bad
    assert len(loaded) == 2 + wanted.count(None)
    assert [
        loaded[0]["review_id"],
        loaded[-1]["review_id"],
    ] == ["id0", "id4"]


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        ("rating", "5.0", 5),
        ("likes", (1 << 63) - 1, (1 << 63) - 1),
        ("likes", "007", 7),
        ("likes", "12.0", 12),
        ("time", "2024-02-29T23:59:59", "2024-02-29 23:59:59"),
        ("time", "0001-01-01 00:00:00.5", "0001-01-01 00:00:00.500000"),
    ],
)
def test_what_a_number_or_time_may_look_like(tmp_path, field, written, value):
    (row,), quarantined = load(tmp_path, HEADER + record(1, **{field: written}))[1:]
    loaded = {
        "rating": row["review_rating"],
        "likes": row["review_likes"],
        "time": str(row["review_timestamp"]),
    }
    assert loaded[field] == value
    assert quarantined == []


def test_values_are_exact(tmp_path):
    texts = [
        "NA",
        "null",
        "None",
        "nan",
        "",
        " ",
        "a,b",
        'say ""',
        "two\nlines",
        "dos\r\nlines",
        "lone\rreturn",
        "नमस्ते 🙏",
        "1.0",
        record(99),
    ]
    lines = "".join(record(number, text=text, version="") for number, text in enumerate(texts))
    manifest, loaded, quarantined = load(tmp_path, BOM.decode() + HEADER + lines)
    assert [row["review_text"] for row in loaded] == texts
    assert quarantined == []
    assert {row["author_app_version"] for row in loaded} == {None}
    assert [row["pseudo_author_id"] for row in loaded] == [
        str(10**20 + number) for number in range(len(texts))
    ]
    table = pq.read_table(tmp_path / "out/reviews")
    for name in table.column_names:
        assert table.schema.field(name).type == SCHEMA.field(name).type
    assert "author_name" not in table.column_names
    (source,) = manifest["sources"]
    columns = {name: name for name in NAMES if name}
    assert (source["columns"], source["ids"], source["dates"]) == (columns, "column", None)
    assert (source["delimiter"], source["converted_from"]) == (",", [])
    assert str(loaded[0]["review_timestamp"]) == TIME


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(tmp_path, end, last):
    content = (HEADER + record(0) + "\n" + record(1, text="x") + record(2)).replace("\n", end)
    _, loaded, quarantined = load(tmp_path, content if last else content.removesuffix(end))
    assert [row["review_id"] for row in loaded] == ["id0", "id1", "id2"]
    assert quarantined == []


def test_scraper_exports_keep_replies_and_hide_names(tmp_path):
    rows = (
        "a,Jane Doe,u,good,5,3,8.1,2024-01-02 03:04:05,thanks,2024-01-03 00:00:00,8.1\n"
        "b,A Google user,u,bad,1,0,,2024-01-02 03:04:06,,,\n"
    )
    _, loaded, _ = load(tmp_path, SCRAPER + rows)
    assert [row["reply_text"] for row in loaded] == [
        "thanks",
        None,
    ]
    assert "author_name" not in loaded[0]
    assert "Jane" not in str(loaded)
    assert loaded[0]["pseudo_author_id"]
    assert loaded[1]["pseudo_author_id"] is None
    _, loaded, _ = load(tmp_path, SCRAPER + rows, keep_names=True)
    assert [row["author_name"] for row in loaded] == ["Jane Doe", "A Google user"]


@pytest.mark.parametrize("block_bytes", [64, 16 << 20])
def test_byte_order_marks_of_joined_files_are_no_content(tmp_path, block_bytes):
    rows = [f"{name},Jane,u,{BOM.decode()}good,5,3,8.1,2024-01-02 03:04:05,,,\n" for name in "abcd"]
    files = [SCRAPER + rows[0] + rows[1], rows[2], SCRAPER + rows[3]]
    _, loaded, quarantined = load(
        tmp_path, "".join(BOM.decode() + file for file in files), block_bytes
    )
    assert [(row["review_id"], row["review_text"]) for row in loaded] == [
        (name, BOM.decode() + "good") for name in "abcd"
    ]
    assert reasons(quarantined) == [["repeated_header"]]


def test_duplicates_across_files_and_blocks(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + record(0) + record(1, rating=0) + record(2))
    (tmp_path / "b.csv").write_text(
        HEADER + record(3, identity="id2", text="later") + record(1) + record(5, identity="id1")
    )
    for block_bytes in (64, 16 << 20):
        with dask.config.set(scheduler="threads"):
            manifest = ingest(
                [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "out", block_bytes=block_bytes
            )
        assert pq.read_table(tmp_path / "out/reviews")["review_id"].to_pylist() == [
            "id0",
            "id2",
            "id1",
        ]
        # An unloadable record is a duplicate of a later one, too.
        assert manifest["reasons"] == {"bad_rating": 1, "duplicate_id": 3}
        assert [s["records"] for s in manifest["sources"]] == [3, 3]


@pytest.mark.parametrize("ids_at_once", [3, 20, 10**6])
def test_ids_are_compared_in_parts(tmp_path, monkeypatch, ids_at_once):
    monkeypatch.setattr(loader, "IDS_AT_ONCE", ids_at_once)
    ids = [f"id{number * number % 31}" for number in range(80)]
    lines = [
        record(number, identity=identity, rating=0 if number % 7 == 0 else 5)
        for number, identity in enumerate(ids)
    ]
    manifest, loaded, quarantined = load(
        tmp_path, HEADER + "".join(lines), block_bytes=500, scheduler="threads"
    )
    right, wrong = [], []
    loadable = {identity for number, identity in enumerate(ids) if number % 7}
    for number, (identity, line) in enumerate(zip(ids, lines)):
        is_bad = number % 7 == 0
        is_duplicate = identity in (loadable if is_bad else right)
        faults = ["bad_rating"] * is_bad + ["duplicate_id"] * is_duplicate
        if faults:
            wrong.append((faults, line.encode()))
        else:
            right.append(identity)
    assert [row["review_id"] for row in loaded] == right
    assert manifest["records"] == 80
    assert [(row["reasons"], row["raw"]) for row in quarantined] == wrong


def test_gzip(tmp_path):
    with gzip.open(tmp_path / "in.csv.gz", "wt") as file:
        file.write(HEADER + record(0))
    with dask.config.set(scheduler="synchronous"):
        manifest = ingest([tmp_path / "in.csv.gz"], tmp_path / "out")
    assert manifest["loaded"] == 1
    assert manifest["sources"][0]["bytes"] == (tmp_path / "in.csv.gz").stat().st_size


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "empty"),
        (HEADER.encode(), "no reviews"),
        (b"a,b\n1,2\n", "no column is known to be the text"),
        (HEADER.replace("review_text", "x").encode(), "--columns text="),
        ((HEADER + record(0, rating=0)).encode(), "1 of 1 records have a rating"),
        (HEADER.replace("author_name", "review_text").encode(), "2 times"),
        (b"<html><body>", "HTML"),
        (HEADER.encode("utf-16"), "no reviews"),
        (b"\x89PNG\r\n\x1a\n\0\0", "UTF-8|header"),
        (gzip.compress((HEADER + record(0)).encode())[:-9], "gzip"),
    ],
)
def test_what_is_no_export_is_one_error_and_changes_nothing(tmp_path, content, cause):
    load(tmp_path, HEADER + record(0))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=cause) as error:
        load(tmp_path, content)
    assert "in.csv" in str(error.value)
    assert "\n" not in str(error.value)
    assert {
        path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    } == before


def test_missing_file_and_folder(tmp_path):
    for path, cause in ((tmp_path / "none.csv", "no such file"), (tmp_path, "not a file")):
        with pytest.raises(InputError, match=cause):
            ingest([path], tmp_path / "out")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_worker_that_fails_publishes_nothing(tmp_path, monkeypatch, failure, earlier):
    def fail(*_, **__):
        raise failure

    if earlier:
        load(tmp_path, HEADER + record(7))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(type(failure)):
        load(tmp_path, HEADER + record(0))
    assert {
        path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    } == before
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "out"][: 1 + earlier]


def test_a_file_that_grows_meanwhile_is_refused(tmp_path, monkeypatch):
    write = pq.write_table

    def grow(*words, **options):
        with open(tmp_path / "in.csv", "a") as file:
            file.write(record(9))
        return write(*words, **options)

    monkeypatch.setattr(pq, "write_table", grow)
    with pytest.raises(InputError, match="changed while"):
        load(tmp_path, HEADER + record(0))


def test_predictions_read_every_record_in_order(tmp_path):
    (tmp_path / "in.csv").write_text(
        HEADER + record(0, rating="?") + "bad\n" + record(0) + record(1, likes="x")
    )
    for block_bytes in (64, 1 << 20):
        good, bad = [], []
        for table, quarantined, _ in read_records(tmp_path / "in.csv", block_bytes):
            good += table.select(["byte_offset", "review_id", "review_likes"]).to_pylist()
            bad += [(q.byte_offset, q.reasons) for q in quarantined]
        # Likes that cannot be read are no reason not to score a text.
        assert [(row["review_id"], row["review_likes"]) for row in good] == [
            ("id0", 0),
            ("id0", 0),
            ("id1", None),
        ]
        assert [r for _, r in bad] == [["too_few_fields"]]
        assert good[0]["byte_offset"] < bad[0][0] < good[1]["byte_offset"]


# Properties

TEXT = st.text(
    st.sampled_from('ab ,"\n\r\t;é🙏न') | st.characters(codec="utf-8", exclude_characters="\0"),
    max_size=40,
)
DAMAGE = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(
            [
                b'"',
                b",",
                b"\n",
                b"\r",
                b"\xff",
                b'"\n',
                b'","',
                b"\0",
                BOM,
                b'x","y\n',
                b'x","y\n' * 9,
            ]
        ),
    ),
    max_size=4,
)
FILES = st.lists(
    st.tuples(TEXT, st.integers(0, 6), st.sampled_from(["", "8.1", "1, 2"])),
    min_size=1,
    max_size=12,
)


def written(rows, end):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end)
    writer.writerow(NAMES)
    for number, (text, rating, version) in enumerate(rows):
        writer.writerow(
            [number, f"id{number}", number, "A Google user", text, rating, 0, version, TIME]
        )
    return out.getvalue().encode()


PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PROPERTY
@given(FILES, st.sampled_from(["\n", "\r\n"]), st.sampled_from([64, 100, 257]))
def test_well_formed_files_load_as_they_were_written(tmp_path_factory, rows, end, block_bytes):
    content, folder = written(rows, end), tmp_path_factory.mktemp("p")
    good = [
        (f"id{number}", text, version)
        for number, (text, rating, version) in enumerate(rows)
        if 1 <= rating <= 5
    ]
    if not good:
        with pytest.raises(InputError, match="rating"):
            load(folder, content, block_bytes)
        return
    _, loaded, quarantined = load(folder, content, block_bytes)
    assert [
        (row["review_id"], row["review_text"], row["author_app_version"] or "") for row in loaded
    ] == good
    assert len(quarantined) == len(rows) - len(good)
    assert all(r == ["bad_rating"] for r in reasons(quarantined))


@PROPERTY
@given(FILES, st.sampled_from(["\n", "\r\n"]), DAMAGE)
def test_damaged_files_lose_no_byte_and_depend_on_no_block_size(
    tmp_path_factory, rows, end, damage
):
    content = bytearray(written(rows, end))
    start = content.index(end.encode()) + len(end)
    for position, what in damage:
        position = start + position % (len(content) - start + 1)
        content[position:position] = what
    folder, results = tmp_path_factory.mktemp("p"), []
    for block_bytes in (64, 131, 16 << 20):
        try:
            manifest, loaded, quarantined = load(folder, bytes(content), block_bytes)
        except InputError as error:  # nothing loads: for no block size
            results.append(str(error))
            continue
        assert (
            manifest["records"]
            == len(loaded) + len(quarantined)
            == manifest["loaded"] + manifest["quarantined"]
        )
        results.append((loaded, quarantined))
    assert results[0] == results[1] == results[2]
    if isinstance(results[0], str):
        return
    for row in quarantined:
        assert content[row["byte_offset"] : row["byte_offset"] + len(row["raw"])] == row["raw"]
    # What lies between the quarantined records reads, alone, as exactly the loaded ones: no byte is
    # in neither.
    rest, position = bytearray(content[:start]), start
    for row in sorted(quarantined, key=lambda row: row["byte_offset"]):
        rest += content[position : row["byte_offset"]]
        position = row["byte_offset"] + len(row["raw"])
    rest += content[position:]
    if loaded:
        _, again, none = load(folder, bytes(rest))
        assert again == loaded
        assert none == []


DAYS = ["2024-01-02 03:04:05", "2024-01-03 00:00:00", "2023-12-31 23:59:59"]
IDS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "é"]), st.sampled_from([5, 5, 9]), st.sampled_from(DAYS)
    ),
    min_size=1,
    max_size=8,
    # A column in which one value stands in most records is no id column.
).filter(lambda rows: Counter(row[0] for row in rows).most_common(1)[0][1] <= 3)


@PROPERTY
@given(IDS, IDS, st.sampled_from([64, 200]))
def test_the_newest_loadable_record_of_an_id_loads(tmp_path_factory, first, second, block_bytes):
    folder, good, wanted = tmp_path_factory.mktemp("p"), [], []
    for name, rows in (("a.csv", first), ("b.csv", second)):
        lines = [
            record(number, rating=rating, identity=identity, time=time)
            for number, (identity, rating, time) in enumerate(rows)
        ]
        (folder / name).write_text(HEADER + "".join(lines), encoding="utf-8")
    newest = {}  # time and place of each id's newest loadable record
    for place, (identity, rating, time) in enumerate(first + second):
        if rating == 5 and time > newest.get(identity, ("", 0))[0]:
            newest[identity] = (time, place)
    for place, (identity, rating, _) in enumerate(first + second):
        number = place if place < len(first) else place - len(first)
        is_newest = newest.get(identity, ("", None))[1] == place
        if is_newest:
            good.append((identity, str(10**20 + number)))
        else:
            is_duplicate = identity in newest
            wanted.append(["bad_rating"] * (rating == 9) + ["duplicate_id"] * is_duplicate)
    are_unloadable = [
        all(rating == 9 and identity not in newest for identity, rating, _ in rows)
        for rows in (first, second)
    ]
    with dask.config.set(scheduler="synchronous"):
        paths = [folder / "a.csv", folder / "b.csv"]
        if any(are_unloadable):
            with pytest.raises(InputError, match="rating"):
                ingest(paths, folder / "out", block_bytes=block_bytes)
            return
        ingest(paths, folder / "out", block_bytes=block_bytes)
    loaded, quarantined = (
        pq.read_table(folder / "out" / name).to_pylist() for name in ("reviews", "quarantine")
    )
    assert [(row["review_id"], row["pseudo_author_id"]) for row in loaded] == good
    assert reasons(quarantined) == wanted


@pytest.mark.parametrize("scheduler", ["threads", "processes", "distributed"])
def test_every_scheduler_gives_the_same(tmp_path, scheduler):
    lines = [
        record(number, text=f'say "{number}",\n' * (number % 4), rating=number % 7)
        for number in range(300)
    ]
    lines[50] = lines[50].replace('"', "", 1)
    content = HEADER + "".join(lines)
    expected = load(tmp_path, content, 1000)
    if scheduler == "distributed":
        from distributed import Client

        with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
            result = load(tmp_path, content, 1000, scheduler=None)
    else:
        result = load(tmp_path, content, 1000, scheduler=scheduler)
    assert result == expected


@contextmanager
def processor_seconds(limit):
    """TimeoutError after `limit` seconds of this process's work, however busy the machine is."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize(
    "content",
    [
        HEADER
        + record(0).replace("fine", '"fine')
        + "".join(record(n, text="x" * 100) for n in range(1, 40_000)),
        HEADER + record(0) + '"' * 1_000_000 + "\n" + record(1),
        HEADER + record(0, text="," * 10_000) + record(1, text="é" * 1_000_000),
        HEADER + record(0) + "," * 1_000_000 + "\n" + record(1),
        HEADER + record(0) + '"\n' * 20_000 + record(1),
        HEADER + record(0) + 'x","y\n' * 40_000 + record(1),
        HEADER + record(0) + "".join('x","y\n' + record(number) for number in range(1, 20_000)),
        HEADER
        + record(0)
        + "".join('x","y\n' + record(number) for number in range(1, 20_000))
        + '"z"z\n',
    ],
)
def test_nothing_takes_time_beyond_the_size_of_the_file(tmp_path, content):
    """Seconds as a rule; the limit is what only quadratic work would miss."""
    with processor_seconds(60):
        manifest, _, _ = load(tmp_path, content, 1 << 20)
    assert manifest["loaded"] >= 1


@pytest.mark.parametrize(
    ("name", "names"),
    [
        (
            "netflix_reviews_9col.csv",
            ("review_id", "review_text", "review_rating", "review_likes", "author_app_version"),
        ),
        (
            "netflix_play_11col.csv",
            ("reviewId", "content", "score", "thumbsUpCount", "reviewCreatedVersion"),
        ),
        (
            "netflix_play_8col.csv",
            ("reviewId", "content", "score", "thumbsUpCount", "reviewCreatedVersion"),
        ),
    ],
)
def test_real_reviews_load_whole(tmp_path, name, names):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"no real reviews under {REAL}")
    with open(path, encoding="utf-8", newline="") as file:
        expected = [tuple(row[key] for key in names) for row in csv.DictReader(file)]
    columns = ["review_id", "review_text", "review_rating", "review_likes", "author_app_version"]
    for block_bytes in (5_000, 1 << 20):
        with dask.config.set(scheduler="threads"):
            manifest = ingest([path], tmp_path / "out", block_bytes=block_bytes)
        table = pq.read_table(tmp_path / "out/reviews", columns=columns)
        values = [table[name].cast(pa.string()).fill_null("").to_pylist() for name in columns]
        assert list(zip(*values)) == expected
        assert manifest["records"] == manifest["loaded"] == len(expected)
