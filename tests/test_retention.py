"""--keep: the newest runs stay, and older ones that alone hold a vintage."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import pytest

from etl_process import build_parser
from history.model import OBSERVED
from pipeline import checkpoints, retention
from pipeline.archive import Archive
from pipeline.errors import CheckpointError, UsageError
from tests.orchestra import content, etl, tree
from tests.retained import answered, entries, faults, files, made, removed, runs
from utils import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


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
