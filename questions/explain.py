"""--explain: every value ever held of one figure, and where each comes from, down to the cell in the archived bytes."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NoReturn

from history.asof import Edition, short_names
from history.years import as_runs
from pipeline import options, staging
from pipeline.archive import Archive
from pipeline.countries import load_identity
from pipeline.errors import UsageError
from questions import Asked, _held
from questions._held import SAFE, STATUS
from questions._source import Cell, Reader, Wanted, rules
from reports.tables import Report, Row, Table
from rules.identity import Country, Identity
from rules.indicators import MAIN

VALUE_HEADS = {"Dataset": "dataset", "From": "from", "Until": "until", "Value": "value", "Decimals": "decimals",
               "Status": "status"}
SOURCE_HEADS = {"Value": "value", "Vintage": "first said by", "Came": "came by", "Archive_id": "archive",
                "Files": "bytes", "Sha256": "sha256", "Fingerprint": "fingerprint",
                "Published": "published as", "Locator": "place", "Rules": "rules", "Fault": "not shown"}


def answer(asked: Asked) -> Report:
    """Return the values and their sources. Raises UsageError for a country, year or dataset that is not there."""
    identity = load_identity()
    country, year = key_of(asked)
    dataset, indicator = asked.options.dataset, asked.options.indicator or MAIN
    if dataset is not None:
        dataset = _held.known_dataset(_held.datasets(asked), dataset)
    values = asked.query("held", {"dataset": dataset, "indicator": indicator, "iso3": country.iso3, "year": year})
    if not values:
        refuse(asked, indicator, country, year)
    editions = {name: _held.editions(asked, name) for name in dict.fromkeys(row["dataset"] for row in values)}
    cited = citations(asked, identity, values, editions, (indicator, country.iso3, year))
    title = f"{country.name} ({country.iso3}), {_held.title_of(indicator)}, {year}"
    return Report(title, [Table("values", f"{title}: every value ever held", [told(row, editions) for row in values],
                                VALUE_HEADS),
                          Table("sources", "Where each comes from, the newest first",
                                [for_people(row) for row in cited] if asked.for_people else cited, SOURCE_HEADS,
                                listed=True)], (),
                  {"country": country.iso3, "indicator": indicator, "year": year})


def key_of(asked: Asked) -> tuple[Country, int]:
    """Return the country and the year asked for. Raises UsageError."""
    name, text = asked.options.explain
    try:
        year = options.year(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--explain takes a country and a year: {error}", safe=SAFE,
                         next_command="python report.py --explain KOR 2024") from None
    country = _held.known_country(name, f"--explain {{}} {year}")
    return country, year


def refuse(asked: Asked, indicator: str, country: Country, year: int) -> NoReturn:
    """Say that no such figure was ever held. Raises UsageError, CheckpointError for an empty database."""
    names = _held.datasets(asked)
    years = sorted({row["year"] for name in names for row in asked.query("current", {
        "dataset": name, "indicator": indicator, "iso3": country.iso3, "year": None})})
    near = min(years, key=lambda each: abs(each - year), default=0)
    raise UsageError(
        f"No vintage of {', '.join(names)} has {indicator} of {country.name} for {year}"
        + (f"; there are {as_runs(years)}" if years else ""), safe=SAFE,
        next_command=f"python report.py --explain {country.iso3} {near}" if years else
        "python etl_process.py --source worldbank   # another publisher may have it")


def told(row: Row, editions: Mapping[str, Sequence[Edition]]) -> Row:
    """Return a range of vintages for people and programs."""
    names = short_names(editions[row["dataset"]])
    until = "now" if row["to_vintage"] is None else names[row["last_vintage"]]
    if row["withdrawn"]:
        until += f", withdrawn in {names[row['to_vintage']]}"
    return {"Dataset": row["dataset"], "From": names[row["from_vintage"]], "Until": until, "Value": row["value_text"],
            "Decimals": row["decimals"], "Status": STATUS[row["forecast"]]}


def citations(asked: Asked, identity: Identity, values: Sequence[Row], editions: Mapping[str, Sequence[Edition]],
              key: tuple[str, str, int]) -> list[Row]:
    """Return a row a value and witness of the vintage that first said it; every archived answer is parsed once."""
    arrivals: list[tuple[Row, Row, Wanted]] = []
    by_archive: defaultdict[str, list[Wanted]] = defaultdict(list)
    for value in reversed(values):
        for witness in asked.query("witnesses", {"dataset": value["dataset"], "vintage": value["from_vintage"]}):
            wanted = Wanted(witness["batch_id"].rpartition("/")[0], *key, value["value_text"], value["decimals"])
            arrivals.append((value, witness, wanted))
            by_archive[witness["archive_id"]].append(wanted)
    reader, cells, done = Reader(Archive(asked.workspace.archive), identity), dict[str, dict[Wanted, Cell]](), set()
    rows: list[Row] = []
    for value, witness, wanted in arrivals:
        edition = next(each for each in editions[value["dataset"]] if each.key == value["from_vintage"])
        row = witnessed(value, witness, edition)
        same = (witness["batch_id"], witness["channel"])
        if same in done:  # a nightly run may have brought the same figures a hundred times
            rows.append(row | {"Fault": "the same figures by the same channel as above"})
            continue
        archive_id = witness["archive_id"]
        if archive_id not in cells:
            cells[archive_id] = reader.find(archive_id, list(dict.fromkeys(by_archive[archive_id])))
        cell = cells[archive_id][wanted]
        if cell.record:
            done.add(same)
        rows.append(row | cited(cell, wanted, identity))
    return rows


def witnessed(value: Row, witness: Row, edition: Edition) -> Row:
    """Return what the database itself says of an arrival."""
    return {"Value": value["value_text"], "Dataset": value["dataset"], "Vintage": staging.described(edition.vintage),
            "Channel": witness["channel"], "Fetched_at": witness["fetched_at"], "Url": witness["url"],
            "Archive_id": witness["archive_id"], "Files": [], "Sha256": [], "Fingerprint": witness["sha256"], "Raw": "",
            "Unit": "", "Scale": "", "Locator": "", "Rules": [], "Fault": "", "Accepted": witness["accepted"]}


def cited(cell: Cell, wanted: Wanted, identity: Identity) -> Row:
    """Return what the archived bytes say."""
    row = cell.record
    if row is None:
        return {"Files": cell.files, "Sha256": cell.hashes, "Fault": cell.fault}
    return {"Files": cell.files, "Sha256": cell.hashes, "Raw": row.raw, "Unit": row.unit, "Scale": row.scale,
            "Locator": row.locator, "Rules": rules(cell, wanted, identity)}


def for_people(row: Row) -> Row:
    """Return a row with what belongs together in one line."""
    unit = ", ".join(text for text in (row["Unit"], row["Scale"]) if text)
    accepted = f"; let through by --accept {row['Accepted']}" if row["Accepted"] else ""
    full = {**row, "Came": f"{row['Channel']}, fetched {row['Fetched_at']} from {row['Url']}{accepted}",
            "Published": row["Raw"] + (f" ({unit})" if unit else ""),
            "Sha256": [each for each in row["Sha256"] if not any(each in file for file in row["Files"])],
            "Fingerprint": "" if row["Files"] else row["Fingerprint"]}
    return {name: full[name] for name in SOURCE_HEADS}
