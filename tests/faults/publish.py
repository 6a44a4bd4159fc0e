"""Publishes a workspace's database as a data package: a driver, so that the publishing alone can be struck."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from reports import datapackage
from targets import open_target
from utils import Workspace

workspace = Workspace(Path(sys.argv[1]))
datapackage.write(workspace, open_target("sqlite", workspace))
