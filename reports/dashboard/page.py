"""results/report.html: the page as one file that opens anywhere, asks no network, and runs nothing but its own script.

Its Content-Security-Policy allows the one style and the one script by their sha256 and nothing else; no element has a
style or an event of its own. The data stands once, as JSON in #data, where no browser runs it:

    v 1 · dataset, vintage, label, published, updated, channel, made, year, own_years, age_days, stale, stale_after
    years [first..last] · regions, vintages (labels, the oldest first, the picture's last), editions (the same in words)
    weights, least · first, short, named: rows and names that are shown
    economies, the largest first: c iso3, n name, r place among regions, s subregion, g GDP of the picture as published,
        y its year, f 1 forecast, gdp and growth a value a year, head, people, inflation, from first forecast year,
        steps of each older edition [place of the year, value, …] where it differs from the edition after it,
        m the screen's measures and p their shares (size, growth, steadiness, revisions); null: no value
    texts, breaks of the map's scales
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reports.dashboard import charts, lists, sections, views
from reports.dashboard.facts import STALE_AFTER, Economy, Facts
from reports.dashboard.markup import Markup, joined, tag
from reports.dashboard.screen import MEASURES, WEIGHTS, Scored
from reports.dashboard.words import Words
from reports.dashboard.world import World, outlines
from reports.tables import Report, Table, columns_of, is_number, shown
from utils import VERSION, Workspace, atomic_file

FOLDER = Path(__file__).resolve().parent
# Sections of the table of texts that the script writes from.
SCRIPTED = ("format", "map", "ranking", "country", "screen", "warning", "countries", "regions")


def write_page(workspace: Workspace, facts: Facts, words: Words | None = None) -> None:
    """Write results/report.html, atomically. Raises DiskFull."""
    with atomic_file(workspace.page, "w") as stream:
        stream.write(page(facts, words or Words.load(), outlines()))


def page(facts: Facts, words: Words, world: World) -> str:
    """Return the page of a database with history."""
    top = [sections.head(facts, words), sections.warnings(facts, words)]
    if facts.edition is None:
        body = joined([*top, tag("main", sections.empty(facts, words), id="figures")])
        return document(words("head.empty_page"), joined([body, lists.foot(facts, words, world)]), words)
    end = [lists.sources(facts, words), lists.health(facts, words)]
    if not facts.counted:
        parts = [sections.empty(facts, words), views.country(facts, words), *end]
        body = joined([*top, tag("main", parts, id="figures"), lists.foot(facts, words, world)])
        return document(words("head.empty_page"), body, words, data(facts, words))
    top.append(sections.contents(words))
    parts = [sections.cards(facts, words), views.world(facts, words, world), views.ranking(facts, words),
             views.regions(facts, words), views.country(facts, words), lists.market(facts, words),
             lists.revisions(facts, words), *end]
    title = words("head.page", year=facts.year, work=facts.work or facts.dataset, edition=words.edition(facts.label))
    body = joined([*top, tag("main", parts, id="figures"), lists.foot(facts, words, world)])
    return document(title, body, words, data(facts, words))


def document(title: str, body: Markup, words: Words, content: Mapping[str, Any] | None = None) -> str:
    """Return a document around its body. content: the data of its script; without, there is no script."""
    style = f"{_variables()}\n{charts.style()}\n{_read('page.css')}"
    script = _read("page.js") if content is not None else ""
    policy = ["default-src 'none'", f"style-src '{digest(style)}'", "base-uri 'none'", "form-action 'none'"]
    if script:
        policy.insert(1, f"script-src '{digest(script)}'")
    head = [tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content="; ".join(policy)),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="generator", content=f"World Economies {VERSION}"),
            tag("title", title), tag("style", Markup(style))]
    skip = tag("a", words("head.skip"), href="#figures", class_="skip")
    tail = [tag("script", Markup(as_json(content)), type="application/json", id="data"),
            tag("script", Markup(script))] if content is not None else []
    whole = tag("html", tag("head", head), tag("body", skip, body, tail), lang=words.language)
    return f"<!doctype html>\n{whole}\n"


def digest(text: str) -> str:
    """Return what a policy knows a style or a script by."""
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


def as_json(content: Mapping[str, Any]) -> str:
    """Return JSON that no parser of HTML takes for markup."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _variables() -> str:
    """Return the colours of both themes as variables; on paper it is always the light one."""
    light, dark = ("".join(f" --{name}: {pair[at]};" for name, pair in charts.COLOURS.items()) for at in (0, 1))
    return (f":root {{ color-scheme: light dark;{light} }}\n"
            f"@media screen and (prefers-color-scheme: dark) {{ :root {{{dark} }} }}\n"
            f'@media screen {{ :root[data-theme="light"] {{ color-scheme: light;{light} }}\n'
            f':root[data-theme="dark"] {{ color-scheme: dark;{dark} }} }}')


# --- the data -------------------------------------------------------------------------------------------------------


def data(facts: Facts, words: Words) -> dict[str, Any]:
    """Return what the script reads; see the module's docstring."""
    vintage = facts.edition.vintage if facts.edition else None
    regions = sorted({each.region for each in facts.economies})
    scored = {row.iso3: row for row in facts.scored}
    return {
        "v": 1, "dataset": facts.dataset, "vintage": vintage.label if vintage else "", "label": facts.label,
        "published": facts.known, "updated": vintage.updated if vintage else "", "channel": facts.channel,
        "made": facts.made.isoformat(), "year": facts.year, "own_years": facts.own_years, "age_days": facts.age,
        "stale": facts.stale, "stale_after": STALE_AFTER.get(facts.dataset), "last_actual_year": facts.last_actual,
        "years": list(facts.years), "regions": regions, "vintages": list(facts.vintages),
        "editions": [words.edition(label) for label in facts.vintages],
        "economies": [_economy(each, regions, scored.get(each.iso3), words) for each in facts.economies],
        "weights": [WEIGHTS[name] for name in MEASURES], "least": facts.least, "first": lists.FIRST,
        "short": views.SHORT, "named": sections.NAMED,
        "breaks": {name: list(scale.breaks) for name, scale in charts.SCALES.items()},
        "texts": {name: words.table[name] for name in SCRIPTED}}


def _economy(each: Economy, regions: list[str], scored: Scored | None, words: Words) -> dict[str, Any]:
    series = each.series
    return {
        "c": each.iso3, "n": sections.name_of(each, words), "r": regions.index(each.region), "s": each.subregion,
        "g": each.gdp, "y": each.year, "f": None if each.forecast is None else int(each.forecast),
        "gdp": series.line if series else [], "growth": each.line, "head": each.head, "people": each.people,
        "inflation": each.inflation, "from": series.start if series else None,
        "steps": [[value for pair in step for value in pair] for step in series.steps] if series else [],
        **({"m": [_short(scored.measures[name]) for name in MEASURES],
            "p": [scored.shares[name] for name in MEASURES]} if scored else {})}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


# --- a picture without a history ------------------------------------------------------------------------------------


def write_picture(workspace: Workspace, report: Report, words: Words | None = None) -> None:
    """Write results/report.html of a report alone: of --target regions, which holds a picture and no history."""
    with atomic_file(workspace.page, "w") as stream:
        stream.write(picture(report, words or Words.load()))


def picture(report: Report, words: Words) -> str:
    """Return the page of a picture: its tables with bars, and a sentence on what it has not."""
    title = f"{words('picture.title')}: {report.title}"
    measures = {"economies": "GDP_USD_billion", "regions": "Top5_mean_GDP_USD_billion"}
    parts = [sections.part(name, report.table(name).title, _of_report(report.table(name), measure, words))
             for name, measure in reversed(measures.items())]
    body = joined([tag("header", tag("h1", words("picture.title")), tag("p", report.title),
                       tag("p", words("picture.lead"))), [tag("p", note) for note in report.notes],
                   tag("main", parts, id="figures"),
                   tag("footer", tag("p", f"World Economies {VERSION}"))])
    return document(title, body, words)


def _of_report(table: Table, measure: str, words: Words) -> Markup:
    """Return a table of a report, with a bar behind its measure."""
    if not table.rows:
        return tag("p", words("picture.none"))
    columns = columns_of(table)
    right = {name for name in columns if is_number(table, name)}
    most = max(float(row[measure]) for row in table.rows) or 1.0
    heads: list[sections.Column] = []
    for name, head in columns.items():
        heads += [sections.Column(head, name in right), *([sections.Column(words("ranking.bar"))] * (name == measure))]
    rows = []
    for row in table.rows:
        found: list[Markup] = []
        for name in columns:
            found.append(tag("td", shown(table, name, row), class_="n" if name in right else None))
            if name == measure:
                found.append(tag("td", charts.bar(float(row[name]) / most)))
        rows.append(tag("tr", found))
    return sections.table(heads, rows, table.title)
