"""Every parser is fed mutated documents: it answers or refuses in words, in bounded time and memory, whatever comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SourceNonsense, WorldEconomiesError
from tests import fuzz_parsers
from tests.fuzz_parsers import PARSERS, Case, Found, Parser, fuzz, read
from tests.project import PROJECT

FEW, MANY, SHARES = 150, 100_000, 4
LEAST = {"wikipedia": 15, "weo": 30, "imf": 20, "datamapper": 15, "worldbank": 10, "table": 40}  # outcomes of the few


@pytest.fixture(autouse=True)
def old_handler() -> Iterator[None]:
    """The handler of the watchdog's signal as it was."""
    before = signal.getsignal(signal.SIGPROF)
    yield
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_answers_or_refuses(name: str) -> None:
    found = fuzz(name, FEW // 2 if name == "wikipedia" else FEW, seed=7)  # its pages are the slowest
    assert found.failures == []
    assert found.outcomes >= LEAST[name], "the mutations reach nothing"
    assert 0 < found.refused < FEW


@pytest.mark.chaos
@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_answers_or_refuses_a_hundred_thousand_times(name: str, tmp_path: Path) -> None:
    """In processes of limited memory, as many at once as there are processors; the table is printed."""
    waiting, running, found = list(range(1, SHARES + 1)), dict[int, subprocess.Popen[str]](), list[dict[str, Any]]()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            seed = waiting.pop(0)
            running[seed] = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz_parsers", name, str(MANY // SHARES), str(seed),
                 str(tmp_path / str(seed))], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        seed = next(iter(running))
        out, err = running.pop(seed).communicate()
        assert out, f"seed {seed}: {err}\n{(tmp_path / str(seed)).read_text()}"
        found.append(json.loads(out))
    print(f"\n{name:<11}{sum(each['inputs'] for each in found):>9,} inputs "
          f"{sum(each['outcomes'] for each in found):>7,} outcomes "
          f"{max(each['lines'] for each in found):>6} lines {max(each['slowest'] for each in found):7.3f} s "
          f"{max(each['peak'] for each in found) >> 20:>5} MiB {sum(each['seconds'] for each in found):>7.0f} s")
    assert [failure for each in found for failure in each["failures"]] == []


# --- the fuzzer itself --------------------------------------------------------------------------------------------


def test_the_fuzzer_finds_an_exception_and_cuts_its_input_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(parser: Parser, case: Case) -> tuple[Any, ...]:
        if b"Tonga" in case.bodies[0]:
            raise KeyError("Tonga")
        return (case.kind,)

    monkeypatch.setattr(fuzz_parsers, "read", broken)
    (failure,) = fuzz("table", 20, seed=1).failures
    assert failure[0].startswith("KeyError at test_fuzz.py:")
    assert failure[1] == "Case(kind='f.tsv', bodies=(b'Tonga',))"


def test_the_fuzzer_ends_an_input_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(parser: Parser, case: Case) -> tuple[Any, ...]:
        while True:
            pass

    monkeypatch.setattr(fuzz_parsers, "read", endless)
    monkeypatch.setattr(fuzz_parsers, "SECONDS", 0.01)
    monkeypatch.setattr(fuzz_parsers, "smaller", lambda parser, case, fault: case)
    found: Found = fuzz("datamapper", 2, seed=1)
    assert [fault for fault, _ in found.failures] == ["it took more than 0.01 s"]


# --- what it found ------------------------------------------------------------------------------------------------

PAGE = b'[{"page":1,"pages":1,"total":%d,"lastupdated":"2025-10-07"},[%s]]'
JAPAN = (b'{"indicator":{"id":"SP.POP.TOTL"},"country":{"id":"JP","value":"Japan"},'
         b'"countryiso3code":"JPN","date":"2024"%s}')


def test_a_row_of_the_world_bank_without_a_value_is_quarantined() -> None:
    body = PAGE % (2, JAPAN % b"" + b"," + JAPAN % b',"value":1')
    parser = PARSERS["worldbank"]()
    source = fuzz_parsers.open_source("worldbank")
    (batch,) = source.parse(fuzz_parsers.documents_of(parser, Case("one", (body,))))
    assert [(each.rule, each.detail) for each in batch.quarantined] == [
        ("not-a-figure", "the row has no value, not even null")]
    assert [row.raw for row in batch.rows] == ["1"]


@pytest.mark.parametrize(("name", "kind", "body", "begins"), [
    ("imf", "any", b"<" + b"a" * 9000 + b"/>", "The answer is no SDMX-ML 2.1 data message: its root element is <aaaa"),
    ("imf", "any", b"<" + b"a" * 9000 + b":b/>", "The answer is"),
    ("imf", "any", b"<Error><ErrorMessage>" + b"words " * 3000 + b"</ErrorMessage></Error>", "The IMF answers with"),
    ("table", "f.tsv", "o,2023,".encode("utf-16-le") * 3000, "f.tsv"),
], ids=["a long name", "a long prefix", "a long message", "a long header"])
def test_a_refusal_repeats_little_of_a_long_answer(name: str, kind: str, body: bytes, begins: str) -> None:
    parser = PARSERS[name]()
    assert read(parser, Case(kind, (body,)))[1] in ("SourceNonsense", "UsageError")
    with pytest.raises(WorldEconomiesError) as caught:
        list(fuzz_parsers.open_source(name).parse(fuzz_parsers.documents_of(parser, Case(kind, (body,)))))
    assert str(caught.value).startswith(begins) and len(str(caught.value)) < 2050


def test_a_sentence_is_cut_where_nobody_reads_on() -> None:
    assert SourceNonsense("x" * 5000).lines() == ["x" * 2000 + " … (5,000 characters)"]
