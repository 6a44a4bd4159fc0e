"""The one HTTP session of the project: limits on everything, repetition where it helps, and no secret in any message.

    with Http(remembered=Recalled(archive)) as http:
        document = http.get("https://example.org/gdp", kind="data", params={"year": "2024"}, expect="json")

What can go wrong ends in SourceUnreachable (no answer within the limits, or "later"), SourceNonsense (an answer, but
not what was asked for) or UsageError (the address cannot be asked at all); each says what, where and what is safe.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, SourceUnreachable
from pipeline.secrets import has_password, is_secret_header, redact_text, redacted, url_key, without_echo
from utils import utc_now

if TYPE_CHECKING:
    import requests

    from pipeline.transport import Again, Deadline, Patience

__all__ = ["FROM_ARCHIVE", "URL_KEY", "Http", "Remembered", "has_password", "redacted"]

FROM_ARCHIVE = "x-from-archive"  # "1" on a document that the source says has not changed
URL_KEY = "x-url-sha256"  # finds the answer of this very address again without keeping its secrets
MAX_REDIRECTS = 5
# Bytes of an answer that is parsed as a whole: a list of nothing takes thirty times its bytes of memory. The largest
# real ones have 2 MB (JSON, 10,000 rows) and 0.5 MB (a page); XML has 3 MB for five indicators, is asked for all of 147
# with `--indicator all`, and is parsed as it is read.
LARGEST = {"json": 32 << 20, "html": 32 << 20, "xml": 128 << 20}
_GRACE = 0.25  # seconds in which the transfer may end itself, with a better message, before it is left behind
_KEPT_ACROSS_HOSTS = frozenset({"accept", "accept-language", "user-agent", "if-none-match", "if-modified-since"})
_REFRESHED_BY_304 = frozenset({"etag", "last-modified", "date", "expires", "cache-control"})
_NAMES = {"json": "JSON", "xml": "XML", "html": "an HTML page", "csv": "a table as text", "text": "text",
          "binary": "a binary file"}
_HTML_TAG = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")
_HIDDEN_MARKUP = re.compile(r"(?is)<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)|<[^>]*(?:>|$)")
_REFUSALS = {
    206: (SourceNonsense, "answers with a part that nobody asked for"),
    400: (SourceNonsense, "does not understand the request"),
    401: (SourceUnreachable, "wants a login or a key"),
    403: (SourceUnreachable, "refuses this client"),
    404: (SourceNonsense, "has no such page"),
    407: (SourceUnreachable, "is behind a proxy that wants a login"),
    410: (SourceNonsense, "has no such page any more"),
    451: (SourceUnreachable, "may not show this page here, for legal reasons"),
}


class Remembered(Protocol):
    """What Http asks for the last answer of an address, so that an unchanged source is one small request."""

    def recall(self, url: str) -> tuple[str, str, RawDocument | None] | None:
        """Return (etag, last_modified, document) of the last answer, "" where it had none; None where unknown."""


@dataclass(frozen=True)
class _Asked:
    """One call of get. url: whole, with its secrets; shown: as it may be printed; known: the last answer, if any."""

    url: str
    kind: str
    expect: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    known: RawDocument | None = None
    shown: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", redacted(self.url))

    @property
    def host(self) -> str:
        """The host, as messages name it."""
        return urlsplit(self.url).hostname or ""


class Http:
    """One session; one request at a time. Costs nothing until the first get.

    timeout:         seconds a server may be silent. connect_timeout: seconds a name may take to resolve, and an address
                     to accept; None is the same as timeout.
    retries:         repetitions after the first attempt, whatever the fault was.
    total:           seconds for one get with all its repetitions, waits and redirects.
    max_bytes:       of one answer, unpacked; of JSON, XML and pages LARGEST at most.
    remembered:      where the last answers are, for conditional requests.
    sleep:           how to wait between attempts.
    """

    def __init__(self, *, timeout: float = 30.0, retries: int = 3, connect_timeout: float | None = None,
                 total: float = 300.0, max_bytes: int = 512 * 1024 * 1024, remembered: Remembered | None = None,
                 sleep: Callable[[float], object] = time.sleep) -> None:
        self.timeout = timeout
        self.retries = retries
        self.connect_timeout = timeout if connect_timeout is None else connect_timeout
        self.total = total
        self.max_bytes = max_bytes
        self.remembered = remembered
        self.sleep = sleep
        self._session: requests.Session | None = None

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the next get would open new ones."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def get(self, url: str, *, kind: str, params: Mapping[str, str] | None = None,
            headers: Mapping[str, str] | None = None, expect: str = "",
            parameters: Mapping[str, str] | None = None) -> RawDocument:
        """Return the answer, as fetched or, where the source says "not modified", as archived.

        expect: "json", "xml", "html", "csv" or "" for anything; a look at the first bytes, not a parse.
        A document from the archive has its file as `path` and headers["x-from-archive"] == "1"; a fetched one has
        `data`. Raises SourceUnreachable, SourceNonsense, UsageError.
        """
        from pipeline.transport import SAFE, Deadline, OverLimit, new_session, whole_url, within

        whole = whole_url(url, dict(params or {}))
        asked = _Asked(whole, kind, expect, dict(headers or {}), dict(parameters or {}))
        self._session = session = self._session or new_session(self.connect_timeout)
        deadline = Deadline.after(self.total)
        try:
            return within(self.total + _GRACE, lambda: self._get(session, self._recalled(asked), deadline))
        except OverLimit:
            self.close()  # its connections belong to the transfer that is left behind
            raise SourceUnreachable(f"{asked.host} did not finish its answer within {self.total:g} s",
                                    where=asked.shown, safe=SAFE) from None

    def _recalled(self, asked: _Asked) -> _Asked:
        """Add the last answer and the condition "if it changed since", where there is one to fall back on."""
        etag, last_modified, document = (self.remembered and self.remembered.recall(asked.url)) or ("", "", None)
        if document is None or not (etag or last_modified):
            return asked
        if _complaint(_first_bytes(document), document.headers.get("content-type", ""), asked.expect):
            return asked
        condition = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        return replace(asked, known=document, headers={**asked.headers, **{k: v for k, v in condition.items() if v}})

    def _get(self, session: requests.Session, asked: _Asked, deadline: Deadline) -> RawDocument:
        from pipeline.transport import Again, patience

        account = patience(self.retries)
        while True:
            try:
                return self._attempt(session, asked, deadline)
            except Again as failure:
                account = self._waited(account, failure, asked, deadline)

    def _waited(self, account: Patience, failure: Again, asked: _Asked, deadline: Deadline) -> Patience:
        """Wait before the next attempt. Raises SourceUnreachable when there is none, or it would be too late."""
        from pipeline.transport import SAFE

        come_back = f"; it asks to come back after {_moment(failure.later)}" if failure.later else ""
        further = account.after(failure)
        if further is None:
            times = f" ({self.retries + 1} attempts)" if self.retries else ""
            raise SourceUnreachable(failure.what + times + come_back, where=asked.shown, safe=SAFE) from None
        seconds = further.get_backoff_time() if failure.later is None else failure.later
        if seconds >= deadline.left():
            raise SourceUnreachable(f"{failure.what}{come_back}; to wait {seconds:.0f} s would pass the limit of "
                                    f"{self.total:g} s", where=asked.shown, safe=SAFE) from None
        self.sleep(seconds)
        return further

    def _attempt(self, session: requests.Session, asked: _Asked, deadline: Deadline) -> RawDocument:
        """Ask once, following redirects."""
        from pipeline.transport import SAFE, redirect_target

        url, headers = asked.url, asked.headers
        for _ in range(MAX_REDIRECTS + 1):
            with self._sent(session, url, headers, deadline) as response:
                target = redirect_target(response)
                if target is None:
                    return self._answer(response, asked, deadline)
            if _server(url) != _server(target):  # keys in headers are none of another host's business
                headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ACROSS_HOSTS}
            url = target
        raise SourceUnreachable(f"{asked.host} redirects more than {MAX_REDIRECTS} times", where=asked.shown, safe=SAFE)

    def _sent(self, session: requests.Session, url: str, headers: Mapping[str, str],
              deadline: Deadline) -> requests.Response:
        from pipeline.transport import FAULTS, fault

        left = deadline.left() or 0.001
        connect, read = min(self.connect_timeout, left), min(self.timeout, left)
        try:
            return session.request("GET", url, headers=dict(headers), stream=True, allow_redirects=False,
                                   timeout=(connect, read))
        except FAULTS as error:
            # "from None": the original carries the address, and a traceback in the log would print it.
            raise fault(error, url, connect, read) from None

    def _answer(self, response: requests.Response, asked: _Asked, deadline: Deadline) -> RawDocument:
        from pipeline.transport import SAFE, Again, read_body, retry_after, start_of, worth_repeating

        status = response.status_code
        if status == HTTPStatus.NOT_MODIFIED and asked.known is not None:
            return self._unchanged(asked.known, response, asked)
        if not 200 <= status <= 299 or status == HTTPStatus.PARTIAL_CONTENT:
            words = first_words(_no_echo(start_of(response, deadline), response, asked))
            what = f"{asked.host} {_REFUSALS.get(status, (0, 'answers'))[1]} ({_status(status)})" + _quoted(words)
            if worth_repeating(status):
                raise Again(what, retry_after(response))
            raise _REFUSALS.get(status, (SourceNonsense, ""))[0](what, where=asked.shown, safe=SAFE)
        most = min(self.max_bytes, LARGEST.get(asked.expect, self.max_bytes))
        data = read_body(response, asked.shown, max_bytes=most, read_limit=self.timeout, total=self.total,
                         deadline=deadline)
        complaint = _complaint(_no_echo(data[:4096], response, asked), response.headers.get("Content-Type", ""),
                               asked.expect)
        if not data.strip():
            complaint = f"with nothing ({_status(status)}, {len(data)} bytes)"
        if complaint:
            raise SourceNonsense(f"{asked.host} answered {complaint}", where=asked.shown, safe=SAFE)
        headers = _kept_headers(response.headers) | {URL_KEY: url_key(asked.url)}
        return RawDocument(asked.kind, asked.shown, utc_now(), headers, asked.parameters, data=data)

    def _unchanged(self, known: RawDocument, response: requests.Response, asked: _Asked) -> RawDocument:
        fresh = {name: value for name, value in _kept_headers(response.headers).items() if name in _REFRESHED_BY_304}
        headers = {**known.headers, **fresh, URL_KEY: url_key(asked.url), FROM_ARCHIVE: "1"}
        return replace(known, kind=asked.kind, url=asked.shown, fetched_at=utc_now(), headers=headers,
                       parameters=asked.parameters)


# --- what an answer looks like ------------------------------------------------------------------------------------


def looks_like(start: bytes, content_type: str = "") -> str:
    """Return "json", "html", "xml", "text", "binary" or "" (nothing) for the first bytes of a body."""
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        start = start.removeprefix(mark)
    if start.count(b"\0") * 3 >= len(start):
        start = start.replace(b"\0", b"")  # UTF-16
    start = start.strip().lower()
    if start.startswith(b"<"):
        page = _HTML_TAG.search(start) or ("html" in content_type.lower() and not start.startswith(b"<?xml"))
        return "html" if page else "xml"
    if start.startswith((b"{", b"[")):
        return "json"
    if start.startswith(b"pk\x03\x04") or _NOT_TEXT.search(start):
        return "binary"
    return "text" if start else ""


def first_words(body: bytes, longest: int = 160) -> str:
    """Return the first words a person would see of a page, in one printable line, secrets and tags taken out."""
    from html import unescape

    text = unescape(_HIDDEN_MARKUP.sub(" ", body[:4096].replace(b"\0", b"").decode("utf-8", "replace")))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return redact_text(line)[:longest].strip()


def _no_echo(start: bytes, response: requests.Response, asked: _Asked) -> bytes:
    """Return the start of an answer without the secrets that were sent; other bytes stay as they are."""
    text = start.decode("utf-8", "surrogateescape")
    sent = {**asked.headers, **(response.request.headers if response.request is not None else {})}
    return without_echo(text, asked.url, sent).encode("utf-8", "surrogateescape")


def _complaint(start: bytes, content_type: str, expect: str) -> str:
    """Return what is wrong with a body where something else was wanted, "" where nothing is."""
    found = looks_like(start, content_type)
    wanted = {"csv": "text"}.get(expect, expect)
    table_page = expect == "csv" and "html" in content_type.lower() and not re.search(rb"[,;\t|]", start)
    if not expect or (found == wanted and not table_page):
        return ""
    words = "" if found == "binary" else first_words(start)
    return f"with {_NAMES.get(found, 'nothing')} where {_NAMES[expect]} was wanted{_quoted(words)}"


def _first_bytes(document: RawDocument) -> bytes:
    if document.data is not None or document.path is None:
        return (document.data or b"")[:4096]
    with document.path.open("rb") as stream:
        return stream.read(4096)


def _kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers as a document carries them: lower case, no cookies, no secrets, none of our own marks."""
    return {name.lower(): redact_text(value) for name, value in headers.items()
            if not is_secret_header(name) and name.lower() not in (URL_KEY, FROM_ARCHIVE)}


def _server(url: str) -> tuple[str | None, int]:
    parts = urlsplit(url)
    # Port 80 of http and 443 of https are one server: an upgrade of the same host keeps what the request carries.
    return parts.hostname, 443 if parts.port in (None, 80, 443) else parts.port


# --- words --------------------------------------------------------------------------------------------------------


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _quoted(words: str) -> str:
    return f": “{words}”" if words else ""


def _moment(seconds: float) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ} ({seconds:.0f} s)"
