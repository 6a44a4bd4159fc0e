"""Tables of HTML pages, read safely: bytes to a tree, a cell to its text, spans expanded into a grid.

Nothing is fetched and no entity of the page's own is expanded. What a page may cost is bounded before it is paid:
its bytes, its nesting (libxml2 stops at 256), its tables, the rows of one table and the columns of one row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense

MAX_BYTES = 20_000_000  # the largest real page of this kind has 0.5 MB
MAX_TABLES = 500  # of a page; real ones have about ten
MAX_ROWS = 5_000  # of a table
MAX_SPAN = 1_000  # columns of a row, and what one colspan or rowspan may claim, as HTML itself says of colspan

Element = etree._Element

_ENCODINGS = {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "cp1252"}
_UNSEEN = {"style", "script", "template", "noscript", "table"}
_HTML_SPACE = re.compile(r"[ \t\r\n\f]+")
_NOT_DISPLAYED = re.compile(r"display\s*:\s*none", re.IGNORECASE)


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
    # A page nested too deeply is not refused by libxml2 but read up to there: a silent half.
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise nonsense(document, "The page is nested deeper than 256 elements, which no page of Wikipedia is")
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
    size = len(document.data) if document.data is not None else document.path.stat().st_size if document.path else 0
    if size > MAX_BYTES:
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


def text_of(element: Element, *, displayed_only: bool = False, budget: int = 1_000_000) -> str:
    """Return the element's text without styles, scripts and nested tables, spaces of HTML collapsed, ends trimmed.

    No-break spaces inside stay. displayed_only also leaves out what is styled display:none (hidden sort keys).
    budget: elements and texts looked at before the rest is left unread.
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
            for child in reversed(item):
                stack.append(child.tail or "")
                stack.append(child)
    return _HTML_SPACE.sub(" ", "".join(parts)).strip()


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


def grid(table: Element) -> Iterator[Row]:
    """Yield the table's rows with colspan and rowspan expanded; a rowspan ends with its section, as in browsers."""
    pending: dict[int, tuple[Element, int]] = {}
    section: Element | None = None
    for number, row in enumerate(own_rows(table), 1):
        if row.getparent() is not section:
            section = row.getparent()
            pending.clear()
        yield Row(number, str(section.tag) if section is not None else "table", _expanded(row, pending))


def _expanded(row: Element, pending: dict[int, tuple[Element, int]]) -> list[Element | None]:
    """Return the row's cells by column; `pending` holds, by column, the cell that reaches down and for how many rows."""
    cells: list[Element | None] = []
    own = row.iterchildren("td", "th")
    reach = max(pending, default=-1)
    while len(cells) < MAX_SPAN:
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
        for covered in range(column, min(column + max(1, _span(cell, "colspan")), MAX_SPAN)):
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
