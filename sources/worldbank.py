"""World Bank, World Development Indicators from the bank's API, all pages of all economies and years.

Asks BASE/country/all/indicator/CODE page by page for each indicator, and BASE/country for what tells economies from
aggregates; --url replaces BASE. Every page is counted: a short answer is refused, not staged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from history.calendar import iso_day
from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceError, SourceNonsense
from rules.indicators import DEFAULT, WORLD_BANK, canonical
from rules.records import ACTUAL, AGGREGATE, FORECAST, Quarantined, StagedRecord
from sources import BaseSource, Request, VintageBatch
from sources._json import asked_for, decimals_of, load, nonsense, text_of, unit_of, warn_missing

if TYPE_CHECKING:
    from pipeline.http import Http

MOST_PAGES = 1000  # a WDI indicator has two pages of 10,000; more than this is no answer but an attack or a fault
_YEAR = re.compile(r"[0-9]{4}")
_NUMBER = re.compile(r"[0-9]{1,12}")


class _Page(NamedTuple):
    """One page: `said` is the API's message in place of rows, "" where there are rows."""

    said: str
    number: int
    pages: int
    total: int
    updated: str
    rows: list[Any]


@dataclass
class _Answer:
    """All pages of one indicator."""

    records: list[StagedRecord] = field(default_factory=list)
    years: set[int] = field(default_factory=set)
    decimals: int = 0


class Source(BaseSource):
    """The World Bank's JSON API, v2; `lastupdated` is the vintage."""

    dataset = "worldbank-wdi"
    takes = frozenset({"url"})
    default_url = "https://api.worldbank.org/v2"

    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield every page of every indicator as "data", then every page of the list of economies as "countries"."""
        base = (request.url or self.default_url).rstrip("/")
        indicators = request.indicators or DEFAULT
        asked = {"indicators": ",".join(indicators)}
        for indicator in indicators:
            code = WORLD_BANK.get(indicator, indicator)
            url = f"{base}/country/all/indicator/{quote(code, safe='')}"
            try:
                yield from _fetch_pages(http, url, "data", 10_000, {"indicator": indicator, **asked})
            except SourceNonsense:
                if indicator == indicators[0]:
                    raise
        try:
            yield from _fetch_pages(http, f"{base}/country", "countries", 400, asked)
        except SourceError:
            return  # the built-in table of aggregates decides then

    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield the one batch in the documents.

        Raises SourceNonsense for missing rows, for pages of two editions, and where the main indicator is missing.
        """
        data = [document for document in documents if document.kind == "data"]
        if not data:
            return
        pages, problems = _paged(data)
        wanted = asked_for(data) or tuple({**pages, **problems})
        missing = {each: problems.get(each, "no answer") for each in wanted if each not in pages}
        warnings = warn_missing("The World Bank", wanted, missing, data[0].url)
        aggregates = _aggregates([document for document in documents if document.kind == "countries"], warnings)
        batch = _batch(pages, _vintage(pages, data[0].url), aggregates, warnings)
        staged = {scope.indicator for scope in batch.scopes}
        empty = {each: "no yearly figure in the answer" for each in pages if each not in staged}
        batch.warnings += warn_missing("The World Bank", wanted, empty, data[0].url)
        yield batch


# --- pages --------------------------------------------------------------------------------------------------------


def _fetch_pages(http: Http, url: str, kind: str, per_page: int, parameters: dict[str, str]) -> Iterator[RawDocument]:
    """Yield page after page, as many as the first one announces. Raises SourceNonsense for more than MOST_PAGES."""
    number, pages = 1, 1
    while number <= pages:
        params = {"format": "json", "per_page": str(per_page), "page": str(number)}
        document = http.get(url, kind=kind, params=params, expect="json",
                            parameters={**parameters, "page": str(number)})
        yield document
        if number == 1:
            pages = _page(document).pages
        number += 1


def _page(document: RawDocument) -> _Page:
    """Read one page. Raises SourceNonsense for what is neither a page nor the API's own message."""
    content = load(document)
    meta = content[0] if isinstance(content, list) and content else None
    if not isinstance(meta, dict):
        raise nonsense("The answer is not the World Bank's pair of description and rows", document.url)
    if "message" in meta:
        return _Page(_message(meta["message"]), 0, 0, 0, "", [])
    number, pages, total = (_count(meta, name, document.url) for name in ("page", "pages", "total"))
    if pages > MOST_PAGES:
        raise nonsense(f"The World Bank announces {pages:,} pages, more than the {MOST_PAGES:,} that can be true",
                       document.url)
    rows = content[1] if len(content) > 1 else None
    if not isinstance(rows, list) or not (rows or total):
        return _Page("no data", number, pages, total, "", [])
    return _Page("", number, pages, total, text_of(meta.get("lastupdated")), rows)


def _count(meta: dict[str, Any], name: str, url: str) -> int:
    """Read a number of the description; per_page and others are text at times."""
    text = meta.get(name)
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        return int(text)
    if text is None and name != "total":
        return 1
    raise nonsense(f"The World Bank's answer states {name} as {str(text)[:40]!r}", url)


def _message(content: Any) -> str:
    lines = content if isinstance(content, list) else [content]
    told = [": ".join(filter(None, (text_of(line.get("key")), text_of(line.get("value")))))
            for line in lines if isinstance(line, dict)]
    return "the API says " + ("; ".join(filter(None, told)) or str(content)[:200])


def _paged(data: Sequence[RawDocument]) -> tuple[dict[str, list[_Page]], dict[str, str]]:
    """Return the complete pages of each indicator, and why others have none."""
    pages: dict[str, list[_Page]] = {}
    problems: dict[str, str] = {}
    urls: dict[str, str] = {}
    for document in data:
        indicator = document.parameters.get("indicator", "")
        try:
            page = _page(document)
        except SourceNonsense as error:
            problems[indicator] = error.what
            continue
        indicator = indicator or _indicator_of(page)
        urls[indicator] = document.url
        if page.said:
            problems[indicator] = page.said
        else:
            pages.setdefault(indicator, []).append(page)
    for indicator, found in pages.items():
        _check_complete(indicator, found, urls[indicator])
    return pages, problems


def _indicator_of(page: _Page) -> str:
    row = page.rows[0] if page.rows and isinstance(page.rows[0], dict) else {}
    return canonical(_inner(row, "indicator", "id"))


def _check_complete(indicator: str, found: Sequence[_Page], url: str) -> None:
    """Raise SourceNonsense unless these are all pages of one answer, each once, with all the rows announced."""
    first = found[0]
    rows = sum(len(page.rows) for page in found)
    if any((page.pages, page.total, page.updated) != (first.pages, first.total, first.updated) for page in found):
        raise nonsense(f"The World Bank's figures of {indicator} changed while they were read; run again", url)
    if rows != first.total:
        raise nonsense(f"The World Bank announces {first.total:,} rows of {indicator} and gave {rows:,} "
                       f"({len(found)} of {first.pages} pages)", url)
    if sorted(page.number for page in found) != list(range(1, first.pages + 1)):
        raise nonsense(f"The World Bank gave pages {sorted(page.number for page in found)} of {indicator} where 1 to "
                       f"{first.pages} were asked for", url)


def _vintage(pages: dict[str, list[_Page]], url: str) -> Vintage:
    updates = {page.updated for found in pages.values() for page in found}
    if len(updates) > 1:
        raise nonsense("The World Bank's figures changed while they were read (last updated "
                       f"{' and '.join(sorted(updates))[:100]}); run again", url)
    updated = next(iter(updates))
    day = iso_day(updated)
    if not day:
        raise nonsense(f"The World Bank states lastupdated as {updated[:40]!r}, which is no date", url)
    return Vintage(Source.dataset, label=day, published=day)


def _aggregates(documents: Sequence[RawDocument], warnings: list[str]) -> set[str]:
    """Return the codes of aggregates, three letters and two: their region's id is "NA", the text and no missing value.

    Namibia's two letters are "NA" as well, and it is no aggregate.
    """
    found: set[str] = set()
    for document in documents:
        try:
            rows = _page(document).rows
        except SourceNonsense as error:
            warnings.append(f"The World Bank's list of economies cannot be used: {error.what}")
            continue
        for row in rows:
            if isinstance(row, dict) and _inner(row, "region", "id") == "NA":
                found |= {text_of(row.get("id")), text_of(row.get("iso2Code"))}
    return found - {""}


def _inner(row: dict[str, Any], outer: str, name: str) -> str:
    inside = row.get(outer)
    return text_of(inside.get(name)) if isinstance(inside, dict) else ""


# --- rows ---------------------------------------------------------------------------------------------------------


def _batch(pages: dict[str, list[_Page]], vintage: Vintage, aggregates: set[str], warnings: list[str]) -> VintageBatch:
    batch = VintageBatch(vintage, (), (), warnings=warnings)
    answers = {}
    for indicator, found in pages.items():
        answers[indicator] = _answer(indicator, found, aggregates, batch)
    batch.scopes = [Scope(vintage, indicator, tuple(sorted(answer.years)), complete=True)
                    for indicator, answer in answers.items() if answer.records]
    batch.decimals = {scope.indicator: answers[scope.indicator].decimals for scope in batch.scopes}
    batch.rows = [record for answer in answers.values() for record in answer.records]
    return batch


def _answer(indicator: str, pages: Sequence[_Page], aggregates: set[str], batch: VintageBatch) -> _Answer:
    answer = _Answer()
    unit, theirs = unit_of(indicator), WORLD_BANK.get(indicator, indicator)
    for page in pages:
        for number, row in enumerate(page.rows, 1):
            batch.rows_read += 1
            locator = f"{theirs}, page {page.number}, row {number}"
            fault = _fault(row, theirs)
            if fault:
                batch.quarantined.append(Quarantined("not-a-figure", locator, str(row)[:200], fault))
            elif not _YEAR.fullmatch(row["date"]):
                batch.set_aside["not annual"] += 1
            else:
                _add(answer, row, aggregates, (indicator, unit, locator))
    return answer


def _fault(row: Any, code: str) -> str:
    """Return what is wrong with a row's shape, "" for nothing."""
    if not isinstance(row, dict):
        return "a JSON object was expected"
    if _inner(row, "indicator", "id") != code:
        return f"the row is of another indicator than {code}"
    if not isinstance(row.get("date"), str):
        return "the row has no date"
    if "value" not in row:
        return "the row has no value, not even null"
    if not isinstance(row["value"], str | None):
        return "the value is neither a number nor null"
    return "" if row.get("countryiso3code") or _inner(row, "country", "id") else "the row names no country"


def _add(answer: _Answer, row: dict[str, Any], aggregates: set[str], about: tuple[str, str, str]) -> None:
    """Stage one row: null becomes "", and income groups, which have no three letters, go by the country's id."""
    indicator, unit, locator = about
    code = text_of(row.get("countryiso3code")) or _inner(row, "country", "id")
    raw = row["value"] or ""
    if code in aggregates:
        status = AGGREGATE
    else:
        status = FORECAST if row.get("obs_status") == "F" else ACTUAL
        answer.decimals = max(answer.decimals, decimals_of(raw))
    answer.years.add(int(row["date"]))
    answer.records.append(StagedRecord(code, _inner(row, "country", "value"), indicator, row["date"], raw, unit, "",
                                       status, locator))
