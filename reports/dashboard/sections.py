"""The page's parts that show the figures: head, warnings, headlines, map, ranking, regions, a country's history.

Each takes the facts and the words and returns its markup; what the script changes has an id of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from history.model import OBSERVED
from reports.dashboard import charts
from reports.dashboard.charts import History
from reports.dashboard.facts import Economy, Facts
from reports.dashboard.markup import Markup, joined, tag
from reports.dashboard.series import Line
from reports.dashboard.words import Words
from reports.dashboard.world import World

SHORT = 25  # rows that a long table shows until more are asked for
LEAST = (0, 1, 10, 50, 100, 500, 1000)  # billion US dollars: what the smallest GDP may be
NAMED = 12  # names that a sentence holds
SPARK = 10  # years of a small line


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, and whether it holds numbers."""

    head: str
    number: bool = False


def part(name: str, title: str, *content: str | Iterable[str]) -> Markup:
    """Return a part of the page under its heading. name: of its id."""
    return tag("section", tag("h2", title, id=f"{name}-title"), *content, id=name, aria_labelledby=f"{name}-title")


def table(columns: Sequence[Column], rows: Iterable[Markup], caption: str, name: str = "") -> Markup:
    """Return a table in a frame that scrolls sideways where it is too wide for the screen; rows: <tr>s."""
    heads = [tag("th", each.head, scope="col", class_="n" if each.number else None) for each in columns]
    return tag("div", tag("table", tag("caption", caption), tag("thead", tag("tr", heads)), tag("tbody", list(rows)),
                          id=name or None), class_="frame", tabindex=0, role="region", aria_label=caption)


def cells(*values: str | Markup, numbers: Sequence[int] = (), head: int = -1) -> list[Markup]:
    """Return the cells of a row. numbers: places of those that are numbers; head: of the one that names the row."""
    return [tag("th", value, scope="row") if at == head else tag("td", value, class_="n" if at in numbers else None)
            for at, value in enumerate(values)]


def behind(summary: str, content: Markup) -> Markup:
    """Return what is opened by its summary: the table behind a chart."""
    return tag("details", tag("summary", summary), content)


def named(economies: Iterable[str], words: Words) -> str:
    """Return names as a list in a sentence, no more than a reader takes in."""
    found = list(economies)
    more = [f"… +{len(found) - NAMED}"] if len(found) > NAMED else []
    return words("format.list").join([*found[:NAMED], *more])


def name_of(each: Economy, words: Words) -> str:
    """Return the economy's name in this language."""
    translated = words.name("countries", each.iso3)
    return each.name if translated == each.iso3 else translated


# --- the head -------------------------------------------------------------------------------------------------------


def edition_of(facts: Facts, words: Words) -> str:
    """Return whose figures these are, and of which edition."""
    edition = words.edition(facts.label)
    if facts.publisher:
        return words("head.source", publisher=facts.publisher, work=facts.work, edition=edition)
    return words("head.user_source", dataset=facts.dataset, edition=edition)


def age_of(facts: Facts, words: Words) -> str:
    """Return how old the figures are."""
    made = words.day(facts.made.isoformat())
    if facts.age is None or (facts.edition and facts.edition.vintage.dating == OBSERVED):
        return words("head.age_unknown", made=made)
    if facts.age == 0:
        return words("head.age_today", day=words.day(facts.known))
    return words("head.age", day=words.day(facts.known), n=words.number(facts.age), made=made)


def kind_of(facts: Facts, words: Words) -> str:
    """Return whether the figures of the picture's year are forecasts."""
    if facts.forecasts == facts.counted and facts.counted:
        return words("head.forecast", year=facts.year)
    if facts.forecasts:
        return words("head.part_forecast", n=words.number(facts.forecasts), count=words.number(facts.counted))
    told = any(each.forecast is not None for each in facts.economies)
    return words("head.actual", year=facts.year) if told else words("head.unsaid")


def head(facts: Facts, words: Words) -> Markup:
    """Return the page's head: what it is, whose figures, how old, how they came."""
    themes = [tag("option", words(f"head.theme_{name}"), value=name) for name in ("auto", "light", "dark")]
    choice = tag("p", tag("label", words("head.theme"), for_="theme"), " ", tag("select", themes, id="theme"),
                 class_="scripted theme", hidden=True)
    title = tag("h1", words("head.title"))
    if facts.edition is None:
        return tag("header", tag("div", title, choice, class_="top"))
    what = words("head.own_years" if facts.own_years else "head.figures", year=facts.year)
    channel = words.table["channels"].get(facts.channel, facts.channel)
    lines = [edition_of(facts, words), " · ", age_of(facts, words)]
    return tag("header", tag("div", title, choice, class_="top"), tag("p", what, class_="what"),
               tag("p", lines, id="source"),
               tag("p", kind_of(facts, words), " ", words("head.channel", channel=channel) if channel else ""))


def warnings(facts: Facts, words: Words) -> Markup:
    """Return in words what must be known before anything else; the script adds that the page itself has grown old."""
    said = list(_warnings(facts, words))
    return tag("div", tag("strong", words("warning.title")), tag("ul", [tag("li", each) for each in said], id="warnings"),
               class_="warning", role="note", hidden=not said, id="warning")


def _warnings(facts: Facts, words: Words) -> Iterable[str]:
    """Yield the sentences: old figures first, then how they came, then what they lack."""
    health = facts.health
    if facts.stale and facts.age is not None:
        yield words("warning.stale", day=words.day(facts.known), n=words.number(facts.age))
    if health.fallbacks:
        yield words("warning.fallback", reasons="; ".join(health.fallbacks))
    if facts.channel == "bundled":
        yield words("warning.bundled")
    if health.accepted:
        yield words("warning.accepted", gates=", ".join(health.accepted))
    if health.quarantined:
        yield words("warning.quarantined", n=words.number(health.quarantined))
    if facts.inherited:
        yield words("warning.inherited", n=words.number(len(facts.inherited)), codes=named(facts.inherited, words))
    if missing := [each for each in facts.economies if each.gdp is None]:
        yield words("warning.missing", n=words.number(len(missing)), year=facts.year,
                    names=named((name_of(each, words) for each in missing), words))
    if facts.others:
        yield words("warning.others", shown=words.number(len(facts.economies)), n=words.number(facts.others))
    if facts.undrawn:
        yield words("warning.undrawn", n=words.number(facts.undrawn))


def empty(facts: Facts, words: Words) -> Markup:
    """Return what stands in the place of the figures where there is no GDP."""
    text = words("empty.figures", n=words.number(facts.figures)) if facts.figures else words("empty.none")
    return part("empty", words("empty.title"), tag("p", text))


# --- headlines ------------------------------------------------------------------------------------------------------


def cards(facts: Facts, words: Words) -> Markup:
    """Return the headline figures, each with where it is from and how old that is."""
    source = words("cards.from", work=facts.work or facts.dataset, edition=words.edition(facts.label))
    if facts.age is not None:
        source += " · " + words("cards.aged", n=words.number(facts.age))
    told = [_card(words("cards.world"), words.money(facts.total), words("cards.world_note", n=words.number(facts.counted))),
            *_growing(facts, words), *_changed(facts, words)]
    boxes = [tag("div", tag("dt", title), tag("dd", tag("strong", value), tag("span", note),
                                              tag("small", source))) for title, value, note in told]
    return part("cards", words("cards.title"), tag("dl", boxes, class_="cards"))


def _card(title: str, value: str, note: str) -> tuple[str, str, str]:
    return title, value, note


def _growing(facts: Facts, words: Words) -> list[tuple[str, str, str]]:
    """Return the largest economy, the weighted growth and the fastest of those that the report shows."""
    pictured = [each for each in facts.economies if each.gdp is not None]
    if not pictured:
        return []
    first = pictured[0]
    share = words("format.percent", value=words.number(100 * (first.gdp or 0) / facts.total if facts.total else None, 1))
    found = [_card(words("cards.largest"), words.money(first.gdp or 0),
                   words("cards.largest_note", name=name_of(first, words), share=share))]
    growing = [(each, each.growth, each.gdp or 0) for each in pictured if each.growth is not None]
    weight = sum(gdp for *_, gdp in growing)
    if not growing or not weight:
        return [*found, _card(words("cards.growth"), words.number(None), words("cards.no_growth"))]
    mean = sum(growth * gdp for _, growth, gdp in growing) / weight
    fastest = max((row for row in growing if row[2] >= facts.least), key=lambda row: row[1], default=growing[0])
    return [*found,
            _card(words("cards.growth"), words("format.percent", value=words.number(mean, 1, sign=True)),
                  words("cards.growth_note", n=words.number(len(growing)))),
            _card(words("cards.fastest"), words("format.percent", value=words.number(fastest[1], 1, sign=True)),
                  words("cards.fastest_note", name=name_of(fastest[0], words), least=words.money(facts.least)))]


def _changed(facts: Facts, words: Words) -> list[tuple[str, str, str]]:
    """Return what the edition changed, and by how much figures move at all."""
    if not facts.before:
        return [_card(words("cards.sure"), words.number(None), words("cards.no_revision"))]
    old, new = (sum(getattr(each, name) for each in facts.revisions) for name in ("old", "new"))
    before = facts.total - (new - old)
    part_ = 100 * (new - old) / before if before else None
    risks = [risk for each in facts.scored if (risk := each.measures["risk"]) is not None]
    found = [_card(words("cards.revision", edition=words.edition(facts.before)),
                   words("format.percent", value=words.number(part_, 2, sign=True)),
                   words("cards.revision_note", year=facts.year, n=words.number(facts.revised[0])))]
    if risks:
        found.append(_card(words("cards.sure"), "± " + words("format.percent", value=words.number(median(risks), 1)),
                           words("cards.sure_note")))
    return found


# --- the map --------------------------------------------------------------------------------------------------------


def world(facts: Facts, words: Words, outlines: World) -> Markup:
    """Return the map of the picture's year with its controls, its legend and its table."""
    values = {each.iso3: each.gdp for each in facts.economies}
    measure = words("map.gdp")
    title = words("map.of_forecast" if facts.forecasts else "map.of", measure=measure, year=facts.year)
    svg = charts.world_map(outlines, values, charts.GDP, map_labels(facts, words), title,
                           words("map.desc", measure=measure, year=facts.year))
    off = [name_of(each, words) for each in facts.economies if each.iso3 not in outlines.shapes]
    counted = sum(value is not None for value in values.values())
    return part(
        "world", words("map.title"), tag("p", words("map.lead")), _map_controls(facts, words),
        tag("figure", tag("figcaption", title, id="map-caption"), svg, _legends(words)),
        tag("p", words("map.counted", n=words.number(counted), year=facts.year), id="map-said", aria_live="polite"),
        tag("p", " ".join([words("map.borders"), *([words("map.off", names=named(off, words))] if off else [])]),
            class_="note"),
        behind(words("map.table"), table(
            [Column(words("ranking.country")), Column(words("map.gdp_legend"), True), Column(words("map.growth_legend"), True)],
            [tag("tr", cells(name_of(each, words), words.number(each.rounded or None, 2), words.number(each.growth, 2),
                             numbers=(1, 2), head=0), data_c=each.iso3) for each in facts.economies],
            title, "map-table")))


def map_labels(facts: Facts, words: Words) -> dict[str, str]:
    """Return what each economy says when it is pointed at."""
    found = {}
    for each in facts.economies:
        value = words("map.no_value") if each.gdp is None else words("map.gdp_value", value=words.number(each.rounded, 2))
        found[each.iso3] = words("map.forecast" if each.forecast else "map.value", name=name_of(each, words),
                                 year=each.year or facts.year, value=value)
    return found


def _map_controls(facts: Facts, words: Words) -> Markup:
    years = facts.years or [facts.year]
    measures = [tag("label", tag("input", type="radio", name="map-measure", value=name, checked=name == "gdp"), " ",
                    words(f"map.{name}")) for name in charts.SCALES]
    return tag("div", tag("fieldset", tag("legend", words("map.measure")), measures),
               tag("label", words("map.year"), " ",
                   tag("input", type="range", id="map-year", min=years[0], max=years[-1], step=1, value=facts.year),
                   " ", tag("output", str(facts.year), id="map-year-out", for_="map-year")),
               class_="controls scripted", hidden=True)


def _legends(words: Words) -> Markup:
    """Return a legend a measure; the script shows the one that holds."""
    return joined([tag("div", tag("span", words(f"map.{name}_legend")),
                       tag("ul", charts.legend(scale, legend_labels(scale, words))), class_="legend",
                       id=f"legend-{name}", hidden=name != "gdp") for name, scale in charts.SCALES.items()])


def legend_labels(scale: charts.Scale, words: Words) -> list[str]:
    """Return the words of a scale's classes, and of no figure."""
    breaks = [words.number(each) for each in scale.breaks]
    return [words("map.less", high=breaks[0]),
            *(words("map.range", low=low, high=high) for low, high in zip(breaks, breaks[1:], strict=False)),
            words("map.more", low=breaks[-1]), words("map.no_value")]


# --- the ranking ----------------------------------------------------------------------------------------------------


def ranking(facts: Facts, words: Words) -> Markup:
    """Return every economy by size; the first state is what the report prints, the other rows are hidden."""
    pictured = [each for each in facts.economies if each.gdp is not None]
    most = max((each.gdp or 0 for each in pictured), default=0) or 1.0
    shown = [each for each in pictured if is_shown(each, facts)][:facts.most or None]
    kept = {each.iso3 for each in shown}
    rows = [_rank_row(rank, each, most, facts, words, hidden=each.iso3 not in kept)
            for rank, each in enumerate(pictured, 1)]
    numbers = ("rank", "gdp", "growth", "head", "people", "inflation")
    columns = [Column(words(f"ranking.{name}"), name in numbers) for name in (
        "rank", "country", "gdp", "bar", "spark", "growth", "head", "people", "inflation", "where")]
    count = words("ranking.shown", n=words.number(len(shown)), count=words.number(len(pictured)))
    return part("ranking", words("ranking.title"), tag("p", words("ranking.lead", year=facts.year)),
                _rank_controls(facts, words), tag("p", count, id="rank-count", aria_live="polite"),
                table(columns, rows, words("ranking.caption", year=facts.year), "rank-table"),
                tag("p", tag("button", words("ranking.more"), type="button", id="rank-more"), " ",
                    tag("button", words("ranking.csv"), type="button", id="rank-csv"), class_="scripted", hidden=True))


def is_shown(each: Economy, facts: Facts) -> bool:
    """Tell whether an economy is in the ranking's first state."""
    return (each.gdp or 0) >= facts.least and facts.region in (None, each.region)


def _rank_row(rank: int, each: Economy, most: float, facts: Facts, words: Words, *, hidden: bool) -> Markup:
    year = tag("small", f" {each.year}") if facts.own_years else ""
    return tag("tr", cells(
        str(rank), joined([name_of(each, words), year]), words.number(each.rounded, 2), charts.bar((each.gdp or 0) / most),
        charts.sparkline(_late(each, facts)), words.number(each.growth, 2), words.number(each.head),
        words.number(each.people, 2), words.number(each.inflation, 2), words.name("regions", each.region),
        numbers=(0, 2, 5, 6, 7, 8), head=1), data_c=each.iso3, hidden=hidden)


def _late(each: Economy, facts: Facts) -> Line:
    """Return GDP of the ten years up to the picture's."""
    if each.series is None or facts.year not in facts.years:
        return []
    place = facts.years.index(facts.year) + 1
    return each.series.line[max(place - SPARK, 0):place]


def _rank_controls(facts: Facts, words: Words) -> Markup:
    regions = sorted({each.region for each in facts.economies})
    chosen = [tag("option", words("ranking.all"), value=""),
              *(tag("option", words.name("regions", each), value=each, selected=each == facts.region) for each in regions)]
    return tag("div",
               tag("label", words("ranking.search"), " ", tag("input", type="search", id="rank-search",
                                                               placeholder=words("ranking.hint"), autocomplete="off")),
               tag("label", words("ranking.region"), " ", tag("select", chosen, id="rank-region")),
               tag("label", words("ranking.least"), " ", tag("select", least_options(facts.least, words), id="rank-least")),
               class_="controls scripted", hidden=True)


def least_options(least: float, words: Words) -> list[Markup]:
    """Return the choices of the smallest GDP, the report's own among them."""
    return [tag("option", words("ranking.least_of", n=words.number(each, 0 if each == int(each) else 2)) if each
                else words("ranking.least_any"), value=f"{each:g}", selected=each == least)
            for each in sorted({*map(float, LEAST), max(least, 0.0)})]


# --- regions --------------------------------------------------------------------------------------------------------


def regions(facts: Facts, words: Words) -> Markup:
    """Return the mean of each region's five largest."""
    names = {each.iso3: name_of(each, words) for each in facts.economies}
    most = max((row["Top5_mean_GDP_USD_billion"] for row in facts.regions), default=0) or 1.0
    rows = [tag("tr", cells(
        words.name("regions", row["Region"]), words.number(row["Top5_mean_GDP_USD_billion"], 2),
        charts.bar(row["Top5_mean_GDP_USD_billion"] / most),
        words("format.list").join(names.get(code, code) for code in row["Top5"].split()),
        words.number(row["Economies"]), words.number(row["Sum_GDP_USD_billion"], 2), numbers=(1, 4, 5), head=0))
        for row in facts.regions]
    columns = [Column(words(f"regions_part.{name}"), name in ("mean", "economies", "sum"))
               for name in ("region", "mean", "bar", "five", "economies", "sum")]
    few = [tag("p", words("regions_part.few", region=words.name("regions", row["Region"]), n=row["Counted"]), class_="note")
           for row in facts.regions if row["Counted"] < 5]
    return part("regions", words("regions_part.title"), tag("p", words("regions_part.lead")),
                table(columns, rows, words("regions_part.caption", year=facts.year), "regions-table"), *few)


# --- a country ------------------------------------------------------------------------------------------------------


def history_of(each: Economy, facts: Facts, words: Words) -> History:
    """Return what the chart of an economy shows."""
    lines = each.series.lines() if each.series else [[None] * len(facts.years)]
    years, name = facts.years, name_of(each, words)
    return History(
        years, lines[-1], lines[:-1], each.series.start if each.series else None, words("country.chart", name=name),
        words("country.desc", name=name, first=years[0] if years else "", last=years[-1] if years else "",
              n=len(lines) - 1), words("country.forecast"))


def country(facts: Facts, words: Words) -> Markup:
    """Return the history of the largest economy, with the choice of another."""
    if not facts.economies:
        return Markup("")
    first = next((each for each in facts.economies if each.series), facts.economies[0])
    told = history_of(first, facts, words)
    names = sorted(((name_of(each, words), each.iso3) for each in facts.economies), key=lambda pair: pair[0].casefold())
    options = [tag("option", name, value=iso3, selected=iso3 == first.iso3) for name, iso3 in names]
    spans = [tag("option", words(f"country.span_{name}"), value=name) for name in ("all", "late")]
    older = len(told.older)
    legend = tag("ul", tag("li", charts.swatch("newest"), words.edition(facts.label)),
                 tag("li", charts.swatch("older"), words("country.older", n=older)) if older else
                 tag("li", words("country.older_none")), tag("li", charts.swatch("future"), words("country.shade")),
                 class_="legend lines")
    return part(
        "country-part", words("country.title"), tag("p", words("country.lead")),
        tag("div", tag("label", words("country.choose"), " ", tag("select", options, id="country")),
            tag("label", words("country.span"), " ", tag("select", spans, id="country-span")),
            class_="controls scripted", hidden=True),
        tag("dl", facts_of(first, facts, words), class_="cards small", id="country-facts"),
        tag("figure", tag("figcaption", told.title, id="history-caption"),
            tag("div", charts.history(told), id="history-frame"), legend),
        tag("p", "", id="history-said", aria_live="polite"),
        behind(words("country.table"), tag("div", lines_table(told, facts, words), id="history-tables")))


def facts_of(each: Economy, facts: Facts, words: Words) -> list[Markup]:
    """Return an economy's figures of the picture's year."""
    risk = next((row.measures["risk"] for row in facts.scored if row.iso3 == each.iso3), None)
    none = words.number(None)
    told = [("gdp", none if each.gdp is None else words.money(each.gdp)),
            ("growth", _percent(each.growth, words, sign=True)),
            ("head", none if each.head is None else words("country.head_value", value=words.number(each.head))),
            ("people", none if each.people is None else words("country.people_value", value=words.number(each.people, 1))),
            ("inflation", _percent(each.inflation, words)), ("risk", _percent(risk, words))]
    return [tag("div", tag("dt", words(f"country.{name}")), tag("dd", tag("strong", value), tag(
        "span", str(each.year or facts.year) if name != "risk" else ""))) for name, value in told]


def _percent(value: float | None, words: Words, *, sign: bool = False) -> str:
    return words.number(None) if value is None else words("format.percent", value=words.number(value, 1, sign=sign))


def lines_table(told: History, facts: Facts, words: Words) -> Markup:
    """Return every edition's figures, a row a year and a column an edition, the newest edition first."""
    columns = [Column(words("country.year")), *(Column(label, True) for label in reversed(facts.vintages))]
    lines = [told.line, *reversed(told.older)]
    numbers = range(1, len(lines) + 1)
    rows = [tag("tr", cells(str(year), *(words.number(line[at], 2) for line in lines), numbers=numbers, head=0))
            for at, year in reversed(list(enumerate(told.years)))]
    return table(columns, rows, told.title, "history-table")
