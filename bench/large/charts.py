"""Charts as SVG, by hand: lines over a logarithmic axis, and bars. They read in black and white too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#1b6ca8", "#d1495b", "#66a182", "#edae49", "#6f4a8e", "#00798c", "#8d6a4f")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 4", "4 6")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 70, 170, 52, 50

Points = Sequence[tuple[float, float]]


def frame(title: str, body: list[str], height: int = HEIGHT) -> str:
    """Return a whole SVG."""
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif" '
        f'font-size="12"><title>{escape(title)}</title><rect width="100%" height="100%" fill="white"/>',
        text(LEFT, 20, title, weight="bold"), *body, "</svg>\n"])


def text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal", colour: str = "#222") -> str:
    """Return words at a place."""
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">'
            f"{escape(words)}</text>")


def decades(least: float, most: float) -> list[float]:
    """Return 1, 2, 5, 10, ... from below the least to above the most, both positive."""
    steps = [base * 10.0**power for power in range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 1)
             for base in (1, 2, 5)]
    first = max(at for at, step in enumerate(steps) if step <= least)
    last = next(at for at, step in enumerate(steps) if step >= most)
    return steps[first:max(last, first + 1) + 1]


def lines(title: str, across: str, up: str, series: Mapping[str, Points]) -> str:
    """Return lines over two logarithmic axes; points: (across, up), both positive."""
    points = [point for each in series.values() for point in each]
    xs, ys = (decades(min(point[at] for point in points), max(point[at] for point in points)) for at in (0, 1))

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(value / xs[0]) / math.log(xs[-1] / xs[0])

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(value / ys[0]) / math.log(ys[-1] / ys[0])

    body = [f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            + text(LEFT - 8, y(tick) + 4, f"{tick:g}", "end") for tick in ys]
    body += [f'<path d="M{x(tick):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>'
             + text(x(tick), HEIGHT - BOTTOM + 18, f"{tick:g}", "middle") for tick in xs]
    body += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, across, "middle"), text(8, TOP - 14, up)]
    heights = _apart({name: y(each[-1][1]) + 4 for name, each in series.items()})
    for at, (name, each) in enumerate(series.items()):
        colour, dash = COLOURS[at % len(COLOURS)], DASHES[at % len(DASHES)]
        path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in each)
        body.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
        body += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.5" fill="{colour}"/>' for a, b in each]
        body.append(text(WIDTH - RIGHT + 10, heights[name], f"{name} ({each[-1][1]:g})", colour=colour))
    return frame(title, body)


def _apart(heights: Mapping[str, float], least: float = 15) -> dict[str, float]:
    """Return the heights of labels, moved down where they would cover one another."""
    placed: dict[str, float] = {}
    before = -math.inf
    for name, height in sorted(heights.items(), key=lambda each: each[1]):
        before = placed[name] = max(height, before + least)
    return placed


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """Return bars from zero, one under another."""
    most, height = max(values.values()), TOP + 26 * len(values) + 20
    body = []
    for at, (name, value) in enumerate(values.items()):
        top, wide = TOP + 26 * at, (WIDTH - 330 - 90) * value / most
        body += [text(322, top + 15, name, "end"),
                 f'<rect x="330" y="{top}" width="{wide:.1f}" height="20" fill="{COLOURS[0]}"/>',
                 text(336 + wide, top + 15, f"{value:g} {unit}")]
    return frame(title, body, height)
