"""Power lost after each call of a run: what readers then find, and what the same command makes of it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from typing import Any

from tests import tracing
from tests.sweep import Outcome, Scene, archived, new, noted, old_or_new, repeated
from tests.tracing.disk import JOURNAL, NAMES, STRICT, Disk, Tree, lay


def recorded(scene: Scene) -> tuple[list[dict[str, Any]], set[str]]:
    """Return the calls of an undisturbed run and what it fetched; then it is as before. Runs once a scene."""
    if scene.recorded is None:
        scene.reset()
        run = tracing.traced(scene.command(), scene.root, record=True, env=scene.environment())
        assert run.code == 0, run.err
        scene.recorded = run.events, archived(scene.root)
    scene.reset()
    return scene.recorded


def losses(scene: Scene) -> Iterator[tuple[str, Tree]]:
    """Yield (where, what the machine finds), each different finding once, logs and the lock aside."""
    events, _ = recorded(scene)
    disk, known = Disk(scene.root), set()
    for at, event in enumerate(events):
        disk.play(event)
        for how, seed in ((STRICT, 0), (NAMES, 0), (JOURNAL, at), (JOURNAL, -at)):
            tree = disk.after_power_loss(how, seed)
            digest = hashlib.sha256()
            for path, data in sorted(tree.items()):
                if not path.startswith("log/") and path != "results/.lock":
                    digest.update(f"{path}\0{len(data or b'')}\0".encode() + (data or b""))
            if digest.digest() not in known:
                known.add(digest.digest())
                yield f"{how} after {event['script']} {event['number']} {event['kind']} {event['path']}", tree


def kept(scene: Scene) -> None:
    """Assert that what was said to be done stays done when the power fails at once."""
    events, fetched = recorded(scene)
    disk = Disk(scene.root)
    for event in events:
        disk.play(event)
    shutil.rmtree(scene.root)
    lay(disk.after_power_loss(STRICT), scene.root)
    new(scene)
    assert archived(scene.root) == fetched


def lost(scene: Scene, found: list[tuple[str, Tree]], *, finish: bool = True) -> Outcome:
    """Let the machine come up with each finding; finish: type the command again, too."""
    told = Outcome(scene.name, "power cut" if finish else "power cut, read only", scene.cost())
    for where, tree in found:
        told.kills += 1
        shutil.rmtree(scene.root, ignore_errors=True)
        lay(tree, scene.root)
        with noted(told, "power lost", where):
            old_or_new(scene)
            archived(scene.root)
            if finish:
                repeated(scene)
            told.recovered += 1
    return told
