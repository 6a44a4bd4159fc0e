"""What can be asked of the database: one module a question.

    picture.py     the newest picture, which the stage report shows
    as_of.py       --as-of      the same as it was
    revisions.py   --revisions  what changed from one vintage to another
    compare.py     --compare    where datasets disagree
    explain.py     --explain    where one figure comes from
    png.py         --png        the page's charts as pictures; the one that leaves files, where it is told to
    regions.py     the picture of the databases of the regions, with --target regions
    profile.py     --profile    what the queries of an answer take on the target, in the place of the answer

A folder beside the stages and not a part of pipeline/: a question reads the database and writes nothing, no stage
depends on one, and one that changes makes no checkpoint stale. Each of the five options has one function,
answer(asked) -> Report; the SQL is in sql/queries/, the look in reports/tables.py. A module whose name begins with "_"
is shared.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pipeline.errors import UsageError
from reports.tables import Report
from rules.indicators import canonical
from targets import BaseTarget, Row, _schema
from utils import Parser, Workspace

# The option of each question, and which of the others below it has a use for.
QUESTIONS = {
    "--as-of": ("dataset",),
    "--revisions": ("dataset", "since", "country", "indicator", "by"),
    "--compare": ("country", "indicator", "tolerance"),
    "--explain": ("dataset", "indicator"),
    "--png": ("country",),
}
OTHERS = ("dataset", "since", "country", "indicator", "by", "tolerance")


@dataclass(frozen=True)
class Asked:
    """A question: the database it is asked of, the options of report.py, whether a terminal shows the answer."""

    target: BaseTarget
    workspace: Workspace
    options: argparse.Namespace
    terminal: bool = False

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of sql/queries/NAME.sql."""
        return self.target.query(name, parameters or {})

    @property
    def for_people(self) -> bool:
        """Whether a person reads the answer, who wants no thousand rows."""
        return self.options.format in ("table", "markdown")


def require_schema(asked: Asked) -> None:
    """Refuse a database of another version of the project. Raises CheckpointError for an older one, TargetRefused."""
    for row in asked.query("schema"):
        if version := row["version"]:  # 0: a file of the user's own
            path, known = asked.workspace.database, _schema.newest()
            _schema.refuse_older(version, known, path, remedy="a load brings it up to date", command="python load.py")
            _schema.refuse_newer(version, known, path)


def percent(text: str) -> float:
    """Read a number from 0 on. Raises ArgumentTypeError."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return value


def add_options(parser: Parser) -> None:
    """Add the questions: one-time options of report.py, which no variable sets and etl_process.py does not take."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--as-of", metavar="WHEN",
                       help="both tables as they were: of a vintage (2024-04), or of the newest by a day (2024-06-30)")
    group.add_argument("--revisions", action="store_true",
                       help="what the newest vintage changed, largest first; with --country every step of its figures")
    group.add_argument("--compare", metavar="A,B[,C…]", help="where datasets disagree: imf-weo,worldbank-wdi")
    group.add_argument("--explain", nargs=2, metavar=("COUNTRY", "YEAR"),
                       help="every value ever held of one figure, and where each comes from")
    group.add_argument("--png", metavar="DIR", help="the page's charts as pictures of 1920 by 1080 pixels, into a "
                       "folder; with --country its history too")
    parser.add_argument("--since", metavar="VINTAGE", help="of --revisions: what was known then against now")
    parser.add_argument("--country", metavar="NAME", help="of --revisions, --compare and --png: one country, a code or "
                        "a name")
    parser.add_argument("--indicator", type=canonical, metavar="NAME",
                        help="of --revisions, --compare and --explain: another indicator than GDP, e.g. NGDP_RPCH")
    parser.add_argument("--dataset", metavar="NAME", help="of --as-of, --revisions and --explain: another dataset than "
                        "the picture's")
    parser.add_argument("--by", choices=["change", "percent"], metavar="change|percent",
                        help="of --revisions: the order (default: change)")
    parser.add_argument("--tolerance", type=percent, metavar="PERCENT",
                        help="of --compare: up to which difference figures agree (default: 2; of rates 0.5 points)")


def is_asked(arguments: Sequence[str]) -> bool:
    """Tell whether a command line has an option of the questions, before it is parsed: then report only looks."""
    flags = {*QUESTIONS, *(f"--{name}" for name in OTHERS)}
    return any(word.partition("=")[0] in flags for word in arguments)


def check(options: argparse.Namespace) -> None:
    """Refuse an option that the question has no use for. Raises UsageError."""
    flag = question_of(options)
    for name in OTHERS:
        if getattr(options, name) is not None and name not in QUESTIONS.get(flag, ()):
            *others, last = [each for each, uses in QUESTIONS.items() if name in uses]
            users = ", ".join(others) + " and " * bool(others) + last
            raise UsageError(f"--{name} goes with {users}" + (f", not with {flag}" if flag else ""),
                             safe="nothing was changed", next_command="python report.py --help")


def question_of(options: argparse.Namespace) -> str:
    """Return the option of the question that is asked, "" for none."""
    given = (options.as_of is not None, options.revisions, options.compare is not None, options.explain is not None,
             options.png is not None)
    return next((flag for flag, there in zip(QUESTIONS, given, strict=True) if there), "")


def answer(asked: Asked) -> Report:
    """Return the answer to the question that the options ask. Raises UsageError, CheckpointError."""
    name = question_of(asked.options).removeprefix("--").replace("-", "_")
    report: Report = import_module(f"questions.{name}").answer(asked)
    return report
