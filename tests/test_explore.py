"""make explore: a real Datasette on loopback that answers as SQL does, changes nothing, and answers nobody else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.history_db import Database, pictured
from tests.project import PROJECT, run, sql
from tests.test_docs import schema

pytest.importorskip("datasette", reason="Datasette is not installed: pip install -c constraints.txt '.[explore]'")

from explore import catalog, plugin

ASKED_TO_END = PROJECT / "tests" / "asked_to_end"
CHANCE = random.Random(7)
QUESTIONS = ["country", "economies", "economies_as_of", "regions", "regions_as_of", "revisions", "vintages"]


class Served:
    """`python -m explore` on a free port, until it is left."""

    def __init__(self, workspace: Path, env: dict[str, str] | None = None) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "explore", "--workspace", str(workspace), "--port", "0"], cwd=PROJECT,
            env=os.environ | (env or {}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8")
        assert self.child.stdout is not None
        self.told = [self.child.stdout.readline() for _ in range(3)]
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)/World_Economies$", "".join(self.told), re.MULTILINE)
        if not found:
            self.child.kill()
            raise AssertionError("".join(self.told) + self.child.communicate()[0])
        self.port = int(found[1])

    def get(self, path: str, host: str = "", data: bytes | None = None) -> tuple[int, str]:
        """Return status and text of a page; data: post it."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Host": host} if host else {})
        with contextlib.closing(urllib.request.build_opener(urllib.request.ProxyHandler({}))) as opener:
            try:
                with opener.open(asked, timeout=30) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

    def ask(self, question: str, **fields: str) -> list[dict[str, Any]]:
        """Return the rows of a question, fields as a person types them."""
        query = urllib.parse.urlencode({"_shape": "array", **fields})
        status, text = self.get(f"/World_Economies/{question}.json?{query}")
        assert status == 200, text
        rows: list[dict[str, Any]] = json.loads(text)
        return rows

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; returns the exit code and what was printed since the start."""
        self.child.send_signal(number)
        told, _ = self.child.communicate(timeout=30)
        return self.child.returncode, told


@contextlib.contextmanager
def serving(workspace: Path, env: dict[str, str] | None = None) -> Iterator[Served]:
    served = Served(workspace, env)
    try:
        yield served
    finally:
        if served.child.poll() is None:
            served.end()


@pytest.fixture(scope="module")
def workspace(held: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictured(Path(shutil.copytree(held, tmp_path_factory.mktemp("explore") / "workspace")))


@pytest.fixture(scope="module")
def served(workspace: Path) -> Iterator[Served]:
    database = workspace / "sqliteDB" / "World_Economies.db"
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    with serving(workspace) as running:
        yield running
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert [path.name for path in database.parent.iterdir()] == [database.name]


def explore(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it where it is expected to end by itself."""
    return subprocess.run([sys.executable, "-m", "explore", "--workspace", str(workspace), *arguments], cwd=PROJECT,
                          stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=30, check=False)


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_it_says_what_and_where(served: Served) -> None:
    assert served.told[0] == "The picture is imf-weo April 2025, updated 2025-05-02 (by bundled), 2024.\n"
    assert served.told[2] == "to look at, on this machine only; Ctrl-C ends it\n"
    assert served.get("/")[0] == 200


def test_the_questions_are_all(served: Served) -> None:
    told = json.loads(served.get("/World_Economies.json")[1])
    assert sorted(each["name"] for each in told["queries"]) == QUESTIONS
    assert sorted(path.stem for path in (PROJECT / "sql" / "explore").glob("[a-z]*.sql")) == QUESTIONS


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_answers_with_empty_fields(question: str, served: Served) -> None:
    assert served.ask(question)
    status, page = served.get(f"/World_Economies/{question}")
    assert status == 200
    fields = re.findall(r'<input type="text" id="qp\d+" name="(\w+)"', page)
    assert fields == list(catalog.metadata("x", {}, "")["databases"]["x"]["queries"][question]["params"])


def test_the_report_is_the_report(served: Served, workspace: Path) -> None:
    report = json.loads(run("report.py", "--format", "json", "--no-html", "--no-csv", workspace=workspace).stdout)
    ours = served.ask("economies")
    assert [(row["Country"], row["GDP_USD_billion"], row["Year"]) for row in ours] == [
        ("United States", 29185.005, 2024), ("Taiwan", 802.958, 2024), ("Nigeria", 187.637, 2024)]
    shared = ("Rank", "Country", "Growth_percent", "Region", "Subregion", "ISO3", "Year")
    assert [[row[name] for name in shared] for row in ours] == [
        [row[name] for name in shared] for row in report["economies"]]
    assert ours[0]["Growth_percent"] == 2.796
    regions = served.ask("regions")
    assert [(row["Region"], round(row["Sum_GDP_USD_billion"], 2), row["Top5"]) for row in regions] == [
        (row["Region"], row["Sum_GDP_USD_billion"], row["Top5"]) for row in report["regions"]]
    assert regions[1] == {"Region": "Asia", "Top5_mean_GDP_USD_billion": 802.958, "Counted": 1, "Top5": "TWN",
                          "Economies": 1, "Sum_GDP_USD_billion": 802.958}


@pytest.mark.parametrize(("fields", "codes"), [
    ({"min_gdp": "800"}, ["USA", "TWN"]), ({"top": "1"}, ["USA"]), ({"region": " africa "}, ["NGA"]),
    ({"region": "Africa", "min_gdp": "188"}, []), ({"region": "Atlantis"}, []), ({"min_gdp": "0"}, [
        "USA", "TWN", "NGA", "LIE"])], ids=["min_gdp", "top", "region", "both", "no region", "all"])
def test_the_fields_narrow_the_report(fields: dict[str, str], codes: list[str], served: Served) -> None:
    assert [row["ISO3"] for row in served.ask("economies", **fields)] == codes


@pytest.mark.parametrize(("as_of", "year", "usa"), [
    ("2024-04", "", 28781.083), ("2024-04", "2023", 27360.935), ("2024-10", "", 29167.779), ("2024-12-31", "",
                                                                                             29167.779),
    ("2025-05-01", "2024", 29184.89), ("2025-04", "2024", 29185.005), ("", "2025", 30507.217)],
    ids=["label", "year", "another label", "day", "before the printing", "last printing", "newest"])
def test_as_of_a_label_or_a_day(as_of: str, year: str, usa: float, served: Served) -> None:
    first = served.ask("economies_as_of", as_of=as_of, year=year)[0]
    assert (first["ISO3"], first["GDP_USD_billion"]) == ("USA", usa)
    of = {row["Region"]: row["Sum_GDP_USD_billion"] for row in served.ask("regions_as_of", as_of=as_of, year=year)}
    assert of["North America"] == usa


def test_a_vintage_that_there_is_not_finds_nothing(served: Served) -> None:
    assert served.ask("economies_as_of", as_of="2019-04") == []
    assert served.ask("revisions", since="2019-04") == []
    assert served.ask("country", country="Nowhere") == []


def test_revisions_are_those_of_the_report(served: Served, workspace: Path) -> None:
    mine = served.ask("revisions", since="2024-04")
    told = json.loads(run("report.py", "--revisions", "--since", "2024-04", "--format", "json",
                          workspace=workspace).stdout)["revisions"]

    def told_row(country: str, year: int, kind: str, change: float | None) -> tuple[object, ...]:
        return country, year, kind, change

    assert {told_row(row["Country"], row["Year"], row["kind"], row["change"]) for row in mine} == {
        told_row(row["Country"], row["Year"], row["Kind"], row["Change"]) for row in told}
    assert mine[0] == {"Country": "United States", "ISO3": "USA", "Year": 2024, "kind": "revised", "was": 28781.083,
                       "is": 29185.005, "change": 403.922, "percent": 1.4034, "old_forecast": 1, "new_forecast": 0}
    assert [row["Country"] for row in served.ask("revisions", since="2024-04", country="nga")] == ["Nigeria"] * 2
    assert len(served.ask("revisions", since="2024-04", top="1")) == 1


def test_a_country_by_vintage(served: Served) -> None:
    rows = served.ask("country", country="united states", year="2024")
    assert [(row["value"], row["first_vintage"], row["last_vintage"], row["holds"]) for row in rows] == [
        (28781.083, "2024-04", "2024-04", 0), (29167.779, "2024-10", "2024-10", 0), (29184.89, "2025-04", "2025-04", 0),
        (29185.005, "2025-04", "2025-04", 1)]
    assert [row["value"] for row in served.ask("country", country="USA", indicator="ngdp_rpch")] == [2.7, 2.8, 2.796]
    assert {row["Country"] for row in served.ask("country")} == {"United States"}


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_every_table_and_column_is_described() -> None:
    tables: dict[str, list[str]] = {}
    for table, column in [*schema(), ("etl_ledger", "run"), ("etl_ledger", "rows")]:
        tables.setdefault(table, []).append(column)
    told = catalog.metadata("x", tables, "")["databases"]["x"]["tables"]
    assert len(tables) == 12
    assert [f"{name}.{column}" for name, columns in tables.items() for column in columns
            if not told[name]["columns"].get(column)] == []
    assert all(each["title"] and each["description"] for each in told.values())
    for table, column, unit in (("fact_region", "sum_billion", "billion US dollars"),
                                ("fact_gdp", "value", "GDP in billion US dollars")):
        assert unit in told[table]["columns"][column]


def test_every_table_opens_with_its_descriptions(served: Served, workspace: Path) -> None:
    names = [name for (name,) in sql(workspace, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
    assert len(names) > 9
    for name in names:
        status, page = served.get(f"/World_Economies/{name}")
        assert (name, status) == (name, 200)
        assert page.count("<dt>") == len(sql(workspace, f"SELECT * FROM pragma_table_info('{name}')"))
    assert '<a href="/World_Economies/dim_country/USA">United States</a>' in served.get("/World_Economies/fact_gdp")[1]


@pytest.mark.parametrize(("value", "column", "shown"), [
    (30507.217, "GDP_USD_billion", "30,507.217"), (7338.950600000001, "mean", "7,338.9506"), (2024, "Year", None),
    (2024, "first_year", None), (131938, "figures", "131,938"), (-0.5, "change", "-0.5"), (100.0, "percent", "100"),
    ("<script>", "name", None), (None, "value", None)])
def test_numbers_have_marks(value: object, column: str, shown: str | None) -> None:
    assert plugin.with_marks(value, column) == shown


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["delete from picture", "attach database 'x.db' as x", "pragma user_version = 9"])
def test_nothing_is_written(statement: str, served: Served) -> None:
    asked = urllib.parse.urlencode({"sql": statement})
    assert served.get(f"/World_Economies.json?{asked}")[0] == 400
    assert served.get("/World_Economies/picture", data=asked.encode())[0] >= 400


def test_a_connection_that_writes_is_refused(workspace: Path) -> None:
    from datasette.app import Datasette

    from explore.database import ReadOnly

    database = ReadOnly(Datasette(), path=str(workspace / "sqliteDB" / "World_Economies.db"))
    with pytest.raises(PermissionError):
        database.connect(write=True)
    with contextlib.closing(database.connect()) as connection, pytest.raises(Exception, match="readonly"):
        connection.execute("DELETE FROM picture")


def test_only_this_machine_is_answered(served: Served) -> None:
    listening = [each.laddr for each in psutil.Process(served.child.pid).net_connections(kind="inet")
                 if each.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", served.port)]
    for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.socket(family) as other:
            assert other.connect_ex((address, served.port)) != 0
    assert served.get("/", host="localhost:1")[0] == 200
    assert served.get("/", host="example.org") == (
        403, "This page answers only on this machine, as 127.0.0.1 or localhost.\n")


def test_a_load_does_not_disturb_what_is_looked_at(workspace: Path, tmp_path: Path) -> None:
    mine, loaded = (Path(shutil.copytree(workspace, tmp_path / name)) for name in ("mine", "loaded"))
    Database(loaded).run("DELETE FROM Countries_by_GDP WHERE ISO3 = ?", ("USA",))
    with serving(mine) as running:
        assert len(running.ask("economies")) == 3
        (loaded / "sqliteDB" / "World_Economies.db").replace(mine / "sqliteDB" / "World_Economies.db")
        assert len(sql(mine, "SELECT 1 FROM Countries_by_GDP")) == 3
        with ThreadPoolExecutor(8) as readers:  # more at once than any pool has idle threads
            assert [len(each) for each in readers.map(running.ask, ["economies"] * 16)] == [3] * 16
        assert running.end(signal.SIGINT) == (0, "")


def test_it_can_be_ended_as_soon_as_it_says_so(workspace: Path) -> None:
    with serving(workspace) as running:
        assert running.end(signal.SIGINT) == (0, "")


def asked(moments: str, number: int, workspace: Path) -> tuple[int, str]:
    """Return how it ended that was asked to at those moments, see tests/asked_to_end/sitecustomize.py."""
    with serving(workspace, {"PYTHONPATH": str(ASKED_TO_END), "ASKED_AT": moments, "ASKED_BY": str(number)}) as running:
        told, _ = running.child.communicate(timeout=30)
        return running.child.returncode, told


@pytest.mark.parametrize("moments", ["0,last", "2,3", "1100,1200"])
def test_no_moment_after_the_address_gives_anything_but_silence(moments: str, workspace: Path) -> None:
    assert asked(moments, signal.SIGINT, workspace) == (0, "")


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("first", [0, 1, 9, *(CHANCE.randrange(1780) for _ in range(17))])
def test_no_moment_at_all_does(first: int, number: int, workspace: Path) -> None:
    assert asked(str(first), number, workspace) == (0, "")
    assert asked(f"{first},{first + CHANCE.randrange(1, 900)},last", number, workspace) == (0, "")


@pytest.mark.parametrize(("content", "code", "says"), [
    (None, 5, "There is no database of figures yet"), (b"no database at all" * 99, 6, "SQLite refuses"),
    ("own", 5, "There is no database of figures yet")], ids=["none", "damaged", "of somebody else"])
def test_without_a_database_it_says_what_to_type(content: bytes | str | None, code: int, says: str,
                                                 tmp_path: Path) -> None:
    database = tmp_path / "sqliteDB" / "World_Economies.db"
    database.parent.mkdir()
    if isinstance(content, bytes):
        database.write_bytes(content)
    elif content:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE mine (x)")
    done = explore(tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert re.search(r"^  next:  python (etl_process|load)\.py .*--workspace ", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_told(workspace: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = explore(workspace, "--port", str(port))
    assert done.returncode == 2
    assert f"Port {port} is taken by another program" in done.stderr
    assert 'next:  make explore ARGS="--port 0"' in done.stderr
