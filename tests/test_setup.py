"""What a newcomer types first: make, pip, uv, cron, systemd; and that none of it knows the machine it was made on."""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import etl_process
import utils
from tests.project import PROJECT
from tests.test_docs import NOT_COPIED, PAGES, blocks, read

FILES = ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run", *PAGES, "CHANGELOG.md",
         "docs/systemd/world-economies.service", "docs/systemd/world-economies.timer")
PROJECT_TOML = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [line for page in PAGES for block in blocks(page) if block.info == "sh no-run"
         for line in block.text.splitlines()]
needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "world-economies"
    shutil.copytree(PROJECT, folder, ignore=NOT_COPIED)
    return folder


def make(folder: Path, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "WORLD_ECONOMIES_"))}
    return subprocess.run(["make", *arguments], cwd=folder, env=env, capture_output=True, encoding="utf-8",
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


# --- make -------------------------------------------------------------------------------------------------------------


@needs_make
@pytest.mark.parametrize("arguments", [(), ("help",)], ids=["make", "make help"])
def test_make_lists_itself(arguments: tuple[str, ...], copy: Path) -> None:
    listed = set(re.findall(r"^  make (\S+)", make(copy, *arguments).stdout, re.MULTILINE))
    assert listed == targets()
    assert {"help", "run", "test", "test-full", "chaos", "lint", "bench", "clean", "constraints"} <= listed


@needs_make
@pytest.mark.parametrize(("target", "installs", "runs"), [
    ("run", "-c constraints.txt .\n", ".venv/bin/python etl_process.py --year 2024\n"),
    ("test", '-c constraints.txt ".[dev]"\n', ' -m "not full and not chaos" --year 2024\n'),
    ("explore", '-c constraints.txt ".[explore]"\n', ".venv/bin/python -m explore --year 2024\n"),
], ids=["run", "test", "explore"])
def test_it_installs_once(target: str, installs: str, runs: str, copy: Path) -> None:
    first = make(copy, "-n", target, "ARGS=--year 2024")
    assert first.returncode == 0, first.stderr
    assert "-m venv" in first.stdout
    assert installs in first.stdout
    assert runs in first.stdout
    tools = copy / ".venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "python").touch()
    for stamp in (".installed-core", ".installed-dev", ".installed-explore"):
        (copy / ".venv" / stamp).touch()
    second = make(copy, "-n", target, "ARGS=--year 2024").stdout
    assert runs in second
    assert "venv " not in second
    assert "pip install" not in second
    later = (copy / ".venv" / ".installed-core").stat().st_mtime + 10  # a file system's clock is coarse
    os.utime(copy / "constraints.txt", (later, later))
    assert installs in make(copy, "-n", target).stdout


def fake_python(folder: Path, *, version: str = "3.12.1", venv: bool = True) -> Path:
    """Write a stand-in that answers the Makefile's questions as such a Python would."""
    fake = folder / "python-of-a-test"
    fake.write_text(f"""#!/bin/sh
[ "$1" = -V ] && {{ echo "Python {version}"; exit 0; }}
case "$2" in
    *version_info*) exit {0 if version >= "3.11" else 1};;
    *ensurepip*) exit {0 if venv else 1};;
esac
""")
    fake.chmod(0o755)
    return fake


@needs_make
def test_a_python_that_is_too_old_is_told(copy: Path, tmp_path: Path) -> None:
    done = make(copy, "run", f"PYTHON={fake_python(tmp_path, version='3.10.9')}")
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is Python 3.10.9" in done.stderr
    assert "PYTHON=/path/to/" in done.stderr
    assert not (copy / ".venv").exists()


@needs_make
def test_a_python_without_venv_is_told(copy: Path, tmp_path: Path) -> None:
    done = make(copy, "test", f"PYTHON={fake_python(tmp_path, venv=False)}")
    assert done.returncode == 2
    assert "without venv. On Debian and Ubuntu: sudo apt install python3-venv" in done.stderr


@needs_make
def test_a_python_that_is_not_there_is_told(copy: Path) -> None:
    done = make(copy, "run", "PYTHON=python3.99")
    assert done.returncode == 2
    assert "There is no Python named python3.99 here" in done.stderr


@needs_make
def test_cleaning_keeps_what_runs_left(copy: Path) -> None:
    kept = [copy / name / "file" for name in ("results", "sqliteDB", "log")]
    gone = [copy / name / "file" for name in (".venv", "build", ".pytest_cache", "rules/__pycache__")]
    for file in kept + gone:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert make(copy, "clean").returncode == 0
    assert [file.exists() for file in kept + gone] == [True] * 3 + [False] * 4


@pytest.mark.full
@needs_make
def test_a_fresh_folder_runs_and_the_second_time_installs_nothing(copy: Path) -> None:
    arguments = ("run", f"PYTHON={sys.executable}", "ARGS=--source bundled --vintage 2025-10 --no-html")
    first = make(copy, *arguments, timeout=600)
    assert first.returncode == 0, first.stderr
    assert "installing what the pipeline needs" in first.stderr
    assert "United States" in first.stdout
    second = make(copy, *arguments)
    assert (second.returncode, "installing" in second.stderr) == (0, False)
    assert "Nothing to do" in second.stderr
    assert not list(copy.glob("*.egg-info")) and not (copy / "build").exists()


# --- pins -------------------------------------------------------------------------------------------------------------


def pins() -> dict[str, str]:
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines)


def test_constraints_are_names_and_versions_only() -> None:
    for line in (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+!_-]*", line), line
    assert "world-economies" not in pins()


def needed() -> set[str]:
    """Return every distribution that the project's core and groups lead to, here and in this Python."""
    groups = PROJECT_TOML["optional-dependencies"]
    queue = [Requirement(text) for group in (PROJECT_TOML["dependencies"], *groups.values()) for text in group]
    found: set[str] = set()
    while queue:
        wanted = queue.pop()
        name = canonicalize_name(wanted.name)
        if name in found or name == "world-economies" or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        with contextlib.suppress(metadata.PackageNotFoundError):  # a group that not everybody installs
            queue += [Requirement(text) for text in metadata.requires(name) or ()]
    return found


def test_constraints_pin_everything_that_is_installed() -> None:
    installers = {"pip", "setuptools"}  # Datasette names them; pip freeze never does
    assert needed() - {canonicalize_name(name) for name in pins()} - installers == set()


# --- pip, uv, cron, systemd -------------------------------------------------------------------------------------------


def test_what_pip_and_uv_are_told_is_there() -> None:
    installing = [line for line in LINES if "pip install" in line]
    assert len(installing) == 4
    for line in installing:
        assert "-c constraints.txt" in line
        for group in re.findall(r"\.\[(\w+)\]", line):
            assert group in PROJECT_TOML["optional-dependencies"]
    assert {line.split()[1] for line in LINES if line.startswith("make ")} <= targets()
    for script in {word for line in LINES for word in line.split() if word.endswith(".py")}:
        assert (PROJECT / script).exists()


def test_the_tests_are_chosen_everywhere_alike() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    chosen = '-m "not full and not chaos"'
    assert chosen in makefile
    assert [chosen in line for line in LINES if "-m pytest" in line] == [True, True]


def options_of(command: str) -> None:
    """Parse the options of an etl_process.py command line; an unknown one is a UsageError."""
    words = command.split("etl_process.py")[1].split(">")[0].split()
    etl_process.build_parser().parse_args(words)


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_the_line_for_cron_is_one(page: str) -> None:
    [line] = [line for block in blocks(page) if block.info == "crontab" for line in block.text.splitlines()]
    assert re.match(r"[0-9]+ [0-9]+ \* \* \*  cd /opt/world-economies && \.venv/bin/python etl_process\.py ", line)
    options_of(line)


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(PROJECT / "docs" / "systemd" / name)
    return parser


def test_the_systemd_units_run_the_pipeline() -> None:
    service = unit("world-economies.service")["Service"]
    assert service["Type"] == "oneshot"
    assert service["WorkingDirectory"] == "/opt/world-economies"
    assert service["ExecStart"].startswith("/opt/world-economies/.venv/bin/python etl_process.py ")
    assert "--workspace ${STATE_DIRECTORY}" in service["ExecStart"]
    options_of(service["ExecStart"])
    timer = unit("world-economies.timer")
    assert timer["Timer"]["OnCalendar"] == "*-*-* 05:30"
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for name in ("world-economies.service", "world-economies.timer"):
        text = (PROJECT / "docs" / "systemd" / name).read_text(encoding="utf-8")
        # verify wants the program to exist; that of a test is any
        (tmp_path / name).write_text(text.replace("/opt/world-economies/.venv/bin/python", "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.glob("*.*")))]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert "world-economies" not in done.stderr, done.stderr


def test_continuous_integration_calls_what_a_person_calls() -> None:
    script = PROJECT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    subprocess.run(["bash", "-n", str(script)], check=True)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make ")] == ["make lint </dev/null", "make test </dev/null"]


# --- versions, the picture, no trace of a machine ---------------------------------------------------------------------


def test_the_version_is_one() -> None:
    assert PROJECT_TOML["version"] == utils.VERSION
    assert f"## [{utils.VERSION}]" in read("CHANGELOG.md")


def test_the_picture_fits_a_page() -> None:
    content = (PROJECT / "docs" / "world-economies.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">I", content[16:20])[0] == 1200
    assert len(content) < 400_000


@pytest.mark.parametrize("name", FILES)
def test_no_file_knows_a_machine(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(?:work|tmp|root|home|Users)/", text)
    assert not re.search(r"--(?:extra-)?index-url|--find-links|--trusted-host|--hash|file://(?!/opt/)", text)
