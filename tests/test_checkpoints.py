"""Manifests and the verification of parts, on real files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import checkpoints
from pipeline.checkpoints import Manifest, Meter, Part
from pipeline.errors import CheckpointError
from utils import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def part_of(workspace: Workspace, content: bytes = b"a,b\n1,2\n") -> Part:
    path = workspace.staged / "part-0001.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return checkpoints.make_part(workspace, path, 1)


def manifest_of(workspace: Workspace, step: str = "extract") -> Manifest:
    return Meter().manifest(run_id="20261120T210509Z-imf", step_id=step, parameters={"year": 2025, "accept": ["world"]},
                            inputs={"data": "ab" * 32}, parts=[part_of(workspace)], balance={"in": 2, "out": 1, "x": 1},
                            code="cd" * 32, facts={"Türkiye": [1, None, {"a": "ö"}]})


def test_a_whole_part_has_no_damage(workspace: Workspace) -> None:
    assert checkpoints.damage(workspace, [part_of(workspace)]) == ""


DAMAGES = {
    "flipped byte": (lambda path: path.write_bytes(b"a,b\n1,3\n"), "was altered: its sha256 is not the one written"),
    "cut": (lambda path: path.write_bytes(b"a,b\n1"), "has 5 bytes, 8 were written"),
    "missing": (lambda path: path.unlink(), "is missing"),
}


@pytest.mark.parametrize(("harm", "told"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_named(workspace: Workspace, harm: object, told: str) -> None:
    part = part_of(workspace)
    assert callable(harm)
    harm(workspace.resolve(part.relative_path))
    assert checkpoints.damage(workspace, [part]) == f"results/staged/part-0001.csv {told}"


def test_the_first_damaged_part_is_named(workspace: Workspace) -> None:
    whole = part_of(workspace)
    assert "lost.csv" in checkpoints.damage(workspace, [whole, replace(whole, relative_path="results/lost.csv"), whole])


@pytest.mark.parametrize("path", ["../outside.csv", "results/../../outside.csv", "/etc/hostname"])
def test_a_path_that_leaves_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    workspace = Workspace(tmp_path / "workspace")
    (tmp_path / "outside.csv").write_bytes(b"x")
    with pytest.raises(ValueError, match="leaves the workspace"):
        workspace.resolve(path)
    assert checkpoints.damage(workspace, [Part(path, "", 1, 0)]) == f"{path} is missing"


def test_a_link_out_of_the_workspace_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.results.mkdir(parents=True)
    (tmp_path / "outside.csv").write_bytes(b"x")
    (workspace.results / "link.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(ValueError, match="leaves the workspace"):
        workspace.resolve("results/link.csv")


@pytest.mark.parametrize("step", ["extract", "transform/imf-weo/2025-10", "transform/table:mine/2025-10+2025-11-01"])
def test_a_manifest_is_read_as_it_was_written(workspace: Workspace, step: str) -> None:
    manifest = manifest_of(workspace, step)
    checkpoints.write_manifest(workspace, manifest)
    read = checkpoints.read_manifest(workspace, manifest.run_id, step)
    assert read == manifest and read.digest == manifest.digest
    assert manifest.peak_memory > 1_000_000 and manifest.started <= manifest.ended
    assert not [path for path in workspace.runs.rglob("*") if path.suffix == ".tmp"]


def test_a_workspace_may_be_moved(workspace: Workspace, tmp_path: Path) -> None:
    manifest = manifest_of(workspace)
    checkpoints.write_manifest(workspace, manifest)
    moved = Workspace(tmp_path.rename(tmp_path.with_name("moved")))
    read = checkpoints.read_manifest(moved, manifest.run_id, "extract")
    assert read == manifest and checkpoints.damage(moved, read.parts) == ""
    tmp_path.mkdir()


def test_no_manifest_is_none(workspace: Workspace) -> None:
    assert checkpoints.read_manifest(workspace, "nobody", "extract") is None


def test_a_damaged_manifest_is_named(workspace: Workspace) -> None:
    manifest = manifest_of(workspace)
    checkpoints.write_manifest(workspace, manifest)
    path = checkpoints.manifest_path(workspace, manifest.run_id, "extract")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"[]", b"\xff\xfe", whole.replace(b'"parts"', b'"porta"'), b"null"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="The manifest is damaged") as caught:
            checkpoints.read_manifest(workspace, manifest.run_id, "extract")
        assert caught.value.where == f"results/runs/{manifest.run_id}/extract.json"
        assert caught.value.next_command


def test_a_manifest_of_another_version_says_so(workspace: Workspace) -> None:
    manifest = manifest_of(workspace)
    checkpoints.write_manifest(workspace, manifest)
    path = checkpoints.manifest_path(workspace, manifest.run_id, "extract")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"schema_version": 99}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="schema version 99, this is 1"):
        checkpoints.read_manifest(workspace, manifest.run_id, "extract")


def test_the_digest_is_of_parts_and_facts_not_of_times(workspace: Workspace) -> None:
    manifest = manifest_of(workspace)
    assert replace(manifest, started="x", ended="y", seconds=9.0, run_id="z", peak_memory=1).digest == manifest.digest
    assert replace(manifest, facts={}).digest != manifest.digest
    assert replace(manifest, parts=[replace(manifest.parts[0], sha256="0" * 64)]).digest != manifest.digest


@pytest.mark.parametrize(("balance", "whole"), [
    ({"in": 3, "out": 1, "quarantined": 2}, True), ({"in": 0, "out": 0}, True), ({"in": 3, "out": 2}, False),
    ({"in": 1, "out": 1, "lost": 1}, False)])
def test_balance(balance: dict[str, int], whole: bool) -> None:
    if whole:
        assert checkpoints.balanced(balance) is balance
        return
    with pytest.raises(AssertionError, match="rows in"):
        checkpoints.balanced(balance)


def test_require_names_the_command_that_makes_what_is_missing(workspace: Workspace) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint of extract") as caught:
        checkpoints.require(workspace, "extract")
    assert caught.value.next_command == "python extract.py"
    manifest = manifest_of(workspace)
    checkpoints.write_manifest(workspace, manifest)
    checkpoints.make_current(workspace, manifest.run_id)
    assert checkpoints.require(workspace, "extract") == manifest
    workspace.resolve(manifest.parts[0].relative_path).unlink()
    with pytest.raises(CheckpointError, match=r"damaged: results/staged/part-0001\.csv is missing"):
        checkpoints.require(workspace, "extract")


def test_run_ids_newest_first_and_never_twice(workspace: Workspace) -> None:
    assert checkpoints.run_ids(workspace) == []
    first = checkpoints.new_run_id(workspace, "imf")
    assert first.endswith("Z-imf") and len(first) == len("20261120T210509Z-imf")
    for name in ("20250101T000000Z-imf", "20260101T000000Z-imf", "20260201T000000Z-empty"):
        (workspace.runs / name).mkdir(parents=True)
        if not name.endswith("empty"):
            (workspace.runs / name / "extract.json").write_text("{}", encoding="utf-8")
    assert checkpoints.run_ids(workspace) == ["20260101T000000Z-imf", "20250101T000000Z-imf"]


def test_two_runs_in_one_second_have_two_names(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "stamp_after", lambda _newest: "20261120T210509Z")
    names = []
    for _ in range(3):
        names.append(checkpoints.new_run_id(workspace, "imf"))
        (workspace.runs / names[-1]).mkdir(parents=True)
    assert names == ["20261120T210509Z-imf", "20261120T210509Z-imf-2", "20261120T210509Z-imf-3"]


def test_a_run_sorts_after_those_of_a_clock_that_was_ahead(workspace: Workspace) -> None:
    for name in ("20991231T235959Z-worldbank", "20250101T000000Z-imf"):
        (workspace.runs / name).mkdir(parents=True)
        (workspace.runs / name / "extract.json").write_text("{}", encoding="utf-8")
    assert checkpoints.new_run_id(workspace, "imf") == "21000101T000000Z-imf"
