"""Publishes two batches in a lake of a workspace: a driver, so that the publishing alone can be struck."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from pipeline.errors import WorldEconomiesError
from tests.lakes import publish, two

try:
    publish(Path(sys.argv[1]), sys.argv[2], two()[1:])
except WorldEconomiesError as error:
    print(*error.lines(), sep="\n", file=sys.stderr)
    sys.exit(error.exit_code)
