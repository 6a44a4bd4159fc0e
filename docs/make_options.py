"""Make docs/options.md: every option of every script, its variable and its help, from the parsers themselves.

    python docs/make_options.py

A test compares the file with what this makes.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from unittest import mock

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from utils import ENVIRONMENT_PREFIX, Parser  # noqa: E402  the path comes first

SCRIPTS = ("etl_process", "extract", "transform", "load", "report")
OUTPUT = PROJECT / "docs" / "options.md"
# Their help lists the files of a folder, and one of the user's own must not make this page stale.
LISTED_ELSEWHERE = {"--source": "where figures come from, see [sources.md](sources.md) (default: auto)",
                    "--target": "where figures go (default: sqlite)"}
HEAD = """# Options

Made by `python docs/make_options.py` from the scripts themselves. What to type when is in [the README](../README.md).
An option with a variable is also read from it; the command line wins. A variable that takes several values (`--input`)
separates them by `:`; one for an option that takes no value is `1` or `0`.

| option | variable | scripts | what |
|---|---|---|---|
"""


def lasting_flags(script: str) -> tuple[Parser, set[str]]:
    """Return the parser of a script, and those of its options that also read the environment."""
    flags: set[str] = set()
    plain = Parser.lasting

    def noted(parser: Parser, flag: str, **keywords: object) -> None:
        flags.add(flag)
        plain(parser, flag, **keywords)

    with mock.patch.object(Parser, "lasting", noted):
        parser: Parser = importlib.import_module(script).build_parser()
    return parser, flags


def rows() -> list[str]:
    """Return the table's lines, one an option, in the order of etl_process.py."""
    found: dict[tuple[str, bool], tuple[argparse.Action, list[str], bool]] = {}
    for script in SCRIPTS:
        parser, lasting = lasting_flags(script)
        for action in parser._actions:
            flag = action.option_strings[-1]
            if flag not in ("-h", "--help"):
                # --dataset names a table to extract, and for one answer of report the dataset that is asked.
                found.setdefault((flag, flag in lasting), (action, [], flag in lasting))[1].append(script)
    return [row(flag, *about) for (flag, _), about in found.items()]


def row(flag: str, action: argparse.Action, scripts: list[str], lasting: bool) -> str:
    """Return one line of the table."""
    shown = action.metavar or action.dest.upper()
    value = "" if action.nargs == 0 else f" {shown if isinstance(shown, str) else ' '.join(shown)}".replace("|", "\\|")
    variable = f"`{ENVIRONMENT_PREFIX}{flag.removeprefix('--').upper().replace('-', '_')}`" if lasting else ""
    where = "all" if len(scripts) == len(SCRIPTS) else ", ".join(scripts)
    text = LISTED_ELSEWHERE.get(flag) or (action.help or "").replace("|", "\\|")
    return f"| `{flag}{value}` | {variable} | {where} | {text} |"


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n".join(rows()) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(page(), encoding="utf-8")
