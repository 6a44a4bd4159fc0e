"""Make data/world_map.json, the outlines of the world's economies as SVG paths, from Natural Earth.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python data/make_world_map.py package/countries-50m.json [--output FILE]

Reads one TopoJSON of countries whose ids are M49 numbers, and data/country_region_table.json for their alpha-3 codes.
Borders are simplified once for both neighbours, so that no gap opens between them. The projection is Equal Earth:
equal areas look equal, which a map coloured by figures needs. What would be smaller than a dot becomes a dot, and dots
are moved apart until each can be pointed at. The same file gives the same bytes. Fails, naming it, for an outline that
is neither an economy nor listed below.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
OUTPUT = FOLDER / "world_map.json"
SOURCE = "Natural Earth 1:50m, by world-atlas 2.0.2"
LICENCE = "Natural Earth: public domain; world-atlas: ISC, Copyright 2013-2019 Michael Bostock"
NOTE = ("Borders are those of Natural Earth, which draws who holds the ground. "
        "They are the map's, and no opinion of this project.")

WIDTH = 1000.0  # of the picture; its height follows
WEST = -169.0  # the map is cut through the Bering Strait, where it cuts no country
MARGIN = 4.0
DETAIL = 0.3  # of a border's corner: the triangle it makes with its neighbours, in square units of the picture
LEAST_ISLAND = 0.5  # what is smaller is left out, unless it is all that an economy has
LEAST_OUTLINE = 2.5  # an economy whose largest part is smaller is drawn as a dot
RADIUS = 2.0
APART = 3.6  # between the centres of two dots

# Outlines without a number: parts that figures count with the whole, as data/country_region_table.json has them too.
BY_NAME = {"Kosovo": "XKX", "N. Cyprus": "CYP", "Somaliland": "SOM"}
# Åland's figures are in Finland's, and no dataset has them apart.
PART_OF = {"ALA": "FIN"}
# Nobody's economy: no one lives there all the year, or no one agrees whose it is and it is smaller than a dot.
LEFT_OUT = {"Antarctica", "Br. Indian Ocean Ter.", "Fr. S. Antarctic Lands", "Heard I. and McDonald Is.",
            "Indian Ocean Ter.", "S. Geo. and the Is.", "Siachen Glacier"}
# Degrees east and north. Economies that the outlines lack, and two of many islands whose largest is not the chief one.
PLACES = {"BES": (-68.27, 12.15), "CCK": (96.83, -12.19), "CHI": (-2.35, 49.33), "CXR": (105.68, -10.42),
          "GIB": (-5.35, 36.14), "KIR": (172.98, 1.33), "TKL": (-172.50, -9.17), "TUV": (179.20, -8.52)}

Point = tuple[float, float]
Ring = list[Point]


# --- from degrees to the picture ------------------------------------------------------------------------------------


def equal_earth(longitude: float, latitude: float) -> Point:
    """Return x to the east and y to the north, in radii of the globe, of degrees from the middle and the equator.

    The Equal Earth projection of Šavrič, Patterson and Jenny (2018), doi:10.1080/13658816.2018.1504949.
    """
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    angle = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(latitude)))
    square = angle * angle
    sixth = square ** 3
    slope = a1 + 3 * a2 * square + sixth * (7 * a3 + 9 * a4 * square)
    x = 2 * math.sqrt(3) * math.radians(longitude) * math.cos(angle) / (3 * slope)
    return x, angle * (a1 + a2 * square + sixth * (a3 + a4 * square))


def pictured(longitude: float, latitude: float) -> Point:
    """Return the place in the picture's units, y downwards from the equator; longitude from WEST to WEST + 360."""
    scale = WIDTH / (2 * equal_earth(180, 0)[0])
    x, y = equal_earth(longitude - WEST - 180, latitude)
    return WIDTH / 2 + x * scale, -y * scale


def unbroken(degrees: Ring) -> Ring:
    """Return the line without jumps from +180 to -180, its middle between WEST and WEST + 360."""
    line, before = [], degrees[0][0]
    for longitude, latitude in degrees:
        longitude += 360 * round((before - longitude) / 360)
        line.append((longitude, latitude))
        before = longitude
    middle = (min(point[0] for point in line) + max(point[0] for point in line)) / 2
    turns = math.floor((middle - WEST) / 360)
    return [(longitude - 360 * turns, latitude) for longitude, latitude in line]


def area(ring: Ring) -> float:
    """Return the area of a closed ring, in the units of its points."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))) / 2


def centre(ring: Ring) -> Point:
    """Return the middle of the box around a ring: near enough for what is smaller than a dot."""
    xs, ys = zip(*ring, strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


# --- simpler lines --------------------------------------------------------------------------------------------------


def kept(line: Ring, detail: float) -> list[int]:
    """Return which points stay, by the method of Visvalingam and Whyatt (1993); the two ends always do.

    The point that makes the smallest triangle with its neighbours goes first, until none is smaller than `detail`.
    """
    before = [at - 1 for at in range(len(line))]
    after = [at + 1 for at in range(len(line))]
    gone = [False] * len(line)

    def triangle(at: int) -> float:
        return area([line[before[at]], line[at], line[after[at]]])

    size = {at: triangle(at) for at in range(1, len(line) - 1)}
    heap = [(each, at) for at, each in size.items()]
    heapq.heapify(heap)
    while heap and heap[0][0] < detail:
        each, at = heapq.heappop(heap)
        if gone[at] or size[at] != each:
            continue  # measured before a neighbour went
        gone[at] = True
        after[before[at]], before[after[at]] = after[at], before[at]
        for beside in (before[at], after[at]):
            if beside in size:
                size[beside] = max(each, triangle(beside))  # never smaller than what went before it
                heapq.heappush(heap, (size[beside], beside))
    return [at for at, is_gone in enumerate(gone) if not is_gone]


class Arcs:
    """The lines that a TopoJSON's outlines are put together from, each stored once for both its sides."""

    def __init__(self, topology: dict[str, Any]) -> None:
        self._whole = list(_degrees(topology))
        self._simple = []
        for line in self._whole:
            points = [pictured(*point) for point in unbroken(line)]
            self._simple.append([line[at] for at in kept(points, DETAIL)])

    def ends(self, number: int) -> tuple[Point, Point]:
        """Return an arc's first and last point; ~number is the arc backwards."""
        line = self._whole[number if number >= 0 else ~number]
        return (line[0], line[-1]) if number >= 0 else (line[-1], line[0])

    def ring(self, numbers: list[int], simple: bool) -> Ring:
        """Return a closed ring in the picture's units, without its last point, which is its first again."""
        arcs = self._simple if simple else self._whole
        degrees = [point for number in numbers
                   for point in (arcs[number][:-1] if number >= 0 else arcs[~number][:0:-1])]
        return [pictured(*point) for point in unbroken(degrees)]


def _degrees(topology: dict[str, Any]) -> Iterator[Ring]:
    """Yield the arcs' points in degrees; stored are whole steps from the point before."""
    (wide, high), (left, low) = (topology["transform"][name] for name in ("scale", "translate"))
    for arc in topology["arcs"]:
        x = y = 0
        line = []
        for step in arc:
            x, y = x + step[0], y + step[1]
            line.append((x * wide + left, y * high + low))
        yield line


def joined(rings: list[list[int]], arcs: Arcs) -> list[list[int]]:
    """Return the rings around parts that are one economy, without the borders between them."""
    numbers = {number for ring in rings for number in ring}
    outside = [number for ring in rings for number in ring if ~number not in numbers]
    if len(outside) == len(numbers):
        return rings
    found = []
    while outside:
        ring = [outside.pop(0)]
        while (end := arcs.ends(ring[-1])[1]) != arcs.ends(ring[0])[0]:
            following = next(number for number in outside if arcs.ends(number)[0] == end)
            outside.remove(following)
            ring.append(following)
        found.append(ring)
    return found


# --- outlines -------------------------------------------------------------------------------------------------------


def economy(outline: dict[str, Any], codes: dict[str, str]) -> str | None:
    """Return the alpha-3 code of an outline, None for what is left out. Raises SystemExit where it is neither."""
    name = outline["properties"]["name"]
    if name in LEFT_OUT:
        return None
    iso3 = BY_NAME.get(name) or codes.get(outline.get("id", "none"))
    if iso3 is None:
        raise SystemExit(f"The outline of {name} is neither an economy nor left out: place it")
    return PART_OF.get(iso3, iso3)


def outlined(topology: dict[str, Any], codes: dict[str, str]) -> dict[str, list[list[int]]]:
    """Return alpha-3 -> the rings of its outline, as numbers of arcs."""
    rings: dict[str, list[list[int]]] = {}
    for outline in topology["objects"]["countries"]["geometries"]:
        parts = outline["arcs"] if outline["type"] == "MultiPolygon" else [outline["arcs"]]
        if iso3 := economy(outline, codes):
            rings.setdefault(iso3, []).extend(ring for part in parts for ring in part)
    return rings


def drawn(rings: list[list[int]], arcs: Arcs) -> tuple[list[Ring], Point | None]:
    """Return an economy's simpler rings, or the place of its dot where it is too small for an outline."""
    whole = [arcs.ring(ring, simple=False) for ring in rings]
    largest = max(whole, key=area)
    if area(largest) < LEAST_OUTLINE:
        return [], centre(largest)
    simple = [arcs.ring(ring, simple=True) for ring, full in zip(rings, whole, strict=True)
              if area(full) >= LEAST_ISLAND]
    return [ring for ring in simple if len(ring) > 2], None


def moved_apart(dots: dict[str, Point]) -> dict[str, Point]:
    """Return the dots, each pair at least about APART from each other; one that is alone stays where it is."""
    places = [list(dots[name]) for name in sorted(dots)]
    for _ in range(500):
        still = True
        for first in range(len(places)):
            for second in range(first):
                a, b = places[first], places[second]
                x, y = a[0] - b[0], a[1] - b[1]
                distance = math.hypot(x, y)
                if distance >= APART - 0.01:
                    continue
                still = False
                x, y = (x / distance, y / distance) if distance else (1.0, 0.0)
                push = (APART - distance) / 2
                a[:] = a[0] + x * push, a[1] + y * push
                b[:] = b[0] - x * push, b[1] - y * push
        if still:
            break
    return {name: (place[0], place[1]) for name, place in zip(sorted(dots), places, strict=True)}


# --- the file -------------------------------------------------------------------------------------------------------


def tenths(number: int) -> str:
    """Return a whole number of tenths as SVG writes it, as short as it can: -3 is "-.3", 20 is "2"."""
    whole, rest = divmod(abs(number), 10)
    text = f"{whole or ''}.{rest}" if rest else str(whole)
    return f"-{text}" if number < 0 else text


def numbers(values: Iterable[int]) -> str:
    """Return tenths one after another; a minus sign parts two as well as a space does."""
    text = ""
    for value in values:
        written = tenths(value)
        text += written if not text or written.startswith("-") else f" {written}"
    return text


def path_of(rings: list[Ring], top: float) -> str:
    """Return rings as one SVG path, to the tenth of a unit; the picture begins at `top`."""
    path = ""
    for ring in rings:
        x = y = None
        steps = []
        for place in ring:
            here = round(place[0] * 10), round((place[1] - top) * 10)
            if x is None or y is None:
                path += f"M{numbers(here)}"
            elif here != (x, y):
                steps += [here[0] - x, here[1] - y]
            x, y = here
        path += f"l{numbers(steps)}z"
    return path


def dot_of(place: Point, top: float) -> str:
    """Return a circle as an SVG path."""
    x, y = round((place[0] - RADIUS) * 10), round((place[1] - top) * 10)
    half = f"a{RADIUS:g} {RADIUS:g} 0 1 0 "
    return f"M{numbers((x, y))}{half}{RADIUS * 2:g} 0{half}{-RADIUS * 2:g} 0z"


def make_map(topology: dict[str, Any], codes: dict[str, str], places: dict[str, Point]) -> dict[str, Any]:
    """Return the whole map. codes: M49 number -> alpha-3; places: dots beside the outlines, in degrees.

    Outlines come first and dots last, each sorted by code: who draws them in order draws no outline over a dot.
    """
    arcs = Arcs(topology)
    shapes: dict[str, list[Ring]] = {}
    dots = {}
    for iso3, rings in outlined(topology, codes).items():
        shapes[iso3], dot = drawn(joined(rings, arcs), arcs)
        if dot:
            dots[iso3] = dot
    dots |= {iso3: pictured(*unbroken([place])[0]) for iso3, place in places.items()}
    dots = moved_apart(dots)
    everything = [point for rings in shapes.values() for ring in rings for point in ring] + list(dots.values())
    left, right = (edge(point[0] for point in everything) for edge in (min, max))
    top, bottom = (edge(point[1] for point in everything) for edge in (min, max))
    left, top = math.floor(left - MARGIN), math.floor(top - MARGIN)
    size = [left, 0, math.ceil(right + MARGIN) - left, math.ceil(bottom + MARGIN) - top]
    paths = {iso3: path_of(rings, top) for iso3, rings in shapes.items() if iso3 not in dots}
    paths = dict(sorted(paths.items())) | {iso3: dot_of(place, top) for iso3, place in dots.items()}
    return {"source": SOURCE, "licence": LICENCE, "note": NOTE, "projection": "Equal Earth, middle meridian 11° E",
            "view_box": size, "dots": sorted(dots), "shapes": paths}


def text_of(world: dict[str, Any]) -> str:
    """Return the file: JSON with one economy a line."""
    head = {name: value for name, value in world.items() if name != "shapes"}
    lines = [f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)},\n" for name, value in head.items()]
    shapes = ",\n".join(f'  "{iso3}": "{path}"' for iso3, path in world["shapes"].items())
    return "{\n" + "".join(lines) + ' "shapes": {\n' + shapes + "\n }\n}\n"


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topology", type=Path, help="countries-50m.json of world-atlas")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    table = json.loads((FOLDER / "country_region_table.json").read_text(encoding="utf-8"))
    codes = {row["m49"]: row["iso3"] for row in table["countries"] if row["m49"]}
    world = make_map(json.loads(options.topology.read_text(encoding="utf-8")), codes, PLACES)
    options.output.write_text(text_of(world), encoding="utf-8", newline="\n")
    print(f"{options.output.name}: {len(world['shapes'])} economies, {len(world['dots'])} of them dots, "
          f"{options.output.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
