"""AWS Secrets Manager: an address that is kept there, --target secretsmanager:NAME.

    secretsmanager:NAME              NAME is a secret's name or ARN
    secretsmanager:NAME#KEY          its value is JSON, and the address stands under KEY
    secretsmanager:NAME?host=…       what the secret does not say, or says otherwise: its parts below, or what stands
                                     behind the "?" of an address, as schema=…

The secret is an address as --target takes one, or the JSON of RDS and Redshift: {"engine": "postgres", "username": …,
"password": …, "host": …, "port": 5432, "dbname": …}. It is fetched in the process that opens the target, when it opens
it, and is neither kept nor handed on. Region and credentials are those of AWS's usual environment and files
(AWS_DEFAULT_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, a role of the machine, ...), never options.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from pipeline.secrets import redacted
from targets import names
from targets._address import address_of

ADDRESSED = "secretsmanager:NAME"
CONNECT, ANSWER, TRIES = 5.0, 20.0, 3  # seconds to connect, and without a byte; requests sent
ENGINES: Mapping[str, str] = {"postgres": "postgresql", "aurora-postgresql": "postgresql", "postgresql": "postgresql",
                              "redshift": "redshift"}  # as AWS names them -> the target
PARTS = ("engine", "username", "password", "host", "port", "dbname")
NEEDED = ("username", "password", "host", "dbname")
_SAFE = "nothing was changed"
_PASSING = {"InternalServiceError", "InternalServiceErrorException", "ThrottlingException", "Throttling",
            "RequestTimeout", "ServiceUnavailable"}
_MAY = ("the same command with AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION, of "
        "somebody who may secretsmanager:GetSecretValue")


@dataclass(frozen=True)
class Name:
    """What was typed. secret: name or ARN. key: of its JSON, "" for none. more: what is added to it."""

    secret: str
    key: str
    more: Mapping[str, str]

    @property
    def region(self) -> str | None:
        """The region that an ARN names, None for a name."""
        parts = self.secret.split(":")
        return parts[3] if parts[0] == "arn" and len(parts) > 5 else None

    def refused(self, what: str, then: str) -> TargetRefused:
        """Return an error about the secret, which shows nothing of it."""
        return TargetRefused(what, where=f"secretsmanager:{self.secret}", safe=_SAFE, next_command=then)


def resolved(text: str) -> str:
    """Return the address that a secret holds, as --target would have it. Raises UsageError, TargetError."""
    name = _named(text)
    return _address(name, _fetched(name))


def _named(text: str) -> Name:
    """Take secretsmanager:NAME?more#KEY apart. Raises UsageError."""
    rest, _, key = text.partition(":")[2].partition("#")
    secret, _, query = rest.partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    more = {unquote(part): unquote(value) for part, _, value in pairs}
    if not secret or secret.startswith("/"):
        raise UsageError(f"{redacted(text)!r} names no secret", safe=_SAFE, next_command=f"--target {ADDRESSED}")
    return Name(secret, key, more)


# --- what it holds --------------------------------------------------------------------------------------------------


def _address(name: Name, text: str) -> str:
    """Return the address in the text of a secret. Raises TargetRefused, and never says what the text is."""
    held = _json(text)
    if name.key:
        if not isinstance(held, dict) or name.key not in held:
            keys = f"; it has {', '.join(map(str, held))}" if isinstance(held, dict) else ", and is no JSON object"
            raise name.refused(f"The secret has no key {name.key!r}{keys}", f"--target {ADDRESSED}#KEY")
        held = _json(held[name.key]) if isinstance(held[name.key], str) else held[name.key]
    if isinstance(held, dict):
        return _of_parts(name, held)
    address = held.strip() if isinstance(held, str) else ""
    if not _is_address(address):  # and then it may be a password: nothing of it is shown
        raise name.refused("The secret holds no address and no JSON of one", "put postgresql://USER:PASSWORD@HOST/"
                           "DATABASE into it, or the JSON that RDS and Redshift keep there")
    if fixed := sorted(set(name.more) & set(PARTS)):
        raise name.refused(f"The secret is a whole address, which says {', '.join(fixed)} by itself",
                           f"--target secretsmanager:{name.secret}")
    return _with_query(address, name.more)


def _is_address(text: str) -> bool:
    """Tell whether a text is what --target takes, and no secret again."""
    meant = address_of(text)
    return bool(meant.url) and meant.name in names() and meant.name != ADDRESSED.partition(":")[0]


def _json(text: str) -> Any:
    """Return what a JSON object says, and any other text as it is."""
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        return found if isinstance(found, dict | str) else text
    return text


def _of_parts(name: Name, held: Mapping[str, Any]) -> str:
    """Return the address that the JSON of RDS or Redshift says. Raises TargetRefused for one that lacks something."""
    said = {part: str(held[part]) for part in (*PARTS, "schema") if held.get(part) is not None} | dict(name.more)
    engine = said.get("engine", "postgres").lower()
    if engine not in ENGINES:
        raise name.refused(f"The secret is of a database of {engine}", "a secret of postgres or redshift")
    if missing := [part for part in NEEDED if not said.get(part)]:
        kept = [part for part in missing if part in ("host", "dbname")]  # a password is not typed
        raise name.refused(f"The secret has no {', '.join(missing)}; it has {', '.join(map(str, held)) or 'nothing'}",
                           f"--target 'secretsmanager:{name.secret}?{'&'.join(f'{part}=…' for part in kept)}'"
                           if kept == missing else "name the KEY under which it stands: #KEY, or another secret")
    user, password, database = (quote(said[each], safe="") for each in ("username", "password", "dbname"))
    host = f"[{said['host']}]" if ":" in said["host"] else quote(said["host"], safe="")
    place = f"{host}:{said['port']}" if said.get("port") else host
    more = {key: value for key, value in said.items() if key not in PARTS}
    return _with_query(f"{ENGINES[engine]}://{user}:{password}@{place}/{database}", more)


def _with_query(address: str, more: Mapping[str, str]) -> str:
    query = urlencode(dict(more), quote_via=quote)
    return address + (("&" if "?" in address else "?") + query if query else "")


# --- how it is fetched ----------------------------------------------------------------------------------------------


def _fetched(name: Name) -> str:
    """Return the text of a secret. Raises UsageError, TargetRefused, TargetUnreachable."""
    with _in_words(name):
        import boto3
        from botocore.config import Config

        client = boto3.session.Session().client("secretsmanager", region_name=name.region, config=Config(
            connect_timeout=CONNECT, read_timeout=ANSWER, retries={"total_max_attempts": TRIES, "mode": "standard"}))
        answer = client.get_secret_value(SecretId=name.secret)
    if "SecretString" in answer:
        return str(answer["SecretString"])
    if "SecretBinary" not in answer:
        raise TargetUnreachable("AWS Secrets Manager answers without a secret: a proxy or a sign-in page may be on the "
                                "way", where=f"secretsmanager:{name.secret}", safe=_SAFE)
    try:
        return bytes(answer["SecretBinary"]).decode("utf-8")
    except UnicodeDecodeError:
        raise name.refused("The secret is no text", "put an address into it as text") from None


@contextlib.contextmanager
def _in_words(name: Name) -> Iterator[None]:
    """Turn what AWS answers into an error of ours."""
    try:
        import boto3  # noqa: F401
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoRegionError
        from botocore.exceptions import ConnectionError as Unconnected
    except ImportError:
        raise UsageError("--target secretsmanager: needs boto3, which is not installed", safe=_SAFE,
                         next_command="python -m pip install -c constraints.txt '.[warehouse]'") from None
    try:
        yield
    except ClientError as error:
        raise _said(name, error.response) from error
    except NoRegionError as error:
        raise name.refused("No region of AWS is set: a secret lies in one", "the same command with AWS_DEFAULT_REGION, "
                           "or the ARN of the secret, which names its own") from error
    except (Unconnected, HTTPClientError) as error:
        raise TargetUnreachable(f"AWS Secrets Manager does not answer: {error}", safe=_SAFE,
                                where=f"secretsmanager:{name.secret}") from error
    except BotoCoreError as error:
        raise name.refused(f"AWS Secrets Manager cannot be asked: {error}", _MAY) from error


def _said(name: Name, response: Mapping[str, Any]) -> TargetRefused | TargetUnreachable:
    """Return what an answer of AWS means."""
    told, status = response.get("Error", {}), response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    code = str(told.get("Code", status))
    what = f"AWS Secrets Manager says {code}: {told.get('Message', '')}".rstrip(": ")
    if code == "ResourceNotFoundException":
        return name.refused(f"There is no secret named {name.secret!r} in this account and region", "the same command "
                            "with another name, its ARN, AWS_DEFAULT_REGION or AWS_PROFILE")
    if code in _PASSING or status >= 500:
        return TargetUnreachable(what, where=f"secretsmanager:{name.secret}", safe=_SAFE)
    return name.refused(what, _MAY)
