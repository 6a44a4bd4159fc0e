"""The DAG of Airflow, in Airflow: parsed, run whole, and what becomes of exit codes, secrets and a task that is ended.

Airflow has an environment of its own, `.venv-airflow` or the folder that WORLD_ECONOMIES_AIRFLOW names. It is made by
`make airflow-env`, and without one these tests skip.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import RETRYABLE, ExitCode
from tests.project import PROJECT, sql

AIRFLOW = Path(os.environ.get("WORLD_ECONOMIES_AIRFLOW", PROJECT / ".venv-airflow"))
needs_airflow = pytest.mark.skipif(not (AIRFLOW / "bin" / "airflow").exists(),
                                   reason=f"no Airflow in {AIRFLOW.name}: make airflow-env")
PASSWORD = "s3cr3t/p@ss"
LOCAL = "airflow.secrets.local_filesystem.LocalFilesystemBackend"

# What a test asks of the DAG inside Airflow's own Python: it prints one JSON document as its last line.
LOADED = """
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("the_dag", sys.argv[1])
dag = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dag)
"""
PARSED = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=os.path.dirname(sys.argv[1]), include_examples=False)
told = {"errors": [str(each).splitlines()[-1] for each in bag.import_errors.values()], "dags": sorted(bag.dags)}
for dag in bag.dags.values():
    told |= {"cron": dag.timetable.expression, "catchup": dag.catchup, "most": dag.max_active_runs,
             "tasks": {task.task_id: [sorted(task.upstream_task_ids), task.script,
                                      getattr(task.trigger_rule, "value", task.trigger_rule), task.retries]
                       for task in dag.tasks}}
print(json.dumps(told))
"""
CODES = LOADED + """
told = {"retryable": sorted(dag.RETRYABLE)}
for code in sys.argv[2:]:
    os.environ["CODE"] = code
    try:
        dag.extract.execute({})
    except dag.AirflowException as error:
        told[code] = [type(error).__name__, str(error)]
    else:
        told[code] = []
print(json.dumps(told))
"""
ENDED = LOADED + """
import threading
work = threading.Thread(target=lambda: told.append(dag.extract._run([sys.argv[2], sys.argv[3]], dag.PROJECT)))
told = []
work.start()
with open(sys.argv[3]) as begun:
    begun.read()
dag.extract.on_kill()
work.join()
print(json.dumps(told))
"""
ADDRESSES = LOADED + """
told = []
for uri in sys.argv[2:]:
    try:
        told.append(dag.address(dag.Connection(conn_id="it", uri=uri)))
    except dag.AirflowFailException as error:
        told.append(str(error))
print(json.dumps(told))
"""
UNSET = LOADED + """
try:
    dag.environment(True)
except dag.AirflowException as error:
    print(json.dumps([isinstance(error, dag.AirflowFailException), str(error)]))
"""


class Airflow:
    """An Airflow of a test's own: its home, its database, and the environment of its processes."""

    def __init__(self, home: Path) -> None:
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith(("AIRFLOW", "WORLD_ECONOMIES_", "PYTHON"))}
        self.home = home
        self.env = inherited | {
            "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1",
            "PATH": f"{AIRFLOW / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment; its errors among its output."""
        return subprocess.run([str(AIRFLOW / "bin" / words[0]), *words[1:]], env=self.env | env, cwd=self.home,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", timeout=300, check=False)

    def told(self, text: str, *arguments: str, **env: str) -> Any:
        """Run Python with the DAG's file as its first argument, and return what its last line says."""
        done = self.run("python", "-c", text, str(PROJECT / "dags" / "world_economies.py"), *arguments, **env)
        assert done.returncode == 0, done.stdout
        return json.loads(done.stdout.splitlines()[-1])

    def secrets(self, **connections: str) -> dict[str, str]:
        """Return the variables that make a local file the secrets backend, with these connections in it."""
        file = self.home / "connections.json"
        file.write_text(json.dumps(connections))
        return {"AIRFLOW__SECRETS__BACKEND": LOCAL,
                "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(file)})}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Airflow with its database made, in SQLite."""
    airflow = Airflow(tmp_path_factory.mktemp("airflow"))
    done = airflow.run("airflow", "db", "migrate")
    assert done.returncode == 0, done.stdout
    yield airflow
    shutil.rmtree(airflow.home)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder like the project's, whose Python only notes what it is given, and ends with $CODE."""
    python = tmp_path / "other" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    notes = tmp_path / "notes"
    notes.mkdir()
    python.write_text(f'#!/bin/sh\nname=$(basename "$1" .py)\nprintf "%s\\n" "$@" > "{notes}/$name.words"\n'
                      f'env > "{notes}/$name.env"\nexit ${{CODE:-0}}\n')
    python.chmod(0o755)
    return tmp_path / "other"


def noted(other: Path, name: str) -> tuple[str, dict[str, str]]:
    """Return what a script of the stand-in was given: its words, its environment."""
    notes = other.parent / "notes"
    lines = (notes / f"{name}.env").read_text().splitlines()
    return (notes / f"{name}.words").read_text(), dict(line.split("=", 1) for line in lines if "=" in line)


# --- parsed ---------------------------------------------------------------------------------------------------------


@needs_airflow
def test_it_is_parsed_without_errors(airflow: Airflow) -> None:
    assert airflow.told(PARSED) == {
        "errors": [], "dags": ["world_economies"], "cron": "30 5 7 * *", "catchup": False, "most": 1,
        "tasks": {"extract": [[], "extract.py", "all_success", 4],
                  "transform": [["extract"], "transform.py", "all_success", 4],
                  "load": [["transform"], "load.py", "all_success", 4],
                  "report": [["load"], "report.py", "all_success", 4],
                  "freshness": [["load"], "dags/freshness.py", "all_done", 4]}}


@needs_airflow
@pytest.mark.parametrize(("chosen", "cron", "errors"), [
    ("daily", "30 5 * * *", []),
    ("weekly", None, ["ValueError: The variable world_economies_schedule is 'weekly'; it may be monthly or daily"]),
], ids=["daily", "neither"])
def test_a_variable_chooses_when_it_runs(chosen: str, cron: str | None, errors: list[str], airflow: Airflow) -> None:
    told = airflow.told(PARSED, AIRFLOW_VAR_WORLD_ECONOMIES_SCHEDULE=chosen)
    assert (told.get("cron"), told["errors"]) == (cron, errors)


# --- exit codes, and the end of a task ------------------------------------------------------------------------------


@needs_airflow
def test_only_what_may_pass_is_tried_again(airflow: Airflow, other: Path) -> None:
    codes = [str(int(code)) for code in ExitCode]
    told = airflow.told(CODES, *codes, AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(other))
    assert told.pop("retryable") == [4, 6, 7] == sorted({*RETRYABLE, ExitCode.LOCKED})
    assert told.pop("0") == []
    assert {code: name for code, (name, _) in told.items()} == {
        "1": "AirflowFailException", "2": "AirflowFailException", "3": "AirflowFailException", "4": "AirflowException",
        "5": "AirflowFailException", "6": "AirflowException", "7": "AirflowException", "8": "AirflowFailException",
        "130": "AirflowFailException"}
    assert told["3"][1] == "extract.py ended with 3: its last lines say what to do"


@needs_airflow
def test_a_project_that_is_not_there_is_told(airflow: Airflow, tmp_path: Path) -> None:
    told = airflow.told(CODES, "0", AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(tmp_path))["0"]
    assert told[0] == "AirflowFailException"
    assert told[1].startswith(f"There is no {tmp_path}/.venv/bin/python: ")
    assert "variable world_economies_project" in told[1]


@needs_airflow
def test_a_task_that_is_ended_ends_all_that_it_began(airflow: Airflow, tmp_path: Path) -> None:
    stage, fifo = tmp_path / "stage", tmp_path / "begun"
    os.mkfifo(fifo)
    stage.write_text('#!/bin/sh\ntrap "exit 130" TERM\nsleep 600 &\necho begun > "$1"\nwait\n')
    stage.chmod(0o755)
    assert airflow.told(ENDED, str(stage), str(fifo)) == [130]


# --- the target -----------------------------------------------------------------------------------------------------


@needs_airflow
def test_a_connection_becomes_an_address(airflow: Airflow) -> None:
    wanted = {
        "postgresql://analyst:s3cr3t%2Fp%40ss@db.example.org:5433/gdp?schema=economies&sslmode=require":
            "postgresql://analyst:s3cr3t%2Fp%40ss@db.example.org:5433/gdp?schema=economies&sslmode=require",
        "postgres://db.example.org/gdp": "postgresql://db.example.org/gdp",
        "postgres://analyst@[::1]/gdp": "postgresql://analyst@[::1]/gdp",
        "redshift://etl@example.org:5439/dev?__extra__=%7B%22iam%22%3A+true%2C+%22role%22%3A+%22a+b%22%7D":
            "redshift://etl@example.org:5439/dev?iam=true&role=a%20b",
        "redshift://example.org/dev?__extra__=%7B%22tags%22%3A+%5B1%5D%7D":
            "No address can hold these extras of the connection world_economies_target: tags",
        "sqlite://": "sqlite",
        "sqlite://%2Fdata%2Fgdp.db": "sqlite:////data/gdp.db",
    }
    assert airflow.told(ADDRESSES, *wanted) == list(wanted.values())


@needs_airflow
def test_without_a_connection_nothing_goes_elsewhere(airflow: Airflow) -> None:
    final, said = airflow.told(UNSET)
    assert not final  # a secrets backend that is silent for a while looks the same
    assert said.startswith("There is no connection world_economies_target: make it, or set WORLD_ECONOMIES_TARGET")


@needs_airflow
def test_the_target_is_told_by_the_environment_alone(airflow: Airflow, other: Path) -> None:
    url = "postgresql://analyst:s3cr3t%2Fp%40ss@127.0.0.1:1/gdp?schema=economies"
    done = airflow.run("airflow", "dags", "test", "world_economies", "2025-11-20",
                       AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(other), WORLD_ECONOMIES_SOURCE="bundled",
                       **airflow.secrets(world_economies_target=url))
    assert done.returncode == 0, done.stdout
    for name in ("extract", "transform", "load", "report", "freshness"):
        words, env = noted(other, name)
        assert env.get("WORLD_ECONOMIES_TARGET") == (None if name in ("extract", "transform") else url)
        assert env["WORLD_ECONOMIES_SOURCE"] == "bundled"
        assert not [variable for variable in env if "AIRFLOW" in variable]
        assert "s3cr3t" not in words
    assert noted(other, "load")[0] == f"{other}/load.py\n"
    assert noted(other, "freshness")[0] == f"{other}/dags/freshness.py\n--on\n2025-11-20\n"
    assert PASSWORD not in done.stdout and "s3cr3t" not in done.stdout
    assert not [file for file in airflow.home.rglob("*") if file.is_file() and file.name != "connections.json"
                and b"s3cr3t" in file.read_bytes()]


@needs_airflow
def test_what_cannot_pass_fails_at_once(airflow: Airflow, other: Path) -> None:
    done = airflow.run("airflow", "dags", "test", "world_economies", "2025-11-21", CODE="3",
                       AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(other), WORLD_ECONOMIES_TARGET="sqlite")
    assert done.returncode != 0
    assert "extract.py ended with 3" in done.stdout
    # No retry, none of those after it, and yet the look at what has come.
    begun = sorted(file.stem for file in (other.parent / "notes").glob("*.words"))
    assert begun == ["extract", "freshness"]


# --- the whole ------------------------------------------------------------------------------------------------------


@needs_airflow
@pytest.mark.skipif(not (PROJECT / ".venv" / "bin" / "python").exists(), reason="the project has no .venv: make run")
def test_the_whole_of_it_runs(airflow: Airflow, tmp_path: Path) -> None:
    env = {"WORLD_ECONOMIES_WORKSPACE": str(tmp_path), "WORLD_ECONOMIES_SOURCE": "bundled",
           "WORLD_ECONOMIES_VINTAGE": "2025-10", **airflow.secrets(world_economies_target="sqlite://")}
    done = airflow.run("airflow", "dags", "test", "world_economies", "2025-11-22", **env)
    assert done.returncode == 0, done.stdout
    assert sql(tmp_path, "SELECT count(*), max(Vintage) FROM Countries_by_GDP") == [(189, "2025-10")]
    assert "imf-weo 2025-10 is there; on 2025-11-22 nothing newer than 2025-10 is due" in done.stdout
    assert "United States" in done.stdout
    # The same again in the next spring: nothing to do, and April's edition is missed.
    again = airflow.run("airflow", "dags", "test", "world_economies", "2026-04-28", **env)
    assert again.returncode != 0
    assert "its checkpoint is whole and nothing before it changed" in again.stdout
    assert "The World Economic Outlook of April 2026 has not come 14 days after its day, 2026-04-14" in again.stdout
    assert "dags/freshness.py ended with 3" in again.stdout
    assert sql(tmp_path, "SELECT count(*), max(Vintage) FROM Countries_by_GDP") == [(189, "2025-10")]


# --- its environment ------------------------------------------------------------------------------------------------


def test_its_constraints_are_names_and_versions_only() -> None:
    lines = (PROJECT / "dags" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+!_-]*")
    assert [line for line in lines if not pin.fullmatch(line)] == []
    assert [line for line in lines if line.startswith("apache-airflow==3.")]
