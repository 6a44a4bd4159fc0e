"""World Economic Outlook files in the layouts of the IMF, as the tests of sources.weo write and read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from rules.records import StagedRecord
from sources import Request, VintageBatch
from sources.weo import Source

GDP, GROWTH = "Gross domestic product, current prices", "Gross domestic product, constant prices"
LINE = "International Monetary Fund, World Economic Outlook Database, October 2022"
HEADER = ["ISO", "WEO Subject Code", "Country", "Subject Descriptor", "Units", "Scale", "2021", "2022", "2023",
          "Estimates Start After"]
KOREA = ["KOR", "NGDPD", "Korea", GDP, "U.S. dollars", "Billions", "1,818.43", "1,673.92", "n/a", "2021"]
FIJI = ["FJI", "NGDPD", "Fiji", GDP, "U.S. dollars", "Billions", "4.30", "--", "", "FY2020/21"]
FIJI_PPP = ["FJI", "PPPGDP", "Fiji", GDP, "Purchasing power parity; international dollars", "Billions", "10.1", "12.2",
            "13.3", "2020"]


def text_of(rows: list[list[str]], *, delimiter: str = "\t", last: str = LINE, tail: str = "") -> str:
    """A WEO file as the IMF writes it: CRLF, quotes where needed, an empty last column, the edition below."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    for row in rows:
        writer.writerow([*row, tail])
    return f"{out.getvalue()}\r\n{last}"


PLAIN = [HEADER, KOREA, FIJI, FIJI_PPP]


def request(*paths: Path, indicators: tuple[str, ...] = ("NGDPD",), vintage: str = "") -> Request:
    return Request("weo", paths, indicators=indicators, vintage=vintage)


def batches(*paths: Path, indicators: tuple[str, ...] = ("NGDPD",), vintage: str = "") -> list[VintageBatch]:
    source = Source()
    documents = list(source.fetch(request(*paths, indicators=indicators, vintage=vintage), None))  # type: ignore[arg-type]
    return list(source.parse(documents))


def read(path: Path, **options: Any) -> tuple[VintageBatch, list[StagedRecord]]:
    (batch,) = batches(path, **options)
    rows = list(batch.rows)
    assert batch.rows_read == len(rows) + sum(batch.set_aside.values()) + len(batch.quarantined)
    return batch, rows


def saver(folder: Path) -> Callable[..., Path]:
    """What the fixture `saved` of these tests is: write a file's content, return its path."""
    def save(content: str | bytes, name: str = "report.xls", encoding: str = "utf-8") -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path
    return save


def workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]]) -> Path:
    """Write an .xlsx of these sheets, rows of cells."""
    book = openpyxl.Workbook()
    del book[book.sheetnames[0]]
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def with_cells(*cells: str) -> list[list[str]]:
    header = ["ISO", "WEO Subject Code", *(str(2000 + i) for i in range(len(cells)))]
    return [header, ["KOR", "NGDPD", *cells]]
