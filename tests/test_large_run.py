"""A large table through all stages: against plain Python, by every engine, any number of workers, any size of piece."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import GateError
from tests import large_table
from tests.large_stages import run_stages
from tests.orchestra import environment
from tests.project import manifest, run

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")

ROWS = 4_000
GRAIN = ("--piece-size", "4K")  # pieces of some 120 rows: every step has several


def etl(table: Path, workspace: Path, *more: str, script: str = "etl_process.py", **keywords: Any
        ) -> subprocess.CompletedProcess[str]:
    return run(script, "--source", "table", "--input", str(table), "--target", "regions", "--no-html", *more,
               workspace=workspace, **keywords)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large_table.write(tmp_path_factory.mktemp("large") / "big.csv", ROWS, unknown=20)


@pytest.fixture(scope="module")
def by_polars(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    workspace = tmp_path_factory.mktemp("polars")
    return workspace, etl(table, workspace, "--engine", "polars", "--workers", "2", *GRAIN)


def test_rows_and_balance_are_those_of_plain_python(table: Path, by_polars: Any) -> None:
    workspace, done = by_polars
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    regions, counts = large_table.expected(table)
    assert large_table.held(workspace) == regions
    staged, cleaned = manifest(workspace, "extract"), manifest(workspace, "transform")
    assert staged["balance"] == {"in": counts["in"], "out": counts["in"]}
    assert cleaned["balance"] == dict(counts)
    assert len(staged["parts"]) > 3
    assert len(cleaned["parts"]) > 6  # several ranges of a region
    assert manifest(workspace, "load")["balance"]["out"] == counts["out"]


def test_the_summary_says_which_engine_and_why(by_polars: Any) -> None:
    _, done = by_polars
    assert "(by table); by polars, since asked for by --engine" in done.stderr


def test_nothing_is_left_between_the_steps(by_polars: Any) -> None:
    workspace, _ = by_polars
    left = [path for path in workspace.rglob("*") if path.name.endswith(".tmp") or path.parent.name == "work"]
    assert left == []


def test_the_same_again_is_nothing_to_do(table: Path, by_polars: Any) -> None:
    workspace, _ = by_polars
    done = etl(table, workspace, "--engine", "polars", "--workers", "2", *GRAIN)
    assert done.returncode == 0
    assert f"python report.py --target regions --workspace {workspace} shows the tables" in done.stdout + done.stderr


@pytest.mark.parametrize("options", [
    ("--engine", "pandas"), *(pytest.param(options, marks=pytest.mark.full) for options in (
        ("--engine", "polars", "--workers", "1"), ("--engine", "polars", "--piece-size", "3K"),
        ("--engine", "polars", "--workers", "3", "--piece-size", "1M", "--memory", "900M"), ()))], ids=" ".join)
def test_any_engine_workers_and_pieces_give_the_same(table: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    done = etl(table, tmp_path, *options)
    assert done.returncode == 0, done.stderr
    regions, counts = large_table.expected(table)
    assert large_table.held(tmp_path) == regions
    assert manifest(tmp_path, "transform")["balance"] == dict(counts)


def test_a_packed_table_is_read_by_one(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "big.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    told: list[str] = []
    monkeypatch.setattr("pipeline.events.Reporter.note", lambda _, text, **fields: told.append(text))
    run_stages(monkeypatch, [packed], tmp_path / "w", "--engine", "polars", *GRAIN)
    assert "is read by one process" in " ".join(told)
    assert large_table.held(tmp_path / "w") == large_table.expected(table)[0]


def test_key_names_what_tells_records_apart(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stages(monkeypatch, [table], tmp_path, "--engine", "polars", *GRAIN, "--key", "Country,Branch")
    regions, counts = large_table.expected(table, key=(0, 2))
    assert manifest(tmp_path, "transform")["balance"] == dict(counts)
    assert large_table.held(tmp_path) == regions


def test_a_key_that_is_no_column_is_refused(table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, "--key", "Contry")
    assert done.returncode == 2
    assert "--key names 'Contry'" in done.stderr


def test_few_keys_with_most_rows_are_decided_in_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["country,year,gdp_usd_million"] + [f"France,{2020 + n % 2},{n % 1500}" for n in range(9_000)]
    table = tmp_path / "few.csv"
    table.write_text("\n".join(lines) + "\n")
    run_stages(monkeypatch, [table], tmp_path / "w", "--engine", "polars", "--piece-size", "8K")
    assert large_table.held(tmp_path / "w")["Europe"] == [("France", 1.5, 1.498, 2020), ("France", 1.5, 1.499, 2021)]
    assert manifest(tmp_path / "w", "transform")["balance"] == {
        "in": 9_000, "out": 2, "duplicate: exact": 7_500, "duplicate: superseded": 1_498}


def test_one_value_in_most_rows_is_sorted_in_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["country,year,branch,gdp_usd_million"]
    lines += [f"{'France' if n % 3 else 'Spain'},2020,{n},{5000 if n % 10 else n}" for n in range(8_000)]
    table = tmp_path / "one.csv"
    table.write_text("\n".join(lines) + "\n")
    run_stages(monkeypatch, [table], tmp_path / "w", "--engine", "polars", "--piece-size", "8K")
    rows = large_table.held(tmp_path / "w")["Europe"]
    assert len(rows) == 8_000
    assert rows == sorted(rows, key=lambda row: (-row[1], *row[:1], *row[3:]))
    parts = manifest(tmp_path / "w", "transform")["parts"]
    assert max(part["rows"] for part in parts) < 3_000


def test_more_than_a_fiftieth_of_unknown_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = large_table.write(tmp_path / "big.csv", 500, unknown=100)
    with pytest.raises(GateError, match="100 rows have unknown names or codes: Nowhere 0, Nowhere 1"):
        run_stages(monkeypatch, [table], tmp_path / "w", "--engine", "polars", *GRAIN)
    assert not (tmp_path / "w" / "sqliteDB" / "regions").exists()
    run_stages(monkeypatch, [table], tmp_path / "w", "--engine", "polars", *GRAIN, "--accept", "unmatched")
    assert large_table.held(tmp_path / "w") == large_table.expected(table)[0]


def test_a_sample_works_in_a_workspace_of_its_own(table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, "--engine", "polars", "--piece-size", "4K", "--sample", "20%")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "sqliteDB").exists()
    regions = large_table.held(tmp_path / "sample")
    rows = sum(map(len, regions.values()))
    assert 200 < rows < 2_500
    everything = {row[:1] + row[3:] for found in large_table.expected(table)[0].values() for row in found}
    assert all(row[:1] + row[3:] in everything for found in regions.values() for row in found)


@pytest.mark.full  # by default: test_object_store.py damages a piece
def test_a_damaged_piece_is_named_and_made_again(table: Path, tmp_path: Path) -> None:
    first = etl(table, tmp_path, "--engine", "polars", *GRAIN, "--only", "extract")
    assert first.returncode == 0, first.stderr
    piece = tmp_path / manifest(tmp_path, "extract")["parts"][1]["relative_path"]
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 1
    piece.write_bytes(bytes(data))
    done = etl(table, tmp_path, "--engine", "polars", *GRAIN)
    assert done.returncode == 0, done.stderr
    assert large_table.held(tmp_path) == large_table.expected(table)[0]


def test_an_empty_disk_is_asked_for_before_anything_is_done(table: Path, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    from large import extract_steps
    from pipeline.errors import DiskFull, ExitCode
    from utils import Workspace

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))

    class At:
        workspace = Workspace(tmp_path)

    with pytest.raises(DiskFull, match="are needed for 400 bytes of input") as caught:
        extract_steps.require_free(At(), 10**9, "400 bytes of input")  # type: ignore[arg-type]
    assert caught.value.exit_code == ExitCode.DISK_FULL
    assert "--sample 1%" in caught.value.next_command


@pytest.mark.full  # by default: test_a_failed_run_goes_on_by_the_command_that_it_names
@pytest.mark.parametrize(("script", "at"), [("extract", 5), ("transform", 9), ("transform", 25), ("load", 4)])
def test_a_killed_run_goes_on_from_its_last_piece(table: Path, tmp_path: Path, script: str, at: int) -> None:
    fault = environment({"script": f"{script}.py", "act": "group", "at": str(at)})
    killed = etl(table, tmp_path, "--engine", "polars", "--workers", "1", *GRAIN, env=fault)
    assert (killed.returncode, "SIGKILL" in killed.stderr) == (1, True), killed.stderr
    done = etl(table, tmp_path, "--engine", "polars", "--workers", "1", *GRAIN)
    assert done.returncode == 0, done.stderr
    assert large_table.held(tmp_path) == large_table.expected(table)[0]


def test_the_log_tells_the_story(by_polars: Any) -> None:
    workspace, _ = by_polars
    events = [json.loads(line) for line in (workspace / "log" / "etl_project_log.jsonl").read_text().splitlines()]
    ended = [event for event in events if event.get("event") == "finished"]
    assert [event["stage"] for event in ended] == ["extract", "transform", "load", "report"]


def test_a_failed_run_goes_on_by_the_command_that_it_names(table: Path, tmp_path: Path) -> None:
    fault = environment({"script": "transform.py", "act": "group", "at": "6"})
    killed = etl(table, tmp_path, "--engine", "polars", "--workers", "1", *GRAIN, env=fault)
    command = next(line for line in killed.stderr.splitlines() if line.strip().startswith("next:"))
    assert command.rstrip().endswith("--from transform")
    done = etl(table, tmp_path, "--engine", "polars", "--workers", "1", *GRAIN, "--from", "transform")
    assert done.returncode == 0, done.stderr
    assert large_table.held(tmp_path) == large_table.expected(table)[0]


def test_a_sample_of_a_packed_table_is_less_than_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = large_table.write(tmp_path / "big.csv", 30_000)
    packed = tmp_path / "big.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    run_stages(monkeypatch, [packed], tmp_path, "--engine", "polars", "--piece-size", "16K", "--sample", "10%",
               stages=["extract"])
    assert 500 < manifest(tmp_path, "extract")["balance"]["out"] < 10_000


def test_status_tells_the_databases_that_there_are(by_polars: Any) -> None:
    workspace, _ = by_polars
    done = run("etl_process.py", "--status", workspace=workspace)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "regions  whole, 1 batches"
    assert "sqlite" not in done.stdout


def test_a_table_without_gdp_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("country,year,indicator,value\nGermany,2025,LP,83\n", encoding="utf-8")
    done = etl(table, tmp_path / "w", "--unit", "million")
    assert done.returncode == 4
    assert "people.csv has no GDP (NGDPD); its indicators are LP" in done.stderr


@pytest.mark.full
def test_a_clean_part_that_is_damaged_is_made_again_by_the_stages_before(table: Path, tmp_path: Path) -> None:
    first = etl(table, tmp_path, "--engine", "polars", "--workers", "1", *GRAIN)
    assert first.returncode == 0, first.stderr
    part = tmp_path / manifest(tmp_path, "transform")["parts"][2]["relative_path"]
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    for path in (tmp_path / "sqliteDB" / "regions").iterdir():
        path.unlink()
    (tmp_path / "sqliteDB" / "regions").rmdir()
    done = etl(table, tmp_path, "--engine", "polars", "--workers", "1", *GRAIN)
    assert done.returncode == 0, done.stderr
    assert f"{part.name} was altered or cut" in done.stderr
    assert large_table.held(tmp_path) == large_table.expected(table)[0]
