"""What every target does that is a server of SQL: asks its ledger, and shows the picture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from targets import BaseTarget, Picture

SAFE = "the database is as it was"


class ServerTarget(BaseTarget):
    """A schema of a database on a server."""

    answers = True
    history = True
    needed = True

    @abstractmethod
    def run(self, name: str, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> int:
        """Run a statement once a row; returns how many rows it changed."""

    def applied(self, batch_id: str) -> bool:
        """Tell whether the ledger holds the batch."""
        return bool(self.query("applied", {"batch_id": batch_id}))

    def show(self, picture: Picture) -> None:
        """Replace Countries_by_GDP and the row that says which vintage it is of."""
        self.run("delete_picture_rows", [{}])
        self.run("insert_picture_row", list(picture.rows))
        self.run("replace_picture", [asdict(picture.vintage) | {"channel": picture.channel, "run_id": picture.run_id}])

    def keep_picture(self, run_id: str) -> None:
        """Write only which run asked last."""
        self.run("ask_again", [{"run_id": run_id}])
