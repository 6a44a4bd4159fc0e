"""--as-of: both tables as they were when a vintage was the newest, of that vintage's own year."""

from __future__ import annotations

from dataclasses import replace

from history.asof import Edition, is_day
from pipeline import staging
from pipeline.errors import UsageError
from questions import Asked, _held, picture
from questions._held import SAFE
from reports.tables import Report, Table
from rules.picture import candidate_years, filled_year


def answer(asked: Asked) -> Report:
    """Return the picture of a vintage. Raises UsageError for a vintage, a year or a region that is not there."""
    known = _held.editions(asked, _held.dataset(asked))
    edition = _held.edition(asked, known, asked.options.as_of, "--as-of")
    year = year_of(asked, edition)
    named = staging.described(edition.vintage, edition.channel)
    published = edition.vintage.published
    dated = f", published {published}" if published and published not in named else ""
    title = f"{named}{dated}, {f'figures of {year}' if year else 'the latest figure of each economy'}"
    report = picture.pictured(asked, edition, {"picture": False, "year": year}, title)
    older = picture.inherited(asked, edition, year)
    stamp = {"Dataset": edition.vintage.dataset, "Vintage": edition.vintage.slug}
    economies = replace(report.tables[0], rows=[row | stamp for row in report.tables[0].rows])
    facts = {"dataset": edition.vintage.dataset, "vintage": edition.vintage.label, "updated": edition.vintage.updated,
             "published": published, "year": year}
    tables: list[Table] = [economies, *report.tables[1:]]
    return Report(title, tables, [*taken(asked.options.as_of.strip(), edition), *older, *report.notes], facts)


def taken(text: str, edition: Edition) -> list[str]:
    """Say which vintage a date was taken for."""
    if not is_day(text):
        return []
    if edition.vintage.label == text:
        return [f"{text} is the label of a vintage, and was taken as that."]
    return [f"On {text} the newest was {_held.described(edition)}."]


def year_of(asked: Asked, edition: Edition) -> int | None:
    """Return the year to show: the one asked for, else the year of publication or the newest that is filled.

    None where cells carry their own years. Raises UsageError for a year that the vintage has not, or for no GDP at all.
    """
    years = picture.years_of(asked, edition)
    whose = staging.described(edition.vintage)
    if not years:
        raise UsageError(f"{whose} has no GDP, so there is no picture of it", safe=SAFE,
                         next_command="python report.py")
    if asked.options.year:
        picture.check_year(asked.options.year, list(years), whose)
        return int(asked.options.year)
    if edition.own_years:
        return None
    published = edition.vintage.published[:4]
    wanted = int(published) if published.isdigit() else max(years)
    return filled_year({year: years[year] for year in candidate_years(list(years), wanted)})
