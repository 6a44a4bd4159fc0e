'''Where figures come from: one module a source, found by its file name.

To add a source, put NAME.py into this folder with one class named Source:

    """One line for --help: what it is and where it comes from."""

    class Source(BaseSource):
        dataset = "my-dataset"                          # whose figures they are
        default_url = "https://example.org/gdp.csv"     # "" for a source that reads files

        def fetch(self, request, http):                 # bytes in, nothing interpreted
            yield http.get(request.url or self.default_url, kind="data")

        def parse(self, documents):                     # pure: the same bytes give the same batches
            for document in documents:
                yield VintageBatch(vintage, scopes, rows)

extract.py archives every document before parse sees it, so that --from-archive parses the same bytes again; whatever
parse needs to know beside the bytes travels in RawDocument.parameters. Modules whose name begins with "_" are shared
helpers, not sources. Errors: SourceUnreachable and SourceNonsense (pipeline.errors); UsageError where an option is
missing.
'''

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import UsageError
from pipeline.storage import Place
from rules.indicators import DEFAULT
from rules.records import Quarantined, StagedRecord

if TYPE_CHECKING:
    from pipeline.http import Http

ALL = "all"  # of --indicator: every indicator that the source has
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Request:
    """What the user asked of a source; every field is an option of extract.py.

    inputs:     files, in the order given (--input, several); objects of a store only where large/ reads them.
    url:        the address to ask in place of the source's own, "" for its own; may hold a password, never print it
                (pipeline.http.redacted).
    indicators: canonical names, the main one first; ("all",) of a source whose documents tell which there are.
    vintage:    "2019-04", "" where the user named none.
    columns:    role -> column name, from --columns country=…,year=…,value=….
    unit:       "usd", "million", "billion" or "".
    dataset:    the NAME of table:NAME, "" for the file's own name.
    """

    source: str
    inputs: tuple[Place, ...] = ()
    url: str = ""
    indicators: tuple[str, ...] = ()
    vintage: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    dataset: str = ""


@dataclass
class VintageBatch:
    """The figures of one vintage out of one parse.

    rows:          staged records; consumed once, may be a generator.
    scopes:        what the batch speaks for, one an indicator.
    decimal_mark:  "." or ","; a comma only where the whole document was recognised as written so.
    decimals:      indicator -> decimals stated by the publisher in the unit as given, for channels that drop trailing
                   zeros (JSON numbers, workbooks); empty where every cell shows its own.
    rows_read:     cells of the document that hold or could hold a figure, counted while rows is consumed
                   (= yielded + set aside + quarantined).
    set_aside:     reason -> cells the source left out ("not asked for", "aggregate", "no value").
    quarantined:   what it could not read.
    warnings:      sentences for the person ("the World row contradicts the sum …").
    """

    vintage: Vintage
    scopes: Sequence[Scope]
    rows: Iterable[StagedRecord]
    decimal_mark: str = "."
    decimals: Mapping[str, int] = field(default_factory=dict)
    rows_read: int = 0
    set_aside: Counter[str] = field(default_factory=Counter)
    quarantined: list[Quarantined] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class BaseSource(ABC):
    """What every source is; see the folder's docstring for how to add one.

    dataset:        whose figures they are.
    default_url:    the address asked without --url; "" for a source that reads local files.
    takes:          which of "input" and "url" it has a use for; the other is refused, not ignored.
    needs_input:    True when --input (or --url, for web_or_file) must be given.
    own_years:      True when each cell carries its own year (the picture then keeps them).
    every:          what --indicator all asks of it; ALL itself where only its documents tell.
    """

    dataset: ClassVar[str]
    default_url: ClassVar[str] = ""
    takes: ClassVar[frozenset[str]] = frozenset({"input", "url"})
    needs_input: ClassVar[bool] = False
    own_years: ClassVar[bool] = False
    every: ClassVar[tuple[str, ...]] = DEFAULT

    @abstractmethod
    def fetch(self, request: Request, http: Http) -> Iterator[RawDocument]:
        """Yield the documents that hold the figures, uninterpreted. Raises SourceError or UsageError."""

    @abstractmethod
    def parse(self, documents: Sequence[RawDocument]) -> Iterator[VintageBatch]:
        """Yield the batches in the documents. Pure: no network, no clock. Raises SourceNonsense or UsageError."""

    def fingerprint(self, document: RawDocument) -> str:
        """Return the sha256 of what matters in the document; override where answers carry a request id or a clock."""
        if document.data is None and document.path is not None:
            with document.path.open("rb") as stream:
                digest = sha256()
                while block := stream.read(1 << 20):
                    digest.update(block)
                return digest.hexdigest()
        return sha256(document.body).hexdigest()


def available() -> dict[str, str]:
    """Return name -> one line for --help of every source in the folder, without importing any."""
    found = {}
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        with path.open(encoding="utf-8") as stream:
            first = stream.readline().strip()
        found[path.stem] = first.strip("\"'").rstrip(".") if first.startswith(("\"\"\"", "'''")) else path.stem
    return found


def names() -> list[str]:
    """Return the names of the sources in the folder, without reading any."""
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


def open_source(name: str) -> BaseSource:
    """Return the source of this name. Raises UsageError naming the closest one for an unknown name."""
    if name not in names():
        near = get_close_matches(name, names(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no source named {name!r}{hint}", safe="nothing was read or changed",
                         next_command="python extract.py --help   # lists the sources")
    source: BaseSource = importlib.import_module(f"sources.{name}").Source()
    return source
