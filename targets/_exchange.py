"""A folder that is published whole: made beside its place, then put there in one step, so that nobody sees half of it.

Where the system can exchange two names (Linux, renameat2) there is no instant without the folder; elsewhere there are
some microseconds, and what a process killed in them leaves is put right by the next sweep().
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path

from utils import fsync_folder, make_folder

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux
BUILT, REPLACED = ".tmp", ".old"


def begin(place: Path) -> Path:
    """Return a new empty folder beside `place` in which its successor is built."""
    make_folder(place.parent)
    building = place.with_name(f".{place.name}-{secrets.token_hex(4)}{BUILT}")
    building.mkdir()
    return building


def sweep(place: Path) -> None:
    """Remove what a killed process left beside `place`; call it only with the workspace's lock held.

    One that was killed between two renames left no folder in its place: the old one is put back then.
    """
    ours = f".{place.name}-{'[0-9a-f]' * 8}"  # as begin() names them: a copy that somebody keeps stays
    for old in sorted(place.parent.glob(ours + REPLACED)):
        if not place.exists():
            old.rename(place)
        else:
            shutil.rmtree(old)
    for half in place.parent.glob(ours + BUILT):
        shutil.rmtree(half)


def publish(building: Path, place: Path) -> None:
    """Put a finished folder, whose files are on the disk already, in its place; the one that was there is removed."""
    fsync_folder(building)
    if not place.exists():
        building.rename(place)
        fsync_folder(place.parent)
        return
    replaced = building
    if not exchanged(building, place):
        replaced = building.with_suffix(REPLACED)
        place.rename(replaced)
        building.rename(place)
    fsync_folder(place.parent)
    shutil.rmtree(replaced)


def exchanged(one: Path, other: Path) -> bool:
    """Exchange two names in one step; returns False, with nothing changed, where the system or its disk cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return int(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)) == 0


def carry_over(place: Path, building: Path, ours: Collection[str]) -> None:
    """Bring what else lies in the folder along: the same files under a second name, or copies where that cannot be.

    ours: names of files that are made anew and not brought along.
    """
    for entry in place.iterdir() if place.is_dir() else ():
        if entry.name in ours:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, building / entry.name, symlinks=True, copy_function=link)
        else:
            link(entry, building / entry.name)


def link(source: str | Path, target: str | Path) -> None:
    """Give a file a second name, or copy it where the disk has no second names."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
