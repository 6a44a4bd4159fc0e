"""sources.weo: the real files, against a reading by plain split."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from pipeline.errors import SourceNonsense
from rules.indicators import DEFAULT
from tests.weo_files import GDP, GROWTH, batches, read, saver, text_of


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return saver(tmp_path)


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
    started = time.process_time()
    batch, rows = read(path, indicators=DEFAULT)
    assert time.process_time() - started < 12
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


@pytest.mark.full  # tests/test_engine_captures.py reads it too
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
