"""A disk that loses power: what was written and not synced may be gone, what was synced is there.

It is played the calls that a run made (tests.tracing.traced with record), and says after any of them which folder the
machine could find when it comes up again. POSIX promises of a name only that it is there once its folder was synced, of
bytes once their file was; a journal promises besides that names change in their order.
"""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What the machine finds: of what was not synced nothing; every name and no byte; a part of the names, in their order,
# and of each file its bytes or not.
STRICT, NAMES, JOURNAL = "nothing", "names without bytes", "a part"
Tree = dict[str, bytes | None]


@dataclass
class File:
    """A file: its bytes as processes see them, and as they were when it was last synced."""

    seen: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


@dataclass
class Folder:
    """A folder: its names as processes see them, and as they were when it was last synced."""

    seen: dict[str, File | Folder] = field(default_factory=dict)
    synced: dict[str, File | Folder] = field(default_factory=dict)


class Disk:
    """What a folder holds, in memory; all of it synced at the beginning."""

    def __init__(self, root: Path) -> None:
        self.top = Folder()
        self._journal: list[tuple[Folder, dict[str, File | Folder]]] = []  # names of a folder after each change
        self._lasting = 0  # of the journal: what came before a change that was synced lasts with it
        for path in sorted(root.rglob("*")):
            new = Folder() if path.is_dir() else File(bytearray(path.read_bytes()), path.read_bytes())
            folder = self._folder(path.relative_to(root).parent.as_posix())
            folder.seen[path.name] = folder.synced[path.name] = new

    def play(self, event: dict[str, Any]) -> None:
        """Take in one call as the tracer recorded it."""
        if event["result"] < 0 or event["path"].startswith(("port ", "/")) or event["path"].endswith(" (deleted)"):
            return
        getattr(self, f"_{event['kind']}", self._unknown)(event)

    def after_power_loss(self, how: str, seed: int = 0) -> Tree:
        """Return path -> bytes, None for a folder, of what the machine could find now."""
        dice, found = random.Random(seed), Tree()
        kept = self._kept_names(dice) if how == JOURNAL else {}

        def walk(folder: Folder, before: str) -> None:
            names = folder.seen if how == NAMES else kept.get(id(folder), folder.synced)
            for name, each in names.items():
                if isinstance(each, Folder):
                    found[before + name] = None
                    walk(each, f"{before}{name}/")
                else:
                    found[before + name] = bytes(each.seen) if how == JOURNAL and dice.random() < 0.5 else each.synced

        walk(self.top, "")
        return found

    def _kept_names(self, dice: random.Random) -> dict[int, dict[str, File | Folder]]:
        """Return the names of each folder that changed, after a part of the changes since the last that was synced."""
        upto = dice.randint(self._lasting, len(self._journal))
        return {id(folder): names for folder, names in self._journal[:upto]}

    # --- calls ------------------------------------------------------------------------------------------------------

    def _place(self, path: str) -> tuple[Folder, str]:
        folder, _, name = path.rpartition("/")
        return self._folder(folder or "."), name

    def _folder(self, path: str) -> Folder:
        found = self.top
        for name in () if path == "." else path.split("/"):
            each = found.seen[name]
            assert isinstance(each, Folder)
            found = each
        return found

    def _file(self, path: str) -> File:
        folder, name = self._place(path)
        found = folder.seen[name]
        assert isinstance(found, File)
        return found

    def _changed(self, *folders: Folder) -> None:
        self._journal += [(each, dict(each.seen)) for each in folders]

    def _open(self, event: dict[str, Any]) -> None:
        folder, name = self._place(event["path"])
        if name not in folder.seen:
            folder.seen[name] = File()
            self._changed(folder)
        elif event["truncates"]:
            self._file(event["path"]).seen.clear()

    def _write(self, event: dict[str, Any]) -> None:
        if "data" in event:
            data, seen, at = base64.b64decode(event["data"]), self._file(event["path"]).seen, event["at"]
            seen.extend(b"\0" * (at - len(seen)))
            seen[at:at + len(data)] = data

    def _truncate(self, event: dict[str, Any]) -> None:
        seen = self._file(event["path"]).seen
        del seen[event["size"]:]
        seen.extend(b"\0" * (event["size"] - len(seen)))

    def _sync(self, event: dict[str, Any]) -> None:
        folder, name = (self.top, "") if event["path"] == "." else self._place(event["path"])
        each = folder.seen[name] if name else folder
        if isinstance(each, File):
            each.synced = bytes(each.seen)
        else:
            each.synced = dict(each.seen)
            mine = (at for at, (folder, _) in enumerate(self._journal, 1) if folder is each)
            self._lasting = max(self._lasting, *mine, 0)

    def _rename(self, event: dict[str, Any]) -> None:
        (here, name), (there, new) = self._place(event["path"]), self._place(event["to"])
        moved = here.seen.pop(name)
        if event.get("exchange"):
            here.seen[name] = there.seen[new]
        there.seen[new] = moved
        self._changed(here, there)

    def _link(self, event: dict[str, Any]) -> None:
        (here, name), (there, new) = self._place(event["path"]), self._place(event["to"])
        there.seen[new] = here.seen[name]
        self._changed(there)

    def _unlink(self, event: dict[str, Any]) -> None:
        folder, name = self._place(event["path"])
        del folder.seen[name]
        self._changed(folder)

    def _mkdir(self, event: dict[str, Any]) -> None:
        folder, name = self._place(event["path"])
        folder.seen[name] = Folder()
        self._changed(folder)

    def _unknown(self, event: dict[str, Any]) -> None:
        raise NotImplementedError(f"the disk does not know what {event['kind']} does")


def lay(tree: Tree, root: Path) -> None:
    """Make a folder of what the machine found."""
    root.mkdir()
    for path, data in tree.items():
        if data is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(data)
