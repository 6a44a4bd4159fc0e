"""What every stage shares: the workspace's paths, atomic files, hashes, times and the options common to all."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from pipeline.errors import DiskFull, UsageError

PROJECT = Path(__file__).resolve().parent
VERSION = "0.1.0"
ENVIRONMENT_PREFIX = "WORLD_ECONOMIES_"
ENGLISH_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
                  "October", "November", "December")
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Workspace:
    """The folder that holds all a run leaves behind; every path in a manifest is relative to its root."""

    root: Path

    @property
    def results(self) -> Path:
        """Staged and clean parts, pictures, manifests, quarantine, archive."""
        return self.root / "results"

    @property
    def archive(self) -> Path:
        """The raw bytes of every answer."""
        return self.results / "archive"

    @property
    def staged(self) -> Path:
        """Parts of the extract stage, DATASET/VINTAGE/."""
        return self.results / "staged"

    @property
    def clean(self) -> Path:
        """Parts of the transform stage, DATASET/VINTAGE/."""
        return self.results / "clean"

    @property
    def quarantine(self) -> Path:
        """What could not be used, with rule, place and raw text."""
        return self.results / "quarantine"

    @property
    def runs(self) -> Path:
        """Manifests, RUN_ID/STAGE.json."""
        return self.results / "runs"

    @property
    def raw_picture(self) -> Path:
        """Raw values of the main indicator, one vintage, one year."""
        return self.results / "Countries_by_GDP.json"

    @property
    def clean_picture(self) -> Path:
        """The same, clean and sorted by GDP."""
        return self.results / "Countries_by_GDP_Processed.json"

    @property
    def page(self) -> Path:
        """The report as a page."""
        return self.results / "report.html"

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.root / "sqliteDB" / "World_Economies.db"

    @property
    def log(self) -> Path:
        """The log for people; the same events as JSON lines stand beside it."""
        return self.root / "log" / "etl_project_log.txt"

    @property
    def log_json(self) -> Path:
        """The log for programs."""
        return self.root / "log" / "etl_project_log.jsonl"

    @property
    def lock(self) -> Path:
        """The file whose flock says that a run holds the workspace."""
        return self.results / ".lock"

    def relative(self, path: Path) -> str:
        """Return the path as manifests write it: relative to the root, with forward slashes.

        Raises ValueError for one that is not in the workspace.
        """
        named, root = (Path(os.path.normpath(each.absolute())) for each in (path, self.root))
        if named.is_relative_to(root):  # as it is named: results/ may be a link to another disk
            return named.relative_to(root).as_posix()
        return path.resolve().relative_to(self.root.resolve()).as_posix()

    def resolve(self, relative_path: str) -> Path:
        """Return the file a manifest names. Raises ValueError for a path that leaves the workspace.

        Its folders may be links to another disk; behind one of them no path leads elsewhere.
        """
        named = Path(os.path.normpath(self.root / relative_path))
        path = (self.root / relative_path).resolve()
        for top in (self.root, self.results, self.staged, self.clean, self.quarantine):
            if named.is_relative_to(top) and path.is_relative_to(top.resolve()):
                return path
        raise ValueError(f"{relative_path} leaves the workspace")


# --- time ---------------------------------------------------------------------------------------------------------


def utc_now() -> str:
    """Return the time as ISO text in UTC, "2026-11-20T21:05:09Z"."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_after(newest: str) -> str:
    """Return the time as "20261120T210509Z", and where the clock is not past `newest`, a second after that.

    newest: a text that begins with such a time, or any other. So what sorts by it stays in the order in which it was
    made when the clock is set back.
    """
    now = f"{datetime.now(UTC):{_STAMP}}"
    if now > newest[:len(now)] or not re.match(r"[0-9]{8}T[0-9]{6}Z", newest):
        return now
    return f"{datetime.strptime(newest[:len(now)], _STAMP) + timedelta(seconds=1):{_STAMP}}"


def log_time(seconds: float) -> str:
    """Return an epoch time as the log writes it: "2026-November-20-21-05-09", UTC and English whatever the locale."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.year}-{ENGLISH_MONTHS[at.month - 1]}-{at:%d-%H-%M-%S}"


# --- files --------------------------------------------------------------------------------------------------------


def full_disk(error: BaseException, path: Path | None = None) -> DiskFull | None:
    """Return "no space left", "quota exceeded" and a file's largest size as an error of ours, None for any other.

    path: what was being written, where that is known.
    """
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    what = f"while writing {path.name}" if path else f"({error.strerror})"
    full = "The disk is full" if error.errno != errno.EFBIG else "A limit of the size of files (ulimit -f) is reached"
    return DiskFull(f"{full} {what}", where=str(path or error.filename or ""),
                    safe="nothing half-written is left; earlier results are as they were")


@contextlib.contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Turn a full disk while writing `path` into DiskFull."""
    try:
        yield
    except OSError as error:
        if full := full_disk(error, path):
            raise full from error
        raise


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, whose names survive a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    fsync_folder(folder.parent)


@contextlib.contextmanager
def atomic_file(path: Path, mode: str = "wb", *, name_after: Callable[[Path], Path] | None = None,
                newline: str | None = None) -> Iterator[IO[Any]]:
    """Write a file that is complete or absent: beside its final name, fsynced, renamed, the folder fsynced.

    name_after: called with the finished temporary file, returns the final path (for names made from the content).
    Raises DiskFull; leaves nothing behind when the body raises.
    """
    with disk_full_named(path):
        make_folder(path.parent)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}-", suffix=".tmp")
        try:
            binary = "b" in mode
            with os.fdopen(descriptor, mode, encoding=None if binary else "utf-8", newline=newline,
                           errors=None if binary else "backslashreplace") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            final = name_after(Path(temporary)) if name_after else path
            Path(temporary).chmod(0o644)
            take_place(Path(temporary), final)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
        fsync_folder(path.parent)


def take_place(temporary: Path, final: Path) -> None:
    """Rename a finished file to its name; what stands there and is no file makes way, see make_way()."""
    try:
        temporary.replace(final)
    except IsADirectoryError:
        make_way(final)
        temporary.replace(final)


def make_way(path: Path) -> None:
    """Free a name that is one of our files': a folder there goes if it is empty, else it is kept under another name."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        path.rmdir()
    except OSError:  # somebody keeps something in it
        path.rename(path.with_name(f"{path.name}.foreign-{utc_now().replace(':', '')}"))


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file. Raises FileNotFoundError, ValueError for what is no file: a pipe would never end."""
    if os.path.lexists(path) and not path.is_file():
        raise ValueError("it is no file")
    return path.read_bytes()


def write_json(path: Path, content: object) -> None:
    """Write JSON for people and programs, atomically: two spaces, UTF-8, a final newline."""
    with atomic_file(path, "w") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=2)
        stream.write("\n")


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Return the sha256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_CODE_SUFFIXES = {".py", ".sql", ".json", ".xz", ".css", ".js"}


def code_digest(names: Sequence[str]) -> str:
    """Return one digest over files of the project, each name a file or a folder with all its _CODE_SUFFIXES."""
    digest = hashlib.sha256()
    for name in names:
        place = PROJECT / name
        files = [place] if place.is_file() else sorted(
            p for p in place.rglob("*") if p.suffix in _CODE_SUFFIXES and p.is_file())
        for file in files:
            digest.update(f"{file.relative_to(PROJECT).as_posix()} {sha256_file(file)}\n".encode())
    return digest.hexdigest()


# --- options ------------------------------------------------------------------------------------------------------


def environment(option: str, default: str = "") -> str:
    """Return what WORLD_ECONOMIES_<OPTION> says for a lasting option ("min-gdp" reads WORLD_ECONOMIES_MIN_GDP)."""
    return os.environ.get(ENVIRONMENT_PREFIX + option.upper().replace("-", "_"), default)


class Parser(argparse.ArgumentParser):
    """argparse, with the project's way of refusing: UsageError, so that every failure looks the same.

    Options are typed in full: --from would else be taken for --from-archive on a script that has only the latter.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **keywords})

    def error(self, message: str) -> Any:
        """Raise UsageError in place of printing argparse's own usage line, naming what was probably meant."""
        message = message.replace("(choose from '', ", "(choose from ")  # "" is the default, and nothing to type
        raise UsageError(message[:1].upper() + message[1:] + self._near_miss(message),
                         safe="nothing was read or changed", next_command=f"python {self.prog} --help")

    def _near_miss(self, message: str) -> str:
        """Return "; did you mean …?" for an unknown option or choice that is close to a known one."""
        wrong = re.search(r"unrecognized arguments: (\S+?)(?:[=\s]|$)|invalid choice: '([^']*)' \(choose from (.*)\)",
                          message)
        if wrong is None:
            return ""
        known = re.findall(r"[\w-]+", wrong[3]) if wrong[3] else list(self._option_string_actions)
        near = difflib.get_close_matches(wrong[1] or wrong[2], known, 1)
        return f"; did you mean {near[0]}?" if near else ""

    def lasting(self, flag: str, **keywords: Any) -> None:
        """Add an option that also reads WORLD_ECONOMIES_<OPTION>; the command line wins.

        The environment's text goes through the same type and choices as the option's own.
        """
        option = flag.removeprefix("--")
        text = environment(option)
        if text:
            if keywords.get("action") == "store_true":
                keywords["default"] = text.lower() not in {"0", "no", "off", "false"}
            elif keywords.get("nargs") or keywords.get("action") == "append":
                parts = re.split(re.escape(os.pathsep) + "(?!//)", text)  # that of s3:// is none
                keywords["default"] = [self._converted(flag, part, keywords) for part in parts]
            else:
                keywords["default"] = self._converted(flag, text, keywords)
        self.add_argument(flag, **keywords)

    def _converted(self, flag: str, text: str, keywords: dict[str, Any]) -> Any:
        try:
            value = keywords.get("type", str)(text)
        except (ValueError, argparse.ArgumentTypeError) as error:
            self.error(f"{ENVIRONMENT_PREFIX}{flag.removeprefix('--').upper().replace('-', '_')}: {error}")
        if "choices" in keywords and value not in keywords["choices"]:
            self.error(f"{flag}: {text!r} is none of {', '.join(map(str, keywords['choices']))}")
        return value


def add_common_options(parser: Parser) -> None:
    """Add what every entry point takes."""
    parser.lasting("--workspace", type=Path, default=PROJECT, metavar="DIR",
                   help="the folder that holds results/, sqliteDB/ and log/ (default: the project's)")
    parser.lasting("--quiet", action="store_true", help="print results, warnings and errors only")
    parser.lasting("--debug", action="store_true", help="show tracebacks on the screen too")
    parser.add_argument("--version", action="version", version=f"World Economies {VERSION}")
