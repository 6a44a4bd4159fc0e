"""Large tables as they should not be: each bad record is in quarantine with its line, or the run is refused in words.

Each table goes through all stages twice: by polars in pieces of some lines, and by pandas in one piece. Both must give
the same rows and the same quarantine.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ExitCode, GateError, SourceNonsense, UsageError, WorldEconomiesError
from tests import large_table
from tests.large_stages import quarantine, run_stages
from tests.project import manifest

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")

HEADER = b"country,year,gdp_usd_million\n"
NAMES = (b"France", b"Brazil", b"Kenya", b"Japan")
BODY = b"".join(b"%s,%d,%d\n" % (name, year, 1000 * year) for name in NAMES for year in range(2000, 2010))  # 40 lines
GOOD = sorted((name.decode(), float(year), float(year), year) for name in NAMES for year in range(2000, 2010))
SMALL_PIECES = ("--engine", "polars", "--piece-size", "200")
Rows = list[tuple[Any, ...]]
Through = Callable[..., tuple[Rows, list[tuple[str, ...]], dict[str, int], dict[str, int]]]


@pytest.fixture
def through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Through:
    """Take a table through all stages, by both engines; returns rows, quarantine and both balances."""

    def take(data: bytes | Sequence[bytes], *more: str) -> Any:
        inputs = []
        for number, each in enumerate([data] if isinstance(data, bytes) else data):
            inputs.append(tmp_path / ("t.csv" if not number else f"t{number}.csv"))
            inputs[-1].write_bytes(each)
        found = []
        for engine in (("--engine", "pandas"), SMALL_PIECES):
            workspace = tmp_path / engine[1]
            run_stages(monkeypatch, inputs, workspace, *engine, *more)
            staged, cleaned = (manifest(workspace, stage)["balance"] for stage in ("extract", "transform"))
            assert staged["in"] == sum(staged.values()) - staged["in"]
            assert cleaned["in"] == staged["out"]
            assert manifest(workspace, "load")["balance"]["out"] == cleaned["out"]
            found.append((large_table.held(workspace), quarantine(workspace), staged, cleaned))
        assert found[0] == found[1]
        regions, bad, staged, cleaned = found[0]
        assert len(bad) == staged.get("quarantined", 0) + cleaned.get("quarantined", 0)
        return sorted(row for rows in regions.values() for row in rows), bad, staged, cleaned

    return take


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WorldEconomiesError]:
    """Take a table that both engines must refuse; returns the error."""

    def take(data: bytes, *more: str) -> WorldEconomiesError:
        table = tmp_path / "t.csv"
        table.write_bytes(data)
        errors = []
        for engine in (("--engine", "pandas"), SMALL_PIECES):
            with pytest.raises(WorldEconomiesError) as caught:
                run_stages(monkeypatch, [table], tmp_path / engine[1], *engine, *more)
            errors.append(caught.value)
            assert not (tmp_path / engine[1] / "sqliteDB" / "regions").exists()
        assert errors[0].lines() == [line.replace(str(tmp_path / "polars"), str(tmp_path / "pandas"))
                                     for line in errors[1].lines()]
        return errors[0]

    return take


def unreadable(line: int | str, raw: str, detail: str) -> tuple[str, ...]:
    return "unreadable row", f"t.csv line {line}", raw, detail


BAD_RECORDS: dict[str, tuple[bytes, list[tuple[str, ...]]]] = {
    "the file ends in a record": (
        HEADER + BODY + b"Fra", [unreadable(42, "Fra", "1 cells under a header of 3")]),
    "the file ends in a quote": (
        HEADER + BODY + b'France,2011,"12', [unreadable(42, "France | 2011 | 12\n", "the file ends inside a quote")]),
    "the file ends in a quote of an earlier line": (
        HEADER + BODY + b'France,2011,"12\nKenya,2000,5\n',
        [unreadable(42, "France | 2011 | 12\nKenya,2000,5\n\n", "the file ends inside a quote")]),
    "other numbers of cells": (
        HEADER + b"France,2013\n" + BODY + b"France,2013,5,6\nFrance,2000,2000000,\n",
        [unreadable(2, "France | 2013", "2 cells under a header of 3"),
         unreadable(43, "France | 2013 | 5 | 6", "4 cells under a header of 3")]),
    "zero bytes": (
        HEADER + b"Fran\0ce,2001,5\n" + BODY + b"France,2011,5\0\n",
        [unreadable(2, "Fran\0ce | 2001 | 5", "a zero byte in the row"),
         unreadable(43, "France | 2011 | 5\0", "a zero byte in the row")]),
    "headers in the middle": (
        HEADER + BODY + HEADER + HEADER + BODY,
        [("identity", f"t.csv line {line}", "gdp_usd_million", "name 'country': unknown") for line in (42, 43)]),
    "bytes of no encoding in a UTF-8 file": (
        HEADER + b"T\xc3\xbcrkiyee,2001,5\n" + b"#" * (1 << 20) + b",2001,5\nFr\x81nce,2001,6\nFran\xe7a,2001,7\n"
        + BODY, [("identity", "t.csv line 2", "5", "name 'Türkiyee': unknown"),
                 unreadable(3, "", "field larger than field limit (131072)"),
                 ("identity", "t.csv line 4", "6", "name 'Fr\ufffdnce': unknown"),
                 ("identity", "t.csv line 5", "7", "name 'França': unknown")]),
    "numbers beyond all measure": (
        HEADER + BODY + b"France,2011,1" + b"0" * 301 + b"\nFrance,2011,1e301\nFrance,2011,-1e999\nFrance,2011,inf\n",
        [("number", "t.csv line 42", "1" + "0" * 301, f"'1{'0' * 59}' is too long for a figure"),
         ("number", "t.csv line 43", "1e301", "'1e301' is no number"),
         ("number", "t.csv line 44", "-1e999", "'-1e999' is no number"),
         ("number", "t.csv line 45", "inf", "'inf' is no number")]),
    "a line of a megabyte of cells": (
        HEADER + BODY + b"Brazil" + b",6" * 500_000 + b"\n" + BODY,
        [unreadable(42, ("Brazil" + " | 6" * 500_000)[:500], "500001 cells under a header of 3")]),
    "a cell of a megabyte in quotes": (
        HEADER + BODY + b'Brazil,2001,"' + b"6" * 1_000_000 + b'"\n' + BODY,
        [unreadable(42, "", "field larger than field limit (131072)")]),
    "a line of 64 MB": (
        HEADER + BODY + b"Brazil," + b"6" * 64_000_000 + b"\n" + BODY,
        [unreadable(42, "", "field larger than field limit (131072)")]),
    "a quote that swallows what a cell may hold": (
        HEADER + BODY + b'Brazil,2001,"6\n' + b"Japan,2001,2001000\n" * 20_000,
        [unreadable("42 to 6941", "", "field larger than field limit (131072)")]),
    "quotes that stand where they should not": (
        HEADER + BODY + b'Fr"ance,2001,6\n"France"x,2011,6\nKenya,2012,7"\n' + BODY,
        [("identity", "t.csv line 42", "6", "name 'Fr\"ance': unknown"),
         ("identity", "t.csv line 43", "6", "name 'Francex': unknown"),
         ("number", "t.csv line 44", '7"', "'7\"' is no number")]),
    "lines that end in carriage returns": (
        (HEADER + BODY + b"Fra\n" + BODY).replace(b"\n", b"\r"),
        [unreadable(42, "Fra", "1 cells under a header of 3")]),
    "lines of all ends": (
        HEADER + BODY.replace(b"\n", b"\r\n") + BODY.replace(b"\n", b"\r") + b"Fra\r\n" + BODY,
        [unreadable(82, "Fra", "1 cells under a header of 3")]),
    "UTF-16": (
        (HEADER + BODY + b"Fra\n" + BODY).decode().encode("utf-16"),
        [unreadable(42, "Fra", "1 cells under a header of 3")]),
    "UTF-16 without a mark, cut off in a letter": (
        (HEADER + BODY).decode().encode("utf-16-le") + b"F",
        [unreadable(42, "\ufffd", "1 cells under a header of 3")]),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_bad_records_are_in_quarantine_with_their_lines(name: str, through: Through) -> None:
    data, bad = BAD_RECORDS[name]
    more = ("--piece-size", "64K") if len(data) > 100_000 else ()
    rows, quarantined, _, _ = through(data, "--accept", "unmatched", *more)
    assert [row for row in rows if row[3] < 2010] == GOOD
    assert sorted(quarantined, key=_line) == bad


def _line(row: Sequence[str]) -> int:
    return int(row[1].removeprefix("t.csv line ").split()[0].rstrip(","))


def test_nothing_is_said_of_a_table_without_faults(through: Through) -> None:
    assert through(HEADER + BODY) == (GOOD, [], {"in": 40, "out": 40}, {"in": 40, "out": 40})


def test_lines_of_two_encodings_are_told_by_their_names(through: Through) -> None:
    """The first MiB is no UTF-8, so the file is Windows-1252; what was UTF-8 in it is no name and is told."""
    rows, bad, _, _ = through(HEADER + "Türkiye,2001,5000\n".encode() + BODY
                              + "Türkiye,2002,6000\n".encode("cp1252"), "--accept", "unmatched")
    assert [row for row in rows if row[0] == "Türkiye"] == [("Türkiye", 6.0, 6.0, 2002)]
    assert bad == [("identity", "t.csv line 2", "5000", "name 'TÃ¼rkiye': unknown")]


def test_lines_of_windows_far_down_a_utf8_file_are_read_as_such(through: Through) -> None:
    text = HEADER + BODY * 1_500 + "Türkiye,2001,5000\n".encode() + "Türkiye,2002,6000\n".encode("cp1252")
    rows, bad, _, _ = through(text, "--piece-size", "100K")
    assert [row for row in rows if row[0] == "Türkiye"] == [("Türkiye", 5.0, 5.0, 2001), ("Türkiye", 6.0, 6.0, 2002)]
    assert bad == []


def test_columns_without_names_are_left_out(through: Through) -> None:
    rows, bad, _, _ = through(b"country,year,,gdp_usd_million, \nFrance,2001,x,5000,y\nBrazil,2002,,6000,\n")
    assert rows == [("Brazil", 6.0, 6.0, 2002), ("France", 5.0, 5.0, 2001)]
    assert bad == []


def test_a_wide_table_names_the_column_too(through: Through) -> None:
    rows, bad, staged, cleaned = through(b"country,2000,2001,2002\nFrance,1.5,n/a,zzz\nKenya,1,2\nBrazil,1,,3\n",
                                         "--unit", "billion")
    assert rows == [("Brazil", 1.0, 1.0, 2000), ("Brazil", 3.0, 3.0, 2002), ("France", 1.5, 1.5, 2000)]
    assert bad == [unreadable(3, "Kenya | 1 | 2", "3 cells under a header of 4"),
                   ("number", "t.csv line 2, column 2002", "zzz", "'zzz' is no number")]
    assert staged == {"in": 7, "out": 6, "quarantined": 1}
    assert cleaned == {"in": 6, "out": 3, "set aside: no value": 2, "quarantined": 1}


def test_a_code_beside_a_name_decides_or_contradicts(through: Through) -> None:
    rows, bad, _, _ = through(b"iso3,country,year,gdp_usd_million\nFRA,France,2001,5000\nBRA,Brasilia,2002,6000\n"
                              b",Kenya,2003,7000\nFRA,Brazil,2005,9000\n", "--accept", "unmatched")
    assert rows == [("Brazil", 6.0, 6.0, 2002), ("France", 5.0, 5.0, 2001), ("Kenya", 7.0, 7.0, 2003)]
    assert bad == [("identity", "t.csv line 5", "9000",
                    "code 'FRA' and name 'Brazil': the code means France (FRA), the name means Brazil (BRA)")]


def test_other_indicators_are_set_aside(through: Through) -> None:
    rows, bad, _, cleaned = through(
        b"country,indicator,unit,year,value\nFrance,NGDPD,USD million,2001,5000\nFrance,LP,Millions,2001,60\n"
        b"country,indicator,unit,year,value\nBrazil,GDP?,Bushels,2001,9\n")
    assert (rows, bad) == ([("France", 5.0, 5.0, 2001)], [])
    assert cleaned == {"in": 4, "out": 1, "set aside: not asked for": 3}


def test_a_header_again_in_a_table_that_states_its_units_is_one_bad_record(through: Through) -> None:
    rows, bad, _, _ = through(b"country,unit,year,value\nFrance,USD million,2001,5000\ncountry,unit,year,value\n"
                              b"Brazil,USD billion,2001,6\n", "--accept", "unmatched")
    assert rows == [("Brazil", 6.0, 6.0, 2001), ("France", 5.0, 5.0, 2001)]
    assert bad == [("identity", "t.csv line 3", "value", "name 'country': unknown")]


def test_decimal_commas_are_read(through: Through) -> None:
    rows, bad, _, _ = through(b"country;year;gdp_usd_million\nFrance;2001;1.234,5\nBrazil;2001;12,25\nKenya;2002;7\n")
    assert [row[2] for row in rows] == [0.01225, 1.2345, 0.007]
    assert bad == []


def test_files_of_one_kind_are_one_table(through: Through) -> None:
    half = BODY.rindex(b"\n", 0, len(BODY) // 2) + 1
    rows, bad, staged, _ = through([HEADER + BODY[:half] + b"Fra\n", HEADER + b"Kenya\n" + BODY[half:]])
    assert rows == GOOD
    assert sorted(bad) == [unreadable(BODY[:half].count(b"\n") + 2, "Fra", "1 cells under a header of 3"),
                           ("unreadable row", "t1.csv line 2", "Kenya", "1 cells under a header of 3")]
    assert staged == {"in": 42, "out": 40, "quarantined": 2}


@pytest.mark.parametrize(("data", "kind", "what"), [
    (b"", SourceNonsense, "t.csv is empty"),
    (HEADER, GateError, "t.csv has a header and no row under it that can be read"),
    (HEADER + b"\n\n", GateError, "t.csv has a header and no row under it that can be read"),
    (HEADER + b"a\nb\n", GateError, "t.csv has a header and no row under it that can be read; 2 are in quarantine"),
    (b"country;year;gdp_usd_million\nFrance;2001;1,234\n", SourceNonsense,
     "t.csv does not tell which sign is its decimal mark: '1,234' may have a decimal comma or a thousands comma"),
    (b"country;year;gdp_usd_million\nFrance;2001;1,2\nKenya;2001;2.3\n", SourceNonsense,
     "t.csv does not tell which sign is its decimal mark: '1,2' has a decimal comma and '2.3' a decimal point"),
    (b"country,year,gdp\nFrance,2001,5\n", UsageError, "t.csv: nothing says whether the figures are in dollars"),
    (b"country,gdp_usd_million\nFrance,5\n", UsageError, "t.csv: no column is named like a year"),
    (b"country,indicator,unit,year,value\nFrance,LP,Millions,2001,60\n", SourceNonsense,
     "t.csv has no GDP (NGDPD); its indicators are LP"),
    (b"x" * 3_000_000, UsageError, "t.csv: "),
    (b"country,year,gdp_usd_million" + b",x" * 1_990 + b"\n" + b"France\n" * 3, GateError, "t.csv has a header"),
    (os.urandom(1) and bytes(range(256)) * 500, UsageError, "t.csv: "),
], ids=["empty", "header only", "blank lines", "all bad", "ambiguous", "contradicting", "no unit", "no year",
        "no GDP", "one line", "wide and short", "no text"])
def test_what_cannot_be_read_is_refused_in_words(data: bytes, kind: type[WorldEconomiesError], what: str,
                                                 refused: Callable[..., WorldEconomiesError]) -> None:
    error = refused(data)
    assert type(error) is kind
    assert error.what.startswith(what)


def test_files_of_different_columns_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, header in (("a.csv", b"country,year,gdp_usd_million\n"), ("b.csv", b"country,year,x,gdp_usd_million\n")):
        (tmp_path / name).write_bytes(header + b"France,2001,5\n")
    with pytest.raises(UsageError, match=r"b.csv has other columns than a.csv"):
        run_stages(monkeypatch, [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "w")


def test_a_folder_is_refused_and_a_file_in_it_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_bytes(HEADER + BODY)
    with pytest.raises(UsageError, match="is a folder; --input takes files") as caught:
        run_stages(monkeypatch, [tmp_path], tmp_path / "w")
    assert caught.value.next_command.endswith("t.csv")


# --- files that change while they are read ----------------------------------------------------------------------------


def appended(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"France,2012,7000\n")


def overwritten(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"2000000", b"9000000"))
    os.utime(path, ns=(1, 1))  # a clock of coarse grain must not hide it


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "appended to": (appended, "t.csv was written to while it was read: it is another file now, 809 bytes before and "
                              "826 now"),
    "cut": (lambda path: os.truncate(path, 400), "t.csv was written to while it was read: it is another file now, "
                                                 "809 bytes before and 400 now"),
    "emptied": (lambda path: os.truncate(path, 0), "t.csv was written to while it was read: it is another file now, "
                                                   "809 bytes before and 0 now"),
    "removed": (Path.unlink, "t.csv cannot be read any more: No such file or directory"),
    "overwritten": (overwritten, "t.csv was written to while it was read: it is another file now"),
}
MOMENTS = {"before the survey": ("large.extract_tasks", "survey", 1),
           "after the survey": ("large.extract_tasks", "stage_piece", 1),
           "between two pieces": ("large.extract_tasks", "stage_piece", 3),
           "while it is cut": ("large.extract_steps", "pieces_of", 1)}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_refused(change: str, moment: str, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    table, workspace = tmp_path / "t.csv", tmp_path / "w"
    table.write_bytes(HEADER + BODY)
    before = table.stat()
    disturb, what = CHANGES[change]
    struck = strike_before(monkeypatch, *MOMENTS[moment], lambda: disturb(table))
    with pytest.raises(GateError) as caught:
        run_stages(struck, [table], workspace, *SMALL_PIECES)
    assert (caught.value.exit_code, caught.value.what) == (ExitCode.GATE, what)
    assert not (workspace / "sqliteDB").exists()
    struck.undo()
    table.write_bytes(HEADER + BODY)  # the whole file again, as it was: no piece of the other one may be taken for it
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    run_stages(monkeypatch, [table], workspace, *SMALL_PIECES)
    assert sorted(row for rows in large_table.held(workspace).values() for row in rows) == GOOD


def strike_before(monkeypatch: pytest.MonkeyPatch, module: str, name: str, at: int,
                  strike: Callable[[], object]) -> pytest.MonkeyPatch:
    """Let something happen before the N-th call of a function."""
    from importlib import import_module

    real, calls = getattr(import_module(module), name), list[int]()

    def struck(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            strike()
        return real(*arguments, **keywords)

    monkeypatch.setattr(f"{module}.{name}", struck)
    return monkeypatch


def test_a_packed_file_that_grows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "t.csv.gz"
    table.write_bytes(gzip.compress(HEADER + BODY))
    strike_before(monkeypatch, "large.extract_tasks", "keep", 1, lambda: table.write_bytes(table.read_bytes() * 2))
    with pytest.raises(GateError, match="was written to while it was read"):
        run_stages(monkeypatch, [table], tmp_path / "w", *SMALL_PIECES)
    assert list((tmp_path / "w").rglob("*.json")) == []


def test_a_packed_file_that_is_cut_off_is_refused(refused: Callable[..., WorldEconomiesError], tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "t.csv.gz"
    table.write_bytes(gzip.compress(HEADER + BODY * 100)[:-20])
    with pytest.raises(SourceNonsense, match=r"t\.csv\.gz"):
        run_stages(monkeypatch, [table], tmp_path / "w", *SMALL_PIECES)
    assert not (tmp_path / "w" / "sqliteDB").exists()
