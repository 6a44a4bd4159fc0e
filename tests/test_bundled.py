"""The bundled vintages: every figure, the order, the choice among them, and damage."""

from __future__ import annotations

import csv
import json
import lzma
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import utils
from pipeline.documents import RawDocument
from pipeline.errors import ExitCode, SourceNonsense, UsageError
from rules.records import StagedRecord
from sources import BaseSource, Request, VintageBatch, available, bundled, open_source
from sources._bundle import BundleDamaged, Kind, Series, decode, encode

INDICATORS = ("NGDPD", "NGDP_RPCH", "NGDPDPC", "LP", "PCPIPCH")
# vintage, published, last year, then the figures of each indicator in the order above.
HELD: list[tuple[str, str, int, tuple[int, int, int, int, int]]] = [
    ("2021-04", "2021-04-06", 2026, (8977, 8916, 8309, 8367, 8864)),
    ("2021-10", "2021-10-12", 2026, (8981, 8920, 8303, 8373, 8878)),
    ("2022-04", "2022-04-19", 2027, (9185, 9120, 8490, 8560, 9098)),
    ("2022-10", "2022-10-11", 2027, (9199, 9138, 8504, 8565, 9114)),
    ("2023-04", "2023-04-11", 2028, (9404, 9344, 8696, 8759, 9320)),
    ("2023-10", "2023-10-10", 2028, (9396, 9334, 8676, 8740, 9280)),
    ("2024-04", "2024-04-16", 2029, (9601, 9533, 8868, 8925, 9478)),
    ("2024-10", "2024-10-22", 2029, (9602, 9534, 8846, 8902, 9481)),
    ("2025-04", "2025-04-22", 2030, (9803, 9736, 9034, 9091, 9684)),
    ("2025-10", "2025-10-14", 2030, (9841, 9773, 9092, 9176, 9719)),
]
FILE = utils.PROJECT / "data" / "weo_vintages.xz"


def documents(**asked: Any) -> list[RawDocument]:
    return list(bundled.Source().fetch(Request("bundled", **asked), None))  # type: ignore[arg-type]  no network


def batches(**asked: Any) -> list[VintageBatch]:
    return list(bundled.Source().parse(documents(**asked)))


@cache
def everything() -> dict[str, list[StagedRecord]]:
    return {batch.vintage.label: list(batch.rows) for batch in batches()}


def parsed(data: bytes, **parameters: str) -> list[StagedRecord]:
    document = RawDocument("data", "data/other.xz", "2026-11-20T00:00:00Z", parameters=parameters, data=data)
    return [row for batch in bundled.Source().parse([document]) for row in batch.rows]


# --- what it holds ------------------------------------------------------------------------------------------------


def test_the_figures_of_each_vintage_and_indicator() -> None:
    found = {label: Counter(row.indicator for row in rows) for label, rows in everything().items()}
    assert found == {label: dict(zip(INDICATORS, counts, strict=True)) for label, _, _, counts in HELD}
    assert sum(map(len, everything().values())) == 454_529


def test_the_file_is_small() -> None:
    assert FILE.stat().st_size < 1_500_000


def test_batches_come_oldest_first_and_speak_for_every_economy_in_their_years() -> None:
    found = batches()
    assert [(batch.vintage.label, batch.vintage.published) for batch in found] == [row[:2] for row in HELD]
    for batch, (label, published, last_year, counts) in zip(found, HELD, strict=True):
        assert batch.vintage.dataset == "imf-weo"
        assert batch.vintage.updated == ""
        assert [scope.indicator for scope in batch.scopes] == list(INDICATORS)
        assert {scope.years for scope in batch.scopes} == {tuple(range(1980, last_year + 1))}
        assert all(scope.complete and scope.vintage == batch.vintage for scope in batch.scopes), published
        assert batch.decimals == dict.fromkeys(INDICATORS, 3)
        assert batch.decimal_mark == "."
        rows = list(batch.rows)
        assert rows == everything()[label]
        assert (batch.rows_read, len(rows), batch.set_aside) == (sum(counts), sum(counts), {})


@pytest.mark.parametrize(("vintage", "code", "indicator", "year", "raw", "unit", "scale", "status"), [
    ("2021-04", "694", "NGDPD", "2022", "588.419", "U.S. dollars", "Billions", "forecast"),
    ("2023-04", "694", "NGDPD", "2022", "477.376", "U.S. dollars", "Billions", "actual"),
    ("2024-10", "694", "NGDPD", "2022", "476.468", "U.S. dollars", "Billions", "actual"),
    ("2025-04", "694", "NGDPD", "2022", "476.468", "U.S. dollars", "Billions", "actual"),
    ("2025-10", "NGA", "NGDPD", "2022", "645.682", "U.S. dollars", "Billions", "actual"),
    ("2024-10", "111", "NGDPD", "2024", "29167.779", "U.S. dollars", "Billions", "forecast"),
    ("2025-04", "111", "NGDPD", "2024", "29184.9", "U.S. dollars", "Billions", "actual"),
    ("2025-10", "USA", "NGDPD", "2024", "29298.025", "U.S. dollars", "Billions", "actual"),
    ("2025-10", "USA", "NGDPDPC", "2024", "86144.797", "U.S. dollars", "Units", "actual"),
    ("2025-10", "USA", "LP", "2024", "340.102", "Persons", "Millions", "actual"),
    ("2025-10", "USA", "NGDP_RPCH", "2024", "2.793", "Percent change", "", "actual"),
    ("2025-10", "USA", "PCPIPCH", "2024", "2.952", "Percent change", "", "actual"),
    ("2025-10", "EGY", "NGDPD", "2024", "383.105", "U.S. dollars", "Billions", "actual"),
    ("2025-10", "EGY", "NGDPD", "2025", "349.264", "U.S. dollars", "Billions", "forecast"),
    ("2025-10", "G110", "NGDPD", "1980", "8478.682", "U.S. dollars", "Billions", ""),
    ("2024-04", "636", "LP", "1980", "25.124", "Persons", "Millions", ""),
], ids=lambda text: text or "none")
def test_well_known_figures(vintage: str, code: str, indicator: str, year: str, raw: str, unit: str, scale: str,
                            status: str) -> None:
    found = [row for row in everything()[vintage] if (row.code, row.indicator, row.year) == (code, indicator, year)]
    assert found == [StagedRecord(code, "", indicator, year, raw, unit, scale, status,
                                  f"{vintage}/{code}/{indicator}/{year}")]
    assert type(found[0]) is StagedRecord


# --- what is asked for --------------------------------------------------------------------------------------------


def test_indicators_not_asked_for_are_counted_and_set_aside() -> None:
    found = batches(indicators=("LP", "NGDPD"))
    rows = [list(batch.rows) for batch in found]
    assert [len(each) for each in rows] == [8367 + 8977, 8373 + 8981, 8560 + 9185, 8565 + 9199, 8759 + 9404,
                                           8740 + 9396, 8925 + 9601, 8902 + 9602, 9091 + 9803, 9176 + 9841]
    assert {row.indicator for each in rows for row in each} == {"LP", "NGDPD"}
    assert [scope.indicator for scope in found[0].scopes] == ["LP", "NGDPD"]
    assert found[0].decimals == {"LP": 3, "NGDPD": 3}
    assert found[0].set_aside == {"not asked for": 8916 + 8309 + 8864}
    assert sum(batch.rows_read for batch in found) == 454_529


def test_one_vintage_can_be_asked_for() -> None:
    found = batches(indicators=("NGDPD",), vintage="2024-10")
    assert [batch.vintage.label for batch in found] == ["2024-10"]
    assert len(list(found[0].rows)) == 9602


@pytest.mark.parametrize(("asked", "said"), [
    ({"indicators": ("NGDPD", "GGXWDG_NGDP")}, "NGDPD, NGDP_RPCH, NGDPDPC, LP, PCPIPCH and no GGXWDG_NGDP"),
    ({"indicators": ("NGDPDCP",)}, "did you mean NGDPDPC?"),
    ({"vintage": "2019-04"}, "2021-04, 2021-10, 2022-04, 2022-10, 2023-04, 2023-10, 2024-04, 2024-10, 2025-04, "
                             "2025-10 and no 2019-04"),
    ({"vintage": "October 2025"}, "A vintage is a year and a month, such as 2025-10"),
    ({"vintage": "2022-10+2022-11-30"}, "--vintage 2022-10+2022-11-30: the bundle holds the first printing of each"),
], ids=["indicator", "near miss", "vintage", "no vintage at all", "a later printing"])
def test_what_it_does_not_hold_is_a_usage_error_that_names_what_it_holds(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        batches(**asked)
    assert said in raised.value.what
    assert raised.value.next_command
    assert raised.value.exit_code == ExitCode.USAGE


def test_it_is_found_by_its_name_and_needs_no_network() -> None:
    source = open_source("bundled")
    assert isinstance(source, BaseSource)
    assert (source.dataset, source.default_url, source.needs_input) == ("imf-weo", "", False)
    assert available()["bundled"].startswith("Ten vintages of the IMF World Economic Outlook")
    [document] = documents(indicators=("NGDPD", "LP"))
    assert (document.kind, document.url, document.path) == ("data", "data/weo_vintages.xz", FILE)
    assert document.parameters == {"indicators": "NGDPD,LP"}
    assert source.fingerprint(document) == sha256(FILE.read_bytes()).hexdigest()


def test_decoding_imports_nothing_heavy() -> None:
    code = ("import sys; from sources import Request; from sources.bundled import Source; s = Source(); "
            "print(sum(1 for b in s.parse(list(s.fetch(Request('bundled'), None))) for _ in b.rows), "
            "sorted({'pandas', 'numpy', 'pyarrow', 'lxml', 'requests'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], cwd=utils.PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "454529 []\n"


# --- damage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 6, 8, 13, 30, 1000, 200_000, -400, -40, -20, -10, -1])
def test_a_flipped_byte_is_detected_and_the_file_named(place: int) -> None:
    data = bytearray(FILE.read_bytes())
    data[place] ^= 0x40
    with pytest.raises(SourceNonsense) as raised:
        parsed(bytes(data))
    assert raised.value.where == "data/other.xz"
    assert "git checkout -- data/weo_vintages.xz" in raised.value.next_command


@pytest.mark.parametrize("size", [0, 1, 12, 100, 200_000, -1])
def test_a_cut_file_is_detected(tmp_path: Path, size: int) -> None:
    path = tmp_path / "weo_vintages.xz"
    path.write_bytes(FILE.read_bytes()[:size])
    with pytest.raises(SourceNonsense) as raised:
        list(bundled.Source().parse([RawDocument("data", "data/x", "", path=path)]))
    assert raised.value.where == str(path)


def test_something_after_the_end_is_detected() -> None:
    with pytest.raises(SourceNonsense, match="something follows its end"):
        parsed(FILE.read_bytes() + b"\0\0\0\0x")


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "FILE", tmp_path / "gone.xz")
    with pytest.raises(SourceNonsense, match=r"data/gone\.xz is missing"):
        documents()
    gone = RawDocument("data", "data/x", "", path=tmp_path / "gone.xz")
    with pytest.raises(SourceNonsense, match="No such file"):
        list(bundled.Source().parse([gone]))


def test_a_file_that_unpacks_to_far_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources._bundle.LARGEST_TEXT", 1 << 20)
    with pytest.raises(SourceNonsense, match="far too much"):
        parsed(lzma.compress(bytes(2 << 20)))


LINE = "NGDPD|USA|2025-10|2024|2023|27720.725,29298.025,30615.743\n"


def made(body: str = LINE, **changed: Any) -> bytes:
    """A bundle of one series as another program might write it; a header's key is left out for None."""
    header = {"format": "world-economies-vintages", "version": 1, "sha256": sha256(body.encode()).hexdigest(),
              "indicators": {"NGDPD": {"unit": "U.S. dollars", "scale": "Billions", "decimals": 3}},
              "vintages": {"2025-10": {"NGDPD": {"figures": 3, "years": [2023, 2024, 2025]}}}} | changed
    kept = {key: value for key, value in header.items() if value is not None}
    return lzma.compress(json.dumps(kept).encode() + b"\n" + body.encode())


def test_the_form_as_described() -> None:
    assert [(row.year, row.raw, row.status) for row in parsed(made())] == [
        ("2023", "27720.725", "actual"), ("2024", "29298.025", "actual"), ("2025", "30615.743", "forecast")]


@pytest.mark.parametrize(("data", "said"), [
    (lzma.compress(b"hello"), "header cannot be read"),
    (lzma.compress(b"[]\n"), "header cannot be read"),
    (lzma.compress(b"[" * 100_000 + b"\n"), "header cannot be read"),
    (lzma.compress(b"\xff\xfe\n"), "header cannot be read"),
    (made(version=2), "header does not say world-economies-vintages 1"),
    (made(format="zip"), "header does not say"),
    (made(sha256="0" * 64), "sha256 is not that of its figures"),
    (made(sha256=None), "header cannot be read"),
    (made(indicators={"NGDPD": {"unit": "x"}}), "header cannot be read"),
    (made(indicators=[]), "header cannot be read"),
    (made(vintages={"2025-10": {"NGDPD": {"figures": "many", "years": []}}}), "header cannot be read"),
    (made(vintages={"2025-10": 5}), "header cannot be read"),
    (made("", vintages={"../2025": {}}), "A vintage is a year and a month"),
    (made(vintages={}), "a vintage that its header does not name"),
    (made(vintages={"2025-10": {"NGDPD": {"figures": 4, "years": [2023]}}}), "its header says {'NGDPD': 4}"),
    (made("NGDPD|USA|2025-10|2024|2023\n"), "line 2 has not six fields"),
    (made(LINE + "\n"), "line 3 has not six fields"),
    (made("NGDPD|USA|2025-10|2024|20x3|1,2,3\n"), "a line of USA has no first year"),
    (made("NGDPD|USA|2025-10|2024|" + "9" * 5000 + "|1,2,3\n"), "a line of USA has no first year"),
    (made(LINE[:-1]), "its last line has no end"),
    (b"PK\x03\x04" * 9, "xz says: input format not supported"),
    (b"", "cut short"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_nonsense_is_named_as_such(data: bytes, said: str) -> None:
    with pytest.raises(SourceNonsense) as raised:
        parsed(data)
    assert said in raised.value.what


codes = st.text(st.characters(exclude_characters="|,\n", exclude_categories=["Cs"]), max_size=8)
series = st.builds(Series, st.sampled_from(["NGDPD", "LP"]), codes, st.sampled_from(["2024-10", "2025-10"]), codes,
                   st.integers(1000, 2100),
                   st.lists(st.one_of(st.just(""), st.decimals(-9999, 9999, places=3).map(str)), min_size=1,
                            max_size=9))


@given(st.lists(series, unique_by=lambda each: each[:3], max_size=8))
def test_any_series_come_back_as_they_went_in(given_series: list[Series]) -> None:
    kinds = {"NGDPD": Kind("U.S. dollars", "Billions", 3), "LP": Kind("Persons", "Millions", 3)}
    data = encode(kinds, given_series)
    assert data == encode(kinds, reversed(given_series))
    bundle = decode(data)
    found = [each for label in bundle.vintages for each in bundle.series(label, kinds)]
    assert sorted(found) == sorted(given_series)
    assert bundle.indicators == kinds


@pytest.mark.parametrize("bad", [
    Series("NGDPD", "U|A", "2025-10", "", 2000, ["1"]), Series("NGDPD", "USA", "2025-10", "", 2000, ["1,2"]),
    Series("NGDPD", "USA\n", "2025-10", "", 2000, ["1"]), Series("NGDPD", "USA", "2025-10", "", 2000, []),
])
def test_a_field_that_would_read_as_two_is_not_written(bad: Series) -> None:
    with pytest.raises(ValueError, match="separates fields"):
        encode({}, [bad])


@given(st.binary(max_size=300))
def test_bytes_that_are_no_bundle_are_told(data: bytes) -> None:
    with pytest.raises(BundleDamaged):
        decode(data)


# --- against the captures -----------------------------------------------------------------------------------------


def test_every_figure_and_every_forecast_equals_the_panels(captures: Path) -> None:
    """Read by pandas, compared cell by cell; the fiscal year is the one it ends in."""
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    keys = ["vintage", "ref_area", "concept", "year"]
    panel = pd.read_parquet(captures / "weo_panel.parquet", columns=[*keys, "value", "lastactualdate"],
                            filters=[("concept", "in", INDICATORS)])
    ours = pd.DataFrame([(label, row.code, row.indicator, int(row.year), float(row.raw), row.status)
                         for label, rows in everything().items() for row in rows], columns=[*keys, "raw", "status"])
    both = panel.astype(dict.fromkeys([*keys[:3], "lastactualdate"], object)).merge(
        ours, on=keys, how="outer", validate="one_to_one", indicator=True)
    assert both["_merge"].value_counts().to_dict() == {"both": 454_529, "left_only": 0, "right_only": 0}
    assert (both["value"] - both["raw"]).abs().max() < 1e-9
    fiscal = both["lastactualdate"].str.startswith("FY", na=False)
    last = both["lastactualdate"].fillna("0").str.removeprefix("FY").str[:4].astype(float) + fiscal
    expected = pd.Series("actual", both.index).mask(both["year"] > last, "forecast").mask(last < 1, "")
    assert (expected == both["status"]).all()
    assert both["status"].value_counts().to_dict() == {"actual": 366_132, "forecast": 69_416, "": 18_981}


def test_gdp_equals_the_ten_tables_of_it(captures: Path) -> None:
    """The same figures from another form, comma-separated, as decimal numbers."""
    for label, rows in everything().items():
        ours = {(row.code, int(row.year)): Decimal(row.raw) for row in rows if row.indicator == "NGDPD"}
        name = f"data_{label[2:4]}{label[5:]}.csv"
        with (captures / "weo_ngdpd" / name).open(encoding="utf-8", newline="") as stream:
            theirs = {(row["ref_area"], int(float(row["year"]))): round(Decimal(row["value"]), 6)
                      for row in csv.DictReader(stream) if row["value"]}
        assert ours == theirs, name


@pytest.mark.full
def test_the_script_makes_the_same_file_again(captures: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    command = [sys.executable, str(utils.PROJECT / "data" / "make_bundle.py"), "--captures", str(captures), "--output"]
    made_twice = [subprocess.Popen([*command, str(tmp_path / name)], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
                  for name in ("one.xz", "two.xz")]
    assert [process.communicate()[0].partition(": ")[2] for process in made_twice] == [
        f"{FILE.stat().st_size:,} bytes, 10 vintages, 454,529 figures\n"] * 2
    first, second = (tmp_path / "one.xz").read_bytes(), (tmp_path / "two.xz").read_bytes()
    assert first == second
    # another version of xz may press the same text into other bytes
    assert lzma.decompress(first) == lzma.decompress(FILE.read_bytes())
