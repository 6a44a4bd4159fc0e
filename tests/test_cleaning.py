"""Cells to figures: literal cases, and properties against Python's decimal and integer arithmetic."""

from __future__ import annotations

import time
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules import cleaning
from rules.cleaning import NO_VALUE, Number

MINUS, NBSP, THIN, NARROW = "\u2212", "\u00a0", "\u2009", "\u202f"

FIGURES = {
    "plain": ("94.669", "94.669", 3),
    "thousands": ("1,234.565", "1234.565", 3),
    "millions": ("1,115,494,312", "1115494312", 0),
    "trailing zeros count as decimals": ("293.600", "293.6", 3),
    "sort key": ("7007806837870000000♠98,964", "98964", 0),
    "sort key and footnote": ("7007806837870000000♠98,964[6]", "98964", 0),
    "year override": ("98,964 (2024)", "98964", 0),
    "fiscal year override": ("98,964 (2023/24)", "98964", 0),
    "footnote before": ("[n 2]98,964", "98964", 0),
    "footnotes after": ("98,964[6][n 12]", "98964", 0),
    "dagger": ("98,964 †", "98964", 0),
    "line breaks around": ("\n      98,964\n    ", "98964", 0),
    "NBSP groups": (f"98{NBSP}964", "98964", 0),
    "thin space groups": (f"1{THIN}098{THIN}964.5", "1098964.5", 1),
    "narrow space groups": (f"98{NARROW}964", "98964", 0),
    "apostrophe groups": ("1'098'964", "1098964", 0),
    "unicode minus": (f"{MINUS}12.405", "-12.405", 3),
    "hyphen minus": ("-12.405", "-12.405", 3),
    "plus": ("+2.5", "2.5", 1),
    "US$": ("US$1,234", "1234", 0),
    "minus before dollars": ("-$ 5.50", "-5.5", 2),
    "exponent of JSON": ("2.5439E+13", "25439000000000", 0),
    "small exponent": ("1.5e-3", "0.0015", 4),
    "zero": ("0.000", "0", 3),
    "minus zero": ("-0", "0", 0),
    "minus zero with decimals": ("-0.0", "0", 1),
    "leading zeros": ("007.50", "7.5", 2),
    "point first": (".5", "0.5", 1),
    "point last": ("5.", "5", 0),
    "zero-width around": ("\ufeff\u200b12\u200b", "12", 0),
}


@pytest.mark.parametrize(("raw", "text", "decimals"), FIGURES.values(), ids=FIGURES)
def test_figure(raw: str, text: str, decimals: int) -> None:
    assert cleaning.parse_number(raw) == Number(text, decimals, "")


@pytest.mark.parametrize("raw", ["", " ", "n/a", "N/A", "na", "NaN", "None", "null", "--", "-", "—", "–", MINUS, "—N/a",
                                 "— n/a[3]", "...", "..", "[5]", "\u00a0", "not available", "‒", "(2024)"])
def test_no_value_is_never_zero_nor_a_fault(raw: str) -> None:
    assert cleaning.parse_number(raw) == NO_VALUE


REFUSED = {
    "broken groups": ("1115,494,312", "has malformed thousands groups"),
    "decimal comma": ("0,348", "has malformed thousands groups"),
    "decimal comma, four digits": ("1101,445", "has malformed thousands groups"),
    "group of two": ("12,34", "has malformed thousands groups"),
    "Indian groups": ("12,34,567", "has malformed thousands groups"),
    "mixed groups": ("1,234 567", "has malformed thousands groups"),
    "note inside": ("1[2]34", "is no number"),
    "asterisk inside": ("12*34", "is no number"),
    "two numbers in two lines": ("12\n345", "is no number"),
    "two points": ("1.234.567", "is no number"),
    "brackets": ("(1,234)", "is no number"),
    "words": ("about 5", "is no number"),
    "percent of a sum": ("2.5%", "is no number"),
    "en dash for minus": ("–5.2", "is no number"),
    "other digits": ("１２３", "is no number"),
    "open footnote": ("98,964[6", "is no number"),
    "hexadecimal": ("0x10", "is no number"),
    "infinity": ("inf", "is no number"),
    "underscore": ("1_000", "is no number"),
    "long": ("9" * 201, "is too long for a figure"),
    "35 digits": ("9" * 35, "has more than 34 digits"),
    "exponent of 99": ("1E99", "has more than 34 digits"),
    "exponent of 999": ("1E999", "is no number"),
}


@pytest.mark.parametrize(("raw", "fault"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_reason_and_no_figure(raw: str, fault: str) -> None:
    assert cleaning.parse_number(raw) == Number("", 0, fault)


@pytest.mark.parametrize(("raw", "text"), [
    ("1.101,445", "1101.445"), ("1101,445", "1101.445"), ("0,348", "0.348"), ("20,2", "20.2"), ("1.234.567", "1234567"),
    (f"1{NBSP}234,5", "1234.5"), ("−1,5", "-1.5"), ("1,5E3", "1500"), ("1.234", "1234"), ("12", "12"), ("—", ""),
])
def test_decimal_comma(raw: str, text: str) -> None:
    assert cleaning.parse_number(raw, ",")[::2] == (text, "")


@pytest.mark.parametrize("raw", ["11,245.34", "20.2", "1,234,567"])
def test_a_decimal_point_is_refused_where_the_document_writes_commas(raw: str) -> None:
    number = cleaning.parse_number(raw, ",")
    assert number.text == "" and number.fault


def test_percent_sign_only_where_the_unit_is_percent() -> None:
    assert cleaning.parse_number("2.50 %", percent=True) == Number("2.5", 2, "")
    assert cleaning.parse_number("−12,405%", ",", percent=True) == Number("-12.405", 3, "")


@given(st.text(alphabet="0123456789.,-+eE \u2212♠[]()†$%n/a\n\u00a0", max_size=40) | st.text(max_size=20))
@example("-0")
@example("12\n")
@example("0.10")
def test_quick_way_for_clean_cells_equals_the_long_way(raw: str) -> None:
    text, fault = cleaning._bare(raw)
    long = Number("", 0, fault)
    if text and not fault:
        long = cleaning._read(cleaning._CURRENCY.sub(r"\1", text.replace(MINUS, "-"), count=1))
    assert cleaning.parse_number(raw) == long


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-10**15, max_value=10**15))
def test_clean_cells_are_read_as_decimal_reads_them(value: Decimal) -> None:
    number = cleaning.parse_number(format(value, "f"))
    assert (Decimal(number.text), number.decimals, number.fault) == (value, 6, "")
    assert cleaning.parse_number(format(value, ",f")) == number
    assert cleaning.parse_number(format(value, ",f").translate(str.maketrans(",.", ".,")), ",") == number
    assert number.text == cleaning.canonical(number.text)
    assert "e" not in number.text.lower() and not number.text.endswith(".")


@given(st.text(max_size=300) | st.text(alphabet="[]()†*♠ -1,.", max_size=300))
def test_hostile_text_gives_a_figure_nothing_or_a_fault(raw: str) -> None:
    for mark in ".,":
        number = cleaning.parse_number(raw, mark)
        assert not (number.text and number.fault)
        if number.text:
            assert Decimal(number.text).is_finite()
        lenient = cleaning.lenient_number(raw, mark)
        assert lenient == "" or Decimal(lenient).is_finite()


@pytest.mark.parametrize("piece", ["[", "[a", "(2024", " ", "†", "1,", "1 ", "♠", "--", "1e", "$"])
def test_hostile_length_takes_no_time(piece: str) -> None:
    begun = time.process_time()
    for _ in range(20):
        cleaning.parse_number(piece * 1_000_000)
        cleaning.parse_number(piece * (cleaning.MAX_LENGTH // len(piece)))
        cleaning.lenient_number(piece * 100)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(("raw", "mark", "text"), [
    ("1115,494,312", ".", "1115494312"), ("1115,494,312[4]", ".", "1115494312"), ("1,234", ".", "1234"),
    ("1.115.494,5", ",", "1115494.5"), ("1115.494,5", ",", "1115494.5"), ("n/a", ".", ""), ("about", ".", ""),
    ("98,964 (2024)", ".", "98964"),
])
def test_lenient_reading_is_for_the_world_row(raw: str, mark: str, text: str) -> None:
    assert cleaning.lenient_number(raw, mark) == text


# --- arithmetic ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("millions", "billions"), [
    ("1234565", "1234.57"), ("2675", "2.68"), ("1115", "1.12"), ("5", "0.01"), ("4", "0.00"), ("-2675", "-2.68"),
    ("-4", "0.00"), ("0.5", "0.00"),
])
def test_half_up_of_millions(millions: str, billions: str) -> None:
    rounded = cleaning.half_up(cleaning.shifted(millions, -3))
    assert str(rounded) == billions


@given(st.integers(0, 10**15))
def test_half_up_equals_integer_arithmetic(millions: int) -> None:
    assert cleaning.half_up(cleaning.shifted(str(millions), -3)) * 100 == (millions + 5) // 10


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-10**20, max_value=10**20))
def test_half_up_equals_decimal(value: Decimal) -> None:
    rounded = cleaning.half_up(format(value, "f"))
    assert rounded == value.quantize(Decimal("0.01"), ROUND_HALF_UP, context=Context(prec=2000))
    assert not (rounded == 0 and rounded.is_signed())


def test_half_up_of_all_digits_that_are_let_through() -> None:
    assert str(cleaning.half_up("9" * 34 + ".995")) == "1" + "0" * 34 + ".00"
    assert cleaning.half_up(cleaning.shifted("9" * 34, 12)) == Decimal("9" * 34 + "0" * 12)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-10**30, max_value=10**30), st.integers(-15, 15))
def test_shifted_is_exact(value: Decimal, places: int) -> None:
    text = cleaning.canonical(format(value, "f"))
    moved = cleaning.shifted(text, places)
    assert Decimal(moved) == Decimal(text).scaleb(places, Context(prec=3000))
    assert moved == cleaning.canonical(moved)
    assert cleaning.shifted(moved, -places) == text


@given(st.from_regex(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?", fullmatch=True))
def test_canonical_is_idempotent_and_the_same_number(text: str) -> None:
    once = cleaning.canonical(text)
    assert cleaning.canonical(once) == once
    assert Decimal(once) == Decimal(text)
    assert once == "0" or (once.lstrip("-")[0] != "0" or once.lstrip("-").startswith("0."))


# --- units --------------------------------------------------------------------------------------------------------

PLACES = {
    "WEO": ("NGDPD", "U.S. dollars", "Billions", 0),
    "millions": ("NGDPD", "US$", "Millions", -3),
    "full units": ("NGDPD", "US$", "", -9),
    "panel": ("NGDPD", "USD", "9.0", 0),
    "factor": ("NGDPD", "US$", "1000000000.0", 0),
    "in the unit": ("NGDPD", "US$ million", "", -3),
    "in both": ("NGDPD", "US$ million", "Millions", -3),
    "in words": ("NGDPD", "Billions of U.S. dollars", "", 0),
    "at current prices": ("NGDPD", "current US$", "", -9),
    "per head": ("NGDPDPC", "U.S. dollars", "Units", 0),
    "persons": ("LP", "Persons", "Millions", 0),
    "persons in units": ("LP", "Persons", "", -6),
    "million persons": ("LP", "Million persons", "", 0),
    "percent": ("PCPIPCH", "Percent change", "", 0),
    "percent with a scale that is none": ("PCPIPCH", "Percent change", "n/a", 0),
    "another indicator": ("GGXWDG", "National currency", "Billions", 9),
}


@pytest.mark.parametrize(("indicator", "unit", "scale", "places"), PLACES.values(), ids=PLACES)
def test_places_to_the_canonical_unit(indicator: str, unit: str, scale: str, places: int) -> None:
    assert cleaning.places_of(indicator, unit, scale) == places


@pytest.mark.parametrize("unit", ["Purchasing power parity; international dollars", "National currency", "PPP$", "",
                                  "current international $", "constant 2015 US$", "A$", "Canadian dollars", "euro",
                                  "US$ (PPP)", "Percent change"])
def test_other_money_is_refused(unit: str) -> None:
    assert not cleaning.is_us_dollars(unit)
    assert cleaning.places_of("NGDPD", unit, "Billions") == f"the unit {unit!r} is not US dollars"


@pytest.mark.parametrize("unit", ["U.S. dollars", "US$", "US dollars", "USD", "$", "dollars", "us dollar",
                                  "current US$", "US$, million", "U.S.  Dollars (billions)"])
def test_us_dollars(unit: str) -> None:
    assert cleaning.is_us_dollars(unit)


def test_a_unit_and_a_scale_that_contradict_each_other_are_refused() -> None:
    assert cleaning.places_of("NGDPD", "US$ million", "Billions") == (
        "the unit 'US$ million' and the scale 'Billions' contradict each other")
    assert cleaning.places_of("NGDPD", "US$", "Zillions") == "the scale 'Zillions' is unknown"


@pytest.mark.parametrize(("scale", "exponent"), [
    ("", 0), ("Units", 0), ("Thousands", 3), ("millions", 6), (" Billions ", 9), ("1", 0), ("1.0", 0), ("0.0", 0),
    ("1000000", 6), ("1000000.0", 6), ("1000000000", 9), ("1000000000.0", 9), ("6.0", 6), ("9", 9), ("9.0", 9),
    ("1e9", 9), ("1E+06", 6), ("10", 1), ("NULL", None), ("2", None), ("1.5", None), ("9.5", None), ("-9", None),
    ("1" + "0" * 16, None),
])
def test_exponent(scale: str, exponent: int | None) -> None:
    assert cleaning.exponent_of(scale) == exponent


@pytest.mark.parametrize(("text", "year"), [("2024", 2024), ("1500", 1500), ("2199", 2199), ("1499", None),
                                            ("2200", None), ("", None), ("2024\n", None), ("FY2024", None),
                                            ("２０２４", None), ("2024.0", None)])
def test_year(text: str, year: int | None) -> None:
    assert cleaning.year_of(text) == year


@pytest.mark.parametrize(("text", "year"), [("2024", "2024"), (" YR2024\n", "2024"), ("2024.00", "2024"),
                                            ("2024.5", "2024.5"), (" FY24", " FY24"), ("20245", "20245")])
def test_a_written_year(text: str, year: str) -> None:
    assert cleaning.written_year(text) == year
