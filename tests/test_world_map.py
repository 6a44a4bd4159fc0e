"""data/world_map.json and the script that made it: every economy has something to point at, where it should be."""

from __future__ import annotations

import json
import lzma
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data import make_world_map
from reports.dashboard.world import outlines
from rules.identity import Identity
from tests.project import PROJECT

WORLD = outlines()
LEFT, TOP, WIDE, HIGH = map(float, WORLD.view_box.split())
TABLE: dict[str, Any] = json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8"))
Ring = list[tuple[float, float]]


def rings(path: str) -> list[Ring]:
    """Return a path's rings, read by the rules of SVG: M absolute, l relative, z back to where the ring began."""
    found = []
    for start, steps in re.findall(r"M([^lMz]+)l([^lMz]+)z", path):
        (x, y), rest = numbers(start), numbers(steps)
        ring = [(x, y)]
        for dx, dy in zip(rest[::2], rest[1::2], strict=True):
            x, y = x + dx, y + dy
            ring.append((x, y))
        found.append(ring)
    return found


def numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)]


def inside(path: str, x: float, y: float) -> bool:
    """Tell whether a point is inside, by the rule evenodd."""
    crossings = 0
    for ring in rings(path):
        for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
            crossings += (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax)
    return crossings % 2 == 1


# --- the file that ships --------------------------------------------------------------------------------------------


def test_every_economy_with_gdp_in_the_bundle_is_on_the_map() -> None:
    identity = Identity(TABLE)
    with lzma.open(PROJECT / "data" / "weo_vintages.xz", "rt", encoding="utf-8") as lines:
        areas = {line.split("|")[1] for line in lines if line.startswith("NGDPD|")}
    economies = {identity.resolve(area, "") for area in areas} & {row["iso3"] for row in TABLE["countries"]}
    assert len(economies) == 197
    assert economies - set(WORLD.shapes) == set()


def test_of_all_economies_only_these_are_not_on_the_map() -> None:
    assert sorted({row["iso3"] for row in TABLE["countries"]} - set(WORLD.shapes)) == [
        "ALA", "ATF", "BVT", "GLP", "GUF", "HMD", "IOT", "MTQ", "MYT", "REU", "SGS", "SJM", "UMI"]
    assert set(WORLD.shapes) <= {row["iso3"] for row in TABLE["countries"]}
    assert "ATA" not in WORLD.shapes


@pytest.mark.parametrize("iso3", sorted(set(WORLD.shapes) - WORLD.dots))
def test_an_outline_is_a_path_within_the_picture(iso3: str) -> None:
    path = WORLD.shapes[iso3]
    assert re.fullmatch(r"(M[-. \d]+l[-. \d]+z)+", path)
    found = rings(path)
    assert len(found) == path.count("M")
    for ring in found:
        assert len(ring) >= 3
        assert all(LEFT <= x <= LEFT + WIDE and TOP <= y <= TOP + HIGH for x, y in ring)


def test_dots_are_circles_within_the_picture_and_apart() -> None:
    centres = {}
    for iso3 in WORLD.dots:
        drawn = re.fullmatch(r"M(\S+?) ?(-?[\d.]+)a2 2 0 1 0 4 0a2 2 0 1 0 -4 0z", WORLD.shapes[iso3])
        assert drawn, WORLD.shapes[iso3]
        centres[iso3] = complex(float(drawn[1]) + 2, float(drawn[2]))
    assert all(LEFT + 2 <= at.real <= LEFT + WIDE - 2 and TOP + 2 <= at.imag <= TOP + HIGH - 2
               for at in centres.values())
    assert min(abs(a - b) for one, a in centres.items() for other, b in centres.items() if one < other) > 3.3
    assert {"LUX", "SGP", "HKG", "MAC", "MLT", "TUV", "GIB", "KIR", "CHI"} <= set(WORLD.dots)


# Degrees of the capitals, projected apart from the project's own code and looked at on the map.
CAPITALS = """\
London GBR 474.8 67.7
Paris FRA 480.0 75.4
Berlin DEU 505.4 64.8
Moscow RUS 558.0 55.9
Chukotka RUS 825.0 28.9
Uelen RUS 851.1 31.0
Beijing CHN 759.7 103.2
Tokyo JPN 824.4 116.9
New-Delhi IND 673.1 141.3
Jakarta IDN 765.8 270.7
Ankara TUR 553.8 103.1
Cairo EGY 552.6 136.3
Nairobi KEN 571.7 250.8
Pretoria ZAF 545.5 340.6
Maseru LSO 543.7 353.8
Abuja NGA 490.3 212.2
Hargeisa SOM 591.2 210.3
Tifariti ESH 443.0 149.9
Canberra AUS 849.6 373.5
Wellington NZL 902.2 392.3
Ottawa CAN 294.2 85.8
Washington USA 281.8 106.4
Anchorage USA 170.8 40.1
Mexico MEX 202.4 174.0
Brasilia BRA 339.4 304.7
Cayenne FRA 322.4 231.0
Santiago CHL 291.3 367.4
Taipei TWN 792.8 155.4
Pristina XKX 524.6 94.4
Ramallah PSE 562.3 129.9
San-Juan PRI 290.2 178.3
Nicosia CYP 556.3 119.6
Kyrenia CYP 556.7 118.5
Nuuk GRL 379.4 32.1
Suva FJI 953.2 312.0
"""


@pytest.mark.parametrize("line", CAPITALS.splitlines(), ids=lambda line: line.split()[0])
def test_a_capital_is_inside_its_country_and_no_other(line: str) -> None:
    name, iso3, x, y = line.split()
    found = {code for code, path in WORLD.shapes.items() if code not in WORLD.dots and inside(path, float(x), float(y))}
    assert found == {iso3}, name


@pytest.mark.parametrize(("name", "iso3"), [
    ("Kosovo", "XKX"), ("Taiwan", "TWN"), ("Palestine", "PSE"), ("Hong Kong", "HKG"), ("Macao", "MAC"),
    ("Puerto Rico", "PRI"), ("Greenland", "GRL"), ("Western Sahara", "ESH"), ("Singapore", "SGP")])
def test_what_is_often_forgotten_is_there(name: str, iso3: str) -> None:
    assert next(row["name"] for row in TABLE["countries"] if row["iso3"] == iso3) == name
    assert WORLD.shapes[iso3]


def test_the_file_is_small_sorted_and_says_whose_it_is() -> None:
    assert (PROJECT / "data" / "world_map.json").stat().st_size < 100_000
    assert list(WORLD.shapes) == [*sorted(set(WORLD.shapes) - WORLD.dots), *sorted(WORLD.dots)]  # drawn in this order
    assert "Natural Earth" in WORLD.source
    assert "public domain" in WORLD.licence
    assert "Borders are those of Natural Earth" in WORLD.note


# --- how it is made -------------------------------------------------------------------------------------------------


# What PROJ's own tests expect of +proj=eqearth on WGS84, in metres, where its sphere of equal area has this radius.
@pytest.mark.parametrize(("longitude", "latitude", "x", "y"), [
    (0, 0, 0, 0), (180, 0, 17243959.06, 0), (0, 90, 0, 8392927.60), (-180, 90, -10216474.79, 8392927.60)])
def test_the_projection_is_equal_earth(longitude: float, latitude: float, x: float, y: float) -> None:
    found = make_world_map.equal_earth(longitude, latitude)
    assert [each * 6371007.1809 for each in found] == pytest.approx([x, y], abs=0.02)


def test_a_corner_smaller_than_the_detail_goes_and_the_ends_stay() -> None:
    line = [(0.0, 0.0), (1.0, 0.01), (2.0, 0.0), (3.0, 2.0), (4.0, 0.0), (4.0, 0.0)]
    assert make_world_map.kept(line, 0.1) == [0, 2, 3, 5]
    assert make_world_map.kept(line, 100) == [0, 5]


@pytest.mark.parametrize(("tenths", "text"), [(0, "0"), (3, ".3"), (-3, "-.3"), (20, "2"), (-125, "-12.5")])
def test_numbers_are_short(tenths: int, text: str) -> None:
    assert make_world_map.tenths(tenths) == text


# In degrees. A wide country in two parts with a line between them (arc 1), its neighbour (arc 3 shared),
# a country across 180 degrees, an island too small for an outline, and Antarctica.
TINY: dict[str, Any] = {
    "type": "Topology", "transform": {"scale": [1, 1], "translate": [0, 0]},
    "arcs": [
        [[10, 0], [-10, 0], [0, 10], [10, 0]],
        [[10, 0], [0, 10]],
        [[10, 0], [10, 0]], [[20, 0], [0, 10]], [[20, 10], [-10, 0]],
        [[20, 0], [10, 0], [0, 5], [0, 5], [-10, 0]],
        [[175, 0], [10, 0], [0, -10], [-10, 0], [0, 10]],
        [[50, 0], [0.4, 0], [0, 0.4], [-0.4, 0], [0, -0.4]],
        [[0, -80], [90, 0], [90, 0], [90, 0], [90, 0]]],
    "objects": {"countries": {"type": "GeometryCollection", "geometries": [
        {"type": "Polygon", "id": "001", "properties": {"name": "West"}, "arcs": [[0, ~1]]},
        {"type": "Polygon", "properties": {"name": "Somaliland"}, "arcs": [[1, ~4, ~3, ~2]]},
        {"type": "Polygon", "id": "002", "properties": {"name": "East"}, "arcs": [[5, ~3]]},
        {"type": "MultiPolygon", "id": "003", "properties": {"name": "Date line"}, "arcs": [[[6]]]},
        {"type": "Polygon", "id": "004", "properties": {"name": "Island"}, "arcs": [[7]]},
        {"type": "Polygon", "id": "010", "properties": {"name": "Antarctica"}, "arcs": [[8]]}]}}}
CODES = {"001": "SOM", "002": "EEE", "003": "DDD", "004": "III"}


def test_a_small_topology_becomes_these_paths() -> None:
    made = make_world_map.make_map(TINY, CODES, {"PPP": (50.4, 0.4)})
    assert made["dots"] == ["III", "PPP"]
    assert made["view_box"] == [465, 0, 523, 84]
    assert made["shapes"] == {
        "DDD": "M955.6 42l27.7 0-3.5 37.3-27.6 0z",  # whole, to the right of 180 degrees
        "EEE": "M525 42l27.8 0-.1-18.7-.3-18.6-27.6 0z",
        "III": "M606.1 42.3a2 2 0 1 0 4 0a2 2 0 1 0 -4 0z",  # and PPP, pushed apart
        "PPP": "M608.2 39.4a2 2 0 1 0 4 0a2 2 0 1 0 -4 0z",
        "SOM": "M497.2 42l-27.8 0 .3-37.3 27.5 0 27.6 0 .2 37.3z"}  # one ring around both parts


def test_outlines_go_to_the_economy_whose_figures_have_them() -> None:
    names = [("248", "Åland"), ("none", "N. Cyprus"), ("none", "Kosovo"), ("246", "Finland"),
             ("none", "Siachen Glacier")]
    outlines = [{"id": number, "properties": {"name": name}} for number, name in names]
    found = [make_world_map.economy(outline, {"248": "ALA", "246": "FIN"}) for outline in outlines]
    assert found == ["FIN", "CYP", "XKX", "FIN", None]


def test_an_outline_that_is_no_economy_is_named() -> None:
    with pytest.raises(SystemExit, match="The outline of Atlantis is neither an economy nor left out"):
        make_world_map.economy({"properties": {"name": "Atlantis"}, "arcs": []}, CODES)


def test_the_script_writes_what_it_makes_twice_the_same(tmp_path: Path) -> None:
    topology = tmp_path / "countries.json"
    known = {**TINY["objects"]["countries"]["geometries"][0], "id": "706"}
    topology.write_text(json.dumps({**TINY, "objects": {"countries": {"geometries": [known]}}}))
    made = [tmp_path / name for name in ("one.json", "two.json")]
    for output in made:
        done = subprocess.run([sys.executable, PROJECT / "data" / "make_world_map.py", topology, "--output", output],
                              capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{output.name}: 9 economies, 8 of them dots, ")
    assert made[0].read_bytes() == made[1].read_bytes()
    assert list(json.loads(made[0].read_text())["shapes"]) == [
        "SOM", "BES", "CCK", "CHI", "CXR", "GIB", "KIR", "TKL", "TUV"]
