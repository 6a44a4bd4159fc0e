"""Everything the page shows, asked of the target: the one place of the page that asks.

Nothing of it is worded or drawn yet. Money is in billion US dollars where a name does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from history.asof import Edition, short_names
from pipeline.errors import UsageError
from questions import Asked, _held, compare, picture
from questions.revisions import REVISED, row_of
from reports.dashboard import screen
from reports.dashboard.health import Health, health_of
from reports.dashboard.screen import Scored
from reports.dashboard.series import Line, Series, lines_of, series_of
from reports.publishers import citation, publisher
from rules.cleaning import half_up
from rules.indicators import MAIN
from rules.picture import filled_year
from targets import Row

GROWTH = "NGDP_RPCH"
MOST = 400  # economies on the page: more than there are, and a limit to what a table of the user's own makes of it
MOST_RANGES = 60_000  # of figures of all editions; beyond, the oldest editions are not drawn
MOST_YEARS = 120
LISTED = 12  # rows of a list of the largest
# Days after which a newer edition should be there: the IMF publishes every April and October, the longest time between
# two being 199 days; the World Bank several times a year. Of a table of the user's own nobody knows.
STALE_AFTER = {"imf-weo": 214, "worldbank-wdi": 214, "wikipedia-nominal": 60}


@dataclass(frozen=True)
class Economy:
    """An economy on the page.

    gdp: of the picture's year, as published, None where it has none. year: of that figure. people: millions. head: US
    dollars. growth, inflation: percent. line: real growth, a value a year of Facts.years. series: its GDP.
    """

    iso3: str
    name: str
    region: str
    subregion: str
    gdp: float | None = None
    rounded: str = ""
    year: int | None = None
    forecast: bool | None = None
    growth: float | None = None
    head: float | None = None
    people: float | None = None
    inflation: float | None = None
    line: Line = field(default_factory=list)
    series: Series | None = None


@dataclass(frozen=True)
class Revision:
    """A figure of the picture's year that the newest edition changed."""

    iso3: str
    name: str
    year: int
    old: float
    new: float
    change: float
    percent: float | None


@dataclass(frozen=True)
class Disagreement:
    """Where another dataset has another figure. a: of the picture's dataset."""

    iso3: str
    name: str
    year: int
    a: float
    b: float
    percent: float | None


@dataclass(frozen=True)
class Comparison:
    """The picture's dataset against another: its newest year that both have filled. counts: by compare's verdicts."""

    dataset: str
    publisher: str
    year: int
    rows: Sequence[Disagreement]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Held:
    """A dataset of the database: its newest edition and how many there are. age: days, None where nobody says."""

    dataset: str
    title: str
    label: str
    known: str
    age: int | None
    editions: int
    stale: bool


@dataclass(frozen=True)
class Facts:
    """What the page shows.

    edition: of the picture, None where there is none; then `figures` are how many figures of other indicators are held.
    label: "2025-10", or with its day where there are two printings. known: ISO day of the edition. age: in days, None
    where nobody says. own_years: each economy's figure is of its own latest year. year: the picture's, 0 for none.
    vintages: labels of the editions that have GDP, the oldest first, the picture's last. undrawn: older editions that
    are left out. names: iso3 -> name of every country, those without a figure too. others: economies left out.
    inherited: economies whose figure an older edition said. regions: rows of sql/queries/regions.sql. revised: how many
    figures of the year, and of all years, the edition changed since `before`. least, region, most: the ranking's first
    state, as the report prints it.
    """

    made: date
    edition: Edition | None = None
    figures: int = 0
    label: str = ""
    publisher: str = ""
    work: str = ""
    citation: str = ""
    channel: str = ""
    known: str = ""
    age: int | None = None
    stale: bool = False
    own_years: bool = False
    year: int = 0
    forecasts: int = 0
    years: Sequence[int] = ()
    vintages: Sequence[str] = ()
    undrawn: int = 0
    economies: Sequence[Economy] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    others: int = 0
    total: float = 0.0
    counted: int = 0
    inherited: Sequence[str] = ()
    regions: Sequence[Row] = ()
    revisions: Sequence[Revision] = ()
    revised: tuple[int, int] = (0, 0)
    before: str = ""
    comparisons: Sequence[Comparison] = ()
    datasets: Sequence[Held] = ()
    scored: Sequence[Scored] = ()
    health: Health = field(default_factory=Health)
    least: float = 0.0
    region: str | None = None
    most: int = 0

    @property
    def dataset(self) -> str:
        """The dataset of the picture, "" without one."""
        return self.edition.vintage.dataset if self.edition else ""

    @property
    def all_forecasts(self) -> bool:
        """Whether each figure of the picture is a forecast."""
        return 0 < self.counted == self.forecasts

    @property
    def last_actual(self) -> int | None:
        """The newest year that is no forecast for any economy, None where nothing is told."""
        starts = [each.series.start for each in self.economies if each.series and each.series.start]
        return min(starts) - 1 if starts else None


def gathered(asked: Asked, today: date | None = None) -> Facts:
    """Ask the target for all that the page shows. today: the day of the page, now by default."""
    today = today or datetime.now(UTC).date()
    held = asked.query("editions", {"dataset": None})
    found = asked.query("picture_vintage")
    common: dict[str, Any] = {"made": today, "datasets": datasets_of(held, today)}
    if not found:
        loaded = asked.query("loaded")
        return Facts(**common, figures=loaded[0]["figures"] if loaded else 0)
    shown, known = found[0], [_held.edition_of(row) for row in held if row["dataset"] == found[0]["dataset"]]
    own = next(each for each in known
               if (each.vintage.label, each.vintage.updated) == (shown["label"], shown["updated"]))
    return _with_picture(asked, shown, own, known, common)


def _with_picture(asked: Asked, shown: Row, edition: Edition, known: Sequence[Edition],
                  common: dict[str, Any]) -> Facts:
    """Return the facts of a database with a picture."""
    vintage, day = edition.vintage, common["made"]
    year = picture.asked_year(asked, edition, shown["year"]) or shown["year"] or filled_year(
        picture.years_of(asked, edition))
    rows = _pictured(asked, edition, shown, year)
    places = {row["iso3"]: row for row in asked.query("countries")}
    ranges = list(asked.target.rows("ranges", {"dataset": vintage.dataset, "indicator": MAIN}))
    codes = _codes(rows, ranges, places)
    lines = _Lines.of(asked, edition, known, ranges, set(codes[:MOST]))
    economies = _economies(codes[:MOST], rows, places, lines)
    then, revisions = _revisions(asked, edition, known, year)
    by, age = publisher(vintage.dataset), age_of(edition.known, day)
    return Facts(
        **common, edition=edition, label=short_names(known)[edition.key], publisher=by.name, work=by.work,
        citation=citation(vintage), channel=shown["channel"], known=edition.known, age=age,
        stale=is_stale(vintage.dataset, age), own_years=edition.own_years, year=year,
        forecasts=sum(row["Forecast"] == 1 for row in rows), years=lines.years, vintages=lines.labels,
        undrawn=lines.undrawn, economies=economies, others=len(codes[MOST:]),
        names={iso3: row["name"] for iso3, row in places.items()},
        total=sum(float(row["GDP_USD_billion"]) for row in rows), counted=len(rows),
        inherited=_inherited(asked, edition, year), regions=_regions(asked, edition, shown, year),
        revisions=[each for each in revisions if each.year == year], before=then,
        revised=(sum(each.year == year for each in revisions), len(revisions)),
        comparisons=_comparisons(asked, vintage.dataset, [each.dataset for each in common["datasets"]], places),
        scored=_scored(economies, year, lines.years), health=health_of(asked.workspace, shown["run_id"]),
        least=asked.options.min_gdp, region=_held.region(asked.options.region), most=asked.options.top)


# --- dates ----------------------------------------------------------------------------------------------------------


def age_of(known: str, day: date) -> int | None:
    """Return the days from an ISO day to another, None where nobody says the first."""
    try:
        return (day - date.fromisoformat(known[:10])).days
    except ValueError:
        return None


def is_stale(dataset: str, age: int | None) -> bool:
    """Tell whether a newer edition of a dataset should be there."""
    return age is not None and age > STALE_AFTER.get(dataset, age)


def datasets_of(rows: Sequence[Row], day: date) -> list[Held]:
    """Return each dataset of the database with its newest edition. rows: of editions.sql, by dataset and vintage."""
    newest = {row["dataset"]: row for row in rows}
    found = []
    for dataset, row in newest.items():
        known, by = _held.edition_of(row).known, publisher(dataset)
        age = age_of(known, day)
        count = sum(each["dataset"] == dataset for each in rows)
        found.append(Held(dataset, by.work, row["label"], known, age, count, is_stale(dataset, age)))
    return found


# --- the figures ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lines:
    """The figures of every economy, year by year; labels: of the editions that are drawn, undrawn: of how many not."""

    years: list[int]
    labels: list[str]
    undrawn: int
    gdp: Mapping[str, Series]
    growth: Mapping[str, Line]

    @classmethod
    def of(cls, asked: Asked, edition: Edition, known: Sequence[Edition], ranges: Sequence[tuple[Any, ...]],
           kept: Container[str]) -> _Lines:
        """Read growth as the picture's edition has it, and arrange both. ranges: GDP; kept: the economies shown."""
        dataset, names = edition.vintage.dataset, short_names(known)
        spoken = [each.key for each in _held.spoken(asked, known, MAIN) if each.key <= edition.key] or [edition.key]
        rows = [row for row in ranges if row[0] in kept]
        counts = dict.fromkeys(spoken, 0)
        for row in rows:
            counts[row[2]] = counts.get(row[2], 0) + 1
        drawn = _drawn(spoken, counts)
        years = sorted({row[1] for row in rows if row[3] is None or row[3] > drawn[0]})[-MOST_YEARS:]
        years = list(range(years[0], years[-1] + 1))[-MOST_YEARS:] if years else []
        growth = asked.target.rows("as_held", {"dataset": dataset, "indicator": GROWTH, "vintage": edition.key})
        return cls(years, [names[key] for key in drawn], len(spoken) - len(drawn),
                   series_of(rows, drawn, years), lines_of(growth, years, 3))


def _drawn(spoken: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """Return the editions that are drawn, the newest ones as far as the page's size allows."""
    drawn: list[str] = []
    total = 0
    for key in reversed(spoken):
        total += counts.get(key, 0)
        if drawn and total > MOST_RANGES:
            break
        drawn.append(key)
    return drawn[::-1]


def _where(edition: Edition, shown: Row, year: int) -> dict[str, Any]:
    own = year == shown["year"]
    return {"dataset": edition.vintage.dataset, "vintage": edition.key, "own": int(edition.own_years),
            "picture": int(own), "year": None if own else year, "region": None}


def _pictured(asked: Asked, edition: Edition, shown: Row, year: int) -> list[Row]:
    """Return every economy of the picture, largest first: what the report prints, of any size."""
    least = -1e300  # billion: a figure below zero is shown too
    return asked.query("economies", {**_where(edition, shown, year), "min_gdp": least, "top": None})


def _regions(asked: Asked, edition: Edition, shown: Row, year: int) -> list[Row]:
    rows = asked.query("regions", _where(edition, shown, year))
    return [row | {name: picture.rounded(row[name]) for name in ("Top5_mean_GDP_USD_billion", "Sum_GDP_USD_billion")}
            for row in rows]


def _codes(rows: Sequence[Row], ranges: Sequence[tuple[Any, ...]], places: Mapping[str, Row]) -> list[str]:
    """Return every economy: those of the picture by size, then those that have figures of other years, by name."""
    pictured = [row["ISO3"] for row in rows]
    rest = {row[0] for row in ranges if row[0] in places} - set(pictured)
    return [*pictured, *sorted(rest, key=lambda iso3: str(places[iso3]["name"]))]


def _economies(codes: Sequence[str], rows: Sequence[Row], places: Mapping[str, Row], lines: _Lines) -> list[Economy]:
    """Return the economies of the page; one that only later editions speak for is none."""
    pictured = {row["ISO3"]: row for row in rows}
    return [_economy(iso3, pictured.get(iso3), places.get(iso3, {}), lines) for iso3 in codes
            if iso3 in pictured or iso3 in lines.gdp]


def _economy(iso3: str, row: Row | None, place: Mapping[str, Any], lines: _Lines) -> Economy:
    line, series = lines.growth.get(iso3, []), lines.gdp.get(iso3)
    if row is None:
        return Economy(iso3, place["name"], place["region"], place["subregion"], line=line, series=series)
    return Economy(
        iso3, row["Country"], row["Region"], row["Subregion"], gdp=float(row["GDP_USD_billion"]),
        rounded=str(half_up(row["GDP_USD_billion"])), year=row["Year"],
        forecast=None if row["Forecast"] is None else bool(row["Forecast"]), growth=row["Growth_percent"],
        head=row["GDP_per_head_USD"], people=row["Population_million"], inflation=row["Inflation_percent"],
        line=line, series=series)


def _inherited(asked: Asked, edition: Edition, year: int) -> list[str]:
    """Return the economies whose GDP of the year an older edition said."""
    if not year or edition.own_years:
        return []
    rows = asked.query("unspoken", {"dataset": edition.vintage.dataset, "vintage": edition.key, "year": year})
    return [row["iso3"] for row in rows if row["indicator"] == MAIN]


def _scored(economies: Sequence[Economy], year: int, years: Sequence[int]) -> list[Scored]:
    if year not in years:
        return []
    place = years.index(year)
    return screen.scored({each.iso3: screen.measures(each.gdp, each.series, each.line, place) for each in economies
                          if each.gdp is not None})


# --- what changed, and who disagrees --------------------------------------------------------------------------------


def _revisions(asked: Asked, edition: Edition, known: Sequence[Edition], year: int) -> tuple[str, list[Revision]]:
    """Return the edition before, and every figure that was revised since, the largest change first."""
    spoken = [each for each in _held.spoken(asked, known, MAIN) if each.key <= edition.key]
    if len(spoken) < 2:
        return "", []
    then = spoken[-2]
    rows = map(row_of, asked.query("changes", {
        "dataset": edition.vintage.dataset, "indicator": MAIN, "then": then.key, "now": edition.key, "iso3": None,
        "year": None, "region": None}))
    found = [Revision(row["ISO3"], row["Country"], row["Year"], row["Old"], row["New"], row["Change"], row["Percent"])
             for row in rows if row["Kind"] == REVISED]
    return short_names(known)[then.key], sorted(found, key=lambda each: (-abs(each.change), each.iso3, each.year))


def _comparisons(asked: Asked, dataset: str, datasets: Sequence[str],
                 places: Mapping[str, Row]) -> list[Comparison]:
    """Return the picture's dataset against each other one that has a year of GDP in common with it."""
    others = [name for name in datasets if name != dataset]
    every = {name: compare.figures(asked, name, MAIN, None) for name in ([dataset, *others] if others else [])}
    found, names = [], {iso3: row["name"] for iso3, row in places.items()}
    for other in others:
        two = {name: every[name] for name in (dataset, other)}
        try:
            year = compare.common_year(two)
        except UsageError:
            continue
        at = {name: {key: each for key, each in of.items() if key[1] == year} for name, of in two.items()}
        rows = compare.disagreements(at, names, compare.LEVEL, rate=False)
        counts = {name: sum(row["Verdict"] == name for row in rows)
                  for name in (compare.EQUAL, compare.AGREE, compare.DIFFER)}
        listed = [Disagreement(row["ISO3"], row["Country"], year, row[dataset], row[other], row[f"{other}_percent"])
                  for row in rows if row["Verdict"] == compare.DIFFER]
        found.append(Comparison(other, publisher(other).work, year, listed, counts))
    return found
