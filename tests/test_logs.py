"""The log: several processes, rotation, every physical line with its time, no secret; and events on their way."""

from __future__ import annotations

import json
import locale
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import EVENTS_FD, FAILED, NOTE, PROGRESS, WARNING, Event, PipeListener, Reporter, inherited_pipe
from pipeline.logs import JsonFormatter, TextFormatter, log_listener, without_secrets
from pipeline.rotating import SharedRotatingHandler
from utils import ENGLISH_MONTHS, PROJECT, log_time

STAMP = re.compile(rf"20[0-9]{{2}}-(?:{'|'.join(ENGLISH_MONTHS)})-[0-9]{{2}}(?:-[0-9]{{2}}){{3}}, ")

WRITER = """
import logging, sys
from pathlib import Path
from pipeline import logs
from utils import Workspace
logs.MAX_BYTES, logs.BACKUPS = int(sys.argv[3]), 999
logs.configure(Workspace(Path(sys.argv[1])))
for number in range(int(sys.argv[4])):
    logging.getLogger("extract").info("writer %s line %05d", sys.argv[2], number)
"""


def python(program: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)], cwd=PROJECT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})


def run(program: str, *arguments: object, **environment: str) -> str:
    process = python(program, *arguments, **environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == "", err
    return out


def lines_of(folder: Path, name: str) -> list[str]:
    return [line for path in folder.glob(f"{name}*") for line in path.read_text(encoding="utf-8").splitlines()]


def test_four_processes_lose_no_line_across_rotation(tmp_path: Path) -> None:
    writers = [python(WRITER, tmp_path, name, 100_000, 2000) for name in "abcd"]
    for writer in writers:
        assert writer.communicate(timeout=120)[1] == "" and writer.returncode == 0
    log = tmp_path / "log"
    assert len(list(log.glob("etl_project_log.txt*"))) > 3, "the log was not rotated"
    expected = sorted(f"writer {name} line {number:05d}" for name in "abcd" for number in range(2000))
    text = lines_of(log, "etl_project_log.txt")
    assert sorted(line[line.index("writer"):] for line in text) == expected
    assert all(STAMP.match(line) for line in text)
    assert sorted(json.loads(line)["message"] for line in lines_of(log, "etl_project_log.jsonl")) == expected


TRACEBACK = """
import locale, logging, sys
from pathlib import Path
from pipeline import logs
from utils import Workspace
locale.setlocale(locale.LC_ALL, "")
logs.configure(Workspace(Path(sys.argv[1])))
try:
    try:
        {}["https://user:hunter2@example.org/?token=abc123"]
    except KeyError as error:
        raise ValueError("two\\nlines\\rand\\u2028more\\x1b[2J") from error
except ValueError:
    logging.getLogger("load").exception("failed: https://user:hunter2@example.org/x?api_key=abc123&year=2024")
"""


def has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_ALL, before)
    return True


@pytest.mark.parametrize("name", ["C", "C.UTF-8", "de_DE.UTF-8"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_every_physical_line_begins_with_the_time_in_utc(tmp_path: Path, name: str, zone: str) -> None:
    if not has_locale(name):
        pytest.skip(f"this machine has no locale {name}")
    run(TRACEBACK, tmp_path, LC_ALL=name, TZ=zone)
    text = (tmp_path / "log" / "etl_project_log.txt").read_bytes().decode("utf-8")
    lines = re.split(r"[\r\n\u2028\u2029\x0b\x0c\x1c-\x1e\x85]", text.removesuffix("\n"))
    assert len(lines) > 8 and all(STAMP.match(line) for line in lines)
    assert "Traceback (most recent call last):" in text and "ValueError: two" in text and "\x1b" not in text
    now = subprocess.run(["date", "-u", "+%Y-%m-%dT%H"], capture_output=True, text=True, check=True).stdout.strip()
    year, month, day, hour = lines[0].split(", ")[0].split("-")[:4]
    assert now in {f"{year}-{ENGLISH_MONTHS.index(month) + 1:02d}-{day}T{int(hour) + late:02d}" for late in (0, 1)}


def test_secrets_are_in_neither_log(tmp_path: Path) -> None:
    run(TRACEBACK, tmp_path)
    for path in (tmp_path / "log").glob("etl_project_log.*"):
        text = path.read_text(encoding="utf-8")
        assert "hunter2" not in text and "abc123" not in text, path.name
        assert "https://***@example.org/x?api_key=***&year=2024" in text
    [line] = lines_of(tmp_path / "log", "etl_project_log.jsonl")
    told = json.loads(line)
    assert (told["level"], told["stage"]) == ("ERROR", "load")
    assert "ValueError: two\nlines" in told["traceback"]


def test_log_time() -> None:
    assert log_time(1795208709) == "2026-November-20-21-05-09"
    assert log_time(1767225599.9) == "2025-December-31-23-59-59"


def record_of(message: str, **fields: Any) -> logging.LogRecord:
    record = logging.LogRecord("extract", logging.INFO, "x.py", 1, message, (), None)
    record.event = Event(NOTE, "extract", message, fields)
    return record


@pytest.mark.parametrize("message", ['token=abc"def', 'say "token=\\abc"', "a\udc80b", "x\ny", "\x00", "a\u2028b"])
def test_a_json_line_stays_json_whatever_is_cut(message: str) -> None:
    line = JsonFormatter().format(record_of(message))
    line.encode("utf-8")
    assert len(line.splitlines()) == 1 and isinstance(json.loads(line)["message"], str)
    assert "abc" not in line


@given(st.text(max_size=30))
def test_any_message_is_one_line_of_json_and_stamped_lines_of_text(message: str) -> None:
    record = record_of(message, path=message, number=1)
    assert json.loads(JsonFormatter().format(record))["number"] == 1
    text = TextFormatter().format(record)
    text.encode("utf-8")
    assert all(STAMP.match(line) for line in text.splitlines())


def test_fields_of_events_are_redacted_wherever_they_are() -> None:
    content = {"url": "https://u:p@h/", "list": ["https://u:p@h/", 1, None], "deep": {"token": "secret", "n": 2.5},
               "path": Path("x"), "many": ("a",), "flag": True}
    assert without_secrets(content) == {"url": "https://***@h/", "list": ["https://***@h/", 1, None],
                                        "deep": {"token": "***", "n": 2.5}, "path": "x", "many": ["a"], "flag": True}
    line = JsonFormatter().format(record_of("asking", **content))
    assert json.loads(line)["event"] == "note" and "u:p" not in line and "secret" not in line


def test_progress_stays_out_of_the_log_and_failures_are_errors(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for kind in (PROGRESS, NOTE, WARNING, FAILED):
            log_listener(Event(kind, "extract", "what 100% is"))
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("INFO", "note: what 100% is"), ("WARNING", "warning: what 100% is"), ("ERROR", "failed: what 100% is")]


# --- events -------------------------------------------------------------------------------------------------------


@given(st.text(), st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_an_event_arrives_as_it_was_sent(text: str, fields: dict[str, Any]) -> None:
    event = Event(NOTE, "extract", text, fields, 1.5)
    line = event.to_json()
    assert "\n" not in line
    assert Event.from_json(line.encode("utf-8", "backslashreplace").decode()) == event


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", "x", '{"kind": 1, "stage": "a", "text": "b"}', "[" * 100_000,
                                  '{"kind": "a", "stage": "a", "text": "b", "fields": []}',
                                  '{"kind": "a", "stage": "a", "text": "b", "time": "now"}',
                                  '{"kind": "a", "stage": "a", "text": "b", "other": 1}'])
def test_what_is_no_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match="not an event"):
        Event.from_json(line)


def test_events_through_a_pipe_and_a_parent_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv(EVENTS_FD, str(writing))
    assert inherited_pipe() == writing
    reporter = Reporter("extract", [PipeListener(writing)])
    reporter.warn("old figures", cause="a\nb")
    with os.fdopen(os.dup(reading), "rb") as stream:
        event = Event.from_json(stream.readline().decode())
    assert (event.kind, event.text, event.fields) == (WARNING, "old figures", {"cause": "a\nb"})
    assert reporter.warnings == ["old figures"]
    os.close(reading)
    reporter.note("nobody listens")
    reporter.note("still nobody")
    os.close(writing)
    assert inherited_pipe() is None


@pytest.mark.parametrize("text", ["", "x", "-1", "99999"])
def test_no_pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(EVENTS_FD, text)
    assert inherited_pipe() is None


@pytest.mark.parametrize("count", [0, 1, 9, 10, 25])
def test_counted_passes_every_row_on_and_tells_progress(count: int) -> None:
    heard: list[Event] = []
    reporter = Reporter("extract", [heard.append])
    rows: Sequence[int] = range(count)
    assert list(reporter.counted(rows, total=count, every=10)) == list(rows)
    assert [event.fields for event in heard] == ([{"done": min(count, 10), "total": count, "unit": "rows"}] if count
                                                 else [])  # no more than five a second


def test_a_log_that_is_removed_comes_back_and_no_other_file_is_touched(tmp_path: Path) -> None:
    """A descriptor that was closed and kept once closed a file of somebody else's."""
    folder = tmp_path / "log"
    folder.mkdir()
    handler = SharedRotatingHandler(folder / "x.txt", max_bytes=1000, backups=2)
    record = logging.LogRecord("stage", logging.INFO, "", 0, "words", None, None)
    handler.emit(record)
    shutil.rmtree(folder)
    raising, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        handler.emit(record)  # no folder to write in: the record is lost, the program is not
        with (tmp_path / "other").open("w") as other:
            handler.emit(record)
            other.write("whole")
        folder.mkdir()
        handler.emit(record)
    finally:
        logging.raiseExceptions = raising
    handler.close()
    assert (tmp_path / "other").read_text() == "whole"
    assert (folder / "x.txt").read_text() == "words\n"
