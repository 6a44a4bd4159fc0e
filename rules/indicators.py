"""The indicators, their canonical names and units, and how other publishers name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator in its canonical unit.

    exponent:   the canonical unit as a power of ten of the plain one: 9 is billions, 6 millions, 0 units or percent.
    money:      True for US dollars at current prices.
    continuous: True when neighbouring years of one economy can never differ a hundredfold (levels, not rates).
    """

    name: str
    title: str
    unit: str
    exponent: int
    money: bool
    continuous: bool


MAIN = "NGDPD"

INDICATORS = {
    each.name: each
    for each in (
        Indicator("NGDPD", "GDP, current prices", "billion US dollars", 9, money=True, continuous=True),
        Indicator("NGDP_RPCH", "Real GDP growth", "percent a year", 0, money=False, continuous=False),
        Indicator("NGDPDPC", "GDP per head, current prices", "US dollars", 0, money=True, continuous=True),
        Indicator("LP", "Population", "million persons", 6, money=False, continuous=True),
        Indicator("PCPIPCH", "Inflation, average consumer prices", "percent a year", 0, money=False, continuous=False),
    )
}

DEFAULT = tuple(INDICATORS)

WORLD_BANK = {
    "NGDPD": "NY.GDP.MKTP.CD",
    "NGDP_RPCH": "NY.GDP.MKTP.KD.ZG",
    "NGDPDPC": "NY.GDP.PCAP.CD",
    "LP": "SP.POP.TOTL",
    "PCPIPCH": "FP.CPI.TOTL.ZG",
}

# WEO report files name the subject in words and tell US$ from PPP by the units; the words are those of the files of
# April 2019 to October 2025, compared without case and with single spaces.
WEO_SUBJECTS = {
    ("gross domestic product, current prices", "u.s. dollars"): "NGDPD",
    ("gross domestic product, constant prices", "percent change"): "NGDP_RPCH",
    ("gross domestic product per capita, current prices", "u.s. dollars"): "NGDPDPC",
    ("population", "persons"): "LP",
    ("inflation, average consumer prices", "percent change"): "PCPIPCH",
}


def canonical(code: str) -> str:
    """Return the canonical name for the World Bank's code of one of the five, else the code unchanged."""
    for name, theirs in WORLD_BANK.items():
        if code == theirs:
            return name
    return code
