"""--schema: what files and metastores tell of columns, and a drift that is named before anything is written."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import etl_process
from pipeline import schema
from pipeline.columns import Column, Tables, family
from pipeline.drift import Places, differences
from pipeline.errors import UsageError
from tests.orchestra import etl
from tests.postgres import PASSWORD, Server, running
from tests.project import run, sql

# The star as a metastore may tell it, in types of its own; all of it is the same in every target.
STAR = {
    "dim_country": "iso3:varchar(3) iso2:text name:text region:text subregion:text region_version:text m49:text "
                   "other_names:text",
    "fact_gdp": "dataset:text indicator:string iso3:character(3) year:bigint from_vintage:text to_vintage:text? "
                "value:float8 value_text:text decimals:int4 forecast:smallint?",
    "countries_by_gdp": "country:text gdp_usd_billion:numeric(12,2) gdp_as_published:text region:text subregion:text "
                        "iso3:text year:int forecast:int? dataset:text vintage:text extracted_at:text",
}


def rows(star: dict[str, str] = STAR) -> list[list[str]]:
    """Return a row a column: table, column, type, nullable."""
    return [[table, name, kind.rstrip("?"), "YES" if kind.endswith("?") else "NO"] for table, columns in star.items()
            for name, _, kind in (each.partition(":") for each in columns.split())]


def write(path: Path, star: dict[str, str] = STAR) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["table_name", "column_name", "data_type", "is_nullable"], *rows(star)])
    return path


def changed(table: str, old: str, new: str) -> dict[str, str]:
    assert old in STAR[table]
    return STAR | {table: STAR[table].replace(old, new)}


# --- what a schema may be -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [
    ("VARCHAR(256)", "text"), ("character  varying(3)", "text"), ("BIGINT", "integer"), ("int32", "integer"),
    ("double precision", "number"), ("NUMERIC(10, 2)", "number"), ("REAL", "number"), ("boolean", "boolean"),
    ("timestamp(6) without time zone", "time"), ("timestamp[us]", "time"), ("date", "time"), ("", ""),
    ("JSONB", "jsonb")])
def test_types_are_compared_by_family(kind: str, name: str) -> None:
    assert family(kind) == name


FORMS = {
    "plain.csv": "type,table,nullable,column\r\nint,Fact_GDP,no,Year\r\n,fact_gdp,,value\r\n",
    "bom.csv": "\ufefftable_schema,table_name,column_name,data_type,is_nullable\npublic,fact_gdp,year,int,NO\n"
               "public,fact_gdp,value,,\n",
    "rows.json": json.dumps([{"table": "fact_gdp", "column": "year", "type": "int", "nullable": False},
                             {"table": "fact_gdp", "column": "value", "type": None}]),
    "fact_gdp.schema.json": json.dumps({"fields": [{"name": "year", "type": "int"}, {"name": "value", "type": "any"}],
                                        "primaryKey": "year"}),
    "datapackage.json": json.dumps({"resources": [{"name": "fact_gdp", "schema": {"fields": [
        {"name": "year", "type": "int", "constraints": {"required": True}}, {"name": "value"}]}}]}),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8", newline="")
    assert schema.read_file(tmp_path / name) == {"fact_gdp": [Column("year", "int", False), Column("value", "", None)]}


@pytest.mark.parametrize(("text", "told"), [
    ("", "it names no table"),
    ("table,type\nfact_gdp,int\n", "row 1 names no column; it has table, type"),
    ("a;b\n1;2\n", "row 1 names no table; it has a;b"),
    ("table,column,nullable\nt,c,maybe\n", "row 1 has 'maybe' for nullable"),
    ("table,column\nt,c\nT,C\n", "it tells t.c twice"),
    ("schema,table,column\na,t,c\nb,t,d\n", "it has t in a and in b"),
    ('table,column\n"t,c\n', "it is no CSV"),
    ("{", "no JSON of a form that is known"),
    ('{"resources": [{"name": "t"}]}', "no JSON of a form that is known (KeyError: 'schema')"),
    ("[1]", "no JSON of a form that is known"),
    ('{"fields": 3}', "no JSON of a form that is known"),
])
def test_what_is_no_schema_is_told(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "schema.csv").write_text(text)
    with pytest.raises(UsageError) as caught:
        schema.read_file(tmp_path / "schema.csv")
    assert told in caught.value.what
    assert caught.value.where == str(tmp_path / "schema.csv")


# --- how places differ ----------------------------------------------------------------------------------------------

RECORD = ("iso3:text", "indicator:text", "year:integer", "value_text:text", "decimals:integer", "forecast:integer?",
          "locator:text")


def columns(*texts: str) -> list[Column]:
    return [Column(name, kind.rstrip("?"), kind.endswith("?")) for name, _, kind in (t.partition(":") for t in texts)]


def found(told: dict[str, str], *, record: tuple[str, ...] = RECORD, target: Tables | None = None) -> list[str]:
    star = {table: columns(*text.split()) for table, text in STAR.items()}
    return list(differences(Places({table: columns(*text.split()) for table, text in told.items()},
                                   {"fact_gdp": columns(*record)}, star), target or {}))


def test_what_is_the_same_is_not_told() -> None:
    assert found(STAR) == []
    assert found({"fact_gdp": " ".join(reversed(STAR["fact_gdp"].split()))}) == []


@pytest.mark.parametrize(("old", "new", "line"), [
    ("year:bigint", "year:text", "fact_gdp.year: type (schema text NOT NULL; checkpoint integer NOT NULL; "
                                 "target bigint NOT NULL)"),
    ("forecast:smallint?", "forecast:smallint", "fact_gdp.forecast: nullability (schema smallint NOT NULL; "
                                                "checkpoint integer NULL; target smallint NULL)"),
    ("value:float8", "value:float8?", "fact_gdp.value: nullability (schema float8 NULL; checkpoint made by the load; "
                                      "target float8 NOT NULL)"),
    (" decimals:int4", "", "fact_gdp.decimals: missing in the schema (schema absent; checkpoint integer NOT NULL; "
                           "target int4 NOT NULL)"),
    ("iso3:character(3)", "iso3:character(3) note:text", "fact_gdp.note: missing in the target (schema text NOT NULL; "
                                                         "checkpoint absent; target absent)"),
])
def test_a_column_that_differs_is_named_with_its_places(old: str, new: str, line: str) -> None:
    assert found(changed("fact_gdp", old, new)) == [line]


def test_the_checkpoint_may_differ_too() -> None:
    assert found(STAR, record=(*RECORD[:4], *RECORD[5:])) == [
        "fact_gdp.decimals: missing in the checkpoint (schema int4 NOT NULL; checkpoint absent; target int4 NOT NULL)"]
    assert found(STAR, record=(*RECORD, "note:text")) == [
        "fact_gdp.note: missing in the schema and the target (schema absent; checkpoint text NOT NULL; target absent)"]
    assert found(STAR, record=(RECORD[1], RECORD[0], *RECORD[2:])) == [
        "fact_gdp: order (checkpoint indicator, iso3, year, value_text, decimals, forecast, locator; the load reads "
        "iso3, indicator, year, value_text, decimals, forecast, locator)"]


def test_what_may_be_null_in_the_checkpoint_fits_no_column_that_may_not() -> None:
    agreed = changed("fact_gdp", "forecast:smallint?", "forecast:smallint")
    target = {table: columns(*text.split()) for table, text in agreed.items()}
    assert found(agreed, target=target) == [
        "fact_gdp.forecast: nullability (schema smallint NOT NULL; checkpoint integer NULL; target smallint NOT NULL)"]


def test_a_table_that_the_target_has_not() -> None:
    star = {"fact_gdp": columns(*STAR["fact_gdp"].split())}
    assert found({"fact_gdp": STAR["fact_gdp"], "dim_country": STAR["dim_country"]}, target=star) == [
        "dim_country: the target has no such table"]


# --- as a run meets it ----------------------------------------------------------------------------------------------


def database(workspace: Path) -> bytes:
    return (workspace / "sqliteDB" / "World_Economies.db").read_bytes()


def test_a_schema_that_agrees_changes_nothing_and_a_drift_stops_all_targets(finished: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    told = write(tmp_path / "schema.csv", STAR | {"fact_region": "sum_billion:real", "theirs": "id:int"})
    targets = "sqlite,parquet:lake"
    done = run("load.py", "--target", targets, "--schema", told, workspace=finished)
    assert done.returncode == 0, done.stderr
    assert "not compared, since the load writes no such table: fact_region, theirs" in done.stderr
    assert run("load.py", "--target", targets, "--schema", told, workspace=finished).stderr.count("skipped") == 1
    before = database(finished), (finished / "lake" / "manifest.json").read_bytes()
    write(told, changed("fact_gdp", "year:bigint", "year:text"))
    done = run("load.py", "--target", targets, "--schema", told, workspace=finished)
    assert done.returncode == 3, done.stderr
    assert f"The schema {told}, the checkpoint and the target sqlite differ in 1 place:\n    fact_gdp.year: type" \
        in done.stderr
    assert "next:  mend the schema where it is wrong" in done.stderr
    assert before == (database(finished), (finished / "lake" / "manifest.json").read_bytes())


def test_the_second_target_is_compared_before_the_first_is_written(finished: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(finished / "other.db")) as other:
        other.executescript("CREATE TABLE x (y)")
    assert run("load.py", "--target", "sqlite:///other.db", workspace=finished).returncode == 0
    with closing(sqlite3.connect(finished / "other.db")) as other:
        other.executescript("ALTER TABLE fact_gdp ADD COLUMN note TEXT")
    before = database(finished)
    done = run("load.py", "--target", "sqlite,sqlite:///other.db", "--schema", write(tmp_path / "schema.csv"),
               workspace=finished)
    assert done.returncode == 3, done.stderr
    assert "the target sqlite:///other.db differ in 1 place:\n    fact_gdp.note: missing in the schema (schema " \
        "absent; checkpoint absent; target TEXT NULL)" in done.stderr
    assert database(finished) == before


def test_a_target_that_is_not_there_yet_is_not_begun(table: Path, finished: Path, tmp_path: Path) -> None:
    told = write(tmp_path / "schema.csv", changed("countries_by_gdp", "year:int", "year:date"))
    done = etl(table, finished, "--target", "sqlite:///new/there.db", "--schema", str(told))
    assert done.returncode == 3, done.stderr
    assert "load failed (exit 3)" in done.stderr
    assert "countries_by_gdp.year: type (schema date NOT NULL; checkpoint integer; target INTEGER NOT NULL)" \
        in done.stderr
    assert not (finished / "new").exists()


def test_a_database_of_an_older_schema_is_compared_as_it_will_be(finished: Path, tmp_path: Path) -> None:
    path = finished / "sqliteDB" / "World_Economies.db"
    with closing(sqlite3.connect(path)) as held:
        held.executescript("ALTER TABLE dim_country ADD COLUMN note TEXT; PRAGMA user_version = 1")
    before = database(finished)
    done = run("load.py", "--rebuild", "--schema", write(tmp_path / "schema.csv"), workspace=finished)
    assert done.returncode == 0, done.stderr  # what is made anew has no column of others
    path.write_bytes(before[:5000])
    done = run("load.py", "--rebuild", "--schema", tmp_path / "schema.csv", workspace=finished)
    assert done.returncode == 0, done.stderr  # and what is damaged is not asked
    assert sql(finished, "SELECT count(*) FROM countries_by_gdp") == [(20,)]


@pytest.mark.parametrize(("arguments", "told"), [
    (("--schema", "gone.csv"), "--schema cannot be read: No such file or directory"),
    (("--schema", "mysql://h/d"), "--schema takes a file, or an address that begins with postgresql://"),
    (("--schema", "other.csv"), "The schema names none of the tables countries_by_gdp, dim_country"),
    (("--schema", "star.csv", "--target", "regions"), "The target regions tells no columns"),
    (("--schema", "postgresql://u:c4nary@h/d"), "An address with a password on the command line"),
    (("--schema-file", "gone"), "--schema-file cannot be read"),
], ids=["gone", "mysql", "other", "regions", "password", "file"])
def test_wrong_usage(arguments: tuple[str, ...], told: str, finished: Path, tmp_path: Path) -> None:
    write(tmp_path / "star.csv")
    (tmp_path / "other.csv").write_text("table,column\nusers,id\n")
    done = run("load.py", *(str(tmp_path / each) if each.endswith((".csv", "gone")) else each for each in arguments),
               workspace=finished)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr and "c4nary" not in done.stderr


def test_an_address_travels_to_the_load_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://u:c4nary@h/d"
    monkeypatch.setenv("WORLD_ECONOMIES_SCHEMA", url)
    asked = etl_process.build_parser().parse_args([])
    process: Any = SimpleNamespace(options=asked, url="")
    inherited = {stage: etl_process.Process._environment(process, stage).get("WORLD_ECONOMIES_SCHEMA", "")
                 for stage in ("extract", "transform", "load", "report")}
    assert inherited == {"extract": "", "transform": "", "load": url, "report": ""}
    assert "c4nary" not in str([etl_process.options.arguments_for(stage, asked) for stage in inherited])


# --- a metastore ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running() as server:
        yield server


def test_a_metastore_and_a_target_in_postgresql(server: Server, finished: Path, tmp_path: Path) -> None:
    import psycopg

    url = server.create("metastore")
    with psycopg.connect(url) as connection:
        connection.execute('CREATE SCHEMA meta; CREATE TABLE meta."Columns" (table_name text, column_name text, '
                           'data_type text, is_nullable text)')
        with connection.cursor() as cursor:
            cursor.executemany('INSERT INTO meta."Columns" VALUES (%s, %s, %s, %s)', rows())
    (tmp_path / "schema").write_text(f"{url}?table=meta.Columns\n")
    done = run("load.py", "--schema-file", tmp_path / "schema", workspace=finished,
               env={"WORLD_ECONOMIES_TARGET": url})
    assert done.returncode == 0, done.stderr
    # And the columns that are there now, of the schema that the load made.
    assert run("load.py", workspace=finished, env={"WORLD_ECONOMIES_SCHEMA": url}).returncode == 0
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE world_economies.countries_by_gdp ALTER COLUMN year TYPE text")
        connection.execute("DELETE FROM world_economies.picture")
    kept = "Countries_by_GDP has year as text, not integer"  # a rebuild empties the tables, and keeps them
    differs = "countries_by_gdp.year: type (schema int NOT NULL; checkpoint integer; target text "
    for anew, code, words in (([], 3, differs), (["--rebuild"], 6, kept)):
        done = run("load.py", "--schema-file", tmp_path / "schema", *anew, workspace=finished,
                   env={"WORLD_ECONOMIES_TARGET": url})
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    done = run("load.py", workspace=finished, env={"WORLD_ECONOMIES_SCHEMA": f"{url}?table=meta.gone"})
    assert done.returncode == 6, done.stderr
    assert 'relation "meta.gone" does not exist' in done.stderr
    written = b"".join(path.read_bytes() for path in finished.rglob("*") if path.is_file())
    assert b"s3cr3t" not in written + done.stderr.encode() and PASSWORD.startswith("s3cr3t")
