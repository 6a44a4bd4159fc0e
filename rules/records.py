"""The two shapes of a figure on its way, with the same names in CSV, JSON, Parquet and every engine."""

from __future__ import annotations

from typing import NamedTuple

ACTUAL, FORECAST, UNKNOWN, AGGREGATE = "actual", "forecast", "", "aggregate"


class StagedRecord(NamedTuple):
    """One cell as the source gives it; every field is text and nothing is cleaned.

    code:      the source's own code of the economy ("USA", "111", "UVK"), "" where it has none.
    name:      the source's own name of the economy, footnotes and all, "" where it has none.
    indicator: the canonical name ("NGDPD") where rules.indicators knows it, else the source's own code.
    year:      as given, "2024"; a cell that carries its own year has that one.
    raw:       the cell's text, untouched ("1,234.565", "n/a", "7007806837870000000♠98,964[6]").
    unit:      as given: "U.S. dollars", "US$ million", "Percent change".
    scale:     as given: "Billions", "Millions", "9" (a power of ten), "" for units.
    status:    ACTUAL, FORECAST, UNKNOWN, or AGGREGATE where the source itself says it is no economy.
    locator:   where to find the cell again in its document: "line 12, column 2024" or an XPath.
    """

    code: str
    name: str
    indicator: str
    year: str
    raw: str
    unit: str
    scale: str
    status: str
    locator: str


class CleanRecord(NamedTuple):
    """One figure, clean.

    value_text: canonical decimal text in the indicator's canonical unit (rules.indicators): no exponent, no
                thousands mark, no trailing zero, no "-0".
    decimals:   decimals the publisher states in that unit, trailing zeros included; half a unit of the last one is
                the figure's own uncertainty of writing.
    forecast:   1 forecast, 0 actual, None where the source does not tell.
    """

    iso3: str
    indicator: str
    year: int
    value_text: str
    decimals: int
    forecast: int | None
    locator: str


class Quarantined(NamedTuple):
    """What could not be used, and why; kept in results/quarantine/.

    rule: the name of the rule that refused it; locator: its place in the document; raw: its text; detail: for a person.
    """

    rule: str
    locator: str
    raw: str
    detail: str
