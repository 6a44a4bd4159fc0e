"""The address of a warehouse: what it says, what is refused in it, and what is shown of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from targets import open_targets, shown
from targets._redshift_address import place_of
from targets._redshift_session import _said
from targets.redshift import Target
from utils import Workspace

ROLE = "arn:aws:iam::123456789012:role/reads"
WHOLE = f"redshift://me:p%40ss@wh.example.org:5440/dev?schema=gdp&stage=s3://bucket/a/b&iam_role={ROLE}&sslmode=verify-ca"


def test_an_address_says_all() -> None:
    place = place_of(WHOLE)
    assert (place.host, place.port, place.user, place.password, place.database, place.schema, place.stage, place.role,
            place.sslmode) == ("wh.example.org", 5440, "me", "p@ss", "dev", "gdp", "s3://bucket/a/b", ROLE, "verify-ca")
    assert "p@ss" not in repr(place)


def test_what_is_not_said_has_a_default() -> None:
    place = place_of("redshift://me@wh.example.org/dev")
    assert (place.port, place.schema, place.stage, place.role, place.sslmode) == (
        5439, "world_economies", "", "", "verify-full")


def test_several_targets_may_be_named_and_the_password_is_shown_nowhere() -> None:
    found = open_targets(f"sqlite,{WHOLE}", Workspace(Path("nowhere")))
    assert [type(each).__module__ for each in found] == ["targets.sqlite", "targets.redshift"]
    assert "p%40ss" not in shown(WHOLE) and "schema=gdp" in shown(WHOLE)


@pytest.mark.parametrize(("change", "said"), [
    ("schema=gdp'; DROP TABLE x; --", "is no name of a schema"), ("schema=Gdp", "is no name of a schema"),
    ("schema=pg_temp", "is no name of a schema"), ("schema=", "is no name of a schema"),
    ("stage=/tmp/x", "stage:"), ("stage=s3://bucket", "stage:"), ("stage=s3://bucket/it's", "letters, digits and"),
    ("stage=s3://bucket/a%0Ab", "letters, digits and"),
    ("iam_role=me", "is no iam_role"), (f"iam_role={ROLE}'", "is no iam_role"),
    ("sslmode=prefer", "is no sslmode"), ("sslmode=disable", "a tunnel that ends on this machine"),
    ("secret=x", "no parameter 'secret'")])
def test_what_could_be_something_else_in_sql_is_refused(change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        place_of(f"redshift://me@wh.example.org/dev?{change}")


@pytest.mark.parametrize(("url", "said"), [
    ("redshift://me@wh.example.org:many/dev", "port"), ("redshift://me@[wh.example.org/dev", "host")])
def test_a_place_that_is_none(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        place_of(url)


def test_a_tunnel_may_go_without_encryption() -> None:
    assert place_of("redshift://me@127.0.0.1/dev?sslmode=disable").sslmode == "disable"


def test_a_target_needs_an_address_and_a_password() -> None:
    with pytest.raises(UsageError, match="needs an address"):
        open_targets("redshift", Workspace(Path("nowhere")))
    with pytest.raises(UsageError, match="lacks password"):
        Target(Workspace(Path("nowhere")), url="redshift://me@wh.example.org/dev").query("loaded", {})


def test_a_load_needs_a_stage_and_a_role() -> None:
    with pytest.raises(UsageError, match="needs stage=s3://BUCKET/PREFIX and iam_role=ARN"), \
            Target(Workspace(Path("nowhere")), url="redshift://me:x@wh.example.org/dev?stage=s3://bucket/a"):
        pass


def test_without_its_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redshift_connector", None)
    with pytest.raises(UsageError, match="needs redshift_connector") as caught:
        Target(Workspace(Path("nowhere")), url="redshift://me:x@127.0.0.1:9/dev").query("loaded", {})
    assert "[warehouse]" in caught.value.next_command


# --- what the server says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "kind"), [
    ({"C": "28000", "M": "password authentication failed"}, TargetRefused), ({"C": "3D000", "M": "x"}, TargetRefused),
    ({"C": "42P01", "M": "no such table"}, TargetRefused), ({"C": "XX000", "M": "x"}, TargetRefused),
    ({"C": "53300", "M": "too many connections"}, TargetUnreachable),
    ({"C": "57P01", "M": "the cluster is paused"}, TargetUnreachable),
    ({"C": "40001", "M": "serializable isolation violation"}, TargetUnreachable),
    ("BrokenPipe: server socket closed", TargetUnreachable)], ids=str)
def test_what_may_be_well_in_a_moment_is_told_from_a_refusal(told: Any, kind: type) -> None:
    assert type(_said(Exception(told), "redshift://…", "safe")) is kind
