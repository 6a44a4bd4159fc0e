"""Which economy a code and a name mean: country identity, from the project's own table.

Everything here is pure: the table (data/country_region_table.json) arrives as a parsed mapping, and nothing is guessed.
A near miss is only ever named in a message (`explain`, `closest`); it is never taken for an answer.

Three kinds of code are told apart, because publishers use the same characters for different places:

- exact:   ISO 3166-1 alpha-3, the IMF's numeric codes and the codes older editions used ("USA", "111", "UVK", "ROM").
           They stand unless the name clearly says another economy.
- iso2:    alpha-2. Stands alone, or beside a name that agrees: "GM" is the Gambia to ISO and Germany to FIPS.
- m49:     ISO 3166-1 numeric. Counts only beside a name that agrees: 512 is Oman to the UN and Afghanistan to the IMF.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum
from functools import cached_property
from heapq import nlargest
from typing import Any

AGGREGATE = "aggregate"  # a group of economies, or one that no longer exists: set aside, never a country
WORLD = "world"  # the whole of it: an aggregate that the quality gates compare with the sum
UNKNOWN = ""  # quarantined, with Identity.explain as the detail

REGIONS = ("Africa", "Asia", "Europe", "North America", "South America", "Oceania")

_GROUPS = frozenset({AGGREGATE, WORLD})
_GROUP_CODE = re.compile(r"GX?[0-9]{2,5}|U[0-9]{3}")  # the IMF's pattern since 2025; ISO codes hold no digit
_NUMBER = re.compile(r"0*([0-9]{1,6})(?:\.0+)?")  # "001", "111", and the "111.0" a spreadsheet makes of it
_SHOUTED_CODE = re.compile(r"[A-Z]{3,8}")  # a name column that holds codes: "DEU", "WEOWORLD"

_NOTE = re.compile(  # "[n 1]", "[13]", one that is not closed; "(a)", "(2)", "(2024)", "(note 3)", "(country)"
    r"\[[^\]]*\]?|\(\s*(?:[0-9]{1,4}|[a-z]|[ivx]{1,4}|n(?:ote)?s?\.?\s*[0-9a-z]{1,3}|country)\s*\)")
_INITIALS = re.compile(r"\b[a-z](?:\.[a-z])+\b")  # "p.d.r", "u.s": the dots only
_APOSTROPHES = re.compile("['’‘`´]")
_WORD = re.compile(r"[^\W_]+")
_GLUED_NOTE = re.compile(r"([^\W\d_]{3,})[0-9]{1,2}")  # "china1", never "eu27" or "g20"
_MEANINGLESS = frozenset({"the", "and", "of"})
_WRITTEN_OUT = {"st": "saint", "rep": "republic", "dem": "democratic"}

_SHOWN = 60  # characters of a hostile name that a message repeats
_COMPARED = 100  # characters of it that are compared with the known names
_DRAWN = 12  # known names that are compared with it in full
_NEAR = 0.7  # of difflib's ratio; at its usual 0.6 "Atlantis" would be close to "Aland"


class _Trust(IntEnum):
    """How far a code stands for itself."""

    BESIDE_NAME = 0  # only where the name agrees
    ALONE = 1  # where there is no name, or one that agrees
    EXACT = 2  # unless the name says another economy


@dataclass(frozen=True, slots=True)
class Country:
    """An economy: ISO 3166-1 alpha-3 and alpha-2, short English name, one of REGIONS, UN M49 subregion and code.

    other_names: other names that the datasets know it by. XKX (Kosovo) and CHI (Channel Islands) are not ISO's own: the
    one is user-assigned, the other the World Bank's.
    """

    iso3: str
    iso2: str
    name: str
    region: str
    subregion: str
    m49: str = ""
    other_names: tuple[str, ...] = ()


def words(name: str) -> list[str]:
    """Return the words of a name that identify it, in their order: no notes, accents, case, marks, "the", "and", "of".

    "São Tomé & Príncipe[n 1]" is ["sao", "tome", "principe"]; "Lao P.D.R." is ["lao", "pdr"].
    """
    text = name if name.isascii() else _plain(name)
    text = _NOTE.sub(" ", text.casefold())
    if "." in text:
        text = _INITIALS.sub(lambda found: found.group().replace(".", ""), text)
    found = _WORD.findall(_APOSTROPHES.sub("", text))
    if len(found) > 1 and len(found[-1]) < 3 and found[-1].isdigit():
        found.pop()
    elif found and (glued := _GLUED_NOTE.fullmatch(found[-1])):
        found[-1] = glued.group(1)
    return [_WRITTEN_OUT.get(word, word) for word in found if word not in _MEANINGLESS]


def normalized(name: str) -> str:
    """Return the key under which two writings of a name are one: its words, each once, sorted.

    Sorted, so that "Korea, Republic of" and "the Republic of Korea" meet. "" for a name without a word ("—", "[n 1]").
    """
    return " ".join(sorted(set(words(name))))


def _plain(text: str) -> str:
    """Return the text without accents, invisible characters and superscripts ("Curaçao¹" is "Curacao")."""
    kept = (char for char in text if char.isascii() or not (
        unicodedata.category(char) in {"Cf", "Lm"} or unicodedata.decomposition(char).startswith("<super>")))
    parts = unicodedata.normalize("NFKD", "".join(kept))
    return "".join(char for char in parts if char.isascii() or unicodedata.category(char) not in {"Mn", "Me"})


class Identity:
    """The country table, ready to answer. Cheap to build (some milliseconds) and safe to share; it never changes.

    table: the parsed data/country_region_table.json. Raises ValueError where one name or code would mean two economies
    or a region is none of REGIONS: a table that contradicts itself must not be used.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.version: str = table["version"]
        self._countries: dict[str, Country] = {}
        self._codes: dict[str, str] = {}
        self._iso2: dict[str, str] = {}
        self._m49: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._spelled: list[tuple[str, str]] = []
        for row in table["countries"]:
            self._add_country(row)
        groups = table["aggregates"]
        self._add_group(WORLD, groups["world_codes"], groups["world_names"])
        self._add_group(AGGREGATE, groups["codes"], groups["names"])
        self._parts = {normalized(part["name"]): part["of"] for part in table.get("parts", ())}

    # --- building -----------------------------------------------------------------------------------------------

    def _add_country(self, row: Mapping[str, Any]) -> None:
        iso3, iso2 = row["iso3"], row["iso2"]
        if row["region"] not in REGIONS:
            raise ValueError(f"{iso3} is in {row['region']!r}, which is none of {', '.join(REGIONS)}")
        self._countries[iso3] = Country(iso3, iso2, row["name"], row["region"], row["subregion"], row["m49"],
                                        tuple(row["aliases"]))
        for code in (iso3, *row["codes"]):
            self._claim(self._codes, _canonical(code), iso3, "code")
        if iso2:
            self._claim(self._iso2, iso2, iso3, "alpha-2 code")
        if row["m49"]:
            self._claim(self._m49, _canonical(row["m49"]), iso3, "M49 code")
        for name in (row["name"], *row["aliases"]):
            key = normalized(name)
            if self._names.get(key, (iso3,)) != (iso3,):
                raise ValueError(f"the name {name!r} means {self._names[key][0]} and {iso3}")
            self._names[key] = (iso3,)
            self._spelled.append((name, iso3))

    def _add_group(self, meaning: str, codes: Iterable[str], names: Iterable[str]) -> None:
        """Add what is no country; a name that a country has too ("Micronesia") goes on meaning the country first."""
        for code in codes:
            self._claim(self._codes, _canonical(code), meaning, "code")
            if code in self._iso2:
                raise ValueError(f"the code {code!r} means {meaning} and is the alpha-2 code of {self._iso2[code]}")
        for name in names:
            key = normalized(name)
            if meaning not in self._names.get(key, ()):
                self._names[key] = (*self._names.get(key, ()), meaning)

    @staticmethod
    def _claim(taken: dict[str, str], code: str, meaning: str, kind: str) -> None:
        if taken.setdefault(code, meaning) != meaning:
            raise ValueError(f"the {kind} {code!r} means {taken[code]} and {meaning}")

    # --- countries ----------------------------------------------------------------------------------------------

    def country(self, iso3: str) -> Country:
        """Return the economy of this alpha-3 code. Raises KeyError for one that is not in the table."""
        return self._countries[iso3]

    def countries(self) -> tuple[Country, ...]:
        """Return every economy, sorted by alpha-3 code."""
        return tuple(self._countries[iso3] for iso3 in sorted(self._countries))

    @staticmethod
    def regions() -> tuple[str, ...]:
        """Return the six regions, in the order reports show them."""
        return REGIONS

    # --- resolving ----------------------------------------------------------------------------------------------

    def resolve(self, code: str, name: str) -> str:
        """Return the alpha-3 code that a source's code and name mean, or AGGREGATE, WORLD or UNKNOWN.

        Either may be "". The code comes first; a code and a name that clearly say two different economies are UNKNOWN,
        and so is a name that is merely close to a known one. `explain` says why.
        """
        by_code, by_name = self._code_meanings(code), self._name_meanings(name)
        for meaning, _ in by_code:
            if _agrees(meaning, by_name):
                return meaning
        trusted = [meaning for meaning, trust in by_code if trust > _Trust.BESIDE_NAME]
        if by_name:
            return UNKNOWN if trusted else by_name[0]
        needed = _Trust.EXACT if normalized(name) else _Trust.ALONE
        return next((meaning for meaning, trust in by_code if trust >= needed), UNKNOWN)

    def _code_meanings(self, code: str) -> list[tuple[str, _Trust]]:
        """Return what a code can mean, the most trusted first."""
        text = _canonical(code)
        found = []
        if text in self._codes:
            found.append((self._codes[text], _Trust.EXACT))
        elif _GROUP_CODE.fullmatch(text):
            found.append((AGGREGATE, _Trust.EXACT))
        if text in self._iso2:
            found.append((self._iso2[text], _Trust.ALONE))
        if text in self._m49:
            found.append((self._m49[text], _Trust.BESIDE_NAME))
        return found

    def _name_meanings(self, name: str) -> tuple[str, ...]:
        """Return what a name means, a country before a group; () for an unknown one."""
        meanings = self._names.get(normalized(name), ())
        if not meanings and _SHOUTED_CODE.fullmatch(text := name.strip()) and text in self._codes:
            return (self._codes[text],)
        return meanings

    # --- for people ---------------------------------------------------------------------------------------------

    def explain(self, code: str, name: str, *, suggest: bool = True) -> str:
        """Return one sentence on what a code and a name mean or why they mean nothing, for the quarantine.

        suggest: name the closest known name of an unknown one. It costs some hundred microseconds a name: not for the
        millions of names that a large table may hold.
        """
        meaning = self.resolve(code, name)
        shown = _shown(code, name)
        if meaning:
            return f"{shown}: {self._described(meaning)}"
        if not _canonical(code) and not normalized(name):
            return f"{shown}: nothing says which economy it is"
        if (whole := self._parts.get(normalized(name))) and not self._name_meanings(name):
            return f"{shown}: a part of {self._described(whole)}, whose figures hold it already"
        by_code, by_name = self._code_meanings(code), self._name_meanings(name)
        if by_name:
            return (f"{shown}: the code means {self._described(by_code[0][0])}, "
                    f"the name means {self._described(by_name[0])}")
        if by_code:
            return f"{shown}: could be {self._described(by_code[0][0])}, but no known name says so"
        near = suggest and (self._near(name) or self._near(code))
        return f"{shown}: unknown" + ("; closest known name: {} ({})".format(*near[0]) if near else "")

    def _described(self, meaning: str) -> str:
        if meaning in _GROUPS:
            return "the world" if meaning == WORLD else "a group of economies"
        return f"{self._countries[meaning].name} ({meaning})"

    def find(self, text: str) -> str | None:
        """Return the alpha-3 code of what a person typed (a code, an alpha-2 code or a name), None for no country."""
        code = _canonical(text)
        for meaning in (self._codes.get(code), self._iso2.get(code), *self._names.get(normalized(text), ())):
            if meaning in self._countries:
                return meaning
        return None

    def closest(self, text: str, count: int = 3) -> list[str]:
        """Return up to `count` short names of countries close to a text, the closest first; [] where none is."""
        found = dict.fromkeys(self._countries[iso3].name for _, iso3 in self._near(text))
        return list(found)[:count]

    def _near(self, text: str) -> list[tuple[str, str]]:
        """Return (known name, alpha-3 code) of the known names close to a text, the closest first.

        Names are drawn by the share of pairs of letters in common, and only the best few compared: a file of a hundred
        thousand unknown names must not take an hour to refuse.
        """
        wanted = " ".join(words(text))[:_COMPARED]
        pairs = _pairs(wanted)
        shared = Counter(place for pair in pairs for place in self._places_by_pair.get(pair, ()))
        drawn = nlargest(_DRAWN, shared, key=lambda place: shared[place] / (len(pairs) + len(self._spelled[place][0])))
        rated = []
        for place in drawn:
            name, iso3 = self._spelled[place]
            rate = SequenceMatcher(None, wanted, " ".join(words(name))).ratio()
            if rate >= _NEAR:
                rated.append((-rate, name, iso3))
        return [(name, iso3) for _, name, iso3 in sorted(rated)]

    @cached_property
    def _places_by_pair(self) -> Mapping[str, list[int]]:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, (name, _) in enumerate(self._spelled):
            for pair in _pairs(" ".join(words(name))):
                places[pair].append(place)
        return dict(places)


def _pairs(text: str) -> set[str]:
    return {text[at:at + 2] for at in range(len(text) - 1)}


def _canonical(code: str) -> str:
    """Return a code as the table's keys write it: upper case, a number without leading zeros."""
    text = code.strip().upper()
    number = _NUMBER.fullmatch(text)
    return number.group(1) if number else text


def _agrees(meaning: str, by_name: tuple[str, ...]) -> bool:
    """Whether the name says what the code says; two publishers' names of a group need not be the same group's."""
    return meaning in by_name or (meaning in _GROUPS and not _GROUPS.isdisjoint(by_name))


def _shown(code: str, name: str) -> str:
    """Return code and name as a message repeats them, control characters escaped, cut."""
    parts = [f"{kind} {text.strip()[:_SHOWN]!r}" for kind, text in (("code", code), ("name", name)) if text.strip()]
    return " and ".join(parts) or "no code and no name"
