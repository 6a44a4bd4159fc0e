"""The project's own table of countries and regions, read for the rules, which touch no file."""

from __future__ import annotations

import json
from typing import Any

import utils
from rules.identity import Identity

FILE = "data/country_region_table.json"


def load_identity() -> Identity:
    """Read data/country_region_table.json, from the project's folder or from the zip in which the code travels."""
    loader: Any = utils.__spec__.loader if utils.__spec__ else None
    # Of a zip, a loader knows the very path by which it was imported, "./code.zip": it must not be made another.
    return Identity(json.loads(loader.get_data(utils.__file__.removesuffix("utils.py") + FILE)))
