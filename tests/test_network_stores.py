"""Object stores and AWS Secrets Manager that lie: refused in words, nothing published, and no key shown."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.http_answers import by_hand
from tests.network import HTML, hang_up
from tests.orchestra import etl, next_command, tree
from tests.project import run
from tests.server import Answer, Server

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("plain_environment")]
if missing := [name for name in ("boto3", "pyarrow") if find_spec(name) is None]:
    pytest.skip(f"{', '.join(missing)} not installed", allow_module_level=True)

SECRET = "c4nary-store"
LIES = {
    "reset": Answer(by_hand=hang_up), "garbage": by_hand(b"\x00\xff\n"), "503": Answer(b"", 503),
    "HTML": Answer(HTML, headers={"Content-Type": "text/html"}), "nothing": Answer(b""), "404": Answer(b"", 404),
    "403": Answer(b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>", 403),
    "redirect": Answer(b"", 301, {"Location": "http://127.0.0.1:9/"}),
    "to a file": Answer(b"", 302, {"Location": "file:///etc/passwd"}),
    "cut": Answer(b'{"SecretString": "sqlite:///x.db"}', cut=9),
}


def keys(server: Server) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.mark.parametrize("target", ["s3://bucket/prefix", "secretsmanager:gdp"])
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_store_that_lies_is_refused_and_a_run_without_it_ends_well(lie: Answer, target: str, table: Path,
                                                                    finished: Path, server: Server) -> None:
    server.answer = lambda asked: lie  # type: ignore[method-assign]
    env = keys(server)
    before = tree(finished / "sqliteDB")
    done = etl(table, finished, "--target", target, "--stage-retries", "0", "--no-html", "--no-csv", env=env)
    assert done.returncode == 6, done.stderr
    assert "load failed (exit 6). " in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert f"where: {target}" in done.stderr and "safe:  " in done.stderr and next_command(done.stderr)
    log = (finished / "log/etl_project_log.txt").read_text(encoding="utf-8")
    assert SECRET not in done.stdout + done.stderr + log and "bWU6" not in log
    assert tree(finished / "sqliteDB") == before and server.asked
    assert etl(table, finished, "--no-html", "--no-csv").returncode == 0


@pytest.mark.parametrize(("lie", "codes"), [("garbage", {4}), ("503", {4}), ("HTML", {2}), ("403", {2}), ("404", {2})])
def test_a_table_in_a_store_that_lies_is_refused(lie: str, codes: set[int], finished: Path, server: Server) -> None:
    server.answer = lambda asked: LIES[lie]  # type: ignore[method-assign]
    before = tree(finished / "sqliteDB")
    done = run("extract.py", "--source", "table", "--input", "s3://bucket/big.csv", "--target", "regions",
               workspace=finished, env=keys(server))
    assert done.returncode in codes and "Traceback" not in done.stderr, done.stderr
    assert "where: s3://bucket/big.csv" in done.stderr and SECRET not in done.stderr
    assert tree(finished / "sqliteDB") == before and server.asked
