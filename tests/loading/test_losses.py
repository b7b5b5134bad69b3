"""No part of a file vanishes without a word: what loses too much is refused in one line, whose
advice is enough; odd files are loaded right, or refused so."""

import gzip
import io
import json
import re
import zipfile
from contextlib import suppress

import pandas as pd
import pytest
from exporting import HEADER, ROWS, csv_text, load, load_files

from common.loading import InputError, inspect, quarantine_sentence, read_records
from common.loading.sources import Hints

FULL = (*HEADER, "likes", "id")


def rows_of(number, faulty=0, **fault):
    """Good records, of which the first ones have a fault."""
    rows = []
    for n in range(number):
        row = {"text": f"t{n}", "rating": 5, "date": "2024-05-01", "likes": n, "id": f"id{n}"}
        rows.append(row | (fault if n < faulty else {}))
    return rows


def refusal(folder, content, name="in.csv", **options):
    """The one line with which a file is refused, of which nothing is published."""
    with pytest.raises(InputError) as error:
        load(folder, content, name, **options)
    words = str(error.value)
    assert words.startswith(str(folder / name))
    assert len(words.splitlines()) == 1
    assert not (folder / "out").exists()
    return words


FAULTS = [
    ({"rating": "4.5"}, "a rating that is no whole number", "'4.5' in the column 'rating'"),
    ({"date": "soon"}, "a time that cannot be read", "'soon' in the column 'date'"),
    ({"likes": "many"}, "likes that are no whole number", "'many' in the column 'likes'"),
    ({"id": "NA"}, "no id", "'NA' in the column 'id'"),
    ({"text": "nul\0"}, "a NUL byte", "'nul"),
]


@pytest.mark.parametrize(("fault", "words", "example"), FAULTS)
def test_a_reason_may_take_its_share_or_three_records(tmp_path, fault, words, example):
    three = csv_text(rows_of(20, 3, **fault), FULL)
    assert load(tmp_path, three, max_loss=0.0)[0]["quarantined"] == 3
    (tmp_path / "four").mkdir()
    four = csv_text(rows_of(20, 4, **fault), FULL)
    said = refusal(tmp_path / "four", four, max_loss=0.01)
    assert f"4 of 20 records have {words}" in said
    assert example in said
    assert load(tmp_path, four, max_loss=0.2)[0]["loaded"] == 16


@pytest.mark.parametrize("faulty", [5, 7, 14, 28, 29, 55, 57, 58, 99])
def test_the_share_that_a_refusal_names_is_enough(tmp_path, faulty):
    content = csv_text(rows_of(100, faulty, rating=0), FULL)
    share = float(re.search(r"--max-loss (\S+) loads", refusal(tmp_path, content, max_loss=0))[1])
    manifest, loaded = load(tmp_path, content, max_loss=share)
    assert len(loaded) == 100 - faulty
    assert f"{faulty} a rating that is" in quarantine_sentence(manifest)


def test_wrong_widths_are_losses(tmp_path):
    content = csv_text(rows_of(20), FULL) + "one,two\n" * 4
    assert "4 of 24 records have fewer fields" in refusal(tmp_path, content, max_loss=0.1)


def test_losses_are_counted_file_by_file(tmp_path):
    paths = [tmp_path / "bad.csv", tmp_path / "good.csv"]
    paths[0].write_text(csv_text(rows_of(10, 4, rating=0), FULL))
    paths[1].write_text(csv_text(rows_of(1_000), FULL))
    with pytest.raises(InputError, match=r"bad\.csv: 4 of 10 records"):
        load_files(tmp_path, paths, max_loss=0.01)
    assert not (tmp_path / "out").exists()
    # Repetitions are no loss, and a file that holds nothing new is none.
    paths[0].write_text(csv_text(rows_of(10), FULL))
    manifest, _ = load_files(tmp_path, [*paths, paths[0]], max_loss=0.0)
    assert (manifest["loaded"], manifest["reasons"]) == (1_000, {"duplicate_id": 20})


@pytest.mark.parametrize("max_loss", [0.01, 1.0])
def test_what_loads_nothing_is_refused_whatever_may_be_lost(tmp_path, max_loss):
    for content in (csv_text([]), csv_text([], end="\r\n"), csv_text([])[:-1]):
        assert "a header but no reviews" in refusal(tmp_path, content, max_loss=max_loss)
    said = refusal(tmp_path, csv_text(rows_of(2, 2, rating="five"), FULL), max_loss=max_loss)
    assert "2 of 2 records" in said
    assert "--max-loss" not in said


PAGES = {
    "cp1252": ["Très déçu, ça ne marche plus", "Déjà testé, très bien", "C'est génial"],
    "cp1251": ["Отличное приложение", "Не работает после обновления", "Спасибо, хорошо"],  # noqa: RUF001 (Cyrillic)
    "cp1256": ["تطبيق رائع جدا", "لا يعمل بعد التحديث", "شكرا لكم على هذا"],
}


@pytest.mark.parametrize("encoding", PAGES)
@pytest.mark.parametrize("max_loss", [0.01, 0.9])
def test_a_code_page_is_named_and_naming_it_is_enough(tmp_path, encoding, max_loss):
    texts = PAGES[encoding] * 5
    rows = [(text, 5, "2024-05-01") for text in texts] + [("ascii", 4, "2024-05-02")] * 40
    content = csv_text(rows).encode(encoding)
    said = refusal(tmp_path, content, max_loss=max_loss)
    assert said.endswith(f"say --encoding {encoding}")
    word = next(word for word in texts[0].split() if not word.isascii())
    assert word.strip(",") in said
    with pytest.raises(InputError) as error:
        inspect(tmp_path / "in.csv")
    assert f"--encoding {encoding}" in str(error.value)
    _, loaded = load(tmp_path, content, max_loss=0.0, hints=Hints(encoding=encoding))
    assert [row["review_text"] for row in loaded] == [*texts, *["ascii"] * 40]
    manifest, _ = load(tmp_path, content, max_loss=1.0)
    assert (manifest["loaded"], manifest["reasons"]) == (40, {"invalid_utf8": 15})


def test_one_letter_that_is_not_utf_8_is_seen_where_its_record_begins(tmp_path):
    rows = [("élan", 5, "2024-05-01"), *[("ascii", 4, "2024-05-02")] * 40]
    manifest, loaded = load(tmp_path, csv_text(rows).encode("cp1252"), max_loss=0.0)
    assert manifest["reasons"] == {"invalid_utf8": 1}
    assert [row["review_text"] for row in loaded] == ["ascii"] * 40


def test_a_code_page_in_json_is_named_by_the_bytes_of_the_file(tmp_path):
    records = [dict(zip(HEADER, (text, 5, "2024-05-01"))) for text in PAGES["cp1252"] * 5]
    content = json.dumps(records, ensure_ascii=False).encode("cp1252")
    said = refusal(tmp_path, content, "in.json", max_loss=0.01)
    assert said.endswith("say --encoding cp1252")
    hints = Hints(encoding="cp1252")
    assert len(load(tmp_path, content, "in.json", max_loss=0.0, hints=hints)[1]) == 15


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_named(tmp_path, encoding):
    content = csv_text(ROWS).encode(encoding)
    assert refusal(tmp_path, content).endswith(f"--encoding {encoding}")
    assert len(load(tmp_path, content, hints=Hints(encoding=encoding))[1]) == 3


# Odd files: loaded right, or one line

GOOD = csv_text(ROWS)


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_password(content):
    """A zip whose headers say that its file is encrypted."""
    content = bytearray(content)
    content[content.find(b"PK\x03\x04") + 6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


RECORDS = json.dumps(ROWS)
REFUSED = {
    "empty": (b"", "empty"),
    "header only": (csv_text([]), "no reviews"),
    "one column": ("text\nhello\n", "no column is known to be the rating"),
    "repeated column": (csv_text([("a", "b", 5, "2024-05-01")], ("text", *HEADER)), "2 times"),
    "HTML": ("\n <!DOCTYPE html>\n<html>", "HTML"),
    "packed HTML": (gzip.compress(b"<html>"), "HTML"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500 + b"\xff" * 9, "binary"),
    "PDF": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "no column"),
    "cut zip": (zipped({"a.csv": GOOD})[:-30], "binary"),
    "two tables": (zipped({"a.csv": GOOD, "b.csv": GOOD}), "a.csv, b.csv"),
    "no table": (zipped({"a.txt": GOOD}), "no table"),
    "password": (with_password(zipped({"a.csv": GOOD})), "password"),
    "Word": (zipped({"[Content_Types].xml": "<x/>", "word/a.xml": "<x/>"}), "excel|package"),
    "cut gzip": (gzip.compress(GOOD.encode())[:-9], "gzip"),
    "gzip and more": (gzip.compress(GOOD.encode()) + b"more", "gzip"),
    "no bzip2": (b"BZh9" + b"\xff" * 50, "bzip2"),
    "no xz": (b"\xfd7zXZ\0\0\4" + b"\xff" * 50, "xz"),
    "no Parquet": (b"PAR1" + b"x" * 50, "parquet"),
    "no objects": ("[\n[1],\n[2]]", "no objects"),
    "empty list": ("[]", "no objects"),
    "numbers": ("[1, 2]", "no column"),
    "some objects": ('[{"text": 1},\n 3]', "no objects"),
    "an empty object": ("{}", "no header"),
    "cut JSON": (RECORDS[:-9], "json"),
    "deep JSON": ("[" * 100_000, "json"),
    "rows by number": (pd.DataFrame(ROWS).to_json(orient="index"), "no column"),
    "split": (pd.DataFrame(ROWS).to_json(orient="split"), "no column"),
    "decimal commas": (csv_text([("a", "4,0", "2024-05-01")] * 9, delimiter=";"), "'4,0'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_one_line_for_all_ways_in(tmp_path, kind):
    content, words = REFUSED[kind]
    said = refusal(tmp_path, content, max_loss=0.01)
    assert re.search(words, said)
    for way in (inspect, lambda path: list(read_records(path))):
        with suppress(InputError):  # to score, less is needed
            way(tmp_path / "in.csv")


CARRIAGE = [('a, b\rsecond; "x"', 5, "2024-05-01"), ("y" * 200_000, 4, "2024-05-02")]
LOADED = {
    "sep=;": ("sep=;\n" + csv_text(ROWS, delimiter=";"), 3),
    "sep=; of a spreadsheet": ("\ufeffsep=;\r\n" + csv_text(ROWS, delimiter=";", end="\r\n"), 3),
    "sep=; in UTF-16": (("sep=;\r\n" + csv_text(ROWS, delimiter=";")).encode("utf-16"), 3),
    "empty lines": ("\n\n" + GOOD.replace("\n", "\n\n", 1) + "\n\n", 3),
    "one record": (csv_text(ROWS[:1]), 1),
    "other columns repeated": (
        csv_text([("a", 5, "2024-05-01", 1, 2)], (*HEADER, "x", "x")),
        1,
    ),
    "many columns": (
        csv_text(
            [("a", 5, "2024-05-01", *"x" * 3_000)], (*HEADER, *map("c{}".format, range(3_000)))
        ),
        1,
    ),
    "a long text": (csv_text([("é" * 100_000, 5, "2024-05-01")]), 1),
    "carriage returns": (csv_text(CARRIAGE, end="\r"), 2),
    "carriage returns and semicolons": (csv_text(CARRIAGE, delimiter=";", end="\r"), 2),
    "UTF-32": (GOOD.encode("utf-32"), 3),
    "gzip in parts": (gzip.compress(GOOD.encode()[:20]) + gzip.compress(GOOD.encode()[20:]), 3),
    "zip in zip": (zipped({"x.zip": zipped({"a.csv": GOOD, "__MACOSX/._a.csv": "x"})}), 3),
    "Parquet's index": (RECORDS, 3),
    "pandas' table": (pd.DataFrame(ROWS).to_json(orient="table"), 3),
    "pandas' columns": (pd.DataFrame(ROWS).to_json(), 3),
    "one record's columns": (pd.DataFrame(ROWS[:1]).to_json(), 1),
    "one object": (json.dumps(ROWS[0], indent=1), 1),
    "one record and links": (json.dumps({"links": [{"href": "x"}] * 9, "page": [ROWS[0]] * 4}), 4),
    "separators of lines in texts": (json.dumps([ROWS[0] | {"text": "a\u2028b\x85"}]), 1),
}


@pytest.mark.parametrize("kind", LOADED)
def test_odd_files_that_load(tmp_path, kind):
    content, number = LOADED[kind]
    manifest, loaded = load(tmp_path, content, max_loss=0.0)
    assert (manifest["records"], len(loaded)) == (number, number)
    if number == 3:
        assert [row["review_text"] for row in loaded] == [row["text"] for row in ROWS]
    if "carriage" in kind:
        assert [row["review_text"] for row in loaded] == [row[0] for row in CARRIAGE]


def test_a_broken_line_and_half_a_letter_are_quarantined(tmp_path):
    lines = [json.dumps(row | {"id": n}) for n, row in enumerate(ROWS)]
    half = json.dumps(ROWS[0] | {"id": 7, "text": "half \ud83d"})
    content = "\n".join([*lines, '{"text": "broken', half])
    manifest, loaded = load(tmp_path, content, "in.jsonl")
    assert len(loaded) == 3
    assert manifest["records"] == 5
    assert manifest["reasons"]["invalid_utf8"] == 1


def test_words_in_a_spreadsheet_are_words(tmp_path):
    pytest.importorskip("openpyxl")
    texts, out = ["NA", "null", "None", "nan", "00123"], io.BytesIO()
    frame = pd.DataFrame({"text": texts, "rating": 5, "date": "2024-05-01", "likes": "NA"})
    frame.to_excel(out, index=False)
    _, loaded = load(tmp_path, out.getvalue(), "in.xlsx", max_loss=0.0)
    assert [row["review_text"] for row in loaded] == texts
    packed = zipped({"reviews.xlsx": out.getvalue()})
    assert load(tmp_path, packed, "in.zip")[1] == loaded


@pytest.mark.parametrize("encoding", ["klingon", "base64", "undefined", "a\0b", "utf-16"])
def test_an_encoding_that_cannot_be_is_one_line_that_names_it(tmp_path, encoding):
    content = GOOD if isinstance(GOOD, bytes) else GOOD.encode()
    said = refusal(tmp_path, content + "é".encode("cp1252"), hints=Hints(encoding=encoding))
    assert encoding in said or "null character" in said


def test_an_encoding_is_not_for_files_that_are_utf_8(tmp_path):
    """Several files can be loaded together, of which some are of a code page."""
    texts = ["Déjà vu", "größer"]
    content = csv_text([(text, 5, "2024-05-01", 1) for text in texts], FULL[:4])
    _, loaded = load(tmp_path, content, hints=Hints(encoding="cp1252"))[:2]
    assert [row["review_text"] for row in loaded] == texts


def test_reasons_have_one_order_however_a_record_is_read(tmp_path):
    """One with a carriage return in a text is read by the exact reader."""
    orders = set()
    for text in ("a", "a\rb"):
        content = csv_text([(text, 0, "soon", "many"), ("b", 5, "2024-05-01", 1)], FULL[:4])
        load(tmp_path, content)
        rows = pd.read_parquet(tmp_path / "out" / "quarantine")
        orders.add(tuple(rows["reasons"].iloc[0]))
    assert orders == {("bad_rating", "bad_likes", "bad_timestamp")}
