"""--indicator all: every indicator of a table, whatever its name and unit, and what other sources mean by it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from extract import asked_of
from pipeline import staging
from pipeline.errors import SourceNonsense
from pipeline.options import indicator_names
from rules.indicators import DEFAULT
from tests.project import manifest, run
from tests.tables import ALL, batches, consumed, parquet, read, save

CONTENT = ("edition,iso3,indicator,year,value,unit,scale\n"
           "2024-10,FJI,PCOALW,2023,107.25,IX,0.0\n2024-10,FJI,LE,2023,0.36,N,1000000.0\n"
           "2024-10,FJI,ngdpd,2023,5.44,P,1000000000\n2024-10,FJI,NGDPD,2024,5.81,USD,9.0\n"
           "2024-10,FJI,GGX,2023,-3.5,XDC,9.0\n2023-04,FJI,BCA,2022,-0.6,P,1000000000.0\n")
STAGED = [("PCOALW", "2023", "107.25", "IX", ""), ("LE", "2023", "0.36", "Persons", "Millions"),
          ("NGDPD", "2023", "5.44", "US$", "Billions"), ("NGDPD", "2024", "5.81", "US$", "Billions"),
          ("GGX", "2023", "-3.5", "XDC", "Billions")]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return partial(save, tmp_path)


def test_every_indicator_is_taken_gdp_first_then_by_name(saved: Callable[..., Path]) -> None:
    old, new = batches(saved(CONTENT), indicators=ALL)
    assert [(r.indicator, r.year, r.raw, r.unit, r.scale) for r in consumed(new)] == STAGED
    assert [(s.indicator, s.years) for s in new.scopes] == [
        ("NGDPD", (2023, 2024)), ("GGX", (2023,)), ("LE", (2023,)), ("PCOALW", (2023,))]
    assert [s.indicator for s in old.scopes] == ["BCA"]
    assert (dict(new.set_aside), new.quarantined) == ({}, [])


def test_a_batch_is_judged_by_gdp_and_by_its_own_first_where_it_has_none(saved: Callable[..., Path]) -> None:
    old, new = batches(saved(CONTENT), indicators=ALL)
    assert [staging.main_indicator(ALL, batch.scopes) for batch in (old, new)] == ["BCA", "NGDPD"]


def test_a_table_without_an_indicator_column_is_gdp(saved: Callable[..., Path]) -> None:
    batch, rows = read(saved("iso3,year,gdp_usd_billion\nFJI,2023,5.44\n"), indicators=ALL)
    assert ([r.indicator for r in rows], [s.indicator for s in batch.scopes]) == (["NGDPD"], ["NGDPD"])


def test_rows_that_name_no_indicator_or_no_vintage_are_quarantined_where_they_belong(saved: Callable[..., Path],
                                                                                     tmp_path: Path) -> None:
    content = CONTENT + "2024-10,FJI, ,2023,1.5,,\n2023-04,TON,,2023,2.5,,\n,TON,,2023,3.5,,\n"
    columns = list(zip(*(line.split(",") for line in content.splitlines()), strict=True))
    path = parquet(tmp_path / "f.parquet", **{name: list(cells) for name, *cells in columns})
    for table, word, first in ((saved(content), "figures.csv line", 2), (path, "f.parquet row", 1)):
        found = [[(q.rule, q.locator) for q in batch.quarantined] for batch in batches(table, indicators=ALL)
                 if consumed(batch)]
        assert found == [[("no vintage", f"{word} {first + 8}"), ("no indicator", f"{word} {first + 7}")],
                         [("no indicator", f"{word} {first + 6}")]]


def test_an_indicator_column_that_names_none_is_refused(saved: Callable[..., Path]) -> None:
    with pytest.raises(SourceNonsense, match="no row under it names one"):
        batches(saved("iso3,indicator,year,value\nFJI,,2023,5.44\n"), indicators=ALL)


def test_decimals_are_of_each_indicator_over_all_vintages(tmp_path: Path) -> None:
    path = parquet(tmp_path / "f.parquet", vintage=["2023-04", "2023-04", "2024-10", "2024-10"], iso3=["FJI"] * 4,
                   indicator=pa.array(["LUR", "gdpx", "LUR", "gdpx"]).dictionary_encode(), year=[2023] * 4,
                   value=[5.125, 1.0, 4.5, 2.25])
    assert [dict(batch.decimals) for batch in batches(path, indicators=ALL)] == [{"LUR": 3, "gdpx": 2}] * 2


def test_an_indicator_in_either_case_has_its_decimals(saved: Callable[..., Path]) -> None:
    lines = '{"iso3": "FJI", "series": "lp", "year": 2023, "value": 0.925}\n'
    batch, rows = read(saved(lines, "f.jsonl"), indicators=ALL)
    assert ([r.indicator for r in rows], dict(batch.decimals)) == (["LP"], {"LP": 3})


# --- the option -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["all", "ALL", " all ,"])
def test_the_option_reads_all(text: str) -> None:
    assert indicator_names(text) == ["all"]


def test_all_stands_alone() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="all stands alone"):
        indicator_names("LP,all")


@pytest.mark.parametrize(("source", "means"), [
    ("table", ALL), ("auto", ALL), ("bundled", DEFAULT), ("weo", DEFAULT), ("imf", DEFAULT), ("datamapper", DEFAULT),
    ("worldbank", DEFAULT), ("wikipedia", DEFAULT)])
def test_what_all_means(source: str, means: tuple[str, ...]) -> None:
    assert asked_of(source, ["all"]) == means
    assert asked_of(source, ["LP"]) == ("LP",)


def test_all_of_the_bundle_is_the_run_of_its_five_by_name(tmp_path: Path) -> None:
    first = run("extract.py", "--source", "bundled", "--vintage", "2025-10", "--indicator", "all", workspace=tmp_path)
    again = run("extract.py", "--source", "bundled", "--vintage", "2025-10", workspace=tmp_path)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert manifest(tmp_path, "extract")["parameters"]["indicators"] == list(DEFAULT)
    assert "skipped" in again.stderr + again.stdout


def test_all_of_a_table_comes_out_clean(saved: Callable[..., Path], tmp_path: Path) -> None:
    table = saved(CONTENT)
    for words in (["extract.py", "--source", "table", "--input", table, "--indicator", "all"], ["transform.py"]):
        done = run(str(words[0]), *words[1:], workspace=tmp_path)
        assert done.returncode == 0, done.stderr
    assert manifest(tmp_path, "extract")["parameters"]["indicators"] == ["all"]
    batches = manifest(tmp_path, "transform")["facts"]["batches"]
    assert [(batch["main"], batch["balance"]) for batch in batches] == [
        ("BCA", {"in": 1, "out": 1}), ("NGDPD", {"in": 5, "out": 5})]
    rows = (tmp_path / batches[1]["parts"][0]).read_text().splitlines()[1:]
    assert [tuple(row.split(",")[:5]) for row in rows] == [
        ("FJI", "GGX", "2023", "-3500000000", "-8"), ("FJI", "LE", "2023", "360000", "-4"),
        ("FJI", "NGDPD", "2023", "5.44", "2"), ("FJI", "NGDPD", "2024", "5.81", "2"),
        ("FJI", "PCOALW", "2023", "107.25", "2")]
