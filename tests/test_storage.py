"""pipeline.storage on a real store: uploads, ranges, stamps and folders of objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

pytest.importorskip("pyarrow", reason="the group `large` is not installed")
if missing := [name for name in ("moto", "flask", "flask_cors", "boto3") if find_spec(name) is None]:
    pytest.skip(f"the store of the tests is not installed: {', '.join(missing)}", allow_module_level=True)

from pipeline.storage import Far, children, random_access, remove_folder, sha256_of, size_of, stamp, uploaded
from tests.object_store import BUCKET, ObjectStore, known_here, object_store


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def store(running: ObjectStore) -> Iterator[ObjectStore]:
    """The store, known to this process too."""
    with known_here(running):
        yield running


def test_an_upload_is_complete_or_absent(store: ObjectStore) -> None:
    target = Far(f"{BUCKET}/up/load")
    with pytest.raises(KeyboardInterrupt), uploaded(target) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert (target.is_file(), size_of(target), store.keys("up")) == (False, -1, [])
    data = bytes(range(256)) * 100_000  # several parts of an upload
    with uploaded(target) as stream:
        stream.write(data)
    assert store.get("up/load") == data
    assert (size_of(target), sha256_of(target)) == (len(data), hashlib.sha256(data).hexdigest())
    assert (target.read_bytes() == data, target.is_file(), target.is_dir()) == (True, True, False)


def test_any_range_of_an_object_is_read(store: ObjectStore) -> None:
    data = bytes(range(256)) * 20_000
    store.put("ranges/x", data)
    for most in (1, 1000, 1 << 20):
        with Far(f"{BUCKET}/ranges/x").open(most=most) as stream:
            for at, count in ((0, 5), (4_999_999, 300), (5_119_990, 100), (7, 3_000_000 if most > 1 else 70)):
                stream.seek(at)
                assert stream.read(count) == data[at:at + count]
    with random_access(Far(f"{BUCKET}/ranges/x")) as source:
        assert source.read_at(4, 1000) == data[1000:1004]


def test_two_writings_of_one_second_are_told_apart(store: ObjectStore) -> None:
    store.put("twice", b"aaa")
    first = stamp(Far(f"{BUCKET}/twice"))
    assert first == stamp(Far(f"{BUCKET}/twice"))
    store.put("twice", b"bbb")
    assert stamp(Far(f"{BUCKET}/twice"))[2] != first[2]
    assert first[0] == 3
    assert abs(first[1] / 1e9 - store.client.head_object(Bucket=BUCKET, Key="twice")["LastModified"].timestamp()) <= 2


def test_folders(store: ObjectStore) -> None:
    for key in ("tree/a/1", "tree/a/22", "tree/b/3", "tree/file"):
        store.put(key, key.encode())
    tree = Far(f"{BUCKET}/tree")
    assert children(tree) == {"a": -1, "b": -1, "file": 9}
    assert children(tree / "a") == {"1": 8, "22": 9}
    assert (children(tree / "none"), (tree / "a").is_dir(), (tree / "none").is_dir()) == ({}, True, False)
    remove_folder(tree / "a")
    remove_folder(tree / "none")
    assert store.keys("tree") == ["tree/b/3", "tree/file"]
    (tree / "file").unlink()
    (tree / "file").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        (tree / "file").unlink()
    assert store.keys("tree") == ["tree/b/3"]
