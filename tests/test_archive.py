"""pipeline.archive: every byte kept before it is read, found again, verified, and never lost to tidying up."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.archive
from pipeline.archive import Archive, Recalled
from pipeline.documents import RawDocument
from pipeline.errors import CheckpointError, DiskFull, UsageError
from pipeline.secrets import url_key
from tests.project import PROJECT

URL = "https://api.example.org/gdp"


def answer(data: bytes = b"[1]", url: str = URL, kind: str = "data", **headers: str) -> RawDocument:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RawDocument(kind, url, "2026-11-20T21:05:09Z", named, {"vintage": "2025-10"}, data=data)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def store(archive: Archive, source: str, documents: Iterable[RawDocument]) -> tuple[str, list[RawDocument]]:
    """Keep all documents as one entry; return its id and them as kept."""
    with archive.entry(source) as entry:
        kept = [entry.add(document) for document in documents]
    return entry.id, kept


def bodies(archive: Archive) -> list[str]:
    return sorted(path.name for path in archive.folder.glob("bodies/*/*"))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- keeping ------------------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out(archive: Archive) -> None:
    with archive.entry("imf", "imf-weo") as entry:
        kept = entry.add(answer(b"<x/>", etag='"v1"'))
        assert kept.data is None
        assert kept.path == archive.folder / "bodies" / sha256(b"<x/>")[:2] / sha256(b"<x/>")
        assert kept.path.read_bytes() == b"<x/>"  # on the disk before it is handed on
    assert archive.load(entry.id) == [kept]
    record = json.loads((archive.folder / f"{entry.id}.json").read_text())
    assert record == {
        "id": entry.id, "source": "imf", "dataset": "imf-weo", "started": record["started"], "complete": True,
        "documents": [{
            "kind": "data", "url": URL, "fetched_at": "2026-11-20T21:05:09Z", "headers": {"etag": '"v1"'},
            "parameters": {"vintage": "2025-10"}, "key": sha256(URL.encode()), "sha256": sha256(b"<x/>"), "bytes": 4,
            "kept": True, "body": f"bodies/{sha256(b'<x/>')[:2]}/{sha256(b'<x/>')}"}]}


def test_an_id_says_when_and_whose(archive: Archive) -> None:
    assert pipeline.archive._ID.fullmatch(archive.new_id("imf"))
    assert "-my_source_-" in archive.new_id("my-source/")


def test_entries_of_one_second_keep_their_order(archive: Archive) -> None:
    made = [store(archive, source, [answer()])[0] for source in ("weo", "imf", "table") * 7]
    assert len(set(made)) == 21
    assert archive.ids() == made[::-1]
    assert [record["id"] for record in archive.entries()] == made[::-1]
    assert archive.latest() == made[-1]
    assert archive.latest("weo") == made[-3]
    assert archive.latest("wikipedia") is None


def test_an_id_is_never_given_twice(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    given_out = iter([7, 7, 8])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(given_out))

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Stopped:
            return cls(2026, 11, 20, 21, 5, 9, 0x1a2b3, tz)

    monkeypatch.setattr(pipeline.archive, "datetime", Stopped)
    assert [store(archive, "imf", [answer()])[0] for _ in range(2)] == ["20261120T210509Z-imf-1a2b3007",
                                                                      "20261120T210509Z-imf-1a2b3008"]


def test_an_entry_sorts_after_those_of_a_clock_that_was_ahead(archive: Archive) -> None:
    first, _ = store(archive, "imf", [answer()])
    ahead = first.replace(first[:16], "20991231T235959Z")
    archive.write(archive.read(first) | {"id": ahead})
    later = [store(archive, "imf", [answer()])[0] for _ in range(3)]
    assert archive.ids() == [*later[::-1], ahead, first]
    assert (archive.latest(), later[0][:16]) == (later[-1], "21000101T000000Z")


def test_the_same_bytes_are_kept_once(archive: Archive) -> None:
    for data in (b"[1]", b"[2]", b"[1]"):
        store(archive, "imf", [answer(data), answer(data, kind="again")])
    assert bodies(archive) == sorted([sha256(b"[1]"), sha256(b"[2]")])


def test_no_secret_is_written(archive: Archive) -> None:
    _, kept = store(archive, "imf", [answer(b"[1]", "https://user:s3cret@h/?api_key=s3cret", set_cookie="s3cret",
                                           authorization="s3cret", Proxy_Authorization="s3cret", x_api_key="s3cret",
                                           location="https://h/?token=s3cret", x_url_sha256="k" * 64)])
    written = b"".join(path.read_bytes() for path in archive.folder.rglob("*") if path.is_file())
    assert b"s3cret" not in written
    assert b'"key": "' + b"k" * 64 in written
    assert kept[0].url == "https://***@h/?api_key=***"
    assert kept[0].headers == {"location": "https://h/?token=***"}


def test_a_failure_in_the_middle_keeps_what_was_fetched(archive: Archive) -> None:
    with pytest.raises(ZeroDivisionError), archive.entry("imf") as entry:
        entry.add(answer(b"[1]"))
        raise ZeroDivisionError
    record = archive.read(entry.id)
    assert (record["complete"], len(record["documents"]), bodies(archive)) == (False, 1, [sha256(b"[1]")])
    assert archive.latest() is None
    with pytest.raises(CheckpointError, match="was cut off while fetching: 1 documents are kept") as caught:
        archive.load(entry.id)
    assert caught.value.next_command == "python extract.py --source imf   # fetches again"


def test_a_killed_process_loses_nothing_it_had_fetched(archive: Archive) -> None:
    code = ("import os, signal, sys; from pathlib import Path\n"
            "from pipeline.archive import Archive; from pipeline.documents import RawDocument\n"
            "with Archive(Path(sys.argv[1])).entry('imf') as entry:\n"
            "    entry.add(RawDocument('data', 'u', 't', data=b'[1]'))\n"
            "    os.kill(os.getpid(), signal.SIGKILL)")
    run = subprocess.run([sys.executable, "-c", code, archive.folder], cwd=PROJECT, check=False)
    assert run.returncode == -signal.SIGKILL
    [record] = archive.entries()
    assert (record["complete"], [each["sha256"] for each in record["documents"]]) == (False, [sha256(b"[1]")])


def test_an_entry_without_documents_leaves_no_record(archive: Archive) -> None:
    with archive.entry("bundled") as entry:
        pass
    assert archive.ids() == [] and archive.latest() is None
    with pytest.raises(UsageError, match="the archive is empty"):
        archive.load(entry.id)


def test_a_full_disk_leaves_the_rest_as_it_was(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = store(archive, "imf", [answer(b"[1]")])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        store(archive, "imf", [answer(b"[2]", kind="x")])
    monkeypatch.undo()
    assert archive.ids() == [first]
    assert [path.name for path in archive.folder.rglob("*") if path.is_file() and path.suffix == ".tmp"] == []


@settings(max_examples=30)
@given(st.lists(st.tuples(st.binary(max_size=40), st.text(max_size=9), st.dictionaries(st.text(max_size=5), st.text(
    max_size=9), max_size=2)), min_size=1, max_size=4))
def test_any_documents_come_back(tmp_path_factory: pytest.TempPathFactory,
                                 several: list[tuple[bytes, str, dict[str, str]]]) -> None:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    documents = [RawDocument(kind, "u", "t", {}, parameters, data=data) for data, kind, parameters in several]
    entry_id, _ = store(archive, "imf", documents)
    loaded = archive.load(entry_id)
    assert [(each.body, each.kind, each.parameters) for each in loaded] == [
        (data, kind, parameters) for data, kind, parameters in several]


# --- local files --------------------------------------------------------------------------------------------------


def test_a_local_file_is_copied_not_linked(archive: Archive, tmp_path: Path) -> None:
    mine = tmp_path / "WEO.xls"
    mine.write_bytes(b"Country\t2024\n")
    entry_id, [kept] = store(archive, "weo", [RawDocument("data", "WEO.xls", "t", path=mine)])
    with mine.open("r+b") as stream:
        stream.write(b"edited in place")
    assert archive.load(entry_id)[0].body == b"Country\t2024\n"
    assert kept.path is not None and kept.path.stat().st_nlink == 1
    assert kept.url == "WEO.xls"


def test_a_large_file_is_referred_to(tmp_path: Path) -> None:
    archive, mine = Archive(tmp_path / "archive", largest_copy=10), tmp_path / "big.csv"
    mine.write_bytes(b"x" * 11)
    entry_id, [kept] = store(archive, "table", [RawDocument("data", "big.csv", "t", path=mine)])
    described = archive.read(entry_id)["documents"][0]
    assert (described["kept"], described["body"], described["file"]) == (False, "", str(mine))
    assert (kept.path, bodies(archive)) == (mine, [])
    assert archive.load(entry_id)[0].path == mine
    mine.write_bytes(b"y" * 11)
    with pytest.raises(CheckpointError, match=r"big\.csv is damaged"):
        archive.load(entry_id)
    mine.unlink()
    with pytest.raises(CheckpointError, match=r"big\.csv is missing"):
        archive.load(entry_id)


def test_at_the_limit_it_is_still_copied(tmp_path: Path) -> None:
    archive, mine = Archive(tmp_path / "archive", largest_copy=10), tmp_path / "ten.csv"
    mine.write_bytes(b"x" * 10)
    store(archive, "table", [RawDocument("data", "ten.csv", "t", path=mine), answer(b"y" * 11)])
    assert bodies(archive) == sorted([sha256(b"x" * 10), sha256(b"y" * 11)])  # an answer is kept whatever its size


@pytest.mark.parametrize("name", ["missing.csv", "."], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_a_wrong_option(archive: Archive, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        store(archive, "table", [RawDocument("data", name, "t", path=tmp_path / name)])


def test_a_file_that_changes_while_it_is_read_is_not_kept(archive: Archive, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    mine, real = tmp_path / "a.csv", pipeline.archive._digest
    mine.write_bytes(b"first")

    def digest(stream: object, copy: object = None) -> tuple[str, int]:
        found = real(stream, copy)  # type: ignore[arg-type]
        mine.write_bytes(b"other")
        return found

    monkeypatch.setattr(pipeline.archive, "_digest", digest)
    with pytest.raises(UsageError, match="changes while it is read"):
        store(archive, "table", [RawDocument("data", "a.csv", "t", path=mine)])
    assert bodies(archive) == []


def test_a_document_of_the_archive_is_not_copied_again(archive: Archive) -> None:
    _, [kept] = store(archive, "imf", [answer()])
    second, [again] = store(archive, "imf", [kept])
    assert again.path == kept.path
    assert archive.load(second) == [again]


# --- damage -------------------------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("harm", "state"), [(flip, "damaged"), (lambda p: os.truncate(p, 2), "damaged"),
                                             (Path.unlink, "missing")], ids=["a bit", "cut", "gone"])
def test_a_damaged_body_is_named_and_healed_by_fetching_again(archive: Archive, harm: object, state: str) -> None:
    entry_id, [kept] = store(archive, "imf", [answer()])
    assert kept.path is not None
    harm(kept.path)  # type: ignore[operator]
    with pytest.raises(CheckpointError) as caught:
        archive.load(entry_id)
    assert caught.value.what == f"The archived answer {entry_id} cannot be used: {sha256(b'[1]')} is {state}"
    assert caught.value.where == str(kept.path)
    assert caught.value.next_command == "python extract.py --source imf   # fetches again"
    store(archive, "imf", [answer()])
    assert archive.load(entry_id)[0].body == b"[1]"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000,
                                  b'{"id": "x", "source": "s", "dataset": "", "started": "", "complete": true, '
                                  b'"documents": [{"sha256": "../../etc/passwd"}]}'],
                         ids=["empty", "cut", "list", "bare", "bytes", "deep", "path"])
def test_a_damaged_record_is_named_and_the_others_still_found(archive: Archive, text: bytes) -> None:
    first, _ = store(archive, "imf", [answer()])
    second, _ = store(archive, "imf", [answer(b"[2]")])
    (archive.folder / f"{second}.json").write_bytes(text)
    with pytest.raises(CheckpointError, match=f"The record of the entry {second}"):
        archive.load(second)
    assert (archive.latest(), [each["id"] for each in archive.entries()]) == (first, [first])


@pytest.mark.parametrize("asked", ["20261120T210509Z-imf-1a2b3c4d", "imf", "../../etc/passwd", ""])
def test_an_unknown_entry_is_answered_with_the_closest(archive: Archive, asked: str) -> None:
    entry_id, _ = store(archive, "imf", [answer()])
    with pytest.raises(UsageError) as caught:
        archive.load(asked)
    assert caught.value.what == f"The archive has no entry {asked!r}; the closest is {entry_id}"
    assert caught.value.next_command == f"python extract.py --from-archive {entry_id}"


# --- other bytes, same figures ------------------------------------------------------------------------------------


def test_a_body_with_known_figures_is_dropped(archive: Archive) -> None:
    old, [kept] = store(archive, "imf", [answer(b"<header at='1'/>")])
    new, _ = store(archive, "imf", [answer(b"<header at='2'/>")])
    assert [path.name for path in archive.drop_duplicate_body(new, old)] == [sha256(b"<header at='2'/>")]
    assert bodies(archive) == [sha256(b"<header at='1'/>")]
    assert archive.read(new)["same_figures_as"] == old
    assert archive.load(new) == [kept]
    assert archive.latest() == new


def test_a_body_that_another_entry_holds_stays(archive: Archive) -> None:
    old, _ = store(archive, "imf", [answer(b"1"), answer(b"countries", kind="countries")])
    new, _ = store(archive, "imf", [answer(b"2"), answer(b"countries", kind="countries")])
    other, _ = store(archive, "imf", [answer(b"2")])
    assert archive.drop_duplicate_body(new, old) == []
    assert bodies(archive) == sorted(map(sha256, (b"1", b"2", b"countries")))
    assert [each.body for each in archive.load(other)] == [b"2"]
    archive.drop_duplicate_body(other, new)  # by way of new, old stands for it
    assert archive.read(other)["same_figures_as"] == old
    assert bodies(archive) == sorted(map(sha256, (b"1", b"countries")))


def test_twins_of_twins_are_followed(archive: Archive) -> None:
    ids = [store(archive, "imf", [answer(data)])[0] for data in (b"1", b"2", b"3")]
    archive.drop_duplicate_body(ids[2], ids[1])
    archive.drop_duplicate_body(ids[1], ids[0])
    assert [archive.load(each)[0].body for each in ids] == [b"1", b"1", b"1"]
    with pytest.raises(UsageError, match="cannot stand for itself"):
        archive.drop_duplicate_body(ids[0], ids[2])
    assert bodies(archive) == [sha256(b"1")]


def test_nothing_is_dropped_for_a_damaged_twin(archive: Archive) -> None:
    old, [kept] = store(archive, "imf", [answer(b"1")])
    new, _ = store(archive, "imf", [answer(b"2")])
    assert kept.path is not None
    flip(kept.path)
    with pytest.raises(CheckpointError):
        archive.drop_duplicate_body(new, old)
    assert archive.load(new)[0].body == b"2"


def test_nothing_is_dropped_while_a_record_cannot_be_read(archive: Archive) -> None:
    old, new, third = (store(archive, "imf", [answer(data)])[0] for data in (b"1", b"2", b"2"))
    (archive.folder / f"{third}.json").write_bytes(b"{")
    assert archive.drop_duplicate_body(new, old) == []
    assert bodies(archive) == sorted(map(sha256, (b"1", b"2")))


# --- recalling ----------------------------------------------------------------------------------------------------


def test_the_newest_whole_answer_of_the_address_is_recalled(archive: Archive) -> None:
    store(archive, "imf", [answer(b"1", etag='"v1"')])
    store(archive, "imf", [answer(b"2", etag='"v2"', last_modified="Mon")])
    store(archive, "imf", [answer(b"3")])  # nothing to ask by
    store(archive, "imf", [answer(b"4", URL + "?page=2", etag='"p2"')])
    with pytest.raises(ZeroDivisionError), archive.entry("imf") as entry:
        entry.add(answer(b"5", etag='"v5"'))
        raise ZeroDivisionError
    found = Recalled(archive).recall(URL)
    assert found is not None and found[2] is not None
    assert (found[:2], found[2].body) == (('"v2"', "Mon"), b"2")
    assert Recalled(archive).recall(URL + "?page=3") is None
    flip(archive.body(sha256(b"2")))
    found = Recalled(archive).recall(URL)
    assert found is not None and found[2] is not None
    assert (found[:2], found[2].body) == (('"v1"', ""), b"1")


def test_addresses_are_told_apart_by_their_secrets_too(archive: Archive) -> None:
    for token in ("a", "b"):
        url = f"{URL}?token={token}"
        store(archive, "imf", [answer(token.encode(), "shown", etag=token, x_url_sha256=url_key(url))])
    found = Recalled(archive).recall(f"{URL}?token=a")
    assert found is not None and found[2] is not None
    assert (found[0], found[2].body) == ("a", b"a")
    assert Recalled(archive).recall("shown") is None


def test_a_dropped_body_is_recalled_by_its_own_mark_and_the_twin_s_bytes(archive: Archive) -> None:
    old, _ = store(archive, "imf", [answer(b"1", etag='"v1"')])
    new, _ = store(archive, "imf", [answer(b"2", etag='"v2"')])
    archive.drop_duplicate_body(new, old)
    found = Recalled(archive).recall(URL)
    assert found is not None and found[2] is not None
    assert (found[0], found[2].body, found[2].headers["etag"]) == ('"v2"', b"1", '"v2"')


def test_an_empty_archive_recalls_nothing(archive: Archive) -> None:
    assert Recalled(archive).recall(URL) is None
    assert not archive.folder.exists()
