"""The map's outlines: data/world_map.json, made by data/make_world_map.py from Natural Earth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from utils import PROJECT

FILE = PROJECT / "data" / "world_map.json"


@dataclass(frozen=True)
class World:
    """The outlines of the economies, and what must be said beside them.

    view_box: what an SVG's viewBox says, "37 0 955 440": left, top, width, height, in units of the paths.
    shapes:   alpha-3 code -> an SVG path's `d`; filled by either rule it is the same. Outlines first, dots last.
    dots:     those of `shapes` that are circles, being too small for an outline.
    note:     whose the borders are. source, licence: where the outlines come from.
    """

    view_box: str
    shapes: Mapping[str, str]
    note: str
    dots: frozenset[str] = frozenset()
    source: str = ""
    licence: str = ""


@cache
def outlines() -> World:
    """Return the world as the project ships it, read once a process."""
    read = json.loads(FILE.read_text(encoding="utf-8"))
    return World(" ".join(map(str, read["view_box"])), read["shapes"], read["note"], frozenset(read["dots"]),
                 read["source"], read["licence"])
