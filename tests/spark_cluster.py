"""A standalone cluster of Spark for tests: real processes of one master and two workers on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Process:
    """A process of a cluster, and its messages read until one says what is waited for."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        self.reader: threading.Thread | None = None
        environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / "local"),
                       "SPARK_HOME": str(home)}
        self.process = subprocess.Popen([str(home / "bin" / "spark-class"), *arguments], cwd=folder, env=environment,
                                        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def says(self, pattern: str) -> str:
        """Return the first group of the first message of this pattern; what comes later is read and forgotten."""
        assert self.process.stderr is not None
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            if found := re.search(pattern, line):
                self.reader = threading.Thread(target=self.process.stderr.read)
                self.reader.start()
                return found[1]
        raise AssertionError("".join(seen))

    def end(self) -> None:
        """End it, and wait until it is gone."""
        self.process.terminate()
        self.process.wait()
        if self.reader:
            self.reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run a master with two workers of one core each; gives the master's address."""
    loopback = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    processes = [Process(folder, "org.apache.spark.deploy.master.Master", *loopback)]
    try:
        address = processes[0].says(r"Starting Spark master at (spark://\S+)")
        for number in range(2):
            processes.append(Process(folder, "org.apache.spark.deploy.worker.Worker", *loopback, "--cores", "1",
                                     "--memory", "1g", "--work-dir", str(folder / f"worker{number}"), address))
        for worker in processes[1:]:
            worker.says("(Successfully registered) with master")
        yield address
    finally:
        for process in processes[::-1]:
            process.end()
