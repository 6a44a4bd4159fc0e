"""How long the transform of the bundled vintages takes, stage alone: `python bench/bench_transform.py [RUNS]`.

Prints the CPU seconds of each run beside those of `import pandas` in the same minute, and their ratio: machines differ
and are noisy, ratios stay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def cpu_of(*arguments: str) -> tuple[float, int]:
    """Return user and system seconds of one Python process, and its peak memory in bytes (Linux)."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=PROJECT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main() -> None:
    """Print one line a run."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        cpu_of("extract.py", "--source", "bundled", "--workspace", folder, "--quiet")
        for _ in range(runs):
            shutil.rmtree(Path(folder) / "results" / "clean", ignore_errors=True)
            for manifest in (Path(folder) / "results" / "runs").glob("*/transform*"):
                manifest.unlink()
            start, _ = cpu_of("-c", "import pandas")
            seconds, memory = cpu_of("transform.py", "--workspace", folder, "--quiet")
            print(f"transform {seconds:.2f} s, {memory / 2**20:.0f} MiB; import pandas {start:.2f} s; "
                  f"ratio {seconds / start:.1f}")


if __name__ == "__main__":
    main()
