"""Ten real vintages through the pipeline: any order, what the captures say by other means, real files beside them."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import checkpoints, kept
from rules import gates
from targets import Batch
from tests import history_reference as reference
from tests.history_db import content, publish
from tests.project import run, sql
from utils import Workspace

Counted = tuple[reference.Figures, reference.Spoken]
LABELS = ["2021-04", "2021-10", "2022-04", "2022-10", "2023-04", "2023-10", "2024-04", "2024-10", "2025-04", "2025-10"]


@pytest.fixture(scope="module")
def counted(captures: Path) -> Counted:
    """The figures of the captures and what each vintage speaks for, read by other means."""
    return reference.figures(captures), reference.speaks(captures)


@pytest.fixture
def workspace(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "w"))


def batches(root: Path, *indicators: str) -> list[Batch]:
    """Return the ten batches, of some indicators."""
    workspace = Workspace(root)
    whole = kept.batches_of(workspace, checkpoints.require(workspace, "transform"),
                            checkpoints.require(workspace, "extract"), ())
    return [only(batch, *indicators) for batch in whole] if indicators else whole


def only(batch: Batch, *indicators: str) -> Batch:
    rows = [row for row in batch.rows() if row[1] in indicators]
    return replace(batch, scopes=[s for s in batch.scopes if s.indicator in indicators], figures=len(rows),
                   digest=f"{batch.digest} {indicators}", rows=lambda: iter(rows))


# --- what the database holds --------------------------------------------------------------------------------------


def test_ten_vintages_are_so_many_ranges(bundle: Path) -> None:
    assert sql(bundle, "SELECT indicator, count(*) FROM fact_gdp GROUP BY 1 ORDER BY 1") == [
        ("LP", 18_111), ("NGDPD", 30_232), ("NGDPDPC", 36_522), ("NGDP_RPCH", 26_601), ("PCPIPCH", 20_472)]
    assert sql(bundle, "SELECT label FROM dim_vintage ORDER BY vintage") == [(label,) for label in LABELS]


def test_nigeria_2022_and_its_code_of_october_2025(bundle: Path) -> None:
    assert sql(bundle, """
        SELECT v.label, f.value_text, f.forecast FROM fact_gdp AS f JOIN dim_vintage AS v ON v.vintage = f.from_vintage
        WHERE iso3 = 'NGA' AND indicator = 'NGDPD' AND year = 2022 ORDER BY f.from_vintage""") == [
        ("2021-04", "588.419", 1), ("2021-10", "555.346", 1), ("2022-04", "510.588", 1), ("2022-10", "504.203", 1),
        ("2023-04", "477.376", 0), ("2024-10", "476.468", 0), ("2025-10", "645.682", 0)]


@pytest.mark.parametrize(("indicator", "iso3", "year", "told"), [
    ("NGDPD", "THA", 2020, "501.888 501.712 500.293 499.75 500.525 500.457 500.462 500.501 500.462 500.462"),  # A, B, A
    ("NGDPD", "UKR", 2024, "220.456 243.082 . . . 186.261 188.943 184.099 190.426 190.687"),
    ("NGDPD", "ETH", 2024, "113.619 . 132.314 140.047 184.215 192.013 205.13 145.031 143.123 142.073"),
    ("LP", "LKA", 2023, "22.343 22.275 22.271 22.638 22.638 . . . 22.638 22.638"),
    ("NGDPD", "KOR", 2024, "2052.934 2115.032 2014.925 1879.043 1792.727 1784.805 1760.947 1869.916 1869.714 1875.388"),
])
def test_as_of_each_vintage(bundle: Path, indicator: str, iso3: str, year: int, told: str) -> None:
    found = sql(bundle, """
        SELECT coalesce(f.value_text, '.') FROM dim_vintage AS v
        LEFT JOIN fact_gdp AS f ON f.iso3 = ? AND f.indicator = ? AND f.year = ? AND f.from_vintage <= v.vintage
             AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)
        ORDER BY v.vintage""", iso3, indicator, year)
    assert " ".join(value for value, in found) == told


def test_as_of_any_vintage_a_country_and_year_has_one_value(bundle: Path) -> None:
    assert sql(bundle, """
        SELECT count(*) FROM (
            SELECT v.vintage, f.indicator, f.iso3, f.year, count(*) AS n FROM dim_vintage AS v
            JOIN fact_gdp AS f ON f.from_vintage <= v.vintage AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)
            GROUP BY 1, 2, 3, 4 HAVING n > 1)""") == [(0,)]


def test_every_range_is_the_one_counted_from_the_captures_by_other_means(bundle: Path, counted: Counted) -> None:
    wanted = {(*key, each.start, each.end, each.text, each.flag)
              for key, ranges in reference.ranges(*counted).items() for each in ranges}
    found = set(sql(bundle, """
        SELECT f.indicator, f.iso3, f.year, v.label, w.label, f.value_text, f.forecast FROM fact_gdp AS f
        JOIN dim_vintage AS v ON v.vintage = f.from_vintage LEFT JOIN dim_vintage AS w ON w.vintage = f.to_vintage"""))
    assert (len(wanted), len(found)) == (131_938, 131_938)
    assert found == wanted


def test_changes_of_each_pair_are_those_counted_by_other_means(bundle: Path, counted: Counted) -> None:
    found: defaultdict[str, set[tuple[object, ...]]] = defaultdict(set)
    for label, *change in sql(bundle, """
            SELECT v.label, r.kind, r.indicator, r.iso3, r.year, iif(kind = 'revised', old_text, NULL),
                   iif(kind = 'revised', new_text, NULL)
            FROM fact_revision AS r JOIN dim_vintage AS v USING (dataset, vintage)"""):
        found[label].add(tuple(change))
    for pair in reference.pairs(*counted):
        wanted = {("revised", *key, *(text for text, _ in pair.revised[key])) for key in pair.revised}
        wanted |= {("confirmed", *key, None, None) for key in pair.confirmed}
        wanted |= {("reopened", *key, None, None) for key, (old, new) in pair.reflagged.items()
                   if (old[1], new[1]) == (0, 1)}
        wanted |= {("withdrawn", *key, None, None) for key in pair.withdrawn}
        wanted |= {("appeared", *key, None, None) for key in pair.appeared}
        assert found.pop(pair.newer) == wanted, pair.newer
    assert not found


def test_how_much_of_gdp_each_vintage_changed(bundle: Path) -> None:
    found = sql(bundle, """
        SELECT v.label, sum(kind = 'revised'), sum(kind = 'confirmed'), sum(kind = 'appeared'), sum(kind = 'withdrawn')
        FROM fact_revision AS r JOIN dim_vintage AS v USING (dataset, vintage)
        WHERE r.indicator = 'NGDPD' GROUP BY 1 ORDER BY 1""")
    assert found == [
        ("2021-10", 2410, 10, 28, 24), ("2022-04", 2265, 28, 11, 9), ("2022-10", 2242, 15, 19, 5),
        ("2023-04", 2127, 19, 3, 0), ("2023-10", 2204, 13, 9, 17), ("2024-04", 2214, 12, 4, 0),
        ("2024-10", 2658, 14, 3, 2), ("2025-04", 2398, 10, 4, 3), ("2025-10", 2244, 14, 39, 1)]


# --- any order ----------------------------------------------------------------------------------------------------


def in_groups(found: list[Batch], chance: random.Random) -> Iterator[list[Batch]]:
    chance.shuffle(found)
    while found:
        some = chance.randint(1, len(found))
        yield sorted(found[:some], key=lambda batch: batch.vintage.key)
        del found[:some]


@pytest.mark.parametrize(("indicators", "seeds"), [
    (("LP",), 1), pytest.param(("NGDPD", "PCPIPCH"), 3, marks=pytest.mark.full)], ids=["one", "two"])
def test_real_vintages_in_any_order(bundle: Path, tmp_path: Path, indicators: tuple[str, ...], seeds: int) -> None:
    some = batches(bundle, *indicators)
    publish(tmp_path / "at-once", some)
    wanted = content(tmp_path / "at-once")
    for seed in range(seeds):
        again = [only(batch, indicators[-1]) for batch in some[:3]] + some
        publish(tmp_path / str(seed), *in_groups(again, random.Random(seed)))
        assert content(tmp_path / str(seed)) == wanted, f"seed {seed}"


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3, 11))
def test_real_vintages_of_every_indicator_in_any_order(bundle: Path, tmp_path: Path, seed: int) -> None:
    publish(tmp_path / "any", *in_groups(batches(bundle), random.Random(seed)))
    assert content(tmp_path / "any") == content(bundle)


@pytest.mark.full
def test_the_bundle_again_adds_witnesses_only(workspace: Path) -> None:
    before = content(workspace)
    counts, = publish(workspace, batches(workspace))
    assert (counts.ranges, counts.gone, counts.witnesses) == (0, 0, 10)
    assert content(workspace) == before


@pytest.mark.full  # by default: of two vintages, in test_load.py
def test_a_rebuild_is_equal_in_content(workspace: Path) -> None:
    before = content(workspace)
    done = run("load.py", "--rebuild", workspace=workspace)
    assert done.returncode == 0, done.stderr
    assert content(workspace) == before


# --- what is lost -------------------------------------------------------------------------------------------------


def cut(batch: Batch, lost: set[tuple[str, str]] | None = None, economies: set[str] | None = None) -> Batch:
    rows = [row for row in batch.rows() if (row[0], row[2]) not in (lost or ()) and row[0] not in (economies or ())]
    return replace(batch, figures=len(rows), digest="0" * 64, rows=lambda: iter(rows))


def judged(root: Path, older: Batch, newer: Batch) -> list[gates.Finding]:
    counts, = publish(root, [older, newer])

    def told(key: str) -> str:
        return {older.vintage.key: older.vintage.label, newer.vintage.key: newer.vintage.label}[key]

    return gates.judge_losses(counts.losses, "imf-weo", told)


def test_known_cuts_of_afghanistan_and_kazakhstan_are_a_report(bundle: Path, tmp_path: Path) -> None:
    """From 1982 and from 1993 on, as a dataset that others copy has had them."""
    older, newer = batches(bundle, "NGDPD")[-2:]
    lost = {("AFG", str(year)) for year in range(1982, 2031)} | {("KAZ", str(year)) for year in range(1993, 2031)}
    finding, = judged(tmp_path, older, cut(newer, lost))
    assert not finding.fatal
    assert finding.text.startswith("2025-10 lacks 1 of 196 economies (AFG) and 61 of 9,151 figures of NGDPD that "
                                   "2025-04 has: KAZ 1993-2030 (38), AFG 2002-2023 (22)")


@pytest.mark.parametrize("kind", ["figures", "economies", "a major"])
def test_a_lost_tenth_stops(bundle: Path, tmp_path: Path, kind: str) -> None:
    older, newer = batches(bundle, "NGDPD")[-2:]
    chance = random.Random(7)
    keys = sorted({(row[0], row[2]) for row in newer.rows()})
    economies = sorted({iso3 for iso3, _ in keys} - set(gates.MAJORS))
    damaged = {"figures": cut(newer, set(chance.sample(keys, len(keys) // 10))),
               "economies": cut(newer, economies=set(chance.sample(economies, len(economies) // 10))),
               "a major": cut(newer, economies={"JPN"})}[kind]
    finding, = judged(tmp_path, older, damaged)
    assert finding.fatal


# --- real files beside the bundle ---------------------------------------------------------------------------------


def weo(root: Path, file: Path, *more: str) -> tuple[int, str]:
    done = run("etl_process.py", "--source", "weo", "--input", file, "--no-html", "--no-csv", *more, workspace=root)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.full
def test_the_report_of_october_2019_goes_before_the_bundle(workspace: Path, captures: Path) -> None:
    before = set(sql(workspace, "SELECT * FROM fact_gdp WHERE indicator = 'PCPIPCH' AND iso3 = 'DEU'"))
    code, said = weo(workspace, captures / "weo/WEO_Data_2019-10_latin1.xls")
    assert code == 0, said
    assert sql(workspace, "SELECT label FROM dim_vintage ORDER BY vintage LIMIT 1") == [("2019-10",)]
    assert sql(workspace, "SELECT Vintage FROM Countries_by_GDP LIMIT 1") == [("2025-10",)]
    assert set(sql(workspace, "SELECT * FROM fact_gdp WHERE indicator = 'PCPIPCH' AND iso3 = 'DEU'")) == before
    report = run("report.py", "--as-of", "2019-10", "--top", "1", "--format", "csv", workspace=workspace)
    assert report.stdout.splitlines()[1].startswith("1,United States,21439.45,"), report.stdout + report.stderr


@pytest.mark.full
def test_the_report_of_october_2022_has_china_corrected(workspace: Path, captures: Path) -> None:
    before = content(workspace)
    code, said = weo(workspace, captures / "weo/WEO_Data_2022-10_utf16le.xls")
    assert code == 3
    assert "2 figure(s) of one vintage" in said
    assert "NGDPD CHN 2022 is 20256.411 (forecast) by bundled and 18321.197 (forecast) by weo" in said
    assert "NGDPD CHN 2023 is 21643.252 (forecast) by bundled and 19243.974 (forecast) by weo" in said
    assert content(workspace) == before
    code, said = weo(workspace, captures / "weo/WEO_Data_2022-10_utf16le.xls", "--vintage", "2022-10+2022-11-30")
    assert code == 0, said
    assert sql(workspace, """
        SELECT v.label, v.updated, r.iso3, r.year, r.old_text, r.new_text FROM fact_revision AS r
        JOIN dim_vintage AS v USING (dataset, vintage) WHERE v.updated <> ''""") == [
        ("2022-10", "2022-11-30", "CHN", 2022, "20256.411", "18321.197"),
        ("2022-10", "2022-11-30", "CHN", 2023, "21643.252", "19243.974")]


@pytest.mark.full
def test_the_saved_again_october_2023_is_refused_for_its_one_altered_cell(workspace: Path, captures: Path) -> None:
    pytest.importorskip("openpyxl", reason="openpyxl reads .xlsx")
    before = content(workspace)
    code, said = weo(workspace, captures / "weo/WEOOct2023all.xlsx")
    assert (code, "1 figure(s) of one vintage" in said) == (3, True), said
    assert "October 2023 PCPIPCH SEN 2028 is -12.405 (forecast) by bundled and 2 (forecast) by weo" in said
    assert content(workspace) == before
    code, said = weo(workspace, captures / "weo/WEOOct2023all.xlsx", "--from", "load", "--accept", "conflict")
    assert code == 0, said
    assert content(workspace) == before
    quarantine, = (workspace / "results/quarantine/imf-weo/2023-10").glob("load*.csv")
    assert quarantine.read_text(encoding="utf-8").splitlines()[1:] == [
        'conflict,"WEOOct2023all!R6575, column 2028",2,weo says so of PCPIPCH SEN 2028; -12.405 by bundled is kept']
    assert len(sql(workspace, "SELECT * FROM etl_load WHERE channel = 'weo'")) == 1


@pytest.mark.full
def test_many_files_in_any_order(tmp_path: Path, captures: Path) -> None:
    names = ["WEO_Data_2022-10_utf16le.xls", "WEO_Data_2019-10_latin1.xls", "WEO_Data_2021-10_usd_and_ppp.xls"]
    for root, order in (("a", names), ("b", sorted(names))):
        done = run("etl_process.py", "--source", "weo", "--input", *(captures / "weo" / name for name in order),
                   "--no-html", "--no-csv", workspace=tmp_path / root)
        assert done.returncode == 0, done.stderr
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert sql(tmp_path / "a", "SELECT label, dating FROM dim_vintage ORDER BY vintage") == [
        ("2019-10", "stated"), ("2021-10", "stated"), ("2022-10", "stated")]
