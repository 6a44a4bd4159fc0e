"""The options of every stage, stated once: the stage's own script and etl_process.py both read them from here."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import large
import sources
import targets
from large import settings
from pipeline.errors import UsageError
from pipeline.secrets import has_password
from pipeline.storage import input_place, storage_address
from rules import gates, indicators
from utils import ENVIRONMENT_PREFIX, Parser, environment

AUTO = "auto"
SQLITE = "sqlite"
FORMATS = ("table", "csv", "json", "markdown")


def seconds(text: str) -> float:
    """Read a number of seconds, up to a day. Raises ArgumentTypeError, as all readers of an option do."""
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds between 0 and 86400")
    return value


def count(text: str) -> int:
    """Read a whole number from 0 on."""
    if not text.isdigit() or int(text) > 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def year(text: str) -> int:
    """Read a year of four digits."""
    if not (text.isdigit() and 1500 <= int(text) < 2200):
        raise argparse.ArgumentTypeError(f"{text!r} is no year, e.g. 2025")
    return int(text)


def columns(text: str) -> dict[str, str]:
    """Read "country=Nation,year=Year,value=GDP" into role -> column."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not pairs or any(not equals or not column.strip() for _, equals, column in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form country=…,year=…,value=…")
    return {role.strip().lower(): column.strip() for role, _, column in pairs}


def indicator_names(text: str) -> list[str]:
    """Read "NGDPD,NY.GDP.MKTP.CD" into canonical names without repeats; "all" in any case into [ALL]."""
    found = [indicators.canonical(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise argparse.ArgumentTypeError("no indicator is named")
    if sources.ALL in map(str.lower, found):
        if len(found) > 1:
            raise argparse.ArgumentTypeError(f"{sources.ALL} stands alone: GDP is the main one wherever it is")
        return [sources.ALL]
    return list(dict.fromkeys(found))


def names(text: str) -> list[str]:
    """Read "country,year" into names without repeats."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise argparse.ArgumentTypeError("no column is named")
    return list(dict.fromkeys(found))


def source_names() -> list[str]:
    """Return what --source takes."""
    return [AUTO, *sources.names()]


def add_extract_options(parser: Parser) -> None:
    """Add what extract.py takes."""
    parser.lasting("--source", default=AUTO, metavar="NAME", help=f"{', '.join(source_names())} (default: {AUTO})")
    parser.lasting("--input", nargs="+", type=input_place, metavar="FILE",
                   help="the files of --source weo or table; of a table for --target regions also s3://BUCKET/KEY")
    parser.lasting("--url", default="", help="another address of a web source; one with a password only from "
                   f"{ENVIRONMENT_PREFIX}URL or --url-file")
    parser.lasting("--url-file", type=Path, metavar="FILE", help="a file that holds the address")
    parser.lasting("--indicator", type=indicator_names, default=list(indicators.DEFAULT), metavar="NAME[,NAME…]",
                   help="which indicators, the main one first, or all that the source (a table: the file) has "
                   "(default: " + ",".join(indicators.DEFAULT) + ")")
    parser.lasting("--year", type=year, default=0, help="the picture's year (default: this year, else the latest)")
    parser.lasting("--vintage", default="", metavar="2019-04", help="the edition of a file that does not name its own")
    parser.lasting("--columns", type=columns, default={}, metavar="country=…,year=…,value=…",
                   help="the columns of a table; also code=, indicator=, vintage=")
    parser.lasting("--unit", default="", choices=["", "usd", "million", "billion"], metavar="usd|million|billion",
                   help="the unit of a table's values where no column says it")
    parser.lasting("--dataset", default="", metavar="NAME", help="the name of a table's dataset (default: its file's)")
    parser.lasting("--timeout", type=seconds, default=30.0, metavar="SECONDS",
                   help="the longest silence of a server (default: 30)")
    parser.lasting("--retries", type=count, default=3, help="attempts after the first (default: 3)")
    parser.lasting("--key", type=names, default=[], metavar="COLUMN[,COLUMN…]",
                   help="what tells the records of a table for --target regions apart (default: every column but the "
                   "value)")
    parser.lasting("--storage", type=storage_address, default="", metavar="s3://BUCKET/PREFIX", help="where the pieces "
                   "of a table for --target regions lie, which workers share (default: in the workspace)")
    add_engine(parser)
    add_target(parser)
    add_work(parser)
    parser.add_argument("--fresh", action="store_true", help="ask and parse anew, whatever earlier runs left")
    parser.add_argument("--from-archive", nargs="?", const="latest", default="", metavar="ID",
                        help="parse archived bytes again, the newest without ID; nothing is fetched")


def add_transform_options(parser: Parser) -> None:
    """Add what transform.py takes."""
    add_accept(parser)
    add_engine(parser)
    add_work(parser)


def add_target(parser: Parser) -> None:
    """Add --target and --target-file."""
    once(parser, "--target", default=SQLITE, metavar="NAME|URL[,…]",
         help=f"{', '.join(targets.names())}, or addresses such as postgresql://HOST/DATABASE (default: {SQLITE}); "
         f"one with a password only from {ENVIRONMENT_PREFIX}TARGET or --target-file")
    once(parser, "--target-file", type=Path, metavar="FILE", help="a file that holds what --target would say")


def add_engine(parser: Parser) -> None:
    """Add which engine works on a table for --target regions, and where Spark is."""
    once(parser, "--engine", default="", choices=["", *large.ENGINES], metavar="|".join(large.ENGINES),
         help="how a table for --target regions is worked on (default: by its size)")
    once(parser, "--spark-master", default="", metavar="URL", help="of --engine spark: local[2], spark://HOST:7077 "
         "(default: local[*])")


def add_work(parser: Parser) -> None:
    """Add how much a table for --target regions may use at once."""
    once(parser, "--workers", type=count, default=0, metavar="N",
         help="processes that work on a table for --target regions (default: one a processor)")
    once(parser, "--memory", type=settings.size, default=settings.size("1G"), metavar="SIZE",
         help="what all processes of a table for --target regions may hold together (default: 1G)")
    once(parser, "--piece-size", type=settings.size, default=0, metavar="SIZE",
         help="bytes of a table for --target regions that are a piece (default: by --memory)")
    add_sample(parser)


def add_sample(parser: Parser) -> None:
    """Add --sample."""
    once(parser, "--sample", type=settings.sample, default="", metavar="1%|N",
         help="the whole of it on a seeded share or number of records, in the workspace's sample/")


def once(parser: Parser, flag: str, **keywords: Any) -> None:
    """Add a lasting option that several stages take, once where they share a parser."""
    if flag not in parser._option_string_actions:
        parser.lasting(flag, **keywords)


def add_accept(parser: Parser) -> None:
    """Add --accept, which transform.py and load.py both take, once where they share a parser."""
    if "--accept" not in parser._option_string_actions:
        parser.add_argument("--accept", action="append", default=[], metavar="GATE",
                            help=f"let a failing gate through, recorded: {', '.join(gates.NAMES)}")


def add_load_options(parser: Parser) -> None:
    """Add what load.py takes."""
    add_accept(parser)
    add_target(parser)
    add_work(parser)
    parser.lasting("--schema", default="", metavar="FILE|URL", help="what columns the tables should have, of a file or "
                   "of postgresql://HOST/DATABASE: where checkpoint and target differ from it, nothing is written; an "
                   f"address with a password only from {ENVIRONMENT_PREFIX}SCHEMA or --schema-file")
    parser.lasting("--schema-file", type=Path, metavar="FILE", help="a file that holds what --schema would say")
    parser.add_argument("--rebuild", action="store_true",
                        help="make the database again from every kept clean record; your own tables in it stay")


def add_report_options(parser: Parser, *, own_year: bool = True) -> None:
    """Add what report.py takes; own_year=False where another stage's --year is there already."""
    add_target(parser)
    add_sample(parser)
    parser.lasting("--min-gdp", type=float, default=100.0, metavar="BILLION",
                   help="smallest GDP shown, billion US dollars (default: 100)")
    parser.lasting("--top", type=count, default=0, help="show the largest N only (default: all)")
    parser.lasting("--region", default="", help="one region, e.g. Africa")
    if own_year:
        parser.lasting("--year", type=year, default=0, help="another year of the same vintage")
    parser.lasting("--format", default="table", choices=list(FORMATS), help="table, csv, json, markdown")
    parser.lasting("--no-html", action="store_true", help="do not write the page, results/report.html")
    parser.add_argument("--html", action="store_true",
                        help="write it, as is usual: for where the environment says not to")
    parser.lasting("--no-csv", action="store_true",
                   help="do not write results/datapackage.json and the two CSV files it describes")


def settle_target(options: argparse.Namespace) -> None:
    """Put what --target-file and --schema-file hold in the place of their options. Raises UsageError as checked_url().
    """
    if hasattr(options, "target"):
        options.target = _without_secret(options, "target", unset=SQLITE)
    if hasattr(options, "schema"):
        options.schema = _without_secret(options, "schema")


def same_target(options: argparse.Namespace) -> str:
    """Return the option that brings another command to the same target, "" where that needs none.

    One of the environment stays there, and one with a password is told by its file only.
    """
    value, file = getattr(options, "target", SQLITE), getattr(options, "target_file", None)
    if value in (SQLITE, environment("target")) or (has_password(value) and not file):
        return ""
    return f" --target-file {shlex.quote(str(file))}" if file else f" --target {shlex.quote(value)}"


def _without_secret(options: argparse.Namespace, name: str, *, unset: str = "") -> str:
    """Return the value of an option that may hold a password, or what its file holds. Raises UsageError.

    The command line wins over the file, and the file over the environment.
    """
    value, file = str(getattr(options, name)), getattr(options, f"{name}_file")
    typed = value not in (unset, environment(name))
    if file and not typed:
        try:
            return str(file.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--{name}-file cannot be read: {error}", where=str(file)) from error
    if typed and has_password(value):
        raise UsageError("An address with a password on the command line can be read by every user of the machine",
                         safe="nothing was read or changed",
                         next_command=f"put it into {ENVIRONMENT_PREFIX}{name.upper()}, or a file for --{name}-file")
    return value


def checked_url(options: argparse.Namespace) -> str:
    """Return the address asked for. Raises UsageError for a password on the command line, an unreadable --url-file."""
    url = _without_secret(options, "url")
    if url and not url.lower().startswith(("http://", "https://")):
        raise UsageError("--url takes an address that begins with http:// or https://", safe="nothing was fetched")
    return url


ADDERS: Mapping[str, Callable[[Parser], None]] = {
    "extract": add_extract_options, "transform": add_transform_options, "load": add_load_options,
    "report": add_report_options,
}


def arguments_for(stage: str, options: argparse.Namespace) -> list[str]:
    """Return the command line that gives a stage its share of these options; the address is left to the environment."""
    parser = Parser(add_help=False)
    ADDERS[stage](parser)
    arguments: list[str] = []
    for action in parser._actions:
        value = getattr(options, action.dest, action.default)
        if value == action.default or action.dest in {"url", "url_file", "target_file", "schema_file"}:
            continue
        if action.dest in {"target", "schema"} and has_password(value):
            continue
        arguments += _written(action.option_strings[0], value)
    return arguments


def _written(flag: str, value: Any) -> list[str]:
    """Return an option as it is typed."""
    if value is True:
        return [flag]
    if isinstance(value, dict):
        return [flag, ",".join(f"{role}={column}" for role, column in value.items())]
    if flag in ("--indicator", "--key"):
        return [flag, ",".join(value)]
    if flag == "--accept":
        return [word for each in value for word in (flag, each)]
    if flag == "--input":
        return [flag, *map(str, value)]
    return [f"{flag}={value}"]
