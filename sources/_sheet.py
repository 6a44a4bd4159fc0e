"""Rows of an Excel workbook (.xlsx), as text; openpyxl is loaded here and only here."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO
from xml.parsers import expat

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from sources._text import positional

ZIP_MAGIC = b"PK\x03\x04"
OLE2_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MOST_BYTES = 1 << 28  # unpacked; the IMF's whole database is a fifth of it
MOST_OF_OTHERS = 1 << 23  # of a part that is neither a sheet nor the texts of the sheets: openpyxl makes a tree of it
MOST_CELLS = 2_000_000  # four times those of the IMF's whole database
WIDEST, MOST_ROWS = 16_384, 1_048_576  # cells of a row and rows of a sheet, as Excel has them
MOST_OTHERS = 1 << 18  # elements of a row, or between rows, that are no cells
LONGEST_CELL = 1 << 20  # bytes; Excel's have 32,767 characters
_BLOCK = 1 << 16
_CHAIN = "xl/calcChain.xml"  # every cell with a formula, in the order in which Excel reckons; it has no rows
_LARGE = ("xl/worksheets/", "xl/sharedStrings")

# What openpyxl raises on damaged or hostile workbooks, by its own code and its XML and zip readers; none is ours.
DAMAGED = (zipfile.BadZipFile, zlib.error, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError,
           NotImplementedError, OSError, RuntimeError, SyntaxError, TypeError, ValueError)


@dataclass
class Sheet:
    """One worksheet: rows of cell texts without trailing empty cells, and which cells are numbers to Excel.

    numbers: row index -> column indices of cells that hold a number, not a text.
    """

    title: str
    rows: list[list[str]] = field(default_factory=list)
    numbers: dict[int, set[int]] = field(default_factory=dict)


def read_workbook(document: RawDocument, name: str) -> list[Sheet]:
    """Return the worksheets of a workbook. Raises SourceNonsense, and UsageError where openpyxl is missing."""
    try:
        import openpyxl
    except ImportError as error:
        raise UsageError(f"{name} is an Excel workbook, and openpyxl, which reads them, is not installed", where=name,
                         safe="nothing was read or changed",
                         next_command="python -m pip install -c constraints.txt '.[excel]'") from error
    stream = io.BytesIO(document.body) if document.path is None else document.path.open("rb")
    try:
        with stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's remarks on styles and extensions
            _refuse_bomb(stream, name)
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            return list(_sheets(book, name))
    except DAMAGED as error:
        raise SourceNonsense(f"{name} is a damaged workbook, or none: {type(error).__name__}", where=name,
                             safe="nothing was changed",
                             next_command="open it in Excel or LibreOffice and save it as .xlsx again") from error


def _refuse_bomb(stream: io.BufferedIOBase, name: str) -> None:
    """Refuse what unpacks to far more than any real workbook, and documents that define entities."""
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if not any(each.filename == "xl/workbook.xml" for each in members):
            raise UsageError(f"{name} is a zip archive, but no workbook", where=name, safe="nothing was changed",
                             next_command=f"unzip {name}   # and give the file in it to --input")
        total = sum(each.file_size for each in members)
        if total > MOST_BYTES:
            raise SourceNonsense(f"{name} would unpack to {total:,} bytes, more than the {MOST_BYTES:,} allowed",
                                 where=name, safe="nothing was unpacked")
        for each in members:
            if (each.file_size > MOST_OF_OTHERS and not each.filename.startswith(_LARGE)
                    and not _is_picture(archive, each)):
                raise SourceNonsense(f"{name} has a part {each.filename[:80]!r} of {each.file_size:,} bytes, more than "
                                     f"the {MOST_OF_OTHERS:,} allowed", where=name, safe="nothing was unpacked")
            with archive.open(each) as part:
                if fault := _look(part, MOST_OTHERS if each.filename == _CHAIN else WIDEST):
                    raise SourceNonsense(f"{name} {fault}, which no real workbook does", where=name,
                                         safe="nothing was changed")
    stream.seek(0)


def _is_picture(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Tell whether a part is a picture, of which nothing makes a tree, whatever refers to it."""
    if not member.filename.startswith("xl/media/"):
        return False
    with archive.open(member) as part:
        return part.read(8).startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF"))


class _Refused(Exception):
    """Ends a look with what no real workbook does."""


def _look(part: IO[bytes], widest: int) -> str:
    """Return what is wrong with a part, "" for nothing, and for what is no XML: openpyxl says that better.

    Before openpyxl reads it, which gathers whole rows, texts and entities in memory.
    """
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_entities
    counted = _Counted(widest)
    parser.StartElementHandler = counted.start
    parser.ordered_attributes = True
    since, before = 0, 0
    try:
        while block := part.read(_BLOCK):
            parser.Parse(block)
            since = since + len(block) if counted.elements == before else 0
            before = counted.elements
            if since > LONGEST_CELL:
                return f"holds a text of more than {LONGEST_CELL:,} bytes"
    except _Refused as error:
        return str(error)
    except expat.ExpatError:
        return ""
    return ""


def _refuse_entities(*_: object) -> None:
    raise _Refused("defines its own entities")


class _Counted:
    """Counts the elements of a sheet; called for each, a million times for the IMF's database."""

    def __init__(self, widest: int) -> None:
        self._widest = widest
        self.elements = self._cells = self._wide = self._others = 0

    def start(self, tag: str, attributes: list[str]) -> None:
        """Count an element. Raises _Refused."""
        self.elements += 1
        if tag == "v":
            return
        word = tag.rpartition(":")[2]
        if word == "c":
            self._cells += 1
            self._wide += 1
            if self._wide > self._widest:
                raise _Refused(f"has more than {self._widest:,} cells in a row")
        elif word == "row":
            self._wide = self._others = 0
            number = dict(zip(attributes[::2], attributes[1::2], strict=True)).get("r", "")
            if len(number) > len(str(MOST_ROWS)) or (number.isdecimal() and int(number) > MOST_ROWS):
                raise _Refused(f"has a row {number[:20]!r}")
            if self._cells > MOST_CELLS or self.elements > 6 * MOST_CELLS:
                raise _Refused(f"has more than {MOST_CELLS:,} cells")
        elif word == "si":  # of the texts of the sheets, which stand in a part of their own
            self._others = 0
        else:
            self._others += 1
            if self._others > MOST_OTHERS:
                raise _Refused(f"has more than {MOST_OTHERS:,} elements in a row")


def _sheets(book: object, name: str) -> Iterator[Sheet]:
    cells = 0
    for worksheet in getattr(book, "worksheets", []):
        worksheet.reset_dimensions()  # the stated size may be wrong, or a trap
        sheet = Sheet(str(worksheet.title))
        for at, values in enumerate(worksheet.iter_rows(values_only=True)):
            cells += len(values) + 1
            if cells > MOST_CELLS:
                raise SourceNonsense(f"{name} has more than {MOST_CELLS:,} cells", where=name,
                                     safe="nothing was changed")
            _add_row(sheet, at, values)
        yield sheet


def _add_row(sheet: Sheet, at: int, values: tuple[object, ...]) -> None:
    row = [_text(value) for value in values]
    while row and not row[-1]:
        row.pop()
    numeric = {i for i, value in enumerate(values) if isinstance(value, int | float | Decimal)}
    if numeric:
        sheet.numbers[at] = numeric
    sheet.rows.append(row)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float | Decimal):
        return positional(value)
    return str(value)
