"""Runs every stage as its own process: extract, transform, load, report.

Skips what is whole, retries what may pass, watches what works, and says at the end what happened and what to type.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sources
from pipeline import checkpoints, choice, failure, lock, monitor, options, plan, retention
from pipeline.checkpoints import STAGES
from pipeline.console import Console
from pipeline.errors import RETRYABLE, CheckpointError, ExitCode, UsageError, WorldEconomiesError
from pipeline.events import FAILED, NOTE, SKIPPED, STARTED, WARNING, Event
from pipeline.logs import log_listener
from pipeline.removal import Removed
from pipeline.runner import Outcome, Runner, Signals
from pipeline.secrets import has_password
from pipeline.stage import Stage, run_stage, same_place
from pipeline.storage import Far
from pipeline.summary import Line, dry_run, first_line, status, table
from utils import ENVIRONMENT_PREFIX, Parser, add_common_options, environment

LOOK_AHEAD = 200_000_000  # bytes of checkpoints that are verified while extract asks; larger ones wait for it
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
    parser.add_argument("--status", action="store_true", help="show the last runs and verify their "
                        "checkpoints; with --format json also what monitors ask")
    parser.lasting("--stage-limit", type=options.seconds, default=3600.0, metavar="SECONDS",
                   help="the longest a stage may take (default: 3600)")
    parser.lasting("--stage-retries", type=options.count, default=2,
                   help="how often a stage that ends with 4 or 6 is tried again (default: 2)")
    parser.lasting("--notify", default="", metavar="URL", help="post the summary there as JSON at the end")
    parser.lasting("--metrics", type=Path, metavar="FILE", help="write there at the end what Prometheus reads, for "
                   "node_exporter's textfile collector")
    parser.lasting("--keep", type=retention.runs_to_keep, default=retention.USUAL, metavar="N|all",
                   help="how many runs stay, with their files, answers and logs; what holds the only bytes of a "
                   f"vintage stays besides (default: {retention.USUAL})")
    options.add_extract_options(parser)
    options.add_transform_options(parser)
    options.add_load_options(parser)
    options.add_report_options(parser, own_year=False)
    add_common_options(parser)
    return parser


class Process:
    """One run of all stages; arguments: the command line that asked for it; ending: hears how it ends."""

    def __init__(self, stage: Stage, signals: Signals, arguments: Sequence[str], ending: monitor.Ending) -> None:
        self.stage, self.options, self.workspace = stage, stage.options, stage.workspace
        self.arguments, self.ending = arguments, ending
        self.console = Console(quiet=stage.options.quiet)
        self.signals = signals
        self.runner = Runner(stage.lock_fd, self._hear, signals)
        self.url = options.checked_url(self.options)
        self.lines: list[Line] = []
        self.why = ""  # of the stage at work
        self.failure: Outcome | None = None
        self.what: dict[str, Any] = {}
        self.ahead: tuple[str, dict[str, choice.Choice]] = "", {}

    def _environment(self, stage: str) -> dict[str, str]:
        """Return what a stage inherits; an address travels here, to extract alone: anyone can read a command line."""
        ours, asks = ENVIRONMENT_PREFIX, stage == "extract"
        hidden = {f"{ours}{name}" for name in ("URL", "URL_FILE", "TARGET_FILE", "SCHEMA_FILE", "NOTIFY")}
        hidden |= set() if stage == "load" else {f"{ours}SCHEMA"}
        inherited = {name: value for name, value in os.environ.items()
                     if name not in hidden and (asks or not (name.startswith(ours) and name.endswith("_URL")))}
        target = {f"{ours}TARGET": self.options.target} if has_password(self.options.target) else {}
        if stage == "load" and has_password(self.options.schema):
            target |= {f"{ours}SCHEMA": self.options.schema}
        return inherited | target | ({f"{ours}URL": self.url} if self.url and asks else {})

    def run(self) -> ExitCode:
        """Run or skip each stage in order; returns the exit code of the whole."""
        if self.options.from_stage not in (None, STAGES[0]):
            self._go_to(choice.meant(self.workspace, self.options))
        for stage in STAGES:
            if self.signals.count:
                self._ended(Line(stage, "not run", "interrupted", Outcome(stage, int(ExitCode.INTERRUPTED))))
            else:
                chosen = self._choose(stage)
                if chosen.runs:
                    self._ended(self._stage(stage, chosen.why))
                else:
                    self._skipped(stage, chosen.why)
            if self.failure:
                break
        return self._end()

    def _go_to(self, run_id: str) -> None:
        """Make the run current that the command names."""
        if run_id != checkpoints.current_run(self.workspace):
            checkpoints.make_current(self.workspace, run_id)
            self._say(WARNING, "etl_process", f"going on with run {run_id}, which this command began")

    def _skipped(self, stage: str, why: str) -> None:
        self._say(SKIPPED, stage, f"skipped: {why}")
        self.lines.append(Line(stage, "skipped", why))

    def _ended(self, line: Line) -> None:
        self.lines.append(line)
        if line.outcome and line.outcome.code:
            self.failure = line.outcome
        if line.outcome and (line.outcome.killed_by or line.outcome.timed_out):
            lock.sweep(self.workspace)  # it could not clear away what it had half-written

    def _hear(self, event: Event) -> None:
        """Show what a stage says; its first line says why it runs."""
        self.console(replace(event, text=f"{event.text} ({self.why})") if event.kind == STARTED else event)

    def _stage(self, stage: str, why: str) -> Line:
        """Run a stage with its retries."""
        self.why = why
        outcome = self._attempts(stage)
        if outcome.code == ExitCode.CHECKPOINT and stage != "extract" and not self.options.only:
            outcome, why = self._repaired(stage, outcome), "what it reads was damaged and made again"
        told = outcome.last(SKIPPED)
        skipped = outcome.code == 0 and told is not None
        if skipped and told:
            why = told.text.removeprefix("skipped: ")
        if stage == "extract":
            self.what = outcome.result
        return Line(stage, "skipped" if skipped else "ran" if outcome.code == 0 else "failed", why, outcome)

    def _attempts(self, stage: str) -> Outcome:
        """Run a stage until it ends with a code that is not worth another try."""
        attempt = 0
        while True:
            outcome = self._once(stage)
            attempt += 1
            cause = outcome.last(FAILED)
            retryable = outcome.code in RETRYABLE and (cause is None or cause.fields.get("retry", True))
            if not retryable or attempt > self._retries(stage) or self.signals.count:
                return outcome
            wait = BACKOFF * 2 ** (attempt - 1) * (0.75 + random.random() / 2)
            why = cause.text if cause else ""
            self._say(WARNING, stage, f"exit {outcome.code}, trying again in {wait:.0f} s: {why}")
            if not self.signals.wait(wait):
                return outcome

    def _once(self, stage: str) -> Outcome:
        # The stage's own story begins with its first event; the log says which process it is.
        log_listener(Event("launched", stage, f"as a process of its own: {self.why}"))
        workspace = os.fspath(self.options.workspace.expanduser().resolve())  # a sample's own is inside it
        arguments = ["--workspace", workspace, *options.arguments_for(stage, self.options)]
        arguments += ["--quiet"] * self.options.quiet + ["--debug"] * self.options.debug
        outcome = self.runner.run(stage, arguments, self._environment(stage), limit=self.options.stage_limit,
                                  sample=log_listener, meanwhile=self._look_ahead if stage == "extract" else None)
        for line in outcome.stderr.splitlines():
            log_listener(Event(WARNING, stage, f"stderr: {line}"))
        if outcome.result.get("traceback"):  # it failed before it had a log of its own
            log_listener(Event(WARNING, stage, outcome.result["traceback"]))
        if self.options.debug and outcome.stderr:
            self._print(outcome.stderr.rstrip())
        ended = outcome.killed_by or f"exit {outcome.code}"
        log_listener(Event("ended", stage, f"{ended}, {outcome.seconds:.2f} s, peak "
                           f"{outcome.peak_memory / 2**20:.0f} MiB", outcome.measured()))
        return outcome

    def _look_ahead(self) -> None:
        """Judge the later stages while extract asks, so that nothing to do takes little longer than asking."""
        run_id = checkpoints.current_run(self.workspace)
        if run_id and not self.options.only and self._size(run_id) < LOOK_AHEAD:
            self.ahead = run_id, {stage: choice.choose(self.workspace, stage, self.options) for stage in STAGES[1:]}
        if not self.options.quiet:
            table([])

    def _size(self, run_id: str) -> int:
        """Return the bytes of the run's checkpoints, as its largest manifest states them."""
        try:
            manifest = checkpoints.read_manifest(self.workspace, run_id, "transform")
        except CheckpointError:
            return 0
        return sum(part.bytes for part in manifest.parts) if manifest else 0

    def _choose(self, stage: str) -> choice.Choice:
        """Return whether a stage runs; what was seen ahead holds while no stage has changed anything."""
        run_id, seen = self.ahead
        unchanged = run_id == self.what.get("run_id") and self.what.get("unchanged")
        if stage in seen and unchanged and not any(line.what == "ran" for line in self.lines):
            return seen[stage]
        return choice.choose(self.workspace, stage, self.options)

    def _retries(self, stage: str) -> int:
        """Return how often a stage may be tried again: files and auto, which has its own fall-backs, are tried once."""
        far = self.options.storage or any(isinstance(path, Far) for path in self.options.input or ())
        if stage != "extract" or far:
            return int(self.options.stage_retries)
        if self.options.source == options.AUTO or self.options.input:
            return 0
        web = sources.open_source(self.options.source).default_url or self.url
        return int(self.options.stage_retries) if web else 0

    def _repaired(self, stage: str, outcome: Outcome) -> Outcome:
        """Run the stages before a damaged checkpoint again, once, and then the stage."""
        cause = outcome.last(FAILED)
        self._say(WARNING, stage, f"making what it reads again: {cause.text if cause else 'a checkpoint is damaged'}")
        self.why = f"for {stage}"
        for earlier in STAGES[: STAGES.index(stage)]:
            again = self._attempts(earlier)
            if earlier == STAGES[0]:
                self.what = again.result
            self.lines = [line for line in self.lines if line.stage != earlier]
            self.lines.append(Line(earlier, "failed" if again.code else "ran", self.why, again))
            if again.code or self.signals.count:
                return again
        self.why = "what it reads was made again"
        return self._attempts(stage)

    def _say(self, kind: str, stage: str, text: str) -> None:
        event = Event(kind, stage, text)
        log_listener(event)
        self.console(event)

    def _end(self) -> ExitCode:
        """Show the summary, post it, tell a failure last of all, and return the exit code."""
        self._complete_what()
        removed = self._remove_old()
        if not self.options.quiet:
            ran = [line for line in self.lines if line.what != "skipped"]
            nothing = (f"\nNothing to do: the source has nothing new; python report.py{self._to()} shows the tables."
                       if self.what.get("unchanged") and not ran else "")
            blocks = [text for text in (first_line(self.what), table(self.lines)) if text]
            self._print("\n" + "\n".join(blocks) + nothing)
        failed = self._told()
        content = {"exit_code": int(failed.code) if failed else 0, "what": first_line(self.what),
                   "failure": failed.lines if failed else [], "stages": [line.told() for line in self.lines],
                   "fallbacks": self.what.get("fallbacks", []),
                   **{name: self.what.get(name, "") for name in ("dataset", "vintage", "channel", "run_id")},
                   **({"removed": removed.told()} if removed else {})}
        log_listener(Event("summary", "etl_process", first_line(self.what) or "no result", content))
        if self.options.notify:
            self._notify(content)
        self.ending.tell(content)
        if failed is None:
            return ExitCode.DONE
        log_listener(Event(FAILED, "etl_process", "\n".join(failed.lines), {"exit_code": int(failed.code)}))
        stage = self.failure.stage if self.failure else ""
        self.console.line("")
        self.console.fail(stage, int(failed.code), failed.lines)
        return failed.code

    def _remove_old(self) -> Removed:
        """Remove what --keep leaves over, where all went well; what cannot be removed is a warning."""
        removed = Removed()
        if self.failure or self.options.only:
            return removed
        try:
            retention.remove(self.workspace, self.options.keep, removed)
        except (OSError, WorldEconomiesError) as error:
            self._say(WARNING, "etl_process", f"old runs stay: {error}"
                      + (f" ({error.where})" if isinstance(error, WorldEconomiesError) and error.where else ""))
        if removed:
            event = Event(NOTE, "etl_process", f"removed by --keep {self.options.keep or 'all'}: {removed.words()}",
                          removed.told())
            log_listener(event)
            if removed.runs:  # every night's answer that repeats another is no news
                self.console(event)
        return removed

    def _to(self) -> str:
        """Return the target and the workspace as report.py takes them, "" for its defaults."""
        return options.same_target(self.options) + same_place(self.options)

    def _complete_what(self) -> None:
        """Say what the run is of where extract was not asked, and which picture is shown where it is not this run's."""
        if not self.what and (run_id := checkpoints.current_run(self.workspace)):
            from pipeline.staging import told_of

            with contextlib.suppress(CheckpointError):
                manifest = checkpoints.read_manifest(self.workspace, run_id, STAGES[0])
                self.what = told_of(manifest) | {"run_id": run_id} if manifest else {}
        for line in self.lines:
            told = line.outcome.result if line.outcome else {}
            self.what = self.what | {name: told[name] for name in ("kept", "engine") if told.get(name)}

    def _print(self, text: str) -> None:
        for line in text.split("\n"):
            self.console.line(line)

    def _told(self) -> failure.Failure | None:
        if self.failure is None:
            return None
        return failure.tell(self.failure, self.arguments, only=bool(self.options.only), limit=self.options.stage_limit,
                            interrupted=bool(self.signals.count), log=self.workspace.log)

    def _notify(self, content: Mapping[str, Any]) -> None:
        """Post the summary; a receiver that does not answer changes nothing."""
        from pipeline.notify import post

        if fault := post(self.options.notify, content):
            self._say(WARNING, "etl_process", f"the summary could not be posted: {fault}")


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


def main(arguments: Sequence[str] | None = None) -> ExitCode:
    """Run the whole, or only look at it: --status and --dry-run take no lock and change nothing."""
    given = list(sys.argv[1:] if arguments is None else arguments)

    def body(stage: Stage) -> ExitCode:
        with monitor.Ending(stage) as ending:
            check(stage.options)
            signals = Signals()
            signals.install()
            return Process(stage, signals, given, ending).run()

    looking = bool({"--status", "--dry-run"} & set(given))
    return run_stage("etl_process", build_parser, look if looking else body, given, locked=not looking)


def look(stage: Stage) -> ExitCode:
    """Print what --status or --dry-run asks for."""
    check(stage.options)
    if not stage.options.status:
        print(dry_run(stage.workspace, stage.options))
        if would := retention.dry_run(stage.workspace, stage.options.keep):
            print(would)
        return ExitCode.DONE
    text, whole = status(stage.workspace, stage.options.target, stage.options.format)
    print(text)
    return ExitCode.DONE if whole else ExitCode.CHECKPOINT


if __name__ == "__main__":
    sys.exit(main())
