"""What Datasette is told of the database: words from metadata.yaml, SQL from sql/explore/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rules.indicators import INDICATORS
from utils import PROJECT

WORDS = Path(__file__).with_name("metadata.yaml")
SQL = PROJECT / "sql"
_INCLUDE = re.compile(r"/\* ((?:queries|explore)/\w+)\.sql(?: of (\w+))? \*/")
_COMMENT = re.compile(r"--[^\n]*\n")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_0-9]+)")


def metadata(database: str, tables: Mapping[str, list[str]], shown: str) -> dict[str, Any]:
    """Return Datasette's metadata.

    database: its name in addresses. tables: table or view -> its columns; those of the user's own are left alone.
    shown: which picture it holds, in words.
    """
    words = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    told = {name: _table(words["tables"][name], words["columns"], columns)
            for name, columns in tables.items() if name in words["tables"]}
    described = {"title": words["title"], "description": f"{shown} {words['description']}", "source": words["source"]}
    return {
        **described,
        "databases": {database: {**described, "tables": told,
                                 "queries": {name: question(name, each) for name, each in words["queries"].items()}}},
    }


def _table(words: Mapping[str, Any], common: Mapping[str, str], columns: list[str]) -> dict[str, Any]:
    """Return a table's title, description and columns: its own words before those that all tables share."""
    own = words.get("columns", {})
    described = {name: own.get(name, common.get(name)) for name in columns}
    return {"title": words["title"], "description": words["description"], "size": 100,
            "columns": {name: text for name, text in described.items() if text},
            **({"sort_desc": words["sort_desc"]} if "sort_desc" in words else {})}


def question(name: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Return a canned query: sql/explore/NAME.sql with what it takes in, and the fields of its form."""
    indicators = "; ".join(f"{each.name}: {each.title}, {each.unit}" for each in INDICATORS.values())
    return {"title": words["title"], "description": words["description"].replace("INDICATORS", indicators),
            "sql": whole(name), "params": list(words.get("fields", [])), "hide_sql": True}


def whole(name: str) -> str:
    """Return the SQL of sql/explore/NAME.sql: the files that it names in their places, without comments.

    /* queries/NAME.sql of TABLE */ is that query of the report, whose parameters are the columns of TABLE, a row of the
    same statement; /* explore/NAME.sql */ is a part that several questions share.
    """
    def included(found: re.Match[str]) -> str:
        text = _bare(found[1])
        return _PARAMETER.sub(rf"(SELECT [\1] FROM {found[2]})", text) if found[2] else text

    return _INCLUDE.sub(included, _bare(f"explore/{name}"))


def _bare(name: str) -> str:
    """Return the text of a file of sql/ without comments: Datasette would take a :name in one for a field."""
    return _COMMENT.sub("", (SQL / f"{name}.sql").read_text(encoding="utf-8")).strip()
