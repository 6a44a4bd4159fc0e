"""A figure as it was published: archived bytes parsed again, and in words what the rules made of the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
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
class Cell:
    """A cell of an archived answer. record None: there is none, and `fault` says why.

    files: the bodies of the answer, and hashes their sha256. stated: the decimals that the publisher states for the
    whole indicator. last_actual: the last year before it that its series has as actual; 0 where there is none.
    """

    record: StagedRecord | None = None
    fault: str = ""
    files: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    decimal_mark: str = "."
    stated: int | None = None
    last_actual: int = 0

    def figure(self) -> tuple[str, int]:
        """Return the cell's canonical text and decimals in its indicator's unit, "" where it is no figure."""
        if self.record is None:
            return "", 0
        places = cleaning.places_of(self.record.indicator, self.record.unit, self.record.scale)
        number = self.number()
        if isinstance(places, str) or not number.text:
            return "", 0
        return cleaning.shifted(number.text, places), (number.decimals if self.stated is None else self.stated) - places

    def number(self) -> cleaning.Number:
        """Return what the cell's text is read as, in the unit as published."""
        if self.record is None:
            return cleaning.NO_VALUE
        return cleaning.parse_number(self.record.raw, self.decimal_mark, percent=cleaning.is_percent(self.record.unit))


class Reader:
    """Reads archived answers, each once for all that is wanted of it."""

    def __init__(self, archive: Archive, identity: Identity) -> None:
        self.archive = archive
        self.identity = identity
        self._places: dict[tuple[str, str], str] = {}

    def find(self, archive_id: str, wanted: Sequence[Wanted]) -> dict[Wanted, Cell]:
        """Return the cell of each; an answer that is missing, damaged or unreadable by now is a fault, not an error."""
        found: dict[Wanted, Cell] = {}
        files, hashes = list[str](), list[str]()
        if not archive_id:
            return {each: Cell(fault="the load names no archived answer") for each in wanted}
        try:
            root = self.archive.root(self.archive.read(archive_id))
            files = [f"results/archive/{each['body']} ({each['kind']})" if each["kept"] else
                     f"{each.get('file') or 'dropped'} ({each['kind']})" for each in root["documents"]]
            hashes = [each["sha256"] for each in root["documents"]]
            self._parse(str(root["source"]), archive_id, wanted, found)
            fault = "the archived answer has no such figure"
        except WorldEconomiesError as error:
            fault = error.what
        for each in wanted:
            cell = found.setdefault(each, Cell(fault=fault))
            cell.files, cell.hashes = files, hashes
        return found

    def _parse(self, source: str, archive_id: str, wanted: Sequence[Wanted], found: dict[Wanted, Cell]) -> None:
        """Read batch after batch until everything wanted is found."""
        documents = self.archive.load(archive_id)
        for batch in sources.open_source(source).parse(documents):
            name = f"{batch.vintage.dataset}/{batch.vintage.slug}"
            for each in wanted:
                if each.batch == name and (cell := self._in_batch(batch, each)):
                    found[each] = cell
            if len(found) == len(wanted):
                return

    def _in_batch(self, batch: VintageBatch, wanted: Wanted) -> Cell | None:
        """Return the cell that became the figure, else the last one of its key, None where there is none."""
        last: Cell | None = None
        last_actual = 0
        for row in batch.rows:
            if row.indicator != wanted.indicator or row.status == AGGREGATE or self._place(row) != wanted.iso3:
                continue
            year = cleaning.year_of(row.year) or 0
            if row.status == ACTUAL and last_actual < year < wanted.year:
                last_actual = year
            if year == wanted.year:
                last = Cell(row, decimal_mark=batch.decimal_mark, stated=batch.decimals.get(row.indicator),
                            last_actual=last_actual)
                if is_same(*last.figure(), wanted):
                    break
        return last

    def _place(self, row: StagedRecord) -> str:
        key = (row.code, row.name)
        if key not in self._places:
            self._places[key] = self.identity.resolve(*key)
        return self._places[key]


def is_same(text: str, decimals: int, wanted: Wanted) -> bool:
    """Tell whether a figure is the one held: equal within half a unit of the coarser writing."""
    return bool(text) and abs(Decimal(text) - Decimal(wanted.value_text)) <= Decimal(5).scaleb(
        -1 - min(decimals, wanted.decimals))


# --- in words -----------------------------------------------------------------------------------------------------


def rules(cell: Cell, wanted: Wanted, identity: Identity) -> list[str]:
    """Return what was done to a cell on its way, a sentence each."""
    row = cell.record
    if row is None:
        return []
    place = f"{identity.explain(row.code, row.name)}, by the country table of {identity.version}"
    told = [place, reading(cell), scaling(cell), decimals(cell), forecast(cell), rounding(wanted)]
    text, _ = cell.figure()
    if text != wanted.value_text:
        told.append(f"the database holds {wanted.value_text}, the finer writing of another witness"
                    if is_same(*cell.figure(), wanted) else
                    f"the database holds {wanted.value_text}: the archived answer says otherwise")
    return [each for each in told if each]


def reading(cell: Cell) -> str:
    """Say how the text became a number."""
    raw, text = cell.record.raw if cell.record else "", cell.number().text
    if raw == text:
        return f"{raw!r} is read as it stands"
    done = [words for there, words in (
        ("♠" in raw, "the hidden sort key before ♠ left out"),
        (any(mark in raw for mark in "[†‡*#§"), "footnote marks left out"),
        ("$" in raw or "USD" in raw.upper(), "the currency's mark left out"),
        ("%" in raw, "the percent sign left out"),
        (cell.decimal_mark == "," and "," in raw, "the comma is the decimal mark"),
        (_grouped(raw.rpartition("♠")[2], cell.decimal_mark), "thousands marks removed"),
        ("e" in raw.lower() and "e" not in text, "the exponent written out"),
        (len(text.partition(".")[2]) < cell.number().decimals, "closing zeros dropped"),
    ) if there]
    return f"{raw!r} is read as {text}" + (f": {', '.join(done)}" if done else "")


def _grouped(raw: str, decimal_mark: str) -> bool:
    marks = "." if decimal_mark == "," else ","
    return any(before.isdigit() and mark in f"{marks}'’ \u00a0\u2007\u2009\u202f" and after.isdigit()
               for before, mark, after in zip(raw, raw[1:], raw[2:], strict=False))


def scaling(cell: Cell) -> str:
    """Say how it came to its indicator's unit."""
    row = cell.record
    if row is None or isinstance(places := cleaning.places_of(row.indicator, row.unit, row.scale), str):
        return ""
    known = INDICATORS.get(row.indicator)
    given = ", ".join(text for text in (row.unit, row.scale) if text) or "no unit"
    unit = known.unit if known else "single units"
    return f"{given} to {unit}: " + (f"times ten to the power of {places}" if places else "the same")


def decimals(cell: Cell) -> str:
    """Say how many decimals the publisher states, which is how exact the figure is taken to be."""
    _, count = cell.figure()
    if cell.stated is None:
        return f"{count} decimals, as this cell is written"
    return f"{count} decimals, as the publisher states them for all of {cell.record.indicator if cell.record else ''}"


def forecast(cell: Cell) -> str:
    """Say why it is a forecast or an actual."""
    row = cell.record
    if row is None or row.status not in (ACTUAL, FORECAST):
        return "the source does not tell forecasts from actuals"
    if row.status == ACTUAL:
        return f"actual: the source has {row.year} as an actual year of this series"
    last = f", whose last actual year is {cell.last_actual}" if cell.last_actual else ""
    return f"forecast: the source has {row.year} as a forecast of this series{last}"


def rounding(wanted: Wanted) -> str:
    """Say what reports and Countries_by_GDP show of it."""
    if wanted.indicator != MAIN:
        return ""
    return f"shown as {cleaning.half_up(wanted.value_text):,} in Countries_by_GDP and reports: half up to 2 places"
