"""The labels of vintages, as the scripts take them: what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import csv
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.in_process import walk
from tests.project import manifest, run, sql
from tests.weo_files import HEADER, KOREA, LINE, PLAIN, saver, text_of

TABLE = "country,year,gdp_usd_billion\nGermany,2025,5000\n"
COLUMN = ("vintage,country,year,gdp_usd_billion\n2024-04,Germany,2024,4500\nbroken\n{},Germany,2024,4600\n"
          "2024-10,Germany,2024,4700\n")
PORTAL = ("SERIES_CODE,COUNTRY,SCALE,UNIT,PUBLICATION_DATE,UPDATE_DATE,2024\n"
          "KOR.NGDPD.A,Korea,Billions,US dollar,{},{},1.5\n")


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return saver(tmp_path)


def content(workspace: Path) -> dict[str, str]:
    """relative path -> sha256 of every file, but for the archive of answers and the log."""
    files = [path for path in workspace.rglob("*") if path.is_file()]
    names = {path: path.relative_to(workspace).as_posix() for path in files}
    return {name: sha256(path.read_bytes()).hexdigest() for path, name in names.items()
            if not name.startswith(("results/archive/", "log/")) and ".lock" not in name}


def refused(workspace: Path, source: str, *inputs: Path, vintage: str = "") -> str:
    """Run extract.py, which must refuse: exit 2, words for a person, nothing changed. Return what it said."""
    before = content(workspace)
    given = [f"--vintage={vintage}"] if vintage else []
    code, said = walk(workspace, "--source", source, "--input", *inputs, "--indicator", "NGDPD", *given,
                      stages=["extract"])
    assert code == 2, said
    assert "safe:  nothing was" in said and "next:  " in said
    assert content(workspace) == before
    assert [path for kind in ("staged", "quarantine") for path in (workspace / "results" / kind).rglob("*")
            if path.is_dir() and not any(path.iterdir())] == []
    return said


# --- the future -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "text", "vintage", "said"), [
    ("table", TABLE, "2135-10", "table:a October 2135 is of the future: 2135-10-01"),
    ("table", TABLE, "2024-10+2135-01-02", "table:a October 2024, updated 2135-01-02 is of the future: 2135-01-02"),
    ("table", COLUMN.format("2135-04"), "", "table:a April 2135 is of the future: 2135-04-01"),
    ("table", COLUMN.format("2024-10+2135-01-02T10:00:00Z"), "", "is of the future: 2135-01-02"),
    ("weo", text_of(PLAIN, last=""), "2135-04", "imf-weo April 2135 is of the future: 2135-04-01"),
    ("weo", text_of(PLAIN, last=LINE.replace("2022", "2135")), "", "imf-weo October 2135 is of the future: 2135-10-01"),
    ("weo", text_of(PLAIN), "2022-10+2135-01-02", "updated 2135-01-02 is of the future: 2135-01-02"),
    ("weo", PORTAL.format("2135-10-14", ""), "", "is of the future: 2135-10-01"),
    ("weo", PORTAL.format("2025-10-14", "2135-01-02"), "", "updated 2135-01-02 is of the future"),
], ids=["table", "table, update", "column", "column, update", "weo", "last line", "weo, update", "dates", "updated"])
def test_vintages_of_the_future_are_refused(finished: Path, saved: Callable[..., Path], source: str, text: str,
                                            vintage: str, said: str) -> None:
    assert said in refused(finished, source, saved(text, "a.csv"), vintage=vintage)


def test_a_refusal_in_an_empty_workspace_leaves_neither_part_nor_run(tmp_path: Path,
                                                                     saved: Callable[..., Path]) -> None:
    workspace = tmp_path / "w"
    refused(workspace, "table", saved(COLUMN.format("2135-04"), "a.csv"))
    left = sorted(name for name in content(workspace))
    assert [name for name in left if name.startswith(("results/", "sqliteDB/"))] == []
    assert len(list((workspace / "results/archive").glob("*.json"))) == 1, "the bytes are kept"


def test_a_later_file_that_is_refused_takes_the_earlier_ones_with_it(finished: Path,
                                                                     saved: Callable[..., Path]) -> None:
    good, bad = saved(text_of(PLAIN), "a.xls"), saved(text_of(PLAIN), "WEOOct2023all.xls")
    assert "WEOOct2023all.xls speaks of 2023-10" in refused(finished, "weo", good, bad)
    assert not (finished / "results/staged/imf-weo").exists()


# --- contradictions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "name", "text", "vintage", "said"), [
    ("weo", "a.xls", text_of(PLAIN), "2023-04", "contradicts the file's own last line, which names 2022-10"),
    ("weo", "a.csv", PORTAL.format("2025-10-14", ""), "2025-04", "contradicts the file's own dates, which are of"),
    ("weo", "a.xls", text_of([HEADER, *[[*KOREA[:9], "2021"]] * 6], last=""), "2019-04",
     "contradicts the figures of a.xls: 6 series that are actual up to 2021"),
    ("weo", "WEOOct2023all.xls", text_of(PLAIN, last=""), "2022-10", "contradicts the name of the file"),
    ("weo", "WEOOct2023all.xls", text_of(PLAIN), "", "speaks of 2023-10, but its last line names 2022-10"),
    ("weo", "a.xls", text_of(PLAIN), "2022-10+2022-09-30", "before the edition's own month"),
    ("weo", "a.xls", text_of(PLAIN), "October 2022", "A vintage is a year and a month"),
    ("table", "gdp_2023-04.csv", TABLE, "2024-10",
     "--vintage 2024-10 contradicts the name of the file, gdp_2023-04.csv, which speaks of 2023-04"),
    ("table", "gdp_2023-04.csv", TABLE, "2024", "contradicts the name of the file"),
    ("table", "a.csv", TABLE, "2022-10+2022-02-30", "names an update that is no date: 2022-02-30"),
    ("table", "a.csv", COLUMN.format("2024-10+2024-09-01"), "", "before the edition's own month"),
    ("table", "a.csv", TABLE, "a/b+2022-11-30", "is no label"),
], ids=["line", "dates", "figures", "name", "name and line", "update", "words", "table's name", "its year", "no day",
        "column", "folder"])
def test_contradictions_are_refused(finished: Path, saved: Callable[..., Path], source: str, name: str, text: str,
                                    vintage: str, said: str) -> None:
    assert said in refused(finished, source, saved(text, name), vintage=vintage)


@pytest.mark.parametrize(("name", "vintage"), [
    ("gdp_2023-04.csv", "2023-04"), ("gdp_2023-04.csv", "2023-04-11"), ("gdp_2023-04.csv", "2023"),
    ("gdp_2023-04.csv", "v2"), ("gdp_2023-04.csv", "2022-10+2023-04-05"), ("gdp_2023-04-11.csv", "2024-10"),
    ("gdp_2023-04_of_2024-10.csv", "2025-04"), ("data_2310.csv", "2024-10"), ("gdp_1980-2023.csv", "2024-10"),
    ("f47ac10b-2023-04ab.csv", "2024-10"), ("gdp.csv", "2022-10+2022-11-30"),
])
def test_names_that_fit_or_say_nothing_clear_pass(tmp_path: Path, saved: Callable[..., Path], name: str,
                                                  vintage: str) -> None:
    code, said = walk(tmp_path / "w", "--source", "table", "--input", saved(TABLE, name), "--vintage", vintage,
                      stages=["extract"])
    assert code == 0, said


def test_the_advice_works_when_typed(tmp_path: Path, saved: Callable[..., Path]) -> None:
    path = saved(TABLE, "gdp_2023-04.csv")
    done = run("etl_process.py", "--source", "table", "--input", path, "--vintage", "2024-10", workspace=tmp_path / "w")
    assert done.returncode == 2
    following = done.stderr.rstrip().splitlines()[-1]
    assert f"--input {path} " in following and "--vintage 2023-04" in following and "2024-10" not in following


# --- printings --------------------------------------------------------------------------------------------------------


def test_a_printing_is_a_vintage_of_its_own(tmp_path: Path, saved: Callable[..., Path]) -> None:
    workspace, path = tmp_path / "w", saved(TABLE, "mine.csv")
    for given in ("2022-10", "2022-10+2022-11-30"):
        code, said = walk(workspace, "--source", "table", "--input", path, "--vintage", given)
        assert code == 0, said
        path.write_text(TABLE.replace("5000", "5001"))
    assert sql(workspace, "SELECT label, published, updated FROM dim_vintage ORDER BY updated") == [
        ("2022-10", "2022-10-01", ""), ("2022-10", "2022-10-01", "2022-11-30")]
    folders = [path.name for path in (workspace / "results/staged/table-mine").iterdir()]
    assert sorted(folders) == ["2022-10", "2022-10+2022-11-30"]


def test_a_column_may_name_printings(tmp_path: Path, saved: Callable[..., Path]) -> None:
    path = saved(COLUMN.format("2024-04+2024-06-01T10:00:00Z"), "mine.csv")
    done = run("extract.py", "--source", "table", "--input", path, workspace=tmp_path)
    assert done.returncode == 0, done.stderr
    batches = manifest(tmp_path, "extract")["facts"]["batches"]
    assert [(each["vintage"]["label"], each["vintage"]["updated"]) for each in batches] == [
        ("2024-04", ""), ("2024-04", "2024-06-01T10:00:00Z"), ("2024-10", "")]


def test_the_bundle_has_first_printings_only(finished: Path) -> None:
    before = content(finished)
    done = run("extract.py", "--source", "bundled", "--vintage", "2022-10+2022-11-30", workspace=finished)
    assert (done.returncode, "first printing of each edition only" in done.stderr) == (2, True)
    assert "--vintage 2022-10   # or --source weo" in done.stderr
    assert content(finished) == before


def test_the_real_report_of_october_2022_as_a_second_printing(captures: Path, tmp_path: Path) -> None:
    """The report has China's 2022 as 18,321.197, the whole database of the same edition 20,256.411."""
    report = captures / "weo" / "WEO_Data_2022-10_utf16le.xls"
    for arguments in (["bundled", "--vintage", "2022-10"],
                      ["weo", "--input", report, "--vintage", "2022-10+2022-11-30"]):
        done = run("extract.py", "--indicator", "NGDPD", "--source", *arguments, workspace=tmp_path)
        assert done.returncode == 0, done.stderr
    found = {}
    for folder in (tmp_path / "results/staged/imf-weo").iterdir():
        with next(folder.glob("part-*")).open(encoding="utf-8", newline="") as stream:
            found[folder.name] = [row["raw"] for row in csv.DictReader(stream)
                                  if row["year"] == "2022" and (row["code"] == "924" or row["name"] == "China")]
    assert found == {"2022-10": ["20256.411"], "2022-10+2022-11-30": ["18,321.197"]}
