"""The wire under pipeline.http: the session, names that must resolve in time, redirects, and bodies read with limits.

Imported with the first request only: requests costs a tenth of a second that a run on local files need not pay.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import random
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError, ReadTimeoutError
from urllib3.util import Retry

from pipeline.announced import Watched
from pipeline.errors import SourceNonsense, SourceUnreachable, UsageError
from pipeline.secrets import RedactingFilter, redacted
from utils import VERSION

USER_AGENT = f"World-Economies/{VERSION} (python-requests/{requests.__version__}; GDP pipeline)"
SAFE = "nothing was stored; earlier results are as they were"
BLOCK = 64 * 1024
UNPACKED_BLOCK = 1024 * 1024
FAULTS = (requests.RequestException, HTTPError, OSError, UnicodeError)
_REPEATED = frozenset({408, 425, 429})
_TRUST_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # the first that is set counts

T = TypeVar("T")

for _name in ("urllib3.connectionpool", "urllib3.util.retry"):  # they print paths with their queries
    logging.getLogger(_name).addFilter(RedactingFilter())


# --- time ---------------------------------------------------------------------------------------------------------


class OverLimit(Exception):
    """A call in a thread of its own did not end in time."""


class Again(Exception):
    """This attempt failed, another may do better.

    later: seconds the server asks to wait, None where it says nothing.
    """

    def __init__(self, what: str, later: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.later = later


@dataclass(frozen=True)
class Deadline:
    """The end of the total limit, on the monotonic clock."""

    end: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds left, never less than 0."""
        return max(0.0, self.end - time.monotonic())


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what the call returns. Raises OverLimit after `seconds`, what the call raises before.

    The call runs in a daemon thread: one that hangs in the system's resolver, or reads a header that never ends, is
    left behind and does not keep the process from exiting.
    """
    results: list[T] = []
    raised: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  it is raised again, in the caller's thread
            raised.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="http", daemon=True).start()
    if not done.wait(seconds):
        raise OverLimit
    if raised:
        raise raised.pop()
    return results[0]


class Patience(Retry):
    """urllib3's account of attempts, with a wait before the first repetition too.

    Not mounted on the adapter: there it would not see a body that is cut, and would read an error page of any length
    into memory before the next attempt. pipeline.http asks it between attempts.
    """

    def get_backoff_time(self) -> float:
        """Return 0.5 to 1 s after the first failure, twice as long after each further one, 30 s at most."""
        longest = self.backoff_factor * 2.0 ** (len(self.history) - 1)
        return min(float(self.backoff_max), longest) * (0.5 + random() / 2)

    def after(self, error: Exception) -> Patience | None:
        """Return the account after one more failure, None where no attempt is left."""
        try:
            return self.increment("GET", "", error=error)
        except MaxRetryError:
            return None


def patience(retries: int) -> Patience:
    """Return the account for so many repetitions of one request."""
    return Patience(total=retries, backoff_factor=1.0, backoff_max=30)


def retry_after(response: requests.Response) -> float | None:
    """Return the seconds that Retry-After asks for, as a number or a date; None without one that can be read."""
    text = response.headers.get("Retry-After", "")
    try:
        return Retry(retry_after_max=366 * 86400).parse_retry_after(text) if text else None
    except (InvalidHeader, ValueError, OverflowError):
        return None


def worth_repeating(status: int) -> bool:
    """Tell whether the same request may be answered a moment later."""
    return status in _REPEATED or 500 <= status <= 599


# --- the session --------------------------------------------------------------------------------------------------


class ResolvingAdapter(HTTPAdapter):
    """Looks the name up first, under the connect limit: the system's resolver has none of its own."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        super().__init__(max_retries=0)

    def send(self, request: requests.PreparedRequest, stream: bool = False, timeout: Any = None, verify: Any = True,
             cert: Any = None, proxies: Any = None) -> requests.Response:
        """Send the request once its host, or the proxy's where one applies, has an address."""
        url = request.url or ""
        first = select_proxy(url, proxies) or url
        addresses = resolve(_host_of(first), self.limit, url)
        if isinstance(timeout, tuple) and timeout[0]:
            # The limit is for connecting at all; urllib3 grants it to each address of the host in turn.
            timeout = (timeout[0] / addresses, timeout[1])
        return super().send(request, stream, timeout, verify, cert, proxies)


class PlainSession(requests.Session):
    """Leaves redirects to redirect_target: even unasked, requests would read the whole body of each into memory."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: no answer is followed here."""
        return None


def _host_of(address: str) -> str:
    """Return the host of an address or a proxy. Raises UsageError for a proxy of the environment that is none."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        return (parts.hostname or "") if parts.port is None or parts.port else ""
    except ValueError:  # its words would show the password
        raise UsageError("The proxy that the environment names (HTTPS_PROXY, HTTP_PROXY) is no address",
                         safe="nothing was asked or changed",
                         next_command="export HTTPS_PROXY=http://HOST:PORT   # or unset it") from None


def resolve(host: str, limit: float, url: str) -> int:
    """Return how many addresses the name has. Raises SourceUnreachable where the resolver does not answer in time."""
    try:
        ipaddress.ip_address(host)
        return 1
    except ValueError:
        pass
    try:
        return max(1, len(within(limit, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))))
    except OverLimit:
        raise SourceUnreachable(f"The name {host} did not resolve within {limit:g} s", where=redacted(url),
                                safe=SAFE) from None
    except (OSError, UnicodeError):
        return 1  # the request itself fails on it, and says it better


def new_session(connect_limit: float) -> requests.Session:
    """Return a session with the project's name, the environment's proxies and its certificates.

    connect_limit: seconds to make a connection. Raises UsageError for certificates that are named and not there.
    """
    session = PlainSession()
    session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"})
    session.mount("http://", ResolvingAdapter(connect_limit))
    session.mount("https://", ResolvingAdapter(connect_limit))
    for name in _TRUST_VARIABLES:
        place = os.environ.get(name)
        if place and not Path(place).exists():
            raise UsageError(f"{name} names certificates that do not exist: {place}", safe=SAFE,
                             next_command=f"unset {name}   # or let it name a file of certificates")
        if place:
            session.verify = place
            break
    return session


def whole_url(url: str, params: dict[str, str]) -> str:
    """Return the address as it is asked, parameters and all. Raises UsageError for one that cannot be."""
    try:
        whole = requests.Request("GET", url, params=params).prepare().url or ""
        urlsplit(whole).port  # noqa: B018  raises for a port that is none
    except (requests.RequestException, ValueError) as error:
        raise _no_address(url, error) from None
    if urlsplit(whole).scheme not in ("http", "https"):
        raise _no_address(url, "it must begin with http:// or https://")
    return whole


def _no_address(url: str, why: object) -> UsageError:
    return UsageError(f"{redacted(url)!r} is no address that can be asked: {redacted(str(why))}",
                      safe="nothing was asked or changed", next_command="python extract.py --help   # see --url")


def redirect_target(response: requests.Response) -> str | None:
    """Return where the answer sends to, None where it is an answer of its own.

    Raises SourceUnreachable where it leads from https to http, or out of HTTP altogether.
    """
    if not response.is_redirect or not response.headers["location"]:
        return None
    here, host = response.url, urlsplit(response.url).hostname
    try:
        target = urljoin(here, response.headers["location"].encode("latin-1").decode("utf-8", "replace"))
        scheme, there, _ = urlsplit(target).scheme, urlsplit(target).hostname, urlsplit(target).port
    except ValueError:
        raise SourceUnreachable(f"{host} redirects to an address that cannot be read", where=redacted(here),
                                safe=SAFE) from None
    if scheme not in ("http", "https") or not there:
        raise SourceUnreachable(f"{host} redirects to {redacted(target)[:200]!r}, which is no web address: refused",
                                where=redacted(here), safe=SAFE)
    if scheme == "http" and urlsplit(here).scheme == "https":
        raise SourceUnreachable(f"{host} redirects from https to http ({redacted(target)[:200]}), where anybody on the "
                                "way can change the figures: refused", where=redacted(here), safe=SAFE)
    return target


def fault(error: Exception, url: str, connect_limit: float, read_limit: float) -> Exception:
    """Return what to raise for a fault of the connection: Again where it may pass, else an error for a person."""
    host, where = urlsplit(url).hostname, redacted(url)
    if isinstance(error, requests.ConnectTimeout):
        return Again(f"{host} did not accept a connection within {connect_limit:g} s")
    if isinstance(error, (requests.ReadTimeout, ReadTimeoutError)):
        return Again(f"{host} said nothing for {read_limit:.3g} s")
    reason = redacted(_innermost(error))
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE" in reason.upper():
        return SourceUnreachable(f"{host} cannot prove that it is {host}: {reason}", where=where, safe=SAFE,
                                 next_command="export SSL_CERT_FILE=…   # if your network has certificates of its own")
    if isinstance(error, requests.exceptions.ProxyError):
        return Again(f"The proxy on the way to {host} does not work: {reason}")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError)):
        return _no_address(url, reason)
    return Again(f"{host} cannot be reached: {reason}")


def _innermost(error: BaseException) -> str:
    """Return the words of the fault under urllib3's and requests' wrappings."""
    seen: BaseException = error
    for _ in range(10):
        inner = next((each for each in reversed(seen.args) if isinstance(each, Exception)), None)
        deeper = getattr(seen, "reason", None) or inner or seen.__cause__
        if not isinstance(deeper, BaseException):
            break
        seen = deeper
    return (getattr(seen, "strerror", None) or str(seen) or type(seen).__name__)[:300]


# --- the body -----------------------------------------------------------------------------------------------------


class Unpacker:
    """Undoes gzip a piece at a time, so that a bomb is measured before it is in memory, and sees a missing end."""

    def __init__(self, encoding: str, where: str) -> None:
        self.where = where
        self.packed = encoding not in ("", "identity")
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise SourceNonsense(f"The answer is packed as {encoding[:40]!r}, which was not asked for", where=where,
                                 safe=SAFE)
        self._unzip = zlib.decompressobj(wbits=31)
        self._begun = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of a block, 1 MiB at most at once. Raises SourceNonsense for what is no gzip."""
        if not self.packed:
            yield block
            return
        while block:
            if self._unzip.eof:
                if not block.startswith(b"\x1f"):
                    return  # padding after the end, as browsers ignore it
                self._unzip = zlib.decompressobj(wbits=31)
            self._begun = True
            try:
                plain = self._unzip.decompress(block, UNPACKED_BLOCK)
            except zlib.error as error:
                raise SourceNonsense(f"The answer says it is gzip and is not: {error}", where=self.where,
                                     safe=SAFE) from None
            block = self._unzip.unused_data if self._unzip.eof else self._unzip.unconsumed_tail
            if plain:
                yield plain

    @property
    def ended(self) -> bool:
        """True where nothing of the packed body is missing."""
        return not self._begun or self._unzip.eof


def blocks(response: requests.Response, where: str, read_limit: float) -> Iterator[bytes]:
    """Yield the plain body as it comes, one reception at a time, so that the caller can watch the clock.

    Raises Again for a body that is cut or falls silent, SourceNonsense for one that cannot be unpacked.
    """
    unpacker = Unpacker(response.headers.get("Content-Encoding", "").strip().lower(), where)
    announced, host = response.headers.get("Content-Length"), urlsplit(response.url).hostname
    watched = Watched.over(response)
    try:
        # read1 returns what is there; read and iter_content would wait for a full block, a day at a byte a second.
        while packed := response.raw.read1(BLOCK, decode_content=False):
            yield from unpacker.feed(packed)
        if announced and watched.more:
            raise SourceNonsense(f"{host} sent an answer that is longer than it announced, {announced} bytes: its end "
                                 "is missing", where=where, safe=SAFE)
    except ReadTimeoutError as error:
        raise fault(error, response.url, read_limit, read_limit) from None
    except FAULTS:
        of = f" of {announced}" if announced else ""
        raise Again(f"{host} cut its answer after {response.raw.tell()}{of} bytes") from None
    if not unpacker.ended:
        raise Again(f"{host} cut its answer after {response.raw.tell()} packed bytes, before its end")


def read_body(response: requests.Response, where: str, *, max_bytes: int, read_limit: float, total: float,
              deadline: Deadline) -> bytes:
    """Return the plain body. Raises SourceNonsense over max_bytes, SourceUnreachable past the deadline, Again."""
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > max_bytes:
        raise _too_large(f"announces {int(announced):,} bytes", max_bytes, where)
    whole = BytesIO()
    for block in blocks(response, where, read_limit):
        if whole.tell() + len(block) > max_bytes:
            raise _too_large("goes on", max_bytes, where)
        whole.write(block)
        if not deadline.left():
            raise SourceUnreachable(f"{urlsplit(where).hostname} had sent {whole.tell():,} bytes when the limit of "
                                    f"{total:g} s for the whole answer was over", where=where, safe=SAFE)
    return whole.getvalue()


def _too_large(what: str, max_bytes: int, where: str) -> SourceNonsense:
    limit = f"{max_bytes / 2**20:,.0f} MiB" if max_bytes >= 2**20 else f"{max_bytes:,} bytes"
    return SourceNonsense(f"The answer {what}, more than the limit of {limit}", where=where, safe=SAFE)


def start_of(response: requests.Response, deadline: Deadline, wanted: int = 4096) -> bytes:
    """Return the first bytes of an error page, whatever goes wrong with the rest of it."""
    start = b""
    try:
        for block in blocks(response, "", math.inf):
            start += block[:wanted]
            if len(start) >= wanted or not deadline.left():
                break
    except (Again, SourceNonsense):
        return start
    return start
