"""The log: one story of all stages in order, for people and, as JSON lines beside it, for programs.

Every process writes to both files itself, under a lock between processes, so that no line is lost when one dies or
when several write; both rotate by size. Secrets are cut out of every line before it is written.
"""

from __future__ import annotations

import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

from pipeline.events import FAILED, PROGRESS, WARNING, Event
from pipeline.secrets import redact_text
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
        return "\n".join(stamp + line for line in redact_text(text).splitlines())


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
        return redact_text(json.dumps(content, ensure_ascii=False, default=str))


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
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    handler: logging.Handler = ConcurrentRotatingFileHandler(
        str(path), maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8", lock_file_directory=str(path.parent))
    handler.setFormatter(formatter)
    return handler


def log_listener(event: Event) -> None:
    """Write an event to the log; progress stays on the screen."""
    if event.kind == PROGRESS:
        return
    logger, level = logging.getLogger(event.stage), _LEVELS.get(event.kind, logging.INFO)
    logger.log(level, "%s: %s", event.kind, event.text, extra={"event": event})
