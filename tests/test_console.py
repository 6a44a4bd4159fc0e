"""The screen: plain lines, one progress line on a real terminal, nothing with --quiet."""

from __future__ import annotations

import contextlib
import io
import os
import pty
from typing import TextIO

import pytest

from pipeline.console import Console, visible
from pipeline.events import FAILED, FINISHED, NOTE, PROGRESS, SAMPLE, SKIPPED, STARTED, WARNING, Event

STORY = [
    Event(STARTED, "extract", "asking imf", time=100.0),
    Event(PROGRESS, "extract", "10,000 rows", {"done": 10_000, "total": 50_000, "unit": "rows"}, 102.0),
    Event(PROGRESS, "extract", "20,000 rows", {"done": 20_000, "total": 50_000, "unit": "rows"}, 104.0),
    Event(SAMPLE, "extract", "120 MiB", time=105.0),
    Event(NOTE, "extract", "8 economies have no figure", time=106.0),
    Event(WARNING, "extract", "imf gives no figures", time=106.0),
    Event(FINISHED, "extract", "50,000 rows", time=110.0),
    Event(SKIPPED, "load", "skipped: nothing changed", time=111.0),
    Event(FAILED, "report", "no database", time=112.0),
]


def stream_of(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")


def told(stream: TextIO) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(stream.encoding)


def play(console: Console, story: list[Event]) -> None:
    for event in story:
        console(event)


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = stream_of("utf-8")
    play(Console(stream=stream), STORY)
    assert told(stream).splitlines() == [
        "… extract   asking imf",
        "  extract   8 economies have no figure",
        "! extract   imf gives no figures",
        "✓ extract   50,000 rows",
        "– load      skipped: nothing changed",
    ]


def test_long_work_tells_a_plain_line_now_and_then() -> None:
    stream = stream_of("utf-8")
    story = [STORY[0], *(Event(PROGRESS, "extract", "", {"done": 1000 * second, "total": 60_000}, 100.0 + second)
                         for second in range(1, 31))]
    play(Console(stream=stream), story)
    assert told(stream).splitlines()[1:] == [
        "… extract   10,000 of 60,000 rows, 1,000/s, about 50 s left",
        "… extract   20,000 of 60,000 rows, 1,000/s, about 40 s left",
        "… extract   30,000 of 60,000 rows, 1,000/s, about 30 s left",
    ]


def test_quiet_leaves_warnings_only() -> None:
    stream = stream_of("utf-8")
    play(Console(quiet=True, stream=stream), STORY)
    assert told(stream) == "! extract   imf gives no figures\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_narrow_encoding_does_not_crash(encoding: str) -> None:
    stream = stream_of(encoding)
    play(Console(stream=stream), [*STORY, Event(NOTE, "extract", "Türkiye, Côte d'Ivoire, 中国, \udc80")])
    lines = told(stream).splitlines()
    assert lines[0] == "> extract   asking imf" and lines[3] == "+ extract   50,000 rows"
    assert lines[5].startswith("  extract   T")


def test_a_name_from_a_page_cannot_move_the_cursor() -> None:
    stream = stream_of("utf-8")
    console = Console(stream=stream)
    console(Event(NOTE, "extract", "unknown: \x1b[2J\x1b]0;x\x07\r\nSecond\u009b1m"))
    assert told(stream) == "  extract   unknown: \\x1b[2J\\x1b]0;x\\x07\\x0d\\x0aSecond\\x9b1m\n"
    assert visible("a\tb Türkiye") == "a\tb Türkiye"


def test_a_block_of_lines_stays_one() -> None:
    stream = stream_of("utf-8")
    Console(stream=stream).line("\nstage  seconds\nload   0.5")
    assert told(stream) == "\nstage  seconds\nload   0.5\n"


def test_a_failure_in_one_write() -> None:
    stream = stream_of("utf-8")
    Console(quiet=True, stream=stream).fail("load", 6, ["The database refuses", "next:  python load.py"])
    assert told(stream) == "✗ load failed (exit 6). The database refuses\n  next:  python load.py\n"


def test_a_screen_that_is_gone_ends_no_run() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8")
    play(Console(stream=stream), STORY)
    os.close(os.dup(writing))
    with pytest.raises(BrokenPipeError):
        stream.close()


class Terminal:
    """A real pseudo-terminal: what is written to `stream` is read back as a person would see it arrive."""

    def __init__(self, columns: int) -> None:
        import fcntl
        import struct
        import termios

        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")

    def read(self) -> str:
        """Hang up and return all that arrived."""
        self.stream.close()
        seen = b""
        with contextlib.suppress(OSError):  # Linux says EIO where others say end of file
            while data := os.read(self._master, 1 << 16):
                seen += data
        os.close(self._master)
        return seen.decode("utf-8")


def test_one_progress_line_on_a_terminal() -> None:
    terminal = Terminal(columns=100)
    play(Console(stream=terminal.stream), STORY)
    seen = terminal.read()
    clear = "\r\x1b[K"
    assert seen == (
        "… extract   asking imf\r\n"
        f"{clear}… extract   10,000 of 50,000 rows, 5,000/s, about 8 s left"
        f"{clear}… extract   20,000 of 50,000 rows, 5,000/s, about 6 s left"
        f"{clear}  extract   8 economies have no figure\r\n"
        "! extract   imf gives no figures\r\n"
        "✓ extract   50,000 rows\r\n"
        "– load      skipped: nothing changed\r\n")


@pytest.mark.parametrize(("columns", "width"), [(30, 29), (0, 79)])
def test_the_progress_line_never_wraps(columns: int, width: int) -> None:
    terminal = Terminal(columns)
    long = Event(PROGRESS, "extract", "", {"done": 10**30, "total": 10**31}, 101.0)
    play(Console(stream=terminal.stream), [STORY[0], long])
    line = terminal.read().rpartition("\x1b[K")[2]
    assert len(line) == width


def test_a_failure_clears_the_progress_line() -> None:
    terminal = Terminal(columns=100)
    play(Console(stream=terminal.stream), [*STORY[:2], STORY[-1]])
    seen = terminal.read()
    assert seen.endswith("about 8 s left\r\x1b[K")


def test_quiet_on_a_terminal_shows_no_progress() -> None:
    terminal = Terminal(columns=100)
    play(Console(quiet=True, stream=terminal.stream), STORY)
    assert terminal.read() == "! extract   imf gives no figures\r\n"
