"""Whole answers of every publisher, made up: 196 economies, so that the gates pass, and no real figure among them.

For the tests that run a whole pipeline on loopback and for bench/. `publish(server)` puts them all on one server:

    /imf  /datamapper  /worldbank  /wikipedia  /WEO_Data.xls  /figures.csv       as --url takes them

Every answer has an ETag and is not sent again to a client that has it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.server import Answer, Asked, Server

TABLE = Path(__file__).resolve().parent.parent / "data" / "country_region_table.json"
ECONOMIES = 196
YEARS = range(1980, 2031)  # 51 of them
LAST_ACTUAL = 2024
DAY, EDITION = "2026-04-14", "April 2026"  # none of the bundled editions, whose figures are others
WORLD_BANK = {"NY.GDP.MKTP.CD": "NGDPD", "NY.GDP.MKTP.KD.ZG": "NGDP_RPCH", "NY.GDP.PCAP.CD": "NGDPDPC",
              "SP.POP.TOTL": "LP", "FP.CPI.TOTL.ZG": "PCPIPCH"}
INDICATORS = tuple(WORLD_BANK.values())
_LARGEST = ("USA", "CHN", "DEU", "JPN", "IND", "GBR", "FRA", "ITA", "CAN", "BRA")  # the rest follow by the alphabet


@cache
def economies() -> tuple[tuple[str, str, str], ...]:
    """Return (iso3, name, the IMF's number) of 196 economies, the ten largest first."""
    countries = json.loads(TABLE.read_text(encoding="utf-8"))["countries"]
    numbers = {each["iso3"]: next((code for code in each["codes"] if code.isdigit()), "") for each in countries}
    named = {each["iso3"]: each["name"] for each in countries if numbers[each["iso3"]]}
    order = [*_LARGEST, *sorted(set(named) - set(_LARGEST))][:ECONOMIES]
    return tuple((iso3, named[iso3], numbers[iso3]) for iso3 in order)


def gdp_millions(place: int, year: int) -> int:
    """Return GDP in million US dollars: the n-th economy has a n-th part of the largest, and grows by 5 % a year."""
    return int(15_000_000 / (place + 1) * 1.05 ** (year - 2025)) + place


def figure(indicator: str, place: int, year: int) -> str:
    """Return a figure as the IMF writes it: billions, millions of persons, dollars a head, percent."""
    if indicator == "NGDPD":
        millions = gdp_millions(place, year)
        return f"{millions // 1000}.{millions % 1000:03d}"
    people = 1_000_000 // (place + 2)  # thousands
    if indicator == "LP":
        return f"{people // 1000}.{people % 1000:03d}"
    if indicator == "NGDPDPC":
        return f"{gdp_millions(place, year) * 1000 / people:.3f}"
    return f"{(place * 7 + year) % 90 / 10 - 1:.3f}"


def imf(indicators: Sequence[str] = ("NGDPD",), years: Sequence[int] = YEARS) -> bytes:
    """Return an SDMX 2.1 message in full units, as api.imf.org gives it."""
    scales = {"NGDPD": 9, "LP": 6}
    series = []
    for indicator in indicators:
        scale = scales.get(indicator, 0)
        for place, (iso3, _, _) in enumerate(economies()):
            values = ((year, _full(figure(indicator, place, year), scale)) for year in years)
            observations = "".join(f'<Obs TIME_PERIOD="{year}" OBS_VALUE="{value}"/>' for year, value in values)
            series.append(f'<Series COUNTRY="{iso3}" INDICATOR="{indicator}" FREQUENCY="A" DECIMALS_DISPLAYED="3" '
                          f'SCALE="{scale}" LATEST_ACTUAL_ANNUAL_DATA="{LAST_ACTUAL}">{observations}</Series>')
    return ('<?xml version="1.0" encoding="UTF-8"?><message:StructureSpecificData xmlns:message="http://www.sdmx.org/'
            f'resources/sdmxml/schemas/v2_1/message"><message:DataSet PUBLICATION_DATE="{DAY}T13:00:00Z" '
            f'UPDATE_DATE="{DAY}T13:00:00Z">{"".join(series)}</message:DataSet></message:StructureSpecificData>'
            ).encode()


def _full(text: str, scale: int) -> str:
    """Return a figure with three decimals in full units: ("1234.565", 9) is "1234565000000"."""
    return text if scale == 0 else str(int(text.replace(".", "")) * 10 ** (scale - 3))


def datamapper(indicator: str) -> bytes:
    """Return the DataMapper's answer for one indicator, a group of economies among them."""
    figures: dict[str, Any] = {iso3: {str(year): float(figure(indicator, place, year)) for year in YEARS}
                               for place, (iso3, _, _) in enumerate(economies())}
    return json.dumps({"values": {indicator: figures | {"ADVEC": figures["USA"]}}}).encode()


def datamapper_countries() -> bytes:
    """Return the DataMapper's list of economies."""
    return json.dumps({"countries": {iso3: {"label": name} for iso3, name, _ in economies()}}).encode()


def worldbank(code: str, page: int, per_page: int) -> bytes:
    """Return one page of a World Bank indicator."""
    every = [_worldbank_row(code, place, year) for place in range(ECONOMIES) for year in YEARS if year <= LAST_ACTUAL]
    return _worldbank_page(every, page, per_page)


def _worldbank_row(code: str, place: int, year: int) -> dict[str, Any]:
    iso3, name, _ = economies()[place]
    text = figure(WORLD_BANK[code], place, year)
    scale = {"NGDPD": 9, "LP": 6}.get(WORLD_BANK[code], 0)
    return {"indicator": {"id": code, "value": code}, "country": {"id": "", "value": name}, "countryiso3code": iso3,
            "date": str(year), "value": float(_full(text, scale)), "unit": "", "obs_status": "", "decimal": 0}


def worldbank_countries(page: int, per_page: int) -> bytes:
    """Return one page of the World Bank's list of economies."""
    rows = [{"id": iso3, "iso2Code": "", "name": name, "region": {"id": "XXX", "value": "Somewhere"}}
            for iso3, name, _ in economies()]
    return _worldbank_page(rows, page, per_page)


def _worldbank_page(rows: Sequence[dict[str, Any]], page: int, per_page: int) -> bytes:
    pages = -(-len(rows) // per_page)
    meta = {"page": page, "pages": pages, "per_page": per_page, "total": len(rows), "lastupdated": "2025-10-07"}
    return json.dumps([meta, rows[(page - 1) * per_page: page * per_page]]).encode()


def wikipedia() -> bytes:
    """Return the page in the layout since the end of 2025: one header row with the year in it."""
    rows = "".join(f"<tr><td>{name}</td><td>{gdp_millions(place, 2025):,}</td></tr>\n"
                   for place, (_, name, _) in enumerate(economies()))
    return ('<!DOCTYPE html><html><head><title>List of countries by GDP (nominal) - Wikipedia</title>'
            '<script>var example = {"wgRevisionId":1330000005};</script></head><body><table class="wikitable">'
            '<caption>GDP (million US$) by country</caption><tbody><tr><th>Country/Territory</th>'
            f'<th>IMF (2025)<sup>[6]</sup></th></tr>\n{rows}</tbody></table></body></html>').encode()


def weo_report(edition: str = EDITION) -> bytes:
    """Return a report file as the IMF's page saves it: tab-separated text with the edition in its last line."""
    heads = ["ISO", "WEO Subject Code", "Country", "Subject Descriptor", "Units", "Scale", *map(str, YEARS),
             "Estimates Start After"]
    lines = ["\t".join(heads)]
    for place, (iso3, name, _) in enumerate(economies()):
        values = [f"{float(figure('NGDPD', place, year)):,.3f}" for year in YEARS]
        lines.append("\t".join([iso3, "NGDPD", name, "Gross domestic product, current prices", "U.S. dollars",
                                "Billions", *values, str(LAST_ACTUAL)]))
    lines += ["", f"International Monetary Fund, World Economic Outlook Database, {edition}", ""]
    return "\n".join(lines).encode("latin-1", "replace")


def table_csv() -> bytes:
    """Return a table of one's own: country, year, GDP in million US dollars, of ten economies."""
    lines = [f"{name},{year},{gdp_millions(place, year)}" for place, (_, name, _) in enumerate(economies()[:10])
             for year in range(2020, 2026)]
    return "\n".join(["country,year,gdp", *lines, ""]).encode()


def publish(server: Server) -> None:
    """Put every answer on the server."""
    for indicator in INDICATORS:
        server.routes[f"/datamapper/{indicator}"] = _tagged(datamapper(indicator))
    server.routes["/datamapper/countries"] = _tagged(datamapper_countries())
    for code in WORLD_BANK:
        server.routes[f"/worldbank/country/all/indicator/{code}"] = _paged(code)
    server.routes["/worldbank/country"] = _paged("")
    for path in _imf_paths():
        server.routes[path] = _imf_answer
    server.routes["/wikipedia"] = _tagged(wikipedia())
    server.routes["/WEO_Data.xls"] = _tagged(weo_report())
    server.routes["/figures.csv"] = _tagged(table_csv())


def _imf_paths() -> Iterator[str]:
    """Yield what the imf source asks of --url …/imf: all five, and each of them alone."""
    yield f"/imf/.{'+'.join(INDICATORS)}.A"
    yield from (f"/imf/.{each}.A" for each in INDICATORS)


def _imf_answer(asked: Asked) -> Answer:
    return answer(asked, _imf_body(unquote(urlsplit(asked.path).path).split(".")[1]))


@cache
def _imf_body(indicators: str) -> bytes:
    return imf(indicators.split("+"))


def _tagged(body: bytes) -> Any:
    return lambda asked: answer(asked, body)


def _paged(code: str) -> Any:
    def page(asked: Asked) -> Answer:
        query = parse_qs(urlsplit(asked.path).query)
        number, size = int(query["page"][0]), int(query["per_page"][0])
        return answer(asked, worldbank(code, number, size) if code else worldbank_countries(number, size))
    return page


def answer(asked: Asked, body: bytes) -> Answer:
    """Return the body, or 304 to a client that has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if asked.headers.get("if-none-match") == tag:
        return Answer(status=304, headers={"ETag": tag})
    return Answer(body, headers={"ETag": tag})
