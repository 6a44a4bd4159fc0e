"""The screen, one of the listeners: plain lines, one progress line on a terminal, nothing with --quiet."""

from __future__ import annotations

import sys
from typing import TextIO

from pipeline.events import FAILED, FINISHED, NOTE, PROGRESS, SAMPLE, SKIPPED, STARTED, WARNING, Event

_MARKS = {STARTED: "…", SKIPPED: "–", FINISHED: "✓", WARNING: "!", FAILED: "✗", NOTE: " "}
_ASCII = {STARTED: ">", SKIPPED: "-", FINISHED: "+", WARNING: "!", FAILED: "x", NOTE: " "}


class Console:
    """Prints events to standard error, so that standard output holds results only."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.terminal = self.stream.isatty()
        encoding = (getattr(self.stream, "encoding", "") or "ascii").lower()
        self.marks = _MARKS if encoding.startswith("utf") else _ASCII
        self._open_line = False
        self._started: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Show an event; warnings and failures are shown with --quiet too, failures by fail() alone."""
        if event.kind in (SAMPLE, FAILED):
            return
        if event.kind == PROGRESS:
            self._progress(event)
            return
        if event.kind == STARTED:
            self._started[event.stage] = event.time
        if self.quiet and event.kind != WARNING:
            return
        self.line(f"{self.marks.get(event.kind, ' ')} {event.stage:<9} {event.text}")

    def _progress(self, event: Event) -> None:
        """Rewrite one line in place: rows, rate, time left; only where there is a terminal."""
        if self.quiet or not self.terminal:
            return
        done, total = int(event.fields.get("done", 0)), int(event.fields.get("total", 0))
        seconds = max(event.time - self._started.get(event.stage, event.time), 0.001)
        rate = done / seconds
        left = f", about {(total - done) / rate:.0f} s left" if total > done and rate else ""
        share = f" of {total:,}" if total else ""
        unit = event.fields.get("unit", "rows")
        self.stream.write(f"\r\033[K{self.marks[STARTED]} {event.stage:<9} {done:,}{share} {unit}, {rate:,.0f}/s{left}")
        self.stream.flush()
        self._open_line = True

    def line(self, text: str) -> None:
        """Write one line, ending a progress line first."""
        if self._open_line:
            self.stream.write("\r\033[K")
            self._open_line = False
        self.stream.write(text.encode(self._encoding, "replace").decode(self._encoding) + "\n")
        self.stream.flush()

    @property
    def _encoding(self) -> str:
        return getattr(self.stream, "encoding", None) or "ascii"
