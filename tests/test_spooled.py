"""pipeline.spooled: the same rows in the same order, whatever their number, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import spooled
from pipeline.spooled import Spooled
from rules.records import Quarantined
from tests.project import manifest, run


def rows(count: int) -> list[Quarantined]:
    return [Quarantined("rule", f"line {number}", 'a,"b"\n\r\udc80\0é', "") for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 11])
def test_what_goes_in_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(spooled, "HELD", 4)
    expected = rows(count)
    with Spooled(expected[:2], tmp_path / "new") as held:
        for row in expected[2:4]:
            held.append(row)
        held += expected[4:6]
        held.extend(expected[6:])
        assert (len(held), bool(held)) == (count, count > 0)
        assert list(held) == list(held) == expected
        assert list.__len__(held) < 4
    assert list(tmp_path.rglob("*.*")) == []
    assert len(held) == count


def test_a_table_of_unreadable_rows_is_quarantined_whole(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("country,year,gdp_usd_billion\nFiji,2023,1\n" + "".join(f"{n}\n" for n in range(25_000)))
    done = run("extract.py", "--source", "table", "--input", table, workspace=tmp_path / "w")
    assert done.returncode == 0, done.stderr
    told = manifest(tmp_path / "w", "extract")
    assert told["balance"] == {"in": 25_001, "out": 1, "quarantined": 25_000}
    (part,) = told["facts"]["batches"][0]["quarantine"]
    lines = (tmp_path / "w" / part).read_text().splitlines()
    assert lines[1] == "unreadable row,t.csv line 3,0,1 cells under a header of 3"
    assert [line.split(",")[2] for line in lines[1:]] == [str(n) for n in range(25_000)]
