"""large.cut: layouts, surveys of blocks, and pieces that begin and end with whole records."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from large.cut import BlockSurvey, Piece, Uncuttable, cut, layout_of, survey_block
from large.model import Layout
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from sources._columns import Columns

HEAD = b"country,year,gdp\n"


def document(data: bytes) -> RawDocument:
    return RawDocument("data", "f.csv", "2026-01-01T00:00:00Z", data=data)


def pieces(folder: Path, data: bytes, piece_bytes: int, block: int = 1 << 20) -> list[Piece] | Uncuttable:
    """Return the pieces of a file, surveyed in blocks of so many bytes."""
    path = folder / "f.csv"
    path.write_bytes(data)
    ranges = [(start, min(start + block, len(data))) for start in range(0, len(data), block)]
    blocks = [(start, end, survey_block(str(path), start, end)) for start, end in ranges]
    return cut(str(path), layout_of(document(data), "f.csv", {}), blocks, piece_bytes)


# --- layout -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "ends", "lines", "delimiter", "encoding"), [
    (HEAD + b"Fiji,2023,1\n", 17, 1, ",", "utf-8"),
    (b"\xef\xbb\xbfcountry;year;gdp\r\nFiji;2023;1\r\n", 21, 1, ";", "utf-8-sig"),
    (b'Data of,"2024"\n\n"country","year","gdp"\nFiji,2023,1\n', 39, 3, ",", "utf-8"),
    (b'"country","the\nyear",year,gdp\nFiji,,2023,1\n', 30, 2, ",", "utf-8"),
    (b"country\tyear\tgdp\rFiji\t2023\t1\r", 17, 1, "\t", "utf-8"),
    (b"note\rcountry,year,gdp\r\nC\xf4te,2023,1\r\n", 23, 2, ",", "cp1252"),
    (HEAD, 17, 1, ",", "utf-8"),
    ("country|year|gdp\nFiji|2023|1\n".encode("utf-16"), 36, 1, "|", "utf-16"),
    ("country|year|gdp\nFiji|2023|1\n".encode("utf-16-le"), 34, 1, "|", "utf-16-le"),
], ids=["plain", "mark and CRLF", "lines above", "newline in the header", "CR", "CR then CRLF", "header only", "utf-16",
        "utf-16 without a mark"])
def test_where_the_header_ends(data: bytes, ends: int, lines: int, delimiter: str, encoding: str) -> None:
    layout = layout_of(document(data), "f.csv", {})
    assert (layout.header_ends, layout.header_lines, layout.delimiter, layout.encoding) == (
        ends, lines, delimiter, encoding)
    packed = layout_of(document(gzip.compress(data)), "f.csv.gz", {})
    assert packed == layout


def test_names_may_be_blank_or_repeated_and_columns_named() -> None:
    layout = layout_of(document(b"land,x,x,,when,much\nFiji,1,2,3,2023,4\n"), "f.csv",
                       {"country": "land", "year": "when", "value": "much"})
    assert layout.names == ("land", "x", "x", "", "when", "much")
    assert layout.columns == Columns(name=0, year=4, value=5)
    assert Layout.of(json.loads(json.dumps(layout.told()))) == layout


@pytest.mark.parametrize(("name", "data", "error", "words"), [
    ("f.csv", b"", SourceNonsense, "is empty"),
    ("f.csv", b"land,year,gdp\n", UsageError, "no column is named like a country"),
    ("f.csv", b"<html></html>", SourceNonsense, "is a web page"),
    ("f.jsonl", b'{"country": "Fiji", "year": 1, "gdp": 2}\n', UsageError, "is no CSV or TSV"),
])
def test_what_has_no_layout(name: str, data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        layout_of(document(data), name, {})


# --- survey -----------------------------------------------------------------------------------------------------------


def test_a_block_is_counted_as_if_it_were_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b'a\r\nb\rc"\0\r\r\n"\n\xe9\r'
    path = tmp_path / "f"
    path.write_bytes(data)
    expected = BlockSurvey(hashlib.sha256(data).hexdigest(), newlines=3, quotes=2, zeros=1, returns=3, ascii=False)
    for step in (1, 2, 3, 100):
        monkeypatch.setattr("large.cut.STEP", step)
        assert survey_block(str(path), 0, len(data)) == expected
        parts = [survey_block(str(path), at, at + 1) for at in range(len(data))]
        assert [sum(part[field] for part in parts) for field in range(1, 5)] == [3, 2, 1, 3]  # type: ignore[misc]
        assert [part.ascii for part in parts].index(False) == data.index(b"\xe9")
    assert BlockSurvey(*json.loads(json.dumps(expected))) == expected


def test_a_file_that_became_shorter_is_said(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    with pytest.raises(SourceNonsense, match="became shorter while it was read: 3 bytes where there were 4"):
        survey_block(str(tmp_path / "f"), 1, 4)


# --- cuts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 3, 16, 1 << 20])
def test_cuts_are_at_ends_of_records_whatever_the_blocks(tmp_path: Path, block: int) -> None:
    data = HEAD + b'"Ko\nrea",1,2\nFiji,1,2\r\n"a ""b""\n\n",1,2\nTonga,1,2'
    assert pieces(tmp_path, data, 10, block) == [
        Piece(0, 17, 30, 2), Piece(1, 30, 40, 4), Piece(2, 40, 56, 5), Piece(3, 56, 65, 8)]
    assert pieces(tmp_path, data, 14, block) == [Piece(0, 17, 40, 2), Piece(1, 40, 56, 5), Piece(2, 56, 65, 8)]
    assert pieces(tmp_path, data, 1000, block) == [Piece(0, 17, 65, 2)]


def test_quotes_of_the_header_do_not_count(tmp_path: Path) -> None:
    data = b'say "so\ncountry,year,gdp\n"Fi\nji",1,2\nTonga,1,2\n'
    assert pieces(tmp_path, data, 5) == [Piece(0, 25, 37, 3), Piece(1, 37, 47, 5)]


def test_lines_that_a_carriage_return_ends_are_counted(tmp_path: Path) -> None:
    assert pieces(tmp_path, HEAD + b"Fiji,1,2\rTonga,1,2\nSamoa,1,2\n", 4, 5) == [
        Piece(0, 17, 36, 2), Piece(1, 36, 46, 4)]


def test_a_header_only_has_no_piece(tmp_path: Path) -> None:
    assert pieces(tmp_path, HEAD, 10) == []


@pytest.mark.parametrize(("data", "words"), [
    (HEAD + b'Fiji,"1,2\nTonga,1,2\n', "has a quote that is never closed"),
    (HEAD.replace(b"\n", b"\r") + b"Fiji,1,2\rTonga,1,2\r", "ends its lines with carriage returns"),
    ("country,year,gdp\nFiji,1,2\n".encode("utf-16"), "is UTF-16, in which a byte does not tell what it is part of"),
    (HEAD + b"x" * 5000 + b",1,2\n", "has a record of more than 4,000 bytes"),
    (HEAD + b'Fiji,1,2\n"' + b"x\n" * 2500 + b'",1,2\n', "has a record of more than 4,000 bytes"),
], ids=["open quote", "CR", "utf-16", "long line", "long cell"])
def test_what_cannot_be_cut_says_why(tmp_path: Path, data: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("large.cut.LONGEST_RECORD", 4000)
    assert pieces(tmp_path, data, 100) == Uncuttable(words)
