"""History through the scripts: refusals, losses, printings, rebuilds, databases of an older schema."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from targets._sql import statements
from targets.sqlite import Target
from tests.history_db import batch, content, gdp, publish
from tests.in_process import walk
from tests.project import PROJECT, run, sql
from tests.server import Answer, Server
from tests.weo_sample import economies, figures, sdmx
from utils import Workspace

YEARS = range(2001, 2021)
XML = {"Content-Type": "application/xml"}
Values = dict[tuple[str, int], str]


def values(count: int = 60) -> Values:
    return {(iso3, year): f"{100 + at + (year - 2000) / 10}"
            for at, iso3 in enumerate(economies()[:count]) for year in YEARS}


def write(path: Path, vintages: Mapping[str, Values]) -> Path:
    lines = [f"{iso3},{year},{value},{label}" for label, figures in vintages.items()
             for (iso3, year), value in figures.items()]
    path.write_text("\n".join(["country,year,value,vintage", *lines]) + "\n", encoding="utf-8")
    return path


def load(workspace: Path, table: Path, *more: str) -> tuple[int, str]:
    """Run extract, transform and load; return the exit code and what was said."""
    words = ("--source", "table", "--input", table, "--unit", "billion", "--dataset", "own", *more)
    return whole(workspace, *words) if "--from" in more or "--quiet" in more else walk(workspace, *words)


def whole(workspace: Path, *words: object) -> tuple[int, str]:
    """Run all stages as processes."""
    done = run("etl_process.py", "--no-html", "--no-csv", *words, workspace=workspace)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


# --- the shrink guard ---------------------------------------------------------------------------------------------


def test_a_lost_tenth_of_the_economies_stops(tmp_path: Path) -> None:
    whole = values()
    gone = set(economies()[10:16])
    cut = {key: value for key, value in whole.items() if key[0] not in gone}
    code, said = load(tmp_path, write(tmp_path / "a.csv", {"2024-04": whole, "2024-10": cut}))
    assert code == 3
    assert "[shrink] table:own October 2024 lacks 6 of 60 economies" in said
    assert all(iso3 in said for iso3 in gone)
    assert "120 of 1,200 figures" in said
    assert not (tmp_path / "sqliteDB" / "World_Economies.db").exists()
    code, said = load(tmp_path, tmp_path / "a.csv", "--from", "load", "--accept", "shrink")
    assert (code, "accepted by --accept shrink" in said) == (0, True), said
    assert sql(tmp_path, "SELECT kind, count(*) FROM fact_revision GROUP BY 1") == [("withdrawn", 120)]


def test_more_than_a_twentieth_of_the_figures_stops_though_every_economy_is_there(tmp_path: Path) -> None:
    whole = values()
    cut = {key: value for key, value in whole.items() if key[1] != 2001 or key[0] == economies()[0]}
    late = {key: value for key, value in cut.items() if key != (economies()[1], 2002)}
    less = {key: value for key, value in cut.items() if not (key[0] in economies()[:1] and key[1] > 2001)} | {
        (economies()[0], 2020): "1"}
    assert (len(whole), len(cut), len(less)) == (1200, 1141, 1123)
    code, said = load(tmp_path, write(tmp_path / "a.csv", {"2024-04": whole, "2024-10": late}))
    assert (code, "lacks 60 of 1,200 figures" in said) == (0, True), said  # exactly a twentieth is let through
    code, said = load(tmp_path / "b", write(tmp_path / "b.csv", {"2024-04": whole, "2024-10": less}))
    assert (code, "[shrink]" in said, "economies (" in said) == (3, True, False), said


def test_years_lost_in_the_midst_stop_though_the_vintage_does_not_speak_for_them(tmp_path: Path) -> None:
    whole = values()
    cut = {key: value for key, value in whole.items() if key[1] not in (2005, 2010)}
    code, said = load(tmp_path, write(tmp_path / "a.csv", {"2024-04": whole, "2024-10": cut}))
    assert (code, "lacks 120 of 1,200 figures" in said) == (3, True), said
    shorter = {key: value for key, value in whole.items() if key[1] > 2010}  # a window that moves on is no loss
    code, said = load(tmp_path / "b", write(tmp_path / "b.csv", {"2024-04": whole, "2024-10": shorter}))
    assert (code, "lacks" in said) == (0, False), said


def test_a_small_loss_is_a_report(tmp_path: Path) -> None:
    """One economy in sixty, and two that lose their last or first years, as a known dataset's cuts do."""
    whole = values()
    cut = {(iso3, year): value for (iso3, year), value in whole.items()
           if iso3 != economies()[20] and not (iso3 == economies()[30] and year > 2015)}
    code, said = load(tmp_path, write(tmp_path / "a.csv", {"2024-04": whole, "2024-10": cut}))
    assert code == 0
    assert f"lacks 1 of 60 economies ({economies()[20]}) and 25 of 1,200 figures" in said
    assert f"{economies()[30]} 2016-2020 (5)" in said


def test_an_older_vintage_that_shows_a_loss_stops_too(tmp_path: Path) -> None:
    whole = values()
    cut = {key: value for key, value in whole.items() if key[0] not in economies()[10:16]}
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-10": cut}))[0] == 0
    before = content(tmp_path)
    code, said = load(tmp_path, write(tmp_path / "b.csv", {"2024-04": whole}))
    assert (code, "table:own October 2024 lacks 6 of 60 economies" in said) == (3, True), said
    assert content(tmp_path) == before


# --- one vintage, two words ---------------------------------------------------------------------------------------


def test_one_vintage_with_other_figures_is_refused_naming_the_cell(tmp_path: Path) -> None:
    first, second = values(10), values(10) | {("DEU", 2010): "999"}
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-04": first}))[0] == 0
    before = content(tmp_path)
    code, said = load(tmp_path, write(tmp_path / "b.csv", {"2024-04": second}))
    assert code == 3
    assert "table:own April 2024 NGDPD DEU 2010 is 104 by table and 999 by table" in said
    assert "--vintage 2024-04+YYYY-MM-DD" in said
    assert content(tmp_path) == before
    code, said = load(tmp_path, tmp_path / "b.csv", "--from", "load", "--accept", "conflict")
    assert code == 0, said
    assert content(tmp_path) == before
    quarantine, = (tmp_path / "results/quarantine/table-own/2024-04").glob("load*.csv")
    assert quarantine.read_text(encoding="utf-8").splitlines()[1] == (
        "conflict,b.csv line 71,999,table says so of NGDPD DEU 2010; 104 by table is kept")


def test_two_files_of_one_command_that_claim_one_vintage(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv", {"2024-04": values(10)})
    other = write(tmp_path / "b.csv", {"2024-04": values(10) | {("DEU", 2010): "999"}})
    code, said = walk(tmp_path / "w", "--source", "table", "--input", one, other, "--unit", "billion",
                      "--dataset", "own")
    assert (code, "DEU 2010 is 104 by table and 999 by table" in said) == (3, True), said
    assert not (tmp_path / "w/sqliteDB/World_Economies.db").exists()


def test_a_later_printing_stays_beside_the_first(tmp_path: Path) -> None:
    for label, value in (("2024-04", "100"), ("2024-04+2024-05-01", "200"), ("2024-04+2024-06-01", "100")):
        code, said = load(tmp_path, write(tmp_path / "a.csv", {label: values(10) | {("DEU", 2010): value}}))
        assert code == 0, said
    assert sql(tmp_path, "SELECT value_text, from_vintage, to_vintage FROM fact_gdp WHERE iso3 = 'DEU' AND year = 2010 "
                         "ORDER BY 2") == [
        ("100", "2024-04-01  2024-04", "2024-04-01 2024-05-01 2024-04"),
        ("200", "2024-04-01 2024-05-01 2024-04", "2024-04-01 2024-06-01 2024-04"),
        ("100", "2024-04-01 2024-06-01 2024-04", None)]


# --- writings that are no revisions -------------------------------------------------------------------------------


def backwards(text: str) -> str:
    header, *rows = text.splitlines()
    return "\n".join([header, *reversed(rows)]) + "\n"


def with_thousands_marks(text: str) -> str:
    cells = (line.split(",") for line in text.split())
    return "\n".join(f'{c},{y},"{float(v):,.1f}",{w}' if v[0].isdigit() else f"{c},{y},{v},{w}" for c, y, v, w in cells)


def test_another_way_of_writing_is_no_revision(tmp_path: Path) -> None:
    figures = {key: f"{float(value) * 1000 + 0.5:.1f}" for key, value in values(10).items()}
    table = write(tmp_path / "a.csv", {"2024-04": figures})
    text = table.read_text(encoding="utf-8")
    assert load(tmp_path, table)[0] == 0
    before = content(tmp_path)
    for number, other in enumerate((backwards(text), text.replace(",20", ", 20").replace("\n", " \n"),
                                    text.replace("country,year,value", "Country,YEAR,Value"),
                                    with_thousands_marks(text)), 2):
        assert other != text
        table.write_text(other, encoding="utf-8")
        code, said = load(tmp_path, table)
        assert code == 0, said
        assert content(tmp_path) == before
        assert sql(tmp_path, "SELECT count(DISTINCT sha256), count(DISTINCT batch_id) FROM etl_load") == [(number, 1)]
    assert sql(tmp_path, "SELECT * FROM fact_revision") == []


# --- rebuild and older databases ----------------------------------------------------------------------------------


def test_a_rebuild_is_equal_in_content(tmp_path: Path) -> None:
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-10": values(10)}))[0] == 0
    assert load(tmp_path, write(tmp_path / "b.csv", {"2024-04": values(10) | {("DEU", 2010): "999"}}))[0] == 0
    contradiction = write(tmp_path / "c.csv", {"2024-10": values(10) | {("FRA", 2010): "1"}})
    assert load(tmp_path, contradiction)[0] == 3  # refused: no rebuild may take it in
    others = ["SELECT run_id, batch_id, channel, archive_id, sha256, url, fetched_at, accepted FROM etl_load "
              "ORDER BY 1, 2",  # all but when it was loaded
              *(f"SELECT * FROM {table} ORDER BY 1, 2" for table in ("etl_batch", "Countries_by_GDP", "dim_country"))]
    before = content(tmp_path), [sql(tmp_path, query) for query in others]
    done = run("load.py", "--rebuild", workspace=tmp_path)
    assert done.returncode == 0, done.stderr
    after = content(tmp_path), [sql(tmp_path, query) for query in others]
    assert after == before


def test_a_rebuild_takes_in_what_waits_to_be_loaded(tmp_path: Path) -> None:
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-10": values(10)}))[0] == 0
    waiting = write(tmp_path / "b.csv", {"2024-04": values(10)})
    assert run("extract.py", "--source", "table", "--input", waiting, "--unit", "billion", "--dataset", "own",
               workspace=tmp_path).returncode == 0
    assert run("transform.py", workspace=tmp_path).returncode == 0
    assert run("load.py", "--rebuild", workspace=tmp_path).returncode == 0
    assert sql(tmp_path, "SELECT label FROM dim_vintage ORDER BY label") == [("2024-04",), ("2024-10",)]


def test_a_rebuild_loses_no_edition_unless_it_is_told_to(tmp_path: Path) -> None:
    """As of a warehouse whose workspace is another one now: what it holds of others is not to go unsaid."""
    for label in ("2024-04", "2024-10"):
        assert load(tmp_path, write(tmp_path / f"{label}.csv", {label: values(10)}))[0] == 0
    shutil.rmtree(min(tmp_path.glob("results/runs/2*")))
    before = content(tmp_path)
    done = run("load.py", "--rebuild", workspace=tmp_path)
    assert (done.returncode, "lose 1 of 2 editions" in done.stderr) == (3, True), done.stderr
    assert "table:own April 2024" in done.stderr and "--rebuild --accept shrink" in done.stderr
    assert content(tmp_path) == before
    assert run("load.py", workspace=tmp_path).returncode == 0  # nothing was refused of the run itself
    assert run("load.py", "--rebuild", "--accept", "shrink", workspace=tmp_path).returncode == 0
    assert sql(tmp_path, "SELECT label FROM dim_vintage") == [("2024-10",)]


def test_a_rebuild_takes_in_what_was_committed_by_a_load_that_was_killed(tmp_path: Path) -> None:
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-10": values(10)}))[0] == 0
    for manifest in tmp_path.glob("results/runs/*/load.json"):
        manifest.unlink()  # as a kill between the rename of the database and the manifest leaves it
    assert load(tmp_path, write(tmp_path / "b.csv", {"2024-04": values(10)}))[0] == 0
    assert run("load.py", "--rebuild", workspace=tmp_path).returncode == 0
    assert sql(tmp_path, "SELECT label FROM dim_vintage ORDER BY label") == [("2024-04",), ("2024-10",)]


def test_what_was_refused_before_a_rebuild_can_be_accepted_after_it(tmp_path: Path) -> None:
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-10": values(10)}))[0] == 0
    contradiction = write(tmp_path / "c.csv", {"2024-10": values(10) | {(economies()[3], 2010): "103.5"}})
    assert load(tmp_path, contradiction)[0] == 3
    assert run("load.py", "--rebuild", workspace=tmp_path).returncode == 0
    assert run("load.py", workspace=tmp_path).returncode == 3
    assert run("load.py", "--accept", "conflict", workspace=tmp_path).returncode == 0
    assert sql(tmp_path, "SELECT count(*) FROM etl_batch") == [(2,)]


def test_a_database_of_the_first_schema_is_filled_again_from_the_kept_records(tmp_path: Path) -> None:
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-04": values(10), "2024-10": values(10)}))[0] == 0
    before = content(tmp_path)
    database = tmp_path / "sqliteDB" / "World_Economies.db"
    database.unlink()
    with closing(sqlite3.connect(database)) as old:
        for statement in statements((PROJECT / "sql/migrations/0001_first.sql").read_text(encoding="utf-8")):
            old.execute(statement)
        old.executescript("CREATE TABLE mine (x); INSERT INTO mine VALUES (7); PRAGMA user_version = 1;")
    done = run("load.py", workspace=tmp_path)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == before
    assert sql(tmp_path, "SELECT x FROM mine") == [(7,)]


def test_a_table_without_a_vintage_is_a_picture_and_no_history(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("country,year,value\nGermany,2024,90\nGermany,2025,100\n", encoding="utf-8")
    code, said = load(tmp_path, table, "--year", "2024")
    assert (code, "no history; --vintage keeps it" in said) == (0, True), said
    assert sql(tmp_path, "SELECT Country, Year, GDP_USD_billion FROM Countries_by_GDP") == [("Germany", 2024, 90.0)]
    assert sql(tmp_path, "SELECT count(*) FROM fact_gdp") == [(0,)]


# --- what is typed ------------------------------------------------------------------------------------------------


def test_the_command_of_one_refusal_goes_on_with_its_own_run(tmp_path: Path) -> None:
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-04": values(10)}))[0] == 0
    first = write(tmp_path / "b.csv", {"2024-04": values(10) | {("DEU", 2010): "999"}})
    second = write(tmp_path / "c.csv", {"2024-04": values(10) | {("FRA", 2010): "999"}})
    assert [load(tmp_path, each)[0] for each in (first, second)] == [3, 3]
    code, said = load(tmp_path, first, "--from", "load", "--accept", "conflict")
    assert (code, "DEU 2010" in said, "FRA 2010" in said) == (0, True, False), said
    assert sql(tmp_path, "SELECT accepted FROM etl_load ORDER BY run_id") == [("",), ("conflict",)]
    assert run("load.py", "--rebuild", workspace=tmp_path).returncode == 0
    assert sql(tmp_path, "SELECT accepted FROM etl_load ORDER BY run_id") == [("",), ("conflict",)]
    code, said = load(tmp_path, write(tmp_path / "d.csv", {"2025-04": values(10)}), "--from", "load")
    assert (code, "There is no run of --source table with these files" in said) == (2, True), said


def test_the_log_says_what_to_type(tmp_path: Path) -> None:
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-04": values(10)}))[0] == 0
    assert load(tmp_path, write(tmp_path / "a.csv", {"2024-04": values(10) | {("DEU", 2010): "99"}}), "--quiet")[0] == 3
    log = (tmp_path / "log" / "etl_project_log.txt").read_text(encoding="utf-8")
    assert "safe:  the database is as it was, the clean records are kept" in log
    last = [line for line in log.splitlines() if "next:  " in line][-1]
    assert "--from load --accept conflict" in last


def test_a_vintage_that_contradicts_the_column_of_vintages_is_refused(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", {"2024-04": values(10), "2024-10": values(10)})
    code, said = load(tmp_path, table, "--vintage", "2023-04")
    assert code == 2
    assert "--vintage 2023-04 contradicts the column of vintages in a.csv, which says 2024-04, 2024-10" in said
    assert load(tmp_path, write(tmp_path / "b.csv", {"2024-04": values(10)}), "--vintage", "2024-04")[0] == 0


def test_a_table_that_loses_a_major_stops_too(tmp_path: Path) -> None:
    whole = values()
    cut = {key: value for key, value in whole.items() if key[0] != "JPN"}
    code, said = load(tmp_path, write(tmp_path / "a.csv", {"2024-04": whole, "2024-10": cut}))
    assert (code, "[shrink]" in said, "(JPN)" in said) == (3, True, True), said


def test_the_picture_of_a_report_of_some_is_its_own(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2024-04", gdp({"USA": {2024: "1.0"}, "UKR": {2024: "5.0"}}))],
            [batch("2024-10", gdp({"USA": {2024: "2.0"}}), complete=False)])
    asked = {"dataset": "imf-weo", "vintage": "2024-10-22  2024-10", "year": 2024}
    rows = Target(Workspace(tmp_path)).query("newest_picture", asked)
    assert [(row["ISO3"], row["GDP_as_published"]) for row in rows] == [("USA", "2")]


# --- what an answer carries beside its figures --------------------------------------------------------------------


def test_another_request_id_and_time_is_no_revision(tmp_path: Path) -> None:
    """The SDMX header changes with every request; the second answer is a witness at most."""
    with Server() as server:
        for request, words in (("DS1", figures()), ("DS2", figures())):
            server.routes["/.NGDPD.A"] = Answer(sdmx(words, request=request), headers=XML)
            code, said = walk(tmp_path, "--source", "imf", "--url", server.url, "--indicator", "NGDPD", "--fresh")
            assert code == 0, said
    assert sql(tmp_path, "SELECT * FROM fact_revision") == []
    assert sql(tmp_path, "SELECT count(*) FROM etl_batch") == [(1,)]
    assert sql(tmp_path, "SELECT count(*) FROM etl_load") == [(2,)]
    assert sql(tmp_path, "SELECT label, updated FROM dim_vintage") == [("2025-10", "")]


def test_one_changed_cell_of_an_answer_is_one_revision(tmp_path: Path) -> None:
    with Server() as server:
        for day, words in (("2025-10-14", figures()), ("2025-11-19", figures(DEU="900.125"))):
            answer = sdmx(words, updated=f"{day}T13:00:00Z", years=(2025,))
            server.routes["/.NGDPD.A"] = Answer(answer, headers=XML)
            code, said = walk(tmp_path, "--source", "imf", "--url", server.url, "--indicator", "NGDPD")
            assert code == 0, said
    assert sql(tmp_path, "SELECT iso3, year, kind, old_text, new_text FROM fact_revision") == [
        ("DEU", 2025, "revised", "985.125", "900.125")]
