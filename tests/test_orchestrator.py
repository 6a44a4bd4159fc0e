"""etl_process.py as its user sees it: what runs and why, how it fails, what it says last, and what it never shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.orchestra import (
    children,
    content,
    etl,
    launch,
    next_command,
    table_options,
    tree,
    typed,
    write_table,
)
from tests.project import PROJECT, run
from tests.server import Answer, Asked, Server
from tests.weo_sample import figures, sdmx

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SECRET = "s3cr3t-Pass"


def events(workspace: Path) -> list[dict[str, object]]:
    """Return the log's JSON lines."""
    return [json.loads(line) for line in (workspace / "log/etl_project_log.jsonl").read_text("utf-8").splitlines()]


# --- what runs and why --------------------------------------------------------------------------------------------


def test_a_first_run_tells_each_stage_and_sums_up(undisturbed: Path) -> None:
    told = (undisturbed / "first.txt").read_text(encoding="utf-8")
    for line in ("… extract   reading 1 file(s) (it asks the source)",
                 "… transform cleaning 80 rows (it has no checkpoint yet)",
                 "✓ load      80 figures applied of 2 batch(es), 40 ranges of vintages written",
                 "✓ report    20 economies, 6 regions"):
        assert line in told
    table = told[told.index("\ntable:gdp April 2025 (by table)\n"):].splitlines()
    assert table[2].split() == ["stage", "why", "rows", "in", "rows", "out", "quarantined", "set", "aside", "seconds",
                                "peak", "memory"]
    assert [line.split()[:2] for line in table[4:8]] == [[stage, "ran"] for stage in
                                                         ("extract", "transform", "load", "report")]
    assert re.search(r"transform  ran  it has no checkpoint yet +80 +80 +0 +\d+\.\d\d +\d+ MiB", told)


def test_each_stage_is_a_process_of_its_own_and_measured_in_the_log(undisturbed: Path) -> None:
    told = events(undisturbed)
    launcher = {event["pid"] for event in told if event["event"] == "launched"}
    stages = {event["stage"]: event["pid"] for event in told if event["event"] == "finished"}
    assert len(launcher) == 1
    assert len(set(stages.values()) | launcher) == 5
    for event in told:
        if event["event"] == "ended":
            assert {"seconds", "cpu_seconds", "peak_memory", "read_bytes", "written_bytes"} <= set(event)
            assert event["peak_memory"] > 2**20  # type: ignore[operator]


def test_a_second_run_has_nothing_to_do(table: Path, finished: Path) -> None:
    before = {name: found for name, found in tree(finished).items()
              if not name.startswith(("log/", "results/archive", "results/.lock", "results/runs/current"))}
    done = etl(table, finished)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing to do" in done.stderr
    assert done.stderr.count("– ") == 4
    after = tree(finished)
    assert before == {name: after.get(name) for name in before}


@pytest.mark.parametrize(("options", "expected"), [
    (["--only", "load"], ["skipped --only load"] * 2 + ["skipped its checkpoint is whole"] + ["skipped --only load"]),
    (["--from", "transform"], ["skipped --from transform"] + ["skipped its checkpoint is whole"] * 3),
    (["--fresh"], ["ran it asks the source"] + ["ran it has no checkpoint yet"] * 3),
], ids=" ".join)
def test_options_that_choose_stages(options: list[str], expected: list[str], table: Path, finished: Path) -> None:
    done = etl(table, finished, *options)
    assert done.returncode == 0, done.stderr
    rows = [" ".join(line.split()) for line in done.stderr[done.stderr.rindex("---"):].splitlines()[1:5]]
    for stage, row, start in zip(("extract", "transform", "load", "report"), rows, expected, strict=True):
        if options == ["--only", "load"] and stage == "load":
            assert row.split()[:2] in (["load", "ran"], ["load", "skipped"])  # what is published is not changed
        else:
            assert row.startswith(f"{stage} {start}"), row


def test_dry_run_and_status_say_and_change_nothing(table: Path, finished: Path, tmp_path: Path) -> None:
    before = tree(finished)
    dry = etl(table, finished, "--dry-run")
    lines = dry.stdout.splitlines()
    assert re.fullmatch(r"extract    would run: it asks the source \(took \d+\.\d\d s in run \S+-table\)", lines[0])
    assert lines[1].startswith("transform  would be skipped: its checkpoint is whole and nothing before it changed, "
                               "unless extract has something new (took ")
    status = run("etl_process.py", "--status", workspace=finished).stdout.splitlines()
    assert re.fullmatch(r"\d{8}T\d{6}Z-table  finished  \(current\)", status[0])
    assert re.fullmatch(r"  extract    3 file\(s\) verified, 80 rows, 20\d\d-\S+Z", status[1])
    assert tree(finished) == before
    empty = tmp_path / "nothing here"
    assert "There is no run yet" in run("etl_process.py", "--status", workspace=empty).stdout
    assert "would run: it has no checkpoint yet" in run("etl_process.py", "--dry-run", workspace=empty).stdout
    assert not empty.exists()


def test_status_names_damage(finished: Path) -> None:
    next((finished / "results/clean").rglob("*.csv")).write_bytes(b"")
    next((finished / "results/runs").glob("*/load.json")).write_text("{")
    status = run("etl_process.py", "--status", workspace=finished).stdout
    assert re.search(r"transform +damaged: results/clean/table-gdp/\S+\.csv has 0 bytes, [\d,]+ were written", status)
    assert re.search(r"load +damaged: The manifest is damaged", status)


def test_quiet_prints_results_and_failures_only(table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Türkiye" in done.stdout
    failed = etl(tmp_path / "none.csv", tmp_path, "--quiet")
    assert failed.returncode == 2
    assert failed.stderr.strip().startswith("✗ extract failed (exit 2).")


@pytest.mark.parametrize("script", ["extract.py", "transform.py", "load.py", "report.py"])
def test_a_stage_works_from_any_folder(script: str, table: Path, finished: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    options = table_options(table) if script == "extract.py" else []
    done = subprocess.run([sys.executable, str(PROJECT / script), "--workspace", str(finished), *options],
                          cwd=elsewhere, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert list(elsewhere.iterdir()) == []


# --- exit codes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "told"), [
    (["--sorce", "imf"], "did you mean --source?"),
    (["--source", "wikipeda"], "There is no source named 'wikipeda'; did you mean wikipedia?"),
    (["--from", "lod"], "did you mean load?"),
    (["--only", "extrakt"], "did you mean extract?"),
    (["--accept", "wrld"], "There is no gate named 'wrld'; did you mean world?"),
    (["--only", "load", "--from", "load"], "--only and --from exclude each other"),
    (["--stat"], "Unrecognized arguments: --stat; did you mean --status?"),
    (["--stage-limit", "0"], "no number of seconds"),
], ids=lambda each: each[0].lstrip("-") if isinstance(each, list) else "")
def test_2_wrong_usage_names_the_near_miss(wrong: list[str], told: str, tmp_path: Path) -> None:
    done = run("etl_process.py", *wrong, workspace=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "sqliteDB").exists()


def test_2_a_variable_that_makes_no_sense_is_wrong_usage_too(tmp_path: Path) -> None:
    done = run("etl_process.py", workspace=tmp_path, env={"WORLD_ECONOMIES_STAGE_LIMIT": "soon"})
    assert done.returncode == 2
    assert "WORLD_ECONOMIES_STAGE_LIMIT" in done.stderr
    assert "Traceback" not in done.stderr


def test_1_a_fault_of_ours_shows_no_traceback_and_logs_it(table: Path, tmp_path: Path) -> None:
    fault = {"script": "load.py", "act": "raise", "at": "1"}
    done = etl(table, tmp_path, fault=fault)
    assert done.returncode == 1
    assert "load failed (exit 1). A fault of ours: RuntimeError: struck on purpose" in done.stderr
    assert "Traceback" not in done.stderr
    log = (tmp_path / "log/etl_project_log.txt").read_text(encoding="utf-8")
    assert "Traceback (most recent call last):" in log
    assert all(re.match(r"20\d\d-[A-Z][a-z]+-\d\d-\d\d-\d\d-\d\d, ", line) for line in log.splitlines())
    assert "Traceback" in etl(table, tmp_path, "--debug", fault=fault).stderr


def test_3_a_gate_stops_and_its_command_lets_it_through(tmp_path: Path) -> None:
    table = write_table(tmp_path / "my figures.csv")
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("KEN,2025,740.25,2025-04", "KEN,2025,0.74025,2025-04"), encoding="utf-8")
    workspace = tmp_path / "work space"
    done = etl(table, workspace)
    assert done.returncode == 3, done.stderr
    assert "KEN" in done.stderr
    assert not (workspace / "sqliteDB/World_Economies.db").exists()
    line = next_command(done.stderr)
    assert "--from transform --accept jump" in line
    assert f"--workspace '{workspace}'" in line
    assert f"--input '{table}'" in line
    assert typed(line).returncode == 0


def test_4_an_unreachable_source_is_tried_again_and_named(server: Server, tmp_path: Path) -> None:
    server.routes["/imf/.NGDPD.A"] = Answer(b"later", 503)
    done = run("tests/faults/quick.py", "--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD",
               "--retries", "0", workspace=tmp_path)
    assert done.returncode == 4
    assert len(server.asked) == 3  # the first, and --stage-retries 2
    assert done.stderr.count("exit 4, trying again in 0 s") == 2
    assert f"--workspace {tmp_path}" in next_command(done.stderr)
    server.routes["/imf/.NGDPD.A"] = Answer(sdmx(figures()), headers={"Content-Type": "application/xml"})
    assert typed(next_command(done.stderr)).returncode == 0


def test_4_a_source_that_comes_back_is_no_failure(server: Server, tmp_path: Path) -> None:
    server.routes["/imf/.NGDPD.A"] = [Answer(b"later", 503),
                                      Answer(sdmx(figures()), headers={"Content-Type": "application/xml"})]
    done = run("tests/faults/quick.py", "--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD",
               "--retries", "0", workspace=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "! extract   exit 4, trying again" in done.stderr


def test_5_a_missing_checkpoint(tmp_path: Path) -> None:
    done = run("etl_process.py", "--only", "load", workspace=tmp_path)
    assert done.returncode == 5
    assert "There is no checkpoint of transform" in done.stderr


def test_6_a_target_that_refuses_is_not_tried_again(table: Path, finished: Path) -> None:
    (finished / "sqliteDB/World_Economies.db").write_bytes(b"this is no database at all, but a letter" * 100)
    before = tree(finished / "sqliteDB")
    done = etl(table, finished)
    assert done.returncode == 6, done.stderr
    assert "load failed (exit 6)" in done.stderr
    assert "trying again" not in done.stderr
    assert "extract    skipped" in done.stderr  # the summary is told all the same
    assert tree(finished / "sqliteDB") == before


@pytest.mark.parametrize("stage", [
    "extract", "load", *(pytest.param(stage, marks=pytest.mark.full) for stage in ("transform", "report"))])
def test_8_a_full_disk_leaves_what_was_there(stage: str, table: Path, finished: Path) -> None:
    before = content(finished)
    done = etl(write_table(finished.parent / "gdp.csv", first=940), finished,
               fault={"script": f"{stage}.py", "act": "full", "at": "2"})
    assert done.returncode == 8, done.stderr
    assert f"{stage} failed (exit 8). The disk is full" in done.stderr
    assert not list(finished.rglob(".*.tmp*"))
    if stage != "report":
        assert content(finished) == before


def test_a_time_limit_ends_a_stage_and_proposes_a_longer_one(server: Server, tmp_path: Path) -> None:
    over = threading.Event()
    server.routes["/imf/.NGDPD.A"] = Answer(by_hand=lambda stream: over.wait(20) and None)
    done = run("etl_process.py", "--source", "imf", "--url", f"{server.url}/imf", "--stage-limit", "1",
               "--indicator", "NGDPD", workspace=tmp_path)
    over.set()
    assert done.returncode == 1
    assert "It took longer than its limit of 1 s and was ended." in done.stderr
    assert next_command(done.stderr).endswith("--stage-limit 2")
    assert next_command(done.stderr).count("--stage-limit") == 1


def test_the_failure_is_the_last_thing_said(table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, "--notify", "http://127.0.0.1:9/gone",
               fault={"script": "transform.py", "act": "kill", "at": "1"})
    *_, header, where, safe, log, following = done.stderr.rstrip().splitlines()
    assert header.startswith("✗ transform failed (exit 1). Its process was ended by SIGKILL")
    assert where == "  where: the stage transform"
    assert safe == "  safe:  every finished checkpoint; the database is whole"
    assert log == f"  log:   {tmp_path}/log/etl_project_log.txt"
    assert following.startswith("  next:  ")
    assert "! etl_process the summary could not be posted: 127.0.0.1: " in done.stderr
    assert "posted: http" not in done.stderr


# --- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--url", "--notify"])
def test_a_password_on_the_command_line_is_refused(option: str, server: Server, tmp_path: Path) -> None:
    url = server.url.replace("://", f"://me:{SECRET}@")
    done = run("etl_process.py", "--source", "imf", option, url, workspace=tmp_path)
    assert done.returncode == 2
    assert "can be read by every user" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert server.asked == []
    assert not any(SECRET in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())


@linux
def test_a_password_in_the_environment_works_and_shows_nowhere(server: Server, tmp_path: Path) -> None:
    asked, go = threading.Event(), threading.Event()

    def answer(request: Asked) -> Answer:
        asked.set()
        go.wait(20)
        return Answer(sdmx(figures()), headers={"Content-Type": "application/xml"})

    server.routes["/imf/.NGDPD.A"] = answer
    url = server.url.replace("://", f"://me:{SECRET}@") + "/imf"
    process = launch("--source", "imf", "--indicator", "NGDPD", "--workspace", str(tmp_path), "--debug",
                     env={"WORLD_ECONOMIES_URL": url})
    assert asked.wait(20)
    seen = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (process.pid, *children(process.pid))]
    go.set()
    out, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert len(seen) == 2
    assert not any(SECRET.encode() in line for line in seen)
    assert server.asked[0].headers["authorization"].startswith("Basic ")
    assert SECRET not in out + told
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []


def test_only_extract_inherits_the_address(table: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path)!r}, 'seen-' + pathlib.Path(sys.orig_argv[1]).stem).write_text("
        "os.environ.get('WORLD_ECONOMIES_URL', '') + os.environ.get('WORLD_ECONOMIES_NOTIFY', ''))\n")
    etl(table, tmp_path / "w",
        env={"WORLD_ECONOMIES_NOTIFY": "http://me:pass@127.0.0.1:9/", "PYTHONPATH": str(tmp_path)})
    assert {path.name: path.read_text() for path in tmp_path.glob("seen-*")} == {
        "seen-etl_process": "http://me:pass@127.0.0.1:9/", "seen-extract": "", "seen-transform": "", "seen-load": "",
        "seen-report": ""}


def test_the_summary_is_posted(table: Path, finished: Path, server: Server) -> None:
    server.routes["/hook"] = Answer(b"ok")
    done = etl(table, finished, "--notify", f"{server.url}/hook?room=7")
    assert done.returncode == 0
    (asked,) = server.asked
    posted = json.loads(asked.body)
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert (posted["exit_code"], posted["failure"]) == (0, [])
    assert (posted["dataset"], posted["vintage"], posted["channel"]) == ("table:gdp", "2025-04", "table")
    assert [stage["what"] for stage in posted["stages"]] == ["skipped"] * 4


@pytest.mark.parametrize("status", [404, 302])
def test_a_summary_that_cannot_be_posted_is_a_warning(status: int, table: Path, finished: Path, server: Server) -> None:
    server.routes["/hook"] = Answer(b"", status, {"Location": "/elsewhere"})
    done = etl(table, finished, env={"WORLD_ECONOMIES_NOTIFY": f"{server.url}/hook?token={SECRET}"})
    assert done.returncode == 0
    assert f"! etl_process the summary could not be posted: 127.0.0.1 answers {status}" in done.stderr
    assert len(server.asked) == 1
