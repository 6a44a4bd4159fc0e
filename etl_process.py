"""Runs every stage as its own process: extract, transform, load, report.

Skips what is whole, retries what may pass, watches what works, and says at the end what happened and what to type.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any

import sources
from pipeline import checkpoints, options, plan
from pipeline.checkpoints import STAGES
from pipeline.console import Console
from pipeline.errors import RETRYABLE, ExitCode, UsageError
from pipeline.events import FAILED, SKIPPED, WARNING, Event
from pipeline.logs import log_listener
from pipeline.runner import Outcome, Runner, Signals
from pipeline.secrets import has_password
from pipeline.stage import Stage, run_stage
from pipeline.summary import Line, dry_run, first_line, status, table
from utils import ENVIRONMENT_PREFIX, Parser, add_common_options, environment

BACKOFF = 2.0  # seconds before the first retry of a stage, doubled each time


def build_parser() -> Parser:
    """Return the parser of etl_process.py: its own options and those of every stage."""
    parser = Parser(prog="etl_process.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Run extract, transform, load and report, each as its own process; what is whole is not done again.\n\n"
        "  python etl_process.py\n"
        "  python etl_process.py --source bundled --year 2024\n"
        "  python etl_process.py --status\n"))
    parser.add_argument("--from", dest="from_stage", choices=STAGES, metavar="STAGE",
                        help=f"begin with this stage: {', '.join(STAGES)}")
    parser.add_argument("--only", choices=STAGES, metavar="STAGE", help="run this stage only")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, why, and how long it took before")
    parser.add_argument("--status", action="store_true", help="show the last runs and verify their checkpoints")
    parser.lasting("--stage-limit", type=options._seconds, default=3600.0, metavar="SECONDS",
                   help="the longest a stage may take (default: 3600)")
    parser.lasting("--stage-retries", type=options._count, default=2,
                   help="how often a stage that ends with 4 or 6 is tried again (default: 2)")
    parser.lasting("--notify", default="", metavar="URL", help="post the summary there as JSON at the end")
    options.add_extract_options(parser)
    options.add_transform_options(parser)
    options.add_load_options(parser)
    options.add_report_options(parser, year=False)
    add_common_options(parser)
    return parser


class Process:
    """One run of all stages."""

    def __init__(self, stage: Stage, signals: Signals) -> None:
        self.stage, self.options, self.workspace = stage, stage.options, stage.workspace
        self.console = Console(quiet=stage.options.quiet)
        self.signals = signals
        self.runner = Runner(stage.lock_fd, self._environment(), self.console, signals)
        self.lines: list[Line] = []
        self.failure: Outcome | None = None
        self.what: dict[str, Any] = {}

    def _environment(self) -> dict[str, str]:
        """Return what stages inherit; the address travels here, since a command line can be read by everyone."""
        url = options.checked_url(self.options)
        inherited = dict(os.environ)
        inherited.pop(f"{ENVIRONMENT_PREFIX}URL_FILE", None)
        return inherited | ({f"{ENVIRONMENT_PREFIX}URL": url} if url else {})

    def run(self) -> ExitCode:
        """Run or skip each stage in order; returns the exit code of the whole."""
        for stage in STAGES:
            reason = self._reason(stage)
            if reason.startswith("skip: "):
                self._skipped(stage, reason.removeprefix("skip: "))
            elif not self._stage(stage, reason):
                break
        return self._end()

    def _reason(self, stage: str) -> str:
        """Return why a stage runs, or "skip: " and why it does not."""
        chosen, at = self.options, STAGES.index(stage)
        if chosen.only:
            return "--only" if stage == chosen.only else f"skip: --only {chosen.only}"
        if chosen.from_stage and at < STAGES.index(chosen.from_stage):
            return f"skip: --from {chosen.from_stage}"
        if stage == "extract":
            return "it asks the source"
        if stage == chosen.from_stage:
            return f"--from {stage}"
        reason = plan.why_run(self.workspace, stage, checkpoints.current_run(self.workspace), chosen)
        return reason or "skip: its checkpoint is whole and nothing before it changed"

    def _skipped(self, stage: str, why: str) -> None:
        event = Event(SKIPPED, stage, f"skipped: {why}")
        log_listener(event)
        self.console(event)
        self.lines.append(Line(stage, "skipped", why))

    def _stage(self, stage: str, why: str) -> bool:
        """Run a stage with its retries; returns whether the run goes on."""
        outcome = self._attempts(stage)
        if outcome.code == ExitCode.CHECKPOINT and stage != "extract" and not self.options.only:
            outcome = self._repaired(stage, outcome)
        skipped = outcome.code == 0 and outcome.last(SKIPPED) is not None
        if skipped:
            why = outcome.events[-1].text.removeprefix("skipped: ")
        if stage == "extract":
            self.what = outcome.result
        self.lines.append(Line(stage, "skipped" if skipped else "ran" if outcome.code == 0 else "failed", why, outcome))
        if outcome.code:
            self.failure = outcome
        return outcome.code == 0

    def _attempts(self, stage: str) -> Outcome:
        """Run a stage until it ends with a code that is not worth another try."""
        attempt = 0
        while True:
            outcome = self._once(stage)
            log_listener(Event("ended", stage, f"exit {outcome.code}, {outcome.seconds:.2f} s, peak "
                               f"{outcome.peak_memory / 2**20:.0f} MiB", {"seconds": round(outcome.seconds, 3),
                               "cpu_seconds": round(outcome.cpu_seconds, 3), "peak_memory": outcome.peak_memory,
                               "read_bytes": outcome.read_bytes, "written_bytes": outcome.written_bytes}))
            attempt += 1
            if outcome.code not in RETRYABLE or attempt > self._retries(stage) or self.signals.count:
                return outcome
            wait = BACKOFF * 2 ** (attempt - 1) * (0.75 + random.random() / 2)
            cause = outcome.last(FAILED)
            why = cause.text if cause else ""
            self._say(WARNING, stage, f"exit {outcome.code}, trying again in {wait:.0f} s: {why}")
            if not self.signals.wait(wait):
                return outcome

    def _once(self, stage: str) -> Outcome:
        # The stage's own story begins with its first event; the log says which process it is.
        log_listener(Event("launched", stage, "as a process of its own"))
        arguments = ["--workspace", os.fspath(self.workspace.root), *options.arguments_for(stage, self.options)]
        arguments += ["--quiet"] * self.options.quiet + ["--debug"] * self.options.debug
        outcome = self.runner.run(stage, arguments, limit=self.options.stage_limit, sample=log_listener)
        for line in outcome.stderr.splitlines():
            log_listener(Event(WARNING, stage, f"stderr: {line}"))
        if self.options.debug and outcome.stderr:
            self.console.line(outcome.stderr.rstrip())
        return outcome

    def _retries(self, stage: str) -> int:
        """Return how often a stage may be tried again: files and auto, which has its own fall-backs, are tried once."""
        if stage == "extract" and (self.options.source == options.AUTO or self.options.input):
            return 0
        web = stage != "extract" or bool(sources.open_source(self.options.source).default_url or self.options.url)
        return int(self.options.stage_retries) if web else 0

    def _repaired(self, stage: str, outcome: Outcome) -> Outcome:
        """Run the stages before a damaged checkpoint again, once, and then the stage."""
        cause = outcome.last(FAILED)
        self._say(WARNING, stage, f"making the checkpoint again: {cause.text if cause else ''}")
        for earlier in STAGES[: STAGES.index(stage)]:
            again = self._attempts(earlier)
            if again.code:
                return again
        return self._attempts(stage)

    def _say(self, kind: str, stage: str, text: str) -> None:
        event = Event(kind, stage, text)
        log_listener(event)
        self.console(event)

    def _end(self) -> ExitCode:
        """Show the summary, the failure last, and return the exit code."""
        ran = [line for line in self.lines if line.what != "skipped"]
        if not self.options.quiet:
            head = first_line(self.what)
            nothing = "" if ran else "\nNothing to do: the source has nothing new; python report.py shows the tables."
            self.console.line("\n" + "\n".join(part for part in (head, table(self.lines)) if part) + nothing)
        log_listener(Event("summary", "etl_process", first_line(self.what) or "no result",
                           {"stages": [line.told() for line in self.lines]}))
        code = self._verdict()
        if self.options.notify:
            self._notify(code)
        return code

    def _verdict(self) -> ExitCode:
        if self.failure is None:
            return ExitCode.DONE
        lines, code = failure_lines(self.failure, self.options.stage_limit, interrupted=bool(self.signals.count))
        lines.append(f"log:   {self.workspace.log}")
        log_listener(Event(FAILED, "etl_process", lines[0], {"exit_code": int(code)}))
        self.console.line(f"\n✗ {self.failure.stage} failed (exit {int(code)}). " + "\n  ".join(lines))
        return code

    def _notify(self, code: ExitCode) -> None:
        """Post the summary; a receiver that does not answer changes nothing."""
        from pipeline.notify import post

        content = {"exit_code": int(code), "what": first_line(self.what), "dataset": self.what.get("dataset", ""),
                   "vintage": self.what.get("vintage", ""), "channel": self.what.get("channel", ""),
                   "stages": [line.told() for line in self.lines]}
        if fault := post(self.options.notify, content):
            self._say(WARNING, "etl_process", f"the summary could not be posted: {fault}")


def failure_lines(outcome: Outcome, limit: float, *, interrupted: bool) -> tuple[list[str], ExitCode]:
    """Return what a person reads about a failed stage, and the exit code of the whole."""
    safe = "safe:  every finished checkpoint; the database is whole"
    again = "next:  python etl_process.py   # goes on where it was"
    if interrupted:
        return ["Interrupted.", safe, again], ExitCode.INTERRUPTED
    if outcome.timed_out:
        return [f"It took longer than its limit of {limit:g} s and was ended.", safe,
                "next:  python etl_process.py --stage-limit SECONDS"], ExitCode.FAULT
    if outcome.killed_by:
        hint = " (the system may have run out of memory)" if outcome.killed_by == "SIGKILL" else ""
        return [f"Its process was ended by {outcome.killed_by}{hint}.", safe, again], ExitCode.FAULT
    told = outcome.last(FAILED)
    if told and told.fields.get("lines"):
        lines = [line for line in told.fields["lines"] if not line.startswith("log: ")]
        return lines, ExitCode(outcome.code)
    code = ExitCode(outcome.code) if outcome.code in set(ExitCode) else ExitCode.FAULT
    return [f"It ended with code {outcome.code} and said nothing.", safe, again], code


def check(chosen: argparse.Namespace) -> None:
    """Refuse options that contradict each other or show a secret, before anything begins. Raises UsageError."""
    plan.checked_gates(chosen.accept)
    if chosen.only and chosen.from_stage:
        raise UsageError("--only and --from exclude each other", safe="nothing was changed")
    if chosen.source != options.AUTO:
        sources.open_source(chosen.source)
    if chosen.notify and chosen.notify != environment("notify") and has_password(chosen.notify):
        raise UsageError("An address with a password on the command line can be read by every user of the machine",
                         safe="nothing was changed", next_command=f"put it into {ENVIRONMENT_PREFIX}NOTIFY")


def body(stage: Stage) -> ExitCode:
    """Run the stages under the lock."""
    check(stage.options)
    signals = Signals()
    signals.install()
    return Process(stage, signals).run()


def main(arguments: Sequence[str] | None = None) -> ExitCode:
    """Run the whole, or only look at it: --status and --dry-run take no lock and change nothing."""
    parser = build_parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    looking = {"--status", "--dry-run"} & set(given)
    return run_stage("etl_process", parser, look if looking else body, given, locked=not looking)


def look(stage: Stage) -> ExitCode:
    """Print what --status or --dry-run asks for."""
    check(stage.options)
    print(status(stage.workspace) if stage.options.status else dry_run(stage.workspace, stage.options))
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
