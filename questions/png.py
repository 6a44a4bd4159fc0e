"""--png: the page's charts as pictures for slides, written into a folder of the reader's choice."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import CheckpointError, UsageError
from questions import Asked, _held
from questions._held import EMPTY, SAFE
from reports.dashboard.facts import Economy, Facts
from reports.tables import Report, Table

HEADS = {"Picture": "picture", "Bytes": "bytes"}


def answer(asked: Asked) -> Report:
    """Write the pictures, and return their list.

    Raises CheckpointError where there is no GDP to draw; UsageError for a country that is not there, a folder that
    cannot be written, and where vl-convert is not installed.
    """
    from reports.dashboard import pictures
    from reports.dashboard.facts import gathered
    from reports.dashboard.words import Words
    from reports.dashboard.world import outlines

    country = _held.country(asked)
    facts = gathered(asked)
    if facts.edition is None:
        raise CheckpointError("There is no GDP in the database to draw", where=asked.target.shown, safe=SAFE,
                              next_command=EMPTY)
    chosen = _drawable(facts, country.iso3, country.name) if country else None
    folder = Path(asked.options.png)
    written = pictures.write(folder, pictures.drawn(facts, Words.load(), outlines(), chosen))
    rows = [{"Picture": str(each), "Bytes": each.stat().st_size} for each in written]
    title = f"Pictures of {_held.described(facts.edition)}, {facts.year}"
    return Report(title, [Table("pictures", title, rows, HEADS, places={"Bytes": 0})], [f"Source: {facts.citation}"])


def _drawable(facts: Facts, iso3: str, name: str) -> Economy:
    """Return the economy whose history is drawn. Raises UsageError for one without any figure."""
    found = next((each for each in facts.economies if each.iso3 == iso3 and each.series), None)
    if found is None:
        raise UsageError(f"The picture's dataset has no GDP of {name}", safe=SAFE,
                         next_command="python report.py --png slides")
    return found
