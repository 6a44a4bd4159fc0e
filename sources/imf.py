"""IMF World Economic Outlook from the IMF's own SDMX API, with its publication date and the last actual year.

One request asks for all indicators, BASE/.NGDPD+LP.A: the key is COUNTRY.INDICATOR.FREQUENCY and an empty slot means
all. --url replaces BASE; a URL whose last part is already a key ("…/IMF.RES,WEO/USA+KOR.NGDPD.A") is asked as it is,
and speaks only for the economies it names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from history.calendar import last_actual_year, status_of
from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from rules.indicators import DEFAULT
from rules.records import Quarantined, StagedRecord
from sources import BaseSource, Request, VintageBatch
from sources._edition import vintage_of_dates
from sources._json import asked_for, nonsense, unit_of, warn_missing
from sources._sdmx import DATASET, GROUP, NOTE, SERIES, Part, parts, without_header

if TYPE_CHECKING:
    from pipeline.http import Http

ACCEPT = "application/vnd.sdmx.structurespecificdata+xml;version=2.1, application/xml"
_KEY = re.compile(r"[^,/]*\.[^,/]*\.[^,/]*")  # a flow's reference ("IMF.RES,WEO") has a comma, a key has none
_YEAR = re.compile(r"[0-9]{4}")
_SMALL_NUMBER = re.compile(r"-?[0-9]{1,2}")


@dataclass
class _Survey:
    """What one reading of the whole message tells, before any row is staged."""

    edition: set[tuple[str, str]] = field(default_factory=set)  # (PUBLICATION_DATE, UPDATE_DATE)
    last_actual: dict[tuple[str, str], str] = field(default_factory=dict)  # (country, indicator) -> as given
    units: dict[str, str] = field(default_factory=dict)
    years: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    decimals: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Source(BaseSource):
    """The IMF's SDMX 2.1 service; values come in full units whatever their SCALE attribute says."""

    dataset = "imf-weo"
    takes = frozenset({"url"})
    default_url = "https://api.imf.org/external/sdmx/2.1/data/IMF.RES,WEO"

    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield one document, "data", with all indicators."""
        indicators = request.indicators or DEFAULT
        url, partial = _address(request.url or self.default_url, indicators)
        parameters = {"indicators": ",".join(indicators), **({"partial": "yes"} if partial else {})}
        yield http.get(url, kind="data", headers={"Accept": ACCEPT}, expect="xml", parameters=parameters)

    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield one batch a document. Raises SourceNonsense for errors, other documents and missing GDP."""
        for document in documents:
            wanted = asked_for([document])
            survey = _surveyed(document, wanted)
            batch = _batch(document, survey, wanted)
            batch.rows = _rows(document, survey, wanted, batch)
            yield batch

    def fingerprint(self, document: RawDocument) -> str:
        """Return the sha256 of the message without its header, whose ID and time change with every request."""
        return sha256(without_header(document.body)).hexdigest()


def _address(base: str, indicators: Sequence[str]) -> tuple[str, bool]:
    """Return the URL to ask, and whether it speaks for some economies only."""
    try:
        split = urlsplit(base)
    except ValueError:
        return base, True  # no address at all: asking it says so
    path = split.path.rstrip("/")
    key = path.rpartition("/")[2]
    if _KEY.fullmatch(key):
        some = key.split(".")[0] not in ("", "*") or bool(split.query)
        return base, some
    # Indicators are quoted, "+" and the dots between the slots are not.
    path += f"/.{'+'.join(quote(each, safe='') for each in indicators)}.A"
    return urlunsplit(split._replace(path=path)), bool(split.query)


# --- first reading ------------------------------------------------------------------------------------------------


def _surveyed(document: RawDocument, wanted: Sequence[str]) -> _Survey:
    survey = _Survey()
    for part in parts(document):
        if part.kind == DATASET:
            _note_edition(survey, part.attributes)
        elif part.kind == NOTE:
            survey.notes.append(f"The IMF remarks: {part.attributes['text']}")
        else:
            _note_attributes(survey, part)
            if part.kind == SERIES and _is_asked(part.attributes, wanted):
                _note_series(survey, part)
    if not survey.years:
        raise nonsense("The IMF answered without a single yearly series; it does so for codes that it does not know",
                       document.url)
    return survey


def _note_edition(survey: _Survey, attributes: Mapping[str, str]) -> None:
    dates = attributes.get("PUBLICATION_DATE", "").strip(), attributes.get("UPDATE_DATE", "").strip()
    if any(dates):
        survey.edition.add(dates)


def _note_attributes(survey: _Survey, part: Part) -> None:
    """Keep what groups and series say of an indicator, or of a country's indicator; groups may follow their series."""
    attributes = part.attributes
    country, indicator = attributes.get("COUNTRY", ""), attributes.get("INDICATOR", "")
    if latest := attributes.get("LATEST_ACTUAL_ANNUAL_DATA", "").strip():
        survey.last_actual.setdefault((country, indicator), latest)
    if part.kind == GROUP and (unit := attributes.get("UNIT", "")):
        survey.units.setdefault(indicator, unit)


def _note_series(survey: _Survey, part: Part) -> None:
    indicator = part.attributes.get("INDICATOR", "")
    years = {int(period) for period, _ in part.observations if _is_yearly(part.attributes, period)}
    if not indicator or not years:
        return
    survey.years[indicator] |= years
    decimals = _decimals(part.attributes)
    if decimals is not None:
        survey.decimals[indicator] = max(decimals, survey.decimals.get(indicator, decimals))


def _decimals(attributes: Mapping[str, str]) -> int | None:
    """Return the decimals stated, in full units: 3 displayed in billions (SCALE 9) are -6, the last digit a million."""
    displayed, scale = attributes.get("DECIMALS_DISPLAYED", ""), attributes.get("SCALE", "") or "0"
    if _SMALL_NUMBER.fullmatch(displayed) and _SMALL_NUMBER.fullmatch(scale):
        return int(displayed) - int(scale)
    return None


def _is_asked(attributes: Mapping[str, str], wanted: Sequence[str]) -> bool:
    return not wanted or attributes.get("INDICATOR", "") in (*wanted, "")


def _is_yearly(attributes: Mapping[str, str], period: str) -> bool:
    return attributes.get("FREQUENCY", "A") == "A" and _YEAR.fullmatch(period) is not None


# --- the vintage --------------------------------------------------------------------------------------------------


def _batch(document: RawDocument, survey: _Survey, wanted: Sequence[str]) -> VintageBatch:
    missing = {each: "no series in the answer" for each in wanted if each not in survey.years}
    warnings = warn_missing("The IMF's answer", wanted, missing, document.url) if wanted else []
    vintage = _vintage(survey, document.url)
    complete = document.parameters.get("partial") != "yes"
    scopes = [Scope(vintage, indicator, tuple(sorted(years)), complete) for indicator, years in survey.years.items()]
    return VintageBatch(vintage, scopes, (), decimals=survey.decimals, warnings=[*warnings, *survey.notes])


def _vintage(survey: _Survey, url: str) -> Vintage:
    """Return the edition that the dataset states; its version number ("9.0.0") is the structure's, not the figures'."""
    if len(survey.edition) > 1:
        raise nonsense(f"The answer mixes {len(survey.edition)} editions: {sorted(survey.edition)}", url)
    published, updated = next(iter(survey.edition), ("", ""))
    if not published:
        raise nonsense("The answer states no PUBLICATION_DATE: whose edition it is cannot be known", url)
    try:
        return vintage_of_dates(published, updated)
    except ValueError as error:
        raise nonsense(str(error), url) from error


# --- second reading -----------------------------------------------------------------------------------------------


def _rows(document: RawDocument, survey: _Survey, wanted: Sequence[str], batch: VintageBatch) -> Iterator[StagedRecord]:
    """Yield the observations as staged records, counting in the batch what is left out."""
    for part in parts(document):
        if part.kind != SERIES:
            continue
        batch.rows_read += len(part.observations)
        if not _is_asked(part.attributes, wanted):
            batch.set_aside["not asked for"] += len(part.observations)
        elif not part.attributes.get("COUNTRY") or not part.attributes.get("INDICATOR"):
            batch.quarantined.extend(_nameless(part))
        else:
            yield from _series_rows(part, survey, batch)


def _series_rows(part: Part, survey: _Survey, batch: VintageBatch) -> Iterator[StagedRecord]:
    country, indicator = part.attributes["COUNTRY"], part.attributes["INDICATOR"]
    unit = unit_of(indicator) or survey.units.get(indicator, part.attributes.get("UNIT", ""))
    last = last_actual_year(survey.last_actual.get((country, indicator), ""))
    for period, value in part.observations:
        locator = f"{country}.{indicator}.{part.attributes.get('FREQUENCY', 'A')}/{period}"
        if not period:
            batch.quarantined.append(Quarantined("no-period", locator, value, "an observation without TIME_PERIOD"))
        elif not _is_yearly(part.attributes, period):
            batch.set_aside["not annual"] += 1
        else:
            status = status_of(int(period), last)
            yield StagedRecord(country, "", indicator, period, value, unit, "", status, locator)


def _nameless(part: Part) -> Iterator[Quarantined]:
    country, indicator = part.attributes.get("COUNTRY", "?"), part.attributes.get("INDICATOR", "?")
    for period, value in part.observations:
        yield Quarantined("no-key", f"{country}.{indicator}/{period}", value, "a series without COUNTRY or INDICATOR")
