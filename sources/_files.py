"""The files of --input, as documents: present, readable and no folders, before anything else happens. And of --url."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.documents import RawDocument
from pipeline.errors import UsageError, WorldEconomiesError
from pipeline.secrets import redacted
from pipeline.storage import INPUT, Far, Place, refuse_far
from sources import Request
from utils import utc_now

if TYPE_CHECKING:
    from pipeline.http import Http


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


LOOKING = ("head -5 ", "ls -l ", "file ")  # commands that are advised for a file


@contextmanager
def told_by_path(inputs: Sequence[Place], url: str = "") -> Iterator[None]:
    """Let errors say where these files lie: a source knows a file by its name, and a person types a path, or a URL."""
    try:
        yield
    except WorldEconomiesError as error:
        name = _name_of(url) if url else ""
        if name and (error.where == name or error.where.startswith(f"{name} line ")):
            error.where = redacted(url) + error.where.removeprefix(name)
            if error.next_command.startswith(("head -", *LOOKING)):  # at a file that is not there
                error.next_command = ""
        for path in inputs:
            if error.where == path.name or error.where.startswith(f"{path.name} line "):
                error.where = str(path) + error.where.removeprefix(path.name)
            for look in LOOKING:
                if f"{error.next_command} ".startswith(f"{look}{path.name} "):
                    rest = error.next_command.removeprefix(look + path.name)
                    error.next_command = look + shlex.quote(str(path)) + rest
        raise


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


def answer_of(url: str, http: Http, parameters: Mapping[str, str]) -> RawDocument:
    """Return the answer of --url as a document named by the end of its path. Raises SourceError."""
    return http.get(url, kind="data", parameters={**parameters, "name": _name_of(url)})


def _name_of(url: str) -> str:
    """Return what a document is called that came from an address; whoever asks it says what is wrong with one."""
    try:
        return PurePosixPath(urlsplit(url).path).name or "answer"
    except ValueError:
        return "answer"
