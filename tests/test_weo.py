"""sources.weo: every layout of WEO files, what is refused and how, and real files against other readings."""

from __future__ import annotations

import builtins
import codecs
import csv
import io
import re
import time
import zipfile
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from history.model import GIVEN, STATED
from pipeline.errors import SourceNonsense, UsageError
from rules.indicators import DEFAULT
from rules.records import StagedRecord
from sources import Request, VintageBatch, _sheet, available, open_source
from sources._marks import Marks, Undecidable
from sources.weo import Source

GDP, GROWTH = "Gross domestic product, current prices", "Gross domestic product, constant prices"
LINE = "International Monetary Fund, World Economic Outlook Database, October 2022"
HEADER = ["ISO", "WEO Subject Code", "Country", "Subject Descriptor", "Units", "Scale", "2021", "2022", "2023",
          "Estimates Start After"]
KOREA = ["KOR", "NGDPD", "Korea", GDP, "U.S. dollars", "Billions", "1,818.43", "1,673.92", "n/a", "2021"]
FIJI = ["FJI", "NGDPD", "Fiji", GDP, "U.S. dollars", "Billions", "4.30", "--", "", "FY2020/21"]
FIJI_PPP = ["FJI", "PPPGDP", "Fiji", GDP, "Purchasing power parity; international dollars", "Billions", "10.1", "12.2",
            "13.3", "2020"]


def text_of(rows: list[list[str]], *, delimiter: str = "\t", last: str = LINE, tail: str = "") -> str:
    """A WEO file as the IMF writes it: CRLF, quotes where needed, an empty last column, the edition below."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    for row in rows:
        writer.writerow([*row, tail])
    return f"{out.getvalue()}\r\n{last}"


PLAIN = [HEADER, KOREA, FIJI, FIJI_PPP]


def request(*paths: Path, indicators: tuple[str, ...] = ("NGDPD",), vintage: str = "") -> Request:
    return Request("weo", paths, indicators=indicators, vintage=vintage)


def batches(*paths: Path, indicators: tuple[str, ...] = ("NGDPD",), vintage: str = "") -> list[VintageBatch]:
    source = Source()
    documents = list(source.fetch(request(*paths, indicators=indicators, vintage=vintage), None))  # type: ignore[arg-type]
    return list(source.parse(documents))


def read(path: Path, **options: Any) -> tuple[VintageBatch, list[StagedRecord]]:
    (batch,) = batches(path, **options)
    rows = list(batch.rows)
    assert batch.rows_read == len(rows) + sum(batch.set_aside.values()) + len(batch.quarantined)
    return batch, rows


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(content: str | bytes, name: str = "report.xls", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path
    return save


def workbook(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    del book[book.sheetnames[0]]
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


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


# --- the edition ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [
    f'"{LINE}"', f"{LINE}\t\t\t\r\n", f"{LINE}\r\n\r\nNote: n/a is no value", LINE.lower(),
    f"\r\n\t\t\t\r\n{LINE}\r\n" + "Note: x\r\n" * 9, "Source: World Economic Outlook (October 2022)",
    "IMF, World Economic Outlook, October 2022.",
], ids=["quoted", "with empties", "with a note below", "lower case", "tenth from the end", "source", "publication"])
def test_the_edition_is_found_near_the_end(saved: Callable[..., Path], last: str) -> None:
    batch, rows = read(saved(text_of(PLAIN, last=last)))
    assert (batch.vintage.label, len(rows)) == ("2022-10", 6)


@pytest.mark.parametrize("last", [
    "\u00a9IMF, 2022", "Note: as in the World Economic Outlook (October 2021).", "Source: IMF"])
def test_a_line_that_only_speaks_of_an_edition_does_not_name_it(saved: Callable[..., Path], last: str) -> None:
    with pytest.raises(UsageError, match="does not name its edition"):
        batches(saved(text_of(PLAIN, last=last)))


def test_without_the_line_the_edition_must_be_given(saved: Callable[..., Path]) -> None:
    path = saved(text_of(PLAIN, last=""))
    with pytest.raises(UsageError) as caught:
        batches(path)
    assert caught.value.next_command == "python extract.py --source weo --input report.xls --vintage YYYY-MM"
    (batch,) = batches(path, vintage="2019-04")
    assert (batch.vintage.label, batch.vintage.dating) == ("2019-04", GIVEN)


def test_a_given_edition_that_contradicts_the_line_is_refused(saved: Callable[..., Path]) -> None:
    path = saved(text_of(PLAIN))
    with pytest.raises(UsageError, match="contradicts the file's own last line, which names 2022-10"):
        batches(path, vintage="2023-04")
    assert batches(path, vintage="2022-10")[0].vintage.dating == STATED
    with pytest.raises(UsageError, match="A vintage is a year and a month"):
        batches(path, vintage="last October")


def test_two_editions_in_the_last_lines_are_refused(saved: Callable[..., Path]) -> None:
    with pytest.raises(SourceNonsense, match="more than one edition in its last lines: 2022-10, 2023-04"):
        batches(saved(text_of(PLAIN, last=f"{LINE}\r\n{LINE.replace('October 2022', 'April 2023')}")))


@pytest.mark.parametrize(("name", "warned"), [
    ("WEOOct2023all.xls", True), ("WEOOct2022all.xls", False), ("WEO_Data_2021-04.xls", True), ("mine.xls", False)])
def test_a_name_that_contradicts_the_line_is_only_a_warning(saved: Callable[..., Path], name: str,
                                                            warned: bool) -> None:
    batch, _ = read(saved(text_of(PLAIN), name))
    assert batch.vintage.label == "2022-10"
    assert bool(batch.warnings) is warned


# --- the decimal mark -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cells", "mark"), [
    (["1101,445", "-14,542", "n/a"], ","), (["-6,24"], ","), (["0,348", "1,234"], ","), (["1.101,445", "2.711"], ","),
    (["1 234,5", "2,711"], ","), (["11,245.34", "1,234"], "."), (["20.235"], "."), (["0.348", "1,234"], "."),
    (["1,101,445", "1,234"], "."), (["12", "--", ""], "."), (["1115,494,312", "2.5"], "."), (["−0.5", "1,234"], "."),
])
def test_the_decimal_mark_is_recognised(cells: list[str], mark: str) -> None:
    marks = Marks()
    for cell in cells:
        marks.see(cell)
    assert marks.decide() == mark


@pytest.mark.parametrize("cells", [["1,234"], ["1,234", "1.234"], ["0,348", "0.348"], ["0,348", "1.234"],
                                   ["1.234,5", "1,234.5"]])
def test_an_undecidable_mark_is_never_guessed(cells: list[str]) -> None:
    marks = Marks()
    for cell in cells:
        marks.see(cell)
    with pytest.raises(Undecidable):
        marks.decide()


def with_cells(*cells: str) -> list[list[str]]:
    header = ["ISO", "WEO Subject Code", *(str(2000 + i) for i in range(len(cells)))]
    return [header, ["KOR", "NGDPD", *cells]]


def test_a_decimal_comma_is_told_and_the_cells_stay_untouched(saved: Callable[..., Path]) -> None:
    batch, rows = read(saved(text_of(with_cells("1101,445", "-6,24", "1,234"))))
    assert batch.decimal_mark == ","
    assert [r.raw for r in rows] == ["1101,445", "-6,24", "1,234"]


def test_subjects_not_asked_for_tell_the_mark_too(saved: Callable[..., Path]) -> None:
    content = [*with_cells("1,234"), ["KOR", "LUR", "3,5"]]
    assert batches(saved(text_of(content)))[0].decimal_mark == ","
    with pytest.raises(SourceNonsense, match="'1,234' may have a decimal comma or a thousands comma"):
        batches(saved(text_of(with_cells("1,234"))))
    with pytest.raises(SourceNonsense, match=r"'3,5' has a decimal comma and '2\.5' a decimal point"):
        batches(saved(text_of([*with_cells("2.5"), ["KOR", "LUR", "3,5"]])))


# --- workbooks --------------------------------------------------------------------------------------------------------


def test_workbook_numbers_are_shortest_positional_text(tmp_path: Path) -> None:
    rows = [[*HEADER[:6], 2021, 2022, 2023, HEADER[9]],
            [*KOREA[:6], 293600, 1.1, 0.00001, 2022], [*FIJI[:6], 1784.81, "1,947.133", "n/a", 2021.0],
            [None], [LINE]]
    batch, found = read(workbook(tmp_path / "WEO.xlsx", {"Countries": rows}))
    assert [r.raw for r in found] == ["293600", "1.1", "0.00001", "1784.81", "1,947.133", "n/a"]
    assert [r.status for r in found] == ["actual", "actual", "forecast", "actual", "forecast", "forecast"]
    assert found[0].locator == "Countries!R2, column 2021"
    assert dict(batch.decimals) == {"NGDPD": 2}  # what is stated of 1784.81; small numbers show five, but not all


def test_workbook_with_groups_on_a_sheet_of_their_own(tmp_path: Path) -> None:
    groups = [["WEO Country Group Code", "WEO Subject Code", "Country Group Name", 2021],
              [1, "NGDPD", "World", 96000.5]]
    path = workbook(tmp_path / "WEO.xlsx", {"Countries": [*with_cells("1.5"), [LINE]], "Groups": groups})
    batch, found = read(path)
    assert ([r.code for r in found], dict(batch.set_aside)) == (["KOR"], {"aggregate": 1})


def test_workbook_without_openpyxl_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "WEO.xlsx", {"S": PLAIN})
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError) as caught:
        batches(path)
    assert caught.value.next_command == "pip install -c constraints.txt '.[excel]'"


def repacked(path: Path, member: str, content: bytes) -> Path:
    """The workbook with one of its parts replaced."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in {**parts, member: content}.items():
            new.writestr(name, data)
    return path


def test_hostile_workbooks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh() -> Path:
        return workbook(tmp_path / "WEO.xlsx", {"S": [*PLAIN, [LINE]]})

    bomb = b'<!DOCTYPE sst [<!ENTITY a "aaaaaaaaaa">]><sst>&a;</sst>'
    with pytest.raises(SourceNonsense, match="defines its own entities"):
        batches(repacked(fresh(), "xl/sharedStrings.xml", bomb))
    with pytest.raises(SourceNonsense, match="is a damaged workbook, or none"):
        batches(repacked(fresh(), "xl/workbook.xml", b"<not closed"))
    cut = fresh()
    cut.write_bytes(cut.read_bytes()[:-300])
    with pytest.raises(SourceNonsense, match="is a damaged workbook, or none"):
        batches(cut)
    monkeypatch.setattr(_sheet, "MOST_BYTES", 1 << 20)
    with pytest.raises(SourceNonsense, match="would unpack to"):
        batches(repacked(fresh(), "xl/media/zeros.bin", bytes(1 << 21)))
    monkeypatch.setattr(_sheet, "MOST_CELLS", 20)
    with pytest.raises(SourceNonsense, match="more than 20 cells"):
        batches(fresh())


@pytest.mark.parametrize("stated", [b"A1:XFD1048576", b"A1:B2"], ids=["the largest", "two by two"])
def test_the_stated_size_of_a_sheet_is_not_believed(tmp_path: Path, stated: bytes) -> None:
    path = workbook(tmp_path / "WEO.xlsx", {"S": [*PLAIN, [LINE]]})
    with zipfile.ZipFile(path) as book:
        xml = book.read("xl/worksheets/sheet1.xml")
    trap = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="' + stated + b'"', xml)
    assert trap != xml
    assert len(read(repacked(path, "xl/worksheets/sheet1.xml", trap))[1]) == 6


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


# --- the real files, against a reading by plain split -----------------------------------------------------------------


def by_split(path: Path, encoding: str, subject: Callable[[dict[str, str]], bool]) -> dict[tuple[str, str], str]:
    """(country, year) -> cell of the rows that `subject` accepts: no csv module, no code of ours."""
    lines = path.read_bytes().decode(encoding).lstrip("\ufeff").replace("\r", "").split("\n")
    header = lines[0].split("\t")
    found = {}
    for line in lines[1:]:
        cells = [cell.strip('"') for cell in line.split("\t")]
        row = dict(zip(header, cells, strict=False))
        if len(cells) >= len(header) - 1 and subject(row):
            found |= {(row["Country"], year): row[year] for year in header if re.fullmatch("[12][0-9]{3}", year)}
    return found


def usd_gdp(row: dict[str, str]) -> bool:
    return row["Subject Descriptor"] == GDP and row["Units"] == "U.S. dollars"


def growth(row: dict[str, str]) -> bool:
    return row["Subject Descriptor"] == GROWTH and row["Units"] == "Percent change"


@pytest.mark.parametrize(("name", "encoding", "indicator", "accepts", "economies", "mark"), [
    ("WEO_Data_2022-10_utf16le.xls", "utf-16-le", "NGDPD", usd_gdp, 196, "."),
    ("WEO_Data_2019-10_latin1.xls", "latin-1", "NGDPD", usd_gdp, 194, "."),
    ("WEO_Data_2021-10_usd_and_ppp.xls", "utf-16-le", "NGDPD", usd_gdp, 196, "."),
    ("WEO_Data_2021-10_utf16_bom_no_gdp.xls", "utf-16", "NGDP_RPCH", growth, 195, "."),
    ("WEO_Data_2024-10_decimal_comma.xls", "latin-1", "NGDP_RPCH", growth, 194, ","),
    ("WEOApr2020all_no_gdp_latin1.xls", "latin-1", "NGDP_RPCH", growth, 194, "."),
])
def test_real_text_files_cell_by_cell(captures: Path, name: str, encoding: str, indicator: str,
                                      accepts: Callable[[dict[str, str]], bool], economies: int, mark: str) -> None:
    path = captures / "weo" / name
    batch, rows = read(path, indicators=(indicator,))
    expected = by_split(path, encoding, accepts)
    assert {(r.name, r.year): r.raw for r in rows} == expected
    assert (len(rows), len({r.name for r in rows})) == (len(expected), economies)
    assert (batch.decimal_mark, batch.quarantined, batch.warnings) == (mark, [], [])


def test_real_growth_only_database_is_complete_and_has_no_gdp(captures: Path) -> None:
    path = captures / "weo" / "WEOApr2020all_no_gdp_latin1.xls"
    batch, rows = read(path, indicators=("NGDP_RPCH",))
    assert (batch.vintage.label, batch.scopes[0].complete, len(batch.scopes[0].years)) == ("2020-04", True, 42)
    assert batch.rows_read == 1552 * 42
    found = {(r.code, r.year): r.status for r in rows}
    assert (found["AFG", "2018"], found["AFG", "2019"]) == ("actual", "forecast")
    with pytest.raises(SourceNonsense, match=r"has no GDP in US dollars \(NGDPD\)"):
        batches(path, indicators=DEFAULT)


@pytest.mark.parametrize(("name", "words"), [
    ("WEO_Data_2024-04_empty.xls", "a report without rows"),
    ("WEOOct2021alla_groups_utf16le.xls", "country groups, not countries"),
    ("WEO_Data_2024-10_decimal_comma.xls", "has no GDP in US dollars"),
])
def test_real_files_without_figures_are_refused(captures: Path, name: str, words: str) -> None:
    with pytest.raises(SourceNonsense, match=words):
        batches(captures / "weo" / name, indicators=DEFAULT)


def by_regex(path: Path) -> dict[tuple[str, str, str], str]:
    """(ISO, subject, year) -> the stored text of each cell, by regular expressions over the workbook's XML."""
    with zipfile.ZipFile(path) as book:
        strings = [unescape("".join(re.findall(r"<t[^>]*>([^<]*)</t>", each)))
                   for each in re.findall(r"<si>(.*?)</si>", book.read("xl/sharedStrings.xml").decode(), re.DOTALL)]
        xml = book.read("xl/worksheets/sheet1.xml").decode()
    found, years = {}, {}
    for number, content in re.findall(r'<row r="(\d+)"[^>]*>(.*?)</row>', xml, re.DOTALL):
        cells = {}
        for column, attributes, value in re.findall(r'<c r="([A-Z]+)\d+"([^>]*)><v>([^<]*)</v>', content):
            cells[column] = strings[int(value)] if 't="s"' in attributes else value
        if number == "1":
            years = {column: text for column, text in cells.items() if re.fullmatch("[12][0-9]{3}", text)}
        elif cells.get("C") in ("NGDPD", "LP"):
            found |= {(cells["B"], cells["C"], year): cells.get(column, "") for column, year in years.items()}
    return found


def test_real_workbook_cell_by_cell(captures: Path) -> None:
    path = captures / "weo" / "WEOOct2023all.xlsx"
    started = time.monotonic()
    batch, rows = read(path, indicators=DEFAULT)
    assert time.monotonic() - started < 12
    assert (batch.vintage.label, len(rows), batch.rows_read) == ("2023-10", 196 * 5 * 49, 8624 * 49)
    assert all(scope.complete for scope in batch.scopes) and len(batch.scopes) == 5
    ours = {(r.code, r.indicator, r.year): r.raw for r in rows if r.indicator in ("NGDPD", "LP")}
    theirs = by_regex(path)
    assert ours.keys() == theirs.keys()
    for key, raw in ours.items():  # Excel stores 65.367999999999995 where 65.368 was typed: the same double
        stored = theirs[key]
        assert raw == stored or float(raw) == float(stored), key
    assert "e" not in "".join(ours.values()).lower().replace("n/a", "")
    assert batch.decimals["NGDPD"] == 2  # 1784.81: values of 1,000 and more were rounded


def test_real_damaged_workbook_is_passed_on_as_it_is(captures: Path) -> None:
    batch, rows = read(captures / "weo" / "WEOOct2024all_damaged_decimal_point.xlsx", indicators=("NGDPD",))
    found = {(r.code, r.year): r.raw for r in rows}
    assert (found["KOR", "1990"], found["KOR", "2029"], batch.decimal_mark) == ("293600", "2,278.685", ".")
    assert (batch.vintage.label, len(rows)) == ("2024-10", 196 * 50)


def test_a_whole_database_of_text_takes_less_than_a_second(saved: Callable[..., Path]) -> None:
    years = [str(1980 + i) for i in range(50)]
    rows = [[str(e), f"E{e:03}", f"S{s}" if s else "NGDPD", f"Economy {e}", "words, with a comma", "U.S. dollars",
             "Billions", "See notes", *(f"{e + s + i}.{i:03}" if i % 3 else f"1{e:03}.50" for i in range(50)), "2021"]
            for e in range(196) for s in range(44)]
    header = ["WEO Country Code", "ISO", "WEO Subject Code", "Country", "Subject Descriptor", "Units", "Scale", "Notes",
              *years, "Estimates Start After"]
    path = saved(text_of([header, *rows]), encoding="utf-16-le")
    best = 99.0
    for _ in range(3):
        started = time.process_time()
        batch, found = read(path, indicators=DEFAULT[:1])
        best = min(best, time.process_time() - started)
    assert (len(found), batch.scopes[0].complete) == (196 * 50, True)
    assert best < 1.0
