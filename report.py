"""Stage 4: the database -> tables on the screen, a page, CSV files with a data package.

Reads the database only, with SQL from sql/queries/, or with --target regions the databases of the regions, all at once.
With one of the options of questions/ it answers that question instead: it only looks then, takes no lock and writes no
log, no page and no checkpoint.
"""

from __future__ import annotations

import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import questions
from pipeline import checkpoints, options, plan
from pipeline.checkpoints import Meter, Part
from pipeline.errors import CheckpointError, ExitCode, UsageError
from pipeline.stage import Stage, finished, run_stage, started
from questions import Asked, picture, profile
from reports.tables import Report, rendered
from targets import BaseTarget, open_target
from utils import Parser, Workspace, add_common_options, utc_now

if TYPE_CHECKING:
    from questions.regions import Answer

SQLITE, REGIONS = "sqlite", "regions"  # targets that report reads


def build_parser() -> Parser:
    """Return the parser of report.py."""
    parser = Parser(prog="report.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Show the newest picture: the economies of 100 billion dollars and more, and each region's top five.\n\n"
        "  python report.py\n"
        "  python report.py --region Africa --min-gdp 50 --format csv\n"
        "  python report.py --target regions\n\n"
        "Or ask the history, which changes nothing:\n\n"
        "  python report.py --as-of 2024-04\n"
        "  python report.py --revisions --country Nigeria\n"
        "  python report.py --compare imf-weo,worldbank-wdi\n"
        "  python report.py --explain KOR 2024\n\n"
        "With --profile any of them prints what its queries take, in the place of the answer.\n"))
    options.add_report_options(parser)
    questions.add_options(parser)
    parser.add_argument("--profile", action="store_true", help="print what each query of the answer takes on the "
                        "target, and by which plan, in the place of the answer")
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Query, print, and write the page."""
    meter = Meter()
    target = opened(stage)
    started(stage, "querying the database" if target.history else "querying the databases of the regions")
    economies, regions, left = shown(stage, target) if target.history else shown_regions(stage)
    remember(stage, meter, economies, left)
    page = "; page: results/report.html" if any(part.relative_path.endswith(".html") for part in left) else ""
    finished(stage, f"{economies:,} economies, {regions} regions{page}" if target.history else
             f"{economies:,} records, {regions} regions{page}", rows_in=economies, rows_out=economies)
    return ExitCode.DONE


def look(stage: Stage) -> ExitCode:
    """Print the answer to a question, or with --profile what an answer takes."""
    target = opened(stage)
    if stage.options.profile:
        profile.check(target)
    asked = ask(stage, target)
    report = profile.answer(asked) if stage.options.profile else questions.answer(asked)
    print(rendered(report, stage.options.format), flush=True)
    return ExitCode.DONE


def opened(stage: Stage) -> BaseTarget:
    """Return the target that is asked. Raises UsageError for one that cannot answer, CheckpointError."""
    questions.check(stage.options)
    name, workspace = stage.options.target, stage.workspace
    target = open_target(name, workspace)
    if not target.history and (name != REGIONS or not target.answers):
        raise UsageError(f"The target {name} answers no queries", safe="nothing was changed",
                         next_command=f"python report.py --target {SQLITE}")
    if not target.history and (question := questions.question_of(stage.options)):
        raise UsageError(f"{question} asks the history, and --target {name} holds one picture and no history",
                         safe="nothing was changed", next_command=f"python report.py --target {SQLITE}")
    if name == SQLITE and not workspace.database.exists() and has_regions(workspace):
        raise CheckpointError("There is no such database here; those of the regions are",
                              where=str(workspace.database), safe="nothing was changed",
                              next_command=f"python report.py --target {REGIONS}")
    return target


def has_regions(workspace: Workspace) -> bool:
    """Tell whether there are databases of the regions."""
    return bool(open_target(REGIONS, workspace).query("loaded", {}))


def ask(stage: Stage, target: BaseTarget) -> Asked:
    """Return the database with what is asked of it. Raises CheckpointError, TargetRefused for another schema."""
    asked = Asked(target, stage.workspace, stage.options)
    questions.require_schema(asked)
    return asked


def shown(stage: Stage, target: BaseTarget) -> tuple[int, int, list[Part]]:
    """Print the newest picture; returns the economies and regions shown, and the files left."""
    asked = ask(stage, target)
    try:
        report = picture.newest(asked)
    except CheckpointError as error:
        if wants_page(stage.options):  # one of an earlier run must not stay as if it were true
            drawn(stage, asked)
            error.safe = f"the database; {stage.workspace.relative(stage.workspace.page)} says that it is empty"
        raise
    print(rendered(report, stage.options.format), flush=True)
    economies, regions = (len(report.table(name).rows) for name in ("economies", "regions"))
    left = [drawn(stage, asked)] if wants_page(stage.options) else []
    if not stage.options.no_csv:
        from reports import datapackage

        left += datapackage.write(stage.workspace, asked.target)
    return economies, regions, left


def shown_regions(stage: Stage) -> tuple[int, int, list[Part]]:
    """Print what the databases of the regions answer; returns as shown() does.

    A page is made of a small picture only, and no CSV files: they hold the history, and there is none.
    """
    from questions import regions

    with ExitStack() as stack:
        answer = regions.answer(stage.workspace, stage.options, stack)
        count = printed(answer, stage.options.format)
    left = [drawn_picture(stage, answer.page)] if answer.small and wants_page(stage.options) else []
    if not stage.options.no_csv:
        stage.report.note("no CSV files beside: they are of the history, and --target regions holds one picture; "
                          "--format csv prints it")
    if not answer.small and wants_page(stage.options):
        stage.report.note(f"no page: it is of pictures of {regions.SMALL:,} records at most")
    return count, len(answer.report.table("regions").rows), left


def printed(answer: Answer, form: str) -> int:
    """Print an answer of the regions; returns how many records were printed."""
    from reports.streamed import write_csv, write_json

    if form == "csv":
        count = write_csv(sys.stdout, answer.names, answer.records())
    elif form == "json":
        count = write_json(sys.stdout, answer.report, answer.records())
    else:
        print(rendered(answer.report, form))
        count = len(answer.report.tables[0].rows)
    sys.stdout.flush()
    return count


def wants_page(options: Namespace) -> bool:
    """Tell whether the page is to be written: it is, unless --no-html says otherwise and --html does not."""
    return bool(options.html or not options.no_html)


def drawn(stage: Stage, asked: Asked) -> Part:
    """Write the page of a database with history, and return it as a part."""
    from reports.dashboard import facts, page

    told = facts.gathered(asked)
    page.write_page(stage.workspace, told)
    return checkpoints.make_part(stage.workspace, stage.workspace.page, told.counted)


def drawn_picture(stage: Stage, report: Report) -> Part:
    """Write the page of a picture without a history, and return it as a part."""
    from reports.dashboard import page

    page.write_picture(stage.workspace, report)
    return checkpoints.make_part(stage.workspace, stage.workspace.page, len(report.table("economies").rows))


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
    looking = questions.is_asked(given) or "--profile" in given
    return run_stage("report", build_parser, look if looking else body, given, locked=not looking)


if __name__ == "__main__":
    sys.exit(main())
