"""The cells of the published CSV files, and how a vintage is cited."""

from __future__ import annotations

import pytest

from history.model import Vintage
from reports.published import cell
from reports.publishers import citation


@pytest.mark.parametrize(("text", "written"), [
    ("Nigeria", "Nigeria"), ("", ""), ("-3.2", "-3.2"), ("+1.5e-3", "+1.5e-3"), ("Côte d'Ivoire", "Côte d'Ivoire"),
    ("=1+1", "'=1+1"), ("+1+1", "'+1+1"), ("-1+1", "'-1+1"), ("@SUM(1)", "'@SUM(1)"), ("'=1", "''=1"),
    (" =1", " '=1"), ("\t=1", "\t'=1"), ("＝1", "'＝1"), ("-3,2", '"\'-3,2"'), ("a;=1;b", "a;'=1;b"),
    ("a-b=c", "a-b=c"), ('say "x"', '"say ""x"""'), ("two\nlines", '"two\nlines"'), ("\r=1", '"\r\'=1"'),
])
def test_no_text_comes_alive_in_a_spreadsheet(text: str, written: str) -> None:
    assert cell(text) == written


@pytest.mark.parametrize(("vintage", "cited"), [
    (Vintage("worldbank-wdi", "2025-07-01", "2025-07-01"), "World Bank, World Development Indicators, edition "
     "2025-07-01, https://datatopics.worldbank.org/world-development-indicators/"),
    (Vintage("wikipedia-nominal", "rev1234567", "2025-11-02"), "Wikipedia contributors, List of countries by GDP "
     "(nominal), Wikipedia, revision 1234567 of 2025-11-02, https://en.wikipedia.org/w/index.php?oldid=1234567"),
    (Vintage("imf-weo", "observed-2025-11-09", "2025-11-09", "", "observed"), "International Monetary Fund, World "
     "Economic Outlook Database, as observed on 2025-11-09, https://www.imf.org/en/Publications/WEO"),
    (Vintage("table:mine", "2026-01", "2026-01-01"), "the dataset table:mine, January 2026"),
    (Vintage("table:mine", "draft 3"), "the dataset table:mine, edition draft 3"),
], ids=["World Bank", "Wikipedia", "observed", "month of one's own", "label of one's own"])
def test_citations(vintage: Vintage, cited: str) -> None:
    assert citation(vintage) == cited
