"""Charts as SVG text: the map, lines with a forecast, bars, sparklines. Pure functions: values in, <svg> out.

What is coloured has a class, and the colours of a class stand once, in COLOURS, for light and dark: the page takes them
as CSS variables, so that a theme needs no other drawing; pictures.py writes them into a slide. The scales are safe
for the colour-blind: one hue from faint to strong for sizes, orange against blue for what falls and grows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

from reports.dashboard.markup import Markup, joined, tag
from reports.dashboard.series import Line
from reports.dashboard.world import World

COLOURS: Mapping[str, tuple[str, str]] = {  # name -> light, dark
    "paper": ("#ffffff", "#10161d"), "panel": ("#f4f7fa", "#182029"), "ink": ("#17202b", "#e8edf3"),
    "soft": ("#4c5a69", "#a6b3c1"), "line": ("#d5dde6", "#2f3b48"), "strong": ("#7a8896", "#75869a"),
    "accent": ("#1f5f99", "#7ab8ee"), "warm": ("#a34a05", "#ffab66"),
    "warning": ("#fff2d9", "#3a2a10"), "warning-ink": ("#5c3a00", "#ffdca8"), "shade": ("#e4ebf3", "#212c38"),
    "none": ("#fafafa", "#10161d"), "border": ("#ffffff", "#10161d"),
    "q0": ("#dbe9f6", "#1b3247"), "q1": ("#b7d4ec", "#204a6c"), "q2": ("#88b8de", "#276391"),
    "q3": ("#5697ca", "#3680b8"), "q4": ("#2f75b0", "#569fd6"), "q5": ("#165590", "#86c0ec"),
    "q6": ("#08335f", "#c6e4fb"),
    "d0": ("#9c3f00", "#ffb27a"), "d1": ("#dd8233", "#d9802f"), "d2": ("#f9cf9f", "#7d4c1e"),
    "d3": ("#d5e5f2", "#21384c"), "d4": ("#97c0e0", "#2b608d"), "d5": ("#4689bd", "#5099cf"),
    "d6": ("#17507f", "#a9d8fb"),
}
# Of every class its colour: (selector, property, name in COLOURS or a value).
RULES = (
    (".none", "fill", "none"), (".none", "stroke", "strong"), (".none", "stroke-width", "=.5"),
    *((f".{scale}{n}", "fill", f"{scale}{n}") for scale in "qd" for n in range(7)),
    (".land", "stroke", "border"), (".land", "stroke-width", "=.5"), (".land.none", "stroke", "strong"),
    (".fill", "fill", "accent"), (".fall", "fill", "d1"), (".track", "fill", "shade"), (".future", "fill", "shade"),
    (".newest", "stroke", "accent"), (".newest", "stroke-width", "=2.5"), (".newest", "fill", "=none"),
    (".newest", "stroke-linecap", "=round"), (".older", "stroke-linecap", "=round"),
    (".older", "stroke", "strong"), (".older", "stroke-width", "=1"), (".older", "fill", "=none"),
    (".ahead", "stroke-dasharray", "=5 3"),
    (".grid", "stroke", "line"), (".axis", "stroke", "strong"), (".words", "fill", "soft"),
    (".words.loud", "fill", "ink"), (".land.dot", "stroke", "strong"),
    (".land.dot", "stroke-width", "=.8"), (".land.chosen", "stroke", "ink"), (".land.chosen", "stroke-width", "=1.6"),
    (".words", "font-family", "=system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"),
    (".words", "font-size", "=12px"), (".loud", "font-weight", "=600"),
    (".end", "text-anchor", "=end"), (".middle", "text-anchor", "=middle"),
)


@dataclass(frozen=True)
class Scale:
    """Values in classes: class n is for values from breaks[n - 1] on and below breaks[n]."""

    name: str
    breaks: Sequence[float]

    def class_of(self, value: float | None) -> str:
        """Return the CSS class of a value, "none" for none."""
        return "none" if value is None else f"{self.name}{bisect_right(self.breaks, value)}"


GDP = Scale("q", (5, 25, 100, 400, 1500, 5000))  # billion US dollars
GROWTH = Scale("d", (-4, -2, 0, 2, 4, 6))  # percent a year
SCALES = {"gdp": GDP, "growth": GROWTH}
HISTORY_SIZE = (760, 340)
MARGINS = (16, 16, 28, 64)  # of a chart of lines: above, right, below, left


@dataclass(frozen=True)
class History:
    """A country's lines. older: of each older edition, the oldest first. start: first forecast year, None for none.

    labels: of the editions, the oldest first, that of `line` last; names: the same in words. title and desc say it in
    words; forecast is written above the shaded years.
    """

    years: Sequence[int]
    line: Line
    older: Sequence[Line]
    labels: Sequence[str]
    names: Sequence[str]
    start: int | None
    title: str
    desc: str
    forecast: str


@dataclass(frozen=True)
class Bar:
    """A bar: its label, its value, and the value in words."""

    label: str
    value: float
    text: str


def style(theme: str | None = None) -> str:
    """Return the rules as CSS: with variables for the page, or of "light" or "dark" with the colours themselves."""
    at = {"light": 0, "dark": 1}.get(theme or "", -1)

    def value(name: str) -> str:
        if name.startswith("="):
            return name[1:]
        return f"var(--{name})" if at < 0 else COLOURS[name][at]

    return "\n".join(f"{selector} {{ {prop}: {value(name)}; }}" for selector, prop, name in RULES)


def _svg(box: str, title: str, desc: str, name: str, *content: Markup, class_: str = "chart") -> Markup:
    """Return an <svg> that says what it shows. name: of its ids, unique on the page."""
    about = [tag("title", title, id=f"{name}-title"), tag("desc", desc, id=f"{name}-desc")]
    return tag("svg", about, content, viewBox=box, role="img", class_=class_, id=name,
               aria_labelledby=f"{name}-title {name}-desc")


def _g(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


# --- the map --------------------------------------------------------------------------------------------------------


def world_map(world: World, values: Mapping[str, float | None], scale: Scale, labels: Mapping[str, str], title: str,
              desc: str) -> Markup:
    """Return the map, each economy coloured by its value. labels: iso3 -> what pointing at it says."""
    lands = [tag("path", tag("title", labels.get(iso3, iso3)), d=path, data_c=iso3,
                 class_=f"land {'dot ' if iso3 in world.dots else ''}{scale.class_of(values.get(iso3))}")
             for iso3, path in sorted(world.shapes.items(), key=lambda each: each[0] in world.dots)]
    return _svg(world.view_box, title, desc, "map", *lands, class_="chart map")


def legend(scale: Scale, labels: Sequence[str]) -> Markup:
    """Return the legend's swatches. labels: of the scale's classes, the smallest first, and of "no figure"."""
    names = [*(f"{scale.name}{n}" for n in range(len(scale.breaks) + 1)), "none"]
    return joined([tag("li", tag("svg", tag("rect", width=14, height=14, class_=name), viewBox="0 0 14 14",
                                 class_="swatch", aria_hidden="true"), label)
                   for name, label in zip(names, labels, strict=True)])


def swatch(name: str) -> Markup:
    """Return the swatch of a line's class, or of the shade."""
    drawn = (tag("rect", width=22, height=14, class_=name) if name == "future" else
             tag("path", d="M0 7h22", class_=name))
    return tag("svg", drawn, viewBox="0 0 22 14", class_="swatch", aria_hidden="true")


# --- lines ----------------------------------------------------------------------------------------------------------


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round values from `low` or less to `high` or more, about `count` steps apart."""
    if high <= low:
        high = low + 1
    rough = (high - low) / count
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * each for each in (1, 2, 2.5, 5, 10) if unit * each >= rough * 0.999)
    first = floor(low / step + 1e-9)
    found = [first * step]
    while found[-1] < high - step * 1e-9:
        found.append((first + len(found)) * step)
    return [round(each, 10) for each in found]


def points(line: Line, xs: Sequence[float], scale: Sequence[float]) -> str:
    """Return a line as the d of a path; a year without a value breaks it, one alone is a dot.

    scale: the bottom's y, pixels a unit, the value at the bottom.
    """
    bottom, unit, low = scale
    found, pen = [], "M"
    for at, (x, value) in enumerate(zip(xs, line, strict=True)):
        if value is None:
            pen = "M"
            continue
        alone = pen == "M" and (at + 1 == len(line) or line[at + 1] is None)
        found.append(f"{pen}{_g(x)} {_g(bottom - (value - low) * unit)}{'h0' if alone else ''}")
        pen = "L"
    return "".join(found)


def history(told: History, size: tuple[int, int] = HISTORY_SIZE) -> Markup:
    """Return a country's GDP, year by year: older editions' lines behind the newest, the forecast shaded."""
    wide, high = size
    above, right, below, left = MARGINS
    values = [value for line in (told.line, *told.older) for value in line if value is not None] or [0.0]
    levels = ticks(min(0.0, *values), max(values))
    low, unit = levels[0], (high - above - below) / (levels[-1] - levels[0])
    bottom = high - below
    step = (wide - left - right) / max(len(told.years) - 1, 1)
    xs = [left + step * at for at in range(len(told.years))]
    scale = (bottom, unit, low)
    start = told.years.index(told.start) if told.start in told.years else None
    drawn = [_line(points(line, xs, scale), "older", label, name)
             for line, label, name in zip(told.older, told.labels, told.names, strict=False)]
    split, own = len(xs) if start is None else start, (told.labels[-1], told.names[-1])
    drawn.append(_line(points(told.line[:split], xs[:split], scale), "newest", *own))
    if start is not None:
        from_ = max(start - 1, 0)
        drawn.append(_line(points(told.line[from_:], xs[from_:], scale), "newest ahead", *own))
    return _svg(f"0 0 {wide} {high}", told.title, told.desc, "history", *_future(told, xs, start, size),
                *_grid(levels, scale, size), *_years(told.years, xs, size), *drawn, class_="chart history")


def _line(d: str, kind: str, label: str, name: str) -> Markup:
    """Return the line of an edition, which says its name when it is pointed at."""
    return tag("path", tag("title", name), d=d, class_=kind, data_v=label)


def _future(told: History, xs: Sequence[float], start: int | None, size: tuple[int, int]) -> list[Markup]:
    """Return the shade over the forecast years, from half a year before the first of them, with its word."""
    if start is None:
        return []
    x, (wide, high) = (xs[max(start - 1, 0)] + xs[start]) / 2, size
    above, right, below, _ = MARGINS
    return [tag("rect", x=_g(x), y=above, width=_g(wide - right - x), height=high - above - below, class_="future"),
            tag("text", told.forecast, x=_g(wide - right - 4), y=above + 14, class_="words end")]


def _grid(levels: Sequence[float], scale: Sequence[float], size: tuple[int, int]) -> list[Markup]:
    """Return the lines of the values, each with its number."""
    bottom, unit, low = scale
    _, right, _, left = MARGINS
    found = []
    for level in levels:
        y = _g(bottom - (level - low) * unit)
        found += [tag("line", x1=left, x2=size[0] - right, y1=y, y2=y, class_="axis" if level == 0 else "grid"),
                  tag("text", f"{level:,g}" if abs(level) < 1e6 else f"{level:,.0f}", x=left - 8, y=y, dy="4",
                      class_="words end")]
    return found


def _years(years: Sequence[int], xs: Sequence[float], size: tuple[int, int]) -> list[Markup]:
    """Return the years below, as many as there is room for."""
    if not years:
        return []
    every = next((each for each in (1, 2, 5, 10, 20, 50) if len(years) / each <= size[0] / 70), 100)
    return [tag("text", str(year), x=_g(x), y=size[1] - 8, class_="words middle")
            for year, x in zip(years, xs, strict=True) if year % every == 0]


def sparkline(line: Line, size: tuple[int, int] = (80, 20)) -> Markup:
    """Return a small line without axes, for a cell; "" where there are fewer than two values."""
    told = [value for value in line if value is not None]
    if len(told) < 2:
        return Markup("")
    wide, high = size
    low, top = min(told), max(told)
    xs = [2 + (wide - 4) * at / (len(line) - 1) for at in range(len(line))]
    d = points(line, xs, (high - 3.0, (high - 6) / ((top - low) or 1.0), low))
    return tag("svg", tag("path", d=d, class_="newest thin"), viewBox=f"0 0 {wide} {high}", class_="spark",
               aria_hidden="true")


# --- bars -----------------------------------------------------------------------------------------------------------


def bar(share: float) -> Markup:
    """Return a bar for a cell. share: -1 to 1 of its width; below 0 it has the colour of what falls."""
    drawn = tag("rect", width=_g(max(abs(share) * 100, 0.4)), height=8, class_="fill" if share >= 0 else "fall")
    return tag("svg", drawn, viewBox="0 0 100 8", preserveAspectRatio="none", class_="bar", aria_hidden="true")


def bars(rows: Sequence[Bar], title: str, desc: str, wide: int = 960) -> Markup:
    """Return bars one below the other, with label and value: for slides, where no table stands beside them."""
    left, right, step = 210, 110, 30
    most = max((abs(row.value) for row in rows), default=0) or 1.0
    unit = (wide - left - right) / most
    drawn = []
    for at, row in enumerate(rows):
        y, length = 8 + at * step, max(abs(row.value) * unit, 1)
        drawn += [tag("text", row.label, x=left - 10, y=y + 15, class_="words loud end"),
                  tag("rect", x=left, y=y, width=_g(length), height=20, class_="fill" if row.value >= 0 else "fall"),
                  tag("text", row.text, x=_g(left + length + 8), y=y + 15, class_="words")]
    return _svg(f"0 0 {wide} {16 + len(rows) * step}", title, desc, "bars", *drawn)
