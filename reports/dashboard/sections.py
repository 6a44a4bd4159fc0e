"""The page's head, what must be known first, the headline figures; and what its parts are made of.

Each part takes the facts and the words and returns its markup; what the script changes has an id of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from history.model import OBSERVED
from reports.dashboard.facts import Economy, Facts
from reports.dashboard.markup import Markup, tag
from reports.dashboard.words import Words

LEAST = (0, 1, 10, 50, 100, 500, 1000)  # billion US dollars: what the smallest GDP may be
NAMED = 12  # names that a sentence holds
BUNDLED = "bundled"  # the channel that asks nobody


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


def least_options(least: float, words: Words) -> list[Markup]:
    """Return the choices of the smallest GDP, the report's own among them."""
    return [tag("option", words("ranking.least_of", n=words.number(each, 0 if each == int(each) else 2)) if each
                else words("ranking.least_any"), value=f"{each:g}", selected=each == least)
            for each in sorted({*map(float, LEAST), max(least, 0.0)})]


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
    told = words("head.channel", channel=channel) if channel and facts.channel != BUNDLED else ""
    lines = [edition_of(facts, words), " · ", age_of(facts, words)]
    return tag("header", tag("div", title, choice, class_="top"), tag("p", what, class_="what"),
               tag("p", lines, id="source"),
               tag("p", kind_of(facts, words), " ", told))


def warnings(facts: Facts, words: Words) -> Markup:
    """Return in words what must be known before anything else; the script adds that the page itself has grown old."""
    said = list(_warnings(facts, words))
    return tag("aside", tag("strong", words("warning.title")),
               tag("ul", [tag("li", each) for each in said], id="warnings"),
               class_="warning", aria_label=words("warning.title"), hidden=not said, id="warning")


def _warnings(facts: Facts, words: Words) -> Iterable[str]:
    """Yield the sentences: old figures first, then how they came, then what they lack."""
    health = facts.health
    if facts.stale and facts.age is not None:
        yield words("warning.stale", day=words.day(facts.known), n=words.number(facts.age))
    if health.fallbacks:
        yield words("warning.fallback", reasons="; ".join(health.fallbacks))
    if facts.channel == BUNDLED:
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


def contents(words: Words) -> Markup:
    """Return the links to the parts."""
    parts = (("world", "map"), ("ranking", "ranking"), ("regions", "regions_part"), ("country-part", "country"),
             ("screen", "screen"), ("revisions", "revisions"), ("sources", "sources"), ("health", "health"))
    links = [tag("li", tag("a", words(f"{section}.link"), href=f"#{name}")) for name, section in parts]
    return tag("nav", tag("ul", links), aria_label=words("head.contents"), class_="contents")


def empty(facts: Facts, words: Words) -> Markup:
    """Return what stands in the place of the figures where there is no GDP."""
    name = "picture" if facts.edition else "figures" if facts.figures else "none"
    text = words(f"empty.{name}", n=words.number(facts.figures))
    return part("empty", words("empty.title"), tag("p", text))


# --- headlines ------------------------------------------------------------------------------------------------------


def cards(facts: Facts, words: Words) -> Markup:
    """Return the headline figures, each with where it is from and how old that is."""
    source = words("cards.from", source=edition_of(facts, words))
    if facts.age is not None:
        source = words("cards.from_aged", source=edition_of(facts, words), n=words.number(facts.age))
    world = _card(words("cards.world"), words.money(facts.total),
                  words("cards.world_note", n=words.number(facts.counted)))
    boxes = [tag("div", tag("dt", title), tag("dd", tag("strong", value), tag("span", note)))
             for title, value, note in (world, *_growing(facts, words), *_changed(facts, words))]
    return part("cards", words("cards.title"), tag("p", source, class_="note"), tag("dl", boxes, class_="cards"))


def _card(title: str, value: str, note: str) -> tuple[str, str, str]:
    return title, value, note


def _growing(facts: Facts, words: Words) -> list[tuple[str, str, str]]:
    """Return the largest economy, the weighted growth and the fastest of those that the report shows."""
    pictured = [each for each in facts.economies if each.gdp is not None]
    if not pictured:
        return []
    first = pictured[0]
    part_ = 100 * (first.gdp or 0) / facts.total if facts.total else None
    share = words("format.percent", value=words.number(part_, 1))
    found = [_card(words("cards.largest"), words.money(first.gdp or 0),
                   words("cards.largest_note", name=name_of(first, words), share=share))]
    growing = [(each, each.growth, each.gdp or 0) for each in pictured if each.growth is not None]
    weight = sum(gdp for *_, gdp in growing)
    if not growing or not weight:
        return [*found, _card(words("cards.growth"), words.number(None), words("cards.no_growth"))]
    mean = sum(growth * gdp for _, growth, gdp in growing) / weight
    found.append(_card(words("cards.growth"), words("format.percent", value=words.number(mean, 1, sign=True)),
                       words("cards.growth_note", n=words.number(len(growing)))))
    for each, growth, _ in sorted((row for row in growing if row[2] >= facts.least), key=lambda row: -row[1])[:1]:
        found.append(_card(words("cards.fastest"), words("format.percent", value=words.number(growth, 1, sign=True)),
                           words("cards.fastest_note", name=name_of(each, words), least=words.money(facts.least))))
    return found


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
