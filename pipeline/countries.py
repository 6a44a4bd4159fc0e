"""The project's own table of countries and regions, read for the rules, which touch no file."""

from __future__ import annotations

import json

from rules.identity import Identity
from utils import PROJECT


def load_identity() -> Identity:
    """Read data/country_region_table.json."""
    return Identity(json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8")))
