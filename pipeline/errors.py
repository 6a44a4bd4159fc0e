"""Every failure a person can meet, in one tree.

    WorldEconomiesError
    ├── UsageError            2    wrong options, or a file that needs one more option to be read
    ├── GateError             3    the figures contradict what is known of them
    ├── SourceError           4    retryable
    │   ├── SourceUnreachable      no answer, or one that says "later"
    │   └── SourceNonsense         an answer, but not the figures that were asked for
    ├── CheckpointError       5    a file of an earlier stage is missing or damaged
    ├── TargetError           6    retryable
    │   ├── TargetUnreachable      the database does not answer
    │   └── TargetRefused          it answers, and says no
    ├── WorkspaceLocked       7    another run holds the workspace
    ├── DiskFull              8    nothing half-written is left behind
    └── Interrupted         130    Ctrl-C or SIGTERM

Each says what happened, where, what is safe and what to type next.
"""

from __future__ import annotations

from enum import IntEnum

LONGEST = 2_000  # characters of a sentence: what a hostile answer says of itself must not fill the screen and the log


class ExitCode(IntEnum):
    """How a process of the project ends; the orchestrator decides by these numbers."""

    DONE = 0  # done, or nothing to do
    FAULT = 1  # a fault of ours
    USAGE = 2  # wrong usage
    GATE = 3  # the data fails a gate
    SOURCE = 4  # the source is unreachable or answers nonsense: worth a retry
    CHECKPOINT = 5  # a checkpoint is missing or damaged
    TARGET = 6  # the target is unreachable (worth a retry) or refuses
    LOCKED = 7  # another run holds the workspace
    DISK_FULL = 8  # the disk is full
    INTERRUPTED = 130  # Ctrl-C or SIGTERM


RETRYABLE = frozenset({ExitCode.SOURCE, ExitCode.TARGET})


class WorldEconomiesError(Exception):
    """The root of the tree.

    what:  one sentence, what happened.
    where: the file and line, the URL or the stage it happened at; may be empty.
    safe:  what the failure left untouched; may be empty.
    next_command: what to type next; may be empty, and then the entry point fills in its own.
    """

    exit_code = ExitCode.FAULT
    retry = False  # worth another try as it is

    def __init__(self, what: str, *, where: str = "", safe: str = "", next_command: str = "") -> None:
        what = what if len(what) <= LONGEST else f"{what[:LONGEST]} … ({len(what):,} characters)"
        super().__init__(what)
        self.what = what
        self.where = where
        self.safe = safe
        self.next_command = next_command

    def lines(self) -> list[str]:
        """Return the message as the lines a person reads, without a trailing newline."""
        pairs = (("", self.what), ("where: ", self.where), ("safe:  ", self.safe), ("next:  ", self.next_command))
        return [label + text for label, text in pairs if text]


class UsageError(WorldEconomiesError):
    """Wrong options, or a file that needs one more option to be read."""

    exit_code = ExitCode.USAGE


class GateError(WorldEconomiesError):
    """The figures contradict what is known of them; the database is as it was."""

    exit_code = ExitCode.GATE


class SourceError(WorldEconomiesError):
    """The source is unreachable or answers nonsense."""

    exit_code = ExitCode.SOURCE
    retry = True


class SourceUnreachable(SourceError):
    """No answer within the limits, or an answer that says "later"."""


class SourceNonsense(SourceError):
    """An answer, but not the figures that were asked for."""


class CheckpointError(WorldEconomiesError):
    """A file of an earlier stage is missing or damaged."""

    exit_code = ExitCode.CHECKPOINT


class TargetError(WorldEconomiesError):
    """The target cannot take the figures."""

    exit_code = ExitCode.TARGET


class TargetUnreachable(TargetError):
    """The target does not answer."""

    retry = True


class TargetRefused(TargetError):
    """The target answers, and says no."""


class WorkspaceLocked(WorldEconomiesError):
    """Another run holds the workspace."""

    exit_code = ExitCode.LOCKED


class DiskFull(WorldEconomiesError):
    """The disk is full; nothing half-written is left behind."""

    exit_code = ExitCode.DISK_FULL


class Interrupted(WorldEconomiesError):
    """Ctrl-C or SIGTERM ended the work; finished checkpoints stay."""

    exit_code = ExitCode.INTERRUPTED
