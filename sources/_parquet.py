"""Rows of a Parquet file in bounded memory; pyarrow is loaded here and only here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import accumulate, groupby
from typing import Any

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from sources._columns import Unclear
from sources._csv_rows import Bad
from sources._marks import Marks
from sources._tables import (
    MOST_KEYS,
    SAFE,
    Block,
    Recogniser,
    Survey,
    Table,
    Where,
    indicator_of,
    no_header,
    too_many,
)
from sources._text import MOST_DIGITS, positional, without_noise
from sources._unpack import open_binary

BATCH = 1 << 16  # rows in memory at a time
NOISELESS = 6  # decimals: no publisher of such figures states more


def _pyarrow(name: str) -> tuple[Any, Any, Any]:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(f"{name} is a Parquet file, and pyarrow, which reads them, is not installed", where=name,
                         safe="nothing was read or changed",
                         next_command="python -m pip install -c constraints.txt '.[parquet]'") from error
    return pyarrow, pyarrow.compute, pyarrow.parquet


class ParquetTable(Table):
    """A Parquet file, flat, of texts, numbers and dates.

    The survey notes which row groups hold a vintage, and only these are read for it: of a file sorted by vintage each
    row is read twice, however many vintages there are.
    """

    word = "row"

    def __init__(self, document: RawDocument, name: str, recogniser: Recogniser) -> None:
        self.document, self.name = document, name
        self.pa, self.pc, self.pq = _pyarrow(name)
        self.damaged = (self.pa.ArrowException, OSError, ValueError, MemoryError)
        with self._damage_named(), open_binary(document) as stream:
            file = self.pq.ParquetFile(stream)
            schema, groups = file.schema_arrow, range(file.metadata.num_row_groups)
            sizes = [file.metadata.row_group(group).num_rows for group in groups]
        self.starts = [0, *accumulate(sizes)]  # of each row group, and the end
        self.held: dict[str, set[int]] = {}  # text of the vintage column -> row groups
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

    def _batches(self, indices: Sequence[int], groups: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Yield (rows before it, record batch) with these columns of these row groups, ascending, their texts valid."""
        names = [self.header[index] for index in indices]
        with open_binary(self.document) as stream:
            file = self.pq.ParquetFile(stream)
            for _, run in groupby(enumerate(groups), lambda pair: pair[1] - pair[0]):
                run_of = [group for _, group in run]
                before = self.starts[run_of[0]]
                for batch in file.iter_batches(BATCH, row_groups=run_of, columns=names):
                    batch.validate(full=True)  # pyarrow itself does not look whether a text is UTF-8
                    yield before, batch
                    before += len(batch)

    def _groups(self, before: int, count: int) -> range:
        """Return the row groups that these rows are in."""
        return range(bisect_right(self.starts, before) - 1, bisect_right(self.starts, before + count - 1))

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
        if types.is_float64(kind):
            return self._doubles(column)
        if types.is_decimal(kind):
            texts = ["" if each is None else positional(each) for each in column.to_pylist()]
            return self.pa.array(texts, self.pa.string())
        if types.is_binary(kind) or types.is_large_binary(kind):
            return self.pa.array([(each or b"").decode("utf-8", "replace") for each in column.to_pylist()])
        return self.pc.fill_null(column.cast(self.pa.string()), "")

    def _doubles(self, column: Any) -> Any:
        """Return doubles as texts, each what without_noise makes of it, most of them by whole columns.

        A third of the IMF's figures carry noise, and rounding to NOISELESS decimals takes it away. That is the number
        of MOST_DIGITS digits nearest to the double where it has no more digits and is less than half of the last one
        away; where either is not so, without_noise decides.
        """
        pc = self.pc
        texts, plain = self._shortest(column)
        if plain.true_count < len(column):
            small = pc.less(pc.abs(column), 10.0**MOST_DIGITS)  # rounding overflows where a number is large
            rounded = pc.round(pc.if_else(small, column, self.pa.scalar(None, column.type)), NOISELESS)
            again, short = self._shortest(rounded)
            size = pc.multiply(pc.abs(column), 0.999999)  # a hair under a power of ten its digits are finer
            last = pc.power(10.0, pc.subtract(pc.floor(pc.log10(size)), MOST_DIGITS - 1.0))
            near = pc.less(pc.abs(pc.subtract(column, rounded)), pc.multiply(last, 0.4))
            near = pc.fill_null(pc.and_(short, near), False)
            texts = pc.if_else(plain, texts, again)
            odd = pc.invert(pc.or_(plain, near))
            others = ["" if each is None else without_noise(each) for each in column.filter(odd).to_pylist()]
            texts = pc.replace_with_mask(texts, odd, self.pa.array(others, self.pa.string()))
        return texts

    def _shortest(self, column: Any) -> tuple[Any, Any]:
        """Return the shortest texts of doubles without ".0", and where they need no other writing and no rounding."""
        pc = self.pc
        texts = column.cast(self.pa.string())
        plain = pc.and_(pc.is_finite(column), pc.less_equal(pc.utf8_length(texts), MOST_DIGITS + 1))
        plain = pc.fill_null(pc.and_(plain, pc.invert(pc.match_substring(texts, "e"))), False)
        return pc.if_else(pc.ends_with(texts, ".0"), pc.utf8_slice_codeunits(texts, 0, -2), texts), plain

    def _coded(self, column: Any) -> Any:
        """Return a column as codes of its different values, as the file has it or of its texts."""
        return column if self.pa.types.is_dictionary(column.type) else self._texts(column).dictionary_encode()

    def _cells(self, column: Any) -> list[str]:
        """Return the texts of a column whose values repeat: one object each, made once, and its hash computed once."""
        column = self._coded(column)
        different = [*self._texts(column.dictionary).to_pylist(), ""]  # null is the last: number -1
        codes = self.pc.fill_null(column.indices.cast(self.pa.int64()), -1).to_pylist()
        return list(map(different.__getitem__, codes))

    def _column(self, batch: Any, index: int) -> Any:
        """Return the batch's column for a column of the header."""
        return batch.column(batch.schema.get_field_index(self.header[index]))

    def _mask(self, column: Any, allowed: Callable[[str], bool]) -> Any:
        """Return for each row whether its text is allowed; asked once for each different text."""
        column = self._coded(column)
        good = [allowed(text) for text in self._texts(column.dictionary).to_pylist()]
        return self.pc.fill_null(self.pa.array(good, self.pa.bool_()).take(column.indices), allowed(""))

    # --- the first look -------------------------------------------------------------------------------------------

    def survey(self, asked: frozenset[str] | None) -> Survey:
        """Look at all rows once, by whole columns."""
        with self._damage_named():
            return self._survey(asked)

    def _survey(self, asked: frozenset[str] | None) -> Survey:
        found, at = Survey(), self.columns
        parts = (at.vintage, at.indicator, at.year, at.unit, at.scale)
        present = [index for index in parts if index >= 0]
        place = max(at.name, at.code)
        largest: dict[tuple[str, bool], int] = {}
        for before, batch in self._batches(sorted({*present, *at.values, place}), range(len(self.starts) - 1)):
            for key in self._different([self._column(batch, index) for index in present]) if len(batch) else ():
                texts = iter(key)
                found.keys.add(tuple(next(texts) if index >= 0 else "" for index in parts))
                if at.vintage >= 0:
                    self.held.setdefault(key[0], set()).update(self._groups(before, len(batch)))
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

    def _see_values(self, batch: Any, marks: Marks, asked: frozenset[str] | None,
                    largest: dict[tuple[str, bool], int]) -> None:
        types, indicator_at = self.pa.types, self.columns.indicator
        if indicator_at >= 0:
            if asked is not None:
                batch = batch.filter(
                    self._mask(self._column(batch, indicator_at), lambda text: indicator_of(text) in asked))
            codes = self._coded(self._column(batch, indicator_at))
        else:
            codes = self.pa.array([""] * len(batch), self.pa.string()).dictionary_encode()
        for column in (self._column(batch, index) for index in self.columns.values):
            if types.is_floating(column.type):
                for code, large, decimals in self._decimals(column, codes):
                    key = (indicator_of(code), large)
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
        table = self.pa.table({"code": codes.indices, "large": pc.greater_equal(pc.abs(column), 1000), "n": behind})
        names = self._texts(codes.dictionary).to_pylist()
        for row in table.filter(plain).group_by(["code", "large"]).aggregate([("n", "max")]).to_pylist():
            yield "" if row["code"] is None else names[row["code"]], row["large"], row["n_max"]

    # --- the rows -------------------------------------------------------------------------------------------------

    def blocks(self, where: Where, skipped: list[int], bad: Bad) -> Iterator[Block]:
        """Yield the rows that meet all conditions, numbered from 1."""
        with self._damage_named():
            yield from self._blocks(where, skipped)

    def _blocks(self, where: Where, skipped: list[int]) -> Iterator[Block]:
        values = self.columns.values
        one = {index: next(iter(allowed)) for index, allowed in where if len(allowed) == 1}
        for before, batch in self._batches(self.columns.used, self._groups_of(where)):
            lines: Sequence[int] = range(before + 1, before + 1 + len(batch))
            mask = None
            for number, (index, allowed) in enumerate(where):
                passes = self._mask(self._column(batch, index), allowed.__contains__)
                passes = passes if mask is None else self.pc.and_(mask, passes)
                skipped[number] += (len(batch) if mask is None else mask.true_count) - passes.true_count
                mask = passes
            if mask is not None:
                lines = [lines[at] for at in self.pc.indices_nonzero(mask).to_pylist()]
                batch = batch.filter(mask)
            if len(batch):
                cells: list[Sequence[str]] = [[""] * len(batch)] * len(self.header)
                for index in self.columns.used:
                    column = self._column(batch, index)
                    if index in one:
                        cells[index] = [one[index]] * len(batch)
                    else:
                        cells[index] = self._texts(column).to_pylist() if index in values else self._cells(column)
                yield lines, cells

    def _groups_of(self, where: Where) -> Sequence[int]:
        """Return the row groups that can hold rows of this vintage."""
        groups = range(len(self.starts) - 1)
        wanted = [self.held.get(text, ()) for index, texts in where if index == self.columns.vintage for text in texts]
        held = set().union(*wanted) if wanted else set(groups)
        return [group for group in groups if group in held]
