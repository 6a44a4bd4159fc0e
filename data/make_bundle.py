"""Make data/weo_vintages.xz, the vintages that come with the project, from a panel of the IMF's figures.

    python data/make_bundle.py --captures DIR

DIR holds weo_panel.parquet: vintage, ref_area, concept, year, value, unit, scale, lastactualdate. Needs pyarrow, which
nothing else of the bundle does. The same panel gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

import pyarrow.parquet  # noqa: E402  the path comes first

import utils  # noqa: E402
from sources._bundle import Kind, Series, decode, encode  # noqa: E402

INDICATORS = {
    "NGDPD": Kind("U.S. dollars", "Billions", 3),
    "NGDP_RPCH": Kind("Percent change", "", 3),
    "NGDPDPC": Kind("U.S. dollars", "Units", 3),
    "LP": Kind("Persons", "Millions", 3),
    "PCPIPCH": Kind("Percent change", "", 3),
}
# The units and the scales that the panel may give for each, numbers until April 2025, powers of ten since: whatever
# else it said would mean that the figures are in another unit than the one written into the bundle.
EXPECTED = {
    "NGDPD": ({"P", "USD"}, {"1000000000", "1000000000.0", "9.0"}),
    "NGDP_RPCH": ({"H", "PT"}, {"1", "1.0", "0.0", "NULL", ""}),
    "NGDPDPC": ({"P", "USD"}, {"1", "1.0", "0.0"}),
    "LP": ({"N", "na"}, {"1000000", "1000000.0", "6.0"}),
    "PCPIPCH": ({"H", "PT"}, {"1", "1.0", "0.0", "NULL", ""}),
}
COLUMNS = ["concept", "ref_area", "vintage", "year", "value", "unit", "scale", "lastactualdate"]
Row = tuple[str, str, str, int, float, str | None, str | None, str | None]


def rows_of(panel: Path) -> list[Row]:
    """Return the panel's rows of our indicators, sorted by series and year. Exits for a unit that is not expected."""
    table = pyarrow.parquet.read_table(panel, columns=COLUMNS, filters=[("concept", "in", list(INDICATORS))])
    # By way of strings: numpy takes an absent entry of a dictionary column for the dictionary's last one.
    columns = [table[name].cast("string") if name not in ("year", "value") else table[name] for name in COLUMNS]
    rows: list[Row] = sorted(zip(*(column.to_numpy().tolist() for column in columns), strict=True),
                             key=lambda row: row[:4])
    for concept, units, scales in {(row[0], row[5], row[6]) for row in rows}:
        if (units or "") not in EXPECTED[concept][0] or (scales or "") not in EXPECTED[concept][1]:
            sys.exit(f"{panel.name}: {concept} is in {units!r}, scale {scales!r}, which this script does not know")
    return rows


def text_of(value: float) -> str:
    """Return the figure the panel's binary number stands for, 3 decimals at most: 232.12800000000001 is "232.128"."""
    thousandths = round(value * 1000)
    if abs(value * 1000 - thousandths) > 1e-6:
        raise ValueError(f"{value!r} has more than 3 decimals")
    whole, rest = divmod(abs(thousandths), 1000)
    return f"{'-' if thousandths < 0 else ''}{whole}.{rest:03d}".rstrip("0").rstrip(".")


def series_of(rows: Iterable[Row]) -> Iterable[Series]:
    """Yield the rows, sorted, as series. Raises ValueError for two figures of one cell."""
    for (concept, area, vintage), group in groupby(rows, key=lambda row: row[:3]):
        cells = list(group)
        years = {row[3]: text_of(row[4]) for row in cells}
        actual = {row[7] or "" for row in cells}
        if len(years) != len(cells) or len(actual) != 1:
            raise ValueError(f"{vintage}/{area}/{concept}: two figures for a year, or two last actual years")
        first, last = min(years), max(years)
        yield Series(concept, area, vintage, actual.pop(), first,
                     [years.get(year, "") for year in range(first, last + 1)])


def main() -> None:
    """Write the bundle, read it again and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=Path, required=True, metavar="DIR", help="holds weo_panel.parquet")
    parser.add_argument("--output", type=Path, default=PROJECT / "data" / "weo_vintages.xz", metavar="FILE")
    options = parser.parse_args()
    data = encode(INDICATORS, series_of(rows_of(options.captures / "weo_panel.parquet")))
    with utils.atomic_file(options.output) as stream:
        stream.write(data)
    bundle = decode(options.output.read_bytes())
    figures = sum(part.figures for parts in bundle.vintages.values() for part in parts.values())
    print(f"{options.output.name}: {len(data):,} bytes, {len(bundle.vintages)} vintages, {figures:,} figures")


if __name__ == "__main__":
    main()
