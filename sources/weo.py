"""IMF World Economic Outlook files: the whole database or a report, as downloaded or saved again.

Text of any encoding, tab, comma or semicolon separated (the IMF's ".xls" is such text), and .xlsx. The edition is read
from the file's own last line, and in the files of the IMF's data portal, which have none, from the column
PUBLICATION_DATE; never from the file's name, which can only contradict it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from history.calendar import last_actual_year, status_of
from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense
from rules.indicators import DEFAULT, MAIN, WEO_SUBJECTS, canonical
from rules.records import Quarantined, StagedRecord
from sources import BaseSource, Request, VintageBatch
from sources._file_edition import EDITION, SAFE, Evidence, decide
from sources._files import answer_of, file_document, require_files
from sources._marks import Marks, Undecidable
from sources._text import Decimals
from sources._weo_grid import PLACES, Block, Grid, Layout, normalised, read_grid

if TYPE_CHECKING:
    from pipeline.http import Http

FOOTNOTES = ("note:", "notes:", "source:", "sources:")
DIGIT = re.compile("[0-9]")
GROUP = re.compile(r"GX?[0-9]{2,5}")  # "G001" is the world: the data portal's files have groups among the countries
WHOLE_ECONOMIES, WHOLE_SUBJECTS = 180, 5  # at least these make a file a whole database

# What the IMF gives these subjects in, in every edition: for files that were stripped of the columns Units and Scale.
USUAL = {
    "NGDPD": ("U.S. dollars", "Billions"),
    "NGDP_RPCH": ("Percent change", ""),
    "NGDPDPC": ("U.S. dollars", "Units"),
    "LP": ("Persons", "Millions"),
    "PCPIPCH": ("Percent change", ""),
}
FOOTER, LAME, AMBIGUOUS, NOT_ASKED = "footer", "lame", "ambiguous", "not asked for"


class Source(BaseSource):
    """World Economic Outlook database and report files of the IMF."""

    dataset = "imf-weo"
    needs_input = True

    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield the files of --input, and the answer of --url where that is given. Raises UsageError, SourceError."""
        files = require_files(request, "python extract.py --source weo --input WEOOct2023all.xlsx")
        parameters = {"vintage": request.vintage, "indicators": ",".join(request.indicators)}
        for path in files:
            yield file_document(path, parameters)
        if request.url:
            yield answer_of(request.url, http, parameters)

    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield one batch a file. Raises SourceNonsense, and UsageError where no edition is named."""
        for document in documents:
            name = document.parameters.get("name") or PurePosixPath(document.url).name or "file"
            yield _File(document, name).batch()


@dataclass
class _Survey:
    """What one look over all rows found."""

    rows: Counter[str]  # kind of row, or indicator, -> rows
    with_figures: set[str]  # indicators with at least one figure
    economies: set[str]
    subjects: set[str]
    groups: int = 0  # rows of country groups among those of the countries

    @property
    def whole(self) -> bool:
        """True for a whole database: every subject for every economy, each told by its code."""
        rows = sum(n for kind, n in self.rows.items() if kind not in (FOOTER, LAME)) - self.groups
        return (len(self.economies) >= WHOLE_ECONOMIES and len(self.subjects) >= WHOLE_SUBJECTS
                and rows == len(self.economies) * len(self.subjects))


class _File:
    """One file on its way to a batch."""

    def __init__(self, document: RawDocument, name: str) -> None:
        self.name = name
        self.parameters = document.parameters
        self.asked = tuple(filter(None, document.parameters.get("indicators", "").split(","))) or DEFAULT
        self.grid: Grid = read_grid(document, name)
        self.blocks = [block for block in self.grid.blocks if block.layout.of_countries]
        self.kinds: dict[tuple[str, str, str], str] = {}
        self.warnings: list[str] = []

    def batch(self) -> VintageBatch:
        """Return the file's figures; everything that can refuse it as a whole has happened then."""
        self._refuse_other_tables()
        vintage = self._vintage()
        survey = self._survey()
        self._refuse_missing(survey)
        if any(not {"units", "scale"} <= block.layout.at.keys() for block in self.blocks):
            self.warnings.append(f"{self.name} has no column Units or Scale; its figures are read in the units the "
                                 "IMF always gives them in (GDP in billions of US dollars)")
        years = tuple(sorted({int(year) for block in self.blocks for _, year in block.layout.years}))
        scopes = [Scope(vintage, each, years, survey.whole) for each in self.asked if survey.rows[each]]
        batch = VintageBatch(vintage, scopes, (), self._decimal_mark(), self._decimals(), warnings=self.warnings)
        batch.rows = self._rows(batch)
        return batch

    def _nonsense(self, what: str, next_command: str = "") -> SourceNonsense:
        return SourceNonsense(f"{self.name} {what}", where=self.name, safe=SAFE, next_command=next_command)

    # --- the edition ----------------------------------------------------------------------------------------------

    def _vintage(self) -> Vintage:
        dates: set[tuple[str, str]] = set()
        last_actuals: Counter[str] = Counter()
        for block in self.blocks:
            at = block.layout
            if "published" in at.at:
                dates |= {(at.cell(row, "published"), at.cell(row, "updated")) for _, row in block.rows}
            if "start" in at.at:
                last_actuals.update(at.cell(row, "start") for _, row in block.rows)
        lines = [" ".join(line.split()) for line in self.grid.tail]
        told = Evidence(self.name, self.parameters.get("vintage", ""), lines, frozenset(dates - {("", "")}),
                        last_actuals)
        vintage, warnings = decide(told)
        self.warnings += warnings
        return vintage

    # --- what the rows are ----------------------------------------------------------------------------------------

    def _refuse_other_tables(self) -> None:
        if not self.blocks:
            raise self._nonsense("holds country groups, not countries",
                                 "download the file 'Countries' of the same edition, and give that to --input")
        if not any(block.rows and self._kind(block, row) != FOOTER for block in self.blocks for _, row in block.rows):
            raise self._nonsense("is a report without rows: a header and nothing under it",
                                 "select countries and subjects on the IMF's page and download the report again")
        for block in self.blocks:
            at, coded = block.layout.at, block.layout.has("subject")
            if not coded and "descriptor" not in at:
                raise self._nonsense("has no column that says which subject a row is",
                                     "download it with the column WEO Subject Code or Subject Descriptor")
            if not coded and "units" not in at:
                raise self._nonsense("names its subjects in words only, without Units or WEO Subject Code: US dollars "
                                     "and purchasing power parity cannot be told apart",
                                     "download it with the column Units or WEO Subject Code")

    def _kind(self, block: Block, row: list[str]) -> str:
        """Return the row's indicator if it was asked for, else NOT_ASKED, AMBIGUOUS, LAME or FOOTER."""
        layout = block.layout
        code = layout.cell(row, "subject")
        descriptor = layout.cell(row, "descriptor")
        if not (code or descriptor) or not any(layout.cell(row, role) for role in PLACES) or _footnote(row):
            return FOOTER if _footnote(row) or sum(map(bool, row)) < 2 else LAME
        key = (code, descriptor, layout.cell(row, "units"))
        if key not in self.kinds:
            self.kinds[key] = self._subject(*key)
        return self.kinds[key]

    def _subject(self, code: str, descriptor: str, units: str) -> str:
        if code:
            name = canonical(code)
        else:
            words = normalised(descriptor)
            name = WEO_SUBJECTS.get((words, normalised(units).removeprefix("annual ")), "")  # "Annual percent change"
            if not units and any(words == known for known, _ in WEO_SUBJECTS):
                return AMBIGUOUS
        return name if name in self.asked else NOT_ASKED

    def _survey(self) -> _Survey:
        survey = _Survey(Counter(), set(), set(), set())
        for block in self.blocks:
            coded = block.layout.has("iso") and block.layout.has("subject")
            for _, row in block.rows:
                kind = self._kind(block, row)
                survey.rows[kind] += 1
                code = block.layout.cell(row, "iso")
                if GROUP.fullmatch(code):
                    survey.groups += 1
                elif coded and kind not in (FOOTER, LAME):
                    survey.economies.add(code)
                    survey.subjects.add(block.layout.cell(row, "subject"))
                if kind in self.asked and kind not in survey.with_figures and _has_figure(block.layout, row):
                    survey.with_figures.add(kind)
        return survey

    def _refuse_missing(self, survey: _Survey) -> None:
        if MAIN in self.asked and MAIN not in survey.with_figures:
            raise self._nonsense(f"has no GDP in US dollars ({MAIN})",
                                 "give a file that has it, or name what you want of this one: --indicator NGDP_RPCH")
        if not survey.with_figures:
            raise self._nonsense(f"has no figure of {', '.join(self.asked)}",
                                 "name subjects that the file has: --indicator CODE")

    # --- numbers --------------------------------------------------------------------------------------------------

    def _decimal_mark(self) -> str:
        marks = Marks()
        for block in self.blocks:
            columns = [index for index, _ in block.layout.years]
            for _, row in block.rows:
                for index in columns:
                    cell = row[index] if index < len(row) else ""
                    if "," in cell or (marks.open_question and "." in cell):
                        marks.see(cell)
        try:
            return marks.decide()
        except Undecidable as error:
            raise self._nonsense(f"does not tell which sign is its decimal mark: {error}. Guessing wrong would change "
                                 "figures a thousandfold", "download the file from the IMF again, and do not save it "
                                 "from a spreadsheet") from error

    def _decimals(self) -> dict[str, int]:
        stated: dict[str, int] = {}
        decimals = Decimals(stated)
        for block in self.blocks:
            columns = {index for index, _ in block.layout.years}
            for place, row in block.rows if block.numbers else ():
                kind = self._kind(block, row)
                for index in columns & block.numbers.get(place, set()) if kind in self.asked else ():
                    decimals.see(kind, row[index])
        return stated

    def _rows(self, batch: VintageBatch) -> Iterator[StagedRecord]:
        for groups in (block for block in self.grid.blocks if not block.layout.of_countries):
            _aside(batch, "aggregate", len(groups.layout.years) * sum(len(row) > 1 for _, row in groups.rows))
        for block in self.blocks:
            for place, row in block.rows:
                kind = self._kind(block, row)
                if kind == NOT_ASKED:
                    _aside(batch, NOT_ASKED, len(block.layout.years))
                elif kind != FOOTER:
                    yield from _records(batch, block.layout, place, row, kind)


def _aside(batch: VintageBatch, reason: str, cells: int) -> None:
    batch.set_aside[reason] += cells
    batch.rows_read += cells


def _records(batch: VintageBatch, layout: Layout, place: str, row: list[str], kind: str) -> Iterator[StagedRecord]:
    """Yield a row's cells as records, or quarantine them where the row cannot be read."""
    width = layout.width
    if kind == LAME or (len(row) > width and any(row[width:])):
        what = "no country or no subject" if kind == LAME else f"{len(row)} cells under a header of {width}"
        batch.rows_read += 1
        batch.quarantined.append(Quarantined("unreadable row", place, " | ".join(row)[:500], what))
        return
    if len(row) < width:
        row = row + [""] * (width - len(row))
    batch.rows_read += len(layout.years)
    if kind == AMBIGUOUS:
        detail = f"{layout.cell(row, 'descriptor')}: without Units, US dollars and PPP cannot be told apart"
        batch.quarantined += [Quarantined("ambiguous subject", f"{place}, column {year}", row[index], detail)
                              for index, year in layout.years]
        return
    code = layout.cell(row, "iso") or layout.cell(row, "number")
    unit, scale = _unit(layout, row, kind)
    last = last_actual_year(layout.cell(row, "start"))
    name = layout.cell(row, "country")
    for index, year in layout.years:
        yield StagedRecord(code, name, kind, year, row[index], unit, scale, status_of(int(year), last),
                           f"{place}, column {year}")


def _unit(layout: Layout, row: list[str], indicator: str) -> tuple[str, str]:
    unit, scale = USUAL.get(indicator, ("", ""))
    return (layout.cell(row, "units") if "units" in layout.at else unit,
            layout.cell(row, "scale") if "scale" in layout.at else scale)


def _footnote(row: list[str]) -> bool:
    text = " ".join(cell for cell in row if cell)
    return text.lower().startswith(FOOTNOTES) or EDITION.search(text) is not None


def _has_figure(layout: Layout, row: list[str]) -> bool:
    return any(DIGIT.search(row[index]) for index, _ in layout.years if index < len(row))
