"""extract.py as its user sees it: fall-backs, nothing new, the archive, refused options."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.in_process import walk
from tests.project import manifest, run, sql
from tests.server import Answer, Server
from tests.weo_sample import figures, sdmx

GDP = "/imf/.NGDPD.A"


@pytest.fixture
def imf(server: Server) -> Server:
    server.routes[GDP] = Answer(sdmx(figures()), headers={"Content-Type": "application/xml"})
    return server


def ask(server: Server, workspace: Path, *more: str, script: str = "extract.py") -> tuple[int, str]:
    slim = ("--no-html", "--no-csv") if script == "etl_process.py" else ()
    done = run(script, "--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD", "--retries", "0", *slim,
               *more, workspace=workspace)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def walked(server: Server, workspace: Path) -> tuple[int, str]:
    """Do in this process what ask() does by etl_process.py, but for the report."""
    return walk(workspace, "--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD", "--retries", "0")


def test_a_first_run_stages_raw_text_and_the_raw_picture(imf: Server, tmp_path: Path) -> None:
    code, told = ask(imf, tmp_path, "--year", "2025")
    assert (code, told.splitlines()[-1]) == (0, "✓ extract   380 rows of imf-weo October 2025 (by imf)")
    picture = json.loads((tmp_path / "results/Countries_by_GDP.json").read_text(encoding="utf-8"))
    assert len(picture) == 190
    assert {name: picture[0][name] for name in ("Code", "GDP", "Year", "Vintage", "Channel", "Status")} == {
        "Code": "USA", "GDP": "1000125000000", "Year": "2025", "Vintage": "2025-10", "Channel": "imf",
        "Status": "forecast"}
    facts = manifest(tmp_path, "extract")
    assert facts["balance"] == {"in": 380, "out": 380}
    staged = tmp_path / facts["parts"][0]["relative_path"]
    assert staged.read_text(encoding="utf-8").splitlines()[1] == (
        "USA,,NGDPD,2024,1000125000000,US$,,actual,USA.NGDPD.A/2024")


def test_the_same_figures_under_another_request_id_are_nothing_new(imf: Server, tmp_path: Path) -> None:
    ask(imf, tmp_path, script="etl_process.py")
    imf.routes[GDP] = Answer(sdmx(figures(), request="DS2"), headers={"Content-Type": "application/xml"})
    code, told = ask(imf, tmp_path, script="etl_process.py")
    assert code == 0
    assert "nothing new since run" in told
    assert "Nothing to do" in told
    assert len(list((tmp_path / "results/runs").glob("2*"))) == 1
    assert len(list((tmp_path / "results/archive/bodies").rglob("*-*"))) == 0
    assert sql(tmp_path, "SELECT count(*) FROM etl_batch") == [(1,)]


def test_one_changed_cell_is_a_new_run(imf: Server, tmp_path: Path) -> None:
    assert walked(imf, tmp_path)[0] == 0
    changed = sdmx(figures(DEU="991.126"), updated="2025-11-19T21:00:00Z")
    imf.routes[GDP] = Answer(changed, headers={"Content-Type": "application/xml"})
    assert walked(imf, tmp_path)[0] == 0
    assert len(list((tmp_path / "results/runs").glob("2*"))) == 2
    assert sql(tmp_path, "SELECT label, updated FROM dim_vintage ORDER BY updated") == [
        ("2025-10", ""), ("2025-10", "2025-11-19T21:00:00Z")]
    assert sql(tmp_path, "SELECT GDP_USD_billion, GDP_as_published FROM Countries_by_GDP WHERE ISO3 = 'DEU'") == [
        (991.13, "991.126")]


def test_an_unchanged_source_with_an_etag_is_one_small_request(imf: Server, tmp_path: Path) -> None:
    def answer(asked: object) -> Answer:
        if getattr(asked, "headers", {}).get("if-none-match") == '"v1"':
            return Answer(status=304, headers={"ETag": '"v1"'})
        return Answer(sdmx(figures()), headers={"Content-Type": "application/xml", "ETag": '"v1"'})

    imf.routes[GDP] = answer
    ask(imf, tmp_path, script="etl_process.py")
    code, told = ask(imf, tmp_path, script="etl_process.py")
    assert (code, "nothing new since run" in told) == (0, True)
    assert [asked.headers.get("if-none-match") for asked in imf.asked] == [None, '"v1"']


def test_the_archive_is_parsed_again_without_the_network(imf: Server, tmp_path: Path) -> None:
    ask(imf, tmp_path)
    before = manifest(tmp_path, "extract")
    done = run("extract.py", "--from-archive", "--indicator", "NGDPD", workspace=tmp_path)
    assert done.returncode == 0, done.stderr
    after = manifest(tmp_path, "extract")
    assert [p["sha256"] for p in after["parts"][:-1]] == [p["sha256"] for p in before["parts"][:-1]]
    assert len(imf.asked) == 1
    wrong = run("extract.py", "--from-archive", "20200101T000000Z-imf-00000000", workspace=tmp_path)
    assert wrong.returncode == 2
    assert before["facts"]["archive_id"] in wrong.stderr


def test_an_answer_that_cannot_be_read_is_kept_all_the_same(imf: Server, tmp_path: Path) -> None:
    body = sdmx(figures())[:-40]
    imf.routes[GDP] = Answer(body, headers={"Content-Type": "application/xml"})
    code, told = ask(imf, tmp_path)
    assert code == 4, told
    assert [path.read_bytes() for path in (tmp_path / "results/archive/bodies").rglob("*") if path.is_file()] == [body]


# --- auto ---------------------------------------------------------------------------------------------------------


def auto(server: Server, workspace: Path, *more: str, script: str = "etl_process.py") -> tuple[int, str]:
    mirrors = {"WORLD_ECONOMIES_IMF_URL": f"{server.url}/imf", "WORLD_ECONOMIES_DATAMAPPER_URL": f"{server.url}/dm",
               "WORLD_ECONOMIES_WIKIPEDIA_URL": f"{server.url}/wiki"}
    done = run(script, "--no-html", "--no-csv", *more, workspace=workspace, env=mirrors)
    return done.returncode, done.stderr


def test_auto_takes_the_imf_when_it_answers(imf: Server, tmp_path: Path) -> None:
    code, told = auto(imf, tmp_path, "--indicator", "NGDPD")
    assert code == 0, told
    assert "imf-weo October 2025 (by imf)" in told.split("\n\n")[1]


def test_auto_falls_back_on_the_datamapper_and_says_why(server: Server, tmp_path: Path) -> None:
    values = {code: {"2024": float(text), "2025": float(text)} for code, text in figures().items()}
    server.routes["/imf/.NGDPD.A"] = Answer(b"<html><body>Sorry, maintenance</body></html>")
    server.routes["/dm/NGDPD"] = Answer(json.dumps({"values": {"NGDPD": values}}).encode(), headers={
        "Content-Type": "application/json", "Last-Modified": "Thu, 09 Jan 2025 10:00:00 GMT"})
    code, told = auto(server, tmp_path, "--indicator", "NGDPD")
    assert code == 0, told
    assert "imf gives no figures, trying the next source" in told
    assert "maintenance" in told
    head = told.split("\n\n")[-1].splitlines()[0]
    assert head.startswith("imf-weo observed-2025-01-09, date observed (by datamapper); fell back, because imf: ")
    assert manifest(tmp_path, "extract")["facts"]["fallbacks"][0].startswith("imf: ")
    log = (tmp_path / "log/etl_project_log.txt").read_text(encoding="utf-8")
    assert "WARNING" in log
    assert "imf gives no figures" in log


def test_auto_ends_at_the_bundle_on_an_empty_database(server: Server, tmp_path: Path) -> None:
    code, told = auto(server, tmp_path, "--indicator", "NGDPD")
    assert code == 0, told
    assert "imf-weo October 2025 (by bundled); fell back, because imf: " in told
    assert sql(tmp_path, "SELECT channel, label FROM picture") == [("bundled", "2025-10")]


def test_a_fall_back_older_than_the_database_leaves_the_picture_and_ends_4(imf: Server, tmp_path: Path) -> None:
    newer = sdmx(figures(), published="2026-04-14T13:00:00Z", updated="2026-04-14T13:00:00Z", years=(2025, 2026))
    imf.routes[GDP] = Answer(newer, headers={"Content-Type": "application/xml"})
    assert auto(imf, tmp_path, "--indicator", "NGDPD")[0] == 0
    picture = (tmp_path / "results/Countries_by_GDP.json").read_bytes()
    before = sql(tmp_path, "SELECT * FROM Countries_by_GDP")
    imf.routes[GDP] = Answer(b"later", 503)
    code, told = auto(imf, tmp_path, "--indicator", "NGDPD")
    assert code == 4
    assert "is older than what the database holds, imf-weo 2026-04" in told
    assert (tmp_path / "results/Countries_by_GDP.json").read_bytes() == picture
    assert sql(tmp_path, "SELECT * FROM Countries_by_GDP") == before


def test_a_gate_is_no_reason_to_fall_back(imf: Server, tmp_path: Path) -> None:
    few = {code: text for code, text in figures().items() if code in {"USA", "CHN", "JPN", "DEU"}}
    imf.routes[GDP] = Answer(sdmx(few), headers={"Content-Type": "application/xml"})
    code, told = auto(imf, tmp_path, "--indicator", "NGDPD")
    assert code == 3
    assert "[economies] imf-weo October 2025: 4 economies have GDP, at least 180 are expected" in told
    assert "trying the next source" not in told


def test_a_named_source_never_falls_back(server: Server, tmp_path: Path) -> None:
    server.routes[GDP] = Answer(b"later", 503)
    code, told = ask(server, tmp_path)
    assert code == 4
    assert "503" in told
    assert len(server.asked) == 1


# --- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "says"), [
    (["--source", "imff"], "There is no source named 'imff'; did you mean imf?"),
    (["--source", "auto", "--url", "http://127.0.0.1:9/x"], "--url needs a --source"),
    (["--source", "imf", "--url", "ftp://127.0.0.1/x"], "begins with http:// or https://"),
    (["--source", "imf", "--url", "http://me:secret@127.0.0.1:9/x"], "password on the command line"),
    (["--source", "imf", "--url", "http://[bad/"], "is no address that can be asked"),
    (["--source", "table", "--url", "http://[bad/x.csv", "--unit", "billion"], "is no address that can be asked"),
    (["--source", "weo"], "--input"),
    (["--source", "imf", "--input", "x.csv"], "--source imf has no use for --input"),
    (["--source", "bundled", "--url", "http://127.0.0.1:9/"], "--source bundled has no use for --url"),
    (["--year", "12"], "is no year"),
    (["--columns", "country"], "is not of the form"),
    (["--unit", "trillions"], "invalid choice"),
    (["--sauce", "imf"], "nrecognized arguments"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_wrong_usage_ends_2_and_says_what_to_type(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = run("extract.py", *arguments, workspace=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "next:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_year_the_vintage_has_not_is_refused(imf: Server, tmp_path: Path) -> None:
    code, told = ask(imf, tmp_path, "--year", "1975")
    assert code == 2
    assert "has no year 1975: it has 2024 to 2025" in told


def test_another_year_changes_the_picture_only(imf: Server, tmp_path: Path) -> None:
    ask(imf, tmp_path, "--year", "2024")
    first = manifest(tmp_path, "extract")
    ask(imf, tmp_path, "--year", "2025")
    second = manifest(tmp_path, "extract")
    assert [p["sha256"] for p in first["parts"][:-1]] == [p["sha256"] for p in second["parts"][:-1]]
    assert (first["facts"]["picture"]["year"], second["facts"]["picture"]["year"]) == (2024, 2025)


def test_a_run_that_a_gate_refused_asks_the_source_again(imf: Server, tmp_path: Path) -> None:
    """A nightly command must not stay for ever at one bad night's figures."""
    few = {code: text for code, text in figures().items() if code in {"USA", "CHN", "JPN", "DEU"}}
    imf.routes[GDP] = Answer(sdmx(few), headers={"Content-Type": "application/xml"})
    assert walked(imf, tmp_path)[0] == 3
    code, told = ask(imf, tmp_path, script="etl_process.py")
    assert (code, "was refused by a gate; asking whether the source has mended it" in told) == (3, True)
    imf.routes[GDP] = Answer(sdmx(figures()), headers={"Content-Type": "application/xml"})
    assert walked(imf, tmp_path)[0] == 0
    assert sql(tmp_path, "SELECT count(*) FROM Countries_by_GDP") == [(190,)]
    assert len(imf.asked) == 3


def test_a_refused_run_goes_on_when_the_gate_is_accepted(imf: Server, tmp_path: Path) -> None:
    imf.routes[GDP] = Answer(sdmx(figures(USA="90000")), headers={"Content-Type": "application/xml"})
    assert ask(imf, tmp_path, script="etl_process.py")[0] == 3
    assert ask(imf, tmp_path, "--from", "transform", "--accept", "share", script="etl_process.py")[0] == 0
    assert len(imf.asked) == 1


def test_a_year_that_only_older_vintages_lack_is_no_reason_to_refuse(tmp_path: Path) -> None:
    done = run("extract.py", "--source", "bundled", "--year", "2028", workspace=tmp_path)
    assert done.returncode == 0, done.stderr
    assert manifest(tmp_path, "extract")["facts"]["picture"] == {"batch": 9, "year": 2028, "main": "NGDPD"}
    refused = run("extract.py", "--source", "bundled", "--year", "2031", workspace=tmp_path)
    assert (refused.returncode, "imf-weo October 2025 has no year 2031" in refused.stderr) == (2, True)


def test_an_edition_of_the_future_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("country,year,gdp_usd_billion\nGermany,2025,5000\n", encoding="utf-8")
    done = run("extract.py", "--source", "table", "--input", table, "--vintage", "2135-10", workspace=tmp_path / "w")
    assert (done.returncode, "is of the future" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("harm", ["the record", "everything"])
def test_a_lost_archive_stops_nothing(imf: Server, tmp_path: Path, harm: str) -> None:
    assert walked(imf, tmp_path)[0] == 0
    if harm == "everything":
        shutil.rmtree(tmp_path / "results/archive")
    else:
        for record in (tmp_path / "results/archive").glob("*.json"):
            record.write_text("{")
    imf.routes[GDP] = Answer(sdmx(figures(), request="DS9"), headers={"Content-Type": "application/xml"})
    code, told = ask(imf, tmp_path, script="etl_process.py")
    assert code == 0, told


def test_advice_keeps_what_was_typed(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("country,year,value\nGermany,2025,5000\n", encoding="utf-8")
    done = run("etl_process.py", "--source", "table", "--input", table, "--vintage", "2025-10", "--dataset", "mine",
               workspace=tmp_path / "w")
    following = done.stderr.rstrip().splitlines()[-1]
    assert done.returncode == 2
    assert f"--input {table} --vintage 2025-10 --dataset mine --unit billion" in following
