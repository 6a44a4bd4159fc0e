"""Whether an expected edition has come: the day from which its absence is a failure, and what is said then."""

from __future__ import annotations

import runpy
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.project import PROJECT, run

CHECK = runpy.run_path(str(PROJECT / "dags" / "freshness.py"))
SCRIPT = "dags/freshness.py"


def check(workspace: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run(SCRIPT, *arguments, workspace=workspace, env=env)


# --- what is due --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on", "label", "day"), [
    ("2026-04-27", "2025-10", "2025-10-14"),
    ("2026-04-28", "2026-04", "2026-04-14"),
    ("2026-11-04", "2026-04", "2026-04-14"),
    ("2026-11-05", "2026-10", "2026-10-22"),  # not in the calendar: the latest day of an October so far
    ("2027-01-01", "2026-10", "2026-10-22"),
    ("2027-05-05", "2026-10", "2026-10-22"),
    ("2027-05-06", "2027-04", "2027-04-22"),
])
def test_an_edition_is_due_14_days_after_its_day(on: str, label: str, day: str) -> None:
    assert CHECK["expected"](date.fromisoformat(on)) == (label, date.fromisoformat(day))


def row(label: str, published: str, dating: str = "stated") -> dict[str, Any]:
    return {"label": label, "published": published, "dating": dating}


@pytest.mark.parametrize(("rows", "come"), [
    ([row("2025-10", "2025-10-14")], False),
    ([row("2025-10", "2025-10-14"), row("2026-04", "2026-04-14")], True),
    ([row("2026-10", "2026-10-01")], True),
    ([row("2025-10", "2025-10-14") | {"updated": "2026-05-01"}], False),
    ([row("observed-2026-04-13", "2026-04-13", "observed")], False),
    ([row("observed-2026-04-15", "2026-04-15", "observed")], True),
    ([], False),
], ids=["an older one", "it", "a newer one", "an older one, printed again", "seen before its day", "seen after its day",
        "none"])
def test_it_has_come(rows: list[dict[str, Any]], come: bool) -> None:
    assert CHECK["has_come"](rows, "2026-04", date(2026, 4, 14)) is come


# --- the script ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on", "due"), [("2025-05-06", "2025-04"), ("2025-10-27", "2025-04")])
def test_what_is_due_is_there(on: str, due: str, held: Path) -> None:
    done = check(held, "--on", on)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"imf-weo 2025-04 is there; on {on} nothing newer than {due} is due\n"


def test_what_is_late_is_told(held: Path) -> None:
    before = sorted(held.rglob("*"))
    done = check(held, "--on", "2025-10-28")
    assert (done.returncode, done.stdout) == (3, "")
    assert ("The World Economic Outlook of October 2025 has not come 14 days after its day, 2025-10-14; the newest "
            "that the target holds is 2025-04") in done.stderr
    assert "where: sqlite" in done.stderr
    assert "next:  python etl_process.py --source imf" in done.stderr
    assert sorted(held.rglob("*")) == before


def test_without_a_day_it_is_today(held: Path) -> None:
    done = check(held)
    assert done.returncode == 3
    assert "has not come" in done.stderr


def test_the_target_is_the_one_of_the_environment(held: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{held / 'sqliteDB' / 'World_Economies.db'}"
    assert check(tmp_path, "--on", "2025-05-06", WORLD_ECONOMIES_TARGET=url).returncode == 0


def test_of_another_publisher_nothing_is_expected(tmp_path: Path) -> None:
    done = check(tmp_path, WORLD_ECONOMIES_SOURCE="worldbank")
    assert (done.returncode, done.stdout) == (0, "nothing is expected of --source worldbank: it gives no imf-weo\n")


@pytest.mark.parametrize(("arguments", "code", "said"), [
    ((), 5, "The target holds no edition of imf-weo"),
    (("--target", "regions"), 2, "The target regions keeps no history"),
    (("--source", "world"), 2, "There is no source named 'world'"),
    (("--on", "2025-02-30"), 2, "'2025-02-30' is no day"),
], ids=["nothing is held", "no history", "no such source", "no such day"])
def test_it_refuses(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    done = check(tmp_path, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert not list(tmp_path.iterdir())
