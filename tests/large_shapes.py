"""Large tables of shapes that could fill the memory, made by seed; each knows how many rows must come of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.countries import load_identity

Line = Callable[[random.Random, int], str]
COUNTRIES = load_identity().countries()
NAMES = [country.name for country in COUNTRIES if "," not in country.name]
EUROPE = [country.name for country in COUNTRIES if country.region == "Europe"]
HEADER = "country,year,branch,note,gdp_usd_million"
LONG = 100_000  # characters of a cell; eleven of them make a line of a megabyte


def _line(name: str, number: int, note: str, value: object) -> str:
    return f"{name},{1980 + number % 45},{number},{note},{value}"


def _key(dice: random.Random, number: int) -> str:
    if number % 2:
        return f"France,2020,1,the one,{dice.randrange(1, 3_000_000_000)}"
    return _line(dice.choice(NAMES), number, "other", dice.randrange(1, 3_000_000))


SHAPES: dict[str, Line] = {
    "plain": lambda dice, n: _line(dice.choice(NAMES), n, "some words here", dice.randrange(1, 3_000_000)),
    "one region has most rows": lambda dice, n: _line(
        dice.choice(NAMES if n % 20 == 0 else EUROPE), n, "", dice.randrange(1, 3_000_000)),
    "one country has half of the rows": lambda dice, n: _line(
        "France" if n % 2 else dice.choice(NAMES), n, "", dice.randrange(1, 3_000_000)),
    "one value in half of the rows": lambda dice, n: _line(
        dice.choice(NAMES), n, "", 5000 if n % 2 else dice.randrange(1, 3_000_000)),
    "one key in half of the rows": _key,
    "names that nobody knows": lambda dice, n: _line(
        f"Nowhere number {n:09d}" if n % 40 else dice.choice(NAMES), n, "", dice.randrange(1, 3_000_000)),
    "texts of 200 characters": lambda dice, n: _line(
        dice.choice(NAMES), n, f"{dice.getrandbits(800):0200x}", dice.randrange(1, 3_000_000)),
}


def write(path: Path, shape: str, size: int, seed: int = 11) -> int:
    """Write a table of about so many bytes; returns how many different keys it has that are of economies."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        if shape == "lines of a megabyte":
            return _write_long(stream.write, size)
        line, dice, rows, written = SHAPES[shape], random.Random(seed), 0, 0
        stream.write(HEADER + "\n")
        while written < size:
            block = "\n".join(line(dice, number) for number in range(rows, rows + 10_000)) + "\n"
            stream.write(block)
            rows, written = rows + 10_000, written + len(block)
    if shape == "one key in half of the rows":
        return rows // 2 + 1
    return -(-rows // 40) if shape == "names that nobody knows" else rows


def _write_long(write: Callable[[str], object], size: int) -> int:
    write(",".join(["country", "year", *(f"note {n}" for n in range(10)), "gdp_usd_million"]) + "\n")
    for row in range(size // (10 * LONG)):
        write(",".join([NAMES[row % 100], str(1980 + row // 100), *_texts(row), str(row + 1)]) + "\n")
    return size // (10 * LONG)


def _texts(row: int) -> Iterator[str]:
    return (f"{row} {n} ".ljust(LONG, "xyz"[n % 3]) for n in range(10))
