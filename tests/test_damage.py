"""Any file of a workspace altered, cut, emptied or replaced by something else: the same command mends it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline import checkpoints
from pipeline.archive import Archive
from pipeline.checkpoints import Part
from pipeline.errors import CheckpointError
from tests.damages import DAMAGES, KINDS, file_of, table_with_unknown
from tests.orchestra import content, etl, half_written
from tests.project import manifest
from utils import Workspace, write_json

ARCHIVE = ("archive record", "archived bytes")
AFTER_LOAD = ("load", "report", "page", "picture csv", "history csv", "package")
CASES = [(state, kind, damage) for state in ("finished", "unfinished") for kind in KINDS for damage in DAMAGES
         if state == "finished" or kind not in AFTER_LOAD]
SOME = [("finished", "clean", "full_folder"), ("unfinished", "transform", "emptied"), ("finished", "current", "fifo"),
        ("finished", "archived bytes", "cut"), ("unfinished", "staged", "flipped")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A table; a workspace in which it was loaded, and one in which the load was killed; copy them."""
    folder = tmp_path_factory.mktemp("whole")
    table = table_with_unknown(folder / "gdp.csv")
    accept = ("--accept", "unmatched")
    assert etl(table, folder / "finished", *accept).returncode == 0
    shutil.copytree(folder / "finished", folder / "unfinished")
    for kind in ("load", "report"):
        file_of(folder / "unfinished", kind).unlink()
    shutil.rmtree(folder / "unfinished/sqliteDB")
    return {"table": table, "finished": folder / "finished", "unfinished": folder / "unfinished"}


def mended(state: str, kind: str, damage: str, whole: dict[str, Path], workspace: Path) -> None:
    """Damage a file of a copy of the workspace, and let the same command make it well."""
    shutil.copytree(whole[state], workspace)
    DAMAGES[damage](file_of(workspace, kind))
    done = etl(whole["table"], workspace, "--accept", "unmatched")
    assert done.returncode == 0, done.stderr
    assert content(workspace) == content(whole["finished"])
    assert half_written(workspace) == []
    there(workspace, but=ARCHIVE if state == "unfinished" else ())
    if damage == "full_folder":  # what somebody keeps there is nobody's to remove
        assert [path.read_text() for path in workspace.rglob("kept.txt")] == ["mine"]


def there(workspace: Path, *, but: Sequence[str] = ()) -> None:
    """Hold that a file of each kind is in its place. but: kinds that whoever only finishes a run has no need of."""
    for each in KINDS:
        assert each in but or any(path.is_file() for path in workspace.glob(KINDS[each])), each


@pytest.mark.chaos
@pytest.mark.parametrize(("state", "kind", "damage"), CASES)
def test_the_same_command_makes_it_well(state: str, kind: str, damage: str, whole: dict[str, Path],
                                        tmp_path: Path) -> None:
    mended(state, kind, damage, whole, tmp_path / "w")
    again = etl(whole["table"], tmp_path / "w")
    assert "Nothing to do" in again.stderr, again.stderr
    there(tmp_path / "w")  # the source was asked again


@pytest.mark.full
@pytest.mark.parametrize(("state", "kind", "damage"), SOME)
def test_one_of_them(state: str, kind: str, damage: str, whole: dict[str, Path], tmp_path: Path) -> None:
    mended(state, kind, damage, whole, tmp_path / "w")


@pytest.mark.chaos
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_let_through_needs_no_second_word(damage: str, whole: dict[str, Path], tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(whole["finished"], tmp_path / "w"))
    DAMAGES[damage](file_of(workspace, "clean"))
    done = etl(whole["table"], workspace)
    assert done.returncode == 0, done.stderr
    assert manifest(workspace, "transform")["facts"]["accepted"] == ["unmatched"]
    assert content(workspace) == content(whole["finished"])


# --- each by itself -------------------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.mark.parametrize(("damage", "told"), [
    ("flipped", "was altered"), ("cut", "has 4 bytes, 8 were written"), ("emptied", "has 0 bytes, 8 were written"),
    ("empty_folder", "is no file"), ("full_folder", "is no file"), ("dangling", "is missing"),
    ("circular", "is missing"), ("fifo", "is no file")])
def test_a_damaged_part_is_named(damage: str, told: str, workspace: Workspace) -> None:
    path = workspace.staged / "part.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a,b\n1,2\n")
    part = checkpoints.make_part(workspace, path, 1)
    DAMAGES[damage](path)
    assert checkpoints.damage(workspace, [part]).startswith(f"results/staged/part.csv {told}")


def test_a_folder_of_a_parts_size_is_no_part(workspace: Workspace) -> None:
    folder = workspace.staged / "part.csv"
    folder.mkdir(parents=True)
    assert checkpoints.damage(workspace, [Part("results/staged/part.csv", "", folder.stat().st_size, 1)]).endswith(
        "is no file")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_a_checkpoint_to_be_made_again(damage: str, workspace: Workspace) -> None:
    told = checkpoints.Meter().manifest(run_id="r1", step_id="extract", parameters={}, inputs={}, parts=[],
                                        balance={"in": 0, "out": 0}, code="")
    checkpoints.write_manifest(workspace, told)
    path = checkpoints.manifest_path(workspace, "r1", "extract")
    DAMAGES[damage](path)
    with pytest.raises(CheckpointError, match="The manifest is damaged"):
        checkpoints.read_manifest(workspace, "r1", "extract")
    checkpoints.write_manifest(workspace, told)
    assert checkpoints.read_manifest(workspace, "r1", "extract") == told


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name not in ("flipped", "cut")])
def test_where_no_current_run_can_be_read_there_is_none(damage: str, workspace: Workspace) -> None:
    checkpoints.make_current(workspace, "20261120T210509Z-imf")
    DAMAGES[damage](workspace.runs / "current")
    assert checkpoints.current_run(workspace) == ""
    checkpoints.make_current(workspace, "20261120T210509Z-imf")
    assert checkpoints.current_run(workspace) == "20261120T210509Z-imf"


@pytest.mark.parametrize("text", [b"..", b"../../etc", b"/etc", b"a\0b", b"\xff\xfe", b"a b", b"a\nb", b"."])
def test_a_current_run_that_leads_elsewhere_is_none(text: bytes, workspace: Workspace) -> None:
    workspace.runs.mkdir(parents=True)
    (workspace.runs / "current").write_bytes(text)
    assert checkpoints.current_run(workspace) == ""


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "flipped"])
def test_a_damaged_record_keeps_the_bytes_that_it_may_refer_to(damage: str, tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    with archive.entry("imf") as entry:
        pass
    record = entry.record | {"complete": True}
    archive.write(record)
    DAMAGES[damage](tmp_path / f"{entry.id}.json")
    assert archive.ids() == [entry.id]
    assert archive.entries() == []
    with pytest.raises(CheckpointError, match="The record of the entry"):
        archive.read(entry.id)


def test_a_folder_in_the_place_of_a_file_makes_way(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    (tmp_path / "b.json").mkdir()
    (tmp_path / "b.json" / "kept.txt").write_text("mine", encoding="utf-8")
    for name in ("a.json", "b.json"):
        write_json(tmp_path / name, [1])
        assert json.loads((tmp_path / name).read_text(encoding="utf-8")) == [1]
    (kept,) = tmp_path.glob("b.json.foreign-*")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json", kept.name]
    assert [path.name for path in kept.iterdir()] == ["kept.txt"]
