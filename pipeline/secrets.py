"""What must never be printed, logged, archived or put on a command line."""

from __future__ import annotations

import hashlib
import logging
import re

HIDDEN = "***"

# The user info of a URL. A password may hold a raw "@", "/" or "?" although it should not: where a colon follows that
# does not begin a port, all up to the last "@" goes. Quotes end it, so that a redacted line of JSON stays JSON.
# Of a database a user without a password stays; elsewhere what stands alone may be a token.
_USER_ONLY = (r"(?:(?<=postgresql://)|(?<=postgres://)|(?<=redshift://))"
              r"(?:[\w.+-]|%(?!3[Aa])[0-9A-Fa-f]{2}){1,100}@[^\s/?#@'\"]*(?:[/?#\s'\"]|$)")
_USER_INFO = re.compile(
    r"(?<=://)(?:[^\s/?#@:\['\"]{0,500}:(?![0-9]{0,5}(?:[/?#\s'\"]|$))[^\s'\"]{0,500}@|"
    rf"(?!{_USER_ONLY})[^\s/?#'\"]{{0,500}}@)")
_SECRET_VALUE = re.compile(
    r"(?i)(?<![^?&;#\s'\"(,])([^=&?#;\s'\"]{0,60}(?:key|token|secret|password|passwd|passphrase|pass|pwd|pw|"
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
