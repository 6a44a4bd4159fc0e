"""README.md and docs/ say what is so: every command in them runs, every option, code, number and column is real.

A block marked `sh` is run as it stands, in order, in a copy of the project, with every web source pointed at a server
on loopback that also answers for https://example.org. A block marked `sh no-run` holds set-up and system commands:
tests/test_setup.py has those. A python block that begins with "# file: NAME" is written to that file first.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import sources
from docs import make_options
from large import settings
from pipeline.errors import ExitCode, UsageError
from rules.gates import LIMITS, USERS_OWN, Limits
from rules.indicators import INDICATORS, WORLD_BANK
from targets._regional import Column, ddl
from targets._sql import statements, views
from tests import large_table, synthetic
from tests.project import PROJECT
from tests.server import Answer, Server

PAGES = ["README.md", *sorted(f"docs/{each.name}" for each in (PROJECT / "docs").glob("*.md")), "bench/README.md"]
SET_UP = ("make ", "python3 -m venv ", ".venv/bin/python ", "uv ", "sudo ", "systemctl ", "journalctl ", "psql ",
          "source .venv/")
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "results", "sqliteDB", "log", "tests", "__pycache__", ".*_cache",
                                    ".hypothesis", "*.egg-info", "build", ".axe")
SQLITE3 = """import sqlite3, sys
for row in sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(sys.argv[2]):
    print(*row, sep="|")
"""


@dataclass(frozen=True)
class Block:
    """One fenced block: what follows the fence, its text, the line it begins at."""

    info: str
    text: str
    line: int


def read(page: str) -> str:
    return (PROJECT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    text = read(page)
    found = re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(each[1].strip(), each[2], text.count("\n", 0, each.start()) + 1) for each in found]


def prose(page: str) -> str:
    """Return the page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)


def code_spans(page: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(page))


def table_rows(page: str, first_cell: str) -> list[list[str]]:
    """Return the body of the table whose header's first cell is this."""
    lines = iter(read(page).splitlines())
    for line in lines:
        if line.startswith(f"| {first_cell} |"):
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


# --- every command runs ---------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project with the three files that the commands read."""
    folder = tmp_path / "world-economies"
    shutil.copytree(PROJECT, folder, ignore=NOT_COPIED)
    (folder / "WEO_Data.xls").write_bytes(synthetic.weo_report())
    (folder / "figures.csv").write_bytes(synthetic.table_csv())
    large_table.write(folder / "big.csv", 400)
    return folder


@pytest.fixture
def publishers(server: Server) -> Server:
    synthetic.publish(server)
    server.routes["/notify"] = Answer(b"thank you")
    bank = next(block for block in blocks("docs/adding.md") if block.info == "json")
    server.routes["/central_bank.json"] = Answer(bank.text.encode())
    return server


def environment(folder: Path, url: str) -> dict[str, str]:
    """Return what the commands see: `python` is this one, every web source is on loopback, and nothing is beyond it."""
    tools = folder.parent / "bin"
    tools.mkdir()
    _tool(tools / "python", f'exec "{sys.executable}" "$@"')
    if not shutil.which("sqlite3"):
        (folder.parent / "sqlite3.py").write_text(SQLITE3)
        _tool(tools / "sqlite3", f'exec "{sys.executable}" "{folder.parent}/sqlite3.py" "$@"')
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    mirrors = {f"WORLD_ECONOMIES_{name.upper()}_URL": f"{url}/{name}"
               for name in ("imf", "datamapper", "worldbank", "wikipedia")}
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    here = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
    return clean | mirrors | nowhere | here | {"PATH": f"{tools}{os.pathsep}{clean['PATH']}", "PYTHONWARNINGS": "error",
                                               "PYTHONIOENCODING": "utf-8"}


def _tool(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def test_the_readmes_first_commands_run(copy: Path, publishers: Server) -> None:
    """Those that a newcomer meets; all others of all pages are in the long form."""
    first = read("README.md").partition("\n## What do I type when")[0].count("\n") + 1
    begin = [block for block in blocks("README.md") if block.line < first]
    assert sum(block.info == "sh" for block in begin) == 3
    run_blocks("README.md", begin, copy, publishers)


@pytest.mark.full
@pytest.mark.parametrize("page", [page for page in PAGES if any(block.info == "sh" for block in blocks(page))])
def test_every_command_runs(page: str, copy: Path, publishers: Server) -> None:
    run_blocks(page, blocks(page), copy, publishers)


def run_blocks(page: str, some: list[Block], copy: Path, publishers: Server) -> None:
    """Run what is to be run of these blocks, one after the other, and assert that each command ends well."""
    env = environment(copy, publishers.url)
    for block in some:
        text = block.text.replace("https://example.org", publishers.url)
        if named := re.match(r"# file: (\S+)\n", text):
            (copy / named[1]).write_text(text.removeprefix(named[0]), encoding="utf-8")
        if block.info == "sh":
            done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", text], cwd=copy, env=env, capture_output=True,
                                  encoding="utf-8", stdin=subprocess.DEVNULL, timeout=120, check=False)
            told = f"{page}:{block.line}\n{block.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            assert done.returncode == 0, told
            assert "Traceback" not in done.stderr, told
    assert all(asked.headers["host"].startswith("127.0.0.1") for asked in publishers.asked)


def test_the_example_source_is_loaded_as_the_page_says(copy: Path, publishers: Server) -> None:
    env = environment(copy, publishers.url)
    example = next(block.text for block in blocks("docs/adding.md") if "# file: sources/" in block.text)
    (copy / "sources" / "central_bank.py").write_text(example.replace("https://example.org", publishers.url))
    subprocess.run(["python", "etl_process.py", "--source", "central_bank", "--quiet"], cwd=copy, env=env, check=True,
                   capture_output=True, timeout=60)
    with sqlite3.connect(copy / "sqliteDB" / "World_Economies.db") as database:
        rows = database.execute("SELECT Country, GDP_USD_billion, Year, Dataset, Vintage FROM Countries_by_GDP "
                                "ORDER BY 2 DESC").fetchall()
    database.close()
    assert rows == [("Brazil", 2179.41, 2024, "central-bank", "2026-03-31"),
                    ("Chile", 330.27, 2024, "central-bank", "2026-03-31")]


@pytest.mark.parametrize("page", PAGES)
def test_only_set_up_and_system_commands_are_not_run(page: str) -> None:
    for block in blocks(page):
        assert block.info in ("sh", "sh no-run", "text", "json", "python", "crontab", "sql"), f"{page}:{block.line}"
        if block.info == "sh no-run":
            for line in block.text.splitlines():
                assert line.startswith(SET_UP), f"{page}:{block.line}: {line} can be run by the test"


@pytest.mark.parametrize("page", PAGES)
def test_a_command_in_a_sentence_is_run_somewhere(page: str) -> None:
    run = "\n".join(block.text for each in PAGES for block in blocks(each) if block.info == "sh")
    makers = ("python docs/make_options.py",)  # run by the test of what it makes
    for span in code_spans(page):
        if span.startswith("python ") and not span.endswith("--help"):
            assert span in run or span in makers, f"{page}: {span}"


# --- options, codes, numbers, columns -------------------------------------------------------------------------------


def all_flags() -> set[str]:
    return {flag for script in make_options.SCRIPTS for action in make_options.lasting_flags(script)[0]._actions
            for flag in action.option_strings}


def test_the_options_page_is_made_from_the_scripts() -> None:
    assert read("docs/options.md") == make_options.page(), "python docs/make_options.py makes it again"


def test_the_readme_tells_every_option() -> None:
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", read("README.md")))
    assert all_flags() - told - {"-h"} == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page != "bench/README.md"])  # which has its own
def test_no_page_tells_an_option_that_is_none(page: str) -> None:
    spans = [span for span in code_spans(page) if span.startswith("--")]
    told = {flag for span in spans for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", span)}
    assert told - all_flags() == set()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_tells_a_variable_that_is_none(page: str) -> None:
    lasting = {flag for script in make_options.SCRIPTS for flag in make_options.lasting_flags(script)[1]}
    known = {f"WORLD_ECONOMIES_{flag[2:].upper().replace('-', '_')}" for flag in lasting}
    known |= {f"WORLD_ECONOMIES_{name.upper()}_URL" for name in sources.names()}
    known.add("WORLD_ECONOMIES_DAG_SCHEDULE")  # of dags/world_economies.py, which is no script
    assert set(re.findall(r"WORLD_ECONOMIES_[A-Z_]+[A-Z]", read(page))) - known == set()


def test_the_exit_codes_are_the_real_ones() -> None:
    told = {int(code): name.strip("`") for code, name, *_ in table_rows("README.md", "code")}
    assert told == {int(code): code.name for code in ExitCode}
    assert all(int(row[1]) in told for row in table_rows("docs/operations.md", "what you see"))


def test_every_source_is_told() -> None:
    listed = {row[0].strip("`") for row in table_rows("README.md", "`--source`")}
    assert listed == {"auto", *sources.names()}
    assert set(re.findall(r"^## (\w+): ", read("docs/sources.md"), re.MULTILINE)) == listed


def percent(share: object) -> str:
    return f"{float(str(share)):.0%}".replace("%", " %")


def gate_row(limits: Limits) -> list[str]:
    return [str(limits.economies), " ".join(limits.majors) or "none", percent(limits.unmatched),
            f"{percent(limits.world)}, {'stops' if limits.world_stops else 'reported'}",
            percent(limits.share) if limits.share < 1 else "none", str(limits.jump)]


def test_the_gates_have_the_real_numbers() -> None:
    told = {row[0].strip("`"): row[1:] for row in table_rows("docs/data.md", "dataset")}
    assert told == {**{name: gate_row(limits) for name, limits in LIMITS.items()},
                    "a table of your own": gate_row(USERS_OWN)}


def test_the_indicators_are_the_real_ones() -> None:
    told = [[row[0].strip("`"), *row[1:]] for row in table_rows("docs/data.md", "name")]
    assert told == [[each.name, each.title, each.unit, WORLD_BANK[each.name]] for each in INDICATORS.values()]


def schema() -> Iterator[tuple[str, str]]:
    """Yield (table, column) of the database, every migration applied and every view made."""
    with sqlite3.connect(":memory:") as database:
        for file in sorted((PROJECT / "sql" / "migrations").glob("*.sql")):
            for statement in statements(file.read_text(encoding="utf-8")):
                database.execute(statement)
        for name, text in views().items():
            database.execute(f"DROP VIEW IF EXISTS {name}")
            database.execute(text)
        tables = database.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
        found = [(table, row[1]) for (table,) in tables.fetchall()
                 for row in database.execute(f"PRAGMA table_info({table})")]
    database.close()
    yield from found


def test_every_column_of_the_database_is_told() -> None:
    told = {("Countries_by_GDP", row[0].strip("`")) for row in table_rows("docs/data.md", "column")}
    for name, _, columns in table_rows("docs/data.md", "table"):
        told |= {(name.strip("`"), column) for column in re.findall(r"`(\w+)`", columns)}
    assert told == set(schema())


def test_every_column_of_a_region_is_told() -> None:
    told = {(name.strip("`"), column) for name, _, columns in table_rows("docs/data.md", "table of a region")
            for column in re.findall(r"`(\w+)`", columns)}
    with sqlite3.connect(":memory:") as database:
        database.executescript(ddl([Column("Year", "INTEGER")]))
        found = {(table, row[1]) for table in ("Countries_by_GDP", "picture", "economies")
                 for row in database.execute(f"PRAGMA table_info({table})")}
    database.close()
    assert told == found


# --- large tables ---------------------------------------------------------------------------------------------------


def asked(*words: str) -> settings.Settings:
    parser, _ = make_options.lasting_flags("etl_process")
    return settings.settings_of(parser.parse_args(words), small=False)


def test_the_pieces_are_as_large_as_told() -> None:
    rows = table_rows("docs/scale.md", "`--memory`")
    assert len(rows) == 5
    for memory, piece in rows:
        found = asked("--workers", "2", "--memory", memory.strip("`")).piece_bytes
        assert f"{found / settings.MIB:.1f} MiB" == piece


@pytest.mark.parametrize(("workers", "least"), [("2", 312), ("1", 188)])
def test_the_least_memory_is_the_one_told(workers: str, least: int) -> None:
    assert f"{least} MiB" in read("docs/scale.md")
    asked("--workers", workers, "--memory", f"{least}M")
    with pytest.raises(UsageError, match=f"which need {least}M"):
        asked("--workers", workers, "--memory", f"{least - 1}M")


@pytest.mark.parametrize("example", [0, pytest.param(1, marks=pytest.mark.full)])
def test_the_example_of_repeats_ends_as_told(copy: Path, publishers: Server, example: int) -> None:
    pytest.importorskip("polars", reason="the group `large` is not installed")
    pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")
    env = environment(copy, publishers.url)
    found = blocks("docs/scale.md")
    at = next(number for number, block in enumerate(found) if block.text.startswith("cat > repeats.csv"))
    for commands, told in (found[at:at + 2], found[at + 2:at + 4]):
        done = subprocess.run(["bash", "-eu", "-c", commands.text], cwd=copy, env=env, capture_output=True,
                              encoding="utf-8", stdin=subprocess.DEVNULL, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        counts, rows = told.text.split("\n", 1)
        assert f"transform {counts}; engine pandas" in done.stderr
        assert done.stdout.endswith(f"\n{rows}")


# --- links ----------------------------------------------------------------------------------------------------------


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (PROJECT / page).parent / path if path else PROJECT / page
        assert file.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(file.resolve().relative_to(PROJECT).as_posix()), f"{page}: {target}"


def test_each_line_of_the_promise_names_tests_that_are_there() -> None:
    shown, file = 0, ""
    for named in re.findall(r"`((?:tests/test_[a-z_0-9]+\.py)?(?:::test_[a-z_0-9]+)?)`", prose("docs/reliability.md")):
        path, _, test = named.partition("::")
        file = path or file
        assert (PROJECT / file).is_file(), named
        assert not test or f"def {test}(" in read(file), named
        shown += 1
    assert shown > 30
