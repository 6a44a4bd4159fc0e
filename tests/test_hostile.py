"""Hostile documents and names: refused in words in bounded memory and time, or taken as the plain texts they are.

Others of their kind: workbooks in test_weo_numbers.py, large tables in test_large_hostile.py, answers of servers in
test_http_limits.py, the page in test_page_for_everyone.py, the data package in test_datapackage.py.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.console import visible
from pipeline.countries import load_identity
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense
from reports.published import tamed
from reports.streamed import write_csv
from reports.tables import Report, Table, rendered
from sources import _csv_rows, open_source
from tests import weo_files
from tests.memory import measured
from tests.orchestra import CODES, table_options
from tests.project import PROJECT, run, sql
from tests.tables import read, save
from tests.wikipedia_pages import parse, simple

MIB = 1 << 20
ROOM = 600 * MIB  # of address space, libraries included, for a process that meets a bomb
FORMULAS = ("=cmd|' /C calc'!A0", "+1+cmd", "-1+cmd", "@SUM(1)", '\t=1', "\r=1", ' "=1"', "＝1", "a;=1")
READ = """
import resource, sys
from pipeline.documents import RawDocument
from pipeline.errors import SourceError, UsageError
from sources import open_source
from pathlib import Path
name, path, room = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (room, room))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
told = {"name": path.name, "indicators": "NGDPD", "indicator": "NGDPD"}
document = RawDocument("data", path.name, "2026-11-20T21:05:09Z", {}, told, path)
try:
    print(sum(1 for batch in open_source(name).parse([document]) for _ in batch.rows), "rows")
except (SourceError, UsageError) as error:
    print("refused:", error)
"""


def told(source: str, path: Path, room: int = ROOM) -> str:
    """Return what a process of limited memory says of a file: how many rows it has, or why it is refused."""
    done = subprocess.run([sys.executable, "-c", READ, source, str(path), str(room)], cwd=PROJECT, text=True,
                          capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def filled(path: Path, begin: bytes, middle: bytes, size: int, end: bytes) -> Path:
    """Write a file with `middle` again and again between its begin and its end, about `size` bytes."""
    block = middle * (MIB // len(middle) + 1)
    with path.open("wb") as stream:
        stream.write(begin)
        for _ in range(size // len(block) + 1):
            stream.write(block)
        stream.write(end)
    return path


# --- entities ---------------------------------------------------------------------------------------------------------

LAUGHS = '<!DOCTYPE a [<!ENTITY b0 "ha">' + "".join(
    f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
OUTSIDE = '<!DOCTYPE a [<!ENTITY b9 SYSTEM "{}">]>'
MESSAGE = ('<StructureSpecificData><DataSet PUBLICATION_DATE="2025-10-14"><Series COUNTRY="USA" INDICATOR="NGDPD">'
           '<Obs TIME_PERIOD="2024" OBS_VALUE="&b9;"/></Series></DataSet></StructureSpecificData>')


def answered(source: str, body: bytes) -> list[str]:
    asked = {"indicators": "NGDPD"}
    document = RawDocument("data", "https://x.example/a", "2026-11-20T21:05:09Z", {}, asked, None, body)
    return [row.raw for batch in open_source(source).parse([document]) for row in batch.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("comment", ["", f"<!--{'x' * 5000}-->"], ids=["at once", "behind a comment"])
@pytest.mark.parametrize("outside", [False, True], ids=["a bomb", "a file"])
def test_entities_in_xml_are_not_expanded(encoding: str, comment: str, outside: bool, tmp_path: Path) -> None:
    secret = save(tmp_path, "s3cret", "secret.txt")
    declared = OUTSIDE.format(secret.as_uri()) if outside else LAUGHS
    with pytest.raises(SourceNonsense) as caught:
        answered("imf", (comment + declared + MESSAGE).encode(encoding))
    assert re.search("declares a document type|broken or cut off XML", caught.value.what)
    assert "s3cret" not in caught.value.what


def test_entities_in_html_are_plain_text(tmp_path: Path) -> None:
    secret = save(tmp_path, "s3cret", "secret.txt")
    for declared in (LAUGHS, OUTSIDE.format(secret.as_uri())):
        page = simple("<tr><td>Japan &b9;</td><td>4,389,756</td></tr>").replace("<!DOCTYPE html>", declared)
        assert [row.name for row in parse(page).rows] == ["Japan &b9;"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("comment", ["", f"<!--{'x' * 5000}-->"], ids=["at once", "behind a comment"])
def test_entities_in_a_workbook_are_refused_wherever_they_are(encoding: str, comment: str, tmp_path: Path) -> None:
    path = workbook_with(tmp_path, "xl/sharedStrings.xml", [(comment + LAUGHS + "<sst/>").encode(encoding)])
    with pytest.raises(SourceNonsense, match=r"^WEO\.xlsx defines its own entities, which no real workbook does"):
        weo_files.batches(path)


# --- bombs ------------------------------------------------------------------------------------------------------------

SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def workbook_with(folder: Path, member: str, content: list[bytes]) -> Path:
    """Write a workbook in which one part is another."""
    path = weo_files.workbook(folder / "plain.xlsx", {"S": [*weo_files.PLAIN, [weo_files.LINE]]})
    bomb = folder / "WEO.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        with new.open(member, "w") as part:
            for piece in content:
                part.write(piece)
    return bomb


@pytest.mark.parametrize(("member", "begin", "middle", "size", "words"), [
    ("xl/worksheets/sheet1.xml", SHEET + b"<row>", b"<c><v>1</v></c>", 4, "has more than 16,384 cells in a row"),
    ("xl/worksheets/sheet1.xml", SHEET + b'<row><c t="inlineStr"><is><t>', b"a", 4, "holds a text of more than"),
    ("xl/worksheets/sheet1.xml", SHEET + b"<row>", b"<junk/>", 4, "has more than 262,144 elements in a row"),
    ("xl/styles.xml", b"<styleSheet><fonts>", b"<font/>", 9, "has a part 'xl/styles.xml' of 9,"),
    pytest.param("xl/worksheets/sheet1.xml", SHEET, b"<row/>", 300, "would unpack to 314,", marks=pytest.mark.full),
], ids=["cells", "a cell", "junk", "styles", "rows"])
def test_zip_bombs_are_refused(member: str, begin: bytes, middle: bytes, size: int, words: str, tmp_path: Path) -> None:
    block = middle * (MIB // len(middle))
    path = workbook_with(tmp_path, member, [begin, *[block] * size])
    assert path.stat().st_size < 3 * MIB
    assert told("weo", path).startswith(f"refused: WEO.xlsx {words}")


@pytest.mark.parametrize(("member", "content"), [
    ("xl/calcChain.xml", b"<calcChain>" + b'<c r="A1"/>' * 16_385 + b"</calcChain>"),
    ("xl/media/image1.png", b"\x89PNG\r\n\x1a\n" + bytes(9 * MIB)),
], ids=["formulas", "a picture"])
def test_a_workbook_with_many_formulas_or_a_large_picture_is_read(member: str, content: bytes, tmp_path: Path) -> None:
    batch, = weo_files.batches(workbook_with(tmp_path, member, [content]))
    assert sum(1 for _ in batch.rows) > 0


@pytest.mark.parametrize(("member", "content"), [
    ("xl/calcChain.xml", b"<c/>" * 262_145), ("xl/media/image1.png", b"<a>" + bytes(9 * MIB))])
def test_what_only_calls_itself_formulas_or_a_picture_is_refused(member: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceNonsense, match=r"262,144 cells in a row|has a part 'xl/media/image1.png' of"):
        weo_files.batches(workbook_with(tmp_path, member, [b"<calcChain>" + content]))


@pytest.mark.parametrize("number", ["2000000000", "1048577"])
def test_a_row_at_the_end_of_the_world_does_not_bring_those_before_it(number: str, tmp_path: Path) -> None:
    path = workbook_with(tmp_path, "xl/worksheets/sheet1.xml",
                         [SHEET + f'<row r="{number}"><c r="A{number}"><v>1</v></c></row>'.encode()])
    with pytest.raises(SourceNonsense, match=rf"^WEO\.xlsx has a row '{number}', which no real workbook does"):
        weo_files.batches(path)


BOMBS = {
    "deep JSON": ("datamapper", b"", b"[", b"", 12, "is not JSON (RecursionError)"),
    "wide JSON": ("datamapper", b"[", b"[],", b"[]]", 17, "bytes of JSON; no more than 16,777,216 are read"),
    "deep JSON of pages": ("worldbank", b"", b'{"a":', b"", 12, "is not JSON (RecursionError)"),
    "junk in XML": ("imf", b"<StructureSpecificData><DataSet>", b"<junk/>", b"", 18, "has a part of more than"),
    "a series without end": ("imf", b"<StructureSpecificData><DataSet><Series>", b"<Obs/>", b"", 18, "has a part of"),
    "a text without end": ("imf", b"<StructureSpecificData><DataSet><Series>", b"a" * 64, b"", 12, "broken or cut off"),
    "a page": ("wikipedia", b"<html><table>", b"<td>", b"</table></html>", 9, "a list of countries has less than"),
    "a page of cells": ("wikipedia", b"<html><table>", b"<td>a", b"</table></html>", 7, "holds no table"),
    "a text file": ("weo", b"Country\tISO\t2023\nFiji\tFJI\t", b"1" * 64, b"\n", 65, "no WEO file has more than"),
    "a cell": ("table", b"country,year,gdp_usd_billion\nFiji,2023,1\n", b"a" * 64,
               b",2023,1\nFiji,2024,2\n", 64, "2 rows"),
    "a cell of a JSON line": ("table", b'{"iso3":"FJI","year":2023,"gdp_usd_billion":1}\n{"iso3":"', b"a" * 64,
                              b'"}\n{"iso3":"FJI","year":2024,"gdp_usd_billion":1}\n', 64, "2 rows"),
}


SLOW = {"a page of cells", "a cell", "a text file", "deep JSON of pages", "junk in XML"}


@pytest.mark.parametrize("bomb", [pytest.param(bomb, marks=pytest.mark.full if bomb in SLOW else ()) for bomb in BOMBS])
def test_bombs_take_a_bounded_memory(bomb: str, tmp_path: Path) -> None:
    source, begin, middle, end, size, words = BOMBS[bomb]
    name = "bomb.jsonl" if b"iso3" in begin else "bomb.txt"
    path = filled(tmp_path / name, begin, middle, size * MIB, end)
    assert words in told(source, path)


def test_a_record_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Quoted cells with line ends in them are one record, however long: it was gathered up to the end of the file."""
    monkeypatch.setattr(_csv_rows, "LONGEST_RECORD", 1 << 18)
    content = 'country,year,gdp_usd_billion\nFiji,2023,1\n"' + '\n","ab' * 120_000 + '"\nFiji,2024,2\n'
    batch, rows = read(save(tmp_path, content))
    assert [(row.name, row.raw, row.locator) for row in (rows[0], rows[-1])] == [
        ("Fiji", "1", "figures.csv line 2"), ("Fiji", "2", "figures.csv line 120004")]
    assert batch.quarantined[0].detail == "a record of more than 262,144 characters"
    assert batch.quarantined[0].locator.startswith("figures.csv line 3 to ")


TWO_MIB = b"a" * 2 * MIB  # of the cell; zero bytes in the first MiB would make a text UTF-16


@pytest.mark.full
@pytest.mark.parametrize(("source", "name", "begin", "expected"), [
    ("table", "f.csv", b"country,year,gdp_usd_billion\nFiji,2023,1\n", "1 rows"),
    ("table", "f.jsonl", b'{"iso3":"FJI","year":2023,"gdp_usd_billion":1}\n{"iso3":"', "1 rows"),
    ("weo", "WEO.xls", b"Country\tISO\t2023\nFiji\tFJI\t", "refused: WEO.xls has 2,147,483,7"),
    ("datamapper", "f.json", b'{"values":{"NGDPD":{"FJI":{"2024":"', "refused: The DataMapper has no GDP"),
    ("wikipedia", "f.html", b"<html><table><tr><td>", "refused: The page has 2,147,483,7"),
])
def test_a_cell_of_two_gigabytes(source: str, name: str, begin: bytes, expected: str, tmp_path: Path) -> None:
    path = save(tmp_path, begin + TWO_MIB * (source == "table"), name)
    os.truncate(path, (1 << 31) + 100)  # sparse: no disk holds it
    assert told(source, path).startswith(expected)
    path.unlink()


@pytest.mark.full
def test_a_run_over_a_cell_of_two_gigabytes(tmp_path: Path) -> None:
    """The whole extract stage, its archive included; the other rows of the table are staged."""
    table = save(tmp_path, (figures(CODES) + "France,2025,").encode() + TWO_MIB, "figures.csv")
    os.truncate(table, 1 << 31)
    command = [str(PROJECT / "extract.py"), *table_options(table), "--workspace", str(tmp_path / "w")]
    done, peak, _ = measured(command, dict(os.environ), tmp_path)
    assert done.returncode == 0, done.stderr
    assert peak < ROOM
    assert "80 rows" in done.stderr
    (path,) = (tmp_path / "w/results/quarantine").rglob("*.csv")
    assert "figures.csv line 82" in path.read_text(encoding="utf-8")


# --- names ------------------------------------------------------------------------------------------------------------

NASTY = ("../../etc/passwd", "Robert'); DROP TABLE Countries_by_GDP;--", "=cmd|' /C calc'!A0",
         "\x1b[2J\x1b]0;owned\x07", "Fran\u202eecnarF", "France\x9b31m", "$(touch owned)", "%s%n{0}")


YEARS = (2022, 2023, 2024, 2025)


def figures(codes: tuple[str, ...]) -> str:
    """Return a table in which each of these has a figure of some years."""
    rows = [f"{code},{year},{900 - number}.25" for number, code in enumerate(codes) for year in YEARS]
    return "\n".join(["country,year,gdp", *rows, ""])


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A workspace in which a table with nasty names was loaded, and what was said on the screen."""
    folder = tmp_path_factory.mktemp("nasty") / "inside" / "deeper"
    folder.mkdir(parents=True)
    others = sorted({country.iso3 for country in load_identity().countries()} - set(CODES))
    lines = [f"{code},{year},{5000 - number}.25" for number, code in enumerate((*CODES, *others)) for year in YEARS]
    lines += ['"' + name + '",2025,5.5' for name in NASTY]
    table = save(folder, "country,year,gdp\n" + "\n".join(lines) + "\n", "f.csv")
    done = run("etl_process.py", *table_options(table), "--dataset", "../../x'; DROP TABLE y", "--accept",
               "unmatched", workspace=folder / "w")
    assert done.returncode == 0, done.stderr
    yield folder, done.stdout + done.stderr


def test_nasty_names_are_quarantined_and_harm_nothing(nasty: tuple[Path, str]) -> None:
    folder, screen = nasty
    names = {row[0] for row in sql(folder / "w", "SELECT DISTINCT dataset FROM dim_vintage")}
    assert names == {"table:x-drop-table-y"}
    assert len(sql(folder / "w", "SELECT * FROM Countries_by_GDP")) > 190
    kept = "".join(path.read_text(encoding="utf-8") for path in (folder / "w/results/quarantine").rglob("*.csv"))
    assert all(name.encode("unicode_escape").decode() in kept or name in kept for name in ("DROP TABLE", "etc/passwd"))
    assert not any(ord(char) < 32 and char not in "\n\t" for char in screen)
    outside = [path for path in folder.parent.parent.rglob("*") if path.is_file() and "inside/deeper" not in str(path)]
    assert outside == []


def test_logs_hold_no_control_character(nasty: tuple[Path, str]) -> None:
    for path in (nasty[0] / "w" / "log").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), path.name


@pytest.mark.full
def test_nasty_names_stay_in_the_folder_of_a_lake(nasty: tuple[Path, str], tmp_path: Path) -> None:
    lake = tmp_path / "a" / "lake"
    done = run("etl_process.py", *table_options(nasty[0] / "f.csv"), "--dataset", "../../x'; DROP TABLE y", "--accept",
               "unmatched", "--target", f"parquet:{lake}", "--no-html", workspace=tmp_path / "a" / "w")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"lake", "w"}
    assert list(lake.rglob("*.parquet"))


@pytest.mark.parametrize("option", ["--vintage", "--indicator"])
def test_paths_as_labels_leave_the_workspace_alone(option: str, tmp_path: Path) -> None:
    table = save(tmp_path, figures(CODES), "f.csv")
    done = run("extract.py", *table_options(table), option, "../../../evil", workspace=tmp_path / "a" / "b" / "c")
    assert option == "--indicator" or done.returncode == 2, done.stderr
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize(("text", "shown"), [
    ("France\x1b[2J", "France\\x1b[2J"), ("a\x9bb\x7f", "a\\x9bb\\x7f"), ("Fran\u202eecnarF", "Fran\\u202eecnarF"),
    ("a\u2066b\u2069\u200f", "a\\u2066b\\u2069\\u200f"), ("a\u2028b", "a\\u2028b"), ("a\0b\r", "a\\x00b\\x0d"),
    ("Côte d’Ivoire", "Côte d’Ivoire"), ("a\u00a0b", "a\u00a0b"),
])
def test_what_a_screen_would_obey_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    report = Report(text, [Table("t", text, [{"Name": text}], {"Name": "Name"})], [text])
    for form in ("table", "markdown"):
        assert rendered(report, form).count(shown) == 3
    again = rendered(report, "json")
    assert json.loads(again)["t"] == [{"Name": text}]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", again)


# --- formulas ---------------------------------------------------------------------------------------------------------


def restored(text: str) -> str:
    """Return a text of a CSV file as it was, as docs/publishing.md says."""
    return re.sub(r"""(^|[;\t\r\n])([\s"]*)'""", r"\1\2", text)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_no_formula_comes_alive_in_csv(text: str, way: str) -> None:
    row = {"Country": text, "GDP": -0.5, "Text": "-0.5"}
    if way == "whole":
        out = rendered(Report("t", [Table("t", "t", [row], {"Country": "Country"})]), "csv")
    else:
        stream = io.StringIO()
        write_csv(stream, list(row), iter([row]))
        out = stream.getvalue()
    _, (country, number, as_text) = csv.reader(io.StringIO(out, newline=""))
    assert (number, as_text) == ("-0.5", "-0.5")
    assert "'" in country and not re.search(r"""(^|[;\t\r\n])[\s"]*[-=+@＝]""", country)
    assert restored(country) == text


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_page_s_download_has_the_same_rule() -> None:
    script = (PROJECT / "reports/dashboard/page.js").read_text(encoding="utf-8")
    alive = re.search(r"const ALIVE = .*;", script)
    number = re.search(r"/\^\[-\+\]\?\[0-9\].*?\$/", script)
    assert alive and number
    texts = [*FORMULAS, "-0.5", "+5", "France", "1e5", "'=1", "-"]
    code = (f"{alive.group()} console.log(JSON.stringify({json.dumps(texts)}.map("
            f"(text) => {number.group()}.test(text) ? text : text.replace(ALIVE, \"$1$2'\"))))")
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout) == [tamed(text) for text in texts]
