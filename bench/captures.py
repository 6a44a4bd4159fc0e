"""Every capture of a real source through extract and transform, and each clean value against a reading by other means.

    python bench/captures.py --captures ../shared/captures

One line a capture: rows in, clean, quarantined, set aside, economies, values that differ from what pandas, json or a
regular expression read from the same bytes. The readers below share no code with sources/ and rules/.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.server import Answer, Server  # noqa: E402  the path comes first

Key = tuple[str, str, str]  # code or name as the source writes it, indicator, year
Values = dict[Key, float]  # in the indicator's canonical unit


@dataclass
class Examined:
    """What became of one capture; `differing` are clean values another reading does not have."""

    name: str
    exit_code: int = 0
    said: str = ""
    balance: dict[str, int] = field(default_factory=dict)
    economies: int = 0
    compared: int = 0
    differing: list[str] = field(default_factory=list)
    lost: list[Key] = field(default_factory=list)


@dataclass(frozen=True)
class Capture:
    """A capture and how to read it: arguments for extract.py, and the other reading (None: it must be refused)."""

    file: str
    arguments: tuple[str, ...]
    read: Callable[[Path], Values] | None = None
    accept: tuple[str, ...] = ()


# --- readings by other means --------------------------------------------------------------------------------------

SUBJECTS = {("Gross domestic product, current prices", "U.S. dollars"): "NGDPD",
            ("Gross domestic product, constant prices", "Percent change"): "NGDP_RPCH",
            ("Gross domestic product per capita, current prices", "U.S. dollars"): "NGDPDPC",
            ("Population", "Persons"): "LP", ("Inflation, average consumer prices", "Percent change"): "PCPIPCH"}
FIVE = frozenset(SUBJECTS.values())


def number(text: str) -> float | None:
    """Read a cell that is plainly a number."""
    try:
        return float(text.replace(",", "").strip())
    except ValueError:
        return None


def weo_text(path: Path) -> Values:
    """Read a tab-separated WEO file by splitting its lines."""
    body = path.read_bytes()
    encoding = "utf-16" if body[:2] == b"\xff\xfe" else "utf-16-le" if body[1:2] == b"\0" else "latin-1"
    rows = list(csv.reader(io.StringIO(body.decode(encoding)), delimiter="\t"))
    return weo_rows(rows[0], rows[1:])


def weo_workbook(path: Path) -> Values:
    """Read a WEO workbook with pandas."""
    import pandas as pd

    frame = pd.read_excel(path, dtype=object, keep_default_na=False)
    return weo_rows([str(name) for name in frame.columns], [[str(cell) for cell in row] for row in frame.to_numpy()])


def weo_rows(header: list[str], rows: list[list[str]]) -> Values:
    """Take the five subjects out of the rows of a WEO file."""
    at = {name.strip(): place for place, name in enumerate(header)}
    years = [(name, place) for name, place in at.items() if re.fullmatch(r"\d{4}", name)]
    found = {}
    for row in rows:
        if len(row) <= at["Units"]:
            continue
        subject = SUBJECTS.get((row[at["Subject Descriptor"]], row[at["Units"]]))
        if "WEO Subject Code" in at:
            subject = row[at["WEO Subject Code"]] if row[at["WEO Subject Code"]] in FIVE else None
        who = row[at["ISO"]] if "ISO" in at else row[at["Country"]]
        for year, place in years:
            value = number(row[place]) if subject and place < len(row) else None
            if subject and value is not None:
                found[who, subject, year] = value
    return found


def datamapper(path: Path) -> Values:
    """Read the DataMapper's JSON with json."""
    content = json.loads(path.read_text())["values"]["NGDPD"]
    return {(code, "NGDPD", year): value for code, years in content.items() for year, value in years.items()}


def world_bank(path: Path) -> Values:
    """Read a World Bank page with json; US dollars to billions."""
    rows = [row for row in json.loads(path.read_text())[1] if row["value"] is not None]
    return {(row["countryiso3code"], "NGDPD", row["date"]): row["value"] / 1e9 for row in rows}


def wikipedia(path: Path) -> Values:
    """Read the IMF column of the page with pandas.read_html; US$ million to billions."""
    import pandas as pd

    text = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    tables = [t for t in pd.read_html(io.StringIO(text), thousands=None, keep_default_na=False, displayed_only=False)
              if any("IMF" in " ".join(map(str, name if isinstance(name, tuple) else (name,))) for name in t.columns)]
    table = max(tables, key=len)
    heads = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in table.columns]
    who = next(i for i, head in enumerate(heads) if head.startswith("Country"))
    figure, when = (i for i, head in enumerate(heads) if "IMF" in head)
    found = {}
    for row in table.astype(str).to_numpy():
        value = number(re.sub(r"\[[^]]*\]", "", row[figure]))
        year = re.search(r"\d{4}", re.sub(r"\[[^]]*\]", "", row[when]))
        if value is not None and year:
            found[row[who], "NGDPD", year.group()] = value / 1000
    return found


def panel(path: Path) -> Values:
    """Read the last vintage of the five indicators in the panel with pyarrow."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["vintage", "ref_area", "concept", "year", "value"])
    table = table.filter(pc.equal(table["vintage"].cast("string"), "2025-10"))
    columns = [table[name].cast("string").to_pylist() for name in ("ref_area", "concept", "year")]
    return {(a, c, y): v for a, c, y, v in zip(*columns, table["value"].to_pylist(), strict=True) if c in FIVE}


def ngdpd(path: Path) -> Values:
    """Read one of the ten CSV tables with csv."""
    with path.open(encoding="utf-8", newline="") as stream:
        return {(row["ref_area"], "NGDPD", row["year"].removesuffix(".0")): float(row["value"])
                for row in csv.DictReader(stream) if row["value"]}


VINTAGES = ("2104", "2110", "2204", "2210", "2304", "2310", "2404", "2410", "2504", "2510")
CAPTURES = (
    *(Capture(f"wikipedia/{name}.html", ("--source", "wikipedia"), wikipedia) for name in (
        "en_2021-06-30_rev1031213417", "en_2023-08-20_rev1171401355_webarchive", "en_2024-06-30_rev1231904749",
        "en_2025-01-07_rev1267927482", "en_2025-01-09_rev1268441880_world_typo")),
    Capture("datamapper/NGDPD_2025-01-09.json", ("--source", "datamapper", "--indicator", "NGDPD"), datamapper),
    Capture("worldbank/NY.GDP.MKTP.CD_2024-03-28_page1of2.json", ("--source", "worldbank", "--indicator", "NGDPD"),
            world_bank, ("economies", "majors", "world")),
    Capture("weo/WEO_Data_2019-10_latin1.xls", ("--source", "weo"), weo_text),
    Capture("weo/WEO_Data_2021-10_usd_and_ppp.xls", ("--source", "weo"), weo_text),
    Capture("weo/WEO_Data_2021-10_utf16_bom_no_gdp.xls", ("--source", "weo"), weo_text),
    Capture("weo/WEO_Data_2022-10_utf16le.xls", ("--source", "weo"), weo_text),
    Capture("weo/WEOOct2023all.xlsx", ("--source", "weo"), weo_workbook),
    Capture("weo/WEOOct2024all_damaged_decimal_point.xlsx", ("--source", "weo")),
    Capture("weo/WEOApr2020all_no_gdp_latin1.xls", ("--source", "weo")),
    Capture("weo/WEOOct2021alla_groups_utf16le.xls", ("--source", "weo")),
    Capture("weo/WEO_Data_2024-04_empty.xls", ("--source", "weo")),
    Capture("weo/WEO_Data_2024-10_decimal_comma.xls", ("--source", "weo")),
    *(Capture(f"weo_ngdpd/data_{v}.csv", ("--source", "table", "--vintage", f"20{v[:2]}-{v[2:]}"), ngdpd)
      for v in VINTAGES),
    Capture("weo_panel.parquet", ("--source", "table"), panel),
)


# --- the pipeline -------------------------------------------------------------------------------------------------


def run(script: str, workspace: Path, *arguments: str) -> tuple[int, str]:
    """Run a stage; returns its exit code and what it told."""
    done = subprocess.run([sys.executable, str(PROJECT / script), "--workspace", str(workspace), *arguments],
                          capture_output=True, encoding="utf-8", check=False)
    return done.returncode, done.stderr.strip()


def rows_of(workspace: Path, manifest: Mapping[str, Any], paths: list[str]) -> list[dict[str, str]]:
    """Return the rows of the parts of a batch."""
    found = []
    for part in manifest["parts"]:
        if part["relative_path"] in paths:
            with (workspace / part["relative_path"]).open(encoding="utf-8", newline="") as stream:
                found += list(csv.DictReader(stream))
    return found


def extract(capture: Capture, path: Path, workspace: Path) -> tuple[int, str]:
    """Run extract.py on a capture; an answer of a web source is served on loopback."""
    source = capture.arguments[1]
    if source not in {"datamapper", "worldbank"}:
        return run("extract.py", workspace, *capture.arguments, "--input", str(path))
    with Server() as server:
        body = path.read_bytes()
        headers = {"Content-Type": "application/json", "Last-Modified": "Thu, 09 Jan 2025 10:00:00 GMT"}
        if source == "worldbank":  # the captured page is one of two; served as the only one, its rows can be compared
            body = body.replace(b'"pages":2', b'"pages":1', 1).replace(b'"total":17024', b'"total":10000', 1)
            countries = next(path.parent.glob("country_*.json")).read_bytes()
            server.routes["/country"] = Answer(countries, headers=headers)
        server.routes["/NGDPD"] = server.routes["/country/all/indicator/NY.GDP.MKTP.CD"] = Answer(body, headers=headers)
        return run("extract.py", workspace, *capture.arguments, "--url", server.url)


def examine(capture: Capture, captures: Path) -> Examined:
    """Run a capture through extract and transform and compare every clean value with the other reading."""
    seen, path = Examined(capture.file), captures / capture.file
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        seen.exit_code, seen.said = extract(capture, path, workspace)
        if seen.exit_code == 0:
            accepted = [word for gate in capture.accept for word in ("--accept", gate)]
            seen.exit_code, seen.said = run("transform.py", workspace, *accepted)
        if seen.exit_code == 0 and capture.read:
            compare(workspace, capture.read(path), seen)
    return seen


def compare(workspace: Path, theirs: Values, seen: Examined) -> None:
    """Compare the newest batch of the current run with the other reading, cell by cell."""
    runs = workspace / "results" / "runs"
    run = runs / (runs / "current").read_text().strip()
    staged_by, clean_by = (json.loads((run / f"{name}.json").read_text()) for name in ("extract", "transform"))
    at = staged_by["facts"]["picture"]["batch"]
    staged = rows_of(workspace, staged_by, staged_by["facts"]["batches"][at]["parts"])
    batch = clean_by["facts"]["batches"][at]
    clean = rows_of(workspace, clean_by, batch["parts"])
    origin = {row["locator"]: row for row in staged}
    seen.balance = {"read": staged_by["facts"]["batches"][at]["balance"]["in"], **batch["balance"]}
    seen.economies, seen.compared = len({row["iso3"] for row in clean}), len(clean)
    matched = set()
    for row in clean:
        source = origin[row["locator"]]
        keys = [(who, row["indicator"], row["year"]) for who in (source["code"], source["name"])]
        key = next((each for each in keys if each in theirs), keys[0])
        matched.add(key)
        if key not in theirs or abs(float(row["value_text"]) - theirs[key]) > 1e-9 * max(1.0, abs(theirs[key])):
            seen.differing.append(f"{key}: {row['value_text']}, by other means {theirs.get(key)}")
    aside = {(who, row["indicator"], row["year"]) for row in staged for who in (row["code"], row["name"])}
    seen.lost = [key for key in theirs if key not in matched and key not in aside]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=Path, required=True)
    chosen = parser.parse_args()
    for capture in CAPTURES:
        seen = examine(capture, chosen.captures)
        if not seen.balance:
            print(f"{seen.name}: exit {seen.exit_code}: {seen.said.splitlines()[-5:-4] or seen.said[:200]}")
            continue
        print(f"{seen.name}: {seen.balance}; {seen.economies} economies; {seen.compared:,} values compared, "
              f"{len(seen.differing)} differ, {len(seen.lost)} of the other reading nowhere staged")
        for line in seen.differing[:3]:
            print(f"    {line}")


if __name__ == "__main__":
    main()
