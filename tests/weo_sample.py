"""Small answers in the layouts of the real sources, with figures of the tests' own, large enough for every gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent / "data" / "country_region_table.json"


@cache
def economies() -> tuple[str, ...]:
    """190 codes, the four majors among them."""
    codes = [country["iso3"] for country in json.loads(TABLE.read_text(encoding="utf-8"))["countries"]]
    majors = ["USA", "CHN", "JPN", "DEU"]
    return tuple(majors + [code for code in codes if code not in majors][:186])


def figures(**changed: str) -> dict[str, str]:
    """iso3 -> GDP in billion US dollars, three decimals; a keyword changes or adds one."""
    return {code: f"{1000 - 5 * at}.125" for at, code in enumerate(economies())} | changed


def sdmx(gdp: Mapping[str, str], *, published: str = "2025-10-14T13:00:00Z", updated: str = "2025-10-14T13:00:00Z",
         years: tuple[int, ...] = (2024, 2025), last_actual: int = 2024, request: str = "DS1") -> bytes:
    """An SDMX 2.1 answer: NGDPD of every economy, the same figure in every year, in full US dollars."""
    series = []
    for code, billions in gdp.items():
        whole, _, fraction = billions.partition(".")
        units = (whole + fraction.ljust(9, "0")).lstrip("0")
        observations = "".join(f'<Obs TIME_PERIOD="{year}" OBS_VALUE="{units}"/>' for year in years)
        series.append(f'<Group COUNTRY="{code}" INDICATOR="NGDPD" LATEST_ACTUAL_ANNUAL_DATA="{last_actual}"/>'
                      f'<Series COUNTRY="{code}" INDICATOR="NGDPD" FREQUENCY="A" DECIMALS_DISPLAYED="3" SCALE="9">'
                      f"{observations}</Series>")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<message:StructureSpecificData '
        'xmlns:message="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message">'
        f"<message:Header><message:ID>{request}</message:ID></message:Header>"
        f'<message:DataSet UPDATE_DATE="{updated}" PUBLICATION_DATE="{published}">{"".join(series)}'
        "</message:DataSet></message:StructureSpecificData>").encode()
