"""sources.weo: the decimal mark, and numbers in workbooks."""

from __future__ import annotations

import builtins
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SourceNonsense, UsageError
from sources import _sheet
from sources._marks import Marks, Undecidable
from tests.weo_files import FIJI, HEADER, KOREA, LINE, PLAIN, batches, read, saver, text_of, with_cells, workbook


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return saver(tmp_path)


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
    assert caught.value.next_command == "python -m pip install -c constraints.txt '.[excel]'"


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
