"""What the manifests of a run say of it: its gates, what could not be used, how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.checkpoints import STAGES, Manifest
from pipeline.monitor import manifest_of
from pipeline.secrets import redact_text
from rules import gates
from utils import Workspace


@dataclass(frozen=True)
class Health:
    """A run as its manifests tell it; `known` is False where the workspace keeps none of it.

    gates: how many there are. accepted: those let through by hand. fallbacks: "name: why" of each source that did not
    answer before the one that was taken. aside: reason -> rows set aside. fetched: when the source answered. seconds:
    of the stages before the report.
    """

    run_id: str = ""
    known: bool = False
    gates: int = len(gates.NAMES)
    accepted: list[str] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)
    rows_in: int = 0
    rows_out: int = 0
    quarantined: int = 0
    aside: dict[str, int] = field(default_factory=dict)
    started: str = ""
    fetched: str = ""
    seconds: float = 0.0


def health_of(workspace: Workspace, run_id: str) -> Health:
    """Return what the manifests of a run say; of one that the workspace does not keep, its id alone."""
    manifests = {stage: manifest_of(workspace, run_id, stage) for stage in STAGES[:-1]}
    extract, transform, load = (manifests[stage] for stage in STAGES[:-1])
    if extract is None or transform is None:
        return Health(run_id)
    balances = [extract.balance, transform.balance]
    return Health(
        run_id, True,
        accepted=sorted({*transform.facts.get("accepted", ()), *(load.facts.get("accepted", ()) if load else ())}),
        fallbacks=[redact_text(each) for each in extract.facts.get("fallbacks", ())],
        rows_in=extract.balance["in"], rows_out=transform.balance["out"],
        quarantined=sum(each.get("quarantined", 0) for each in balances), aside=_aside(balances),
        started=extract.started, fetched=_fetched(extract),
        seconds=sum(each.seconds for each in (extract, transform, load) if each))


def _aside(balances: list[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, count in ((name, count) for balance in balances for name, count in balance.items()):
        if name not in ("in", "out", "quarantined"):
            found[name] = found.get(name, 0) + count
    return found


def _fetched(extract: Manifest) -> str:
    documents: list[Mapping[str, Any]] = extract.facts.get("documents", [])
    return max((each["fetched_at"] for each in documents), default="")
