"""HTML pages of a wiki, read safely: bytes to a tree, a cell to its text, spans to a grid, a page to its revision.

Nothing is fetched and no entity of the page's own is expanded. What a page may cost is bounded before it is paid:
its bytes, its nesting (libxml2 stops at 256), its tables, the rows of one table and the columns of one row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lxml import etree

from history.calendar import iso_day
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense
from utils import ENGLISH_MONTHS

MAX_BYTES = 8_000_000  # the largest real page of this kind has 0.5 MB; a page of cells takes forty times its bytes
MAX_TABLES = 500  # of a page; real ones have about ten
MAX_ROWS = 5_000  # of a table
MAX_SPAN = 1_000  # columns of a row, and what one colspan or rowspan may claim, as HTML itself says of colspan
CUT = " … (cut)"  # ends a text that was not read to its end, so that nothing takes it for a figure or for "no value"
HEADER_ROWS = 8  # looked at, at most; the real tables have one or two

Element = etree._Element

_ENCODINGS = {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "cp1252"}
_UNSEEN = {"style", "script", "template", "noscript", "table"}
_HTML_SPACE = re.compile(r"[ \t\r\n\f]+")
_NOT_DISPLAYED = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_NOTE = re.compile(r"\[[^\[\]]*\]")
_SORT_KEY = re.compile(r"(?<![0-9])[0-9]{1,40}\s*♠")
_REVISION = re.compile(r'"wgRevisionId"\s*:\s*([1-9][0-9]{0,14})\b')
_PERMANENT_LINK = re.compile(r"[?&]oldid=([1-9][0-9]{0,14})\b")
_LAST_EDITED = re.compile(
    rf"last (?:edited|modified) on\s+([0-9]{{1,2}})\s+({'|'.join(ENGLISH_MONTHS)})\s+([0-9]{{4}})"
    r"(?:,?\s+at\s+([0-9]{2}):([0-9]{2}))?")
_DATE_MODIFIED = re.compile(r'"dateModified"\s*:\s*"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}):([0-9]{2}))?')


_RENDERED = re.compile(rb"Cached time: ([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{6}\b")  # in a comment of MediaWiki's
_ARCHIVED = re.compile(r"//web\.archive\.org/web/([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{6}")


@dataclass(frozen=True)
class Row:
    """One row of a table with every span expanded.

    number:  1 for the table's first row, header rows included.
    section: "thead", "tbody", "tfoot" or "table".
    cells:   the element that covers each column, the same one several times where it spans; None for a hole.
    """

    number: int
    section: str
    cells: list[Element | None]


# --- the page -----------------------------------------------------------------------------------------------------


def parse_page(document: RawDocument) -> Element:
    """Return the root of the page's tree. Raises SourceNonsense for what is no page, too large, too deep or cut off."""
    text = _decoded(_bounded(document), document.headers.get("content-type", ""))
    _refuse_other_formats(text, document)
    # resolve_entities and load_dtd are XML's: libxml2's HTML parser knows the entities of HTML and no others.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root: Element | None = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError) as error:
        raise nonsense(document, f"The page cannot be read as HTML: {error}") from error
    if root is None:
        raise nonsense(document, "The page is empty")
    # A page beyond libxml2's limits (256 deep, 10 MB in one text) is read up to there and not refused: a silent half.
    beyond = next((entry.message for entry in parser.error_log if entry.type_name == "ERR_RESOURCE_LIMIT"), "")
    if beyond:
        raise nonsense(document, f"The page is nested deeper or longer in one piece than any of Wikipedia's: {beyond}")
    return root


def nonsense(document: RawDocument, what: str) -> SourceNonsense:
    """Return the error that says so of this document, with what is safe and what to type next."""
    return SourceNonsense(what, where=document.url, safe="nothing was staged; earlier results are as they were",
                          next_command="python extract.py --source wikipedia   # again later, or with another --url")


def tables(root: Element, document: RawDocument) -> list[Element]:
    """Return every table of the page in the order of the page, nested ones too. Raises SourceNonsense above 500."""
    found = []
    for table in root.iter("table"):
        found.append(table)
        if len(found) > MAX_TABLES:
            raise nonsense(document, f"The page has more than {MAX_TABLES} tables, which no page of Wikipedia has")
    return found


def _bounded(document: RawDocument) -> bytes:
    if (size := document.size) > MAX_BYTES:
        raise nonsense(document, f"The page has {size:,} bytes; a list of countries has less than {MAX_BYTES:,}")
    body = document.body
    if not body.strip():
        raise nonsense(document, "The page is empty")
    return body


def _decoded(body: bytes, content_type: str) -> str:
    """Decode by mark, header, meta or UTF-8, the first that holds; NULs end a page for libxml2 and are left out."""
    named = re.search(r"charset=[\"']?([\w-]+)", content_type)
    meta = re.search(rb"<meta[^>]{0,200}charset=[\"']?([\w-]+)", body[:4096], re.IGNORECASE)
    candidates = ["utf-16"] if body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else []
    candidates += [named.group(1)] if named else []
    candidates += [meta.group(1).decode("ascii", "replace")] if meta else []
    for encoding in (*candidates, "utf-8"):
        try:
            if codecs.lookup(encoding).name in _ENCODINGS:
                return body.decode(encoding).replace("\0", "").removeprefix("\ufeff")
        except (LookupError, UnicodeError):
            continue
    return body.decode("utf-8", "replace").replace("\0", "")


def _refuse_other_formats(text: str, document: RawDocument) -> None:
    lower = text[:100_000].lower()
    if "<html" not in lower and "<table" not in lower and "<body" not in lower:
        raise nonsense(document, f"The answer is not an HTML page; it begins {text[:40]!r}")
    if "<html" in lower and "</html" not in text.lower():
        raise nonsense(document, "The page is cut off before its end")


# --- text ---------------------------------------------------------------------------------------------------------


def text_of(element: Element, *, displayed_only: bool = False, budget: int = 5_000) -> str:
    """Return the element's text without styles, scripts and nested tables, spaces of HTML collapsed, ends trimmed.

    No-break spaces inside stay. displayed_only also leaves out what is styled display:none (hidden sort keys).
    budget: elements and texts looked at; where more are left, the text ends with CUT and is no figure.
    """
    parts: list[str] = []
    stack: list[Element | str] = [element]
    while stack and budget:
        budget -= 1
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
        elif item is element or not _unseen(item, displayed_only):
            parts.append(" " if item.tag == "br" else item.text or "")
            for child in reversed(list(islice(item, budget + 1))):
                stack.append(child.tail or "")
                stack.append(child)
    if stack:
        parts.append(CUT)
    return _HTML_SPACE.sub(" ", "".join(parts)).strip()


def plain(text: str) -> str:
    """Return the text without notes in square brackets and without hidden sort keys ("7007806837870000000♠")."""
    return _SORT_KEY.sub("", _NOTE.sub("", text)).strip()


def _unseen(element: Element, displayed_only: bool) -> bool:
    if not isinstance(element.tag, str) or element.tag in _UNSEEN:
        return True
    return displayed_only and ("sortkey" in element.get("class", "").split()
                               or _NOT_DISPLAYED.search(element.get("style", "")) is not None)


# --- the grid -----------------------------------------------------------------------------------------------------


def own_rows(table: Element) -> list[Element]:
    """Return the table's own rows, not those of tables inside it."""
    rows: list[Element] = []
    for child in table.iterchildren("tr", "thead", "tbody", "tfoot"):
        rows.extend([child] if child.tag == "tr" else child.iterchildren("tr"))
    return rows


def grid(table: Element, widest: int = MAX_SPAN) -> Iterator[Row]:
    """Yield the table's rows, colspan and rowspan expanded up to `widest` columns.

    A rowspan ends with its section, as in browsers.
    """
    pending: dict[int, tuple[Element, int]] = {}
    section: Element | None = None
    for number, row in enumerate(own_rows(table), 1):
        if row.getparent() is not section:
            section = row.getparent()
            pending.clear()
        yield Row(number, str(section.tag) if section is not None else "table", _expanded(row, pending, widest))


def written(row: Row) -> bool:
    """Return whether any cell of the row has text."""
    return any(cell is not None and text_of(cell) for cell in dict.fromkeys(row.cells))


def _expanded(row: Element, pending: dict[int, tuple[Element, int]], widest: int) -> list[Element | None]:
    """Return the row's cells by column; `pending` holds by column the cell that reaches down, and how many rows."""
    cells: list[Element | None] = []
    own = row.iterchildren("td", "th")
    reach = max(pending, default=-1)
    while len(cells) < widest:
        column = len(cells)
        if column in pending:
            above, left = pending.pop(column)
            if left > 1:
                pending[column] = (above, left - 1)
            cells.append(above)
            continue
        cell = next(own, None)
        if cell is None and column > reach:
            break
        if cell is None:
            cells.append(None)
            continue
        down = _span(cell, "rowspan") or MAX_SPAN  # rowspan="0" is the rest of the section
        for covered in range(column, min(column + max(1, _span(cell, "colspan")), widest)):
            pending.pop(covered, None)
            if down > 1:
                pending[covered] = (cell, down - 1)
            cells.append(cell)
    return cells


def _span(cell: Element, name: str) -> int:
    """Return a span as browsers read it: leading digits, 1 where there are none, never above the cap."""
    digits = re.match(r"\s*\+?([0-9]+)", cell.get(name, ""))
    if digits is None:
        return 1
    return MAX_SPAN if len(digits.group(1)) > 4 else min(int(digits.group(1)), MAX_SPAN)


# --- what stands around a table -----------------------------------------------------------------------------------


def caption_of(table: Element) -> str:
    """Return the caption's text, "" where there is none."""
    caption = table.find("caption")
    return text_of(caption, budget=1_000) if caption is not None else ""


def around(table: Element) -> Iterator[str]:
    """Yield texts near the table, nearest first: the outer table's cells above it, then what stands before it."""
    node = table
    for _ in range(6):
        if node.tag in ("td", "th"):
            yield from _cells_above(node)
        for before in islice(node.itersiblings(preceding=True), 3):
            if not isinstance(before.tag, str) or next(before.iter("table"), None) is not None:
                break
            yield text_of(before, budget=1_000)
        parent = node.getparent()
        if parent is None:
            return
        node = parent


def _cells_above(cell: Element) -> Iterator[str]:
    """Yield the texts of the cells over this one in the same table, the nearest first."""
    outer = next(cell.iterancestors("table"), None)
    if outer is None:
        return
    above: list[list[Element | None]] = []
    for row in islice(grid(outer), HEADER_ROWS):
        if cell in row.cells:
            column = row.cells.index(cell)
            for cells in reversed(above):
                if (over := at(cells, column)) is not None:
                    yield text_of(over, budget=1_000)
            return
        above.append(row.cells)


def at(cells: Sequence[Element | None], column: int | None) -> Element | None:
    """Return the cell of a column, None where the row has none."""
    return cells[column] if column is not None and 0 <= column < len(cells) else None


# --- what a page of MediaWiki says of itself ----------------------------------------------------------------------


def revision_number(root: Element) -> str:
    """Return the revision's number from the page's script, else from the permanent link under the text, else ""."""
    for script in root.iter("script"):
        if found := _REVISION.search(script.text or ""):
            return found.group(1)
    for link in root.iterfind(".//div[@class='printfooter']//a"):
        if found := _PERMANENT_LINK.search(link.get("href", "")):
            return found.group(1)
    return ""


def last_edited(root: Element) -> tuple[str, str]:
    """Return day and minute of the last edit ("2025-01-07", "T0955"): from the foot of the page, else its metadata.

    The minute is "" where only the day is given, both are "" where the page says nothing.
    """
    for day, month, year, hour, minute in _edits_at_foot(root):
        if text := iso_day(f"{year}-{ENGLISH_MONTHS.index(month) + 1:02}-{int(day):02}"):
            return text, f"T{hour}{minute}" if hour else ""
    for script in root.iter("script"):
        found = _DATE_MODIFIED.search(script.text or "")
        if found and (text := iso_day(found.group(1))):
            return text, f"T{found.group(2)}{found.group(3)}" if found.group(2) else ""
    return "", ""


def rendered(document: RawDocument) -> str:
    """Return the day on which MediaWiki made the page of its text, else on which the web archive took it, else ""."""
    body, archived = _RENDERED.search(document.body), _ARCHIVED.search(document.url)
    if body:
        return iso_day(b"-".join(body.groups()).decode())
    return iso_day("-".join(archived.groups())) if archived else ""


def _edits_at_foot(root: Element) -> Iterator[tuple[str, ...]]:
    for place in root.iter("li", "div", "p", "span"):
        named = place.get("id") == "footer-info-lastmod"
        if (named or (place.text or "").lstrip().startswith("This page was last")) and (
                found := _LAST_EDITED.search(" ".join(text_of(place, budget=1_000).split()))):
            yield found.groups("")
