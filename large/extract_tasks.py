"""Tasks of extract: survey a block of bytes, stage a piece as raw texts. Called in workers, with JSON in and out."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from large.model import Layout
from large.pieces import checkpointed, quarantined, write_batches
from large.watch import Stamp, unchanged
from pipeline.spooled import Spooled
from pipeline.storage import INPUT, is_far, place
from sources._files import file_document

if TYPE_CHECKING:
    import pyarrow

    from large.read import RawPiece


SAMPLE_PIECE = 1 << 16  # bytes of a piece of which a sample takes some
SEED = 20_261_120


def survey(path: str, start: int, end: int) -> list[Any]:
    """Return the fields of the large.cut.BlockSurvey of these bytes."""
    from large.cut import survey_block

    return list(survey_block(path, start, end))


def stage_piece(root: str, folder: str, quarantine: str, number: int, path: str, name: str,
                stamp: Stamp, ranges: Sequence[Sequence[int]], layout: dict[str, Any], identity: str, most: int = 0
                ) -> dict[str, Any]:
    """Read ranges (start, end, first line) of a file and write them as one staged piece; returns its facts.

    root: of workspace or storage; folder, quarantine: relative to it. stamp: of the file as it was surveyed. most:
    rows at most, of a sample; 0: all.
    """
    from large.read import Untrusted, read_piece

    form, source = Layout.of(layout), place(path, option=INPUT)

    def make() -> dict[str, Any]:
        read = []
        with ExitStack() as stack:
            def room() -> Spooled:
                return stack.enter_context(_room(root, quarantine))

            with unchanged({source: stamp}), source.open("rb") as stream:
                for start, end, first_line in ranges:
                    stream.seek(start)
                    read.append(read_piece(stream.read(end - start), form, first_line, name, room))
            return keep(root, folder, quarantine, number, read, form, [line for _, _, line in ranges], most)

    try:
        return checkpointed(place(root, folder, f"{number:06d}.json"), identity, make)
    except Untrusted as error:
        return {"untrusted": str(error)}


def stage_serially(root: str, folder: str, quarantine: str, first: int, path: str, name: str, stamp: Stamp,
                   layout: dict[str, Any], identity: str, piece_bytes: int, share: float = 1.0
                   ) -> list[dict[str, Any]]:
    """Read a file that cannot be cut from its start to its end and stage it piece by piece; returns their facts.

    share: of the file, of a sample: then it is read in smaller pieces, of which some are kept, by seed.
    """
    from large.serial import read_serially

    form, found, source = Layout.of(layout), list[dict[str, Any]](), place(path, option=INPUT)
    line, chosen = form.header_lines + 1, random.Random(SEED)
    size = min(SAMPLE_PIECE, piece_bytes) if share < 1 else piece_bytes
    number = first
    for read in read_serially(file_document(source, {}), form, name, size, lambda: _room(root, quarantine)):
        assert isinstance(read.bad, Spooled)
        with read.bad:
            if number == first or chosen.random() < share:
                def make(read: RawPiece = read, line: int = line, number: int = number) -> dict[str, Any]:
                    with unchanged({source: stamp}):
                        return keep(root, folder, quarantine, number, [read], form, [line])

                found.append(checkpointed(place(root, folder, f"{number:06d}.json"), f"{identity}/{number}", make))
                number += 1
        line += read.lines
    return found


def _room(root: str, folder: str) -> Spooled:
    """Return where rows that cannot be read wait for their piece: beside their parts, where those are not far away."""
    return Spooled((), Path(tempfile.gettempdir()) if is_far(root) else Path(root, folder))


def keep(root: str, folder: str, quarantine: str, number: int, read: Sequence[RawPiece], layout: Layout,
         lines: Sequence[int], most: int = 0) -> dict[str, Any]:
    """Write what was read as one staged piece; returns its facts. lines: the first of each reading."""
    from large.seen import look

    table = joined([each.table for each in read], lines)
    records = sum(each.records for each in read)
    if most and table.num_rows > most:
        records -= table.num_rows - most
        table = table.slice(0, most)
    files = write_batches(place(root, folder, f"{number:06d}.arrow"), table.schema, table.to_batches())
    return {"files": files, "rows": table.num_rows, "records": records, "first_line": lines[0] if lines else 1,
            "lines": sum(each.lines for each in read), "bytes_held": table.nbytes,
            "unnamed": sorted({name for each in read for name in each.unnamed}),
            "quarantine": quarantined(root, f"{quarantine}/{number:06d}", "extract",
                                      chain.from_iterable(each.bad for each in read)),
            "seen": look(table, layout)}


def joined(tables: Sequence[pyarrow.Table], lines: Sequence[int]) -> pyarrow.Table:
    """Return the tables of one file as one; each row of more than one tells its line. lines: the first of each."""
    if len(tables) == 1:
        return tables[0]
    import numpy as np
    import pyarrow

    from engines._arrow import array_of

    told = [table if "line" in table.column_names else
            table.append_column("line", array_of(np.arange(first, first + table.num_rows)))
            for table, first in zip(tables, lines, strict=True)]
    return pyarrow.concat_tables(told)
