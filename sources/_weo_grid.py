"""A World Economic Outlook file as a grid: header found by its words, cells as text, whatever the encoding or form."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from sources._sheet import OLE2_MAGIC, ZIP_MAGIC, Sheet, read_workbook
from sources._text import decode, looks_like_html

MOST_TEXT = 1 << 26  # bytes; the whole database of an edition is 18 MB in UTF-16
HEADER_WITHIN = 60  # rows from the top
TAIL = 10  # rows from the end in which the edition may be named
DELIMITERS = "\t;,|"

ROLES = {
    "weo country code": "number",
    "iso": "iso",
    "country.id": "iso",
    "weo subject code": "subject",
    "indicator.id": "subject",
    "country": "country",
    "subject descriptor": "descriptor",
    "units": "units",
    "unit": "units",
    "scale": "scale",
    "estimates start after": "start",
    "latest_actual_annual_data": "start",
    "weo country group code": "group",
    "country group name": "group",
    "series_code": "series",
    "publication_date": "published",
    "update_date": "updated",
}
SERIES = re.compile(r"([^.]+)\.([^.]+)\.[A-Z]")  # "USA.NGDPD.A", in files of the IMF's data portal
IN_SERIES = {"iso": 1, "subject": 2}
PLACES = ("iso", "number", "country")
YEAR = re.compile(r"(?:18|19|20|21)[0-9]{2}")


@dataclass(frozen=True)
class Layout:
    """Which column holds what: role -> column index, the year columns as (index, year as text), and how many in all."""

    at: dict[str, int]
    years: tuple[tuple[int, str], ...]
    width: int

    @property
    def of_countries(self) -> bool:
        """False for a file of country groups."""
        return any(role in self.at for role in PLACES)

    def has(self, role: str) -> bool:
        """Whether the file says it: in a column of its own, or as a part of the series' code."""
        return role in self.at or (role in IN_SERIES and "series" in self.at)

    def cell(self, row: Sequence[str], role: str) -> str:
        """Return the stripped cell of a role, "" where the file has no such column."""
        index = self.at.get(role, -1)
        if index < 0 and role in IN_SERIES and "series" in self.at:
            found = SERIES.fullmatch(self.cell(row, "series"))
            return found[IN_SERIES[role]] if found else ""
        return row[index].strip() if 0 <= index < len(row) else ""


@dataclass
class Block:
    """One table of the file (a text file has one, a workbook one a sheet): its layout and the rows under the header.

    rows:    (place, cells), the place as locators say it: "line 12" or "Sheet!R12".
    numbers: place -> indices of cells that are numbers to Excel and so lost their trailing zeros.
    """

    layout: Layout
    rows: list[tuple[str, list[str]]]
    numbers: dict[str, set[int]] = field(default_factory=dict)


@dataclass
class Grid:
    """The tables of a file, and its last lines, in which the edition is named."""

    blocks: list[Block]
    tail: list[str]


def normalised(text: str) -> str:
    """Return the text in lower case with single spaces, as headers and descriptors are compared."""
    return " ".join(text.lstrip("\ufeff").lower().split())


def find_layout(cells: Sequence[str], name: str) -> Layout | None:
    """Return the layout if these cells are a header: something that names a place, and at least one year.

    Raises SourceNonsense where the header names a year twice.
    """
    at: dict[str, int] = {}
    years = []
    for index, cell in enumerate(cells):
        text = normalised(cell)
        if YEAR.fullmatch(text):
            years.append((index, text))
        elif role := ROLES.get(text):
            at.setdefault(role, index)
    if not years or not any(role in at for role in (*PLACES, "group")):
        return None
    if len({year for _, year in years}) < len(years):
        raise SourceNonsense(f"{name} names a year twice in its header; which column is right cannot be told",
                             where=name, safe="nothing was changed",
                             next_command="remove the wrong column, and give the file to --input again")
    return Layout(at, tuple(years), len(cells))


def read_grid(document: RawDocument, name: str) -> Grid:
    """Return the tables of a document. Raises SourceNonsense and UsageError, each saying what to do."""
    body = _bounded(document, name)
    if not body.strip(b"\0 \t\r\n\xff\xfe\xef\xbb\xbf"):
        raise SourceNonsense(f"{name} is empty", where=name, safe="nothing was changed",
                             next_command="download the file again, and look into it before giving it to --input")
    if body.startswith(OLE2_MAGIC):
        raise UsageError(f"{name} is a workbook of the old binary form (.xls), or one under a password", where=name,
                         safe="nothing was changed",
                         next_command="open it in Excel or LibreOffice and save it as .xlsx, or as tab-separated text")
    if looks_like_html(body):
        raise SourceNonsense(f"{name} is a web page or XML, not a WEO file", where=name, safe="nothing was changed",
                             next_command="open it in a browser to see what the server said, and download again")
    if body.startswith(ZIP_MAGIC):
        grid = _grid_of_sheets(read_workbook(document, name), name)
    else:
        grid = _grid_of_text(body, name)
    if not grid.blocks:
        raise SourceNonsense(
            f"{name} has no header row: within the first {HEADER_WITHIN} rows none names a country and years",
            where=name, safe="nothing was changed",
            next_command="look for a file with the columns Country, Subject Descriptor, Units, 1980, 1981, …")
    return grid


def _bounded(document: RawDocument, name: str) -> bytes:
    """Return the document's bytes, once it is known that they are not too many. Raises SourceNonsense."""
    if (size := document.size) > MOST_TEXT:
        raise SourceNonsense(f"{name} has {size:,} bytes; no WEO file has more than {MOST_TEXT:,}", where=name,
                             safe="nothing was read")
    return document.body


def _grid_of_text(body: bytes, name: str) -> Grid:
    text = decode(body)
    for delimiter in DELIMITERS:
        for layout, line in _headers(text, delimiter, name):
            rows = list(_records(text, delimiter, name, after=line))
            return Grid([Block(layout, rows)], _tail(cells for _, cells in rows))
    return Grid([], [])


def _headers(text: str, delimiter: str, name: str) -> Iterator[tuple[Layout, int]]:
    """Yield the layout of each header row near the top, and the line it ends in."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader([line for line, _ in zip(lines, range(HEADER_WITHIN), strict=False)], delimiter=delimiter)
    try:
        for cells in reader:
            if layout := find_layout(cells, name):
                yield layout, reader.line_num
    except csv.Error:
        return


def _records(text: str, delimiter: str, name: str, after: int) -> Iterator[tuple[str, list[str]]]:
    """Yield (place, cells) of the rows that are not blank and begin after a line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if line <= after or not any(cells):
                continue
            if before > line and delimiter == "\t" and any("\t" in cell and "\n" in cell for cell in cells):
                raise SourceNonsense(f"{name} opens a quote in line {line} that swallows the lines up to {before}",
                                     where=f"{name}, line {line}", safe="nothing was changed",
                                     next_command="download the file again, or mend the quote in that line")
            yield f"line {line}", cells
    except csv.Error as error:
        raise SourceNonsense(f"{name} cannot be read as a table: {error}", where=f"{name}, line {before + 1}",
                             safe="nothing was changed", next_command="download the file again") from error


def _grid_of_sheets(sheets: Sequence[Sheet], name: str) -> Grid:
    blocks, tail = [], []
    for sheet in sheets:
        for at, cells in enumerate(sheet.rows[:HEADER_WITHIN]):
            if layout := find_layout(cells, name):
                blocks.append(_block_of_sheet(sheet, layout, at))
                break
        tail += _tail(iter(sheet.rows))
    return Grid(blocks, tail)


def _block_of_sheet(sheet: Sheet, layout: Layout, header_at: int) -> Block:
    rows, numbers = [], {}
    for at in range(header_at + 1, len(sheet.rows)):
        if not any(sheet.rows[at]):
            continue
        place = f"{sheet.title}!R{at + 1}"
        rows.append((place, sheet.rows[at]))
        if at in sheet.numbers:
            numbers[place] = sheet.numbers[at]
    return Block(layout, rows, numbers)


def _tail(rows: Iterator[list[str]]) -> list[str]:
    """Return the last rows that are not blank, each as one line of text."""
    filled = [cells for cells in rows if any(cells)][-TAIL:]
    return [" ".join(cell.strip() for cell in cells if cell.strip()) for cells in filled]
