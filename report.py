"""Stage 4: the database -> tables on the screen, and a page.

The economies above a size, and the mean GDP of each region's five largest; SQL from sql/queries/.
"""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter

from history.model import Vintage
from pipeline import checkpoints, options, plan, staging
from pipeline.checkpoints import Meter
from pipeline.errors import CheckpointError, ExitCode, UsageError
from pipeline.stage import Stage, finished, run_stage, started
from pipeline.tables import Report, rendered
from rules.cleaning import half_up
from targets import BaseTarget, Row, open_target
from utils import Parser, add_common_options, utc_now


def build_parser() -> Parser:
    """Return the parser of report.py."""
    parser = Parser(prog="report.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Show the newest picture: the economies of 100 billion dollars and more, and each region's top five.\n\n"
        "  python report.py\n"
        "  python report.py --region Africa --min-gdp 50 --format csv\n"))
    options.add_report_options(parser)
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Query, print, and write the page."""
    meter = Meter()
    target = open_target("sqlite", stage.workspace)
    started(stage, "querying the database")
    report = ask(target, stage)
    print(rendered(report, stage.options.format), flush=True)
    if not stage.options.no_html:
        from pipeline.page import write_page

        write_page(stage.workspace, report)
    remember(stage, meter, len(report.economies))
    page = "" if stage.options.no_html else "; page: results/World_Economies.html"
    finished(stage, f"{len(report.economies)} economies, {len(report.regions)} regions{page}",
             rows_in=len(report.economies), rows_out=len(report.economies))
    return ExitCode.DONE


def ask(target: BaseTarget, stage: Stage) -> Report:
    """Run the queries. Raises CheckpointError without a database, UsageError for an unknown region or year."""
    picture = target.query("picture_vintage", {})
    if not picture:
        return without_picture(target, stage)
    chosen, shown = stage.options, picture[0]
    year = asked_year(target, chosen.year, shown["year"])
    parameters = {"min_gdp": chosen.min_gdp, "region": known_region(target, chosen.region) or None, "year": year,
                  "top": chosen.top or None}
    economies = target.query("economies", parameters)
    regions = target.query("regions", {"region": parameters["region"], "year": year})
    vintage = Vintage(shown["dataset"], shown["label"], shown["published"], shown["updated"])
    title = f"{staging.described(vintage, shown['channel'])}, {year or shown['year']}"
    regions = [row | {name: rounded(row[name]) for name in ("Top5_mean_GDP_USD_billion", "Sum_GDP_USD_billion")}
               for row in regions]
    few = [f"{row['Region']} has {row['Counted']} economies only" for row in regions if row["Counted"] < 5]
    return Report(title, [tidy(row) for row in economies], regions, few)


def without_picture(target: BaseTarget, stage: Stage) -> Report:
    """Return the report of a database that holds figures but no GDP. Raises CheckpointError where it holds nothing."""
    held = target.query("loaded", {})
    if not held or not held[0]["batches"]:
        raise CheckpointError("There is no picture in the database yet", where=str(stage.workspace.database),
                              safe="nothing was changed", next_command="python etl_process.py")
    note = f"The database holds {held[0]['figures']:,} figures but no GDP, so there is no picture to show."
    return Report("no GDP yet", [], [], [note])


def asked_year(target: BaseTarget, year: int, shown: int) -> int | None:
    """Return the year to query, None for the picture's own. Raises UsageError for one the vintage has not."""
    if not year or year == shown:
        return None
    years = [row["year"] for row in target.query("years", {})]
    if not years:
        raise UsageError("The newest vintage has no GDP for any year", safe="nothing was changed",
                         next_command="python report.py")
    if year not in years:
        raise UsageError(f"The newest vintage has no GDP for {year}: it has {years[0]} to {years[-1]}",
                         safe="nothing was changed", next_command=f"python report.py --year {years[-1]}")
    return year


def known_region(target: BaseTarget, region: str) -> str:
    """Return the region as the database writes it. Raises UsageError naming the regions there are."""
    if not region:
        return ""
    regions = [row["Region"] for row in target.query("regions", {"region": None, "year": None})]
    for each in regions:
        if each.lower() == region.lower():
            return str(each)
    raise UsageError(f"There is no region named {region!r}; there are {', '.join(sorted(regions))}",
                     safe="nothing was changed")


def tidy(row: Row) -> Row:
    """Leave out what the dataset does not have and say forecast or actual in words."""
    words = {1: "forecast", 0: "actual", None: ""}
    return row | {"GDP_USD_billion": float(half_up(row["GDP_USD_billion"])), "Forecast": words[row["Forecast"]]}


def rounded(value: float) -> float:
    """Return a sum or mean of published figures rounded half up; six decimals first, which takes away binary dust."""
    return float(half_up(f"{value:.6f}"))


def remember(stage: Stage, meter: Meter, rows: int) -> None:
    """Write the stage's manifest where there is a loaded run, so that the run counts as finished."""
    run_id = checkpoints.current_run(stage.workspace)
    loaded = checkpoints.read_manifest(stage.workspace, run_id, "load") if run_id else None
    if loaded is None:
        return
    page = [] if stage.options.no_html else [checkpoints.make_part(stage.workspace, stage.workspace.page, rows)]
    checkpoints.write_manifest(stage.workspace, meter.manifest(
        run_id=run_id, step_id="report", parameters=plan.parameters("report", stage.options),
        inputs={"load": loaded.digest}, parts=page, balance={"in": rows, "out": rows}, code=plan.code("report"),
        facts={"shown": utc_now()}))


if __name__ == "__main__":
    sys.exit(run_stage("report", build_parser, body))
