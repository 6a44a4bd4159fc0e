"""Says whether the newest edition of the World Economic Outlook that must be there is in the target; fails where not.

    python dags/freshness.py
    python dags/freshness.py --on 2026-05-06

The IMF publishes in April and October. A scheduler that runs green says only that nothing failed: this says that
what was expected has come. It looks only: no lock, no log, nothing is written. The task of the DAG beside it runs it by
the project's Python, and cron can.
"""

from __future__ import annotations

import argparse
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sources
from history.calendar import WEO, WEO_PUBLISHED
from history.model import OBSERVED
from pipeline import options
from pipeline.errors import CheckpointError, ExitCode, GateError, UsageError
from pipeline.stage import Stage, run_stage
from targets import open_target
from utils import ENGLISH_MONTHS, Parser, add_common_options

GRACE = timedelta(days=14)  # from an edition's day until its absence is a failure
MONTHS = ("10", "04")  # of the IMF's editions, the later one first


def published(label: str) -> date:
    """Return the day of an edition, "2026-04" or "2026-10".

    Of one that the calendar does not know yet it is the latest day of the month on which any edition came so far, the
    22nd: an alarm may be some days late then, but is never false.
    """
    if label in WEO_PUBLISHED:
        return date.fromisoformat(WEO_PUBLISHED[label])
    latest = max(day[-2:] for known, day in WEO_PUBLISHED.items() if known.endswith(label[-3:]))
    return date.fromisoformat(f"{label}-{latest}")


def expected(on: date) -> tuple[str, date]:
    """Return the newest edition that must be there on a day, and its own day: ("2026-04", 2026-04-14) on 2026-04-28."""
    labels = (f"{year}-{month}" for year in (on.year, on.year - 1) for month in MONTHS)
    return next((label, published(label)) for label in labels if published(label) + GRACE <= on)


def has_come(rows: Iterable[Mapping[str, Any]], label: str, day: date) -> bool:
    """Tell whether an edition, or a newer one, is among the rows of editions.sql.

    A vintage that nobody named counts where it was seen on the edition's day or later: with the same figures as a known
    one it would be that one.
    """
    return any(row["published"] >= day.isoformat() if row["dating"] == OBSERVED else row["label"] >= label
               for row in rows)


def in_words(label: str) -> str:
    """Return "April 2026" for "2026-04"."""
    return f"{ENGLISH_MONTHS[int(label[-2:]) - 1]} {label[:4]}"


def a_day(text: str) -> date:
    """Read an ISO date. Raises ArgumentTypeError, as all readers of an option do."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day, such as 2026-05-06") from None


def build_parser() -> Parser:
    """Return the parser of freshness.py."""
    parser = Parser(prog="freshness.py", formatter_class=RawDescriptionHelpFormatter, description=(
        f"Fail where the newest edition of the World Economic Outlook is not in the target {GRACE.days} days after its "
        "day.\n\n  python dags/freshness.py\n  python dags/freshness.py --on 2026-05-06\n"))
    parser.add_argument("--on", type=a_day, default=datetime.now(UTC).date(), metavar="DAY",
                        help="as of this day (default: today, UTC)")
    parser.lasting("--source", default=options.AUTO, metavar="NAME",
                   help="where figures come from; of one that gives no World Economic Outlook nothing is expected")
    options.add_target(parser)
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Ask the target, and print what is so. Raises GateError for an edition that is late."""
    source, on = stage.options.source, stage.options.on
    if source != options.AUTO and sources.open_source(source).dataset != WEO:
        print(f"nothing is expected of --source {source}: it gives no {WEO}")
        return ExitCode.DONE
    target = open_target(stage.options.target, stage.workspace)
    if not target.history:
        raise UsageError(f"The target {target.shown} keeps no history: it cannot say which edition has come",
                         safe="nothing was changed", next_command="python dags/freshness.py --target sqlite")
    rows = target.query("editions", {"dataset": WEO})
    if not rows:
        raise CheckpointError(f"The target holds no edition of {WEO}", where=target.shown, safe="nothing was changed",
                              next_command="python etl_process.py")
    label, day = expected(on)
    newest = rows[-1]["label"]
    if not has_come(rows, label, day):
        raise GateError(
            f"The World Economic Outlook of {in_words(label)} has not come {(on - day).days} days after its day, "
            f"{day}; the newest that the target holds is {newest}", where=target.shown, safe="nothing was changed",
            next_command="python etl_process.py --source imf   # says why it does not come")
    print(f"{WEO} {newest} is there; on {on} nothing newer than {label} is due")
    return ExitCode.DONE


def main(arguments: list[str] | None = None) -> ExitCode:
    """Look, and return the exit code."""
    return run_stage("freshness", build_parser, body, arguments, locked=False)


if __name__ == "__main__":
    sys.exit(main())
