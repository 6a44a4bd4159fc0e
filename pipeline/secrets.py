"""What must never be printed, logged, archived or put on a command line."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, unquote_plus, urlsplit

HIDDEN = "***"
SHORTEST = 4  # characters of a secret that is looked for by itself: a shorter one is a part of any word

# The user info of a URL. A password may hold a raw "@", "/" or "?" although it should not: where a colon follows that
# does not begin a port, all up to the last "@" goes; of one with spaces, up to the next "@". Quotes end it,
# so that a redacted line of JSON stays JSON.
# Of a database a user without a password stays; elsewhere what stands alone may be a token.
_USER_ONLY = (r"(?:(?<=postgresql://)|(?<=postgres://)|(?<=redshift://))"
              r"(?:[\w.+-]|%(?!3[Aa])[0-9A-Fa-f]{2}){1,100}@[^\s/?#@'\"]*(?:[/?#\s'\"]|$)")
_USER_INFO = re.compile(
    r"(?<=://)(?:[^\s/?#@:\['\"]{0,500}:(?![0-9]{0,5}(?:[/?#\s'\"]|$))"
    r"(?:[^\s'\"]{0,500}@|(?:(?!://)[^\n'\"@]){0,500}@)|"
    rf"(?!{_USER_ONLY})[^\s/?#'\"]{{0,500}}@)")
# --key=COLUMNS is an option of ours, which names columns: a command to type next must hold it.
_SECRET_VALUE = re.compile(
    r"(?i)(?<![^?&;#\s'\"(,])(?!(?<![?&;#])--key=)([^=&?#;\s'\"]{0,60}(?:key|token|secret|password|passwd|passphrase|pass|pwd|pw|"
    r"accesscode|auth_?code|key_?id|bearer|signature|sig|"
    r"credentials?|auth|authorization|jwt|session_?id)=)([^&\s'\"#]+)")
_SECRET_HEADER = re.compile(r"(?i)cookie|authoriz|authentic|api-?key|subscription-key|token|secret|password|credential")


def redact_text(text: str) -> str:
    """Return the text with user info and secret-looking query values of every URL in it replaced by ***."""
    if "://" in text and "@" in text:
        text = _USER_INFO.sub(HIDDEN + "@", text)
    if "=" in text:
        text = _SECRET_VALUE.sub(rf"\1{HIDDEN}", text)
    return text


def redacted(url: str) -> str:
    """Return the URL as it may be shown: "https://***@example.org/gdp?api_key=***&year=2024"."""
    return redact_text(url)


def has_password(url: str) -> bool:
    """Tell whether the URL holds something that redacted() would hide."""
    return redacted(url) != url


def without_echo(text: str, url: str, headers: Mapping[str, str]) -> str:
    """Return what a server said without the secrets of the request, which it may say again without their names.

    url: that was asked, whole; headers: as they were sent, a login of ~/.netrc among them.
    """
    sent = {*_of_url(url), *(each for name, value in headers.items() if is_secret_header(name) for each in _of(value))}
    for secret in sorted(filter(lambda each: len(each) >= SHORTEST, sent), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _of_url(url: str) -> Iterator[str]:
    """Yield the secrets of an address as they stand there and as they are meant."""
    parts = urlsplit(url)
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    yield from (each := password if colon else user, unquote(each))
    for found in _SECRET_VALUE.finditer(f"?{parts.query}"):
        yield from (found[2], unquote_plus(found[2]))


def _of(header: str) -> Iterator[str]:
    """Yield the secrets of a header: all of it, what follows "Bearer", and the password in "Basic ..."."""
    token = header.rpartition(" ")[2]
    yield from (header, token)
    try:
        yield base64.b64decode(token, validate=True).decode("latin-1").partition(":")[2]
    except ValueError:
        return


def is_secret_header(name: str) -> bool:
    """Tell whether a header of this name may hold a secret: cookies, logins, keys, tokens."""
    return _SECRET_HEADER.search(name) is not None


def url_key(url: str) -> str:
    """Return the sha256 of a whole URL, by which an answer is found again although its secrets are not kept."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


class RedactingFilter(logging.Filter):
    """Passes every record of a logger or handler on, its message and traceback redacted."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place."""
        record.msg, record.args = redact_text(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact_text(record.exc_text)
        return True
