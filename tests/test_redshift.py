"""Redshift as a target: its own driver before tables without keys, a real store, and what goes wrong on the way."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.countries import load_identity
from pipeline.errors import GateError, TargetRefused, TargetUnreachable, UsageError
from targets import Batch, Counts, Picture, _redshift_session, open_targets
from targets.redshift import Target
from tests import history_db
from tests.history_db import batch, gdp
from tests.lakes import two
from tests.object_store import BUCKET, SECRET, ObjectStore
from tests.orchestra import environment, launch, table_options, write_table
from tests.postgres import PASSWORD, STAR, USER, star_of
from tests.project import run, sql
from tests.redshift import ROLE, STAGE, Make, Warehouse, warehouses
from utils import Workspace


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Make, ObjectStore]]:
    with warehouses() as found:
        yield found


@pytest.fixture
def store(both: tuple[Make, ObjectStore]) -> ObjectStore:
    return both[1]


@pytest.fixture
def warehouse(both: tuple[Make, ObjectStore], request: pytest.FixtureRequest) -> Warehouse:
    return both[0](re.sub(r"\W", "_", request.node.name)[:50])


def publish(url: str, *groups: Iterable[Batch], rebuild: bool = False) -> list[Counts]:
    """Publish each group in a load of its own, as history_db.publish() does in SQLite."""
    found, identity = [], load_identity()
    for number, group in enumerate(groups):
        with Target(Workspace(Path("nowhere")), url=url, rebuild=rebuild) as target:
            target.describe(identity.countries(), identity.version)
            found.append(target.publish([replace(each, run_id=f"{each.run_id}-{number}") for each in group]))
    return found


def held(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    return star_of(warehouse.rows)


def own(url: str, stage: str) -> str:
    """Return the address with a prefix of a test's own."""
    return url.replace(STAGE, f"s3://{BUCKET}/{stage}")


# --- what is loaded ---------------------------------------------------------------------------------------------------


def test_batches_give_what_they_give_in_sqlite(warehouse: Warehouse, tmp_path: Path) -> None:
    later = [batch("2025-04", gdp({"NGA": {2022: "476.468 a", 2024: "187.637 f"}, "TWN": {2024: "782.4"}})),
             batch("2023-10", gdp({"NGA": {2022: "477.4 a"}, "USA": {2022: "25439.7 a"}}))]
    groups = (two()[:1], two()[1:], later, two())
    told = publish(warehouse.url(), *groups)
    expected = history_db.publish(tmp_path, *groups)
    assert held(warehouse) == star_of(lambda text: sql(tmp_path, text))
    assert len(held(warehouse)["fact_gdp"]) > 6
    assert [(each.figures, each.ranges, each.gone, each.witnesses) for each in told] == [
        (each.figures, each.ranges, each.gone, each.witnesses) for each in expected]


def test_the_same_run_again_changes_nothing(warehouse: Warehouse, store: ObjectStore) -> None:
    url = own(warehouse.url(), "again")
    publish(url, two())
    before, files = held(warehouse), store.keys("again")
    again = publish(url, two())[0]
    assert (again.figures, again.ranges, again.witnesses) == (0, 0, 0)
    assert held(warehouse) == before and store.keys("again") == files
    assert sum("COPY" in text for text in warehouse.sent) == 2  # ranges, and keys of the report of some economies


@pytest.mark.full
def test_a_rebuild_begins_anew(warehouse: Warehouse) -> None:
    publish(warehouse.url(), two())
    before = held(warehouse)
    publish(warehouse.url(), two(), rebuild=True)
    assert held(warehouse) == before


@pytest.mark.full
def test_the_stage_says_what_it_holds(warehouse: Warehouse, store: ObjectStore) -> None:
    publish(own(warehouse.url(), "told"), two()[:1])
    told, copy, data = (store.get(key) for key in store.keys("told"))
    assert json.loads(copy) == {"entries": [{"url": f"s3://{BUCKET}/{store.keys('told')[2]}", "mandatory": True,
                                             "meta": {"content_length": len(data)}}]}
    facts = json.loads(told)
    assert (facts["bytes"], facts["rows"]) == (len(data), 3)
    assert warehouse.rows("SELECT manifest, staged, sha256, bytes, row_count FROM etl_manifest") == [
        (f"s3://{BUCKET}/{store.keys('told')[1]}", "insert_range", facts["sha256"], len(data), 3)]


def test_materialized_views_are_made_and_then_refreshed(warehouse: Warehouse) -> None:
    publish(warehouse.url(), two()[:1])
    assert warehouse.rows("SELECT country, year, value FROM newest_figures ORDER BY 1, 2") == [
        ("Nigeria", 2022, 477.376), ("Nigeria", 2024, 252.738), ("United States", 2022, 25744.1)]
    publish(warehouse.url(), two()[1:])
    assert warehouse.rows("SELECT iso3, year, kind FROM revisions ORDER BY 1, 2") == warehouse.rows(
        "SELECT iso3, year, kind FROM fact_revision ORDER BY 1, 2") == [
        ("JPN", 2022, "appeared"), ("NGA", 2022, "revised"), ("NGA", 2024, "confirmed"), ("USA", 2022, "withdrawn")]
    columns = "dataset, vintage, year, region, sum_billion, top5_mean_billion, economies"
    newest = "(SELECT max(vintage) FROM dim_vintage)"
    assert sorted(warehouse.rows(f"SELECT {columns} FROM region_top5")) == sorted(
        warehouse.rows(f"SELECT {columns} FROM fact_region WHERE vintage = {newest}"))


@pytest.mark.full
def test_the_picture_is_replaced(warehouse: Warehouse) -> None:
    rows = [{"Country": "O'Brien \\ Land", "GDP_USD_billion": 1.5, "GDP_as_published": "1.5", "Region": "Europe",
             "Subregion": "Western Europe", "ISO3": "IRL", "Year": 2024, "Forecast": None, "Dataset": "imf-weo",
             "Vintage": "2024-04", "Extracted_At": "2026-01-01T00:00:00Z"}]
    publish(warehouse.url(), two())
    with Target(Workspace(Path("nowhere")), url=warehouse.url()) as target:
        vintage = two()[0].vintage
        target.show(Picture(vintage, "weo", "run", rows))
        target.show(Picture(vintage, "weo", "run-2", rows))
        target.keep_picture("run-3")
        assert target.query("picture_vintage", {})[0]["run_id"] == "run-3"
    assert warehouse.rows("SELECT Country, GDP_USD_billion, Forecast FROM Countries_by_GDP") == [
        ("O'Brien \\ Land", 1.5, None)]


# --- an end in the middle -------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize(("what", "when"), [("COPY stage_insert_range", "before"), ("COPY stage_insert_range", "after"),
                                            ("INSERT INTO fact_gdp", "after"), ("commit", "before")])
def test_a_connection_cut_before_the_commit_leaves_all_as_it_was(warehouse: Warehouse, store: ObjectStore, what: str,
                                                                 when: str, tmp_path: Path) -> None:
    prefix = f"cut/{what.split()[0]}-{when}-{len(what)}"
    url = own(warehouse.url(), prefix)
    publish(url, two()[:1])
    before = held(warehouse)
    warehouse.cut = (what, when)
    with pytest.raises(TargetUnreachable, match="does not answer"):
        publish(url, two())
    assert held(warehouse) == before
    staged = {key: store.client.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in store.keys(prefix)}
    publish(url, two())
    expected = history_db.publish(tmp_path, two()[:1], two())
    assert [each.ranges for each in expected] == [3, 6]
    assert held(warehouse)["fact_gdp"] == star_of(lambda text: sql(tmp_path, text))["fact_gdp"]
    assert staged.items() <= {key: store.client.head_object(Bucket=BUCKET, Key=key)["LastModified"]
                              for key in store.keys(prefix)}.items()  # what was staged is taken, not put again


def test_a_connection_cut_after_the_commit_is_found_out_by_the_same_load(warehouse: Warehouse) -> None:
    warehouse.cut = ("commit", "after")
    with pytest.raises(TargetUnreachable) as caught:
        publish(warehouse.url(), two())
    assert "whole or not at all" in caught.value.safe
    loaded = held(warehouse)
    assert len(loaded["fact_gdp"]) == 6 and len(loaded["etl_batch"]) == 3
    again = publish(warehouse.url(), two())[0]
    assert (again.figures, again.ranges, again.gone) == (0, 0, 0)
    assert held(warehouse) == loaded
    assert warehouse.rows("SELECT count(*) FROM newest_figures") == [(3,)]  # its views were made by the second


@pytest.mark.full
def test_an_object_that_is_another_under_the_same_name_is_refused(warehouse: Warehouse, store: ObjectStore) -> None:
    url = own(warehouse.url(), "other")
    warehouse.cut = ("commit", "before")
    with pytest.raises(TargetUnreachable):
        publish(url, two()[:1])
    store.put(next(key for key in store.keys("other") if key.endswith(".parquet")), b"something else")
    with pytest.raises(TargetRefused, match="another file under the name of its content"):
        publish(url, two()[:1])


# --- counting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda rows: rows + rows, id="every row twice"),
    pytest.param(lambda rows: rows.partition(b"\n")[2], id="a row lost", marks=pytest.mark.full)])
def test_a_copy_of_more_or_fewer_rows_than_the_manifest_is_refused(warehouse: Warehouse, spoil: Any) -> None:
    publish(warehouse.url(), two()[:1])
    before = held(warehouse)
    warehouse.spoil = spoil
    with pytest.raises(TargetRefused, match=r"COPY brought \d rows of \d in the manifest"):
        publish(warehouse.url(), two()[1:])
    assert held(warehouse) == before


@pytest.mark.full
def test_a_row_that_is_there_twice_stops_the_next_load(warehouse: Warehouse) -> None:
    publish(warehouse.url(), two()[:1])
    warehouse.rows("INSERT INTO dim_vintage SELECT * FROM dim_vintage")
    before = held(warehouse)
    with pytest.raises(GateError, match="keys_unique"):
        publish(warehouse.url(), two()[1:])
    assert held(warehouse) == before


def test_a_copy_that_fails_says_file_line_column_and_reason(warehouse: Warehouse, store: ObjectStore) -> None:
    publish(warehouse.url(), two()[:1])
    before = held(warehouse)
    long = batch("2024-10", gdp({"NGA": {2022: "476.468 a"}, "USA": {2022: "1." + "1" * 600}}))
    with pytest.raises(TargetRefused) as caught:
        publish(own(warehouse.url(), "long"), [long])
    file = next(key for key in store.keys("long") if key.endswith(".parquet") and "insert_range" in key)
    assert caught.value.what == (f"COPY fails at line 4 of s3://{BUCKET}/{file}, column value_text: "
                                 "value too long for type character varying(512)")
    assert held(warehouse) == before


# --- what is refused ------------------------------------------------------------------------------------------------


def refused(url: str, kind: type[Exception] = TargetRefused) -> str:
    with pytest.raises(kind) as caught:
        publish(url, two())
    assert PASSWORD not in "\n".join(caught.value.lines())  # type: ignore[attr-defined]
    return str(caught.value)


def test_who_may_not_is_told_why(warehouse: Warehouse, store: ObjectStore) -> None:
    assert "password authentication failed" in refused(warehouse.url(password="wrong"))
    assert 'database "gone" does not exist' in refused(warehouse.url().replace(f"/{warehouse.name}?", "/gone?"))
    assert "NoSuchBucket" in refused(warehouse.url(stage="s3://no-such-bucket/stage"))
    with store.closed():
        assert "InvalidAccessKeyId" in refused(own(warehouse.url(), "closed"))
    other = ROLE.replace("reads", "may-not-read")
    assert "Access Denied" in refused(own(warehouse.url(role=other), "role"))
    assert warehouse.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'world_economies'") == []


def test_who_does_not_answer_is_named() -> None:
    pytest.importorskip("redshift_connector", reason="the group `warehouse` is not installed")
    more = "/db?stage=s3://bucket/stage&iam_role=default"
    assert "The host nowhere.invalid is not known" in refused(f"redshift://u:p@nowhere.invalid:5439{more}",
                                                              TargetUnreachable)
    assert "does not answer: Connection refused" in refused(f"redshift://u:p@127.0.0.1:9{more}", TargetUnreachable)


def test_tables_of_another_program_are_left_alone(warehouse: Warehouse) -> None:
    warehouse.rows("CREATE SCHEMA world_economies")
    warehouse.rows("CREATE TABLE fact_gdp (a int)")
    assert "tables of another program: fact_gdp" in refused(warehouse.url())
    assert warehouse.rows("SELECT count(*) FROM fact_gdp") == [(0,)]
    assert Target(Workspace(Path("nowhere")), url=warehouse.url()).query("loaded", {}) == []


@pytest.mark.full
def test_a_newer_schema_is_refused(warehouse: Warehouse) -> None:
    publish(warehouse.url(), two()[:1])
    warehouse.rows("UPDATE etl_schema SET version = 99")
    assert "has schema 99" in refused(warehouse.url())


@pytest.mark.full
def test_two_loads_do_not_write_at_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    publish(warehouse.url(), two()[:1])
    monkeypatch.setattr(_redshift_session, "WAIT_FOR_LOCK", 100)
    with closing(psycopg.connect(warehouse.direct)) as other:
        other.execute("LOCK world_economies.etl_lock")
        with pytest.raises(TargetUnreachable, match="Another program is writing"):
            publish(warehouse.url(), two())
    assert publish(warehouse.url(), two()[1:])[0].figures == 3


def test_a_load_needs_a_stage_and_a_question_does_not(warehouse: Warehouse) -> None:
    publish(warehouse.url(), two())
    bare = re.sub(r"&stage=.*?&iam_role=[^&]*", "", warehouse.url())
    with pytest.raises(UsageError, match="stage=s3://BUCKET/PREFIX and iam_role=ARN"):
        publish(bare, two())
    assert Target(Workspace(Path("nowhere")), url=bare).query("loaded", {}) == [{"batches": 3, "figures": 3}]


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_secret_of_secrets_manager_is_an_address(warehouse: Warehouse, store: ObjectStore) -> None:
    import boto3

    boto3.client("secretsmanager").create_secret(Name="warehouse", SecretString=json.dumps({
        "engine": "redshift", "username": USER, "password": PASSWORD, "host": "127.0.0.1", "port": warehouse.port,
        "dbname": warehouse.name}))
    target, = open_targets(f"secretsmanager:warehouse?stage={STAGE}&iam_role={ROLE}&sslmode=disable",
                           Workspace(Path("nowhere")))
    with target:
        target.describe(load_identity().countries(), "2026-01")
        assert target.publish(two()).figures == 6
    assert PASSWORD not in "\n".join((target.shown, *warehouse.sent))


@pytest.mark.full
def test_no_secret_is_in_sql_log_files_or_any_process(warehouse: Warehouse, store: ObjectStore, tmp_path: Path) -> None:
    commands: set[bytes] = set()
    warehouse.seen = lambda _: commands.update(_command_lines())
    source = write_table(tmp_path / "table.csv")
    process = launch(*table_options(source), "--workspace", str(tmp_path / "w"), "--no-html", "--no-csv",
                     env=environment(None) | store.env | {"WORLD_ECONOMIES_TARGET": warehouse.url()})
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert warehouse.rows("SELECT count(*) FROM fact_gdp")[0][0] > 0 and b"load.py" in b"".join(commands)
    written = b"".join(path.read_bytes() for path in (tmp_path / "w").rglob("*") if path.is_file())
    everything = written + b"".join(commands) + "\n".join((out, said, *warehouse.sent)).encode()
    for secret in (PASSWORD, PASSWORD.replace(" ", "%20"), SECRET):
        assert secret.encode() not in everything


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            yield path.read_bytes()


# --- the whole ------------------------------------------------------------------------------------------------------


def etl(warehouse: Warehouse, store: ObjectStore, workspace: Path, *more: str, target: str = "") -> tuple[int, str]:
    done = run("etl_process.py", "--source", "bundled", "--no-html", "--no-csv", *more, workspace=workspace,
               env=store.env | {"WORLD_ECONOMIES_TARGET": target or warehouse.url()}, timeout=300)
    assert "Traceback" not in done.stderr and PASSWORD not in done.stdout + done.stderr
    return done.returncode, done.stderr


@pytest.mark.full
def test_ten_vintages_in_sqlite_and_in_redshift_are_the_same(warehouse: Warehouse, store: ObjectStore,
                                                             tmp_path: Path) -> None:
    code, said = etl(warehouse, store, tmp_path, target=f"sqlite,{warehouse.url()}")
    assert code == 0, said
    expected = star_of(lambda text: sql(tmp_path, text))
    assert len(expected["dim_vintage"]) == 10 and len(expected["fact_gdp"]) > 50_000
    assert held(warehouse) == expected
    for question in ((), ("--as-of", "2024-04"), ("--revisions", "--country", "NGA"), ("--explain", "KOR", "2024"),
                     ("--year", "2020", "--region", "Africa")):
        told = [run("report.py", *question, "--format", "json", "--no-html", "--no-csv", workspace=tmp_path,
                    env=store.env | {"WORLD_ECONOMIES_TARGET": target}) for target in ("sqlite", warehouse.url())]
        assert told[0].returncode == told[1].returncode == 0, told[1].stderr
        assert told[0].stdout == told[1].stdout


@pytest.mark.full
def test_a_refusal_ends_with_exit_6_and_the_next_try_loads(warehouse: Warehouse, store: ObjectStore,
                                                           tmp_path: Path) -> None:
    code, said = etl(warehouse, store, tmp_path, "--stage-retries", "0", target=warehouse.url(password="wrong"))
    assert code == 6 and "password authentication failed" in said
    warehouse.cut = ("commit", "after")
    code, said = etl(warehouse, store, tmp_path, "--stage-retries", "0")
    assert code == 6 and "whole or not at all" in said
    loaded = held(warehouse)["fact_gdp"]
    assert etl(warehouse, store, tmp_path)[0] == 0
    assert held(warehouse)["fact_gdp"] == loaded and len(loaded) > 50_000


@pytest.mark.full
def test_the_star_is_all_that_is_compared(warehouse: Warehouse) -> None:
    publish(warehouse.url(), two()[:1])
    tables = {name for (name,) in warehouse.rows("SELECT table_name FROM information_schema.tables "
                                                 "WHERE table_schema = 'world_economies'")}
    assert tables - set(STAR) == {"etl_schema", "etl_view", "etl_lock", "etl_manifest", "etl_ledger"}
