"""--revisions: what changed from one vintage to another, largest first; with --country every step of its figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

from history.asof import Edition, short_names
from history.years import as_runs
from questions import Asked, _held
from questions._held import MOST, STATUS, is_rate
from reports.tables import Report, Row, Table
from rules.identity import Country

REVISED, CONFIRMED, REOPENED, APPEARED, WITHDRAWN = "revised", "confirmed", "reopened", "appeared", "withdrawn"
KINDS = {
    REVISED: "revised", CONFIRMED: "confirmed (the forecast became actual, unchanged)",
    REOPENED: "reopened (actual before, a forecast now)", APPEARED: "appeared", WITHDRAWN: "withdrawn",
}
HEADS = {"Rank": "#", "Vintage": "vintage", "Country": "country", "ISO3": "iso3", "Year": "year", "Kind": "what",
         "Before": "was since", "Old": "was", "New": "is", "Change": "change", "Percent": "%", "Status": "status"}


def answer(asked: Asked) -> Report:
    """Return the changes. Raises UsageError for a dataset, vintage, indicator, country or region that is not there."""
    dataset = _held.dataset(asked)
    known = _held.editions(asked, dataset)
    indicator = _held.indicator(asked, dataset)
    spoken = _held.spoken(asked, known, indicator)
    year, region = asked.options.year, _held.region(asked.options.region)
    subject = ", ".join(str(each) for each in (dataset, _held.title_of(indicator), region, year) if each)
    country = _held.country(asked)
    if asked.options.since is None and len(spoken) < 2:
        return nothing(subject, f"{_held.described(spoken[-1])} is the only vintage of {dataset} that has it, so there "
                       "is nothing to compare it with.")
    if country and asked.options.since is None:
        return steps(asked, known, indicator, country, subject)
    now = spoken[-1]
    since = asked.options.since
    then = spoken[-2] if since is None else _held.edition(asked, known, since, "--revisions --since")
    if then.key >= now.key:
        return nothing(subject, f"{_held.described(then)} is the newest vintage of it: nothing has changed since.")
    return changes(asked, (then, now), known, indicator, country, subject)


def nothing(subject: str, note: str) -> Report:
    """Return the answer where there is nothing to compare."""
    title = f"Revisions of {subject}"
    return Report(title, [Table("revisions", title, [], HEADS)], [note])


def changes(asked: Asked, between: tuple[Edition, Edition], known: Sequence[Edition], indicator: str,
            country: Country | None, subject: str) -> Report:
    """Return what differs between two vintages, one row a figure."""
    then, now = between
    rows = [row_of(row) for row in asked.query("changes", {
        "dataset": then.vintage.dataset, "indicator": indicator, "then": then.key, "now": now.key,
        "iso3": country.iso3 if country else None, "year": asked.options.year or None,
        "region": _held.region(asked.options.region)})]
    names = short_names(known)
    of = f"{country.name}, " if country else ""
    title = f"Revisions of {of}{subject}: from {_held.described(then)} to {_held.described(now)}"
    listed, more = cut(asked, rows, order(asked, indicator))
    fold = "\n+" if asked.options.format == "table" else "+"  # LABEL+DAY in two lines fits a screen
    old, new = (names[each.key].replace("+", fold) for each in between)
    main = Table("revisions", title, listed, heads(indicator, Old=old, New=new, Kind=""), places_of(listed),
                 wrap={"Country": 28}, gives_way=("ISO3", "Status", "Rank", "Percent"))
    facts = {"dataset": then.vintage.dataset, "indicator": indicator, "then": names[then.key], "now": names[now.key],
             "counts": counted(rows)}
    return Report(title, [main, *come_and_gone(rows)], [*more, summary(rows)], facts)


def order(asked: Asked, indicator: str) -> str:
    """Return the column to order by: of a rate always the change, since a percentage of a percentage is not shown."""
    return "Percent" if asked.options.by == "percent" and not is_rate(indicator) else "Change"


def cut(asked: Asked, rows: Sequence[Row], by: str) -> tuple[list[Row], list[str]]:
    """Return the rows to list, largest first by a column, and a line on those that are not.

    People are shown the largest revisions. Programs get all, the other kinds after the revisions; --top is obeyed.
    """
    revised = sorted((row for row in rows if row["Kind"] == REVISED), key=size(by))
    others = sorted((row for row in rows if row["Kind"] != REVISED), key=lambda row: list(KINDS).index(row["Kind"]))
    most = asked.options.top or (MOST if asked.for_people else 0)
    listed = revised[:most] if most else [*revised, *others]
    ranked = [{"Rank": rank, **row} for rank, row in enumerate(listed, 1)]
    left = len(revised) - len(listed)
    return ranked, [f"{left:,} smaller revisions are not shown; --top {len(revised)} or --format csv shows all."] * (
        left > 0)


def size(column: str) -> Callable[[Row], tuple[float, str, int]]:
    """Return the key that puts the largest change first, in money or in percent; rows are revisions."""
    return lambda row: (-abs(row[column] or 0.0), row["ISO3"], row["Year"])


def come_and_gone(rows: Sequence[Row]) -> list[Table]:
    """Return the economies that appeared or were withdrawn, with their years as runs."""
    years: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for row in rows:
        if row["Kind"] in (APPEARED, WITHDRAWN):
            years[row["Kind"], row["Country"], row["ISO3"]].append(row["Year"])
    found = [{"Kind": kind, "Country": country, "ISO3": iso3, "Figures": len(of), "Years": as_runs(of)}
             for (kind, country, iso3), of in sorted(years.items())]
    heads = {"Kind": "what", "Country": "country", "ISO3": "iso3", "Figures": "figures", "Years": "years"}
    return [Table("economies", "Appeared and withdrawn", found, heads, wrap={"Years": 50})] if found else []


def steps(asked: Asked, known: Sequence[Edition], indicator: str, country: Country, subject: str) -> Report:
    """Return every change of a country's figures, by year and vintage; with --top the largest."""
    names, dataset = short_names(known), known[0].vintage.dataset
    rows = [row_of(row) | {"Vintage": names[row["vintage"]], "Before": names.get(row["old_vintage"], "")}
            for row in asked.query("steps", {"dataset": dataset, "indicator": indicator, "iso3": country.iso3,
                                             "year": asked.options.year or None})]
    shown = rows
    if asked.options.top:
        largest = sorted((row for row in rows if row["Kind"] == REVISED), key=size(order(asked, indicator)))
        shown = [row for row in rows if row in largest[:asked.options.top]]
    columns = ("Year", "Vintage", "Kind", "Before", "Old", "New", "Change", "Percent", "Status")
    listed = [{name: row[name] for name in columns} | row for row in shown]
    title = f"Revisions of {country.name}, {subject}: every step"
    shown_heads = {name: head for name, head in heads(indicator).items() if name not in ("Country", "ISO3")}
    notes = [summary(rows)] if rows else [f"No vintage has changed a figure of {country.name}."]
    if len(shown) < len(rows):
        notes.insert(0, f"{len(rows) - len(shown):,} other changes are not shown; without --top all are.")
    return Report(title, [Table("revisions", title, listed, shown_heads, places_of(listed))], notes,
                  {"dataset": dataset, "indicator": indicator, "country": country.iso3, "counts": counted(rows)})


def row_of(row: Row) -> Row:
    """Return a row of the queries with numbers; the change is computed on the decimals, not on binary fractions."""
    old, new = (None if row[name] is None else Decimal(row[name]) for name in ("old_text", "new_text"))
    change = new - old if old is not None and new is not None else None
    return {
        "Country": row["Country"], "ISO3": row["ISO3"], "Year": row["Year"], "Kind": row["kind"],
        "Old": number(old), "New": number(new), "Change": number(change),
        "Percent": round(float(100 * change / abs(old)), 4) + 0.0 if change is not None and old else None,
        "Status": status(STATUS[row["old_forecast"]], STATUS[row["new_forecast"]]),
    }


def number(value: Decimal | None) -> float | None:
    """Return a decimal as the number that is written as it is."""
    return None if value is None else float(value)


def status(before: str, after: str) -> str:
    """Return "forecast", "actual", or from which to which."""
    return f"{before} → {after}" if before and after and before != after else after or before


def heads(indicator: str, **others: str) -> dict[str, str]:
    """Return the heads people are shown; a column headed "" is not. Of a rate the change is in points."""
    rate = {"Change": "points", "Percent": ""} if is_rate(indicator) else {}
    return {name: head for name, head in {**HEADS, **rate, **others}.items() if head}


def places_of(rows: Sequence[Row]) -> dict[str, int]:
    """Return the decimals that people are shown: as many as the figures have, three at most."""
    texts = (repr(row[name]).removesuffix(".0") for row in rows for name in ("Old", "New") if row[name] is not None)
    most = max((len(text.partition(".")[2]) for text in texts), default=0)
    return dict.fromkeys(("Old", "New", "Change"), min(most, 3))


def counted(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many figures changed in which way."""
    counts = Counter(row["Kind"] for row in rows)
    return {kind: counts[kind] for kind in KINDS}


def summary(rows: Sequence[Row]) -> str:
    """Return the counts as a sentence."""
    counts = {KINDS[kind]: count for kind, count in counted(rows).items() if count}
    return "Figures: " + (", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "none changed") + "."
