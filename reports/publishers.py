"""Whose figures a dataset's are: publisher, address, licence, and how each of its vintages is cited.

What is known of the licences stands in data/ATTRIBUTION.md and docs/publishing.md. A dataset that is not among them, a
table of the user's own for one, has no licence here: none is claimed for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from history.calendar import WEO
from history.model import OBSERVED, Vintage
from utils import ENGLISH_MONTHS


@dataclass(frozen=True)
class Publisher:
    """Who publishes a dataset.

    name, work: as they are cited. url: of the work. licence: title and path, and a name where it is an open licence.
    """

    name: str
    work: str
    url: str = ""
    licence: dict[str, str] = field(default_factory=dict)


PUBLISHERS = {
    WEO: Publisher(
        "International Monetary Fund", "World Economic Outlook Database", "https://www.imf.org/en/Publications/WEO",
        {"title": "IMF terms and conditions of use", "path": "https://www.imf.org/external/terms.htm"}),
    "worldbank-wdi": Publisher(
        "World Bank", "World Development Indicators", "https://datatopics.worldbank.org/world-development-indicators/",
        {"name": "CC-BY-4.0", "title": "Creative Commons Attribution 4.0 International",
         "path": "https://creativecommons.org/licenses/by/4.0/"}),
    "wikipedia-nominal": Publisher(
        "Wikipedia contributors", "List of countries by GDP (nominal), Wikipedia",
        "https://en.wikipedia.org/wiki/List_of_countries_by_GDP_(nominal)",
        {"name": "CC-BY-SA-4.0", "title": "Creative Commons Attribution-ShareAlike 4.0 International",
         "path": "https://creativecommons.org/licenses/by-sa/4.0/"}),
}


def publisher(dataset: str) -> Publisher:
    """Return who publishes a dataset; for one that the project does not know, its own name and no licence."""
    return PUBLISHERS.get(dataset) or Publisher("", f"the dataset {dataset}")


def citation(vintage: Vintage) -> str:
    """Return how a vintage is cited: "International Monetary Fund, World Economic Outlook Database, October 2025, …".

    The address of a page of Wikipedia is that of the revision.
    """
    by = publisher(vintage.dataset)
    revision = re.fullmatch(r"rev([0-9]+)", vintage.label) if vintage.dataset == "wikipedia-nominal" else None
    url = f"https://en.wikipedia.org/w/index.php?oldid={revision[1]}" if revision else by.url
    words = (by.name, by.work, _edition(vintage), url)
    return ", ".join(word for word in words if word)


def _edition(vintage: Vintage) -> str:
    """Return a vintage in words: "October 2025, updated 2026-01-15", "revision 123 of 2024-03-28"."""
    if vintage.dating == OBSERVED:
        return f"as observed on {vintage.published}"
    updated = f", updated {vintage.updated[:10]}" if vintage.updated else ""
    if month := re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", vintage.label):
        return f"{ENGLISH_MONTHS[int(month[2]) - 1]} {month[1]}{updated}"
    if vintage.dataset == "wikipedia-nominal" and vintage.label.startswith("rev"):
        return f"revision {vintage.label[3:]} of {vintage.published}{updated}"
    return f"edition {vintage.label}{updated}"
