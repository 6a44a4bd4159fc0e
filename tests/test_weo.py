"""sources.weo: every layout of WEO files, what is refused and how."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from history.model import STATED
from pipeline.errors import SourceNonsense, UsageError
from sources import Request, available, open_source
from sources.weo import Source
from tests.weo_files import FIJI, FIJI_PPP, GDP, HEADER, KOREA, LINE, PLAIN, batches, read, request, saver, text_of


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return saver(tmp_path)


EXPECTED = [
    ("KOR", "Korea", "NGDPD", "2021", "1,818.43", "U.S. dollars", "Billions", "actual", "line 2, column 2021"),
    ("KOR", "Korea", "NGDPD", "2022", "1,673.92", "U.S. dollars", "Billions", "forecast", "line 2, column 2022"),
    ("KOR", "Korea", "NGDPD", "2023", "n/a", "U.S. dollars", "Billions", "forecast", "line 2, column 2023"),
    ("FJI", "Fiji", "NGDPD", "2021", "4.30", "U.S. dollars", "Billions", "actual", "line 3, column 2021"),
    ("FJI", "Fiji", "NGDPD", "2022", "--", "U.S. dollars", "Billions", "forecast", "line 3, column 2022"),
    ("FJI", "Fiji", "NGDPD", "2023", "", "U.S. dollars", "Billions", "forecast", "line 3, column 2023"),
]


# --- layouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("encode", "delimiter"), [
    pytest.param(lambda t: t.encode("utf-16-le"), "\t", id="utf-16-le without a mark"),
    pytest.param(lambda t: codecs.BOM_UTF16_LE + t.encode("utf-16-le"), "\t", id="utf-16-le with a mark"),
    pytest.param(lambda t: t.encode("utf-16-be"), "\t", id="utf-16-be without a mark"),
    pytest.param(lambda t: codecs.BOM_UTF16_BE + t.encode("utf-16-be"), "\t", id="utf-16-be with a mark"),
    pytest.param(lambda t: t.encode(), "\t", id="utf-8"),
    pytest.param(lambda t: t.encode("utf-8-sig"), "\t", id="utf-8 with a mark"),
    pytest.param(lambda t: t.encode("latin-1"), "\t", id="latin-1"),
    pytest.param(lambda t: t.replace("\r\n", "\n").encode(), "\t", id="line feeds"),
    pytest.param(lambda t: t.encode(), ",", id="commas"),
    pytest.param(lambda t: t.encode(), ";", id="semicolons"),
])
def test_every_encoding_and_separator_gives_the_same_rows(saved: Callable[..., Path], encode: Callable[[str], bytes],
                                                          delimiter: str) -> None:
    batch, rows = read(saved(encode(text_of(PLAIN, delimiter=delimiter))))
    assert [tuple(row) for row in rows] == EXPECTED
    assert (batch.vintage.label, batch.vintage.dating, batch.vintage.published) == ("2022-10", STATED, "2022-10-11")
    assert [(s.indicator, s.years, s.complete) for s in batch.scopes] == [("NGDPD", (2021, 2022, 2023), False)]
    assert dict(batch.set_aside) == {"not asked for": 3}
    assert (batch.decimal_mark, dict(batch.decimals), batch.quarantined, batch.warnings) == (".", {}, [], [])


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "utf-16-le"])
def test_names_with_accents(saved: Callable[..., Path], encoding: str) -> None:
    row = ["CIV", "NGDPD", "Côte d’Ivoire" if encoding != "latin-1" else "Côte d'Ivoire", *KOREA[3:]]
    _, rows = read(saved(text_of([HEADER, row]), encoding=encoding))
    assert rows[0].name == row[2]


def test_columns_in_any_order_under_a_title(saved: Callable[..., Path]) -> None:
    order = [9, 6, 8, 7, 5, 3, 4, 2]  # neither ISO nor the subject's code
    content = [["World Economic Outlook"], [""], *[[row[i] for i in order] for row in PLAIN]]
    _, rows = read(saved(text_of(content)))
    assert [(r.code, r.name, r.year, r.raw, r.status) for r in rows[:3]] == [
        ("", "Korea", "2021", "1,818.43", "actual"),
        ("", "Korea", "2023", "n/a", "forecast"),
        ("", "Korea", "2022", "1,673.92", "forecast")]
    assert len(rows) == 6  # PPP is told apart by Units
    assert rows[0].locator == "line 4, column 2021"


def test_stripped_to_codes_and_years_reads_the_usual_units(saved: Callable[..., Path]) -> None:
    content = [[row[i] for i in (0, 1, 6, 7)] for row in PLAIN]
    batch, rows = read(saved(text_of(content)))
    assert rows[0] == ("KOR", "", "NGDPD", "2021", "1,818.43", "U.S. dollars", "Billions", "", "line 2, column 2021")
    assert len(batch.warnings) == 1 and "no column Units or Scale" in batch.warnings[0]


def test_numeric_country_code_stands_in_for_iso(saved: Callable[..., Path]) -> None:
    content = [["WEO Country Code", *HEADER[1:]], ["542", *KOREA[1:]]]
    assert read(saved(text_of(content)))[1][0].code == "542"


def test_subject_words_without_case_and_with_any_spaces(saved: Callable[..., Path]) -> None:
    row = ["Korea", " gross  domestic PRODUCT, current prices ", "u.s. Dollars", "2.5"]
    assert read(saved(text_of([["Country", "Subject Descriptor", "Units", "2021"], row])))[1][0].indicator == "NGDPD"


def test_subjects_beyond_the_five_by_their_code(saved: Callable[..., Path]) -> None:
    _, rows = read(saved(text_of(PLAIN)), indicators=("PPPGDP",))
    assert [(r.indicator, r.raw) for r in rows] == [("PPPGDP", "10.1"), ("PPPGDP", "12.2"), ("PPPGDP", "13.3")]


def test_a_row_without_units_beside_rows_with_is_quarantined_never_guessed(saved: Callable[..., Path]) -> None:
    header = ["Country", "Subject Descriptor", "Units", "2021", "2022"]
    content = [header, ["Korea", GDP, "U.S. dollars", "1.5", "2.5"], ["Fiji", GDP, "", "3.5", "4.5"]]
    batch, rows = read(saved(text_of(content)))
    assert [r.name for r in rows] == ["Korea", "Korea"]
    assert [(q.rule, q.locator, q.raw) for q in batch.quarantined] == [
        ("ambiguous subject", "line 3, column 2021", "3.5"), ("ambiguous subject", "line 3, column 2022", "4.5")]


def test_ragged_and_lame_rows_are_quarantined_with_their_line(saved: Callable[..., Path]) -> None:
    text = text_of([HEADER, KOREA, [*FIJI, "", "stray"], ["", "NGDPD", "", "", "", "", "5.5", "", "", ""]])
    batch, rows = read(saved(text))
    assert len(rows) == 3
    assert [(q.rule, q.locator) for q in batch.quarantined] == [("unreadable row", "line 3"),
                                                                ("unreadable row", "line 4")]


def test_footnotes_are_no_rows(saved: Callable[..., Path]) -> None:
    note = '"Note: Non-zero values, which round to zero, are indicated by ""--"", and n/a"'
    batch, rows = read(saved(text_of([HEADER, KOREA], delimiter=",", last=f"{LINE}\r\n{note}\r\nNote: a, b, c, d")))
    assert (len(rows), batch.quarantined) == (3, [])


def test_several_files_are_a_batch_each(saved: Callable[..., Path]) -> None:
    found = batches(saved(text_of([HEADER, KOREA]), "a.xls"), saved(text_of([HEADER, FIJI]), "b.xls"))
    assert [[r.code for r in b.rows] for b in found] == [["KOR"] * 3, ["FJI"] * 3]


def test_a_whole_database_is_a_complete_scope_and_one_row_less_is_not(saved: Callable[..., Path]) -> None:
    codes = [f"{a}{b}X" for a in "ABCDEFGHIJKLMN" for b in "ABCDEFGHIJKLMN"][:180]
    rows = [[code, subject, code, "words", "U.S. dollars", "Billions", "1.5", "2.5", "3.5", "2021"]
            for code in codes for subject in ("NGDPD", "A", "B", "C", "D")]
    assert batches(saved(text_of([HEADER, *rows])))[0].scopes[0].complete is True
    assert batches(saved(text_of([HEADER, *rows[:-1]])))[0].scopes[0].complete is False


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("content", "error", "words"), [
    (b"", SourceNonsense, "is empty"),
    (b"\xff\xfe\r\0\n\0", SourceNonsense, "is empty"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), UsageError, "workbook of the old binary form"),
    (b"PK\x03\x04" + bytes(100), SourceNonsense, "is a damaged workbook, or none"),
    (b"\n <!DOCTYPE html><html>Access denied</html>", SourceNonsense, "is a web page"),
    ("<html></html>".encode("utf-16"), SourceNonsense, "is a web page"),
    (b"some words\nand more\n", SourceNonsense, "has no header row"),
    (b"\x00\x01\x02\x03" * 50, SourceNonsense, "has no header row"),
    (text_of([HEADER]).encode(), SourceNonsense, "is a report without rows"),
    (text_of([["Country", "Subject Notes", "Units", "2020"]]).encode(), SourceNonsense, "is a report without rows"),
    (text_of([HEADER, FIJI_PPP]).encode(), SourceNonsense, r"has no GDP in US dollars \(NGDPD\)"),
    (text_of([HEADER, [*KOREA[:6], "n/a", "--", "", "2020"]]).encode(), SourceNonsense, "has no GDP in US dollars"),
    (text_of([["WEO Country Group Code", "WEO Subject Code", "Country Group Name", "2021"],
              ["1", "NGDPD", "World", "9.5"]]).encode(), SourceNonsense, "holds country groups, not countries"),
    (text_of([["Country", "Subject Descriptor", "2021"], ["Korea", GDP, "1.5"]]).encode(), SourceNonsense,
     "purchasing power parity cannot be told apart"),
    (text_of([["Country", "Scale", "Units", "2021"], ["Korea", "x", "U.S. dollars", "1.5"]]).encode(), SourceNonsense,
     "no column that says which subject"),
    (text_of([[*HEADER, "2021"], [*KOREA, "1"]]).encode(), SourceNonsense, "names a year twice"),
    (text_of(PLAIN).replace("Korea", '"Korea', 1).encode(), SourceNonsense, "opens a quote in line 2 that swallows"),
], ids=["empty", "blank utf-16", "old xls", "broken zip", "html", "html in utf-16", "no header", "binary",
        "header only", "the IMF's empty report", "PPP only", "GDP without a figure", "groups only",
        "words without units", "no subject", "a year twice", "an open quote"])
def test_what_is_no_weo_file_is_refused(saved: Callable[..., Path], content: bytes,
                                        error: type[SourceNonsense | UsageError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        for batch in batches(saved(content)):
            list(batch.rows)
    assert "report.xls" in caught.value.what
    assert caught.value.safe and caught.value.next_command


def test_none_of_the_subjects_asked_for(saved: Callable[..., Path]) -> None:
    with pytest.raises(SourceNonsense, match="has no figure of LP"):
        batches(saved(text_of(PLAIN)), indicators=("LP",))


def test_missing_files_and_folders_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        batches(tmp_path / "absent.xls")
    with pytest.raises(UsageError, match="is a folder; --input takes files"):
        batches(tmp_path)
    with pytest.raises(UsageError, match="--input names none"):
        batches()


def test_fetch_names_files_without_their_folder(saved: Callable[..., Path]) -> None:
    path = saved(text_of(PLAIN))
    (document,) = Source().fetch(request(path, indicators=("NGDPD", "LP"), vintage="2022-10"), None)  # type: ignore[arg-type]
    assert (document.kind, document.url, document.path) == ("data", "report.xls", path)
    assert dict(document.parameters) == {"vintage": "2022-10", "indicators": "NGDPD,LP", "name": "report.xls"}


def test_a_url_is_asked_over_http() -> None:
    asked = {}

    class Http:
        def get(self, url: str, **more: Any) -> str:
            asked.update(url=url, **more)
            return "answer"

    made = Request("weo", url="https://example.org/a/WEOOct2023all.xlsx?x=1", indicators=("NGDPD",))
    assert list(Source().fetch(made, Http())) == ["answer"]  # type: ignore[arg-type, comparison-overlap]
    assert (asked["kind"], asked["parameters"]["name"]) == ("data", "WEOOct2023all.xlsx")


def test_it_is_found_by_its_name() -> None:
    assert available()["weo"].startswith("IMF World Economic Outlook files")
    assert open_source("weo").needs_input
