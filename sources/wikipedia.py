"""Wikipedia's "List of countries by GDP (nominal)": the IMF column, US$ million, each figure with its own year.

Which table and which of its columns: by header text, never by place. Layouts met so far: 2018, one table a publisher,
side by side in an outer table whose cells above name the publisher and the year; 2021 to mid 2025, two header rows, the
publisher over "GDP | Year" (or "Estimate", "Forecast"), the publishers in changing order, with or without a rank and
regions; since the end of 2025 one header row, "IMF (2025)". The vintage is the revision of the page. The World Bank's
and the United Nations' columns are NGDPD.WB and NGDPD.UN, set aside unless asked for by these names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from history.model import OBSERVED, STATED, Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from rules.indicators import MAIN
from rules.records import FORECAST, UNKNOWN, Quarantined, StagedRecord
from sources import BaseSource, Request, VintageBatch
from sources import _html_table as html
from sources._files import local_files
from sources._html_table import Element, Row, at, grid, nonsense, plain, text_of, written
from sources._wiki_words import A_YEAR, one_year, scale_of
from utils import utc_now

if TYPE_CHECKING:
    from pipeline.http import Http

PUBLISHERS = {
    "NGDPD": re.compile(r"\bIMF\b|International Monetary Fund", re.IGNORECASE),
    "NGDPD.WB": re.compile(r"\bWorld Bank\b", re.IGNORECASE),
    "NGDPD.UN": re.compile(r"\bUN\b|\bUnited Nations\b"),
}
MAX_COLUMNS = 30  # of a header; the widest real one has nine
MAX_TEXT = 300  # characters of a name or a figure; "Saint Vincent and the Grenadines[n 12]" has 38
DEFAULT_SCALE = "Millions"  # of every revision known; used with a warning where the page is silent

_COUNTRY = re.compile(r"\b(?:countr(?:y|ies)|territor(?:y|ies)|econom(?:y|ies)|locations?|nations?)\b", re.IGNORECASE)
_COUNTRY_HEADER = re.compile(r"(?:country|economy|territory)(?:\W+(?:or|and)?\W*(?:country|economy|territory)\W*)?",
                             re.IGNORECASE)
_RANK = re.compile(r"rank.*|#|no\.?|pos\.?|position", re.IGNORECASE)
_YEAR_HEADER = re.compile(r"year\b.*", re.IGNORECASE)
_FIGURES_HEADER = re.compile(r"\bGDP\b|US\$|\bUSD\b|\bestimates?\b|\bforecasts?\b|\bmillions?\b", re.IGNORECASE)
_NO_FIGURES_HEADER = re.compile(r"region|continent|growth|share|\bchange\b|population|\bnotes?\b|\brefs?\b|source|%",
                                re.IGNORECASE)
_FIGURE = re.compile(r"[0-9][0-9.,\s]*")
_NOT_AVAILABLE = re.compile(r"[\W_]*(?:n\W?a)?[\W_]*", re.IGNORECASE)
# Other lists of the same family have the same table with other figures in it.
_OTHER_FIGURES = re.compile(r"\bPPP\b|purchasing power|international dollar|\bint(?:ernational|'l|\.)?\s?\$|per capita",
                            re.IGNORECASE)
_REFUSALS = (
    ("a page for humans only", re.compile(r"captcha|are you a robot|unusual traffic|just a moment", re.IGNORECASE)),
    ("a login page", re.compile(r"\blog ?in\b|\bsign ?in\b", re.IGNORECASE)),
    ("an error page", re.compile(r"\berror\b|too many requests|not found|unavailable|bad title", re.IGNORECASE)),
)


class Source(BaseSource):
    """The English page, from the web, from a web archive or from files that a browser saved."""

    dataset = "wikipedia-nominal"
    default_url = "https://en.wikipedia.org/wiki/List_of_countries_by_GDP_(nominal)"
    own_years = True

    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield the page, or each saved page of --input. Raises SourceError, or UsageError for a missing file."""
        parameters = {"indicators": ",".join(request.indicators)}
        for path in local_files(request):
            if not path.is_file():
                raise UsageError(f"There is no file {path.name}", where=str(path), safe="nothing was read or changed",
                                 next_command="python extract.py --source wikipedia --input PAGE.html")
            yield RawDocument("page", path.name, utc_now(), parameters=parameters, path=path)
        if not request.inputs:
            yield http.get(request.url or self.default_url, kind="page", expect="html", parameters=parameters)

    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield one batch a page, with the years that the page gives. Raises SourceNonsense for any other page."""
        for document in documents:
            yield _batch(document)

    def fingerprint(self, document: RawDocument) -> str:
        """Return the sha256 of the revision and its figures: two answers for one revision differ in ids and clocks."""
        try:
            batch = _batch(document)
        except SourceNonsense:
            return super().fingerprint(document)
        label = "" if batch.vintage.dating == OBSERVED else batch.vintage.label
        return sha256(repr((label, list(batch.rows), batch.quarantined)).encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class _Line:
    """One row of a table as one estimate sees it. footer: it stands under the table, as totals do."""

    country: Element | None
    value: Element | None
    year: Element | None
    footer: bool
    locator: str


@dataclass(frozen=True)
class _Estimate:
    """One publisher's column.

    number:       the table's place on the page, from 1, nested tables counted.
    country, value, year: columns from 0; year is None where the header or the label holds it.
    ranked:       a rank stands before the country.
    width:        columns of the header.
    texts:        what names the column, the nearest first: header cells, caption, label.
    size:         rows of the table.
    """

    indicator: str
    table: Element
    number: int
    country: int
    value: int
    year: int | None
    ranked: bool
    width: int
    texts: tuple[str, ...]
    size: int

    @property
    def printed_year(self) -> str:
        """The year in the header, else in the caption or label, else ""."""
        return next(filter(None, map(one_year, self.texts)), "")

    @property
    def scale(self) -> str:
        """ "Millions", "Billions", "Trillions", or "" where none of the texts says so."""
        return next(filter(None, map(scale_of, self.texts)), "")

    def lines(self) -> Iterator[_Line]:
        """Yield the rows that are neither a header, a heading across the table nor empty."""
        for row in grid(self.table, MAX_COLUMNS + 1):
            cells, shift = self._aligned(row.cells)
            country, value = at(cells, self.country), at(cells, self.value)
            across, footer = value is not None and value is country, row.section == "tfoot"
            if across or (footer and value is None) or _is_header(row) or not written(row):
                continue
            yield _Line(country, value, at(cells, self.year), footer,
                        f"table {self.number} row {row.number} column {self.value + 1 - shift}")

    def _aligned(self, cells: list[Element | None]) -> tuple[list[Element | None], int]:
        """Return the cells in the header's columns: a row without its rank cell stands one to the left."""
        if not self.ranked or len(cells) != self.width - 1:
            return cells, 0
        before, here = at(cells, self.country - 1), at(cells, self.country)
        if before is not None and _is_name(text_of(before)) and not (here is not None and _is_name(text_of(here))):
            return [None, *cells], 1
        return cells, 0


# --- which column is which ----------------------------------------------------------------------------------------


def _estimates(found: Sequence[Element]) -> dict[str, list[list[_Estimate]]]:
    """Return each publisher's columns (NGDPD, NGDPD.WB, NGDPD.UN), a list a table, the table of most rows first."""
    lists: dict[str, list[list[_Estimate]]] = {indicator: [] for indicator in PUBLISHERS}
    for number, table in enumerate(found, 1):
        columns: dict[str, list[_Estimate]] = {}
        for estimate in _estimates_in(table, number):
            columns.setdefault(estimate.indicator, []).append(estimate)
        for indicator, own in columns.items():
            lists[indicator].append(own)
    return {indicator: sorted(own, key=lambda table: -table[0].size) for indicator, own in lists.items() if own}


def _estimates_in(table: Element, number: int) -> Iterator[_Estimate]:
    size = len(html.own_rows(table))
    paths = _paths(table) if size <= html.MAX_ROWS else []
    country = next((column for column, path in enumerate(paths) if path and _COUNTRY.search(path[-1])), None)
    if country is None:
        return
    caption, label = plain(html.caption_of(table)), ""
    publishers = [next(filter(None, map(_publisher, reversed(path))), "") for path in paths]
    if not any(publishers):
        publisher, label = _label(table, caption)
        publishers = [publisher if path and _FIGURES_HEADER.search(path[-1]) else "" for path in paths]
        if sum(map(bool, publishers)) > 1:
            return  # "GDP 1990 | GDP 2000" under a heading on the IMF is a history, not the list
    ranked = country > 0 and all(_RANK.fullmatch(text) for text in paths[0][-1:])
    for column, publisher in enumerate(publishers):
        if publisher and column != country and not _is_no_figure(paths[column][-1]):
            yield _Estimate(publisher, table, number, country, column, _year_column(paths, publishers, column), ranked,
                            len(paths), (*reversed(paths[column]), caption, label), size)


def _paths(table: Element) -> list[list[str]]:
    """Return, by column, the texts of the header cells above it from top to bottom, notes left out."""
    header = []
    for row in islice(grid(table, MAX_COLUMNS + 1), html.HEADER_ROWS):
        if not _is_header(row):
            break
        header.append(row.cells)
    width = max(map(len, header), default=0)
    known = range(width if width <= MAX_COLUMNS else 0)
    columns = [dict.fromkeys(at(cells, column) for cells in header) for column in known]
    return [[text for cell in column if cell is not None and (text := plain(text_of(cell)))] for column in columns]


def _is_header(row: Row) -> bool:
    """Return whether a row names columns: by its section, its tags or its words; one that holds a figure never does."""
    cells = [cell for cell in dict.fromkeys(row.cells) if cell is not None]
    texts = [plain(text_of(cell))[:MAX_TEXT] for cell in cells]
    if any(_FIGURE.fullmatch(text) and not A_YEAR.fullmatch(text) for text in texts):
        return False
    if row.section == "thead" or all(cell.tag == "th" for cell in cells):
        return any(texts)
    return (any(map(_COUNTRY_HEADER.fullmatch, texts))
            and any(_RANK.fullmatch(text) or _publisher(text) or _FIGURES_HEADER.search(text) for text in texts))


def _year_column(paths: Sequence[Sequence[str]], publishers: Sequence[str], value: int) -> int | None:
    """Return the Year column of a value column: its publisher's next one, or the table's only one."""
    years = [column for column, path in enumerate(paths) if path and _YEAR_HEADER.fullmatch(path[-1])]
    own = [column for column in years if publishers[column] == publishers[value]]
    after = [column for column in own if column > value]
    if after or len(own) == 1:
        return (after or own)[0]
    shared = [column for column in years if not publishers[column]]
    return shared[0] if len(shared) == 1 else None


def _publisher(text: str) -> str:
    """Return the indicator of the one publisher that a text names; "UN region" names none."""
    found = [indicator for indicator, pattern in PUBLISHERS.items() if pattern.search(text)]
    return found[0] if len(found) == 1 and "region" not in text.lower() else ""


def _label(table: Element, caption: str) -> tuple[str, str]:
    """Return the publisher that the caption or the nearest text around the table names, and that text."""
    for text in (caption, *map(plain, html.around(table))):
        if publisher := _publisher(text):
            return publisher, text
    return "", ""


def _is_no_figure(header: str) -> bool:
    return any((_YEAR_HEADER.fullmatch(header), _RANK.fullmatch(header), _NO_FIGURES_HEADER.search(header)))


# --- what a text says ---------------------------------------------------------------------------------------------


def _is_name(text: str) -> bool:
    """Return whether a cell's text can be a country's name: it has a letter and is no "N/A" or dash."""
    name = plain(text[:MAX_TEXT])
    return any(map(str.isalpha, name)) and _NOT_AVAILABLE.fullmatch(name) is None


def _has_figure(raw: str) -> bool:
    return re.search("[0-9]", plain(raw)) is not None


# --- one page -----------------------------------------------------------------------------------------------------


@dataclass
class _Reading:
    """What became of every cell of the recognised columns."""

    rows: list[StagedRecord] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)


def _batch(document: RawDocument) -> VintageBatch:
    root = html.parse_page(document)
    title = plain(root.findtext(".//title") or "")
    lists = _estimates(html.tables(root, document))
    columns = {indicator: tables[0] for indicator, tables in lists.items()}
    _refuse_other_lists(document, [title, *(text for each in columns.get(MAIN, ()) for text in each.texts)])
    if MAIN not in columns:
        raise nonsense(document, _no_table(title))
    _refuse_rivals(document, lists[MAIN])
    vintage = _vintage(root, document)
    asked = [name for name in document.parameters.get("indicators", "").split(",") if name] or [MAIN]
    reading, cells = _Reading(), 0
    for estimate in (each for found in columns.values() for each in found):
        for line in estimate.lines():
            cells += 1
            _read(estimate, line, vintage.published[:4], reading, asked)
    _refuse_empty(document, columns[MAIN], reading, asked)
    return VintageBatch(vintage, _scopes(vintage, reading.rows), reading.rows, rows_read=cells,
                        set_aside=reading.set_aside, quarantined=reading.quarantined,
                        warnings=_warnings(columns, asked))


def _read(estimate: _Estimate, line: _Line, revised: str, reading: _Reading, asked: Sequence[str]) -> None:
    """Stage, set aside or quarantine one cell.

    revised: the year of the revision. Figures of it and later are forecasts; of an earlier year the page does not tell.
    """
    raw = text_of(line.value) if line.value is not None else ""
    name = " ".join(text_of(line.country, displayed_only=True).split()) if line.country is not None else ""
    year = _year(estimate, line, raw)
    if estimate.indicator not in asked or line.footer:
        reading.set_aside["aggregate" if line.footer else "not asked for"] += 1
    elif line.value is None:
        reading.quarantined.append(Quarantined("missing cell", line.locator, name, "the row ends before this column"))
    elif max(len(raw), len(name)) > MAX_TEXT or html.CUT in f" {raw} {name}":
        reading.quarantined.append(Quarantined("too long", line.locator, raw[:MAX_TEXT], f"{name[:80]}: a long cell"))
    elif not _is_name(name):
        reading.quarantined.append(Quarantined("country name", line.locator, raw, f"no country: {name[:80]!r}"))
    elif not year and _has_figure(raw):
        seen = text_of(line.year)[:80] if line.year is not None else ""
        reading.quarantined.append(Quarantined("year", line.locator, raw, f"{name[:80]}: no one year in {seen!r}"))
    else:
        status = FORECAST if _has_figure(raw) and revised and year >= revised else UNKNOWN
        reading.rows.append(StagedRecord("", name, estimate.indicator, year, raw, "US$",
                                         estimate.scale or DEFAULT_SCALE, status, line.locator))


def _year(estimate: _Estimate, line: _Line, raw: str) -> str:
    """Return the year of one figure: in its own cell, "98,964 (2024)", else its Year cell's, else the header's."""
    own = re.search(r"\(([^()]*)\)\s*$", plain(raw))
    if own and A_YEAR.search(own.group(1)):
        return one_year(own.group(1))
    if line.year is None or line.year is line.value:
        return estimate.printed_year
    return one_year(text_of(line.year))


def _vintage(root: Element, document: RawDocument) -> Vintage:
    """Return the vintage: "rev1267927482" of 2025-01-07.

    A page without its number is labelled by day and minute of its last edit, "2025-01-07T0955". One that does not say
    when it was edited is dated by when it was rendered or archived, by Last-Modified or the day of fetching: OBSERVED.
    """
    number = html.revision_number(root)
    day, minute = html.last_edited(root)
    dating = STATED if day else OBSERVED
    try:
        day = day or html.rendered(document) or f"{parsedate_to_datetime(document.headers.get('last-modified', '')):%F}"
    except (ValueError, TypeError, IndexError, OverflowError):
        day = document.fetched_at[:10]
    return Vintage(Source.dataset, f"rev{number}" if number else day + minute, day, "", dating)


def _scopes(vintage: Vintage, rows: Sequence[StagedRecord]) -> list[Scope]:
    """Return one partial scope an indicator: the years are mixed, so that absence says nothing."""
    years: dict[str, set[int]] = {}
    for row in rows:
        years.setdefault(row.indicator, set()).update({int(row.year)} if row.year else ())
    return [Scope(vintage, indicator, tuple(sorted(found)), complete=False) for indicator, found in years.items()]


def _warnings(columns: dict[str, list[_Estimate]], asked: Sequence[str]) -> list[str]:
    silent = [name for name in columns if name in asked and not all(each.scale for each in columns[name])]
    missing = [name for name in asked if name in PUBLISHERS and name not in columns]
    return [*(f"The page does not say in which unit {name} is; taken as US$ million" for name in silent),
            *(f"The page has no column for {name}" for name in missing)]


def _refuse_other_lists(document: RawDocument, texts: Sequence[str]) -> None:
    for text in texts:
        if found := _OTHER_FIGURES.search(text):
            raise nonsense(document, f"The page lists other figures than nominal GDP: it says {found.group()!r} in "
                                     f"{text[:120]!r}")


def _refuse_rivals(document: RawDocument, lists: Sequence[Sequence[_Estimate]]) -> None:
    """Refuse a page with two lists of the IMF's that disagree: the longer one need not be the one that counts.

    A table of less than half the rows, the largest ten perhaps, is no second list.
    """
    chosen, rivals = lists[0], [each for each in lists[1:] if each[0].size * 2 >= lists[0][0].size]
    said = _said(chosen) if rivals else {}
    for rival in rivals:
        for name, figures in _said(rival).items():
            if said.get(name, figures) != figures:
                here, there = (f"{sorted(each)[0][1]} ({sorted(each)[0][0]})" for each in (said[name], figures))
                raise nonsense(document, "The page holds two lists of GDP by the IMF that disagree: of "
                                         f"{name[:80]} table {chosen[0].number} says {here}, table "
                                         f"{rival[0].number} {there}")


def _said(table: Sequence[_Estimate]) -> dict[str, set[tuple[str, str]]]:
    """Return country -> its (year, figure) of one table, figures without their thousands."""
    found: dict[str, set[tuple[str, str]]] = {}
    for estimate in table:
        for line in estimate.lines():
            if line.country is not None and line.value is not None and _has_figure(raw := text_of(line.value)):
                name = " ".join(text_of(line.country, displayed_only=True).split())
                found.setdefault(name, set()).add((_year(estimate, line, raw), re.sub("[^0-9.]", "", plain(raw))))
    return found


def _refuse_empty(document: RawDocument, columns: Sequence[_Estimate], reading: _Reading, asked: Sequence[str]) -> None:
    if not any(True for estimate in columns for _ in estimate.lines()):
        raise nonsense(document, "The table of GDP by the IMF has a header and no row")
    if MAIN in asked and not any(row.year and _has_figure(row.raw) for row in reading.rows):
        reason = reading.quarantined[0].detail if reading.quarantined else "every cell says that there is none"
        raise nonsense(document, f"The table of GDP by the IMF holds no figure that can be used: {reason}")


def _no_table(title: str) -> str:
    kind = next((f" and looks like {name}" for name, pattern in _REFUSALS if pattern.search(title)), "")
    told = f"; the page is titled {title[:100]!r}{kind}" if title else ""
    return f"The page holds no table with a column of countries and one of GDP by the IMF{told}"
