"""Rows of an Excel workbook (.xlsx), as text; openpyxl is loaded here and only here."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from sources._text import positional

ZIP_MAGIC = b"PK\x03\x04"
OLE2_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MOST_BYTES = 1 << 29  # unpacked; the IMF's whole database is a tenth of it
MOST_CELLS = 20_000_000

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
            with archive.open(each) as part:
                if b"<!DOCTYPE" in part.read(4096):
                    raise SourceNonsense(f"{name} defines its own entities, which no real workbook does", where=name,
                                         safe="nothing was unpacked")
    stream.seek(0)


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
