"""A figure as it was published: archived bytes parsed again, and in words what the rules made of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from types import GeneratorType
from typing import NamedTuple

import sources
from pipeline.archive import Archive
from pipeline.errors import WorldEconomiesError
from rules import cleaning
from rules.identity import Identity
from rules.indicators import INDICATORS, MAIN
from rules.records import ACTUAL, AGGREGATE, FORECAST, StagedRecord
from sources import VintageBatch


class Wanted(NamedTuple):
    """A figure to find: in which batch (DATASET/SLUG, as batch ids begin), whose, and the value the database holds."""

    batch: str
    indicator: str
    iso3: str
    year: int
    value_text: str
    decimals: int


@dataclass
class Found:
    """A cell, and how it became a figure. record: None where there is none, and `fault` says why.

    last_actual: the last year before it that its series has as actual; 0 where there is none.
    """

    record: StagedRecord | None = None
    fault: str = ""
    files: list[str] = field(default_factory=list)
    decimal_mark: str = "."
    stated: int | None = None
    last_actual: int = 0


class Reader:
    """Reads archived answers, each of them once for all that is wanted of it."""

    def __init__(self, archive: Archive, identity: Identity) -> None:
        self.archive = archive
        self.identity = identity

    def find(self, archive_id: str, wanted: Sequence[Wanted]) -> dict[Wanted, Found]:
        """Return what an archived answer says of each; what is missing or damaged is said in the fault."""
        if not archive_id:
            return {each: Found(fault="the load names no archived answer") for each in wanted}
        found: dict[Wanted, Found] = {}
        files: list[str] = []
        try:
            root = self.archive.root(self.archive.read(archive_id))
            files = [f"{each['body'] or each.get('file', '')} ({each['kind']}, {each['bytes']:,} bytes), sha256 "
                     f"{each['sha256']}" for each in root["documents"]]
            self._parse(str(root["source"]), archive_id, wanted, found)
            fault = "the archived answer has no such figure"
        except (WorldEconomiesError, KeyError) as error:
            fault = error.what if isinstance(error, WorldEconomiesError) else "the archive's record has not its fields"
        for each in wanted:
            found.setdefault(each, Found(fault=fault)).files = files
        return found

    def _parse(self, source: str, archive_id: str, wanted: Sequence[Wanted], found: dict[Wanted, Found]) -> None:
        """Read batch after batch until everything wanted is found."""
        for batch in sources.open_source(source).parse(self.archive.load(archive_id)):
            slug = f"{batch.vintage.dataset}/{batch.vintage.slug}"
            for each in wanted:
                if each.batch == slug and (cell := self._in_batch(batch, each)):
                    found[each] = cell
            if len(found) == len(wanted):
                return

    def _in_batch(self, batch: VintageBatch, wanted: Wanted) -> Found | None:
        """Return the cell that became the figure, else the last one of its key, None where there is none."""
        other: Found | None = None
        last_actual: dict[str, int] = {}
        rows = iter(batch.rows)
        for row in _closed(rows):
            if row.indicator != wanted.indicator or row.status == AGGREGATE or not self._is_of(row, wanted.iso3):
                continue
            year = cleaning.year_of(row.year) or 0
            if row.status == ACTUAL and year < wanted.year:
                last_actual[row.code] = max(year, last_actual.get(row.code, 0))
            if year != wanted.year:
                continue
            cell = Found(row, decimal_mark=batch.decimal_mark, stated=batch.decimals.get(row.indicator),
                         last_actual=last_actual.get(row.code, 0))
            text, decimals = figure_of(cell)
            if text and _same(text, decimals, wanted):
                return cell
            other = cell if text else other
        return other

    def _is_of(self, row: StagedRecord, iso3: str) -> bool:
        key = (row.code, row.name)
        if key not in self._places:
            self._places[key] = self.identity.resolve(*key)
        return self._places[key] == iso3
