"""What a person reads last when a run fails: what, where, what is safe, the log, and the command that goes on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import command
from pipeline.checkpoints import STAGES
from pipeline.errors import ExitCode
from pipeline.events import FAILED
from pipeline.runner import Outcome

SAFE = "safe:  every finished checkpoint; the database is whole"


@dataclass(frozen=True)
class Failure:
    """A failed run: its exit code and the lines that tell it, the command that goes on last."""

    code: ExitCode
    lines: list[str]


def tell(outcome: Outcome, arguments: Sequence[str], *, only: bool, limit: float, interrupted: bool,
         log: Path) -> Failure:
    """Return what to say of a failed stage.

    arguments: the command line of this run; only: it ran one stage; limit: seconds a stage may take.
    """
    where = f"where: the stage {outcome.stage}"
    logged, following = f"log:   {log}", f"next:  {_go_on(outcome.stage, arguments, only)}"
    if interrupted:
        return Failure(ExitCode.INTERRUPTED, ["Interrupted.", where, SAFE, logged, following])
    if outcome.timed_out:
        kept = command.without(arguments, {"--stage-limit": 1})
        longer = _go_on(outcome.stage, kept, only, ["--stage-limit", f"{limit * 2:g}"])
        return Failure(ExitCode.FAULT, [f"It took longer than its limit of {limit:g} s and was ended.", where, SAFE,
                                        logged, f"next:  {longer}"])
    if outcome.killed_by:
        hint = " (the system may have run out of memory)" if outcome.killed_by == "SIGKILL" else ""
        return Failure(ExitCode.FAULT, [f"Its process was ended by {outcome.killed_by}{hint}.", where, SAFE, logged,
                                        following])
    code = ExitCode(outcome.code) if outcome.code in set(ExitCode) else ExitCode.FAULT
    told = outcome.last(FAILED)
    if told is None or not told.fields.get("lines"):
        return Failure(code, [_last_words(outcome), where, SAFE, logged, following])
    return Failure(code, _own_lines(code, told.fields["lines"], outcome.stage, arguments, only, logged))


def _go_on(stage: str, arguments: Sequence[str], only: bool, add: Sequence[str] = ()) -> str:
    """Return the command that goes on at a stage: what was finished, --fresh or not, is not asked for again."""
    if only or stage == STAGES[0]:
        return command.again(arguments, add=add)
    return command.again(arguments, drop=command.BEGINNINGS, add=["--from", stage, *add])


def _own_lines(code: ExitCode, lines: Sequence[str], stage: str, arguments: Sequence[str], only: bool,
               logged: str) -> list[str]:
    """Return a stage's own words, its "next:" made the exact command of this run where it is one of ours."""
    rest = [line for line in lines if not line.startswith(("log: ", "next: "))]
    advice = next((line.removeprefix("next:").strip() for line in lines if line.startswith("next: ")), "")
    typed, _, comment = advice.partition("   #")
    if typed.startswith("--"):
        typed = f"python {stage}.py {typed}"
    words = shlex.split(typed) if typed.startswith("python ") else []
    if len(words) > 2 and words[1] in (f"{stage}.py", "etl_process.py") and "--help" not in words:
        following = _with_advice(words[2:], stage, arguments, only)
        return [*rest, logged, f"next:  {following}" + (f"   #{comment}" if comment else "")]
    if f"/{stage}.py " in advice:  # its own command: it knows no better than to be run again
        advice = "--debug shows the traceback, and the log has it; please report it" if code == ExitCode.FAULT else ""
    elif code == ExitCode.USAGE:  # the same command would fail again: the stage knows better
        return [*rest, logged, *([f"next:  {advice}"] if advice else [])]
    hint = [f"hint:  {advice}"] if advice and not advice.startswith("python ") else []
    return [*rest, *hint, logged, f"next:  {_go_on(stage, arguments, only)}"]


def _with_advice(words: list[str], stage: str, arguments: Sequence[str], only: bool) -> str:
    """Return this run's command with the options that a stage advises, beginning at that stage."""
    if only:
        return command.again(command.merged(arguments, command.without(words, command.BEGINNINGS)))
    begin = [] if stage == STAGES[0] else ["--from", stage]
    kept = command.without(arguments, command.BEGINNINGS)
    return command.again(command.merged(kept, [*begin, *command.without(words, command.BEGINNINGS)]))


def _last_words(outcome: Outcome) -> str:
    words = outcome.stderr.strip().splitlines()
    return f"It ended with code {outcome.code} and said: {words[-1]}" if words else (
        f"It ended with code {outcome.code} and said nothing.")
