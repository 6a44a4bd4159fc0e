"""Targets whose address AWS Secrets Manager keeps, on a server of the same protocol, and what an address may hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from pipeline.secrets import redacted
from targets import _postgresql_address, names, open_targets, secretsmanager
from targets._address import parsed
from tests.object_store import SECRET, ObjectStore, known_here, object_store
from tests.orchestra import etl
from tests.postgres import Server, running
from tests.project import PROJECT
from utils import Workspace

if missing := [name for name in ("moto", "flask", "flask_cors", "boto3") if find_spec(name) is None]:
    pytest.skip(f"{', '.join(missing)} not installed", allow_module_level=True)

CANARY = "c4nary, w1th %a @blank/"
RDS = {"engine": "postgres", "username": "etl", "password": CANARY, "host": "db.example.org", "port": 5432,
       "dbname": "gdp", "dbInstanceIdentifier": "db-1"}
QUOTED = "postgresql://etl:c4nary%2C%20w1th%20%25a%20%40blank%2F@db.example.org:5432/gdp"


class Vault:
    """Secrets on loopback. env: how a process finds them."""

    def __init__(self, store: ObjectStore) -> None:
        import boto3

        self.env = store.env
        self.client: Any = boto3.client("secretsmanager", endpoint_url=store.address, region_name="us-east-1",
                                        aws_access_key_id="testing", aws_secret_access_key=SECRET)

    def keep(self, name: str, value: str | bytes | dict[str, Any]) -> str:
        """Keep a secret; returns its ARN."""
        text = json.dumps(value) if isinstance(value, dict) else value
        kind = "SecretBinary" if isinstance(text, bytes) else "SecretString"
        return str(self.client.create_secret(Name=name, **{kind: text})["ARN"])


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running, known_here(running):
        yield running


@pytest.fixture(scope="module")
def vault(store: ObjectStore) -> Vault:
    return Vault(store)


# --- what a secret may be -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "more", "address"), [
    ("postgresql://u:p,w@h/gdp?sslmode=require\n", "", "postgresql://u:p,w@h/gdp?sslmode=require"),
    ("sqlite:///a,sqlite:b.db", "", "sqlite:///a,sqlite:b.db"),
    (b"postgresql://u@h/gdp", "?schema=a%20b", "postgresql://u@h/gdp?schema=a%20b"),
    (RDS, "", QUOTED),
    (RDS | {"schema": "economies", "note": "x"}, "", f"{QUOTED}?schema=economies"),
    (RDS | {"engine": "redshift", "port": 5439}, "", QUOTED.replace("postgresql", "redshift").replace("5432", "5439")),
    (RDS | {"host": "2001:db8::7", "password": "p"}, "?schema=x", "postgresql://etl:p@[2001:db8::7]:5432/gdp?schema=x"),
    ({"username": "etl", "password": "p"}, "?host=h&dbname=gdp&iam_role=arn", "postgresql://etl:p@h/gdp?iam_role=arn"),
    ({"db": QUOTED}, "#db", QUOTED),
    ({"db": RDS}, "#db", QUOTED),
    ({"db": json.dumps(RDS)}, "#db", QUOTED),
], ids=["address", "comma", "binary", "rds", "schema", "redshift", "ipv6", "managed", "key", "key-of-json",
        "key-of-text"])
def test_a_secret_is_an_address(value: Any, more: str, address: str, vault: Vault,
                                request: pytest.FixtureRequest) -> None:
    name = f"ok/{request.node.callspec.id}"
    arn = vault.keep(name, value)
    for each in (name, arn):
        assert secretsmanager.resolved(f"secretsmanager:{each}{more}") == address


@pytest.mark.parametrize(("value", "more", "told"), [
    (CANARY, "", "holds no address and no JSON of one"),
    (f"{CANARY}:x", "", "holds no address and no JSON of one"),
    ("secretsmanager:other", "", "holds no address and no JSON of one"),
    (b"\xff\xfe", "", "is no text"),
    (RDS | {"engine": "mysql"}, "", "of a database of mysql"),
    ({"username": "etl", "password": CANARY}, "", "has no host, dbname; it has username, password"),
    ({"host": "h"}, "", "has no username, password, dbname; it has host"),
    ({"a": CANARY}, "#b", "has no key 'b'; it has a"),
    (CANARY, "#b", "has no key 'b', and is no JSON object"),
    (QUOTED, "?host=other", "whole address, which says host by itself"),
], ids=["password", "password-with-colon", "again", "bytes", "mysql", "managed", "half", "key", "key-of-text", "typed"])
def test_what_is_no_address_is_refused_and_not_shown(value: Any, more: str, told: str, vault: Vault,
                                                     request: pytest.FixtureRequest) -> None:
    name = f"bad/{request.node.callspec.id}"
    vault.keep(name, value)
    with pytest.raises(TargetRefused) as caught:
        secretsmanager.resolved(f"secretsmanager:{name}{more}")
    assert told in caught.value.what
    assert caught.value.next_command and caught.value.where == f"secretsmanager:{name}"
    assert "c4nary" not in "\n".join(caught.value.lines())


# --- where it cannot be had -----------------------------------------------------------------------------------------


def test_no_such_secret_and_a_name_that_is_none(vault: Vault) -> None:
    with pytest.raises(TargetRefused, match="no secret named 'gone' in this account and region"):
        secretsmanager.resolved("secretsmanager:gone")
    with pytest.raises(UsageError, match="names no secret"):
        secretsmanager.resolved("secretsmanager:?host=h")


def test_nobody_may(store: ObjectStore, vault: Vault) -> None:
    vault.keep("closed", QUOTED)
    with store.closed(), pytest.raises(TargetRefused, match="AWS Secrets Manager says") as caught:
        secretsmanager.resolved("secretsmanager:closed")
    assert "secretsmanager:GetSecretValue" in caught.value.next_command
    assert not caught.value.retry


def test_no_region_unless_the_arn_says_it(vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arn = vault.keep("regional", QUOTED)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(TargetRefused, match="No region of AWS is set"):
        secretsmanager.resolved("secretsmanager:regional")
    assert secretsmanager.resolved(f"secretsmanager:{arn}") == QUOTED


def test_no_credentials(vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(TargetRefused, match="Unable to locate credentials"):
        secretsmanager.resolved("secretsmanager:any")


def test_nobody_answers(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(secretsmanager, "TRIES", 1)
    with pytest.raises(TargetUnreachable, match="does not answer") as caught:
        secretsmanager.resolved("secretsmanager:any")
    assert caught.value.retry


@pytest.mark.parametrize(("target", "needs"), [
    ("secretsmanager:any", "boto3"), ("s3://bucket/prefix", "boto3"), ("postgresql://h/d", "psycopg"),
    ("parquet:lake", "pyarrow")])
def test_without_the_group_it_is_said_what_to_install(target: str, needs: str, tmp_path: Path) -> None:
    program = (f"import sys; sys.modules[{needs!r}] = None\n"
               "from pathlib import Path; from targets import open_targets; from utils import Workspace\n"
               f"for each in open_targets({target!r}, Workspace(Path('.'))):\n    each.__enter__()")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(PROJECT)},
                          capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert f"needs {needs}, which is not installed" in done.stderr


# --- whole ----------------------------------------------------------------------------------------------------------


def test_a_run_hands_on_the_name_alone(vault: Vault, table: Path, finished: Path) -> None:
    vault.keep("lite", {"db": "sqlite:///there.db"})
    done = etl(table, finished, "--target", "secretsmanager:lite#db", "--no-html", "--no-csv", env=vault.env)
    assert done.returncode == 0, done.stderr
    assert "publishing 2 batch(es) in secretsmanager:lite#db" in done.stderr
    assert (finished / "there.db").exists()
    manifests = "".join(path.read_text() for path in (finished / "results" / "runs").rglob("*.json"))
    assert "secretsmanager:lite#db" in manifests and "there.db" not in manifests


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running() as server:
        yield server


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.full
def test_rds_in_postgresql_and_the_password_nowhere(vault: Vault, server: Server, table: Path, tmp_path: Path) -> None:
    import psycopg
    from psycopg.sql import SQL, Literal

    url = server.create("by_secret")
    with psycopg.connect(url) as connection:
        connection.execute(SQL("CREATE ROLE etl SUPERUSER LOGIN PASSWORD {}").format(Literal(CANARY)))
    vault.keep("gdp/rds", RDS | {"host": "127.0.0.1", "port": server.port, "dbname": "by_secret"})
    done = etl(table, tmp_path / "w", "--target", "secretsmanager:gdp/rds?schema=a%20b", "--debug", env=vault.env)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as connection:
        assert connection.execute('SELECT count(*) FROM "a b".countries_by_gdp').fetchone() == (20,)
    again = etl(table, tmp_path / "w", "--target", "secretsmanager:gdp/rds?schema=a%20b", env=vault.env)
    assert (again.returncode, again.stderr.count("skipped: ")) == (0, 3), again.stderr
    shown = (done.stdout + done.stderr + again.stderr).encode() + everything(tmp_path / "w")
    assert b"c4nary" not in shown and b"gdp/rds" in shown


def test_a_secret_that_is_not_there_fails_the_load_alone(vault: Vault, table: Path, finished: Path) -> None:
    done = etl(table, finished, "--target", "secretsmanager:gone", env=vault.env)
    assert done.returncode == 6, done.stderr
    assert "load failed (exit 6). There is no secret named 'gone'" in done.stderr
    assert "where: secretsmanager:gone" in done.stderr and "trying again" not in done.stderr
    assert "Traceback" not in done.stderr


# --- what an address may hold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "postgresql://u:a,b@h/d", "postgresql://u:a,b,@[::1]:5433/d?schema=x", "postgresql://u:sqlite,@h/d",
    "secretsmanager:prod/gdp_2+=.@-!#key"])
def test_a_comma_in_a_password_parts_nothing(text: str) -> None:
    assert [each.url for each in parsed(text, names())] == [text]
    assert [each.url for each in parsed(f"sqlite,{text},s3://b/p", names())] == ["", text, "s3://b/p"]


def understood(url: str) -> dict[str, Any]:
    """Return how libpq reads what the target hands it."""
    conninfo = pytest.importorskip("psycopg", reason="the group `warehouse` is not installed").conninfo
    return dict(conninfo.conninfo_to_dict(_postgresql_address.parted(url)[0]))


@pytest.mark.parametrize(("url", "read", "schema"), [
    ("postgresql://u:a%2Cb,c%20d+e@[::1]:5433/d?schema=x%20y&application_name=n%20m+o",
     {"user": "u", "password": "a,b,c d+e", "host": "::1", "port": "5433", "dbname": "d", "application_name": "n m+o"},
     "x y"),
    ("postgresql:///d?host=%2Frun%2Fpg&schema=a+b", {"dbname": "d", "host": "/run/pg"}, "a+b"),
    ("postgresql://u@h1:1,h2:2/d?sslpassword=a%26b", {"user": "u", "host": "h1,h2", "port": "1,2", "dbname": "d",
                                                      "sslpassword": "a&b"}, "world_economies"),
], ids=["ipv6", "socket", "two-hosts"])
def test_an_address_reaches_the_driver_as_it_was_meant(url: str, read: dict[str, str], schema: str) -> None:
    assert understood(url) == read
    assert _postgresql_address.parted(url)[1] == schema
    assert "a%2Cb" not in redacted(url) and "a%26b" not in redacted(url)


@pytest.mark.parametrize("url", [
    "postgresql://u:c4nary%x@127.0.0.1:9/d", "postgresql://u:c@c4nary@127.0.0.1:9/d",
    "postgresql://u:c@x:c4nary@127.0.0.1:9/d", "postgresql://c:c4nary/@127.0.0.1:9/d", "postgresql://u:c4nary@[::1/d",
    "postgresql:u:c4nary@127.0.0.1/d"])
def test_a_password_that_is_not_quoted_is_not_shown(url: str, tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the group `warehouse` is not installed")
    [target] = open_targets(url, Workspace(tmp_path))
    with pytest.raises(UsageError, match="%XX") as caught, target:
        pass
    assert "c4nary" not in "\n".join(caught.value.lines())
