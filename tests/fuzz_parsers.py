"""Every parser with small valid documents of its own, and what must hold of any answer to any bytes.

An input whose outcome was not seen before (the refusal, or which fields of the batches are filled) goes to the corpus
that is mutated further; with `traced` so does each one of a sample that reaches a line of the parsers that none reached
before. `python -m tests.fuzz_parsers NAME COUNT SEED` prints a line of JSON; the memory of that process is limited.
"""

from __future__ import annotations

import csv
import faulthandler
import gzip
import io
import json
import random
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipeline.countries import load_identity
from pipeline.documents import RawDocument
from pipeline.errors import ExitCode, SourceNonsense, UsageError
from pipeline.parts import _write_block
from pipeline.staging import vintage_folder
from rules.cleaning import parse_number
from sources import VintageBatch, open_source
from tests import weo_files, wikipedia_pages
from tests.fuzz_mutations import (
    Mutation,
    mutated,
    of_json,
    of_lines,
    of_xml,
    within_packing,
    within_zip,
)

FIXTURES = Path(__file__).resolve().parent / "fixtures"
SOURCES = str(Path(__file__).resolve().parent.parent / "sources")
SECONDS = 2.0  # of the processor that an input may take; real ones of this size take milliseconds
HANGS = 600  # seconds after which a process that cannot be interrupted is ended with a traceback
MEMORY = 3 << 30  # address space of a process of its own, libraries included
GROWTH = 300 << 20  # bytes that one input of 60 kB may add to the peak
MOST_CORPUS = 2000
TRACED = 40  # one input of so many is traced, which takes thirty times as long
COLUMNS = {"country": "a", "year": "b", "value": "c"}


class Case(NamedTuple):
    """An input: its kind, which tells names and parameters, and the bytes of its documents."""

    kind: str
    bodies: tuple[bytes, ...]


class Parser(NamedTuple):
    """A source, its small valid inputs, the parameters of the documents of each kind, and mutations of structure."""

    source: str
    seeds: tuple[Case, ...]
    documents: dict[str, tuple[dict[str, str], ...]]
    special: tuple[Mutation, ...]


# --- the parsers --------------------------------------------------------------------------------------------------


def _fixtures(folder: str, *names: str) -> tuple[bytes, ...]:
    return tuple((FIXTURES / folder / name).read_bytes() for name in names)


def _wikipedia() -> Parser:
    own = [wikipedia_pages.page(wikipedia_pages.TABLE), wikipedia_pages.simple(wikipedia_pages.ROW)]
    bodies = [*(path.read_bytes() for path in sorted((FIXTURES / "wikipedia").glob("*.html"))),
              *(each.encode() for each in own)]
    asked = {"page": {"indicators": ""}, "all": {"indicators": "NGDPD,NGDPD.WB,NGDPD.UN"}}
    return Parser("wikipedia", tuple(Case(kind, (body,)) for body in bodies for kind in asked),
                  {kind: ({"_kind": "page", **each},) for kind, each in asked.items()}, (of_xml,))


def _imf() -> Parser:
    bodies = _fixtures("imf", "two_economies.xml", "generic.xml", "footer.xml", "error.xml")
    asked = {"asked": {"indicators": "NGDPD,LP"}, "any": {"partial": "yes"}}
    return Parser("imf", tuple(Case(kind, (body,)) for body in bodies for kind in asked),
                  {kind: (each,) for kind, each in asked.items()}, (of_xml,))


def _datamapper() -> Parser:
    bodies = _fixtures("datamapper", "NGDPD.json", "LP.json", "countries.json")
    both = {"indicators": "NGDPD,LP"}
    return Parser("datamapper", (Case("three", bodies), Case("one", bodies[:1])), {
        "three": ({"indicator": "NGDPD", **both}, {"indicator": "LP", **both}, {"_kind": "countries", **both}),
        "one": ({},)}, (of_json,))


def _worldbank() -> Parser:
    bodies = _fixtures("worldbank", "NGDPD_1.json", "NGDPD_2.json", "LP_1.json", "countries.json")
    both = {"indicators": "NGDPD,LP"}
    told = ({"indicator": "NGDPD", **both}, {"indicator": "NGDPD", **both}, {"indicator": "LP", **both},
            {"_kind": "countries", **both})
    return Parser("worldbank", (Case("four", bodies), Case("one", bodies[2:3])),
                  {"four": told, "one": ({"indicators": "LP"},)}, (of_json,))


def _weo() -> Parser:
    text = weo_files.text_of(weo_files.PLAIN)
    comma = weo_files.text_of(weo_files.PLAIN, delimiter=",")
    with tempfile.TemporaryDirectory() as folder:
        book = weo_files.workbook(Path(folder) / "w.xlsx", {"S": [*weo_files.PLAIN, [weo_files.LINE]],
                                                            "T": weo_files.with_cells("1", "2.5")}).read_bytes()
    portal = ("SERIES_CODE,COUNTRY,PUBLICATION_DATE,UPDATE_DATE,INDICATOR.ID,SCALE,UNIT,"
              "LATEST_ACTUAL_ANNUAL_DATA,2023,2024\n"
              "KOR.NGDPD.A,Korea,2025-10-14,2025-10-14,NGDPD,Billions,US dollar,2024,1839.1,1875.4\n"
              "FJI.NGDPD.A,Fiji,2025-10-14,2025-10-14,NGDPD,Billions,US dollar,2023,5.4,5.9\n")
    bodies = {"WEO.xls": text.encode(), "wide.xls": text.encode("utf-16"), "WEO.csv": comma.encode(),
              "portal.csv": portal.encode(), "WEO.xlsx": book}
    vintage = {"indicators": "NGDPD"}
    return Parser("weo", tuple(Case(name, (body,)) for name, body in bodies.items()),
                  {name: ({"name": name, **vintage},) for name in bodies},
                  (of_lines, within_zip(of_xml), within_zip(_any)))


def _any(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return mutated(chance, data, others, ())


def _table() -> Parser:
    long = (b'country,iso3,year,indicator,value,unit,scale,vintage\n'
            b'France,FRA,2023,NGDPD,"3,051.83",US$,Billions,2025-04\nFiji,FJI,2023,NGDPD,5.44,US$,Billions,2025-10\n'
            b'Fiji,FJI,2024,LP,n/a,Persons,Millions,2025-10+2025-11-30\n')
    wide = b"country\t2023\t2024\nFiji\t1\t2\nTonga\t3\t\n"
    lines = (b'{"iso3": "FRA", "year": 2023, "value": 3051.830, "unit": "US$ million"}\n\n'
             b'{"iso3": "FJI", "year": 2024, "value": null, "unit": "US$ million"}\n'
             b'{"year": "2024", "iso3": "TON", "value": 1e3, "unit": "US$ million", "note": [1]}\n')
    stream = io.BytesIO()
    pq.write_table(pa.table({"iso3": ["FRA", "FJI", "TON"], "year": [2020.0, 2021.0, None], "value": [1.5, 2.0, None],
                             "vintage": pa.array(["2021-10", "2021-04", None]).dictionary_encode()}),
                   stream, compression="none")
    bodies = {"f.csv": long, "f.tsv": wide, "f.jsonl": lines, "f.csv.gz": gzip.compress(long, 1, mtime=0),
              "f.csv.zst": zstandard.compress(wide, 1), "wide.csv": long.decode().encode("utf-16"),
              "f.parquet": stream.getvalue(), "named.csv": b"a;b;c\nFrance;2023;1,5\nFiji;2024;2\n"}
    more = {"unit": "billion", "day": "2023-11-14", "columns": "{}", "dataset": "", "vintage": ""}
    told = {name: ({"name": name, "indicators": "NGDPD,LP", **more},) for name in bodies}
    told["f.tsv"][0]["indicators"] = "NGDPD"
    told["f.csv"][0]["indicators"] = "all"
    told["named.csv"][0]["columns"] = json.dumps(COLUMNS)
    told["f.jsonl"][0]["vintage"] = "2024-04"
    return Parser("table", tuple(Case(name, (body,)) for name, body in bodies.items()), told,
                  (of_lines, of_json, within_packing(of_lines), within_packing(_any)))


PARSERS = {"wikipedia": _wikipedia, "weo": _weo, "imf": _imf, "datamapper": _datamapper, "worldbank": _worldbank,
           "table": _table}


# --- one input ----------------------------------------------------------------------------------------------------


def documents_of(parser: Parser, case: Case) -> list[RawDocument]:
    """Return an input as the documents that parse is given."""
    made = []
    for number, (body, told) in enumerate(zip(case.bodies, parser.documents[case.kind], strict=True)):
        parameters = {name: text for name, text in told.items() if name != "_kind"}
        made.append(RawDocument(told.get("_kind", "data"), f"https://source.example/{number}", "2026-11-20T21:05:09Z",
                                {"content-type": "", "last-modified": "Tue, 14 Oct 2025 13:00:00 GMT"}, parameters,
                                None, body))
    return made


@cache
def _resolve(code: str, name: str) -> str:
    return load_identity().resolve(code, name)


def read(parser: Parser, case: Case) -> tuple[Any, ...]:
    """Parse an input as extract does, check what must hold of it, and return what tells outcomes apart.

    Raises AssertionError for what must not be, and whatever the parser raises that is no refusal of ours.
    """
    source, documents = open_source(parser.source), documents_of(parser, case)
    try:
        for document in documents:
            if crc32(document.body) % 4 == 0:  # it parses as well, of some sources
                source.fingerprint(document)
        seen = [_checked(batch) for batch in source.parse(documents)]
    except (SourceNonsense, UsageError) as error:
        assert error.exit_code in (ExitCode.SOURCE, ExitCode.USAGE)
        assert error.what and error.safe, f"a refusal without its words: {error.lines()}"
        assert len(error.what) < 5000, f"a refusal of {len(error.what)} characters"
        return case.kind, type(error).__name__, re.sub(r"[^a-zA-Z ]+\S*", "", error.what)[:60]
    return (case.kind, *seen)


def _checked(batch: VintageBatch) -> tuple[Any, ...]:
    """Consume a batch; what is counted is there, and it can be written and read again."""
    rows = list(batch.rows)
    assert batch.rows_read == len(rows) + sum(batch.set_aside.values()) + len(batch.quarantined), "the balance"
    assert all(isinstance(text, str) for row in (*rows, *batch.quarantined) for text in row), "a field that is no text"
    folder = vintage_folder(batch.vintage)
    assert folder.count("/") == 1 and not any(part in ("", ".", "..") for part in folder.split("/")), folder
    for kept in (rows, batch.quarantined):
        if kept:
            _written_and_read(kept)
    faults = {bool(parse_number(row.raw, batch.decimal_mark).fault) for row in rows[:50]}
    known = {bool(_resolve(row.code, row.name)) for row in rows[:50]}
    return (min(len(rows), 8), *sorted(batch.set_aside), *sorted({each.rule for each in batch.quarantined}),
            len(batch.warnings), batch.decimal_mark, batch.vintage.dating, bool(batch.vintage.updated), *faults, *known)


def _written_and_read(rows: Sequence[Sequence[str]]) -> None:
    stream = io.StringIO(newline="")
    _write_block(stream, list(rows))
    text = stream.getvalue().encode("utf-8", "backslashreplace").decode()
    before = csv.field_size_limit(1 << 24)
    try:
        again = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    finally:
        csv.field_size_limit(before)
    assert [len(row) for row in again] == [len(row) for row in rows], "the part cannot be read again"
    plain = [[text.encode("utf-8", "backslashreplace").decode() for text in row] for row in rows]
    assert again == plain, "the part reads otherwise"


# --- many inputs --------------------------------------------------------------------------------------------------


class TooSlow(BaseException):
    """An input took longer than SECONDS; no Exception, so that no parser takes it for damage."""


@dataclass
class Found:
    """What became of many inputs. failures: (what was raised, the input, cut down)."""

    parser: str
    inputs: int = 0
    outcomes: int = 0
    lines: int = 0
    refused: int = 0
    slowest: float = 0.0
    slowest_input: str = ""
    peak: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)


class Lines:
    """The lines of sources/ that inputs reach."""

    def __init__(self) -> None:
        self.reached: set[tuple[str, int]] = set()

    def __enter__(self) -> Lines:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(SOURCES) else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.reached.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def _late(*_: object) -> None:
    raise TooSlow


def attempt(parser: Parser, case: Case) -> tuple[tuple[Any, ...], str]:
    """Return the outcome of an input, and what was wrong with it ("" for nothing)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        outcome, fault = read(parser, case), ""
    except TooSlow:
        outcome, fault = ("too slow",), f"it took more than {SECONDS} s"
    except Exception as error:  # noqa: BLE001  any but ours is what is looked for
        inner = error.__traceback__
        while inner is not None and inner.tb_next is not None:
            inner = inner.tb_next
        place = f"{Path(inner.tb_frame.f_code.co_filename).name}:{inner.tb_lineno}" if inner else ""
        outcome, fault = (type(error).__name__, place), f"{type(error).__name__} at {place}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10
    if grown > GROWTH and not fault:
        fault = f"it took {grown >> 20} MiB"
    return outcome, fault


def smaller(parser: Parser, case: Case, fault: str, tries: int = 400) -> Case:
    """Return a case with the same fault, with stretches left out as long as that goes."""
    place = fault.partition(":")[0]
    for number in range(len(case.bodies)):
        size = len(case.bodies[number]) // 2
        while size and tries:
            begin = 0
            while begin < len(case.bodies[number]) and tries:
                tries -= 1
                body = case.bodies[number]
                less = case._replace(bodies=(*case.bodies[:number], body[:begin] + body[begin + size:],
                                             *case.bodies[number + 1:]))
                if attempt(parser, less)[1].partition(":")[0] == place:
                    case = less
                else:
                    begin += size
            size //= 2
    return case


def _cases(chance: random.Random, parser: Parser, corpus: list[Case]) -> Iterator[Case]:
    yield from parser.seeds
    others = [body for seed in parser.seeds for body in seed.bodies]
    while True:
        case = chance.choice(corpus if chance.random() < 0.7 else parser.seeds)
        bodies = list(case.bodies)
        at = chance.randrange(len(bodies))
        bodies[at] = mutated(chance, bodies[at], others, parser.special)
        yield case._replace(bodies=tuple(bodies))


def fuzz(name: str, count: int, seed: int, *, traced: bool = False, keep: Path | None = None) -> Found:
    """Feed `count` inputs to a parser; keep: a file in which the input at work is, for one that never comes back."""
    parser, chance, found = PARSERS[name](), random.Random(f"{name} {seed}"), Found(name)
    corpus, outcomes, faults, lines = list(parser.seeds), Counter[tuple[Any, ...]](), set[str](), Lines()
    signal.signal(signal.SIGPROF, _late)
    began = time.monotonic()
    for number, case in enumerate(_cases(chance, parser, corpus)):
        if number >= count:
            break
        if keep:
            keep.write_bytes(repr(case).encode())
            faulthandler.dump_traceback_later(HANGS, exit=True)
        before, reached = time.process_time(), len(lines.reached)
        if traced and number % TRACED == 0:
            with lines:
                outcome, fault = attempt(parser, case)
            if fault.startswith("it took more"):  # tracing makes it slower
                outcome, fault = attempt(parser, case)
        else:
            outcome, fault = attempt(parser, case)
            spent = time.process_time() - before
            if spent > found.slowest:
                found.slowest, found.slowest_input = spent, repr(case)[:600]
        new = outcome not in outcomes or len(lines.reached) > reached
        outcomes[outcome] += 1
        found.refused += len(outcome) == 3 and outcome[1] in ("SourceNonsense", "UsageError")
        place = fault.partition(":")[0] + fault.partition(":")[2][:5]
        if fault and place not in faults:
            faults.add(place)
            found.failures.append((fault, repr(smaller(parser, case, fault))))
        elif new and len(corpus) < MOST_CORPUS:
            corpus.append(case)
    faulthandler.cancel_dump_traceback_later()
    found.inputs, found.outcomes, found.lines = count, len(outcomes), len(lines.reached)
    found.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    found.seconds = time.monotonic() - began
    return found


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    wanted, how_many, from_seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as here:
        at_work = Path(sys.argv[4]) if len(sys.argv) > 4 else Path(here) / "input"
        print(json.dumps(vars(fuzz(wanted, how_many, from_seed, traced=True, keep=at_work))))
