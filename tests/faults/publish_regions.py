"""Publishes six databases of a run in a workspace: a driver, so that the publishing alone can be struck."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.regions_db import show
from utils import Workspace

show(Workspace(Path(sys.argv[1])), sys.argv[2], float(sys.argv[3]))
