"""sources.table: headers that well-known publishers of tables write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from rules.records import StagedRecord
from sources import Request
from sources._columns import Unclear, recognise
from sources.table import Source


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[StagedRecord]]:
    def reading(content: str, unit: str = "", indicators: tuple[str, ...] = ("NGDPD",)) -> list[StagedRecord]:
        path = tmp_path / "table.csv"
        path.write_text(content, encoding="utf-8")
        request = Request("table", (path,), indicators=indicators, unit=unit, vintage="2025-10")
        (batch,) = Source().parse(list(Source().fetch(request, None)))  # type: ignore[arg-type]
        return list(batch.rows)
    return reading


@pytest.mark.parametrize(("content", "expected"), [
    ("Entity,Code,Year,GDP (current US$)\nKosovo,OWID_KOS,2020,7.7\n", ("OWID_KOS", "Kosovo", "2020", "7.7")),
    ("Entity,Code,Year,GDP\nAfrica,,2020,2.5\n", ("", "Africa", "2020", "2.5")),
    ("CountryName,CountryCode,Year,GDP_USD\nFiji,FJI,2020,4.5\n", ("FJI", "Fiji", "2020", "4.5")),
    ("countrycode,country,region,year,gdp\nFJI,Fiji,Oceania,2020,4.5\n", ("FJI", "Fiji", "2020", "4.5")),
    ("geo,name,time,GDP\nfji,Fiji,2020,4.5\n", ("fji", "Fiji", "2020", "4.5")),
    ("Time,Time Code,Country Name,Country Code,GDP (current US$) [NY.GDP.MKTP.CD]\n2020,YR2020,Fiji,FJI,4.5\n",
     ("FJI", "Fiji", "2020", "4.5")),
    ("Country or Territory,Year,GDP\nFiji,2020,4.5\n", ("", "Fiji", "2020", "4.5")),
], ids=["owid", "owid continent", "camel case", "maddison", "gapminder", "databank", "territory"])
def test_headers_of_well_known_publishers(read: Callable[..., list[StagedRecord]], content: str,
                                          expected: tuple[str, ...]) -> None:
    assert [(row.code, row.name, row.year, row.raw) for row in read(content, "usd")] == [expected]


def test_of_an_sdmx_identifier_and_its_label_the_identifier_counts(read: Callable[..., list[StagedRecord]]) -> None:
    rows = read("STRUCTURE_ID,REF_AREA,Reference area,TIME_PERIOD,Time period,OBS_VALUE,Observation value,UNIT_MULT\n"
                "OECD.SDD:X(1.0),FJI,Fiji,2020,,4500,,6\n")
    assert [(row.code, row.year, row.raw, row.scale) for row in rows] == [("FJI", "2020", "4500", "Millions")]


SDMX = ("{flow},COUNTRY,INDICATOR,FREQUENCY,TIME_PERIOD,OBS_VALUE,LATEST_ACTUAL_ANNUAL_DATA,SCALE\n"
        "IMF.RES:WEO(9.0.0),USA,NGDPD,A,2024,29298013000000,2024,9\n"
        "IMF.RES:WEO(9.0.0),USA,NGDPDPC,A,2024,86145.123,2024,0\n"
        "IMF.RES:WEO(9.0.0),USA,LP,A,2024,340100000,2024,6\n"
        "IMF.RES:WEO(9.0.0),G001,NGDPD,A,2024,111000000000000,,9\n")


@pytest.mark.parametrize("flow", ["DATAFLOW", "STRUCTURE_ID"])
def test_scale_of_the_imfs_sdmx_csv_only_says_how_figures_are_shown(read: Callable[..., list[StagedRecord]],
                                                                    flow: str) -> None:
    rows = read(SDMX.format(flow=flow), indicators=("NGDPD", "NGDPDPC", "LP"))
    assert [(row.code, row.name, row.indicator, row.raw, row.unit, row.scale) for row in rows] == [
        ("USA", "", "NGDPD", "29298013000000", "US$", ""), ("USA", "", "NGDPDPC", "86145.123", "US$", ""),
        ("USA", "", "LP", "340100000", "Persons", ""), ("G001", "", "NGDPD", "111000000000000", "US$", "")]
    assert [row.status for row in rows[:1]] == ["actual"]


def test_a_scale_column_beside_no_dataflow_scales(read: Callable[..., list[StagedRecord]]) -> None:
    rows = read("ref_area,concept,year,value,scale\nFJI,NGDPD,2020,4.5,9.0\nFJI,NGDPDPC,2020,5000,0.0\n",
                indicators=("NGDPD", "NGDPDPC"))
    assert [(row.unit, row.scale) for row in rows] == [("US$", "Billions"), ("US$", "")]


def test_the_option_to_type_settles_what_was_unclear(read: Callable[..., list[StagedRecord]]) -> None:
    with pytest.raises(UsageError, match="2 columns could be the indicator: SERIES_CODE, INDICATOR") as caught:
        read("SERIES_CODE,COUNTRY,INDICATOR,2020\nFJI.NGDPD.A,Fiji,GDP,4.5\n")
    assert caught.value.next_command.endswith('--columns "country=COUNTRY,indicator=COLUMN"')


@pytest.mark.parametrize("header", ["Entity,Code,Year,GDP PPP (constant 2021 international $)",
                                    "Country,Year,GDP per capita (current US$)", "geo,time,GDP growth (annual %)"])
def test_other_figures_than_gdp_are_never_taken_for_it(header: str) -> None:
    with pytest.raises(Unclear, match="no column is named like a value"):
        recognise(header.split(","), {})
