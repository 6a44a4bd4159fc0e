"""What monitors are told: the file for Prometheus after good runs and failed ones, --status as JSON, alert rules."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import targets
from pipeline import lock, metrics, monitor
from pipeline.metrics import COUNTER, METRICS, PREFIX, rendered
from pipeline.summary import _opened
from tests.orchestra import etl, tree, write_table
from tests.project import PROJECT, run
from utils import Workspace

RULES = PROJECT / "docs" / "prometheus" / "world-economies.rules.yml"
SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)+)\} (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
LEFT = {"extract": 80, "transform": 80, "load": 80, "report": 20}  # rows that the stages pass on, of `table`
Samples = dict[str, dict[tuple[str, ...], float]]  # metric without prefix -> its labels but workspace -> value


def parsed(text: str) -> Samples:
    """Read Prometheus' text format strictly: HELP and TYPE before the samples of a metric, which stand together."""
    assert text.endswith("\n")
    found: Samples = {}
    lines = iter(text.splitlines())
    name = ""
    for line in lines:
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert re.fullmatch(rf"# TYPE {name} (gauge|counter)", next(lines))
            assert name.removeprefix(PREFIX) not in found
            found[name.removeprefix(PREFIX)] = {}
            continue
        match = SAMPLE.fullmatch(line)
        assert match and match[1] == name, line
        labels = dict(LABEL.findall(match[2]))
        assert labels.pop("workspace").startswith("/")
        key = tuple(labels.values())
        assert key not in found[name.removeprefix(PREFIX)]
        found[name.removeprefix(PREFIX)][key] = float(match[3])
    assert all(found.values())
    return found


def read(path: Path) -> Samples:
    return parsed(path.read_text(encoding="utf-8"))


def last(workspace: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((workspace / "log" / "last_run.json").read_text(encoding="utf-8"))
    return content


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_run_leaves_its_metrics(table: Path, tmp_path: Path) -> None:
    file, workspace = tmp_path / "new folder" / "world.prom", tmp_path / "w"
    done = etl(table, workspace, env={"WORLD_ECONOMIES_METRICS": str(file)})
    assert done.returncode == 0, done.stderr
    found, told = read(file), last(workspace)
    assert found["last_run_exit_code"] == {(): 0}
    assert found["last_run_timestamp_seconds"] == found["last_success_timestamp_seconds"] == {(): epoch(told["ended"])}
    assert found["source_asked_timestamp_seconds"] == {(): epoch(told["ended"])}
    assert 0 < found["last_run_duration_seconds"][()] < 60
    assert found["source_fallbacks"] == {(): 0}
    assert file.stat().st_mode & 0o777 == 0o644  # another user's node_exporter reads it
    assert found["stage_input_rows"] == {(stage,): rows for stage, rows in LEFT.items()}
    assert found["stage_output_rows"] == {(stage,): rows for stage, rows in LEFT.items()}
    assert found["stage_quarantined_rows"] == dict.fromkeys(found["stage_input_rows"], 0)
    assert found["stage_failed"] == dict.fromkeys(found["stage_input_rows"], 0)
    for name, most in (("stage_duration_seconds", 60), ("stage_cpu_seconds", 60), ("stage_peak_memory_bytes", 2**31)):
        assert set(found[name]) == set(found["stage_input_rows"])
        assert all(0 < value < most for value in found[name].values())
    assert min(found["stage_peak_memory_bytes"].values()) > 2**20
    assert found["target_up"] == {("sqlite",): 1}
    assert found["target_size_bytes"] == {("sqlite",): (workspace / "sqliteDB/World_Economies.db").stat().st_size}
    assert found["target_unused_bytes"][("sqlite",)] < found["target_size_bytes"][("sqlite",)]
    assert found["target_cache_bytes"] == {("sqlite",): 2000 * 1024}  # SQLite's own default
    assert "target_cache_hits_total" not in found
    assert (found["target_batches"], found["target_figures"]) == ({("sqlite",): 2}, {("sqlite",): 40})
    assert found["target_picture_economies"] == {("sqlite",): 20}
    assert found["target_picture_info"] == {("sqlite", "table:gdp", "2025-04", "table"): 1}
    assert set(found["report_query_seconds"]) == {("sqlite", "economies"), ("sqlite", "regions")}
    assert all(0 < value < 5 for value in found["report_query_seconds"].values())


def test_the_age_of_a_bundled_edition(bundle: Path) -> None:
    told = monitor.gathered(Workspace(bundle), targets.open_targets("sqlite", Workspace(bundle)))
    assert parsed(rendered(told))["target_picture_published_timestamp_seconds"] == {
        ("sqlite",): 1_760_400_000}  # 14 October 2025


def past(workspace: Path) -> str:
    """Let the last success be of another day, and return when it was."""
    (workspace / "log" / "last_run.json").write_text(json.dumps(
        last(workspace) | {"ended": "2026-01-02T03:04:05Z", "asked": "2026-01-02T03:04:05Z",
                           "succeeded": "2026-01-02T03:04:05Z"}))
    return "2026-01-02T03:04:05Z"


def test_nothing_to_do_is_a_success_and_keeps_the_rows(table: Path, finished: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "m.prom", past(finished)
    done = etl(table, finished, "--metrics", str(file))
    assert (done.returncode, "Nothing to do" in done.stderr) == (0, True), done.stderr
    found, after = read(file), last(finished)
    assert found["last_success_timestamp_seconds"] == {(): epoch(after["ended"])}
    assert after["ended"] > before
    assert found["stage_output_rows"] == {(stage,): rows for stage, rows in LEFT.items()}


def test_a_failed_run_leaves_its_metrics_too(finished: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "m.prom", past(finished)
    done = etl(write_table(tmp_path / "gdp.csv", first=940), finished, "--metrics", str(file),
               fault={"script": "transform.py", "act": "kill", "at": "1"})
    assert done.returncode == 1
    found = read(file)
    assert found["last_run_exit_code"] == {(): 1}
    assert found["last_success_timestamp_seconds"] == {(): epoch(before)}
    assert found["last_run_timestamp_seconds"][()] > epoch(before)
    assert found["source_asked_timestamp_seconds"] == found["last_run_timestamp_seconds"]
    assert (found["stage_failed"][("extract",)], found["stage_failed"][("transform",)]) == (0, 1)
    assert found["stage_peak_memory_bytes"][("transform",)] > 2**20
    assert found["stage_output_rows"] == {(stage,): rows for stage, rows in LEFT.items()}  # of their last good ends
    assert found["stage_duration_seconds"].keys() == found["stage_output_rows"].keys()
    assert found["target_picture_economies"] == {("sqlite",): 20}  # the picture of before
    assert done.stderr.rstrip().splitlines()[-1].startswith("  next:  ")  # the failure is still the last thing said


def test_a_source_that_does_not_answer_was_not_asked(finished: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "m.prom", past(finished)
    done = run("etl_process.py", "--source", "imf", "--url", "http://127.0.0.1:9/", "--retries", "0", "--stage-retries",
               "0", "--metrics", file, workspace=finished)
    assert done.returncode == 4, done.stderr
    found = read(file)
    assert found["last_run_exit_code"] == {(): 4}
    assert found["source_asked_timestamp_seconds"] == {(): epoch(before)}
    assert found["stage_failed"][("extract",)] == 1
    assert found["stage_output_rows"][("extract",)] == 80  # of its last good end


def test_a_run_that_is_refused_at_once_tells_it_without_its_secret(finished: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "m.prom", past(finished)
    done = run("etl_process.py", "--notify", "http://me:s3cr3t@127.0.0.1:9/", "--metrics", file, workspace=finished)
    assert done.returncode == 2
    assert read(file)["last_run_exit_code"] == {(): 2}
    assert (last(finished)["succeeded"], last(finished).get("stages", [])) == (before, [])
    assert "s3cr3t" not in file.read_text() + (finished / "log/last_run.json").read_text()
    told = monitor.remembered(Workspace(finished), {"exit_code": 1, "failure": ["http://me:s3cr3t@h/ is gone"]},
                              started="2026-01-02T03:04:05Z", seconds=1, whole=True)
    assert told["failure"] == ["http://***@h/ is gone"]


def test_what_ends_a_run_early_is_told_by_the_code_that_it_ends_with() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/w/results")
    codes = [monitor.content_of(error)["exit_code"] for error in (
        full, PermissionError(errno.EACCES, "Permission denied", "/w"), KeyboardInterrupt(), RuntimeError("?"))]
    assert codes == [8, 2, 130, 1]


@pytest.mark.full  # it waits two seconds for the lock
def test_a_run_that_finds_another_one_leaves_its_file_alone(table: Path, finished: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.prom"
    file.write_text("as it was\n")
    with lock.hold(Workspace(finished)):
        assert etl(table, finished, "--metrics", str(file)).returncode == 7
    assert file.read_text() == "as it was\n"


def test_a_single_stage_is_no_success(table: Path, finished: Path, tmp_path: Path) -> None:
    before = past(finished)
    assert etl(table, finished, "--only", "report", "--metrics", str(tmp_path / "m.prom")).returncode == 0
    assert (last(finished)["exit_code"], last(finished)["succeeded"]) == (0, before)


def test_a_file_that_cannot_be_written_is_a_warning(table: Path, finished: Path) -> None:
    (finished / "no folder").write_text("")
    done = etl(table, finished, "--quiet", "--metrics", str(finished / "no folder" / "m.prom"))
    assert done.returncode == 0
    assert re.search(r"! etl_process the metrics could not be written: \S.*no folder/m\.prom: (Not a dir|File exists)",
                     done.stderr)


def test_the_file_is_complete_or_as_it_was(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    workspace, file = Workspace(finished), tmp_path / "m.prom"
    assert metrics.write(file, workspace, "sqlite", monitor.last_run(workspace)) == ""
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    assert metrics.write(file, workspace, "sqlite", {}) == f"{file}: The disk is full while writing m.prom"
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".m")] == []


def test_without_the_log_the_last_success_is_of_the_last_load(finished: Path) -> None:
    workspace = Workspace(finished)
    loaded = json.loads(next((finished / "results/runs").glob("*/load.json")).read_text())["ended"]
    for broken in ("", "[]", "{", "\xff"):
        (finished / "log" / "last_run.json").write_bytes(broken.encode("latin-1"))
        assert monitor.gathered(workspace, [])["last_success"] == loaded
    (finished / "log" / "last_run.json").unlink()
    told = monitor.gathered(workspace, [])
    assert (told["last_success"], told["last_run"]) == (loaded, None)


def test_what_a_stage_run_by_hand_took_is_told(finished: Path) -> None:
    (finished / "log" / "last_run.json").write_text(json.dumps(
        last(finished) | {"ended": "2026-01-02T03:04:05Z",
                          "stages": [{"stage": "load", "what": "failed", "seconds": 99.5, "rows_in": 7}]}))
    told = monitor.gathered(Workspace(finished), [])["stages"]["load"]
    assert (told["rows_in"], told["seconds"] < 99, "failed" in told) == (80, True, False)


def test_the_text_is_as_prometheus_wants_it() -> None:
    told = {"version": "0.1.0", "workspace": 'a\\b"c\nd', "last_success": "2026-11-20T21:05:09Z",
            "last_run": {"ended": "2026-11-20T21:05:09Z", "seconds": 4.25, "exit_code": 0},
            "source": {"asked": "", "fetched": "2026-11-20", "fallbacks": ["imf: no answer"]}, "stages": {},
            "targets": [{"target": "postgresql://u:s3cr3t@h/d?password=s3cr3t", "up": False}]}
    lines = [line for line in rendered(told).splitlines() if not line.startswith("# HELP ")]
    workspace = r'workspace="a\\b\"c\nd"'
    assert lines == [
        "# TYPE world_economies_build_info gauge",
        f'world_economies_build_info{{{workspace},version="0.1.0"}} 1',
        "# TYPE world_economies_last_run_timestamp_seconds gauge",
        f"world_economies_last_run_timestamp_seconds{{{workspace}}} 1795208709",
        "# TYPE world_economies_last_run_duration_seconds gauge",
        f"world_economies_last_run_duration_seconds{{{workspace}}} 4.25",
        "# TYPE world_economies_last_run_exit_code gauge",
        f"world_economies_last_run_exit_code{{{workspace}}} 0",
        "# TYPE world_economies_last_success_timestamp_seconds gauge",
        f"world_economies_last_success_timestamp_seconds{{{workspace}}} 1795208709",
        "# TYPE world_economies_source_fetched_timestamp_seconds gauge",
        f"world_economies_source_fetched_timestamp_seconds{{{workspace}}} 1795132800",
        "# TYPE world_economies_source_fallbacks gauge",
        f"world_economies_source_fallbacks{{{workspace}}} 1",
        "# TYPE world_economies_target_up gauge",
        f'world_economies_target_up{{{workspace},target="postgresql://***@h/d?password=***"}} 0',
    ]


# --- --status as JSON -----------------------------------------------------------------------------------------------


def status(workspace: Path, code: int) -> dict[str, Any]:
    done = run("etl_process.py", "--status", "--format", "json", workspace=workspace)
    assert done.returncode == code, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_status_for_programs_says_and_changes_nothing(finished: Path, tmp_path: Path) -> None:
    before, told = tree(finished), status(finished, 0)
    assert tree(finished) == before
    assert told["whole"] is True
    [each] = told["runs"]
    assert (each["finished"], each["current"]) == (True, True)
    assert re.fullmatch(r"3 file\(s\) verified, 80 rows, 20\d\d-\S+Z", each["stages"]["extract"])
    assert told["last_run"]["exit_code"] == 0
    assert told["last_success"] == told["last_run"]["ended"]
    assert told["stages"]["transform"]["rows_out"] == 80
    [target] = told["targets"]
    assert (target["target"], target["state"], target["up"]) == ("sqlite", "whole, 2 batches", True)
    assert target["figures"] == 40
    assert target["picture"]["dataset"] == "table:gdp"
    assert set(target["query_seconds"]) == {"economies", "regions"}
    nothing = status(tmp_path / "nothing here", 0)
    assert (nothing["runs"], nothing["last_run"], nothing["last_success"], nothing["stages"]) == ([], None, "", {})
    assert not (tmp_path / "nothing here").exists()


def test_status_for_programs_tells_damage(finished: Path) -> None:
    next((finished / "results/clean").rglob("*.csv")).write_bytes(b"")
    (finished / "sqliteDB/World_Economies.db").write_bytes(b"no database at all" * 100)
    told = status(finished, 5)
    assert told["whole"] is False
    assert told["runs"][0]["stages"]["transform"].startswith("damaged: results/clean/")
    [target] = told["targets"]
    assert target["state"].startswith("damaged: file is not a database")
    assert target["up"] is False


def test_status_for_people_says_how_the_last_run_ended(finished: Path) -> None:
    (finished / "log/last_run.json").write_text(json.dumps(last(finished) | {
        "ended": "2026-01-02T03:04:05Z", "exit_code": 4, "succeeded": "2026-01-01T03:04:05Z"}))
    told = run("etl_process.py", "--status", workspace=finished).stdout.splitlines()
    assert told[-2] == "last run ended 2026-01-02T03:04:05Z with exit 4; the last to end well: 2026-01-01T03:04:05Z"
    assert told[-1] == "sqlite  whole, 2 batches"
    shutil.rmtree(finished / "results")  # as where the first run of all has failed
    assert run("etl_process.py", "--status", workspace=finished).stdout.splitlines()[1:] == [told[-2]]


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_target_that_fails_oddly_hides_no_other(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, odd = targets.open_target("sqlite", Workspace(finished)), targets.open_target("sqlite", Workspace(finished))
    odd.shown = "odd"
    monkeypatch.setattr(odd, "measures", lambda: 1 / 0)
    told = monitor.gathered(Workspace(finished), [odd, good])["targets"]
    assert told[0] == {"target": "odd", "up": False, "fault": "ZeroDivisionError: division by zero"}
    assert (told[1]["target"], told[1]["up"]) == ("sqlite", True)


def test_status_asks_every_target_and_the_regions_that_are_there(finished: Path) -> None:
    (finished / "sqliteDB" / "regions").mkdir()

    def asked(target: str) -> list[str]:
        return [each.shown for each in _opened(Workspace(finished), target)]

    assert asked("sqlite") == asked("sqlite,regions") == ["sqlite", "regions"]
    (finished / "sqliteDB" / "World_Economies.db").unlink()
    assert asked("sqlite") == asked("regions") == ["regions"]
    assert asked("sqlite:///other.db") == ["sqlite:///other.db", "regions"]  # what is named is asked


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric.name))
def test_names_follow_the_conventions(metric: metrics.Metric) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name)
    assert (metric.kind == COUNTER) == metric.name.endswith("_total")
    assert re.search(r"(_seconds|_bytes|_rows|_economies|_figures|_batches|_info|_total|_code|_failed|_up|_fallbacks)$",
                     metric.name)
    assert metric.about.endswith(".") and "\n" not in metric.about and "\\" not in metric.about


def test_the_page_tells_every_metric() -> None:
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = re.findall(rf"^\| `{PREFIX}([a-z_]+)` \| (gauge|counter) \| (.+) \|$", page, re.MULTILINE)
    assert told == [(metric.name, metric.kind, metric.about) for metric in METRICS]


def test_the_alert_rules_ask_for_metrics_and_labels_that_there_are() -> None:
    [group] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    known = {f"{PREFIX}{metric.name}": metric.name for metric in METRICS}
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) == 10
    for rule in group["rules"]:
        asked = set(re.findall(r"world_economies\w+", rule["expr"]))
        assert asked and asked <= set(known), rule["alert"]
        labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        labels |= {name for names in re.findall(r"by \(([^)]*)\)", rule["expr"]) for name in names.split(", ")}
        there = {"workspace", "instance"}.union(*(labels_of(known[name]) for name in asked))
        assert labels <= there, rule["alert"]
        assert rule["annotations"]["summary"].endswith((".", "?"))
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool, of Prometheus, is not on this machine")
def test_the_alert_rules_do_what_they_say() -> None:
    for command in (("check", "rules", RULES), ("test", "rules", PROJECT / "tests" / "prometheus.rules.test.yml")):
        done = subprocess.run(["promtool", *command], capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def labels_of(name: str) -> set[str]:
    """Return the labels of a metric, as its name says."""
    if name.startswith("stage_"):
        return {"stage"}
    return {"target", "query"} if name.startswith("report_") else {"target"} if name.startswith("target_") else set()
