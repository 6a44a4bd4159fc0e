"""--profile: what each query of an answer takes on the target, and by which plan the target finds its rows.

The answer is made as ever, by the same queries with the same parameters, and its place is taken by what they took.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import questions
from pipeline.errors import UsageError
from questions import Asked, picture
from reports.tables import Report, Table
from targets import BaseTarget, Profile, Row
from utils import Workspace

HEADS = {"Query": "query", "Rows": "rows", "Seconds": "seconds"}
PLAN_HEADS = {"Query": "query", "Parameters": "with", "Plan": "plan"}
TABLES = ("economies", "regions")  # the queries of the two tables of a report


@dataclass(frozen=True)
class Call:
    """A query that was asked: its name in sql/queries/, its parameters, how it went."""

    name: str
    parameters: Mapping[str, Any]
    went: Profile


@dataclass(frozen=True)
class Watched(Asked):
    """A question whose queries are noted, in their order; plan: with the target's plan of each."""

    plan: bool = True
    calls: list[Call] = field(default_factory=list)

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of sql/queries/NAME.sql, and note how it went."""
        went = self.target.profile(name, parameters or {}, plan=self.plan)
        self.calls.append(Call(name, dict(parameters or {}), went))
        return went.rows


def answer(asked: Asked) -> Report:
    """Return the profile of what the options ask. Raises UsageError and CheckpointError as the answer itself does."""
    watched = Watched(asked.target, asked.workspace, asked.options)
    question = questions.question_of(asked.options)
    if question:
        questions.answer(watched)
    else:
        picture.newest(watched)
    title = f"Queries of {question or 'the report'} in {asked.target.shown}"
    rows = [told(call) for call in watched.calls]
    total = sum(call.went.seconds for call in watched.calls)
    notes = [f"{len(rows)} queries, {total:.4f} s; the text of each is in sql/queries/."]
    tables = [Table("queries", title, rows, HEADS, places={"Seconds": 4})]
    if asked.for_people:
        plans = [planned(call) for call in watched.calls]
        tables.append(Table("plans", "What each is asked with, and how it is found", plans, PLAN_HEADS, listed=True))
    return Report(title, tables, notes, {"target": asked.target.shown, "seconds": total})


def told(call: Call) -> Row:
    """Return a query as a row: rows found, seconds, parameters as JSON, the plan with a line a step."""
    return {"Query": call.name, "Rows": len(call.went.rows), "Seconds": call.went.seconds,
            "Parameters": parameters_of(call), "Plan": "\n".join(call.went.plan)}


def planned(call: Call) -> Row:
    """Return a query with its plan as people read it."""
    return {"Query": call.name, "Parameters": parameters_of(call), "Plan": list(call.went.plan) or ["not told"]}


def parameters_of(call: Call) -> str:
    """Return the parameters of a query as JSON, "" for none."""
    return json.dumps(call.parameters, ensure_ascii=False, default=str) if call.parameters else ""


def seconds_of_tables(target: BaseTarget, workspace: Workspace) -> dict[str, float]:
    """Return query -> seconds of the two tables of the newest picture, as a report without options asks for them."""
    options = argparse.Namespace(year=0, region="", min_gdp=100.0, top=0, format="json")
    watched = Watched(target, workspace, options, plan=False)
    picture.newest(watched)
    return {call.name: round(call.went.seconds, 6) for call in watched.calls if call.name in TABLES}


def check(target: BaseTarget) -> None:
    """Refuse a target whose queries are not those of sql/queries/. Raises UsageError."""
    if not target.history:
        raise UsageError(f"--profile tells the queries of the history, and --target {target.shown} holds none",
                         safe="nothing was changed", next_command="python report.py --profile --target sqlite")
