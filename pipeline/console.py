"""The screen, one of the listeners: plain lines, one progress line on a terminal, nothing with --quiet."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from pipeline.events import FAILED, FINISHED, NOTE, PROGRESS, SAMPLE, SKIPPED, STARTED, WARNING, Event
from pipeline.secrets import redact_text

_MARKS = {STARTED: "…", SKIPPED: "–", FINISHED: "✓", WARNING: "!", FAILED: "✗", NOTE: " "}
_ASCII = {STARTED: ">", SKIPPED: "-", FINISHED: "+", WARNING: "!", FAILED: "x", NOTE: " "}
# Control characters, and what makes a line or its direction another one: a text could else seem to be another text.
UNSEEN = (*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in UNSEEN if chr(code) != "\t"}
PLAIN_EVERY = 10.0  # seconds between lines of progress where there is no terminal
COLUMNS = 80  # of a terminal that does not say


def visible(text: str) -> str:
    r"""Return the text with control characters written out: a name from a web page must not move the cursor."""
    return text if text.isprintable() else text.translate(_CONTROLS)


class Console:
    """Prints events to standard error, so that standard output holds results only."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.terminal = self.stream.isatty()
        self._encoding = getattr(self.stream, "encoding", None) or "ascii"
        errors = getattr(self.stream, "errors", None) or "strict"  # pipeline.process gives streams a readable way
        self._errors = "replace" if errors == "strict" else errors
        self.marks = _MARKS if self._encoding.lower().startswith("utf") else _ASCII
        self._open_line = False
        self._started: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Show an event; of --quiet only warnings are left. Failures are shown by fail() alone."""
        if event.kind == FAILED:
            self.end_line()
            return
        if event.kind == SAMPLE:
            return
        if event.kind == PROGRESS:
            self._progress(event)
            return
        if event.kind == STARTED:
            self._started[event.stage] = self._told[event.stage] = event.time
        if self.quiet and event.kind != WARNING:
            return
        self.line(visible(f"{self.marks.get(event.kind, ' ')} {event.stage:<9} {event.text}"))

    def _progress(self, event: Event) -> None:
        """Tell rows, rate and time left: one line rewritten in place on a terminal, elsewhere now and then a line."""
        if self.quiet:
            return
        begun = self._started.setdefault(event.stage, event.time)
        text = f"{self.marks[STARTED]} {event.stage:<9} {_how_far(event, event.time - begun)}"
        if self.terminal:
            self._write("\r\033[K" + visible(text)[: self._columns() - 1])
            self._open_line = True
        elif event.time - self._told.setdefault(event.stage, begun) >= PLAIN_EVERY:
            self._told[event.stage] = event.time
            self.line(text)

    def line(self, text: str) -> None:
        """Write a text of one or more lines, ending a progress line first; secrets are cut out of it."""
        self.end_line()
        self._write("\n".join(map(visible, redact_text(text).split("\n"))) + "\n")

    def fail(self, stage: str, code: int, lines: Sequence[str]) -> None:
        """Tell a failure, header and cause together in one write; shown with --quiet too."""
        who = f"{stage} failed" if stage else "Failed"
        self.line(f"{self.marks[FAILED]} {who} (exit {code}). " + "\n  ".join(lines))

    def end_line(self) -> None:
        """Clear the progress line, so that what is written next begins at the margin."""
        if self._open_line:
            self._write("\r\033[K")
            self._open_line = False

    def _columns(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(self.stream.fileno()).columns or COLUMNS
        return COLUMNS

    def _write(self, text: str) -> None:
        """Write what the stream's encoding can show; a screen that is gone ends no run."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text.encode(self._encoding, self._errors).decode(self._encoding))
            self.stream.flush()


def _how_far(event: Event, seconds: float) -> str:
    """Return "10,000 of 50,000 rows, 5,000/s, about 8 s left", without what cannot be known yet."""
    done, total = int(event.fields.get("done", 0)), int(event.fields.get("total", 0))
    rate = done / seconds if seconds > 0 else 0.0
    share = f" of {total:,}" if total else ""
    speed = f", {rate:,.0f}/s" if rate else ""
    left = f", about {(total - done) / rate:.0f} s left" if total > done and rate else ""
    return f"{done:,}{share} {event.fields.get('unit', 'rows')}{speed}{left}"
