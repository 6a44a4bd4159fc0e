"""The page's parts that show the figures: the map, the ranking, the regions, a country's history."""

from __future__ import annotations

from itertools import pairwise

from reports.dashboard import charts
from reports.dashboard.charts import History
from reports.dashboard.facts import Economy, Facts
from reports.dashboard.markup import Markup, joined, tag
from reports.dashboard.sections import Column, behind, cells, least_options, name_of, named, part, table
from reports.dashboard.series import Line
from reports.dashboard.words import Words
from reports.dashboard.world import World

SHORT = 25  # rows that a long table shows until more are asked for
SPARK = 10  # years of a small line


# --- the map --------------------------------------------------------------------------------------------------------


def world(facts: Facts, words: Words, outlines: World) -> Markup:
    """Return the map of the picture's year with its controls, its legend and its table."""
    values = {each.iso3: each.gdp for each in facts.economies}
    measure = words("map.gdp")
    kind = "of_forecast" if facts.all_forecasts else "of_some" if facts.forecasts else "of"
    title = words(f"map.{kind}", measure=measure, year=facts.year)
    svg = charts.world_map(outlines, values, charts.GDP, map_labels(facts, words), title,
                           words("map.desc", measure=measure, year=facts.year))
    off = [name_of(each, words) for each in facts.economies if each.iso3 not in outlines.shapes]
    counted = sum(value is not None for value in values.values())
    return part(
        "world", words("map.title"),
        tag("p", tag("span", words("map.gdp_lead"), id="map-lead"),
            tag("span", " ", words("map.how"), class_="scripted", hidden=True)),
        _map_controls(facts, words),
        tag("figure", tag("figcaption", title, id="map-caption"), svg, _legends(words)),
        tag("p", words("map.counted", n=words.number(counted), year=facts.year), id="map-said", aria_live="polite"),
        tag("p", " ".join([words("map.borders"), *([words("map.off", names=named(off, words))] if off else [])]),
            class_="note"),
        behind(words("map.table"), table(
            [Column(words("ranking.country")), Column(words("map.gdp_legend"), True),
             Column(words("map.growth_legend"), True)],
            [tag("tr", cells(name_of(each, words), words.number(each.rounded or None, 2), words.number(each.growth, 2),
                             numbers=(1, 2), head=0), data_c=each.iso3) for each in facts.economies],
            title, "map-table")))


def map_labels(facts: Facts, words: Words) -> dict[str, str]:
    """Return what each economy says when it is pointed at."""
    found = {iso3: words("map.nothing", name=words.table["countries"].get(iso3, name))
             for iso3, name in facts.names.items()}
    for each in facts.economies:
        value = words("map.no_value")
        if each.gdp is not None:
            value = words("map.gdp_value", value=words.number(each.rounded, 2))
        found[each.iso3] = words("map.forecast" if each.forecast else "map.value", name=name_of(each, words),
                                 year=each.year or facts.year, value=value)
    return found


def _map_controls(facts: Facts, words: Words) -> Markup:
    years = facts.years or [facts.year]
    measures = [tag("label", tag("input", type="radio", name="map-measure", value=name, checked=name == "gdp",
                                   autocomplete="off", disabled=name == "growth" and not any(
                                       each.line for each in facts.economies)), " ", words(f"map.{name}"))
                for name in charts.SCALES]
    return tag("div", tag("fieldset", tag("legend", words("map.measure")), measures),
               tag("label", words("map.year"), " ", tag("output", str(facts.year), id="map-year-out", for_="map-year"),
                   " ", tag("input", type="range", id="map-year", min=years[0], max=years[-1], step=1,
                            value=facts.year, autocomplete="off")),
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
            *(words("map.range", low=low, high=high) for low, high in pairwise(breaks)),
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
        str(rank), joined([name_of(each, words), year]), words.number(each.rounded, 2),
        charts.bar((each.gdp or 0) / most), charts.sparkline(_late(each, facts)), words.number(each.growth, 2),
        words.number(each.head), words.number(each.people, 2), words.number(each.inflation, 2),
        words.name("regions", each.region),
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
              *(tag("option", words.name("regions", each), value=each, selected=each == facts.region)
                for each in regions)]
    search = tag("input", type="search", id="rank-search", placeholder=words("ranking.hint"), autocomplete="off")
    return tag("div", tag("label", words("ranking.search"), " ", search),
               tag("label", words("ranking.region"), " ", tag("select", chosen, id="rank-region", autocomplete="off")),
               tag("label", words("ranking.least"), " ",
                   tag("select", least_options(facts.least, words), id="rank-least", autocomplete="off")),
               class_="controls scripted", hidden=True)


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
    few = [tag("p", words("regions_part.few", region=words.name("regions", row["Region"]), n=row["Counted"]),
               class_="note") for row in facts.regions if row["Counted"] < 5]
    return part("regions", words("regions_part.title"), tag("p", words("regions_part.lead")),
                table(columns, rows, words("regions_part.caption", year=facts.year), "regions-table"), *few)


# --- a country ------------------------------------------------------------------------------------------------------


def history_of(each: Economy, facts: Facts, words: Words) -> History:
    """Return what the chart of an economy shows."""
    nothing: Line = [None] * len(facts.years)
    lines = each.series.lines() if each.series else [nothing] * len(facts.vintages)
    years, name = facts.years, name_of(each, words)
    return History(
        years, lines[-1], lines[:-1], facts.vintages, [words.edition(label) for label in facts.vintages],
        each.series.start if each.series else None, words("country.chart", name=name),
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
    earlier = [tag("li", charts.swatch("older"), words("country.older", n=older))] if older else []
    if not (older or facts.undrawn):
        earlier = [tag("li", words("country.older_none"))]
    legend = tag("ul", tag("li", charts.swatch("newest"), words.edition(facts.label)), earlier,
                 tag("li", charts.swatch("future"), words("country.shade")), class_="legend lines")
    return part(
        "country-part", words("country.title"), tag("p", words("country.lead")),
        tag("div", tag("label", words("country.choose"), " ", tag("select", options, id="country", autocomplete="off")),
            tag("label", words("country.span"), " ", tag("select", spans, id="country-span", autocomplete="off")),
            class_="controls scripted", hidden=True),
        tag("dl", facts_of(first, facts, words), class_="cards small", id="country-facts"),
        tag("figure", tag("figcaption", told.title, id="history-caption", aria_live="polite"),
            tag("div", charts.history(told), id="history-frame"), legend),
        tag("p", "", id="history-said"),
        behind(words("country.table"), tag("div", lines_table(told, facts, words), id="history-tables")))


def facts_of(each: Economy, facts: Facts, words: Words) -> list[Markup]:
    """Return an economy's figures of the picture's year."""
    risk = next((row.measures["risk"] for row in facts.scored if row.iso3 == each.iso3), None)
    none = words.number(None)
    told = [("gdp", none if each.gdp is None else words.money(each.gdp)),
            ("growth", _percent(each.growth, words, sign=True)),
            ("head", none if each.head is None else words("country.head_value", value=words.number(each.head))),
            ("people", none if each.people is None else
             words("country.people_value", value=words.number(each.people, 1))),
            ("inflation", _percent(each.inflation, words)), ("risk", _percent(risk, words))]
    return [tag("div", tag("dt", words(f"country.{name}")), tag("dd", tag("strong", value), tag(
        "span", words("country.risk_note") if name == "risk" else str(each.year or facts.year))))
        for name, value in told]


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
