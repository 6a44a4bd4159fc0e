"""A removal of old runs that dies is finished, takes nothing of others, and says what it cannot remove."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from history.model import OBSERVED
from pipeline import checkpoints, retention
from pipeline.archive import Archive
from pipeline.removal import Removed
from tests.orchestra import FAULTS, etl, write_table
from tests.project import PROJECT, run
from tests.retained import answered, entries, faults, files, lasting, made, removed, runs
from utils import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


# --- a removal that dies --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of seven runs, of which three go, one shares its parts, and answers with them."""
    workspace = Workspace(tmp_path_factory.mktemp("busy") / "workspace")
    archive = Archive(workspace.archive)
    first = answered(workspace, "one")
    made(workspace, 1, {"2024-04": "a"}, answer=first)
    made(workspace, 2, {"2024-10": "b"}, dataset="table:t", dating=OBSERVED)
    archive.drop_duplicate_body(answered(workspace, "one "), first)
    checkpoints.refuse(workspace, made(workspace, 3, {"2024-10": "c"}, stages=2), "too few")
    made(workspace, 4, {"2023-10": "only here"})
    for number in (5, 6, 7):
        made(workspace, number, {"2024-04": "a", "2025-04": "d"})
    return workspace.root


def struck(workspace: Path, act: str, at: int) -> subprocess.CompletedProcess[str]:
    """Remove all but one run in a process that is struck at its N-th step."""
    environment = os.environ | {"PYTHONPATH": f"{FAULTS}:{PROJECT}", "FAULT_SCRIPT": "retained.py", "FAULT_ACT": act,
                                "FAULT_AT": str(at), "FAULT_REMOVALS": "1"}
    return subprocess.run([sys.executable, str(PROJECT / "tests/retained.py"), str(workspace), "1"], check=False,
                          capture_output=True, encoding="utf-8", env=environment, timeout=60)


def dies_and_is_finished(busy: Path, there: Path, act: str, at: int, left: dict[str, bytes]) -> bool:
    """Strike a removal and finish it; returns whether there was so many a step. left: what a quiet removal leaves."""
    workspace = Workspace(Path(shutil.copytree(busy, there)))
    done = struck(there, act, at)
    assert done.returncode in (0, -9, 1), done.stderr
    assert list(faults(workspace)) == []  # every run that there is is whole
    assert {4, 7} <= set(runs(workspace))
    removed(workspace, retention.ALL if at % 2 else 1)  # what was begun is finished whatever --keep says
    removed(workspace, 1)
    assert list(faults(workspace)) == []
    assert files(workspace) == left
    return done.returncode != 0


@pytest.fixture(scope="module")
def quiet(busy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    workspace = Workspace(Path(shutil.copytree(busy, tmp_path_factory.mktemp("quiet") / "workspace")))
    told = removed(workspace, 1)
    assert [each[6:8] for each in told.runs] == ["01", "02", "03", "05", "06"]
    return files(workspace)


@pytest.mark.parametrize("at", random.Random("2026 keep").sample(range(1, 100), 3))
def test_a_removal_killed_anywhere_is_finished(at: int, busy: Path, quiet: dict[str, bytes], tmp_path: Path) -> None:
    assert dies_and_is_finished(busy, tmp_path / "workspace", "kill", at, quiet)  # it has 103 steps


@pytest.mark.full
@pytest.mark.parametrize("act", ["kill", "full"])
def test_a_removal_killed_at_every_step_is_finished(act: str, busy: Path, quiet: dict[str, bytes],
                                                    tmp_path: Path) -> None:
    died = [dies_and_is_finished(busy, tmp_path / str(at), act, at, quiet) for at in range(1, 105)]
    print(f"{act}: {sum(died)} deaths")  # a full disk at an empty folder leaves it, and is no error
    assert sum(died) > (100 if act == "kill" else 60) and not died[-1]


def test_what_a_later_run_names_again_stays(busy: Path, tmp_path: Path) -> None:
    workspace = Workspace(Path(shutil.copytree(busy, tmp_path / "workspace")))
    assert struck(workspace.root, "kill", 9).returncode == -9  # two runs are set aside, with nothing of them removed
    aside = [path.name for path in (workspace.results / "removing").iterdir()]
    assert "20260102T000000Z-own" in aside
    made(workspace, 8, {"2024-10": "b"}, dataset="table:t", dating=OBSERVED)
    removed(workspace, retention.ALL)
    assert list(faults(workspace)) == []
    assert 8 in runs(workspace) and 2 not in runs(workspace)
    assert not (workspace.results / "removing").exists()


@pytest.mark.parametrize("again", [False, True])
def test_an_archive_on_another_disk_is_cleared_too(again: bool, workspace: Workspace,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """again: the removal died before the copied record was gone, and a run was made of it since."""
    rename, unlink = Path.rename, Path.unlink

    def renamed(path: Path, target: Path) -> Path:
        if path.parent == workspace.archive:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    first = answered(workspace, "one")
    made(workspace, 1, {"2024-04": "a"}, answer=first)
    made(workspace, 2, {"2024-04": "a"})
    if again:
        with monkeypatch.context() as dying, pytest.raises(PermissionError):
            dying.setattr(Path, "unlink", lambda path, missing_ok=False: unlink(path, missing_ok)
                          if path.parent != workspace.archive else (_ for _ in ()).throw(PermissionError()))
            removed(workspace, 1)
        made(workspace, 3, {"2024-10": "b"}, answer=first)
    removed(workspace, 1)
    assert (runs(workspace), list(faults(workspace))) == ([2, 3] if again else [2], [])
    assert ((first in entries(workspace)), len(entries(workspace))) == ((True, 2) if again else (False, 1))


def test_what_somebody_keeps_there_or_behind_a_link_stays(workspace: Workspace, tmp_path: Path) -> None:
    old = made(workspace, 1, {"2024-04": "a"}, table=True)
    made(workspace, 2, {"2025-04": "b"}, table=True)
    pieces, behind = workspace.clean / "own/regions-2024-04", tmp_path / "behind"
    pieces.rename(behind)
    pieces.symlink_to(behind)
    mine = workspace.results / "removing/mine/notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("x")
    assert (removed(workspace, 1).runs, pieces.is_symlink(), len(list(behind.iterdir()))) == ([old], False, 1)
    assert mine.read_text() == "x"


class Stopped(Removed):
    """A removal that fails at the manifest of extract."""

    def unlink(self, path: Path) -> None:
        if path.name == "extract.json":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        super().unlink(path)


def test_that_a_gate_refused_a_run_is_known_until_its_end(workspace: Workspace) -> None:
    checkpoints.refuse(workspace, made(workspace, 1, {"2024-10": "c"}, stages=2), "too few economies")
    made(workspace, 2, {"2025-04": "d"})
    with pytest.raises(PermissionError):
        retention.remove(workspace, 1, Stopped())
    removed(workspace, 1)
    assert (runs(workspace), len(entries(workspace))) == ([2], 2)


# --- with real runs ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed(table: Path, undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A table, and a workspace that read it before, another one between, and now the same in other bytes."""
    folder = tmp_path_factory.mktemp("printed")
    workspace, figures = Path(shutil.copytree(undisturbed, folder / "workspace")), folder / table.name
    for text in (write_table(figures, first=950).read_text(), table.read_text() + "\n"):
        figures.write_text(text)
        assert etl(figures, workspace, "--keep", "all").returncode == 0
    return figures, workspace


@pytest.mark.full
def test_what_cannot_be_removed_is_a_warning(printed: tuple[Path, Path], tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(printed[1], tmp_path / "workspace"))
    path = sorted(workspace.glob("results/runs/2*/load.json"))[1]
    path.write_text("{")
    done = etl(printed[0], workspace, "--keep", "1")
    assert done.returncode == 0
    assert "old runs stay: The manifest is damaged (Expecting property name enclosed in double quotes" in done.stderr
    assert str(path.relative_to(workspace)) in done.stderr
    assert len(list(workspace.glob("results/runs/2*"))) == 3


@pytest.mark.chaos
@pytest.mark.parametrize("act", ["kill", "full"])
def test_the_orchestrator_struck_at_every_step_of_a_removal(
        act: str, printed: tuple[Path, Path], tmp_path: Path) -> None:
    figures, before = printed
    quiet = Path(shutil.copytree(before, tmp_path / "quiet"))
    assert etl(figures, quiet, "--keep", "1").returncode == 0
    left, held = {name for name in files(Workspace(quiet)) if "/archive/" not in name}, lasting(before)
    assert len(list(quiet.glob("results/runs/2*"))) == 2
    died = list[bool]()
    for at in range(1, 29):
        workspace = Path(shutil.copytree(before, tmp_path / str(at)))
        done = etl(figures, workspace, "--keep", "1", env={"FAULT_REMOVALS": "1"},
                   fault={"script": "etl_process.py", "act": act, "at": str(at)})
        assert list(faults(Workspace(workspace))) == []
        again = etl(figures, workspace, "--keep", "1")
        assert again.returncode == 0, again.stderr
        assert {name for name in files(Workspace(workspace)) if "/archive/" not in name} == left
        assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
        assert lasting(workspace) == held
        shutil.rmtree(workspace)
        died.append(done.returncode != 0 or "old runs stay" in done.stderr)
    print(f"{act}: {sum(died)} deaths")
    assert sum(died) > (22 if act == "kill" else 12) and not died[-1]
