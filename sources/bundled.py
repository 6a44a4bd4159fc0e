"""Ten vintages of the IMF World Economic Outlook, April 2021 to October 2025, that come with the project.

No network: the file is data/weo_vintages.xz, made by data/make_bundle.py; data/ATTRIBUTION.md says from what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache, partial
from itertools import repeat
from typing import TYPE_CHECKING, cast

import utils
from history.calendar import WEO, last_actual_year, parse_vintage_option, status_of, weo_vintage
from history.model import Scope
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from rules.records import StagedRecord
from sources import BaseSource, Request, VintageBatch
from sources._bundle import Bundle, BundleDamaged, Series, decode

if TYPE_CHECKING:
    from pipeline.http import Http

FILE = utils.PROJECT / "data" / "weo_vintages.xz"
NOT_ASKED = "not asked for"
# StagedRecord(...) runs Python for each figure, tuple.__new__ does not: 454,529 records in 0.1 s less.
_record = cast("Callable[[tuple[str, ...]], StagedRecord]", partial(tuple.__new__, StagedRecord))


class Source(BaseSource):
    """The bundled vintages; --indicators and --vintage choose among them."""

    dataset = WEO
    takes = frozenset()

    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield the file. Raises SourceNonsense where it is missing, UsageError for a --vintage of another form."""
        if not FILE.is_file():
            raise _nonsense(f"data/{FILE.name} is missing: the file that comes with the project", str(FILE))
        parameters = {}
        if request.indicators:
            parameters["indicators"] = ",".join(request.indicators)
        if request.vintage:
            parameters["vintage"] = _label(request.vintage)
        yield RawDocument(kind="data", url=f"data/{FILE.name}", path=FILE, fetched_at=utils.utc_now(),
                          parameters=parameters)

    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield one batch a vintage, oldest first. Raises SourceNonsense for a damaged file, UsageError for an
        indicator or a vintage that it does not hold.
        """
        for document in documents:
            where = str(document.path or document.url)
            bundle = _opened(document, where)
            asked = _chosen(document.parameters.get("indicators", ""), list(bundle.indicators), "--indicators")
            labels = _chosen(document.parameters.get("vintage", ""), sorted(bundle.vintages), "--vintage")
            for label in labels:
                yield _batch(bundle, label, asked, where)


def _label(text: str) -> str:
    """Return the label in --vintage. Raises UsageError for another form, and for a printing other than the first."""
    try:
        printing = parse_vintage_option(text)
    except ValueError as error:
        raise UsageError(str(error), safe="nothing was read or changed",
                         next_command="python extract.py --source bundled --vintage 2025-10") from error
    if printing.updated:
        raise UsageError(f"--vintage {printing}: the bundle holds the first printing of each edition only, and "
                         "no later one", safe="nothing was read or changed",
                         next_command=f"python extract.py --source bundled --vintage {printing.label}   "
                         "# or --source weo with the file of that printing")
    return printing.label


def _opened(document: RawDocument, where: str) -> Bundle:
    try:
        bundle = decode(document.body)
        for label in bundle.vintages:
            weo_vintage(label)
        return bundle
    except (BundleDamaged, ValueError) as error:
        raise _nonsense(f"The bundled vintages cannot be read: {error}", where) from error
    except OSError as error:
        raise _nonsense(f"The bundled vintages cannot be read: {error.strerror}", where) from error


def _nonsense(what: str, where: str) -> SourceNonsense:
    return SourceNonsense(what, where=where, safe="nothing was changed",
                          next_command=f"git checkout -- data/{FILE.name}   # or copy the file from a fresh download")


def _chosen(text: str, held: list[str], option: str) -> list[str]:
    """Return the names in the text, all that are held for ""; raise UsageError for one that is not held."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in held:
            near = get_close_matches(name, held, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{option} {name}: the bundled vintages have {', '.join(held)} and no {name}{hint}",
                             safe="nothing was changed",
                             next_command=f"python extract.py --source bundled {option} {near[0] if near else held[0]}")
    return names or held


def _batch(bundle: Bundle, label: str, asked: list[str], where: str) -> VintageBatch:
    vintage, parts = weo_vintage(label), bundle.vintages[label]
    scopes = [Scope(vintage, name, parts[name].years, complete=True) for name in asked if name in parts]
    batch = VintageBatch(vintage, scopes, (), decimals={name: bundle.indicators[name].decimals for name in asked})
    batch.rows = _rows(batch, bundle, asked, where)
    return batch


def _rows(batch: VintageBatch, bundle: Bundle, asked: list[str], where: str) -> Iterator[StagedRecord]:
    """Yield a vintage's records and count them in the batch. Raises SourceNonsense where the counts are not the
    header's.
    """
    label = batch.vintage.label
    parts = bundle.vintages[label]
    if aside := sum(part.figures for name, part in parts.items() if name not in asked):
        batch.set_aside[NOT_ASKED] += aside
        batch.rows_read += aside
    counts: Counter[str] = Counter()
    try:
        for series in bundle.series(label, asked):
            records = list(_records(series, bundle))
            counts[series.indicator] += len(records)
            batch.rows_read += len(records)
            yield from records
    except BundleDamaged as error:
        raise _nonsense(f"The bundled vintages cannot be read: {error}", where) from error
    stated = {name: parts[name].figures for name in asked if name in parts}
    if counts != Counter(stated):
        raise _nonsense(f"The bundled vintage {label} has {dict(counts)} figures, its header says {stated}", where)


def _records(series: Series, bundle: Bundle) -> Iterator[StagedRecord]:
    """Make the records of one series, with no Python code run for each figure but where a year has none."""
    code, indicator, values = series.area, series.indicator, series.values
    kind = bundle.indicators[indicator]
    years, statuses = _years(series.first_year, len(values), series.last_actual)
    locators = map(f"{series.vintage}/{code}/{indicator}/".__add__, years)
    records = map(_record, zip(repeat(code), repeat(""), repeat(indicator), years, values, repeat(kind.unit),
                               repeat(kind.scale), statuses, locators, strict=False))
    return records if "" not in values else (record for record in records if record.raw)


@lru_cache(maxsize=1024)
def _years(first: int, count: int, last_actual: str) -> tuple[list[str], list[str]]:
    """Return the years as text and the status of each; a few hundred forms serve the ten thousand series."""
    last, numbers = last_actual_year(last_actual), range(first, first + count)
    return list(map(str, numbers)), [status_of(number, last) for number in numbers]
