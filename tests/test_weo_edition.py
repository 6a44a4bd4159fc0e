"""sources.weo: which edition a file is of, and what contradicts it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from history.model import GIVEN, STATED, Vintage
from pipeline.errors import SourceNonsense, UsageError
from sources._file_edition import edition_in_name
from tests.weo_files import HEADER, KOREA, LINE, PLAIN, batches, read, saver, text_of


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return saver(tmp_path)


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


# --- a later printing -------------------------------------------------------------------------------------------------


def test_a_later_printing_is_named_beside_the_edition_that_the_file_states(saved: Callable[..., Path]) -> None:
    (batch,) = batches(saved(text_of(PLAIN)), vintage="2022-10+2022-11-30")
    assert batch.vintage == Vintage("imf-weo", "2022-10", "2022-10-11", "2022-11-30", GIVEN)
    assert batch.vintage.slug == "2022-10+2022-11-30"
    assert {scope.vintage for scope in batch.scopes} == {batch.vintage}
    (bare,) = batches(saved(text_of(PLAIN, last="")), vintage="2022-10+2022-11-30")
    assert bare.vintage == batch.vintage
    with pytest.raises(UsageError, match=r"--vintage 2023-04\+2023-05-01 contradicts the file's own last line"):
        batches(saved(text_of(PLAIN)), vintage="2023-04+2023-05-01")
    with pytest.raises(UsageError, match="2022-09-30, before the edition's own month"):
        batches(saved(text_of(PLAIN)), vintage="2022-10+2022-09-30")


# --- the name of the file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "edition"), [
    ("WEOOct2023all.xlsx", "2023-10"), ("WEOApr2020all_no_gdp_latin1.xls", "2020-04"), ("WEOSep2011all.xls", "2011-09"),
    ("weoapr2008.xls", "2008-04"), ("WEOOct2023all (1).xlsx", "2023-10"), ("WEO-October-2023.xlsx", "2023-10"),
    ("WEO Sept 2006.xls", "2006-09"), ("WEO_Database_April_2022.csv", "2022-04"), ("my WEOOct2024all.xlsx", "2024-10"),
    ("WEO_Data_2022-10_utf16le.xls", "2022-10"), ("WEO_2021-04.xls", "2021-04"), ("2022-10_WEO_Data.xls", "2022-10"),
    ("WEOOct2023all_saved_2024-11-02.xlsx", "2023-10"), ("WEO_Data_2022-10 2022-10.xls", "2022-10"),
])
def test_names_that_clearly_speak_of_an_edition(name: str, edition: str) -> None:
    assert edition_in_name(name) == edition


@pytest.mark.parametrize("name", [
    "WEO_Data.xls", "WEO_Data 2024-11-02.xls", "WEO_2024-10-22.xlsx", "WEO_Data_2024-11.xls", "data_2510.csv",
    "WEO_2510.csv", "WEO20241022.xls", "dataset_2025-12-01T10_20_30_IMF.RES_WEO_9.0.0.csv", "WEO_1980-2029.xls",
    "WEO_downloaded_Oct2024.xls", "WEO_of_someone_2024-10.xls", "WEO_2_Oct_2024.xls", "gdp_2023-10.xls",
    "WEOOct2023all_WEO_2024-04.xlsx", "WEO_2023-10_2.xls", "Oct2023.xls", "", "WEO9.0.0_12023-10.xls",
])
def test_other_dates_in_a_name_are_no_edition(name: str) -> None:
    assert edition_in_name(name) == ""


@pytest.mark.parametrize("name", ["WEOOct2023all.xls", "WEO_Data_2021-04.xls"])
def test_a_name_that_contradicts_the_line_is_refused_until_the_line_is_confirmed(saved: Callable[..., Path],
                                                                                 name: str) -> None:
    path = saved(text_of(PLAIN), name)
    with pytest.raises(UsageError, match=rf"{name} speaks of 20.*, but its last line names 2022-10") as caught:
        batches(path)
    assert caught.value.next_command == (f"python extract.py --source weo --input {name} --vintage 2022-10   "
                                         "# confirms what the file states; or rename the file")
    batch, _ = read(path, vintage="2022-10")
    assert batch.vintage.label == "2022-10"
    assert len(batch.warnings) == 1 and "its last line names 2022-10, which counts" in batch.warnings[0]


@pytest.mark.parametrize("name", ["WEOOct2022all.xls", "WEO_Data_2024-11-02.xls", "mine_2023-10.xls"])
def test_a_name_that_fits_or_says_nothing_is_no_matter(saved: Callable[..., Path], name: str) -> None:
    assert read(saved(text_of(PLAIN), name))[0].warnings == []


def test_a_given_edition_that_contradicts_the_name_is_refused(saved: Callable[..., Path]) -> None:
    path = saved(text_of(PLAIN, last=""), "WEOOct2023all (1).xls")
    with pytest.raises(UsageError, match=r"--vintage 2023-04 contradicts the name of the file") as caught:
        batches(path, vintage="2023-04")
    assert caught.value.next_command == ("python extract.py --source weo --input 'WEOOct2023all (1).xls' "
                                         "--vintage 2023-10   # or rename the file, where its name is wrong")
    (batch,) = batches(path, vintage="2023-10+2023-12-01")
    assert (batch.vintage.label, batch.vintage.updated, batch.warnings) == ("2023-10", "2023-12-01", [])


# --- the figures ------------------------------------------------------------------------------------------------------


def actual_until(*last: str) -> list[list[str]]:
    return [HEADER, *([f"E{at}X", *KOREA[1:9], each] for at, each in enumerate(last))]


@pytest.mark.parametrize(("last", "late"), [
    (["2021"] * 6, 0), (["2020"] * 6, 0), (["2022"] * 5, 0), (["2022"] * 6, 6), (["FY2021/22"] * 6, 6),
    (["2024"] + ["2022"] * 5, 6), (["0"] * 6, 0), ([""] * 6, 0),
], ids=["its own year", "before it", "a handful", "six", "fiscal years", "two years", "zeros", "blanks"])
def test_an_edition_from_before_years_that_the_file_calls_actual_is_refused(saved: Callable[..., Path],
                                                                            last: list[str], late: int) -> None:
    given, stated = saved(text_of(actual_until(*last), last="")), LINE.replace("October 2022", "April 2021")
    named = saved(text_of(actual_until(*last), last=stated), "b.xls")
    if not late:
        found = [*batches(given, vintage="2021-10"), *batches(named)]
        assert [batch.vintage.label for batch in found] == ["2021-10", "2021-04"]
        return
    year = max(last)[:4] if "/" not in last[0] else "2022"
    with pytest.raises(UsageError, match=f"--vintage 2021-10 contradicts the figures of report.xls: {late} series that "
                                         f"are actual up to {year}"):
        batches(given, vintage="2021-10")
    with pytest.raises(SourceNonsense, match=f"is of 2021-04, and has {late} series that are actual up to {year}"):
        batches(named)


@pytest.mark.parametrize("start", ["0", "", "0.0", "n/a"])
def test_no_last_actual_year_tells_neither_actual_nor_forecast(saved: Callable[..., Path], start: str) -> None:
    _, rows = read(saved(text_of([HEADER, [*KOREA[:9], start]])))
    assert [row.status for row in rows] == ["", "", ""]
