"""The page's parts that weigh and check: the market screen, revisions, other publishers, the run, whose figures."""

from __future__ import annotations

from collections.abc import Sequence

from reports.dashboard import charts, screen
from reports.dashboard.facts import LISTED, Comparison, Facts, Revision
from reports.dashboard.health import Health
from reports.dashboard.markup import Markup, joined, tag
from reports.dashboard.screen import MEASURES, WEIGHTS, Scored
from reports.dashboard.sections import Column, cells, least_options, name_of, named, part, table
from reports.dashboard.words import Words
from reports.dashboard.world import World
from utils import VERSION

FIRST = 15  # rows of the short list that are shown


# --- the screen -----------------------------------------------------------------------------------------------------


def market(facts: Facts, words: Words) -> Markup:
    """Return the market screen with its usual weights: sliders, the list, the formula."""
    usable = screen.usable(facts.scored)
    listed = screen.ranked(facts.scored, WEIGHTS, facts.least)
    columns = [Column(words(f"screen.{name}"), name not in ("country",)) for name in (
        "rank", "country", "score", "gdp", "growth_column", "steady_column", "risk_column")]
    names = {each.iso3: name_of(each, words) for each in facts.economies}
    rows = [_screen_row(rank, names[row.iso3], row, value, words)
            for rank, (row, value) in enumerate(listed[:FIRST], 1)]
    said = words("screen.nobody")
    if rows:
        said = words("screen.shown", n=words.number(len(rows)), count=words.number(len(listed)))
    return part(
        "screen", words("screen.title"), tag("p", words("screen.lead")), _lacks(facts, usable, words),
        tag("div", tag("fieldset", tag("legend", words("screen.weights")), [_weight(name, facts, words, name in usable)
                                                                            for name in MEASURES], class_="weights"),
            tag("p", tag("label", words("screen.least"), " ", tag("select", least_options(facts.least, words),
                                                                   id="screen-least",
                                                                  autocomplete="off")), " ",
                tag("button", words("screen.reset"), type="button", id="screen-reset")),
            class_="scripted", hidden=True),
        tag("p", said, id="screen-count", aria_live="polite"),
        table(columns, rows, words("screen.caption"), "screen-table"),
        tag("p", _unscored(facts, words), class_="note", id="screen-unscored"),
        tag("p", tag("button", words("screen.csv"), type="button", id="screen-csv"), class_="scripted", hidden=True),
        tag("details", tag("summary", words("screen.formula_title")), _formula(facts, words), open=True))


def _screen_row(rank: int, name: str, row: Scored, value: float, words: Words) -> Markup:
    numbers = [words.number(row.measures[each], 2) for each in MEASURES]
    first, after = cells(str(rank), name, numbers=(0,), head=1), cells(*numbers, numbers=range(len(numbers)))
    return tag("tr", first, tag("td", words.number(value, 1), class_="n score"), after, data_c=row.iso3)


def _weight(name: str, facts: Facts, words: Words, usable: bool) -> Markup:
    label = f"weight-{name}"
    return tag("div", tag("label", words(f"screen.{name}"), for_=label),
               tag("input", type="range", id=label, min=0, max=100, step=5, value=WEIGHTS[name], disabled=not usable,
                   autocomplete="off", aria_describedby=f"{label}-note"),
               tag("output", str(WEIGHTS[name]), id=f"{label}-out", for_=label),
               tag("small", words(f"screen.{name}_note", year=facts.year), id=f"{label}-note"))


def _lacks(facts: Facts, usable: Sequence[str], words: Words) -> list[Markup]:
    """Return what the screen cannot weigh."""
    lacking = ["growth"] * ("growth" not in usable) + ["risk"] * ("risk" not in usable and not facts.undrawn)
    found = [f"screen.lacks_{name}" for name in lacking] + ["screen.alone"] * (len(facts.scored) == 1)
    return [tag("p", words(name), class_="note") for name in found]


def _unscored(facts: Facts, words: Words) -> str:
    """Return which economies of the size have no score."""
    there = {row.iso3 for row, _ in screen.ranked(facts.scored, WEIGHTS, facts.least)}
    lacking = [name_of(each, words) for each in facts.economies
               if each.gdp is not None and each.gdp >= facts.least and each.iso3 not in there]
    return words("screen.unscored", n=words.number(len(lacking)), names=named(lacking, words)) if lacking else ""


def _formula(facts: Facts, words: Words) -> Markup:
    measures = [tag("li", tag("strong", words(f"screen.{name}")), ": ", words(f"screen.{name}_note", year=facts.year))
                for name in MEASURES]
    text = words("screen.formula", n=words.number(len(facts.scored)), year=facts.year)
    return joined([tag("ul", measures), tag("p", text)])


# --- revisions ------------------------------------------------------------------------------------------------------


def revisions(facts: Facts, words: Words) -> Markup:
    """Return the largest changes of the year's figures since the edition before, in money and in percent."""
    if not facts.before:
        return part("revisions", words("revisions.title_none"), tag("p", words("revisions.one")))
    title = words("revisions.title", edition=words.edition(facts.before))
    count = words.number(facts.revised[1])
    if not facts.revisions:
        return part("revisions", title, tag("p", words("revisions.none", year=facts.year, count=count,
                                                       edition=words.edition(facts.before))))
    by_part = sorted((each for each in facts.revisions if each.percent is not None),
                     key=lambda each: (-abs(each.percent or 0), each.iso3))
    lists = [_changes(facts.revisions[:LISTED], "money", words), _changes(by_part[:LISTED], "percent", words)]
    return part("revisions", title, tag("p", words("revisions.lead", year_count=words.number(facts.revised[0]),
                                                   year=facts.year, count=count)), tag("div", lists, class_="two"))


def _changes(rows: Sequence[Revision], by: str, words: Words) -> Markup:
    size = {each.iso3: each.change if by == "money" else each.percent or 0.0 for each in rows}
    most = max(map(abs, size.values()), default=0) or 1.0
    columns = [Column(words(f"revisions.{name}"), name not in ("country", "bar"))
               for name in ("country", "old", "new", "change", "part", "bar")]
    lines = [tag("tr", cells(words.table["countries"].get(each.iso3, each.name), words.number(each.old, 2),
                             words.number(each.new, 2), words.number(each.change, 2, sign=True),
                             words.number(each.percent, 1, sign=True), charts.bar(size[each.iso3] / most),
                             numbers=(1, 2, 3, 4), head=0), data_c=each.iso3) for each in rows]
    return table(columns, lines, words(f"revisions.{by}"), f"revisions-{by}")


# --- other publishers -----------------------------------------------------------------------------------------------


def sources(facts: Facts, words: Words) -> Markup:
    """Return where the database's datasets disagree, or that it has one only."""
    if len(facts.datasets) < 2:
        return part("sources", words("sources.title"), tag("p", words("sources.none")))
    if not facts.comparisons:
        return part("sources", words("sources.title"), tag("p", words("sources.apart")))
    return part("sources", words("sources.title"), [_against(each, facts, words) for each in facts.comparisons])


def _against(found: Comparison, facts: Facts, words: Words) -> Markup:
    lead = tag("p", words("sources.lead", a=facts.dataset, b=found.dataset, year=found.year,
                          **{name: words.number(count) for name, count in found.counts.items()}))
    rows = sorted((each for each in found.rows if each.percent is not None),
                  key=lambda each: (-abs(each.percent or 0), each.iso3))[:LISTED]
    if not rows:
        return joined([lead, tag("p", words("sources.agree"))])
    most = max(abs(each.percent or 0) for each in rows)
    columns = [Column(words("sources.country")), Column(facts.dataset, True), Column(found.dataset, True),
               Column(words("sources.percent"), True), Column(words("sources.bar"))]
    lines = [tag("tr", cells(words.table["countries"].get(each.iso3, each.name), words.number(each.a, 2),
                             words.number(each.b, 2), words.number(each.percent, 1, sign=True),
                             charts.bar((each.percent or 0) / most), numbers=(1, 2, 3), head=0), data_c=each.iso3)
             for each in rows]
    return joined([lead, table(columns, lines, words("sources.caption"))])


# --- the run --------------------------------------------------------------------------------------------------------


def health(facts: Facts, words: Words) -> Markup:
    """Return what the run's manifests say, and what the database holds."""
    told = facts.health
    if told.known:
        pairs = _run(told, words)
        run = tag("dl", [tag("div", tag("dt", words(f"health.{name}")), tag("dd", value)) for name, value in pairs],
                  class_="facts")
    else:
        run = tag("p", words("health.unknown", run=told.run_id or words.number(None)))
    names = ("dataset", "newest", "age", "editions", "fresh")
    rows = [tag("tr", cells(
        each.dataset, words.edition(each.label), words.number(each.age), words.number(each.editions),
        words("health.unsaid" if each.age is None else "health.no" if each.stale else "health.yes"),
        numbers=(2, 3), head=0)) for each in facts.datasets]
    held = table([Column(words(f"health.{name}"), name in ("age", "editions")) for name in names], rows,
                 words("health.datasets"))
    return part("health", words("health.title"), tag("p", words("health.lead")), run, held if rows else "")


def _run(told: Health, words: Words) -> list[tuple[str, str]]:
    none = words("health.none")
    aside = [words("health.aside_value", n=words.number(count), reason=_reason(name, words))
             for name, count in told.aside.items()]
    gates = words("health.gates_accepted", gates=", ".join(told.accepted)) if told.accepted else words(
        "health.gates_passed", n=told.gates)
    return [
        ("run", told.run_id), ("started", _time(told.started, words)), ("fetched", _time(told.fetched, words)),
        ("seconds", words("health.seconds_value", value=words.number(told.seconds, 1))), ("gates", gates),
        ("rows", words("health.rows_value", read=words.number(told.rows_in), used=words.number(told.rows_out))),
        ("quarantined", words.number(told.quarantined) if told.quarantined else none),
        ("aside", words("format.list").join(aside) or none), ("fallbacks", "; ".join(told.fallbacks) or none)]


def _reason(name: str, words: Words) -> str:
    """Return why rows were set aside, in words where the table has them: "set aside: aggregate", "duplicate: exact"."""
    kind, _, why = name.partition(": ")
    texts = words.table["health"]
    return str(texts.get(why, texts.get(name, why or kind)))


def _time(iso: str, words: Words) -> str:
    return words("health.time", day=words.day(iso), time=iso[11:16]) if iso else words.number(None)


# --- the foot -------------------------------------------------------------------------------------------------------


def foot(facts: Facts, words: Words, outlines: World) -> Markup:
    """Return whose the figures and the outlines are, and what made the page."""
    by = words("foot.figures", citation=facts.citation)
    if not facts.publisher:
        by = words("foot.user", dataset=facts.dataset)
    figures = [tag("p", by)] if facts.edition else []
    source = [tag("p", words("foot.map", source=outlines.source))] if outlines.source else []
    return tag("footer", figures, source,
               tag("p", words("foot.made", version=VERSION, made=words.day(facts.made.isoformat()))))
