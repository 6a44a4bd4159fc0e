"""What happens, told once and heard by several: the screen, the log and the JSON lines listen to the same events.

A stage speaks through a Reporter. Run by hand its events go to the screen; run by etl_process.py they go through an
inherited pipe, one JSON object a line, and etl_process.py shows them.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
EVENTS_FD = "WORLD_ECONOMIES_EVENTS_FD"

STARTED, PROGRESS, NOTE, WARNING, SKIPPED, FINISHED, FAILED, SAMPLE = (
    "started", "progress", "note", "warning", "skipped", "finished", "failed", "sample")


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    kind: one of the constants above; stage: "extract", …, or "etl_process"; text: a sentence for a person;
    fields: the same for a program (rows, seconds, bytes, cause); time: epoch seconds.
    """

    kind: str
    stage: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)

    def to_json(self) -> str:
        """Return the event as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, line: str) -> Event:
        """Read what to_json wrote. Raises ValueError for anything else."""
        try:
            event = cls(**json.loads(line))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not an event: {line[:80]!r}") from error
        texts, known = (event.kind, event.stage, event.text), isinstance(event.fields, dict)
        if not known or not all(isinstance(each, str) for each in texts) or not isinstance(event.time, float | int):
            raise ValueError(f"not an event: {line[:80]!r}")
        return event


Listener = Callable[[Event], None]


class Reporter:
    """The voice of one stage: every call is heard by every listener."""

    def __init__(self, stage: str, listeners: list[Listener]) -> None:
        self.stage = stage
        self.listeners = listeners
        self.warnings: list[str] = []
        self._last_progress = 0.0

    def emit(self, kind: str, text: str, **fields: Any) -> None:
        """Tell an event."""
        event = Event(kind, self.stage, text, fields)
        for listener in self.listeners:
            listener(event)

    def note(self, text: str, **fields: Any) -> None:
        """Tell something a person may want to know."""
        self.emit(NOTE, text, **fields)

    def warn(self, text: str, **fields: Any) -> None:
        """Tell something a person should know; warnings are repeated in the result."""
        self.warnings.append(text)
        self.emit(WARNING, text, **fields)

    def progress(self, done: int, total: int = 0, unit: str = "rows") -> None:
        """Tell how far the work is; at most five times a second, so that telling costs nothing."""
        now = time.monotonic()
        if now - self._last_progress >= 0.2:
            self._last_progress = now
            self.emit(PROGRESS, f"{done:,} {unit}", done=done, total=total, unit=unit)

    def counted(self, rows: Iterable[T], total: int = 0, unit: str = "rows", every: int = 10_000) -> Iterator[T]:
        """Yield the rows, telling progress after every so many; they are taken a block at a time."""
        remaining, done = iter(rows), 0
        while block := list(itertools.islice(remaining, every)):
            yield from block
            done += len(block)
            self.progress(done, total, unit)


class PipeListener:
    """Sends events to the parent through an inherited descriptor; a parent that is gone is no error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)

    def __call__(self, event: Event) -> None:
        """Write one line; lines longer than the pipe's atomic size are still whole, there is one writer."""
        data = (event.to_json() + "\n").encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(self._descriptor, data):]
        except OSError:
            self._descriptor = -1


def inherited_pipe() -> int | None:
    """Return the descriptor etl_process.py gave this process for its events, None when run by hand."""
    text = os.environ.get(EVENTS_FD, "")
    if not text.isdigit():
        return None
    try:
        os.fstat(int(text))
    except OSError:
        return None
    return int(text)
