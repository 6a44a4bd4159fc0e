"""report.py --profile: the queries of an answer with their times, and the plans of SQLite and of a lake."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import targets
from targets import BaseTarget, Measures, Profile
from targets.sqlite import Target, _indented
from tests.orchestra import tree
from tests.project import run
from utils import Workspace

PICTURE = ["picture_vintage", "editions", "regions", "economies", "unspoken"]


def profiled(workspace: Path, *more: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = run("report.py", "--profile", "--format", "json", *more, workspace=workspace, env=env)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_the_queries_of_the_report_with_their_plans(bundle: Path) -> None:
    before, told = tree(bundle), profiled(bundle)
    assert tree(bundle) == before  # no page, no log, no checkpoint
    queries = {row["Query"]: row for row in told["queries"]}
    assert [row["Query"] for row in told["queries"]] == PICTURE
    assert (queries["regions"]["Rows"], queries["economies"]["Rows"] > 70) == (6, True)
    assert json.loads(queries["economies"]["Parameters"])["min_gdp"] == 100.0
    assert re.search(r"^SEARCH f USING (PRIMARY KEY|INDEX)", queries["economies"]["Plan"].replace("  ", ""),
                     re.MULTILINE)
    assert all(0 < row["Seconds"] < 10 for row in told["queries"])
    assert told["seconds"] == pytest.approx(sum(row["Seconds"] for row in told["queries"]))
    assert told["target"] == "sqlite"


@pytest.mark.parametrize(("question", "query"), [
    (["--as-of", "2024-04"], "years"), (["--revisions", "--country", "NGA"], "steps"),
    (["--explain", "KOR", "2024"], "held"),
], ids=lambda value: value[0] if isinstance(value, list) else value)
def test_it_goes_with_every_question(question: list[str], query: str, bundle: Path) -> None:
    assert query in [row["Query"] for row in profiled(bundle, *question)["queries"]]


def test_people_read_the_times_and_then_the_plans(bundle: Path) -> None:
    done = run("report.py", "--profile", workspace=bundle)
    assert done.returncode == 0, done.stderr
    times, _, plans = done.stdout.partition("What each is asked with, and how it is found\n")
    assert re.search(r"^query +rows +seconds$", times, re.MULTILINE)
    assert re.search(r"^regions +6 +0\.\d{4}$", times, re.MULTILINE)
    assert re.search(r'^query +economies\nwith +\{"dataset": "imf-weo", ', plans, re.MULTILINE)
    assert re.search(r"^ +SEARCH f USING", plans, re.MULTILINE)
    assert re.search(r"^5 queries, 0\.\d{4} s; the text of each is in sql/queries/\.$", plans, re.MULTILINE)
    assert "United States" not in done.stdout  # it takes the place of the answer


def test_a_question_that_is_refused_is_refused(bundle: Path, tmp_path: Path) -> None:
    wrong = run("report.py", "--profile", "--as-of", "1999-04", workspace=bundle)
    assert (wrong.returncode, "no vintage '1999-04'" in wrong.stderr) == (2, True)
    empty = run("report.py", "--profile", workspace=tmp_path / "empty")
    assert (empty.returncode, "There is no picture in the database yet" in empty.stderr) == (5, True)
    regions = run("report.py", "--profile", "--target", "regions", workspace=bundle)
    assert regions.returncode == 2
    assert "--profile tells the queries of the history, and --target regions holds none" in regions.stderr


def test_a_plan_shows_what_is_part_of_what() -> None:
    assert _indented([(2, 0, 0, "COMPOUND QUERY"), (3, 2, 0, "LEFT-MOST SUBQUERY"), (6, 3, 0, "SCAN f"),
                      (30, 2, 0, "UNION ALL"), (60, 0, 0, "SCAN s")]) == [
        "COMPOUND QUERY", "  LEFT-MOST SUBQUERY", "    SCAN f", "  UNION ALL", "SCAN s"]


class Untold(Target):
    """A database that does not tell how it finds its rows."""

    profile = BaseTarget.profile


def test_a_target_that_tells_no_plan_is_timed_all_the_same(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(targets, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    assert Untold(Workspace(bundle)).profile("indicators", {"dataset": "imf-weo"}) == Profile(
        [{"indicator": name} for name in ("LP", "NGDPD", "NGDPDPC", "NGDP_RPCH", "PCPIPCH")], 2.5)


def test_no_plan_is_made_where_none_is_asked_for(bundle: Path, tmp_path: Path) -> None:
    target = Target(Workspace(bundle))
    assert target.profile("channels", {"dataset": "imf-weo"}, plan=False).plan == ()
    assert Target(Workspace(tmp_path)).profile("channels", {"dataset": ""}) == Profile([], pytest.approx(0, abs=5), ())


# --- a lake ---------------------------------------------------------------------------------------------------------


def test_a_lake_tells_its_plans_and_the_size_of_its_files(finished: Path) -> None:
    done = run("load.py", "--target", "parquet:lake", workspace=finished)
    assert done.returncode == 0, done.stderr
    told = profiled(finished, "--target", "parquet:lake")
    assert [row["Query"] for row in told["queries"]] == PICTURE
    assert "SEARCH f USING PRIMARY KEY" in told["queries"][3]["Plan"]
    lake = targets.open_target("parquet:lake", Workspace(finished))
    assert lake.measures() == Measures(size=sum(path.stat().st_size for path in finished.glob("lake/*.parquet")))
    assert targets.open_target("parquet:none", Workspace(finished)).measures() == Measures()
