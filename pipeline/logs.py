"""The log: one story of all stages in order, for people and, as JSON lines beside it, for programs.

Every process writes to both files itself, under a lock between processes, so that no line is lost when one dies or
when several write; both rotate by size. Secrets are cut out of every line before it is written.
"""

from __future__ import annotations

import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

from pipeline.console import visible
from pipeline.events import FAILED, PROGRESS, WARNING, Event
from pipeline.rotating import SharedRotatingHandler
from pipeline.secrets import HIDDEN, is_secret_header, redact_text
from utils import Workspace, log_time

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 5 * 1024 * 1024
BACKUPS = 5
_LEVELS = {WARNING: logging.WARNING, FAILED: logging.ERROR}


class TextFormatter(logging.Formatter):
    """Every physical line, those of a traceback too, begins with the time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one or more lines, each with the time first."""
        stamp = f"{log_time(record.created)}, "
        text = f"{record.levelname} {record.name}[{record.process}] {record.getMessage()}"
        if record.exc_info and record.exc_info[0]:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return "\n".join(stamp + visible(line) for line in _encodable(redact_text(text)).splitlines())


class JsonFormatter(logging.Formatter):
    """The same record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        content: dict[str, Any] = {
            "time": log_time(record.created), "epoch": round(record.created, 3), "level": record.levelname,
            "stage": record.name, "pid": record.process, "message": record.getMessage(),
        }
        event: Event | None = getattr(record, "event", None)
        if event:
            content |= {"event": event.kind, **event.fields}
        if record.exc_info and record.exc_info[0]:
            content["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        line = json.dumps(without_secrets(content), ensure_ascii=False)
        return _encodable(line.translate({ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}))


def _encodable(text: str) -> str:
    """Return the text with lone surrogates written out; the handler would drop them in silence."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_secrets(content: Any) -> Any:
    """Return what JSON can hold, each text redacted by itself: cutting in the finished line could cut a quote away."""
    if isinstance(content, dict):
        return {str(name): HIDDEN if isinstance(value, str) and is_secret_header(str(name)) else without_secrets(value)
                for name, value in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [without_secrets(each) for each in content]
    return content if content is None or isinstance(content, bool | int | float) else redact_text(str(content))


def configure(workspace: Workspace) -> None:
    """Send all logging of this process to the workspace's two files; only entry points call this."""
    workspace.log.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.addHandler(_handler(workspace.log, TextFormatter()))
    root.addHandler(_handler(workspace.log_json, JsonFormatter()))
    root.setLevel(logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings repeat what our own retries say
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a full disk must not print tracebacks; the stage itself says what is wrong


def _handler(path: Path, formatter: logging.Formatter) -> logging.Handler:
    handler = SharedRotatingHandler(path, max_bytes=MAX_BYTES, backups=BACKUPS)
    handler.setFormatter(formatter)
    return handler


def log_listener(event: Event) -> None:
    """Write an event to the log; progress stays on the screen."""
    if event.kind == PROGRESS:
        return
    logger, level = logging.getLogger(event.stage), _LEVELS.get(event.kind, logging.INFO)
    text = event.text if event.text.startswith(f"{event.kind}: ") else f"{event.kind}: {event.text}"
    logger.log(level, "%s", text, extra={"event": event})
