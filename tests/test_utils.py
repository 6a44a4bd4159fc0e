"""What every stage shares: atomic files, times, hashes, the workspace."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import utils
from pipeline.errors import DiskFull
from utils import PROJECT, Workspace, atomic_file, sha256_file, sha256_text, utc_now, write_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic_file(path, "w") as stream:
        stream.write("Türkiye\n")
        assert not path.exists()
    assert path.read_bytes() == b"T\xc3\xbcrkiye\n" and names(path.parent) == ["file.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_file_whose_writer_fails_leaves_the_one_before(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"before")
    with pytest.raises(error), atomic_file(path) as stream:
        stream.write(b"half")
        stream.flush()
        raise error
    assert path.read_bytes() == b"before" and names(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    if call == "replace":
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFull, match=r"The disk is full while writing file\.json") as caught:
        write_json(path, {"a": 2})
    assert caught.value.where == str(path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": 1} and names(tmp_path) == ["file.json"]


def test_a_file_of_the_largest_size_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(DiskFull, match=r"A limit of the size of files \(ulimit -f\) is reached while writing file"):
            write_json(path, {"a": "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": 1} and names(tmp_path) == ["file.json"]


def test_other_faults_keep_their_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError), atomic_file(tmp_path / "file" / "under it"):
        pass
    assert names(tmp_path) == ["file"]


WRITER = """
import sys
from pathlib import Path
from utils import atomic_file
path = Path(sys.argv[1])
while True:
    for letter in b"ab":
        with atomic_file(path) as stream:
            for _ in range(64):
                stream.write(bytes([letter]) * 16384)
        print(flush=True)
"""


def test_no_reader_sees_half_of_a_file_and_a_killed_writer_leaves_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=PROJECT, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    threading.Timer(0.7, lambda: writer.send_signal(signal.SIGKILL)).start()
    seen = set()
    while writer.poll() is None:
        content = path.read_bytes()
        assert len(content) == 1 << 20 and len(set(content)) == 1
        seen.add(content[0])
    writer.stdout.close()
    assert seen == set(b"ab") and len(path.read_bytes()) == 1 << 20


def test_json_for_people(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"Country": "Türkiye", "n": [1, None]})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == (
        '{\n  "Country": "Türkiye",\n  "n": [\n    1,\n    null\n  ]\n}\n')


def test_hashes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "x") == sha256_text("abc") == known
    assert len(sha256_text("\udc80")) == 64


def test_the_code_digest_follows_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utils, "PROJECT", tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.py").write_text("x = 1\n", encoding="utf-8")
    before = utils.code_digest(["rules"])
    (tmp_path / "rules" / "notes.txt").write_text("not code", encoding="utf-8")
    assert utils.code_digest(["rules"]) == before
    (tmp_path / "rules" / "a.py").write_text("x = 2\n", encoding="utf-8")
    assert utils.code_digest(["rules"]) != before


def test_time_is_iso_and_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(utc_now()) == 20 and utc_now().endswith("Z")


def test_the_workspace_knows_its_places(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.relative(workspace.database) == "sqliteDB/World_Economies.db"
    assert workspace.relative(workspace.log) == "log/etl_project_log.txt"
    assert workspace.relative(workspace.raw_picture) == "results/Countries_by_GDP.json"
    assert workspace.relative(workspace.clean_picture) == "results/Countries_by_GDP_Processed.json"
    assert workspace.resolve("results/x") == (tmp_path / "results" / "x").resolve()
    with pytest.raises(ValueError, match="leaves the workspace"):
        workspace.resolve("results/../../x")


def test_results_may_be_on_another_disk(tmp_path: Path) -> None:
    workspace, disk = Workspace(tmp_path / "workspace"), tmp_path / "disk"
    (disk / "staged").mkdir(parents=True)
    workspace.root.mkdir()
    workspace.results.symlink_to(disk)
    assert workspace.relative(workspace.staged / "a.csv") == "results/staged/a.csv"
    assert workspace.resolve("results/staged/a.csv") == disk / "staged/a.csv"
    (disk / "staged/out").symlink_to(tmp_path)
    for path in ("results/staged/out/x", "results/../../x", "results/staged/../../../x"):
        with pytest.raises(ValueError, match="leaves the workspace"):
            workspace.resolve(path)
