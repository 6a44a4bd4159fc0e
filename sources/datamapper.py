"""IMF World Economic Outlook from the DataMapper's API: figures in the units of the report, no vintage stated.

Asks BASE/INDICATOR for each indicator and BASE/countries for the list that tells economies from groups; --url
replaces BASE. The API refuses many hosts and programs with 403: the imf source gives the same figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from history.model import OBSERVED, Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceError, SourceNonsense
from rules.indicators import DEFAULT
from rules.records import AGGREGATE, FORECAST, UNKNOWN, Quarantined, StagedRecord
from sources import BaseSource, Request, VintageBatch
from sources._json import asked_for, decimals_of, load, text_of, unit_of, warn_missing

if TYPE_CHECKING:
    from pipeline.http import Http

_YEAR = re.compile(r"[0-9]{4}")
_FIRST_DAY = "2000-01-01"  # a Last-Modified of 1970 is a server's way of saying nothing
_UNITS = {"NGDPD": ("U.S. dollars", "Billions"), "NGDPDPC": ("U.S. dollars", "Units"), "LP": ("Persons", "Millions")}

Figures = dict[str, dict[str, str]]  # code -> year -> text


@dataclass
class _Gathered:
    """What the documents hold: figures by indicator, why others are missing, and the names of the economies."""

    figures: dict[str, Figures] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


class Source(BaseSource):
    """The DataMapper's JSON API. The project's own User-Agent is sent as everywhere: no browser is pretended."""

    dataset = "imf-weo"
    takes = frozenset({"url"})
    default_url = "https://www.imf.org/external/datamapper/api/v1"

    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield one "data" document an indicator and, where it can be had, "countries"."""
        base = (request.url or self.default_url).rstrip("/")
        indicators = request.indicators or DEFAULT
        asked = ",".join(indicators)
        for indicator in indicators:
            try:
                yield http.get(f"{base}/{quote(indicator, safe='')}", kind="data", expect="json",
                               parameters={"indicator": indicator, "indicators": asked})
            except SourceNonsense:
                if indicator == indicators[0]:
                    raise
        try:
            yield http.get(f"{base}/countries", kind="countries", expect="json", parameters={"indicators": asked})
        except SourceError:
            return  # the built-in table of countries decides then

    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield the one batch in the documents. Raises SourceNonsense where the main indicator has no figures."""
        data = [document for document in documents if document.kind == "data"]
        if not data:
            return
        gathered = _gathered(data)
        wanted = asked_for(data) or tuple({**gathered.figures, **gathered.problems})
        missing = {each: gathered.problems.get(each, "no answer") for each in wanted if each not in gathered.figures}
        warnings = warn_missing("The DataMapper", wanted, missing, data[0].url)
        _read_names(gathered, [document for document in documents if document.kind == "countries"])
        yield _batch(gathered, _vintage(data), [*warnings, *gathered.warnings])


# --- the documents ------------------------------------------------------------------------------------------------


def _gathered(data: Sequence[RawDocument]) -> _Gathered:
    gathered = _Gathered()
    for document in data:
        indicator = document.parameters.get("indicator", "")
        try:
            content = load(document, parse_float=_shortest)
        except SourceNonsense as error:
            gathered.problems[indicator] = error.what
            continue
        indicator = indicator or _only_indicator(content)
        problem = _problem(content, indicator)
        if problem:
            gathered.problems[indicator] = problem
        else:
            gathered.figures[indicator] = _figures(content["values"][indicator], indicator, gathered.quarantined)
    return gathered


def _shortest(text: str) -> str:
    """Return the shortest decimal that names the same double, without an exponent.

    The API writes the double's whole binary expansion, 9.0950000000000006394884621840901672840118408203125 for
    Sudan's 9.095 of 1980; the shortest text that reads back as the same double is the figure that was published.
    """
    short = repr(float(text))
    return format(Decimal(short), "f") if short[-1].isdigit() else text  # "inf" for 1e999: keep what was written


def _only_indicator(content: Any) -> str:
    values = content.get("values") if isinstance(content, dict) else None
    return next(iter(values), "") if isinstance(values, dict) else ""


def _problem(content: Any, indicator: str) -> str:
    """Return why the answer holds no figures of the indicator, "" where it does."""
    if not isinstance(content, dict):
        return f"the answer is a JSON {type(content).__name__} in place of an object"
    if "values" not in content:
        if "countries" in content:
            return "the API does not know the indicator (it answers with its list of countries)"
        return "the API answers without any values"
    values = content["values"]
    if not values:
        return "the API answers with empty values"
    found = values.get(indicator) if isinstance(values, dict) else None
    if isinstance(found, dict) and any(isinstance(years, dict) and years for years in found.values()):
        return ""
    others = ", ".join(list(values)[:5]) if isinstance(values, dict) else type(values).__name__
    return f"the API answers without a figure of it (it holds {others[:80]})"


def _figures(content: Mapping[str, Any], indicator: str, quarantined: list[Quarantined]) -> Figures:
    """Return the figures as text, in the order given; what has another shape is quarantined."""
    figures: Figures = {}
    for code, years in content.items():
        if not isinstance(years, dict):
            if years:
                quarantined.append(Quarantined("not-figures", f"{indicator}/{code}", str(years)[:200],
                                               "a JSON object of years was expected"))
            continue
        figures[code] = {}
        for year, value in years.items():
            if _YEAR.fullmatch(year) and (value is None or isinstance(value, str)):
                figures[code][year] = value or ""
            else:
                quarantined.append(Quarantined("not-a-figure", f"{indicator}/{code}/{year}", str(value)[:200],
                                               "a year of four digits and a number were expected"))
    return figures


def _read_names(gathered: _Gathered, documents: Sequence[RawDocument]) -> None:
    """Read the list of economies; a list that names none of the figures' codes is as good as none."""
    for document in documents:
        try:
            content = load(document)
        except SourceNonsense as error:
            gathered.warnings.append(f"The DataMapper's list of countries cannot be used: {error.what}")
            continue
        countries = content.get("countries") if isinstance(content, dict) else None
        if isinstance(countries, dict):
            gathered.names.update({code: text_of(about.get("label")) if isinstance(about, dict) else ""
                                   for code, about in countries.items()})
    codes = {code for figures in gathered.figures.values() for code in figures}
    if documents and not codes & set(gathered.names):
        gathered.names.clear()
        gathered.warnings.append("The DataMapper's list of countries names no economy of its figures; the project's "
                                 "own table tells economies from groups")


# --- the batch ----------------------------------------------------------------------------------------------------


def _vintage(data: Sequence[RawDocument]) -> Vintage:
    """Return the vintage, dated by the newest Last-Modified, else by the day of fetching: the API states none."""
    fetched = max(document.fetched_at[:10] for document in data)
    stated = [day for document in data if _FIRST_DAY <= (day := _last_modified(document)) <= fetched]
    day = max(stated, default=fetched)
    return Vintage(Source.dataset, label=f"observed-{day}", published=day, dating=OBSERVED)


def _last_modified(document: RawDocument) -> str:
    try:
        moment = parsedate_to_datetime(document.headers.get("last-modified", ""))
        return f"{moment.astimezone(UTC) if moment.tzinfo else moment:%Y-%m-%d}"
    except (ValueError, TypeError, OverflowError):
        return ""


def _batch(gathered: _Gathered, vintage: Vintage, warnings: list[str]) -> VintageBatch:
    scopes, decimals = [], {}
    for indicator, figures in gathered.figures.items():
        years = sorted({int(year) for of_economy in figures.values() for year in of_economy})
        scopes.append(Scope(vintage, indicator, tuple(years), complete=True))
        decimals[indicator] = max((decimals_of(text) for code, of_economy in figures.items()
                                   if _is_economy(code, gathered.names) for text in of_economy.values()), default=0)
    batch = VintageBatch(vintage, scopes, (), decimals=decimals, rows_read=len(gathered.quarantined),
                         quarantined=gathered.quarantined, warnings=warnings)
    batch.rows = _rows(gathered, batch)
    return batch


def _is_economy(code: str, names: Mapping[str, str]) -> bool:
    """Tell economies from groups by the API's own list, never by the code's length ("DA" and "WEOWORLD" are groups)."""
    return not names or code in names


def _rows(gathered: _Gathered, batch: VintageBatch) -> Iterator[StagedRecord]:
    horizon = datetime.fromisoformat(batch.vintage.published).year
    for indicator, figures in gathered.figures.items():
        unit, scale = _UNITS.get(indicator, (unit_of(indicator), ""))
        for code, of_economy in figures.items():
            name, economy = gathered.names.get(code, ""), _is_economy(code, gathered.names)
            for year, text in of_economy.items():
                batch.rows_read += 1
                # Only what lies ahead is surely a forecast: the API does not tell where an economy's estimates start.
                status = AGGREGATE if not economy else FORECAST if int(year) > horizon else UNKNOWN
                yield StagedRecord(code, name, indicator, year, text, unit, scale, status, f"{indicator}/{code}/{year}")
