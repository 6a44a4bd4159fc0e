"""In which unit a table's figures are: by its columns, its value column's name, its indicator codes or --unit."""

from __future__ import annotations

from rules.indicators import INDICATORS, MAIN, WORLD_BANK

SCALES = {"usd": "", "million": "Millions", "billion": "Billions"}
EXPONENTS = {0: "", 3: "Thousands", 6: "Millions", 9: "Billions", 12: "Trillions"}
NOTHING = {"", "null", "none", "nan", "na", "n/a"}
SAYS_SCALE = ("thousand", "million", "billion", "trillion")

# The IMF's own unit codes in its older and newer SDMX datasets, for the five indicators.
UNIT_CODES = {"P": "US$", "USD": "US$", "US$": "US$", "N": "Persons", "H": "Percent change", "PT": "Percent change"}
DEFAULTS = {"NGDP_RPCH": ("Percent change", ""), "PCPIPCH": ("Percent change", ""), "LP": ("Persons", "Millions")}
WORLD_BANK_UNITS = {"NGDPD": ("US$", ""), "NGDPDPC": ("US$", ""), "LP": ("Persons", ""),
                    "NGDP_RPCH": ("Percent change", ""), "PCPIPCH": ("Percent change", "")}


class Unstated(ValueError):
    """Nothing says the unit of a sum of money, or two things contradict each other; the message is a sentence."""


def scale_word(text: str) -> str:
    """Return a scale as a word: "1000000000", "1000000000.0" and the power of ten "9.0" are "Billions", "1" is "".

    1 is a factor, not a power of ten: nobody publishes in tens. What is not known is returned as it is.
    """
    text = text.strip()
    if text.lower() in NOTHING or text.lower() == "units":
        return ""
    number = text.removesuffix(".0")
    if not number.isascii() or not number.isdigit() or len(number) > 15:
        return text
    size = int(number)
    if size == 1:
        return ""
    if size in EXPONENTS:
        return EXPONENTS[size]
    return next((word for power, word in EXPONENTS.items() if power and size == 10**power), text)


class Units:
    """The unit and scale of each cell of a table.

    option:  --unit: "usd", "million", "billion" or "".
    stated:  what the value column's name says, in the same words.
    columns: which of unit and scale the table has a column for.
    """

    def __init__(self, option: str, stated: str, *, unit_column: bool, scale_column: bool) -> None:
        self.option, self.stated = option, stated
        self.unit_column, self.scale_column = unit_column, scale_column

    def of(self, code: str, indicator: str, unit: str, scale: str) -> tuple[str, str]:
        """Return (unit, scale) for a cell with this indicator code, unit cell and scale cell. Raises Unstated."""
        known = INDICATORS.get(indicator)
        default = WORLD_BANK_UNITS.get(indicator) if code in WORLD_BANK.values() else DEFAULTS.get(indicator)
        said = self._said(unit, scale)
        if known is None or not known.money:
            unit, scale = default or ("", "")
            spoken = self.scale_column or any(word in said[0].lower() for word in SAYS_SCALE)
            return said[0] or unit, said[1] if spoken else scale
        if indicator != MAIN:  # a figure per head: the words "billion" are about the total beside it
            return said[0] or "US$", said[1] if self.scale_column else ""
        return self._of_total(said, default)

    def _said(self, unit: str, scale: str) -> tuple[str, str]:
        unit = unit.strip()
        if unit.lower() in NOTHING:
            unit = ""
        return UNIT_CODES.get(unit.upper(), unit), scale_word(scale)

    def _of_total(self, said: tuple[str, str], default: tuple[str, str] | None) -> tuple[str, str]:
        words = {"--unit": self.option, "the value column's name": self.stated}
        scales = {who: SCALES[word] for who, word in words.items() if word}
        if self.scale_column:
            scales["the scale column"] = said[1]
        elif any(word in said[0].lower() for word in SAYS_SCALE):
            if scales:
                raise Unstated(f"the unit column says {said[0]!r}, and {' and '.join(scales)} another thing")
            return said
        if len(set(scales.values())) > 1:
            raise Unstated(" and ".join(f"{who} says {scale or 'units'}" for who, scale in scales.items())
                           + "; which is right cannot be told")
        if scales:
            return said[0] or "US$", next(iter(scales.values()))
        if default:
            return default
        raise Unstated("nothing says whether the figures are in dollars, millions or billions of dollars")
