"""`make explore`, or `python -m explore`: serve the database on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import closing, nullcontext
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import questions
from pipeline import staging
from pipeline.errors import CheckpointError, ExitCode, UsageError
from pipeline.options import SQLITE
from pipeline.stage import Stage, run_stage
from questions import Asked, _held
from targets import open_target
from utils import Parser, add_common_options

if TYPE_CHECKING:
    from datasette.app import Datasette

HOST, PORT = "127.0.0.1", 8001  # this machine and no other; Datasette's usual port
SAFE = "nothing was changed"
SETTINGS = {
    "sql_time_limit_ms": 5000,      # counting the revisions takes 1.3 s
    "num_sql_threads": 1,           # one connection: what it opened stays the same database when a load replaces it
    "max_returned_rows": 2000,
    "allow_download": False,
    "suggest_facets": False,        # of a million ranges each suggestion takes its whole time limit
}


def port(text: str) -> int:
    """Read a port, 0 for any free one. Raises ArgumentTypeError."""
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def build_parser() -> Parser:
    """Return the parser of python -m explore."""
    parser = Parser(prog="-m explore", formatter_class=RawDescriptionHelpFormatter, description=(
        "Serve the database to a browser on this machine, to look at and not to change, until Ctrl-C.\n\n"
        "  make explore\n"
        '  make explore ARGS="--port 8002"\n'))
    parser.add_argument("--port", type=port, default=PORT, help=f"where to listen, 0: any free port (default: {PORT})")
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Serve until the person ends it."""
    asked = Asked(open_target(SQLITE, stage.workspace), stage.workspace, stage.options)
    shown = picture(asked)
    served = _datasette(stage.workspace.database, tables(asked), shown)
    listening = listen(stage.options.port)
    address = f"http://{HOST}:{listening.getsockname()[1]}/{stage.workspace.database.stem}"
    with closing(listening):
        server = _server(served, debug=stage.options.debug)
        _end_by_signals(server)  # before the address is told: who has read it may end it
        if not stage.options.quiet:
            print(f"{shown}\n{address}\nto look at, on this machine only; Ctrl-C ends it", flush=True)
        server.run(sockets=[listening])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Python's own last steps take a moment, and our handlers away
    for database in served.databases.values():
        database.close()
    return ExitCode.DONE


def picture(asked: Asked) -> str:
    """Return which picture the database holds, in words. Raises CheckpointError, TargetRefused where it cannot."""
    questions.require_schema(asked)
    held = asked.query("loaded")
    if not held or not held[0]["batches"]:
        raise CheckpointError("There is no database of figures yet", where=str(asked.workspace.database), safe=SAFE,
                              next_command=_held.EMPTY)
    for row in asked.query("picture_vintage"):
        edition = next(each for each in map(_held.edition_of, asked.query("editions", {"dataset": row["dataset"]}))
                       if (each.vintage.label, each.vintage.updated) == (row["label"], row["updated"]))
        return f"The picture is {staging.described(edition.vintage, row['channel'])}, {row['year']}."
    return f"It holds {held[0]['figures']:,} figures but no GDP, so the questions have no answer."


def tables(asked: Asked) -> dict[str, list[str]]:
    """Return the tables and views of the database with their columns."""
    rows = asked.query("explored")
    return {name: [row["column"] for row in of] for name, of in groupby(rows, lambda row: str(row["name"]))}


def listen(number: int) -> socket.socket:
    """Return a socket that listens on this machine only. Raises UsageError for a port that cannot be had."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, number))
        listening.listen()
    except OSError as error:
        listening.close()
        what = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        raise UsageError(f"Port {number} {what}", where=f"{HOST}:{number}", safe=SAFE,
                         next_command='make explore ARGS="--port 0"   # takes any free port') from error
    return listening


def _datasette(database: Path, known: dict[str, list[str]], shown: str) -> Datasette:
    """Return Datasette with the database opened read-only. Raises UsageError where it is not installed."""
    try:
        from datasette.app import Datasette
        from datasette.plugins import pm
    except ImportError as error:
        raise UsageError(f"Datasette is not installed here: {error}", safe=SAFE,
                         next_command="python -m pip install -c constraints.txt '.[explore]'") from error
    from explore import catalog, plugin
    from explore.database import ReadOnly

    pm.register(plugin, name="world-economies")
    served = Datasette(metadata=catalog.metadata(database.stem, known, shown), settings=SETTINGS)
    served.remove_database("_memory")  # which it adds where no file is given
    served.add_database(ReadOnly(served, path=str(database)), name=database.stem)
    return served


def _server(served: Datasette, *, debug: bool) -> Any:
    """Return uvicorn's server of Datasette, which leaves signals to us."""
    import uvicorn
    from datasette import handle_exception

    if not debug:
        handle_exception.rich = None  # by which it prints a traceback for every wrong SQL typed into its page
    config = uvicorn.Config(served.app(), log_level="warning", lifespan="on")
    config.load()  # now and not when it is served: imports take a moment in which the address would not answer
    server: Any = uvicorn.Server(config)
    server.capture_signals = nullcontext  # its handlers come late, and its end raises the signal once more
    return server


def _end_by_signals(server: Any) -> None:
    """Make SIGINT and SIGTERM the usual end of the server, whether it runs yet or not; a second one ends it at once.

    No handler raises: an exception would come out of whatever is at work then, an import or the event loop.
    """
    def handler(_number: int, _frame: FrameType | None) -> None:
        if server.should_exit:
            os._exit(ExitCode.DONE)  # answers under way are not waited for; it only looked, nothing can be lost
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> ExitCode:
    """Serve; neither the lock nor the log is touched."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_stage("explore", build_parser, body, given, locked=False)


if __name__ == "__main__":
    sys.exit(main())
