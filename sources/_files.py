"""The files of --input, as documents: present, readable and no folders, before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.documents import RawDocument
from pipeline.errors import UsageError
from pipeline.storage import INPUT, Far, Place, refuse_far
from sources import Request
from utils import utc_now


def require_files(request: Request, example: str) -> list[Path]:
    """Return the files of --input. Raises UsageError, with a command that would work, for one that cannot be read."""
    if not request.inputs and not request.url:
        raise UsageError(f"--source {request.source} reads files, and --input names none", safe="nothing was changed",
                         next_command=example)
    files = local_files(request)
    for path in files:
        if path.is_dir():
            inside = next((each for each in sorted(path.iterdir()) if each.is_file()), path / "FILE")
            raise UsageError(f"{path} is a folder; --input takes files", where=str(path), safe="nothing was changed",
                             next_command=f"python extract.py --source {request.source} --input {inside}")
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}", where=str(path),
                             safe="nothing was changed", next_command=f"ls -l {path.parent}") from error
    return files


def local_files(request: Request) -> list[Path]:
    """Return the files of --input. Raises UsageError for one of an object store."""
    found = []
    for path in request.inputs:
        if isinstance(path, Far):
            raise UsageError(f"{path} is in an object store, which only --source table --target regions reads",
                             where=str(path), safe="nothing was read or changed",
                             next_command="copy it to this machine")
        refuse_far(path, INPUT)
        found.append(path)
    return found


def file_document(path: Place, parameters: Mapping[str, str]) -> RawDocument:
    """Return a file as a document named by its own name, without the folders it happens to lie in."""
    return RawDocument(kind="data", url=path.name, fetched_at=utc_now(), parameters={**parameters, "name": path.name},
                       path=path if isinstance(path, Path) else None, far=path if isinstance(path, Far) else None)
