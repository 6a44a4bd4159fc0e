"""What Datasette shows otherwise, and whom it answers: loaded by __main__.py as a plugin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from datasette import hookimpl
from markupsafe import Markup

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
HERE = ("127.0.0.1", "localhost")
BARE = ("year", "_year", "id", "version")  # endings of columns whose numbers have no thousands
_REFUSED = b"This page answers only on this machine, as 127.0.0.1 or localhost.\n"


def with_marks(value: object, column: str) -> str | None:
    """Return a number with thousands marks and without binary dust, None for what is shown as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or column.lower().endswith(BARE):
        return None
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6f}".rstrip("0").rstrip(".")


@hookimpl  # type: ignore[untyped-decorator,unused-ignore]
def render_cell(value: object, column: str) -> Markup | None:
    """Show numbers as people read them; JSON and CSV have them as they are."""
    text = with_marks(value, column)
    return None if text is None else Markup('<div style="text-align: right">{}</div>').format(text)


@hookimpl  # type: ignore[untyped-decorator,unused-ignore]
def asgi_wrapper() -> Callable[[App], App]:
    """Refuse other names of this machine: a page elsewhere whose name is pointed at 127.0.0.1 could read along."""
    return only_here


def only_here(app: App) -> App:
    """Return an application that answers requests for this machine only."""
    async def checked(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and host_of(scope) not in HERE:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": _REFUSED})
            return
        await app(scope, receive, send)

    return checked


def host_of(scope: Mapping[str, Any]) -> str:
    """Return the name that a request was made to, without its port."""
    named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return str(named.rpartition(":")[0] or named).lower()
