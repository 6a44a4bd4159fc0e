"""A source and a target added by dropping a file: no line of the project changes, and the whole pipeline runs."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from tests.project import PROJECT, run, sql
from tests.weo_sample import figures

SOURCE = '''"""Figures of a bank of ours, from a file of lines like DEU 985.125."""

from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from rules.records import StagedRecord
from sources import BaseSource, VintageBatch
from utils import utc_now


class Source(BaseSource):
    dataset = "our-bank"

    def fetch(self, request, http):
        for path in request.inputs:
            yield RawDocument("data", path.name, utc_now(), path=path)

    def parse(self, documents):
        for document in documents:
            vintage = Vintage("our-bank", "2026-06", "2026-06-01")
            rows = (StagedRecord(code, "", "NGDPD", "2025", value, "US$", "Billions", "actual", f"line {number}")
                    for number, (code, value) in enumerate(map(str.split, document.body.decode().splitlines()), 1))
            yield VintageBatch(vintage, [Scope(vintage, "NGDPD", (2025,), True)], rows)
'''

TARGET = '''"""The picture as CSV."""

import csv

from targets import BaseTarget, Counts


class Target(BaseTarget):
    def __init__(self, workspace, *, rebuild=False):
        self.path = workspace.results / "picture.csv"
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def describe(self, countries, version):
        pass
    def applied(self, batch_id):
        return False
    def publish(self, batches):
        return Counts(figures=sum(1 for batch in batches for _ in batch.rows()))
    def keep_picture(self, run_id):
        pass
    def show(self, picture):
        with self.path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, picture.rows[0])
            writer.writeheader()
            writer.writerows(picture.rows)
    def query(self, name, parameters):
        return []
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's code that a test may add files to."""
    copy = tmp_path / "project"
    for name in ("pipeline", "rules", "history", "sources", "engines", "targets", "questions", "reports", "large",
                 "sql", "data"):
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in PROJECT.glob("*.py"):
        shutil.copy(path, copy)
    return copy


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "bank.txt"
    path.write_text("".join(f"{code} {value}\n" for code, value in figures().items()))
    return path


def test_a_source_dropped_into_the_folder(project: Path, lines: Path, tmp_path: Path) -> None:
    (project / "sources" / "our_bank.py").write_text(SOURCE)
    listed = run("extract.py", "--help", workspace=tmp_path / "w", project=project)
    assert "our_bank    Figures of a bank of ours, from a file of lines like DEU 985.125\n" in listed.stdout
    done = run("etl_process.py", "--source", "our_bank", "--input", lines, workspace=tmp_path / "w", project=project)
    assert done.returncode == 0, done.stderr
    assert sql(tmp_path / "w", "SELECT Country, GDP_USD_billion, Dataset FROM Countries_by_GDP WHERE ISO3 = 'DEU'") == [
        ("Germany", 985.13, "our-bank")]
    assert sql(tmp_path / "w", "SELECT count(*) FROM Countries_by_GDP") == [(190,)]


def test_a_target_dropped_into_the_folder(project: Path, lines: Path, tmp_path: Path) -> None:
    (project / "sources" / "our_bank.py").write_text(SOURCE)
    (project / "targets" / "comma.py").write_text(TARGET)
    workspace = tmp_path / "w"
    arguments = ("--source", "our_bank", "--input", lines, "--target", "comma")
    done = run("etl_process.py", *arguments, workspace=workspace, project=project)
    assert done.returncode == 0, done.stderr
    assert "the target comma answers no queries" in done.stderr
    again = run("etl_process.py", *arguments, workspace=workspace, project=project)
    assert (again.returncode, "Nothing to do" in again.stderr) == (0, True), again.stderr
    with (workspace / "results" / "picture.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert (len(rows), rows[3]["Country"], rows[3]["GDP_USD_billion"]) == (190, "Germany", "985.13")
    assert not (workspace / "sqliteDB").exists()
