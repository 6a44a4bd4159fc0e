"""From a cell's text to a figure: footnotes, sort keys, thousands marks, dashes, units, rounding.

Every function is pure, on text and exact decimals; engines apply them to each distinct text once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import partial
from typing import NamedTuple, cast

from rules.indicators import INDICATORS

MAX_LENGTH = 200  # characters of a cell with all its notes; a longer one is no figure and is not looked into
MAX_DIGITS = 34  # more is no figure of an economy, and would slow the decimal arithmetic of a hostile file
SHOWN = 60  # characters of a hostile text that a message repeats


class Number(NamedTuple):
    """A figure read from a cell.

    text:     canonical decimal text in the unit of the cell; "" where there is none.
    decimals: digits after the point as written, trailing zeros included.
    fault:    why the text is no figure; "" where it is one, or where the cell says there is none.
    """

    text: str
    decimals: int
    fault: str


NO_VALUE = Number("", 0, "")
# Number(...) runs Python for each figure, tuple.__new__ does not: half of the time of a clean cell.
_number = cast("Callable[[tuple[str, int, str]], Number]", partial(tuple.__new__, Number))

# Explicit, not \s: engines disagree on what a space is.
SPACES = ("\t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
          "\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff ")
# Marks of thousands beside the comma. No line break and nothing invisible: two numbers in one cell are not one.
_THOUSANDS = "['\u2019 \u00a0\u2006\u2007\u2008\u2009\u200a\u202f]"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d-"
_SORT_KEY_END = "\u2660"
_NOTE = (rf"(?:[{SPACES}\u2020\u2021*#\u00a7]|\[[^\[\]]{{0,40}}\]"
         r"|\( ?(?:1[5-9]|2[01])[0-9]{2}(?:[/\u2013-][0-9]{2,4})? ?\))")
# Notes stand before or after a figure, never inside: "1[2]3" is no 13. Possessive, so that it takes linear time.
_CELL = re.compile(rf"{_NOTE}*+([^\[(\u2020\u2021*#\u00a7]*+){_NOTE}*+")
_CURRENCY = re.compile(rf"([+-]?)(?:US\$|USD|\$)[{SPACES}]*", re.IGNORECASE)
_NOTHING = frozenset({"", "n/a", "na", "n.a", "n.a.", "nan", "none", "null", "nil", "not available", ".", "..", "...",
                      "…"})
_CANONICAL = re.compile(r"-?(?:[1-9][0-9]{0,14}|0)(?:\.[0-9]{0,14}[1-9])?")
# Figures that parse_number reads as they stand, where the decimal mark is the point: a minus, digits without leading
# zeros, a point and digits; of at most PLAIN_LENGTH characters, so that they have 15 digits at most, which a double and
# an int64 hold. An engine may read them without Python: the integer of the digits, and how many follow the point. The
# pattern is for the whole text, and for any dialect of regular expressions.
PLAIN_SHAPE = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,13})?"
PLAIN_LENGTH = 16
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_GROUPED = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?:,|({_THOUSANDS}))[0-9]{{3}}(?:(?(1)\1|,)[0-9]{{3}})*(?:\.[0-9]*)?")
_NOT_DIGITS = re.compile(rf",|{_THOUSANDS}")
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,2}")
_GROUPS = re.compile(rf"[+-]?(?:[0-9,]|{_THOUSANDS})+(?:\.[0-9]*)?")
_SWAP = str.maketrans(",.", ".,")


def parse_number(raw: str, decimal_mark: str = ".", *, percent: bool = False) -> Number:
    """Read a cell's text.

    decimal_mark: "." or ","; with "," the point is the thousands mark.
    percent:      the cell's unit is percent, so that "2.5%" is 2.5.
    Thousands groups must be well formed: "1115,494,312" and "0,348" are refused, not repaired.
    """
    if decimal_mark == "." and _CANONICAL.fullmatch(raw) and raw != "-0":  # nearly every cell: nothing to clean
        point = raw.find(".") + 1
        return _number((raw, len(raw) - point if point else 0, ""))
    text, fault = _bare(raw)
    if fault or not text:
        return Number("", 0, fault)
    if percent:
        text = text.removesuffix("%").rstrip(SPACES)
    text = _CURRENCY.sub(r"\1", text.replace("\u2212", "-"), count=1)
    return _read(text.translate(_SWAP) if decimal_mark == "," else text)


def _bare(raw: str) -> tuple[str, str]:
    """Return the cell without sort key, notes and spaces around, "" where it says that there is no figure; a fault."""
    text = raw.rpartition(_SORT_KEY_END)[2]
    if len(text) > MAX_LENGTH:
        return "", "is too long for a figure"
    cell = _CELL.fullmatch(text)
    if not cell:
        return "", "is no number"
    text = cell.group(1).strip(SPACES)
    # "—N/a" is a dash and the text that a screen reader says in its place.
    return ("", "") if text.lstrip(_DASHES).strip(SPACES).lower() in _NOTHING else (text, "")


def _read(text: str) -> Number:
    """Read a bare text whose decimal mark is the point."""
    if _GROUPED.fullmatch(text):
        text = _NOT_DIGITS.sub("", text)
    elif _EXPONENT.fullmatch(text):
        text = format(Decimal(text), "f")
    elif not _PLAIN.fullmatch(text):
        return Number("", 0, "has malformed thousands groups" if _GROUPS.fullmatch(text) else "is no number")
    if sum(map(text.count, "0123456789")) > MAX_DIGITS:
        return Number("", 0, f"has more than {MAX_DIGITS} digits")
    return Number(canonical(text), len(text.partition(".")[2]), "")


def canonical(text: str) -> str:
    """Return decimal text without sign of zero, leading or trailing zeros: "+007.50" is "7.5", "-0.0" is "0"."""
    negative = text.startswith("-")
    whole, _, fraction = text.lstrip("+-").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    body = f"{whole}.{fraction}" if fraction else whole
    return f"-{body}" if negative and body != "0" else body


def shifted(text: str, places: int) -> str:
    """Return canonical text times ten to the power of `places`, exactly: ("94669000000", -9) is "94.669"."""
    if not places or not text:
        return text
    sign, body = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = body.partition(".")
    digits, point = whole + fraction, len(whole) + places
    if point <= 0:
        digits, point = "0" * (1 - point) + digits, 1
    digits = digits.ljust(point, "0")
    return canonical(f"{sign}{digits[:point]}.{digits[point:]}")


_EXACT = Context(prec=200)  # the usual 28 digits would refuse what MAX_DIGITS and a scale let through


def half_up(text: str, places: int = 2) -> Decimal:
    """Return the decimal rounded half up, away from zero: "1234.565" is 1234.57, "2.675" is 2.68, never "-0.00"."""
    rounded = Decimal(text).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_EXACT)
    return rounded or abs(rounded)


def lenient_number(raw: str, decimal_mark: str = ".") -> str:
    """Return the digits of a figure whose thousands marks are broken, for comparing only, never for storing."""
    strict = parse_number(raw, decimal_mark)
    if strict.text or not strict.fault:
        return strict.text
    text, _ = _bare(raw)
    text = _NOT_DIGITS.sub("", text.translate(_SWAP) if decimal_mark == "," else text)
    return canonical(text) if _PLAIN.fullmatch(text) and len(text) <= MAX_DIGITS else ""


# --- units --------------------------------------------------------------------------------------------------------

_SCALES = {"": 0, "unit": 0, "units": 0, "thousand": 3, "thousands": 3, "million": 6, "millions": 6, "mn": 6, "mln": 6,
           "billion": 9, "billions": 9, "bn": 9, "trillion": 12, "trillions": 12, "tn": 12}
_POWERS = {str(power): power for power in (0, 3, 6, 9, 12)}
_FACTOR = re.compile("1(0{0,15})")
_SCIENTIFIC = re.compile(r"1(?:\.0+)?e\+?0?([0-9]|1[0-5])")
# What may stand beside the dollars and says nothing else; "international", "constant", "2015" or "PPP" may not.
_FILLERS = frozenset({"of", "in", "at", "current", "nominal", "price", "prices", "market"})
_DOLLARS = frozenset({"us$", "us $", "$us", "usd", "$", "dollar", "dollars", "us dollar", "us dollars",
                      "united states dollar", "united states dollars"})


def exponent_of(scale: str) -> int | None:
    """Return the power of ten of a scale: "Billions", "1000000000.0", "1e9" and "9" are 9, "1" and "" 0; None: unknown.

    A bare "3", "6", "9" or "12" is a power of ten, as in the IMF's files since October 2025; "1", "10", "100" a factor.
    """
    word = scale.strip(SPACES).lower()
    if word in _SCALES:
        return _SCALES[word]
    if scientific := _SCIENTIFIC.fullmatch(word):
        return int(scientific.group(1))
    whole, _, fraction = word.partition(".")
    if fraction.strip("0"):
        return None
    factor = _FACTOR.fullmatch(whole)
    return len(factor.group(1)) if factor else _POWERS.get(whole)


def _unit_words(unit: str) -> tuple[str, list[int]]:
    """Return the words of a unit that name what is counted, and the powers of ten of the scales among them."""
    words = re.sub(r"[(),;:/_]", " ", unit[:MAX_LENGTH].lower().replace("u.s.", "us")).split()
    scales = [_SCALES[word] for word in words if word in _SCALES]
    return " ".join(word for word in words if word not in _SCALES and word not in _FILLERS), scales


def is_us_dollars(unit: str) -> bool:
    """Tell US dollars at current prices from other money and from purchasing power parity by the words of the unit.

    Of a WEO subject that is money "$" and "dollars" alone are US dollars; a word that is not known makes it another.
    """
    return _unit_words(unit)[0] in _DOLLARS


def is_percent(unit: str) -> bool:
    """Tell whether a unit is a percentage."""
    return "%" in unit or "percent" in unit.lower()


def places_of(indicator: str, unit: str, scale: str) -> int | str:
    """Return by how many places a cell moves to its indicator's canonical unit, or a sentence: why it cannot.

    ("NGDPD", "US$", "Millions") is -3, ("NGDPD", "US$ million", "") too; an indicator of another name stays in units.
    """
    known = INDICATORS.get(indicator)
    exponent = exponent_of(scale)
    if exponent is None and is_percent(unit):
        exponent, scale = 0, ""  # a percentage has no scale, whatever stands there ("n/a", "Percent")
    if exponent is None:
        return f"the scale {scale[:SHOWN]!r} is unknown"
    if known and known.money and not is_us_dollars(unit):
        return f"the unit {unit[:SHOWN]!r} is not US dollars"
    spoken = {*_unit_words(unit)[1], *([exponent] if scale.strip(SPACES) else [])}
    if len(spoken) > 1:
        return f"the unit {unit[:SHOWN]!r} and the scale {scale[:SHOWN]!r} contradict each other"
    return max(spoken, default=0) - (known.exponent if known else 0)


_WRITTEN_YEAR = re.compile(r"(?:YR)?([0-9]{4})(?:\.0+)?")


def written_year(text: str) -> str:
    """Return the year of a table's cell as year_of reads it: "YR2024" and "2024.0" are "2024"; others are untouched."""
    found = _WRITTEN_YEAR.fullmatch(text.strip())
    return found[1] if found else text


def year_of(text: str) -> int | None:
    """Return the year a cell belongs to, 1500 to 2199; None for anything else."""
    return int(text) if re.fullmatch(r"1[5-9][0-9]{2}|2[01][0-9]{2}", text) else None
