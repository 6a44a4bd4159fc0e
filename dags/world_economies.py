"""World Economies in Airflow 3: every stage is a task, and a process of the project's own Python.

extract, transform, load and report are the scripts that a person types; they read their options from the environment of
the worker (`WORLD_ECONOMIES_SOURCE`, `WORLD_ECONOMIES_WORKSPACE`, …). freshness fails where an edition of the World
Economic Outlook has not come 14 days after its day, whatever became of the others.

`WORLD_ECONOMIES_DAG_SCHEDULE` in the environment where Airflow parses this file: monthly (without it) or daily.
Variable `world_economies_project`: the project folder where this file is not in it. Connection
`world_economies_target`: where the figures go, unless the environment says so by `WORLD_ECONOMIES_TARGET`. All in
docs/airflow.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import DAG, BaseOperator, Connection, CronTriggerTimetable, Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

PROJECT = Path(__file__).resolve().parent.parent
TARGET = "world_economies_target"  # the connection
VARIABLES_OF_THE_TARGET = ("WORLD_ECONOMIES_TARGET", "WORLD_ECONOMIES_TARGET_FILE")
# No edition came later than the 22nd, and its absence is a failure 14 days after: on the 7th all that is due is there,
# or the run says that it is not.
SCHEDULES = {"monthly": "30 5 7 * *", "daily": "30 5 * * *"}
# Of pipeline/errors.py: the source, the target, the workspace. What ends otherwise would end so again.
RETRYABLE = frozenset({4, 6, 7})
SCHEDULE = "WORLD_ECONOMIES_DAG_SCHEDULE"
GRACE = 4.0  # seconds that a stage has to end cleanly: Airflow kills the task itself after five
DAY = "{{ (dag_run.data_interval_end or dag_run.run_after) | ds }}"


class Script(BaseOperator):
    """Runs a script of the project to its end; its exit code says whether a failure is worth another try.

    Not the BashOperator: that tries again whatever the code, and Airflow keeps what its `env` is rendered to, in which
    a quoted password is not masked. No `import` of the project either: Airflow and it need other versions of the
    same libraries, and a stage is to be a process.

    script: path in the project. arguments: templated, so never a secret. target: whether it is told the target, by its
    environment.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(self, *, script: str, arguments: Sequence[str] = (), target: bool = True, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.script, self.arguments, self.target = script, list(arguments), target
        self._child: subprocess.Popen[str] | None = None
        self._told_to_end = False

    def execute(self, context: Any) -> None:
        """Run it, its lines in the task's log. Raises AirflowFailException where another try would end the same."""
        project = Path(Variable.get("world_economies_project", default=str(PROJECT)))
        python = project / ".venv" / "bin" / "python"
        if not python.exists():
            raise AirflowFailException(f"There is no {python}: `make run` makes it in the project's folder, and the "
                                       "variable world_economies_project names the folder where it is another one")
        code = self._run([str(python), str(project / self.script), *self.arguments], project)
        if code in RETRYABLE:
            raise AirflowException(f"{self.script} ended with {code}, which may pass: its last lines say what to do")
        if code:
            raise AirflowFailException(f"{self.script} ended with {code}: its last lines say what to do")

    def _run(self, command: Sequence[str], folder: Path) -> int:
        # A process group of its own: all that a stage began ends with it.
        self._child = subprocess.Popen(
            command, cwd=folder, env=environment(self.target), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", start_new_session=True)
        try:
            if self._told_to_end:  # while the process began, when on_kill saw none to end
                self._end()
            for line in self._child.stdout or ():
                self.log.info("%s", line.rstrip())
            return self._child.wait()
        finally:
            self._end()  # a timeout of Airflow's comes as an exception

    def on_kill(self) -> None:
        """Let the stage end cleanly: every finished checkpoint stays, and the next try goes on from there."""
        self._told_to_end = True
        self._end()

    def _end(self) -> None:
        child = self._child
        if child is None or child.poll() is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):  # the second for what began in it and did not listen
            with suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            with suppress(subprocess.TimeoutExpired):  # never without one: on_kill may interrupt the wait of _run
                child.wait(GRACE)


def environment(target: bool) -> dict[str, str]:
    """Return what a script inherits: the worker's environment without Airflow's own, which has secrets and paths."""
    inherited = {name: value for name, value in os.environ.items()
                 if "AIRFLOW" not in name and name not in ("PYTHONPATH", "PYTHONHOME")}
    inherited["PYTHONIOENCODING"] = "utf-8"
    if target and not any(inherited.get(name) for name in VARIABLES_OF_THE_TARGET):
        inherited["WORLD_ECONOMIES_TARGET"] = address(connection())
    return inherited


def connection() -> Connection:
    """Return the connection of the target, from whatever secrets backend there is. Raises AirflowException.

    There is no default: with a secrets backend that does not answer, Airflow says that a connection is not defined, and
    the figures would go into a SQLite file in its place. For the same reason another try is made.
    """
    try:
        found: Connection = Connection.get(TARGET)
    except AirflowNotFoundException:
        raise AirflowException(
            f"There is no connection {TARGET}: make it, or set WORLD_ECONOMIES_TARGET in the worker's environment, "
            "to sqlite for the database of the workspace") from None
    return found


def address(found: Connection) -> str:
    """Return a connection as the project writes a target: postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME.

    Its extras are what stands behind the "?". One of type sqlite is the file that is its host, or without a host the
    workspace's own database. Raises AirflowFailException for an extra that an address cannot hold.
    """
    kind = {"postgres": "postgresql"}.get(str(found.conn_type), str(found.conn_type))
    if kind == "sqlite":
        return f"sqlite:///{found.host}" if found.host else kind
    extras: Mapping[str, Any] = found.extra_dejson
    if nested := sorted(name for name, value in extras.items() if isinstance(value, dict | list)):
        raise AirflowFailException(f"No address can hold these extras of the connection {TARGET}: {', '.join(nested)}")
    password = f":{quote(found.password, safe='')}" if found.password else ""
    user = f"{quote(found.login or '', safe='')}{password}@" if found.login or password else ""
    host = f"[{found.host}]" if ":" in (found.host or "") else found.host or ""
    place = f"{host}:{found.port}" if found.port else host
    query = urlencode({name: str(value).lower() if isinstance(value, bool) else value
                       for name, value in extras.items()},
                      quote_via=quote)
    return f"{kind}://{user}{place}/{quote(found.schema or '', safe='')}" + (f"?{query}" if query else "")


def cron() -> str:
    """Return when to run, monthly or daily. Raises ValueError for any but the two.

    By the environment and not by a variable of Airflow: this file is parsed twice a minute, and each time would ask the
    database and the secrets backend.
    """
    chosen = os.environ.get(SCHEDULE) or "monthly"
    if chosen not in SCHEDULES:
        raise ValueError(f"{SCHEDULE} is {chosen!r}; it may be {' or '.join(SCHEDULES)}")
    return SCHEDULES[chosen]


with DAG(
    "world_economies",
    description="GDP by country: extract, transform, load, report, and whether it is fresh",
    doc_md=__doc__,
    schedule=CronTriggerTimetable(cron(), timezone="UTC"),
    start_date=datetime(2000, 1, 1, tzinfo=UTC),  # before it a run has no tasks, and is green
    catchup=False,  # an edition has all years: runs of the past would ask for the same figures
    max_active_runs=1,  # one run holds the workspace
    default_args={"retries": 4, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True,
                  "max_retry_delay": timedelta(hours=1), "execution_timeout": timedelta(hours=2)},
    tags=["world-economies"],
):
    extract = Script(task_id="extract", script="extract.py", target=False)
    transform = Script(task_id="transform", script="transform.py", target=False)
    load = Script(task_id="load", script="load.py")
    report = Script(task_id="report", script="report.py")
    # After the load whatever became of it: a source that is silent for weeks is told by name, not by a red task alone.
    freshness = Script(task_id="freshness", script="dags/freshness.py", arguments=["--on", DAY],
                       trigger_rule="all_done")
    extract >> transform >> load >> [report, freshness]
