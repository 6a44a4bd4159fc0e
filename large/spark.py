"""Spark: the tasks of large tables as jobs of a cluster, or of this machine alone.

What runs there is what large.pool's workers run: a task is a line of JSON, its answer too. The code travels with the
job as one zip; the libraries polars and pyarrow must be in the cluster's Python. Input and pieces lie where every
machine of the cluster finds them: in folders that all have under the same path, or in an object store. What Spark says
goes to a file, and into the log when it fails.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from large.pieces import WORK, beside
from large.pool import ATTEMPTS, ONE_THREAD, Pool, Task, WorkerDied, result_of
from large.settings import MIB
from pipeline import errors
from pipeline.errors import DiskFull, TargetUnreachable, UsageError, WorldEconomiesError
from pipeline.process import peak_memory
from pipeline.storage import Place, environment_of_stores, is_far, place, refuse_far
from utils import PROJECT

LOCAL = "local[*]"
MASTER = re.compile(r"local(\[(\*|[1-9][0-9]{0,3})\])?|spark://[^,/\s]+:[0-9]{1,5}(,[^,/\s]+:[0-9]{1,5})*")
CODE = ("utils.py", "engines", "history", "large", "pipeline", "rules", "sources", "data/country_region_table.json")
JAVA = 17
JAVA_WITHIN = 30.0  # seconds for java to say its version
LEAST_HEAP = 512 * MIB  # of the Java machine of a local master; Spark refuses less than 450 MiB
ANSWERS_WITHIN = 5.0  # seconds for a master to take a connection
EXECUTORS_WITHIN = 60.0  # seconds for a cluster to give the first executor
TASKS_AT_ONCE = 64  # of a job: between two jobs progress is told
MOST_TOLD = 1 << 16  # bytes of Spark's own messages that go to the log
SAFE = "every finished piece, and the databases as they were"
AGAIN = "the same command goes on"
INSTALL = "python -m pip install -c constraints.txt '.[spark]'"
OURS = "World Economies says: "  # before the JSON of an error of ours in Spark's own message


class SparkPool(Pool):
    """A Spark application in the place of worker processes; see large.pool.Pool.

    master: "" for LOCAL, local[N] or spark://HOST:PORT. root: of the workspace. memory: of a local master, bytes of all
    its processes together, as far as Java can be held to it. storage: where pieces lie, "" for the workspace; inputs:
    what tasks will read beside. Raises UsageError for what is missing or mistyped, TargetUnreachable for a master that
    does not answer or has no room.
    """

    def __init__(self, master: str, root: Path, memory: int, lock_fd: int = -1, storage: str = "",
                 inputs: Sequence[Place] = ()) -> None:
        super().__init__(0, lock_fd)
        refuse_far(root, "--workspace")
        self.master = checked_master(master)
        self.local = self.master.startswith("local")
        self.root, self._memory, self.storage = root, memory, storage
        self._inputs = [str(each.resolve()) for each in inputs]
        require()
        self._stack = contextlib.ExitStack()
        self._of_processes: dict[str, int] = {}
        self.context: Any = None
        self._java: subprocess.Popen[bytes] | None = None

    @property
    def peak_memory(self) -> int:
        """The most that each Python process and the driver's Java held, summed: bytes."""
        return sum(self._of_processes.values()) + (peak_memory(self._java.pid) if self._java else 0)

    def __enter__(self) -> SparkPool:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_reachable(self.master))
            work = self.root / WORK
            work.mkdir(parents=True, exist_ok=True)
            for left in work.glob("spark-*"):  # of a stage that was killed: the workspace is this one's now
                shutil.rmtree(left, ignore_errors=True)
            self.folder = Path(tempfile.mkdtemp(prefix="spark-", dir=work))
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            stack.enter_context(_environment(self._variables()))
            with self.in_words():
                self._launch(stack)
                self._meet()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self._stack.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Any]]:
        """Yield (place of the task, what it returned) as jobs of many tasks end; see large.pool.Pool.run."""
        waiting = [task.line() for task in tasks]
        step = max(TASKS_AT_ONCE, 4 * self.context.defaultParallelism)
        for begin in range(0, len(waiting), step):
            lines = waiting[begin:begin + step]
            with self.in_words():
                answers = self.context.parallelize(lines, len(lines)).map(answered).collect()
            for at, answer in enumerate(answers, begin):
                held = self._of_processes.get(answer["process"], 0)
                self._of_processes[answer["process"]] = max(held, answer["peak"])
                yield at, result_of(answer)

    def session(self, shuffles: int) -> Any:
        """Return the SparkSession of the context; shuffles: partitions of a shuffle."""
        from pyspark.sql import SparkSession

        session = SparkSession(self.context)
        session.conf.set("spark.sql.shuffle.partitions", str(shuffles))
        return session

    @contextlib.contextmanager
    def in_words(self) -> Iterator[None]:
        """Turn what Spark raises into an error of ours, its own messages into the log."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            with warnings.catch_warnings():
                # Every use of Arrow says so; no frame of pandas is handed to Spark here.
                warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
                yield
        except (Py4JError, PySparkException, ConnectionError) as error:
            logging.getLogger("spark").error("what Spark said last:\n%s\n%s", _end_of(self.folder / "spark.log"), error)
            raise _failure(f"{error}", self.master) from error
        except TargetUnreachable:
            logging.getLogger("spark").error("what Spark said last:\n%s", _end_of(self.folder / "spark.log"))
            raise

    # --- launching ------------------------------------------------------------------------------------------------

    def _variables(self) -> dict[str, str]:
        """Return the environment in which the application is launched."""
        python = sys.executable if self.local else os.environ.get("PYSPARK_PYTHON", "python3")
        return {**ONE_THREAD, "PYSPARK_PYTHON": python, "PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONWARNINGS": "",
                "TMPDIR": str(self.folder)}

    def _settings(self) -> dict[str, str]:
        """Return the settings of the application. Nothing here or in a cluster's own settings changes a result."""
        java = f'-Djava.io.tmpdir="{self.folder}" -XX:-UsePerfData'
        found = {
            "spark.master": repeating(self.master), "spark.app.name": "World Economies",
            "spark.submit.deployMode": "client",
            "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.local.dir": str(self.folder),
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"), "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.adaptive.enabled": "false", "spark.driver.extraJavaOptions": java,
            "spark.executorEnv.PYTHONWARNINGS": "", "spark.sql.execution.arrow.maxRecordsPerBatch": "16384"}
        found |= {f"spark.executorEnv.{name}": value for name, value in ONE_THREAD.items()}
        if self.local:
            heap = max(self._memory // 2, LEAST_HEAP) // MIB
            found |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
                      "spark.driver.memory": f"{heap}m"}
        return found

    def _launch(self, stack: contextlib.ExitStack) -> None:
        """Start Java and the application in it; the lock goes with Java, which ends when this process does."""
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway

        stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))  # Spark sets its own
        conf = SparkConf(loadDefaults=False).setAll(list(self._settings().items()))
        said = stack.enter_context((self.folder / "spark.log").open("wb"))
        descriptors = (self._lock_fd,) if self._lock_fd >= 0 else ()
        launch: Any = launch_gateway
        gateway = launch(conf, {"stdout": said, "stderr": said, "cwd": str(self.folder),
                                "pass_fds": descriptors})
        self._java = gateway.proc
        stack.callback(_end, gateway)
        self.context = SparkContext(conf=conf, gateway=gateway)
        stack.callback(_stop, self.context)
        if any(map(is_far, [self.storage, *self._inputs])):
            # Not as a setting: those stand on Java's command line, where everybody can read a secret.
            self.context.environment.update(environment_of_stores())
        code = self.folder / "world_economies.zip"
        pack(code)
        self.context.addPyFile(str(code))

    def _meet(self) -> None:
        """Wait for the first executors of a cluster, and see that they have pieces and libraries."""
        if self.local:
            return
        java = self.context._jsc.sc()
        until = time.monotonic() + EXECUTORS_WITHIN
        while java.getExecutorMemoryStatus().size() < 2:  # the driver is one of them
            if time.monotonic() > until:
                raise TargetUnreachable(
                    f"The Spark master {self.master} gave no executor within {EXECUTORS_WITHIN:.0f} s: its workers are "
                    "gone, busy, or have less memory than spark.executor.memory asks for", safe=SAFE,
                    next_command="look at the master's page, then the same command")
            time.sleep(0.1)
        count = 2 * self.context.defaultParallelism
        with self._seen() as seen:
            wanted = {seen: self.storage or str(self.root)} | {path: path for path in self._inputs}
            told = self.context.parallelize([list(wanted)] * count, count).map(not_seeing).collect()
        if blind := [each for each in told if each]:
            _, path, why = blind[0]
            raise self._blind({each[0] for each in blind}, wanted[path], why)

    def _blind(self, machines: Iterable[str], what: str, why: str) -> UsageError:
        """Return the error for machines that do not see something."""
        advice = "--input s3://bucket/key, or a file that all machines have under the same path"
        if is_far(what):
            advice = "AWS_ variables here, or files or roles of theirs, let them in"
        elif what == str(self.root):
            advice = "a --workspace that all machines have under the same path, or --storage s3://bucket/prefix"
        return UsageError(f"The machines {', '.join(sorted(machines))} of the Spark cluster do not see {what} ({why})",
                          where=what, safe="nothing was read or changed", next_command=advice)

    @contextlib.contextmanager
    def _seen(self) -> Iterator[str]:
        """Yield a place that every machine must see."""
        if not self.storage:
            yield str(self.folder / "spark.log")
            return
        probe = place(self.storage, WORK, self.folder.name)
        with beside(probe) as stream:
            stream.write(b"seen")
        try:
            yield str(probe)
        finally:
            probe.unlink(missing_ok=True)


# --- what runs on the executors -----------------------------------------------------------------------------------


def answered(line: bytes) -> dict[str, Any]:
    """Do one task; every exception becomes an answer."""
    from large.worker import done

    return {**done(line), "peak": peak_memory(), "process": f"{socket.gethostname()} {os.getpid()}"}


def not_seeing(paths: Sequence[str]) -> tuple[str, str, str] | None:
    """Return this machine's name, the first of some files that it does not see, and why; None where it sees all."""
    import polars
    import pyarrow

    assert polars and pyarrow
    for path in paths:
        try:
            if not place(path).is_file():
                return socket.gethostname(), path, "it is not there"
        except WorldEconomiesError as error:
            return socket.gethostname(), path, error.what
    return None


# --- before the launch --------------------------------------------------------------------------------------------


def checked_master(text: str) -> str:
    """Return the master's address. Raises UsageError for one that is none."""
    master = text or LOCAL
    if not MASTER.fullmatch(master):
        raise UsageError(f"--spark-master {master!r} is no address of Spark that is known here",
                         safe="nothing was read or changed",
                         next_command="--spark-master 'local[*]'   # or local[2], spark://HOST:7077")
    return master


def repeating(master: str) -> str:
    """Return the address by which a task whose process dies is tried again: a local master does not by itself."""
    threads = master.removeprefix("local").strip("[]") or "1"
    return f"local[{threads},{ATTEMPTS}]" if master.startswith("local") else master


def require() -> None:
    """See that pyspark and Java are there. Raises UsageError."""
    if find_spec("pyspark") is None:
        raise UsageError("--engine spark needs pyspark, which is not installed", safe="nothing was read or changed",
                         next_command=INSTALL)
    home = os.environ.get("JAVA_HOME", "")
    java = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    version = _version_of(java) if java else "there is none here"
    if version:
        raise UsageError(f"--engine spark needs Java {JAVA} or newer, and {version}",
                         where=home and f"JAVA_HOME={home}", safe="nothing was read or changed",
                         next_command=f"install it (Debian and Ubuntu: sudo apt install openjdk-{JAVA}-jre-headless), "
                         "or set JAVA_HOME")


def _version_of(java: str) -> str:
    """Return what is wrong with a java, "" where it is new enough."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=JAVA_WITHIN, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"the one here does not run ({error})"
    found = re.search(r'version "(\d+)', done.stderr)
    if done.returncode or not found:
        return f"the one here does not run (exit {done.returncode})"
    return "" if int(found[1]) >= JAVA else f"the one here is {found[1]}"


@contextlib.contextmanager
def _reachable(master: str) -> Iterator[None]:
    """Refuse a cluster of which no master takes a connection: Spark itself would try for a minute."""
    faults = []
    for address in master.removeprefix("spark://").split(",") if master.startswith("spark://") else ():
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS_WITHIN).close()
        except (OSError, OverflowError) as error:
            faults.append(f"{address}: {getattr(error, 'strerror', None) or error}")
        else:
            faults.clear()
            break
    if faults:
        raise TargetUnreachable(f"The Spark master does not answer ({'; '.join(faults)})", where=master, safe=SAFE,
                                next_command="the same command when it is up; without --spark-master it runs here")
    yield


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    os.environ.pop("WORLD_ECONOMIES_EVENTS_FD", None)  # the stage alone speaks to the run
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def pack(path: Path) -> None:
    """Write the code that executors need, and the table of countries, as a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in CODE:
            place = PROJECT / name
            for file in sorted(place.glob("**/*.py")) if place.is_dir() else [place]:
                archive.write(file, file.relative_to(PROJECT).as_posix())


# --- its end ------------------------------------------------------------------------------------------------------


def _stop(context: Any) -> None:
    with contextlib.suppress(Exception):  # Java may be gone already
        context.stop()


def _end(gateway: Any) -> None:
    """End Java, whatever state it is in, and forget it: another pool may come."""
    from pyspark import SparkContext

    with contextlib.suppress(Exception):
        gateway.shutdown()
    gateway.proc.stdin.close()
    try:
        gateway.proc.wait(timeout=10)
    except subprocess.TimeoutExpired:
        gateway.proc.kill()
        gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _end_of(path: Path) -> str:
    try:
        return path.read_bytes()[-MOST_TOLD:].decode("utf-8", "replace")
    except OSError:
        return ""


def told(error: WorldEconomiesError) -> RuntimeError:
    """Return an error of ours as one whose message comes through Spark whole."""
    from large.worker import told_of

    return RuntimeError(OURS + json.dumps(told_of(error)))


def _failure(message: str, master: str) -> WorldEconomiesError:
    """Return what Spark's message means."""
    if found := re.search(re.escape(OURS) + r"(\{.*?\})$", message, re.MULTILINE):
        own = json.loads(found[1])
        kind = getattr(errors, own.pop("kind"), WorldEconomiesError)
        ours: WorldEconomiesError = kind(own.pop("what"), **own)
        return ours
    if found := re.search(r"No module named '([^']+)'", message):
        return UsageError(f"The Python of the Spark cluster at {master} has no {found[1]}", safe=SAFE,
                          next_command=f"install {found[1]} there, or name another with PYSPARK_PYTHON=/path/to/python")
    if "PYTHON_VERSION_MISMATCH" in message:
        return UsageError(f"The Spark cluster at {master} has another Python than this machine's "
                          f"{sys.version_info.major}.{sys.version_info.minor}", safe=SAFE,
                          next_command="name the same version there with PYSPARK_PYTHON=/path/to/python")
    if "JAVA_GATEWAY_EXITED" in message:
        return UsageError("Java ended before Spark had begun", where=master, safe=SAFE,
                          next_command="try a smaller --memory; the log has what Java said")
    if "No space left on device" in message:
        return DiskFull("The disk is full (No space left on device)", where=master, safe=SAFE)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return WorkerDied(f"Spark gave up on a step: {(lines or ['it ended'])[-1 if len(lines) == 1 else 0][:300]}",
                      where=master, safe=SAFE, next_command=AGAIN)
