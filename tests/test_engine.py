"""The pandas engine through clean(job): staged parts written by the test, literal rows out."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines import CleanBatch, CleanJob, digest_of, plain_indicator
from engines.pandas_engine import clean, read
from pipeline.checkpoints import balanced
from pipeline.parts import write_parts
from rules import gates
from rules.identity import Identity
from rules.records import AGGREGATE, Quarantined, StagedRecord
from utils import PROJECT, Workspace

WEO = ("U.S. dollars", "Billions")
IDENTITY = Identity(json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8")))
Engine = Callable[..., CleanBatch]


def row(code: str = "USA", raw: str = "1.5", year: str = "2024", indicator: str = "NGDPD", name: str = "",
        unit: Sequence[str] = WEO, status: str = "actual", locator: str = "here") -> StagedRecord:
    return StagedRecord(code, name, indicator, year, raw, unit[0], unit[1], status, locator)


def job_of(folder: Path, rows: Sequence[StagedRecord], **changes: Any) -> CleanJob:
    workspace = Workspace(folder)
    parts = write_parts(workspace, workspace.staged / "d" / "v", "part", StagedRecord._fields, rows)
    files = [workspace.resolve(part.relative_path) for part in parts]
    content = {"dataset": "imf-weo", "vintage": "October 2024", "files": files, "identity": IDENTITY, "main": "NGDPD",
               "picture_year": 2024, **changes}
    return CleanJob(**content)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return lambda rows, **changes: clean(job_of(tmp_path, rows, **changes))


# --- fates --------------------------------------------------------------------------------------------------------

FATES = {
    "stays": (row(), {"out": 1}, None),
    "aggregate by status": (row("XQ1", name="Nobody's group", status=AGGREGATE), {"set aside: aggregate": 1}, None),
    "aggregate by identity": (row("G163", name="Euro area"), {"set aside: aggregate": 1}, None),
    "world": (row("", name="World"), {"set aside: aggregate": 1}, None),
    "no value": (row(raw="n/a"), {"set aside: no value": 1}, None),
    "no value and no year": (row(raw="—", year=""), {"set aside: no value": 1}, None),
    "bad number": (row(raw="1115,494"), {"quarantined": 1},
                   Quarantined("number", "here", "1115,494", "'1115,494' has malformed thousands groups")),
    "bad year": (row(year="FY24"), {"quarantined": 1}, Quarantined("year", "here", "1.5", "'FY24' is no year")),
    "PPP": (row(unit=("Purchasing power parity; international dollars", "Billions")), {"quarantined": 1},
            Quarantined("unit", "here", "1.5",
                        "the unit 'Purchasing power parity; international dollars' is not US dollars")),
    "unknown scale": (row(unit=("U.S. dollars", "Lakhs")), {"quarantined": 1},
                      Quarantined("unit", "here", "1.5", "the scale 'Lakhs' is unknown")),
    "separator in the unit": (row(unit=("US\x1f$\x1f", "\x1f")), {"quarantined": 1},
                              Quarantined("unit", "here", "1.5", "the scale '\\x1f' is unknown")),
}


@pytest.mark.parametrize(("staged", "balance", "quarantined"), FATES.values(), ids=FATES)
def test_fate(engine: Engine, staged: StagedRecord, balance: dict[str, int], quarantined: Quarantined | None) -> None:
    batch = engine([staged])
    assert balanced(batch.balance) == {"in": 1, "out": 0} | balance
    assert batch.quarantined == ([quarantined] if quarantined else [])
    assert len(list(batch.rows)) == batch.balance["out"]


def test_an_unknown_economy_is_quarantined_listed_and_explained(engine: Engine) -> None:
    batch = engine([row("", name="Atlantis", locator="line 7"), row("", name="Atlantis", year="2023"),
                    row("", name="Frnce")])
    assert batch.balance == {"in": 3, "out": 0, "quarantined": 3}
    assert batch.census.unknown == ["Atlantis", "Frnce"] and batch.census.names == 2
    assert batch.quarantined[0] == Quarantined("identity", "line 7", "1.5", IDENTITY.explain("", "Atlantis"))
    assert "France" in batch.quarantined[2].detail


def test_the_last_of_the_file_wins_and_the_superseded_is_listed(engine: Engine) -> None:
    batch = engine([row(raw="1.50", locator="a"), row(raw="2", locator="b"), row(raw="1.5", locator="c"),
                    row("", raw="1.500", name="United States", locator="d"), row("FRA", raw="3"),
                    row(raw="n/a", locator="e")])
    assert list(batch.rows) == [("FRA", "NGDPD", "2024", "3", "0", "0", "here"),
                                ("USA", "NGDPD", "2024", "1.5", "3", "0", "d")]
    assert batch.balance == {"in": 6, "out": 2, "set aside: no value": 1, "duplicate: exact": 2,
                             "duplicate: superseded": 1}
    assert batch.quarantined == [
        Quarantined("superseded", "b", "2", "a later row says otherwise for USA, NGDPD, 2024")]


def test_the_last_wins_among_many(engine: Engine) -> None:
    codes = [country.iso3 for country in IDENTITY.countries()][:7]
    batch = engine([row(codes[number * 5 % 7], str(number)) for number in range(5_000)])
    assert [each[3] for each in batch.rows] == [
        str(max(number for number in range(5_000) if codes[number * 5 % 7] == code)) for code in codes]
    assert batch.balance == {"in": 5_000, "out": 7, "duplicate: superseded": 4_993}


def test_the_same_figure_once_actual_and_once_forecast_is_a_conflict(engine: Engine) -> None:
    batch = engine([row(status="actual"), row(status="forecast")])
    assert batch.balance == {"in": 2, "out": 1, "duplicate: superseded": 1}
    assert [each[5] for each in batch.rows] == ["1"]


# --- values -------------------------------------------------------------------------------------------------------


def test_rows_are_sorted_by_indicator_economy_and_year(engine: Engine) -> None:
    batch = engine([row("USA", year="2025"), row("DEU", year="2024"), row("USA", year="2024"),
                    row("USA", indicator="LP", unit=("Persons", "Millions")), row("111", year="2023")])
    assert [each[:3] for each in batch.rows] == [
        ("USA", "LP", "2024"), ("DEU", "NGDPD", "2024"), ("USA", "NGDPD", "2023"), ("USA", "NGDPD", "2024"),
        ("USA", "NGDPD", "2025")]


def test_forecast_is_told_from_actual_and_from_not_told(engine: Engine) -> None:
    batch = engine([row("CHN", status="actual"), row("DEU", status="forecast"), row("USA", status="")])
    assert [each[5] for each in batch.rows] == ["0", "1", ""]
    assert [each.forecast for each in batch.picture] == [0, 1, None]


UNITS = {
    "billions": (row(raw="29,184.890"), "29184.89", "3"),
    "millions": (row(raw="29,184,890", unit=("US$", "Millions")), "29184.89", "3"),
    "full units": (row(raw="29184890000000", unit=("US$", "")), "29184.89", "9"),
    "exponent": (row(raw="2.918489E+13", unit=("US$", "")), "29184.89", "9"),
    "persons": (row(raw="340111000", indicator="LP", unit=("Persons", "")), "340.111", "6"),
    "percent": (row(raw="2.50%", indicator="PCPIPCH", unit=("Percent change", "")), "2.5", "2"),
}


@pytest.mark.parametrize(("staged", "text", "decimals"), UNITS.values(), ids=UNITS)
def test_value_and_decimals_are_in_the_canonical_unit(engine: Engine, staged: StagedRecord, text: str,
                                                      decimals: str) -> None:
    assert [each[3:5] for each in engine([staged]).rows] == [(text, decimals)]


@pytest.mark.parametrize(("stated", "unit", "decimals"), [(-6, ("US$", ""), "3"), (3, WEO, "3"), (0, ("US$", ""), "9")])
def test_decimals_stated_by_the_publisher(engine: Engine, stated: int, unit: tuple[str, str], decimals: str) -> None:
    batch = engine([row(raw="5", unit=unit), row(raw="7.25", indicator="NGDPDPC", unit=("US$", ""))],
                   decimals={"NGDPD": stated})
    assert [each[4] for each in batch.rows] == [decimals, "2"]


def test_a_decimal_comma_of_the_document(engine: Engine) -> None:
    batch = engine([row("USA", "29.184,890"), row("FRA", "3 162,0"), row("", "1.111.494,5", name="World")],
                   decimal_mark=",")
    assert [each[3] for each in batch.rows] == ["3162", "29184.89"]
    assert batch.census.world == Decimal("1111494.5")


# --- pictures, gates ----------------------------------------------------------------------------------------------


def test_picture_of_one_year_and_those_without_it(engine: Engine) -> None:
    batch = engine([row("USA"), row("USA", "9", "2025"), row("SYR", year="2010"), row("FRA", indicator="LP",
                                                                                     unit=("Persons", "Millions"))])
    assert [(each.iso3, each.year, each.value_text) for each in batch.picture] == [("USA", 2024, "1.5")]
    assert batch.missing == ["SYR"]
    assert batch.census.economies == {"USA", "SYR"} and batch.census.gdp == {"USA": Decimal("1.5")}


def test_picture_of_own_years_shows_the_latest_of_each(engine: Engine) -> None:
    batch = engine([row("USA", "9", "2025"), row("USA"), row("SYR", year="2010")], picture_year=0)
    assert [(each.iso3, each.year) for each in batch.picture] == [("SYR", 2010), ("USA", 2025)]
    assert batch.missing == []


def test_world_is_read_leniently_in_its_year_and_unit(engine: Engine) -> None:
    world = [row("", "7", "2023", name="World"), row("", "5", name="World", unit=("International dollars", "Billions")),
             row("", "1115,494,312", name="World", unit=("US$", "Millions"))]
    assert engine([row(), *world]).census.world == Decimal("1115494.312")
    assert engine([row(), *world[:2]]).census.world is None


KOREA = [("2003", "702717"), ("2004", "792500"), ("2005", "934900"), ("2006", "1,052.600"), ("2007", "1,172.500")]


def test_a_thousandfold_step_is_found_and_named(engine: Engine) -> None:
    batch = engine([*(row("KOR", raw, year) for year, raw in KOREA),
                    row("HRV", "1", "1992"), row("HRV", "13.3", "1993"),
                    row("KOR", "1", "2005", "PCPIPCH", unit=("Percent change", "")),
                    row("KOR", "9000", "2006", "PCPIPCH", unit=("Percent change", ""))])
    assert list(batch.census.jumps) == ["KOR NGDPD is 934900 in 2005 and 1052.6 in 2006"]
    assert batch.census.jumped == ["KOR"]


@pytest.mark.parametrize(("years", "jumps"), [(("2000", "2005"), 1), (("1990", "2005"), 0)])
def test_neighbours_may_be_some_years_apart(engine: Engine, years: tuple[str, str], jumps: int) -> None:
    assert len(engine([row("KOR", "1", years[0]), row("KOR", "500", years[1])]).census.jumps) == jumps


def test_gdp_is_named_before_other_jumps(engine: Engine) -> None:
    people = ("Persons", "Millions")
    batch = engine([row("AND", "1", "2000", "LP", unit=people), row("AND", "999", "2001", "LP", unit=people),
                    row("KOR", "1", "2000"), row("KOR", "999", "2001")])
    assert batch.census.jumped == ["KOR", "AND"]


# --- digest -------------------------------------------------------------------------------------------------------

SEVERAL = [row("USA", "29,184.890"), row("FRA", "3162"), row("111", "27", "2023"), row("DEU", "4.6", "2024", "LP",
                                                                                     unit=("Persons", "Millions"))]


def test_digest_is_of_figures_not_of_order_place_or_spelling(engine: Engine) -> None:
    digest = engine(SEVERAL).digest
    other = [row("", "3,162", name="France", locator="z"), row("USA", "27", "2023"),
             row("USA", "29184890", unit=("US$", "Millions")), SEVERAL[3], row("G001", "5", name="World")]
    assert engine(other).digest == digest
    for at in range(3):
        changed = list(SEVERAL)
        changed[at] = changed[at]._replace(raw="29,184.891")
        assert engine(changed).digest != digest
    assert engine(SEVERAL[1:]).digest != digest
    assert engine([SEVERAL[0], SEVERAL[1]._replace(raw="3162.00"), *SEVERAL[2:]]).digest != digest  # a finer writing
    assert engine([SEVERAL[0]._replace(status="forecast"), *SEVERAL[1:]]).digest != digest


def test_digest_is_of_texts_that_cannot_run_into_each_other() -> None:
    assert plain_indicator("NGDPD") == "NGDPD"
    assert plain_indicator("A,B\nC\\") == "A\\x2cB\\nC\\\\"
    figures = [("NGDPD", "USA", "2024", "1.5", "2", "0"), ("NGDPD", "ZWE", "2024", "2", "0", "")]
    assert digest_of(figures) == hashlib.sha256(b"NGDPD,USA,2024,1.5,2,0\nNGDPD,ZWE,2024,2,0,").hexdigest()


# --- properties ---------------------------------------------------------------------------------------------------

CELLS = st.builds(
    StagedRecord, st.sampled_from(["USA", "FRA", "111", "G001", "", "XX"]),
    st.sampled_from(["", "World", "France", "Atlantis"]), st.sampled_from(["NGDPD", "LP", "A,B"]),
    st.sampled_from(["2023", "2024", "x"]), st.sampled_from(["1", "2.50", "1,000", "n/a", "", "x", "−3"]),
    st.sampled_from(["US$", "Persons", "PPP"]), st.sampled_from(["", "Millions", "?"]),
    st.sampled_from(["actual", "forecast", "", AGGREGATE]), st.text(max_size=3))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, max_size=30), st.sampled_from([0, 2024]))
def test_the_balance_balances_and_keys_are_unique(tmp_path: Path, rows: list[StagedRecord], year: int) -> None:
    batch = clean(job_of(tmp_path, rows, picture_year=year))
    out = list(batch.rows)
    assert balanced(batch.balance)["in"] == len(rows) and batch.balance["out"] == len(out)
    listed = batch.balance.get("quarantined", 0) + batch.balance.get("duplicate: superseded", 0)
    assert listed == len(batch.quarantined)
    keys = [(indicator, iso3, int(at)) for iso3, indicator, at, *_ in out]
    assert keys == sorted(set(keys))
    assert {each.iso3 for each in batch.picture} | set(batch.missing) == {k[1] for k in keys if k[0] == "NGDPD"}
    gates.judge(batch.census)


TEXTS = st.text(st.characters(exclude_categories=()), max_size=6) | st.sampled_from(
    ["", "NA", "nan", "None", "NULL", "007", "1e5", " x ", '"', '""', "a\nb", "a\r\nb", "\r", "\0", "a\0b", ",",
     "\ufeff", "#", "\\", "True", "\u2028", "\udc80"])


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[TEXTS] * 9).map(StagedRecord._make), max_size=8))
def test_any_text_survives_the_part_and_the_reading(tmp_path: Path, rows: list[StagedRecord]) -> None:
    frame = read(job_of(tmp_path, rows))
    expected = [tuple(text.encode("utf-8", "backslashreplace").decode() for text in each) for each in rows]
    assert list(frame.itertuples(index=False, name=None)) == expected


def test_a_part_with_a_null_byte_is_not_left_to_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas 2.2 reads "a\\0b" as "a"; pandas 3.1 does not."""
    monkeypatch.setattr("pandas.read_csv", None)
    frame = read(job_of(tmp_path, [row(raw="a\0b"), row(raw='"')]))
    assert list(frame["raw"]) == ["a\0b", '"'] and list(frame.columns) == list(StagedRecord._fields)


def test_parts_are_read_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.parts.ROWS_PER_PART", 2)
    job = job_of(tmp_path, [row(raw=str(number)) for number in range(5)])
    assert len(job.files) == 3
    assert list(read(job)["raw"]) == ["0", "1", "2", "3", "4"]
    assert [each[3] for each in clean(job).rows] == ["4"]
    assert [each[3] for each in clean(replace(job, files=job.files[::-1])).rows] == ["1"]


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
from tests.test_engine import SEVERAL, clean, job_of
from pathlib import Path
batch = clean(job_of(Path(sys.argv[1]), SEVERAL))
print(batch.digest, list(batch.rows), batch.balance, batch.census, batch.quarantined)
"""


def test_the_same_with_and_without_pyarrow(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    told = []
    for program in (WITHOUT_PYARROW, WITHOUT_PYARROW.replace('sys.modules["pyarrow"] = None', "import pyarrow")):
        done = subprocess.run([sys.executable, "-W", "error", "-c", program, str(tmp_path)], cwd=PROJECT, check=False,
                              capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"})
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0] == told[1] and "29184.89" in told[0]
