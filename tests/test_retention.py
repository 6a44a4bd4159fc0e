"""--keep: the newest runs stay, and older ones that alone hold a vintage; a removal that dies is finished."""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl_process import build_parser
from history.model import OBSERVED
from pipeline import checkpoints, retention
from pipeline.archive import Archive
from pipeline.errors import CheckpointError, UsageError
from pipeline.removal import Removed
from tests.orchestra import FAULTS, content, etl, tree, write_table
from tests.project import PROJECT, run
from tests.retained import answered, faults, files, lasting, made
from utils import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def removed(workspace: Workspace, keep: int) -> Removed:
    told = Removed()
    retention.remove(workspace, keep, told)
    return told


def runs(workspace: Workspace) -> list[int]:
    """Return the numbers of the runs that there are, oldest first."""
    return [int(run_id[6:8]) for run_id in reversed(checkpoints.run_ids(workspace))]


def entries(workspace: Workspace) -> set[str]:
    return set(Archive(workspace.archive).ids())


# --- which runs stay ------------------------------------------------------------------------------------------------


def test_the_newest_stay_and_older_ones_that_hold_a_vintage_alone(workspace: Workspace) -> None:
    made(workspace, 1, {"2024-04": "a"})                   # held again by 3
    made(workspace, 2, {"2024-10": "b"})                   # the only one of its vintage
    made(workspace, 3, {"2024-04": "a", "2025-04": "c"})   # the newest with both
    made(workspace, 4, {"2025-10": "d"})
    made(workspace, 5, {"2025-10": "d"})
    told = removed(workspace, 1)
    assert (runs(workspace), [each[6:8] for each in told.runs]) == ([2, 3, 5], ["01", "04"])
    assert list(faults(workspace)) == []
    # Run 1 and 4: four manifests, a record and a body each; their parts are named by 3 and 5 too.
    assert (told.files, told.bytes > 0, len(entries(workspace))) == (12, True, 3)
    assert removed(workspace, 1).files == 0


def test_what_no_other_run_names_goes_with_its_folders(workspace: Workspace) -> None:
    made(workspace, 1, {"2024-04": "a"}, stages=4, dataset="table:t", dating=OBSERVED)  # a picture and no history
    made(workspace, 2, {"2024-10": "b"})
    gone = [path for path in files(workspace) if "table:t" in path or "/20260101" in path]
    removed(workspace, 1)
    assert len(gone) == 7 and not [path for path in workspace.results.rglob("*") if path.name == "table:t"]
    assert (runs(workspace), list(faults(workspace)), len(entries(workspace))) == ([2], [], 1)


def test_of_two_words_about_a_vintage_the_first_stays(workspace: Workspace) -> None:
    for number, said in enumerate(("a", "b", "a", "b", "a"), 1):
        made(workspace, number, {"2024-04": said})
    removed(workspace, 1)
    assert runs(workspace) == [1, 2, 5]  # the order in which they came decides which was kept


def test_a_channel_is_a_word_of_its_own(workspace: Workspace) -> None:
    made(workspace, 1, {"2024-04": "a"})
    path = workspace.runs / made(workspace, 2, {"2024-04": "a"})
    for stage in ("extract", "transform"):
        manifest = checkpoints.read_manifest(workspace, path.name, stage)
        assert manifest is not None
        manifest.facts["channel"] = "imf"
        checkpoints.write_manifest(workspace, manifest)
    removed(workspace, 1)
    assert runs(workspace) == [1, 2]


@pytest.mark.parametrize("kind", ["body", "clean"])
def test_a_damaged_run_does_not_stand_for_another(kind: str, workspace: Workspace) -> None:
    made(workspace, 1, {"2024-04": "a"})
    newest = made(workspace, 2, {"2024-04": "a"})
    if kind == "clean":  # of the same records, parted otherwise
        manifest = checkpoints.read_manifest(workspace, newest, "transform")
        assert manifest is not None
        path = workspace.resolve(manifest.parts[0].relative_path).with_name("other.csv")
        path.write_text("figure\na\n")
        manifest.facts["batches"][0]["parts"] = [workspace.relative(path)]
        manifest.parts[:] = [checkpoints.make_part(workspace, path, 1)]
        checkpoints.write_manifest(workspace, manifest)
    else:
        archive = Archive(workspace.archive)
        path = archive.body(archive.read(archive.ids()[0])["documents"][0]["sha256"])
    path.write_bytes(b"x" + path.read_bytes()[1:])
    removed(workspace, 1)
    assert runs(workspace) == [1, 2]


def test_unfinished_runs_stay_and_refused_ones_leave_their_answers(workspace: Workspace) -> None:
    made(workspace, 1, {"2024-04": "a"}, stages=1)
    made(workspace, 2, {"2024-04": "b"}, stages=2)
    refused = made(workspace, 3, {"2024-10": "c"}, stages=2)
    checkpoints.refuse(workspace, refused, "too few economies")
    made(workspace, 4, {"2025-04": "d"})
    removed(workspace, 1)
    assert (runs(workspace), len(entries(workspace)), list(faults(workspace))) == ([1, 2, 4], 4, [])


def test_a_run_that_was_refused_after_it_was_loaded_stays(workspace: Workspace) -> None:
    for number in (1, 2):  # newer rules refuse them; a database holds their figures
        checkpoints.refuse(workspace, made(workspace, number, {"2024-04": "a"}), "too few economies")
    made(workspace, 3, {"2024-10": "b"})
    removed(workspace, 1)
    assert (runs(workspace), list(faults(workspace))) == ([1, 2, 3], [])


def test_the_current_run_stays_and_one_is_enough(workspace: Workspace) -> None:
    first = made(workspace, 1, {"2024-04": "a"})
    made(workspace, 2, {"2024-04": "a"})
    checkpoints.make_current(workspace, first)  # its source says again what it said then
    removed(workspace, 1)
    assert (runs(workspace), checkpoints.current_run(workspace)) == ([1, 2], first)


def test_a_large_table_goes_with_its_pieces(workspace: Workspace) -> None:
    old = made(workspace, 1, {"2024-04": "a", "2025-04": "b"}, table=True)
    made(workspace, 2, {"2025-04": "b"}, table=True)
    for folder in ("2024-04", "2025-04"):
        (workspace.clean / "own" / f"regions-{folder}" / "000000.json").write_text("{}")
    (workspace.results / "work" / old).mkdir(parents=True)
    (workspace.results / "work" / old / "piece").write_text("")
    removed(workspace, 1)
    left = sorted(path.name for path in (workspace.clean / "own").iterdir())
    assert (runs(workspace), left, list((workspace.results / "work").iterdir())) == ([2], ["regions-2025-04"], [])
    assert (workspace.clean / "own/regions-2025-04/000000.json").exists()


@pytest.mark.parametrize("stage", ["extract", "load"])
def test_where_a_manifest_that_stays_cannot_be_read_nothing_goes(stage: str, workspace: Workspace) -> None:
    made(workspace, 1, {"2024-04": "a"})
    path = workspace.runs / made(workspace, 2, {"2024-04": "a"}) / f"{stage}.json"
    path.write_text(path.read_text().replace("2026", "2025"))
    before = tree(workspace.root)
    with pytest.raises(CheckpointError, match="damaged"):
        removed(workspace, 1)
    assert tree(workspace.root) == before


def test_no_path_that_leaves_the_parts_is_followed(workspace: Workspace) -> None:
    run_id = made(workspace, 1, {"2024-04": "a"})
    workspace.database.parent.mkdir()
    workspace.database.write_text("not to be touched")
    path = workspace.runs / run_id / "load.json"
    told = json.loads(path.read_text())
    told["parts"] = [{"relative_path": name, "sha256": "", "bytes": 0, "rows": 0} for name in (
        "results/clean/../../sqliteDB/World_Economies.db", "sqliteDB/World_Economies.db", str(workspace.database))]
    path.write_text(json.dumps(told))
    (workspace.results / "removing").mkdir()
    (workspace.runs / run_id).rename(workspace.results / "removing" / run_id)
    removed(workspace, 1)
    assert workspace.database.read_text() == "not to be touched"
    assert not (workspace.results / "removing").exists()


# --- which answers and logs stay ------------------------------------------------------------------------------------


def test_answers_that_repeat_others_go_and_none_that_nobody_read(workspace: Workspace) -> None:
    archive = Archive(workspace.archive)
    unread, cut = answered(workspace, "moved"), answered(workspace, "page 1", whole=False)
    first = answered(workspace, "one")
    made(workspace, 1, {"2024-04": "a"}, answer=first)
    same_figures, same_bytes = answered(workspace, "one "), answered(workspace, "one")
    archive.drop_duplicate_body(same_figures, first)
    other = answered(workspace, "of another source", source="other")
    asked_with = answered(workspace, "of another source ", source="other")  # the newest of its source
    archive.drop_duplicate_body(asked_with, other)
    beginning = answered(workspace, "one", whole=False)
    newest = answered(workspace, "two")
    assert removed(workspace, 1).answers == [same_figures, same_bytes, beginning]
    assert entries(workspace) == {unread, cut, first, other, asked_with, newest}
    assert [len(archive.load(each)) for each in (unread, first, other, newest)] == [1, 1, 1, 1]


def test_the_answer_behind_a_run_of_another_answer_stays(workspace: Workspace) -> None:
    archive, first = Archive(workspace.archive), answered(workspace, "one")
    made(workspace, 1, {"2024-04": "a"}, answer=first)
    twin = answered(workspace, "one ")
    archive.drop_duplicate_body(twin, first)
    made(workspace, 2, {"2024-04": "a"}, answer=twin)  # --from-archive TWIN
    removed(workspace, 1)
    assert (runs(workspace), entries(workspace), len(archive.load(twin))) == ([2], {first, twin}, 1)


def test_answers_with_the_same_figures_go_with_the_one_they_stand_for(workspace: Workspace) -> None:
    archive, first = Archive(workspace.archive), answered(workspace, "one")
    made(workspace, 1, {"2024-04": "a"}, answer=first)
    second = answered(workspace, "two")
    made(workspace, 2, {"2024-04": "a"}, answer=second)
    archive.drop_duplicate_body(answered(workspace, "one "), first)  # of no use without the first
    removed(workspace, 1)
    assert (entries(workspace), len(list(workspace.archive.rglob("bodies/*/*")))) == ({second}, 1)


def test_old_logs_go_with_the_runs_they_tell_of(workspace: Workspace) -> None:
    workspace.log.parent.mkdir()
    for number in (1, 2):
        made(workspace, number, {f"2024-0{number}": "a"})
    since = (workspace.runs / "20260102T000000Z-own/extract.json").stat().st_mtime
    for name, age in (("txt", 100), ("txt.1", -100), ("txt.2", 100), ("jsonl.1", 100), ("txt.old", 100)):
        path = workspace.log.with_name(f"etl_project_log.{name}")
        path.write_text("")
        os.utime(path, (since - age, since - age))
    assert removed(workspace, 1).logs == 2
    assert {path.name for path in workspace.log.parent.iterdir()} == {
        "etl_project_log.txt", "etl_project_log.txt.1", "etl_project_log.txt.old"}


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


# --- as it is typed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "-1", "", "some", "1.5", "10000000", "٣"])
def test_what_is_no_number_of_runs_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no number of runs from 1 on, and not all"):
        retention.runs_to_keep(text)


@pytest.mark.parametrize(("text", "kept"), [("1", 1), ("100", 100), ("all", retention.ALL), ("ALL", retention.ALL)])
def test_what_is_a_number_of_runs_is_read(text: str, kept: int) -> None:
    assert retention.runs_to_keep(text) == kept


def test_it_is_an_option_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build_parser().parse_args([]).keep == 100
    monkeypatch.setenv("WORLD_ECONOMIES_KEEP", "7")
    assert [build_parser().parse_args(given).keep for given in ([], ["--keep", "all"])] == [7, retention.ALL]
    with pytest.raises(UsageError, match="Argument --keep: '0' is no number of runs"):
        build_parser().parse_args(["--keep", "0"])
    monkeypatch.setenv("WORLD_ECONOMIES_KEEP", "none")
    with pytest.raises(UsageError, match="WORLD_ECONOMIES_KEEP: 'none' is no number of runs"):
        build_parser()


def test_a_run_tells_before_and_after_what_goes(table: Path, finished: Path) -> None:
    workspace = Workspace(finished)
    old = made(workspace, 1, {"2024-04": "a"}, dataset="table:t", dating=OBSERVED)
    latest = checkpoints.run_ids(workspace)[0]
    checkpoints.make_current(workspace, latest)
    before, held = tree(finished), content(finished)
    would = etl(table, finished, "--keep", "1", "--dry-run")
    assert would.stdout.splitlines()[-1] == ("keep       would remove 1 run(s), the answers of these and 0 that repeat "
                                             f"others, 0 old log(s): {old}")
    assert tree(finished) == before
    done = etl(table, finished, "--keep", "1")
    assert (done.returncode, "Nothing to do" in done.stderr) == (0, True), done.stderr
    said = "removed by --keep 1: 1 run(s), 1 archived answer(s), 0 old log(s); 9 file(s), "
    assert said in done.stderr and said in workspace.log.read_text()
    last = json.loads((finished / "log/last_run.json").read_text())
    assert (last["removed"]["runs"], last["removed"]["files"]) == ([old], 9)
    assert (checkpoints.run_ids(workspace), content(finished)) == ([latest], held)


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
