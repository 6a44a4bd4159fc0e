"""What the web sources share: JSON read without trust, figures kept as text, the indicators that are missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense
from rules.indicators import INDICATORS, MAIN

NOTHING_CHANGED = "nothing was staged; earlier results are as they were"
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
MOST_BYTES = 1 << 24  # of one answer; the largest real ones have 4 MB. Python's objects take thirty times as much
_MOST_DECIMALS = 30  # "1e-999999" is no statement of precision


def nonsense(what: str, where: str) -> SourceNonsense:
    """Return the error for an answer that does not hold the figures; `where` is the URL."""
    return SourceNonsense(what, where=where, safe=NOTHING_CHANGED)


def load(document: RawDocument, *, parse_float: Callable[[str], str] = str) -> Any:
    """Return the JSON in the document, every number as text (default: exactly as written).

    Raises SourceNonsense for anything that is not JSON, too large or nested beyond reason.
    """
    if (size := document.size) > MOST_BYTES:
        raise nonsense(f"The answer has {size:,} bytes of JSON; no more than {MOST_BYTES:,} are read", document.url)
    body = document.body
    if not body.strip():
        raise nonsense("The answer is empty", document.url)
    try:
        content = json.loads(body, parse_float=parse_float, parse_int=str, parse_constant=str)
        if _HALF_CHARACTER.search(body):
            # Half a surrogate pair is legal JSON and no legal text: no file could be written with it.
            content = json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        start = body[:60].decode("utf-8", "replace").strip()
        raise nonsense(f"The answer is not JSON ({type(error).__name__}); it begins {start!r}", document.url) from error
    return content


def text_of(value: object) -> str:
    """Return a field's text; "" for null and for what is neither text nor a number."""
    return value if isinstance(value, str) else ""


def decimals_of(text: str) -> int:
    """Return how many decimals a number's text shows, 0 for what is no number: "1185137703650.99" shows 2."""
    try:
        exponent = Decimal(text).as_tuple().exponent
    except InvalidOperation:
        return 0
    return -exponent if isinstance(exponent, int) and -_MOST_DECIMALS <= exponent < 0 else 0


def unit_of(indicator: str) -> str:
    """Return the staged unit of figures that come in full units: "US$", "Persons", "Percent change", "" if unknown."""
    known = INDICATORS.get(indicator)
    if known is None:
        return ""
    if known.money:
        return "US$"
    return "Persons" if known.exponent else "Percent change"


def asked_for(documents: Sequence[RawDocument]) -> tuple[str, ...]:
    """Return the indicators the user asked for, as fetch wrote them into every document; () where it did not."""
    for document in documents:
        if text := document.parameters.get("indicators", ""):
            return tuple(text.split(","))
    return ()


def warn_missing(publisher: str, wanted: Sequence[str], missing: Mapping[str, str], where: str) -> list[str]:
    """Return one warning for each indicator without figures (indicator -> why).

    Raises SourceNonsense when it is the main one (NGDPD, or the first where that was not asked for): without it there
    is nothing to show, and a half answer must not look like a whole one.
    """
    main = MAIN if MAIN in wanted else wanted[0]
    if main in missing:
        raise nonsense(f"{publisher} has no {_title(main)}: {missing[main]}", where)
    return [f"{publisher} has no {_title(each)}: {why}" for each, why in missing.items()]


def _title(indicator: str) -> str:
    known = INDICATORS.get(indicator)
    return f"{known.title} ({indicator})" if known else indicator
