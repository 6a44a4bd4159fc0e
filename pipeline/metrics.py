"""What monitors are told, as Prometheus reads it: a file of its text format for node_exporter's textfile collector.

Names follow Prometheus' conventions: base units, _total behind what only grows, times as seconds since 1970, so that an
age is time() minus the metric. Every sample has the workspace as a label, since one machine may have several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import WorldEconomiesError
from pipeline.monitor import gathered
from pipeline.secrets import redact_text
from utils import Workspace, atomic_file

PREFIX = "world_economies_"
GAUGE, COUNTER = "gauge", "counter"
Sample = tuple[str, dict[str, str], float | None]  # name without PREFIX, labels, value; None: not known, and left out


@dataclass(frozen=True)
class Metric:
    """A metric: its name without PREFIX, its type, and its HELP line."""

    name: str
    kind: str
    about: str


METRICS = (
    Metric("build_info", GAUGE, "The version of World Economies that wrote this, as a label."),
    Metric("last_run_timestamp_seconds", GAUGE, "When the last run ended."),
    Metric("last_run_duration_seconds", GAUGE, "How long the last run took."),
    Metric("last_run_exit_code", GAUGE, "How the last run ended: 0 is done, or nothing to do."),
    Metric("last_success_timestamp_seconds", GAUGE, "When a run of all stages last ended with 0."),
    Metric("source_asked_timestamp_seconds", GAUGE, "When the source last answered."),
    Metric("source_fetched_timestamp_seconds", GAUGE, "When the source gave what the current run reads."),
    Metric("source_fallbacks", GAUGE, "Sources that did not answer before the one that was taken."),
    Metric("stage_failed", GAUGE, "1 where the stage failed in the last run."),
    Metric("stage_duration_seconds", GAUGE, "How long the stage took when it was last at work."),
    Metric("stage_cpu_seconds", GAUGE, "Processor time, of user and system, that the stage took then."),
    Metric("stage_peak_memory_bytes", GAUGE, "The most memory that the stage held then."),
    Metric("stage_input_rows", GAUGE, "Rows that the stage read when it last ended well."),
    Metric("stage_output_rows", GAUGE, "Rows that the stage passed on."),
    Metric("stage_quarantined_rows", GAUGE, "Rows that could not be used, in results/quarantine/."),
    Metric("target_up", GAUGE, "1 where the target answers."),
    Metric("target_size_bytes", GAUGE, "Tables and indexes on the disk."),
    Metric("target_unused_bytes", GAUGE, "Of the size, what holds nothing."),
    Metric("target_cache_bytes", GAUGE, "Memory set aside for pages: of the server, or of each connection."),
    Metric("target_cache_hits_total", COUNTER, "Blocks of our tables that were found in that memory."),
    Metric("target_cache_misses_total", COUNTER, "Blocks of our tables that were not."),
    Metric("target_spilled_bytes_total", COUNTER, "What queries of the database wrote to temporary files."),
    Metric("target_batches", GAUGE, "Batches in the ledger."),
    Metric("target_figures", GAUGE, "Figures that hold now."),
    Metric("target_picture_economies", GAUGE, "Economies in the picture; of the regions, records."),
    Metric("target_picture_published_timestamp_seconds", GAUGE, "When the edition of the picture was published."),
    Metric("target_picture_info", GAUGE, "Of what the picture is, as labels."),
    Metric("report_query_seconds", GAUGE, "How long the query of one of the two tables took at the end of the run."),
)
_STAGE = {"stage_failed": "failed", "stage_duration_seconds": "seconds", "stage_cpu_seconds": "cpu_seconds",
          "stage_peak_memory_bytes": "peak_memory", "stage_input_rows": "rows_in", "stage_output_rows": "rows_out",
          "stage_quarantined_rows": "quarantined"}
_TARGET = {"target_up": "up", "target_size_bytes": "size", "target_unused_bytes": "unused",
           "target_cache_bytes": "cache", "target_cache_hits_total": "hits", "target_cache_misses_total": "misses",
           "target_spilled_bytes_total": "spilled", "target_batches": "batches", "target_figures": "figures"}


def write(path: Path, workspace: Workspace, target: str, last: Mapping[str, Any]) -> str:
    """Write the file, complete or not at all; returns "" or why it could not be written.

    last: the summary of the run that ends. A --target that is none leaves its metrics out.
    """
    from targets import open_targets

    try:
        opened = open_targets(target, workspace)
    except WorldEconomiesError:
        opened = []
    try:
        text = rendered(gathered(workspace, opened, last))
        with atomic_file(path, "w") as stream:
            stream.write(text)
    except Exception as error:  # noqa: BLE001  a target of the user's own may raise anything, and no run fails by it
        return f"{path}: {getattr(error, 'strerror', None) or error}"
    return ""


def rendered(told: Mapping[str, Any]) -> str:
    """Return what monitor.gathered() tells in Prometheus' text format, each metric with its HELP and TYPE."""
    found: dict[str, list[str]] = {metric.name: [] for metric in METRICS}
    for name, labels, value in samples(told):
        if value is not None:
            all_labels = {"workspace": told["workspace"], **labels}
            found[name].append(f"{PREFIX}{name}{_labels(all_labels)} {_number(value)}\n")
    return "".join(f"# HELP {PREFIX}{metric.name} {metric.about}\n# TYPE {PREFIX}{metric.name} {metric.kind}\n"
                   + "".join(found[metric.name]) for metric in METRICS if found[metric.name])


def samples(told: Mapping[str, Any]) -> Iterator[Sample]:
    """Yield the samples of what monitor.gathered() tells."""
    last, source = told["last_run"] or {}, told["source"]
    yield "build_info", {"version": told["version"]}, 1
    yield "last_run_timestamp_seconds", {}, epoch(last.get("ended"))
    yield "last_run_duration_seconds", {}, last.get("seconds")
    yield "last_run_exit_code", {}, last.get("exit_code")
    yield "last_success_timestamp_seconds", {}, epoch(told["last_success"])
    yield "source_asked_timestamp_seconds", {}, epoch(source["asked"])
    yield "source_fetched_timestamp_seconds", {}, epoch(source["fetched"])
    yield "source_fallbacks", {}, len(source["fallbacks"])
    for stage, found in told["stages"].items():
        yield from ((name, {"stage": stage}, found.get(key)) for name, key in _STAGE.items())
    for found in told["targets"]:
        yield from _of_target(found, {"target": found["target"]})


def _of_target(found: Mapping[str, Any], labels: dict[str, str]) -> Iterator[Sample]:
    yield from ((name, labels, found.get(key)) for name, key in _TARGET.items())
    if picture := found.get("picture"):
        yield "target_picture_economies", labels, picture.get("economies")
        dates = filter(None, (epoch(picture.get("published")), epoch(picture.get("updated"))))
        yield "target_picture_published_timestamp_seconds", labels, max(dates, default=None)
        yield "target_picture_info", labels | {
            label: picture.get(name) or "" for label, name in (
                ("dataset", "dataset"), ("vintage", "label"), ("channel", "channel"))}, 1
    for query, seconds in found.get("query_seconds", {}).items():
        yield "report_query_seconds", labels | {"query": query}, seconds


def epoch(text: str | None) -> float | None:
    """Return an ISO date or time as seconds since 1970, None for anything else; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _labels(labels: Mapping[str, str]) -> str:
    pairs = (f'{name}="{_escaped(redact_text(value))}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    """Return a number as it is read exactly: 1763676309, 0.84, 1 for True."""
    whole = isinstance(value, int) or value.is_integer()
    return str(int(value)) if whole else repr(value)
