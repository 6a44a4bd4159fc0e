"""sources.weo: the workbooks and CSV files of the IMF's data portal, as they are since October 2025."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from history.calendar import WEO_PUBLISHED
from history.model import GIVEN, STATED
from pipeline.errors import SourceNonsense, UsageError
from sources import Request, VintageBatch
from sources._edition import vintage_of_dates
from sources.weo import Source
from tests.weo_files import workbook

DATES = ("2025-10-14T13:00:00Z", "2025-11-19T21:00:00Z")
GDP = "Gross domestic product (GDP), Current prices, US dollar"
HEAD = ["SCALE", "UNIT", "PUBLICATION_DATE", "UPDATE_DATE", "LATEST_ACTUAL_ANNUAL_DATA", "2023", "2024", "2025"]
IDS = ["DATASET", "SERIES_CODE", "COUNTRY.ID", "COUNTRY", "INDICATOR.ID", "INDICATOR", "FREQUENCY", *HEAD]
LABELS = ["DATASET", "SERIES_CODE", "OBS_MEASURE", "COUNTRY", "INDICATOR", "FREQUENCY", *HEAD]


def figures(scale: str = "Billions", unit: str = "US dollar", dates: Sequence[str] = DATES,
            last: str = "2024", values: Sequence[object] = (1.5, 2.25, 1234.567)) -> list[object]:
    return [scale, unit, *dates, last, *values]


def with_ids(*cells: object) -> list[object]:
    code, name, indicator, label, *rest = cells
    return ["IMF.RES:WEO(9.0.0)", f"{code}.{indicator}.A", code, name, indicator, label, "Annual", *rest]


def with_labels(*cells: object) -> list[object]:
    code, name, indicator, label, *rest = cells
    return ["IMF.RES:WEO(9.0.0)", f"{code}.{indicator}.A", "OBS_VALUE", name, label, "Annual", *rest]


ROWS = [("KOR", "Korea, Republic of", "NGDPD", GDP, *figures()),
        ("KOS", "Kosovo, Republic of", "NGDPD", GDP, *figures(last="FY2023/24")),
        ("G001", "World", "NGDPD", GDP, *figures(last="")),
        ("KOR", "Korea, Republic of", "LP", "Population", *figures("Millions", "", last="2023")),
        ("KOR", "Korea, Republic of", "NID_NGDP", "Gross capital formation", *figures("Units", "Percent"))]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(header: Sequence[object], rows: Sequence[Sequence[object]], name: str = "dataset_2025-12-01.csv") -> Path:
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([header, *rows])
        path = tmp_path / name
        path.write_text(out.getvalue(), encoding="utf-8-sig")
        return path
    return save


def read(path: Path, vintage: str = "") -> VintageBatch:
    request = Request("weo", (path,), indicators=("NGDPD", "LP"), vintage=vintage)
    (batch,) = Source().parse(list(Source().fetch(request, None)))  # type: ignore[arg-type]
    batch.rows = list(batch.rows)
    assert batch.rows_read == len(batch.rows) + batch.set_aside.total() + len(batch.quarantined)
    return batch


def whole_workbook(path: Path) -> Path:
    return workbook(path, {
        "October 2025 WEO": [["World Economic Outlook"], ["International Monetary Fund"]],
        "Countries": [IDS, *(with_ids(*row) for row in ROWS if row[0] != "G001")],
        "Country Groups": [IDS, with_ids(*ROWS[2])],
        "Commodity Prices": [["SERIES_CODE", "INDICATOR.ID", "2023"], ["G001.POILAPSP.A", "POILAPSP", 80.5]],
        "Country Group Composition": [["COUNTRY GROUP.ID", "COUNTRY.ID"], ["G110", "KOR"]]})


@pytest.mark.parametrize("form", ["workbook", "csv with codes", "csv with labels"])
def test_every_form_gives_the_same_figures(saved: Callable[..., Path], tmp_path: Path, form: str) -> None:
    if form == "workbook":
        batch = read(whole_workbook(tmp_path / "WEOOct2025all.xlsx"))
    elif form == "csv with codes":
        batch = read(saved(IDS, [with_ids(*row) for row in ROWS]))
    else:
        batch = read(saved(LABELS, [with_labels(*row) for row in ROWS]))
    found = {(row.code, row.indicator, row.year): (row.raw, row.unit, row.scale, row.status) for row in batch.rows}
    assert found[("KOR", "NGDPD", "2025")] == ("1234.567", "US dollar", "Billions", "forecast")
    assert found[("KOR", "NGDPD", "2024")] == ("2.25", "US dollar", "Billions", "actual")
    assert found[("KOS", "NGDPD", "2024")][3] == "actual"  # a fiscal year counts as the one it ends in
    assert found[("G001", "NGDPD", "2023")][3] == ""
    assert found[("KOR", "LP", "2024")] == ("2.25", "", "Millions", "forecast")
    assert (len(found), batch.set_aside) == (12, Counter({"not asked for": 3}))
    assert {row.name for row in batch.rows} == {"Korea, Republic of", "Kosovo, Republic of", "World"}
    assert (batch.quarantined, batch.warnings) == ([], [])


def test_the_edition_is_that_of_the_dates(saved: Callable[..., Path]) -> None:
    vintage = read(saved(LABELS, [with_labels(*row) for row in ROWS])).vintage
    assert vintage == vintage_of_dates(*DATES)
    assert (vintage.label, vintage.published, vintage.updated, vintage.dating) == (
        "2025-10", WEO_PUBLISHED["2025-10"], "2025-11-19T21:00:00Z", STATED)


def test_an_update_on_the_day_makes_no_second_printing() -> None:
    assert vintage_of_dates("2026-04-14T13:00:00Z", "2026-04-14T15:00:00Z").updated == ""
    assert vintage_of_dates("2026-04-14", "").label == "2026-04"


def test_dates_that_contradict_each_other_or_say_nothing_are_refused(saved: Callable[..., Path]) -> None:
    other = ("FJI", "Fiji", "NGDPD", GDP, *figures(dates=("2025-04-22T13:00:00Z", "")))
    with pytest.raises(SourceNonsense, match="mixes 2 editions"):
        read(saved(LABELS, [with_labels(*row) for row in (*ROWS, other)]))
    with pytest.raises(SourceNonsense, match="PUBLICATION_DATE is 'soon', which is no date"):
        read(saved(LABELS, [with_labels("FJI", "Fiji", "NGDPD", GDP, *figures(dates=("soon", "")))]))
    with pytest.raises(UsageError, match="--vintage 2025-04 contradicts the file's own dates, which are of 2025-10"):
        read(saved(LABELS, [with_labels(*row) for row in ROWS]), vintage="2025-04")


@pytest.mark.parametrize("given", ["2025-10", "2025-10+2025-11-19", "2025-10+2025-11-19T21:00:00Z",
                                   "2025-10+2025-11-19T21-00-00Z", "2025-10+2025-11-19T22:00:00+01:00"])
def test_a_given_printing_may_confirm_the_dates(saved: Callable[..., Path], given: str) -> None:
    assert read(saved(LABELS, [with_labels(*row) for row in ROWS]), given).vintage == vintage_of_dates(*DATES)


def test_a_given_printing_that_contradicts_the_dates_is_refused(saved: Callable[..., Path]) -> None:
    path = saved(LABELS, [with_labels(*row) for row in ROWS])
    with pytest.raises(UsageError, match=r"own dates, which are of 2025-10\+2025-11-19T21:00:00Z") as caught:
        read(path, "2025-10+2025-11-30")
    assert caught.value.next_command.endswith("--vintage 2025-10+2025-11-19T21:00:00Z")
    undated = [*ROWS[0][:4], *figures(dates=(DATES[0], ""))]
    vintage = read(saved(LABELS, [with_labels(*undated)]), "2025-10+2025-11-30").vintage
    assert (vintage.label, vintage.updated, vintage.dating) == ("2025-10", "2025-11-30", GIVEN)


def test_a_name_that_contradicts_the_dates_is_refused(saved: Callable[..., Path]) -> None:
    path = saved(LABELS, [with_labels(*row) for row in ROWS], "WEO_2025-04.csv")
    with pytest.raises(UsageError, match=r"WEO_2025-04.csv speaks of 2025-04, but its own dates say 2025-10"):
        read(path)
    assert len(read(path, "2025-10").warnings) == 1


def test_a_cover_that_names_another_edition_is_refused(tmp_path: Path) -> None:
    cover = [["International Monetary Fund, World Economic Outlook Database, April 2025"]]
    path = workbook(tmp_path / "x.xlsx", {"Cover": cover, "Countries": [IDS, with_ids(*ROWS[0])]})
    with pytest.raises(SourceNonsense, match="states 2025-10 in PUBLICATION_DATE and names 2025-04 elsewhere"):
        read(path)


def test_a_row_whose_series_cannot_be_read_is_quarantined(saved: Callable[..., Path]) -> None:
    rows = [with_labels(*ROWS[0]), ["IMF.RES:WEO(9.0.0)", "odd", "OBS_VALUE", "Fiji", GDP, "Annual", *figures()]]
    batch = read(saved(LABELS, rows))
    assert [each.rule for each in batch.quarantined] == ["unreadable row"]
    assert {row.code for row in batch.rows} == {"KOR"}


@pytest.mark.parametrize(("groups", "complete"), [([], True), (["G001"], True), (["G001", "GX605", "G110"], True)])
def test_country_groups_do_not_make_a_whole_database_partial(saved: Callable[..., Path], groups: list[str],
                                                             complete: bool) -> None:
    codes = [f"{a}{b}X" for a in "ABCDEFGHIJKLMN" for b in "ABCDEFGHIJKLMN"][:180]
    rows = [with_labels(code, code, subject, subject, *figures()) for code in codes
            for subject in ("NGDPD", "LP", "NID", "BCA", "GGR")]
    rows += [with_labels(code, code, "NGDPD", GDP, *figures()) for code in groups]
    assert read(saved(LABELS, rows)).scopes[0].complete is complete
    assert read(saved(LABELS, rows[1:])).scopes[0].complete is False


def test_editions_before_2010_write_annual_percent_change(tmp_path: Path) -> None:
    path = tmp_path / "WEOApr2008.xls"
    rows = [["Country", "Subject Descriptor", "Units", "Scale", "2007"],
            ["Fiji", "Gross domestic product, current prices", "U.S. dollars", "Billions", "3.4"],
            ["Fiji", "Gross domestic product, constant prices", "Annual percent change", "", "-6.6"]]
    line = "International Monetary Fund, World Economic Outlook Database, April 2008"
    path.write_text("\n".join(map("\t".join, rows)) + f"\n\n{line}\n", encoding="latin-1")
    request = Request("weo", (path,), indicators=("NGDPD", "NGDP_RPCH"))
    (batch,) = Source().parse(list(Source().fetch(request, None)))  # type: ignore[arg-type]
    assert [(row.indicator, row.raw) for row in batch.rows] == [("NGDPD", "3.4"), ("NGDP_RPCH", "-6.6")]
