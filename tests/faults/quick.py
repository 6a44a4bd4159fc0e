"""etl_process.py whose waits before another try are short: a driver, so that the tests of retries do not sleep."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(PROJECT))
sys.argv[0] = str(PROJECT / "etl_process.py")

import etl_process  # noqa: E402  the path comes first

etl_process.BACKOFF = 0.01
sys.exit(etl_process.main())
