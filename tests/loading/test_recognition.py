"""What is recognised of an export: times, columns, and ids where there are none."""

import json
from datetime import UTC, datetime

import pytest
from exporting import HEADER, ROWS, csv_text, load, load_files

from common import cli
from common.loading import InputError, inspect, read_records
from common.loading.columns import parse_options
from common.loading.sources import Hints, hints_of
from common.loading.times import DAY_FIRST, MONTH_FIRST, parse_time
from common.schema import SCHEMA

# Times


@pytest.mark.parametrize(
    ("text", "order", "wanted"),
    [
        ("2024-05-01 09:20:30", None, "2024-05-01 09:20:30"),
        ("2024-5-1 9:20", None, "2024-05-01 09:20:00"),
        ("2024/05/01", None, "2024-05-01 00:00:00"),
        ("2024.05.01 09:20", None, "2024-05-01 09:20:00"),
        ("2024-05-01T09:20:30Z", None, "2024-05-01 09:20:30"),
        ("2024-05-01T09:20:30.123456Z", None, "2024-05-01 09:20:30.123456"),
        ("2024-05-01 09:20:30.1234567", None, "2024-05-01 09:20:30.123456"),
        ("2024-05-01T09:20:30+00:00", None, "2024-05-01 09:20:30"),
        ("2024-05-01T09:20:30-07:00", None, "2024-05-01 16:20:30"),
        ("2024-05-01T00:20:30+0530", None, "2024-04-30 18:50:30"),
        ("2024-05-01 09:20:30 UTC", None, "2024-05-01 09:20:30"),
        ("20240501", None, "2024-05-01 00:00:00"),
        ("1714555230", None, "2024-05-01 09:20:30"),
        ("1714555230.0", None, "2024-05-01 09:20:30"),
        ("1714555230123", None, "2024-05-01 09:20:30.123"),
        ("999999999", None, "2001-09-09 01:46:39"),
        ("May 1, 2024", None, "2024-05-01 00:00:00"),
        ("Sept. 1st, 2024 at 12:05 am", None, "2024-09-01 00:05:00"),
        ("1 May 2024 9:20 PM", None, "2024-05-01 21:20:00"),
        ("01-May-2024", None, "2024-05-01 00:00:00"),
        ("Wed, 01 May 2024 09:20:30 GMT", None, "2024-05-01 09:20:30"),
        ("Wed May 01 2024 09:20:30 GMT+0200 (Central European Time)", None, "2024-05-01 07:20:30"),
        ("25-12-2024 9:05", DAY_FIRST, "2024-12-25 09:05:00"),
        ("1.2.2024", DAY_FIRST, "2024-02-01 00:00:00"),
        ("1/2/2024 12:00 PM", MONTH_FIRST, "2024-01-02 12:00:00"),
        ("1/2/24, 11:59:59 p.m.", MONTH_FIRST, "2024-01-02 23:59:59"),
        ("5/5/2024", None, "2024-05-05 00:00:00"),  # alike in both orders
    ],
)
def test_forms_of_times(text, order, wanted):
    moment = datetime.fromisoformat(wanted).replace(tzinfo=UTC)
    seconds = int(moment.timestamp())
    assert parse_time(text, order) == seconds * 10**6 + moment.microsecond


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("yesterday", None),
        ("", None),
        ("NA", None),
        ("2 days ago", None),
        ("2024-02-30", None),
        ("2023-02-29", None),
        ("2024-13-01", None),
        ("2024-05-01 24:00:00", None),
        ("2024-05-01 09:60:00", None),
        ("2024-05-01 13:00 PM", None),
        ("2024-05-01 0:30 AM", None),
        ("2024-05-01 09:20:30 more", None),
        ("1/2/2024", None),  # nothing says which is the day
        ("13/2/2024", MONTH_FIRST),
        ("2/13/2024", DAY_FIRST),
        ("12345", None),
        ("45413", None),  # a spreadsheet's day number
        ("20241301", None),
        ("5.0", None),
        ("٢٠٢٤-٠٥-٠١", None),  # noqa: RUF001 (digits are ASCII)
    ],
)
def test_what_is_no_time(text, order):
    assert parse_time(text, order) is None


def with_times(times, filler=""):
    return csv_text([[f"review {n} {filler}", 5, time] for n, time in enumerate(times)])


@pytest.mark.parametrize(
    ("settling", "first_day"), [("3/13/2024", "2024-01-02"), ("13/3/2024", "2024-02-01")]
)
@pytest.mark.parametrize("filler", ["", "x" * 3_000])
def test_one_value_anywhere_settles_the_order(tmp_path, settling, first_day, filler):
    times = ["1/2/2024"] * 500 + [settling]
    content = with_times(times, filler)
    assert not filler or len(content) > 1 << 20  # beyond what the header's reader sees
    for block_bytes in (100_000, 16 << 20):
        manifest, loaded = load(tmp_path, content, block_bytes=block_bytes, max_loss=0.0)
        assert str(loaded[0]["review_timestamp"])[:10] == first_day
        assert str(loaded[-1]["review_timestamp"])[:10] == "2024-03-13"
        wanted = MONTH_FIRST if settling.startswith("3") else DAY_FIRST
        assert manifest["sources"][0]["dates"] == wanted


def test_an_order_that_nothing_settles_is_a_question(tmp_path):
    content = with_times(["1/2/2024", "3/4/2024"])
    with pytest.raises(InputError, match=r"'1/2/2024'.*--dates day-first or --dates month-first"):
        load(tmp_path, content)
    assert not (tmp_path / "out").exists()
    for order, day in ((DAY_FIRST, "2024-02-01"), (MONTH_FIRST, "2024-01-02")):
        _, loaded = load(tmp_path, content, hints=Hints(dates=order))
        assert str(loaded[0]["review_timestamp"])[:10] == day
    # Scoring needs no time, and asks nothing.
    ((table, quarantined, _),) = read_records(tmp_path / "in.csv")
    assert (len(table), quarantined) == (2, [])


# Columns


def columns_of(folder, content, name="in.csv", **hints):
    manifest, loaded = load(folder, content, name, hints=Hints(**hints), max_loss=0.0)
    return manifest["sources"][0]["columns"], loaded


def test_a_known_name_beats_a_likely_one_and_what_was_derived(tmp_path):
    rows = [("clean words", "Raw words!", "0.5", 4, 4.5, "2024-05-01", "2024", 11)]
    header = [
        "content_clean",
        "content",
        "sentiment_score",
        "score",
        "average_rating",
        "at",
        "year",
        "text_length",
    ]
    columns, loaded = columns_of(tmp_path, csv_text(rows, header))
    assert columns == {"review_text": "content", "review_rating": "score", "review_timestamp": "at"}
    assert loaded[0]["review_text"] == "Raw words!"


def test_what_was_derived_is_taken_where_nothing_else_is_there(tmp_path):
    columns, _ = columns_of(tmp_path, csv_text(ROWS, ("cleaned_text", "stars", "reviewed at")))
    assert columns["review_text"] == "cleaned_text"


@pytest.mark.parametrize(
    "header", [("comment", "review", "rating", "date"), ("Text", "text", "rating", "date")]
)
def test_two_likely_columns_are_a_question_whose_answer_is_enough(tmp_path, header):
    content = csv_text([("one", "other", 5, "2024-05-01")], header)
    with pytest.raises(InputError) as error:
        load(tmp_path, content)
    words = str(error.value)
    assert all(repr(name) in words for name in header[:2])
    option = words.rpartition("--columns ")[2]
    for name, text in zip(header, ("one", "other")):
        _, loaded = columns_of(
            tmp_path, content, columns=parse_options(option.replace("NAME", name))
        )
        assert loaded[0]["review_text"] == text


def test_values_tell_candidates_apart(tmp_path):
    """Of two usual names, the one that holds numbers is no text; equal columns are one."""
    rows = [("12", "words", "words", 5, "2024-05-01"), ("7", "more", "more", 1, "2024-05-02")]
    columns, _ = columns_of(
        tmp_path, csv_text(rows, ("reviews", "comment", "text", "stars", "date"))
    )
    assert columns["review_text"] in ("comment", "text")


def test_a_text_alone_is_enough_to_score(tmp_path):
    (tmp_path / "in.csv").write_text("content\ngood\nbad\n")
    ((table, quarantined, _),) = read_records(tmp_path / "in.csv")
    assert quarantined == []
    columns = ["review_text", "review_likes", "author_app_version", "review_timestamp"]
    assert table.select(columns).to_pylist() == [
        dict(zip(columns, (text, 0, None, None))) for text in ("good", "bad")
    ]
    assert table.schema.field("review_timestamp").type == SCHEMA.field("review_timestamp").type


def test_columns_that_cannot_be_told_are_named(tmp_path):
    content = csv_text(ROWS, ("Ulasan", "Bintang", "Tanggal"))
    with pytest.raises(InputError, match=r"Ulasan, Bintang, Tanggal.*--columns text=NAME,rating="):
        load(tmp_path, content)
    columns = parse_options("text=ulasan, rating=Bintang,time=TANGGAL")
    recognised, loaded = columns_of(tmp_path, content, columns=columns)
    assert recognised["review_text"] == "Ulasan"
    assert [row["review_text"] for row in loaded] == [row["text"] for row in ROWS]
    with pytest.raises(InputError, match="no column 'Stars'"):
        columns_of(tmp_path, content, columns=columns | parse_options("rating=Stars"))


def test_an_empty_name_says_that_a_column_is_not_there(tmp_path):
    content = csv_text([("a", 5, "2024-05-01", "7", "x")], (*HEADER, "likes", "id"))
    _, loaded = columns_of(tmp_path, content, columns=parse_options("likes=,id="))
    assert loaded[0]["review_likes"] == 0
    assert loaded[0]["review_id"] != "x"


@pytest.mark.parametrize("text", ["what=x", "text", "text:a"])
def test_columns_are_written_as_pairs(text):
    with pytest.raises(InputError, match=r"--columns .* text, rating, time, likes") as error:
        parse_options(text)
    assert "\n" not in str(error.value)


FEED = {
    "feed": {
        "author": {"name": {"label": "iTunes Store"}},
        "entry": [
            {
                "author": {"name": {"label": f"user {number}"}, "uri": {"label": "u"}},
                "updated": {"label": f"2024-05-0{number}T09:20:30-07:00"},
                "im:rating": {"label": str(number)},
                "im:version": {"label": "8.1"},
                "id": {"label": f"id{number}"},
                "title": {"label": "a title"},
                "content": {"label": f"text {number}", "attributes": {"type": "text"}},
                "im:voteSum": {"label": "2"},
                "im:voteCount": {"label": "3"},
            }
            for number in (1, 2)
        ],
        "link": [{"attributes": {"rel": "self", "href": "x"}}] * 6,
    }
}
CONNECT = {
    "data": [
        {
            "type": "customerReviews",
            "id": f"id{number}",
            "attributes": {
                "rating": number,
                "title": "a title",
                "body": f"text {number}",
                "reviewerNickname": "me",
                "createdDate": f"2024-05-0{number}T09:20:30-07:00",
                "territory": "USA",
            },
            "relationships": {"response": {"links": {"self": "x"}}},
        }
        for number in (1, 2)
    ],
    "links": {"self": "x"},
    "meta": {"paging": {"total": 2}},
}
APP_STORE_JS = [
    {
        "id": f"id{number}",
        "userName": "me",
        "userUrl": "u",
        "version": "8.1",
        "score": number,
        "title": "a title",
        "text": f"text {number}",
        "url": "u",
        "updated": f"2024-05-0{number}T09:20:30-07:00",
    }
    for number in (1, 2)
]
PLAY_JS = {
    "data": [
        {
            "id": f"id{number}",
            "userName": "me",
            "date": f"2024-05-0{number}T16:20:30.000Z",
            "score": number,
            "scoreText": str(number),
            "url": "u",
            "title": "a title",
            "text": f"text {number}",
            "replyDate": None,
            "replyText": None,
            "version": "8.1",
            "thumbsUp": 2,
            "criterias": [{"criteria": "vaf", "rating": 3}] * 9,
        }
        for number in (1, 2)
    ],
    "nextPaginationToken": None,
}


@pytest.mark.parametrize("document", [FEED, CONNECT, APP_STORE_JS, PLAY_JS])
@pytest.mark.parametrize("indent", [None, 2])
def test_json_of_stores_and_scrapers(tmp_path, document, indent):
    content = json.dumps(document, indent=indent)
    columns, loaded = columns_of(tmp_path, content, "in.json")
    columns = ["review_id", "review_text", "review_rating", "review_title", "review_timestamp"]
    assert [[row[name] for name in columns] for row in loaded] == [
        [f"id{n}", f"text {n}", n, "a title", datetime(2024, 5, n, 16, 20, 30)] for n in (1, 2)
    ]
    assert "me" not in {row["pseudo_author_id"] for row in loaded}


def test_the_report_of_the_play_console(tmp_path):
    """UTF-16, sixteen columns, ids in links that a rating without text lacks."""
    header = [
        "Package Name",
        "App Version Code",
        "App Version Name",
        "Reviewer Language",
        "Device",
        "Review Submit Date and Time",
        "Review Submit Millis Since Epoch",
        "Review Last Update Date and Time",
        "Review Last Update Millis Since Epoch",
        "Star Rating",
        "Review Title",
        "Review Text",
        "Developer Reply Date and Time",
        "Developer Reply Millis Since Epoch",
        "Developer Reply Text",
        "Review Link",
    ]
    submitted, updated = ("2024-05-01T09:20:30Z", "1714555230000"), ("2024-06-01T10:00:00Z", "1")
    link = "http://play.google.com/console/apps/reviews?reviewId=a%3Ab&corpus=PUBLIC"
    app = ("com.netflix", "123", "8.1", "de", "phone")
    rows = [
        (*app, *submitted, *updated, 2, "", "geändert", "", "", "", link),
        (*app, *submitted, *submitted, 5, "", "", "", "", "", ""),
        (*app, *submitted, *submitted, 5, "", "", "", "", "", ""),
    ]
    _, loaded = columns_of(tmp_path, csv_text(rows, header, end="\r\n").encode("utf-16"))
    first, second = loaded[:2]
    assert (first["review_id"], first["review_text"]) == ("a:b", "geändert")
    assert str(first["review_timestamp"]) == "2024-06-01 10:00:00"
    assert (first["app"], first["language"]) == ("com.netflix", "de")
    assert first["author_app_version"] == "8.1"
    assert len({row["review_id"] for row in loaded}) == 3
    assert second["review_text"] == ""


@pytest.mark.parametrize("reply", ["thanks", "{'id': 1, 'body': 'thanks', 'modified': '%s'}"])
def test_a_developers_response_as_text_or_as_a_dict(tmp_path, reply):
    reply = reply.replace("%s", "2024-05-02T09:20:30Z")
    rows = [("a", 5, "2024-05-01", reply), ("b", 4, "2024-05-01", "")]
    _, loaded = columns_of(tmp_path, csv_text(rows, (*HEADER, "developerResponse")))
    assert [row["reply_text"] for row in loaded] == ["thanks", None]
    wanted = datetime(2024, 5, 2, 9, 20, 30) if reply.startswith("{") else None
    assert [row["reply_timestamp"] for row in loaded] == [wanted, None]


# Ids


def ids(rows):
    return [row["review_id"] for row in rows]


def test_made_ids_are_the_same_on_every_run_and_for_scoring(tmp_path):
    content = csv_text([*ROWS, ROWS[0], ROWS[1], ROWS[0]])
    manifest, loaded = load(tmp_path, content)
    assert manifest["sources"][0]["ids"] == "content"
    assert len(set(ids(loaded))) == len(loaded) == 6
    for block_bytes in (1, 64, 200):
        assert load(tmp_path, content, block_bytes=block_bytes)[1] == loaded
        tables = read_records(tmp_path / "in.csv", block_bytes)
        scored = [i for table, _, _ in tables for i in table["review_id"].to_pylist()]
        assert scored == ids(loaded)
    # Another separator and another order of columns say the same.
    other = csv_text([[*row.values()][::-1] for row in ROWS], HEADER[::-1], ";", "all", "\r\n")
    assert ids(load(tmp_path, other)[1]) == ids(loaded)[:3]


@pytest.mark.parametrize("block_bytes", [64, 16 << 20])
def test_files_that_overlap_count_once(tmp_path, block_bytes):
    new = {"text": "new", "rating": 2, "date": "2024-06-01"}
    files = [[*ROWS, ROWS[0]], [ROWS[1], ROWS[0], new, ROWS[0], ROWS[0]]]
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, rows in zip(paths, files):
        path.write_text(csv_text(rows), encoding="utf-8")
    manifest, loaded = load_files(tmp_path, paths, block_bytes=block_bytes)
    assert manifest["reasons"] == {"duplicate_id": 3}
    wanted = [*(row["text"] for row in [*ROWS, ROWS[0]]), "new", ROWS[0]["text"]]
    assert [row["review_text"] for row in loaded] == wanted
    assert len(set(ids(loaded))) == 6


@pytest.mark.parametrize("word", ["", "NA", "NaN", "<NA>", "same", "1"])
def test_a_column_that_tells_no_records_apart_is_no_id_column(tmp_path, word):
    rows = [(f"text {n}", 5, "2024-05-01", word) for n in range(10)]
    manifest, loaded = load(tmp_path, csv_text(rows, (*HEADER, "id")), max_loss=0.0)
    assert manifest["sources"][0]["ids"] == "content"
    assert len(set(ids(loaded))) == 10
    assert loaded == load(tmp_path, csv_text([row[:3] for row in rows]), max_loss=0.0)[1]


def test_few_repeats_leave_an_id_column_one(tmp_path):
    rows = [(f"text {n}", 5, "2024-05-01", "same" if n < 3 else n) for n in range(10)]
    manifest, loaded = load(tmp_path, csv_text(rows, (*HEADER, "id")))
    assert manifest["sources"][0]["ids"] == "column"
    assert manifest["reasons"] == {"duplicate_id": 2}
    assert loaded[0]["review_text"] == "text 0"


def test_one_id_that_is_missing_is_a_fault(tmp_path):
    rows = [(f"text {n}", 5, "2024-05-01", "NA" if n == 4 else n) for n in range(10)]
    manifest, loaded = load(tmp_path, csv_text(rows, (*HEADER, "id")))
    assert manifest["reasons"] == {"missing_id": 1}
    assert len(loaded) == 9


def test_the_newest_version_wins_across_files(tmp_path):
    header, paths = (*HEADER, "id"), [tmp_path / "a.csv", tmp_path / "b.csv"]
    versions = [("first", 1, "2024-05-03", "x"), ("older", 2, "2024-05-02", "x")]
    paths[0].write_text(csv_text(versions, header))
    paths[1].write_text(csv_text([("equal", 3, "2024-05-03", "x")], header))
    assert [r["review_text"] for r in load_files(tmp_path, paths)[1]] == ["first"]
    paths[1].write_text(csv_text([("newer", 3, "2024-05-03 00:00:01", "x")], header))
    manifest, loaded = load_files(tmp_path, paths)
    assert [row["review_text"] for row in loaded] == ["newer"]
    assert manifest["reasons"] == {"duplicate_id": 2}


# Inspection


def test_inspection_says_what_is_recognised(tmp_path):
    path = tmp_path / "in.csv"
    rows = [("Très bon", 5, "13/5/2024", "x"), ("b\nc", 4, "1/5/2024", "")]
    path.write_bytes(csv_text(rows, ("Review", "Stars", "Date", "more"), ";").encode("utf-16"))
    first, *lines = inspect(path).splitlines()
    assert first == f"{path}: utf-16 -> UTF-8 CSV, ';' between columns"
    assert lines == [
        "dates: day-first",
        "ids: made from what each record says",
        "text         'Review': Très bon | b c",
        "rating       'Stars': 5 | 4",
        "time         'Date': 13/5/2024 | 1/5/2024",
        "-            'more': x",
    ]


def test_inspection_refuses_what_cannot_be_loaded(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(csv_text([("Très déçu", 1, "2024-05-01")] * 9).encode("cp1252"))
    with pytest.raises(InputError, match="--encoding cp1252"):
        inspect(path)
    assert "'Très déçu'"[1:-1] in inspect(path, Hints(encoding="cp1252"))
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="--columns"):
        inspect(path)


def test_what_the_command_line_says_is_what_a_source_is_told():
    parser = cli.parser("A script.", "--columns", "--dates", "--encoding")
    words = ["--columns", "text=Body", "--dates", "day-first", "--encoding", "cp1252"]
    said = hints_of(parser.parse_args(words))
    assert said == Hints({"review_text": "Body"}, "day-first", "cp1252")
