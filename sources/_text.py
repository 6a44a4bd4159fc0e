"""Bytes to text: the encoding of a file that does not name it, and numbers as text without an exponent."""

from __future__ import annotations

import codecs
import io
import math
from decimal import Decimal
from typing import BinaryIO

HEAD = 1 << 20  # bytes looked at to tell the encoding
MOST_DIGITS = 15  # of a number that went through binary; 1.961 may come back as 1.9609999999999999
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that are no UTF-8 as Windows-1252: a name typed on Windows stays legible in a mixed file."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", "replace"), error.end


codecs.register_error("as-windows", _as_windows)


def encoding_of(head: bytes, *, whole: bool = False) -> str:
    """Return the encoding of a text that begins with these bytes; `whole` when nothing follows them.

    By its mark, else UTF-16 by where the zero bytes stand, else UTF-8 where it is valid, else Windows-1252, and
    latin-1 where a byte has no meaning in that.
    """
    for mark, name in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    sample = head[: 1 << 16]
    zeros = sample.count(0)
    if zeros * 4 > len(sample):
        return "utf-16-le" if sample[1::2].count(0) * 2 > zeros else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, whole)
    except UnicodeDecodeError:
        return "cp1252" if _decodes(head, "cp1252") else "latin-1"
    return "utf-8"


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def errors_of(encoding: str) -> str:
    """Return how to treat bytes that are wrong in this encoding: never an exception, never a lone surrogate."""
    return "as-windows" if encoding.startswith("utf-8") else "replace"


def decode(data: bytes) -> str:
    """Return a whole document as text, without a byte-order mark."""
    encoding = encoding_of(data, whole=True)
    return data.decode(encoding, errors_of(encoding)).removeprefix("\ufeff")


def text_stream(binary: BinaryIO, head: bytes) -> io.TextIOWrapper:
    """Return the rest of a stream as text, line ends untouched; `head` are its first bytes (see HEAD)."""
    encoding = encoding_of(head, whole=len(head) < HEAD)
    return io.TextIOWrapper(binary, encoding=encoding, errors=errors_of(encoding), newline="")


def looks_like_html(head: bytes) -> bool:
    """Tell whether a document is a web page: servers answer with one, under any file name, where they have no file."""
    start = head[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--", b"<table"))


def positional(number: int | float | Decimal) -> str:
    """Return the shortest text that reads back as the number, without an exponent: 1e-05 is "0.00001", 3.0 is "3".

    A number that is none (NaN, infinite) is "".
    """
    if isinstance(number, int):
        return format(Decimal(number), "f")  # str() refuses integers of more than 4,300 digits
    if not math.isfinite(number):
        return ""
    text = repr(number) if isinstance(number, float) else str(number)
    if "e" in text or "E" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0") if isinstance(number, float) else text


def without_noise(number: float) -> str:
    """Return the number as text, positional, in the 15 digits that binary keeps: 1.9609999999999999 is "1.961"."""
    text = repr(number)
    return positional(number if len(text) <= MOST_DIGITS + 1 else float(format(number, f".{MOST_DIGITS}g")))


class Decimals:
    """How many decimals a publisher states, learnt from numbers that lost their trailing zeros.

    The most decimals seen tell it, but for large and small numbers apart: the IMF's own files write 11,245.34 beside
    45.123. The smaller of the two is stated; saying 3 of 11,245.34 would make a contradiction of 11,245.336.
    """

    def __init__(self, into: dict[str, int]) -> None:
        self._into = into
        self._seen: dict[tuple[str, bool], int] = {}

    def see(self, indicator: str, text: str) -> None:
        """Take one number into account; more than 15 digits are the noise of binary arithmetic and say nothing."""
        if len(text) > MOST_DIGITS:
            return
        whole, _, fraction = text.partition(".")
        key = (indicator, len(whole.lstrip("-")) > 3)
        if len(fraction) > self._seen.get(key, -1):
            self._seen[key] = len(fraction)
            self._into[indicator] = min(n for (name, _), n in self._seen.items() if name == indicator)
