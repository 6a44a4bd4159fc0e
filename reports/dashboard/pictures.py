"""The charts as pictures for slides, drawn without a browser: report.py --png DIR.

Each is a slide of its own, 1920 by 1080 pixels: title, edition, chart, legend, source. The charts are those of the
page. vl-convert draws them and brings the font with it, so that they look alike on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import UsageError
from reports.dashboard import charts
from reports.dashboard.charts import COLOURS, Bar, Scale
from reports.dashboard.facts import Economy, Facts
from reports.dashboard.markup import Markup, tag
from reports.dashboard.sections import edition_of, kind_of, name_of
from reports.dashboard.views import history_of, is_shown, legend_labels
from reports.dashboard.words import Words
from reports.dashboard.world import World
from utils import atomic_file

WIDTH = 1920  # pixels
SLIDE = (1280, 720)  # units of what is drawn
FRAME = (48, 104, 1184, 512)  # of the chart: left, top, width, height
LONGEST = 32  # characters of a name: so many have room beside a bar
MOST = 15  # economies of the ranking: more would be too small to be read from a chair
SAFE = "nothing was changed, and no picture is half-written"
FONT = "'Liberation Sans', Arial, sans-serif"
_PAPER = tag("rect", width=SLIDE[0], height=SLIDE[1], fill=COLOURS["paper"][0])
_TEXTS = (("title", 32, "ink"), ("under", 18, "soft"), ("key", 15, "ink"), ("foot", 14, "soft"))  # class, size, colour
_STYLE = "\n".join([
    charts.style("light"),
    *(f".{name} {{ font-family: {FONT}; font-size: {size}px; fill: {COLOURS[colour][0]}; }}"
      for name, size, colour in _TEXTS),
    ".title { font-weight: 600; }", f".words {{ font-family: {FONT}; }}"])
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def drawn(facts: Facts, words: Words, world: World, chosen: Economy | None = None) -> dict[str, str]:
    """Return file name -> SVG of every slide: the map by GDP and by growth, the ranking, the regions, a history.

    chosen: whose history, None for no one's. A slide for which there are no figures is left out.
    """
    pictured = [each for each in facts.economies if each.gdp is not None]
    slides = {}
    if pictured:
        slides["map-gdp.png"] = mapped("gdp", {each.iso3: each.gdp for each in pictured}, facts, words, world)
        slides["ranking.png"] = ranked(pictured, facts, words)
    if any(each.growth is not None for each in pictured):
        slides["map-growth.png"] = mapped("growth", {each.iso3: each.growth for each in pictured}, facts, words, world)
    if facts.regions:
        slides["regions.png"] = of_regions(facts, words)
    if chosen is not None:
        slides[f"history-{chosen.iso3}.png"] = of_country(chosen, facts, words)
    return slides


def write(folder: Path, slides: Mapping[str, str], width: int = WIDTH) -> list[Path]:
    """Write each slide as a PNG of this width into the folder, which is made where it is missing; returns the files.

    Raises UsageError where vl-convert is not installed or the folder cannot be written, DiskFull.
    """
    try:
        from vl_convert import svg_to_png
    except ImportError:
        raise UsageError("--png needs vl-convert-python, which is not installed", safe="nothing was changed",
                         next_command="python -m pip install -c constraints.txt '.[dashboard]'") from None
    written = []
    for name, svg in slides.items():
        picture = svg_to_png(svg, scale=width / SLIDE[0])
        try:
            with atomic_file(folder / name) as stream:
                stream.write(picture)
        except OSError as error:
            raise UsageError(f"The pictures cannot be written: {error.strerror}", where=str(folder), safe=SAFE,
                             next_command="python report.py --png slides") from error
        written.append(folder / name)
    return written


# --- the slides -----------------------------------------------------------------------------------------------------


def mapped(measure: str, values: Mapping[str, float | None], facts: Facts, words: Words, world: World) -> str:
    """Return the map coloured by a measure of charts.SCALES. values: iso3 -> value."""
    scale = charts.SCALES[measure]
    title = words("map.of", measure=words(f"map.{measure}"), year=facts.year)
    svg = charts.world_map(world, values, scale, {}, title, words("map.desc", measure=measure, year=facts.year))
    key = [tag("text", words(f"map.{measure}_legend"), x=FRAME[0], y=636, class_="key"), *classes(scale, words)]
    return slide(title, svg, key, facts, words, words("map.borders"))


def ranked(pictured: Sequence[Economy], facts: Facts, words: Words) -> str:
    """Return the largest economies as bars: of the report's region, no more than it was asked for."""
    shown = [each for each in pictured if is_shown(each, facts)][:min(facts.most or MOST, MOST)]
    title = words("slides.ranking", n=words.number(len(shown)), year=facts.year)
    rows = [Bar(_short(name_of(each, words)), each.gdp or 0.0, words.number(each.rounded)) for each in shown]
    return barred(rows, title, facts, words)


def of_regions(facts: Facts, words: Words) -> str:
    """Return the mean of each region's five largest as bars."""
    means = [(row["Region"], row["Top5_mean_GDP_USD_billion"]) for row in facts.regions]
    rows = [Bar(words.name("regions", region), float(mean), words.number(mean)) for region, mean in means]
    return barred(rows, words("slides.regions", year=facts.year), facts, words)


def of_country(chosen: Economy, facts: Facts, words: Words) -> str:
    """Return an economy's GDP over the years, older editions behind it."""
    told = history_of(chosen, facts, words)
    keys = [("newest", words.edition(facts.label)), ("future", words("country.shade"))]
    if told.older:
        keys.insert(1, ("older", words("country.older", n=len(told.older))))
    return slide(told.title, charts.history(told), _marks(keys), facts, words, kind="")


def _marks(keys: Sequence[tuple[str, str]]) -> list[Markup]:
    """Return the legend of lines. keys: class and words of each."""
    found = []
    for at, (name, text) in enumerate(keys):
        x = FRAME[0] + 380 * at
        found += [_swatch(name, x, 645), tag("text", text, x=x + 38, y=658, class_="key")]
    return found


def barred(rows: Sequence[Bar], title: str, facts: Facts, words: Words) -> str:
    """Return bars that fill the frame; the title says what the numbers beside them are."""
    high = 16 + 30 * len(rows)
    wide = max(round(high * FRAME[2] / FRAME[3]), 620)  # names need their room where bars are few
    return slide(title, charts.bars(rows, title, title, wide), [], facts, words)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[:LONGEST - 1]}…"


# --- their frame ----------------------------------------------------------------------------------------------------


def slide(title: str, chart: Markup, key: Sequence[Markup], facts: Facts, words: Words, note: str = "",
          kind: str | None = None) -> str:
    """Return the SVG of a slide. chart: an <svg>, fitted into the frame; key: what explains its colours.

    kind: whether its figures are forecasts, in words.
    """
    foot = [note, words("foot.figures", citation=facts.citation) if facts.publisher else
            words("foot.user", dataset=facts.dataset)]
    told = kind_of(facts, words) if kind is None else kind
    svg = tag(
        "svg", tag("style", Markup(_STYLE)), _PAPER, tag("text", title, x=FRAME[0], y=58, class_="title"),
        tag("text", f"{edition_of(facts, words)}. {told}", x=FRAME[0], y=88, class_="under"),
        _fitted(chart), key,
        [tag("text", line, x=FRAME[0], y=686 + 20 * at, class_="foot") for at, line in enumerate(foot) if line],
        xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {SLIDE[0]} {SLIDE[1]}", width=SLIDE[0], height=SLIDE[1])
    return _NOT_XML.sub("\ufffd", svg)


def _fitted(svg: Markup) -> Markup:
    """Return a chart as large as the frame lets it, in its middle."""
    left, top, wide, high = FRAME
    place = f'<svg x="{left}" y="{top}" width="{wide}" height="{high}" preserveAspectRatio="xMidYMid meet" '
    return Markup(svg.replace("<svg ", place, 1))


def classes(scale: Scale, words: Words) -> list[Markup]:
    """Return the map's legend: a coloured square and its words for each class, and for no figure."""
    names = [*(f"{scale.name}{n}" for n in range(len(scale.breaks) + 1)), "none"]
    step = FRAME[2] / len(names)
    found = []
    for at, (name, text) in enumerate(zip(names, legend_labels(scale, words), strict=True)):
        x = round(FRAME[0] + step * at)
        found += [tag("rect", x=x, y=645, width=16, height=16, class_=name),
                  tag("text", text, x=x + 22, y=658, class_="key")]
    return found


def _swatch(name: str, x: int, y: int) -> Markup:
    """Return a piece of a line, or of the shade, as the chart draws it."""
    if name == "future":
        return tag("rect", x=x, y=y, width=30, height=16, class_=name)
    return tag("path", d=f"M{x} {y + 8}h30", class_=name)
