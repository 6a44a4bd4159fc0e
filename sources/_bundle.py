"""The file of the bundled vintages: a header in JSON, then one line a series, compressed with xz.

    {"format": "world-economies-vintages", "version": 1, "indicators": {...}, "vintages": {...}, "sha256": "..."}
    NGDPD|694|2025-04|2024.0|1990|62.165,60.131,52.275,...
    NGDPD|NGA|2025-10|2024|1990|87.542,84.676,73.614,...

A line is indicator, area as published, vintage, last actual year as published ("" for none), first year and the
figures year by year, an empty one where the year has none. Plain text, so that `xz -dc FILE | grep '^NGDPD|694|'`
shows a country's revisions; lines sorted by indicator and area, so that the vintages of one series stand together and
compress; no number is computed with, so that decoding is a matter of splitting. The header counts the figures and
holds the sha256 of all that follows it.
"""

from __future__ import annotations

import json
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, NamedTuple

FORMAT = "world-economies-vintages"
VERSION = 1
# Ten vintages are 3.4 MB of text; a file that unpacks to more than this is not one of ours.
LARGEST_TEXT = 64 << 20
_MEMORY = 64 << 20
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 8 << 20, "lp": 0, "pb": 0}]


class BundleDamaged(Exception):
    """The bytes are not a whole and unaltered bundle; the message says in a few words why."""


class Series(NamedTuple):
    """The figures of one indicator of one area in one vintage.

    area:        the code as published, "694" until April 2025 and "NGA" since October 2025.
    last_actual: as published ("2024", "2024.0", "FY2023/24"), "" for none.
    values:      canonical decimal text, one a year from first_year on, "" where the year has none.
    """

    indicator: str
    area: str
    vintage: str
    last_actual: str
    first_year: int
    values: list[str]


@dataclass(frozen=True)
class Kind:
    """How an indicator is published: its unit and scale in the IMF's words, and the decimals of its figures."""

    unit: str
    scale: str
    decimals: int


@dataclass(frozen=True)
class Part:
    """What one vintage has of one indicator: how many figures, and the years they are of, ascending."""

    figures: int
    years: tuple[int, ...]


@dataclass(frozen=True)
class Bundle:
    """A decoded file; figures are split only when series() is read.

    indicators: name -> Kind; vintages: label -> indicator -> Part, oldest first; lines: label -> its lines.
    """

    indicators: Mapping[str, Kind]
    vintages: Mapping[str, Mapping[str, Part]]
    lines: Mapping[str, list[str]]

    def series(self, vintage: str, indicators: Iterable[str]) -> Iterator[Series]:
        """Yield a vintage's series of the indicators, in the file's order. Raises BundleDamaged for a bad line."""
        wanted = frozenset(indicators)
        for line in self.lines[vintage]:
            indicator, area, _, last_actual, first_year, values = line.split("|")
            if indicator in wanted:
                if not (first_year.isdecimal() and len(first_year) == 4):
                    raise BundleDamaged(f"a line of {area} has no first year")
                yield Series(indicator, area, vintage, last_actual, int(first_year), values.split(","))


def encode(indicators: Mapping[str, Kind], series: Iterable[Series]) -> bytes:
    """Return the file's bytes, the same for the same figures in any order. Raises ValueError for a field that would
    read as two.
    """
    ordered = sorted(series, key=lambda each: each[:3])
    body = "".join(map(_line, ordered)).encode()
    header = {"format": FORMAT, "version": VERSION, "sha256": sha256(body).hexdigest(),
              "indicators": {name: asdict(kind) for name, kind in indicators.items()},
              "vintages": _parts(ordered)}
    text = json.dumps(header, separators=(",", ":")).encode() + b"\n" + body
    return lzma.compress(text, check=lzma.CHECK_CRC64, filters=_FILTERS)


def _line(series: Series) -> str:
    values = ",".join(series.values)
    line = f"{'|'.join(series[:4])}|{series.first_year:04d}|{values}"
    if line.count("|") != 5 or values.count(",") != len(series.values) - 1 or "\n" in line:
        raise ValueError(f"a field of {series[:3]} holds a mark that separates fields")
    return line + "\n"


def _parts(series: Iterable[Series]) -> dict[str, dict[str, dict[str, Any]]]:
    figures: dict[str, Counter[str]] = defaultdict(Counter)
    years: dict[tuple[str, str], set[int]] = defaultdict(set)
    for each in series:
        present = [year for year, value in enumerate(each.values, each.first_year) if value]
        figures[each.vintage][each.indicator] += len(present)
        years[each.vintage, each.indicator].update(present)
    return {vintage: {name: {"figures": count, "years": sorted(years[vintage, name])}
                      for name, count in sorted(counts.items())} for vintage, counts in sorted(figures.items())}


def decode(data: bytes) -> Bundle:
    """Return the bundle in a file's bytes. Raises BundleDamaged for anything but a whole, unaltered bundle."""
    head, _, body = _unpacked(data).partition(b"\n")
    try:
        header = json.loads(head)
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise BundleDamaged(f"its header does not say {FORMAT} {VERSION}")
        if header["sha256"] != sha256(body).hexdigest():
            raise BundleDamaged("its sha256 is not that of its figures")
        indicators = {name: Kind(str(kind["unit"]), str(kind["scale"]), int(kind["decimals"]))
                      for name, kind in header["indicators"].items()}
        vintages = {label: {name: Part(int(parts[name]["figures"]), tuple(map(int, parts[name]["years"])))
                            for name in indicators if name in parts}
                    for label, parts in header["vintages"].items()}
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise BundleDamaged("its header cannot be read") from error
    return Bundle(indicators, vintages, _by_vintage(body, vintages))


def _unpacked(data: bytes) -> bytes:
    try:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        text = decompressor.decompress(data, LARGEST_TEXT)
    except lzma.LZMAError as error:
        raise BundleDamaged(f"xz says: {str(error)[:1].lower()}{str(error)[1:]}") from error
    if not decompressor.eof:
        raise BundleDamaged("it is cut short" if decompressor.needs_input else "it unpacks to far too much")
    if decompressor.unused_data:
        raise BundleDamaged("something follows its end")
    return text


def _by_vintage(body: bytes, vintages: Iterable[str]) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {label: [] for label in vintages}
    if body and not body.endswith(b"\n"):
        raise BundleDamaged("its last line has no end")
    try:
        for number, line in enumerate(body.decode().split("\n")[:-1], 2):
            if line.count("|") != 5:
                raise BundleDamaged(f"line {number} has not six fields")
            lines[line.split("|", 3)[2]].append(line)
    except (KeyError, UnicodeDecodeError) as error:
        raise BundleDamaged("it has figures of a vintage that its header does not name") from error
    return lines
