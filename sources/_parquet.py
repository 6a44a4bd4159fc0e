"""Rows of a Parquet file in bounded memory; pyarrow is loaded here and only here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import repeat
from typing import Any

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from rules.indicators import canonical
from sources._columns import Unclear
from sources._marks import Marks
from sources._tables import MOST_KEYS, SAFE, Bad, Recogniser, Survey, Table, Where, no_header, too_many
from sources._text import MOST_DIGITS, positional, without_noise
from sources._unpack import open_binary

MAGIC = b"PAR1"
BATCH = 1 << 16  # rows in memory at a time


def _pyarrow(name: str) -> tuple[Any, Any, Any]:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(f"{name} is a Parquet file, and pyarrow, which reads them, is not installed", where=name,
                         safe="nothing was read or changed",
                         next_command="pip install -c constraints.txt '.[parquet]'") from error
    return pyarrow, pyarrow.compute, pyarrow.parquet


class ParquetTable(Table):
    """A Parquet file, flat, of texts, numbers and dates."""

    word = "row"

    def __init__(self, document: RawDocument, name: str, recogniser: Recogniser) -> None:
        self.document, self.name = document, name
        self.pa, self.pc, self.pq = _pyarrow(name)
        self.damaged = (self.pa.ArrowException, OSError, ValueError, MemoryError)
        with self._damage_named(), open_binary(document) as stream:
            schema = self.pq.ParquetFile(stream).schema_arrow
        self.header: list[str] = schema.names
        try:
            self.columns = recogniser(self.header)
        except Unclear as error:
            raise no_header(name, error, self.header) from error
        for index in self.columns.used:
            if self.pa.types.is_nested(schema.field(index).type):
                raise UsageError(f"{name}: column {self.header[index]} holds lists or records, not single values",
                                 where=name, safe=SAFE, next_command="name another one with --columns")

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        """Turn what pyarrow raises on damaged files into SourceNonsense."""
        try:
            yield
        except self.damaged as error:
            raise SourceNonsense(f"{self.name} is a damaged Parquet file: {str(error)[:200]}", where=self.name,
                                 safe=SAFE, next_command="write or download the file again") from error

    def _batches(self, indices: Sequence[int]) -> Iterator[Any]:
        """Yield record batches with these columns only, in the file's order, their texts valid."""
        with open_binary(self.document) as stream:
            file = self.pq.ParquetFile(stream)
            for batch in file.iter_batches(BATCH, columns=[self.header[index] for index in indices]):
                batch.validate(full=True)  # pyarrow itself does not look whether a text is UTF-8
                yield batch

    def _texts(self, column: Any) -> Any:
        """Return a column as an array of texts, "" for null, numbers without an exponent or the noise of binary."""
        types, kind = self.pa.types, column.type
        if types.is_dictionary(kind):
            texts = self._texts(column.dictionary)
            return self.pc.fill_null(texts.take(column.indices), "")
        if types.is_null(kind):
            return self.pa.array([""] * len(column), self.pa.string())
        if types.is_float32(kind) or types.is_float16(kind):  # their shortest text is not that of the same double
            texts = self.pc.fill_null(column.cast(self.pa.string()), "nan").to_pylist()
            return self.pa.array([positional(Decimal(each)).removesuffix(".0") for each in texts], self.pa.string())
        if types.is_floating(kind) or types.is_decimal(kind):
            return self.pa.array([_number(each) for each in column.to_pylist()], self.pa.string())
        if types.is_binary(kind) or types.is_large_binary(kind):
            return self.pa.array([(each or b"").decode("utf-8", "replace") for each in column.to_pylist()])
        return self.pc.fill_null(column.cast(self.pa.string()), "")

    def _column(self, batch: Any, index: int) -> Any:
        """Return the batch's column for a column of the header."""
        return batch.column(batch.schema.get_field_index(self.header[index]))

    def _mask(self, column: Any, allowed: Callable[[str], bool]) -> Any:
        """Return for each row whether its text is allowed; asked once for each different text."""
        if not self.pa.types.is_dictionary(column.type):
            column = self._texts(column).dictionary_encode()
        good = [allowed(text) for text in self._texts(column.dictionary).to_pylist()]
        return self.pc.fill_null(self.pa.array(good, self.pa.bool_()).take(column.indices), allowed(""))

    # --- the first look -------------------------------------------------------------------------------------------

    def survey(self, asked: frozenset[str]) -> Survey:
        """Look at all rows once, by whole columns."""
        with self._damage_named():
            return self._survey(asked)

    def _survey(self, asked: frozenset[str]) -> Survey:
        found, at = Survey(), self.columns
        parts = (at.vintage, at.indicator, at.year, at.unit, at.scale)
        present = [index for index in parts if index >= 0]
        place = max(at.name, at.code)
        largest: dict[tuple[str, bool], int] = {}
        for batch in self._batches(sorted({*present, *at.values, place})):
            for key in self._different([self._column(batch, index) for index in present]) if len(batch) else ():
                texts = iter(key)
                found.keys.add(tuple(next(texts) if index >= 0 else "" for index in parts))
            if len(found.keys) > MOST_KEYS:
                raise too_many(self.name)
            if len(found.places) < 200:
                found.places.update(self._texts(self._column(batch, place).slice(0, 200)).to_pylist())
            self._see_values(batch, found.marks, asked, largest)
        for (indicator, _), decimals in largest.items():
            found.decimals[indicator] = min(decimals, found.decimals.get(indicator, decimals))
        return found

    def _different(self, columns: list[Any]) -> Iterator[tuple[str, ...]]:
        """Yield the different combinations of these columns, as texts; grouped by codes where they are coded."""
        if not columns:
            yield ()
            return
        coded = [self.pa.types.is_dictionary(column.type) for column in columns]
        keys = [column.indices if code else column for column, code in zip(columns, coded, strict=True)]
        names = [str(number) for number in range(len(columns))]
        groups = self.pa.table(dict(zip(names, keys, strict=True))).group_by(names).aggregate([])
        texts = []
        for name, column, code in zip(names, columns, coded, strict=True):
            group = groups.column(name).combine_chunks()
            if code:
                group = self.pa.DictionaryArray.from_arrays(group, column.dictionary)
            texts.append(self._texts(group).to_pylist())
        yield from zip(*texts, strict=True)

    def _see_values(self, batch: Any, marks: Marks, asked: frozenset[str],
                    largest: dict[tuple[str, bool], int]) -> None:
        types, indicator_at = self.pa.types, self.columns.indicator
        if indicator_at >= 0:
            batch = batch.filter(self._mask(self._column(batch, indicator_at), lambda text: canonical(text) in asked))
            codes = self._texts(self._column(batch, indicator_at))
        else:
            codes = self.pa.array([""] * len(batch), self.pa.string())
        for column in (self._column(batch, index) for index in self.columns.values):
            if types.is_floating(column.type):
                for code, large, decimals in self._decimals(column, codes):
                    key = (canonical(code), large)
                    largest[key] = max(decimals, largest.get(key, 0))
            elif not types.is_integer(column.type):
                for cell in self._texts(column).to_pylist():
                    if "," in cell or (marks.open_question and "." in cell):
                        marks.see(cell)

    def _decimals(self, column: Any, codes: Any) -> Iterator[tuple[str, bool, int]]:
        """Yield (indicator code, is 1,000 or more, most decimals of such numbers) of a column of floats."""
        pc = self.pc
        texts = column.cast(self.pa.string())
        length, point = pc.utf8_length(texts), pc.find_substring(texts, ".")
        behind = pc.subtract(pc.subtract(length, point), 1)
        behind = pc.if_else(pc.or_(pc.less(point, 0), pc.ends_with(texts, ".0")), 0, behind)
        plain = pc.and_(pc.is_finite(column), pc.less_equal(length, MOST_DIGITS))
        plain = pc.and_(plain, pc.invert(pc.match_substring(texts, "e")))
        table = self.pa.table({"code": codes, "large": pc.greater_equal(pc.abs(column), 1000), "n": behind})
        for row in table.filter(plain).group_by(["code", "large"]).aggregate([("n", "max")]).to_pylist():
            yield row["code"], row["large"], row["n_max"]

    # --- the rows -------------------------------------------------------------------------------------------------

    def rows(self, where: Where, skipped: list[int], bad: Bad) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield (row number from 1, cells); the conditions are applied to whole columns."""
        with self._damage_named():
            yield from self._rows(where, skipped)

    def _rows(self, where: Where, skipped: list[int]) -> Iterator[tuple[int, Sequence[str]]]:
        first = 1
        for batch in self._batches(self.columns.used):
            lines: Any = range(first, first + len(batch))
            first += len(batch)
            mask = None
            for number, (index, allowed) in enumerate(where):
                passes = self._mask(self._column(batch, index), allowed.__contains__)
                passes = passes if mask is None else self.pc.and_(mask, passes)
                before = len(batch) if mask is None else mask.true_count
                skipped[number] += before - passes.true_count
                mask = passes
            if mask is not None:
                lines = [lines[at] for at in self.pc.indices_nonzero(mask).to_pylist()]
                batch = batch.filter(mask)
            if len(batch):
                cells: list[Any] = [repeat("")] * len(self.header)
                for index in self.columns.used:
                    cells[index] = self._texts(self._column(batch, index)).to_pylist()
                yield from zip(lines, zip(*cells, strict=False), strict=False)


def _number(value: float | Decimal | None) -> str:
    if isinstance(value, float):
        return without_noise(value)
    return "" if value is None else positional(value)
