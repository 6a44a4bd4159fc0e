"""What a large table is made of: its layout, what its columns mean, its economies. Facts only, all JSON-able."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rules.identity import REGIONS, Country
from sources._columns import Columns

MOST_CENTS = 10**15  # hundredths of a billion dollars: below it two decimals of a double are exact
MOST_KINDS = 5_000  # different (indicator, unit, scale)
MOST_FURTHER = 1_996  # columns that are none of ours: SQLite takes 2,000, of which four are
PLACES = 200  # different names looked at to tell whether they are codes
INTEGER_DIGITS = 18  # a further column of integers is held as such up to these


@dataclass(frozen=True)
class Layout:
    """How a file of delimited text is read.

    names: the cells of the header. header_ends: bytes before the first record. header_lines: lines before it.
    """

    names: tuple[str, ...]
    delimiter: str
    encoding: str
    columns: Columns
    header_ends: int
    header_lines: int

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Layout:
        """Return what told() returned."""
        columns = told["columns"]
        wide = tuple((int(at), str(year)) for at, year in columns["wide"])
        return cls(**{**told, "names": tuple(told["names"]), "columns": Columns(**{**columns, "wide": wide})})


@dataclass(frozen=True)
class Further:
    """A column of the table that is none of ours: held as it is.

    integer: every cell of the file is a canonical integer of at most INTEGER_DIGITS digits. name: in the database.
    """

    index: int
    name: str
    integer: bool

    @property
    def field(self) -> str:
        """Its name among the clean columns."""
        return f"f{self.index}"


class Kind(NamedTuple):
    """What cells of one indicator, unit and scale (texts of the file) are: moved by so many places to billions of
    dollars, or at fault. percent: the unit is a percentage.
    """

    indicator: str
    unit: str
    scale: str
    places: int
    fault: str
    percent: bool


@dataclass(frozen=True)
class TablePlan:
    """What the columns of a staged table mean; decided once for all of it, by what all of its pieces hold.

    code, name, year, value, indicator, unit, scale: index of the column in the header, -1 where there is none. A wide
    table is staged long: year and value are -1, and the staged columns are named "year" and "value".
    place_is_code: what stands in the name column are codes. key: clean columns that tell records apart ("country",
    "year", "f<index>"). kinds: of the rows that were asked for; a row of another kind is set aside.
    """

    code: int
    name: int
    year: int
    value: int
    indicator: int
    unit: int
    scale: int
    wide: bool
    place_is_code: bool
    further: tuple[Further, ...]
    key: tuple[str, ...]
    decimal_mark: str
    kinds: tuple[Kind, ...]

    @property
    def has_year(self) -> bool:
        """Whether records have a year."""
        return self.wide or self.year >= 0

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Clean columns beside the figures, in the order in which equal figures are sorted."""
        return ("country", *(("year",) if self.has_year else ()), *(each.field for each in self.further))

    def staged(self, role: str) -> str:
        """Return the name of the staged column of a role, "" where there is none."""
        if self.wide and role in ("year", "value"):
            return role
        index: int = getattr(self, role)
        return str(index) if index >= 0 else ""

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> TablePlan:
        """Return what told() returned."""
        return cls(**{**told, "further": tuple(Further(**each) for each in told["further"]), "key": tuple(told["key"]),
                      "kinds": tuple(Kind(*each) for each in told["kinds"])})


class Economies:
    """The economies as numbers, in the order of their names, so that numbers sort as names do."""

    def __init__(self, countries: Iterable[Country]) -> None:
        self.known = sorted(countries, key=lambda country: country.name)
        self.number = {country.iso3: at for at, country in enumerate(self.known)}
        self.region = [REGIONS.index(country.region) for country in self.known]

    @property
    def names(self) -> list[str]:
        """The name of each."""
        return [country.name for country in self.known]
