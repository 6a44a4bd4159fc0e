"""Nasty records of a large table, seeded, and what must become of them: row by row, from rules/ and Decimal alone.

Every engine that cleans large tables is fed these and compared with `expected`, cell by cell.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from functools import cache
from typing import NamedTuple

import pyarrow as pa

from large.model import MOST_CENTS, Economies, Further, Kind, TablePlan
from rules import cleaning
from rules.identity import AGGREGATE, REGIONS, UNKNOWN, WORLD, Identity
from rules.records import Quarantined
from utils import PROJECT

FILE = "nasty.csv"
IDENTITY = Identity(json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8")))
ECONOMIES = Economies(IDENTITY.countries())
ASKED = ("NGDPD", "gdp")  # texts of the indicator column that mean GDP here
ROLES = ("code", "name", "year", "indicator", "unit", "scale", "value", "number", "note")


class Record(NamedTuple):
    """A record of the file, all texts; number and note are further columns, one of integers and one of texts."""

    code: str = ""
    name: str = "France"
    year: str = "2024"
    indicator: str = "NGDPD"
    unit: str = "US$"
    scale: str = "Billions"
    value: str = "1"
    number: str = "0"
    note: str = ""


@dataclass
class Expected:
    """What must come of records: clean rows in order, as (country, year, number, note, cents, published)."""

    rows: list[tuple[int, int, int, str, int, float]] = field(default_factory=list)
    balance: Counter[str] = field(default_factory=lambda: Counter({"in": 0, "out": 0}))
    quarantined: list[Quarantined] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    long: int = 0


# --- making -------------------------------------------------------------------------------------------------------

NAMES = ("Atlantis", "Frnce", "", " ", "World", "Euro area", "European Union", "Advanced economies", "Türkiye",
         "Turkey", "Co\u0302te d’Ivoire", "Côte d'Ivoire", "\u00a0France\u00a0", "\u200bFrance", "FRANCE",
         "france[n 1]", "Korea, Rep.", "China1", "China (2024)", "DEU", "WEOWORLD", "𝐅rance", "🏝", "Atlantis 🏝",
         "Nauru\x85", "São Tomé & Príncipe", "Georgia", "Micronesia", "R\u00e9union", "Northern Ireland", "x" * 300,
         "\x00", "—")
CODES = ("USA", "usa", " DEU ", "GM", "111", "111.0", "0111", "512", "G163", "GX123", "U001", "UVK", "KOS", "XKX",
         "XYZ", "EU", "1W", "WLD", "NA", "France", "\u00a0FRA", "😀", "00000001", "1e3")
YEARS = ("2024.0", "YR2024", " 2024 ", "2024\n", "0", "", "20245", "1499", "1500", "2199", "2200", "२०२४", "FY24",
         "2024.5", "24", "2024-01-01", "1e3", "２０２４", "YR0000", "-2024", "2024.000", "\u00a02024")
INDICATORS = ("LP", "NGDPDPC", "", " NGDPD", "ngdpd", "\u200bNGDPD")
UNITS = ("US$ million", "U.S. dollars", "US dollars, billions", "usd", "", "Percent", "% of GDP", "Euro",
         "Purchasing power parity; international dollars", "US$ of 2015", "😀")
SCALES = ("", "Millions", "million", "9", "6", "1e9", "1000000.0", "Thousands", "Units", "Trillions", "Lakhs", "0",
          "n/a", "\x85")
RAWS = ("", " ", "-", "—", "—N/a", "n/a", "N.A.", "...", "…", "null", "nan", "inf", "NaN", "-0", "-0.0", "+0", "0",
        "0.000", "+5", ".5", "5.", "-.5", "-5.", "+.50", ".", "007", "00.50", "-007.250", "1.2.3", "1-2", "--5",
        "+-5", "1 2", "٣٤", "１２", "𝟙𝟚", "😀", "12😀", "1[2]3", "98,964[6]", "[6]98,964", "98,964†", "* 98,964 *",
        "5 (2023)", "5 (2023/24)", "7007806837870000000♠98,964[6]", "\u00a012\u00a0", "\u200b12\u200b", "12\x85",
        "\x8512", "12\n", "\n12", "1\n2", "1\x002", "12\ufeff", "1\u00a0234", "1\u202f234\u202f567", "1'234",
        "1’234.5", "1,234,567.891", "1115,494,312", "0,348", "1,23", "1,2345", ",123", "1.234,5", "1.234.567",
        "12.345", "1234,5", "1e3", "1E+05", "1.5e-7", "-2e2", "1e300", "1e99", "1e33", "1e34", "1e15", "1e-20",
        "1e", "e5", "0x1F", "1_000", "2.5%", "%", "-3 %", "$1,000", "US$ 5", "USD7", "-$5", "$-5", "€5", "9" * 15,
        "9" * 16, "9" * 17, "9" * 20, "9" * 34, "9" * 40, "1" * 34 + ".5", "1" + "0" * 20, "-" + "8" * 19,
        "0." + "0" * 20 + "1", "0.1234567890123", "0.12345678901234", "1.123456789012345", "12345678901234.5",
        "-12345678901234.5", "123456789012345", "-123456789012345", "1234567890123456", "0.1", "0.10",
        "0.300000000000000", "9999999999999.99", "9999999999999.994", "9999999999999.995", "-9999999999999.995",
        "10000000000000", "9999999999999", "9007199254740993", "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "x" * 100_000, "5" * 300, "−5", "–5", "‐", "\uff0d5", "5‰", "1.005", "2.675",
        "-2.675", "0.005", "-0.005", "0.0049999999999999999999", "1234.565", "0.004", "-0.004", "8.5e-1",
        "4.9406564584124654e-32")
NUMBERS = ("0", "1", "-1", "7", "999999999999999999", "-999999999999999999")
NOTES = ("", " ", "a", "b", "ab", "ä", "a\u0308", "Z", "\ue000", "😀", "\uffff", "a\x00b", "a\n", "\x85", '"', ",")


_SWAP = str.maketrans(",.", ".,")


def records(count: int, seed: int, decimal_mark: str = ".") -> list[Record]:
    """Return so many records; about a half are clean, the rest are nasty in one way or in several."""
    chance = random.Random(seed)
    known = IDENTITY.countries()
    places = [(country.iso3, country.name) for country in known] + [("", name) for country in known
                                                                    for name in (country.name, *country.other_names)]
    made = [_record(chance, places) for _ in range(count)]
    return made if decimal_mark == "." else [each._replace(value=each.value.translate(_SWAP)) for each in made]


def _record(chance: random.Random, places: Sequence[tuple[str, str]]) -> Record:
    code, name = chance.choice(places)
    made = Record(code, name, str(chance.randint(1990, 2030)), chance.choice(ASKED), "US$",
                  chance.choice(("Billions", "Millions")), _figure(chance), chance.choice(NUMBERS),
                  chance.choice(NOTES))
    nasty = {"code": CODES, "name": NAMES, "year": YEARS, "indicator": INDICATORS, "unit": UNITS, "scale": SCALES}
    changes = {role: chance.choice(texts) for role, texts in nasty.items() if chance.random() < 0.07}
    if chance.random() < 0.3:
        changes["value"] = chance.choice(RAWS) if chance.random() < 0.7 else _noise(chance)
    return made._replace(**changes)


def _figure(chance: random.Random) -> str:
    """Return a figure as files have it, every second one halfway between two cents in one of the units."""
    sign = chance.choice(("", "", "-"))
    if chance.random() < 0.5:
        end = chance.choice((".005", ".015", "5", ".5", "5.00"))
        return f"{sign}{chance.randint(0, 10 ** chance.randint(1, 9))}{end}"
    whole = str(chance.randint(0, 10 ** chance.randint(1, 15)))
    decimals = chance.randint(0, 14)
    return sign + whole + (f".{chance.randint(0, 10**decimals):0{decimals}d}" if decimals else "")


def _noise(chance: random.Random) -> str:
    return "".join(chance.choice("0123456789.,-+ e%$[]*\u00a0\u200b’—") for _ in range(chance.randint(0, 9)))


# --- plans and staged pieces ----------------------------------------------------------------------------------------

FURTHER = (Further(7, "number", integer=True), Further(8, "note", integer=False))
PLAN = TablePlan(0, 1, 2, 6, 3, 4, 5, wide=False, place_is_code=False, further=FURTHER,
                 key=("country", "year", "f7", "f8"), decimal_mark=".", kinds=())


def plan_for(rows: Iterable[Record], decimal_mark: str = ".") -> TablePlan:
    """Return the plan of these records: what is known of every indicator, unit and scale that was asked for."""
    texts = sorted({row[3:6] for row in rows if row.indicator in ASKED})
    return replace(PLAN, kinds=tuple(_kind(*text) for text in texts), decimal_mark=decimal_mark)


def _kind(indicator: str, unit: str, scale: str) -> Kind:
    places = cleaning.places_of("NGDPD", unit, scale)
    known, fault = (places, "") if isinstance(places, int) else (0, places)
    return Kind(indicator, unit, scale, known, fault, cleaning.is_percent(unit))


def staged(rows: Sequence[Record]) -> pa.Table:
    """Return the records as a staged piece."""
    columns = zip(*rows, strict=True) if rows else [()] * len(ROLES)
    return pa.table({str(at): pa.array(list(texts), pa.large_string()) for at, texts in enumerate(columns)})


# --- what must come of them -----------------------------------------------------------------------------------------

_resolve = cache(IDENTITY.resolve)
_WIDE = Context(prec=200)


def expected(rows: Iterable[Record], plan: TablePlan, first_line: int = 2) -> Expected:
    """Return what must come of records, one after another."""
    found, kinds = Expected(), {kind[:3]: kind for kind in plan.kinds}
    unknown: dict[str, None] = {}
    for line, row in enumerate(rows, first_line):
        fate, rule, detail = _fate(row, kinds, plan.decimal_mark)
        found.balance["in"] += 1
        found.balance[fate] += 1
        if fate == "out":
            figure = _value(row, kinds, plan.decimal_mark)
            number = ECONOMIES.number[_resolve(row.code, row.name)]
            found.rows.append((number, _year(row), int(row.number), row.note, _cents(figure), float(figure)))
            found.long += len("".join(map(str, figure.as_tuple().digits)).strip("0")) > 15
        elif fate == "quarantined":
            found.quarantined.append(Quarantined(rule, f"{FILE} line {line}", row.value, detail))
            if rule == "identity":
                unknown.setdefault(row.name or row.code)
    found.unknown = list(unknown)[:50]
    return found


def _fate(row: Record, kinds: Mapping[tuple[str, str, str], Kind], mark: str) -> tuple[str, str, str]:
    """Return what the balance calls the row's fate, the rule and the sentence; the first reason counts."""
    kind = kinds.get(row[3:6])
    if kind is None:
        return "set aside: not asked for", "", ""
    meaning = _resolve(row.code, row.name)
    number = cleaning.parse_number(row.value, mark, percent=kind.percent)
    if meaning in (AGGREGATE, WORLD):
        return "set aside: aggregate", "", ""
    if meaning == UNKNOWN:
        return "quarantined", "identity", IDENTITY.explain(row.code, row.name, suggest=False)
    if not number.text and not number.fault:
        return "set aside: no value", "", ""
    if number.fault:
        return "quarantined", "number", f"{row.value[:60]!r} {number.fault}"
    if not _year(row):
        return "quarantined", "year", f"{cleaning.written_year(row.year)[:60]!r} is no year"
    if kind.fault:
        return "quarantined", "unit", kind.fault
    if abs(_cents(_value(row, kinds, mark))) >= MOST_CENTS:
        return "quarantined", "number", f"{row.value[:60]!r} is too large for a GDP"
    return "out", "", ""


def _year(row: Record) -> int:
    return cleaning.year_of(cleaning.written_year(row.year)) or 0


def _value(row: Record, kinds: Mapping[tuple[str, str, str], Kind], mark: str) -> Decimal:
    kind = kinds[row[3:6]]
    text = cleaning.parse_number(row.value, mark, percent=kind.percent).text
    return Decimal(text).scaleb(kind.places, _WIDE)


def _cents(value: Decimal) -> int:
    return int(cleaning.half_up(format(value, "f"), 2).scaleb(2, _WIDE))


def kept_last(rows: Sequence[tuple], key: Sequence[int], figure: int) -> tuple[list[tuple], int, int]:
    """Return the rows that no later one of the same key (places in a row) follows, exact and superseded duplicates."""
    kept, exact, superseded = [], 0, 0
    seen: dict[tuple, set] = {}
    for row in reversed(rows):
        figures = seen.setdefault(tuple(row[at] for at in key), set())
        if not figures:
            kept.append(row)
        elif row[figure] in figures:
            exact += 1
        else:
            superseded += 1
        figures.add(row[figure])
    return kept[::-1], exact, superseded


def in_order(rows: Iterable[tuple], cents: int, dimensions: Sequence[int]) -> list[tuple]:
    """Return clean rows as parts hold them; the country is the first cell, dimensions are places in a row."""
    def place(row: tuple) -> tuple:
        region = REGIONS.index(ECONOMIES.known[row[0]].region)
        return (region, -row[cents], *(_bytes(row[at]) for at in dimensions))
    return sorted(rows, key=place)


def _bytes(cell: int | str) -> int | bytes:
    return cell.encode() if isinstance(cell, str) else cell


def cells(table: pa.Table) -> Iterator[tuple]:
    """Yield the rows of a clean table, columns in its own order."""
    return zip(*(column.to_pylist() for column in table.columns), strict=True)
