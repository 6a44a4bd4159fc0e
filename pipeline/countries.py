"""The project's own table of countries and regions, read for the rules, which touch no file."""

from __future__ import annotations

import json
from typing import Any

import utils
from rules.identity import Identity


def load_identity() -> Identity:
    """Read data/country_region_table.json, from the project's folder or from the zip in which the code travels."""
    loader: Any = utils.__spec__.loader if utils.__spec__ else None
    return Identity(json.loads(loader.get_data(str(utils.PROJECT / "data" / "country_region_table.json"))))
