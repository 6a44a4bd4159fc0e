"""What the tests of sources.wikipedia share: small pages of our own, and what is read from them."""

from __future__ import annotations

from pathlib import Path

from pipeline.documents import RawDocument
from sources import VintageBatch, open_source

FIXTURES = Path(__file__).parent / "fixtures" / "wikipedia"
TITLE = "List of countries by GDP (nominal) - Wikipedia"
ROW = "<tr><td>Japan</td><td>4,389,756</td></tr>"
TABLE = f"<table><caption>GDP (US$ million)</caption><tr><th>Country</th><th>IMF (2025)</th></tr>{ROW}</table>"


def parse(page: str | bytes | Path, *, indicators: str = "", headers: dict[str, str] | None = None) -> VintageBatch:
    """Return what the source reads from one page."""
    path = page if isinstance(page, Path) else None
    data = page.encode() if isinstance(page, str) else page if isinstance(page, bytes) else None
    document = RawDocument("page", "https://wiki.example/page", "2026-11-20T21:05:09Z", headers or {},
                           {"indicators": indicators}, path, data)
    (batch,) = open_source("wikipedia").parse([document])
    return batch


def staged(batch: VintageBatch) -> list[tuple[str, str, str]]:
    """Return name, year and raw figure of each row."""
    return [(row.name, row.year, row.raw) for row in batch.rows]


def page(table: str, *, title: str = TITLE, foot: str = "This page was last edited on 7 January 2025, at 09:55",
         script: str = '"wgRevisionId":1267927482') -> str:
    """Return a page with this in its body, a revision's number in its script and its day at its foot."""
    return (f"<!DOCTYPE html><html><head><title>{title}</title><script>x={{{script}}}</script></head><body>{table}"
            f'<ul><li id="footer-info-lastmod"> {foot}</li></ul></body></html>')


def simple(rows: str, *, head: str = "<th>Country</th><th>IMF (2025)</th>", caption: str = "GDP (million US$)") -> str:
    """Return a page with one table of two columns."""
    return page(f"<table><caption>{caption}</caption><tbody><tr>{head}</tr>{rows}</tbody></table>")
