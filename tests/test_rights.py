"""A workspace of another user, wholly or in part, and one on a disk that is read-only: refused in words, nothing lost.

The tests run as root, who has every right, and give those up that a user without rights has not: then a file of the
owner `THEIRS` with the mode 0600 cannot be read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestra import content, etl, table_options, tree, write_table
from tests.project import PROJECT

THEIRS = 65_534
pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0,
                                reason="only root of a Linux can give files to another user")
# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER; then become the script.
AS_GUEST = """
import ctypes, os, sys
for right in (1, 2, 3):
    if ctypes.CDLL(None).prctl(24, right, 0, 0, 0):
        sys.exit(77)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def guest(script: str, workspace: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a user who has no rights but those that a file's mode gives everybody."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    command = [sys.executable, "-c", AS_GUEST, str(PROJECT / script), "--workspace", str(workspace), *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=clean | {"PYTHONWARNINGS": "error"},
                          check=False, stdin=subprocess.DEVNULL, timeout=60)
    if done.returncode == 77:
        pytest.skip("root's rights cannot be given up here")
    return done


def given(workspace: Path, pattern: str, mode: int) -> None:
    """Give these files and folders to another user, with a mode."""
    for path in workspace.glob(pattern):
        os.chown(path, THEIRS, THEIRS)
        if mode:
            path.chmod(mode)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with other figures, of which there is something to do."""
    return write_table(tmp_path_factory.mktemp("changed") / "gdp.csv", first=950)


def refused(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert done.returncode == code, done.stderr
    for text in (*said, "safe:", "next:"):
        assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def goes_on(workspace: Path, table: Path, changed: Path, undisturbed: Path) -> None:
    """Hold that the owner's next command finishes what the guest could not, after that of the first table."""
    for each in (table, changed):
        done = etl(each, workspace)
        assert done.returncode == 0, done.stderr
    quiet = Path(shutil.copytree(undisturbed, workspace.with_name("quiet")))
    assert etl(changed, quiet).returncode == 0
    assert content(workspace) == content(quiet)


def test_a_workspace_of_another_user(finished: Path, changed: Path) -> None:
    given(finished, "**/*", 0)
    os.chown(finished, THEIRS, THEIRS)
    before = tree(finished)
    refused(guest("etl_process.py", finished, *table_options(changed)), 2, "The workspace cannot be written")
    assert guest("report.py", finished, "--as-of", "2025-04").returncode == 0  # to look needs no right to write
    assert tree(finished) == before


PARTS = {
    "log": ("log/*", 0, 2, "The workspace cannot be written"),
    "lock": ("results/.lock", 0o600, 2, "The workspace cannot be written"),
    "results": ("results", 0o700, 2, "The workspace cannot be written"),
    "runs": ("results/runs", 0o700, 2, "A file cannot be read or written: Permission denied"),
    "current": ("results/runs/current", 0o600, 2, "A file cannot be read or written: Permission denied"),
    "manifest": ("results/runs/*/extract.json", 0o600, 2, "A file cannot be read or written: Permission denied"),
    "database's folder": ("sqliteDB", 0o755, 2, "A file cannot be read or written: Permission denied"),
    "database": ("sqliteDB/World_Economies.db", 0o600, 6, "This user may not read the database"),
}


@pytest.mark.full
@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_workspace_is_of_another_user(part: str, table: Path, changed: Path, undisturbed: Path,
                                                  finished: Path) -> None:
    pattern, mode, code, said = PARTS[part]
    given(finished, pattern, mode)
    before = content(finished)
    refused(guest("etl_process.py", finished, *table_options(changed)), code, said)
    assert content(finished) == before
    goes_on(finished, table, changed, undisturbed)


def test_a_database_that_cannot_be_read_is_not_called_damaged(finished: Path) -> None:
    given(finished, "sqliteDB/World_Economies.db", 0o600)
    database = finished / "sqliteDB/World_Economies.db"
    held = database.read_bytes()
    for script, *options in (("load.py", "--rebuild"), ("report.py", "--as-of", "2025-04")):
        refused(guest(script, finished, *options), 6, "This user may not read the database")
    assert (database.read_bytes(), [path.name for path in database.parent.iterdir()]) == (held, [database.name])


@pytest.mark.full
def test_a_file_of_another_user_that_is_only_to_be_read_is_replaced(finished: Path) -> None:
    given(finished, "sqliteDB/World_Economies.db", 0o644)
    before = content(finished)
    done = guest("load.py", finished, "--rebuild")
    assert done.returncode == 0, done.stderr
    assert content(finished) == before


# --- a disk that is read-only -----------------------------------------------------------------------------------------


@pytest.fixture
def read_only(finished: Path) -> Iterator[Path]:
    """The finished workspace, on a disk on which even root cannot write."""
    for options in (["--bind", str(finished), str(finished)], ["-o", "remount,bind,ro", str(finished)]):
        if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a folder read-only")
    yield finished
    subprocess.run(["umount", str(finished)], check=True)


def test_a_workspace_on_a_disk_that_is_read_only(read_only: Path, table: Path) -> None:
    before = tree(read_only)
    for script, *options in (("etl_process.py", *table_options(table)), ("load.py", "--rebuild")):
        refused(subprocess.run([sys.executable, str(PROJECT / script), "--workspace", str(read_only), *options],
                               capture_output=True, encoding="utf-8", check=False), 2,
                "The workspace cannot be written: Read-only file system")
    for script, *options in (("etl_process.py", "--status"), ("report.py", "--as-of", "2025-04")):
        looked = subprocess.run([sys.executable, str(PROJECT / script), "--workspace", str(read_only), *options],
                                capture_output=True, encoding="utf-8", check=False)
        assert looked.returncode == 0, looked.stderr
    assert tree(read_only) == before
