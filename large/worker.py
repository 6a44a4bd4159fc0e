"""A worker: reads tasks from its standard input, one a line, and answers through the descriptor it was given."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from large.pool import Task, call
from pipeline import process
from pipeline.errors import WorldEconomiesError
from pipeline.stage import named


def main() -> None:
    """Answer until no task comes any more."""
    answers = int(sys.argv[1])
    os.set_inheritable(answers, False)
    process.prepare()
    with os.fdopen(answers, "wb") as stream:
        for line in sys.stdin.buffer:
            stream.write((json.dumps({**done(line), "peak": process.peak_memory()}) + "\n").encode())
            stream.flush()


def done(line: bytes) -> dict[str, Any]:
    """Do one task, a line of JSON; every exception becomes an answer, see large.pool.result_of."""
    try:
        return {"result": call(Task(**json.loads(line)))}
    except Exception as error:  # noqa: BLE001  the last fence of this process: the stage tells it
        known = named(error)
        if isinstance(known, WorldEconomiesError):
            return {"error": told_of(known)}
        return {"traceback": traceback.format_exc()}


def told_of(error: WorldEconomiesError) -> dict[str, str]:
    """Return an error of ours as JSON."""
    return {"kind": type(error).__name__, "what": error.what, "where": error.where, "safe": error.safe,
            "next_command": error.next_command}


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        os._exit(130)
