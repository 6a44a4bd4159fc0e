"""HTML and SVG that cannot be broken by what stands in them: every text that is not markup already is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"input", "meta", "link", "br", "hr"})


class Markup(str):
    """A text that is markup: it stands as it is where another would be escaped."""

    __slots__ = ()


def tag(name: str, /, *content: str | Iterable[str], **attributes: object) -> Markup:
    """Return an element. A name that Python or HTML has otherwise ends or is parted by "_": class_, aria_label.

    content: texts, markup, or lists of them. attributes: True stands without a value, None and False not at all.
    """
    inner = joined(content)
    end = "" if name in _VOID else f"{inner}</{name}>"
    return Markup(f"<{name}{_attributes(attributes)}>{end}")


def joined(content: Iterable[str | Iterable[str]]) -> Markup:
    """Return texts and markup as one piece of markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) if isinstance(part, str) else joined(part)
                          for part in content))


def _attributes(given: dict[str, object]) -> str:
    return "".join(f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
                   for name, value in given.items() if value is not None and value is not False)
