"""From a cell's text to a figure: footnotes, sort keys, thousands marks, dashes, units, rounding.

Every function is pure, on text and exact decimals; engines apply them to each distinct text once.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

MAX_DIGITS = 34  # more is no figure of an economy, and would slow the decimal arithmetic of a hostile file


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

# Explicit, not \s: engines disagree on what a space is.
SPACES = ("\t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
          "\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff ")
_SPACE = f"[{SPACES}]"
_SORT_KEY = re.compile(r"^.*♠", re.DOTALL)
_FOOTNOTE = re.compile(r"\[[^\[\]]{0,40}\]")
_YEAR_NOTE = re.compile(r"\((?:1[5-9]|2[01])[0-9]{2}\)")
_MARKS = re.compile("[\u2020\u2021*#\u00a7]+")
_CURRENCY = re.compile(r"^([+-]?)(?:US\$|USD|\$)" + _SPACE + "*", re.IGNORECASE)
_DASHES = re.compile("^[\u2010-\u2015\u2212-]+$")
_NOTHING = frozenset({"", "n/a", "na", "n.a", "n.a.", "nan", "none", "null", "nil", "not available", ".", "..", "...",
                      "…"})
_CANONICAL = re.compile(r"-?(?:[1-9][0-9]{0,14}|0)(?:\.[0-9]{0,14}[1-9])?")
_PLAIN = re.compile(r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$")
_GROUPED = re.compile(r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$")
_SPACED = re.compile(rf"^[+-]?[0-9]{{1,3}}(?:{_SPACE}[0-9]{{3}})+(?:\.[0-9]*)?$")
_EXPONENT = re.compile(r"^[+-]?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,2}$")
_COMMA_PLAIN = re.compile(r"^[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]*)?$")


def parse_number(raw: str, decimal_mark: str = ".") -> Number:
    """Read a cell's text.

    decimal_mark: "." or ","; with "," the point is the thousands mark.
    Thousands groups must be well formed: "1115,494,312" is refused, not repaired.
    """
    if decimal_mark == "." and _CANONICAL.fullmatch(raw) and raw != "-0":  # nearly every cell: nothing to clean
        return Number(raw, len(raw.partition(".")[2]), "")
    text = _YEAR_NOTE.sub("", _FOOTNOTE.sub("", _SORT_KEY.sub("", raw)))
    text = _MARKS.sub("", text).strip(SPACES)
    if _is_nothing(text):
        return NO_VALUE
    text = _CURRENCY.sub(r"\1", text.replace("\u2212", "-"))
    if len(text) > MAX_DIGITS + 20:
        return Number("", 0, "is too long for a figure")
    if decimal_mark == ",":
        if not _COMMA_PLAIN.match(text):
            return Number("", 0, "is no number with a decimal comma")
        text = text.replace(".", "").replace(",", ".")
    elif _GROUPED.match(text):
        text = text.replace(",", "")
    elif _SPACED.match(text):
        text = re.sub(_SPACE, "", text)
    elif _EXPONENT.match(text):
        text = format(Decimal(text), "f")
    elif not _PLAIN.match(text):
        fault = "has malformed thousands groups" if re.fullmatch(r"[+-]?[0-9,]+(\.[0-9]*)?", text) else "is no number"
        return Number("", 0, fault)
    if sum(c.isdigit() for c in text) > MAX_DIGITS:
        return Number("", 0, f"has more than {MAX_DIGITS} digits")
    return Number(canonical(text), len(text.partition(".")[2]), "")


def _is_nothing(text: str) -> bool:
    """Tell whether the text says that there is no figure, "—N/a" (a dash and its screen-reader text) included."""
    if _DASHES.match(text):
        return True
    return text.lstrip("\u2010\u2011\u2012\u2013\u2014\u2015\u2212-").strip(SPACES).lower() in _NOTHING


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


def half_up(text: str, places: int = 2) -> Decimal:
    """Return the decimal rounded half up (away from zero): "1234.565" is 1234.57, "2.675" is 2.68."""
    return Decimal(text).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def lenient_number(raw: str) -> str:
    """Return the digits of a figure whose thousands marks are broken, for comparing only, never for storing."""
    strict = parse_number(raw)
    if strict.text or not strict.fault:
        return strict.text
    text = _FOOTNOTE.sub("", _SORT_KEY.sub("", raw)).replace(",", "").strip(SPACES)
    return canonical(text) if _PLAIN.match(text) and len(text) <= MAX_DIGITS else ""


_SCALES = {"": 0, "unit": 0, "units": 0, "thousand": 3, "thousands": 3, "million": 6, "millions": 6, "mn": 6,
           "billion": 9, "billions": 9, "bn": 9, "trillion": 12, "trillions": 12}
_MONEY = ("us$", "u.s. dollar", "us dollar", "usd", "u.s. dollars", "us dollars", "current us$")


def exponent_of(scale: str) -> int | None:
    """Return the power of ten of a scale: "Billions" is 9, "1000000.0" is 6, "" is 0; None for an unknown word."""
    word = scale.strip(SPACES).lower()
    if word in _SCALES:
        return _SCALES[word]
    power = re.fullmatch(r"1(0*)(?:\.0+)?", word)
    return len(power.group(1)) if power and len(power.group(1)) <= 15 else None


def is_us_dollars(unit: str) -> bool:
    """Tell US dollars from other money and from purchasing power parity by the words of the unit."""
    word = " ".join(unit.lower().split())
    return word in _MONEY


def year_of(text: str) -> int | None:
    """Return the year a cell belongs to, 1500 to 2199; None for anything else."""
    return int(text) if re.fullmatch(r"1[5-9][0-9]{2}|2[01][0-9]{2}", text) else None
