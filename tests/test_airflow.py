"""The DAG of Airflow, in Airflow: parsed, run whole, and what becomes of exit codes, secrets and a task that is ended.

Airflow has an environment of its own, `.venv-airflow` or the folder that WORLD_ECONOMIES_AIRFLOW names. It is made by
`make airflow-env`, and without one these tests skip.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import RETRYABLE, ExitCode
from tests.project import PROJECT, sql

AIRFLOW = Path(os.environ.get("WORLD_ECONOMIES_AIRFLOW", PROJECT / ".venv-airflow"))
needs_airflow = pytest.mark.skipif(not (AIRFLOW / "bin" / "airflow").exists(),
                                   reason=f"no Airflow in {AIRFLOW.name}: make airflow-env")
needs_environment = pytest.mark.skipif(not (PROJECT / ".venv" / "bin" / "python").exists(),
                                       reason="the project has no .venv: make run")
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
from datetime import timedelta
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Connection, Variable, timezone
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import DataInterval, TimeRestriction
asked = []
Connection.get = Variable.get = lambda name, **keywords: asked.append(name)
bag = DagBag(dag_folder=os.path.dirname(sys.argv[1]))
told = {"errors": [str(each).splitlines()[-1] for each in bag.import_errors.values()], "dags": sorted(bag.dags),
        "files": [os.path.basename(each.file) for each in bag.dagbag_stats], "asked": asked}
for dag in bag.dags.values():
    core, begun = coerce_to_core_timetable(dag.timetable), timezone.datetime(2021, 5, 7, 5, 30)
    run = core.next_dagrun_info(last_automated_data_interval=DataInterval.exact(begun),
                                restriction=TimeRestriction(dag.start_date, None, dag.catchup))
    due = []
    while run.run_after <= timezone.utcnow():
        due.append(run)
        run = core.next_dagrun_info(last_automated_data_interval=run.data_interval,
                                    restriction=TimeRestriction(dag.start_date, None, dag.catchup))
    told |= {"cron": dag.timetable.expression, "due": len(due), "most": dag.max_active_runs,
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
told, fifo = [], sys.argv[2]
work = threading.Thread(target=lambda: told.append(dag.extract._run(sys.argv[3:], dag.PROJECT)))
if fifo:
    work.start()
    with open(fifo) as begun:
        begun.read()
dag.extract.on_kill()
if not fifo:
    work.start()
work.join()
print(json.dumps(told))
"""
# A wait of minutes becomes none: what is asked is how often and in which order a task is tried.
TRIED = LOADED + """
from datetime import timedelta
for task in dag.extract.dag.tasks:
    task.retry_delay, task.retry_exponential_backoff = timedelta(0), False
print()
print(json.dumps(str(dag.extract.dag.test().state)))
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
                              encoding="utf-8", timeout=120, check=False)

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
    """Airflow without a database: enough to parse, and to ask a task."""
    airflow = Airflow(tmp_path_factory.mktemp("airflow"))
    yield airflow
    shutil.rmtree(airflow.home)


@pytest.fixture(scope="module")
def migrated(airflow: Airflow) -> Airflow:
    """Airflow with its database made, in SQLite."""
    done = airflow.run("airflow", "db", "migrate")
    assert done.returncode == 0, done.stdout
    return airflow


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder like the project's, whose Python only notes what it is given.

    It ends with the first line left in its file `codes`, without one with $CODE, without that with 0.
    """
    python = tmp_path / "other" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    notes = tmp_path / "notes"
    notes.mkdir()
    python.write_text(f'''#!/bin/sh
name=$(basename "$1" .py)
printf "%s\\n" "$@" > "{notes}/$name.words"
env > "{notes}/$name.env"
echo "$name" >> "{notes}/begun"
code=$(head -n 1 "{notes}/codes" 2>/dev/null)
[ -n "$code" ] && sed -i 1d "{notes}/codes"
exit "${{code:-${{CODE:-0}}}}"
''')
    python.chmod(0o755)
    return tmp_path / "other"


def noted(other: Path, name: str) -> tuple[str, dict[str, str]]:
    """Return what a script of the stand-in was given: its words, its environment."""
    notes = other.parent / "notes"
    lines = (notes / f"{name}.env").read_text().splitlines()
    return (notes / f"{name}.words").read_text(), dict(line.split("=", 1) for line in lines if "=" in line)


# --- parsed ---------------------------------------------------------------------------------------------------------


@needs_airflow
def test_it_is_parsed_without_errors_and_asks_nothing(airflow: Airflow) -> None:
    assert airflow.told(PARSED) == {
        "errors": [], "dags": ["world_economies"], "files": ["world_economies.py"], "asked": [],
        "cron": "30 5 7 * *", "most": 1,
        "due": 1,  # after years without a run there is one to be made, and not one for each month
        "tasks": {"extract": [[], "extract.py", "all_success", 4],
                  "transform": [["extract"], "transform.py", "all_success", 4],
                  "load": [["transform"], "load.py", "all_success", 4],
                  "report": [["load"], "report.py", "all_success", 4],
                  "freshness": [["load"], "dags/freshness.py", "all_done", 4]}}


@needs_airflow
@pytest.mark.full
@pytest.mark.parametrize(("chosen", "cron", "due", "errors"), [
    ("daily", "30 5 * * *", 1, []),
    ("", "30 5 7 * *", 1, []),
    ("weekly", None, None, ["ValueError: WORLD_ECONOMIES_DAG_SCHEDULE is 'weekly'; it may be monthly or daily"]),
], ids=["daily", "empty", "neither"])
def test_one_setting_chooses_when_it_runs(chosen: str, cron: str | None, due: int | None, errors: list[str],
                                          airflow: Airflow) -> None:
    told = airflow.told(PARSED, WORLD_ECONOMIES_DAG_SCHEDULE=chosen)
    assert (told.get("cron"), told.get("due"), told["errors"]) == (cron, due, errors)


# --- exit codes, and the end of a task ------------------------------------------------------------------------------


@needs_airflow
@pytest.mark.full
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
@pytest.mark.full
def test_a_project_that_is_not_there_is_told(airflow: Airflow, tmp_path: Path) -> None:
    told = airflow.told(CODES, "0", AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(tmp_path))["0"]
    assert told[0] == "AirflowFailException"
    assert told[1].startswith(f"There is no {tmp_path}/.venv/bin/python: ")
    assert "variable world_economies_project" in told[1]


@needs_airflow
@pytest.mark.full
def test_a_task_that_is_ended_ends_all_that_it_began(airflow: Airflow, tmp_path: Path) -> None:
    stage, fifo = tmp_path / "stage", tmp_path / "begun"
    os.mkfifo(fifo)
    # What it begins does not listen, and would hold the pipe for ten minutes.
    stage.write_text("""#!/bin/sh
(trap "" TERM; exec sleep 600) &
trap "exit 130" TERM
echo begun > "$1"
wait
""")
    stage.chmod(0o755)
    assert airflow.told(ENDED, str(fifo), str(stage), str(fifo)) == [130]


@needs_airflow
@pytest.mark.full
def test_a_task_that_is_ended_while_its_stage_begins_ends_it(airflow: Airflow) -> None:
    assert airflow.told(ENDED, "", "sleep", "600") == [-signal.SIGTERM]


@needs_airflow
@pytest.mark.full
@pytest.mark.parametrize(("codes", "state", "begun"), [
    ("4 7 0", "success", {"extract": 3, "transform": 1, "load": 1, "report": 1, "freshness": 1}),
    ("4 4 4 4 4", "failed", {"extract": 5, "freshness": 1}),
    ("0 0 6 3", "failed", {"extract": 1, "transform": 1, "load": 2, "freshness": 1}),
], ids=["it passes", "it does not pass", "it becomes another"])
def test_it_is_tried_four_times_more_and_no_more(codes: str, state: str, begun: dict[str, int],
                                                 migrated: Airflow, other: Path) -> None:
    (other.parent / "notes" / "codes").write_text(codes.replace(" ", "\n") + "\n")
    told = migrated.told(TRIED, AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(other), WORLD_ECONOMIES_TARGET="sqlite")
    assert (told, Counter((other.parent / "notes" / "begun").read_text().split())) == (state, begun)


# --- the target -----------------------------------------------------------------------------------------------------


@needs_airflow
@pytest.mark.full
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
@pytest.mark.full
def test_without_a_connection_nothing_goes_elsewhere(airflow: Airflow) -> None:
    final, said = airflow.told(UNSET)
    assert not final  # a secrets backend that is silent for a while looks the same
    assert said.startswith("There is no connection world_economies_target: make it, or set WORLD_ECONOMIES_TARGET")


@needs_airflow
@pytest.mark.full
def test_the_target_is_told_by_the_environment_alone(migrated: Airflow, other: Path) -> None:
    url = "postgresql://analyst:s3cr3t%2Fp%40ss@127.0.0.1:1/gdp?schema=economies"
    done = migrated.run("airflow", "dags", "test", "world_economies", "2025-11-20",
                        AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(other), WORLD_ECONOMIES_SOURCE="bundled",
                        **migrated.secrets(world_economies_target=url))
    assert done.returncode == 0, done.stdout
    for name in ("extract", "transform", "load", "report", "freshness"):
        words, env = noted(other, name)
        assert env.get("WORLD_ECONOMIES_TARGET") == (None if name in ("extract", "transform") else url)
        assert env["WORLD_ECONOMIES_SOURCE"] == "bundled"
        assert not [variable for variable in env if "AIRFLOW" in variable]
        assert "s3cr3t" not in words
    assert noted(other, "load")[0] == f"{other}/load.py\n"
    assert noted(other, "freshness")[0] == f"{other}/dags/freshness.py\n--on\n2025-11-20\n"
    assert "s3cr3t" not in done.stdout
    # The database of Airflow, its logs, what it rendered: the whole of its home but the file of the secrets.
    assert {file.name for file in migrated.home.rglob("*") if file.is_file() and b"s3cr3t" in file.read_bytes()} == {
        "connections.json"}


@needs_airflow
@pytest.mark.full
def test_what_cannot_pass_fails_at_once(migrated: Airflow, other: Path) -> None:
    done = migrated.run("airflow", "dags", "test", "world_economies", "2025-11-21", CODE="3",
                        AIRFLOW_VAR_WORLD_ECONOMIES_PROJECT=str(other), WORLD_ECONOMIES_TARGET="sqlite")
    assert done.returncode != 0
    assert "extract.py ended with 3" in done.stdout
    # No retry, none of those after it, and yet the look at what has come.
    assert (other.parent / "notes" / "begun").read_text().split() == ["extract", "freshness"]


# --- the whole ------------------------------------------------------------------------------------------------------


def bundled(airflow: Airflow, workspace: Path) -> dict[str, str]:
    """Return the environment of a run of one bundled edition into the workspace, its target by the secrets backend."""
    return {"WORLD_ECONOMIES_WORKSPACE": str(workspace), "WORLD_ECONOMIES_SOURCE": "bundled",
            "WORLD_ECONOMIES_VINTAGE": "2025-10", **airflow.secrets(world_economies_target="sqlite://")}


@needs_airflow
@needs_environment
def test_the_whole_of_it_runs(migrated: Airflow, tmp_path: Path) -> None:
    done = migrated.run("airflow", "dags", "test", "world_economies", "2025-11-22", **bundled(migrated, tmp_path))
    assert done.returncode == 0, done.stdout
    assert sql(tmp_path, "SELECT count(*), max(Vintage) FROM Countries_by_GDP") == [(189, "2025-10")]
    assert "imf-weo 2025-10 is there; on 2025-11-22 nothing newer than 2025-10 is due" in done.stdout
    assert "United States" in done.stdout


@needs_airflow
@needs_environment
@pytest.mark.full
def test_in_spring_the_edition_of_april_is_missed(migrated: Airflow, tmp_path: Path) -> None:
    env = bundled(migrated, tmp_path)
    for day, code in (("2026-04-27", 0), ("2026-04-28", 1)):
        done = migrated.run("airflow", "dags", "test", "world_economies", day, **env)
        assert done.returncode == code, done.stdout
    assert "✓ load      0 figures applied" in done.stdout or "its checkpoint is whole" in done.stdout
    assert "The World Economic Outlook of April 2026 has not come 14 days after its day, 2026-04-14" in done.stdout
    assert "dags/freshness.py ended with 3" in done.stdout
    assert sql(tmp_path, "SELECT count(*), max(Vintage) FROM Countries_by_GDP") == [(189, "2025-10")]


@needs_airflow
@needs_environment
@pytest.mark.full
@pytest.mark.skipif(AIRFLOW != PROJECT / ".venv-airflow", reason="the page is about .venv-airflow")
def test_the_commands_of_the_page_run(airflow: Airflow, tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "airflow.md").read_text(encoding="utf-8")
    [commands] = re.findall(r"^```text\n(export .*?)^```$", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(["bash", "-eu", "-c", commands], cwd=PROJECT, env=airflow.env | {"TMPDIR": str(tmp_path)},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                          timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    [home] = tmp_path.iterdir()
    assert sql(home / "workspace", "SELECT count(*), max(Vintage) FROM Countries_by_GDP") == [(189, "2025-10")]


def test_the_backend_of_the_page_is_the_one_of_the_tests() -> None:
    page = (PROJECT / "docs" / "airflow.md").read_text(encoding="utf-8")
    assert f"\nAIRFLOW__SECRETS__BACKEND={LOCAL}\n" in page
    [kwargs] = re.findall(r"^AIRFLOW__SECRETS__BACKEND_KWARGS=(.*)$", page, re.MULTILINE)
    assert list(json.loads(kwargs)) == ["connections_file_path"]
    [file] = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert list(json.loads(file)) == ["world_economies_target"]


# --- its environment ------------------------------------------------------------------------------------------------


def test_its_constraints_are_names_and_versions_only() -> None:
    lines = (PROJECT / "dags" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+!_-]*")
    assert [line for line in lines if not pin.fullmatch(line)] == []
    assert [line for line in lines if line.startswith("apache-airflow==3.")]
