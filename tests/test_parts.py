"""Parts on real files: complete or absent, named by content, split, and nothing left of one that failed."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import parts
from pipeline.errors import CheckpointError, DiskFull
from pipeline.parts import read_rows, write_parts
from utils import Workspace, sha256_file

HEADER = ("a", "b")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def files(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in workspace.staged.rglob("*") if path.is_file())


def written(workspace: Workspace, rows: Any) -> list[Path]:
    return [workspace.resolve(part.relative_path) for part in write_parts(
        workspace, workspace.staged, "part", HEADER, rows)]


def test_a_part_says_what_it_is(workspace: Workspace) -> None:
    [part] = write_parts(workspace, workspace.staged / "d" / "v", "part", HEADER, [("1", "x"), ("2", "ö")])
    path = workspace.root / part.relative_path
    assert path.read_bytes() == b"a,b\n1,x\n2,\xc3\xb6\n"
    assert (part.rows, part.bytes, part.sha256) == (2, 13, sha256_file(path))
    assert part.relative_path == f"results/staged/d/v/part-0001-{part.sha256[:12]}.csv"


def test_names_come_from_the_content(workspace: Workspace) -> None:
    first, again, other = (written(workspace, [("1", text)])[0].name for text in ("x", "x", "y"))
    assert first == again != other
    assert files(workspace) == sorted({first, other})


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_split(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, count: int, sizes: list[int], block: int) -> None:
    monkeypatch.setattr(parts, "ROWS_PER_PART", 3)
    monkeypatch.setattr(parts, "ROWS_PER_WRITE", block)
    rows = [(str(number), "") for number in range(count)]
    made = write_parts(workspace, workspace.staged, "part", HEADER, iter(rows))
    assert [part.rows for part in made] == sizes
    read = [list(read_rows(workspace.resolve(part.relative_path))) for part in made]
    assert all(each[0] == list(HEADER) for each in read)
    assert [tuple(each) for lines in read for each in lines[1:]] == rows


def test_many_parts_do_not_nest(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_PER_PART", 1)
    assert len(write_parts(workspace, workspace.staged, "part", HEADER, (("1", "2") for _ in range(300)))) == 300


@pytest.mark.parametrize("at", [0, 1, 25_000])
def test_absent_when_the_rows_end_in_an_error(workspace: Workspace, at: int) -> None:
    def rows() -> Iterator[tuple[str, str]]:
        yield from [("1", "2")] * at
        raise ValueError("the source is damaged")

    with pytest.raises(ValueError, match="the source is damaged"):
        written(workspace, rows())
    assert files(workspace) == []


def test_parts_before_the_error_are_whole(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_PER_PART", 2)

    def rows() -> Iterator[tuple[str, str]]:
        yield from [("1", "2")] * 5
        raise ValueError("the source is damaged")

    with pytest.raises(ValueError, match="damaged"):
        written(workspace, rows())
    assert [len(list(read_rows(path))) for path in workspace.staged.iterdir()] in ([3], [3, 3])


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_its_own_name_and_leaves_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch,
                                                         error: int) -> None:
    def full(descriptor: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="The disk is full while writing part-0001"):
        written(workspace, [("1", "2")])
    assert files(workspace) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_fills_while_rows_are_written(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fdopen

    def onto_a_full_disk(descriptor: int, *arguments: Any, **keywords: Any) -> Any:
        os.dup2(full.fileno(), descriptor)
        return real(descriptor, *arguments, **keywords)

    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123  unbuffered
        monkeypatch.setattr(os, "fdopen", onto_a_full_disk)
        with pytest.raises(DiskFull):
            written(workspace, [("1", "2")] * 50_000)
    assert files(workspace) == []


TEXTS = st.text(max_size=8) | st.sampled_from(["", '"', ",", "\n", "\r", "\r\n", "a,b", '""', "\0", " "])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=10))
def test_any_text_is_read_as_it_was_written(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    [path] = written(Workspace(tmp_path), rows)
    assert [tuple(each) for each in read_rows(path)] == [HEADER, *rows]
    with path.open(encoding="utf-8", newline="") as stream:  # as anyone else reads CSV
        assert [tuple(each) for each in csv.reader(stream)] == [HEADER, *rows]


def test_the_quick_way_writes_what_the_csv_module_writes(workspace: Workspace) -> None:
    rows = [("1", "2"), ("", "x y"), ("ö", "'")]
    [plain] = written(workspace, rows)
    [quoted] = written(workspace, [*rows, ("a,b", 'c"d')])
    assert quoted.read_bytes() == plain.read_bytes() + b'"a,b","c""d"\n'


def test_a_single_column_with_an_empty_text(workspace: Workspace) -> None:
    [part] = write_parts(workspace, workspace.staged, "part", ["a"], [("",), ("x",)])
    assert list(read_rows(workspace.resolve(part.relative_path))) == [["a"], [""], ["x"]]


def test_fields_that_are_no_text_are_written_as_such(workspace: Workspace) -> None:
    [path] = written(workspace, [(1, None), ("x", 2.5)])
    assert list(read_rows(path)) == [["a", "b"], ["1", ""], ["x", "2.5"]]


def test_lone_surrogates_are_written_out(workspace: Workspace) -> None:
    [path] = written(workspace, [("\udc80", "x")])
    assert list(read_rows(path))[1] == ["\\udc80", "x"]


@pytest.mark.parametrize("content", [b'a,b\n"1,2', b"a,b\n\xff,2\n", b'a,b\n"1"x,2\n'], ids=["cut", "bytes", "quote"])
def test_what_was_not_written_here_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "part-0001.csv"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"part-0001\.csv cannot be read as CSV") as caught:
        list(read_rows(path))
    assert caught.value.where == str(path)


def test_parts_read_in_turns_leave_the_limit_of_a_field_as_it_was(tmp_path: Path) -> None:
    workspace, before = Workspace(tmp_path), csv.field_size_limit()
    long = "x" * (before + 1)
    one, other = (workspace.resolve(write_parts(workspace, tmp_path, name, ["a"], [[long]] * 3)[0].relative_path)
                  for name in ("one", "other"))
    first, second = read_rows(one), read_rows(other)
    assert (next(first), next(second)) == (["a"], ["a"])
    assert csv.field_size_limit() == before
    assert len(list(first)) == len(list(second)) == 3
    assert csv.field_size_limit() == before
