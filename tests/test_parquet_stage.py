"""Rows staged for a warehouse: put once whoever comes again, whole after a crash, read by what COPY documents."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the group `warehouse` is not installed")

import pyarrow.parquet as pq

from pipeline.errors import TargetRefused
from targets import _parquet
from targets._lake import FolderLake
from targets._lake_stage import Staged, stage
from targets._parquet import REAL, TEXT, WHOLE, Column, Table
from tests.history_db import batch, gdp, publish
from tests.lakes import interrupted
from tests.orchestra import tree
from tests.project import sql

FACTS = Table("fact_gdp", (Column("iso3", TEXT), Column("year", WHOLE), Column("value", REAL),
                           Column("forecast", WHOLE, nullable=True)), ("iso3", "year"))
GONE = Table("gone", (Column("iso3", TEXT),), ("iso3",))
ROWS = [("NGA", 2022, 477.376, 0), ("NGA", 2024, 252.738, 1), ("USA", 2022, 25744.1, None)]


def staged(folder: Path, rows: list[Any] = ROWS) -> Staged:
    return stage(FolderLake(folder), [(FACTS, rows), (GONE, [])])


def test_a_file_a_table_what_copy_reads_and_a_manifest(tmp_path: Path) -> None:
    found = staged(tmp_path)
    folder = Path(found.manifest).parent
    assert folder.parent == tmp_path and not found.again
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        "fact_gdp.copy.json", "fact_gdp.parquet", "gone.copy.json", "gone.parquet", "manifest.json"]
    data = (folder / "fact_gdp.parquet").read_bytes()
    assert json.loads(Path(found.copied_from("fact_gdp")).read_text()) == {"entries": [{
        "url": f"{folder}/fact_gdp.parquet", "mandatory": True,
        "meta": {"content_length": len(data), "record_count": 3}}]}
    told = json.loads(Path(found.manifest).read_text())["tables"]
    assert told["fact_gdp"] == {
        "file": "fact_gdp.parquet", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": 3,
        "columns": {"iso3": "string", "year": "int32", "value": "double", "forecast": "int32"}, "key": ["iso3", "year"]}
    assert told["gone"]["rows"] == found.tables["gone"].rows == 0
    file = pq.ParquetFile(folder / "fact_gdp.parquet")
    assert [tuple(row.values()) for row in file.read().to_pylist()] == ROWS
    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
    assert pq.read_table(folder / "gone.parquet").num_rows == 0


def test_the_same_rows_are_staged_once_and_other_rows_beside(tmp_path: Path) -> None:
    first, before = staged(tmp_path), tree(tmp_path)
    again = staged(tmp_path)
    assert again.again and again.manifest == first.manifest and again.tables == first.tables
    assert tree(tmp_path) == before
    other = staged(tmp_path, ROWS[:2])
    assert not other.again and other.manifest != first.manifest
    assert before.items() <= tree(tmp_path).items()


@pytest.mark.parametrize("at", range(5))
def test_after_a_crash_between_two_files_the_same_call_ends_it(tmp_path: Path, at: int,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    whole, real, puts = staged(tmp_path / "whole"), FolderLake.put, iter(range(9))

    def put(self: FolderLake, *told: Any) -> bool:
        return interrupted() if next(puts) == at else real(self, *told)

    with monkeypatch.context() as cut:
        cut.setattr(FolderLake, "put", put)
        with pytest.raises(KeyboardInterrupt):
            staged(tmp_path / "cut")
    assert list((tmp_path / "cut").rglob("manifest.json")) == []  # last: what has none is not whole
    found = staged(tmp_path / "cut")
    assert not found.again and found.tables == whole.tables
    assert len(list((tmp_path / "cut").rglob("*.parquet"))) == 2


def test_what_was_changed_since_is_refused(tmp_path: Path) -> None:
    folder = Path(staged(tmp_path).manifest).parent
    (folder / "fact_gdp.parquet").write_bytes(b"x")
    with pytest.raises(TargetRefused, match="parquet of the stage is not what was staged") as caught:
        staged(tmp_path)
    assert caught.value.next_command == f"remove everything under {folder}, then the same command"


def test_rows_beyond_a_row_group_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parquet, "ROWS", 2)
    folder = Path(staged(tmp_path).manifest).parent
    assert pq.ParquetFile(folder / "fact_gdp.parquet").metadata.num_row_groups == 2
    assert pq.read_table(folder / "fact_gdp.parquet").num_rows == 3


def test_a_vintage_staged_twice_is_told_from_one_loaded_twice(tmp_path: Path) -> None:
    """What is staged is a folder by its content, what is loaded a row in the ledger: neither doubles a figure."""
    arrived = batch("2024-10", gdp({"NGA": {2022: "476.468 a"}, "USA": {2022: "25744.1 a"}}))
    table = Table("clean", tuple(Column(name, TEXT) for name in (
        "iso3", "indicator", "year", "value_text", "decimals", "forecast", "locator")), ("indicator", "iso3", "year"))
    lake = FolderLake(tmp_path / "stage").under(arrived.vintage.slug)
    assert [stage(lake, [(table, arrived.rows())]).again for _ in range(2)] == [False, True]
    publish(tmp_path, [arrived])
    assert sql(tmp_path, "SELECT count(*) FROM etl_load") == [(1,)]  # staged twice, loaded once
    publish(tmp_path, [replace(arrived, run_id="another")])
    assert stage(lake, [(table, arrived.rows())]).again
    assert len(list((tmp_path / "stage").rglob("*.parquet"))) == 1  # loaded twice, staged once
    told = [sql(tmp_path, f"SELECT count(*) FROM {name}") for name in ("etl_load", "etl_batch", "fact_gdp")]
    assert told == [[(2,)], [(1,)], [(2,)]]
