"""Make docs/world-economies.png: the page of a run on the bundled editions, as Chromium shows it.

    python docs/make_screenshot.py [--year 2025]

Needs Chromium or Chrome on the PATH. Nothing is fetched, and the workspace is a temporary one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
OUTPUT = PROJECT / "docs" / "world-economies.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1200, 888
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")


def make_page(workspace: Path, year: int) -> Path:
    """Run the pipeline on the bundle in the workspace and return its page."""
    subprocess.run([sys.executable, PROJECT / "etl_process.py", "--source", "bundled", "--vintage", "2025-10", "--year",
                    str(year), "--workspace", workspace, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return workspace / "results" / "report.html"


def photograph(browser: str, page: Path, output: Path) -> None:
    """Let the browser write a picture of the page's first screen."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run([browser, *FLAGS, f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}",
                        f"--screenshot={output}", page.as_uri()], check=True, stderr=subprocess.DEVNULL)


def main() -> int:
    """Make the picture; 2 without a browser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--year", type=int, default=2025)
    year = parser.parse_args().year
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print(f"none of {', '.join(BROWSERS)} is on the PATH", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        photograph(browser, make_page(Path(folder), year), OUTPUT)
    print(f"docs/{OUTPUT.name}: {OUTPUT.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
