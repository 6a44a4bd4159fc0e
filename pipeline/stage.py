"""What a stage script does around its story: options, lock, log, signals, and failures told to a person."""

from __future__ import annotations

import errno
import logging
import shlex
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import lock, process
from pipeline.console import Console
from pipeline.errors import ExitCode, Interrupted, UsageError, WorldEconomiesError
from pipeline.events import FAILED, FINISHED, STARTED, PipeListener, Reporter, inherited_pipe
from pipeline.secrets import redact_text
from pipeline.storage import refuse_far
from utils import PROJECT, Parser, Workspace, full_disk

if TYPE_CHECKING:
    import argparse


@dataclass
class Stage:
    """What the body of a stage works with."""

    name: str
    options: argparse.Namespace
    workspace: Workspace
    report: Reporter
    lock_fd: int = -1


_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)  # the workspace is not to be written
Body = Callable[[Stage], ExitCode]
SAMPLES = "sample"  # the folder of a workspace in which --sample works


def run_stage(name: str, parser: Callable[[], Parser], body: Body, arguments: list[str] | None = None, *,
              locked: bool = True) -> ExitCode:
    """Run one entry point from the command line to its exit code; the only place where an exception becomes text.

    parser: makes the parser; the environment may hold what it refuses. locked=False: the body only looks, and neither
    the lock nor the log is touched.
    """
    debug = "--debug" in (arguments if arguments is not None else sys.argv[1:])
    reporter = Reporter(name, [])
    workspace: Workspace | None = None
    log: Path | None = None
    try:
        process.prepare()
        _listen(reporter)
        options = parser().parse_args(arguments)
        debug = options.debug
        from pipeline.options import settle_target  # every script has imported it, a worker never does

        settle_target(options)
        workspace = workspace_of(options)
        if not locked:
            return body(Stage(name, options, workspace, reporter))
        log = _open_log(workspace)
        stage = Stage(name, options, workspace, _speak(reporter, options))
        with lock.hold(workspace) as stage.lock_fd:
            return body(stage)
    except KeyboardInterrupt:
        error: BaseException = Interrupted("Interrupted", safe="every finished checkpoint; the database is whole",
                                           next_command=own_command(name))
    except WorldEconomiesError as caught:
        error = caught
    except Exception as caught:  # noqa: BLE001  the last fence: what no one foresaw is told and logged here
        error = named(caught)
    if isinstance(error, WorldEconomiesError) and workspace and inherited_pipe() is None:
        error.next_command = _exact(name, _in_workspace(error.next_command, options))
    return fail(reporter, error, log=log, debug=debug)


def workspace_of(options: argparse.Namespace) -> Workspace:
    """Return the workspace: the one asked for, and of a sample one of its own inside it. Raises UsageError."""
    refuse_far(options.workspace, "--workspace")
    root = options.workspace.expanduser().resolve()
    return Workspace(root / SAMPLES if getattr(options, "sample", "") else root)


def _exact(name: str, advice: str) -> str:
    """Return advice to run this script with other options as the command that was typed, with those options.

    Advice is "python NAME.py OPTIONS", or OPTIONS alone where any script may be the one that met the failure.
    """
    from pipeline.command import again, merged

    if advice.startswith("--"):
        advice = f"python {name}.py {advice}"
    typed, hash_sign, comment = advice.partition("   #")
    words = shlex.split(typed) if typed.startswith(f"python {name}.py ") else []
    if "--help" in words or not words or Path(sys.argv[0]).stem != name:
        return advice
    return again(merged(sys.argv[1:], words[2:])) + hash_sign + comment


def _in_workspace(command: str, options: argparse.Namespace) -> str:
    """Return a command of ours with the workspace, and the sample, that this one was given."""
    if not command.startswith("python ") or "--workspace" in command:
        return command
    from pipeline.options import same_target

    head, hash_sign, comment = command.partition("   #")
    other = "--target" in head or head.split()[1] not in ("load.py", "report.py")
    target = "" if other else same_target(options)
    return f"{head}{target}{same_place(options)}{hash_sign}{comment}"


def same_place(options: argparse.Namespace) -> str:
    """Return the options that bring another command to the workspace of this one, " --workspace DIR --sample 1%"."""
    root, sample = options.workspace.expanduser().resolve(), getattr(options, "sample", "")
    place = "" if root == PROJECT else f" --workspace {shlex.quote(str(root))}"
    return place + (f" --sample {sample}" if sample else "")


def named(error: Exception) -> Exception:
    """Give a full disk, and a file that may not be written, their own names, wherever they were met."""
    if full := full_disk(error):
        return full
    if isinstance(error, OSError) and error.errno in _NOT_OURS:
        return UsageError(f"A file cannot be read or written: {error.strerror}", where=str(error.filename or ""),
                          safe="every finished checkpoint; the database is whole")
    return error


def own_command(name: str, *more: str) -> str:
    """Return the command that runs this script again, as a person types it, with more options at its end."""
    from pipeline.command import again

    if Path(sys.argv[0]).stem != name:
        script = f"{name}.py" if (PROJECT / f"{name}.py").exists() else f"-m {name}"
        return " ".join(["python", script, *more])
    return again(sys.argv[1:], add=[each for each in more if each not in sys.argv])


def _open_log(workspace: Workspace) -> Path:
    from pipeline import logs

    try:
        logs.configure(workspace)
    except OSError as error:
        if full := full_disk(error):
            raise full from error
        raise UsageError(f"The workspace cannot be written: {error.strerror}", where=str(workspace.root),
                         safe="nothing was changed", next_command="choose another --workspace") from error
    return workspace.log


def _listen(reporter: Reporter) -> None:
    """Let the parent hear this process from its first moment: its options may be wrong, its log unwritable."""
    if (descriptor := inherited_pipe()) is not None:
        reporter.listeners.append(PipeListener(descriptor))


def _speak(reporter: Reporter, options: argparse.Namespace) -> Reporter:
    from pipeline.logs import log_listener

    if not reporter.listeners:
        reporter.listeners.append(Console(quiet=options.quiet))
    reporter.listeners.insert(0, log_listener)
    return reporter


def fail(reporter: Reporter, error: BaseException, *, log: Path | None, debug: bool) -> ExitCode:
    """Tell a failure in one write, header and cause together, and return its exit code."""
    if isinstance(error, WorldEconomiesError):
        lines, code = error.lines(), error.exit_code
        if not error.next_command:
            lines.append("next:  " + own_command(reporter.stage))
    else:
        lines = [f"A fault of ours: {type(error).__name__}: {error}",
                 "safe:  every finished checkpoint; the database is whole",
                 f"next:  {own_command(reporter.stage, '--debug')}   # shows the traceback; please report it"]
        code = ExitCode.FAULT
    if log:
        lines.append(f"log:   {log}")
        logging.getLogger(reporter.stage).error("exit %d: %s", code, "\n".join(lines), exc_info=error)
    if any(isinstance(listener, PipeListener) for listener in reporter.listeners):
        trace = "" if log else "".join(traceback.format_exception(error))  # the parent's log must hold it then
        reporter.emit(FAILED, lines[0], exit_code=int(code), lines=lines, retry=getattr(error, "retry", False),
                      **({"traceback": trace} if trace else {}))
    else:
        screens = [listener for listener in reporter.listeners if isinstance(listener, Console)]
        (screens or [Console()])[0].fail(reporter.stage, int(code), lines)
    if debug:
        print(redact_text("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    return code


def started(stage: Stage, text: str, **fields: Any) -> None:
    """Tell that the work of a stage begins."""
    stage.report.emit(STARTED, text, **fields)


def finished(stage: Stage, text: str, **fields: Any) -> None:
    """Tell that the work of a stage is done."""
    stage.report.emit(FINISHED, text, **fields)
