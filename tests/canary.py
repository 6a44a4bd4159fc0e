"""A secret in every place that one may come from, and a search for traces of it in all that a run leaves and says."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.network import SOURCES
from tests.orchestra import launch
from tests.server import Answer, Asked, Server

PLACES = ("url", "key", "notify", "room", "proxy", "target", "libpq", "passfile", "aws", "session", "credentials",
          "netrc", "airflow", "other", "file", "schema")
RARE = "Zq/7+w% x"  # what is written otherwise in an address


def canary(place: str) -> str:
    """The secret of a place."""
    return f"c4nary-{place}-{RARE}"


def forms(place: str) -> set[bytes]:
    """Return the secret of a place as it stands, percent-encoded, and as it shows in base64 wherever it begins."""
    plain = canary(place).encode()
    coded = {base64.b64encode(b"-" * shift + plain)[4:-4] for shift in range(3)}
    return {plain, quote(plain, safe="").encode(), quote_plus(plain).encode(), f"c4nary-{place}".encode(), *coded,
            *(each.translate(bytes.maketrans(b"+/", b"-_")) for each in coded)}


TRACES = {each: place for place in PLACES for each in forms(place)}


def found_in(content: bytes) -> set[str]:
    """Return the places whose secrets are in it."""
    return {place for trace, place in TRACES.items() if trace in content}


class Watch:
    """Reads the command line of every process of the machine, again and again, and keeps what shows a secret."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.lines = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        known: set[str] = set()
        while not self._over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                if process.name in known:
                    continue
                try:
                    line = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if b"etl_process.py" in line or b"extract.py" in line or b"load.py" in line:
                    self.lines += 1
                    known.add(process.name)
                self.seen |= found_in(line)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def quoted(place: str) -> str:
    return quote(canary(place), safe="")


def surroundings(home: Path, server: Server) -> dict[str, str]:
    """Make a home with secrets in its files, and return an environment full of them."""
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text(
        f"[default]\naws_access_key_id = other\naws_secret_access_key = {canary('credentials')}\n")
    (home / ".netrc").write_text(f'machine localhost login me password {quoted("netrc")}\n')
    (home / ".netrc").chmod(0o600)
    (home / "passfile").write_text(f"127.0.0.1:*:*:*:{canary('passfile')}\n")
    (home / "passfile").chmod(0o600)
    port = server.url.rpartition(":")[2]
    return {
        "HOME": str(home), "PGPASSFILE": str(home / "passfile"), "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": canary("aws"), "AWS_SESSION_TOKEN": canary("session"),
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true",
        "AIRFLOW_CONN_WORLD_ECONOMIES_TARGET": f"postgresql://etl:{quoted('airflow')}@127.0.0.1:9/gdp",
        "WORLD_ECONOMIES_OTHER": canary("other"),
        "WORLD_ECONOMIES_WORLDBANK_URL": f"http://me:{quoted('other')}@127.0.0.1:9/",
        "WORLD_ECONOMIES_NOTIFY": f"http://me:{quoted('notify')}@127.0.0.1:{port}/hook?token={quoted('room')}",
    }


@dataclass(frozen=True)
class Story:
    """One run. options; env: what it has beside the surroundings; code: that it ends with; route: what the server says.
    """

    code: int
    options: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    route: Callable[[Asked], Answer] | None = None
    words: str = ""


def shows_nothing(story: Story, env: Mapping[str, str], server: Server, workspace: Path) -> None:
    """Run a story with --debug and look for every secret in all that it left and said. env, server: as it finds them.
    """
    SOURCES["imf"].well(server, 0)
    if story.route:
        server.answer = story.route  # type: ignore[method-assign]
    with Watch() as watch:
        process = launch(*story.options, "--workspace", str(workspace), "--debug", "--stage-retries", "0", "--metrics",
                         str(workspace / "metrics.prom"), env={**env, **story.env})
        out, told = process.communicate(timeout=120)
        asked = list(server.asked)
    assert process.returncode == story.code, told
    assert story.words in told, told
    assert watch.lines and watch.seen == set()
    assert found_in((out + told).encode()) == set(), told
    left = {str(path): found_in(path.read_bytes()) for path in workspace.rglob("*")
            if path.is_file() and "archive/bodies" not in str(path)}
    assert {path: places for path, places in left.items() if places} == {}
    posted = [each for each in asked if each.method == "POST" and each.path.startswith("/hook")]
    assert all(found_in(each.body) == set() for each in posted) and (
        posted or story.code == 2 or story.route or "HTTP_PROXY" in story.env)
