"""Your own figures: CSV, TSV, JSON Lines or Parquet, gz and zst too, long or with a column a year.

Columns are recognised by common names or named with --columns country=…,year=…,value=…[,indicator=…,vintage=…]. With a
vintage column each vintage is a batch, and the file is read once for each: rows need not be sorted, and memory stays
bounded. Without one --vintage names the edition; without both the figures are a picture, dated by the file's day.
--indicator all takes every indicator that the file has: GDP first, then the others that we know, then the rest by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import chain, compress, repeat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from history.calendar import first_day, last_actual_year, parse_printing, status_of
from history.model import GIVEN, OBSERVED, STATED, Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from rules.cleaning import written_year
from rules.indicators import DEFAULT, INDICATORS, MAIN
from rules.records import UNKNOWN, Quarantined, StagedRecord
from sources import ALL, BaseSource, Request, VintageBatch
from sources._columns import Columns, recognise
from sources._file_edition import agrees, month_in_name
from sources._files import answer_of, file_document, require_files
from sources._marks import Undecidable
from sources._sheet import OLE2_MAGIC, ZIP_MAGIC
from sources._tables import SAFE, Block, Delimited, JsonLines, Survey, Table, Where, indicator_of
from sources._text import looks_like_html
from sources._units import Units, Unstated
from sources._unpack import is_packed, open_unpacked

if TYPE_CHECKING:
    from pipeline.http import Http

LABEL = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}?(?:\+[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9A-Z:.+-]{1,32})?)?")
MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00:00(?:\.0+)?(?:Z|\+00:00)?")
CODE = re.compile(r"[A-Z]{3}|[0-9]{3}|GX?[0-9]{2,5}")  # the last are the IMF's groups since October 2025
MOST_VINTAGES = 500  # the file is read once for each
PARQUET_MAGIC = b"PAR1"
PACKED = (".gz", ".zst")
FORMS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
# StagedRecord(...) runs Python for each figure, tuple.__new__ does not.
_record = cast("Callable[[tuple[str, ...]], StagedRecord]", partial(tuple.__new__, StagedRecord))


class Source(BaseSource):
    """A table of the user's own."""

    dataset = "table"
    needs_input = True
    every = (ALL,)  # the file tells which

    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield the files of --input, and the answer of --url where that is given. Raises UsageError, SourceError."""
        files = require_files(request, "python extract.py --source table --input figures.csv --unit billion")
        parameters = {"vintage": request.vintage, "indicators": ",".join(request.indicators), "unit": request.unit,
                      "dataset": request.dataset, "columns": json.dumps(dict(request.columns))}
        for path in files:
            day = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%d")
            yield file_document(path, {**parameters, "day": day})
        if request.url:
            yield answer_of(request.url, http, parameters)

    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield a batch for each vintage of each file. Raises SourceNonsense and UsageError."""
        for document in documents:
            name = document.parameters.get("name") or PurePosixPath(document.url).name or "table"
            yield from _File(document, name).batches()


def dataset_of(name: str, option: str) -> str:
    """Return "table:NAME": the NAME of --dataset, else the file's own without endings, in a-z, 0-9 and "-"."""
    stem = option or name
    for endings in (PACKED, FORMS) if not option else ():
        stem = next((stem[: -len(each)] for each in endings if stem.lower().endswith(each)), stem)
    return "table:" + (re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "table")


def open_table(document: RawDocument, name: str, columns: Mapping[str, str]) -> Table:
    """Return the document as a table, told by its first bytes. Raises SourceNonsense and UsageError."""
    with open_unpacked(document, name) as stream:
        start = stream.read(4096)
    _refuse_other_forms(start, name, is_packed(document))

    def recogniser(header: Sequence[str]) -> Columns:
        return recognise(header, columns)

    if start.startswith(PARQUET_MAGIC):
        from sources._parquet import ParquetTable
        return ParquetTable(document, name, recogniser)
    plain = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    ending = name.lower().removesuffix(".gz").removesuffix(".zst")
    if plain.startswith(b"{") or ending.endswith((".jsonl", ".ndjson")):
        return JsonLines(document, name, recogniser)
    return Delimited(document, name, recogniser)


def _refuse_other_forms(start: bytes, name: str, packed: bool) -> None:
    ending = name.lower()
    if start.startswith((ZIP_MAGIC, OLE2_MAGIC)):
        raise UsageError(f"{name} is a workbook or a zip archive", where=name, safe=SAFE,
                         next_command="save the sheet as CSV, or unpack the archive, and give that to --input")
    if looks_like_html(start):
        raise SourceNonsense(f"{name} is a web page or XML, not a table", where=name, safe=SAFE,
                             next_command=f"head -3 {name}")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        raise UsageError(f"{name} is one JSON array; a table is read line by line", where=name, safe=SAFE,
                         next_command=f"jq -c '.[]' {name} > {name}l   # one object a line")
    if start.startswith(PARQUET_MAGIC):
        if packed:
            raise UsageError(f"{name} is a packed Parquet file; Parquet packs its columns itself", where=name,
                             safe=SAFE, next_command=f"unpack {name}, and give that to --input")
    elif ending.endswith((".parquet", ".pq")):
        raise SourceNonsense(f"{name} is named like a Parquet file, but is none", where=name, safe=SAFE,
                             next_command="write or download the file again")


class _File:
    """One file on its way to its batches."""

    def __init__(self, document: RawDocument, name: str) -> None:
        self.name, self.parameters = name, document.parameters
        asked = tuple(filter(None, self.parameters.get("indicators", "").split(","))) or DEFAULT
        self.every = asked == (ALL,)
        self.day = self.parameters.get("day") or document.fetched_at[:10]
        self.dataset = dataset_of(name, self.parameters.get("dataset", ""))
        self.table = open_table(document, name, json.loads(self.parameters.get("columns") or "{}"))
        self.columns = self.table.columns
        self.survey: Survey = self.table.survey(None if self.every else frozenset(asked))
        if not self.survey.keys:
            raise SourceNonsense(f"{name} has a header and no row under it that can be read", where=name, safe=SAFE,
                                 next_command=f"head -5 {name}")
        self.place_is_code = self.columns.code < 0 and all(
            CODE.fullmatch(each.strip()) for each in self.survey.places)
        self.asked = self._all() if self.every else asked
        self.indicators = self._indicators()
        self.kinds = self._kinds()
        self.decimal_mark = self._decimal_mark()
        self.years = {text: written_year(text) for text in {key[2] for key in self.survey.keys}}
        self.spoken = self._spoken()

    def _next(self, options: str) -> str:
        return f"python extract.py --source table --input {self.name} {options}"

    # --- what the columns mean ------------------------------------------------------------------------------------

    def _all(self) -> tuple[str, ...]:
        """Return every indicator of the file, GDP first, then the others that we know, then the rest by name."""
        if self.columns.indicator < 0:
            return (MAIN,)
        names = {indicator_of(key[1]) for key in self.survey.keys} - {""}
        return tuple(name for name in (*INDICATORS, *sorted(names - INDICATORS.keys())) if name in names)

    def _indicators(self) -> dict[str, str]:
        """Return the text of the indicator column -> canonical name, of the indicators that were asked for."""
        if self.columns.indicator < 0:
            return {"": self.asked[0]}
        texts, asked = {key[1] for key in self.survey.keys}, frozenset(self.asked)
        found = {text: indicator_of(text) for text in texts if indicator_of(text) in asked}
        if not found and self.every:
            raise SourceNonsense(f"{self.name} has an indicator column, and no row under it names one",
                                 where=self.name, safe=SAFE, next_command=f"head -5 {self.name}")
        if not found:
            seen = ", ".join(sorted(text[:40] for text in texts)[:12])
            raise SourceNonsense(f"{self.name} has none of {', '.join(self.asked)}; its indicators are {seen}",
                                 where=self.name, safe=SAFE, next_command=self._next("--indicator CODE"))
        return found

    def _kinds(self) -> dict[tuple[str, str, str], tuple[str, str, str]]:
        """Return (indicator text, unit text, scale text) -> staged indicator, unit and scale. Raises UsageError."""
        at = self.columns
        units = Units(self.parameters.get("unit", ""), at.stated, unit_column=at.unit >= 0,
                      scale_column=at.scale >= 0)
        found = {}
        try:
            for _, text, _, unit, scale in sorted(self.survey.keys):
                if text in self.indicators:
                    name = self.indicators[text]
                    found[text, unit, scale] = (name, *units.of(text.strip(), name, unit, "" if at.full else scale))
        except Unstated as error:
            raise UsageError(f"{self.name}: {error}", where=self.name, safe=SAFE,
                             next_command=self._next("--unit billion   # or million, or usd")) from error
        return found

    def _spoken(self) -> dict[str, dict[str, set[int]]]:
        """Return text of the vintage column -> indicator -> the years that its rows are of."""
        wide = {int(year) for _, year in self.columns.wide}
        numbers = {text: wide or {int(year)} if len(year) == 4 and year.isascii() and year.isdigit() else wide
                   for text, year in self.years.items()}
        found: dict[str, dict[str, set[int]]] = {}
        for label, text, year, _, _ in self.survey.keys:
            if text in self.indicators:
                found.setdefault(label, {}).setdefault(self.indicators[text], set()).update(numbers[year])
        return found

    def _decimal_mark(self) -> str:
        try:
            return self.survey.marks.decide()
        except Undecidable as error:
            raise SourceNonsense(
                f"{self.name} does not tell which sign is its decimal mark: {error}. Guessing wrong would change "
                "figures a thousandfold", where=self.name, safe=SAFE,
                next_command="write the file again without thousands marks and with a decimal point") from error

    # --- vintages -------------------------------------------------------------------------------------------------

    def _labels(self) -> dict[str, frozenset[str]]:
        """Return label -> the texts of the vintage column that mean it, in order; blank ones go with the first."""
        labels: dict[str, set[str]] = {}
        blank = set()
        for text in {key[0] for key in self.survey.keys}:
            label = MIDNIGHT.sub(r"\1", text.strip())
            if not label:
                blank.add(text)
            elif not LABEL.fullmatch(label):
                raise self._no_vintages(f"{label[:80]!r} is no label of a vintage")
            else:
                labels.setdefault(label, set()).add(text)
        if not labels or len(labels) > MOST_VINTAGES:
            raise self._no_vintages(f"the vintage column has {len(labels):,} different labels")
        ordered = sorted(labels, key=lambda label: self._vintage(label, STATED).key)
        labels[ordered[0]] |= blank
        return {label: frozenset(labels[label]) for label in ordered}

    def _no_vintages(self, what: str) -> UsageError:
        return UsageError(f"{self.name}: {what}", where=self.name, safe=SAFE,
                          next_command=self._next("--columns vintage=COLUMN   # such as 2025-10 in each row"))

    def _vintage(self, label: str, dating: str) -> Vintage:
        try:
            label, updated = parse_printing(label)
        except ValueError as error:
            raise UsageError(f"{self.name}: {error}", where=self.name, safe=SAFE, next_command=self._next(
                "--vintage 2022-10+2022-11-30") if dating == GIVEN else "write it as 2022-10+2022-11-30") from error
        return Vintage(self.dataset, label, first_day(label), updated, dating)

    def _refuse_other_vintage(self, labels: list[str]) -> None:
        given = self.parameters.get("vintage", "").strip()
        if given and labels != [given]:
            more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
            raise UsageError(f"--vintage {given[:80]} contradicts the column of vintages in {self.name}, which says "
                             f"{', '.join(labels[:3])}{more}", where=self.name, safe=SAFE,
                             next_command="the same command without --vintage")

    def batches(self) -> Iterator[VintageBatch]:
        """Yield the file's batches, oldest vintage first; the rows that cannot be read go with the first.

        Raises UsageError for a --vintage that is no label or contradicts the file.
        """
        if self.columns.vintage >= 0:
            labels = self._labels()
            self._refuse_other_vintage(list(labels))
            for number, (label, texts) in enumerate(labels.items()):
                yield self._batch(self._vintage(label, STATED), texts, first=number == 0)
            return
        given = self.parameters.get("vintage", "").strip()
        if given and not LABEL.fullmatch(given):
            raise UsageError(f"--vintage {given[:80]!r} is no label: letters, digits, '.', '-', '+' and '_' make one",
                             where="--vintage", safe=SAFE, next_command=self._next("--vintage 2025-10"))
        vintage, month = self._vintage(given or self.day, GIVEN if given else OBSERVED), month_in_name(self.name)
        if given and month and not agrees(month, parse_printing(given)):
            raise UsageError(f"--vintage {given} contradicts the name of the file, {self.name}, which speaks of "
                             f"{month}", where=self.name, safe=SAFE, next_command=self._next(
                                 f"--vintage {month}   # or rename the file, where its name is wrong"))
        yield self._batch(vintage, None, first=True)

    def _batch(self, vintage: Vintage, texts: frozenset[str] | None, *, first: bool) -> VintageBatch:
        years: dict[str, set[int]] = {}
        for label in self.spoken if texts is None else texts & self.spoken.keys():
            for name, of_label in self.spoken[label].items():
                years.setdefault(name, set()).update(of_label)
        complete = vintage.dating != OBSERVED  # who names the edition says that what is not in it is withdrawn
        scopes = [Scope(vintage, each, tuple(sorted(years[each])), complete) for each in self.asked if each in years]
        coded = self.columns.indicator >= 0
        decimals = {each or self.asked[0]: n for each, n in self.survey.decimals.items() if each or not coded}
        batch = VintageBatch(vintage, scopes, (), self.decimal_mark, decimals)
        where: list[tuple[int, frozenset[str]]] = [] if texts is None else [(self.columns.vintage, texts)]
        if coded and not self.every:
            where.append((self.columns.indicator, frozenset(self.indicators)))
        batch.rows = self._rows(batch, where, first=first)
        return batch

    # --- rows -----------------------------------------------------------------------------------------------------

    def _rows(self, batch: VintageBatch, where: Where, *, first: bool) -> Iterator[StagedRecord]:
        """Yield the records of one vintage, and keep the batch's balance."""
        wide, skipped, yielded = self.columns.wide or ((-1, ""),), [0] * len(where), 0

        def unreadable(row: Quarantined) -> None:
            if first:
                batch.quarantined.append(row)

        try:
            for whole in self.table.blocks(where, skipped, unreadable):
                block = self._usable(whole, batch, first=first)
                if block[0]:
                    yielded += len(block[0]) * len(wide)
                    columns = [self._records(block, value_at, year) for value_at, year in wide]
                    yield from columns[0] if len(columns) == 1 else chain.from_iterable(zip(*columns, strict=True))
        finally:
            if not self.every and self.columns.indicator >= 0 and skipped[-1]:
                batch.set_aside["not asked for"] += skipped[-1] * len(wide)
            batch.rows_read += yielded + sum(batch.set_aside.values()) + len(batch.quarantined)

    def _usable(self, block: Block, batch: VintageBatch, *, first: bool) -> Block:
        """Return the block without the rows that say nothing where they must; these are quarantined."""
        roles = (("vintage", self.columns.vintage, first), ("indicator", self.columns.indicator, self.every))
        for word, at, matters in roles:
            lines, cells = block
            if not matters or at < 0 or all(map(str.strip, cells[at])):
                continue
            good = [bool(text.strip()) for text in cells[at]]
            for number, fine in enumerate(good):
                if not fine:
                    batch.quarantined.append(Quarantined(
                        f"no {word}", f"{self.name} {self.table.word} {lines[number]}",
                        " | ".join(column[number] for column in cells)[:500], f"the row names no {word}"))
            block = list(compress(lines, good)), [list(compress(column, good)) for column in cells]
        return block

    def _records(self, block: Block, value_at: int, year: str) -> Iterable[StagedRecord]:
        """Return the records of a block; of a wide table those of one column, which holds the figures of `year`.

        No Python code runs for each figure, of which the largest tables have a hundred million.
        """
        at, (lines, cells) = self.columns, block
        nothing = [""] * len(lines)

        def column(index: int) -> Sequence[str]:
            return cells[index] if index >= 0 else nothing

        code_at, name_at = (at.name, -1) if self.place_is_code else (at.code, at.name)
        kinds = zip(column(at.indicator), column(at.unit), column(at.scale), strict=True)
        names, units, scales = zip(*map(self.kinds.__getitem__, kinds), strict=True)
        begin = f"{self.name} {self.table.word} "
        locators: Iterable[str] = map(begin.__add__, map(str, lines))
        years: Sequence[str]
        if value_at < 0:
            value_at, years = at.value, list(map(self.years.__getitem__, cells[at.year]))
        else:
            years, locators = [year] * len(lines), [f"{each}, column {year}" for each in locators]
        statuses = map(_status, years, cells[at.last]) if at.last >= 0 else repeat(UNKNOWN)
        return map(_record, zip(column(code_at), column(name_at), names, years, cells[value_at], units, scales,
                                statuses, locators, strict=False))


@lru_cache(maxsize=1 << 16)
def _status(year: str, last: str) -> str:
    return status_of(int(year), last_actual_year(last)) if year.isascii() and year.isdigit() else UNKNOWN
