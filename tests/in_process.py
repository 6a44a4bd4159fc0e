"""The stages of a small table in this process: what the scripts do, without starting Python for each of them.

For tests of what the stages make; tests/orchestra.py runs them as processes, as a person does.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

import pytest

import extract
import load
import transform
from pipeline.errors import WorldEconomiesError
from pipeline.events import Reporter
from pipeline.options import settle_target
from pipeline.stage import Stage, workspace_of

STAGES = {"extract": extract, "transform": transform, "load": load}
USUAL = gc.get_threshold()


def walk(workspace: Path, *arguments: object, stages: Sequence[str] = tuple(STAGES)) -> tuple[int, str]:
    """Run stages one after the other, to the first that fails; return its exit code, 0 without, and what was said.

    arguments: of etl_process.py; each stage takes those that it knows.
    """
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WORLD_ECONOMIES_WORKSPACE", raising=False)
        for name in stages:
            words = ["--workspace", str(workspace), *map(str, arguments)]
            options, _ = STAGES[name].build_parser().parse_known_args(words)
            settle_target(options)
            reporter = Reporter(name, [lambda event: said.append(event.text)])
            try:
                code = STAGES[name].body(Stage(name, options, workspace_of(options), reporter))
            except WorldEconomiesError as error:
                return int(error.exit_code), "\n".join([*said, *error.lines()])
            finally:
                gc.set_threshold(*USUAL)  # load has set its own
            assert code == 0
    return 0, "\n".join(said)
