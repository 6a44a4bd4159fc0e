"""large.read, large.serial: the cells and the refused rows that the csv module gives, however a file is cut."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from large import careful, cut, read, serial
from large.careful import Untrusted
from large.cut import Uncuttable, layout_of, survey_block
from large.model import Layout
from large.read import RawPiece, read_piece
from large.serial import read_serially
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense
from rules.records import Quarantined
from sources import _csv_rows
from sources._tables import Delimited
from sources.table import open_table

HEAD = b"country,year,gdp\n"
Rows = list[tuple[int, tuple[str, ...]]]
Found = tuple[Rows, list[Quarantined]]


def document(data: bytes) -> RawDocument:
    return RawDocument("data", "f.csv", "2026-01-01T00:00:00Z", data=data)


def reference(data: bytes, name: str = "f.csv") -> Found:
    """Return what the csv module reads."""
    table, bad = open_table(document(data), name, {}), list[Quarantined]()
    assert isinstance(table, Delimited)
    return [(line, tuple(row)) for lines, columns in table.blocks([], [], bad.append)
            for line, row in zip(lines, zip(*columns, strict=True), strict=True)], bad


def rows_of(piece: RawPiece, layout: Layout, first: int) -> Rows:
    columns = piece.table.to_pydict()
    lines = columns.get("line") or [first + row for row in range(piece.table.num_rows)]
    cells = zip(*(columns[str(index)] for index in range(len(layout.names))), strict=True)
    return list(zip(lines, cells, strict=True))


def joined(pieces: Iterator[RawPiece], layout: Layout) -> Found:
    rows, bad, line = Rows(), list[Quarantined](), layout.header_lines + 1
    for piece in pieces:
        rows += rows_of(piece, layout, line)
        bad += piece.bad
        line += piece.lines
        assert piece.records == piece.table.num_rows + len(piece.bad)
    return rows, bad


def by_pieces(path: Path, data: bytes, piece_bytes: int, block: int) -> Found | None:
    """Return what all pieces hold, None where the file is left to one process."""
    path.write_bytes(data)
    layout = layout_of(document(data), "f.csv", {})
    blocks = [(at, min(at + block, len(data)), survey_block(str(path), at, min(at + block, len(data))))
              for at in range(0, len(data), block)]
    found = cut.cut(str(path), layout, blocks, piece_bytes)
    if isinstance(found, Uncuttable):
        return None
    try:
        return joined((read_piece(data[each.start : each.end], layout, each.first_line, "f.csv") for each in found),
                      layout)
    except Untrusted:
        return None


def serially(data: bytes, piece_bytes: int, name: str = "f.csv") -> Found:
    layout = layout_of(document(data), name, {})
    return joined(read_serially(document(data), layout, name, piece_bytes), layout)


def piece_of(data: bytes, names: bytes = HEAD) -> RawPiece:
    return read_piece(data, layout_of(document(names + data), "f.csv", {}), 2, "f.csv")


# --- literal cases ----------------------------------------------------------------------------------------------------


def test_a_plain_piece_is_a_line_a_row_and_every_blank_stays() -> None:
    piece = piece_of(b" Fiji ,2023,\n,,\nNA,null,#1\r\nTonga,\xef\xbb\xbf,1")
    assert piece.table.to_pydict() == {"0": [" Fiji ", "", "NA", "Tonga"], "1": ["2023", "", "null", "\ufeff"],
                                       "2": ["", "", "#1", "1"]}
    assert (piece.records, piece.lines, piece.bad, piece.unnamed) == (4, 4, [], ())
    assert {str(kind) for kind in piece.table.schema.types} == {"large_string"}


def test_quoted_cells() -> None:
    piece = piece_of(b'"Korea, Rep.",2023,1\n"say ""hi""","","2"\r\n"two\nlines\r\n",2023,""""\nFiji,1,2\n')
    assert rows_of(piece, layout_of(document(HEAD + b"a,1,1\n"), "f.csv", {}), 2) == [
        (2, ("Korea, Rep.", "2023", "1")), (3, ('say "hi"', "", "2")), (4, ("two\nlines\r\n", "2023", '"')),
        (7, ("Fiji", "1", "2"))]
    assert piece.lines == 6


def test_strange_lines_go_to_quarantine_and_leave_the_places_of_others() -> None:
    long = b"x" * 200_000
    piece = piece_of(b"a,1,1\nb,1\n\n  \nc,1,1,,\nd\0,1,1\ne,1,1\rf,1,1\n" + long
                     + b",1,1\ng\xe9,1,1\nh,1,1,1\ni,1,1\n")
    assert piece.table.to_pydict() == {"0": ["a", "c", "e", "f", "gé", "i"], "1": ["1"] * 6, "2": ["1"] * 6,
                                       "line": [2, 6, 8, 9, 11, 13]}
    assert piece.bad == [
        Quarantined("unreadable row", "f.csv line 3", "b | 1", "2 cells under a header of 3"),
        Quarantined("unreadable row", "f.csv line 7", "d\0 | 1 | 1", "a zero byte in the row"),
        Quarantined("unreadable row", "f.csv line 10", "", "field larger than field limit (131072)"),
        Quarantined("unreadable row", "f.csv line 12", "h | 1 | 1 | 1", "4 cells under a header of 3")]
    assert (piece.records, piece.lines) == (10, 12)


def test_a_wide_table_is_made_long_record_by_record() -> None:
    piece = piece_of(b"Fiji,1,2,\nbad\nTonga,3,4,x\n", b"country,2023,2024,\n")
    assert piece.table.to_pydict() == {
        "0": ["Fiji", "Fiji", "Tonga", "Tonga"], "3": ["", "", "x", "x"], "year": ["2023", "2024", "2023", "2024"],
        "value": ["1", "2", "3", "4"], "line": [2, 2, 4, 4]}
    assert (piece.unnamed, piece.records) == (("3",), 5)
    assert piece_of(b"Fiji,1,2,\n", b"country,2023,2024,\n").unnamed == ()


@pytest.mark.parametrize("data", [
    b'C\xc3\xb4te d"Ivoire,1,2\nx",1,2\n', b'"Fiji,1,2\n', b'"Fiji"x,1,2\n', b'Fiji,1,2\n "Tonga",1,2\n',
    b'"' + b"x\n" * 100_000 + b'",1,2\n',
], ids=["quote within", "open quote", "text behind", "blank before", "long cell of lines"])
def test_quotes_that_cannot_be_trusted(data: bytes) -> None:
    with pytest.raises(Untrusted):
        piece_of(data)
    whole = HEAD + b"a,1,1\n" + data + b"z,1,1\n"
    assert serially(whole, len(data) // 3) == reference(whole)


def test_empty_pieces() -> None:
    piece = piece_of(b"")
    assert (piece.table.column_names, piece.table.num_rows, piece.lines) == (["0", "1", "2"], 0, 0)
    assert serially(HEAD, 100) == ([], [])


def test_a_line_without_end_takes_no_memory_and_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "LONGEST_RECORD", 1 << 16)
    seen: list[int] = []
    real = read.read_piece
    monkeypatch.setattr(serial, "read_piece", lambda data, *rest: seen.append(len(data)) or real(data, *rest))
    data = HEAD + b"a,1,1\n" + b"y," * 4_000_000 + b"\nz,1,1\n"
    rows, bad = serially(gzip.compress(data, 1), 1000, "f.csv.gz")
    assert rows == [(2, ("a", "1", "1")), (4, ("z", "1", "1"))]
    assert [(each.locator, each.detail) for each in bad] == [
        ("f.csv.gz line 3", "524289 cells under a header of 3")]
    assert max(seen) <= 1000


@pytest.mark.parametrize(("name", "pack"), [
    ("f.csv.gz", gzip.compress), ("f.csv.zst", zstandard.compress), ("f.csv", bytes),
    ("f.csv", lambda data: data.decode().encode("utf-16")), ("f.csv", lambda data: data.decode().encode("utf-16-le")),
    ("f.csv", lambda data: data.decode().encode("utf-32")), ("f.csv", lambda data: data.decode().encode("cp1252")),
    ("f.csv", lambda data: data.replace(b"\n", b"\r")),
], ids=["gz", "zst", "plain", "utf-16", "utf-16 without a mark", "utf-32", "cp1252", "CR"])
def test_serially_whatever_the_dress(name: str, pack: Any) -> None:
    data = pack(b"notes\n" + HEAD + "Fiji,2023,1\n\"C\u00f4te,\",2023,2\nbroken\n".encode() * 50)
    rows, bad = serially(data, 100, name)
    assert (rows, bad) == reference(data, name)
    assert (rows[:2], len(rows), len(bad), bad[0].locator) == (
        [(3, ("Fiji", "2023", "1")), (4, ("Côte,", "2023", "2"))], 100, 50, f"{name} line 5")


def test_damaged_packing_is_said() -> None:
    packed = gzip.compress(HEAD + b"Fiji,2023,1\n" * 100_000)
    layout = layout_of(document(packed), "f.csv.gz", {})
    with pytest.raises(SourceNonsense, match="is damaged or cut: after"):
        list(read_serially(document(packed[:-20]), layout, "f.csv.gz", 1000))


def test_pandas_is_not_imported() -> None:
    code = ("import sys; from large.read import read_piece; from large.model import Layout; "
            "from sources._columns import Columns; "
            "layout = Layout(('country', '2023', '2024', ''), ',', 'utf-8', Columns(name=0, wide=((1, '2023'), "
            "(2, '2024'))), 0, 0); "
            "read_piece(b'a,1,2,\\nb,3\\n\"c\",4,5,,\\n', layout, 1, 'f'); print('pandas' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parent.parent)
    assert done.stdout == "False\n"


# --- any text, cut anywhere -------------------------------------------------------------------------------------------

BYTES = [b"a", b"bc", b",", b",", b"\n", b"\r\n", b"\r", b'"', b'""', b"\0", b" ", "é".encode(), b"\xe9", b'"x,y"',
         "\ufeff".encode(), b'"p\nq"', b"1,2,3\n", b"4,5,6\r\n"]
CELLS = ["", "Fiji", "12.5", "Korea, Rep.", 'say "hi"', "two\nlines", "cr\r\nlf", "b\rc", "n\0ul", "Côte d’Ivoire",
         "\U0001f600", " ", "\ufeffx", "z" * 29, "z" * 31, "z" * 70, "l\n" * 16]


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A table as a program writes it: quotes conform, some rows have another number of cells."""
    pool = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=6))
    out = io.StringIO(newline="")
    for width in draw(st.lists(st.sampled_from([3, 3, 3, 3, 2, 4, 0]), max_size=12)):
        ending = draw(st.sampled_from(["\n", "\r\n"]))
        row = [draw(st.sampled_from(pool)) for _ in range(width)]
        csv.writer(out, lineterminator=ending, quoting=draw(st.sampled_from([0, 1]))).writerow(row)
    text = out.getvalue() if draw(st.booleans()) else out.getvalue().rstrip("\r\n")
    return text.encode(draw(st.sampled_from(["utf-8", "cp1252"])), "replace")


@pytest.mark.parametrize("limit", [131072, 30], ids=["usual limits", "small limits"])
@settings(max_examples=150, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=written() | st.lists(st.sampled_from(BYTES), max_size=40).map(b"".join), step=st.sampled_from([4, 7, 64]),
       size=st.sampled_from([1, 5, 20, 50, 1000]), block=st.sampled_from([1, 10, 1000]))
def test_pieces_joined_are_what_the_csv_module_reads(tmp_path: Path, limit: int, body: bytes, step: int, size: int,
                                                     block: int) -> None:
    data, before = HEAD + body, csv.field_size_limit(limit)
    with pytest.MonkeyPatch.context() as patch:
        for module in (careful, cut, read, serial):
            patch.setattr(module, "STEP", step)
        patch.setattr(careful, "CARE", 3 * step)
        if limit == 30:
            for module in (_csv_rows, careful):
                patch.setattr(module, "LONGEST_LINE", 50)
            for module in (cut, serial):
                patch.setattr(module, "LONGEST_RECORD", 100)
        try:
            expected = reference(data)
            assert by_pieces(tmp_path / "f.csv", data, size, block) in (None, expected)
            assert serially(data, size) == expected
        finally:
            csv.field_size_limit(before)


def test_the_reference_does_not_depend_on_its_own_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_csv_rows, "LONGEST_LINE", 20)
    data = HEAD + b'Fiji,1,"cr 8901234\r\nlf"\nxxxxxxxxxxxxxxxxxxxx,1,2\ny,yyyyyyyyyyyyyyyy,1\n\0\nTonga,1,2\n'
    found = []
    for block in (1, 2, 7, 1000):
        monkeypatch.setattr(_csv_rows, "BLOCK", block)
        found.append(reference(data))
    assert found[1:] == found[:1] * 3
    assert [row[0] for _, row in found[0][0]] == ["Fiji", "y", "Tonga"]
