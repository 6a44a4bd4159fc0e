"""Transform of a large table: clean each piece, keep the last row of each key, sort each range; gates in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from history.model import Vintage
from large.far import bring_quarantine
from large.model import TablePlan
from large.pieces import WORK, identity_of
from large.pool import Pool, Task
from large.settings import Settings
from pipeline.checkpoints import Manifest, Part, balanced
from pipeline.stage import Stage
from pipeline.staging import vintage_folder
from pipeline.storage import children, place, remove_folder
from rules import gates
from rules.gates import Finding
from rules.identity import REGIONS

ROW_OVERHEAD = 16  # bytes of a clean row's texts beyond what they were as staged
PIECES_AT_ONCE = 3  # pieces whose rows make a partition or a range
LEAST_AT_ONCE = 100
SAMPLE = 512  # one clean row of so many tells where ranges are cut; of few and long rows more
SAMPLES_A_RANGE = 16
MOST_PARTS = 4_096  # partitions, and ranges: each is a batch in every file
TASKS = "large.transform_tasks:"


@dataclass
class Outcome:
    """What became of a table's rows, and the sorted parts of each region.

    parts: of all regions, in order, region_of_part beside. regions: region -> rows. unknown: names that nobody knows,
    some of them; strangers: rows that have such a name. long: figures of more digits than a double keeps.
    """

    balance: dict[str, int]
    unknown: list[str]
    long: int
    quarantine: list[str]
    parts: list[Part] = field(default_factory=list)
    regions: dict[str, int] = field(default_factory=dict)
    region_of_part: list[str] = field(default_factory=list)
    strangers: int = 0


class Transforming:
    """One table on its way from staged pieces to sorted parts."""

    def __init__(self, stage: Stage, before: Manifest, engine: str, settings: Settings, code: str) -> None:
        table = before.facts["table"]
        self.stage, self.engine, self.settings, self.code = stage, engine, settings, code
        self.storage = before.storage  # where extract has put the pieces
        self.root = self.storage or str(stage.workspace.root)
        self.plan, self.pieces = TablePlan.of(table["plan"]), table["pieces"]
        self.vintage = Vintage(**before.facts["batches"][0]["vintage"])
        self.rows = sum(piece["rows"] for piece in self.pieces)
        held = sum(piece["bytes_held"] for piece in self.pieces) // max(self.rows, 1)
        grain = PIECES_AT_ONCE * max((piece["rows"] for piece in self.pieces), default=0)  # --piece-size sets all
        self.at_once = min(settings.rows_at_once(held + ROW_OVERHEAD), max(grain, LEAST_AT_ONCE))
        self.at_once = max(self.at_once, self.rows // MOST_PARTS)
        self.partitions = max(-(-self.rows // self.at_once), 1) if settings.workers else 1
        self.every = min(max(self.at_once // SAMPLES_A_RANGE, 1), SAMPLE)
        self.work = f"{WORK}/{before.run_id}"
        self.clean = f"results/clean/{vintage_folder(self.vintage)}/regions-{before.digest[:12]}"
        self.quarantine = f"results/quarantine/{vintage_folder(self.vintage)}/cleaned"

    def clear(self, *, own: bool) -> None:
        """Remove pieces between steps: of runs that nobody goes on with, or this one's own when it is done."""
        for root in {self.root, str(self.stage.workspace.root)}:
            for name in children(place(root, WORK)):
                if own or f"{WORK}/{name}" != self.work:
                    remove_folder(place(root, WORK, name))

    # --- the steps ------------------------------------------------------------------------------------------------

    def cleaned(self, pool: Pool) -> tuple[Outcome, list[dict[str, Any]]]:
        """Clean every piece; returns what became of the rows, and what each piece told."""
        from importlib.metadata import version

        made_by = [self.code, version("polars")]  # rows are parted by its hashes, which a newer one may not share
        tasks = [Task(TASKS + "clean_piece", {
            "root": self.root, "folder": f"{self.work}/parted", "quarantine": self.quarantine, "number": number,
            "piece": piece, "plan": self.plan.told(), "engine": self.engine, "partitions": self.partitions,
            "every": self.every,
            "identity": identity_of(piece, self.plan.told(), self.engine, self.partitions, self.every, made_by)})
            for number, piece in enumerate(self.pieces)]
        ordered = self._all(pool, tasks, [piece["rows"] for piece in self.pieces])
        bring_quarantine(self.storage, self.stage, ordered)
        balance: Counter[str] = Counter()
        for each in ordered:
            balance.update(each["balance"])
        names = list(dict.fromkeys(name for each in ordered for name in each["unknown"]))
        quarantine = [part[0] for each in ordered for part in each["quarantine"]["parts"]]
        return Outcome(dict(balance), names, sum(each["long"] for each in ordered), quarantine,
                       strangers=sum(each["strangers"] for each in ordered)), ordered

    def sorted(self, pool: Pool, outcome: Outcome, cleaned: Sequence[Mapping[str, Any]]) -> None:
        """Keep the last row of each key and sort each range; the outcome is completed."""
        parted = self._paths("parted", cleaned)
        ranges = pool.all([Task(TASKS + "choose_ranges", {
            "paths": parted, "sample_at": self.partitions, "plan": self.plan.told(), "engine": self.engine,
            "rows": self.at_once, "every": self.every})])[0]
        made_from = identity_of([list(each["files"].values()) for each in cleaned], ranges, self.code, self.engine)
        last = self._reduced(pool, parted, cleaned, ranges, made_from)
        exact, older = sum(each["exact"] for each in last), sum(each["superseded"] for each in last)
        outcome.balance["out"] -= exact + older
        outcome.balance |= {name: count for name, count in (("duplicate: exact", exact),
                                                            ("duplicate: superseded", older)) if count}
        balanced(outcome.balance)
        self._sort(pool, outcome, self._paths("last", last), last, ranges)  # a kill here: no step is done again

    def _reduced(self, pool: Pool, parted: list[str], cleaned: Sequence[Mapping[str, Any]], ranges: list[Any],
                 made_from: str) -> list[dict[str, Any]]:
        rows = [sum(each["rows"][number] for each in cleaned) for number in range(self.partitions)]
        tasks = [Task(TASKS + "reduce_partition", {
            "root": self.root, "folder": f"{self.work}/last", "number": number, "paths": parted,
            "plan": self.plan.told(), "engine": self.engine, "boundaries": ranges, "rows": rows[number],
            "most": max(2 * self.at_once, 1), "identity": f"{made_from}/{number}"})
            for number in range(self.partitions)]
        return self._all(pool, tasks, rows)

    def _sort(self, pool: Pool, outcome: Outcome, paths: list[str], last: Sequence[Mapping[str, Any]],
              ranges: Sequence[Sequence[Any]]) -> None:
        made_from = identity_of([list(each["files"].values()) for each in last], self.code)
        rows = [sum(each["rows"][number] for each in last) for number in range(len(ranges))]
        wanted = [number for number, count in enumerate(rows) if count]
        tasks = [Task(TASKS + "sort_range", {
            "root": self.root, "folder": self.clean, "number": number, "paths": paths, "plan": self.plan.told(),
            "engine": self.engine, "region": REGIONS[ranges[number][0]], "identity": f"{made_from}/{number}"})
            for number in wanted]
        self.complete(outcome, self._all(pool, tasks, [rows[number] for number in wanted]))

    def complete(self, outcome: Outcome, parts: Sequence[Mapping[str, Any]]) -> None:
        """Tell the outcome which parts there are, by their facts in the order of the rows."""
        outcome.regions = dict.fromkeys(REGIONS, 0)
        for told in parts:
            (name, (digest, size)), = told["files"].items()
            outcome.parts.append(Part(f"{self.clean}/{name}", digest, size, told["rows"]))
            outcome.region_of_part.append(told["region"])
            outcome.regions[told["region"]] += told["rows"]

    def _all(self, pool: Pool, tasks: Sequence[Task], rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return what the tasks tell, in their order, and tell how far the work is."""
        told, done = dict[int, dict[str, Any]](), 0
        for at, result in pool.run(tasks):
            told[at] = result
            done += rows[at]
            self.stage.report.progress(done, sum(rows))
        return [told[at] for at in range(len(tasks))]

    def _paths(self, step: str, told: Sequence[Mapping[str, Any]]) -> list[str]:
        return [str(place(self.root, self.work, step, name)) for each in told for name in each["files"]]

    # --- gates ----------------------------------------------------------------------------------------------------

    def findings(self, outcome: Outcome) -> list[Finding]:
        """Return what the gates find: rows of names that nobody knows, and no figure at all."""
        balance, limits = outcome.balance, gates.limits_of(self.vintage.dataset)
        found = []
        if not balance.get("out"):
            found.append(Finding("economies", "no economy has GDP", True))
        if strangers := outcome.strangers:
            share = strangers / (strangers + balance.get("out", 0))
            names = ", ".join(map(gates.shown, outcome.unknown[:10]))
            found.append(Finding("unmatched", f"{strangers:,} rows have unknown names or codes: {names}",
                                 share > limits.unmatched))
        return found

    def facts(self, outcome: Outcome, before: Manifest, accepted: Sequence[str], version: str) -> dict[str, Any]:
        """Return what load needs to know; shaped as the facts of every transform."""
        batch = before.facts["batches"][0] | {"digest": "", "missing": [], "findings": [], "unknown": outcome.unknown,
                                              "quarantine": outcome.quarantine, "balance": outcome.balance}
        return {"batches": [batch], "picture": before.facts["picture"], "accepted": list(accepted),
                "region_version": version, "table": {"plan": self.plan.told(), "regions": outcome.regions,
                                                     "storage": self.storage,
                                                     "region_of_part": outcome.region_of_part, "long": outcome.long}}
