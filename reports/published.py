"""The two tables that are published as CSV: what their columns are, and their lines.

results/Countries_by_GDP.csv is the newest picture, results/GDP_history.csv every range of every figure. UTF-8, commas,
line feeds, quotes only where a text needs them, an empty cell for no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from history.calendar import iso_day
from history.model import Vintage
from rules.indicators import INDICATORS


@dataclass(frozen=True)
class Column:
    """A column as the package describes it; `more` goes into the field as it is."""

    name: str
    type: str
    description: str
    required: bool = True
    unit: str = ""
    constraints: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def descriptor(self) -> dict[str, Any]:
        """Return the field of a Table Schema; `unit` is a property of our own beside those of the standard."""
        unit = {"unit": self.unit} if self.unit else {}
        constraints = {"required": True, **self.constraints} if self.required else dict(self.constraints)
        rules = {"constraints": constraints} if constraints else {}
        return {"name": self.name, "type": self.type, "description": self.description, **unit, **self.more, **rules}


_ISO3 = {"pattern": "[A-Z]{3}"}
_FORECAST = {"trueValues": ["1"], "falseValues": ["0"]}
_IN_WORDS = "1 forecast, 0 actual, empty where the publisher does not tell"
_REGIONS = {"enum": ["Africa", "Asia", "Europe", "North America", "South America", "Oceania"]}
_BILLION = "billion US dollars"

PICTURE = (
    Column("Country", "string", "The project's short English name"),
    Column("GDP_USD_billion", "number", "GDP, current prices, rounded half up to 2 places", unit=_BILLION),
    Column("GDP_as_published", "number", "The same with every decimal that the publisher gives", unit=_BILLION),
    Column("Region", "string", "Continent, by the project's own table", constraints=_REGIONS),
    Column("Subregion", "string", "The United Nations' M49 subregion"),
    Column("ISO3", "string", "ISO 3166-1 alpha-3; XKX for Kosovo", constraints={"unique": True, **_ISO3}),
    Column("Year", "year", "The year of the figure"),
    Column("Forecast", "boolean", _IN_WORDS, required=False, more=_FORECAST),
    Column("Dataset", "string", "Whose figures: imf-weo, worldbank-wdi, wikipedia-nominal, table:NAME"),
    Column("Vintage", "string", "Which edition of the dataset: 2025-10"),
    Column("Extracted_At", "datetime", "When it was fetched, UTC"),
)


def _vintage_columns(end: str, says: str, *, required: bool) -> tuple[Column, ...]:
    return (
        Column(f"{end}_vintage", "string", f"{says}: published, updated and label in one text; compared as text, "
               "vintages of one dataset are in their order", required=required),
        Column(f"{end}_label", "string", "Its label: 2025-10", required=required),
        Column(f"{end}_published", "date", "The day it was published, empty where unknown", required=False),
        Column(f"{end}_updated", "string", "When it was changed after that: ISO date or time, empty where not stated",
               required=False),
    )


HISTORY = (
    Column("dataset", "string", "Whose figures: imf-weo, worldbank-wdi, wikipedia-nominal, table:NAME"),
    Column("indicator", "string", "; ".join(f"{each.name}: {each.title}" for each in INDICATORS.values())
           + "; any other by its publisher's code"),
    Column("iso3", "string", "ISO 3166-1 alpha-3; XKX for Kosovo", constraints=_ISO3),
    Column("country", "string", "The project's short English name"),
    Column("year", "year", "The year of the figure"),
    Column("value", "number", "The figure as published, in the unit beside it"),
    Column("unit", "string", "The unit of the value, empty for an indicator that the project does not know",
           required=False),
    Column("decimals", "integer", "Decimal places that the publisher states", constraints={"minimum": 0}),
    Column("forecast", "boolean", _IN_WORDS, required=False, more=_FORECAST),
    *_vintage_columns("from", "The first vintage that has this value", required=True),
    *_vintage_columns("to", "The first vintage after it that has not; empty while the value holds", required=False),
)
HISTORY_KEY = ("dataset", "indicator", "iso3", "year", "from_vintage")


def header(columns: Iterable[Column]) -> str:
    """Return the first line of a table."""
    return ",".join(column.name for column in columns) + "\n"


def picture_lines(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Yield a line an economy from the rows of published_picture.sql."""
    for country, rounded, text, region, subregion, iso3, year, forecast, *rest in rows:
        middle = f"{rounded:.2f},{text},{cell(region)},{cell(subregion)},{cell(iso3)},{year},{_TOLD[forecast]}"
        yield f"{cell(country)},{middle},{','.join(map(cell, rest))}\n"


def history_lines(dataset: str, rows: Iterable[tuple[Any, ...]], countries: Mapping[str, str],
                  vintages: Iterable[tuple[str, Vintage]]) -> Iterator[str]:
    """Yield a line a range from the rows of published_history.sql for a dataset.

    countries: iso3 -> name. vintages: the text that ranges refer to, and what it stands for.
    Cells that come again are made once: in all a third of what the csv module takes.
    """
    ends: dict[str | None, str] = {key: _vintage_cells(key, vintage) for key, vintage in vintages}
    ends[None] = ",,,"
    starts = _Made(lambda indicator: f"{cell(dataset)},{cell(indicator)}")
    names = _Made(lambda iso3: f"{cell(iso3)},{cell(countries[iso3])}")
    units = _Made(_unit)
    for indicator, iso3, year, text, decimals, forecast, begin, end in rows:
        yield (f"{starts[indicator]},{names[iso3]},{year},{text},{units[indicator]},{decimals},{_TOLD[forecast]},"
               f"{ends[begin]},{ends[end]}\n")


class _Made(dict[Any, str]):
    """Cells that are made once."""

    def __init__(self, make: Callable[[Any], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> str:
        made = self[key] = self._make(key)
        return made


_TOLD = {1: "1", 0: "0", None: ""}


def _unit(indicator: str) -> str:
    known = INDICATORS.get(indicator)
    return cell(known.unit) if known else ""


def _vintage_cells(key: str, vintage: Vintage) -> str:
    published = iso_day(vintage.published)  # the label of a user's own table may only look like a day
    return ",".join(map(cell, (key, vintage.label, published, vintage.updated)))


# Where a cell begins for a spreadsheet that reads commas, and for one whose decimal mark is the comma and which reads
# semicolons in their place: there a quoted field is no longer one.
_ALIVE = re.compile(r"""(^|[;\t\r\n])([\s"]*)(?=[-=+@'\uff1d\uff0b\uff0d\uff20])""")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?")
_QUOTED = re.compile(r'[",\r\n]')


def tamed(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    Before = + - @ (and an apostrophe, so that nothing is lost) at its beginning an apostrophe is put: who reads the
    text takes one leading apostrophe away. A number stays one.
    """
    return text if _NUMBER.fullmatch(text) else _ALIVE.sub(r"\1\2'", text)


def cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula, in quotes where CSV wants them."""
    tame = tamed(text)
    return '"' + tame.replace('"', '""') + '"' if _QUOTED.search(tame) else tame


_cell = lru_cache(maxsize=1 << 14)(cell)  # names of economies and regions come again and again


def line(values: Iterable[object]) -> str:
    """Return a record of CSV without its line end; None is an empty cell.

    Not by the csv module: where lines end with a line feed it leaves a carriage return without quotes.
    """
    return ",".join(["" if each is None else _cell(each if isinstance(each, str) else str(each)) for each in values])
