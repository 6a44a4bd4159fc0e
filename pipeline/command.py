"""The command that a person typed, to be typed again: exact, quoted for the shell, free of secrets."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence

from pipeline.secrets import redact_text
from utils import ENVIRONMENT_PREFIX

# Options that say where to begin: a command that goes on has its own. The number of words each takes; -1: none or one.
BEGINNINGS: Mapping[str, int] = {"--from": 1, "--only": 1, "--fresh": 0, "--from-archive": -1}

AS_TYPED = frozenset({"--source", "--input", "--workspace", "--url", "--url-file"})
REPEATED = frozenset({"--accept"})


def again(arguments: Sequence[str], *, add: Sequence[str] = (), drop: Mapping[str, int] = {}) -> str:
    """Return the command with these arguments: those of `drop` (option -> words it takes) left out, `add` at the end.

    Names the variables of the environment that it relies on, since they may have been set for one command only.
    """
    words = [_interpreter(), sys.argv[0], *without(arguments, drop), *add]
    variables = sorted(name for name in os.environ
                       if name.startswith(ENVIRONMENT_PREFIX) and not name.endswith(("_FD", "_PID")))
    note = f"   # with {', '.join(variables)} as now" if variables else ""
    return shlex.join(redact_text(word) for word in words) + note


def merged(arguments: Sequence[str], advised: Sequence[str]) -> list[str]:
    """Return the arguments with advised options added or put in the place of their own.

    Where figures come from and where they go stays as it was typed: advice knows a file by its name only.
    """
    result = list(arguments)
    for flag, *values in _options(advised):
        typed = any(word.partition("=")[0] == flag for word in result)
        if typed and flag in AS_TYPED:
            continue
        if flag not in REPEATED:
            result = without(result, {flag: len(values)})
        result += [flag, *values]
    return result


def _options(words: Sequence[str]) -> list[list[str]]:
    """Return words as options, each with the values that follow it."""
    found: list[list[str]] = []
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            found.append([name, value] if equals else [name])
        elif found:
            found[-1].append(word)
    return found


def without(arguments: Sequence[str], drop: Mapping[str, int]) -> list[str]:
    """Return the arguments without the options of `drop` and the words that belong to them."""
    kept: list[str] = []
    skip = 0
    for number, word in enumerate(arguments):
        if skip:
            skip -= 1
            continue
        name, equals, _ = word.partition("=")
        if name not in drop:
            kept.append(word)
        elif not equals:
            following = arguments[number + 1] if number + 1 < len(arguments) else "-"
            skip = drop[name] if drop[name] >= 0 else int(not following.startswith("-"))
    return kept


def _interpreter() -> str:
    """Return the running Python as a person types it here: "python" where that means this one, else its path."""
    for name in ("python", "python3"):
        found = shutil.which(name)
        if found and os.path.abspath(found) == os.path.abspath(sys.executable):  # noqa: PTH100  links must stay links
            return name
    near = os.path.relpath(sys.executable) if sys.executable else "python"
    return sys.executable if near.startswith("..") else near
