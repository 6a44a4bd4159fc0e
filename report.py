"""Stage 4: the database -> tables on the screen, a page, CSV files with a data package.

Reads the database only, with SQL from sql/queries/. With one of the options of questions/ it answers that question
instead: it only looks then, takes no lock and writes no log, no page and no checkpoint.
"""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence

import questions
from pipeline import checkpoints, options, plan
from pipeline.checkpoints import Meter, Part
from pipeline.errors import ExitCode
from pipeline.stage import Stage, finished, run_stage, started
from questions import picture
from questions._held import Asked, require_schema
from reports.tables import rendered
from targets import open_target
from utils import Parser, add_common_options, utc_now


def build_parser() -> Parser:
    """Return the parser of report.py."""
    parser = Parser(prog="report.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Show the newest picture: the economies of 100 billion dollars and more, and each region's top five.\n\n"
        "  python report.py\n"
        "  python report.py --region Africa --min-gdp 50 --format csv\n\n"
        "Or ask the history, which changes nothing:\n\n"
        "  python report.py --as-of 2024-04\n"
        "  python report.py --revisions --country Nigeria\n"
        "  python report.py --compare imf-weo,worldbank-wdi\n"
        "  python report.py --explain KOR 2024\n"))
    options.add_report_options(parser)
    questions.add_options(parser)
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Query, print, and write the page."""
    meter = Meter()
    asked = ask(stage)
    started(stage, "querying the database")
    report = picture.newest(asked)
    print(rendered(report, stage.options.format), flush=True)
    if not stage.options.no_html:
        from reports.page import write_page

        write_page(stage.workspace, report)
    economies, regions = (len(report.table(name).rows) for name in ("economies", "regions"))
    left = leave(stage, asked, economies)
    remember(stage, meter, economies, left)
    page = "" if stage.options.no_html else "; page: results/World_Economies.html"
    finished(stage, f"{economies} economies, {regions} regions{page}", rows_in=economies, rows_out=economies)
    return ExitCode.DONE


def look(stage: Stage) -> ExitCode:
    """Print the answer to a question."""
    print(rendered(questions.answer(ask(stage)), stage.options.format), flush=True)
    return ExitCode.DONE


def ask(stage: Stage) -> Asked:
    """Return the database with what is asked of it. Raises UsageError, and CheckpointError for an old database."""
    questions.check(stage.options)
    target = open_target("sqlite", stage.workspace)
    require_schema(target, stage.workspace)
    return Asked(target, stage.workspace, stage.options)


def leave(stage: Stage, asked: Asked, rows: int) -> list[Part]:
    """Return the files that the report leaves for others: the page, and the CSV files with their package."""
    left = [] if stage.options.no_html else [checkpoints.make_part(stage.workspace, stage.workspace.page, rows)]
    if not stage.options.no_csv:
        from reports import datapackage

        left += datapackage.write(stage.workspace, asked.target)
    return left


def remember(stage: Stage, meter: Meter, rows: int, left: list[Part]) -> None:
    """Write the stage's manifest where there is a loaded run, so that the run counts as finished."""
    run_id = checkpoints.current_run(stage.workspace)
    loaded = checkpoints.read_manifest(stage.workspace, run_id, "load") if run_id else None
    if loaded is None:
        return
    checkpoints.write_manifest(stage.workspace, meter.manifest(
        run_id=run_id, step_id="report", parameters=plan.parameters("report", stage.options),
        inputs={"load": loaded.digest}, parts=left, balance={"in": rows, "out": rows}, code=plan.code("report"),
        facts={"shown": utc_now()}))


def main(arguments: Sequence[str] | None = None) -> ExitCode:
    """Run the stage, or only look."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    looking = questions.is_asked(given)
    return run_stage("report", build_parser, look if looking else body, given, locked=not looking)


if __name__ == "__main__":
    sys.exit(main())
