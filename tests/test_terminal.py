"""Answers on a real pseudo-terminal: no line is wider, no figure is cut, names are; piped they are as ever."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from reports import terminal
from reports.tables import Report, Table
from tests.history_db import Database, pictured
from tests.project import PROJECT, run

WIDTHS = (60, 80, 120, 200)
LONG = "Saint Vincent and the Grenadines, with the Islands of Bequia and Mustique"
PICTURE = ("--no-html", "--no-csv", "--min-gdp", "0")
PIPED = """\
Economies: imf-weo April 2025, updated 2025-05-02 (by bundled), 2024

  #  country          GDP, bn US$    growth %  region         iso3      year
---  -------------  -------------  ----------  -------------  ------  ------
  1  United States      29,185.01        2.80  North America  USA       2024
  2  Taiwan                802.96              Asia           TWN       2024

Regions, mean of the five largest: imf-weo April 2025, updated 2025-05-02 (by bundled), 2024

region           mean GDP of top 5, bn US$    counted  top 5      economies    sum, bn US$
-------------  ---------------------------  ---------  -------  -----------  -------------
North America                    29,185.01          1  USA                1      29,185.01
Asia                                802.96          1  TWN                1         802.96
Africa                              187.64          1  NGA                1         187.64
Europe                                8.51          1  LIE                1           8.51

North America has 1 economies only

Asia has 1 economies only

Africa has 1 economies only

Europe has 1 economies only
"""


@pytest.fixture(scope="module")
def workspace(held: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictured(Path(shutil.copytree(held, tmp_path_factory.mktemp("terminal") / "workspace")))


@pytest.fixture(scope="module")
def long_names(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = Path(shutil.copytree(workspace, tmp_path_factory.mktemp("terminal") / "long"))
    Database(copy).run("UPDATE Countries_by_GDP SET Country = ? WHERE ISO3 = ?", (LONG, "TWN"))
    return copy


class Screen:
    """A pseudo-terminal of so many columns."""

    def __init__(self, columns: int) -> None:
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self) -> str:
        """Return all that arrived until everybody hung up."""
        os.close(self.slave)
        seen = b""
        with contextlib.suppress(OSError):  # Linux says EIO where others say end of file
            while data := os.read(self._master, 1 << 16):
                seen += data
        os.close(self._master)
        return seen.decode("utf-8").replace("\r\n", "\n")


def on_terminal(columns: int, workspace: Path, *arguments: str, **variables: str) -> str:
    """Return what report.py shows on a terminal of so many columns."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS") and not name.startswith("WORLD_ECONOMIES_")}
    env |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error", **variables}
    screen = Screen(columns)
    with subprocess.Popen([sys.executable, str(PROJECT / "report.py"), "--workspace", str(workspace), *arguments],
                          stdin=subprocess.DEVNULL, stdout=screen.slave, stderr=subprocess.PIPE, env=env) as child:
        seen = screen.read()
        assert child.stderr is not None
        told = child.stderr.read().decode()
    assert child.returncode == 0, told
    return seen


def drawn(columns: int, report: Report) -> str:
    """Return a report as such a terminal shows it."""
    screen = Screen(columns)
    with os.fdopen(os.dup(screen.slave), "w", encoding="utf-8") as stream:
        terminal.show(report, stream)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.read())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_fits(width: int, long_names: Path) -> None:
    seen = on_terminal(width, long_names, *PICTURE, NO_COLOR="1")
    assert "\x1b" not in seen
    assert max(map(cell_len, seen.splitlines())) <= width
    for figure in ("29,185.01", "802.96", "187.64", "8.51"):
        assert len(re.findall(rf"(?<![\d,.]){re.escape(figure)}(?![\d,.])", seen)) >= 2, figure
    assert (LONG in seen) == (width == 200)
    assert (LONG[:11] in seen, "…" in seen) == (True, width < 200)
    assert ("No room for: " in seen) == (width == 60)
    assert "GDP, bn" in seen and "United States" in seen


@pytest.mark.parametrize(("question", "figures"), [
    (("--revisions", "--since", "2024-04"), ("28,781.083", "29,185.005", "403.922", "252.738", "187.637", "-65.101")),
    (("--as-of", "2024-04", "--min-gdp", "0"), ("28,781.08", "802.96", "252.74", "2.70")),
    (("--explain", "USA", "2024"), ("28781.083", "29167.779", "29184.89", "29185.005")),
    (("--compare", "imf-weo,worldbank-wdi"), ("27,720.725", "-0.000")),
    (("--profile",), ()),
], ids=["revisions", "as of", "explain", "compare", "profile"])
def test_every_question_fits(question: tuple[str, ...], figures: tuple[str, ...], workspace: Path) -> None:
    seen = on_terminal(60, workspace, *question, NO_COLOR="1")
    assert max(map(cell_len, seen.splitlines())) <= 60
    assert [figure for figure in figures if not re.search(rf"(?<![\d,.]){figure}(?![\d,.])", seen)] == []


def test_the_last_ten_years_are_a_line(workspace: Path) -> None:
    seen = on_terminal(120, workspace, *PICTURE, NO_COLOR="1")
    lines = seen.splitlines()
    assert lines[2:5] == [
        "#  country        GDP, bn US$  growth %  region         iso3  year  Last ten years",
        "──────────────────────────────────────────────────────────────────────────────────",
        "1  United States    29,185.01      2.80  North America  USA   2024          ▁█    "]
    assert "Last ten years: GDP of 2015 to 2024, each from its lowest to its highest.\n" in seen
    assert "▁" not in on_terminal(120, workspace, *PICTURE, "--format", "csv")


def test_colours_are_for_terminals_that_want_them(workspace: Path) -> None:
    assert "\x1b[1m" in on_terminal(80, workspace, *PICTURE)
    assert "\x1b" not in on_terminal(80, workspace, *PICTURE, TERM="dumb")


def test_a_terminal_with_letters_only_gets_letters(workspace: Path) -> None:
    seen = on_terminal(80, workspace, *PICTURE, PYTHONIOENCODING="ascii")
    assert seen.isascii()
    assert "Last ten years" not in seen
    assert re.search(r"^-+$", seen, re.MULTILINE)


def test_piped_it_is_as_ever(workspace: Path) -> None:
    done = run("report.py", "--no-html", "--no-csv", workspace=workspace, env={"COLUMNS": "40", "FORCE_COLOR": "1"})
    lines = done.stdout.splitlines(keepends=True)
    third = next(at for at, line in enumerate(lines) if "Nigeria" in line)
    assert "".join(lines[:third] + lines[third + 1:]) == PIPED
    assert lines[third] == "  3  Nigeria               187.64              Africa         NGA       2024\n"


def test_piped_it_loads_no_rich(workspace: Path) -> None:
    code = "import runpy, sys; sys.argv[1:] = sys.argv[2:]\n" \
           "try: runpy.run_path('report.py', run_name='__main__')\nexcept SystemExit: pass\n" \
           "sys.exit('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, "", "--workspace", str(workspace), *PICTURE], cwd=PROJECT,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert (done.returncode, b"United States" in done.stdout) == (0, True), done.stderr


# --- the parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("values", "line"), [
    ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"), ([10.0, None, 20.0], "▁ █"), ([5, 5], "▄▄"), ([-3, 0, 3], "▁▅█"),
    ([None, 7], " ▄"), ([None], ""), ([], "")], ids=["all", "gap", "level", "below zero", "one", "none", "empty"])
def test_a_line_goes_from_the_lowest_to_the_highest(values: list[float | None], line: str) -> None:
    assert terminal.sparkline(values) == line


def test_columns_go_in_their_order_and_are_named() -> None:
    row = {"Name": "A" * 30, "Code": "ABC", "One": 123456789.891, "Two": 0.5, "Three": None, "Year": 2024}
    heads = {"Name": "name", "Code": "code", "One": "one, bn", "Two": "two", "Three": "three", "Year": "year"}
    report = Report("t", [Table("t", "Title", [row], heads, gives_way=("Two", "Code"))])
    assert drawn(46, report).splitlines()[2:] == [
        "name          code         one, bn   two  year",
        "──────────────────────────────────────────────",
        "AAAAAAAAAAA…  ABC   123,456,789.89  0.50  2024"]
    assert drawn(36, report).splitlines()[2:] == [
        "name                   one, bn  year",
        "────────────────────────────────────",
        "AAAAAAAAAAAAA…  123,456,789.89  2024",
        "",
        "No room for: code, two. A wider",
        "terminal or --format json shows", "them."]


def test_what_goes_on_in_the_next_line_is_not_cut() -> None:
    words = "Andorra, Cuba, Gibraltar, Greenland, Guam, Isle of Man, Monaco, Syria"
    report = Report("t", [Table("t", "Title", [{"Who": "imf-weo", "Lacks": words}], {"Who": "who", "Lacks": "lacks"},
                                wrap={"Lacks": 80})])
    seen = drawn(40, report)
    assert " ".join(line[9:].strip() for line in seen.splitlines()[4:]) == words
    assert max(map(cell_len, seen.splitlines())) <= 40


def test_a_name_cannot_move_the_cursor_and_wide_letters_count_twice() -> None:
    rows = [{"Country": "\x1b[2J[bold]x", "GDP": 1.0}, {"Country": "中华人民共和国中华人民共和国", "GDP": 22.5}]
    seen = drawn(24, Report("t", [Table("t", "Title \x1b]0;x\x07", rows, {"Country": "country", "GDP": "GDP"})]))
    lines = seen.splitlines()
    assert lines[0] == "Title \\x1b]0;x\\x07"
    assert lines[-2:] == ["\\x1b[2J[bold]x      1.00", "中华人民共和国中…  22.50"]
    assert all(cell_len(line) <= 24 for line in lines)


def test_an_empty_table_says_so() -> None:
    assert drawn(40, Report("t", [Table("t", "Title", [], {})], ["A note."])) == "Title\n\n(none)\n\nA note.\n"
